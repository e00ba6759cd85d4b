#!/bin/bash
# networking.isolation by packets: who gets through to whom on a cluster that holds pods to policies.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/kubernetes.sh
. "${BASH_SOURCE%/*}/../lib/kubernetes.sh"

cluster_tools
NAME=dwp-$$
PORT=$(free_port)

environment() { # ISOLATION
	trap clean EXIT
	local serve="[sh, -c, 'mkdir -p /tmp/www && echo page >/tmp/www/page && exec httpd -f -p 8080 -h /tmp/www']"
	manifest <<-YML
	spec:
	  cluster:
	    name: dev
	    k3d: { clusterName: $NAME, image: "$K3S_IMAGE", kubeApi: { hostIp: 127.0.0.1 } }
	  networking: { ingress: { class: none, domain: localhost, namespace: gateway }, isolation: $1 }
	  services:
	    - { name: store, image: "$BUSYBOX_IMAGE", entrypoint: $serve, replicas: 2, ports: ["8080"], readiness: { path: /page, port: 8080 } }
	    - name: web
	      image: "$BUSYBOX_IMAGE"
	      entrypoint: $serve
	      ports: [ { name: http, port: 80, targetPort: 8080 } ]
	      readiness: { path: /page, port: 8080 }
	      dependencies: [store]
	    - { name: shown, image: "$BUSYBOX_IMAGE", entrypoint: $serve, ports: ["127.0.0.1:$PORT:8080"], readiness: { path: /page, port: 8080 } }
	    - { name: other, image: "$BUSYBOX_IMAGE", entrypoint: [sleep, "10000"] }
	  outputs: { kubeconfig: { value: "\${cluster.kubeconfig}" } }
	YML
}
clean() { k3d cluster delete "$NAME" >/dev/null 2>&1 || true; }
k() { kubectl --kubeconfig "$("$DEVENV" outputs kubeconfig)" "$@"; }

# Pods that the environment has nothing to do with: of who brings what comes from outside, and of others.
others() {
	local name
	for name in gateway away; do
		k create namespace $name
		k -n $name run $name --image "$BUSYBOX_IMAGE" --restart=Never --command -- \
			sh -c 'mkdir -p /tmp/www && echo page >/tmp/www/page && exec httpd -f -p 8080 -h /tmp/www'
		k -n $name wait "pod/$name" --for condition=Ready --timeout 240s
	done >"$TRASH/others"
}
enforce() { docker exec -i "k3d-$NAME-server-0" bash -s <"$KUBERNETES_LIB/policies.sh" >"$TRASH/out" 2>"$TRASH/err" || fail "no policies"; }

ask() { # NAMESPACE POD URL
	k -n "$1" exec "$2" -- timeout 5 wget -qO- "http://$3/page" >"$TRASH/page" 2>"$TRASH/why"
}
gets_page() { ask "$@" && [[ $(cat "$TRASH/page") == page ]]; }
reaches() { wait_until 30 gets_page "$@"; }
is_kept_from() {
	! ask "$@" || fail "$2 reaches $3"
	has "$TRASH/why" 'exit code 143' # no answer, rather than another one
}
address() { k -n "$1" get "$2" -o 'jsonpath={.status.podIP}'; }
has_page() { [[ $(curl -fsS --max-time 5 "http://127.0.0.1:$PORT/page" 2>/dev/null) == page ]]; }

test_isolation_is_kept_by_packets() {
	need jq
	local away
	local -a stores
	environment default
	expect 0 apply --yes
	others
	away=$(address away pod/away):8080
	readarray -t stores < <(k -n test get pods -l app.kubernetes.io/instance=store -o name)
	reaches test deploy/other store:8080 # no one holds the pods to anything yet
	enforce
	reaches test deploy/web store:8080
	reaches test "${stores[0]}" "$(address test "${stores[1]}"):8080"
	is_kept_from test deploy/other store:8080
	is_kept_from test deploy/other web
	is_kept_from test deploy/store web
	is_kept_from away away store.test:8080
	reaches gateway gateway store.test:8080
	reaches gateway gateway web.test
	reaches test deploy/other shown:8080
	reaches test deploy/other "$away"
	wait_until 30 has_page

	environment strict
	expect 0 apply --yes
	enforce
	reaches test deploy/web store:8080
	reaches test "${stores[0]}" "$(address test "${stores[1]}"):8080"
	is_kept_from test deploy/web "$away"
	is_kept_from test deploy/other "$away"
	is_kept_from test deploy/other store:8080 # its name is found
	is_kept_from test deploy/other shown:8080
	is_kept_from gateway gateway store.test:8080
	reaches gateway gateway web.test
	wait_until 30 has_page

	environment none
	expect 0 apply --yes
	enforce
	reaches test deploy/other store:8080
	reaches test deploy/web "$away"
	expect 0 destroy --yes
	no_rest
}

run_tests "$@"
