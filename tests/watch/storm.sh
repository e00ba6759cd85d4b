#!/bin/bash
# Many changes: branch switches, lost events, and thousands of saves that must not cost more each time.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/watch.sh
. "${BASH_SOURCE%/*}/../lib/watch.sh"

FILES=10000 SWITCHES=5 SAVES=300
[[ -z ${DEVENV_TEST_FULL:-} ]] || SWITCHES=200 SAVES=2000

# A folder whose whole content makes a file: what build contexts are to an image.
a_folder() {
	mkdir -p src
	manifest <<-'YML'
	spec:
	  variables: { beat: { default: "0" } }
	  resources:
	    - { type: local_file, name: a, path: out/a, source: src/a }
	    - { type: local_file, name: b, path: out/b, source: src/deep/b }
	YML
}

switch_to() { # BRANCH
	git checkout -qf "$1"
}

test_a_branch_switch_of_thousands_of_files_is_applied_once_and_whole() {
	local i branch runs before=0
	need git
	a_folder
	export GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@t GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@t
	git init -qb main .
	printf 'out/\n.devenv/local/\n' >.gitignore
	for branch in one two; do
		git checkout -qB "$branch"
		rm -rf src
		mkdir -p src/deep
		seq -f "src/file%g" 1 $((FILES / 2)) | xargs touch
		for ((i = 0; i < FILES / 500; i++)); do mkdir "src/$branch-$i"; done
		printf %s "$branch" | tee src/a src/deep/b >/dev/null
		find src -type f -name 'file*' -print0 | xargs -0 sh -c 'for f; do echo '"$branch"' >$f; done' sh
		git add -A && git commit -qm "$branch"
	done
	start_watch
	holds out/a two || fail 'not applied'
	before=$(runs)
	for ((i = 1; i <= SWITCHES; i++)); do
		branch=$( ((i % 2)) && echo one || echo two)
		switch_to "$branch"
		wait_until 60 holds out/a "$branch"
		wait_until 60 holds out/b "$branch"
	done
	stop_watch
	runs=$(($(runs) - before))
	((runs == SWITCHES)) || fail "$runs runs for $SWITCHES switches"
	no_changes
}

test_events_that_are_lost_make_it_look_at_everything() {
	local limit i
	limit=$(cat /proc/sys/fs/inotify/max_queued_events)
	((limit <= 65536)) || skip "a queue of $limit events is too long to fill"
	a_folder
	mkdir src/deep
	echo one | tee src/a src/deep/b >/dev/null
	start_watch
	kill -STOP "$(pgrep -P "$WATCH")" # nobody takes the events
	# One name after the other, because equal events in a row are one.
	for ((i = 0; i <= limit / 4; i++)); do
		: >src/x
		: >src/y
	done
	echo two | tee src/a src/deep/b >/dev/null
	kill -CONT "$(pgrep -P "$WATCH")"
	wait_until 30 holds out/a two
	wait_until 30 holds out/b two
	stop_watch
	no_changes
}

# The least of a second: what it opens while it looks or applies does not count.
least() { # COMMAND ARGUMENT...
	local i
	for i in {1..20}; do "$@" && sleep 0.05; done | sort -n | head -n 1
}
resident() { least resident_now "$1"; }
resident_now() { awk '/VmRSS/ { print $2 }' "/proc/$1/status"; }
descriptors() { least descriptors_now "$1"; }
descriptors_now() { find "/proc/$1/fd" -mindepth 1 2>/dev/null | wc -l; }
watches() { least watches_now "$1"; }
watches_now() { cat "/proc/$1/fdinfo/"* 2>/dev/null | grep -c '^inotify wd' || true; }

saved() { # FROM TO: each is waited for
	local i
	for ((i = $1; i < $2; i++)); do
		printf %s "save $i" >src/.a.swp && mv src/.a.swp src/a
		((i % 10)) || { rm -rf src/deep && mkdir src/deep; } # folders come and go, too
		printf %s "save $i" >src/deep/b
		wait_until 30 holds out/a "save $i"
		wait_until 30 holds out/b "save $i"
	done
}

no_more_descriptors() { (($(descriptors "$WATCH") <= open)); }
test_thousands_of_saves_leave_nothing_behind() {
	local helper memory memory_helper open watched
	a_folder
	mkdir src/deep
	echo one | tee src/a src/deep/b >/dev/null
	start_watch --drift-interval 1s
	helper=$(pgrep -P "$WATCH")
	saved 0 100
	memory=$(resident "$WATCH") memory_helper=$(resident "$helper")
	open=$(descriptors "$WATCH") watched=$(watches "$helper")
	saved 100 "$SAVES"
	echo "# memory $memory -> $(resident "$WATCH") KiB, helper $memory_helper -> $(resident "$helper") KiB" >&2
	(($(resident "$WATCH") <= memory + 1024)) || fail "memory grew from $memory to $(resident "$WATCH") KiB"
	(($(resident "$helper") <= memory_helper + 256)) || fail "the helper grew from $memory_helper to $(resident "$helper") KiB"
	wait_until 5 no_more_descriptors # than it had; who stands still in a look has some open for it
	# A folder that was just removed and made may be between two watches.
	(($(watches "$helper") <= watched + 1)) || fail "watches grew from $watched to $(watches "$helper")"
	equal 'the helper' "$helper" "$(pgrep -P "$WATCH")"
	stop_watch
	no_changes
	no_rest
}

run_tests "$@"
