#!/bin/bash
# A service whose source is a git repository: built from a locked commit, and anew from another one.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/shop.sh
. "${BASH_SOURCE%/*}/../lib/shop.sh"

repo_git() { git -C "$TRASH/repo" -c user.name=t -c user.email=t@t.test -c commit.gpgsign=false "$@"; }
# commit TEXT: what a container of it prints
commit() {
	mkdir -p "$TRASH/repo/api"
	echo "$1" >"$TRASH/repo/api/text"
	printf 'FROM %s\nCOPY text /text\nCMD ["sh", "-c", "cat /text; exec sleep 1000"]\nSTOPSIGNAL SIGKILL\n' "$SHOP_IMAGE" \
		>"$TRASH/repo/api/Dockerfile"
	[[ -d $TRASH/repo/.git ]] || git -c init.defaultBranch=main init -q "$TRASH/repo"
	repo_git add . && repo_git commit -qm "$1"
}
says() { docker logs "$(ours container docker_container.api)" 2>&1; }

test_a_git_source_is_built_at_its_commit() {
	need docker busybox sqlite3 git
	docker version >/dev/null 2>&1 || skip "no Docker Engine answers"
	shop_image
	trap 'trap - ERR; set +e; shop_clear' EXIT
	commit one && repo_git tag one
	manifest <<-YML
	spec:
	  services:
	    - { name: api, source: "file://$TRASH/repo#main:api", readiness: { log: . } }
	YML
	expect 0 up --yes
	equal 'what runs' one "$(says)"
	no_changes
	commit two
	no_changes
	expect 0 lock --upgrade api
	expect 0 apply --yes
	equal 'the new commit' two "$(says)"
	no_changes
	sed -i 's/#main:/#one:/' .devenv/config.yml
	expect 0 apply --yes
	equal 'the old one' one "$(says)"
	expect 0 destroy --yes
	no_rest
}

run_tests "$@"
