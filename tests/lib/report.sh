# shellcheck shell=bash
# Counting. Every test program prints TAP: "ok N - name", "not ok N - name", "ok N - name # SKIP why".
# Each test counts, not only each program; a program that dies, or that runs no test, is one failure.

PASSED=0 FAILED=0 SKIPPED=0
LOGS=
FAILURES=()

report_start() { # DIRECTORY for the logs
	LOGS=$1
	rm -rf "$LOGS"
	mkdir -p "$LOGS"
}

say() { printf '%s\n' "$*"; }
heading() { printf '\n== %s\n' "$*"; }

report_fail() { # NAME WHY: a failure that is not of a test program
	FAILED=$((FAILED + 1))
	FAILURES+=("$1: $2")
	say "not ok - $1: $2"
}

report_pass() { PASSED=$((PASSED + 1)); }

# A missing tool fails, unless the tests were asked to make do with what is there.
report_missing() { # PART WHY
	if [[ $AVAILABLE == yes ]]; then
		SKIPPED=$((SKIPPED + 1))
		say "SKIPPED - $1: $2"
	else
		report_fail "$1" "$2"
	fi
}

# Reads a finished log. Prints what failed; of a success only one line.
report_log() { # NAME LOG STATUS SECONDS
	local name=$1 log=$2 status=$3 seconds=$4 passed failed skipped
	skipped=$(grep -acE '^(not )?ok\b.*# SKIP' "$log")
	passed=$(grep -aE '^ok\b' "$log" | grep -avc '# SKIP')
	failed=$(grep -aE '^not ok\b' "$log" | grep -avc '# SKIP')
	PASSED=$((PASSED + passed)) FAILED=$((FAILED + failed)) SKIPPED=$((SKIPPED + skipped))
	if ((status == 77 && failed == 0)) && [[ $AVAILABLE == yes ]]; then
		skipped=$((skipped + 1)) SKIPPED=$((SKIPPED + 1))
		grep -aiE 'skip|no engine' "$log" | head -n 2
	elif ((failed == 0 && status != 0)); then
		failed=1 FAILED=$((FAILED + 1))
		FAILURES+=("$name: exit status $status (log: $log)")
	elif ((failed)); then
		while IFS= read -r line; do FAILURES+=("$name: ${line#not ok }"); done \
			< <(grep -aE '^not ok\b' "$log" | grep -av '# SKIP')
	elif ((passed + skipped == 0)); then
		failed=1 FAILED=$((FAILED + 1))
		FAILURES+=("$name: ran no test (log: $log)")
	fi
	if ((failed)); then
		say "--- $name (exit status $status); the end of $log:"
		tail -n "${REPORT_TAIL:-60}" "$log"
		say "---"
	fi
	printf '%-44s %5d passed' "$name" "$passed"
	((failed)) && printf ', %d FAILED' "$failed"
	((skipped)) && printf ', %d skipped' "$skipped"
	printf '   %ss\n' "$seconds"
	if ((skipped)); then
		grep -aE '^(not )?ok\b.*# SKIP' "$log" | sed 's/^/    SKIPPED /'
	fi
	return 0
}

# report_many JOBS TIMEOUT: runs the lines of stdin, "NAME<TAB>COMMAND WORD WORD", so many at once.
# Commands have no shell syntax: words are separated by blanks.
report_many() {
	local jobs=$1 limit=$2 name words dir line status seconds
	dir=$(mktemp -d "$LOGS/run-XXXXXX")
	local -a running=()
	while IFS=$'\t' read -r name words; do
		while [[ $(jobs -rp | wc -l) -ge $jobs ]]; do wait -n 2>/dev/null || true; done
		line=$LOGS/${name//\//-}
		report_one "$name" "$line.log" "$line.status" "$limit" "$words" &
		running+=("$name")
	done
	wait
	for name in "${running[@]}"; do
		line=$LOGS/${name//\//-}
		read -r status seconds <"$line.status" || { status=125 seconds=0; }
		report_log "$name" "$line.log" "$status" "$seconds"
	done
	rm -rf "$dir"
}

report_one() { # NAME LOG STATUSFILE LIMIT WORDS
	local started=$SECONDS status=0
	local -a command
	read -ra command <<<"$5"
	# cmocka reads the first variable; the tests' own harness prints TAP anyhow.
	CMOCKA_MESSAGE_OUTPUT=TAP timeout --kill-after=10 "$4" "${command[@]}" </dev/null >"$2" 2>&1 ||
		status=$?
	echo "$status $((SECONDS - started))" >"$3"
}

report_end() {
	local failure
	if ((${#FAILURES[@]})); then
		heading "failed"
		for failure in "${FAILURES[@]}"; do say "  $failure"; done
	fi
	say ""
	if ((SKIPPED)); then
		say "$PASSED passed, $FAILED failed, $SKIPPED skipped"
	else
		say "$PASSED passed, $FAILED failed"
	fi
	((FAILED == 0 && PASSED > 0))
}
