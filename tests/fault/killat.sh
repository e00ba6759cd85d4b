#!/bin/bash
# The injector itself: what it counts, when it kills, how it makes a call fail. The victim makes ten
# effects in a known order.
: "${DEVENV:?}"
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

killat() { STATUS=0; "$HARNESS_TOOLS/killat" "$@" >"$TRASH/out" 2>"$TRASH/err" || STATUS=$?; }
victim=$HARNESS_TOOLS/victim

test_it_counts_the_effects_and_nothing_else() {
	killat count --report report --trace trace -- "$victim" .
	equal status 0 "$STATUS"
	has report 'count=10'
	has report 'hit=0'
	equal 'traced calls' 10 "$(wc -l <trace)"
	matches trace '^6 name rename(at|at2)? file$'
	lacks trace 'pipe:'
}

test_a_kill_before_a_call_leaves_it_undone() {
	killat kill-before 6 --report report -- "$victim" .
	equal status 137 "$STATUS"
	there new
	gone file
	has report 'call=name rename'
}

test_a_kill_after_a_call_leaves_it_done_and_nothing_more() {
	killat kill-after 6 -- "$victim" .
	equal status 137 "$STATUS"
	there file folder
	gone new end
}

test_every_call_can_be_the_last_one() {
	local n
	for ((n = 1; n <= 10; n++)); do
		rm -rf folder new file end
		killat kill-after "$n" -- "$victim" .
		equal "status after $n" 137 "$STATUS"
	done
	there end
	rm -rf folder new file end
	killat kill-before 11 --report report -- "$victim" .
	equal 'status past the end' 0 "$STATUS"
	has report 'hit=0'
}

test_what_was_started_before_the_death_goes_on() {
	killat kill-after 7 -- "$victim" .
	equal status 137 "$STATUS"
	gone child
	: >go
	wait_until 5 test -s child
}

test_with_tree_what_was_started_dies_too() {
	killat kill-after 7 --tree -- "$victim" .
	equal status 137 "$STATUS"
	: >go
	sleep 0.6 # one that lives looks thirty times
	gone child
}

test_a_call_can_fail_once() {
	killat fail 3 ENOSPC --report report -- "$victim" .
	equal status 1 "$STATUS"
	has out 'write: ENOSPC'
	has report 'count=10'
	there end
}

test_a_class_of_calls_can_fail_from_one_on() {
	killat fail 2 EIO --class name --sticky -- "$victim" .
	has out 'rename: EIO'
	has out 'unlink: EIO'
	has out 'rmdir: EIO'
	lacks out 'mkdir'
}

test_only_calls_on_a_path_can_be_meant() {
	killat fail 1 EROFS --path end -- "$victim" .
	equal 'what failed' 'open end: EROFS' "$(cat "$TRASH/out")"
}

test_it_hands_on_the_status_of_the_program() {
	killat count -- sh -c 'exit 7'
	equal status 7 "$STATUS"
	killat count -- no-such-program
	equal status 127 "$STATUS"
}

run_tests "$@"
