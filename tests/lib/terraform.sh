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

# The provider of the tests (tools/terraform-provider): its things are real, and can drift. To be called
# once per file, before its tests; a module names it with `world` as a part of main.tf.
world_provider() {
	local mirror
	mirror=$(bash "$TERRAFORM_LIB/../tools/build-terraform-provider") || {
		[[ -n ${DEVENV_TEST_AVAILABLE:-} ]] || { echo "not ok 1 - a provider for modules" && exit 1; }
		echo "ok 1 - modules # SKIP their provider cannot be built here" && exit 0
	}
	# shellcheck disable=SC2034 # for tests
	WORLD_MIRROR=$mirror
	WORLD_CONFIG="provider_installation { filesystem_mirror { path = \"$mirror\" } }"
}

# Within a test: the programs find the provider, and have a cache of this test only.
world_begin() {
	echo "$WORLD_CONFIG" >"$PWD/programs.rc"
	mkdir -p "$PWD/plugins" # the programs alone want it to be there
	export TF_CLI_CONFIG_FILE=$PWD/programs.rc TF_PLUGIN_CACHE_DIR=$PWD/plugins
}

world() { # [KUBECONFIG]: the head of a module that uses it
	cat <<-TF
	terraform {
	  required_providers { world = { source = "tests.example/devenv/world" } }
	}
	provider "world" {
	  log = "$PWD/effects"
	  ${1:+kubeconfig = $1}
	}
	TF
}
effects() { grep -cx -- "$1" effects 2>/dev/null || true; } # LINE: how often

# The program and what it started, but not devenv.
programs_of() { pgrep -P "$1" || true; }
# Children first; who stands still does not see them die, and cannot put anything in order before its own death.
kill_below() { # PID
	local child
	for child in $(programs_of "$1"); do
		kill -STOP "$child" 2>/dev/null || true
		kill_below "$child"
		kill -9 "$child" 2>/dev/null || true
	done
}

# A module of one file, that is being made until `go` is there.
thing() { # [LINE OF A TERRAFORM BLOCK]
	world_begin
	mkdir -p infra
	{
		world ''
		cat <<-TF
		terraform {
		  ${1:-}
		}
		variable "content" { default = "hello" }
		resource "world_file" "a" {
		  path     = "$PWD/a.txt"
		  content  = var.content
		  wait_for = "$PWD/go"
		}
		output "content" { value = world_file.a.content }
		TF
	} >infra/main.tf
	: >effects
	: >go
}

begin() { # LINE VERB ARGUMENT...: in the background, until the line is in effects
	local line=$1
	shift
	rm -f go
	"$DEVENV" "$@" >"$TRASH/killed" 2>&1 </dev/null &
	RUNNING=$!
	wait_until 60 grep -qsx "$line" effects
}
kill_all() {
	kill -STOP "$RUNNING"
	kill_below "$RUNNING"
	kill -9 "$RUNNING"
	wait "$RUNNING" 2>/dev/null || true
	: >go
}
