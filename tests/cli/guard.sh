#!/bin/bash
# What --yes does not answer: it is held, with the reason and the way to release it, and the rest is done.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

files() { # NAME...
	local name
	{
		echo 'spec:'
		echo '  resources:'
		for name; do echo "    - { type: local_file, name: $name, path: $name, content: $name }"; done
	} | manifest
}

most_of_them_go() {
	files a b c d e f
	expect 0 apply --yes
	files a b new
}

test_what_is_held_says_why_and_how_it_is_released_and_the_rest_is_done() {
	most_of_them_go
	expect 3 apply --yes
	has err 'local_file.f: held: more than half of the environment would be destroyed'
	has out 'These need your approval:
  local_file.f,
  local_file.e,
  local_file.d,
  local_file.c: --allow-delete=4
'
	there a b c d e f new
	expect 0 history 2
	matches out '^local_file.f +delete +held .*more than half'
	expect 0 apply --yes --allow-delete=4
	gone c d e f
	no_changes
}

test_an_approval_releases_exactly_that() {
	local hash
	most_of_them_go
	expect 0 plan
	hash=$(sed -n '/local_file.d/,/^$/s/.*devenv approve \([0-9a-f]*\).*/\1/p' "$TRASH/out")
	expect 0 approve "$hash"
	has err "$hash: approved; an apply whose plan shows this hash may do exactly that"
	expect 3 apply --yes
	gone d
	there c e f
	expect 1 approve 123
	has err "'123' is no approval hash"
}

test_a_saved_plan_approves_what_it_lists() {
	most_of_them_go
	expect 0 plan -o saved
	expect 0 apply saved
	gone c d e f
	there new
}

run_tests "$@"
