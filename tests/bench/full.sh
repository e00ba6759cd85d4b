#!/bin/bash
# examples/full on k3d: a plan with nothing to do, and from nothing until everything is ready, beside a shell
# script of the same bare commands that does at once what can be done at once. By default one round of the
# second, which is only told; with DEVENV_TEST_FULL five, taking turns, and the middle of the ratios counts.
# Kubernetes takes long to build the first time: without it this is skipped, unless DEVENV_TEST_FULL is set.
# shellcheck source=tests/bench/lib/bench.sh
. "${BASH_SOURCE%/*}/lib/bench.sh"

SOURCE=$(cd "${BASH_SOURCE%/*}/../.." && pwd)
HARNESS_SOURCE=$SOURCE TRASH=$BENCH
# shellcheck source=tests/lib/kubernetes.sh
. "$SOURCE/tests/lib/kubernetes.sh"
# shellcheck source=tests/lib/full.sh
. "$SOURCE/tests/lib/full.sh"

skip() {
	CASES=1
	echo "ok 1 - the whole sample # SKIP $1"
	exit 0
}
state_query() { sqlite3 "file:$DEVENV_HOME/state.db?mode=ro" "$1"; }
[[ -n ${DEVENV_TEST_FULL:-} || -x $TOOLS_CACHE/kubernetes/kubelet ]] || skip 'Kubernetes is not built'
docker info 2>/dev/null | grep -q 'Default Runtime: tests' || [[ -n ${DEVENV_TEST_K3S_IMAGE:-} ]] ||
	skip "this engine is not one for nodes: see tests/lib/engines.sh"
full_tools

enter full
full_place "dwf-bench-$$"
trap 'full_clear; rm -rf "$BENCH"; echo "1..$CASES"' EXIT
NETWORK=$FULL_NAME KUBE=$BENCH/kubeconfig

# --- the same by hand -----------------------------------------------------------------------------

k() { kubectl --kubeconfig "$KUBE" -n my-project "$@"; }

objects() {
	cat <<-YML
	{apiVersion: v1, kind: Namespace, metadata: {name: my-project}}
	---
	{apiVersion: v1, kind: Secret, metadata: {name: credentials}, stringData: {password: hunter2hunter}}
	---
	{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: postgres-data}, spec: {accessModes: [ReadWriteOnce], storageClassName: local-path, resources: {requests: {storage: 1Gi}}}}
	YML
	k create configmap shared-config --from-file config --dry-run=client -o yaml | sed '1i---'
	k create configmap migrations --from-file migrations --dry-run=client -o yaml | sed '1i---'
}

job() {
	cat <<-YML
	apiVersion: batch/v1
	kind: Job
	metadata: { name: migrate }
	spec:
	  backoffLimit: 0
	  template:
	    spec:
	      restartPolicy: Never
	      volumes: [{ name: migrations, configMap: { name: migrations } }]
	      containers:
	        - name: migrate
	          image: devenv-tests/postgres:1
	          args: [sh, -c, "psql -v ON_ERROR_STOP=1 -f /migrations/1-orders.sql"]
	          env: [{ name: PGHOST, value: database }, { name: PGUSER, value: app }, { name: PGDATABASE, value: myapp }, { name: PGPASSWORD, value: hunter2hunter }]
	          volumeMounts: [{ name: migrations, mountPath: /migrations }]
	YML
}

values() { # NETWORK
	cat <<-YML
	replicaCount: 2
	image: { repository: $FULL_NAME-api, tag: "1", pullPolicy: Never }
	env: [{ name: DB_HOST, value: database }, { name: DB_PASSWORD, value: hunter2hunter }, { name: NETWORK, value: $1 }, { name: MAIL, value: "mailhog:1025" }]
	readinessProbe: { httpGet: { path: /health, port: 8080 }, periodSeconds: 1, initialDelaySeconds: 1 }
	resources: { limits: { cpu: 500m, memory: 256Mi } }
	volumes: [{ name: cache, emptyDir: { medium: Memory } }, { name: config, configMap: { name: shared-config } }]
	volumeMounts: [{ name: cache, mountPath: /cache }, { name: config, mountPath: /etc/shop }]
	YML
}

