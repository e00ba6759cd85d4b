# shellcheck shell=bash
# The harness of the end-to-end tests. A test is a function test_SENTENCE in a file of tests/cli; it
# runs under `set -e` in a folder of its own with a home of its own, which vanish afterwards together
# with every process that it left behind. Prints TAP. See tests/cli/README.md.
#
#	. "${BASH_SOURCE%/*}/../lib/harness.sh"
#	test_an_apply_writes_the_file() {
#		manifest <<-'YML'
#		...
#		YML
#		expect 0 apply --yes
#		has out 'Apply complete'
#	}
#	test_home() { ...; }    # if there is one: prepares the home of each test
#	run_tests "$@"          # arguments: only the tests whose sentence contains one of them

: "${DEVENV:?the program under test}"
set -u

HARNESS_SOURCE=$(cd "${BASH_SOURCE%/*}/../.." && pwd)
export HARNESS_SOURCE
export HARNESS_TOOLS=${DEVENV_TEST_TOOLS:-${DEVENV%/*}/tests} # killat and its like
HARNESS_MARK=
STATUS=0

# --- what a test says ---------------------------------------------------------------------------

# The manifest from stdin, with the head that they all share.
manifest() {
	mkdir -p .devenv
	{
		printf 'apiVersion: devenv/v1\nkind: Environment\nmetadata: { name: test }\n'
		cat
	} >.devenv/config.yml
}

# Runs the program: stdin is empty, stdout and stderr go to the files out and err.
devenv() {
	STATUS=0
	"$DEVENV" "$@" </dev/null >"$TRASH/out" 2>"$TRASH/err" || STATUS=$?
}

# expect STATUS ARGUMENT...: runs the program, which must exit with STATUS.
expect() {
	local wanted=$1
	shift
	devenv "$@"
	[[ $STATUS == "$wanted" ]] || fail "devenv $*: exit status $STATUS, not $wanted"
}

# has out|err|FILE TEXT, lacks ..., matches ... REGULAR-EXPRESSION
has() { contains "$@" || fail "$1 lacks: $2"; }
lacks() { ! contains "$@" || fail "$1 has: $2"; }
matches() { grep -qE -- "$2" "$(file_of "$1")" || fail "$1 does not match: $2"; }
# same FILE <<TEXT
same() { diff -u --label expected --label "$1" - "$(file_of "$1")" || fail "$1 is not as expected"; }
# equal WHAT WANTED GOT
equal() { [[ $2 == "$3" ]] || fail "$1: expected \"$2\", got \"$3\""; }
contains() {
	case $2 in
	*$'\n'*) [[ $(cat "$(file_of "$1")") == *"${2%$'\n'}"* ]] ;; # grep would take any of its lines
	*) grep -qF -- "$2" "$(file_of "$1")" ;;
	esac
}
there() { local f; for f; do [[ -e $f || -L $f ]] || fail "$f is missing"; done; }
gone() { local f; for f; do [[ ! -e $f && ! -L $f ]] || fail "$f is still there"; done; }
file_of() { case $1 in out | err) echo "$TRASH/$1" ;; *) echo "$1" ;; esac; }

no_changes() { # [ARGUMENT...]
	expect 0 plan --detailed-exitcode "$@"
	has out 'No changes.'
}

# Nothing but what the tests put there: no temporary file, no open intent, no lock held.
no_rest() {
	local rest
	rest=$(find . "$DEVENV_HOME" \( -name '*.tmp*' -o -name '.devenv-*' -o -name '*~' -o -name '*.part' \) 2>/dev/null) ||
		true # what runs may remove a file that find is just about to look at
	[[ -z $rest ]] || fail "left behind: $rest"
	if [[ -f $DEVENV_HOME/state.db ]]; then
		equal 'open intents' 0 "$(state_query 'SELECT count(*) FROM intent')"
	fi
}

# Whoever closes the database last holds it for a moment.
state_query() { sqlite3 -cmd '.timeout 20000' "file:$DEVENV_HOME/state.db?mode=ro" "$1"; }

# wait_until SECONDS COMMAND...: polls, because machines differ in speed. What is counted is how often it looked,
# four times as often as that takes: a machine that stood still meanwhile has not looked.
wait_until() {
	local left=$((80 * $1)) && shift
	until "$@"; do
		((left-- > 0)) || fail "not within the time: $*"
		sleep 0.05
	done
}

need() { # TOOL...: skips the test without it, where that is allowed
	local tool
	for tool; do
		command -v "$tool" >/dev/null && continue
		[[ -n ${DEVENV_TEST_AVAILABLE:-} ]] || fail "$tool is missing"
		skip "$tool is missing"
	done
}

skip() { echo "$1" >"$TRASH/skip" && exit 0; }
fail() {
	{
		echo "# $1"
		echo "#   at ${BASH_SOURCE[-1]##*/}:$(line_in_test)"
		for f in out err; do
			[[ -s $TRASH/$f ]] || continue
			echo "# $f:"
			head -c 6000 "$TRASH/$f" | sed 's/^/#   /'
		done
	} >&2
	exit 1
}

