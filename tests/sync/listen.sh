#!/bin/bash
# Push events that come in: who is believed, what they do, and what strangers cannot do.
# shellcheck source=tests/lib/sync.sh
. "${BASH_SOURCE%/*}/../lib/sync.sh"

# Of this run alone: another's may stand in its own arguments at this moment.
SECRET=0123456789abcdef-$RANDOM$RANDOM

# listens [ARGUMENT...]: follows ./repo and takes events; its address in AT.
listens() {
	need curl openssl python3
	export DEVENV_SYNC_LISTEN_SECRET=$SECRET
	follow --listen 127.0.0.1:0 "$@"
	unset DEVENV_SYNC_LISTEN_SECRET
	wait_until 20 grep -q 'listening 127' "$TRASH/loop"
	at
}
at() { AT=http://$(sed -n 's/.*listening \(127[0-9.:]*\) for push.*/\1/p' "$TRASH/loop" | tail -n 1); }

sign() { openssl dgst -sha256 -hmac "${2-$SECRET}" <<<"$1" | sed 's/.* //'; } # BODY [SECRET]
# post STATUS PATH BODY [HEADER...]: sends it with a newline, as <<< does.
post() {
	local wanted=$1 path=$2 body=$3 headers=() got
	shift 3
	for header; do headers+=(-H "$header"); done
	got=$(curl -s -o "$TRASH/out" -w '%{http_code}' -m 120 "${headers[@]}" --data-binary @- "$AT$path" <<<"$body")
	equal "the answer to $*" "$wanted" "$got"
}
# pushes WORD COMMAND...: the word is committed, the command tells of it, and it is done at once.
pushes() {
	local word=$1
	shift
	writes "$word"
	commit "$word"
	"$@"
	wait_until 20 holding "$word"
}
holding() { [[ $(cat "$(LIVE)/out/a") == "$1" ]]; }

test_a_push_of_each_forge_is_looked_at_at_once() {
	repo
	listens
	pushes github post 202 / '{"ref":"x"}' 'X-GitHub-Event: push' "X-Hub-Signature-256: sha256=$(sign '{"ref":"x"}')"
	pushes gitea post 202 /s '{"ref":"y"}' 'X-Gitea-Event: push' "X-Gitea-Signature: $(sign '{"ref":"y"}')"
	pushes gitlab post 202 / '{}' 'X-Gitlab-Event: Push Hook' "X-Gitlab-Token: $SECRET"
	pushes tags post 202 / '{}' 'X-Gitlab-Event: Tag Push Hook' "X-Gitlab-Token: $SECRET"
	pushes azure post 202 / '{"eventType":"git.push"}' "Authorization: Basic $(printf 'any:%s' "$SECRET" | base64)"
	end_loop
	equal status 0 "$LOOP_STATUS"
}

test_who_does_not_know_the_secret_is_not_heard() {
	repo
	listens
	local body='{"ref":"x"}' rounds
	rounds=$(told finished)
	writes two && commit two
	post 401 / "$body" 'X-GitHub-Event: push'
	post 401 / "$body" 'X-GitHub-Event: push' "X-Hub-Signature-256: sha256=$(sign "$body" wrong-secret-of-them)"
	post 401 / "$body" "X-Hub-Signature-256: sha256=$(sign "$body" | tr 0-9a-f 1-9a-f0)"
	post 401 / "$body." "X-Hub-Signature-256: sha256=$(sign "$body")"
	post 401 / "$body" "X-Hub-Signature-256: $(sign "$body")"
	post 401 / "$body" "X-Hub-Signature-256: sha256=" "X-Gitlab-Token: $SECRET"
	post 401 / "$body" "X-Gitea-Signature: $(sign "$body")00"
	post 401 / "$body" 'X-Gitlab-Token: '
	post 401 / "$body" "X-Gitlab-Token: ${SECRET}x"
	post 401 / "$body" "X-Gitlab-Token: ${SECRET%?}"
	post 401 / "$body" "Authorization: Basic $(printf 'any:%sx' "$SECRET" | base64)"
	post 401 / "$body" "Authorization: Basic !!!"
	post 401 / "$body" "Authorization: Bearer $SECRET"
	post 401 /s "$body"
	# A name is told to those only who may know it.
	post 401 /unknown "$body"
	post 404 /unknown "$body" "X-Gitlab-Token: $SECRET"
	post 404 /s/x "$body" "X-Gitlab-Token: $SECRET"
	equal 'a GET' 405 "$(curl -s -o /dev/null -w '%{http_code}' "$AT/")"
	# Signed, and no push.
	post 200 / "$body" 'X-GitHub-Event: ping' "X-Hub-Signature-256: sha256=$(sign "$body")"
	post 200 / "$body" 'X-Gitlab-Event: Issue Hook' "X-Gitlab-Token: $SECRET"
	equal rounds "$rounds" "$(told finished)"
	holds one
	# The secret stands nowhere.
	lacks "$TRASH/loop" "$SECRET"
	[[ $(cat /proc/[0-9]*/cmdline 2>/dev/null | tr -d '\0') != *"$SECRET"* ]] || fail 'in an argv'
	! grep -rqF "$SECRET" "$DEVENV_HOME" || fail 'in the home'
	! tr '\0' '\n' </proc/"$(pgrep -P "$LOOP" devenv-listen)"/environ | grep -qF "$SECRET" || fail 'in an environment'
	end_loop
}

test_an_event_that_is_repeated_does_nothing_twice() {
	repo
	listens
	local before rounds since
	pushes two post 202 / '{}' "X-Gitlab-Token: $SECRET"
	before=$(runs) rounds=$(told finished) since=$SECONDS
	for _ in $(seq 50); do post 202 / '{}' "X-Gitlab-Token: $SECRET"; done
	wait_until 20 looked $((rounds + 1))
	equal runs "$before" "$(runs)"
	# However many come: at most one look a second.
	local looks=$(($(told finished) - rounds))
	((looks <= SECONDS - since + 2)) || fail "$looks looks in $((SECONDS - since)) s"
	end_loop
}

test_who_is_slow_or_sends_too_much_holds_nobody_up() {
	repo
	listens
	# Seventy that open a connection, send half a head or half a body, and stay.
	cat >slow.py <<-'PY'
	import socket, sys, time
	host, port = sys.argv[1].split(":")
	held = []
	for i in range(40):
	    s = socket.create_connection((host, int(port)))
	    s.sendall([b"", b"POST / HTTP/1.1\r\nX-", b"POST / HTTP/1.1\r\nX-Gitlab-Token: x\r\nContent-Length: 99\r\n\r\n{",
	        b"\x16\x03\x01\x02\x00"][i % 4])
	    held.append(s)
	print("held", flush=True)
	time.sleep(600)
	PY
	python3 slow.py "${AT#http://}" >held &
	wait_until 20 grep -q held held
	pushes meanwhile post 202 / '{}' "X-Gitlab-Token: $SECRET"
	# Too long, said and unsaid.
	equal 'a length of 26 MiB' 413 "$(curl -s -o /dev/null -w '%{http_code}' -X POST \
		-H "X-Gitlab-Token: $SECRET" -H 'Content-Length: 27262976' -H 'Expect:' "$AT/" </dev/null)"
	head -c 27000000 /dev/zero | curl -s -o /dev/null -m 120 -T - -X POST -H 'Expect:' \
		-H "X-Gitlab-Token: $SECRET" "$AT/" && fail '27 MB were taken'
	# A head that does not end.
	head -c 100000 /dev/zero | tr '\0' a | curl -s -o /dev/null -m 120 -w '%{http_code}\n' \
		-H "X-Gitlab-Token: $SECRET" -H "$(head -c 60000 /dev/zero | tr '\0' a): b" -d x "$AT/" >answer || true
	matches answer '^(413|431|400|000)$'
	pushes afterwards post 202 / '{}' "X-Gitlab-Token: $SECRET"
	local memory
	memory=$(awk '/VmHWM/ { print $2 }' /proc/"$(pgrep -P "$LOOP" devenv-listen)"/status)
	[[ $memory -lt 40000 ]] || fail "$memory KiB"
	kill %2 2>/dev/null || true
	end_loop
}

test_a_listener_that_dies_is_started_again_and_the_loop_goes_on() {
	repo
	listens --interval 1s
	kill -9 "$(pgrep -P "$LOOP" devenv-listen)"
	wait_until 20 grep -q 'it is started again' "$TRASH/loop"
	writes two && commit two
	wait_until 20 holding two
	again() { [[ $(grep -c 'listening 127' "$TRASH/loop") == 2 ]]; }
	wait_until 30 again
	at
	pushes three post 202 / '{}' "X-Gitlab-Token: $SECRET"
	local listener
	listener=$(pgrep -P "$LOOP" devenv-listen)
	# And it goes with the loop, however that ends.
	kill -9 "$LOOP"
	wait "$LOOP" 2>/dev/null || true
	ended() { [[ ! -d /proc/$listener ]]; }
	wait_until 20 ended
}

test_nobody_listens_without_a_secret_that_cannot_be_guessed() {
	repo
	expect 1 sync "file://$PWD/repo" --name s --listen 127.0.0.1:0
	has err 'needs the secret'
	echo short >secret
	expect 1 sync "file://$PWD/repo" --name s --listen 127.0.0.1:0 --listen-secret-file secret
	has err 'at least 16'
	echo "$SECRET" >secret
	expect 1 sync "file://$PWD/repo" --name s --listen 127.0.0.1:0 --listen-secret-file secret --once
	has err '--once looks once'
	expect 1 sync "file://$PWD/repo" --name s --listen nowhere:x --listen-secret-file secret
	has err 'no address'
	listens --listen-secret-file ./secret
	expect 1 sync "file://$PWD/repo" --name t --listen "${AT#http://}" --listen-secret-file secret
	has err 'in use'
	end_loop
}

run_tests "$@"
