#!/bin/bash
# SIGKILL at random times of an apply and of a destroy of examples/services, ten things at once: a build,
# a health check, a job, a network and a volume in every state. One more run puts everything right.
# The seed is printed; DEVENV_TEST_SEED repeats a run.
# shellcheck source=tests/fault/lib/scenario.sh
. "${BASH_SOURCE%/*}/../fault/lib/scenario.sh"
# shellcheck source=tests/lib/shop.sh
. "${BASH_SOURCE%/*}/../lib/shop.sh"

export SCENARIO_PROCESS=no
DESTROY=(destroy --yes --volumes)
SOURCE_DIR=$(cd "${BASH_SOURCE%/*}/../.." && pwd)
RANDOM=${DEVENV_TEST_SEED:=$((SRANDOM % 32768))}
echo "# DEVENV_TEST_SEED=$DEVENV_TEST_SEED"

# Everything ends at once and is checked often: more points in the same time.
fresh() {
	local dir=$1
	mkdir -p "$dir/project" "$dir/home"
	cd "$dir/project" || exit 1
	export HOME=$dir/home DEVENV_HOME=$dir/home/.devenv SCENARIO_MARK=$dir
	cp -r "$SOURCE_DIR/examples/services/." .
	rm -rf .devenv/local
	sed -i 's/stopGracePeriod: 1s/stopSignal: SIGKILL/; s/interval: 1s/interval: 200ms, retries: 100/' .devenv/config.yml
	((RANDOM % 2)) && echo "<!-- $RANDOM -->" >>api/www/index.html # one that is built, or one that is there
}

# What is different in each run: the page.
snapshot() {
	find . -mindepth 1 -not -path './.devenv/local*' -printf '%p %m %y\n' | sort
}

# The engine remembers its last 256 events only, and health checks are many: what it makes and removes is
# written down as it comes.
events_begin() {
	docker events --filter type=container --filter event=create --filter event=destroy --format \
		'{{.Action}} {{index .Actor.Attributes "dev.devenv.environment"}} {{index .Actor.Attributes "dev.devenv.address"}} {{.ID}}' \
		>"$BASE/events" &
	EVENTS=$!
	until events_are_here 20; do kill -0 $EVENTS || exit 1; done
}
# All up to now: that of a container made for this is among them.
events_are_here() { # TIMES TO LOOK
	local id i
	id=$(docker create $SHOP_IMAGE true)
	docker rm "$id" >/dev/null
	for ((i = 0; i < $1; i++)); do
		! grep -q "^destroy .*$id" "$BASE/events" || return 0
		sleep 0.05
	done
	return 1
}
# events EVENT SERVICE: how often in this environment
events() { grep -c "^$1 $(environment_id) docker_container\.$2 " "$BASE/events" || true; }

wrong_effects() {
	local n name
	events_are_here 2400 || echo 'the events do not come'
	for name in db cache migrate api; do
		n=$(events create $name)
		((n == 1 || (n > 1 && n <= 1 + $(events destroy $name)))) || echo "$name was created $n times"
		# Only a job that was not seen to end well is run again.
		((n == 1)) || [[ $name == migrate ]] || echo "$name was made again, $n times"
		n=$(ours container docker_container.$name | wc -l)
		((n == 1)) || echo "$n containers bear the mark of $name"
	done
	n=$(ours container | wc -l)
	((n == 4)) || echo "$n containers bear our mark, not 4"
	n=$(ours network | wc -l)
	((n == 1)) || echo "$n networks bear our mark"
	n=$(ours volume '' '{{.Name}}' | wc -l)
	((n == 1)) || echo "$n volumes bear our mark"
	curl -sf --max-time 60 "http://127.0.0.1:$DEVENV_VAR_port/cgi-bin/orders" | grep -q 'no orders yet' ||
		echo 'the shop does not answer'
}

wrong_destroyed() {
	local out kind
	out=$("$DEVENV" "${DESTROY[@]}" --lock-timeout 60s </dev/null 2>&1) || echo "destroy fails: $out"
	for kind in container network image; do
		[[ -z $(ours $kind) ]] || echo "destroy leaves a $kind with our mark"
	done
	[[ -z $(ours volume '' '{{.Name}}') ]] || echo 'destroy leaves a volume with our mark'
	[[ $(query 'SELECT count(*) FROM record') == 0 ]] || echo 'destroy leaves records'
	[[ $(query 'SELECT count(*) FROM intent') == 0 ]] || echo 'destroy leaves intents'
	shop_clear
}

# die MILLISECONDS COMMAND...: killed after so long, with all of its threads wherever they are
die() {
	local after=$1 pid
	shift
	"$DEVENV" "$@" --yes --parallelism 10 </dev/null &
	pid=$!
	sleep "$(printf '%d.%03d' $((after / 1000)) $((after % 1000)))"
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	return 0
}

die_twice() { # MILLISECONDS MILLISECONDS
	die "$1" apply
	die "$2" apply
}

die_in_destroy() { # MILLISECONDS
	applied
	die "$1" destroy --volumes
}

milliseconds() { # COMMAND...: how long it takes
	local from
	from=$(date +%s%N)
	"$@" >&2
	echo $((($(date +%s%N) - from) / 1000000))
}

command -v docker >/dev/null || { echo 'not ok 1 - the docker client is missing' && exit 1; }
shop_image
DEVENV_VAR_image=$SHOP_IMAGE
DEVENV_VAR_port=$(free_port)
export DEVENV_VAR_image DEVENV_VAR_port

BASE=$(mktemp -d "${TMPDIR:-/tmp}/devenv-fault-XXXXXX")
trap 'kill $EVENTS; scenario_end' EXIT
events_begin
(
	fresh "$BASE/clean"
	snapshot >"$BASE/empty"
	milliseconds "$DEVENV" apply --yes </dev/null >"$BASE/apply" 2>"$BASE/out" || { cat "$BASE/out" && exit 1; }
	snapshot >"$BASE/snapshot"
	home_listing >"$BASE/listing"
	wrong_effects | tee "$BASE/wrong"
	milliseconds "$DEVENV" "${DESTROY[@]}" </dev/null >"$BASE/destroy" 2>"$BASE/out" || { cat "$BASE/out" && exit 1; }
	wrong_destroyed | tee -a "$BASE/wrong"
	[[ ! -s $BASE/wrong ]]
) || { echo "not ok - the clean run fails, so nothing can be compared with it" && exit 1; }
apply=$(cat "$BASE/apply") destroy=$(cat "$BASE/destroy")
echo "# an apply takes $apply ms, a destroy $destroy ms"

points=5
[[ -n ${DEVENV_TEST_FULL:-} ]] && points=60
for ((i = 0; i < points; i++)); do
	# Spread over the whole of it, at random within each share.
	t=$((apply * i / points + RANDOM % (apply / points + 1)))
	point "an apply that died after $t ms" die $t apply
done
t=$((RANDOM % apply)) u=$((RANDOM % apply))
point "an apply that died after $t ms, and again after $u ms" die_twice $t $u
# While the engine is at the network of the one that died, and then of the next one.
for ((i = 0; i < (points + 4) / 5; i++)); do
	t=$((60 + RANDOM % 120)) u=$((60 + RANDOM % 140))
	point "an apply that died after $t ms, and again after $u ms, early" die_twice $t $u
done
wrong() { :; }
for ((i = 0; i < (points + 3) / 4; i++)); do
	t=$((RANDOM % (destroy + 1)))
	point "a destroy that died after $t ms" die_in_destroy $t
done
exit $((BROKEN > 0))
