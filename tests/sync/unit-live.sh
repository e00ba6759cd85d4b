#!/bin/bash
# The unit of `devenv sync install-unit` under a systemd that runs.
# shellcheck source=tests/lib/sync.sh
. "${BASH_SOURCE%/*}/../lib/sync.sh"
# shellcheck source=tests/lib/systemd.sh
. "${BASH_SOURCE%/*}/../lib/systemd.sh"

UNIT=devenv-sync.service

# service [LINE...]: a repository with a file and a process that lives on; the unit, with lines of ours in [Service].
service() {
	repo
	mkdir -p repo/html && echo page >repo/html/index
	PROCESS="    - { type: local_process, name: p, command: [sleep, \"3600\"], environment: { DEVENV_TEST_PROCESS: \"$PWD\" } }"
	echo "$PROCESS" >>repo/.devenv/config.yml
	commit process
	mkdir -p "$DEVENV_HOME"
	printf 'syncs:\n  - { name: s, url: "file://%s/repo", interval: 1h }\n' "$PWD" >"$DEVENV_HOME/sync.yml"
	mkdir -p "units/$UNIT.d"
	expect 0 sync install-unit
	cp "$TRASH/out" "units/$UNIT"
	printf '%s\n' '[Service]' "StandardOutput=append:$PWD/loop.log" "StandardError=append:$PWD/loop.log" "$@" \
		>"units/$UNIT.d/test.conf"
	systemd_boot
}
shown() { system systemctl show --value -p "$1" "$UNIT"; } # PROPERTY
is_shown() { [[ $(shown "$1") == "$2" ]]; }
start() { system systemctl start "$UNIT"; }
# The detached process, as the machine numbers it.
process() { # its pid, and when it began: the same number is not the same process
	local pid
	for pid in $(grep -slzxF "DEVENV_TEST_PROCESS=$PWD" /proc/[0-9]*/environ | cut -d/ -f3); do
		[[ $(cat "/proc/$pid/comm") != sleep ]] || echo "$pid $(cut -d' ' -f22 "/proc/$pid/stat")"
	done
}

test_it_is_ready_when_the_first_look_is_done_and_ends_with_0() {
	service
	start
	holds one
	equal state active "$(shown ActiveState)"
	equal 'what it says' '1 of 1 syncs are well' "$(shown StatusText)"
	system systemctl stop "$UNIT"
	equal state inactive "$(shown ActiveState)"
	equal result success "$(shown Result)"
	equal status 0 "$(shown ExecMainStatus)"
	no_rest
}

test_a_reload_looks_at_once() {
	service
	start
	writes two && commit two
	system systemctl reload "$UNIT"
	wait_until 20 holding two
	equal restarts 0 "$(shown NRestarts)"
}
holding() { [[ $(cat "$(LIVE)/out/a") == "$1" ]]; }

test_what_runs_lives_on_when_the_loop_is_restarted_stopped_or_killed() {
	local before main
	service RestartSec=100ms
	start
	before=$(process)
	[[ $before ]] || fail 'no process runs'
	main=$(shown MainPID)
	system systemctl restart "$UNIT"
	[[ $(shown MainPID) != "$main" ]] || fail 'not restarted'
	equal 'the process after a restart' "$before" "$(process)"
	main=$(shown MainPID)
	system systemctl kill --kill-whom=main --signal=KILL "$UNIT"
	wait_until 20 is_shown NRestarts 1
	wait_until 20 is_shown ActiveState active
	[[ $(shown MainPID) != "$main" ]] || fail 'not started again'
	equal 'the process after a death' "$before" "$(process)"
	system systemctl stop "$UNIT"
	equal 'the process after a stop' "$before" "$(process)"
	start
	equal 'the process after a start' "$before" "$(process)"
	equal runs 1 "$(runs)"
	system systemctl stop "$UNIT"
}

test_a_stop_waits_for_what_an_apply_has_begun() {
	service
	start
	cat >>repo/.devenv/config.yml <<-YML
	    - { type: local_command, name: long,
	        create: [sh, -c, ": >$PWD/begun; until [ -e $PWD/go ]; do sleep 0.05; done; : >$PWD/ended"] }
	    - { type: local_file, name: after, path: out/after, content: x, dependsOn: [local_command.long] }
	YML
	commit long
	system systemctl reload "$UNIT"
	wait_until 20 test -e begun
	system systemctl stop --no-block "$UNIT"
	wait_until 20 is_shown ActiveState deactivating
	gone ended
	: >go
	wait_until 20 is_shown ActiveState inactive
	equal result success "$(shown Result)"
	equal status 0 "$(shown ExecMainStatus)"
	there ended
	gone "$(LIVE)/out/after"
	no_rest
	start
	there "$(LIVE)/out/after"
}

