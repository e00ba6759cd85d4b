#!/bin/bash
# What a person types who comes from Compose: it does what it does there, or is refused with the words
# to write instead.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

# `stubborn` does not hear SIGTERM, and says so.
two_services() {
	manifest <<-'YML'
	spec:
	  services:
	    - { name: db, command: [sleep, "1000"] }
	    - { name: api, command: [sh, -c, "trap 'echo no' TERM; echo up; while :; do sleep 0.1; done"], dependencies: [db], readiness: { log: up }, stopGracePeriod: 10h }
	YML
	expect 0 up -d --yes
}

id() { "$DEVENV" ps -q "$1"; }
pid() { "$DEVENV" show --json "local_process.$1" | jq -r 'select(.type == "record").outputs.pid'; }
ended() { ! kill -0 "$1" 2>/dev/null; }

# soon_ends PID ARGUMENT...: the process, by this command, which by itself would take ten hours
soon_ends() {
	local pid=$1 command status=0
	shift
	"$DEVENV" "$@" </dev/null >"$TRASH/out" 2>"$TRASH/err" &
	command=$!
	wait_until 15 ended "$pid"
	wait "$command" || status=$?
	equal "status of devenv $*" 0 "$status"
}

test_force_recreate_replaces_what_runs_and_with_no_deps_only_what_is_named() {
	local db api
	two_services
	db=$(pid db) api=$(pid api)
	expect 0 up -d --yes --force-recreate --no-deps -t 0 api
	has out 'local_process.api will be replaced'
	lacks out local_process.db
	equal 'the pid of db' "$db" "$(pid db)"
	[[ $(pid api) != "$api" ]] || fail 'api is the old one'
	no_changes
	expect 0 up -d --yes --force-recreate -t 0
	has out '2 to add, 0 to change, 2 to destroy'
	[[ $(pid db) != "$db" ]] || fail 'db is the old one'
	no_changes
}

test_no_deps_needs_names_and_what_it_leaves_out() {
	two_services
	expect 64 up --no-deps --yes
	has err 'needs names'
	expect 0 down --yes -t 0
	expect 1 up --yes --no-deps api
	has err 'local_process.api needs local_process.db, which does not exist yet'
}

test_scale_is_for_this_run() {
	manifest <<<'spec: { services: [{ name: api, command: [sleep, "1000"] }, { name: db, command: [sleep, "1000"] }] }'
	expect 0 up -d --yes --scale api=2 --scale db=0
	expect 0 ps --services
	same out <<<api
	expect 0 ps -q
	equal 'ids' 2 "$(wc -l <"$TRASH/out")"
	expect 0 up --yes --set 'spec.services[api].replicas=2' --scale db=2
	has out '2 to add, 0 to change, 0 to destroy'
	expect 0 plan
	has out 'to destroy'
	expect 64 up --scale api
	has err 'write SERVICE=N'
	expect 64 up --scale api=many
	expect 1 up --yes --scale apy=2
	has err 'did you mean'
}

test_down_takes_names_and_a_timeout() {
	local api
	two_services
	api=$(pid api)
	expect 1 down apy
	has err 'did you mean local_process.api?'
	soon_ends "$api" down --yes -t 0 api
	has out '0 to add, 0 to change, 1 to destroy'
	expect 0 ps --services
	same out <<<db
	expect 64 down --rmi all
	has err 'those that were there before stay'
}

test_stop_kills_after_the_time_that_is_said() {
	local api
	two_services
	api=$(pid api)
	soon_ends "$api" stop --timeout 50ms api
	expect 0 start api
	soon_ends "$(pid api)" restart -t 0s api
	expect 64 start -t 5
	has err 'start stops nothing'
}

# Who asked with patience and was killed may ask again with less.
test_a_stop_that_waits_is_shortened_by_the_next_one() {
	local api stop
	two_services
	api=$(pid api)
	"$DEVENV" stop api >/dev/null 2>&1 &
	stop=$!
	wait_until 5 said no
	kill -9 "$stop"
	wait "$stop" 2>/dev/null || true # its lock goes when it is gone, not when it is told
	soon_ends "$api" stop -t 0 api
}

