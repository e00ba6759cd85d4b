#!/bin/bash
# When it looks: intervals, signals, requests, other syncs; and what a supervisor sees of it.
# shellcheck source=tests/lib/sync.sh
. "${BASH_SOURCE%/*}/../lib/sync.sh"

test_it_looks_at_the_interval() {
	repo
	follow --interval 200ms
	writes two && commit two
	wait_until 20 equal_file two
	end_loop
	equal status 0 "$LOOP_STATUS"
	no_rest
}
equal_file() { [[ $(cat "$(LIVE)/out/a" 2>/dev/null) == "$1" ]]; }

test_sync_now_looks_at_once_and_tells_the_outcome() {
	repo
	follow
	writes two && commit two
	expect 0 sync now s
	holds two
	has err 's: ok'
	git -C repo reset -q --hard HEAD~1
	expect 1 sync now s
	has err 'does not descend'
	end_loop
	expect 1 sync now s
	has err 'nobody follows s'
}

test_sync_now_repairs_what_drifted() {
	repo
	follow
	echo drifted >"$(LIVE)/out/a"
	expect 0 sync now s
	holds one
	end_loop
}

test_a_hangup_looks_at_once() {
	repo
	follow
	writes two && commit two
	kill -HUP "$LOOP"
	wait_until 20 equal_file two
	end_loop INT
	equal status 0 "$LOOP_STATUS"
}

test_one_loop_a_sync() {
	repo
	follow
	expect 1 sync "file://$PWD/repo" --name s
	has err 'another run holds'
	end_loop
}

test_a_remote_that_is_gone_is_tried_again() {
	repo
	follow --interval 100ms
	mv repo away
	wait_until 20 is_told unreachable
	[[ $(told failures) -ge 1 ]] || fail 'no failure was counted'
	holds one
	mv away repo
	writes two && commit two
	expect 0 sync now s
	holds two
	equal failures 0 "$(told failures)"
	end_loop
}
is_told() { [[ $(told result) == "$1" ]]; }

test_suspended_nothing_happens_until_it_is_resumed() {
	repo
	follow
	expect 0 sync suspend s --reason 'release freeze'
	writes two && commit two
	kill -HUP "$LOOP"
	wait_until 20 is_told suspended
	holds one
	expect 0 sync status s
	has out 'release freeze'
	expect 0 sync resume s
	expect 0 sync now s
	holds two
	expect 1 sync suspend nobody
	has err 'no sync is called nobody'
	end_loop
}

test_what_is_done_by_hand_suspends_it() {
	repo
	follow
	expect 0 -C "$(LIVE)" apply --yes --replace local_file.a
	has err 'devenv sync resume s'
	writes two && commit two
	kill -HUP "$LOOP"
	wait_until 20 is_told suspended
	holds one
	expect 0 sync status s
	matches out 'suspended +apply by hand, by .*@'
	expect 0 sync resume s
	expect 0 sync now s
	holds two
	end_loop
}

# file_of_two: ./one and ./two as repositories; two depends on one.
file_of_two() {
	repo && mv repo two
	repo && mv repo one
	mkdir -p "$DEVENV_HOME"
	cat >"$DEVENV_HOME/sync.yml" <<-YML
	syncs:
	  - { name: two, url: "file://$PWD/two", dependsOn: [one] }
	  - { name: one, url: "file://$PWD/one" }
	YML
}

test_several_syncs_go_in_the_order_of_their_dependencies() {
	file_of_two
	expect 0 sync --once
	matches err 'one: [0-9a-f]+ first'
	equal order 'one two' "$(sed -n 's/^\([a-z]*\): [0-9a-f]* ok$/\1/p' "$TRASH/err" | xargs)"
	there "$DEVENV_HOME/sync/two/live/out/a"
	mv one repo
	echo broken >repo/.devenv/config.yml && commit broken
	mv repo one
	mv two repo && writes two && commit two && mv repo two
	expect 1 sync --once
	has err 'two: waiting: for one'
	equal two one "$(cat "$DEVENV_HOME/sync/two/live/out/a")"
	expect 0 sync list
	matches out 'one +invalid'
}

