#!/bin/bash
# From a save to its first effect, at 1,000 and 10,000 resources; and what a watch costs that has nothing
# to do.
# shellcheck source=tests/bench/lib/bench.sh
. "${BASH_SOURCE%/*}/lib/bench.sh"
LIBRARY=$(cd "${BASH_SOURCE%/*}/lib" && pwd)

calibrate
table_head 'watch'

save_of() { # N LIMIT-MS [FILE]: the manifest, or a file beside it that it names
	local pid middle longest file=${3:-.devenv/config.yml} mark='@mark@'
	enter "watch-$1${3:-}"
	[[ -z ${3:-} ]] || { printf @mark@ >"$3" && mark="\${file:$3}"; }
	tree_manifest "$1" plain >.devenv/config.yml
	printf '    - { type: local_file, name: made, path: made, content: "%s" }\n' "$mark" >>.devenv/config.yml
	"$DEVENV" watch --drift-interval 0 </dev/null >log 2>&1 &
	pid=$!
	for ((i = 0; i < 600; i++)); do grep -qs Following log && break; sleep 0.05; done
	read -r middle longest < <(python3 "$LIBRARY/saves.py" "$file" made 15)
	MS=${middle:-99999}
	KIB=$(awk '/VmHWM/ { print $2 }' "/proc/$pid/status")
	kill "$pid"
	wait "$pid"
	row "save${3:+ of another file} to first effect, $1 resources" "$2" 0 "longest of 15: ${longest:-none} ms"
}

save_of 1000 50
save_of 1000 50 word
save_of 10000 100
save_of 10000 100 word
exit $SLOW
