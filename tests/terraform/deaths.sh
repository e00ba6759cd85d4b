#!/bin/bash
# Kills in the middle of what the program does. What it had made is made once; the next apply goes on by
# itself, and a destroy leaves nothing.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/terraform.sh
. "${BASH_SOURCE%/*}/../lib/terraform.sh"

# Three things, one after the other. Each says so in `effects`; the second lasts until the file `go` is
# there, so that a kill finds the program in the middle of it.
chain() {
	module infra <<-TF
	resource "terraform_data" "first" {
	  provisioner "local-exec" { command = "echo first >>$PWD/effects" }
	  provisioner "local-exec" {
	    when    = destroy
	    command = "echo first is gone >>$PWD/effects"
	  }
	}
	resource "terraform_data" "second" {
	  depends_on = [terraform_data.first]
	  provisioner "local-exec" {
	    command = "echo second >>$PWD/effects; while [ ! -e $PWD/go ]; do sleep 0.05; done"
	  }
	  provisioner "local-exec" {
	    when    = destroy
	    command = "echo second is gone >>$PWD/effects; while [ ! -e $PWD/go ]; do sleep 0.05; done"
	  }
	}
	resource "terraform_data" "third" {
	  depends_on = [terraform_data.second]
	  provisioner "local-exec" { command = "echo third >>$PWD/effects" }
	}
	TF
	: >effects
	module_manifest
}

begin() { # VERB ARGUMENT...: in the background, until it is in the middle
	local middle=$1
	shift
	"$DEVENV" "$@" >"$TRASH/killed" 2>&1 </dev/null &
	RUNNING=$!
	wait_until 60 grep -qsx "$middle" effects
}

times() { grep -cx "$1" effects || true; }

converges() {
	: >go
	expect 0 apply --yes
	no_changes
	equal 'first was made' 1 "$(times first)"
	equal 'third was made' 1 "$(times third)"
	equal 'things in the state' 3 "$(in_state)"
}

test_devenv_is_killed_and_the_program_goes_on() {
	chain
	begin second apply --yes
	kill -9 "$RUNNING"
	wait "$RUNNING" 2>/dev/null || true
	: >go # the next run waits for what still works
	converges
	equal 'second was made' 1 "$(times second)"
}

test_both_are_killed() {
	chain
	begin second apply --yes
	kill -STOP "$RUNNING"
	kill_below "$RUNNING"
	kill -9 "$RUNNING"
	wait "$RUNNING" 2>/dev/null || true
	converges
}

test_the_program_is_killed() {
	chain
	begin second apply --yes
	kill_below "$RUNNING"
	wait "$RUNNING" && fail 'a killed program is a success'
	has "$TRASH/killed" 'terraform_module.network'
	converges
}

test_a_destroy_is_killed() {
	chain
	: >go
	expect 0 apply --yes
	rm go
	begin 'second is gone' destroy --yes
	kill -STOP "$RUNNING"
	kill_below "$RUNNING"
	kill -9 "$RUNNING"
	wait "$RUNNING" 2>/dev/null || true
	: >go
	expect 0 destroy --yes
	equal 'first was removed' 1 "$(times 'first is gone')"
	gone "$DEVENV_HOME"/environments/*/terraform/*
}

# The program empties the file before it writes it.
test_a_state_file_that_was_cut_off_is_as_it_was_last_seen_whole() {
	chain
	: >go
	expect 0 apply --yes
	: >"$(private_folder)/terraform.tfstate"
	no_changes --refresh=full
	expect 0 destroy --yes
	equal 'first was removed' 1 "$(times 'first is gone')"
	equal 'second was removed' 1 "$(times 'second is gone')"
}

test_what_is_killed_before_anything_is_made_leaves_nothing() {
	chain
	: >go
	printf '#!/bin/bash\nif [[ " $* " == *" init "* ]]; then echo init >>%q; sleep 600; fi\nexec %q "$@"\n' \
		"$PWD/effects" "$TERRAFORM_PROGRAM" >slow
	chmod +x slow
	TERRAFORM_PROGRAM=$PWD/slow module_manifest
	begin init apply --yes
	kill -STOP "$RUNNING"
	kill_below "$RUNNING"
	kill -9 "$RUNNING"
	wait "$RUNNING" 2>/dev/null || true
	equal 'effects' init "$(cat effects)"
	module_manifest
	converges
}

test_a_death_while_the_folder_is_removed_leaves_nothing_that_cannot_be() {
	local folder
	module infra <<<'resource "terraform_data" "thing" {}'
	module_manifest
	expect 0 apply --yes
	folder=$(private_folder)
	rm "$folder/module"
	expect 1 destroy --yes # there are things yet
	has err 'has no module any more'
	jq '.resources = []' "$folder/terraform.tfstate" >empty
	cp empty "$folder/terraform.tfstate"
	expect 0 destroy --yes
	gone "$folder"
}

run_terraform_tests "$@"
