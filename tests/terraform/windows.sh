#!/bin/bash
# SIGKILL before effectful system calls of an apply, an update and a destroy of a module: of devenv alone, so
# that the program goes on, and of all of them. The next run converges, and nothing is left. A sample; with
# DEVENV_TEST_FULL every call that makes a difference.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/terraform.sh
. "${BASH_SOURCE%/*}/../lib/terraform.sh"

world_provider
[[ -x $HARNESS_TOOLS/killat ]] || { echo 'not ok 1 - killat is built' && exit 1; }

two_files() { # CONTENT
	{
		world
		for name in a b; do
			echo "resource \"world_file\" \"$name\" {"
			echo "  path = \"$PWD/$name.txt\""
			echo "  content = \"$1\""
			echo "}"
		done
	} >infra/main.tf
}

# --- where each death begins, and what is there when nobody died ---------------------------------------

things() { find a.txt b.txt effects .devenv/local -maxdepth 0 2>/dev/null || true; }

keep_start() { # KIND
	mkdir -p "$TRASH/start-$1/project"
	cp -a "$DEVENV_HOME" "$TRASH/start-$1/home"
	# shellcheck disable=SC2046
	cp -a --parents $(things) "$TRASH/start-$1/project"
}

restart() { # KIND
	rm -rf "$DEVENV_HOME" .devenv/local tmp a.txt b.txt effects
	cp -a "$TRASH/start-$1/home" "$DEVENV_HOME"
	cp -a "$TRASH/start-$1/project/." .
	mkdir tmp
	two_files one
	[[ $1 != update ]] || two_files two
}

# Everything but the database, without the names that are new each time; when somebody looked, and what the
# program keeps of the state before, depend on how often it was run. Nor scratch folders: a program that goes on
# alone still writes into that of the dead.
listing() {
	find "$DEVENV_HOME" .devenv -mindepth 1 ! -name 'state.db*' ! -name looked ! -name '*.tfstate.backup' |
		sed -E "s|^$DEVENV_HOME|home|; s/[0-9a-f]{16,}/ID/g" | sort
}

# The first of them makes the homes that the deaths begin with, and what is there after a whole run.
prepare() {
	two_files one
	expect 0 apply --yes
	keep_start update
	keep_start destroy
	expect 0 destroy --yes
	keep_start create
	restart create
	expect 0 apply --yes
	listing >"$TRASH/listing-create"
	restart update
	expect 0 apply --yes
	listing >"$TRASH/listing-update"
}

# A lock goes with the process, and what was not synced is there for whoever comes after it; a folder that is
# there is not made, and what is written piece by piece is in a journal of its own. From `trace`: the rest.
differing() {
	find "$TRASH" -type d >"$TRASH/folders"
	awk -v top="$TRASH" '
		FILENAME != "trace" { there[$0] = 1; next }
		$2 == "sync" || $3 == "fcntl" { next }
		$3 == "mkdir" && (there[$4]++ || index(top "/", $4 "/") == 1) { next }
		$3 " " $4 == last { next }
		{ last = $3 " " $4; print $1 }' "$TRASH/folders" trace
}

# --- what is there afterwards ----------------------------------------------------------------------------

# What the next run says is true, and it does not do twice what it can see was done.
converged() { # KIND: in short, because the folders are those of a run where nobody died
	local content=one
	[[ $1 != update ]] || content=two
	expect 0 apply --yes
	equal a "$content" "$(cat a.txt)"
	equal b "$content" "$(cat b.txt)"
	equal 'things in the state' 2 "$(in_state)"
	no_changes
	no_rest
	listing | diff -u "$TRASH/listing-$1" - >"$TRASH/out" || fail 'something else is there than without a death'
}

converged_whole() { # KIND
	converged "$1"
	no_changes --refresh=full
	gone_whole
}

gone_whole() {
	expect 0 destroy --yes
	gone a.txt b.txt
	equal 'private folders' '' "$(find "$DEVENV_HOME" -path '*/terraform/*' -maxdepth 4)"
	expect 0 plan # a run that needs a scratch folder removes those of the dead
	# A plugin that is killed leaves its socket: where that lies is the program's own matter.
	equal 'scratch folders' '' "$(find tmp -mindepth 1 ! -name 'plugin*')"
	no_rest
}

# --- deaths ----------------------------------------------------------------------------------------------

one_death() { # KIND CALL ALL WHOLE COMMAND...
	local kind=$1 n=$2 tree=$3 whole=$4
	shift 4
	restart "$kind"
	# shellcheck disable=SC2086
	"$HARNESS_TOOLS/killat" kill-before "$n" $tree --report report -- "$DEVENV" "$@" >"$TRASH/killed" 2>&1 </dev/null
	echo "# $kind: killed before call $n${tree:+, with all that it had started}: $(grep -a '^call=' report)"
	if [[ $kind == destroy ]]; then
		gone_whole
	elif [[ $whole == yes ]]; then
		converged_whole "$kind"
	else
		converged "$kind"
	fi
}

windows() { # KIND COMMAND...
	local kind=$1 i step=1 tree whole
	local -a calls
	shift
	export TMPDIR=$PWD/tmp
	world_begin
	mkdir -p infra tmp
	module_manifest
	prepare
	restart "$kind"
	"$HARNESS_TOOLS/killat" count --trace trace --report report -- "$DEVENV" "$@" >"$TRASH/counted" 2>&1 </dev/null ||
		fail 'it fails without a kill'
	restart "$kind"
	mapfile -t calls < <(differing)
	((20 < ${#calls[@]})) || fail "only ${#calls[@]} calls"
	echo "# $kind: ${#calls[@]} of $(sed -n 's/^count=//p' report) calls make a difference"
	[[ -n ${DEVENV_TEST_FULL:-} ]] || step=$((${#calls[@]} / 4 + 1 - ${#calls[@]} / 4 % 2)) # odd: both ways come up
	for ((i = step - 1; i < ${#calls[@]}; i += step)); do
		((i % 2)) && tree=--tree || tree=
		((step > 1 || i % 16 < 2)) && whole=yes || whole=no
		one_death "$kind" "${calls[i]}" "$tree" "$whole" "$@"
	done
}

test_an_apply_converges_after_a_death_at_each_call() { windows create apply --yes; }
test_an_update_converges_after_a_death_at_each_call() { windows update apply --yes; }
test_a_destroy_converges_after_a_death_at_each_call() { windows destroy destroy --yes; }

run_terraform_tests "$@"
