#!/bin/bash
# A forge that is real: Gitea. What is pushed there is applied at once, and what became of it stands at the commit.
# shellcheck source=tests/lib/sync.sh
. "${BASH_SOURCE%/*}/../lib/sync.sh"
# shellcheck source=tests/lib/git-servers.sh
. "${BASH_SOURCE%/*}/../lib/git-servers.sh"

SECRET=0123456789abcdef-secret

# It writes to git's own configuration, which for these tests is /dev/null: root would put a file in its place.
run_gitea() {
	env -u GIT_CONFIG_SYSTEM GIT_CONFIG_GLOBAL="$PWD/gitconfig" GITEA_I_AM_BEING_UNSAFE_RUNNING_AS_ROOT=true \
		"$GITEA_FILES/gitea" -c "$PWD/app.ini" "$@"
}

# gitea: serves ./repo, which is private, as SYNC_URL to whoever has TOKEN. Its API of it in API.
gitea() {
	local port
	need curl jq sqlite3
	[[ -n $GITEA_FILES ]] || fail 'Gitea could not be built'
	port=$(free_port)
	mkdir gitea
	cat >app.ini <<-INI
	RUN_USER = $(id -un)
	RUN_MODE = prod
	WORK_PATH = $PWD/gitea
	[server]
	PROTOCOL = http
	HTTP_ADDR = 127.0.0.1
	HTTP_PORT = $port
	ROOT_URL = http://127.0.0.1:$port/
	STATIC_ROOT_PATH = $GITEA_FILES
	DISABLE_SSH = true
	OFFLINE_MODE = true
	[database]
	DB_TYPE = sqlite3
	PATH = $PWD/gitea/gitea.db
	[security]
	INSTALL_LOCK = true
	[webhook]
	ALLOWED_HOST_LIST = loopback
	[log]
	LEVEL = Warn
	INI
	run_gitea migrate >gitea.log 2>&1 || fail "$(tail gitea.log)"
	run_gitea admin user create --username ada --password "s3cret-$port" --email ada@example.com \
		--admin --must-change-password=false >>gitea.log 2>&1 || fail "$(tail gitea.log)"
	TOKEN=$(run_gitea admin user generate-access-token --username ada --token-name t --scopes all --raw 2>>gitea.log |
		grep -xE '[0-9a-f]{40}') # among lines of its log
	run_gitea web >>gitea.log 2>&1 &
	AT=http://127.0.0.1:$port
	wait_until 60 curl -sf -o /dev/null "$AT/api/v1/version"
	API=$AT/api/v1/repos/ada/shop SYNC_URL=$AT/ada/shop.git
	api POST "$AT/api/v1/user/repos" '{"name":"shop","private":true,"default_branch":"main"}' >/dev/null
	git -C repo remote add origin "http://ada:$TOKEN@127.0.0.1:$port/ada/shop.git"
	pushed
}
api() { # METHOD URL [BODY]
	curl -sS --fail-with-body -X "$1" -H "Authorization: token $TOKEN" -H 'Content-Type: application/json' \
		${3:+--data-binary "$3"} "$2" || fail "$1 $2"
}
pushed() { git -C repo push -q origin HEAD 2>push.log || fail "$(cat push.log)"; }
holding() { [[ $(cat "$(LIVE)/out/a") == "$1" ]]; }
# What stands at the commit, newest first.
marked() { api GET "$API/commits/${1:-$(head_of)}/statuses" | jq -r "[.[] | select(.context == \"devenv/s\")][0] | $2"; }
is_marked() { [[ $(marked '' .status) == "$1" ]]; }
# hooks SECRET: the forge tells the sync of what is pushed; prints the id.
hooks() {
	jq -n --arg secret "$1" --arg url "http://$(sed -n 's/.*listening \(127[0-9.:]*\) for push.*/\1/p' "$TRASH/loop")/s" \
		'{type: "gitea", active: true, events: ["push"], config: {url: $url, content_type: "json", secret: $secret}}' >hook.json
	api POST "$API/hooks" @hook.json | jq .id
}
# What became of the deliveries of webhooks: a status of HTTP each.
delivered() {
	sqlite3 -cmd '.timeout 5000' "file:gitea/gitea.db?mode=ro" 'SELECT response_content FROM hook_task WHERE is_delivered' |
		jq -r .status
}

