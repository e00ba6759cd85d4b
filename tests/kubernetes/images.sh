#!/bin/bash
# How images come to the pods of a cluster of k3d: imported from the engine, and imported again when the
# image or the nodes are others; or from a registry.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/kubernetes.sh
. "${BASH_SOURCE%/*}/../lib/kubernetes.sh"

cluster_tools
NAME=di-$$
PORT=$(free_port)

clean() {
	k3d cluster delete "$NAME" >/dev/null 2>&1 || true
	docker network rm "k3d-$NAME" >/dev/null 2>&1 || true
	docker rm -fv "$NAME-store" >/dev/null 2>&1 || true
	docker rmi -f "$NAME/app:1" >/dev/null 2>&1 || true
}

cluster() { # [KEY: VALUE...]
	cat <<-YML
	    - type: k3d_cluster
	      name: dev
	      clusterName: $NAME
	      image: $K3S_IMAGE
	      kubeApi: { hostIp: 127.0.0.1 }
	      loadBalancer: false
	YML
	printf '      %s\n' "$@"
}

# An image that says CONTENT, built here, imported, and run by a Deployment.
environment() { # CONTENT AGENTS [without]
	trap clean EXIT
	mkdir -p app
	echo "$1" >app/words
	printf 'FROM %s\nCOPY words /words\n' "$BUSYBOX_IMAGE" >app/Dockerfile
	{
		cat <<-YML
		spec:
		  resources:
		    - { type: docker_image, name: app, build: { context: app }, tags: ["$NAME/app:1"] }
		YML
		cluster "agents: $2"
		[[ -n ${3:-} ]] || workload
	} | manifest
}
workload() {
	cat <<-YML
	    - type: k3d_image
	      name: app
	      image: "\${docker_image.app.id}"
	      nodes: "\${k3d_cluster.dev.nodes}"
	    - type: kubernetes_manifest
	      name: app
	      cluster: { kubeconfig: "\${k3d_cluster.dev.kubeconfig}" }
	      namespace: default
	      manifest:
	        apiVersion: apps/v1
	        kind: Deployment
	        metadata: { name: app }
	        spec:
	          selector: { matchLabels: { app: app } }
	          template:
	            metadata: { labels: { app: app }, annotations: { image: "\${k3d_image.app.id}" } }
	            spec:
	              terminationGracePeriodSeconds: 0
	              containers:
	                - name: app
	                  image: "\${k3d_image.app.name}"
	                  imagePullPolicy: Never
	                  command: [sleep, "3600"]
	YML
}

in_node() { docker exec "k3d-$NAME-$1" "${@:2}"; }
images() { in_node "$1" ctr image ls -q | grep -F "$NAME/app:1" || true; }
# What the pods of the Deployment say, those that are going left out.
words() {
	in_node server-0 kubectl get pods -l app=app -o json |
		jq -r '.items[] | select(.metadata.deletionTimestamp == null) | .metadata.name' |
		while read -r pod; do in_node server-0 kubectl exec "$pod" -- cat /words </dev/null; done
}
is_word() { [[ $(words) == "$1" ]]; }

test_an_image_is_imported_again_when_it_or_the_nodes_change() {
	environment one 0
	expect 2 plan --detailed-exitcode
	has out 'Plan: 4 to add, 0 to change, 0 to destroy.'
	expect 0 apply --yes
	equal words one "$(words)"
	equal images "docker.io/$NAME/app:1" "$(images server-0)"
	no_changes

	environment two 0
	expect 2 plan --detailed-exitcode
	has out 'k3d_image.app'
	expect 0 apply --yes
	wait_until 30 is_word two
	no_changes

	# A new node has it in the same run.
	environment two 1
	expect 0 apply --yes
	equal 'images of the new node' "docker.io/$NAME/app:1" "$(docker exec "$(agent)" ctr image ls -q |
		grep -F "$NAME/app:1")"
	no_changes

	# One node fewer: the others have theirs, nothing is imported.
	environment two 0
	expect 0 apply --yes
	lacks err 'Importing images'
	no_changes

	# k3d dies while it imports, and leaves an archive and a container.
	environment three 0
	import_is_killed
	expect 0 apply --yes
	wait_until 30 is_word three
	no_changes
	equal 'archives' '' "$(in_node server-0 find /k3d/images -name '*.tar')"
	equal 'tools' '' "$(docker ps -a --format '{{.Names}}' | grep "k3d-$NAME-tools" || true)"

	environment three 0 without
	expect 0 apply --yes
	equal images '' "$(images server-0)"
	expect 0 destroy --yes
	lacks out 'Not recorded'
	no_rest
}
agent() { docker ps --format '{{.Names}}' | grep "$NAME-agent"; }

