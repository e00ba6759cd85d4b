#!/bin/bash
# Every key of a cluster of k3d reaches what it is about, and what changes in place leaves the rest alone.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/kubernetes.sh
. "${BASH_SOURCE%/*}/../lib/kubernetes.sh"

cluster_tools
NAME=df-$$
PORT=$((34000 + RANDOM % 500 * 4))
TOKEN=sesame-$$-\$HOME

environment() { # [KEY: VALUE...]: more of the cluster; other resources come from the file `others`
	trap clean EXIT
	manifest <<-YML
	spec:
	  resources:
	    - type: k3d_cluster
	      name: dev
	      clusterName: $NAME
	      image: $K3S_IMAGE
	$(printf '      %s\n' "$@")
	$([[ ! -f others ]] || cat others)
	  outputs:
	    kubeconfig: { value: "\${k3d_cluster.dev.kubeconfig}" }
	    ports: { value: "\${k3d_cluster.dev.ports}" }
	    registry: { value: "\${k3d_cluster.dev.registry}" }
	YML
}
clean() {
	k3d cluster delete "$NAME" >/dev/null 2>&1 || true
	docker network rm "k3d-$NAME" >/dev/null 2>&1 || true
	docker volume rm "$NAME-data" >/dev/null 2>&1 || true
}

container() { docker inspect -f "$2" "k3d-$NAME-$1"; }
in_node() { docker exec "k3d-$NAME-$1" "${@:2}"; }
output() { "$DEVENV" outputs "$1" --json 2>/dev/null </dev/null | tail -n 1 | jq -c '.value // .'; }
nodes() { in_node server-0 kubectl get nodes -o "jsonpath={.items[*].metadata.name}"; }

everything() {
	cat <<-YML
	servers: 2
	agents: 1
	token: '$TOKEN'
	subnet: 172.29.$((PORT % 250)).0/24
	kubeApi: { host: localhost, hostIp: 127.0.0.1, hostPort: $PORT }
	ports: ["127.0.0.1:$((PORT + 1)):80@loadbalancer"]
	volumes: ["./shared:/shared@server:0", { volume: "/tmp:/outside:ro", nodeFilters: ["agent:0"] }]
	env: ["GREETING=hello \$USER@server:0", { envVar: "ROLE=worker", nodeFilters: ["agent:*"] }]
	files: [{ source: note.txt, destination: /etc/note.txt, nodeFilters: ["server:1"] }, { source: "a\\nb\\n", destination: /etc/text }]
	hostAliases: [{ ip: 192.0.2.1, hostnames: [far.test] }]
	k3sArgs: ["--node-taint=dedicated=yes:PreferNoSchedule@agent:0"]
	nodeLabels: ["tier=back@agent:0"]
	runtime: { serversMemory: 3g, agentsMemory: 2g, labels: ["team=a@server:0"], ulimits: [{ name: nofile, soft: 4096, hard: 8192 }] }
	loadBalancerConfig: ["settings.workerConnections=2048"]
	registries: { create: { name: $NAME-own, host: 127.0.0.1, hostPort: $((PORT + 2)), image: $REGISTRY_IMAGE }, config: mirrors.yaml }
	YML
}

