#!/bin/bash
# start, stop, restart: exactly what was asked for, in the order of the graph, and nothing else.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

# `second` refers to an output of `first` that is another after each start.
two_processes() {
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_process, name: first, command: [sleep, "1000"] }
	    - { type: local_process, name: second, command: [sleep, "1000"], environment: { PID: "${local_process.first.pid}" } }
	YML
	expect 0 apply --yes
}

runs() { # NAME...
	local name
	expect 0 status
	for name; do matches out "^local_process.$name +running"; done
}

stopped() {
	local name
	expect 0 status
	for name; do matches out "^local_process.$name +stopped"; done
}

test_stop_and_start_take_all_that_runs_also_what_uses_another() {
	two_processes
	expect 0 stop
	has out 'Stop complete: 2 stopped'
	stopped first second
	expect 0 start
	has out 'Start complete: 2 started'
	matches err 'local_process.second: started'
	runs first
	matches out '^local_process.second +(running|changed)'
}

test_restart_starts_all_that_it_stopped() {
	two_processes
	expect 0 restart
	has out 'Stop complete: 2 stopped'
	has out 'Start complete: 2 started'
}

test_one_is_named_by_its_address_or_by_its_name() {
	two_processes
	expect 0 stop second
	has out 'Stop complete: 1 stopped'
	stopped second
	runs first
	expect 0 start local_process.second
	runs first second
	expect 0 restart second
	has out 'Start complete: 1 started'
}

test_what_is_stopped_stays_stopped_through_an_apply_and_a_restart() {
	two_processes
	expect 0 stop second
	no_changes
	has out '1 stays stopped until `devenv start`.'
	expect 0 apply --yes
	stopped second
	expect 0 restart
	stopped second
	runs first
}

test_a_broken_manifest_is_no_obstacle_to_stop_but_to_start() {
	two_processes
	printf '  outputs: { pid: { value: "${local_process.first.pid}" } }\n' >>.devenv/config.yml
	expect 0 apply --yes
	local pid
	pid=$("$DEVENV" outputs pid)
	cp .devenv/config.yml good.yml
	sed -i 's/command: /comand: /' .devenv/config.yml
	expect 1 restart
	has err 'did you mean "command"?'
	kill -0 "$pid" # a restart that cannot start does not stop, either
	expect 0 stop second
	kill -0 "$pid"
	expect 0 stop
	has out 'Stop complete: 1 stopped'
	expect 1 start
	has err 'did you mean "command"?'
	expect 0 outputs pid
	equal 'the recorded output' "$pid" "$(cat "$TRASH/out")"
	echo 'broken: [' >.devenv/config.yml
	stopped first second
	expect 0 stop
	has err 'Nothing to stop.'
	cp good.yml .devenv/config.yml
	expect 0 start
	has out 'Start complete: 2 started'
}

test_the_history_says_what_was_started_and_stopped() {
	two_processes
	expect 0 stop
	expect 0 start first
	expect 0 history
	matches out '^2 .* stop +ok .* 2 stopped$'
	matches out '^3 .* start +ok .* 1 started$'
}

test_a_name_that_nothing_has_is_an_error_that_names_the_nearest() {
	two_processes
	expect 1 stop local_process.secnd
	has err 'did you mean local_process.second?'
	runs first second
}

test_a_name_of_several_is_an_error_for_exec() {
	manifest <<-'YML'
	spec: { services: [{ name: web, replicas: 2, command: [sleep, "1000"] }] }
	YML
	expect 0 apply --yes
	expect 1 exec web true
	has err "devenv exec 'local_process.web[\"1\"]' ..."
	expect 0 exec 'local_process.web["2"]' true
	expect 7 exec 'local_process.web["2"]' sh -c 'exit 7'
}

run_tests "$@"
