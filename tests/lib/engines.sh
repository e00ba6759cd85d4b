# shellcheck shell=bash
# Two Docker Engines of different age: 20.10 (the distribution's) and 29 (built from Go modules).
# An engine that answers already is used for the first; what is started here is stopped at the end.

ENGINES_DIR=
ENGINE_HOSTS=()  # "NAME=unix://..."

engine_answers() { # HOST
	curl -s --max-time 3 --unix-socket "${1#unix://}" http://localhost/_ping 2>/dev/null | grep -q OK
}

engine_start() { # NAME DOCKERD NETWORK [JSON]
	local host
	if host=$("$SOURCE/tests/lib/engine.sh" start "$ENGINES_DIR/$1" "$2" "$3" "${4:-}" 2>"$LOGS/engine-$1.log"); then
		ENGINE_HOSTS+=("$1=$host")
		return 0
	fi
	tail -n 15 "$LOGS/engine-$1.log"
	return 1
}

# Fills ENGINE_HOSTS; once.
engines_need() {
	local host=${DOCKER_HOST:-unix:///var/run/docker.sock} dockerd29
	((${#ENGINE_HOSTS[@]})) && return 0
	if [[ $INSTALL == yes ]]; then
		packages_need "${PACKAGES_DOCKER[@]}" || report_missing docker "packages could not be installed"
		command -v go >/dev/null || packages_need "${PACKAGES_GO[@]}" || true
	fi
	ENGINES_DIR=$(mktemp -d /tmp/devenv-engines-XXXXXX)
	if [[ $host == unix://* ]] && engine_answers "$host"; then
		ENGINE_HOSTS+=("present=$host")
	elif [[ $(id -u) != 0 ]]; then
		report_missing docker "no engine answers on $host, and starting one needs root"
	elif ! command -v dockerd >/dev/null; then
		report_missing docker "no engine answers on $host, and there is no dockerd to start"
	else
		engine_start 20.10 dockerd 10.201 || report_missing docker "the distribution's engine does not start"
	fi
	if [[ $(id -u) == 0 ]] && dockerd29=$("$SOURCE/tests/tools/build-docker29" 2>"$LOGS/build-docker29.log"); then
		engine_start 29 "$dockerd29" 10.202 "\"userland-proxy\": false, \"default-runtime\": \"tests\",
			\"runtimes\": {\"tests\": {\"path\": \"$SOURCE/tests/tools/oci-runtime\"}}" ||
			report_missing docker "Engine 29 does not start"
	else
		report_missing docker "Engine 29 could not be built, see $LOGS/build-docker29.log"
	fi
	((${#ENGINE_HOSTS[@]}))
}

engines_stop() {
	local dir
	[[ -n $ENGINES_DIR ]] || return 0
	for dir in "$ENGINES_DIR"/*/; do
		[[ -d $dir ]] && "$SOURCE/tests/lib/engine.sh" stop "$dir" >/dev/null 2>&1
	done
	rm -rf "$ENGINES_DIR"
	ENGINES_DIR=
	ENGINE_HOSTS=()
}
