#!/bin/bash
# Clusters of k3d as resources, with real nodes: made, changed in place, put to sleep, killed half-made,
# taken over, removed. No debris, ever.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/kubernetes.sh
. "${BASH_SOURCE%/*}/../lib/kubernetes.sh"

cluster_tools
NAME=dv-$$

environment() { # [KEY: VALUE...]: more of the cluster
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
	  outputs:
	    kubeconfig: { value: "\${k3d_cluster.dev.kubeconfig}" }
	    nodes: { value: "\${k3d_cluster.dev.nodes}" }
	YML
}
clean() { k3d cluster delete "$NAME" >/dev/null 2>&1; docker network rm "k3d-$NAME" >/dev/null 2>&1 || true; }

# Everything on the engine that bears the name.
remains() {
	docker ps -a --format '{{.Names}}' | grep -F "$NAME" || true
	docker volume ls -q | grep -F "$NAME" || true
	docker network ls --format '{{.Name}}' | grep -F "$NAME" || true
}
no_remains() { equal 'remains' '' "$(remains)"; }

nodes_ready() {
	kubectl --kubeconfig "$(output kubeconfig)" get nodes \
		-o 'jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}'
}
output() { "$DEVENV" outputs "$1" --json 2>/dev/null </dev/null | tail -n 1 | jq -r '.value // .'; }

test_a_cluster_lives_sleeps_wakes_and_goes() {
	environment
	expect 0 apply --yes
	no_changes
	equal 'nodes' True "$(nodes_ready)"
	equal 'mode of the kubeconfig' 600 "$(stat -c %a "$("$DEVENV" outputs kubeconfig)")"
	[[ ! -e ~/.kube/config ]] || fail 'the kubeconfig of the user was touched'
	# Stopped behind our back: one change, and what it is.
	docker stop -t 1 "k3d-$NAME-server-0" >/dev/null
	expect 2 plan --detailed-exitcode
	has out 'k3d_cluster.dev'
	has out 'it should run and does not'
	has out 'Plan: 0 to add, 0 to change, 0 to destroy, 1 to start.'
	expect 0 apply --yes
	equal 'nodes' True "$(nodes_ready)"
	no_changes
	expect 0 stop k3d_cluster.dev
	no_changes
	expect 0 start k3d_cluster.dev
	no_changes
	expect 0 destroy --yes
	no_remains
	no_rest
}

test_agents_come_and_go_in_place() {
	environment 'agents: 0'
	expect 0 apply --yes
	environment 'agents: 1'
	expect 2 plan --detailed-exitcode
	has out '0 to add, 1 to change, 0 to destroy'
	expect 0 apply --yes
	equal 'nodes' 'True True' "$(nodes_ready)"
	no_changes
	# An agent removed by hand is drift.
	k3d node delete "$(docker ps --format '{{.Names}}' | grep "$NAME-agent")" >/dev/null 2>&1
	expect 2 plan --detailed-exitcode
	has out 'drift: changed outside devenv'
	expect 0 apply --yes
	environment 'agents: 0'
	expect 0 apply --yes
	equal 'nodes' True "$(nodes_ready)"
	no_changes
	expect 0 destroy --yes
	no_remains
}

# Runs devenv until k3d has come so far, and kills both: k3d has no signal handler, so whatever it has made or
# removed by then stays so.
killed_when() { # COMMAND-OF-K3D CONDITION... -- ARGUMENT...
	local k3d=$1 condition=()
	shift
	while [[ $1 != -- ]]; do condition+=("$1") && shift; done
	"$DEVENV" "${@:2}" </dev/null >"$TRASH/out" 2>"$TRASH/err" &
	wait_until 180 "${condition[@]}"
	kill -9 $! 2>/dev/null || true # what it does may have come to its end meanwhile
	pkill -9 -f "$k3d.*$NAME" || true
	wait $! 2>/dev/null || true
}
has_network() { docker network ls --format '{{.Name}}' | grep -q "k3d-$NAME"; }
has_volume() { docker volume ls -q | grep -q "k3d-$NAME"; }
has_container() { docker ps -a --format '{{.Names}}' | grep -q "k3d-$NAME-$1"; }
has_started() { docker ps --format '{{.Names}}' | grep -q "k3d-$NAME-$1"; }
has_lost() { ! has_container "$1"; }

