#!/bin/bash
# The view on a terminal, and its keys.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/watch.sh
. "${BASH_SOURCE%/*}/../lib/watch.sh"

# start_screen ARGUMENT...: on a terminal; what is written to descriptor 9 is typed there.
start_screen() {
	local words
	words=$(printf '%q ' "$DEVENV" watch "$@")
	mkfifo "$TRASH/keyboard"
	TERM=xterm script -qec "stty cols 100 rows 30; $words" "$TRASH/typescript" \
		<"$TRASH/keyboard" >"$TRASH/watch" 2>&1 &
	WATCH=$!
	exec 9>"$TRASH/keyboard"
	wait_until 30 said Following
}

type_key() { printf %s "$1" >&9; }

one_file() {
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_file, name: a, path: out/a, content: hello }
	YML
}

test_the_view_tells_how_things_stand_and_q_ends_it() {
	one_file
	start_screen
	wait_until 20 said 'a apply  p pause  l logs  q quit'
	sed -i 's/content: hello/content: world/' .devenv/config.yml
	wait_until 20 holds out/a world
	wait_until 20 said '.devenv/config.yml ('
	type_key q
	wait "$WATCH" || fail 'it did not end well'
}

test_p_pauses_and_goes_on() {
	one_file
	start_screen
	type_key p
	wait_until 20 said 'Paused'
	sed -i 's/content: hello/content: world/' .devenv/config.yml
	type_key p
	wait_until 20 said 'Going on.'
	wait_until 20 holds out/a world
	type_key p
	wait_until 20 said_times 2 'Paused'
	sed -i 's/content: world/content: now/' .devenv/config.yml
	type_key a # now, all the same
	wait_until 20 holds out/a now
	type_key q
	wait "$WATCH"
}

test_a_applies_what_plan_only_showed() {
	one_file
	start_screen --plan-only
	wait_until 20 said 'Nothing was done (--plan-only).'
	gone out
	type_key a
	wait_until 20 holds out/a hello
	type_key q
	wait "$WATCH"
}

test_y_approves_what_is_held() {
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_file, name: a, path: out/a, content: a }
	    - { type: local_file, name: b, path: out/b, content: b }
	    - { type: local_file, name: c, path: out/c, content: c }
	    - { type: local_file, name: d, path: out/d, content: d }
	    - { type: local_file, name: e, path: out/e, content: e }
	YML
	start_screen
	sed -i '/name: [abcd]/d' .devenv/config.yml
	wait_until 20 said 'y gives it'
	there out/a out/d
	type_key y
	wait_until 20 absent out/a
	wait_until 20 absent out/d
	there out/e
	type_key q
	wait "$WATCH"
}

test_l_prints_logs_without_ending_the_watch() {
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_process, name: p, command: [sh, -c, "echo line-of-the-log; exec sleep 600"] }
	YML
	start_screen
	type_key l
	wait_until 20 said 'line-of-the-log'
	type_key q
	wait "$WATCH"
	expect 0 destroy --yes
}

test_the_terminal_is_left_as_it_was() {
	one_file
	mkfifo "$TRASH/keyboard"
	TERM=xterm script -qec "stty -a >before; $(printf '%q' "$DEVENV") watch; stty -a >after" "$TRASH/typescript" \
		<"$TRASH/keyboard" >"$TRASH/watch" 2>&1 &
	WATCH=$!
	exec 9>"$TRASH/keyboard"
	wait_until 30 said Following
	type_key q
	wait "$WATCH"
	cmp before after || fail 'the terminal is set otherwise'
}

run_tests "$@"