test_mistakes_in_the_machines_file_are_told_with_their_place() {
	mkdir -p "$DEVENV_HOME"
	cat >"$DEVENV_HOME/sync.yml" <<-'YML'
	syncs:
	  - { url: "file:///x", intervall: 3s }
	  - { name: x }
	YML
	expect 1 sync --once
	has err 'did you mean "interval"'
	has err 'a sync needs a url'
	printf 'syncs:\n - {name: a, url: "file:///x", dependsOn: [b]}\n - {name: b, url: "file:///y", dependsOn: [a]}\n' \
		>"$DEVENV_HOME/sync.yml"
	expect 1 sync --once
	has err 'circle'
}

test_syncs_of_one_url_share_one_clone() {
	repo
	mkdir -p "$DEVENV_HOME"
	cat >"$DEVENV_HOME/sync.yml" <<-YML
	syncs:
	  - { name: a, url: "file://$PWD/repo" }
	  - { name: b, url: "file://$PWD/repo", branch: main }
	YML
	expect 0 sync --once
	equal clones 1 "$(find "$DEVENV_HOME/clones" -name HEAD -path '*/HEAD' -maxdepth 2 | wc -l)"
	there "$DEVENV_HOME/sync/a/live/out/a" "$DEVENV_HOME/sync/b/live/out/a"
}

test_killed_anywhere_the_next_one_finishes() {
	local i
	repo
	once 0
	for i in $(seq 12); do
		writes "word$i" a b c d e f
		seq "$i" >"repo/file$((i % 3))"
		commit "commit $i"
		"$DEVENV" sync "file://$PWD/repo" --name s --once </dev/null >/dev/null 2>&1 &
		LOOP=$!
		sleep "0.0$((i * 3 % 10))" # any window will do
		kill -9 "$LOOP" 2>/dev/null || true
		wait "$LOOP" 2>/dev/null || true
		if ((i % 3 == 0)); then
			wait_until 20 once_works
			holds "word$i" f
			equal tree '' "$(cd repo && git ls-files | while read -r f; do cmp "$f" "$(LIVE)/$f" 2>&1; done)"
		fi
	done
	no_rest
}
once_works() {
	"$DEVENV" sync "file://$PWD/repo" --name s --once </dev/null >"$TRASH/out" 2>"$TRASH/err"
}

test_a_supervisor_sees_when_it_is_ready_alive_and_ending() {
	need python3
	repo
	cat >notify.py <<-'PY'
	import socket, sys
	s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
	s.bind(sys.argv[1])
	with open(sys.argv[2], "w", buffering=1) as out:
	    while True:
	        out.write(s.recv(4096).decode() + "\n")
	PY
	python3 notify.py "$PWD/socket" "$PWD/told" &
	wait_until 20 test -S socket
	NOTIFY_SOCKET=$PWD/socket WATCHDOG_USEC=300000 follow
	wait_until 20 grep -q WATCHDOG=1 told
	grep -q READY=1 told || fail 'not ready'
	grep -q 'STATUS=1 of 1 syncs are well' told || fail 'no status'
	end_loop
	wait_until 20 grep -q STOPPING=1 told
}

test_the_unit_is_one_that_systemd_takes() {
	need systemd-analyze
	expect 0 sync install-unit
	cp "$TRASH/out" devenv-sync.service
	has devenv-sync.service KillMode=process
	has devenv-sync.service "ExecStart=$(readlink -f "$DEVENV") sync"
	systemd-analyze verify "$PWD/devenv-sync.service" 2>&1 | grep devenv-sync >said || true
	[[ ! -s said ]] || fail "$(cat said)"
}

run_tests "$@"