test_a_creation_that_was_killed_is_started_over() {
	environment 'agents: 1'
	killed_when 'k3d cluster create' has_network -- apply --yes
	killed_when 'k3d cluster create' has_volume -- apply --yes
	killed_when 'k3d cluster create' has_container tools -- apply --yes
	killed_when 'k3d cluster create' has_container server-0 -- apply --yes
	killed_when 'k3d cluster create' has_started agent-0 -- apply --yes
	expect 0 apply --yes
	no_changes
	equal 'nodes' 'True True' "$(nodes_ready)"
	# More agents, and k3d dies over it.
	environment 'agents: 2'
	killed_when 'k3d node create' has_container agent-1 -- apply --yes
	expect 0 apply --yes
	no_changes
	equal 'nodes' 'True True True' "$(nodes_ready)"
	# And over the end of it.
	killed_when 'k3d cluster delete' has_lost agent-0 -- destroy --yes
	expect 0 destroy --yes
	no_remains
	no_rest
}

# The engine ends what it was asked for by a k3d that is dead: here, when the next one begins.
test_a_node_that_comes_after_the_death_of_its_k3d_is_no_obstacle() {
	local real
	environment
	real=$(command -v k3d)
	mkdir bin
	cat >bin/k3d <<-SH
	#!/bin/sh
	case "\$*" in "cluster create"*)
		if mkdir "$PWD/died"; then kill -9 \$PPID && exit 1; fi
		mkdir "$PWD/late" && docker create --name "k3d-$NAME-serverlb" --label app=k3d \\
			--label "k3d.cluster=$NAME" --label k3d.role=loadbalancer "$K3S_IMAGE" ;;
	esac >"$TRASH/late" 2>&1
	exec "$real" "\$@"
	SH
	chmod +x bin/k3d
	PATH=$PWD/bin:$PATH
	devenv apply --yes
	equal status 137 "$STATUS"
	expect 0 apply --yes
	there late
	no_changes
	expect 0 destroy --yes
	no_remains
	no_rest
}

test_a_cluster_that_a_stranger_begins_meanwhile_is_left_alone() {
	local real
	environment
	real=$(command -v k3d)
	mkdir bin
	cat >bin/k3d <<-SH
	#!/bin/sh
	case "\$*" in "cluster create"*)
		docker create --name "k3d-$NAME-server-0" --label app=k3d --label "k3d.cluster=$NAME" \\
			--label k3d.role=server "$K3S_IMAGE" ;;
	esac >"$TRASH/stranger" 2>&1
	exec "$real" "\$@"
	SH
	chmod +x bin/k3d
	PATH=$PWD/bin:$PATH
	expect 1 apply --yes
	has err 'a cluster with that name already exists'
	equal 'what is his' "/k3d-$NAME-server-0" "$(docker inspect -f '{{.Name}}' "k3d-$NAME-server-0")"
	docker rm "k3d-$NAME-server-0" >/dev/null
	expect 0 destroy --yes
	no_remains
	no_rest
}

# Only devenv dies: its k3d goes on, and the next run waits for it and takes over what it made.
test_a_creation_whose_parent_died_is_taken_over() {
	environment
	"$DEVENV" apply --yes </dev/null >"$TRASH/out" 2>"$TRASH/err" &
	wait_until 120 made
	kill -9 $! 2>/dev/null || true
	wait $! 2>/dev/null || true
	expect 0 apply --yes
	no_changes
	equal 'creations' 1 "$(docker ps -a --format '{{.Names}}' | grep -c "$NAME-server-0")"
	expect 0 destroy --yes
	no_remains
}
made() { docker ps -a --format '{{.Names}}' | grep -q "$NAME-server-0"; }

test_a_cluster_of_somebody_else_is_left_alone_and_can_be_imported() {
	environment
	k3d cluster create "$NAME" --image "$K3S_IMAGE" --no-lb --kubeconfig-update-default=false >/dev/null 2>&1
	expect 1 plan
	has err 'exists already and is not ours'
	expect 0 import k3d_cluster.dev "$NAME"
	expect 0 apply --yes
	no_changes
	expect 0 destroy --yes
	no_remains
}

run_tests "$@"