test_every_key_reaches_what_it_is_about() {
	local -a keys
	mkdir shared && echo shared >shared/word
	echo noted >note.txt
	printf 'mirrors:\n  far.test:\n    endpoint: ["http://far.test:5000"]\n' >mirrors.yaml
	mapfile -t keys < <(everything)
	environment "${keys[@]}"
	expect 0 apply --yes
	no_changes
	equal 'nodes' "k3d-$NAME-agent-0 k3d-$NAME-server-0 k3d-$NAME-server-1" "$(nodes)"
	equal 'subnet' "172.29.$((PORT % 250)).0/24" \
		"$(docker network inspect -f '{{(index .IPAM.Config 0).Subnet}}' "k3d-$NAME")"
	has "$("$DEVENV" outputs kubeconfig)" "server: https://localhost:$PORT"
	equal 'API' ok "$(kubectl --kubeconfig "$("$DEVENV" outputs kubeconfig)" get --raw /readyz)"
	equal 'ports' "{\"80/tcp\":\"127.0.0.1:$((PORT + 1))\"}" "$(output ports)"
	equal 'volume' shared "$(in_node server-0 cat /shared/word)"
	equal 'volume' /tmp "$(container agent-0 '{{range .Mounts}}{{if eq .Destination "/outside"}}{{.Source}}{{end}}{{end}}')"
	# shellcheck disable=SC2016
	equal 'env' 'hello $USER' "$(in_node server-0 printenv GREETING)"
	equal 'env' worker "$(in_node agent-0 printenv ROLE)"
	equal 'file' noted "$(in_node server-1 cat /etc/note.txt)"
	equal 'file' $'a\nb' "$(in_node agent-0 cat /etc/text)"
	in_node server-0 kubectl -n kube-system get configmap coredns -o yaml | grep -q '192.0.2.1 far.test' ||
		fail 'no host alias'
	equal 'taint' dedicated "$(in_node server-0 kubectl get "node/k3d-$NAME-agent-0" -o 'jsonpath={.spec.taints[*].key}')"
	equal 'label' back "$(in_node server-0 kubectl get "node/k3d-$NAME-agent-0" -o 'jsonpath={.metadata.labels.tier}')"
	equal 'memory' $((3 << 30)) "$(container server-0 '{{.HostConfig.Memory}}')"
	equal 'memory' $((2 << 30)) "$(container agent-0 '{{.HostConfig.Memory}}')"
	equal 'runtime label' a "$(container server-0 '{{index .Config.Labels "team"}}')"
	equal 'ulimit' nofile=4096:8192 "$(container server-0 '{{range .HostConfig.Ulimits}}{{.Name}}={{.Soft}}:{{.Hard}}{{end}}')"
	equal 'workers' 2048 "$(docker exec "k3d-$NAME-serverlb" awk '/workerConnections/ { print $2 }' /etc/confd/values.yaml)"
	equal 'registry' "{\"address\":\"127.0.0.1:$((PORT + 2))\",\"name\":\"$NAME-own\",\"use\":\"$NAME-own:5000\"}" \
		"$(output registry)"
	curl -sf "http://127.0.0.1:$((PORT + 2))/v2/" >"$TRASH/out" || fail 'no registry'
	in_node agent-0 cat /etc/rancher/k3s/registries.yaml >registries
	has registries far.test
	has registries "$NAME-own"
	token_is_secret

	# The load balancer alone has ended: nobody reaches the API, so it is started.
	docker stop -t 1 "k3d-$NAME-serverlb" >/dev/null
	expect 2 plan --detailed-exitcode
	has out '0 to add, 0 to change, 0 to destroy, 1 to start'
	expect 0 apply --yes
	no_changes

	# The content of a file is part of it.
	echo another >note.txt
	expect 2 plan --detailed-exitcode
	has out 'files are put into the nodes when they are made'

	# Without it there is no way in, and k3d makes none later.
	docker rm -f "k3d-$NAME-serverlb" >/dev/null
	expect 2 plan --detailed-exitcode
	has out 'loadBalancer = false → true  # forces replacement; drift: changed outside devenv'
	has out '1 to add, 0 to change, 1 to destroy'
	expect 0 destroy --yes
	equal 'remains' '' "$(docker ps -a --format '{{.Names}}' | grep -F "$NAME" || true)"
	no_rest
}

# k3d itself needs it in the environment of its nodes; nothing of ours has it in clear.
token_is_secret() {
	equal 'token' "$TOKEN" "$(in_node server-0 printenv K3S_TOKEN)"
	if grep -rlF "sesame-$$" "$DEVENV_HOME" "$TRASH/out" "$TRASH/err"; then fail 'the token is in these files'; fi
	if grep -lF "sesame-$$" "${TMPDIR:-/tmp}"/k3d-config-tmp* 2>/dev/null; then fail 'k3d left the token'; fi
	expect 0 plan
	lacks out sesame
}

