#!/bin/bash
# Which environment a folder is: it moves with its checkout, a copy gets its own, a lost id is found again.
. "${BASH_SOURCE%/*}/../lib/harness.sh"

project() {
	mkdir -p one
	cd one || return
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_value, name: a, input: 1 }
	    - { type: local_file, name: f, path: f.txt, content: x }
	YML
	expect 0 apply --yes
}

test_a_moved_checkout_keeps_its_environment() {
	project
	cd .. && mv one two && cd two
	no_changes
}

test_a_copy_gets_an_environment_of_its_own() {
	project
	cd .. && cp -r one two && cd two
	rm f.txt
	expect 2 plan --detailed-exitcode
	has out 'Plan: 2 to add'
	expect 0 apply --yes
	[[ $(cat .devenv/local/id) != "$(cat ../one/.devenv/local/id)" ]] || fail 'the copy has the same id'
	cd ../one
	no_changes
}

test_a_lost_id_is_found_by_its_path() {
	project
	rm -r .devenv/local
	no_changes
	[[ ! -e .devenv/local ]] || fail 'a plan wrote the id'
	expect 0 apply --yes
	there .devenv/local/id
	no_changes
}

test_the_id_is_ignored_by_git() {
	project
	git init -q . && git add -A
	equal 'files under local' '' "$(git ls-files .devenv/local)"
}

test_a_damaged_id_is_an_error() {
	project
	echo 'not an id' >.devenv/local/id
	expect 1 plan
	has err 'holds no checkout id'
}

test_environments_of_one_checkout_are_apart() {
	project
	mkdir -p .devenv/environments
	echo 'spec: { resources: [ { type: local_value, name: a, input: 2 }, { type: local_file, name: f, $delete: true } ] }' \
		>.devenv/environments/staging.yml
	expect 2 plan --detailed-exitcode -e staging
	has out 'Plan: 1 to add'
	expect 0 apply --yes -e staging
	no_changes
	no_changes -e staging
	expect 0 list
	has out staging
}

run_tests "$@"
