#!/bin/bash
# What a look at a remote costs that has nothing new, beside `git ls-remote`; and how long after a commit
# its plan is there.
# shellcheck source=tests/bench/lib/bench.sh
. "${BASH_SOURCE%/*}/lib/bench.sh"
# shellcheck source=tests/lib/git-servers.sh
. "${BASH_SOURCE%/*}/../lib/git-servers.sh"
LIBRARY=$(cd "${BASH_SOURCE%/*}/lib" && pwd)
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_TERMINAL_PROMPT=0
export GIT_AUTHOR_NAME=Ada GIT_AUTHOR_EMAIL=ada@example.com GIT_COMMITTER_NAME=Ada GIT_COMMITTER_EMAIL=ada@example.com

need() { local tool; for tool; do command -v "$tool" >/dev/null || { echo "# $tool is missing"; exit 1; }; done; }
wait_until() {
	local limit=$((SECONDS + 4 * $1)) && shift
	until "$@"; do
		((SECONDS < limit)) || { echo "# not within the time: $*"; exit 1; }
		sleep 0.05
	done
}
following() { [[ $(jq .finished "$DEVENV_HOME/sync/s/status.json" 2>/dev/null) -ge 1 ]]; }

# repository N: ./repo with the graph of N values.
repository() {
	git init -q -b main repo
	mkdir repo/.devenv
	tree_manifest "$1" plain >repo/.devenv/config.yml
	printf '    - { type: local_value, name: made, input: "@mark@" }\n' >>repo/.devenv/config.yml
	git -C repo add -A && git -C repo commit -q -m first
}
follow() { # URL LOG [ARGUMENT...]
	"$DEVENV" sync "$1" --name s --branch main --interval 1ms "${@:3}" </dev/null >"$2" 2>&1 &
	LOOP=$!
	wait_until 60 following
	sleep 0.5
}

poll_of() { # NAME URL [ARGUMENT...]
	local name=$1 url=$2 git ratio try
	shift 2
	follow "$url" log "$@"
	for ((try = 0; try < 4; try++)); do
		read -r MS git ratio < <(python3 "$LIBRARY/polls.py" "$LOOP" "$DEVENV_HOME/sync/s/status.json" "$url")
		! within "$ratio" 1 1.5 || break
	done
	KIB=$(awk '/VmHWM/ { print $2 }' "/proc/$LOOP/status")
	kill "$LOOP"
	wait "$LOOP"
	row "a look with nothing new, $name" 0 0 "git ls-remote: ${git:-?} ms (${ratio:-?}x)"
	at_most "a look at $name takes 1.2 of the time of git ls-remote at most (and a reserve)" "${ratio:-}" 1.5
	rm -rf "$DEVENV_HOME/sync"
}

plan_of() { # N LIMIT-MS
	local longest
	enter "commit-$1"
	repository "$1"
	follow "file://$PWD/repo" log --json
	read -r MS longest < <(python3 "$LIBRARY/commits.py" repo repo/.devenv/config.yml log 9)
	KIB=$(awk '/VmHWM/ { print $2 }' "/proc/$LOOP/status")
	kill "$LOOP"
	wait "$LOOP"
	row "commit to plan, $1 resources" "$2" 0 "longest of 9: ${longest:-none} ms"
}

calibrate
table_head 'sync'
enter polls
repository 10
poll_of file:// "file://$PWD/repo"
https_server
printf '#!/bin/sh\n[ "$1" = get ] && echo username=x-access-token && echo password=s3cret-token\n' >helper
chmod +x helper
printf '[credential]\n\thelper = %s\n[http]\n\tsslCAInfo = %s\n' "$PWD/helper" "$PWD/tls/ca.crt" >gitconfig
export GIT_CONFIG_GLOBAL=$PWD/gitconfig GIT_SSL_CAINFO=$PWD/tls/ca.crt DEVENV_SYNC_TOKEN=s3cret-token
poll_of https:// "$SYNC_URL" --ca-file "$PWD/tls/ca.crt"
kill "$SERVER"
ssh_server
export GIT_SSH_COMMAND="ssh -i $PWD/user -o UserKnownHostsFile=$PWD/known -o IdentitiesOnly=yes"
poll_of ssh:// "$SYNC_URL" --ssh-key user --known-hosts known
kill "$SERVER"
plan_of 1000 200
exit $SLOW
