#!/bin/bash
# SIGKILL at random calls of an apply that does ten things at once, again and again before it may finish.
# The seed is printed; DEVENV_TEST_SEED repeats a run.
# shellcheck source=tests/fault/lib/scenario.sh
. "${BASH_SOURCE%/*}/lib/scenario.sh"

RANDOM=${DEVENV_TEST_SEED:=$((SRANDOM % 32768))}
echo "# DEVENV_TEST_SEED=$DEVENV_TEST_SEED"

die_often() { # N...
	local n
	for n; do
		"$TOOLS/killat" kill-after "$n" --report ../report -- "$DEVENV" apply --yes --parallelism 10 </dev/null
	done
}

# A worker's death within killat's reach is the same as the whole program's; in time it can be anywhere.
die_in_time() { # MICROSECONDS
	"$DEVENV" apply --yes --parallelism 10 </dev/null &
	sleep "$(printf '0.%06d' "$1")"
	kill -9 $! 2>/dev/null
	wait $! 2>/dev/null
}

scenario_begin
count=$(count_effects nothing -- "$DEVENV" apply --yes --parallelism 10)
echo "# an apply of ten at once has about $count effectful calls"
runs=25
[[ -n ${DEVENV_TEST_FULL:-} ]] && runs=400
for ((i = 0; i < runs; i++)); do
	a=$((1 + RANDOM % count)) b=$((1 + RANDOM % count))
	point "an apply that died after call $a, and again after call $b" die_often "$a" "$b"
	t=$((RANDOM * 4 % 120000))
	point "an apply that died after $t microseconds" die_in_time "$t"
done
exit $((BROKEN > 0))
