#!/bin/bash
# What of the plan is done: targets, exclusions, replacements, with and without looking.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

# d needs c, b needs a.
four() { # CONTENT
	manifest <<-YML
	spec:
	  resources:
	    - { type: local_file, name: a, path: a, content: $1 }
	    - { type: local_file, name: b, path: b, content: $1, dependsOn: [local_file.a] }
	    - { type: local_file, name: c, path: c, content: $1 }
	    - { type: local_file, name: d, path: d, content: $1, dependsOn: [local_file.c] }
	YML
}

contents() { cat a b c d 2>/dev/null | tr '\n' ' '; }

test_a_target_takes_what_it_needs_and_deletes_nothing() {
	four one
	expect 0 apply --yes
	four two
	sed -i '/name: c/d; s/, dependsOn: \[local_file.c\]//' .devenv/config.yml
	expect 0 apply --yes --target local_file.b
	equal contents 'twotwooneone' "$(contents)"
	expect 0 apply --yes
	gone c
	expect 1 plan --target local_file.bb
	has err 'did you mean local_file.b?'
}

test_what_is_excluded_takes_its_dependents_along() {
	four one
	expect 0 apply --yes --exclude local_file.a
	gone a b
	there c d
	four two
	expect 0 apply --yes --exclude local_file.c --exclude local_file.b
	equal contents 'twooneone' "$(contents)"
}

test_what_is_to_be_replaced_is() {
	four one
	expect 0 apply --yes
	local before
	before=$(stat -c %i a)
	ln a kept # or its number might be given again
	expect 0 plan --replace local_file.a
	has out 'asked for by --replace'
	has out '1 to add, 0 to change, 1 to destroy'
	expect 0 apply --yes --replace local_file.a
	[[ $(stat -c %i a) != "$before" ]] || fail 'it is still the same file'
	no_changes
}

test_without_looking_what_is_recorded_is_taken_for_true() {
	four one
	expect 0 apply --yes
	echo drift >a
	expect 0 plan --detailed-exitcode --refresh=false
	expect 2 plan --detailed-exitcode
	has out 'changed outside devenv'
	expect 0 apply --yes --refresh=false
	equal 'what nobody looked at' drift "$(cat a)"
	four two
	expect 0 apply --yes --refresh=false
	equal contents 'twotwotwotwo' "$(contents)"
}

test_only_looking_changes_nothing_but_what_is_recorded_of_the_gone() {
	four one
	expect 0 apply --yes
	rm b
	echo drift >a
	four two
	expect 0 plan --refresh-only
	lacks out 'two'
	expect 0 apply --yes --refresh-only
	gone b
	equal drift drift "$(cat a)"
	expect 0 plan
	has out '+ local_file.b will be created'
}

test_a_plan_to_destroy_shows_what_destroy_does() {
	four one
	expect 0 apply --yes
	expect 2 plan --destroy --detailed-exitcode
	has out '0 to add, 0 to change, 4 to destroy'
	there a b c d
	expect 0 destroy --yes
	gone a b c d
	expect 0 plan --destroy --detailed-exitcode
}

run_tests "$@"
