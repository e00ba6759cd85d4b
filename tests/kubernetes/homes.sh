#!/bin/bash
# Two homes on one cluster and one engine: the same project, resources and objects of the same names, in
# namespaces of their own. What one of them does leaves what the other has exactly as it was.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/kubernetes.sh
. "${BASH_SOURCE%/*}/../lib/kubernetes.sh"

cluster_tools
HELM=$("$KUBERNETES_LIB/../tools/build-helm4") || kubernetes_missing build-helm4
NAME=dt-$$

chart() {
	mkdir -p chart/templates
	printf 'apiVersion: v2\nname: settings\nversion: 1.0.0\n' >chart/Chart.yaml
	cat >chart/templates/settings.yaml <<-'YML'
	apiVersion: v1
	kind: ConfigMap
	metadata: { name: of-chart }
	data: { a: "{{ .Values.a }}" }
	YML
}

home() { export DEVENV_HOME=$HOME/$1 && cd "$TRASH/project/$1"; }

# The project of home NAMESPACE, with VALUE in all that it has.
environment() { # NAMESPACE VALUE
	mkdir -p "$TRASH/project/$1"
	home "$1"
	test_home
	chart
	manifest <<-YML
	spec:
	  resources:
	    - { type: docker_network, name: net }
	    - { type: docker_volume, name: data }
	    - type: docker_container
	      name: web
	      image: $BUSYBOX_IMAGE
	      command: [sleep, "3600"]
	      stopSignal: SIGKILL
	      environment: { A: "$2" }
	      networks: [ { name: "\${docker_network.net.name}", aliases: [web] } ]
	      volumes: ["\${docker_volume.data.name}:/data"]
	    - type: kubernetes_manifest
	      name: shop
	      cluster: { kubeconfig: $KUBECONFIG }
	      namespace: $1
	      manifest:
	        - { apiVersion: v1, kind: Namespace, metadata: { name: $1 } }
	        - { apiVersion: v1, kind: ConfigMap, metadata: { name: settings }, data: { a: "$2" } }
	        - { apiVersion: v1, kind: Service, metadata: { name: web }, spec: { selector: { app: web }, ports: [ { port: 80 } ] } }
	        - apiVersion: apps/v1
	          kind: Deployment
	          metadata: { name: web }
	          spec:
	            selector: { matchLabels: { app: web } }
	            template:
	              metadata: { labels: { app: web }, annotations: { a: "$2" } }
	              spec:
	                terminationGracePeriodSeconds: 0
	                containers: [ { name: main, image: "$BUSYBOX_IMAGE", imagePullPolicy: Never, command: [sleep, "3600"] } ]
	    - type: helm_release
	      name: web
	      cluster: { kubeconfig: $KUBECONFIG }
	      namespace: $1
	      releaseName: web
	      chart: ./chart
	      values: { a: "$2" }
	      dependsOn: [kubernetes_manifest.shop]
	YML
}

# All that a home has outside: objects with uid and what was ever written of them, releases among them; what
# the controllers do to what is there is no difference. Containers, networks and volumes as they were made.
has_all() { # NAMESPACE
	local kinds
	kinds=namespaces,configmaps,secrets,services,deployments.apps,replicasets.apps,pods,serviceaccounts
	kubectl get "${kinds#*,}" -n "$1" -o json | jq -c '.items[] |
		select(.metadata.deletionTimestamp == null) | [.kind, .metadata.name, .metadata.uid,
		.metadata.generation, .metadata.labels, .metadata.annotations, .data, .spec]' | sort
	kubectl get namespace "$1" -o json | jq -c '[.metadata.uid, .metadata.labels, .metadata.annotations]'
	in_engine "$(environment_id)"
}
environment_id() { state_query 'SELECT id FROM environment'; }
in_engine() { # ENVIRONMENT
	docker ps -a --no-trunc --filter "label=dev.devenv.environment=$1" --format '{{.ID}}' | sort |
		xargs -r docker inspect -f '{{.Id}} {{.Name}} {{.State.StartedAt}} {{.RestartCount}} {{json .Config}}'
	docker network ls --no-trunc --filter "label=dev.devenv.environment=$1" --format '{{.ID}} {{.Name}}' | sort
	docker volume ls --filter "label=dev.devenv.environment=$1" -q | sort |
		xargs -r docker volume inspect -f '{{.Name}} {{.CreatedAt}} {{json .Labels}}'
}
remember() { has_all "$1" >"$TRASH/$1.had"; }
as_it_was() { # NAMESPACE
	has_all "$1" >"$TRASH/$1.has"
	diff -u "$TRASH/$1.had" "$TRASH/$1.has" >"$TRASH/out" || fail "$1 is not as it was"
}
is_complete() { # NAMESPACE: nothing of it is counted that is not there
	equal "containers of $1" 1 "$(grep -c StartedAt\\\|3600 <(in_engine "$(environment_id)"))"
	grep -q '"Deployment","web"' "$TRASH/$1.had" || fail "no Deployment in $1"
	grep -q '"Pod","web-' "$TRASH/$1.had" || fail "no pod in $1"
	grep -q 'sh.helm.release.v1.web.v1' "$TRASH/$1.had" || fail "no release in $1"
}

# What a test that failed has left on the engine.
clean() {
	local home of
	for home in "$HOME"/left "$HOME"/right; do
		[[ -f $home/state.db ]] || continue
		of=label=dev.devenv.environment=$(DEVENV_HOME=$home environment_id)
		docker ps -aq --filter "$of" | xargs -r docker rm -fv
		docker network ls -q --filter "$of" | xargs -r docker network rm
		docker volume ls -q --filter "$of" | xargs -r docker volume rm
	done >/dev/null 2>&1
	kubernetes_end
}

test_neither_of_two_homes_touches_what_the_other_has() {
	mkdir bin && ln -s "$HELM" bin/helm && PATH=$PWD/bin:$PATH
	cluster_start "$NAME"
	trap clean EXIT
	environment left 1
	expect 0 apply --yes
	home left
	remember left
	is_complete left

	# The other comes, with the same names: nothing of the first is seen, taken or listed.
	environment right 1
	expect 2 plan --detailed-exitcode
	has out 'Plan: 5 to add, 0 to change, 0 to destroy.'
	lacks out 'Not recorded'
	expect 0 apply --yes
	remember right
	is_complete right
	home left
	as_it_was left
	no_changes

	# It changes all that it has.
	environment right 2
	expect 2 plan --detailed-exitcode
	home left
	as_it_was left
	home right
	expect 0 apply --yes
	no_changes
	remember right
	home left
	as_it_was left
	no_changes

	# One stops, starts and goes, with its data: the other runs on.
	expect 0 stop
	home right
	as_it_was right
	no_changes
	home left
	expect 0 start
	expect 0 destroy --yes --volumes
	! kubectl get namespace left >/dev/null 2>&1 || fail 'the namespace is still there'
	equal 'of the first' '' "$(in_engine "$(environment_id)")"
	no_rest
	home right
	as_it_was right
	no_changes

	# And it comes again beside the other.
	environment left 3
	expect 0 apply --yes
	home right
	as_it_was right
	expect 0 destroy --yes --volumes
	equal 'of the second' '' "$(in_engine "$(environment_id)")"
	home left
	no_changes
	expect 0 destroy --yes --volumes
	cluster_stop "$NAME"
}

run_tests "$@"
