#!/bin/bash
# Engines that are down, come back, or are another: unknown, never gone. Each test starts its own.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/shop.sh
. "${BASH_SOURCE%/*}/../lib/shop.sh"

# engine NAME NETWORK: starts one (again) and speaks to it
engine() {
	DOCKER_HOST=$("$HARNESS_SOURCE/tests/lib/engine.sh" start "$TRASH/$1" dockerd "$2" 2>"$TRASH/err")
	export DOCKER_HOST
	trap '"$HARNESS_SOURCE/tests/lib/engine.sh" stop "$TRASH/one"; "$HARNESS_SOURCE/tests/lib/engine.sh" stop "$TRASH/two"' EXIT
}

# As a machine that loses power: no goodbye.
kill_engine() { # NAME
	"$HARNESS_SOURCE/tests/lib/engine.sh" kill "$TRASH/$1"
}

need_engine() {
	need dockerd ip
	[[ $(id -u) == 0 ]] || skip "starting an engine needs root"
}

environment() {
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: docker_network, name: back }
	    - { type: docker_volume, name: data }
	YML
}

test_an_engine_that_is_down_makes_nothing_gone() {
	need_engine
	engine one 10.212
	environment
	expect 0 apply --yes
	has out '2 added'
	kill_engine one
	devenv plan
	lacks out 'will be created'
	lacks out 'will be destroyed'
	has out 'cannot be seen'
	devenv destroy --yes --volumes
	lacks out 'destroyed in'
	engine one 10.212
	no_changes
	expect 0 destroy --yes --volumes
	no_rest
}

test_another_engine_that_answers_is_told_from_the_one_that_is_recorded() {
	need_engine
	engine one 10.212
	local first=$DOCKER_HOST
	environment
	expect 0 apply --yes
	engine two 10.213
	devenv plan
	has out 'recorded on Docker engine'
	lacks out 'will be created'
	devenv apply --yes
	equal 'networks made on the other engine' '[]' "$(curl -s --unix-socket "${DOCKER_HOST#unix://}" \
		'http://localhost/networks?filters=%7B%22label%22%3A%5B%22dev.devenv.environment%22%5D%7D' |
		tr -d '\n')"
	DOCKER_HOST=$first
	no_changes
}

services() {
	manifest <<-YML
	spec:
	  services:
	    - { name: db, image: $SHOP_IMAGE, command: [sh, -c, "touch /data/up; exec sleep 1000"], stopSignal: SIGKILL, volumes: ["data:/data"], healthcheck: { test: [CMD, test, -f, /data/up], interval: 300ms, retries: 1000 }, readiness: { health: true, failureThreshold: 99 } }
	    - { name: migrate, type: job, image: $SHOP_IMAGE, command: [sh, -c, "sleep 0.5; echo run >>/data/runs"], volumes: ["data:/data"], dependencies: [db] }
	    - { name: api, image: $SHOP_IMAGE, command: [sleep, "1000"], stopSignal: SIGKILL, dependencies: [migrate, { name: cache, type: soft }] }
	    - { name: cache, image: $SHOP_IMAGE, command: [sleep, "1000"], stopSignal: SIGKILL }
	YML
}

test_an_engine_that_dies_in_the_middle_of_an_apply_costs_nothing() {
	need_engine
	need docker busybox sqlite3
	engine one 10.212
	shop_image
	services
	local after name
	for after in 0.4 1.5; do
		"$DEVENV" apply --yes --parallelism 10 </dev/null >"$TRASH/out" 2>"$TRASH/err" &
		sleep $after
		kill_engine one
		wait $! || STATUS=$?
		# It cannot be seen now; nothing is gone, and nothing can be made or removed.
		devenv plan
		lacks out 'recorded but gone'
		lacks out 'will be destroyed'
		devenv status
		lacks out ' gone '
		devenv apply --yes
		[[ $STATUS != 0 ]] || fail 'an apply without an engine succeeds'
		lacks err 'created in'
		engine one 10.212
		expect 0 apply --yes
		no_changes
		for name in db migrate api cache; do
			equal "containers of $name, killed after $after s" 1 \
				"$(ours container "docker_container.$name" | wc -l)"
		done
		equal 'networks' 1 "$(ours network | wc -l)"
		docker exec "$(ours container docker_container.db)" grep -q run /data/runs
		no_rest
		expect 0 destroy --yes --volumes
		equal 'what is left' '' "$(ours container)$(ours network)$(ours volume '' '{{.Name}}')"
	done
}

run_tests "$@"
