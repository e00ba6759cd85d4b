#!/bin/bash
# The loop: what a save leads to, and what it must not lead to.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/watch.sh
. "${BASH_SOURCE%/*}/../lib/watch.sh"

two_files() {
	mkdir -p src
	echo one >src/b
	manifest <<-'YML'
	spec:
	  variables: { beat: { default: "0" } }
	  resources:
	    - { type: local_file, name: a, path: out/a, content: hello }
	    - { type: local_file, name: b, path: out/b, source: src/b }
	YML
}

test_it_applies_and_then_every_save() {
	two_files
	start_watch
	holds out/a hello || fail 'not applied at the start'
	echo two >src/b
	wait_until 20 holds out/b two
	sed -i 's/content: hello/content: world/' .devenv/config.yml
	wait_until 20 holds out/a world
	stop_watch
	no_changes
	no_rest
}

test_every_way_to_save_is_a_save() {
	two_files
	start_watch
	printf in-place >src/b
	wait_until 20 holds out/b in-place
	printf renamed >src/.b.swp && mv src/.b.swp src/b
	wait_until 20 holds out/b renamed
	rm src/b && printf anew >src/b
	wait_until 20 holds out/b anew
	printf longer >src/b~ && cp src/b~ src/b && rm src/b~
	wait_until 20 holds out/b longer
	mkdir other && printf linked >other/b && ln -sfn ../other/b src/b
	wait_until 20 holds out/b linked
	printf through >other/b # the file that the link leads to
	wait_until 20 holds out/b through
	mkdir third && printf moved >third/b && ln -sfn third other2 && ln -sfn ../other2/b src/b
	wait_until 20 holds out/b moved
	mkdir fourth && printf swapped >fourth/b && ln -sfn fourth other2.new && mv -T other2.new other2
	wait_until 20 holds out/b swapped # a link to a folder on the way, as in a ConfigMap
	stop_watch
	no_changes
}

test_folders_that_go_and_come_back_are_followed() {
	two_files
	start_watch
	mv src gone && mkdir src && printf back >src/b
	wait_until 20 holds out/b back
	rm -rf src
	wait_until 20 said 'Nothing was touched'
	mkdir src && printf again >src/b
	wait_until 20 holds out/b again
	printf 'and again' >src/b
	wait_until 20 holds out/b 'and again'
	stop_watch
}

test_a_folder_that_is_replaced_between_two_looks_is_followed() {
	two_files
	start_watch
	kill -STOP "$(pgrep -P "$WATCH")" # it hears of both at once
	rm -rf src && mkdir src && printf back >src/b
	kill -CONT "$(pgrep -P "$WATCH")"
	wait_until 20 holds out/b back
	printf 'and on' >src/b
	wait_until 20 holds out/b 'and on'
	stop_watch
}

test_a_name_that_appears_matters() {
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_file, name: a, path: out/a, content: "${GREETING:-none}" }
	YML
	start_watch
	holds out/a none || fail 'the default'
	echo GREETING=hello >.env
	wait_until 20 holds out/a hello
	rm .env
	wait_until 20 holds out/a none
	stop_watch
}

test_what_changes_nothing_does_nothing() {
	local runs
	two_files
	start_watch
	runs=$(runs)
	touch src/b .devenv/config.yml
	cp src/b copy && mv copy src/b
	echo noise >src/other
	mkdir unrelated && echo noise >unrelated/file
	beat
	equal runs "$runs" "$(runs)"
	equal 'changes seen' 1 "$(times 'Changed:')"
	stop_watch
}

test_a_broken_manifest_is_shown_and_touches_nothing() {
	local runs
	two_files
	start_watch
	runs=$(runs)
	echo 'nonsense: [' >>.devenv/config.yml
	wait_until 20 said 'Nothing was touched'
	said 'YAML' || fail 'the mistake is not shown'
	equal runs "$runs" "$(runs)"
	there out/a out/b
	sed -i '$d' .devenv/config.yml
	sed -i 's/content: hello/content: right/' .devenv/config.yml
	wait_until 20 holds out/a right
	stop_watch
}

