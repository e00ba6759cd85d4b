#!/bin/bash
# The manifest as the program itself finds and reads it, on a real file system: what the data files of
# tests/manifest cannot show.
. "${BASH_SOURCE%/*}/../lib/harness.sh"

test_an_environment_without_its_file_names_the_nearest() {
	manifest </dev/null
	mkdir .devenv/environments
	echo '{}' >.devenv/environments/staging.yml
	expect 1 plan -e stagin
	has err 'did you mean staging?'
	expect 0 plan -e staging
}

test_a_file_named_devenv_is_passed_over() {
	echo 'FOO=bar' >.devenv
	expect 1 validate
	has err 'no manifest: neither'
	mkdir -p ../.devenv deep
	printf 'apiVersion: devenv/v1\nkind: Environment\nmetadata: { name: above }\n' >../.devenv/config.yml
	cd deep
	expect 0 config show
	has out 'name: above'
}

test_the_folder_of_another_tool_of_that_name_is_named() {
	mkdir -p .devenv/gc .devenv/profile deep
	cd deep
	expect 1 plan
	has err 'no manifest'
	has err "$TRASH/project belongs to another tool of that name, devenv.sh (cachix/devenv)"
}

test_of_var_and_var_file_the_later_wins() {
	manifest <<-'YML'
	spec:
	  variables: { word: { default: none } }
	  outputs: { word: { value: "${var.word}" } }
	  resources: [{ type: local_file, name: a, path: a, content: "${var.word}" }]
	YML
	echo 'word: file' >words.yml
	expect 0 apply --yes --var word=line --var-file words.yml
	equal content file "$(cat a)"
	expect 0 apply --yes --var-file words.yml --var word=line
	equal content line "$(cat a)"
	DEVENV_VARS=word=surroundings expect 0 apply --yes --var-file words.yml
	equal content file "$(cat a)"
	DEVENV_VARS_FILE=words.yml expect 0 apply --yes --var word=line
	equal content line "$(cat a)"
}

# The line of the manifest is the same before and after; what changed is told beside it.
test_a_change_that_comes_from_a_variable_says_where_it_is_set() {
	manifest <<-'YML'
	spec:
	  variables: { word: { default: none }, other: { default: x } }
	  resources:
	    - { type: local_file, name: a, path: a, content: "${var.word} ${var.other}" }
	YML
	echo 'other: y' >words.yml
	expect 0 apply --yes
	expect 0 plan --var word=line
	has out '# .devenv/config.yml:7:54 with --var word'
	expect 0 plan --var-file words.yml --var word=line
	has out '# .devenv/config.yml:7:54 with words.yml:1:8 (variable file), --var word'
	DEVENV_VAR_word=surroundings expect 0 plan
	has out '# .devenv/config.yml:7:54 with DEVENV_VAR_word'
	mkdir .devenv/environments
	echo 'spec: { variables: { word: { default: staged } } }' >.devenv/environments/staging.yml
	expect 0 plan -f .devenv/config.yml -f .devenv/environments/staging.yml --json
	equal from '[{"file":".devenv/environments/staging.yml","layer":"project","line":1,"column":39}]' \
		"$(jq -c 'select(.change).change.attributes[0].from' "$TRASH/out")"
	expect 0 plan --var word=none
	has out 'No changes.'
}

# A place has 16 bits for its file. (No `expect` here: it would print all of the arguments.)
test_more_values_than_places_have_room_for_are_a_mistake() {
	manifest <<-'YML'
	spec: { variables: { word: { default: none } } }
	YML
	local -a many
	mapfile -t many < <(seq -f '--var=word=%.0f' 70000)
	devenv validate "${many[@]}"
	equal status 1 "$STATUS"
	has err 'more files and values from outside than can be told apart (65535)'
	has err 'put the values of --var into a --var-file'
	mapfile -t many < <(seq -f '--set=metadata.name=n%.0f' 40000)
	devenv validate "${many[@]}"
	equal status 1 "$STATUS"
	has err 'more files and values from outside than can be told apart (65535)'
	devenv validate "${many[@]:0:20000}"
	equal status 0 "$STATUS"
}

run_tests "$@"
