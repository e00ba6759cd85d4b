# shellcheck shell=bash
# Terraform and OpenTofu for tests, to be sourced after harness.sh. terraform is taken where it is on PATH;
# tofu is built once where it is not. Every test runs with each of them: TERRAFORM_PROGRAM is the one.

TERRAFORM_LIB=$(cd "${BASH_SOURCE[0]%/*}" && pwd)
unset TF_CLI_CONFIG_FILE TF_DATA_DIR TF_WORKSPACE TF_PLUGIN_CACHE_DIR

terraform_programs() {
	command -v terraform || true
	bash "$TERRAFORM_LIB/../tools/build-tofu" 2>/dev/null || true
}

# run_tests with every program there is; without any, one result.
run_terraform_tests() { # [PART OF A SENTENCE...]
	local program failed=0
	mapfile -t programs < <(terraform_programs)
	if ((!${#programs[@]})); then
		[[ -n ${DEVENV_TEST_AVAILABLE:-} ]] || { echo "not ok 1 - neither terraform nor tofu" && exit 1; }
		echo "ok 1 - modules # SKIP neither terraform nor tofu is there" && exit 0
	fi
	for program in "${programs[@]}"; do
		export TERRAFORM_PROGRAM=$program
		echo "# ${program##*/}"
		(run_tests "$@") || failed=1
	done
	exit $failed
}

# The module of most tests: what is in it follows its variables; stdin replaces main.tf.
module() { # FOLDER
	mkdir -p "$1"
	cat >"$1/main.tf"
}

# A manifest with one module; further arguments are lines of it.
module_manifest() { # LINE...
	manifest <<-YML
	spec:
	  variables: { password: { default: very-secret-9, sensitive: true } }
	  resources:
	    - type: terraform_module
	      name: network
	      source: ./infra
	      binary: $TERRAFORM_PROGRAM
	$(printf '      %s\n' "$@")
	YML
}

# The private folder of the only module there is, and how many things its state has.
private_folder() { echo "$DEVENV_HOME"/environments/*/terraform/*; }
in_state() { grep -c '"mode": "managed"' "$(private_folder)/terraform.tfstate" || true; }

# Every program that is started goes through a file of its own that notes it. Afterwards: started.
note_starts() {
	mkdir -p bin
	cat >bin/noted <<-SH
	#!/bin/bash
	echo "\$*" >>"$PWD/starts"
	exec "$TERRAFORM_PROGRAM" "\$@"
	SH
	chmod +x bin/noted
	TERRAFORM_PROGRAM=$PWD/bin/noted
	: >starts
}
starts() { wc -l <starts; }
