#!/bin/bash
# The Kubernetes that other tests stand on, without devenv: a bare API, and a cluster of k3d with real
# pods. Both must be what they claim, and leave nothing behind.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/kubernetes.sh
. "${BASH_SOURCE%/*}/../lib/kubernetes.sh"

api_tools
cluster_tools

# k COMMAND...: what kubectl says goes to out and err
k() { kubectl "$@" >"$TRASH/out" 2>"$TRASH/err"; }
says() { # TEXT COMMAND...: for wait_until
	local text=$1
	shift
	k "$@" && grep -qF -- "$text" "$TRASH/out"
}

test_a_bare_api_keeps_objects_and_is_gone_afterwards() {
	api_start
	k create configmap one --from-literal a=1
	k get configmap one -o 'jsonpath={.data.a}'
	equal 'what was put there' 1 "$(cat "$TRASH/out")"
	local pid pids
	pids=$(cat "$TRASH"/api/*.pid)
	api_stop
	gone "$TRASH/api"
	! k get configmap one --request-timeout 1s || fail 'it still answers'
	for pid in $pids; do wait_until 10 ended "$pid"; done
}
ended() { [[ ! -e /proc/$1 ]]; }

test_a_killed_api_comes_back_with_its_objects() {
	api_start
	k create configmap one
	kill -9 "$(cat "$TRASH/api/kube-apiserver.pid")" "$(cat "$TRASH/api/etcd.pid")"
	! k get configmap one --request-timeout 1s || fail 'it still answers'
	api_start
	k get configmap one
}

test_a_narrow_user_may_do_one_thing() {
	api_start
	export KUBECONFIG=$TRASH/api/narrow.kubeconfig
	k -n narrow create configmap mine
	! k -n default get configmaps || fail 'it may look elsewhere'
	has err 'User "narrow" cannot list resource "configmaps"'
	! k -n narrow create secret generic hidden || fail 'it may write secrets'
	has err 'User "narrow" cannot create resource "secrets"'
}

test_controllers_make_what_objects_ask_for() {
	api_start --controllers
	k create deployment web --image none --replicas 2
	wait_until 10 says '2' get replicasets -o 'jsonpath={.items[0].status.replicas}'
	k create namespace short
	k delete namespace short --timeout 20s
	! k get namespace short || fail 'it is still there'
}

# What an engine has, and what the machine has because of it.
debris() {
	docker ps -aq --no-trunc
	docker network ls --no-trunc --format '{{.Name}}'
	docker volume ls -q
	grep -c "^${DOCKER_SOCK%/*}/" <(awk '{ print $2 }' /proc/mounts) || true
}

web_server() {
	kubectl apply -f - <<-YML
	apiVersion: v1
	kind: PersistentVolumeClaim
	metadata: { name: data }
	spec:
	  accessModes: [ReadWriteOnce]
	  resources: { requests: { storage: 1Mi } }
	---
	apiVersion: apps/v1
	kind: Deployment
	metadata: { name: web }
	spec:
	  replicas: 2
	  selector: { matchLabels: { app: web } }
	  template:
	    metadata: { labels: { app: web } }
	    spec:
	      terminationGracePeriodSeconds: 0
	      # One on each node, so that what asks meets both.
	      topologySpreadConstraints:
	        - maxSkew: 1
	          topologyKey: kubernetes.io/hostname
	          whenUnsatisfiable: DoNotSchedule
	          labelSelector: { matchLabels: { app: web } }
	      containers:
	        - name: web
	          image: $BUSYBOX_IMAGE
	          command: [sh, -c, 'echo started; echo hello >/srv/index.html; exec httpd -f -p 80 -h /srv']
	          readinessProbe: { httpGet: { port: 80, path: /index.html }, periodSeconds: 1 }
	          volumeMounts: [{ name: data, mountPath: /srv }]
	      volumes: [{ name: data, persistentVolumeClaim: { claimName: data } }]
	---
	apiVersion: v1
	kind: Service
	metadata: { name: web }
	spec:
	  type: NodePort
	  selector: { app: web }
	  ports: [{ port: 80, nodePort: 30080 }]
	YML
}

fetched() { # URL WANTED
	[[ $(curl -s --max-time 2 "$1") == "$2" ]]
}

test_a_cluster_runs_pods_on_all_its_nodes_and_is_gone_afterwards() {
	local before port ip group groups
	port=$(free_port)
	before=$(debris)
	cluster_start proof --agents 1 --port "127.0.0.1:$port:30080@loadbalancer"
	equal 'nodes' 2 "$(kubectl get nodes -o name | wc -l)"
	web_server >"$TRASH/out"
	k rollout status deployment/web --timeout 60s
	equal 'nodes with a pod' 2 "$(kubectl get pods -l app=web -o jsonpath='{range .items[*]}{.spec.nodeName}{"\n"}{end}' | sort -u | wc -l)"

	# From the host through k3d's load balancer, from a pod by name, to each pod from the other node.
	wait_until 20 fetched "http://127.0.0.1:$port/" hello
	k run ask --image "$BUSYBOX_IMAGE" --restart Never --command -- sleep 600
	k wait pod/ask --for condition=Ready --timeout 30s
	wait_until 20 says hello exec ask -- timeout 5 wget -qO- http://web.default.svc.cluster.local/
	for ip in $(kubectl get pods -l app=web -o jsonpath='{.items[*].status.podIP}'); do
		k exec ask -- timeout 5 wget -qO- "http://$ip/"
		has out hello
	done
	k logs -l app=web
	has out started

	k delete deployment,service,pod,pvc --all --timeout 60s
	wait_until 30 no_volumes
	groups=$(docker ps -q --no-trunc | while read -r id; do find /sys/fs/cgroup -type d -path "*$id*"; done)
	[[ $groups == */k8s.io* ]] || fail 'pods have no control groups'
	cluster_stop proof
	for group in $groups; do gone "$group"; done
	equal 'what is left on the engine' "$before" "$(debris)"
}
no_volumes() { [[ -z $(kubectl get persistentvolumes -o name) ]]; }

