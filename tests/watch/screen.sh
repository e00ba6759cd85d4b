#!/bin/bash
# The view on a terminal, and its keys.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/watch.sh
. "${BASH_SOURCE%/*}/../lib/watch.sh"

WIDTH=100

# start_screen ARGUMENT...: on a terminal; what is written to descriptor 9 is typed there.
start_screen() {
	local words
	words=$(printf '%q ' "$DEVENV" watch "$@")
	mkfifo "$TRASH/keyboard"
	TERM=xterm script -qec "stty cols $WIDTH rows 30; tty >$TRASH/tty; $words" "$TRASH/typescript" \
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
	wait_until 20 grep -qE '[0-9]{2}:[0-9]{2}:[0-9]{2} local_file.a updated: content' "$TRASH/watch" # what and why
	sed -i 's/content: world/content: [/' .devenv/config.yml
	wait_until 20 in_the_view 'error .*YAML'
	type_key q
	wait "$WATCH" || fail 'it did not end well'
}
# The view as it was drawn last, without what is said after it.
view() { tr -d '\r' <"$TRASH/watch" | sed 's/\x1b\[[0-9;?]*[A-Za-z]//g' | tac | sed '/^nodes /q' | tac | sed '/^keys /q'; }
in_the_view() { view | grep -qE "$1"; } # REGULAR EXPRESSION

test_what_failed_is_named_in_the_view() {
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_command, name: job, create: [sh, -c, "exit 3"] }
	YML
	start_screen
	wait_until 20 in_the_view 'error +local_command.job: .*3'
	type_key q
	wait "$WATCH"
}

# No line of the view is wider than the window, which may change its size at any time.
# The last column stays free. In characters: an ellipsis is three bytes.
fits() { ! view | grep -qE "^.{$1}"; } # WIDTH
drawn_in() { in_the_view '^keys' && fits "$1"; } # WIDTH
test_the_view_fits_any_window() {
	local width
	for width in 20 80 200; do
		rm -rf out "$DEVENV_HOME" "$TRASH/keyboard"
		one_file
		WIDTH=$width start_screen
		sed -i 's/content: hello/content: a-new-one/' .devenv/config.yml
		wait_until 20 in_the_view '[0-9]{2}:[0-9]{2}:'
		fits "$width" || fail "wider than $width: $(view)"
		: >"$TRASH/watch"
		stty -F "$(cat "$TRASH/tty")" cols 30
		wait_until 20 drawn_in 30 # drawn anew without any other reason
		((width == 20)) || matches "$TRASH/watch" $'\x1b\\[([4-9]|1[0-9])A' # its rows, and those that they were wrapped into
		type_key q
		wait "$WATCH"
	done
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

test_l_prints_the_logs_of_one_or_all_without_ending_the_watch() {
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_process, name: p, command: [sh, -c, "echo line-of-$((0))p; exec sleep 600"] }
	    - { type: local_process, name: other, command: [sh, -c, "echo line-of-$((0))other; exec sleep 600"] }
	YML
	start_screen
	type_key l
	wait_until 20 said 'logs of'
	type_key $'pq\x7f\n' # a letter is none of the keys now, and can be taken back
	wait_until 20 said 'line-of-0p'
	! said 'line-of-0other' || fail 'the logs of another are shown'
	type_key l
	type_key $'\n'
	wait_until 20 said 'line-of-0other'
	type_key l
	type_key $'other\x1b'
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