test_ports_change_at_the_load_balancer_and_the_cluster_lives_on() {
	local id first=$((PORT + 1)) second=$((PORT + 2))
	environment 'kubeApi: { hostIp: 127.0.0.1 }' "ports: [\"127.0.0.1:$first:80@loadbalancer\"]"
	expect 0 apply --yes
	id=$(container server-0 '{{.Id}}')
	environment 'kubeApi: { hostIp: 127.0.0.1 }' \
		"ports: [\"127.0.0.1:$first:80@loadbalancer\", \"127.0.0.1:$second:81@loadbalancer\"]"
	expect 2 plan --detailed-exitcode
	has out '0 to add, 1 to change, 0 to destroy'
	expect 0 apply --yes
	equal 'server' "$id" "$(container server-0 '{{.Id}}')"
	equal 'ports' "{\"80/tcp\":\"127.0.0.1:$first\",\"81/tcp\":\"127.0.0.1:$second\"}" "$(output ports)"
	no_changes
	# Taken away: in place from k3d 5.9 on, else by a new cluster; the plan says which.
	environment 'kubeApi: { hostIp: 127.0.0.1 }' "ports: [\"127.0.0.1:$second:81@loadbalancer\"]"
	expect 2 plan --detailed-exitcode
	if k3d version | grep -qE 'v5\.[5-8]\.'; then
		has out 'takes no port away, 5.9 does'
		has out '1 to add, 0 to change, 1 to destroy'
	else
		has out '0 to add, 1 to change, 0 to destroy'
	fi
	expect 0 apply --yes
	equal 'ports' "{\"81/tcp\":\"127.0.0.1:$second\"}" "$(output ports)"
	no_changes
	expect 0 destroy --yes
}

