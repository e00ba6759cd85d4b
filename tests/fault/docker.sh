#!/bin/bash
# Deaths and broken connections on the way to a Docker Engine that keeps books and runs nothing, so every
# point is quick: what it made is made once, and nothing of ours is left outside state. tests/docker/kill.sh
# does the same on a real one.
# shellcheck source=tests/fault/lib/scenario.sh
. "${BASH_SOURCE%/*}/lib/scenario.sh"

export SCENARIO_PROCESS=no
DESTROY=(destroy --yes --volumes)
FAKE_ENGINE=$(cd "${BASH_SOURCE%/*}/../tools" && pwd)/fake-engine

scenario_manifest() {
	cat <<-'YML'
	apiVersion: devenv/v1
	kind: Environment
	metadata: { name: fault }
	spec:
	  resources:
	    - { type: docker_network, name: net }
	    - { type: docker_volume, name: data }
	    - type: docker_container
	      name: first
	      image: fake:1
	      pull: never
	      networks: ["${docker_network.net.name}"]
	      volumes: ["${docker_volume.data.name}:/data"]
	    - { type: docker_container, name: second, image: fake:1, pull: never, dependsOn: [docker_container.first] }
	YML
}

eval "files_$(declare -f fresh)"
fresh() {
	local try
	files_fresh "$1"
	export DOCKER_HOST=unix://$1/engine
	"$FAKE_ENGINE" "$1/engine" "$EFFECTS" >"$1/engine.log" 2>&1 &
	for ((try = 0; try < 1000; try++)); do
		[[ -S $1/engine ]] && return
		sleep 0.02
	done
	echo "the engine does not start: $(cat "$1/engine.log")"
	exit 1
}

# Made once; or, where a destroy came between, once more than it was removed. The same holds for what was
# made and could not be started: that is tainted, and replaced.
wrong_effects() {
	local name made removed tainted
	tainted=$(grep -c 'creating failed' ../log)
	for name in 'network fault-net' 'volume fault-data' 'container fault-first' 'container fault-second'; do
		made=$(grep -c "^create $name" "$EFFECTS")
		removed=$(grep -c "^remove $name" "$EFFECTS")
		((made == 1 + removed)) || echo "$name was made $made times and removed $removed times"
		((removed == 0 || tainted)) || [[ -e ../destroyed ]] || echo "$name was removed"
	done
	made=$(grep -c '^create ' "$EFFECTS")
	removed=$(grep -c '^remove ' "$EFFECTS")
	((made == 4 + removed)) || echo "$made were made and $removed removed: something else is there"
}

eval "usual_$(declare -f wrong)"
wrong() {
	[[ ! -e ../status ]] || ended_badly "$(cat ../status)" ../log
	usual_wrong
}

eval "usual_$(declare -f wrong_destroyed)"
wrong_destroyed() {
	usual_wrong_destroyed
	[[ $(grep -c '^create ' "$EFFECTS") == $(grep -c '^remove ' "$EFFECTS") ]] || echo "destroy leaves something"
}

prepare() { # apply|destroy
	[[ $1 == apply ]] && return
	applied || echo "the apply before failed"
	touch ../destroyed
}

verb() { if [[ $1 == apply ]]; then echo apply --yes; else echo "${DESTROY[@]}"; fi; }

die() { # apply|destroy MODE N
	prepare "$1"
	# shellcheck disable=SC2046
	"$TOOLS/killat" "$2" "$3" --report ../report -- "$DEVENV" $(verb "$1") --parallelism 1 </dev/null
}

fail_at() { # apply|destroy ERRNO N KILLAT-OPTION...
	local verb=$1 error=$2 n=$3 status=0
	shift 3
	prepare "$verb"
	# shellcheck disable=SC2046
	timeout 300 "$TOOLS/killat" fail "$n" "$error" "$@" --report ../report \
		-- "$DEVENV" $(verb "$verb") --parallelism 1 </dev/null || status=$?
	echo "$status" >../status
}

lose_answer() { # apply|destroy N
	local status=0
	prepare "$1"
	curl -sS --unix-socket ../engine -X POST "http://localhost/reset?at=$2"
	# shellcheck disable=SC2046
	timeout 300 "$DEVENV" $(verb "$1") --parallelism 1 </dev/null || status=$?
	echo "$status" >../status
}

prepare_apply() { prepare apply; }
prepare_destroy() { prepare destroy; }

scenario_begin
for what in apply destroy; do
	# shellcheck disable=SC2046
	count=$(count_effects "prepare_$what" -- "$DEVENV" $(verb $what) --parallelism 1)
	echo "# $what: $count effectful calls"
	for n in $(spread "$count" 16); do point "$what: died before call $n" die $what kill-before "$n"; done
	for n in $(spread "$count" 8); do point "$what: died after call $n" die $what kill-after "$n"; done
	for n in 1 2 3 4 5 6; do point "$what: the answer to change $n is lost" lose_answer $what "$n"; done
	while read -r class error most path sticky; do
		# shellcheck disable=SC2046
		count=$(count_effects "prepare_$what" --class "$class" --path "$path" -- "$DEVENV" $(verb $what) --parallelism 1)
		for n in $(spread "$count" "$most"); do
			point "$what: $class call $n on a socket gives $error${sticky:+ and so do all after it}" \
				fail_at $what "$error" "$n" --class "$class" --path "$path" ${sticky:+"$sticky"}
		done
	done <<-'END'
		net ECONNRESET 8 socket
		net EPIPE 3 socket
		net ECONNREFUSED 3 socket --sticky
		read ECONNRESET 8 socket
		read ECONNRESET 3 socket --sticky
		fd EMFILE 3 socket
	END
done
exit $((BROKEN > 0))
