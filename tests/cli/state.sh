#!/bin/bash
# A database that cannot be used: a clear error, nothing done, nothing lost. What SQLite itself can be
# made to do is in tests/unit/test_state_*.c; this is what a person sees.
. "${BASH_SOURCE%/*}/../lib/harness.sh"

applied() {
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_value, name: a, input: "${X:-1}" }
	    - { type: local_file, name: f, path: f.txt, content: "${X:-1}" }
	YML
	expect 0 apply --yes
	cp -r "$DEVENV_HOME" ../good
}

# refused SENTENCE...: by every command alike; then the good database is put back and still knows all.
refused() {
	local command sentence sum
	sum=$(md5sum <"$DEVENV_HOME/state.db")
	for command in plan 'apply --yes' 'destroy --yes' status list 'show local_value.a' history 'forget local_file.f'; do
		# shellcheck disable=SC2086
		expect 1 $command
		for sentence; do has err "$sentence"; done
		has err 'nothing was changed'
	done
	equal 'the database' "$sum" "$(md5sum <"$DEVENV_HOME/state.db")"
	there f.txt
	rm -r "$DEVENV_HOME"
	cp -r ../good "$DEVENV_HOME"
	no_changes
}

test_a_damaged_database_is_named_and_kept() {
	applied
	echo garbage >"$DEVENV_HOME/state.db"
	refused 'state.db is damaged' 'put a copy of it in its place'
	head -c 16384 /dev/zero | tr '\0' x | dd of="$DEVENV_HOME/state.db" bs=4k seek=2 conv=notrunc iflag=fullblock status=none
	refused 'state.db is damaged'
	truncate -s 9000 "$DEVENV_HOME/state.db"
	refused 'state.db is damaged'
}

test_the_database_of_another_program_or_version_is_named_and_kept() {
	applied
	rm "$DEVENV_HOME/state.db"
	sqlite3 "$DEVENV_HOME/state.db" 'CREATE TABLE x (y)'
	refused 'belongs to another program' 'set DEVENV_HOME to another folder'
	sqlite3 "$DEVENV_HOME/state.db" 'PRAGMA user_version = 999'
	refused 'written by a newer devenv' 'use that version or a newer one'
}

test_a_full_disk_ends_the_apply_and_the_next_one_goes_on() {
	applied
	export X=2
	local n
	for n in 1 2 4 8; do
		STATUS=0
		"$HARNESS_TOOLS/killat" fail $n ENOSPC --sticky --class write --path state.db -- \
			"$DEVENV" apply --yes </dev/null >"$TRASH/out" 2>"$TRASH/err" || STATUS=$?
		equal status 1 "$STATUS"
		has err 'no space left'
		lacks out 'Apply complete'
	done
	expect 0 plan
	expect 0 apply --yes
	equal content 2 "$(cat f.txt)"
	no_changes
	no_rest
}

test_a_home_that_cannot_be_written_can_be_read() {
	applied
	chmod -R a-w "$DEVENV_HOME"
	cp "$DEVENV" "$TRASH/program"
	as_nobody() { if [[ $(id -u) == 0 ]]; then setpriv --reuid=65534 --clear-groups "$@"; else "$@"; fi; }
	chmod -R a+rX "$TRASH"
	STATUS=0
	as_nobody "$TRASH/program" plan >"$TRASH/out" 2>"$TRASH/err" || STATUS=$?
	equal status 0 "$STATUS"
	has out 'No changes.'
	X=2 as_nobody "$TRASH/program" apply --yes >"$TRASH/out" 2>"$TRASH/err" && fail 'an apply without state'
	has err 'Permission denied; nothing was changed: make the folder writable, or set DEVENV_HOME to one that is'
	equal content 1 "$(cat f.txt)"
	chmod -R u+w "$DEVENV_HOME"
}

test_a_checkout_that_state_does_not_know_is_told() {
	applied
	lacks err 'knows nothing of it'
	rm -r "$DEVENV_HOME"
	expect 1 plan
	has err 'knows nothing of it'
	has err 'exists already and is not ours'
	rm f.txt
	expect 0 apply --yes
	has err 'knows nothing of it'
	no_changes
	lacks err 'knows nothing of it'
}

run_tests "$@"
