#!/bin/bash
# Which program runs, what of the caller's environment reaches it, and how much it does at once.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/terraform.sh
. "${BASH_SOURCE%/*}/../lib/terraform.sh"

# A program of this name in bin: the one under test, that notes by which name it was called.
named() { # terraform|tofu
	mkdir -p bin
	printf '#!/bin/bash\necho %s >>%q\nexec %q "$@"\n' "$1" "$PWD/starts" "$TERRAFORM_PROGRAM" >"bin/$1"
	chmod +x "bin/$1"
}
with_bin() { # STATUS ARGUMENT...: with nothing else on PATH
	PATH=$PWD/bin expect "$@"
}
whichever() { # INPUT: a module that names no program
	module infra <<-TF
	resource "terraform_data" "thing" { input = "$1" }
	TF
	module_manifest
	sed -i '/binary:/d' .devenv/config.yml
	: >starts
}

test_without_a_name_it_is_what_made_it_then_terraform_then_tofu() {
	whichever one
	mkdir bin
	with_bin 1 plan
	has err 'needs terraform or tofu in PATH'
	named tofu
	with_bin 0 apply --yes
	equal 'the only one there is' tofu "$(sort -u starts)"

	named terraform
	whichever two
	with_bin 0 apply --yes
	equal 'what made it' tofu "$(sort -u starts)"
	with_bin 0 destroy --yes

	whichever three
	with_bin 0 apply --yes
	equal 'what is looked for first' terraform "$(sort -u starts)"
	rm bin/terraform # another one takes over where it is gone
	whichever four
	with_bin 0 apply --yes
	equal 'what is left' tofu "$(sort -u starts)"
	with_bin 0 destroy --yes
}

test_what_the_callers_shell_says_to_the_program_does_not_count() {
	module infra <<-'TF'
	variable "region" { default = "eu" }
	resource "terraform_data" "region" { input = "${var.region} ${terraform.workspace}" }
	output "region" { value = terraform_data.region.output }
	TF
	module_manifest
	cat >>.devenv/config.yml <<-'YML'
	    - { type: local_file, name: region, path: region.txt, content: "${terraform_module.network.region}" }
	YML
	export TF_VAR_region=caller TF_CLI_ARGS=-nonsense TF_CLI_ARGS_plan=-destroy TF_WORKSPACE=caller TF_DATA_DIR=$PWD/mine
	expect 0 apply --yes
	equal 'what it sees' 'eu default' "$(cat region.txt)"
	gone mine
	no_changes --refresh=full
	expect 0 destroy --yes
}

# Each thing looks for another one that is at it, too.
test_no_more_is_done_at_once_than_is_wanted() {
	cat >meet <<-'SH'
	#!/bin/bash
	: >"at.$1"
	for ((i = 0; i < 40; i++)); do
		[[ ! -e at.$2 ]] || { echo met >>meetings && break; }
		sleep 0.05
	done
	rm "at.$1"
	echo made >>meetings
	SH
	module infra <<-TF
	resource "terraform_data" "a" {
	  provisioner "local-exec" { command = "cd $PWD && bash meet a b" }
	}
	resource "terraform_data" "b" {
	  provisioner "local-exec" { command = "cd $PWD && bash meet b a" }
	}
	TF
	module_manifest 'parallelism: 1'
	expect 0 apply --yes
	equal 'how it went' 'made made' "$(paste -sd ' ' meetings)"
}

run_terraform_tests "$@"
