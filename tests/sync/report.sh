#!/bin/bash
# Results that go back, to a server of the test's own that notes what it is told.
# shellcheck source=tests/lib/sync.sh
. "${BASH_SOURCE%/*}/../lib/sync.sh"

# server [FAILURES [STATUS]]: notes each request as a line of JSON in ./told; the first FAILURES get a 503, or STATUS.
server() {
	need python3
	cat >server.py <<-'PY'
	import http.server, json, sys
	left, status = int(sys.argv[1]), int(sys.argv[2])
	class Handler(http.server.BaseHTTPRequestHandler):
	    def do_POST(self):
	        global left
	        body = self.rfile.read(int(self.headers["Content-Length"]))
	        with open("told", "a") as out:
	            out.write(json.dumps({"path": self.path, "body": json.loads(body),
	                "authorization": self.headers["Authorization"], "private": self.headers["PRIVATE-TOKEN"]}) + "\n")
	        self.send_response(status if left > 0 else 201)
	        left -= 1
	        self.send_header("Content-Length", "0")
	        self.end_headers()
	    def log_message(self, *args): pass
	s = http.server.HTTPServer(("127.0.0.1", 0), Handler)
	print(s.server_port, flush=True)
	s.serve_forever()
	PY
	python3 server.py "${1:-0}" "${2:-503}" >port &
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
	equal azure "/azure/commits/$commit/statuses?api-version=7.0 succeeded s Basic $(printf :s3cret-token | base64)" \
		"$(told_of /azure '"\(.path) \(.body.state) \(.body.context.name) \(.authorization)"')"
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

# Azure DevOps answers a wrong token with its page to sign in, and 203; a token of OAuth is a bearer's.
test_a_page_to_sign_in_is_no_success() {
	repo
	server 1 203
	export DEVENV_SYNC_REPORT_TOKEN=eyJhbGci.eyJzdWI.c2ln
	once 0 --report "azure=$API/azure"
	equal tries 2 "$(wc -l <told)"
	equal azure "Bearer $DEVENV_SYNC_REPORT_TOKEN" "$(told_of /azure .authorization)"
}

test_hooks_hear_who_and_what_and_are_tried_again() {
	repo
	server 1
	once 0 --report "webhook=$API/hook"
	equal tries 2 "$(wc -l <told)"
	equal webhook "$(head_of) ok Ada <ada@example.com> first" \
		"$(told_of /hook '"\(.body.commit) \(.body.result) \(.body.author) \(.body.summary)"')"
	writes two && commit 'two & <!channel>'
	once 0 --report "slack=$API/slack"
	equal slack "s: $(head_of | cut -c1-12) two &amp; &lt;!channel&gt; (Ada &lt;ada@example.com&gt;): ok" \
		"$(told_of /slack .body.text)"
	once 1 --report "pigeon=$API"
	has err 'pigeon'
}

# What fails may say its password: who is told of the failure is not told that.
test_a_secret_is_in_no_report_status_or_state() {
	local secret="s3cr&t+v$RANDOM$RANDOM" form
	server
	git init -q -b main repo
	mkdir repo/.devenv
	cat >repo/.devenv/config.yml <<-'YML'
	apiVersion: devenv/v1
	kind: Environment
	metadata: { name: test }
	spec:
	  variables: { pw: { sensitive: true, default: "${PLANTED}" } }
	  resources:
	    - type: local_command
	      name: fails
	      create: [sh, -c, "echo \"wrong: $PW\" >&2; printf 'u:%s' \"$PW\" | base64 >&2; exit 3"]
	      environment: { PW: "${var.pw}" }
	YML
	commit first
	echo "PLANTED='$secret'" >planted.env
	once 1 --env-file planted.env -v --report "webhook=$API/hook" --report "slack=$API/slack" --report "github=$API/github"
	cat "$TRASH/out" "$TRASH/err" >all
	has all 'wrong: (sensitive)'
	for form in 'sync status' 'sync status --json' 'sync list' 'list --json'; do
		# shellcheck disable=SC2086
		devenv $form
		cat "$TRASH/out" "$TRASH/err" >>all
	done
	equal told failed "$(told_of /hook .body.result)"
	equal status failed "$(told result)"
	for form in "$secret" "$(printf 'u:%s' "$secret" | base64 | cut -c5-16)" "$(jq -rn --arg it "$secret" '$it | @uri')"; do
		if grep -rqaF -f <(printf '%s\n' "$form") all told "$DEVENV_HOME"; then fail "it is there, as: $form"; fi
	done
}

test_what_stays_as_it_is_is_told_once() {
	repo
	server
	writes one a b c d e
	commit five
	once 0
	writes two e
	commit less
	follow --interval 50ms --report "slack=$API/slack" --report "github=$API/github"
	wait_until 20 looked $(($(told finished) + 6))
	equal result held "$(recorded result)"
	wait_until 20 grep -qs '"path": "/github' told # the last that is told
	end_loop
	equal 'of Slack' 1 "$(grep -c '"path": "/slack"' told)"
	equal github pending "$(told_of /github .body.state)"
	equal 'of GitHub' 1 "$(grep -c '"path": "/github' told)"
	once 3 --report "slack=$API/slack"
	equal 'of Slack' 1 "$(grep -c '"path": "/slack"' told)"
	writes three e
	commit more
	once 3 --report "slack=$API/slack"
	equal 'of Slack' 2 "$(grep -c '"path": "/slack"' told)"
}

run_tests "$@"
