#!/bin/bash
# Whose a thing is: another environment's is left alone, and changes hands only when that is asked for.
. "${BASH_SOURCE%/*}/../lib/harness.sh"

engine() { # one that keeps names in memory, so that two homes meet on it
	need python3
	"$HARNESS_SOURCE/tests/tools/fake-engine" "$TRASH/engine.sock" "$TRASH/engine.log" >/dev/null 2>&1 &
	wait_until 10 test -S "$TRASH/engine.sock"
	export DOCKER_HOST=unix://$TRASH/engine.sock
}

shared() {
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: docker_volume, name: data, volumeName: shared }
	YML
}

test_what_belongs_to_another_home_is_taken_over_when_asked() {
	engine
	shared
	expect 0 apply --yes
	local owner
	owner=$(state_query 'SELECT id FROM environment')
	mkdir ../other && cp .devenv/config.yml ../other/devenv.yml && cd ../other
	export DEVENV_HOME=$HOME/other
	expect 1 plan
	has err "belongs to docker_volume.data of environment $owner"
	has err 'devenv import --take-over docker_volume.data shared'
	expect 1 apply --yes
	expect 1 import docker_volume.data shared
	has err "environment $owner"
	expect 0 import --take-over docker_volume.data shared
	expect 0 apply --yes
	no_changes
	equal 'made' 1 "$(grep -c '^create' "$TRASH/engine.log")"
}

test_what_is_taken_from_another_environment_is_no_longer_its() {
	engine
	shared
	mkdir .devenv/environments
	echo '{}' >.devenv/environments/two.yml
	expect 0 apply --yes
	expect 1 -e two apply --yes
	expect 0 -e two import --take-over docker_volume.data shared
	equal 'records' 1 "$(state_query 'SELECT count(*) FROM record')"
	expect 0 -e two apply --yes
	no_changes -e two
	expect 1 plan # now it is the first that has none
	has err "belongs to docker_volume.data of environment $(environment_of two)"
	has err 'devenv import --take-over docker_volume.data shared'
	expect 0 -e two destroy --yes --volumes
	equal 'destroyed' 1 "$(grep -c '^remove volume shared' "$TRASH/engine.log")"
	expect 0 audit verify
}

environment_of() { # NAME
	state_query "SELECT id FROM environment WHERE name = '$1'"
}

# The mark of what was taken still names the environment it was taken from.
test_what_was_taken_is_no_stray_of_its_old_environment() {
	engine
	shared
	mkdir .devenv/environments
	echo '{}' >.devenv/environments/two.yml
	expect 0 apply --yes
	expect 0 -e two import --take-over docker_volume.data shared
	manifest <<-'YML'
	spec: { resources: [{ type: docker_volume, name: other }] }
	YML
	expect 0 apply --yes
	expect 0 status
	lacks out stray
	expect 0 destroy --strays --volumes --yes
	lacks "$TRASH/engine.log" 'remove volume shared'
	expect 0 destroy --volumes --yes
	lacks "$TRASH/engine.log" 'remove volume shared'
}

test_what_was_taken_goes_back_only_when_asked() {
	engine
	shared
	mkdir .devenv/environments
	echo '{}' >.devenv/environments/two.yml
	expect 0 apply --yes
	expect 0 -e two import --take-over docker_volume.data shared
	expect 1 import docker_volume.data shared
	has err "belongs to docker_volume.data of environment $(environment_of two)"
	expect 0 import --take-over docker_volume.data shared
	equal 'records' 1 "$(state_query 'SELECT count(*) FROM record')"
	expect 0 apply --yes
	no_changes
	expect 1 -e two plan
	has err "of environment $(environment_of '')"
	expect 0 destroy --yes --volumes
	equal 'destroyed' 1 "$(grep -c '^remove volume shared' "$TRASH/engine.log")"
}

test_a_lost_state_takes_back_what_it_had() {
	engine
	shared
	expect 0 apply --yes
	rm -r "$DEVENV_HOME"
	expect 1 plan
	has err 'devenv import --take-over docker_volume.data shared'
	expect 0 import --take-over docker_volume.data shared
	expect 0 apply --yes
	no_changes
	expect 0 destroy --yes --volumes
	equal 'destroyed' 1 "$(grep -c '^remove volume shared' "$TRASH/engine.log")"
}

test_a_plan_after_an_import_shows_what_the_manifest_says_otherwise() {
	manifest <<-'YML'
	spec:
	  resources: [{ type: local_file, name: f, path: f.txt, content: hello, mode: '0600' }]
	YML
	echo other >f.txt
	chmod 644 f.txt
	expect 0 import local_file.f f.txt
	expect 0 plan
	has out 'content = "hello"'
	matches out 'mode +[:=] "0644" (->|→) "0600"'
	lacks out contentHash
	expect 0 apply --yes
	equal content hello "$(cat f.txt)"
	no_changes
}

# As a state does that is older than what is there.
loses_record() { sqlite3 "$DEVENV_HOME/state.db" "DELETE FROM record WHERE address = '$1'"; }

test_what_is_not_recorded_goes_when_that_is_asked_for() {
	engine
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: docker_volume, name: data, volumeName: shared }
	    - { type: docker_container, name: web, image: 'fake:1', pull: never }
	YML
	expect 0 apply --yes
	loses_record docker_volume.data
	loses_record docker_container.web
	manifest <<-'YML'
	spec: { resources: [{ type: local_value, name: other, input: 1 }] }
	YML
	expect 0 destroy --strays --yes
	has out '0 to add, 0 to change, 1 to destroy'
	has "$TRASH/engine.log" 'remove container'
	lacks "$TRASH/engine.log" 'remove volume'
	expect 0 destroy --strays --volumes --yes
	has "$TRASH/engine.log" 'remove volume shared'
	expect 0 destroy --strays --volumes --yes
	has out 'No changes.'
	expect 0 plan
	has out '1 to add'
}

# The engine goes on with what it was asked for, whether or not the one who asked still lives.
test_what_the_engine_makes_after_its_maker_died_is_destroyed() {
	local pid
	engine
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: docker_container, name: web, image: 'fake:1', pull: never }
	YML
	curl -sf --unix-socket "$TRASH/engine.sock" -X POST 'http://engine/late?seconds=0.7'
	"$DEVENV" apply --yes </dev/null >/dev/null 2>&1 &
	pid=$!
	wait_until 10 grep -qs '^ask container' "$TRASH/engine.log"
	kill -9 "$pid"
	wait "$pid" 2>/dev/null || true
	expect 0 destroy --yes
	wait_until 10 grep -q '^create container' "$TRASH/engine.log"
	has "$TRASH/engine.log" 'remove container'
	expect 0 status
	lacks out stray
	no_rest
}

run_tests "$@"
