#!/bin/bash
# A no-op plan of a thousand objects, beside the list calls alone that it has to make, and beside `kubectl diff`.
# Kubernetes takes long to build the first time: without it this is skipped, unless DEVENV_TEST_FULL is set.
# shellcheck source=tests/bench/lib/bench.sh
. "${BASH_SOURCE%/*}/lib/bench.sh"

SOURCE=$(cd "${BASH_SOURCE%/*}/../.." && pwd)
# shellcheck source=tests/tools/common.sh
. "$SOURCE/tests/tools/common.sh"
export DEVENV_TEST_CACHE=$TOOLS_CACHE
if [[ -z ${DEVENV_TEST_FULL:-} && ! -x $TOOLS_CACHE/kubernetes/kube-apiserver ]]; then
	CASES=1
	echo 'ok 1 - beside kubectl # SKIP Kubernetes is not built'
	exit 0
fi
"$SOURCE/tests/tools/build-kubectl" >/dev/null || exit 1
PATH=$PATH:$TOOLS_CACHE:$TOOLS_CACHE/kubernetes
API=$BENCH/api
trap '"$SOURCE/tests/lib/apiserver.sh" stop "$API"; rm -rf "$BENCH"; echo "1..$CASES"' EXIT
KUBECONFIG=$("$SOURCE/tests/lib/apiserver.sh" start "$API" --controllers) || exit 1
export KUBECONFIG

enter thousand
mkdir -p "$DEVENV_HOME"
echo 'settings: { allowContexts: ["*"] }' >"$DEVENV_HOME/config.yml"
for kind in ConfigMap ServiceAccount; do
	for ((i = 0; i < 500; i++)); do
		printf -- '---\napiVersion: v1\nkind: %s\nmetadata: { name: many-%s }\n' "$kind" "$i"
	done
done >objects.yml
cat >.devenv/config.yml <<-YML
	apiVersion: devenv/v1
	kind: Environment
	metadata: { name: bench }
	spec:
	  resources:
	    - { type: kubernetes_manifest, name: many, cluster: { kubeconfig: $KUBECONFIG }, file: objects.yml }
YML
"$DEVENV" apply --yes >"$BENCH/said" 2>&1 || { cat "$BENCH/said" && exit 1; }

environment=$(sqlite3 "file:$DEVENV_HOME/state.db?mode=ro" 'SELECT id FROM environment')
for plural in configmaps serviceaccounts; do
	printf 'url="https://127.0.0.1:%s/api/v1/namespaces/default/%s?limit=2000&labelSelector=dev.devenv/environment=%s"\noutput=/dev/null\n' \
		"$(cat "$API/port")" "$plural" "$environment"
done >requests

table_head 'beside kubectl'
measure 3 kubectl diff --server-side -f objects.yml
diff=$MS
for ((try = 0; try < 12; try++)); do
	measure 9 curl -sf --cacert "$API/ca.crt" --cert "$API/admin.crt" --key "$API/admin.key" -K requests \
		-H 'Accept: application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1'
	lists=$MS
	measure 9 "$DEVENV" plan --detailed-exitcode
	! within "$MS" "$lists" 2 || break
done
row 'no-op plan of 1,000 objects' 0 0 "kubectl diff: $diff ms; the lists alone: $lists ms"
at_most 'a no-op plan of 1,000 objects takes a twentieth of the time of kubectl diff at most' \
	"$(awk -v a="$MS" -v b="$diff" 'BEGIN { print a / b }')" 0.05
at_most 'and twice the time of the list calls alone at most' \
	"$(awk -v a="$MS" -v b="$lists" 'BEGIN { print a / b }')" 2
exit $SLOW
