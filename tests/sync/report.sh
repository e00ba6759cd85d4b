#!/bin/bash
# Results that go back, to a server of the test's own that notes what it is told.
# shellcheck source=tests/lib/sync.sh
. "${BASH_SOURCE%/*}/../lib/sync.sh"

# server [FAILURES]: notes each request as a line of JSON in ./told; the first FAILURES get a 503.
server() {
	need python3
	cat >server.py <<-'PY'
	import http.server, json, sys
	left = int(sys.argv[1])
	class Handler(http.server.BaseHTTPRequestHandler):
	    def do_POST(self):
	        global left
	        body = self.rfile.read(int(self.headers["Content-Length"]))
	        with open("told", "a") as out:
	            out.write(json.dumps({"path": self.path, "body": json.loads(body),
	                "authorization": self.headers["Authorization"], "private": self.headers["PRIVATE-TOKEN"]}) + "\n")
	        self.send_response(503 if left > 0 else 201)
	        left -= 1
	        self.send_header("Content-Length", "0")
	        self.end_headers()
	    def log_message(self, *args): pass
	s = http.server.HTTPServer(("127.0.0.1", 0), Handler)
	print(s.server_port, flush=True)
	s.serve_forever()
	PY
	python3 server.py "${1:-0}" >port &
	wait_until 20 test -s port
	API=http://127.0.0.1:$(cat port)
}
told_of() { jq -r "select(.path | startswith(\"$1\")) | $2" told | tail -n 1; } # PATH FILTER

test_each_forge_is_told_in_its_own_words() {
	repo
	server
	export DEVENV_SYNC_REPORT_TOKEN=s3cret-token
	once 0 --report "github=$API/github" --report "gitlab=$API/gitlab" --report "gitea=$API/gitea" \
		--report "azure=$API/azure" --report-link https://example.com/x
	local commit
	commit=$(head_of)
	equal github "/github/statuses/$commit success devenv/s https://example.com/x Bearer s3cret-token" \
		"$(told_of /github '"\(.path) \(.body.state) \(.body.context) \(.body.target_url) \(.authorization)"')"
	equal gitlab "/gitlab/statuses/$commit success devenv/s s3cret-token" \
		"$(told_of /gitlab '"\(.path) \(.body.state) \(.body.name) \(.private)"')"
	equal gitea "/gitea/statuses/$commit success token s3cret-token" \
		"$(told_of /gitea '"\(.path) \(.body.state) \(.authorization)"')"
	equal azure "/azure/commits/$commit/statuses?api-version=7.0 succeeded s" \
		"$(told_of /azure '"\(.path) \(.body.state) \(.body.context.name)"')"
	echo broken >repo/.devenv/config.yml && commit broken
	once 1 --report "github=$API/github" --report "gitlab=$API/gitlab"
	equal github failure "$(told_of /github .body.state)"
	equal gitlab failed "$(told_of /gitlab .body.state)"
	# Nothing new is nothing to tell.
	local before
	before=$(wc -l <told)
	mv repo away
	once 1 --report "github=$API/github"
	equal told "$before" "$(wc -l <told)"
}

test_hooks_hear_who_and_what_and_are_tried_again() {
	repo
	server 1
	once 0 --report "webhook=$API/hook"
	equal tries 2 "$(wc -l <told)"
	equal webhook "$(head_of) ok Ada <ada@example.com> first" \
		"$(told_of /hook '"\(.body.commit) \(.body.result) \(.body.author) \(.body.summary)"')"
	writes two && commit two
	once 0 --report "slack=$API/slack"
	matches told "\"text\": \"s: $(head_of | cut -c1-12) two \\(Ada <ada@example.com>\\): ok\""
	once 1 --report "pigeon=$API"
	has err 'pigeon'
}

run_tests "$@"