import_is_killed() {
	"$DEVENV" apply --yes </dev/null >"$TRASH/out" 2>"$TRASH/err" &
	wait_until 60 has_tools_or_ended $!
	kill -9 $! 2>/dev/null || true
	pkill -9 -f "k3d image import --cluster $NAME" || true
	wait $! 2>/dev/null || true
}
has_tools_or_ended() { has_tools || [[ ! -d /proc/$1 ]]; } # PID
has_tools() { docker ps --format '{{.Names}}' | grep -q "k3d-$NAME-tools"; }

store() { # [KEY: VALUE...]: a registry
	trap clean EXIT
	{
		cat <<-YML
		spec:
		  resources:
		    - type: k3d_registry
		      name: store
		      registryName: $NAME-store
		      image: $REGISTRY_IMAGE
		      hostPort: $PORT
		YML
		printf '      %s\n' "$@"
		cluster 'registries: { use: ["${k3d_registry.store.use}"] }'
		cat <<-YML
		  outputs:
		    address: { value: "\${k3d_registry.store.address}" }
		    use: { value: "\${k3d_registry.store.use}" }
		YML
	} | manifest
}

test_pods_pull_from_a_registry_that_is_pushed_to() {
	local address
	store
	expect 2 plan --detailed-exitcode
	has out 'Plan: 2 to add, 0 to change, 0 to destroy.'
	expect 0 apply --yes
	no_changes
	address=$("$DEVENV" outputs address)
	equal address "127.0.0.1:$PORT" "$address"
	docker tag "$BUSYBOX_IMAGE" "$address/pushed:1"
	docker push "$address/pushed:1" >"$TRASH/out" 2>"$TRASH/err"
	docker rmi "$address/pushed:1" >"$TRASH/out"
	in_node server-0 kubectl run pulled --image "$("$DEVENV" outputs use)/pushed:1" --restart Never \
		--command -- sleep 600 >"$TRASH/out"
	in_node server-0 kubectl wait pod/pulled --for condition=Ready --timeout 60s >"$TRASH/out"

	# k3d knows it as its own.
	k3d registry list --no-headers >"$TRASH/out"
	has out "$NAME-store"

	docker stop -t 1 "$NAME-store" >/dev/null
	expect 2 plan --detailed-exitcode
	has out '0 to add, 0 to change, 0 to destroy, 1 to start'
	expect 0 apply --yes
	no_changes

	# Another home does not take it for its own.
	DEVENV_HOME=$TRASH/other expect 1 plan
	has err 'k3d_registry.store exists already and belongs to'

	# It cannot be changed in place, and the cluster was made with it.
	store 'deletes: true'
	expect 2 plan --detailed-exitcode
	has out 'replaced because k3d_registry.store is'
	expect 0 destroy --yes
	equal containers '' "$(docker ps -a --format '{{.Names}}' | grep -F "$NAME" || true)"
	no_rest
}

# k3d sometimes imports nothing, and says so in its log or not at all. Names that begin or end like that of the
# image are others.
test_an_import_that_did_not_arrive_is_tried_again() {
	local real
	real=$(command -v k3d)
	mkdir bin
	cat >bin/k3d <<-SH
	#!/bin/bash
	[[ "\$1 \$2" == 'image import' ]] || exec $real "\$@"
	echo x >>$PWD/imports
	case \$(wc -l <$PWD/imports) in
	1) echo "failed to import images in node 'n': ctr: open /k3d/images/a.tar: no such file or directory" >&2 ;;
	2)
		for other in docker.io/$NAME/app:12 docker.io/x$NAME/app:1; do
			docker exec "k3d-$NAME-server-0" ctr image tag "docker.io/$BUSYBOX_IMAGE" "\$other"
		done >/dev/null
		;;
	*) exec $real "\$@" ;;
	esac
	SH
	chmod +x bin/k3d
	environment one 0
	PATH=$PWD/bin:$PATH expect 0 apply --yes
	equal imports 3 "$(wc -l <imports)"
	equal 'what was there before' "docker.io/x$NAME/app:1" "$(in_node server-0 ctr image ls -q | grep -F "x$NAME/")"
	equal 'and that' "docker.io/$NAME/app:12" "$(in_node server-0 ctr image ls -q | grep -F "$NAME/app:12")"
	no_changes
	expect 0 destroy --yes
}

run_tests "$@"
