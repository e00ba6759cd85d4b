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
	expect 0 plan --exclude local_file.c --exclude local_file.d --exclude local_file.a
	has out 'No changes. This part of your environment matches the manifest.'
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
	echo 'broken: [' >.devenv/config.yml
	expect 2 plan --destroy --detailed-exitcode
	has out '0 to add, 0 to change, 4 to destroy'
	expect 0 plan --destroy -o saved.plan
	expect 0 apply saved.plan
	gone a b c d
	expect 0 plan --destroy --detailed-exitcode
}

test_to_destroy_a_target_takes_its_dependents_and_nothing_else() {
	four one
	expect 0 apply --yes
	expect 2 plan --destroy --target local_file.a --detailed-exitcode
	has out '0 to add, 0 to change, 2 to destroy'
	expect 0 destroy --yes --target local_file.a
	gone a b
	there c d
	expect 1 destroy --yes --target local_file.cc
	has err 'did you mean local_file.c?'
	there c d
	sed -i '/name: c/d; s/, dependsOn: \[local_file.c\]//' .devenv/config.yml
	expect 1 apply --yes --target local_file.c
	has err 'local_file.c is no longer in the manifest'
	has err 'devenv destroy --target local_file.c'
	echo 'broken: [' >.devenv/config.yml
	expect 0 destroy --yes --target local_file.d
	gone d
	there c
}

test_to_destroy_all_but_one_keeps_what_that_needs() {
	four one
	expect 0 apply --yes
	expect 0 destroy --yes --exclude local_file.d
	gone a b
	there c d
}

test_what_is_taken_out_of_the_manifest_and_excluded_stays() {
	four one
	expect 0 apply --yes
	sed -i '/name: [cd]/d' .devenv/config.yml
	expect 0 apply --yes --exclude local_file.d
	there c d
	expect 0 apply --yes
	gone c d
}

test_a_name_will_do_where_an_address_is_expected() {
	four one
	expect 0 up --yes -d a
	there a
	gone b c d
	mkdir deploy # a folder of that name is no saved plan
	sed -i 's/name: d,/name: deploy,/' .devenv/config.yml
	expect 0 up --yes deploy
	there c d
	gone b
	expect 1 up deplyo
	has err 'deplyo is neither a saved plan nor a resource; did you mean local_file.deploy?'
	expect 0 show c
	has out 'local_file.c'
	expect 0 graph --impact c
	has out 'local_file.deploy'
	lacks out 'local_file.a'
	expect 0 graph --impact c --destroy
	equal 'from the address on' local_file.c "$(head -1 "$TRASH/out")"
	expect 0 graph --impact c --format dot
	has out '"local_file.deploy" -> "local_file.c"'
	expect 0 graph --impact c --destroy --format dot
	has out '"local_file.c" -> "local_file.deploy"'
	expect 0 taint c
	has err 'local_file.c: tainted'
	expect 0 untaint c
	expect 0 plan --replace c
	has out '-/+ local_file.c will be replaced'
	expect 1 plan --replace cc --replace x.y
	has err 'there is no resource cc to replace'
	has err 'there is no resource x.y to replace'
	expect 0 plan --allow-data-loss local_file.cc
	has err 'there is no resource local_file.cc to lose data of'
	has err 'did you mean local_file.c?'
	expect 0 plan --explain c
	has out 'local_file.c'
	expect 0 down --yes --target c
	gone c d
	there a
	expect 64 plan --destroy --refresh-only
	expect 64 plan --volumes
	has err 'give it with --destroy'
	DEVENV_VOLUMES=1 expect 0 plan
	expect 0 plan --destroy --volumes
}

run_tests "$@"
