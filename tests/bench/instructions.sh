#!/bin/bash
# Instructions executed, counted by callgrind: the same on a fast and a slow machine, so a regression of
# a few per cent is seen. The numbers in instructions.txt hold for one compiler and one libc; with
# others the test only prints. `instructions.sh --update` writes them anew (then read the difference).
# shellcheck source=tests/bench/lib/bench.sh
. "${BASH_SOURCE%/*}/lib/bench.sh"

stored=$(cd "${BASH_SOURCE%/*}" && pwd)/instructions.txt
tolerance=1.05
machine="gcc $(gcc -dumpfullversion), libc $(getconf GNU_LIBC_VERSION | cut -d' ' -f2), $(uname -m)"
new=$BENCH/new.txt
echo "# $machine" >"$new"

instructions() { # COMMAND...
	valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" 2>&1 >/dev/null </dev/null |
		sed -n 's/.*Collected : *//p'
}

count() { # NAME COMMAND...
	local name=$1 got was wrong=''
	shift
	got=$(instructions "$@")
	echo "$name $got" >>"$new"
	was=$(awk -v name="$name" '$1 == name { print $2 }' "$stored" 2>/dev/null)
	CASES=$((CASES + 1))
	echo "| instructions: $name | $(awk -v n="$got" 'BEGIN { printf "%.1f million", n / 1e6 }') | | stored: $(awk -v n="$was" 'BEGIN { printf "%.1f million", n / 1e6 }') | within 5 % |"
	if [[ -z $got ]]; then
		wrong='nothing was counted'
	elif [[ $(head -n 1 "$stored" 2>/dev/null) != "# $machine" ]]; then
		echo "ok $CASES - instructions: $name # SKIP stored for another compiler or libc"
		return
	else
		wrong=$(awk -v got="$got" -v was="$was" -v t=$tolerance 'BEGIN {
			if (got > was * t) printf "%d are %.1f %% more than the stored %d", got, 100 * (got / was - 1), was }')
	fi
	tell "instructions: $name" "$wrong"
}

command -v valgrind >/dev/null || { echo "not ok 1 - valgrind is missing" && exit 1; }
enter instructions
count version "$DEVENV" version
tree_manifest 1000 >.devenv/config.yml
count plan-1000-new "$DEVENV" plan
count apply-1000 "$DEVENV" apply --yes
count plan-1000-noop "$DEVENV" plan
sed -i '$s/\.[01]"/.changed"/' .devenv/config.yml
count plan-1000-leaf "$DEVENV" plan
if [[ ${1:-} == --update ]]; then cp "$new" "$stored" && SLOW=0; fi
exit $SLOW
