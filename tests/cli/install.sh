#!/bin/bash
# `cmake --install` of the build under test: a program that works from where it lands, with its man page,
# completions and schemas where shells, man and editors look for them.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

installed() {
	local build=${DEVENV%/*}
	[[ -f $build/CMakeCache.txt ]] || skip 'not in a build folder'
	# Where the tests run all of it is built; the program is not written anew while others use it.
	[[ -f $build/share/devenv.1 && -x $build/devenv-watcher ]] ||
		cmake --build "$build" >"$TRASH/out" 2>&1
	cmake --install "$build" --prefix "$PWD/prefix" >"$TRASH/out" 2>&1
}

test_an_installation_is_complete() {
	local share=prefix/share
	installed
	there prefix/bin/devenv "$share/man/man1/devenv.1" "$share/bash-completion/completions/devenv" \
		"$share/zsh/site-functions/_devenv" "$share/fish/vendor_completions.d/devenv.fish" \
		"$share/devenv/schemas/config.schema.json" "$share/devenv/schemas/types/local_file.json"
	"$DEVENV" __man | cmp - "$share/man/man1/devenv.1"
	"$DEVENV" completion bash | cmp - "$share/bash-completion/completions/devenv"
	"$DEVENV" completion zsh | cmp - "$share/zsh/site-functions/_devenv"
	"$DEVENV" completion fish | cmp - "$share/fish/vendor_completions.d/devenv.fish"
}

test_what_is_installed_works_without_the_source() {
	installed
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_process, name: p, command: [sleep, "1000"] }
	YML
	DEVENV=$PWD/prefix/bin/devenv
	expect 0 apply --yes
	expect 0 status
	matches out '^local_process.p +running'
	expect 0 destroy --yes
}

test_man_finds_the_page() {
	need man
	installed
	MANPATH=$PWD/prefix/share/man man devenv >"$TRASH/out" 2>"$TRASH/err"
	has out 'turn the manifest of a repository into running infrastructure'
	lacks out '?:'
}

test_the_readme_names_the_packages_of_a_build() {
	local package
	. "$HARNESS_SOURCE/tests/lib/packages.sh"
	sed -n '/^apt-get install/p' "$HARNESS_SOURCE/README.md" | tr ' ' '\n' >named
	for package in "${PACKAGES_BUILD[@]}"; do
		case $package in gcc | libc6-dev) package="build-essential" ;; esac
		grep -qxF "$package" named || fail "the README does not name $package"
	done
	# What those packages lack must not be asked for: the tests need more.
	has "$HARNESS_SOURCE/README.md" 'cmake --preset release -DDEVENV_TESTS=OFF'
}

test_the_presets_are_those_that_the_readme_names() {
	local preset
	for preset in release debug sanitize thread; do
		(cd "$HARNESS_SOURCE" && cmake --list-presets) | grep -qF "\"$preset\"" || fail "no preset $preset"
		grep -qF "\`$preset\`" "$HARNESS_SOURCE/README.md" || fail "the README does not name $preset"
	done
}

run_tests "$@"
