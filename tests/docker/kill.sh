#!/bin/bash
# SIGKILL at the effectful calls of an apply and of a destroy that work on a Docker Engine. One more run
# puts everything right: nothing is created twice (the engine's own events say so), nothing with our
# mark lies about outside state.
# shellcheck source=tests/fault/lib/scenario.sh
. "${BASH_SOURCE%/*}/../fault/lib/scenario.sh"

export SCENARIO_PROCESS=no
IMAGE=devenv-test-kill:1
LABEL=dev.devenv.environment

test_image() {
	docker image inspect $IMAGE >/dev/null 2>&1 && return
	local root
	root=$(mktemp -d)
	mkdir -p "$root/bin"
	cp "$(command -v busybox)" "$root/bin/"
	ln -s busybox "$root/bin/sleep"
	ln -s busybox "$root/bin/sh"
	tar -C "$root" -c . | docker import - $IMAGE >/dev/null
	rm -rf "$root"
}

scenario_manifest() {
	cat <<-YML
	apiVersion: devenv/v1
	kind: Environment
	metadata: { name: kill }
	spec:
	  resources:
	    - { type: docker_network, name: net }
	    - { type: docker_volume, name: data }
	    - type: docker_container
	      name: first
	      image: $IMAGE
	      pull: never
	      command: [sleep, "600"]
	      stopSignal: SIGKILL
	      networks: ["\${docker_network.net.name}"]
	      volumes: ["\${docker_volume.data.name}:/data"]
	    - type: docker_container
	      name: second
	      image: $IMAGE
	      pull: never
	      command: [sleep, "600"]
	      stopSignal: SIGKILL
	      dependsOn: [docker_container.first]
	YML
}

environment_id() { query 'SELECT id FROM environment'; }

ours() { # KIND: what bears our mark
	docker "$1" ls ${2:-} -q --filter "label=$LABEL=$(environment_id)" 2>/dev/null
}

# Each point asks the engine what happened since it began.
fresh_files=$(declare -f fresh)
eval "files_${fresh_files}"
fresh() {
	files_fresh "$1"
	date +%s.%N >"$1/since"
}

creations() {
	docker events --since "$(cat ../since)" --until "$(date +%s.%N)" --filter type=container \
		--filter event=create --filter "label=$LABEL=$(environment_id)" --format '{{.ID}}' 2>/dev/null | wc -l
}

wrong_effects() {
	local n
	n=$(ours container -a | wc -l)
	((n == 2)) || echo "$n containers bear our mark"
	n=$(ours network | wc -l)
	((n == 1)) || echo "$n networks bear our mark"
	n=$(ours volume | wc -l)
	((n == 1)) || echo "$n volumes bear our mark"
	n=$(creations)
	((n == 2)) || echo "$n containers were created, not 2"
}

local_wrong_destroyed=$(declare -f wrong_destroyed)
eval "local_${local_wrong_destroyed}"
wrong_destroyed() {
	local out
	out=$("$DEVENV" destroy --yes --volumes --lock-timeout 60s </dev/null 2>&1) || echo "destroy fails: $out"
	[[ -z $(ours container -a)$(ours network)$(ours volume) ]] || echo "destroy leaves something with our mark"
	[[ $(query 'SELECT count(*) FROM record') == 0 ]] || echo "destroy leaves records"
	[[ $(query 'SELECT count(*) FROM intent') == 0 ]] || echo "destroy leaves intents"
}

die() { # MODE N
	"$TOOLS/killat" "$1" "$2" --report ../report -- "$DEVENV" apply --yes --parallelism 1 </dev/null
}

die_in_destroy() { # N
	applied
	"$TOOLS/killat" kill-before "$1" --report ../report -- "$DEVENV" destroy --yes --volumes --parallelism 1 </dev/null
	date +%s.%N >../since
}

# After a death in a destroy, what still stood is not created again.
wrong_after_destroy() {
	wrong_destroyed
}

clean_up() {
	local id
	for id in $(docker container ls -aq --filter "ancestor=$IMAGE"); do docker rm -f "$id" >/dev/null 2>&1; done
}

command -v docker >/dev/null || { echo 'not ok 1 - the docker client is missing' && exit 1; }
test_image
scenario_begin_docker() {
	BASE=$(mktemp -d "${TMPDIR:-/tmp}/devenv-fault-XXXXXX")
	trap 'clean_up; scenario_end' EXIT
	(
		fresh "$BASE/clean"
		snapshot >"$BASE/empty"
		"$DEVENV" apply --yes </dev/null >"$BASE/clean/out" 2>&1 || { cat "$BASE/clean/out" && exit 1; }
		snapshot >"$BASE/snapshot"
		home_listing >"$BASE/listing"
		wrong_effects | tee "$BASE/wrong"
		[[ ! -s $BASE/wrong ]] || exit 1
		"$DEVENV" destroy --yes --volumes </dev/null >"$BASE/clean/out" 2>&1 || { cat "$BASE/clean/out" && exit 1; }
	) || { echo "not ok - the clean run fails, so nothing can be compared with it" && exit 1; }
}
scenario_begin_docker

# What count_effects leaves behind on the engine is removed again.
applied_and_gone() {
	local dir=$BASE/count-$1
	(
		fresh "$dir"
		[[ $1 == destroy ]] && applied
		"$TOOLS/killat" count --report "$dir/report" -- "$DEVENV" "$1" --yes ${2:-} --parallelism 1 </dev/null >"$dir/log" 2>&1
		"$DEVENV" destroy --yes --volumes </dev/null >/dev/null 2>&1
	)
	sed -n 's/^count=//p' "$dir/report"
}

count=$(applied_and_gone apply)
echo "# an apply has $count effectful calls"
for n in $(spread "$count" 14); do
	point "an apply that died before call $n" die kill-before "$n"
done
for n in $(spread "$count" 4); do
	point "an apply that died after call $n" die kill-after "$n"
done
count=$(applied_and_gone destroy --volumes)
echo "# a destroy has $count effectful calls"
wrong() { wrong_after_destroy; }
for n in $(spread "$count" 6); do
	point "a destroy that died before call $n" die_in_destroy "$n"
done
exit $((BROKEN > 0))
