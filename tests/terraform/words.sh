#!/bin/bash
# A program that says something else than what it was asked for: the words of a newer one, half of them,
# something before them. What cannot be understood is an error that says so; nothing is applied on it and
# nothing forgotten.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/terraform.sh
. "${BASH_SOURCE%/*}/../lib/terraform.sh"

# The program, with what stdin says in place of it where $* is `$1`: there, $REAL is the real one.
played() { # ARGUMENTS
	mkdir -p bin
	{
		printf '#!/bin/bash\nREAL=%q\n' "$REAL_PROGRAM"
		# shellcheck disable=SC2016
		printf '[[ $* == "%s"* ]] || exec "$REAL" "$@"\n' "$1"
		cat
	} >bin/played
	chmod +x bin/played
}

begin() {
	REAL_PROGRAM=$TERRAFORM_PROGRAM TERRAFORM_PROGRAM=$PWD/bin/played
	played nothing </dev/null
	module infra <<-'TF'
	variable "name" {}
	resource "terraform_data" "thing" { triggers_replace = var.name }
	TF
	module_manifest 'variables: { name: one }'
}

id_in_state() { jq -r '.resources[0].instances[0].attributes.id' "$(private_folder)/terraform.tfstate"; }

test_a_plan_that_is_not_understood_is_told_and_never_applied() {
	local id says wanted
	begin
	expect 0 apply --yes
	id=$(id_in_state)
	module_manifest 'variables: { name: two }' # it would be replaced, which is held
	while IFS='|' read -r wanted says; do
		played 'show -json' <<<"$says"
		expect 1 plan
		has err 'cannot read the plan of the module'
		has err "$wanted"
		devenv apply --yes --allow-data-loss terraform_module.network
		((STATUS)) || fail "it was applied, after: $says"
		equal "the thing, after: $says" "$id" "$(id_in_state)"
	done <<-'SAYS'
	invalid JSON|exit 0
	invalid JSON|"$REAL" "$@" | head -c 300
	invalid JSON|echo 'Warning: there is a newer one'; "$REAL" "$@"
	its format 2.0 is not known here|echo '{"format_version":"2.0","changes":[]}'
	it says something else than a plan|echo '[]'
	its changes are in no list|echo '{"format_version":"1.9","resource_changes":{"thing":{}}}'
	it does not say of every change what is done|"$REAL" "$@" | sed 's/"actions":\[[^]]*\]/"does":"delete"/g'
	no such plan|"$REAL" "$@" >/dev/null; echo 'Error: no such plan' >&2; exit 1
	SAYS
	played nothing </dev/null
	expect 2 plan --detailed-exitcode
	has out '! held'
}

test_a_version_that_is_not_understood_is_told() {
	begin
	played 'version -json' <<<'echo Terraform v1.11.4'
	expect 1 apply --yes
	has err 'does not say its version as JSON'
	played 'version -json' <<<'echo "{\"version\":2}"'
	expect 1 apply --yes
	has err 'does not say its version as JSON'
	played nothing </dev/null
	expect 0 apply --yes
	no_changes
}

test_a_state_that_is_not_understood_is_never_taken_for_an_empty_one() {
	local folder says wanted
	begin
	expect 0 apply --yes
	folder=$(private_folder)
	cp "$folder/terraform.tfstate" whole
	while IFS='|' read -r wanted says; do
		jq "$says" whole >"$folder/terraform.tfstate"
		cp "$folder/terraform.tfstate" strange
		expect 0 plan
		has out "$wanted"
		expect 1 destroy --yes
		has err "$wanted"
		cmp strange "$folder/terraform.tfstate" || fail "the state was changed: $says"
	done <<-'SAYS'
	its format is 5, not 4|.version = 5
	its format is 3, not 4|.version = 3
	its format is 0, not 4|del(.version)
	it is encrypted|{serial, lineage, meta: {}, encrypted_data: "AAAA", encryption_version: "v0"}
	it does not say what there is|del(.resources)
	SAYS
	cp whole "$folder/terraform.tfstate"
	expect 0 destroy --yes
	gone "$folder"
}

test_lines_that_are_no_messages_do_no_harm() {
	begin
	# shellcheck disable=SC2016
	played apply <<<'echo "{\"@message\":"; echo "[1]"; printf "{}\n\n{\"type\":7}\n"; exec "$REAL" "$@"'
	expect 0 apply --yes
	no_changes
	module_manifest 'variables: { name: two }'
	played apply <<<'echo "{\"@message\":"; exit 1'
	expect 1 apply --yes --allow-data-loss terraform_module.network
	has err 'it says nothing'
	played apply <<<'printf "{\"@message\":\"no\",\"type\":\"diagnostic\",\"diagnostic\":7}\n"; exit 1'
	expect 1 apply --yes --allow-data-loss terraform_module.network
	has err 'the module failed: no'
	played nothing </dev/null
	expect 0 apply --yes --allow-data-loss terraform_module.network
	no_changes
}

run_terraform_tests "$@"
