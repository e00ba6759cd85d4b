#!/bin/bash
# Engines that are down, come back, or are another: unknown, never gone. Each test starts its own.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

# engine NAME NETWORK: starts one (again) and speaks to it
engine() {
	DOCKER_HOST=$("$HARNESS_SOURCE/tests/lib/engine.sh" start "$TRASH/$1" dockerd "$2" 2>"$TRASH/err")
	export DOCKER_HOST
	trap '"$HARNESS_SOURCE/tests/lib/engine.sh" stop "$TRASH/one"; "$HARNESS_SOURCE/tests/lib/engine.sh" stop "$TRASH/two"' EXIT
}

# As a machine that loses power: no goodbye.
kill_engine() { # NAME
	local pid
	pid=$(cat "$TRASH/$1/docker.pid")
	kill -9 "$pid"
	wait_until 10 not_running "$pid"
}
not_running() { ! kill -0 "$1" 2>/dev/null; }

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

run_tests "$@"
