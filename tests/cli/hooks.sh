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

run_tests "$@"
