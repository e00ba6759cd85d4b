#!/bin/bash
# What the output goes to decides its form: a terminal, wide or narrow, dumb or not; a pipe; a locale.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

ESCAPE=$'\033'

an_environment() { # [COMMAND]
	manifest <<-YML
	spec:
	  resources:
	    - { type: local_value, name: greeting, input: "grüße" }
	    - { type: local_file, name: motd, path: motd, content: "\${local_value.greeting.output}" }
	    - { type: local_command, name: slow, create: [sh, -c, '${1:-true}'], dependsOn: [local_file.motd] }
	YML
}
# Whose command runs until a frame has shown it.
one_that_is_seen() { an_environment "until grep -aq \"[1] running\" $TRASH/out; do sleep 0.02; done"; }

# on_terminal COLUMNS ARGUMENT...: runs it on a terminal of that width; $answer is what is typed there.
on_terminal() {
	local columns=$1 words
	shift
	words=$(printf '%q ' "$DEVENV" "$@")
	STATUS=0
	# What nobody reads script waits for two seconds.
	printf '%s' "${answer:+$answer$'\n'}" >"$TRASH/typed"
	script -qec "stty cols $columns rows 24 -echo; $words" "$TRASH/typescript" \
		<"$TRASH/typed" >"$TRASH/out" 2>&1 || STATUS=$?
}

test_on_a_terminal_it_asks_and_yes_is_the_answer() {
	an_environment
	TERM=xterm answer=y on_terminal 80 apply
	equal 'exit status' 1 "$STATUS"
	has out "Only 'yes' is accepted"
	has out 'Nothing was done.'
	gone motd
	TERM=xterm answer=yes on_terminal 80 apply
	equal 'exit status' 0 "$STATUS"
	has out 'Apply complete'
	there motd
}

test_a_terminal_gets_colours_and_a_tree_that_moves() {
	one_that_is_seen
	TERM=xterm NO_COLOR='' on_terminal 80 apply --yes
	has out "${ESCAPE}[32m"
	has out "${ESCAPE}[?25l"
	has out 'local_command.slow'
}

test_without_colour_it_still_moves() {
	local how
	for how in NO_COLOR=1 DEVENV_NO_COLOR=1; do
		one_that_is_seen
		env_terminal "$how" apply --yes
		lacks out "${ESCAPE}[32m"
		lacks out "${ESCAPE}[1m"
		has out "${ESCAPE}[?25l"
		expect 0 destroy --yes
	done
	TERM=xterm on_terminal 80 plan --no-color
	lacks out "$ESCAPE"
}

env_terminal() { # NAME=VALUE ARGUMENT...
	local setting=$1
	shift
	(export "${setting?}" TERM=xterm && on_terminal 80 "$@" && exit "$STATUS")
}

test_a_dumb_terminal_gets_plain_lines() {
	an_environment
	TERM=dumb on_terminal 80 apply --yes
	lacks out "$ESCAPE"
	has out 'local_command.slow: creating...'
	matches out 'local_command.slow: created in [0-9.]+s'
}

test_a_pipe_gets_the_result_on_stdout_and_progress_on_stderr() {
	an_environment
	expect 0 apply --yes
	lacks out "$ESCAPE"
	has out 'Plan: 3 to add'
	has out 'Apply complete: 3 added'
	lacks out 'creating...'
	has err 'local_file.motd: creating...'
	lacks err 'Apply complete'
}

test_colour_can_be_forced_into_a_pipe() {
	an_environment
	CLICOLOR_FORCE=1 expect 0 plan
	has out "${ESCAPE}[32m"
	CLICOLOR_FORCE=1 NO_COLOR=1 expect 0 plan
	lacks out "$ESCAPE"
}

test_quiet_is_the_result_alone() {
	an_environment
	expect 0 apply --yes -q
	same err </dev/null
	equal 'lines' 2 "$(wc -l <"$TRASH/out")"
	has out 'Plan: 3 to add, 0 to change, 0 to destroy.'
	has out 'Apply complete'
}

test_in_the_c_locale_symbols_are_ascii() {
	an_environment
	LC_ALL=C TERM=xterm on_terminal 80 apply --yes
	sed -i 's/grüße//' "$TRASH/out"
	! LC_ALL=C grep -nP '[^\x00-\x7f]' "$TRASH/out" || fail 'not ASCII'
	LC_ALL=C TERM=xterm on_terminal 80 graph
	has out '`- '
	LC_ALL=C.UTF-8 TERM=xterm on_terminal 80 graph
	has out '└─ '
}

test_on_forty_columns_no_line_of_the_tree_is_wider() {
	local line n=0
	one_that_is_seen
	TERM=xterm LC_ALL=C.UTF-8 NO_COLOR=1 on_terminal 40 apply --yes
	# A frame begins by going up and clearing; what it draws may not wrap.
	while IFS= read -r line; do
		line=${line//$'\r'/}
		((${#line} <= 40)) || fail "wider than 40: $line"
		n=$((n + 1))
	done < <(grep -aE '^.{0,4}[⣾⣽⣻⢿⡿⣟⣯⣷] |[0-9] of [0-9]+ done' "$TRASH/out" | sed -E "s/${ESCAPE}\[[?0-9;]*[A-Za-z]//g")
	((n > 1)) || fail 'no tree was drawn'
}

test_what_is_to_be_copied_is_never_cut() {
	mkdir -p a/rather/long/path/to/the/folder/of/this/project
	cd a/rather/long/path/to/the/folder/of/this/project
	an_environment
	expect 0 apply --yes
	TERM=xterm on_terminal 40 list
	has out "$PWD"
	TERM=xterm on_terminal 40 history
	has out '3 added, 0 changed, 0 destroyed'
}

test_a_result_that_cannot_be_written_is_a_failure() {
	an_environment
	STATUS=0
	"$DEVENV" plan >/dev/full 2>"$TRASH/err" || STATUS=$?
	equal 'exit status' 1 "$STATUS"
	has err 'the result could not be written'
}

run_tests "$@"