by_hand() (
	set -e
	import() { # k3d may have done nothing, and says so only here
		for _ in 1 2 3; do
			k3d image import -c "$FULL_NAME" "$FULL_NAME-api:1" >"$BENCH/import" 2>&1
			grep -q 'failed to import' "$BENCH/import" || return 0
		done
	}
	module() (
		rm -rf "$BENCH/module" && cp -r infra/network "$BENCH/module" && cd "$BENCH/module"
		terraform init -input=false && terraform apply -auto-approve -input=false -var region=eu
	)
	module &
	module=$!
	docker build -q -t "$FULL_NAME-api:1" --build-arg "BASE=$BUSYBOX_IMAGE" services/api &
	image=$!
	docker network create "$NETWORK"
	docker run -d --name "$FULL_NAME-mail" --network "$NETWORK" --network-alias mailhog devenv-tests/mail:1 &
	k3d cluster create --config "$BENCH/k3d.yml"
	(umask 077 && k3d kubeconfig get "$FULL_NAME" >"$KUBE")
	kubectl --kubeconfig "$KUBE" wait node --all --for condition=Ready --timeout 60s
	wait "$image"
	import &
	image=$!
	objects | k apply -f -
	helm --kubeconfig "$KUBE" -n my-project install database "$SOURCE/tests/charts/postgresql" --wait \
		--set fullnameOverride=database,auth.username=app,auth.password=hunter2hunter,auth.database=myapp \
		--set primary.persistence.existingClaim=postgres-data
	job | k apply -f -
	k wait job/migrate --for condition=Complete --timeout 60s
	wait "$module" "$image"
	values "$(terraform -chdir="$BENCH/module" output -raw cidr)" |
		helm --kubeconfig "$KUBE" -n my-project install api charts/api --wait -f -
) >"$BENCH/said" 2>&1

by_hand_gone() {
	k3d cluster delete "$FULL_NAME"
	docker rm -fv "$FULL_NAME-mail"
	docker network rm "$NETWORK"
	docker image rm -f "$FULL_NAME-api:1"
} >/dev/null 2>&1

cat >"$BENCH/k3d.yml" <<YML
apiVersion: k3d.io/v1alpha5
kind: Simple
metadata: { name: $FULL_NAME }
servers: 1
agents: 2
image: $FULL_NODE
network: $NETWORK
kubeAPI: { hostIP: 127.0.0.1 }
ports: [{ port: "127.0.0.1:$FULL_PORT:80", nodeFilters: [loadbalancer] }]
registries: { create: { name: $FULL_NAME-registry, image: "$REGISTRY_IMAGE", hostPort: "$((FULL_PORT + 1))" } }
options: { k3d: { wait: true, timeout: 180s }, kubeconfig: { updateDefaultKubeconfig: false } }
YML

# --- measuring ------------------------------------------------------------------------------------

took() { # COMMAND...: sets MS
	local before=${EPOCHREALTIME/./}
	"$@" || { tail -n 20 "$BENCH/said" | sed 's/^/# /' && return 1; }
	MS=$(((${EPOCHREALTIME/./} - before) / 1000))
}
ours() { "$DEVENV" apply --yes >"$BENCH/said" 2>&1; }

rounds=$([[ -n ${DEVENV_TEST_FULL:-} ]] && echo 5 || echo 1)
table_head 'the whole sample on k3d'
ratios=()
for ((round = 1; round <= rounds; round++)); do
	took by_hand || { SLOW=1; by_hand_gone; break; }
	theirs=$MS
	by_hand_gone
	took ours || { SLOW=1; break; }
	ratios+=("$(awk -v a="$MS" -v b="$theirs" 'BEGIN { printf "%.3f", a / b }')")
	KIB=0
	row "from nothing until all is ready, $round" 0 0 "the bare commands: $theirs ms"
	((round == rounds)) || "$DEVENV" destroy --yes --volumes >"$BENCH/said" 2>&1 || SLOW=1
done
measure 9 "$DEVENV" plan --detailed-exitcode
row 'nothing to do' 0 0 # of this, much is the engine's and the cluster's, and whoever else is busy
BENCH_CLOCK=cpu
measure 9 "$DEVENV" plan --detailed-exitcode
row 'nothing to do, processor time' 150 0
if ((rounds == 5)); then
	at_most 'from nothing until all is ready takes 1.15 of the time of the bare commands at most' \
		"$(printf '%s\n' "${ratios[@]}" | sort -n | sed -n 3p)" 1.15
fi
"$DEVENV" destroy --yes --volumes >"$BENCH/said" 2>&1 || SLOW=1
exit $SLOW
