#!/bin/bash
# Live sync: files that change go into a running container without making it anew; and build contexts.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/watch.sh
. "${BASH_SOURCE%/*}/../lib/watch.sh"

BASE=devenv-test-watch:1

base_image() { # with neither tar nor a shell that anyone needs
	need docker busybox
	docker version >/dev/null 2>&1 || skip "no Docker Engine answers"
	trap '[[ -z ${WATCH:-} ]] || kill "$WATCH" 2>/dev/null; "$DEVENV" destroy --yes >/dev/null 2>&1' EXIT
	docker image inspect $BASE >/dev/null 2>&1 && return
	mkdir -p image/bin
	cp "$(command -v busybox)" image/bin/
	local applet
	for applet in sh sleep cat rm; do ln -s busybox "image/bin/$applet"; done
	tar -C image -c . | docker import - $BASE >/dev/null
}

web() { # SYNC RULES: a container of the base image
	manifest <<-YML
	spec:
	  variables: { beat: { default: "0" } }
	  resources:
	    - { type: docker_container, name: web, image: "$BASE", pull: never, command: [sh, -c, "cat /app/one; exec sleep 600"], stopSignal: SIGKILL,
	        sync: $1 }
	YML
}

# Of this environment: other tests call theirs web, too.
webs() { # [OPTION OF docker ps]
	docker ps -q --no-trunc "$@" --filter label=dev.devenv.address=docker_container.web \
		--filter "label=dev.devenv.environment=$(state_query 'SELECT id FROM environment' 2>/dev/null)"
}
id_of_web() { webs | head -n 1; }
inside() { # FILE CONTENT
	[[ $(docker exec "$(id_of_web)" cat "$1" 2>/dev/null) == "$2" ]]
}
not_inside() { ! docker exec "$(id_of_web)" cat "$1" >/dev/null 2>&1; }

test_changed_files_are_copied_without_a_restart() {
	local id started runs
	base_image
	mkdir -p app/deep
	echo 1 >app/one
	echo 1 >app/deep/two
	web '[{ path: app, target: /app }]'
	echo 'WARNED=${x}' >.env
	start_watch
	wait_until 30 inside /app/one 1 # what was there before is there, too
	wait_until 30 inside /app/deep/two 1
	id=$(id_of_web)
	started=$(docker inspect -f '{{.State.StartedAt}}' "$id")
	runs=$(runs)
	echo 2 >app/one
	wait_until 30 inside /app/one 2
	mkdir -p app/new && echo 3 >app/new/three
	wait_until 30 inside /app/new/three 3
	rm app/deep/two
	wait_until 30 not_inside /app/deep/two
	wait_until 10 said 'docker_container.web: 1 file copied'
	equal 'the container' "$id" "$(id_of_web)"
	equal 'its start' "$started" "$(docker inspect -f '{{.State.StartedAt}}' "$id")"
	equal runs "$runs" "$(runs)"
	equal 'how often it is warned' 1 "$(times 'references are not replaced')"
	stop_watch
	no_changes
}

test_a_rule_can_restart_and_another_makes_anew() {
	local id started
	base_image
	mkdir app conf
	echo 1 >app/one
	echo 1 >conf/two
	web '[{ path: app, target: /app, action: restart }, { path: conf, action: rebuild }]'
	start_watch
	wait_until 30 said '1 file copied, restarted' # with what was there before
	inside /app/one 1
	id=$(id_of_web)
	started=$(docker inspect -f '{{.State.StartedAt}}' "$id")
	echo 2 >app/one
	wait_until 30 said_times 2 '1 file copied, restarted'
	wait_until 30 inside /app/one 2
	equal 'the container' "$id" "$(id_of_web)"
	[[ $(docker inspect -f '{{.State.StartedAt}}' "$id") != "$started" ]] || fail 'it was not restarted'
	echo 2 >conf/two
	wait_until 30 another_container "$id"
	wait_until 30 inside /app/one 2 # the new one has the files again
	stop_watch
}
another_container() { [[ $(id_of_web) != "$1" ]]; }

