#!/bin/bash
# SIGKILL at each effectful system call of an apply that changes what an earlier one made.
# shellcheck source=tests/fault/lib/scenario.sh
. "${BASH_SOURCE%/*}/lib/scenario.sh"

change() {
	sed -i 's/word: { default: one }/word: { default: two }/' .devenv/config.yml
	echo other >input.txt
}

changed() { applied && change; }

die() { # N
	changed || echo "the apply before failed"
	"$TOOLS/killat" kill-before "$1" --report ../report -- "$DEVENV" apply --yes --parallelism 1 </dev/null
}

scenario_begin
# What an undisturbed change leads to is what every other one must lead to.
(
	fresh "$BASE/changed"
	changed && applied
	snapshot >"$BASE/snapshot"
	home_listing >"$BASE/listing"
	"$DEVENV" destroy --yes </dev/null >/dev/null 2>&1
	snapshot >"$BASE/empty"
	end_services "$BASE/changed"
)
count=$(count_effects changed -- "$DEVENV" apply --yes --parallelism 1)
echo "# a change has $count effectful calls"
for n in $(spread "$count" 50); do
	point "a change that died before call $n" die "$n"
done
exit $((BROKEN > 0))