test_without_a_manifest_or_with_a_broken_one_it_waits_for_a_good_one() {
	"$DEVENV" watch </dev/null >"$TRASH/watch" 2>&1 &
	WATCH=$!
	wait_until 20 said 'Nothing was touched'
	: >noise
	: >../noise
	mkdir .devenv other
	echo 'spec: [' >.devenv/config.yml
	wait_until 20 said_times 2 'Nothing was touched'
	said YAML || fail 'the mistake is not shown'
	equal 'how often it is told that there is none' 1 "$(times 'no manifest')"
	two_files
	wait_until 20 holds out/a hello
	wait_until 20 said Following
	stop_watch
	no_changes
	rm ../noise
}

# What the world brings is no mistake of a file: nobody saves anything when it is put right.
test_a_mistake_that_the_world_puts_right_is_found_by_trying_again() {
	local looks
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_command, name: looks, create: [touch, made], read: [sh, -c, "echo >>looks; if test -e made; then echo {}; fi"] }
	    - { type: local_file, name: a, path: taken, content: ours }
	YML
	echo foreign >taken
	start_watch --drift-interval 200ms
	said 'exists already and is not ours' || fail 'not told what is wrong'
	looks=$(wc -l <looks)
	wait_until 30 looked_again $((looks + 5))
	equal 'how often it is told' 1 "$(times 'is not ours')"
	rm taken
	wait_until 60 holds taken ours
	stop_watch
}
looked_again() { (($(wc -l <looks) >= $1)); } # LINES

# What is not read while the manifest is broken has changed once all the same.
test_while_the_manifest_is_broken_each_save_is_told_once() {
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_file, name: a, path: out/a, content: "${file:one} ${file:other}" }
	YML
	printf 1 >one
	printf 1 >other
	start_watch --poll
	sed -i 's/^spec:/spec/' .devenv/config.yml
	wait_until 20 said 'Nothing was touched'
	printf 2 >new && mv new one
	wait_until 20 said 'Changed: one'
	printf 2 >new && mv new other
	wait_until 20 grep -qx 'Changed: other' "$TRASH/watch"
	sed -i 's/^spec$/spec:/' .devenv/config.yml
	wait_until 20 holds out/a '2 2'
	stop_watch
}

test_a_warning_is_told_once() {
	local word
	two_files
	echo 'FIRST=${x}' >.env
	start_watch
	for word in right left; do
		sed -i "s/content: [a-z]*/content: $word/" .devenv/config.yml
		wait_until 20 holds out/a "$word"
	done
	echo 'SECOND=${x}' >>.env
	wait_until 20 said SECOND
	stop_watch
	equal 'told of the first' 2 "$(times 'FIRST: references')" # the second makes it another warning
	equal 'told of the second' 1 "$(times 'SECOND: references')"
}

test_an_environment_that_appears_and_a_linked_folder() {
	two_files
	mv .devenv ../shared && ln -s ../shared .devenv
	"$DEVENV" watch -e dev </dev/null >"$TRASH/watch" 2>&1 &
	WATCH=$!
	wait_until 20 said 'there is no environment "dev"'
	mkdir .devenv/environments
	echo 'spec: { resources: [{ type: local_file, name: a, content: dev }] }' >.devenv/environments/dev.yml
	wait_until 20 holds out/a dev
	sed -i 's/content: dev/content: more/' .devenv/environments/dev.yml
	wait_until 20 holds out/a more
	cp -r ../shared ../second # another one takes its place
	sed -i 's/content: more/content: second/' ../second/environments/dev.yml
	ln -sfn ../second .devenv
	wait_until 20 holds out/a second
	sed -i 's/content: second/content: third/' .devenv/environments/dev.yml
	wait_until 20 holds out/a third
	rm .devenv
	wait_until 20 said 'no manifest'
	there out/a
	stop_watch
}

