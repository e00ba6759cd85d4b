# shellcheck shell=bash
# Kubernetes for tests, to be sourced after harness.sh: a bare API in seconds, or a whole cluster that
# k3d makes on the engine of the tests. What they need is built or found when a file that uses them
# begins, because a test has a home of its own.
#
#	. "${BASH_SOURCE%/*}/../lib/kubernetes.sh"
#	api_tools                                or cluster_tools
#	test_something() {
#		api_start [--controllers]        or cluster_start NAME [ARGUMENT OF k3d cluster create...]
#		                                 after registry_start NAME PORT, if it shall pull from one
#		kubectl get nodes                KUBECONFIG leads to it
#		api_stop                         or cluster_stop NAME; done at the end of a test anyhow
#	}
#
# Seconds on two processors that had other work too: api_start 3, with --controllers 4; cluster_start 12,
# with an agent 14, with three servers and an agent 25; cluster_stop 1; tests/kubernetes/tools.sh 160. The
# images take 15 in each new engine. At rest the first server holds 350 MB of memory, a further one 230,
# an agent 60. The first time: see tests/tools/build-kubernetes and node-image.

KUBERNETES_LIB=$(cd "${BASH_SOURCE[0]%/*}" && pwd)
# shellcheck source=tests/tools/common.sh
. "$KUBERNETES_LIB/../tools/common.sh"
# shellcheck source=tests/lib/ports.sh
. "$KUBERNETES_LIB/ports.sh"
export DEVENV_TEST_CACHE=$TOOLS_CACHE

# Each test's user allows every cluster.
test_home() {
	mkdir -p "$DEVENV_HOME"
	echo 'settings: { allowContexts: ["*"] }' >"$DEVENV_HOME/config.yml"
}

# Without its tools a file of tests has one result.
kubernetes_missing() { # TOOL
	if [[ -n ${DEVENV_TEST_AVAILABLE:-} ]]; then
		echo "ok 1 - $1 # SKIP it cannot be had here"
		exit 0
	fi
	echo "not ok 1 - $1 is there"
	exit 1
}

kubernetes_tool() { # SCRIPT [ARGUMENT...]
	"$KUBERNETES_LIB/../tools/$1" "${@:2}" >/dev/null || kubernetes_missing "$1"
}

api_tools() {
	kubernetes_tool build-kubernetes kube-apiserver kube-controller-manager
	kubernetes_tool build-etcd
	kubernetes_tool build-kubectl
	PATH=$PATH:$TOOLS_CACHE:$TOOLS_CACHE/kubernetes
}

# The images are those of the engine that DOCKER_HOST names.
cluster_tools() {
	local images
	api_tools
	kubernetes_tool build-k3d
	images=$("$KUBERNETES_LIB/../tools/node-image") || kubernetes_missing node-image
	eval "$images"
	export K3S_IMAGE REGISTRY_IMAGE BUSYBOX_IMAGE ${K3D_IMAGE_TOOLS:+K3D_IMAGE_TOOLS K3D_IMAGE_LOADBALANCER}
	DOCKER_SOCK=${DOCKER_HOST:-unix:///var/run/docker.sock}
	export DOCKER_SOCK=${DOCKER_SOCK#unix://} LOG_COLORS=false
	# What k3d does for the true image by replacing its entry point.
	[[ -n ${DEVENV_TEST_K3S_IMAGE:-} ]] || export K3D_FIX_DNS=0 K3D_FIX_MOUNTS=0 K3D_FIX_CGROUPV2=0
}

CLUSTERS=() REGISTRIES=()

kubernetes_end() {
	local name
	api_stop
	for name in "${CLUSTERS[@]}"; do cluster_stop "$name" || true; done
	for name in "${REGISTRIES[@]}"; do k3d registry delete "$name" >"$TRASH/deleted" 2>&1 || true; done
}

api_start() { # [--controllers]
	trap kubernetes_end EXIT
	KUBECONFIG=$("$KUBERNETES_LIB/apiserver.sh" start "$TRASH/api" "$@" 2>"$TRASH/err") || fail 'no API'
	export KUBECONFIG
}

api_stop() { "$KUBERNETES_LIB/apiserver.sh" stop "$TRASH/api"; }

cluster_start() { # NAME [ARGUMENT...]
	local name=$1
	shift
	CLUSTERS+=("$name")
	trap kubernetes_end EXIT
	k3d cluster create "$name" --image "$K3S_IMAGE" --api-port 127.0.0.1:random --timeout 180s \
		--kubeconfig-update-default=false "$@" >"$TRASH/out" 2>"$TRASH/err" || cluster_failed "$name"
	export KUBECONFIG=$TRASH/$name.kubeconfig
	(umask 077 && k3d kubeconfig get "$name" >"$KUBECONFIG" 2>"$TRASH/err")
	kubectl wait node --all --for condition=Ready --timeout 60s >"$TRASH/out"
	kubectl -n kube-system rollout status deployment/coredns --timeout 60s >"$TRASH/out"
}

# Nodes that are made with --registry-use k3d-NAME:5000 pull from it; the engine pushes to 127.0.0.1:PORT.
registry_start() { # NAME PORT
	REGISTRIES+=("k3d-$1")
	trap kubernetes_end EXIT
	k3d registry create "$1" --image "$REGISTRY_IMAGE" --port "127.0.0.1:$2" >"$TRASH/out" 2>"$TRASH/err" ||
		fail 'k3d made no registry'
}

cluster_failed() { # NAME
	docker logs --tail 30 "k3d-$1-server-0" >>"$TRASH/err" 2>&1 || true
	fail "k3d made no cluster"
}

cluster_stop() { # NAME
	k3d cluster delete "$1" >"$TRASH/deleted" 2>&1
}
