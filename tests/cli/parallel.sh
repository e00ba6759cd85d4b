#!/bin/bash
# As many at once as --parallelism says, no fewer and no more.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

# Each waits, after what a lone one did before, until `together` of them run at once.
crowd() { # TOGETHER
	cat >meet <<-'SH'
	#!/bin/sh
	mkdir "here-$1"
	for i in $(seq 1200); do
		[ "$(ls -d here-* | wc -l)" -ge "$2" ] && echo >"met-$1"
		[ -e "met-$1" ] && [ "$(ls met-* | wc -l)" -ge "$2" ] && exit 0
		sleep 0.1
	done
	echo "only $(ls -d here-* | wc -l) at once"
	exit 1
	SH
	chmod +x meet
	manifest <<-YML
	spec:
	  resources:
	    - { type: local_command, name: alone, create: ["true"] }
	    - type: local_command
	      name: crowd
	      forEach: [a, b, c, d, e, f, g, h, i, j]
	      create: [./meet, "\${each.key}", "$1"]
	      dependsOn: [local_command.alone]
	YML
}

test_ten_run_at_once_also_after_a_lone_one() {
	crowd 10
	expect 0 apply --yes
	has out '11 added'
}

test_parallelism_is_a_limit() {
	crowd 1
	cat >meet <<-'SH'
	#!/bin/sh
	mkdir "here-$1"
	for i in $(seq 1200); do # the first three meet; a fourth would have the time to join them
		ls -d here-* | wc -l >>seen
		grep -q '[3-9]' seen && break
		sleep 0.1
	done
	sleep 0.2
	ls -d here-* | wc -l >>seen
	rmdir "here-$1"
	SH
	expect 0 apply --yes --parallelism 3
	equal 'most at once' 3 "$(sort -n seen | tail -n 1)"
}

run_tests "$@"