test_a_manifest_that_vanishes_destroys_nothing() {
	two_files
	mkdir -p ../.devenv # one further up must not take its place
	printf 'apiVersion: devenv/v1\nkind: Environment\nmetadata: { name: above }\nspec:\n  resources:\n    - { type: local_file, name: x, path: x, content: x }\n' >../.devenv/config.yml
	start_watch
	mv .devenv/config.yml saved
	wait_until 20 said 'Nothing was touched'
	said 'is gone' || fail 'not told what is gone'
	there out/a out/b
	gone ../x
	sed 's/content: hello/content: back/' saved >.devenv/config.yml
	wait_until 20 holds out/a back
	stop_watch
	rm -r ../.devenv ../project/saved
}

test_a_delete_waits_for_quiet_and_an_editor_that_removes_first_is_forgiven() {
	local try saved waited away
	two_files
	start_watch
	# It is told only where there is something left to wait for: not by one that stood still for a second.
	for try in 1 2 3 4 5 6 7 8 9 10; do
		: >"$TRASH/watch"
		cp .devenv/config.yml both
		sed '/name: b/d' both >new
		saved=$(now)
		mv new .devenv/config.yml
		wait_until 20 absent out/b
		waited=$(($(date -d "$(stat -c %y out)" +%s%N) / 1000000 - saved)) # until its folder changed
		((waited >= 990)) || fail "it was removed after $waited ms"
		! said 'it starts after a second without changes' || break
		mv both .devenv/config.yml
		wait_until 20 holds out/b one
	done
	((try < 10)) || fail 'it is never told that it waits'
	# Who was stopped with the file away has not been as quick as an editor.
	for try in 1 2 3 4 5 6 7 8 9 10; do
		: >"$TRASH/watch"
		sed "s/content: [a-z]*/content: forgiven$try/" .devenv/config.yml >new
		away=$(now)
		rm .devenv/config.yml
		sleep 0.1
		mv new .devenv/config.yml
		away=$(($(now) - away))
		wait_until 20 holds out/a "forgiven$try"
		said 'Nothing was touched' || break
		((away >= 500)) || fail "a file that was written anew after $away ms is told as missing"
	done
	((try < 10)) || fail 'this machine is never quick'
	stop_watch
}

test_a_text_that_an_editor_removes_first_is_not_told_as_missing() {
	local try away
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_file, name: a, path: out/a, content: "${file:text}" }
	YML
	printf start >text
	start_watch
	for try in 1 2 3 4 5 6 7 8 9 10; do
		: >"$TRASH/watch"
		printf %s "forgiven$try" >new
		away=$(now)
		rm text
		sleep 0.1
		mv new text
		away=$(($(now) - away))
		wait_until 20 holds out/a "forgiven$try"
		said 'Error:' || break
		((away >= 500)) || fail "a file that was written anew after $away ms is told as missing"
	done
	((try < 10)) || fail 'this machine is never quick'
	stop_watch
}
now() { echo $(($(date +%s%N) / 1000000)); }

test_nothing_starts_while_git_holds_the_index() {
	two_files
	mkdir .git
	: >.git/index.lock
	sed -i 's/content: hello/content: first/' .devenv/config.yml
	"$DEVENV" watch </dev/null >"$TRASH/watch" 2>&1 &
	WATCH=$!
	wait_until 20 said 'Waiting: git'
	gone out/a
	sed -i 's/content: first/content: second/' .devenv/config.yml
	rm .git/index.lock
	wait_until 20 holds out/a second
	: >.git/index.lock
	sed -i 's/content: second/content: third/' .devenv/config.yml
	wait_until 20 said_times 2 'Waiting: git'
	holds out/a second || fail 'it started in a half switched tree'
	rm .git/index.lock
	wait_until 20 holds out/a third
	stop_watch
}

test_a_file_that_is_still_being_written_waits() {
	two_files
	start_watch
	exec 7>src/b # held open for writing
	printf half >&7
	touch src/b
	wait_until 20 said 'Waiting: someone still writes'
	holds out/b one || fail 'half a file was taken'
	printf ' and whole' >&7
	exec 7>&-
	wait_until 20 holds out/b 'half and whole'
	stop_watch
}

