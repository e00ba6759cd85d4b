#!/bin/bash
# Everything that has threads at once: files, commands, processes, probes and a Docker Engine (one that
# keeps books and runs nothing), made, changed, cut short and destroyed. Above all for ThreadSanitizer.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

engine() {
	"$HARNESS_SOURCE/tests/tools/fake-engine" "$TRASH/engine" "$TRASH/made" >"$TRASH/engine.log" 2>&1 &
	wait_until 30 test -S "$TRASH/engine"
	export DOCKER_HOST=unix://$TRASH/engine
}

many() { # WORD
	manifest <<-YML
	spec:
	  variables: { word: { default: $1 }, secret: { sensitive: true, default: hush-hush } }
	  resources:
	    - { type: local_value, name: base, input: "\${var.word}" }
	    - { type: local_file, name: file, forEach: [a, b, c, d, e, f], path: "out/\${each.value}", content: "\${local_value.base.output}" }
	    - type: local_command
	      name: command
	      forEach: [a, b, c, d]
	      create: [sh, -c, "sleep 0.05; echo '{\"x\": 1}'; echo line >&2"]
	      update: [sh, -c, "sleep 0.05; echo '{\"x\": 2}'"]
	      delete: [sh, -c, "sleep 0.02"]
	      environment: { WORD: "\${local_value.base.output}", SECRET: "\${var.secret}" }
	    - type: local_process
	      name: process
	      forEach: [a, b, c]
	      command: [sh, -c, "echo \$WORD ready; while :; do sleep 1; done"]
	      environment: { WORD: '\${local_file.file["a"].contentHash}' }
	      readiness: { log: ready, periodSeconds: 1 }
	    - { type: docker_network, name: net }
	    - { type: docker_volume, name: data, forEach: [a, b] }
	    - type: docker_container
	      name: box
	      forEach: [a, b, c, d, e]
	      image: fake:1
	      pull: never
	      environment: { WORD: "\${local_value.base.output}", SECRET: "\${var.secret}" }
	      networks: ["\${docker_network.net.name}"]
	YML
}

clean() { lacks err 'ThreadSanitizer'; }

test_made_changed_and_destroyed_ten_at_once() {
	engine
	many one
	expect 0 apply --yes --parallelism 10
	clean
	no_changes
	many two
	expect 0 apply --yes --parallelism 10
	clean
	no_changes
	equal 'containers made' 10 "$(grep -c '^create container' "$TRASH/made")"
	expect 0 destroy --yes --volumes --parallelism 10
	clean
	equal 'what is left' "$(grep -c ^create "$TRASH/made")" "$(grep -c ^remove "$TRASH/made")"
	no_rest
}

test_cut_short_it_goes_on_from_there() {
	engine
	many one
	echo '    - { type: local_command, name: held, create: [sh, -c, "until [ -e go ]; do sleep 0.05; done"] }' \
		>>.devenv/config.yml # so that it still runs when it is cut short
	"$DEVENV" apply --yes --parallelism 10 </dev/null >"$TRASH/out" 2>"$TRASH/err" &
	local pid=$!
	wait_until 60 test -s "$TRASH/made"
	kill -INT $pid
	: >go
	STATUS=0
	wait $pid || STATUS=$?
	((STATUS == 0 || STATUS == 1 || STATUS == 130)) || fail "exit status $STATUS"
	clean
	expect 0 apply --yes --parallelism 10
	clean
	equal 'containers made' 5 "$(grep -c '^create container' "$TRASH/made")"
	no_changes
	expect 0 destroy --yes --volumes --parallelism 10
	no_rest
}

test_a_failure_among_many_ends_only_its_descendants() {
	engine
	many one
	sed -i 's/image: fake:1/&\n      command: ["${local_command.bad.x}"]/' .devenv/config.yml
	cat >>.devenv/config.yml <<-'YML'
	    - { type: local_command, name: bad, create: [sh, -c, "sleep 0.1; exit 3"] }
	YML
	expect 1 apply --yes --parallelism 10
	clean
	has err 'blocked'
	equal 'files' 6 "$(find out -type f | wc -l)"
	expect 0 destroy --yes --volumes --parallelism 10
	clean
	no_rest
}

test_files_that_come_and_go_share_the_folder_that_was_made_for_them() {
	local round n
	for round in 1 2 3 4; do
		manifest <<-YML
		spec:
		  resources:
		    - { type: local_file, name: file, forEach: [$(for n in {1..24}; do printf 'k%s, ' $((round * 24 + n)); done)], path: "deep/er/\${each.value}", content: x }
		YML
		expect 0 apply --yes --parallelism 10 --allow-delete=24
		equal 'files' 24 "$(find deep -type f | wc -l)"
	done
	expect 0 destroy --yes --parallelism 10
	gone deep
	no_rest
}

run_tests "$@"
