#!/bin/bash
# devenv scale: a number that lasts, is shown with its origin, and is taken back.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

two_services() {
	manifest <<-'YML'
	spec:
	  services:
	    - { name: api, command: [sleep, "1000"], replicas: 1 }
	    - { name: other, command: [sleep, "1000"] }
	    - { name: once, type: job, command: ["true"] }
	YML
	expect 0 apply --yes
}
count() { state_query "SELECT count(*) FROM record WHERE address LIKE 'local_process.$1%'"; }

test_the_number_lasts_and_is_taken_back() {
	two_services
	expect 0 scale api=3 --yes
	has out '2 added'
	equal 'how many' 3 "$(count api)"
	no_changes
	expect 0 config show --origin
	matches out 'replicas: 3 .*\.devenv/local/scale\.yml:2'
	expect 0 scale api=2 --yes
	has out '1 destroyed'
	equal 'the others' 1 "$(count other)"
	no_changes
	expect 0 scale api=- --yes
	equal 'as the manifest says' 1 "$(count api)"
	gone .devenv/local/scale.yml
	no_changes
}

test_who_does_not_agree_has_the_old_number() {
	two_services
	expect 0 scale other=2 --yes
	expect 1 scale api=3 other=5
	has err 'nothing was done'
	equal 'the file' 'other: 2' "$(grep -v '^#' .devenv/local/scale.yml)"
	no_changes
}

test_what_cannot_be_scaled_is_said() {
	two_services
	expect 1 scale apo=2 --yes
	has err 'did you mean api?'
	expect 1 scale once=2 --yes
	has err 'it is a job'
	expect 1 scale api=many --yes
	has err 'a number from 0 to 1000'
	expect 1 scale api --yes
	has err 'no SERVICE=N'
	gone .devenv/local/scale.yml
	expect 0 scale api=2 --yes
	sed -i '/name: api/d' .devenv/config.yml
	expect 0 plan
	has err 'there is no service api any more'
	expect 0 scale api=- --yes
	expect 0 plan
	lacks err 'any more'
}

run_tests "$@"