test_a_failed_run_is_tried_again_and_at_once_when_something_changes() {
	manifest <<-'YML'
	spec:
	  variables: { beat: { default: "0" } }
	  resources:
	    - { type: local_command, name: a, create: [sh, -c, "grep -qsx done allowed && echo done >>result"] }
	YML
	start_watch
	said 'Trying again in' || fail 'it is not told that it is tried again'
	echo 'done' >allowed
	wait_until 20 holds result 'done' # nothing that is followed changed: this was the retry
	rm allowed result
	sed -i 's/done/more/g' .devenv/config.yml
	wait_until 20 said_times 2 'Trying again in'
	echo most >allowed # and not what may be tried again just now
	sed -i 's/more/most/g' .devenv/config.yml
	wait_until 20 holds result most
	stop_watch
}

# A retry is nobody's own doing: what is saved during it is done.
test_what_is_saved_during_a_retry_is_done() {
	manifest <<-'YML'
	spec:
	  variables: { beat: { default: "0" } }
	  resources:
	    - { type: local_command, name: a, create: [sh, -c, "test -f allowed && echo first >>result && until test -f go; do sleep 0.02; done"] }
	YML
	start_watch
	said 'Trying again in' || fail 'it is not told that it is tried again'
	: >allowed
	wait_until 20 holds result first
	sed -i 's/first/second/' .devenv/config.yml
	: >go
	wait_until 20 grep -qx second result
	equal 'what was done' 'first second' "$(paste -sd ' ' result)"
	stop_watch
}

test_two_never_run_at_once_and_the_last_state_wins() {
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_command, name: a, create: [sh, -c, "mkdir busy || echo two at once >>wrong; cat src >seen; until test -f go; do sleep 0.02; done; rmdir busy"], triggers: { of: "${file:src}" } }
	YML
	echo 1 >src
	"$DEVENV" watch </dev/null >"$TRASH/watch" 2>&1 &
	WATCH=$!
	wait_until 20 holds seen 1
	echo 2 >src # while the first one runs
	echo 3 >src
	: >go
	wait_until 20 holds seen 3
	wait_until 20 absent busy
	gone wrong
	stop_watch
	no_changes
}

test_own_writes_do_not_trigger_and_a_circle_is_held() {
	local runs
	manifest <<-'YML'
	spec:
	  variables: { beat: { default: "0" } }
	  resources:
	    - { type: local_command, name: a, create: [sh, -c, "echo ran >>log; echo x >>src"], triggers: { of: "${file:src}" } }
	YML
	echo 1 >src
	start_watch
	wait_until 20 said 'local_command.a changes its own input src'
	runs=$(wc -l <log)
	equal 'how often it ran' 2 "$runs"
	echo anew >src # a person's change lets it run again
	wait_until 20 said_times 2 'changes its own input'
	equal 'how often it ran' 4 "$(wc -l <log)"
	stop_watch
}

test_a_plan_only_watch_does_nothing() {
	two_files
	start_watch --plan-only
	said 'Nothing was done (--plan-only).' || fail 'not told'
	gone out "$DEVENV_HOME"
	sed -i 's/content: hello/content: world/' .devenv/config.yml
	wait_until 20 said 'world'
	gone out "$DEVENV_HOME"
	stop_watch
}

test_drift_is_reported_and_repaired_when_asked_for() {
	two_files
	start_watch --drift-interval 200ms
	echo changed >other && mv other out/a # and not empty for a moment
	wait_until 20 said 'Reality moved away by itself'
	holds out/a changed || fail 'it was repaired'
	equal 'how often it is told' 1 "$(times 'Reality moved away')"
	stop_watch
	rm out/a
	start_watch --drift-interval 200ms --repair-drift
	rm out/a
	wait_until 20 holds out/a hello
	stop_watch
}

test_what_needs_approval_is_held_and_released_from_elsewhere() {
	local hash
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_file, name: a, path: out/a, content: a }
	    - { type: local_file, name: b, path: out/b, content: b }
	    - { type: local_file, name: c, path: out/c, content: c }
	    - { type: local_file, name: d, path: out/d, content: d }
	    - { type: local_file, name: e, path: out/e, content: e }
	YML
	start_watch
	sed -i '/name: [abcd]/d' .devenv/config.yml
	wait_until 20 said 'need your approval'
	there out/a out/b out/c out/d
	hash=$(grep -oE 'devenv approve [0-9a-f]{16}' "$TRASH/watch" | head -n 1 | cut -d' ' -f3)
	[[ -n $hash ]] || fail 'no hash is shown'
	expect 0 approve "$hash" --lock-timeout 60s
	wait_until 20 absent out/d
	wait_until 20 said '1 destroyed, 3 held' # that one and no other
	there out/a out/b out/c out/e
	stop_watch
}

