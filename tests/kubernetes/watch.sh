#!/bin/bash
# `devenv watch` beside a real API: what others do to our objects is seen at once.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/objects.sh
. "${BASH_SOURCE%/*}/../lib/objects.sh"
# shellcheck source=tests/lib/watch.sh
. "${BASH_SOURCE%/*}/../lib/watch.sh"

drifts() { times 'Reality moved away'; }

# The interval is an hour: whatever is seen here was told by a watch on the API.
test_what_others_change_or_delete_is_seen_at_once() {
	{ config_map hinted a a 1 && config_map hinted b b 1 && deployment hinted web 1 web && namespace hinted; } | several
	start_watch --drift-interval 1h
	k patch configmap a -n hinted --type merge -p '{"data": {"a": "2"}}'
	wait_until 20 said 'Reality moved away by itself'
	wait_until 20 said 'ConfigMap/hinted/a'
	equal 'it was not repaired' 2 "$(get configmap a .data.a -n hinted)"
	stop_watch
	start_watch --drift-interval 1h --repair-drift
	equal 'repaired by the first run' 1 "$(get configmap a .data.a -n hinted)"
	k delete configmap b -n hinted
	wait_until 20 there_is configmap b
	k patch deployment web -n hinted --type merge -p '{"spec": {"replicas": 5}}'
	wait_until 20 replicas_are 1
	stop_watch
	no_changes
	expect 0 destroy --yes
}
there_is() { [[ -n $(get "$1" "$2" .metadata.uid -n hinted) ]]; } # KIND NAME
replicas_are() { [[ $(get deployment web .spec.replicas -n hinted) == "$1" ]]; }

# What a save of ours changes, and what others put beside it.
test_our_own_changes_and_those_of_others_beside_ours_are_no_drift() {
	local before
	config_map quiet a a 1 | several
	k create namespace quiet
	start_watch --drift-interval 1h
	sed -i 's/{ a: "1" }/{ a: "2" }/' .devenv/config.yml
	wait_until 20 data_is 2
	k patch configmap a -n quiet --type merge -p '{"metadata": {"annotations": {"of": "others"}}}'
	k patch configmap a -n quiet --type merge -p '{"data": {"a": "3"}}' # heard after all of that
	wait_until 20 said 'Reality moved away by itself'
	equal 'how often reality was other than wanted' 1 "$(drifts)"
	stop_watch
	expect 0 destroy --yes
}
data_is() { [[ $(get configmap a .data.a -n quiet) == "$1" ]]; }

run_tests "$@"
