# shellcheck shell=bash
# For tests of kubernetes_manifest, to be sourced after harness.sh: one API with controllers for the
# whole file, and words for manifests and for what others do. Each test has a home and an environment of
# its own, but the cluster is everybody's: names are a test's own.

# shellcheck source=tests/lib/kubernetes.sh
. "${BASH_SOURCE%/*}/kubernetes.sh"

api_tools
API=$(mktemp -d "${TMPDIR:-/tmp}/devenv-api-XXXXXX")
trap '"$KUBERNETES_LIB/apiserver.sh" stop "$API"' EXIT
"$KUBERNETES_LIB/apiserver.sh" start "$API" --controllers >/dev/null || exit 1

# As one that is not devenv.
k() { kubectl --kubeconfig "$API/kubeconfig" "$@" >"$TRASH/k" 2>&1 || { cat "$TRASH/k" >&2 && return 1; }; }
get() { kubectl --kubeconfig "$API/kubeconfig" get "$1" "$2" "${@:4}" -o "jsonpath={$3}"; }
absent() { ! kubectl --kubeconfig "$API/kubeconfig" get "$@" >/dev/null 2>&1 || fail "$* is still there"; }
apply() { expect 0 apply --yes; }
# Most of what is tested here is not ready without nodes: being there is enough.
one() { # the rest of a resource named `one`, from stdin
	{
		printf 'spec:\n  resources:\n    - type: kubernetes_manifest\n      name: one\n'
		printf '      cluster: { kubeconfig: %s }\n      readiness: { type: running }\n' "$API/kubeconfig"
		sed 's/^/      /'
	} | manifest
}
config_map() { # NAMESPACE NAME KEY VALUE
	printf -- '- { apiVersion: v1, kind: ConfigMap, metadata: { name: %s, namespace: %s }, data: { %s: "%s" } }\n' \
		"$2" "$1" "$3" "$4"
}
several() { { echo 'manifest:' && sed 's/^/  /'; } | one; }
namespace() { echo "- { apiVersion: v1, kind: Namespace, metadata: { name: $1 } }"; }
deployment() { # NAMESPACE NAME REPLICAS LABEL
	cat <<-YML
	- apiVersion: apps/v1
	  kind: Deployment
	  metadata: { name: $2, namespace: $1 }
	  spec:
	    replicas: $3
	    selector: { matchLabels: { app: $4 } }
	    template:
	      metadata: { labels: { app: $4 } }
	      spec: { containers: [ { name: main, image: "none:1" } ] }
	YML
}