test_another_run_is_waited_for() {
	manifest <<-'YML'
	spec:
	  variables: { beat: { default: "0" } }
	  resources:
	    - { type: local_command, name: slow, create: [sh, -c, "until test -f go; do sleep 0.02; done; echo by-hand >done"] }
	YML
	"$DEVENV" apply --yes </dev/null >"$TRASH/apply" 2>&1 &
	local apply=$!
	wait_until 20 test -s "$DEVENV_HOME/state.db"
	wait_until 20 grep -q 'slow: creating' "$TRASH/apply"
	"$DEVENV" watch </dev/null >"$TRASH/watch" 2>&1 &
	WATCH=$!
	wait_until 20 said 'Waiting: another run'
	beat # each is a reason to try again
	beat
	beat
	equal 'how often it is told' 1 "$(times 'Waiting: another run')"
	: >go
	wait "$apply"
	wait_until 20 said 'Following'
	wait_until 20 said 'No changes.' # it found what was applied by hand
	stop_watch
}

test_hangup_plans_at_once_and_a_kill_leaves_no_helper() {
	local helper
	two_files
	start_watch
	echo changed >out/a
	kill -HUP "$WATCH"
	wait_until 20 holds out/a hello
	helper=$(pgrep -P "$WATCH")
	[[ -n $helper ]] || fail 'there is no helper'
	kill -9 "$WATCH"
	wait "$WATCH" 2>/dev/null || true
	wait_until 20 absent "/proc/$helper"
}

test_a_helper_that_dies_is_started_again() {
	local helper
	two_files
	start_watch
	helper=$(pgrep -P "$WATCH")
	kill -9 "$helper"
	echo two >src/b
	wait_until 20 holds out/b two
	[[ $(pgrep -P "$WATCH") != "$helper" ]] || fail 'the helper is the dead one'
	stop_watch
}

test_without_a_helper_files_are_polled() {
	two_files
	mkdir bin
	cp "$DEVENV" bin/devenv
	DEVENV=$PWD/bin/devenv start_watch
	said 'devenv-watcher is missing' || fail 'no warning'
	echo two >src/b
	wait_until 20 holds out/b two
	stop_watch
	start_watch --poll
	echo three >src/b
	wait_until 20 holds out/b three
	stop_watch
}

test_exhausted_watches_fall_back_to_polling() {
	two_files
	unshare -Ur sh -c 'echo 2 >/proc/sys/user/max_inotify_watches' 2>/dev/null ||
		skip 'no user namespace'
	unshare -Ur sh -c 'echo 2 >/proc/sys/user/max_inotify_watches; exec "$@"' sh \
		"$DEVENV" watch </dev/null >"$TRASH/watch" 2>&1 &
	WATCH=$!
	wait_until 30 said 'Following'
	wait_until 20 said 'fs.inotify.max_user_watches is reached'
	equal warnings 1 "$(times 'Warning:')"
	echo two >src/b
	wait_until 20 holds out/b two
	sed -i 's/content: hello/content: world/' .devenv/config.yml
	wait_until 20 holds out/a world
	stop_watch
}

test_it_can_be_read_by_a_program() {
	two_files
	"$DEVENV" watch --json </dev/null >"$TRASH/watch" 2>/dev/null &
	WATCH=$!
	wait_until 30 said '"type":"watch_following"'
	echo two >src/b
	wait_until 20 holds out/b two
	stop_watch
	jq -e . <"$TRASH/watch" >/dev/null || fail 'a line is no JSON'
	equal 'what changed' '"src/b"' "$(jq -c 'select(.type == "watch_changed").text' <"$TRASH/watch")"
}

run_tests "$@"
