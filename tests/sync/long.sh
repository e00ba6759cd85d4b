#!/bin/bash
# Long runs: nothing grows, nothing is done that nobody asked for. Small by default; with DEVENV_TEST_FULL=1
# whole (2,000 commits, 1,000 to other paths).
# shellcheck source=tests/lib/sync.sh
. "${BASH_SOURCE%/*}/../lib/sync.sh"

FULL=${DEVENV_TEST_FULL:-}

# The least of a second: what it opens while it looks does not count.
least() { # COMMAND
	local i
	for i in {1..20}; do "$1" && sleep 0.05; done | sort -n | head -n 1
}
descriptors() { least descriptors_now; }
descriptors_now() { find "/proc/$LOOP/fd" -mindepth 1 2>/dev/null | wc -l; }
memory() { least memory_now; }
memory_now() { awk '/VmRSS/ { print $2 }' "/proc/$LOOP/status"; }
applied() { [[ $(recorded applied) == "$(head_of)" ]]; }
quick_commit() { # MESSAGE: as commit, in half of the processes
	git -C repo add -A
	git -C repo -c gc.auto=0 commit -q -m "$1"
}

no_more_descriptors() { (($(descriptors) <= fds)); }
test_commit_after_commit_nothing_grows() {
	local i n=60 first=20 fds kib
	[[ -z $FULL ]] || n=2000 first=300
	repo
	follow --branch main --interval 20ms
	for i in $(seq "$n"); do
		writes "word$i"
		quick_commit "commit $i"
		wait_until 30 applied
		[[ $i != "$first" ]] || fds=$(descriptors) kib=$(memory)
	done
	holds "word$n"
	wait_until 5 no_more_descriptors # than it had; who stands still in a look has some open for it
	[[ $(memory) -le $((kib + 2048)) ]] || fail "$kib KiB after $first commits, $(memory) after $n"
	equal 'one run a commit' $((n + 1)) "$(runs)"
	# What is kept of git does not grow with the number of fetches either.
	[[ $(find "$DEVENV_HOME"/clones/*/objects/pack -name '*.pack' | wc -l) -le 50 ]] || fail 'packs pile up'
	end_loop
	equal status 0 "$LOOP_STATUS"
}

# The command that reads is the provider: it counts its calls.
test_commits_to_other_paths_of_a_monorepo_call_no_provider() {
	local i n=40 before
	[[ -z $FULL ]] || n=1000
	repo
	mkdir -p repo/shop repo/other
	mv repo/.devenv repo/shop/
	cat >>repo/shop/.devenv/config.yml <<-YML
	    - { type: local_command, name: c, create: [touch, "$PWD/made"],
	        read: [sh, -c, "echo x >>$PWD/calls; [ ! -f $PWD/made ] || echo 1"] }
	YML
	commit shop
	follow --branch main --path shop --interval 20ms
	before=$(runs)
	there calls # by the first apply
	: >calls
	for i in $(seq "$n"); do
		echo "$i" >"repo/other/file$((i % 7))"
		quick_commit "other $i"
		wait_until 30 applied
		equal result seen "$(recorded result)"
	done
	equal runs "$before" "$(runs)"
	[[ ! -s calls ]] || fail "a provider was called $(wc -l <calls) times; the loop said: $(cat "$TRASH/loop")"
	end_loop
}

# point MODE N [ARGUMENT...]: one look with a new commit dies or fails at its n-th effect; the next is whole.
point() {
	local mode=$1 n=$2
	shift 2
	writes "$mode$n" a b
	quick_commit "$mode $n"
	timeout 300 "$HARNESS_TOOLS/killat" "$mode" "$n" "$@" -- "$DEVENV" sync "file://$PWD/repo" --name s --once \
		</dev/null >"$TRASH/out" 2>"$TRASH/err" || [[ $? != 124 ]] || fail "$mode $n: it hangs"
	once 0
	holds "$mode$n" a
	holds "$mode$n" b
	equal "recorded after $mode $n" "$(head_of)" "$(recorded applied)"
	no_rest
}
effects() { # [ARGUMENT...]: of a look with a new commit
	writes counted a b
	quick_commit counted
	"$HARNESS_TOOLS/killat" count --report "$TRASH/report" "$@" -- "$DEVENV" sync "file://$PWD/repo" --name s \
		--once </dev/null >/dev/null 2>&1
	sed -n 's/^count=//p' "$TRASH/report"
}
some() { # OF MOST: numbers up to OF, all of them or MOST
	local of=$1 most=$2
	[[ -z $FULL && $of -gt $most ]] || most=$of
	awk -v of="$of" -v most="$most" 'BEGIN { for (i = 0; i < most; i++) print 1 + int(i * of / most) }'
}

test_killed_at_any_effect_the_next_look_makes_it_whole() {
	local n total
	repo
	once 0
	total=$(effects)
	[[ $total -gt 30 ]] || fail "only $total effects"
	once 0
	for n in $(some "$total" 12); do
		point kill-before "$n"
		point kill-after "$n"
	done
}

test_what_cannot_be_written_is_written_by_the_next_look() {
	local n total
	repo
	once 0
	total=$(effects --class write)
	once 0
	for n in $(some "$total" 5); do
		point fail "$n" ENOSPC --class write --sticky
	done
}

test_a_full_disk_leaves_what_runs_as_it_is() {
	repo
	once 0
	mount -t tmpfs -o size=4m tmpfs "$DEVENV_HOME" 2>/dev/null || skip 'nothing can be mounted'
	# shellcheck disable=SC2064
	trap "umount -l '$DEVENV_HOME'" EXIT
	once 0
	writes two
	head -c 8000000 /dev/urandom >repo/large
	commit large
	once 1
	matches err 'unreachable|broken'
	holds one
	once 1
	holds one
	mount -o remount,size=64m "$DEVENV_HOME"
	once 0
	holds two
	no_rest
}

run_tests "$@"
