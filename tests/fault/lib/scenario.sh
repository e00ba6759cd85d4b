# shellcheck shell=bash
# One environment of every local type, killed and failed at any point, and what must hold afterwards.
# A point is one place to die at; each prints one line of TAP. Needs DEVENV and killat.
#
#	scenario_begin             a folder for everything; the clean run that others are compared with
#	point NAME COMMAND...      in a fresh project and home: does the command, then checks convergence

: "${DEVENV:?the program under test}"
set -u
TOOLS=${DEVENV_TEST_TOOLS:-${DEVENV%/*}/tests}
BASE=
POINTS=0 BROKEN=0
DESTROY=(destroy --yes)

# What a person has set would change what is tested.
for variable in "${!DEVENV_@}"; do
	[[ $variable == DEVENV_TEST_* ]] || unset "$variable"
done

scenario_manifest() {
	cat <<-'YML'
	apiVersion: devenv/v1
	kind: Environment
	metadata: { name: faults }
	spec:
	  variables:
	    word: { default: one }
	  secrets:
	    - { name: login, data: { password: "s3cr3t-${var.word}" } }
	  resources:
	    - { type: local_value, name: base, input: { folder: out, word: "${var.word}" } }
	    - { type: local_directory, name: deep, path: "${local_value.base.output.folder}/a/b" }
	    - { type: local_file, name: plain, path: "${local_directory.deep.path}/plain.txt", content: "${var.word}\n" }
	    - { type: local_file, name: secret, path: "${local_directory.deep.path}/secret", content: "${secret.login.password}", mode: "0600" }
	    - { type: local_file, name: copy, path: copies/of.txt, source: input.txt }
	    - type: local_command
	      name: seen
	      create: [./effect, create, seen]
	      update: [./effect, update, seen]
	      delete: [./effect, delete, seen]
	      read: [./effect, read, seen]
	      triggers: "${local_file.plain.contentHash}"
	    - type: local_command
	      name: blind
	      create: [./effect, create, blind]
	      delete: [./effect, delete, blind]
	      dependsOn: [local_command.seen]
	    - { type: local_value, name: end, input: "${local_file.copy.contentHash}", dependsOn: [local_command.blind] }
	YML
	if [[ ${SCENARIO_PROCESS:-yes} == yes ]]; then
		cat <<-'YML'
		    - type: local_process
		      name: service
		      command: [./service, "${local_file.plain.path}"]
		      readiness: { log: ready, periodSeconds: 1 }
		YML
	fi
}

# Makes DIR/project and DIR/home and goes there.
fresh() {
	local dir=$1
	mkdir -p "$dir/project/.devenv" "$dir/home"
	cd "$dir/project" || exit 1
	export HOME=$dir/home DEVENV_HOME=$dir/home/.devenv SCENARIO_MARK=$dir
	EFFECTS=$dir/effects
	export EFFECTS
	: >"$EFFECTS"
	echo input >input.txt
	scenario_manifest >.devenv/config.yml
	cat >effect <<-'SH'
	#!/bin/sh
	# effect VERB NAME: one line in the log, then the thing itself. Slow enough to be caught in it.
	set -e
	if [ "$1" = read ]; then
		[ ! -e "made/$2" ] || echo '{"made": true}'
		exit 0
	fi
	echo "$1 $2" >>"$EFFECTS"
	mkdir -p made
	case $1 in
	delete) rm -f "made/$2"; rmdir --ignore-fail-on-non-empty made ;;
	*) sleep 0.01 && echo "$1" >"made/$2" ;;
	esac
	SH
	cat >service <<-'SH'
	#!/bin/sh
	# Runs on; says when it is up. A second one of it would be a mistake.
	echo "start" >>"$EFFECTS.service"
	echo ready
	while :; do sleep 60; done
	SH
	chmod +x effect service
}

# Every file with its mode and content, but for what is different in each run.
snapshot() {
	find . -mindepth 1 -not -path './.devenv/local*' -not -path './made*' -printf '%p %m %y\n' | sort
	find . -type f -not -path './.devenv/local*' -not -path './made*' -exec cksum {} + | sort -k3
}

# Names of what lies in a home, with the ids taken out.
home_listing() {
	find "$HOME" -mindepth 1 -not -name '*-wal' -not -name '*-shm' -printf '%P %m %y\n' |
		sed -E 's/[0-9a-f]{16,}/ID/g' | sort -u
}

query() { sqlite3 -cmd '.timeout 20000' "file:$DEVENV_HOME/state.db?mode=ro" "$1"; }

# Processes that bear a mark in their environment: one search for all, because there are many points.
marked() { # MARK
	local environ
	grep -sazlxF "SCENARIO_MARK=$1" /proc/[0-9]*/environ | while read -r environ; do
		environ=${environ#/proc/}
		echo "${environ%/environ}"
	done
}

# exactly N: whether so many services run. What was just started or killed may count for a moment more or less.
exactly() {
	local try
	for ((try = 0; try < 200; try++)); do
		(($(services_running) != $1)) || return 0
		sleep 0.05
	done
	return 1
}

services_running() {
	local pid n=0
	for pid in $(marked "$SCENARIO_MARK"); do
		[[ $({ tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null) == *"./service "* ]] && n=$((n + 1))
	done
	echo $n
}

end_services() {
	local pid
	for pid in $(marked "$1"); do
		[[ $pid == "$$" || $pid == "$BASHPID" ]] || kill -9 "$pid" 2>/dev/null
	done
}

# What is wrong after a death and one more apply; nothing printed: all is well.
wrong() {
	local status out
	out=$("$DEVENV" apply --yes --lock-timeout 60s </dev/null 2>&1)
	status=$?
	((status == 0)) || { echo "apply exits with $status: ...$(tail -n 20 <<<"$out")" && return; }
	out=$("$DEVENV" plan --detailed-exitcode </dev/null 2>&1)
	status=$?
	((status == 0)) || echo "the plan afterwards exits with $status: $out"
	out=$(diff "$BASE/snapshot" <(snapshot)) || echo "files differ: $out"
	out=$(diff "$BASE/listing" <(home_listing)) || echo "the home differs: $out"
	wrong_effects
	[[ $(query 'SELECT count(*) FROM intent') == 0 ]] || echo "open intents are left"
	"$DEVENV" audit verify </dev/null >/dev/null 2>&1 || echo "the audit trail is broken"
}

wrong_effects() {
	local n deleted
	# Made again only after it was removed: a destroy that died is settled by replacing.
	n=$(grep -c '^create seen' "$EFFECTS")
	deleted=$(grep -c '^delete seen' "$EFFECTS")
	((n >= 1 && n <= 1 + deleted)) || echo "\"seen\" was created $n times: $(tr '\n' ',' <"$EFFECTS")"
	n=$(grep -c '^create blind' "$EFFECTS")
	((n >= 1 && n <= 3)) || echo "\"blind\" was created $n times"
	if [[ ${SCENARIO_PROCESS:-yes} == yes ]]; then
		exactly 1 || echo "$(services_running) services run"
	fi
}

# What is wrong after a destroy.
wrong_destroyed() {
	local status out
	out=$("$DEVENV" "${DESTROY[@]}" --lock-timeout 60s </dev/null 2>&1)
	status=$?
	((status == 0)) || { echo "destroy exits with $status: $out" && return; }
	out=$(diff "$BASE/empty" <(snapshot)) || echo "destroy leaves: $out"
	out=$(diff "$BASE/listing-empty" <(home_listing)) || echo "destroy leaves in the home: $out"
	[[ -e made/seen || -e made/blind ]] && echo "destroy leaves what a command made"
	[[ $(query 'SELECT count(*) FROM record') == 0 ]] || echo "destroy leaves records"
	[[ $(query 'SELECT count(*) FROM intent') == 0 ]] || echo "destroy leaves intents"
	if [[ ${SCENARIO_PROCESS:-yes} == yes ]]; then
		exactly 0 || echo "destroy leaves a service running"
	fi
}

scenario_begin() {
	BASE=$(mktemp -d "${TMPDIR:-/tmp}/devenv-fault-XXXXXX")
	trap scenario_end EXIT
	(
		fresh "$BASE/clean"
		snapshot >"$BASE/empty"
		"$DEVENV" apply --yes </dev/null >"$BASE/clean/out" 2>&1 || { cat "$BASE/clean/out" && exit 1; }
		snapshot >"$BASE/snapshot"
		home_listing >"$BASE/listing"
		"$DEVENV" "${DESTROY[@]}" </dev/null >"$BASE/clean/out" 2>&1 || { cat "$BASE/clean/out" && exit 1; }
		home_listing >"$BASE/listing-empty"
		diff "$BASE/empty" <(snapshot)
	) || { echo "not ok - the clean run fails, so nothing can be compared with it" && exit 1; }
}

scenario_end() {
	[[ -n $BASE ]] || return
	end_services_below
	rm -rf "$BASE"
	echo "1..$POINTS"
}

end_services_below() {
	local dir
	for dir in "$BASE"/*/; do [[ -d $dir ]] && end_services "${dir%/}"; done
}

# point NAME FUNCTION ARGUMENT...: the function dies or fails somewhere; then everything must come right.
point() {
	local name=$1 dir=$BASE/point-$POINTS report
	shift
	POINTS=$((POINTS + 1))
	report=$(
		fresh "$dir"
		"$@" >"$dir/log" 2>&1
		wrong
		wrong_destroyed
	)
	end_services "$dir"
	if [[ -z $report ]]; then
		echo "ok $POINTS - $name"
	else
		BROKEN=$((BROKEN + 1))
		echo "not ok $POINTS - $name"
		{ sed -n 's/^call=//p' "$dir/report" 2>/dev/null; echo "$report"; tail -n 5 "$dir/log"; } |
			head -n 25 | sed 's/^/# /'
	fi
	if [[ -z $report || -z ${DEVENV_TEST_KEEP:-} ]]; then rm -rf "$dir"; else echo "# kept: $dir"; fi
}

# How many effects a command has, with all points or a spread of at most $2 of them: prints numbers.
spread() { # COUNT MOST
	local count=$1 most=$2 n
	if [[ -n ${DEVENV_TEST_FULL:-} ]] || ((count <= most)); then
		seq 1 "$count"
	else
		for ((n = 0; n < most; n++)); do echo $((1 + n * (count - 1) / (most - 1))); done
	fi
}

# The number of counted calls of a command in a fresh place; $1 prepares it.
count_effects() { # PREPARE KILLAT-OPTIONS -- ARGUMENT...
	local prepare=$1 dir=$BASE/count
	shift
	(
		fresh "$dir"
		"$prepare"
		"$TOOLS/killat" count --report "$dir/report" "$@" </dev/null >"$dir/log" 2>&1
	)
	sed -n 's/^count=//p' "$dir/report"
	end_services "$dir"
	rm -rf "$dir"
}

# What is wrong with the end of a run that something was refused to: the status, and what it said.
ended_badly() { # STATUS LOG
	case $1 in
	0 | 3) ;;
	1) grep -qE 'rror|failed' "$2" || echo "it failed without a word" ;;
	124) echo "it hung" ;;
	127) grep -qE 'loading shared libraries|cannot allocate TLS' "$2" || echo "it ended with status 127" ;; # before main
	*) echo "it ended with status $1" ;;
	esac
}

nothing() { :; }
applied() { "$DEVENV" apply --yes </dev/null >/dev/null 2>&1; }
