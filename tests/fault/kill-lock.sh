#!/bin/bash
# SIGKILL before and after each effectful system call of `devenv lock --upgrade`: the lock file is the old one
# or the new one, whole, and the next run needs nobody to tidy up.
# shellcheck source=tests/fault/lib/scenario.sh
. "${BASH_SOURCE%/*}/lib/scenario.sh"
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0

BASE=$(mktemp -d "${TMPDIR:-/tmp}/devenv-fault-XXXXXX")
trap scenario_end EXIT

repo_git() { git -C "$BASE/repo" -c user.name=t -c user.email=t@t.test "$@"; }

# In place of the manifest of every local type: a branch that has moved since it was locked.
scenario_manifest() {
	printf 'apiVersion: devenv/v1\nkind: Environment\nmetadata: { name: faults }\nspec:\n  resources:\n'
	echo "    - { type: git_source, name: s, url: \"file://$BASE/repo\", ref: main }"
}
moved() {
	repo_git branch -qf main one
	"$DEVENV" lock >/dev/null 2>&1
	repo_git branch -qf main two
}
upgrade() { "$TOOLS/killat" "$@" --report ../report -- "$DEVENV" lock --upgrade </dev/null; }
die() { # MODE N
	moved
	upgrade "$@"
	cp .devenv/lock.yml ../after
}
wrong() {
	local status
	[[ $(grep -c . ../report) -gt 0 ]] || echo "nothing died"
	cmp -s ../after "$BASE/old" || cmp -s ../after "$BASE/new" || echo "a lock file of parts: $(cat ../after)"
	"$DEVENV" plan --locked --detailed-exitcode </dev/null >/dev/null 2>&1
	status=$?
	[[ $status == 2 ]] || echo "the plan afterwards exits with $status"
	"$DEVENV" lock --upgrade </dev/null >/dev/null 2>&1 || echo "the next lock failed"
	cmp -s .devenv/lock.yml "$BASE/new" || echo "the next lock is another: $(cat .devenv/lock.yml)"
	[[ -z $(find . -name '*.tmp') ]] || echo "left behind: $(find . -name '*.tmp')"
}
wrong_destroyed() { :; }

git -c init.defaultBranch=other init -q "$BASE/repo"
for tag in one two; do repo_git commit -q --allow-empty -m $tag && repo_git tag $tag; done
(
	fresh "$BASE/clean"
	moved
	cp .devenv/lock.yml "$BASE/old"
	"$DEVENV" lock --upgrade >/dev/null 2>&1
	cp .devenv/lock.yml "$BASE/new"
)
[[ -s $BASE/new ]] && ! cmp -s "$BASE/old" "$BASE/new" || { echo "not ok - nothing was upgraded" && exit 1; }
count=$(count_effects moved -- "$DEVENV" lock --upgrade)
echo "# an upgrade has $count effectful calls"
((count > 3)) || { echo "not ok - hardly anything was counted" && exit 1; }
for n in $(seq 1 "$count"); do
	point "an upgrade that died before call $n" die kill-before "$n"
	point "an upgrade that died after call $n" die kill-after "$n"
done
exit $((BROKEN > 0))
