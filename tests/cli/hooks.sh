#!/bin/bash
# Commands around changes: they run in their place, and only when something changes.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

environment() { # TEXT
	printf '#!/bin/sh\necho "$*" >>log\n[ ! -e refuse-"$1" ]\n' >note && chmod +x note
	manifest <<-YML
	spec:
	  hooks:
	    apply: { before: [./note, first], after: ./note last }
	    destroy: { before: ./note going, after: ./note gone }
	  services:
	    - name: job
	      type: job
	      command: [./note, job, "$1"]
	      hooks: { before: ./note before job, after: ./note after job }
	    - { name: other, type: job, command: ./note other }
	  resources:
	    - { type: local_file, name: f, path: file, content: text }
	YML
}
ran() { # WORDS...: in this order, nothing else of these
	tr '\n' ',' <log
}

test_hooks_run_in_their_place_and_only_for_changes() {
	environment one
	expect 0 apply --yes
	equal 'the first' first "$(head -n 1 log)"
	equal 'the last' last "$(tail -n 1 log)"
	equal 'around the job' 'before job,job one,after job,' "$(grep job log | tr '\n' ',')"
	there file
	: >log
	no_changes
	expect 0 apply --yes
	equal 'without changes' '' "$(cat log)"

	environment two
	expect 0 apply --yes
	equal 'only around what changes' 'first,before job,job two,after job,last,' "$(ran)"
	no_changes

	: >log
	environment three
	touch refuse-before
	expect 1 apply --yes
	equal 'held up' 'first,before job,' "$(ran)"
	rm refuse-before
	expect 0 apply --yes
	equal 'afterwards' last "$(tail -n 1 log)"
	no_changes

	# Another command for the end is no end.
	: >log
	sed -i 's|after: ./note gone|after: ./note over|' .devenv/config.yml
	expect 0 apply --yes
	! grep -E 'gone|over|going' log || fail 'a hook of destroy ran'

	: >log
	expect 0 destroy --yes
	equal 'at the end' 'going,over,' "$(ran)"
	no_rest
}

test_a_hook_runs_before_whatever_changes() {
	environment one
	sed -i 's|command: ./note other|&, hooks: { before: ./note before other }|' .devenv/config.yml
	expect 0 apply --yes
	: >log
	# What is not in the manifest: drift, and what is asked for.
	echo changed >file
	expect 0 apply --yes
	equal 'drift' 'first,last,' "$(ran)"
	: >log
	expect 0 apply --yes --replace local_command.other
	equal 'asked for' 'first,before other,other,last,' "$(ran)"
	: >log
	touch refuse-first
	rm file
	expect 1 apply --yes
	equal 'held up' first, "$(ran)"
	gone file
	rm refuse-first
	expect 0 apply --yes
	there file
	: >log
	no_changes
	expect 0 apply --yes
	equal 'without changes' '' "$(cat log)"

	# What is left out of this run, and what is only taken out.
	echo changed >file
	expect 0 apply --yes --target local_command.other
	equal 'nothing to do there' '' "$(cat log)"
	: >log
	sed -i '/local_file/d; /^  resources/d' .devenv/config.yml
	expect 0 apply --yes
	equal 'taken out' 'first,last,' "$(ran)"
	gone file
	no_changes
}

test_what_runs_after_all_runs_when_the_last_is_gone() {
	environment one
	cat >>.devenv/config.yml <<-'YML'
	    - { type: local_command, name: extra, create: [./note, made], delete: [./note, unmade] }
	YML
	expect 0 apply --yes
	: >log
	# What fails to go is not gone: then nothing comes after it.
	cp .devenv/config.yml with
	sed -i '/name: extra/d' .devenv/config.yml
	touch refuse-unmade
	expect 1 apply --yes
	equal 'refused' 'first,unmade,' "$(ran)"
	rm refuse-unmade
	: >log
	expect 0 apply --yes
	equal 'gone' 'unmade,last,' "$(ran)"
	no_changes

	# Beside something else that changes.
	cp with .devenv/config.yml
	expect 0 apply --yes
	: >log
	sed -i '/name: extra/d; s/content: text/content: other/' .devenv/config.yml
	expect 0 apply --yes
	equal 'the last' last "$(tail -n 1 log)"
	equal 'once' 1 "$(grep -c last log)"
	no_changes
}

test_hooks_of_a_plan_run_only_when_they_are_asked_for() {
	environment one
	sed -i 's|^  hooks:|&\n    plan: { before: ./note looking, after: [./note, would, change] }|' .devenv/config.yml
	: >log
	expect 2 plan --detailed-exitcode
	equal 'not asked for' '' "$(cat log)"
	expect 2 plan --detailed-exitcode --run-plan-hooks
	equal 'asked for' 'looking,would change,' "$(ran)"
	expect 0 apply --yes
	: >log
	expect 0 plan --run-plan-hooks
	equal 'without changes' 'looking,' "$(ran)"
	has out 'No changes'

	# What it says is no part of the plan; its failure is that of the command.
	printf '#!/bin/sh\necho hunger\nexit 3\n' >note
	expect 1 plan --run-plan-hooks
	has err hunger
	has err 'the hook before plan: note exited with status 3'
	lacks out hunger
	expect 64 plan --run-plan-hooks --rev HEAD

	sed -i 's|./note looking|"./note ${local_file.f.path}"|' .devenv/config.yml
	expect 1 plan
	has err 'a hook of plan cannot refer to resources'
}

run_tests "$@"
