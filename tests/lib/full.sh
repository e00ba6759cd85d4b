# shellcheck shell=bash
# examples/full for tests, to be sourced after kubernetes.sh: its images as this machine has them, and the
# one layer over it, which changes only images, chart locations and host ports.
#
#	. "${BASH_SOURCE%/*}/../lib/full.sh"
#	full_tools                  before the tests: what it needs beside cluster_tools
#	full_place [NAME [PORT]]    in a test: a copy of the example here, under a name of its own

full_tools() {
	cluster_tools
	command -v terraform tofu >/dev/null || kubernetes_tool build-tofu
	kubernetes_tool build-helm3
	HELM=$("$KUBERNETES_LIB/../tools/build-helm3")
	full_images || kubernetes_missing images
}

# A place for the ports of two, below those that the kernel gives to clients.
FULL_FREE=$((20000 + $$ % 600 * 20))

full_has() { docker image inspect "$1" >/dev/null 2>&1; }

# devenv-tests/postgres:1, nginx:1 and mail:1, and FULL_NODE, a node that has the first without a registry.
full_images() {
	local work container
	FULL_NODE=devenv-tests/node-full:${K3S_IMAGE##*:}
	full_has "$FULL_NODE" && return
	work=$(mktemp -d)
	"$KUBERNETES_LIB/../tools/postgres-context" "$work/postgres" &&
		docker build -q -t devenv-tests/postgres:1 "$work/postgres" >/dev/null 2>&1 || return 1
	"$KUBERNETES_LIB/../tools/nginx-context" "$work/nginx" &&
		docker build -q -t devenv-tests/nginx:1 "$work/nginx" >/dev/null 2>&1 || return 1
	mkdir "$work/mail"
	cat >"$work/mail/Dockerfile" <<-DOCKERFILE
	FROM $BUSYBOX_IMAGE
	RUN mkdir -p /www && echo mail >/www/index.html
	CMD ["sh", "-c", "httpd -p 1025 -h /www; exec httpd -f -p 8025 -h /www"]
	STOPSIGNAL SIGKILL
	DOCKERFILE
	docker build -q -t devenv-tests/mail:1 "$work/mail" >/dev/null 2>&1 || return 1
	docker save devenv-tests/postgres:1 >"$work/postgres.tar"
	container=$(docker create "$K3S_IMAGE")
	docker cp "$work/postgres.tar" "$container:/usr/local/share/k3s/images/" >/dev/null &&
		docker commit "$container" "$FULL_NODE" >/dev/null || return 1
	docker rm -v "$container" >/dev/null
	rm -rf "$work"
}

full_place() { # [NAME [PORT]]: the name is that of cluster and registry; ports are those from PORT on
	FULL_NAME=${1:-dwf-$$}
	FULL_PORT=${2:-$FULL_FREE}
	trap 'trap - ERR; set +e; full_clear' EXIT
	export POSTGRES_PASSWORD=hunter2hunter TF_CLI_CONFIG_FILE=/dev/null
	mkdir -p "$TRASH/bin"
	ln -sf "$HELM" "$TRASH/bin/helm"
	export PATH=$TRASH/bin:$PATH
	cp -r "$HARNESS_SOURCE/examples/full/." .
	rm -rf .devenv/local
	mv .devenv/config.yml .devenv/full.yml
	full_layer >.devenv/config.yml
	# Without a cluster, the port of the service is one of this machine.
	sed -i "s/replicas: 1 }/replicas: 1, ports: [{ name: http, port: $((FULL_PORT + 3)), targetPort: 3000 }] }/" \
		.devenv/environments/docker.yml
}

full_layer() {
	cat <<-YML
	apiVersion: devenv/v1
	kind: Environment
	metadata: { name: my-project }
	include: full.yml
	spec:
	  variables: { mailPort: { default: $((FULL_PORT + 2)) } }
	  cluster:
	    k3d:
	      clusterName: $FULL_NAME
	      image: $FULL_NODE
	      kubeApi: { hostIp: 127.0.0.1 }
	      ports: ["127.0.0.1:$FULL_PORT:80@loadbalancer"]
	      registries: { create: { name: $FULL_NAME-registry, image: "$REGISTRY_IMAGE", hostPort: "$((FULL_PORT + 1))" } }
	  networking: { ingress: { image: "devenv-tests/nginx:1", httpPort: $((FULL_PORT + 4)) } }
	  services:
	    - { name: database, chart: $HARNESS_SOURCE/tests/charts/postgresql, version: null, image: "devenv-tests/postgres:1" }
	    - { name: api, stopGracePeriod: 1s, build: { context: ./services/api, args: { BASE: "$BUSYBOX_IMAGE" } } }
	    - { name: migrate, image: "devenv-tests/postgres:1" }
	  resources:
	    - { type: docker_container, name: mailhog, image: "devenv-tests/mail:1" }
	YML
}

full_kubeconfig() { find "$DEVENV_HOME" -path "*/k3d/$FULL_NAME/kubeconfig.yaml"; }

# All that the engine has of it: by the names of its cluster, and by the marks of its environment.
full_remains() {
	local id kind environments=
	[[ ! -f $DEVENV_HOME/state.db ]] || environments=$(state_query 'SELECT id FROM environment')
	docker ps -a --format '{{.ID}} {{.Names}}' | grep -F -- "$FULL_NAME" || true
	docker volume ls -q | grep -F -- "$FULL_NAME" || true
	docker network ls --format '{{.ID}} {{.Name}}' | grep -F -- "$FULL_NAME" || true
	for id in $environments; do
		docker ps -aq --filter "label=dev.devenv.environment=$id"
		for kind in network volume image; do
			docker "$kind" ls -q --filter "label=dev.devenv.environment=$id"
		done
	done
}

# Whatever a test did, nothing of it stays on the engine.
full_clear() {
	local id kind
	k3d cluster delete "$FULL_NAME" >/dev/null 2>&1
	docker ps -aq --filter "name=$FULL_NAME" | xargs -r docker rm -fv >/dev/null 2>&1
	for id in $(state_query 'SELECT id FROM environment' 2>/dev/null); do
		docker ps -aq --filter "label=dev.devenv.environment=$id" | xargs -r docker rm -fv >/dev/null 2>&1
		for kind in network volume image; do
			docker "$kind" ls -q --filter "label=dev.devenv.environment=$id" | xargs -r docker "$kind" rm >/dev/null 2>&1
		done
	done
	return 0
}
