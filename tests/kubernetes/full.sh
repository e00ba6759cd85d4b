#!/bin/bash
# examples/full, the whole of it: one plan before anything exists, one apply, nothing to do afterwards,
# nothing left at the end. On a cluster, without one, and twice on one engine.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/kubernetes.sh
. "${BASH_SOURCE%/*}/../lib/kubernetes.sh"
# shellcheck source=tests/lib/full.sh
. "${BASH_SOURCE%/*}/../lib/full.sh"

full_tools

in_cluster() { kubectl --kubeconfig "$(full_kubeconfig)" -n my-project "$@"; }
about() { in_cluster get --raw /api/v1/namespaces/my-project/services/api:http/proxy/cgi-bin/about; }
# The proxy of the API server and a port of a node are not what the manifest lets in.
let_in() { # SERVICE
	in_cluster create -f - >"$TRASH/out" <<-YML
	apiVersion: networking.k8s.io/v1
	kind: NetworkPolicy
	metadata: { name: let-in }
	spec: { podSelector: { matchLabels: { app.kubernetes.io/instance: $1 } }, ingress: [{}] }
	YML
}
expected_about() {
	printf '%s\n' 'Welcome to the shop.' 'network 10.16.0.0/16' 'password 13 characters' 'database yes' \
		'mail yes' 'cache yes'
}
about_has() { [[ $(about 2>/dev/null) == *"$1"* ]]; }
reaches_all() { [[ $(about 2>/dev/null) == "$(expected_about)" ]]; }
query() { in_cluster exec database-0 -c postgresql -- psql -h 127.0.0.1 -U app -d myapp -Atc "$1"; }

test_the_whole_sample_is_one_plan_and_one_apply() {
	local mail
	full_place
	# Before anything exists; unknown is only what follows from what does not.
	expect 2 plan --detailed-exitcode
	has out 'Plan: 19 to add, 0 to change, 0 to destroy.'
	has out 'replicaCount: 2'
	has out 'region: "eu"'
	lacks out hunter2hunter
	equal 'nothing was made' '' "$(full_remains)"

	expect 0 apply --yes
	has out '19 added'
	no_changes
	equal policies 'api-isolation database-isolation migrate' \
		"$(in_cluster get networkpolicy -o 'jsonpath={.items[*].metadata.name}')"
	let_in api
	wait_until 30 reaches_all
	equal migrations 1 "$(query 'SELECT count(*) FROM migrations')"
	equal nodes 3 "$(in_cluster get nodes -o name | grep -c .)"
	equal replicas 2 "$(in_cluster get deployment api -o 'jsonpath={.status.readyReplicas}')"
	equal limits '{"cpu":"500m","memory":"256Mi"}' "$(in_cluster get deployment api \
		-o 'jsonpath={.spec.template.spec.containers[0].resources.limits}')"
	equal claim 'local-path 1Gi' "$(in_cluster get pvc postgres-data \
		-o 'jsonpath={.spec.storageClassName} {.spec.resources.requests.storage}')"
	equal host api.localhost "$(in_cluster get ingress api -o 'jsonpath={.spec.rules[0].host}')"
	! grep -rqF hunter2hunter "$DEVENV_HOME" || fail 'the password is in clear'

	# The other way: a container of the engine reaches the pods by the name of a node.
	in_cluster expose deployment api --type NodePort --name reached >"$TRASH/out"
	mail=$(docker ps -q --filter "label=dev.devenv.address=docker_container.mailhog" --filter "publish=$((FULL_PORT + 2))")
	wait_until 20 docker exec "$mail" wget -qO "/www/got" "http://k3d-$FULL_NAME-agent-0:$(in_cluster get service reached \
		-o 'jsonpath={.spec.ports[0].nodePort}')/health"
	equal 'what the container got' well "$(docker exec "$mail" cat /www/got)"

	# One change, where it belongs: the region goes through Terraform into the chart.
	expect 0 apply --yes --var region=us
	wait_until 30 about_has 'network 10.17.0.0/16' # the proxy hears a moment later which pods there are
	# A file of configuration makes new pods of those who read it.
	echo 'Closed.' >config/greeting
	expect 0 apply --yes --var region=us
	wait_until 30 about_has 'Closed.'
	equal 'migrations: not again' 1 "$(query 'SELECT count(*) FROM migrations')"
	no_changes --var region=us

	expect 0 destroy --yes --volumes
	equal remains '' "$(full_remains)"
	no_rest
}

test_the_same_without_a_cluster() {
	full_place
	expect 2 plan -e docker --detailed-exitcode
	expect 0 apply --yes -e docker
	no_changes -e docker
	equal 'what the api reaches' "$(expected_about)" \
		"$(curl -fsS --max-time 60 "http://127.0.0.1:$((FULL_PORT + 3))/cgi-bin/about")"
	equal 'by its name' well "$(curl -fsS --max-time 60 --resolve "api.localhost:$((FULL_PORT + 4)):127.0.0.1" \
		"http://api.localhost:$((FULL_PORT + 4))/health")"
	expect 0 destroy --yes -e docker --volumes
	equal remains '' "$(full_remains)"
	no_rest
}

# Two homes, two clusters, one engine.
test_two_of_them_leave_each_other_alone() {
	local first
	full_place "dwf-$$-a" "$FULL_FREE"
	expect 0 apply --yes
	let_in api
	first=$(full_remains)
	mkdir "$TRASH/other"
	cd "$TRASH/other"
	(
		trap 'set +e; full_clear' EXIT
		export DEVENV_HOME=$TRASH/other-home
		mkdir -p "$DEVENV_HOME"
		full_place "dwf-$$-b" $((FULL_FREE + 10))
		expect 0 apply --yes
		no_changes
		let_in api
		wait_until 30 reaches_all
		trap - EXIT
	)
	cd "$TRASH/project"
	no_changes
	equal 'what the first has' "$first" "$(full_remains)"
	DEVENV_HOME=$TRASH/other-home expect 0 destroy -C "$TRASH/other" --yes --volumes
	no_changes
	equal 'what the first has' "$first" "$(full_remains)"
	wait_until 30 reaches_all
	expect 0 destroy --yes --volumes
	equal remains '' "$(FULL_NAME=dwf-$$ full_remains)"
}

run_tests "$@"
