#!/bin/bash
# SIGKILL at each effectful system call of a destroy: one more destroy leaves nothing, and an apply
# instead of it brings everything back.
# shellcheck source=tests/fault/lib/scenario.sh
. "${BASH_SOURCE%/*}/lib/scenario.sh"

die() { # N
	applied || echo "the apply before failed"
	"$TOOLS/killat" kill-before "$1" --report ../report -- "$DEVENV" destroy --yes --parallelism 1 </dev/null
}

die_and_forget() { # N: what was created before the destroy does not count
	die "$1"
	if grep -q '^delete seen' "$EFFECTS"; then sed -i '0,/^create seen/{/^create seen/d}' "$EFFECTS"; fi
	sed -i '0,/^create blind/{/^create blind/d}' "$EFFECTS"
	grep -q '^create blind' "$EFFECTS" || echo 'create blind' >>"$EFFECTS"
}

# Destroyed at once, without an apply between.
wrong_after_death() {
	wrong_destroyed
	"$DEVENV" plan --detailed-exitcode </dev/null >/dev/null 2>&1
	[[ $? == 2 ]] || echo "the plan after it does not make everything anew"
}

scenario_begin
count=$(count_effects applied -- "$DEVENV" destroy --yes --parallelism 1)
echo "# a destroy has $count effectful calls"
for n in $(spread "$count" 40); do
	point "a destroy that died before call $n, applied again" die_and_forget "$n"
done
wrong() { wrong_after_death; }
for n in $(spread "$count" 25); do
	point "a destroy that died before call $n, destroyed again" die "$n"
done
exit $((BROKEN > 0))
