#!/bin/bash
# A full disk, a broken one, no memory, no descriptors, no processes: the n-th call of its kind fails.
# The run may fail, but it says so and ends by itself; the next one puts everything right.
# shellcheck source=tests/fault/lib/scenario.sh
. "${BASH_SOURCE%/*}/lib/scenario.sh"

fail_at() { # N ERRNO CLASS [--sticky]
	local status=0
	timeout 300 "$TOOLS/killat" fail "$1" "$2" --class "$3" ${4:+"$4"} --report ../report \
		-- "$DEVENV" apply --yes --parallelism 1 </dev/null || status=$?
	echo "$status" >../status
}

eval "usual_$(declare -f wrong)"
wrong() { ended_badly "$(cat ../status)" ../log && usual_wrong; }

scenario_begin
while read -r class error most sticky; do
	count=$(count_effects nothing --class "$class" -- "$DEVENV" apply --yes --parallelism 1)
	for n in $(spread "$count" "$most"); do
		# The loader's own first mapping: it crashes without it, long before main.
		[[ $class == memory && $n == 1 ]] && continue
		point "$class call $n fails with $error${sticky:+ and so do all after it}" \
			fail_at "$n" "$error" "$class" "$sticky"
	done
done <<-'END'
	write ENOSPC 12
	write EIO 8
	write ENOSPC 6 --sticky
	sync EIO 10
	open EMFILE 10
	open ENOSPC 6
	open EROFS 4 --sticky
	name EIO 10
	name EACCES 6
	meta EPERM 6
	lock ENOLCK 6
	spawn EAGAIN 4
	spawn ENOMEM 4 --sticky
	thread EAGAIN 3
	memory ENOMEM 12
	read EIO 10
	fd EMFILE 12
	fd EMFILE 5 --sticky
END
exit $((BROKEN > 0))
