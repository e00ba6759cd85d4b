#!/bin/bash
# A no-op plan of thirty releases, beside what helm needs to say as much: `helm list` and thirty `helm get`.
# Kubernetes takes long to build the first time: without it this is skipped, unless DEVENV_TEST_FULL is set.
# shellcheck source=tests/bench/lib/bench.sh
. "${BASH_SOURCE%/*}/lib/bench.sh"

SOURCE=$(cd "${BASH_SOURCE%/*}/../.." && pwd)
# shellcheck source=tests/tools/common.sh
. "$SOURCE/tests/tools/common.sh"
export DEVENV_TEST_CACHE=$TOOLS_CACHE
if [[ -z ${DEVENV_TEST_FULL:-} && ! -x $TOOLS_CACHE/kubernetes/kube-apiserver ]]; then
	CASES=1
	echo 'ok 1 - beside helm # SKIP Kubernetes is not built'
	exit 0
fi
HELM=$("$SOURCE/tests/tools/build-helm3") || exit 1
mkdir -p "$BENCH/bin" && ln -sf "$HELM" "$BENCH/bin/helm"
PATH=$BENCH/bin:$PATH
trap '"$SOURCE/tests/lib/apiserver.sh" stop "$BENCH/api"; rm -rf "$BENCH"; echo "1..$CASES"' EXIT
KUBECONFIG=$("$SOURCE/tests/lib/apiserver.sh" start "$BENCH/api" --controllers) || exit 1
export KUBECONFIG

enter thirty
mkdir -p "$DEVENV_HOME" chart/templates
echo 'settings: { allowContexts: ["*"] }' >"$DEVENV_HOME/config.yml"
printf 'apiVersion: v2\nname: web\nversion: 1.0.0\n' >chart/Chart.yaml
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: "{{ .Release.Name }}" }\ndata: { a: {{ .Values.a | quote }} }\n' >chart/templates/one.yaml
printf 'apiVersion: v1\nkind: Service\nmetadata: { name: "{{ .Release.Name }}" }\nspec: { ports: [ { port: 80 } ] }\n' >chart/templates/two.yaml
{
	printf 'apiVersion: devenv/v1\nkind: Environment\nmetadata: { name: bench }\nspec:\n  resources:\n'
	for ((i = 1; i <= 30; i++)); do
		printf '    - { type: helm_release, name: r%d, cluster: { kubeconfig: %s }, chart: ./chart, values: { a: x%d } }\n' \
			$i "$KUBECONFIG" $i
	done
} >.devenv/config.yml
"$DEVENV" apply --yes >"$BENCH/said" 2>&1 || { cat "$BENCH/said" && exit 1; }

theirs() {
	helm list
	for ((i = 1; i <= 30; i++)); do helm get all "r$i"; done
}
printf '#!/bin/bash\n%s\ntheirs\n' "$(declare -f theirs)" >"$BENCH/bin/theirs" && chmod +x "$BENCH/bin/theirs"

table_head 'beside helm'
measure 3 "$BENCH/bin/theirs"
his=$MS
measure 5 "$DEVENV" plan --detailed-exitcode
row 'no-op plan of 30 releases' 0 0 "helm list, helm get: $his ms"
at_most 'a no-op plan of 30 releases takes a twentieth of the time of helm list and helm get at most' \
	"$(awk -v a="$MS" -v b="$his" 'BEGIN { print a / b }')" 0.05
exit $SLOW
