#!/bin/bash
# Modules of Terraform and OpenTofu, with the real programs: made, left alone, changed, destroyed.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/terraform.sh
. "${BASH_SOURCE%/*}/../lib/terraform.sh"

network() {
	module infra <<-'TF'
	variable "region" { type = string }
	variable "zones" {
	  type    = list(string)
	  default = []
	}
	module "inner" {
	  source = "../modules/inner"
	  region = var.region
	}
	resource "terraform_data" "zone" {
	  for_each = toset(var.zones)
	  input    = each.key
	}
	output "where" { value = module.inner.where }
	TF
	module modules/inner <<-'TF'
	variable "region" { type = string }
	resource "terraform_data" "region" { input = var.region }
	output "where" { value = terraform_data.region.output }
	TF
}

with_file() { # LINE... of the module
	module_manifest "$@"
	cat >>.devenv/config.yml <<-'YML'
	    - { type: local_file, name: where, path: where.txt, content: "in ${terraform_module.network.where}" }
	YML
}

test_a_module_is_planned_made_used_left_alone_changed_and_destroyed() {
	network
	with_file 'variables: { region: eu }'
	expect 2 plan --detailed-exitcode
	has out '+ module.inner.terraform_data.region'
	has out 'input = "eu"'
	has out 'Plan: 2 to add'
	gone "$DEVENV_HOME"
	expect 0 apply --yes
	equal output 'in eu' "$(cat where.txt)"
	equal 'things in the state' 1 "$(in_state)"
	gone infra/.terraform infra/.terraform.lock.hcl infra/terraform.tfstate
	no_changes

	with_file 'variables: { region: us, zones: [a] }'
	expect 2 plan --detailed-exitcode
	has out '~ module.inner.terraform_data.region'
	has out 'input = "eu" → "us"'
	has out '+ terraform_data.zone["a"]'
	expect 0 apply --yes
	equal output 'in us' "$(cat where.txt)"
	no_changes

	expect 0 destroy --yes
	gone where.txt
	gone "$(private_folder)"
	no_rest
}

test_a_change_of_a_local_module_that_it_names_is_a_change() {
	network
	with_file 'variables: { region: eu }'
	expect 0 apply --yes
	sed -i 's/value = terraform_data.region.output/value = "the ${terraform_data.region.output}"/' modules/inner/main.tf
	expect 2 plan --detailed-exitcode
	has out '~ output where'
	expect 0 apply --yes
	equal output 'in the eu' "$(cat where.txt)"
	no_changes
}

test_it_is_destroyed_when_neither_manifest_nor_source_are_there_any_more() {
	network
	with_file 'variables: { region: eu, zones: [a, b] }'
	expect 0 apply --yes
	rm -r infra modules
	manifest <<-'YML'
	spec: { resources: [] }
	YML
	expect 2 plan --detailed-exitcode
	has out '- module.inner.terraform_data.region'
	has out '- terraform_data.zone["b"]'
	expect 0 apply --yes
	gone "$(private_folder)"
	no_changes
}

test_nothing_to_do_starts_no_program() {
	network
	note_starts
	with_file 'variables: { region: eu }'
	expect 0 apply --yes
	: >starts
	no_changes
	expect 0 apply --yes
	equal 'programs started' 0 "$(starts)"
	no_changes --refresh=full
	((0 < $(starts))) || fail "--refresh=full asked nobody"
	: >starts
	with_file 'variables: { region: eu }' 'refreshInterval: 1h'
	expect 0 apply --yes # it was never looked at: due
	: >starts
	no_changes
	equal 'programs started before it is due' 0 "$(starts)"
	touch -d '2 hours ago' "$(private_folder)/looked"
	no_changes
	((0 < $(starts))) || fail "nobody was asked although it was due"
}

