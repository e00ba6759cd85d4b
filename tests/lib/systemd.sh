# shellcheck shell=bash
# A systemd of a test's own: PID 1 of namespaces of its own, with this machine's files, a cgroup below ours and
# no units but those in ./units. Nothing of the machine is asked, and all of it ends with SYSTEMD.
#
#	systemd_boot                     # skips the test where that cannot be
#	system systemctl start NAME      # runs a command in there

systemd_boot() {
	local name
	need systemctl unshare nsenter
	[[ -x /lib/systemd/systemd ]] || skip 'systemd is missing'
	[[ $(id -u) == 0 ]] || skip 'only root may start a systemd'
	mkdir -p units cgroups
	for name in default sysinit basic shutdown multi-user network-online; do
		printf '[Unit]\nDescription=%s\n' "$name" >"units/$name.target"
	done
	unshare --mount bash -c 'mount -t cgroup2 none cgroups' 2>/dev/null || skip 'no cgroups can be mounted here'
	unshare --mount --uts --ipc bash -e -c "$SYSTEMD_OUTER" - "$SYSTEMD_INNER" \
		</dev/null >systemd.log 2>&1 &
	SYSTEMD=$!
	trap systemd_end EXIT
	wait_until 20 systemd_answers
}

# The cgroup namespace begins where its maker is: in a group of the test's own.
SYSTEMD_OUTER='
	mount -t tmpfs none /run
	mount -t cgroup2 none cgroups
	mkdir "cgroups/devenv-test-$$"
	echo $$ >"cgroups/devenv-test-$$/cgroup.procs"
	exec unshare --cgroup --pid --fork --kill-child --mount-proc bash -e -c "$1"'
SYSTEMD_INNER='
	umount cgroups
	mount -t tmpfs none /sys/fs/cgroup
	mount -t cgroup2 none /sys/fs/cgroup
	container=test SYSTEMD_UNIT_PATH=$PWD/units exec /lib/systemd/systemd --system --log-target=null'

# What unshare started is PID 1; before it has become systemd nothing answers.
systemd_pid() { tr -d ' ' <"/proc/$SYSTEMD/task/$SYSTEMD/children" 2>/dev/null; }
systemd_answers() {
	[[ -e /proc/$SYSTEMD ]] || fail "systemd does not start: $(tail -n 5 systemd.log)"
	[[ $(systemd_pid) ]] && system systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'
}
system() { nsenter --target "$(systemd_pid)" --mount --uts --ipc --cgroup --pid --wd="$PWD" "$@"; }

# Its PID 1 takes everything with it; then the group is empty.
systemd_end() {
	local pid
	pid=$(systemd_pid) && kill -9 "$pid" 2>/dev/null || true
	wait "$SYSTEMD" 2>/dev/null || true
	unshare --mount bash -c 'mount -t cgroup2 none cgroups &&
		find "cgroups/devenv-test-$1" -depth -type d -exec rmdir {} +' - "$SYSTEMD" || true
}
