#!/bin/bash
# What is locked in .devenv/lock.yml, of servers over https and ssh, in watch and in sync.
# shellcheck source=tests/lib/sync.sh
. "${BASH_SOURCE%/*}/../lib/sync.sh"
# shellcheck source=tests/lib/git-servers.sh
. "${BASH_SOURCE%/*}/../lib/git-servers.sh"
# shellcheck source=tests/lib/watch.sh
. "${BASH_SOURCE%/*}/../lib/watch.sh"

# devenv-git ends after one answer and leaves its memory to that end.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0

# part TEXT: what the repository ./repo, whose commit is asked for, holds in ./file
part() {
	[[ -d repo ]] || git init -q -b main repo
	echo "$1" >repo/file
	commit "$1"
}
# wants [MEMBERS]: beside the URL; what it leads to is written into ./out
wants() {
	manifest <<-YML
	spec:
	  variables: { beat: { default: "0" }, token: { sensitive: true, default: s3cret-token } }
	  resources:
	    - { type: git_source, name: s, url: "$SYNC_URL", ref: main$1 }
	    - { type: local_file, name: out, path: out, content: "\${git_source.s.commit}" }
	YML
}
locked() { sed -n 's/^    resolved: "\(.*\)"/\1/p' .devenv/lock.yml; }
# At a second checkout with a home of its own: only what is committed comes along.
elsewhere() {
	mkdir -p other/.devenv
	cp .devenv/config.yml .devenv/lock.yml other/.devenv/
	DEVENV_HOME=$TRASH/home2 expect "$1" -C other "${@:2}"
}

moves() { # MEMBERS
	wants "$1"
	expect 0 lock
	equal locked "$(head_of)" "$(locked)"
	local first
	first=$(head_of)
	part two
	expect 0 apply --yes --locked
	equal here "$first" "$(cat out)"
	elsewhere 0 apply --yes --locked
	equal there "$first" "$(cat other/out)"
	expect 2 lock --check
	expect 0 lock --upgrade s
	elsewhere 0 apply --yes --locked
	equal 'there, upgraded' "$(head_of)" "$(cat other/out)"
	# The server is gone. What is fetched is at hand; what is locked but not fetched is not.
	kill "$SERVER"
	wait "$SERVER" || true
	rm -r "$TRASH"/home2/environments/*/sources/*/"$(head_of)"
	elsewhere 0 apply --yes --locked
	expect 1 lock --upgrade
	has err "$SYNC_URL"
	equal 'after a failure' "$(head_of)" "$(locked)"
	no_rest
}

test_over_https_with_a_token() {
	part one
	https_server
	moves ', token: "${var.token}", caFile: '"$PWD/tls/ca.crt"
	! grep -rqa s3cret-token .devenv/lock.yml "$DEVENV_HOME" || fail 'the token is stored in clear'
}

test_over_ssh_with_a_key() {
	part one
	ssh_server
	moves ', sshKey: '"$PWD/user, knownHosts: $PWD/known"
}

test_a_token_that_is_refused_locks_nothing() {
	part one
	https_server
	wants ', token: wrong, caFile: '"$PWD/tls/ca.crt"
	expect 1 lock
	has err "$SYNC_URL"
	gone .devenv/lock.yml
	kill "$SERVER"
}

test_a_sync_takes_what_is_committed() {
	git init -q -b main part
	part_is() { git -C part commit -q --allow-empty -m "$1"; }
	part_is one
	mkdir repo
	git -C repo init -q -b main
	# shellcheck disable=SC2031
	SYNC_URL=file://$PWD/part wants ''
	mv .devenv repo/
	expect 0 -C repo lock
	local first
	first=$(git -C part rev-parse HEAD)
	part_is two
	commit locked
	once 0
	equal 'as it is locked' "$first" "$(cat "$(LIVE)/out")"
	expect 0 -C repo lock --upgrade
	once 0
	equal 'what is not committed does not count' "$first" "$(cat "$(LIVE)/out")"
	commit upgraded
	once 0
	equal 'as it is locked now' "$(git -C part rev-parse HEAD)" "$(cat "$(LIVE)/out")"
	# Nor does it move where nothing is locked, once it stands; and nothing is written into the tree.
	part_is three
	git -C repo rm -q .devenv/lock.yml
	commit 'without a lock file'
	once 0
	equal 'as it stands' "$(git -C part rev-parse HEAD~1)" "$(cat "$(LIVE)/out")"
	gone "$(LIVE)/.devenv/lock.yml"
	expect 0 destroy --yes -C "$(LIVE)"
}

test_a_watch_follows_the_lock_file_and_never_writes_it() {
	part one
	# shellcheck disable=SC2031
	SYNC_URL=file://$PWD/repo wants ''
	start_watch
	wait_until 20 holds out "$(head_of)"
	local first
	first=$(head_of)
	part two
	beat
	equal 'after a save' "$first" "$(cat out)"
	gone .devenv/lock.yml
	expect 0 lock
	equal 'what stands is locked' "$first" "$(locked)"
	expect 0 lock --upgrade
	wait_until 20 holds out "$(head_of)"
	stop_watch
	no_changes --locked
	expect 0 destroy --yes
}

run_tests "$@"
