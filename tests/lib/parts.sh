# shellcheck shell=bash
# The parts of the tests, one function each. Every part can run alone and builds what it needs.

# Programs of a build folder's tests/ that match a pattern, as lines for report_many.
programs() { # LABEL DIR PATTERN
	local program
	for program in "$2"/tests/$3; do
		[[ -x $program ]] && printf '%s/%s\t%s\n' "$1" "${program##*/}" "$program"
	done
}

scripts() { # LABEL PATTERN...: scripts below tests/ as lines
	local label=$1 script
	shift
	for script; do
		[[ -f $script ]] && printf '%s/%s\tbash %s\n' "$label" "$(basename "$script" .sh)" "$script"
	done
}

# Of scripts as lines: without those whose names match, unless it is --full.
unless_full() { if [[ $FULL == yes ]]; then cat; else grep -vE "/($1)\.sh\$"; fi; }

part_lint() {
	report_many 1 300 < <(printf 'lint\tbash %s\n' "$SOURCE/tests/lint.sh")
}

part_unit() {
	build debug || return
	unit_programs debug unit
	report_many 1 120 < <(printf 'unit/schema-agrees\tbash %s\n' "$SOURCE/tests/schema/agree.sh")
}

# Unit tests that need an engine are named test_live_*; they run in the docker part.
unit_programs() { # PRESET LABEL
	local dir
	dir=$(build_dir "$1")
	# The generator of tables is a tool of the build that ends with what it read still in memory.
	report_many "$JOBS" 300 < <(programs "$2" "$dir" 'test_*' | grep -v '/test_live_' |
		sed 's|\t\(.*/test_schema_generate\)$|\tenv ASAN_OPTIONS=detect_leaks=0 \1|')
}

part_plan() {
	build debug || return
	plan_tests debug plan
}

plan_tests() { # PRESET LABEL
	local kind
	report_many "$JOBS" 300 < <(for kind in manifest plan; do
		printf '%s/%s\t%s %s\n' "$2" "$kind" "$(build_dir "$1")/tests/$kind-runner" \
			"$(printf '%s ' "$SOURCE/tests/$kind"/*.test)"
	done)
}

part_cli() {
	build release || return
	cli_tests release cli
	[[ $FULL != yes ]] || bare_debian
}

# The first command of the README where nothing is installed yet. A chroot needs root.
bare_debian() {
	[[ $(id -u) == 0 ]] || { report_missing bare "a bare Debian needs root"; return; }
	[[ $INSTALL != yes ]] || packages_need debootstrap || true
	command -v debootstrap >/dev/null || { report_missing bare "debootstrap is missing"; return; }
	report_many 1 3600 < <(printf 'cli/bare-debian\tbash %s try\n' "$SOURCE/tests/tools/bare-debian")
}

