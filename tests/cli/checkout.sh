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

test_what_is_there_is_not_written_again() {
	project
	echo '!schemas' >>.devenv/local/.gitignore
	stat -c '%n %i %y %z' .devenv/local .devenv/local/* .devenv/local/.gitignore >before
	expect 0 apply --yes
	stat -c '%n %i %y %z' .devenv/local .devenv/local/* .devenv/local/.gitignore | diff before -
	has .devenv/local/.gitignore schemas
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

# --- records that say nothing ---------------------------------------------------------------------

test_a_record_that_cannot_be_read_is_an_error_for_its_address_only() {
	project
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_value, name: a, input: 2 }
	    - { type: local_file, name: f, path: f.txt, content: y }
	YML
	local change
	for change in "type = 'other_thing'" "data = x'00'"; do
		cp "$DEVENV_HOME/state.db" copy.db
		sqlite3 "$DEVENV_HOME/state.db" "UPDATE record SET $change WHERE address = 'local_file.f'"
		expect 1 plan
		has err 'devenv forget local_file.f'
		expect 0 status
		case $change in
		type*) matches out 'local_file\.f +unknown .*does not know how it was recorded' ;;
		data*) matches out 'local_file\.f +unknown .*its record is damaged' ;;
		esac
		lacks out gone
		expect 1 apply --yes
		equal content x "$(cat f.txt)"
		expect 1 apply --yes
		has out 'No changes, as far as can be seen: 1 cannot be.'
		expect 0 forget local_file.f
		expect 1 plan
		has err 'exists already and is not ours'
		expect 0 import local_file.f f.txt
		expect 0 plan
		mv copy.db "$DEVENV_HOME/state.db"
	done
}

# --- checkouts that are gone ----------------------------------------------------------------------

orphan_id() { state_query 'SELECT id FROM environment WHERE forgotten_at IS NULL'; }

orphan() { # one environment with a process, whose folder was removed
	mkdir one && cd one
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_value, name: a, input: 1 }
	    - { type: local_process, name: p, command: [sleep, "1000"] }
	YML
	expect 0 apply --yes
	expect 0 show local_process.p
	pid=$(sed -n 's/^ *pid *= *//p' "$TRASH/out")
	cd .. && rm -r one
}

test_an_orphan_is_forgotten_when_that_is_confirmed() {
	orphan
	local id
	id=$(orphan_id)
	expect 0 list
	has out 'orphaned'
	has out "${id:0:12}"
	expect 1 forget --orphan "${id:0:8}"
	has err 'local_process.p'
	has err '2 recorded resources'
	has err '--yes confirms it'
	equal 'records' 2 "$(state_query 'SELECT count(*) FROM record')"
	expect 0 forget --orphan "${id:0:8}" --yes
	expect 0 list
	has err 'No environment was applied yet.'
	equal 'records' 0 "$(state_query 'SELECT count(*) FROM record')"
	kill -0 "$pid" # it stays
	expect 0 audit verify
	equal 'audit' 1 "$(state_query "SELECT count(*) FROM audit WHERE event = 'forgotten'")"
	no_rest
}

test_an_orphan_is_destroyed_from_what_is_recorded() {
	orphan
	local id
	id=$(orphan_id)
	expect 1 destroy --orphan "$id"
	kill -0 "$pid"
	expect 0 destroy --orphan "$id" --yes
	wait_until 5 eval '! kill -0 $pid 2>/dev/null'
	expect 0 list --json
	lacks out "$id"
	no_rest
}

test_what_is_no_orphan_is_not_forgotten() {
	project
	local id
	id=$(orphan_id)
	expect 1 forget --orphan "$id" --yes
	has err 'is no orphan'
	expect 1 destroy --orphan "$id" --yes
	has err 'is no orphan'
	expect 1 forget --orphan 0123456789 --yes
	has err 'there is no environment 0123456789'
	expect 1 forget --orphan x --yes
	expect 64 forget
	expect 64 forget --orphan "$id" local_value.a
	no_changes
	# without its id, and without its manifest, the folder is known by its path
	rm -r .devenv
	expect 0 list
	lacks out orphaned
	expect 1 forget --orphan "$id" --yes
	expect 0 destroy --yes
	gone f.txt
}

test_files_of_another_checkout_in_its_place_are_not_taken_for_its_own() {
	project
	local id
	id=$(orphan_id)
	cd .. && mkdir other
	cp -r one/.devenv other && rm -r other/.devenv/local
	expect 0 -C other apply --yes
	rm -r one && mv other one
	expect 0 -C one apply --yes
	expect 0 list
	has out 'orphaned'
	expect 1 destroy --orphan "$id" --yes
	has err 'is another checkout now'
	there one/f.txt
	expect 0 forget --orphan "$id" --yes
	there one/f.txt
}

run_tests "$@"
