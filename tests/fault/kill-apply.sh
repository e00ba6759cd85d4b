#!/bin/bash
# SIGKILL before and after each effectful system call of an apply; one more apply puts everything right.
# shellcheck source=tests/fault/lib/scenario.sh
. "${BASH_SOURCE%/*}/lib/scenario.sh"

die() { # MODE N
	"$TOOLS/killat" "$1" "$2" --report ../report -- "$DEVENV" apply --yes --parallelism 1 </dev/null
}

scenario_begin
count=$(count_effects nothing -- "$DEVENV" apply --yes --parallelism 1)
echo "# an apply has $count effectful calls"
for n in $(spread "$count" 60); do
	point "an apply that died before call $n" die kill-before "$n"
	if [[ -n ${DEVENV_TEST_FULL:-} ]] || ((n % 4 == 0)); then
		point "an apply that died after call $n" die kill-after "$n"
	fi
done
exit $((BROKEN > 0))
