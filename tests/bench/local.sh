#!/bin/bash
# How long plan and apply take with 1,000 to 100,000 values, in a new process each time.
# shellcheck source=tests/bench/lib/bench.sh
. "${BASH_SOURCE%/*}/lib/bench.sh"

BENCH_CLOCK=cpu # one thread that waits for nothing but the disk
calibrate
table_head 'local values, binary tree'

plan_of() { # N LIMIT-MS LIMIT-MIB RUNS
	local n=$1
	enter "plan-$n"
	tree_manifest "$n" plain >.devenv/config.yml
	"$DEVENV" apply --yes >"$BENCH/log" 2>&1 || tail -n 5 "$BENCH/log"
	measure "$4" "$TOOLS/yaml-events" .devenv/config.yml
	local yaml=$MS
	measure "$4" "$DEVENV" plan --detailed-exitcode
	row "no-op plan of $n" "$2" "$3" "libyaml alone: $yaml ms"
	eval "PLAN_$n=\${MS:-0}"
}

plan_again() { # N RUNS
	cd "$BENCH/plan-$1" || exit 1
	export HOME=$PWD/home DEVENV_HOME=$PWD/home/.devenv
	measure "$2" "$DEVENV" plan --detailed-exitcode
	eval "PLAN_$1=\${MS:-0}"
}

plan_of 1000 10 0 15
plan_of 10000 50 25 7
plan_of 100000 600 0 3
for ((try = 0; try < 4; try++)); do
	! within "$PLAN_100000" "$PLAN_10000" 15 || break
	plan_again 10000 7
	plan_again 100000 3
done
at_most 'a resource costs no more at 100000 than 1.2 times what it costs at 10000 (and a reserve)' \
	"$(awk -v a="$PLAN_10000" -v b="$PLAN_100000" 'BEGIN { print b / 10 / a }')" 1.5
printf '| growth per resource from 10000 to 100000 | %s | | | <= 1.2 |\n' \
	"$(awk -v a="$PLAN_10000" -v b="$PLAN_100000" 'BEGIN { printf "%.2fx", b / 10 / a }')"

cd "$BENCH/plan-10000" || exit 1
export HOME=$PWD/home DEVENV_HOME=$PWD/home/.devenv
sed -i '$s/}"$/}.changed"/' .devenv/config.yml
measure 7 "$DEVENV" plan
row 'plan of 10000, one leaf changed' 60 0

apply_of() { # N LIMIT-MS LIMIT-SYNCS RUNS
	local n=$1 i best='' peak=0 syncs
	for ((i = 0; i < $4; i++)); do
		enter "apply-$n-$i"
		tree_manifest "$n" >.devenv/config.yml
		measure 1 "$DEVENV" apply --yes || break
		best=$(awk -v a="$best" -v b="$MS" 'BEGIN { print a == "" || b < a ? b : a }')
		peak=$KIB
	done
	MS=$best KIB=$peak MEASURED=()
	enter "apply-$n-syncs"
	tree_manifest "$n" >.devenv/config.yml
	"$TOOLS/killat" count --class sync --report report -- "$DEVENV" apply --yes >/dev/null 2>&1
	syncs=$(sed -n 's/^count=//p' report)
	row "apply of $n from nothing" "$2" 0 "$syncs syncs"
	(($3)) && at_most "syncs of an apply of $n" "$syncs" "$3"
}

apply_of 1000 150 40 3
apply_of 10000 1200 0 2

enter version
measure 20 "$DEVENV" version
row 'devenv version' 5 0
exit $SLOW
