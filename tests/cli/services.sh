#!/bin/bash
# Services that need no Docker: processes and commands of this machine.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

shop() {
	manifest <<-'YML'
	spec:
	  services:
	    - { name: web, command: "sh -c 'echo $WHO at $PLACE; exec sleep 1000'", env_file: [one.env, two.env], env: { PLACE: here }, ports: [8080] }
	    - { name: seed, type: job, command: [sh, -c, 'echo "$WHO $AT" >>seeded'], env_file: one.env, env: ["AT=${service.web.host}:${service.web.port}"], dependencies: [web] }
	YML
	echo 'WHO=one' >one.env
	printf 'export WHO="two" # wins\nPLACE=nowhere\n' >two.env
}

says() { # LINE
	devenv logs web
	grep -qx -- "$1" "$TRASH/out"
}

test_environment_files_reach_processes_and_jobs() {
	shop
	expect 0 apply --yes
	no_changes
	wait_until 5 says 'two at here'
	equal 'what the job saw' 'one 127.0.0.1:8080' "$(cat seeded)"
	# Another content is another environment; what the files say is stored nowhere.
	echo 'WHO=geheim' >one.env
	rm two.env && echo 'WHO=three' >two.env
	expect 0 plan
	has out 'local_process.web will be updated in place'
	has out 'envFile[1] (content)'
	lacks out three
	lacks out geheim
	expect 0 apply --yes
	wait_until 5 says 'three at here'
	equal 'the job ran again' 2 "$(grep -c . seeded)"
	no_changes
	[[ $(state_query .dump) != *geheim* ]] || fail 'the state holds what an environment file says'
	rm one.env two.env
	expect 1 plan
	has err 'one.env'
	touch one.env two.env
	expect 0 destroy --yes
	no_rest
}

test_replicas_of_a_process_leave_the_first_alone() {
	manifest <<-'YML'
	spec:
	  variables: { n: { default: 1 } }
	  services:
	    - { name: work, command: [sleep, "1000"], replicas: "${var.n}" }
	YML
	expect 0 apply --yes
	local pid
	pid=$(pid_of work)
	expect 0 apply --yes --var n=3
	has out '2 added, 0 changed, 0 destroyed'
	equal 'the first' "$pid" "$(pid_of 'work["1"]')"
	no_changes --var n=3
	expect 0 apply --yes
	has out '0 added, 0 changed, 2 destroyed'
	equal 'the first' "$pid" "$(pid_of work)"
	expect 1 plan --var n=many
	has err '"replicas" must be a whole number'
	expect 0 destroy --yes
}

pid_of() { # NAME
	devenv show "local_process.$1"
	sed -n 's/^ *pid *= \([0-9]*\)$/\1/p' "$TRASH/out"
}

run_tests "$@"
