#!/bin/bash
# What lives in a cluster that is made in the same plan: there, asleep, gone with it, made again with it.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/kubernetes.sh
. "${BASH_SOURCE%/*}/../lib/kubernetes.sh"

cluster_tools
NAME=dw-$$

environment() { # VALUE [KEY: VALUE...]: of the ConfigMap; more of the cluster
	local value=$1
	shift
	trap clean EXIT
	manifest <<-YML
	spec:
	  resources:
	    - type: k3d_cluster
	      name: dev
	      clusterName: $NAME
	      image: $K3S_IMAGE
	      kubeApi: { hostIp: 127.0.0.1 }
	      loadBalancer: false
	$(printf '      %s\n' "$@")
	    - type: kubernetes_manifest
	      name: settings
	      cluster: { kubeconfig: "\${k3d_cluster.dev.kubeconfig}" }
	      namespace: default
	      manifest:
	        apiVersion: v1
	        kind: ConfigMap
	        metadata: { name: settings }
	        data: { value: "$value" }
	  outputs:
	    kubeconfig: { value: "\${k3d_cluster.dev.kubeconfig}" }
	YML
}
clean() { k3d cluster delete "$NAME" >/dev/null 2>&1 || true; }

value() {
	kubectl --kubeconfig "$("$DEVENV" outputs kubeconfig)" get configmap settings -o 'jsonpath={.data.value}'
}

test_a_cluster_and_what_lives_in_it_are_one_plan() {
	environment one
	expect 2 plan --detailed-exitcode
	has out 'kubernetes_manifest.settings'
	has out '(known after apply)'
	has out 'Plan: 2 to add, 0 to change, 0 to destroy.'
	expect 0 apply --yes
	equal value one "$(value)"
	no_changes

	# The machine was restarted: one start, and a change in the cluster waits for it.
	docker stop -t 1 "k3d-$NAME-server-0" >/dev/null
	expect 2 plan --detailed-exitcode
	has out '0 to add, 0 to change, 0 to destroy, 1 to start'
	environment two
	expect 0 apply --yes
	equal value two "$(value)"
	no_changes

	# Another cluster: what lived in the old one is made again.
	environment two 'nodeLabels: ["kind=new@server:0"]'
	expect 2 plan --detailed-exitcode
	has out 'it goes with k3d_cluster.dev and is made again'
	expect 0 apply --yes
	equal value two "$(value)"
	no_changes

	# Removed behind our back.
	k3d cluster delete "$NAME" >/dev/null 2>&1
	expect 2 plan --detailed-exitcode
	has out 'Plan: 2 to add, 0 to change, 0 to destroy.'
	expect 0 apply --yes
	equal value two "$(value)"

	expect 0 destroy --yes
	has out 'k3d_cluster.dev'
	equal 'records' 0 "$(state_query 'SELECT count(*) FROM record')"
	equal 'containers' '' "$(docker ps -a --format '{{.Names}}' | grep -F "$NAME" || true)"
	no_rest
}

run_tests "$@"