line_in_test() {
	local i
	for i in "${!FUNCNAME[@]}"; do
		if [[ ${FUNCNAME[i]} == test_* ]]; then echo "${BASH_LINENO[i - 1]}" && return; fi
	done
	echo "?"
}

# --- running ------------------------------------------------------------------------------------

# Ends what still runs with this test's own mark in its environment, and what that was just starting.
end_leftovers() {
	local environ pid try found
	for ((try = 0; try < 100; try++)); do
		found=no
		for environ in $(grep -sazlxF "HARNESS_MARK=$HARNESS_MARK" /proc/[0-9]*/environ); do
			pid=${environ#/proc/} pid=${pid%/environ}
			[[ $pid != "$$" && $pid != "$BASHPID" ]] || continue
			kill -9 "$pid" 2>/dev/null && found=yes
		done
		[[ $found == yes ]] || return 0
		sleep 0.01
	done
}

run_one() { # FUNCTION
	TRASH=$(mktemp -d "${TMPDIR:-/tmp}/devenv-test-XXXXXX")
	HARNESS_MARK=$TRASH
	(
		set -e
		trap 'fail "a command failed: $BASH_COMMAND"' ERR
		set -E
		export HARNESS_MARK
		export HOME=$TRASH/home DEVENV_HOME=$TRASH/home/.devenv
		mkdir -p "$HOME" "$TRASH/project"
		cd "$TRASH/project"
		! declare -F test_home >/dev/null || test_home
		"$1"
	)
	local status=$?
	end_leftovers
	if ((status)) && [[ -n ${DEVENV_TEST_KEEP:-} ]]; then
		echo "# kept: $TRASH" >&2
	else
		[[ -f $TRASH/skip ]] && SKIP_REASON=$(cat "$TRASH/skip")
		rm -rf "$TRASH"
	fi
	return $status
}

run_tests() { # [PART OF A SENTENCE...]
	local function sentence n=0 failed=0 wanted filter status
	while read -r function; do
		[[ $function != test_exhaustively_* || -n ${DEVENV_TEST_FULL:-} ]] || continue # --full only
		sentence=${function#test_} sentence=${sentence//_/ }
		if (($#)); then
			wanted=no
			for filter; do [[ $sentence == *$filter* ]] && wanted=yes; done
			[[ $wanted == yes ]] || continue
		fi
		n=$((n + 1)) SKIP_REASON=
		run_one "$function" # not as a condition: that would switch `set -e` off inside
		status=$?
		if ((status == 0)); then
			echo "ok $n - $sentence${SKIP_REASON:+ # SKIP $SKIP_REASON}"
		else
			echo "not ok $n - $sentence"
			failed=1
		fi
	done < <(grep -oE '^test_[A-Za-z0-9_]+' "$0")
	echo "1..$n"
	exit $failed
}