test_a_build_context_is_followed_but_for_what_is_ignored_or_copied() {
	local id
	base_image
	mkdir -p src/node_modules/x src/live
	printf 'FROM %s\nCOPY . /src\nCMD ["sleep", "600"]\n' $BASE >src/Dockerfile
	echo node_modules >src/.dockerignore
	echo 1 >src/file
	echo 1 >src/live/page
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: docker_image, name: app, build: { context: src } }
	    - { type: docker_container, name: web, image: "${docker_image.app.id}", pull: never, stopSignal: SIGKILL, sync: [{ path: src/live, target: /src/live }] }
	YML
	start_watch --drift-interval 300ms
	wait_until 60 inside /src/file 1
	id=$(id_of_web)
	echo noise >src/node_modules/x/file
	echo 2 >src/live/page
	wait_until 30 inside /src/live/page 2
	equal 'the container' "$id" "$(id_of_web)"
	equal builds 1 "$(times 'docker_image.app: created')"
	echo 2 >src/file
	wait_until 60 inside /src/file 2
	wait_until 30 inside /src/live/page 2
	stop_watch
	no_changes
}

state_of_web() { docker inspect -f '{{.State.Status}}' "$(webs -a | head -n 1)" 2>/dev/null; }
start_of_web() { docker inspect -f '{{.State.StartedAt}}' "$(id_of_web)" 2>/dev/null; }
started_after() { web_is running && [[ $(start_of_web) != "$1" ]]; }
runs_another() { web_is running && another_container "$1"; }
web_is() { [[ $(state_of_web) == "$1" ]]; }

# The interval is an hour: whatever is seen here was told by the engine's events.
test_what_moves_away_is_seen_at_once() {
	local id started
	base_image
	mkdir app && echo 1 >app/one
	web '[{ path: app, target: /app }]'
	start_watch --drift-interval 1h
	wait_until 30 inside /app/one 1
	docker kill "$(id_of_web)" >/dev/null
	wait_until 10 said 'Reality moved away by itself'
	docker start "$(webs -a)" >/dev/null
	wait_until 10 said_times 2 'docker_container.web'
	stop_watch
	start_watch --drift-interval 1h --repair-drift
	id=$(id_of_web) started=$(start_of_web)
	docker kill "$id" >/dev/null
	wait_until 20 started_after "$started"
	wait_until 20 no_intents # what happens before its start is written down counts as part of it
	docker rm -f "$(id_of_web)" >/dev/null
	wait_until 20 runs_another "$id"
	wait_until 20 no_intents
	docker pause "$(id_of_web)" >/dev/null
	wait_until 20 web_is running
	stop_watch
	no_changes
}

intents() { [[ $(state_query 'SELECT count(*) FROM intent') == "$1" ]]; }
no_intents() { intents 0; }
only_the_other_is_made() { runs_another "$1" && intents 1; }

test_what_dies_while_others_are_being_made_is_seen_too() {
	local id started
	base_image
	mkdir app && echo 1 >app/one
	web '[]'
	start_watch --drift-interval 1h --repair-drift
	wait_until 30 web_is running
	id=$(id_of_web)
	sed 's/exec sleep 600/exec sleep 601/' .devenv/config.yml >"$TRASH/new"
	echo '    - { type: local_command, name: slow, create: [sh, -c, "until [ -e go ]; do sleep 0.1; done"] }' >>"$TRASH/new"
	mv "$TRASH/new" .devenv/config.yml
	wait_until 30 only_the_other_is_made "$id"
	started=$(start_of_web)
	docker kill "$(id_of_web)" >/dev/null
	: >go
	wait_until 30 started_after "$started"
	stop_watch
	no_changes
}

test_what_cannot_be_copied_is_said() {
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_file, name: a, path: a, content: a, sync: [{ path: x, target: /x }] }
	YML
	expect 1 validate
	has err 'nothing can be copied into a local_file'
}

run_tests "$@"
