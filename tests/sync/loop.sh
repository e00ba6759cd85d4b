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

# So that many machines do not ask at once: each waits up to a tenth more or less.
test_intervals_are_scattered_by_a_tenth() {
	local i wait waits=()
	repo
	follow # each hour
	for i in 1 2 3 4 5; do
		expect 0 sync now s
		wait=$(($(date -d "$(told next_at)" +%s) - $(date -d "$(told checked_at)" +%s)))
		((wait >= 3238 && wait <= 3962 + 60)) || fail "$wait s" # from the end of the look
		waits+=("$wait")
	done
	[[ $(printf '%s\n' "${waits[@]}" | sort -u | wc -l) -gt 1 ]] || fail "always ${waits[0]} s"
	end_loop
}

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
# tries: how often it looked until the sum of what it said to wait ("again in 1m15s") was an hour; nothing before.
tries() {
	sed -n 's/.*: again in //p' "$TRASH/loop" | awk '{
		for (t = $0; match(t, /[0-9.]+(h|ms|m|s)/); t = substr(t, RSTART + RLENGTH)) {
			word = substr(t, RSTART, RLENGTH)
			sum += word * (word ~ /h$/ ? 3600 : word ~ /ms$/ ? 0.001 : word ~ /m$/ ? 60 : 1)
		}
		if (sum >= 3600) { print NR; exit }
	}'
}
an_hour() { [[ $(tries) ]]; }

test_a_remote_that_is_gone_for_an_hour_is_asked_less_and_less_and_found_again() {
	local before tries
	repo
	CLOCK_RATE=200 LD_PRELOAD=$HARNESS_TOOLS/clockjump.so follow --branch main
	mv repo away
	expect 1 sync now s
	before=$(runs)
	wait_until 200 an_hour
	tries=$(tries)
	# 5, 10, 20 ... 640 s, then a quarter of an hour each; within 10 %.
	((tries >= 10 && tries <= 12)) || fail "$tries looks in an hour"
	matches "$TRASH/loop" 'again in 1[3-6]m'
	holds one
	equal 'nothing was done' "$before" "$(runs)"
	mv away repo
	writes two && commit two
	wait_until 60 equal_file two
	wait_until 20 is_told ok
	equal 'one run for it' $((before + 1)) "$(runs)"
	equal failures 0 "$(told failures)"
	end_loop
}

test_a_wall_clock_that_jumps_changes_nothing() {
	local jump n
	repo
	echo 0 >jump
	CLOCK_JUMP=$PWD/jump LD_PRELOAD=$HARNESS_TOOLS/clockjump.so follow --branch main --interval 200ms
	n=$(runs)
	for jump in 31536000 -31536000 86400 -5 0; do
		echo "$jump" >jump
		writes "at $jump"
		commit "at $jump"
		n=$((n + 1))
		wait_until 30 equal_file "at $jump"
		wait_until 30 recorded_of "$(head_of)"
		wait_until 30 looked $(($(told finished) + 2))
		equal 'one run a commit' "$n" "$(runs)"
	done
	end_loop
}
recorded_of() { [[ $(recorded applied) == "$1" && $(recorded result) == ok ]]; }
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

test_a_neighbour_of_the_same_url_hides_no_commit() {
	repo
	git -C repo branch still
	mkdir -p "$DEVENV_HOME"
	cat >"$DEVENV_HOME/sync.yml" <<-YML
	syncs:
	  - { name: a, url: "file://$PWD/repo", branch: still, interval: 100ms }
	  - { name: s, url: "file://$PWD/repo", branch: main, interval: 100ms }
	YML
	"$DEVENV" sync </dev/null >"$TRASH/loop" 2>&1 &
	LOOP=$!
	wait_until 20 looked 2
	writes two && commit two
	wait_until 20 holding two
	expect 0 sync suspend a
	writes three && commit three
	wait_until 20 holding three
	end_loop
}
holding() { [[ $(cat "$(LIVE)/out/${2:-a}") == "$1" ]]; }

test_every_form_of_a_branch_is_seen() {
	repo
	follow --branch main --interval 50ms
	pushed() { writes "$1" && commit "$1" && wait_until 20 holding "$1"; }
	pushed loose
	git -C repo pack-refs --all
	wait_until 20 looked $(($(told finished) + 3))
	wait_until 20 is_told unchanged # and not "looking", which each look says first
	pushed loose-over-packed
	git -C repo gc -q --prune=now
	pushed after-gc
	git -C repo checkout -q --detach
	git -C repo branch -q -D main
	wait_until 20 unreachable
	git -C repo checkout -q -b main
	pushed again
	git -C repo worktree add -q ../other 2>/dev/null
	end_loop
}