test_one_that_hangs_is_ended_and_started_again() {
	local before main
	service WatchdogSec=15s RestartSec=1h # a slow machine gives its sign within
	start
	before=$(process) main=$(shown MainPID)
	system kill -STOP "$main"
	writes two && echo "$PROCESS" >>repo/.devenv/config.yml && commit two
	wait_until 60 is_shown SubState auto-restart
	equal result watchdog "$(shown Result)"
	equal 'ended by' "$(kill -l ABRT)" "$(shown ExecMainStatus)"
	system systemctl restart "$UNIT" # and not `start`, which waits for RestartSec
	holding two
	equal 'the process' "$before" "$(process)"
}

test_a_mistake_in_its_file_ends_it_with_1_and_is_tried_again() {
	service RestartSec=1h
	cp "$DEVENV_HOME/sync.yml" good.yml
	echo 'syncs: [{ name: s }]' >"$DEVENV_HOME/sync.yml"
	! start 2>/dev/null || fail 'it started'
	equal result exit-code "$(shown Result)"
	equal status 1 "$(shown ExecMainStatus)"
	equal state auto-restart "$(shown SubState)"
	mv good.yml "$DEVENV_HOME/sync.yml"
	system systemctl restart "$UNIT"
	holds one
}

# What is started may do what it does by hand, but for what the unit takes away.
test_it_is_hardened_and_what_it_starts_works_as_by_hand() {
	local main
	service
	cat >probe <<-'SH'
	umask
	touch /usr/devenv-test 2>&1 && rm /usr/devenv-test
	touch /proc/sys/kernel/hostname 2>&1
	date -s @0 2>&1
	echo "HOME=$HOME"
	SH
	cat >>repo/.devenv/config.yml <<-YML
	    - { type: local_command, name: probe, create: [sh, -c, "sh $PWD/probe >$PWD/probed"] }
	YML
	commit probe
	start
	main=$(shown MainPID)
	system grep -qx 'NoNewPrivs:[[:space:]]*1' "/proc/$main/status" || fail 'new privileges'
	system grep -qx 'Seccomp:[[:space:]]*2' "/proc/$main/status" || fail 'no filter'
	has probed 0022
	has probed "HOME=$(getent passwd root | cut -d: -f6)"
	matches probed 'touch: .*/usr/.*Read-only file system'
	matches probed 'date: cannot set date'
	equal 'a folder of the repository' 755 "$(stat -c %a "$(LIVE)/html")"
	equal 'the folder of syncs' 700 "$(stat -c %a "$DEVENV_HOME/sync")"
	equal 'state and key' '600 600' "$(stat -c %a "$DEVENV_HOME/state.db" "$DEVENV_HOME/key" | xargs)"
	equal 'the clones' 700 "$(stat -c %a "$DEVENV_HOME/clones")"
}

# As a user who may read neither the files of root nor the folder of the build.
test_it_serves_a_user_who_is_not_root() {
	local before who
	chmod 755 "$TRASH"
	mkdir program
	cp "$DEVENV" "${DEVENV%/*}"/devenv-* program
	printf '#!/bin/sh\nexec setpriv --reuid=nobody --regid=nogroup --clear-groups %s/program/devenv "$@"\n' "$PWD" >as-nobody
	chmod +x as-nobody
	DEVENV=$PWD/as-nobody service RestartSec=100ms
	has "units/$UNIT" 'User=nobody'
	has "units/$UNIT" "ExecStart=$PWD/program/devenv sync"
	chown -R nobody:nogroup "$TRASH"
	export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*' # the tests still are root
	start
	holds one
	who=$(system stat -c %U "/proc/$(shown MainPID)" "$(LIVE)/out/a" "$DEVENV_HOME/state.db" "$DEVENV_HOME/key" | sort -u)
	equal 'who runs and owns it' nobody "$who"
	before=$(process)
	equal 'who owns the process' nobody "$(stat -c %U "/proc/${before% *}")"
	writes two && echo "$PROCESS" >>repo/.devenv/config.yml && commit two
	system systemctl reload "$UNIT"
	wait_until 20 holding two
	system systemctl kill --kill-whom=main --signal=KILL "$UNIT"
	wait_until 20 is_shown NRestarts 1
	wait_until 20 is_shown ActiveState active
	system systemctl stop "$UNIT"
	equal result success "$(shown Result)"
	equal status 0 "$(shown ExecMainStatus)"
	equal 'the process after a reload, a death and a stop' "$before" "$(process)"
	no_rest
}

run_tests "$@"
