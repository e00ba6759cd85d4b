#!/bin/bash
# A disk that is really full: home or project lies on a tmpfs of so many kilobytes. The run may fail, but
# says why; with room again, the next one puts everything right. Needs root or user namespaces.
if [[ -z ${DISK_FULL_INSIDE:-} ]]; then
	# Mounts of its own, which go with it however it ends.
	namespace=(unshare --mount)
	[[ $(id -u) == 0 ]] || namespace+=(--map-root-user)
	if ! "${namespace[@]}" true 2>/dev/null; then
		[[ -n ${DEVENV_TEST_AVAILABLE:-} ]] && echo "ok 1 - a full disk # SKIP no mount namespaces here" && exit 0
		echo "not ok 1 - mount namespaces are not available" && exit 1
	fi
	DISK_FULL_INSIDE=1 exec "${namespace[@]}" bash "$0" "$@"
fi
# shellcheck source=tests/fault/lib/scenario.sh
. "${BASH_SOURCE%/*}/lib/scenario.sh"

small() { # home|project KILOBYTES: what lies there moves onto a small disk
	local dir=../$1 kept=../kept
	cp -a "$dir" $kept
	mount -t tmpfs -o "size=$2k,mode=755" small "$(realpath "$dir")" || exit 1
	cp -a $kept/. "$(realpath "$dir")"
	cd "$(realpath .)" || exit 1
	echo "$(realpath "$dir")" >../mounted
}

room_again() { mount -o remount,size=64m "$(cat "$SCENARIO_MARK/mounted")"; }

apply_on() { # home|project KILOBYTES
	local status=0
	small "$@"
	timeout 300 "$DEVENV" apply --yes --parallelism 1 </dev/null || status=$?
	echo "$status" >../status
}

# It fills up after the first apply; what changes or is destroyed then has no room.
later_on() { # home|project VERB...
	local where=$1 status=0
	shift
	small "$where" 8192
	applied || echo "the apply before failed"
	dd if=/dev/zero of="$(cat ../mounted)/ballast" bs=4k 2>/dev/null
	timeout 300 "$DEVENV" "$@" --parallelism 1 </dev/null || status=$?
	rm "$(cat ../mounted)/ballast"
	echo "$status" >../status
}

eval "usual_$(declare -f wrong)"
wrong() {
	room_again
	ended_badly "$(cat ../status)" ../log
	[[ $(cat ../status) == 0 ]] || grep -qiE 'no space|full|room' ../log || echo "it does not say that the disk is full"
	usual_wrong
}

eval "usual_$(declare -f wrong_effects)"
wrong_effects() { # made anew after the destroy
	if grep -q '^delete blind' "$EFFECTS"; then sed -i '0,/^create blind/{/^create blind/d}' "$EFFECTS"; fi
	usual_wrong_effects
}

eval "usual_$(declare -f wrong_destroyed)"
wrong_destroyed() {
	usual_wrong_destroyed
	cd / && umount --lazy "$(cat "$SCENARIO_MARK/mounted")"
}

scenario_begin
for kilobytes in 4 8 16 40 80 120 160 200 240 280 320 400 500 700 1000 2000; do
	point "an apply with $kilobytes KB for the home" apply_on home "$kilobytes"
done
for kilobytes in 20 24 28 32 36 40 44 48 52 56; do
	point "an apply with $kilobytes KB for the project" apply_on project "$kilobytes"
done
for where in home project; do
	point "a destroy on a full disk of the $where" later_on $where destroy --yes
	point "a change on a full disk of the $where" later_on $where apply --yes --replace local_file.plain
done
exit $((BROKEN > 0))
