#!/bin/bash
# Refreshing looks and records what is gone; it makes nothing, and it does not forget a drift.
. "${BASH_SOURCE%/*}/../lib/harness.sh"

two_files() {
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_file, name: a, path: a.txt, content: a }
	    - { type: local_file, name: b, path: b.txt, content: b }
	  outputs: { path: { value: "${local_file.a.path}" } }
	YML
	expect 0 apply --yes
}

test_what_is_gone_is_no_longer_recorded_and_not_made() {
	two_files
	rm a.txt
	expect 0 refresh
	gone a.txt
	there b.txt
	expect 2 plan --detailed-exitcode
	has out 'local_file.a will be created'
	lacks out 'local_file.b'
	no_rest
}

test_drift_is_shown_and_stays_drift() {
	two_files
	echo drift >b.txt
	expect 0 refresh
	lacks out 'matches the manifest'
	equal 'the file' drift "$(cat b.txt)"
	expect 2 plan --detailed-exitcode
	has out 'changed outside devenv'
	expect 0 apply --yes
	equal 'the file' b "$(cat b.txt)"
	no_changes
}

test_what_the_manifest_wants_otherwise_is_no_business_of_a_refresh() {
	local value
	for value in 1 2; do
		manifest <<-YML
		spec:
		  resources:
		    - { type: local_value, name: v, input: "$value" }
		    - { type: local_file, name: f, path: "f", content: "\${local_value.v.output}" }
		    - { type: local_command, name: c, create: ["true"], triggers: "\${local_file.f.contentHash}" }
		    - { type: local_file, name: other, path: other, content: x }
		  outputs: { v: { value: "\${local_value.v.output}" } }
		YML
		[[ $value == 2 ]] || expect 0 apply --yes
	done
	rm other
	expect 0 refresh
	lacks out 'local_value.v'
	lacks out 'local_command.c'
	lacks out 'Outputs:'
	has out 'Refresh complete: 0 added, 0 changed, 0 destroyed, 1 forgotten'
	expect 0 outputs v
	equal 'the output' 1 "$(cat "$TRASH/out")"
	expect 2 plan --detailed-exitcode
	has out 'local_value.v will be updated'
}

test_outputs_that_are_gone_are_forgotten() {
	two_files
	expect 0 outputs
	has out a.txt
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_file, name: a, path: a.txt, content: a }
	    - { type: local_file, name: b, path: b.txt, content: b2 }
	YML
	expect 0 apply --yes
	expect 0 outputs
	lacks out a.txt
}

run_tests "$@"
