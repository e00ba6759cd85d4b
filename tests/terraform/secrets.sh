#!/bin/bash
# Secrets of modules: by environment, in nothing that stays but the program's own state.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/terraform.sh
. "${BASH_SOURCE%/*}/../lib/terraform.sh"

with_password() {
	module infra <<-'TF'
	variable "password" {
	  type      = string
	  sensitive = true
	}
	resource "terraform_data" "p" { input = var.password }
	output "password" {
	  value     = terraform_data.p.output
	  sensitive = true
	}
	TF
	module_manifest 'variables: { password: "${var.password}" }'
}

# Where the secret is, but for the state of the program.
found() { grep -rlF "$1" "$DEVENV_HOME" "$TMPDIR" infra | grep -v '/terraform.tfstate' || true; }

test_a_secret_is_in_no_file_and_no_output_of_ours() {
	export TMPDIR=$PWD/tmp
	mkdir tmp
	with_password
	note_starts
	module_manifest 'variables: { password: "${var.password}" }'
	for command in 'plan' 'plan --json' 'apply --yes' 'plan --refresh=full' 'show terraform_module.network'; do
		devenv $command
		lacks out very-secret-9
		lacks err very-secret-9
	done
	has starts apply
	lacks starts very-secret-9
	equal 'files with the secret' '' "$(found very-secret-9)"
	has "$(private_folder)/terraform.tfstate" very-secret-9
	equal 'mode of the folder' 700 "$(stat -c %a "$(private_folder)")"
	equal 'scratch folders' '' "$(ls tmp)"
	rm -r infra
	manifest <<-'YML'
	spec: { resources: [] }
	YML
	expect 0 apply --yes # with the secret from the record
	gone "$(private_folder)"
}

test_the_saved_plan_is_in_no_file_while_it_waits() {
	export TMPDIR=$PWD/tmp
	mkdir tmp
	with_password
	mkfifo answer
	sed -i "s|input = var.password|&\n  provisioner \"local-exec\" { command = \"touch $PWD/now; cat $PWD/answer\" }|;
		s|{ input|{\n  input|; s|{ command|{\n    command|; s|answer\" } }|answer\"\n  }\n}|" infra/main.tf
	"$DEVENV" apply --yes >out.txt 2>&1 &
	run=$!
	wait_until 30 test -e now
	equal 'files with the secret' '' "$(found very-secret-9)"
	echo go >answer
	wait $run
	no_changes
}

test_a_sensitive_output_stays_one() {
	with_password
	cat >>.devenv/config.yml <<-'YML'
	    - { type: local_file, name: copy, path: copy.txt, content: "${terraform_module.network.password}" }
	YML
	expect 0 apply --yes
	equal copy very-secret-9 "$(cat copy.txt)"
	lacks out very-secret-9
	lacks err very-secret-9
	equal 'in the clear in state' 0 "$(grep -c very-secret-9 "$DEVENV_HOME/state.db" || true)"
}

# What the person is shown at the end of an apply, and by `devenv outputs`.
shown_outputs() { # LINE...
	local wanted
	wanted=$(printf '%s\n' "$@")
	expect 0 apply --yes
	equal 'at the end of the apply' "$wanted" "$(sed '1,/^Apply complete/d' "$TRASH/out" | sed -n 's/^  //p')"
	expect 0 outputs
	equal outputs "$wanted" "$(cat "$TRASH/out")"
	lacks out very-secret-9
}

outputs_of_module() {
	cat >>.devenv/config.yml <<-'YML'
	  outputs:
	    plain: { value: "${terraform_module.network.plain}" }
	    shows: { value: "${terraform_module.network.shows}" }
	YML
}

test_a_module_says_which_of_its_outputs_are_secrets() {
	local sensitive='sensitive = true'
	secret_module() {
		module infra <<-TF
		variable "password" {
		  type = string
		  default = "very-secret-9"
		  $sensitive
		}
		resource "terraform_data" "p" { input = var.password }
		output "plain" { value = "10.0.0.0/16" }
		output "shows" { value = "postgres://app:\${terraform_data.p.output}@here" }
		TF
	}
	# Credentials of a provider are no part of what a module makes.
	secret_module
	sed -i 's/default = .*/default = "other"/' infra/main.tf
	module_manifest 'environment: { CLOUD_TOKEN: "${var.password}" }'
	outputs_of_module
	shown_outputs 'plain = "10.0.0.0/16"' 'shows = "postgres://app:other@here"'

	# The program follows what is declared; a provider's attribute that gives it back is seen by us.
	secret_module
	module_manifest 'variables: { password: "${var.password}" }'
	outputs_of_module
	shown_outputs 'plain = "10.0.0.0/16"' 'shows = (sensitive)'
	equal 'in the clear in state' 0 "$(grep -c very-secret-9 "$DEVENV_HOME/state.db" || true)"

	# What it cannot follow may be in any of them.
	sensitive=
	secret_module
	shown_outputs 'plain = (sensitive)' 'shows = (sensitive)'
	module_manifest 'environment: { TF_VAR_password: "${var.password}" }'
	outputs_of_module
	shown_outputs 'plain = (sensitive)' 'shows = (sensitive)'
}

run_terraform_tests "$@"
