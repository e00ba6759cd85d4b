#!/bin/bash
# createBeforeDestroy, killed anywhere: never two for long, never none, and the number of a generation
# is never given twice.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

# Under killat nobody can look for leaks: both are tracers.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0

generations() { # PATH
	manifest <<-YML
	spec:
	  resources:
	    - { type: local_file, name: first, path: $1, content: x, lifecycle: { createBeforeDestroy: true } }
	    - { type: local_file, name: user, path: user, content: "\${local_file.first.path}" }
	    - { type: local_process, name: service, command: [sleep, "600"], lifecycle: { createBeforeDestroy: true } }
	YML
}

services() { # how many run that this test has started
	local pid n=0
	for pid in $(pgrep -x sleep); do
		grep -qazxF "HARNESS_MARK=$HARNESS_MARK" "/proc/$pid/environ" 2>/dev/null && n=$((n + 1))
	done
	echo "$n"
}

exactly() { [[ $(services) == "$1" ]]; } # what just became one, or ends, may have another name yet

converges() { # PATH OTHER
	expect 0 apply --yes --lock-timeout 60s # what was just being started holds the lock until it runs
	there "$1"
	gone "$2"
	equal user "$1" "$(cat user)"
	wait_until 5 exactly 1
	equal records 3 "$(state_query 'SELECT count(*) FROM record')"
	no_changes
	no_rest
}

calls() { # of the change
	"$HARNESS_TOOLS/killat" count --report "$TRASH/report" -- "$DEVENV" apply --yes --parallelism 1 \
		--replace local_process.service </dev/null >/dev/null 2>&1
	sed -n 's/^count=//p' "$TRASH/report"
}

test_killed_anywhere_the_next_apply_has_one_of_each() {
	generations one
	expect 0 apply --yes
	wait_until 5 exactly 1
	generations two
	local n count path=one next=two other
	count=$(calls)
	((count > 20)) || fail "only $count calls"
	converges two one
	for ((n = 1; n <= count; n += 1 + count / 20)); do
		other=$path path=$next next=$other
		generations "$next"
		"$HARNESS_TOOLS/killat" kill-before "$n" -- "$DEVENV" apply --yes --parallelism 1 \
			--replace local_process.service </dev/null >"$TRASH/out" 2>"$TRASH/err" || true
		there user
		wait_until 5 some # killed at $n
		converges "$next" "$path"
	done
	expect 0 destroy --yes
	wait_until 5 exactly 0
	gone one two user
}
some() { (($(services) > 0)); }

test_killed_and_called_off_it_stays_as_it_was() {
	generations one
	expect 0 apply --yes
	generations two
	local n count
	count=$(calls)
	generations one
	converges one two
	for ((n = 1; n <= count; n += 1 + count / 12)); do
		generations two
		"$HARNESS_TOOLS/killat" kill-after "$n" -- "$DEVENV" apply --yes --parallelism 1 \
			</dev/null >"$TRASH/out" 2>"$TRASH/err" || true
		generations one
		converges one two
	done
}

one_file() { # PATH
	manifest <<-YML
	spec:
	  resources:
	    - { type: local_file, name: f, path: $1, content: x }
	YML
}

# Killed while it was made; then the manifest wants it elsewhere, or nobody wants it.
test_what_was_half_made_goes_when_it_is_wanted_elsewhere() {
	local n count
	one_file one
	"$HARNESS_TOOLS/killat" count --report "$TRASH/report" -- "$DEVENV" apply --yes --parallelism 1 \
		</dev/null >/dev/null 2>&1
	count=$(sed -n 's/^count=//p' "$TRASH/report")
	for ((n = count - 70; n <= count - 20; n++)); do # around the file, before its record
		rm -rf "$DEVENV_HOME" .devenv one two
		one_file one
		"$HARNESS_TOOLS/killat" kill-after "$n" -- "$DEVENV" apply --yes --parallelism 1 \
			</dev/null >"$TRASH/out" 2>"$TRASH/err" || true
		one_file two
		if ((n % 2)); then
			expect 0 apply --yes --lock-timeout 60s
			there two
		else
			expect 0 destroy --yes --lock-timeout 60s
			gone two
		fi
		gone one
		no_rest
	done
}

run_tests "$@"
