#!/bin/bash
# What an apply has started dies, not the apply: the shim of a process at each of its calls, a one-shot
# command before, in and after its effect, and later the running process or its shim.
# shellcheck source=tests/fault/lib/scenario.sh
. "${BASH_SOURCE%/*}/lib/scenario.sh"

shim_dies() { # MODE N
	local status=0
	timeout 300 "$TOOLS/killat" "$1" "$2" --children --report ../report \
		-- "$DEVENV" apply --yes --parallelism 1 </dev/null || status=$?
	echo "$status" >../status
}

# The command kills itself, as the kernel does when memory is short: it writes no word of why.
command_dies() { # VERB-NAME early|half|late [SIGNAL]
	local status=0
	cp effect ../effect.whole
	sed -i "2i\\
[ \"\$1-\$2\" = $1 ] && [ ! -e ../dead ] && dies=$2\\
die() { if [ \"\$dies\" = \"\$1\" ]; then : >../dead; kill -9 \$\$; fi; }\\
die early" effect
	sed -i 's/^mkdir -p made$/die half\n&/; s/^esac$/&\ndie late/' effect
	[[ $1 == delete-* ]] && { applied || echo "the apply before failed"; }
	# shellcheck disable=SC2046
	timeout 300 "$DEVENV" $([[ $1 == delete-* ]] && echo "${DESTROY[@]}" || echo apply --yes) </dev/null || status=$?
	echo "$status" >../status
	[[ -e ../dead ]] || echo "the command did not die"
	((status)) || echo "the death of a command is no success"
}

is_dead() { # PID, or nobody but its parent knows it any more
	[[ $(cut -d' ' -f3 "/proc/$1/stat" 2>/dev/null) == [ZX]* || ! -e /proc/$1 ]]
}

process_dies() { # shim|process|both
	local pid line try
	local -a killed=()
	applied || echo "the apply before failed"
	for pid in $(marked "$SCENARIO_MARK"); do
		line=$({ tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null)
		case $1-$line in
		process-*"./service "* | both-*"./service "* | shim-"$DEVENV "* | both-"$DEVENV "*) ;;
		*) continue ;;
		esac
		[[ $1 != process || $line != "$DEVENV "* ]] && kill -9 "$pid" && echo "killed: $line" && killed+=("$pid")
	done >../killed
	[[ -s ../killed ]] || echo "nothing was killed"
	for pid in "${killed[@]}"; do
		for ((try = 0; try < 1000; try++)); do is_dead "$pid" && break || sleep 0.02; done
	done
	"$DEVENV" plan </dev/null
}

eval "usual_$(declare -f wrong)"
wrong() {
	[[ ! -e ../status ]] || ended_badly "$(cat ../status)" ../log
	grep -E '^(nothing was killed|the command did not|the death of|the apply before)' ../log
	[[ ! -e ../effect.whole ]] || mv ../effect.whole effect
	usual_wrong
}

eval "usual_$(declare -f wrong_effects)"
wrong_effects() { # what died in the middle is run once more
	[[ -e ../dead ]] && sed -i '0,/^create seen/{/^create seen/d}' "$EFFECTS"
	if ! grep -q '^create seen' "$EFFECTS"; then echo 'create seen' >>"$EFFECTS"; fi
	usual_wrong_effects
}

scenario_begin
count=$(count_effects nothing --children -- "$DEVENV" apply --yes --parallelism 1)
((count > 0)) || { echo "not ok - no call of a child was counted" && exit 1; }
echo "# the shim has $count effectful calls before the apply ends"
for n in $(spread "$count" 24); do
	point "a shim that died before its call $n" shim_dies kill-before "$n"
done
for n in $(spread "$count" 8); do
	point "a shim that died after its call $n" shim_dies kill-after "$n"
done
for what in create-seen create-blind delete-seen delete-blind; do
	for moment in early half late; do
		point "a command that died: $what, $moment" command_dies $what $moment
	done
done
for who in process shim both; do
	point "the $who of a local_process is killed later" process_dies $who
done
exit $((BROKEN > 0))