test_exhaustively_a_push_to_gitea_is_applied_at_once_and_marked() {
	local hook looks
	repo
	gitea
	export DEVENV_SYNC_TOKEN=$TOKEN DEVENV_SYNC_REPORT_TOKEN=$TOKEN DEVENV_SYNC_LISTEN_SECRET=$SECRET
	follow --listen 127.0.0.1:0 --report "gitea=$API" --report-link https://example.com/x
	unset "${!DEVENV_SYNC_@}"
	holds one
	wait_until 20 is_marked success
	equal 'at the commit' 'https://example.com/x ok ada' "$(marked '' '"\(.target_url) \(.description) \(.creator.login)"')"
	wait_until 20 grep -q 'listening 127' "$TRASH/loop"
	hook=$(hooks "$SECRET")
	# The interval is an hour: what happens now happens because it was told.
	writes two && commit two && pushed
	wait_until 60 holding two
	wait_until 20 is_marked success
	heard() { delivered | grep -qx "$1"; }
	wait_until 60 heard 202
	echo broken >repo/.devenv/config.yml && commit broken && pushed
	wait_until 60 is_marked failure
	holds two
	[[ $(marked '' .description) == 'invalid: '* ]] || fail "$(marked '' .description)"
	equal 'the one before' success "$(marked "$(head_of HEAD^)" .status)"
	# What waits for a person.
	writes three a b c d e && commit more && pushed
	wait_until 60 is_marked success
	writes four e && commit less && pushed
	wait_until 60 is_marked pending
	# Who signs with another secret is not heard.
	api DELETE "$API/hooks/$hook"
	hooks another-secret-of-theirs >id
	looks=$(told finished)
	writes five a b c d e && commit five && pushed
	wait_until 60 heard 401
	equal looks "$looks" "$(told finished)"
	holds three
	expect 0 sync now s
	holds five
	end_loop
	equal status 0 "$LOOP_STATUS"
	lacks "$TRASH/loop" "$TOKEN"
	! grep -rqF "$TOKEN" "$DEVENV_HOME" || fail 'the token is in the home'
}

# Who may not write there is told so; the sync itself is well.
test_exhaustively_a_token_that_may_not_mark_is_told_of() {
	repo
	gitea
	export DEVENV_SYNC_TOKEN=$TOKEN DEVENV_SYNC_REPORT_TOKEN=wrong-token
	expect 0 sync "$SYNC_URL" --name s --once --report "gitea=$API"
	holds one
	has err 'could not be told to gitea: status 401'
	equal 'at the commit' null "$(marked '' .status)"
	DEVENV_SYNC_TOKEN=wrong-token expect 1 sync "$SYNC_URL" --name s --once
	equal result unreachable "$(told result)"
}

# The plan of a pull request as a comment, read as Gitea reads it.
test_exhaustively_a_pull_request_shows_its_plan() {
	local number
	repo
	gitea
	git -C repo checkout -q -b change
	writes 'two `|</details><b>bold</b>' a b
	commit change
	pushed
	number=$(api POST "$API/pulls" '{"title":"change","head":"change","base":"main"}' | jq .number)
	expect 0 -C repo plan --offline --markdown --rev main...change
	api POST "$API/issues/$number/comments" "$(jq -Rs '{body: .}' <"$TRASH/out")" >comment
	equal comment "$(cat "$TRASH/out")" "$(api GET "$API/issues/$number/comments" | jq -r '.[0].body')"
	api POST "$AT/api/v1/markdown" "$(jq -Rs '{Text: ., Mode: "comment", Context: "ada/shop"}' <"$TRASH/out")" >html
	has html '<table>'
	has html '<details>'
	has html '<code>local_file.b</code>'
	lacks html '<b>bold</b>'
	equal 'folds' "$(grep -o '<details>' html | wc -l)" "$(grep -o '</details>' html | wc -l)"
}

GITEA_FILES= # before a test has a home of its own
[[ -z ${DEVENV_TEST_FULL:-} ]] || GITEA_FILES=$("$HARNESS_SOURCE/tests/tools/build-gitea")
run_tests "$@"
