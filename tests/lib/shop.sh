# shellcheck shell=bash
# examples/services on an engine of the tests, for tests/docker/*.sh: an image that plays all its parts,
# a free port, and what the engine has of an environment.

# shellcheck source=tests/lib/ports.sh
. "${BASH_SOURCE[0]%/*}/ports.sh"

SHOP_IMAGE=devenv-test-shop:1

# busybox with all its programs, imported once an engine.
shop_image() {
	docker image inspect $SHOP_IMAGE >/dev/null 2>&1 && return
	local root applet
	root=$(mktemp -d)
	mkdir -p "$root/bin" "$root/tmp" "$root/etc"
	cp "$(command -v busybox)" "$root/bin/busybox"
	for applet in $(busybox --list); do
		[[ $applet == busybox ]] || ln -s busybox "$root/bin/$applet"
	done
	tar -C "$root" -c . | docker import - $SHOP_IMAGE >/dev/null
	rm -rf "$root"
}

environment_id() { sqlite3 -cmd '.timeout 20000' "file:$DEVENV_HOME/state.db?mode=ro" 'SELECT id FROM environment' 2>/dev/null; }

# ours KIND [ADDRESS] [FORMAT]: ids of what bears the mark of this environment (and of an address)
ours() {
	local -a all=()
	local id
	id=$(environment_id)
	[[ -n $id ]] || return 0
	[[ $1 == container || $1 == image ]] && all=(-a)
	[[ $1 == volume ]] || all+=(--no-trunc)
	docker "$1" ls "${all[@]}" --filter "label=dev.devenv.environment=$id" \
		${2:+--filter "label=dev.devenv.address=$2"} --format "${3:-{{.ID\}\}}"
}

# Whatever a test did, nothing of it stays on the engine.
shop_clear() {
	local id
	for id in $(ours container); do docker rm -fv "$id" >/dev/null 2>&1; done
	for id in $(ours network); do docker network rm "$id" >/dev/null 2>&1; done
	for id in $(ours volume '' '{{.Name}}'); do docker volume rm -f "$id" >/dev/null 2>&1; done
	for id in $(ours image); do docker image rm -f "$id" >/dev/null 2>&1; done
	return 0
}