cli_tests() { # PRESET LABEL
	local dir
	dir=$(build_dir "$1")
	export DEVENV=$dir/devenv DEVENV_TEST_TOOLS=$dir/tests
	[[ $AVAILABLE == yes ]] && export DEVENV_TEST_AVAILABLE=1
	# The first time it is built, which takes longer than any test may.
	"$SOURCE/tests/tools/build-sops" >"$LOGS/build-sops.log" 2>&1 || true
	# Installing builds anew; the checkers would see nothing of it that they do not see elsewhere.
	report_many "$JOBS" 600 < <(scripts "$2" "$SOURCE"/tests/cli/*.sh |
		if [[ $1 == sanitize ]]; then grep -v '/install\.sh$'; else cat; fi)
	unset DEVENV DEVENV_TEST_TOOLS
}

part_sync() {
	local dir
	build release || return
	if [[ $INSTALL == yes ]]; then
		packages_need "${PACKAGES_SYNC[@]}" || report_missing sync "packages could not be installed"
	fi
	dir=$(build_dir release)
	export DEVENV=$dir/devenv DEVENV_TEST_TOOLS=$dir/tests
	[[ $AVAILABLE == yes ]] && export DEVENV_TEST_AVAILABLE=1
	DEVENV_TEST_FULL=$([[ $FULL == yes ]] && echo 1) report_many "$JOBS" 3600 < <(
		scripts sync "$SOURCE"/tests/sync/*.sh | unless_full forge)
	unset DEVENV DEVENV_TEST_TOOLS
}

catalogue_packages() { # PART
	[[ $INSTALL == yes && $FULL == yes ]] || return 0
	command -v npm >/dev/null || PACKAGES_CATALOGUE+=(nodejs npm)
	packages_need "${PACKAGES_CATALOGUE[@]}" || report_missing "$1" "packages could not be installed"
}

part_docker() {
	local name
	build release || return
	catalogue_packages docker
	for name in "${ENGINE_NAMES[@]}"; do
		engine_use "$name" || continue
		say "-- engine $name"
		docker_tests release "docker-$name" "$ENGINE_HOST"
	done
}

# What dies does so on the first engine, and restart.sh starts engines of its own; what the catalogue runs
# depends on no engine. --full: on both, and the programs that take minutes to get.
docker_scripts() { # LABEL
	local left='catalogue-slow'
	[[ $1 != *-29 ]] || left='catalogue|catalogue-slow|kill|kill-services|restart'
	scripts "$1" "$SOURCE"/tests/docker/*.sh | unless_full "$left"
}

docker_tests() { # PRESET LABEL HOST
	local dir
	dir=$(build_dir "$1")
	export DOCKER_HOST=$3 DEVENV_TEST_DOCKER_HOST=$3
	[[ $AVAILABLE == yes ]] || export DEVENV_TEST_REQUIRE=docker
	export DEVENV=$dir/devenv DEVENV_TEST_TOOLS=$dir/tests
	DEVENV_TEST_FULL=$([[ $FULL == yes ]] && echo 1) report_many 1 3600 < <(
		programs "$2" "$dir" 'test_live_*'
		docker_scripts "$2"
	)
	unset DOCKER_HOST DEVENV_TEST_DOCKER_HOST DEVENV_TEST_REQUIRE DEVENV DEVENV_TEST_TOOLS
}

part_terraform() {
	local dir
	build release || return
	if [[ $INSTALL == yes ]]; then
		packages_need "${PACKAGES_TERRAFORM[@]}" || report_missing terraform "packages could not be installed"
	fi
	dir=$(build_dir release)
	[[ $AVAILABLE == yes ]] && export DEVENV_TEST_AVAILABLE=1
	export DEVENV=$dir/devenv DEVENV_TEST_TOOLS=$dir/tests
	# The first of them builds tofu where it is missing; the others wait.
	# A MinIO for s3 takes minutes to get, as do a Gitea (sync) and a kernel (watch).
	DEVENV_TEST_FULL=$([[ $FULL == yes ]] && echo 1) report_many "$JOBS" 7200 < <(
		scripts terraform "$SOURCE"/tests/terraform/[a-z]*.sh | unless_full s3)
	unset DEVENV DEVENV_TEST_TOOLS
}

# With --full also what takes minutes and says less about devenv itself than about what it stands on, or what
# others show as well. What wants nodes shares an engine; what is content with a bare API does not.
kubernetes_scripts() { # nodes | api
	local name needs
	for name in "$SOURCE"/tests/kubernetes/[a-z]*.sh; do
		grep -qE '^(cluster|full)_tools' "$name" && needs=nodes || needs=api
		[[ $needs == "$1" ]] || continue
		scripts kubernetes "$name"
	done | unless_full 'k3d_fields|tools|catalogue|policies|helm-pods|pods'
	[[ $1 != nodes || $FULL != yes ]] || scripts bench "$SOURCE/tests/bench/full.sh" # it wants this engine
}

part_kubernetes() {
	local dir
	build release || return
	engine_use kubernetes || return
	if [[ $INSTALL == yes ]]; then
		packages_need "${PACKAGES_KUBERNETES[@]}" || report_missing kubernetes "packages could not be installed"
	fi
	catalogue_packages kubernetes
	dir=$(build_dir release)
	[[ $AVAILABLE == yes ]] && export DEVENV_TEST_AVAILABLE=1
	export DEVENV=$dir/devenv DEVENV_TEST_TOOLS=$dir/tests DOCKER_HOST=$ENGINE_HOST
	# The first of them builds what is missing: nobody else waits for it with the clock running.
	DEVENV_TEST_FULL=$([[ $FULL == yes ]] && echo 1) report_many 1 7200 < <(kubernetes_scripts nodes)
	DEVENV_TEST_FULL=$([[ $FULL == yes ]] && echo 1) report_many "$JOBS" 7200 < <(kubernetes_scripts api)
	unset DEVENV DEVENV_TEST_TOOLS DOCKER_HOST
}

part_watch() {
	local dir
	build release || return
	dir=$(build_dir release)
	[[ $AVAILABLE == yes ]] && export DEVENV_TEST_AVAILABLE=1
	export DEVENV=$dir/devenv DEVENV_TEST_TOOLS=$dir/tests
	DEVENV_TEST_FULL=$([[ $FULL == yes ]] && echo 1) report_many "$JOBS" 1800 < <(
		scripts watch "$SOURCE"/tests/watch/*.sh | unless_full network)
	unset DEVENV DEVENV_TEST_TOOLS
}

part_fault() {
	local dir
	build release || return
	dir=$(build_dir release)
	export DEVENV=$dir/devenv DEVENV_TEST_TOOLS=$dir/tests DEVENV_TEST_FULL
	[[ $FULL == yes ]] && DEVENV_TEST_FULL=1 || DEVENV_TEST_FULL=
	report_many "$JOBS" 5000 < <(scripts fault "$SOURCE"/tests/fault/[a-z]*.sh)
	unset DEVENV DEVENV_TEST_TOOLS
}

# Every corpus through the sanitizer build; then, with clang, a search for something new.
part_fuzz() {
	local dir target name seconds=5
	build sanitize || return
	dir=$(build_dir sanitize)
	report_many "$JOBS" 600 < <(
		for target in "$dir"/tests/fuzz_*; do
			[[ -x $target ]] || continue
			name=${target##*/}
			printf 'fuzz/replay-%s\t%s %s\n' "${name#fuzz_}" "$target" "$SOURCE/tests/fuzz/corpus/${name#fuzz_}"
		done
	)
	if [[ $INSTALL == yes ]]; then
		packages_need "${PACKAGES_FUZZ[@]}" || true
	fi
	command -v clang >/dev/null || { report_missing fuzz "clang is missing"; return; }
	fuzz_build || return
	[[ $FULL == yes ]] && seconds=300
	report_many "$JOBS" $((seconds + 120)) < <(
		for target in "$(build_dir fuzz)"/tests/fuzz_*; do
			[[ -x $target ]] || continue
			name=${target##*/}
			printf 'fuzz/search-%s\tbash %s %s %s %s\n' "${name#fuzz_}" "$SOURCE/tests/fuzz/search.sh" \
				"$target" "$SOURCE/tests/fuzz/corpus/${name#fuzz_}" "$seconds"
		done
	)
}

