# shellcheck shell=bash
# What the benchmarks share: graphs of any size, measuring, and limits that know how fast the machine is.
# Prints a table (lines that begin with |) and TAP.

: "${DEVENV:?the program under test}"
set -u
TOOLS=${DEVENV_TEST_TOOLS:-${DEVENV%/*}/tests}
BENCH=$(mktemp -d "${TMPDIR:-/tmp}/devenv-bench-XXXXXX")
trap 'rm -rf "$BENCH"; echo "1..$CASES"' EXIT
CASES=0 SCALE=1
export SLOW=0 # the exit status of a benchmark

# N local values as a binary tree: each refers to the output of its parent. Each value grows with
# the depth; plain: all have one value.
tree_manifest() { # N [plain]
	awk -v n="$1" -v plain="${2:-}" 'BEGIN {
		print "apiVersion: devenv/v1\nkind: Environment\nmetadata: { name: bench }\nspec:\n  resources:"
		print "    - type: local_value\n      name: n1\n      input: root"
		for (i = 2; i <= n; i++)
			printf "    - type: local_value\n      name: n%d\n      input: \"${local_value.n%d.output}%s\"\n", i, int(i / 2), plain ? "" : "." (i % 2)
	}'
}

tree_terraform() { # N: the same graph for Terraform's built-in provider
	awk -v n="$1" 'BEGIN {
		print "resource \"terraform_data\" \"n1\" {\n  input = \"root\"\n}"
		for (i = 2; i <= n; i++)
			printf "resource \"terraform_data\" \"n%d\" {\n  input = \"${terraform_data.n%d.output}.%d\"\n}\n", i, int(i / 2), i % 2
	}'
}

enter() { # NAME: an empty project with a home
	mkdir -p "$BENCH/$1/.devenv" "$BENCH/$1/home"
	cd "$BENCH/$1" || exit 1
	export HOME=$BENCH/$1/home DEVENV_HOME=$BENCH/$1/home/.devenv
}

# measure N COMMAND...: sets MS (of the fastest run) and KIB (peak). With BENCH_CLOCK=cpu the time of the
# processor, which on a busy machine is the only one that says anything about the program.
BENCH_CLOCK=wall
MEASURED=() # what can be measured once more
measure() {
	local wall cpu
	MS='' KIB='' MEASURED=("$@")
	read -r wall _ KIB cpu < <("$TOOLS/measure" "$@") || true
	[[ $BENCH_CLOCK == cpu ]] && MS=${cpu:-} || MS=${wall:-}
	[[ -n $MS ]]
}

# Runs into a second of this machine's noise are no regressions: a limit is what the design asks for,
# times how much slower than the machine of the design this one parses YAML, times a reserve.
calibrate() {
	local file=$BENCH/calibrate.yml
	tree_manifest 10000 >"$file"
	measure 5 "$TOOLS/yaml-events" "$file"
	SCALE=$(awk -v ms="$MS" 'BEGIN { s = ms / 18; print (s < 1 ? 1 : s) * 1.6 }')
	MEASURED=()
	echo "# libyaml alone takes $MS ms for 10000 values; limits are multiplied by $SCALE"
}

# within NUMBER OTHER LIMIT: is it at most that many times the other? What is not is measured again, some times:
# a machine that had other work is no regression, and a regression is there each time.
within() { awk -v a="${1:-}" -v b="${2:-}" -v l="$3" 'BEGIN { exit !(a != "" && b + 0 > 0 && a / b <= l) }'; }

table_head() {
	echo "| $1 | time | memory | beside it | target |"
	echo "|---|---|---|---|---|"
}

# row WHAT LIMIT-MS LIMIT-MIB BESIDE: of the last measurement; 0: no limit.
row() {
	local what=$1 limit=$2 mib=$3 beside=${4:-} verdict try
	local target='' best
	local -a again=("${MEASURED[@]}")
	for ((try = 0; try < 4 && limit && ${#again[@]}; try++)); do
		! within "$MS" "$SCALE" "$limit" || break
		best=$MS
		calibrate
		measure "${again[@]}" || break
		MS=$(printf '%s\n' "$MS" "$best" | sort -g | head -n 1)
	done
	MEASURED=()
	((limit)) && target="< $limit ms"
	[[ $mib != 0 ]] && target+="${target:+, }< $mib MiB"
	printf '| %s | %s ms | %s MiB | %s | %s |\n' "$what" "${MS:-failed}" \
		"$(awk -v k="${KIB:-0}" 'BEGIN { printf "%.1f", k / 1024 }')" "$beside" "$target"
	CASES=$((CASES + 1))
	verdict=$(awk -v ms="${MS:-}" -v kib="${KIB:-0}" -v limit="$limit" -v mib="$mib" -v scale="$SCALE" 'BEGIN {
		if (ms == "") print "it failed"
		else if (limit && ms + 0 > limit * scale) printf "%s ms are more than %.1f ms", ms, limit * scale
		else if (mib && kib / 1024 > mib) printf "%.1f MiB are more than %s MiB", kib / 1024, mib
	}')
	tell "$what" "$verdict"
}

tell() { # WHAT WRONG: one line of TAP; CASES is already counted
	if [[ -z $2 ]]; then
		echo "ok $CASES - $1"
	else
		echo "# $2"
		echo "not ok $CASES - $1"
		SLOW=1
	fi
}

# at_most WHAT NUMBER LIMIT
at_most() {
	CASES=$((CASES + 1))
	tell "$1" "$(awk -v n="$2" -v limit="$3" 'BEGIN { if (n == "" || n + 0 > limit) print n " is more than " limit }')"
}
