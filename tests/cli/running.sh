#!/bin/bash
# What happens while a run runs: signals, failures, the lock, deadlines, who reads.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

# `first` runs until the file `go` is there; `second` comes after it.
waiting() {
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_command, name: first, create: [sh, -c, "echo run >>log; until [ -e go ]; do sleep 0.05; done"] }
	    - { type: local_file, name: second, path: second, content: x, dependsOn: [local_command.first] }
	YML
}

# Starts an apply that can be interrupted (a shell's background jobs ignore SIGINT); its pid is in $APPLY.
start() { # ARGUMENT...
	setsid bash -c 'trap - INT; exec env --default-signal=INT "$@"' bash "$DEVENV" "$@" </dev/null \
		>"$TRASH/out" 2>"$TRASH/err" &
	APPLY=$!
}

finish() { # STATUS
	STATUS=0
	{ wait "$APPLY" || STATUS=$?; } 2>/dev/null
	equal 'exit status' "$1" "$STATUS"
}

test_what_is_not_ready_in_time_is_counted_once_and_told_apart() {
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_process, name: slow, command: [sleep, "1000"], readiness: { command: [test, -e, go], failureThreshold: 1 } }
	    - { type: local_command, name: bad, create: ["false"] }
	    - { type: local_file, name: after, path: after, content: "${local_process.slow.pid}" }
	YML
	expect 1 apply --yes
	has out '2 failed (1 not ready), 1 blocked in'
	expect 0 status
	matches out '^local_process.slow +unready .* test exited with status 1'
	matches out '^local_command.bad +failed'
	matches out '^local_file.after +blocked +waits for local_process.slow \(unready\)'
	touch go
	sed -i 's/"false"/"true"/' .devenv/config.yml
	expect 0 apply --yes
	expect 0 status
	has out '3 resources: 2 ready, 1 running.'
}

interrupted() { grep -q 'interrupted: nothing new starts' "$TRASH/err"; }
test_one_interrupt_finishes_what_runs_and_starts_nothing() {
	waiting
	start apply --yes
	wait_until 10 test -e log
	kill -INT "$APPLY"
	wait_until 10 interrupted
	touch go
	finish 130
	has err 'local_command.first: created'
	gone second
	no_rest
	expect 0 apply --yes
	there second
	equal 'how often it ran' 1 "$(wc -l <log)"
}

test_two_interrupts_end_what_runs_and_the_next_run_settles_it() {
	waiting
	start apply --yes
	wait_until 10 test -e log
	kill -INT "$APPLY"
	wait_until 10 interrupted # two signals at once are one
	kill -INT "$APPLY"
	finish 130
	gone second
	equal 'its intent' 1 "$(state_query 'SELECT count(*) FROM intent')"
	touch go
	expect 0 plan
	has out 'it runs again'
	expect 0 apply --yes
	there second
	no_rest
}

test_the_second_of_two_runs_names_the_first_or_waits() {
	waiting
	start apply --yes
	wait_until 10 test -e log
	expect 1 apply --yes
	has err "pid $APPLY"
	has err 'apply'
	has err '--lock-timeout'
	local since=$SECONDS
	expect 1 apply --yes --lock-timeout 2s
	((SECONDS > since)) || fail 'it did not wait'
	"$DEVENV" apply --yes --lock-timeout 300s </dev/null >later 2>&1 &
	local later=$!
	touch go
	finish 0
	wait "$later" || fail "the one that waited failed: $(cat later)"
	equal 'how often it ran' 1 "$(wc -l <log)"
}

test_a_killed_run_leaves_no_lock() {
	waiting
	start apply --yes
	wait_until 10 test -e log
	kill -KILL "$APPLY"
	finish 137
	expect 0 history
	matches out '^1 .* running .*@[^ ]* *$' # and has no summary
	touch go
	expect 0 apply --yes # whose command was started has no part in the lock
	there second
	no_rest
}

test_the_lock_is_held_while_a_person_thinks() {
	waiting
	touch go
	mkfifo answer
	script -qec "$(printf '%q ' "$DEVENV" apply)" "$TRASH/typescript" <answer >"$TRASH/asked" 2>&1 &
	local asking=$!
	exec 9>answer
	wait_until 10 grep -q "Only 'yes' is accepted" "$TRASH/asked"
	expect 1 apply --yes
	has err '--lock-timeout'
	expect 0 plan
	echo yes >&9
	exec 9>&-
	wait "$asking" || fail 'the one that was asked failed'
	there second
}

