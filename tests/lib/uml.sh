# shellcheck shell=bash
# A kernel of a test's own, where this machine's cannot do what is to be seen: user-mode Linux, with this machine's
# files as its root (they can be written!); /etc, /run, /var/lib, the loopback and all processes are its own.
#
#	uml_run COMMAND...        # in there, with this environment; its output and exit status
#	uml_modules NAME...       # in there: loads them

uml_run() {
	local dir uml status=0
	uml=$("${BASH_SOURCE%/*}/../tools/build-uml") || return 1
	dir=$(mktemp -d "${TMPDIR:-/tmp}/devenv-uml-XXXXXX")
	{
		echo '#!/bin/bash'
		export -p
		printf 'UML=%q dir=%q\ncd %q\ncommand=(%s)\n' "$uml" "$dir" "$PWD" "$(printf '%q ' "$@")"
		cat <<-'SH'
		export UML UML_INSIDE=1 TMPDIR=/run/tests
		export PATH=$UML/sbin:$UML/usr/sbin:$PATH:/usr/sbin:/sbin
		export LD_LIBRARY_PATH=$UML/usr/lib/x86_64-linux-gnu:$UML/lib/x86_64-linux-gnu
		mount -t proc none /proc
		mount -t sysfs none /sys
		mount -t tmpfs none /run
		mount -t tmpfs none /var/lib
		mkdir -p /run/tests /run/modules/lib/modules
		ln -s /proc/self/fd /dev/fd
		cp -a /etc /run/etc
		mount --bind /run/etc /etc # what is written there is written to nobody
		ln -s "$UML"/usr/lib/uml/modules/* /run/modules/lib/modules
		python3 -c 'import fcntl, socket, struct
		fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh14x", b"lo", 0x41))' # it is up, and runs
		"${command[@]}" </dev/null >"$dir/out" 2>&1
		echo $? >"$dir/status"
		echo o >/proc/sysrq-trigger
		while :; do sleep 1; done
		SH
	} >"$dir/init"
	chmod +x "$dir/init"
	timeout -k 10 1500 "$uml/usr/bin/linux.uml" root=/dev/root rootfstype=hostfs rootflags=/ rw mem=512M quiet \
		"init=$dir/init" con=null con0=null,fd:1 </dev/null >"$dir/console" 2>&1 || true
	cat "$dir/out" 2>/dev/null
	status=$(cat "$dir/status" 2>/dev/null) || { tail -n 20 "$dir/console" >&2; status=1; }
	rm -rf "$dir"
	return "$status"
}

uml_modules() {
	local name
	for name; do (exec -a modprobe "$UML/modprobe" -d /run/modules "$name") || fail "no module $name"; done
}
