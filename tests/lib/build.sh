# shellcheck shell=bash
# Builds a preset once per run of the tests.

declare -A BUILT=()

build_dir() { # PRESET
	local dir
	case $1 in
	release) dir=build ;;
	*) dir=build-$1 ;;
	esac
	echo "${BUILDS:-$SOURCE}/$dir"
}

# build PRESET [CMAKE OPTION...]: 0 when it is built. In CI, warnings are errors.
build() {
	local preset=$1 dir log started=$SECONDS
	shift
	if [[ -n ${BUILT[$preset]:-} ]]; then [[ ${BUILT[$preset]} == ok ]] && return; fi
	dir=$(build_dir "$preset")
	log=$LOGS/build-$preset.log
	BUILT[$preset]=failed
	if (cd "$SOURCE" && cmake --preset "$preset" -G Ninja -B "$dir" "-DDEVENV_WERROR=$([[ -n ${CI:-} ]] && echo ON || echo OFF)" -DDEVENV_TESTS=ON "$@" &&
		nice -n 5 cmake --build "$dir" -j "$JOBS") >"$log" 2>&1 </dev/null; then
		BUILT[$preset]=ok
		report_pass
		say "built $preset in $((SECONDS - started))s"
		return 0
	fi
	grep -aE 'error|warning|FAILED' "$log" | head -n 30
	report_fail "build $preset" "see $log"
	return 1
}