failing() {
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_command, name: bad, create: [sh, -c, "for i in $(seq 50); do echo line $i; done; exit 7"] }
	    - { type: local_file, name: needs, path: needs, content: x, dependsOn: [local_command.bad] }
	    - { type: local_file, name: further, path: further, content: x, dependsOn: [local_file.needs] }
	    - { type: local_file, name: apart, path: apart, content: x }
	YML
}

test_a_failure_holds_back_what_depends_on_it_and_shows_its_last_lines() {
	failing
	expect 1 apply --yes
	there apart
	gone needs further
	has err 'local_command.bad: creating failed'
	has err 'line 50'
	has err 'line 31'
	lacks err 'line 30'
	has err 'local_file.needs: blocked: waits for local_command.bad, which failed'
	has err 'local_file.further: blocked'
	expect 0 status
	has out 'failed'
}

test_fail_fast_starts_nothing_after_the_first_failure() {
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_command, name: bad, create: ["false"] }
	    - { type: local_file, name: b, path: b, content: x }
	    - { type: local_file, name: c, path: c, content: x }
	YML
	expect 1 apply --yes --fail-fast --parallelism 1
	has err 'local_file.b: blocked: something failed before it (--fail-fast)'
	gone b c
	expect 1 apply --yes --parallelism 1
	there b c
}

test_what_takes_too_long_is_ended() {
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_command, name: slow, timeout: 500ms, create: [sh, -c, "echo $$ >pid; exec sleep 600"] }
	YML
	local since=$SECONDS
	expect 1 apply --yes
	((SECONDS - since < 300)) || fail 'it was not ended'
	has err 'local_command.slow: creating failed'
	[[ -s pid ]] || echo 0 >pid # it was ended before it could begin
	! grep -qszx sleep "/proc/$(cat pid)/cmdline" || fail 'it still runs'
}

test_a_rollback_undoes_what_the_run_did_and_says_before_what_it_cannot() {
	manifest <<-'YML'
	spec:
	  variables: { word: { default: secret, sensitive: true } }
	  resources:
	    - { type: local_file, name: changed, path: changed, content: old }
	    - { type: local_file, name: hidden, path: hidden, content: "${var.word}" }
	    - { type: local_file, name: moved, path: moved, content: x }
	    - { type: local_file, name: removed, path: removed, content: x }
	YML
	expect 0 apply --yes
	manifest <<-'YML'
	spec:
	  variables: { word: { default: other, sensitive: true } }
	  resources:
	    - { type: local_file, name: changed, path: changed, content: new }
	    - { type: local_file, name: hidden, path: hidden, content: "${var.word}" }
	    - { type: local_file, name: moved, path: elsewhere, content: x }
	    - { type: local_file, name: made, path: made, content: x }
	    - { type: local_command, name: bad, create: ["false"],
	        dependsOn: [local_file.changed, local_file.made, local_file.hidden, local_file.moved] }
	YML
	expect 1 apply --yes --rollback-on-failure
	matches out 'local_file.hidden: .*secret'
	matches out 'local_file.moved: .*replaced'
	matches out 'local_file.removed: .*destroyed'
	lacks out '  local_file.changed: '
	lacks out '  local_file.made: '
	equal 'what was updated' old "$(cat changed)"
	gone made
	equal 'what had a secret' other "$(cat hidden)"
	there elsewhere
	no_rest
	expect 0 history -n 1
	has out '1 failed, 2 rolled back'
}

# The output is far more than a pipe holds.
test_who_reads_no_further_ends_it_without_noise() {
	{
		printf 'spec:\n  resources:\n'
		for i in $(seq 2000); do echo "    - { type: local_value, name: v$i, input: x }"; done
	} | manifest
	local statuses
	"$DEVENV" plan 2>"$TRASH/err" </dev/null | head -1 >"$TRASH/out"
	statuses="${PIPESTATUS[*]}"
	equal statuses '141 0' "$statuses"
	equal noise '' "$(cat "$TRASH/err")"
	"$DEVENV" apply --yes 2>"$TRASH/err" </dev/null | head -1 >"$TRASH/out" || true
	no_changes # it was done all the same
}

run_tests "$@"
