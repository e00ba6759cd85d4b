#!/bin/bash
# Many applies at once on one environment: one after the other, and none of them lost.
# shellcheck source=tests/fault/lib/scenario.sh
. "${BASH_SOURCE%/*}/lib/scenario.sh"

all_at_once() {
	local i
	local -a pids=()
	for ((i = 0; i < 30; i++)); do
		"$DEVENV" apply --yes --lock-timeout 600s </dev/null >"../log-$i" 2>&1 &
		pids+=($!)
	done
	for i in "${!pids[@]}"; do
		wait "${pids[i]}" || { echo "apply $i failed" >>../lost && cat "../log-$i"; }
	done
}

one_wins() {
	local i
	local -a pids=()
	for ((i = 0; i < 10; i++)); do
		"$DEVENV" apply --yes </dev/null >"../log-$i" 2>&1 &
		pids+=($!)
	done
	for i in "${!pids[@]}"; do
		wait "${pids[i]}" && continue
		grep -qE 'lock|another' "../log-$i" || { echo "apply $i says no word of the lock" >>../lost && cat "../log-$i"; }
	done
}

eval "usual_$(declare -f wrong)"
wrong() {
	[[ ! -e ../lost ]] || cat ../lost
	usual_wrong
}

scenario_begin
point '30 applies at once, each waiting for its turn' all_at_once
point '10 applies at once, none of them waiting' one_wins
exit $((BROKEN > 0))
