#!/bin/bash
# A saved plan is done as it was shown, or not at all.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

a_file() { # CONTENT
	manifest <<-YML
	spec:
	  resources:
	    - { type: local_file, name: a, path: a, content: "$1" }
	YML
}

refused() { # FILE [OPTION...]
	expect 1 apply "$@"
	has err 'saved plan'
	has err 'nothing was done'
}

test_it_is_private() {
	a_file one
	umask 000
	expect 0 plan -o saved.plan
	equal mode 600 "$(stat -c %a saved.plan)"
	chmod 666 saved.plan
	expect 0 plan -o saved.plan
	equal 'mode, written again' 600 "$(stat -c %a saved.plan)"
}

test_it_is_done_once() {
	a_file one
	expect 0 plan -o saved.plan
	expect 0 apply saved.plan
	equal content one "$(cat a)"
	echo drift >a
	refused saved.plan
	equal content drift "$(cat a)"
}

test_a_manifest_that_changed_since_makes_it_stale() {
	a_file one
	expect 0 apply --yes
	a_file two
	expect 0 plan -o saved.plan
	a_file three
	refused saved.plan
	equal content one "$(cat a)"
}

test_a_reality_that_changed_since_makes_it_stale() {
	a_file one
	expect 0 apply --yes
	a_file two
	expect 0 plan -o saved.plan
	rm a
	refused saved.plan
	gone a
}

test_a_state_that_changed_since_makes_it_stale() {
	a_file one
	expect 0 apply --yes
	a_file two
	expect 0 plan -o saved.plan
	expect 0 taint local_file.a
	refused saved.plan
	equal content one "$(cat a)"
}

# It belongs to the project that it was made in, wherever it is applied.
test_one_of_another_environment_is_refused() {
	a_file one
	expect 0 apply --yes
	a_file two
	expect 0 plan -o saved.plan
	DEVENV_HOME=$HOME/other expect 1 apply saved.plan
	equal content one "$(cat a)"
	mkdir ../elsewhere
	cd ../elsewhere
	expect 0 apply ../project/saved.plan
	equal content two "$(cat ../project/a)"
}

test_one_that_was_tampered_with_is_refused() {
	a_file one
	expect 0 apply --yes
	a_file two
	expect 0 plan -o saved.plan
	sed 's/two/six/g' saved.plan >words.plan
	if ! cmp -s saved.plan words.plan; then
		devenv apply words.plan
		[[ $(cat a) != six ]] || fail 'what was written into the plan was done'
		a_file one && expect 0 apply --yes && a_file two
		expect 0 plan -o saved.plan
	fi
	local hash
	hash=$(jq -r .hash saved.plan)
	sed "s/$hash/$(tr 0-9a-f 1-9a-f0 <<<"$hash")/" saved.plan >hash.plan
	refused hash.plan
	head -c 100 saved.plan >short.plan
	expect 1 apply short.plan
	echo '{}' >empty.plan
	expect 1 apply empty.plan
	expect 1 apply .devenv/config.yml
	equal content one "$(cat a)"
	expect 0 apply saved.plan
	equal content two "$(cat a)"
}

test_it_does_what_its_options_said() {
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_file, name: a, path: a, content: one }
	    - { type: local_file, name: b, path: b, content: one }
	YML
	expect 0 plan --target local_file.b -o saved.plan
	expect 0 apply saved.plan
	gone a
	there b
	expect 0 plan --destroy -o gone.plan
	expect 0 apply gone.plan
	gone b
}

test_variables_are_given_again_and_keep_their_order() {
	manifest <<-'YML'
	spec:
	  variables: { word: {}, other: { default: x } }
	  resources: [{ type: local_file, name: a, path: a, content: "${var.word} ${var.other}" }]
	YML
	echo '{ word: file, other: file }' >words.yml
	expect 0 plan --var word=line --var-file words.yml --var other=line -o saved.plan
	expect 1 apply saved.plan --var other=line
	has err 'the plan was made with --var word=...; a plan file holds no values, so give it again'
	refused saved.plan --var word=line --var other=another
	expect 0 apply saved.plan --var other=line --var word=line
	equal content 'file line' "$(cat a)"
	manifest <<-'YML'
	spec:
	  variables: { word: {}, other: { default: x } }
	  resources: [{ type: local_file, name: a, path: a, content: "now ${var.word} ${var.other}" }]
	YML
	expect 0 plan --var-file words.yml -o saved.plan
	refused saved.plan --var other=line
}

run_tests "$@"
