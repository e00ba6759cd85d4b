#!/bin/bash
# Twenty containers in a tree of dependencies, beside docker compose v2 on the same engine (DOCKER_HOST).
# shellcheck source=tests/bench/lib/bench.sh
. "${BASH_SOURCE%/*}/lib/bench.sh"

SOURCE=$(cd "${BASH_SOURCE%/*}/../.." && pwd)
IMAGE=devenv-bench:2

if [[ -z ${DOCKER_HOST:-} ]]; then
	CASES=1
	echo 'ok 1 - beside docker compose # SKIP DOCKER_HOST names no engine'
	exit 0
fi
if docker compose version >/dev/null 2>&1; then
	compose=(docker compose)
elif built=$("$SOURCE/tests/tools/build-compose"); then
	compose=("$built" compose)
	"${compose[@]}" version >/dev/null 2>&1 || compose=("$built")
else
	CASES=1
	echo 'not ok 1 - docker compose is missing and could not be built'
	exit 1
fi

image() {
	local root
	docker image inspect $IMAGE >/dev/null 2>&1 && return
	root=$(mktemp -d)
	mkdir -p "$root/bin"
	cp "$(command -v busybox)" "$root/bin/"
	ln -s busybox "$root/bin/sleep"
	ln -s busybox "$root/bin/true"
	tar -C "$root" -c . | docker import - $IMAGE >/dev/null
	rm -rf "$root"
}

# ours [healthy|ready], theirs [healthy]: with such a word, each waits until the one before it is so. `ready` is devenv's own
# probe; compose has no word for it but the health check.
ours() {
	local i health=''
	case ${1:-} in
	healthy) health='      healthcheck: { test: [CMD, "true"], interval: 1s }\n' ;;
	ready) health='      readiness: { command: ["true"] }\n' ;;
	esac
	printf 'apiVersion: devenv/v1\nkind: Environment\nmetadata: { name: bench }\nspec:\n  services:\n'
	for ((i = 1; i <= 20; i++)); do
		printf '    - name: s%d\n      image: %s\n      command: [sleep, "600"]\n' "$i" $IMAGE
		printf "%b" "      stopSignal: SIGKILL\n$health"
		((i > 1)) && printf '      dependencies: [s%d]\n' $((i / 2))
	done
	return 0
}

theirs() {
	local i health='' condition=service_started
	[[ -z ${1:-} ]] || health='    healthcheck: { test: [CMD, "true"], interval: 1s }\n' condition=service_healthy
	printf 'name: devenv-bench\nservices:\n'
	for ((i = 1; i <= 20; i++)); do
		printf '  s%d:\n    image: %s\n    pull_policy: never\n    command: ["sleep", "600"]\n    stop_signal: SIGKILL\n' "$i" $IMAGE
		printf "%b" "$health"
		((i > 1)) && printf '    depends_on: { s%d: { condition: %s } }\n' $((i / 2)) $condition
	done
	return 0
}

# Both wait for one engine on one machine, so they run in turns and the middle of the ratios counts.
middle() { sort -g | awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)] }'; }

# once WHO COMMAND...: WHO=wall, WHO_cpu, WHO_kib of one run, also appended to files.
once() {
	local who=$1 wall kib cpu
	shift
	if ! read -r wall _ kib cpu < <("$TOOLS/measure" 1 "$@"); then
		echo "# failed: $*"
		return 1
	fi
	echo "$wall" >>"$BENCH/$step.$who.wall"
	echo "$cpu" >>"$BENCH/$step.$who.cpu"
	echo "$kib" >>"$BENCH/$step.$who.kib"
}

ratio() { paste -d ' ' "$BENCH/$step.mine.$1" "$BENCH/$step.his.$1" | awk '{ print $1 / $2 }' | middle; }

# compare WHAT wall|cpu TARGET LIMIT: of the runs of this step; the limit is the target and a reserve
compare() {
	local found mine his
	found=$(ratio "$2") mine=$(middle <"$BENCH/$step.mine.$2") his=$(middle <"$BENCH/$step.his.$2")
	printf '| %s | %s ms | %s MiB | docker compose: %s ms, %s MiB (%.2fx) | <= %sx |\n' "$1" "$mine" \
		"$(($(middle <"$BENCH/$step.mine.kib") / 1024))" "$his" \
		"$(($(middle <"$BENCH/$step.his.kib") / 1024))" "${found:-99}" "$3"
	at_most "$1 beside docker compose" "${found:-99}" "$4"
}

image
table_head '20 containers'
enter docker
ours >.devenv/config.yml
theirs >compose.yml
trap '"$DEVENV" destroy --yes --volumes >/dev/null 2>&1; "${compose[@]}" down >/dev/null 2>&1
	rm -rf "$BENCH"; echo "1..$CASES"' EXIT
mine_up() { once mine "$DEVENV" apply --yes --parallelism 20; }
his_up() { once his "${compose[@]}" up -d; }

# Three turns; where their middle is over the limit, up to nine: a machine that had other work is no regression.
in_turns() { # LIMIT
	local i
	for ((i = 0; i < 9; i++)); do
		if ((i >= 3)) && within "$(ratio wall)" 1 "$1"; then return; fi
		mine_up || break
		"$DEVENV" destroy --yes --volumes >/dev/null 2>&1
		his_up || break
		"${compose[@]}" down >/dev/null 2>&1
	done
}

step=up
in_turns 1.25
compare 'up' wall 0.9 1.25

step=up-healthy
ours healthy >.devenv/config.yml
theirs healthy >compose.yml
in_turns 1.25
compare 'up, each when the one before it is healthy' wall 0.9 1.25

step=up-ready
ours ready >.devenv/config.yml
in_turns 0.9
compare 'up, each when the one before it is ready' wall 0.9 1

ours >.devenv/config.yml
theirs >compose.yml
step=both-up
mine_up && his_up
step=no-op
for ((i = 0; i < 21; i++)); do
	mine_up && his_up || break
done
compare 'no-op up' wall 0.2 0.35
compare 'no-op up, processor time' cpu 0.2 0.2
exit $SLOW
