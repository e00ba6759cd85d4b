#!/bin/bash
# What is broken on purpose while a watch runs: floods, deaths, a full disk, a clock that jumps, a file
# system that tells nothing. In the end everything is as the files say, and nothing was done twice.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/watch.sh
. "${BASH_SOURCE%/*}/../lib/watch.sh"

TOOLS=${DEVENV_TEST_TOOLS:-${DEVENV%/*}/tests}
EVENTS=10000 DEATHS=10
[[ -z ${DEVENV_TEST_FULL:-} ]] || EVENTS=100000 DEATHS=150

# One file that is made from another, and a job that notes for what it ran.
one_source() {
	mkdir -p src
	printf 0 >src/a
	manifest <<-'YML'
	spec:
	  variables: { beat: { default: "0" } }
	  resources:
	    - { type: local_file, name: a, path: out/a, source: src/a }
	    - { type: local_command, name: job, create: [sh, -c, "cat src/a >>jobs; echo >>jobs"], triggers: { of: "${file:src/a}" } }
	YML
}
save() { printf %s "$1" >"src/.a$BASHPID.swp" && mv "src/.a$BASHPID.swp" src/a; } # two may save at once
last_job() { [[ $(tail -n 1 jobs 2>/dev/null) == "$1" ]]; }

test_a_flood_of_events_is_applied_once_after_it() {
	local i before
	one_source
	start_watch
	before=$(runs)
	for ((i = 0; i < EVENTS; i += 10)); do # two events a file that comes, two more when it goes
		: >"src/noise$i" && rm "src/noise$i" && : >"src/more$i" && rm "src/more$i"
		((i % 1000)) || save "$i"
	done
	save last
	wait_until 60 holds out/a last
	wait_until 60 last_job last
	# The file may follow now and then; the job waits for a second of quiet.
	(($(runs) - before <= 2 * (EVENTS / 1000 + 1))) || fail "$(($(runs) - before)) runs" # with the job, where we were slow
	equal 'what the job ran for twice' '' "$(sort jobs | uniq -d)"
	stop_watch
	no_changes
}

died_at() { # N: a watch that dies before its n-th effectful call, while somebody saves
	local i saver
	: >saving
	(for ((i = 0; i < 10000; i++)); do [[ -e saving ]] && save "$1-$i" && sleep 0.1 || exit 0; done) &
	saver=$!
	timeout 300 "$TOOLS/killat" kill-before "$1" --report report -- "$DEVENV" watch </dev/null >"$TRASH/watch" 2>&1 || true
	rm saving # and not killed, which leaves its last save on the way
	wait "$saver"
}

test_a_watch_that_dies_anywhere_is_gone_on_with() {
	local n step
	one_source
	sed -i '/name: job/d' .devenv/config.yml # what runs a command cannot say whether it did
	step=$((240 / DEATHS))
	for ((n = 1; n <= 240; n += step)); do
		died_at "$n"
		grep -q "^hit=1" report || fail "it did not die at call $n: $(cat report)"
		save "after $n"
		start_watch
		wait_until 30 holds out/a "after $n"
		stop_watch
		no_changes
		no_rest
	done
}

test_a_disk_that_is_full_is_told_and_forgiven() {
	[[ $(id -u) == 0 ]] || skip 'only root may mount a small disk'
	one_source
	mkdir -p out
	mount -t tmpfs -o size=64k,mode=755 small out
	trap 'kill "$WATCH" 2>/dev/null; umount -l "$PROJECT/out"' EXIT
	PROJECT=$PWD
	start_watch
	holds out/a 0 || fail 'not applied'
	dd if=/dev/zero of=out/ballast bs=4k 2>/dev/null || true # until it is full
	save "$(head -c 9000 /dev/zero | tr '\0' x)"
	wait_until 30 said 'Trying again in'
	said 'No space left on device' || fail 'it is not said why'
	holds out/a 0 || fail 'what was there is damaged'
	rm out/ballast
	wait_until 60 same_as_source # no save: it was tried again
	stop_watch
	no_changes
	umount out
	trap - EXIT
}
same_as_source() { cmp -s src/a out/a; }

test_a_clock_that_jumps_changes_nothing() {
	local before jump
	one_source
	echo 0 >"$TRASH/jump"
	CLOCK_JUMP=$TRASH/jump LD_PRELOAD=$TOOLS/clockjump.so start_watch --drift-interval 300ms
	before=$(runs)
	for jump in 31536000 -31536000 86400 -5 0; do
		echo "$jump" >"$TRASH/jump"
		save "at $jump"
		wait_until 30 holds out/a "at $jump"
		wait_until 30 last_job "at $jump"
		wait_until 30 settled # else it might be put right with the rest of this apply
		echo moved >out/a # drift is still looked for
		wait_until 30 said_times "$((++drifts))" 'Reality moved away'
		printf 'at %s' "$jump" >out/a
	done
	equal 'what the job ran for twice' '' "$(sort jobs | uniq -d)"
	stop_watch
	(($(runs) - before <= 10)) || fail "$(($(runs) - before)) runs for 5 saves"
}
drifts=0
settled() { [[ $(grep -E '^(Changed:|Apply complete)' "$TRASH/watch" | tail -n 1) == Apply* ]]; }

test_a_file_system_that_tells_nothing_is_polled() {
	need bindfs
	[[ -w /dev/fuse ]] || skip 'no FUSE here'
	one_source
	mkdir -p behind seen
	printf one >behind/b
	bindfs behind seen 2>"$TRASH/err" || skip 'FUSE cannot be mounted here'
	trap 'kill "$WATCH" 2>/dev/null; umount -l "$MOUNTED"' EXIT
	MOUNTED=$PWD/seen
	sed -i 's|source: src/a|source: seen/b|' .devenv/config.yml
	start_watch
	said 'tells nothing of its changes; files are looked at once a second instead' || fail 'no warning'
	holds out/a one || fail 'not applied'
	printf two >behind/b # as another machine would do it
	wait_until 20 holds out/a two
	stop_watch
	umount seen
	trap - EXIT
}

run_tests "$@"
