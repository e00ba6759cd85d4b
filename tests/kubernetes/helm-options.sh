#!/bin/bash
# What of helm's own ways is chosen by a word of the manifest: going back, taking over, remembering.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/releases.sh
. "${BASH_SOURCE%/*}/../lib/releases.sh"

options() { # VALUES LINE...: a release that is tried once
	release < <(printf '%s\n' 'chart: ./chart' 'retry: { attempts: 1 }' "values: { $1 }" "${@:2}")
}
replicas() { get deployment "$R" .spec.replicas; }

# There are no nodes: a Deployment of one pod never becomes ready.
atomic() {
	chart
	options 'hook: post-install' 'atomic: true' 'timeout: 120s'
	PHASE=Failed while_hooks_end expect 1 apply --yes
	has err 'has been uninstalled'
	absent deployment "$R"
	equal status '' "$(status_of "$R")"
	k delete pod "$R-hook" --ignore-not-found --force
	options 'replicas: 0' 'atomic: true' 'timeout: 120s'
	apply
	# It fails when its time is up: going back has a time of its own.
	options 'replicas: 1' 'atomic: true' 'timeout: 30s'
	expect 1 apply --yes
	has err 'has been rolled back'
	has_status "$R" deployed || fail "it is $(status_of "$R")"
	equal replicas 0 "$(replicas)"
	expect 2 plan --detailed-exitcode # what is wanted is still not so
	options 'replicas: 0' 'atomic: true' 'timeout: 120s'
	apply
	no_changes
	expect 0 destroy --yes
}
test_an_atomic_release_that_fails_is_as_it_was_before() { with_each_helm atomic; }

remembered() {
	chart
	local colour
	for colour in a b c d; do
		options "colour: $colour" 'historyMax: 2'
		apply
	done
	equal 'revisions' "sh.helm.release.v1.$R.v3 sh.helm.release.v1.$R.v4" \
		"$(kubectl --kubeconfig "$API/kubeconfig" get secret -n default -l "owner=helm,name=$R" \
			-o 'jsonpath={.items[*].metadata.name}')"
	no_changes
	expect 0 destroy --yes
}
test_as_many_revisions_are_kept_as_is_wanted() { with_each_helm remembered; }

# Somebody else owns a field as he likes it, before the chart says anything about it. Helm 3 overwrites it in any case.
conflicting() {
	chart
	sed -i 's/data: { colour/data: { {{ with .Values.theirs }}theirs: {{ . }}, {{ end }}colour/' chart/templates/settings.yaml
	options 'colour: red'
	apply
	k apply --server-side --field-manager other -f - <<-YML
	{ apiVersion: v1, kind: ConfigMap, metadata: { name: $R-settings }, data: { theirs: other } }
	YML
	no_changes
	options 'colour: red, theirs: ours'
	if [[ $HELM == 4 ]]; then
		expect 1 apply --yes
		has err conflict
		has err other
		equal 'a field of others' other "$(get configmap "$R-settings" .data.theirs)"
	fi
	options 'colour: red, theirs: ours' 'forceConflicts: true'
	apply
	equal 'a field that was taken over' ours "$(get configmap "$R-settings" .data.theirs)"
	no_changes
	expect 0 destroy --yes
}
test_fields_of_others_are_taken_over_only_when_asked() { with_each_helm conflicting; }

run_tests "$@"