helper_calls() { grep -c devenv-git calls || true; }
test_tags_that_did_not_change_start_no_helper_and_every_form_of_them_is_seen() {
	local pid
	need strace
	repo
	git -C repo tag v1.0.0
	follow --tag 'v*' --interval 50ms
	strace -f -qq -e trace=execve -o calls -p "$LOOP" &
	pid=$!
	wait_until 20 traced
	wait_until 20 looked $(($(told finished) + 5))
	equal 'helpers of five looks' 0 "$(helper_calls)"
	tagged() { writes "$1" && commit "$1" && git -C repo tag "${@:2}" && wait_until 20 holding "$1"; }
	tagged loose v1.1.0
	git -C repo pack-refs --all
	tagged over-packed v1.2.0
	tagged annotated -a -m release v1.3.0
	tagged deeper v1.4.0
	git -C repo tag -d v1.4.0 >/dev/null
	wait_until 20 holding annotated
	tagged moved -f v1.3.0
	[[ $(helper_calls) -gt 0 ]] || fail 'nothing was traced'
	kill "$pid"
	end_loop
}
traced() { grep -q "TracerPid:[[:space:]]*[1-9]" "/proc/$LOOP/status"; }
unreachable() { [[ $(told result) == unreachable ]]; }

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

# supervisor: takes what a service tells systemd, line by line into ./told.
supervisor() {
	need python3
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
}
signs() { grep -c WATCHDOG=1 told || true; }
more_signs() { [[ $(signs) -ge $1 ]]; }

test_a_supervisor_sees_when_it_is_ready_alive_and_ending() {
	repo
	supervisor
	NOTIFY_SOCKET=$PWD/socket WATCHDOG_USEC=300000 follow
	wait_until 20 grep -q WATCHDOG=1 told
	wait_until 20 grep -q READY=1 told
	wait_until 20 grep -q 'STATUS=1 of 1 syncs are well' told
	end_loop
	wait_until 20 grep -q STOPPING=1 told
}

# A sign each ten seconds of a clock that runs 500 times as fast: 180 of them are half an hour.
test_an_apply_that_takes_half_an_hour_is_alive() {
	repo
	echo "    - { type: local_command, name: c, timeout: 1000h," \
		"create: [sh, -c, 'echo >$PWD/begun; until [ -e $PWD/go ]; do sleep 0.1; done'] }" >>repo/.devenv/config.yml
	commit long
	supervisor
	NOTIFY_SOCKET=$PWD/socket WATCHDOG_USEC=30000000 CLOCK_RATE=500 LD_PRELOAD=$HARNESS_TOOLS/clockjump.so \
		"$DEVENV" sync "file://$PWD/repo" --name s --interval 1000h </dev/null >"$TRASH/loop" 2>&1 &
	LOOP=$!
	wait_until 20 test -e begun
	wait_until 20 more_signs $(($(signs) + 180))
	: >go
	wait_until 20 looked 1
	equal result ok "$(recorded result)"
	end_loop
}

test_the_unit_is_one_that_systemd_takes() {
	need systemd-analyze
	expect 0 sync install-unit
	cp "$TRASH/out" devenv-sync.service
	has devenv-sync.service KillMode=process
	has devenv-sync.service "ExecStart=$(readlink -f "$DEVENV") sync"
	systemd-analyze verify "$PWD/devenv-sync.service" 2>&1 | grep devenv-sync >said || true
	[[ ! -s said ]] || fail "$(cat said)"
	systemd-analyze security --offline=true --threshold=60 "$PWD/devenv-sync.service" >said 2>&1 ||
		fail "not hardened: $(tail -n 1 said)"
	echo 0123456789abcdef-secret >secret
	expect 0 sync install-unit --config ../sync.yml --listen 127.0.0.1:9000 --listen-secret-file secret
	has out " sync --config ${PWD%/*}/sync.yml --listen 127.0.0.1:9000 --listen-secret-file $PWD/secret"
	cp "$TRASH/out" devenv-sync.service
	systemd-analyze verify "$PWD/devenv-sync.service" 2>&1 | grep devenv-sync >said || true
	[[ ! -s said ]] || fail "$(cat said)"
	expect 1 sync install-unit --listen-secret-file 'a b'
	has err 'a unit cannot name'
}

run_tests "$@"
