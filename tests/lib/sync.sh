# shellcheck shell=bash
# For tests of `devenv sync`: repositories, keys and servers of their own, on top of harness.sh.
. "${BASH_SOURCE%/*}/harness.sh"

export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
export GIT_AUTHOR_NAME=Ada GIT_AUTHOR_EMAIL=ada@example.com
export GIT_COMMITTER_NAME=Ada GIT_COMMITTER_EMAIL=ada@example.com

# repo: makes the repository ./repo with a manifest that writes one file.
repo() {
	git init -q -b main repo
	writes one
	commit first
}

# writes WORD [NAME...]: the manifest of ./repo wants a file (a, or each name) that holds the word.
writes() {
	local word=$1 name
	shift
	mkdir -p repo/.devenv
	{
		printf 'apiVersion: devenv/v1\nkind: Environment\nmetadata: { name: test }\nspec:\n  resources:\n'
		for name in "${@:-a}"; do
			echo "    - { type: local_file, name: $name, path: out/$name, content: \"$word\" }"
		done
	} >repo/.devenv/config.yml
}

commit() { # MESSAGE [ARGUMENT...]
	git -C repo add -A
	git -C repo commit -q --allow-empty -m "$@"
}
head_of() { git -C repo rev-parse "${1:-HEAD}"; }

# once STATUS [ARGUMENT...]: follows ./repo as the sync "s", once.
once() {
	local wanted=$1
	shift
	expect "$wanted" sync "file://$PWD/repo" --name s --once "$@"
}
LIVE() { echo "$DEVENV_HOME/sync/s/live"; }
holds() { equal "out/${2:-a}" "$1" "$(cat "$DEVENV_HOME/sync/s/live/out/${2:-a}" 2>/dev/null)"; }
told() { jq -r ".$1" "$DEVENV_HOME/sync/s/status.json"; } # KEY
recorded() { state_query "SELECT $1 FROM sync WHERE name = 's'"; } # COLUMN
runs() { state_query 'SELECT count(*) FROM run'; }

# follow [ARGUMENT...]: the loop, in the background; its pid in LOOP.
follow() {
	"$DEVENV" sync "${SYNC_URL:-file://$PWD/repo}" --name s --interval 1h "$@" </dev/null >"$TRASH/loop" 2>&1 &
	LOOP=$!
	wait_until 20 looked 1
}
looked() { [[ $(told finished 2>/dev/null) -ge $1 ]]; } # ROUNDS
end_loop() { # [SIGNAL]
	kill -"${1:-TERM}" "$LOOP"
	# shellcheck disable=SC2034
	LOOP_STATUS=0
	# shellcheck disable=SC2034
	wait "$LOOP" || LOOP_STATUS=$?
}
