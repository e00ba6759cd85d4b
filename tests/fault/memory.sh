#!/bin/bash
# No memory: the n-th allocation fails, or all from it on. Whatever needed it, the program says so and
# ends by itself; the next run puts everything right.
# shellcheck source=tests/fault/lib/scenario.sh
. "${BASH_SOURCE%/*}/lib/scenario.sh"

starved() { # AT ON ARGUMENT...
	local at=$1 on=$2 status=0
	shift 2
	timeout 300 env LD_PRELOAD="$TOOLS/failalloc.so" FAILALLOC_AT="$at" FAILALLOC_ON="$on" \
		FAILALLOC_REPORT=../allocations "$DEVENV" "$@" --parallelism 1 </dev/null || status=$?
	echo "$status" >../status
}

starved_destroy() {
	applied || echo "the apply before failed"
	starved "$@" destroy --yes
}

eval "usual_$(declare -f wrong)"
wrong() {
	ended_badly "$(cat ../status)" ../log
	grep -q 'bug at' ../log && echo "it takes that for a mistake of its own"
	usual_wrong
}

eval "usual_$(declare -f wrong_effects)"
wrong_effects() { # a destroy that was cut short is applied again: what it removed is made anew
	if grep -q '^delete blind' "$EFFECTS"; then sed -i '0,/^create blind/{/^create blind/d}' "$EFFECTS"; fi
	usual_wrong_effects
}

allocations() { # FUNCTION ARGUMENT...
	(
		fresh "$BASE/count"
		"$@" >/dev/null 2>&1
		sed -n 's/^count=//p' ../allocations
	)
	end_services "$BASE/count"
	rm -rf "$BASE/count"
}

# There are thousands, most of them in libraries: --full takes many, not all.
few() { [[ -n ${DEVENV_TEST_FULL:-} ]] && echo "$2" || echo "$1"; }

sample() { # COUNT MOST
	DEVENV_TEST_FULL='' spread "$@"
}

scenario_begin
count=$(allocations starved 0 0 apply --yes)
((count > 100)) || { echo "not ok - only \"$count\" allocations were counted" && exit 1; }
echo "# an apply allocates $count times"
for n in $(sample "$count" "$(few 16 400)"); do
	point "allocation $n of an apply fails" starved "$n" 0 apply --yes
done
for n in $(sample "$count" "$(few 8 100)"); do
	point "allocation $n of an apply fails and so do all after it" starved "$n" 1 apply --yes
done
count=$(allocations starved_destroy 0 0)
for n in $(sample "$count" "$(few 6 100)"); do
	point "allocation $n of a destroy fails" starved_destroy "$n" 0
done
exit $((BROKEN > 0))
