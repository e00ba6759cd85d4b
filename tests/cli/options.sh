#!/bin/bash
# Every option has a variable, and the help, the man page and docs/cli.md name both.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

# COMMAND, OPTION, ARGUMENT (or "flag") and VARIABLE of every row in the tables of the reference.
options() {
	"$DEVENV" __markdown | awk -F'`' '
		/^## Options of every command/ { command = "plan" }
		/^### devenv / { command = substr($0, 12) }
		/^\| `-/ { n = split($2, word, / /)
			option = word[n] ~ /^-/ ? word[n] : word[n - 1]
			variable = $(NF - 1)
			for (i = 3; i < NF; i++) if ($i ~ /^DEVENV_/) { variable = $i; break }
			print command "\t" option "\t" (word[n] ~ /^-/ ? "flag" : word[n]) "\t" variable }'
}

# What takes a wrong value by its variable tells that it was read: flags, numbers, durations, choices.
test_every_option_that_can_be_wrong_is_read_from_its_variable() {
	local command option argument variable n=0
	manifest <<<'spec: {}'
	while IFS=$'\t' read -r command option argument variable; do
		case $argument in
		flag | N | DURATION | TIME | FORMAT) ;;
		*) continue ;;
		esac
		# shellcheck disable=SC2086
		(export "$variable=nonsense" && devenv $command --help && exit "$STATUS") && status=0 || status=$?
		equal "$command: $option by $variable" 64 "$status"
		has err "$variable: "
		n=$((n + 1))
	done < <(options)
	((n > 30)) || fail "only $n options were found"
}

test_every_option_and_its_variable_stand_in_help_and_man() {
	local command option argument variable n=0
	"$DEVENV" __man | sed 's/\\//g' >page
	while IFS=$'\t' read -r command option argument variable; do
		# shellcheck disable=SC2086
		expect 0 $command --help
		tr -s ' \n' ' ' <"$TRASH/out" >help
		has help "$option"
		has help "$variable)"
		has page "$option"
		has page "Variable: $variable."
		n=$((n + 1))
	done < <(options)
	((n > 60)) || fail "only $n options were found"
}

# The rest by what they do.
test_what_variables_say_is_done_and_the_command_line_wins() {
	manifest <<-'YML'
	spec:
	  variables: { word: { default: default } }
	  resources:
	    - { type: local_file, name: a, path: a, content: "${var.word}" }
	    - { type: local_file, name: b, path: b, content: b }
	  outputs: { word: { value: "${var.word}" } }
	YML
	mkdir -p .devenv/environments below
	echo 'spec: { variables: { word: { default: staging } } }' >.devenv/environments/staging.yml
	echo 'word: file' >words.yml
	DEVENV_ENVIRONMENT=staging expect 0 config show
	has out staging
	DEVENV_VARS_FILE=words.yml expect 0 plan
	has out '"file"'
	DEVENV_VARS=word=variable expect 0 plan
	has out '"variable"'
	DEVENV_VARS=word=variable expect 0 plan --var word=line
	has out '"line"'
	DEVENV_SET=$'spec.resources[local_file.b].content=one\nspec.resources[local_file.b].mode="0600"' expect 0 plan
	has out '"one"'
	has out '"0600"'
	DEVENV_CHDIR=below expect 0 plan
	has out 'local_file.a will be created'
	DEVENV_TARGET=local_file.b expect 0 plan
	lacks out 'local_file.a'
	DEVENV_EXCLUDE=local_file.b expect 0 plan
	lacks out 'local_file.b'
	DEVENV_PLAN_OUT=saved expect 0 plan
	there saved
	DEVENV_YES=1 expect 0 apply
	there a b
	DEVENV_DETAILED_EXITCODE=1 DEVENV_REPLACE=local_file.b expect 2 plan
	has out 'local_file.b will be replaced'
	DEVENV_EXPLAIN=local_file.b expect 0 plan
	has out 'recorded   ok'
	DEVENV_PLAN_DESTROY=true expect 0 plan
	has out '2 to destroy'
	DEVENV_IMPACT=local_file.a DEVENV_GRAPH_FORMAT=dot expect 0 graph
	lacks out 'local_file.b'
	has out digraph
	DEVENV_QUIET=1 expect 0 plan
	has out 'No changes.'
	DEVENV_JSON=1 expect 0 plan
	has out '"type":"version"'
	DEVENV_JSON=1 expect 0 plan --json=false
	lacks out '"type":"version"'
	mv .devenv/config.yml other.yml
	DEVENV_FILE=other.yml expect 0 validate
	has out '2 resources'
}

test_help_fits_on_a_narrow_terminal_and_holds_examples() {
	local command columns
	for columns in 40 80 200; do
		for command in plan apply 'config show' logs; do
			TERM=xterm script -qec "stty cols $columns; $DEVENV help $command" /dev/null </dev/null >"$TRASH/out" 2>&1
			has out Examples
			# Usage and examples stand as they are, and options keep their column; text is wrapped.
			! sed -E $'s/\r//; s/\x1b\\[[0-9;]*m//g' "$TRASH/out" |
				grep -E '^[A-Z]' | awk -v limit="$columns" 'length > limit && length > 40' | grep . ||
				fail "wider than $columns"
		done
	done
}

test_the_man_page_is_rendered_without_a_complaint() {
	need man
	"$DEVENV" __man >devenv.1
	MANWIDTH=120 man --warnings -l devenv.1 >"$TRASH/out" 2>"$TRASH/err"
	same err </dev/null
	matches out '^NAME'
	has out 'devenv plan -o change.plan && devenv apply change.plan'
}

run_tests "$@"
