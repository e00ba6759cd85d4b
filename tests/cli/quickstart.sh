#!/bin/bash
# Every folder below examples/ that needs no Docker: up, nothing to do, down, nothing left.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

test_the_quickstart_comes_up_changes_and_goes_without_a_trace() {
	cp -r "$HARNESS_SOURCE/examples/quickstart/." .
	rm -rf run .devenv/local
	find . | sort >"$TRASH/before"
	expect 0 apply --yes
	has out '6 added'
	no_changes
	expect 0 status
	has out 'local_process.worker'
	wait_until 5 says hello
	expect 0 apply --yes --var greeting=ahoy
	wait_until 5 says ahoy
	no_changes --var greeting=ahoy
	expect 0 destroy --yes
	rm -rf .devenv/local
	find . | sort | diff "$TRASH/before" -
	no_rest
}

says() {
	devenv logs local_process.worker
	grep -qx "$1" "$TRASH/out"
}

run_tests "$@"