# Whatever its name: no process at all.
test_nothing_to_do_starts_no_process() {
	need strace
	network
	with_file 'variables: { region: eu }'
	expect 0 apply --yes
	for command in 'plan' 'apply --yes'; do
		# shellcheck disable=SC2086
		ASAN_OPTIONS=detect_leaks=0 strace -f -e trace=execve,execveat,fork,vfork,clone,clone3 -o trace "$DEVENV" $command >out.txt 2>&1 </dev/null ||
			fail "$command fails"
		equal "programs of $command" 1 "$(grep -cE 'exec(ve|veat)\(' trace)" # itself
		equal "processes of $command" 0 "$(grep -E 'fork\(|clone3?\(' trace | grep -vc CLONE_THREAD || true)"
	done
	strace -f -e trace=execve -o trace "$DEVENV" plan --refresh=full >out.txt 2>&1 </dev/null || fail 'plan fails'
	((1 < $(grep -c 'execve(' trace))) || fail '--refresh=full asked nobody'
}

# A program that plans only when another one plans, too.
meeting() {
	mkdir -p bin
	cat >bin/meeting <<-SH
	#!/bin/bash
	if [[ \$1 == plan ]]; then
		touch "$PWD/planning.\$\$"
		for _ in {1..600}; do
			others=("$PWD"/planning.*)
			((1 < \${#others[@]})) && break
			sleep 0.05
		done
		((1 < \${#others[@]})) || { echo 'Error: nobody else plans' && exit 1; }
	fi
	exec "$TERRAFORM_PROGRAM" "\$@"
	SH
	chmod +x bin/meeting
	TERRAFORM_PROGRAM=$PWD/bin/meeting
}

test_modules_are_asked_at_once() {
	network
	meeting
	module_manifest 'variables: { region: eu }'
	echo "    - { type: terraform_module, name: other, source: ./infra, binary: bin/meeting, variables: { region: us } }" \
		>>.devenv/config.yml
	expect 0 apply --yes
	has out '2 added'
	rm planning.*
	no_changes --refresh=full
	sed -i 's/= var.region }/= "NET-${var.region}" }/' modules/inner/main.tf # what one of them says is not what the other says
	rm planning.*
	expect 2 plan --detailed-exitcode
	equal 'what each of them says' '"NET-eu" "NET-us"' "$(grep -oE '"NET-(eu|us)"' "$TRASH/out" | sort -u | paste -sd' ')"
}

test_what_the_module_does_is_the_progress() {
	need jq
	network
	with_file 'variables: { region: eu }'
	"$DEVENV" apply --yes --json >events 2>err.txt </dev/null || fail 'it fails'
	jq -se 'any(.[]; .type == "apply_progress" and (.text // .message // "" | tostring |
		test("module.inner.terraform_data.region: Creation complete"))) ' events >/dev/null || fail 'no progress'
	with_file 'variables: { region: us }'
	expect 0 apply --yes --verbose
	has err 'module.inner.terraform_data.region: Modif'
}

test_the_order_of_nodes_goes_through_outputs_and_inputs() {
	module first <<-'TF'
	output "name" { value = "x-${terraform_data.a.id}" }
	resource "terraform_data" "a" {}
	TF
	module second <<-'TF'
	variable "name" { type = string }
	resource "terraform_data" "b" { input = var.name }
	output "name" { value = terraform_data.b.output }
	TF
	manifest <<-YML
	spec:
	  resources:
	    - { type: terraform_module, name: second, source: second, binary: $TERRAFORM_PROGRAM,
	        variables: { name: "\${terraform_module.first.name}" } }
	    - { type: terraform_module, name: first, source: first, binary: $TERRAFORM_PROGRAM }
	  outputs:
	    first: { value: "\${terraform_module.first.name}" }
	    second: { value: "\${terraform_module.second.name}" }
	YML
	expect 2 plan --detailed-exitcode
	has out '(known after apply)'
	expect 0 apply --yes
	equal name "$("$DEVENV" outputs first)" "$("$DEVENV" outputs second)"
	[[ $("$DEVENV" outputs second) == x-* ]] || fail 'no name'
	no_changes
}

test_variables_of_every_kind_arrive_as_they_are() {
	module infra <<-'TF'
	variable "text" {}
	variable "number" { type = number }
	variable "list" { type = list(string) }
	variable "map" { type = map(object({ a = string, b = bool })) }
	variable "hidden" {
	  type      = map(string)
	  sensitive = true
	}
	output "all" {
	  value     = jsonencode([var.text, var.number, var.list, var.map, var.hidden])
	  sensitive = true
	}
	TF
	module_manifest 'variables:' '  text: "a $${b} %{c} \"d\""' '  number: 3' '  list: [x, "1"]' \
		'  map: { k: { a: "$${y}", b: true } }' '  hidden: { p: "${var.password} $${z}" }'
	cat >>.devenv/config.yml <<-'YML'
	  outputs: { all: { value: "${terraform_module.network.all}", sensitive: true } }
	YML
	expect 0 apply --yes
	equal variables '["a ${b} %{c} \"d\"",3,["x","1"],{"k":{"a":"${y}","b":true}},{"p":"very-secret-9 ${z}"}]' \
		"$("$DEVENV" outputs all --reveal 2>/dev/null || "$DEVENV" outputs all)"
	no_changes
}

test_files_of_variables_count_and_are_kept_for_destroying() {
	network
	echo 'region = "from-file"' >region.tfvars
	with_file 'variableFiles: [region.tfvars]'
	expect 0 apply --yes
	equal output 'in from-file' "$(cat where.txt)"
	echo 'region = "changed"' >region.tfvars
	expect 2 plan --detailed-exitcode
	has out 'input = "from-file" → "changed"'
	expect 0 apply --yes
	equal output 'in changed' "$(cat where.txt)"
	rm region.tfvars
	manifest <<-'YML'
	spec: { resources: [] }
	YML
	expect 0 apply --yes
	no_rest
}

test_a_mistake_in_the_module_is_said_with_its_place() {
	module infra <<-'TF'
	output "x" { value = var.missing }
	TF
	module_manifest
	expect 1 plan
	has err 'main.tf:1'
	has err 'undeclared input variable'
	lacks err 'whether it exists'
	expect 1 apply --yes
	lacks err 'nothing that says'
	gone "$DEVENV_HOME/environments"/*/terraform

	module infra <<-'TF'
	variable "region" { default = "eu" }
	TF
	module_manifest 'variables: { regoin: us }'
	expect 1 plan
	has err 'the module declares no variable "regoin": did you mean "region"?'
	rm infra/main.tf
	expect 1 plan
	has err './infra: there is no .tf file in it'
}

with_names() { # OUTPUT of the first, OUTPUT of the second, OUTPUT for the environment
	manifest <<-YML
	spec:
	  resources:
	    - { type: terraform_module, name: first, source: first, binary: $TERRAFORM_PROGRAM }
	    - { type: terraform_module, name: second, source: second, binary: $TERRAFORM_PROGRAM,
	        variables: { name: "\${terraform_module.first.vpc_id}" } }
	    - { type: local_file, name: one, path: one, content: "\${terraform_module.first.$1}" }
	    - { type: local_file, name: two, path: two, content: "\${terraform_module.second.$2} \${terraform_module.second.none:-}" }
	  outputs:
	    o: { value: "\${terraform_module.second.$3}" }
	YML
}

test_a_mistake_in_the_name_of_an_output_is_said_by_the_plan() {
	module first <<-'TF'
	output "vpc_id" { value = terraform_data.a.id }
	output "source" { value = "from ${terraform_data.a.id}" }
	resource "terraform_data" "a" {}
	TF
	module second <<-'TF'
	variable "name" {}
	locals { text = "output \"no\" { ${"output"} }" }
	/* output "neither" {} */
	output name { value = "of ${var.name}" }
	TF
	echo '{"output": {"in_json": {"value": "${var.name}"}}}' >second/more.tf.json

	with_names vpc_di nam in_jsno
	expect 1 plan
	has err 'terraform_module.first has no value at "vpc_di"'
	has err 'did you mean "vpc_id"?'
	has err 'terraform_module.second has no value at "nam"'
	has err 'did you mean "name"?'
	has err 'terraform_module.second has no value at "in_jsno"'
	has err 'did you mean "in_json"?'
	has err '3 errors'
	expect 1 apply --yes
	gone one

	with_names source name in_json
	expect 0 apply --yes
	[[ $(cat one) == from\ ?* && $(cat two) == of\ ?* ]] || fail "not what the modules say: $(cat one two)"
	no_changes

	with_names source nam in_json
	expect 1 plan
	has err 'did you mean "name"?'
	echo 'output nam { value = "new" }' >second/new.tf
	expect 0 apply --yes
	equal output 'new ' "$(cat two)"
}

test_a_workspace_is_that_of_the_module() {
	module infra <<-'TF'
	resource "terraform_data" "w" { input = terraform.workspace }
	output "w" { value = terraform_data.w.output }
	TF
	module_manifest 'workspace: staging'
	cat >>.devenv/config.yml <<-'YML'
	  outputs: { w: { value: "${terraform_module.network.w}" } }
	YML
	expect 0 apply --yes
	equal workspace staging "$("$DEVENV" outputs w)"
	no_changes
	expect 0 destroy --yes
	gone "$(private_folder)"
}

test_a_backend_of_the_manifest_holds_the_state() {
	network
	with_file 'variables: { region: eu }' 'backend: { type: local, config: { path: state/here.tfstate } }'
	expect 0 apply --yes
	there state/here.tfstate
	no_changes
	expect 0 destroy --yes
	equal 'things left' 0 "$(grep -c managed state/here.tfstate || true)"
}

test_an_existing_state_is_imported() {
	network
	(cd infra && "$TERRAFORM_PROGRAM" init -input=false >/dev/null &&
		"$TERRAFORM_PROGRAM" apply -input=false -auto-approve -var region=eu >/dev/null)
	id=$(grep -o '"id": "[^"]*"' infra/terraform.tfstate)
	with_file 'variables: { region: eu }'
	expect 0 import terraform_module.network infra/terraform.tfstate
	expect 2 plan --detailed-exitcode
	lacks out '+ module.inner.terraform_data.region'
	expect 0 apply --yes
	equal id "$id" "$(grep -o '"id": "[^"]*"' "$(private_folder)/terraform.tfstate")"
	equal output 'in eu' "$(cat where.txt)"
	no_changes
}

test_the_example_comes_up_changes_and_goes_without_a_trace() {
	cp -r "$HARNESS_SOURCE/examples/terraform/." .
	rm -rf .devenv/local connection.env
	mkdir "$TRASH/which"
	ln -s "$TERRAFORM_PROGRAM" "$TRASH/which/terraform"
	export PATH=$TRASH/which:$PATH
	find . | sort >"$TRASH/before"
	expect 2 plan --detailed-exitcode
	has out '+ terraform_data.subnet["a"]'
	matches out 'subnet: \(known after apply\), password: \(sensitive\)'
	expect 0 apply --yes
	matches connection.env '^DATABASE_URL=postgres://app:[A-Za-z0-9]{24}@net-eu-a/app$'
	equal subnet net-eu-a "$("$DEVENV" outputs subnet)"
	no_changes
	expect 0 apply --yes --var region=us
	has connection.env @net-us-a/
	no_changes --var region=us
	expect 0 destroy --yes --volumes
	rm -rf .devenv/local
	find . | sort | diff "$TRASH/before" - || fail 'left behind'
	no_rest
}

run_terraform_tests "$@"
