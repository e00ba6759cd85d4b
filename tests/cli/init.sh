#!/bin/bash
# The first minute: no manifest, `devenv init`, and everything that the new one offers works.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

test_what_init_writes_can_be_applied() {
	expect 1 plan
	has err '`devenv init` writes one'
	expect 0 init
	has err 'Next: devenv plan'
	expect 0 apply --yes
	expect 0 outputs greeting
	same out <<<'hello, world'
	expect 0 apply --yes --var greeting=hi
	expect 0 outputs greeting
	same out <<<'hi, world'
}

test_all_that_its_comments_offer_is_valid() {
	expect 0 init
	sed -i -E 's/^(    )# (- type|  [a-zA-Z]+:)/\1\2/' .devenv/config.yml
	expect 0 validate
	has out '3 resources'
}

test_an_editor_finds_the_schema_that_its_first_line_names() {
	local schema
	expect 0 init
	schema=$(sed -n '1s/^# yaml-language-server: \$schema=//p' .devenv/config.yml)
	jq -e '."$schema" | test("2020-12")' ".devenv/$schema" >/dev/null || fail "no schema: $schema"
	there .devenv/local/schemas/types/local_file.json
}

test_git_takes_the_manifest_and_nothing_else() {
	git init -q .
	expect 0 init
	lacks err Warning
	expect 0 apply --yes
	equal 'what git sees' .devenv/config.yml "$(git ls-files -o --exclude-standard)"
}

test_a_gitignore_that_hides_the_manifest_is_named() {
	printf 'build/\n.devenv*\n' >.gitignore
	expect 0 init
	has err '.gitignore says ".devenv*"'
}

test_a_gitignore_of_local_things_is_fine() {
	printf '.devenv/local/\n' >.gitignore
	expect 0 init
	lacks err Warning
}

test_a_manifest_is_never_overwritten() {
	manifest <<<'spec: {}'
	cp .devenv/config.yml before
	expect 1 init
	has err 'nothing was written'
	cmp before .devenv/config.yml
}

run_tests "$@"