said() { "$DEVENV" logs api | grep -qx "$1"; }

test_ps_prints_what_a_script_wants() {
	two_services
	expect 0 ps --format json
	jq -se 'any(.address == "local_process.db" and .status == "running")' "$TRASH/out" >/dev/null ||
		fail 'no JSON of db'
	expect 0 ps --format table
	has out 'local_process.db'
	expect 64 ps --format yaml
	expect 0 ps --services
	same out <<-'TEXT'
	db
	api
	TEXT
	expect 0 ps -q api
	same out <<<"$("$DEVENV" status --json | jq -r 'select(.address == "local_process.api").id')"
	expect 0 stop -t 0 api
	expect 0 ps -a --services
	same out <<<db
	expect 0 status -q
	has out 'local_process.api'
	lacks out 'local_process.db'
}

test_logs_with_times_and_between_times() {
	local first last
	manifest <<-'YML'
	spec:
	  services:
	    - name: api
	      command: [sh, -c, "echo one; echo two; while [ ! -e goon ]; do sleep 0.05; done; echo three; echo four; exec sleep 1000"]
	      readiness: { log: two }
	YML
	expect 0 up -d --yes
	wait_until 5 said two
	"$DEVENV" logs -t api | tail -n 1 >before
	first=$(cut -d' ' -f1 before)
	matches before '^[0-9-]{10}T[0-9:]{8}\.[0-9]{3}Z two$'
	# The next line is of another moment.
	wait_until 5 later_than "$first"
	: >goon
	wait_until 5 said four
	expect 0 logs api --until "$first"
	same out <<-'TEXT'
	one
	two
	TEXT
	expect 0 logs api --until "$first" --tail 1
	same out <<<two
	expect 0 logs api --until "$first" --tail all --grep n
	same out <<<one
	last=$("$DEVENV" logs -t api | sed -n '3s/ .*//p')
	expect 0 logs api --since "$last"
	same out <<-'TEXT'
	three
	four
	TEXT
	# The same moment in another zone.
	expect 0 logs api --since "$(date -d "$last" '+%FT%T').$(cut -c21-23 <<<"$last")$(date '+%:z')" --no-log-prefix
	same out <<-'TEXT'
	three
	four
	TEXT
	expect 0 logs api --json -t --tail 1
	jq -se --arg after "$first" '.[1]["@timestamp"] > $after and .[1]["@message"] == "four"' "$TRASH/out" >/dev/null ||
		fail 'no @timestamp'
	expect 0 logs api --since 1990-01-01 --until 1h
	same out </dev/null
	expect 64 logs api --since yesterday
	has err 'neither how long ago'
	expect 64 logs api --since 2026-06-31
	expect 64 logs -f --until 1m
	has err 'leave one of the two out'
	expect 64 logs --tail most
	has err 'neither a whole number nor all'
}

later_than() { [[ $(date -u '+%FT%T.%3NZ') > $1 ]]; }

test_exec_takes_variables_and_a_folder() {
	two_services
	mkdir below
	HERE=here expect 0 exec -e A=b -e HERE -w below api sh -c 'echo $A $HERE ${PWD##*/}'
	same out <<<'b here below'
	expect 1 exec -e NOT_SET_ANYWHERE api true
	has err 'devenv -e NOT_SET_ANYWHERE exec'
	expect 1 exec -u nobody api true
	has err 'runs as you'
	expect 64 exec -d api true
	has err 'a service of the manifest'
}

test_what_is_refused_says_what_to_write() {
	two_services
	local words
	while IFS='|' read -r words text; do
		# shellcheck disable=SC2086
		expect 64 $words
		has err "$text"
		lacks err 'did you mean'
	done <<-'TEXT'
	up --no-recreate|leave a resource out with --exclude NAME
	up --no-start|devenv stop NAME
	up --pull always|pull: always
	up --pull=always|pull: always
	up -V|--force-recreate
	up --dry-run|devenv plan
	down --rmi local|images that devenv pulled
	ps --filter status=running|devenv ps --json
	logs --index 2 api|name the instance
	restart --no-deps api|only what is named
	TEXT
}

run_tests "$@"
