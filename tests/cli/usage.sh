#!/bin/bash
# What a person meets who mistypes: every mistake is named, with the nearest that there is; 64 stands
# for a wrong command line, 1 for a name that manifest and state do not have.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

an_environment() {
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_value, name: greeting, input: hello }
	    - { type: local_file, name: motd, path: motd, content: "${local_value.greeting.output}" }
	  outputs: { path: { value: "${local_file.motd.path}" } }
	YML
	expect 0 apply --yes
}

test_a_wrong_command_line_is_status_64() {
	an_environment
	expect 64 --env plan
	has err 'there is no command on the command line'
	lacks err 'Reconcile'
	expect 64
	has err 'Reconcile'
	expect 64 plan --hlep
	has err 'did you mean --help?'
	expect 64 plna
	has err 'did you mean `devenv plan`?'
	expect 64 graph --format pgn
	expect 64 apply --parallelism many
	has err '"many" is not a whole number'
	expect 64 apply --parallelism 0
	has err '--parallelism: at least 1'
	expect 64 apply --lock-timeout soon
	expect 64 history latest
	expect 64 completion tcsh
}

test_a_name_that_is_not_there_is_status_1_and_the_nearest_is_named() {
	local command
	an_environment
	for command in status show taint forget 'plan --target' 'plan --explain' 'graph --impact'; do
		# shellcheck disable=SC2086
		expect 1 $command local_file.modt
		has err 'did you mean local_file.motd?'
	done
	expect 1 outputs pth
	has err 'did you mean path?'
	expect 1 history 99
}

test_the_part_behind_the_dot_is_near_enough() {
	an_environment
	local command
	for command in status show taint forget 'plan --target' 'plan --replace' 'plan --explain' \
		'graph --impact' up; do
		# shellcheck disable=SC2086
		expect 1 $command modt
		has err 'did you mean local_file.motd?'
	done
	expect 1 stop modt
	has err 'nothing that runs is called modt'
}

test_status_takes_the_part_behind_the_dot() {
	an_environment
	expect 0 status motd
	has out 'local_file.motd'
	lacks out 'local_value.greeting'
	has out '1 resource: 1 ready.'
}

test_status_before_the_first_apply_says_so() {
	manifest <<<'spec: { resources: [{ type: local_value, name: v, input: 1 }] }'
	expect 0 status
	has out '1 resource: 1 missing.
Nothing was applied yet: `devenv apply` does it.'
	expect 0 apply --yes
	expect 0 status
	lacks out 'Nothing was applied'
	has out 'Last run: apply'
}

test_a_broken_manifest_is_no_obstacle_to_what_is_recorded_and_shown_where_nothing_is() {
	local command
	an_environment
	sed -i 's/input: hello/inptu: hello/' .devenv/config.yml
	expect 0 show local_file.motd
	expect 0 status
	matches out '^local_file.motd +ready'
	lacks out 'no longer in the manifest'
	expect 0 destroy --yes
	gone motd
	rm -rf .devenv/local "$DEVENV_HOME"
	for command in destroy 'show local_file.motd' outputs history status; do
		# shellcheck disable=SC2086
		expect 1 $command
		has err 'did you mean "input"?'
		has err '--> .devenv/config.yml:'
		lacks err 'has mistakes'
	done
}

test_a_home_that_is_a_file_is_told_with_what_to_do() {
	local command
	an_environment
	touch ../file
	for command in plan 'apply --yes' status list history; do
		# shellcheck disable=SC2086
		DEVENV_HOME=../file expect 1 $command
		has err '/file, which is no directory: move it away, or have DEVENV_HOME name another place'
	done
}

# DEVENV_JSON=1 in a profile must not put a line of JSON before a shell script.
test_what_is_a_file_of_its_own_stays_one_with_json() {
	local words
	an_environment
	for words in 'completion bash' 'completion fish' 'config schema local_file' 'config schema --list' \
		__man '__complete bash -- plan'; do
		# shellcheck disable=SC2086
		expect 0 $words
		cp "$TRASH/out" "$TRASH/plain"
		# shellcheck disable=SC2086
		DEVENV_JSON=1 expect 0 $words
		cmp "$TRASH/plain" "$TRASH/out"
	done
}

test_what_is_in_the_way_is_an_error_that_says_the_command() {
	echo mine >'my file'
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_file, name: f, forEach: [a], path: "my file", content: x }
	YML
	expect 1 plan
	has err "devenv import 'local_file.f[\"a\"]' '$PWD/my file'"
	expect 0 import 'local_file.f["a"]' "$PWD/my file"
	expect 0 apply --yes
	equal 'the file' x "$(cat 'my file')"
}

test_destroying_is_a_list_a_line_each() {
	an_environment
	expect 1 destroy
	has out '  - local_file.motd will be destroyed
  - local_value.greeting will be destroyed
'
	lacks out 'everything is destroyed'
	has err 'nothing was done: there is no terminal to ask on'
	expect 0 plan --destroy --explain local_file.motd
	has out 'everything is destroyed'
}

run_tests "$@"
