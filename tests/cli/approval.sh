#!/bin/bash
# What a guard holds: --yes is no answer to it, an approval is one for exactly that and for once.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

# files WORD NAME...: a file of each name that holds the word.
files() {
	local word=$1 name
	shift
	{
		printf 'spec:\n  resources:\n'
		for name; do
			echo "    - { type: local_file, name: $name, path: $name, content: $word }"
		done
	} | manifest
}

# Five files, of which four are no longer wanted and one changes.
more_than_half_goes() {
	files one a b c d e
	expect 0 apply --yes
	files two e
}

# The hashes that the plan shows, by address.
hash_of() { # ADDRESS
	"$DEVENV" plan --json </dev/null | jq -r "select(.change.address == \"$1\") | .change.hold.approval"
}

test_yes_releases_nothing_that_a_guard_holds_and_the_rest_is_done() {
	more_than_half_goes
	expect 0 plan
	has out 'held: more than half of the environment would be destroyed'
	has out "devenv approve $(hash_of local_file.a)"
	expect 3 apply --yes
	there a b c d
	equal 'the rest' two "$(cat e)"
	has out '0 added, 1 changed, 0 destroyed, 4 held'
	has out 'local_file.a: --allow-delete=4'
	expect 3 apply --yes
	no_rest
}

test_what_is_held_is_an_event_with_its_reason_and_hash() {
	more_than_half_goes
	expect 3 apply --yes --json
	equal held 4 "$(jq -s 'map(select(.change.hold.reason == "mass-delete" and
		(.change.hold.approval | test("^[0-9a-f]{16}$")))) | length' "$TRASH/out")"
	equal summary 4 "$(jq 'select(.type == "apply_summary").changes.held' "$TRASH/out")"
}

test_an_approval_releases_exactly_that_and_once() {
	more_than_half_goes
	local hash
	hash=$(hash_of local_file.a)
	expect 0 approve "$hash"
	expect 3 apply --yes
	gone a
	there b c d
	files one a b c d e
	expect 0 apply --yes
	files one e
	equal 'the same decision has the same hash' "$hash" "$(hash_of local_file.a)"
	expect 3 apply --yes
	there a b c d
}

test_a_hash_that_nothing_is_held_with_is_refused() {
	more_than_half_goes
	local hash
	hash=$(hash_of local_file.a)
	expect 1 approve 0123456789abcdef
	has err 'no change is held with the hash 0123456789abcdef, nothing was approved'
	has err 'devenv plan'
	expect 1 approve "${hash:0:15}"
	has err 'is no approval hash'
	files one a b c d e
	expect 1 approve "$hash"
	has err 'no change is held'
	files two e
	expect 0 approve "$hash"
	expect 0 approve "$hash"
	expect 3 apply --yes
	gone a
	expect 1 approve "$hash"
	there b c d
}

test_an_approval_is_for_the_thing_as_it_is() {
	more_than_half_goes
	local hash
	hash=$(hash_of local_file.a)
	expect 0 approve "$hash"
	files other a b c d e
	expect 0 apply --yes
	files two e
	[[ $(hash_of local_file.a) != "$hash" ]] || fail 'another file, and the same hash'
	expect 3 apply --yes
	there a
}

test_as_many_as_are_allowed_and_no_more() {
	more_than_half_goes
	expect 3 apply --yes --allow-delete=3
	there a b c d
	expect 0 apply --yes --allow-delete=4
	gone a b c d
	no_rest
}

test_a_saved_plan_that_lists_it_is_an_approval() {
	more_than_half_goes
	expect 0 plan -o saved.plan
	expect 0 apply saved.plan
	gone a b c d
	equal 'the rest' two "$(cat e)"
}

test_destroy_is_not_bound_by_it() {
	files one a b c d e
	expect 0 apply --yes
	expect 0 destroy --yes
	gone a b c d e
}

test_three_are_never_more_than_half() {
	files one a b c
	expect 0 apply --yes
	files one d
	expect 0 apply --yes
	gone a b c
}

test_a_manifest_that_vanished_deletes_nothing() {
	files one a b c d e
	expect 0 apply --yes
	rm .devenv/config.yml
	expect 1 apply --yes
	expect 1 apply --yes -f nowhere.yml
	there a b c d e
}

run_tests "$@"