test_a_cluster_that_is_stopped_and_started_has_its_objects() {
	cluster_start again
	k create configmap one
	k create deployment idle --image "$BUSYBOX_IMAGE" -- sleep 600
	k rollout status deployment/idle --timeout 60s
	k3d cluster stop again >"$TRASH/out" 2>&1
	k3d cluster start again --wait --timeout 120s >"$TRASH/out" 2>&1
	k get configmap one
	k wait node --all --for condition=Ready --timeout 60s
	k rollout status deployment/idle --timeout 60s
}

test_an_image_of_the_engine_comes_into_a_cluster() {
	cluster_start filled
	docker tag "$BUSYBOX_IMAGE" devenv-tests/imported:7
	k3d image import --mode tools-node -c filled devenv-tests/imported:7 >"$TRASH/out" 2>&1
	docker rmi devenv-tests/imported:7 >"$TRASH/out"
	k run it --image devenv-tests/imported:7 --image-pull-policy Never --restart Never --command -- sleep 600
	k wait pod/it --for condition=Ready --timeout 30s
}

nodes() { kubectl get nodes -o jsonpath='{range .items[*]}{.metadata.name}{"\n"}{end}' | grep -c "$1"; }

test_servers_and_agents_join_later_and_pull_from_a_registry() {
	local port
	port=$(free_port)
	registry_start store "$port"
	cluster_start grown --servers 2 --registry-use k3d-store:5000
	equal servers 2 "$(nodes k3d-grown-server)"
	k3d node create late --cluster grown --role agent --image "$K3S_IMAGE" --wait --timeout 60s >"$TRASH/out" 2>&1
	k wait node/k3d-late-0 --for condition=Ready --timeout 30s
	k3d node create more --cluster grown --role server --image "$K3S_IMAGE" --wait --timeout 60s >"$TRASH/out" 2>&1
	k wait node/k3d-more-0 --for condition=Ready --timeout 30s
	docker exec k3d-grown-serverlb grep -q 'server k3d-more-0:6443' /run/nginx.conf ||
		fail 'the load balancer does not know the new server'

	docker tag "$BUSYBOX_IMAGE" "127.0.0.1:$port/pushed:1"
	docker push "127.0.0.1:$port/pushed:1" >"$TRASH/out" 2>"$TRASH/err"
	docker rmi "127.0.0.1:$port/pushed:1" >"$TRASH/out"
	k run pulled --image k3d-store:5000/pushed:1 --restart Never --command -- sleep 600
	k wait pod/pulled --for condition=Ready --timeout 30s

	# What the first server alone does, etcd, is gone for a moment; the objects are not.
	docker restart -t 1 k3d-grown-server-0 >"$TRASH/out"
	wait_until 60 says pulled get pods -o name
	k create configmap afterwards
}

run_tests "$@"
