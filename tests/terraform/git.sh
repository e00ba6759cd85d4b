#!/bin/bash
# A module whose source is a git repository: at the commit that is locked, with the modules it names beside it.
# shellcheck source=tests/lib/sync.sh
. "${BASH_SOURCE%/*}/../lib/sync.sh"
# shellcheck source=tests/lib/git-servers.sh
. "${BASH_SOURCE%/*}/../lib/git-servers.sh"
# shellcheck source=tests/lib/terraform.sh
. "${BASH_SOURCE%/*}/../lib/terraform.sh"

# devenv-git ends after one answer and leaves its memory to that end.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0

says() { # TEXT: what the module of the repository gives
	[[ -d repo ]] || git init -q -b main repo
	module repo/modules/network <<-'TF'
	module "inner" { source = "../inner" }
	output "where" { value = module.inner.where }
	TF
	module repo/modules/inner <<-TF
	resource "terraform_data" "region" { input = "$1" }
	output "where" { value = terraform_data.region.output }
	TF
	commit "$1"
}
wants() { # SOURCE
	manifest <<-YML
	spec:
	  secrets: [{ name: git, data: { token: s3cret-token } }]
	  terraform: [{ name: network, source: $1, binary: $TERRAFORM_PROGRAM }]
	  outputs: { where: { value: "\${terraform.network.outputs.where}" } }
	YML
}
where() { "$DEVENV" outputs where; }

test_a_module_in_git_is_made_at_its_locked_commit() {
	says eu
	https_server
	note_starts
	wants "{ url: \"$SYNC_URL\", ref: main, path: modules/network, token: \"\${secret.git.token}\", caFile: $PWD/tls/ca.crt }"
	expect 0 lock
	says us
	expect 0 plan --locked
	has out 'terraform_module.network will be created'
	expect 0 apply --yes --locked
	equal 'as it was locked' eu "$(where)"
	: >starts
	no_changes --locked
	equal 'programs started' 0 "$(starts)"

	expect 0 lock --upgrade terraform-network
	expect 2 plan --detailed-exitcode --locked
	matches out 'locked\.resolved += '
	expect 0 apply --yes --locked
	equal 'as it is locked now' us "$(where)"
	no_changes --locked
	# What was made is destroyed without the server.
	kill "$SERVER"
	wait "$SERVER" || true
	expect 0 destroy --yes
	no_rest
}

test_a_module_may_be_called_as_docker_build_calls_it() {
	says eu
	wants "\"file://$PWD/repo#main:modules/network\""
	expect 0 apply --yes
	equal 'what it gives' eu "$(where)"
	no_changes --locked
	expect 0 destroy --yes
}

run_terraform_tests "$@"
