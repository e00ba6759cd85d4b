#!/bin/bash
# What a module's plan removes is held; a module behind something not yet made is planned at its turn.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/terraform.sh
. "${BASH_SOURCE%/*}/../lib/terraform.sh"

things() {
	module infra <<-'TF'
	variable "names" { type = list(string) }
	resource "terraform_data" "thing" {
	  for_each = toset(var.names)
	  input    = each.key
	}
	output "count" { value = length(terraform_data.thing) }
	TF
}

test_a_plan_that_removes_is_held_until_it_is_allowed() {
	things
	module_manifest 'variables: { names: [a, b] }'
	expect 0 apply --yes
	module_manifest 'variables: { names: [b, c] }'
	expect 2 plan --detailed-exitcode
	has out '- terraform_data.thing["a"]'
	has out '! held'
	devenv apply --yes
	((STATUS)) || fail 'nothing was held'
	equal 'things in the state' 2 "$(grep -c index_key "$(private_folder)/terraform.tfstate")"
	has "$(private_folder)/terraform.tfstate" '"index_key": "a"'
	expect 0 apply --yes --allow-data-loss terraform_module.network
	lacks "$(private_folder)/terraform.tfstate" '"index_key": "a"'
	no_changes
}

test_what_only_adds_is_not_held() {
	things
	module_manifest 'variables: { names: [a] }'
	expect 0 apply --yes
	module_manifest 'variables: { names: [a, b] }'
	expect 0 apply --yes
	no_changes
}

test_behind_something_not_yet_made_it_is_planned_at_its_turn() {
	things
	module_manifest 'variables: { names: ["${local_command.name.name}"] }'
	cat >>.devenv/config.yml <<-'YML'
	    - { type: local_command, name: name, create: [echo, '{"name":"one"}'] }
	YML
	expect 2 plan --detailed-exitcode
	lacks out 'terraform_data'
	expect 0 apply --yes
	has "$(private_folder)/terraform.tfstate" '"index_key": "one"'
	no_changes

	# The name changes in the same run: the module would have to remove a thing that no plan showed.
	sed -i 's/"name":"one"/"name":"two"/' .devenv/config.yml
	expect 2 plan --detailed-exitcode
	lacks out 'terraform_data'
	devenv apply --yes
	((STATUS)) || fail 'it was not held'
	has "$(private_folder)/terraform.tfstate" '"index_key": "one"'
	expect 2 plan --detailed-exitcode
	has out '- terraform_data.thing["one"]'
	expect 0 apply --yes --allow-data-loss terraform_module.network
	has "$(private_folder)/terraform.tfstate" '"index_key": "two"'
	no_changes
}

test_a_module_that_only_waits_for_a_new_node_is_planned_at_its_turn() {
	module infra <<-'TF'
	output "text" { value = file("FOLDER/made.txt") }
	TF
	sed -i "s|FOLDER|$PWD|" infra/main.tf
	module_manifest 'dependsOn: [local_file.made]'
	cat >>.devenv/config.yml <<-'YML'
	    - { type: local_file, name: made, path: made.txt, content: hello }
	  outputs: { text: { value: "${terraform_module.network.text}" } }
	YML
	expect 2 plan --detailed-exitcode # the file that it reads is not there yet
	expect 0 apply --yes
	equal text hello "$("$DEVENV" outputs text)"
	no_changes
}

test_a_saved_plan_of_ours_is_refused_when_the_module_would_do_something_else() {
	things
	module_manifest 'variables: { names: [a] }'
	expect 0 apply --yes
	module_manifest 'variables: { names: [a, b] }'
	expect 0 plan -o ours.plan
	sed -i 's/input    = each.key/input = upper(each.key)/' infra/main.tf
	devenv apply ours.plan --yes
	((STATUS)) || fail 'it was not refused'
	lacks "$(private_folder)/terraform.tfstate" '"index_key": "b"'
	sed -i 's/input = upper(each.key)/input    = each.key/' infra/main.tf
	expect 0 apply ours.plan
	has "$(private_folder)/terraform.tfstate" '"index_key": "b"'
}

test_the_change_as_json_has_the_details() {
	things
	module_manifest 'variables: { names: [a] }'
	expect 0 plan --json
	need jq
	jq -se '.[] | select(.type == "planned_change") | .change.details[0] |
		.action == "create" and .address == "terraform_data.thing[\"a\"]" and
		any(.attributes[]; .path == "input" and .after == "a")' <"$TRASH/out" >/dev/null ||
		fail 'no details'
}

run_terraform_tests "$@"
