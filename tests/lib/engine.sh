#!/bin/bash
# A Docker Engine of the tests' own, beside any other on the machine: everything it writes lies below
# DIR, and it has its own socket, bridge and address ranges.
#
#   engine.sh start DIR DOCKERD NETWORK [JSON]   prints the DOCKER_HOST to use
#   engine.sh kill DIR                           as when power fails: nothing of it runs any more
#   engine.sh stop DIR                           ends it and removes DIR
#
# DOCKERD  the program: dockerd of a package, or one built from source
# NETWORK  a /16 as its first two numbers, 10.201; when something on the machine has addresses there
#          already, the next that is free is taken
# JSON     more of daemon.json, e.g. '"userland-proxy": false'
#
# Started again on a DIR that has a running one, it only prints. Needs root.
set -euo pipefail

say() { echo "engine.sh: $*" >&2; }

bridge_of() { # a name of at most 15 characters that only this DIR has
	printf 'dv%s' "$(printf '%s' "$1" | cksum | cut -d' ' -f1)"
}

# Before 23 an engine's id lies outside of its data-root: two on one machine would be one.
own_key() { # DOCKERD DIR
	local version
	version=$("$1" --version 2>/dev/null | grep -oE '[0-9]+' | head -n 1)
	((${version:-99} < 23)) && printf ', "deprecated-key-path": "%s/key.json"' "$2"
	return 0
}

# Addresses that two bridges have lead to only one of them: a container of the other is unreachable.
free_network() { # NETWORK
	local second=${1#*.} taken try
	taken=$( (ip -o -4 addr; ip -4 route show table all) 2>/dev/null)
	for ((try = 0; try < 50; try++)); do
		grep -qE "(^|[^0-9.])${1%%.*}\.$second\." <<<"$taken" || break
		second=$((second < 254 ? second + 1 : 200))
	done
	echo "${1%%.*}.$second"
}

alive() { [[ -f $1/docker.pid ]] && kill -0 "$(cat "$1/docker.pid")" 2>/dev/null; }

answers() { curl -s --max-time 2 --unix-socket "$1/docker.sock" http://localhost/_ping >/dev/null; }

start() {
	local dir=$1 dockerd=$2 network=$3 more=${4:-} bridge try
	mkdir -p "$dir"
	dir=$(cd "$dir" && pwd)
	if alive "$dir" && answers "$dir"; then
		echo "unix://$dir/docker.sock"
		return
	fi
	bridge=$(bridge_of "$dir")
	# A DIR that is started again keeps its network: its containers have addresses there.
	[[ -f $dir/network ]] || free_network "$network" >"$dir/network"
	network=$(cat "$dir/network")
	ip link show "$bridge" >/dev/null 2>&1 || ip link add "$bridge" type bridge
	ip addr replace "$network.0.1/24" dev "$bridge"
	ip link set "$bridge" up
	cat >"$dir/daemon.json" <<-JSON
	{
		"data-root": "$dir/data",
		"exec-root": "$dir/run",
		"pidfile": "$dir/docker.pid",
		"hosts": ["unix://$dir/docker.sock"],
		"bridge": "$bridge",
		"default-address-pools": [{"base": "$network.128.0/17", "size": 24}],
		"shutdown-timeout": 3$(own_key "$dockerd" "$dir")${more:+, $more}
	}
	JSON
	# A session of its own: a Ctrl-C on the tests must not end it before their clean-up did.
	setsid "$dockerd" --config-file "$dir/daemon.json" >"$dir/log" 2>&1 </dev/null &
	for ((try = 0; try < 600; try++)); do
		if answers "$dir"; then
			echo "unix://$dir/docker.sock"
			return
		fi
		if ! kill -0 $! 2>/dev/null; then
			break
		fi
		sleep 0.1
	done
	say "no engine after $((try / 10)) s; the end of $dir/log:"
	tail -n 20 "$dir/log" >&2
	stop "$dir"
	return 1
}

# An engine that was killed leaves its containerd, and a shim with its processes for every container. One
# that is just being started shows only the next time.
end_left_behind() { # DIR
	local cmdline pid found=yes
	while [[ $found == yes ]]; do
		found=no
		for cmdline in /proc/[0-9]*/cmdline; do
			tr '\0' ' ' 2>/dev/null <"$cmdline" | grep -qF -e "--config $1/" -e "-address $1/" || continue
			pid=${cmdline#/proc/} pid=${pid%/cmdline} found=yes
			pkill -9 -P "$pid" || true
			kill -9 "$pid" 2>/dev/null || true
		done
		[[ $found == no ]] || sleep 0.05
	done
}

# What a killed engine leaves mounted would be emptied, not removed, by rm.
unmount_below() { # DIR
	awk -v below="$1/" 'index($2, below) == 1 { print $2 }' /proc/mounts | sort -r |
		while read -r mounted; do umount -l "$mounted" || true; done
}

kill_all() {
	local dir pid
	dir=$(cd "$1" && pwd)
	pid=$(cat "$dir/docker.pid")
	kill -9 "$pid" || true
	while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
	end_left_behind "$dir"
	# As /run after a boot. With what it says of shims that are no more containerd may not come up in time.
	unmount_below "$dir"
	rm -rf "$dir/run"
}

stop() {
	local dir=$1 pid try
	[[ -d $dir ]] || return 0
	dir=$(cd "$dir" && pwd)
	if alive "$dir"; then
		pid=$(cat "$dir/docker.pid")
		kill "$pid"
		for ((try = 0; try < 200; try++)); do
			kill -0 "$pid" 2>/dev/null || break
			sleep 0.1
		done
		kill -9 "$pid" 2>/dev/null || true
	fi
	end_left_behind "$dir"
	unmount_below "$dir"
	# Its own bridge, and those of networks that were left in it.
	ip link delete "$(bridge_of "$dir")" 2>/dev/null || true
	if [[ -f $dir/network ]]; then
		ip -o -4 addr | awk -v at="$(cat "$dir/network")." 'index($4, at) == 1 { print $2 }' |
			while read -r bridge; do ip link delete "$bridge" 2>/dev/null || true; done
	fi
	rm -rf "$dir"
}

case ${1:-} in
start) shift; [[ $# -ge 3 ]] || { say "start DIR DOCKERD NETWORK [JSON]"; exit 2; }; start "$@" ;;
kill) [[ $# -eq 2 ]] || { say "kill DIR"; exit 2; }; kill_all "$2" ;;
stop) [[ $# -eq 2 ]] || { say "stop DIR"; exit 2; }; stop "$2" ;;
*) sed -n '2,16s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