test_the_kubeconfig_of_the_user_is_shared_only_when_asked() {
	mkdir -p ~/.kube
	cat >~/.kube/config <<-'YML'
	# written by hand
	apiVersion: v1
	kind: Config
	clusters:
	- name: mine
	  cluster: { server: https://mine.test }
	contexts:
	- name: mine
	  context: { cluster: mine, user: mine }
	current-context: mine
	users:
	- name: mine
	  user: {}
	YML
	chmod 600 ~/.kube/config
	cp ~/.kube/config before
	environment 'loadBalancer: false' 'kubeApi: { hostIp: 127.0.0.1 }'
	expect 0 apply --yes
	cmp before ~/.kube/config
	environment 'loadBalancer: false' 'kubeApi: { hostIp: 127.0.0.1 }' 'mergeKubeconfig: true'
	expect 0 apply --yes
	equal 'context' mine "$(kubectl --kubeconfig ~/.kube/config config current-context)"
	equal 'API' ok "$(kubectl --kubeconfig ~/.kube/config --context "k3d-$NAME" get --raw /readyz)"
	equal 'mode' 600 "$(stat -c %a ~/.kube/config)"
	environment 'loadBalancer: false' 'kubeApi: { hostIp: 127.0.0.1 }'
	expect 0 apply --yes
	equal 'contexts' mine "$(kubectl --kubeconfig ~/.kube/config config get-contexts -o name)"
	no_changes
	environment 'loadBalancer: false' 'kubeApi: { hostIp: 127.0.0.1 }' 'mergeKubeconfig: true'
	expect 0 apply --yes
	kubectl --kubeconfig ~/.kube/config config use-context "k3d-$NAME" >"$TRASH/out"
	expect 0 destroy --yes
	lacks ~/.kube/config "$NAME"
	equal 'contexts' mine "$(kubectl --kubeconfig ~/.kube/config config get-contexts -o name)"
}

# What the manifest says about agents: the first one, and one that is added to others.
agent_is_as_said() { # NODE
	equal "memory of $1" $((2 << 30)) "$(docker inspect -f '{{.HostConfig.Memory}}' "$1")"
	equal "label of $1" a "$(docker inspect -f '{{index .Config.Labels "team"}}' "$1")"
	equal "ulimit of $1" nofile=4096:8192 \
		"$(docker inspect -f '{{range .HostConfig.Ulimits}}{{.Name}}={{.Soft}}:{{.Hard}}{{end}}' "$1")"
	equal "mount of $1" shared "$(docker exec "$1" cat /shared/word)"
	equal "env of $1" any "$(docker exec "$1" printenv ROLE)"
	equal "labels and taints of node $1" 'back dedicated' "$(in_node server-0 kubectl get "node/$1" \
		-o 'jsonpath={.metadata.labels.tier} {.spec.taints[?(@.key=="dedicated")].key}')"
}

test_an_agent_that_is_added_is_as_the_manifest_says() {
	local agent first
	local -a keys=('loadBalancer: false' 'kubeApi: { hostIp: 127.0.0.1 }' 'volumes: ["./shared:/shared@server:*;agent:*"]'
		'env: ["ROLE=any@all"]' 'k3sArgs: ["--node-taint=dedicated=yes:PreferNoSchedule@agent:*"]'
		'nodeLabels: ["tier=back@agent:*"]'
		'runtime: { agentsMemory: 2g, labels: ["team=a@agent:*"], ulimits: [{ name: nofile, soft: 4096, hard: 8192 }] }')
	mkdir shared && echo shared >shared/word
	environment "${keys[@]}"
	expect 0 apply --yes
	first=$(container server-0 '{{.Id}}')
	environment "${keys[@]}" 'agents: 2'
	expect 2 plan --detailed-exitcode
	has out '0 to add, 1 to change, 0 to destroy'
	expect 0 apply --yes
	lacks err 'level=info'
	for agent in $(docker ps --format '{{.Names}}' | grep "$NAME-agent"); do agent_is_as_said "$agent"; done
	equal agents 2 "$(docker ps --format '{{.Names}}' | grep -c "$NAME-agent")"
	no_changes
	environment 'loadBalancer: false' 'kubeApi: { hostIp: 127.0.0.1 }' 'agents: 2' \
		'files: [{ source: "a\n", destination: /etc/text }]'
	expect 0 apply --yes
	# What k3d cannot give to an agent that comes later is a new cluster, and the plan says so.
	environment 'loadBalancer: false' 'kubeApi: { hostIp: 127.0.0.1 }' 'agents: 3' \
		'files: [{ source: "a\n", destination: /etc/text }]'
	expect 2 plan --detailed-exitcode
	has out 'k3d puts no files into an agent that is added'
	has out '1 to add, 0 to change, 1 to destroy'
	[[ $(container server-0 '{{.Id}}') != "$first" ]] || fail 'files came without a new cluster'
	expect 0 destroy --yes
}

# The class local-path of k3s binds a volume to the node that it lies on.
volume_on() { # NODE
	docker exec -i "k3d-$NAME-server-0" kubectl apply -f - >"$TRASH/out" <<-YML
	apiVersion: v1
	kind: PersistentVolume
	metadata: { name: held }
	spec:
	  capacity: { storage: 1Mi }
	  accessModes: [ReadWriteOnce]
	  local: { path: /tmp }
	  nodeAffinity:
	    required:
	      nodeSelectorTerms:
	        - matchExpressions: [{ key: kubernetes.io/hostname, operator: In, values: ["$1"] }]
	YML
}

test_an_agent_that_holds_a_volume_goes_last_and_only_when_that_is_allowed() {
	environment 'loadBalancer: false' 'kubeApi: { hostIp: 127.0.0.1 }' 'agents: 2'
	expect 0 apply --yes
	volume_on "k3d-$NAME-agent-1"
	environment 'loadBalancer: false' 'kubeApi: { hostIp: 127.0.0.1 }' 'agents: 1'
	expect 2 plan --detailed-exitcode
	lacks out 'lose'
	expect 0 apply --yes
	equal 'nodes' "k3d-$NAME-agent-1 k3d-$NAME-server-0" "$(nodes)"
	no_changes
	environment 'loadBalancer: false' 'kubeApi: { hostIp: 127.0.0.1 }' 'agents: 0'
	expect 2 plan --detailed-exitcode
	has out "the data of volume held on agent k3d-$NAME-agent-1 is lost"
	expect 3 apply --yes
	equal 'nodes' "k3d-$NAME-agent-1 k3d-$NAME-server-0" "$(nodes)"
	expect 0 apply --yes --allow-data-loss k3d_cluster.dev
	equal 'nodes' "k3d-$NAME-server-0" "$(nodes)"
	no_changes
	expect 0 destroy --yes
}

# Data that shall outlive a cluster lies in a Docker volume of ours, which all nodes have.
data() {
	cat <<-YML
	    - { type: docker_volume, name: data, volumeName: $NAME-data }
	    - type: kubernetes_manifest
	      name: db
	      cluster: { kubeconfig: "\${k3d_cluster.dev.kubeconfig}" }
	      namespace: default
	      manifest:
	        apiVersion: v1
	        kind: List
	        items:
	          - apiVersion: v1
	            kind: PersistentVolume
	            metadata: { name: db }
	            spec:
	              capacity: { storage: 1Gi }
	              accessModes: [ReadWriteOnce]
	              persistentVolumeReclaimPolicy: Retain
	              storageClassName: ""
	              claimRef: { namespace: default, name: db }
	              hostPath: { path: /data/db, type: DirectoryOrCreate }
	          - apiVersion: v1
	            kind: PersistentVolumeClaim
	            metadata: { name: db, namespace: default }
	            spec:
	              accessModes: [ReadWriteOnce]
	              storageClassName: ""
	              volumeName: db
	              resources: { requests: { storage: 1Gi } }
	          - apiVersion: v1
	            kind: Pod
	            metadata: { name: db, namespace: default }
	            spec:
	              terminationGracePeriodSeconds: 0
	              volumes: [{ name: db, persistentVolumeClaim: { claimName: db } }]
	              containers:
	                - name: db
	                  image: $BUSYBOX_IMAGE
	                  imagePullPolicy: Never
	                  volumeMounts: [{ name: db, mountPath: /db }]
	                  command: [sh, -c, "[ -f /db/born ] || cat /proc/sys/kernel/random/uuid >/db/born; sleep 3600"]
	YML
}
born() { in_node server-0 kubectl exec db -- cat /db/born; }

test_a_docker_volume_of_ours_survives_a_replaced_cluster() {
	local volumes='volumes: ["${docker_volume.data.name}:/data@server:*"]' first
	data >others
	environment 'loadBalancer: false' 'kubeApi: { hostIp: 127.0.0.1 }' "$volumes"
	expect 0 apply --yes
	wait_until 30 born >"$TRASH/out" 2>&1
	first=$(born)
	environment 'loadBalancer: false' 'kubeApi: { hostIp: 127.0.0.1 }' "$volumes" 'nodeLabels: ["kind=new@server:0"]'
	expect 2 plan --detailed-exitcode
	has out 'it goes with k3d_cluster.dev and is made again'
	lacks out 'docker_volume.data'
	expect 0 apply --yes
	wait_until 30 born >"$TRASH/out" 2>&1
	equal 'data' "$first" "$(born)"
	no_changes
	expect 0 destroy --yes
	docker volume inspect "$NAME-data" >"$TRASH/out"
	expect 0 destroy --yes --volumes
	[[ -z $(docker volume ls -q | grep -F "$NAME") ]] || fail 'a volume is left'
	no_rest
}

run_tests "$@"
