#!/bin/bash
# devenv logs and exec: of one, of several, the last lines, the youngest ones, and those still to come.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

two_that_talk() {
	manifest <<-'YML'
	spec:
	  variables: { word: { default: hunter2222, sensitive: true } }
	  resources:
	    - type: local_process
	      name: counter
	      command: [sh, -c, "for i in 1 2 3 4 5; do echo line $i; done; while [ ! -e goon ]; do sleep 0.05; done; echo later; exec sleep 1000"]
	      readiness: { log: "line 5" }
	    - type: local_process
	      name: other
	      command: [sh, -c, "echo \"pass $WORD\" >&2; exec sleep 1000"]
	      environment: { WORD: "${var.word}" }
	      readiness: { log: "pass" }
	    - { type: local_file, name: file, path: file, content: x }
	YML
	expect 0 apply --yes
}

test_of_one_the_lines_as_they_are_and_of_several_with_the_name() {
	two_that_talk
	expect 0 logs counter
	same out <<-'TEXT'
	line 1
	line 2
	line 3
	line 4
	line 5
	TEXT
	expect 0 logs --tail 1
	matches out '^local_process\.counter .* line 5$'
	matches out '^local_process\.other   .* pass '
	equal lines 2 "$(wc -l <"$TRASH/out")"
}

test_tail_and_since_choose_the_last_ones() {
	two_that_talk
	expect 0 logs counter --tail 2
	same out <<-'TEXT'
	line 4
	line 5
	TEXT
	expect 0 logs counter -n 0
	same out </dev/null
	# The lines lie a second apart; what looks back to the middle may take half of one, or says nothing.
	local quiet begun middle try
	quiet=$(now)
	sleep 1
	middle=$((($(now) + quiet) / 2))
	: >goon
	wait_until 5 said later
	for try in {1..50}; do
		begun=$(now)
		expect 0 logs counter --since $((begun - middle))ms
		(($(now) - begun >= 400)) || break
	done
	((try < 50)) || fail 'this machine is never quick'
	same out <<<later
	expect 0 logs counter --since 1h --tail 2
	same out <<-'TEXT'
	line 5
	later
	TEXT
}

now() { echo $(($(date +%s%N) / 1000000)); }
said() {
	devenv logs counter
	grep -qx "$1" "$TRASH/out"
}

test_follow_goes_on_until_it_is_interrupted() {
	local pid status=0
	two_that_talk
	"$DEVENV" logs -f counter --tail 1 >followed 2>&1 &
	pid=$!
	wait_until 5 grep -qx 'line 5' followed
	: >goon
	wait_until 5 grep -qx later followed
	equal lines 2 "$(wc -l <followed)"
	kill -TERM "$pid"
	wait "$pid" || status=$?
	((status)) || fail 'it ended as if all had been said'
}

test_follow_ends_with_what_it_follows() {
	two_that_talk
	"$DEVENV" logs -f counter >followed 2>&1 &
	wait_until 5 grep -qx 'line 5' followed
	expect 0 stop counter
	wait_until 5 ended "$!"
}

ended() { ! kill -0 "$1" 2>/dev/null; }

test_a_secret_is_masked_in_logs_and_exec() {
	two_that_talk
	expect 0 logs other
	lacks out hunter2222
	has out '(sensitive)'
	expect 0 logs --json
	lacks out hunter2222
	has out '"stream":"stderr"'
}

test_exec_runs_where_the_thing_runs_and_passes_its_status_on() {
	two_that_talk
	expect 0 exec counter sh -c 'echo "$PWD"'
	same out <<<"$PWD"
	expect 42 exec local_process.counter sh -c 'exit 42'
	expect 0 exec other sh -c 'test -n "$WORD"'
	expect 0 exec counter printf '%s\n' --json -q
	same out <<-'TEXT'
	--json
	-q
	TEXT
	expect 1 exec file true
	has err 'file is nothing that runs'
	expect 1 logs local_process.counters
	has err 'did you mean local_process.counter?'
}

run_tests "$@"
