#!/bin/bash
# A thousand unchanged objects: how often the API is asked, and how long a plan takes beside the list
# calls alone and beside `kubectl diff`.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/objects.sh
. "${BASH_SOURCE%/*}/../lib/objects.sh"

thousand() { # KIND...
	local kind i
	for kind; do
		for ((i = 0; i < 1000 / $#; i++)); do
			printf -- '---\napiVersion: v1\nkind: %s\nmetadata: { name: many-%s }\n' "$kind" "$i"
		done
	done >objects.yml
	one <<<'file: objects.yml'
}

# The milliseconds of a command.
took() {
	local begin=${EPOCHREALTIME/./}
	"$@" >"$TRASH/out" 2>"$TRASH/err" || fail "$*"
	echo $(((${EPOCHREALTIME/./} - begin) / 1000))
}

list() { # PLURAL...: what a plan has to ask for
	local plural environment
	environment=$(state_query 'SELECT id FROM environment')
	for plural; do
		printf 'url="https://127.0.0.1:%s/api/v1/namespaces/default/%s?limit=2000&labelSelector=dev.devenv/environment=%s"\noutput=/dev/null\n' \
			"$(cat "$API/port")" "$plural" "$environment"
	done >requests
	curl -sf --cacert "$API/ca.crt" --cert "$API/admin.crt" --key "$API/admin.key" -K requests \
		-H 'Accept: application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1'
}

test_a_thousand_unchanged_objects_cost_hardly_more_than_their_lists() {
	local plan lists best_plan=99999 best_lists=99999
	thousand ConfigMap ServiceAccount
	echo "# made in $(took "$DEVENV" apply --yes) ms"
	for _ in 1 2 3 4 5 6 7; do
		lists=$(took list configmaps serviceaccounts)
		plan=$(took "$DEVENV" plan --detailed-exitcode)
		((plan >= best_plan)) || best_plan=$plan
		((lists >= best_lists)) || best_lists=$lists
	done
	echo "# plan $best_plan ms, the lists alone $best_lists ms"
	((best_plan <= 2 * best_lists)) || fail "a plan takes $best_plan ms, the lists alone $best_lists ms"
	plan=$(took kubectl --kubeconfig "$API/kubeconfig" diff --server-side -f objects.yml)
	echo "# kubectl diff $plan ms"
	((plan >= 20 * best_plan)) || fail "kubectl diff takes $plan ms, a plan $best_plan ms"
	expect 0 destroy --yes
}

run_tests "$@"
