# shellcheck shell=bash disable=SC2034
# Two Docker Engines of different age: 20.10 (the distribution's) and 29 (built from Go modules), one at
# a time: two on one machine disturb each other's rules of the firewall. An engine that answers already
# is used for the first. What is started here is stopped at the end.

ENGINES_DIR=
ENGINE_NOW=         # the name of the one that was started
ENGINE_HOST=        # and where it answers
ENGINE_NAMES=(20.10 29)

engine_answers() { # HOST
	curl -s --max-time 3 --unix-socket "${1#unix://}" http://localhost/_ping 2>/dev/null | grep -q OK
}

engine_start() { # NAME DOCKERD NETWORK [JSON]
	ENGINES_DIR=${ENGINES_DIR:-$(mktemp -d /tmp/devenv-engines-XXXXXX)}
	if ENGINE_HOST=$("$SOURCE/tests/lib/engine.sh" start "$ENGINES_DIR/$1" "$2" "$3" "${4:-}" \
		2>"$LOGS/engine-$1.log"); then
		ENGINE_NOW=$1
		return 0
	fi
	tail -n 15 "$LOGS/engine-$1.log"
	return 1
}

engine_start_20() {
	local host=${DOCKER_HOST:-unix:///var/run/docker.sock}
	if [[ $host == unix://* ]] && engine_answers "$host"; then
		ENGINE_NOW=20.10 ENGINE_HOST=$host
	elif [[ $(id -u) != 0 ]]; then
		report_missing docker "no engine answers on $host, and starting one needs root"
	elif ! command -v dockerd >/dev/null; then
		report_missing docker "no engine answers on $host, and there is no dockerd to start"
	else
		engine_start 20.10 dockerd 10.201 || report_missing docker "the distribution's engine does not start"
	fi
}

# k3d's nodes are privileged: an engine with the tests' runtime, or the one that a person without root has.
engine_start_kubernetes() {
	if [[ $(id -u) == 0 ]] && command -v dockerd >/dev/null; then
		engine_start kubernetes dockerd 10.203 "\"default-runtime\": \"tests\",
			\"runtimes\": {\"tests\": {\"path\": \"$SOURCE/tests/tools/oci-runtime\"}}" ||
			report_missing kubernetes "no engine for k3d starts"
	else
		engine_start_20
		[[ -z $ENGINE_HOST ]] || ENGINE_NOW=kubernetes
	fi
}

engine_start_29() {
	local dockerd
	if [[ $(id -u) == 0 ]] && dockerd=$("$SOURCE/tests/tools/build-docker29" 2>"$LOGS/build-docker29.log"); then
		engine_start 29 "$dockerd" 10.202 "\"userland-proxy-path\": \"${dockerd%/*}/docker-proxy\",
			\"default-runtime\": \"tests\",
			\"runtimes\": {\"tests\": {\"path\": \"$SOURCE/tests/tools/oci-runtime\"}}" ||
			report_missing docker "Engine 29 does not start"
	else
		report_missing docker "Engine 29 could not be built, see $LOGS/build-docker29.log"
	fi
}

# Sets ENGINE_HOST; fails when there is none. What ran before is stopped.
engine_use() { # NAME
	[[ $ENGINE_NOW == "$1" ]] && return 0
	engines_stop
	if [[ $INSTALL == yes ]]; then
		packages_need "${PACKAGES_DOCKER[@]}" || report_missing docker "packages could not be installed"
		command -v go >/dev/null || packages_need "${PACKAGES_GO[@]}" || true
	fi
	"engine_start_${1%%.*}"
	[[ $ENGINE_NOW == "$1" ]]
}

engines_stop() {
	local dir
	ENGINE_NOW='' ENGINE_HOST=''
	[[ -n $ENGINES_DIR ]] || return 0
	for dir in "$ENGINES_DIR"/*/; do
		[[ -d $dir ]] && "$SOURCE/tests/lib/engine.sh" stop "$dir" >/dev/null 2>&1
	done
	rm -rf "$ENGINES_DIR"
	ENGINES_DIR=
}