fuzz_build() {
	local dir log=$LOGS/build-fuzz.log target
	local -a targets=()
	dir=$(build_dir fuzz)
	for target in "$SOURCE"/tests/fuzz/fuzz_*.c; do
		[[ -f $target ]] && targets+=("$(basename "$target" .c)")
	done
	((${#targets[@]})) || return 1
	if (cd "$SOURCE" && cmake -S . -B "$dir" -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Debug \
		"-DCMAKE_C_FLAGS_DEBUG=-O1 -g" -DDEVENV_FUZZ=ON \
		-DDEVENV_SANITIZE=fuzzer-no-link,address,undefined &&
		cmake --build "$dir" -j "$JOBS" --target "${targets[@]}") \
		>"$log" 2>&1 </dev/null; then
		return 0
	fi
	grep -aE 'error' "$log" | head -n 20
	report_fail "build fuzz" "see $log"
	return 1
}

part_bench() {
	local dir
	build release || return
	dir=$(build_dir release)
	engine_use "${ENGINE_NAMES[0]}" && export DOCKER_HOST=$ENGINE_HOST
	export DEVENV=$dir/devenv DEVENV_TEST_TOOLS=$dir/tests
	DEVENV_TEST_FULL=$([[ $FULL == yes ]] && echo 1) REPORT_TAIL=200 \
		report_many 1 3000 < <(scripts bench "$SOURCE"/tests/bench/[a-z]*.sh | grep -v '/full\.sh$')
	# The table is what a person wants to see of it.
	grep -ahE '^\|' "$LOGS"/bench-*.log 2>/dev/null
	unset DEVENV DEVENV_TEST_TOOLS DOCKER_HOST
}

# The whole suite again, on memory and undefined-behaviour checkers.
part_sanitize() {
	local dir
	build sanitize || return
	# Arenas own memory until the end; a leak is what is still reachable by nobody.
	export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1
	unit_programs sanitize sanitize/unit
	plan_tests sanitize sanitize/plan
	cli_tests sanitize sanitize/cli
	dir=$(build_dir sanitize)
	export DEVENV=$dir/devenv DEVENV_TEST_TOOLS=$dir/tests
	report_many "$JOBS" 900 < <(scripts sanitize/watch "$SOURCE"/tests/watch/loop.sh)
	[[ $AVAILABLE == yes ]] && export DEVENV_TEST_AVAILABLE=1
	# What reads the words of others. The first of them builds tofu where it is missing.
	report_many "$JOBS" 7200 < <(scripts sanitize/terraform "$SOURCE"/tests/terraform/{words,secrets}.sh)
	# What devenv-git holds goes with it, by design.
	ASAN_OPTIONS=detect_leaks=0 report_many "$JOBS" 900 < <(
		scripts sanitize/sync "$SOURCE"/tests/sync/{sync,revision}.sh)
	unset DEVENV DEVENV_TEST_TOOLS
	unset ASAN_OPTIONS UBSAN_OPTIONS
}

# ThreadSanitizer over what has threads: the workers, and whole applies.
part_thread() {
	local dir
	build thread || return
	dir=$(build_dir thread)
	export TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1"
	export DEVENV=$dir/devenv DEVENV_TEST_TOOLS=$dir/tests
	report_many "$JOBS" 600 < <(
		programs thread "$dir" 'test_worker*'
		programs thread "$dir" 'test_apply*'
		programs thread "$dir" 'test_process*'
		programs thread "$dir" 'test_http*'
		programs thread "$dir" 'test_hints*'
		programs thread "$dir" 'test_kube_listen*'
		scripts thread "$SOURCE"/tests/cli/apply*.sh "$SOURCE"/tests/cli/threads.sh \
			"$SOURCE"/tests/watch/loop.sh
	)
	unset TSAN_OPTIONS DEVENV DEVENV_TEST_TOOLS
}
