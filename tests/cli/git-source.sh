#!/bin/bash
# Files of a git repository: the commit that is locked stays, whatever becomes of the branch. Over https and
# ssh, and under sync: tests/sync/lock.sh.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

# devenv-git ends after one answer and leaves its memory to that end; nor do strace and who looks for leaks
# go together.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0

repo_git() { git -C "$TRASH/repo" -c user.name=t -c user.email=t@t.test -c commit.gpgsign=false "$@"; }
# commit TEXT: into part/file of the repository
commit() {
	mkdir -p "$TRASH/repo/part"
	echo "$1" >"$TRASH/repo/part/file"
	[[ -d $TRASH/repo/.git ]] || git -c init.defaultBranch=main init -q "$TRASH/repo"
	repo_git add . && repo_git commit -qm "$1"
}
# source_of MEMBERS: beside the URL
source_of() {
	manifest <<-YML
	spec:
	  variables: { token: { sensitive: true, default: none } }
	  resources:
	    - { type: git_source, name: s, url: "file://$TRASH/repo"$1 }
	    - { type: local_value, name: after, input: "\${git_source.s.commit}" }
	  outputs: { path: { value: "\${git_source.s.path}" }, commit: { value: "\${git_source.s.commit}" } }
	YML
}
text() { cat "$("$DEVENV" outputs path)/${1:-part/file}"; }

test_the_commit_stays_until_another_one_is_asked_for() {
	need git
	commit one && repo_git tag v1.0.0
	commit two && repo_git tag v1.2.0
	source_of ''
	expect 0 apply --yes
	equal 'of the branch of the server' two "$(text)"
	no_changes
	commit three
	no_changes
	equal 'still' two "$(text)"
	# Nobody is asked: the server may be away.
	mv "$TRASH/repo" "$TRASH/away"
	no_changes
	mv "$TRASH/away" "$TRASH/repo"

	local old
	old=$("$DEVENV" outputs path)
	expect 0 apply --yes --replace git_source.s
	equal 'fetched anew' two "$(text)"
	expect 0 lock --upgrade git_source.s
	matches err "git file://.*: $(repo_git rev-parse HEAD~1) -> $(repo_git rev-parse HEAD)"
	expect 2 plan --detailed-exitcode
	matches out "locked\.resolved += \"$(repo_git rev-parse HEAD~1)\" → \"$(repo_git rev-parse HEAD)\""
	matches out 'local_value\.after may be updated in place'
	expect 0 apply --yes
	equal 'upgraded' three "$(text)"
	[[ $("$DEVENV" outputs path) != "$old" ]] || fail 'another commit is in the same folder'
	gone "$old"

	source_of ', ref: "v1.*"'
	expect 0 apply --yes
	equal 'the newest tag' two "$(text)"
	source_of ", ref: $(repo_git rev-parse --short=10 v1.0.0), path: part"
	expect 0 apply --yes
	equal 'a commit, and a part of it' one "$(text file)"
	no_changes
	expect 0 destroy --yes
	equal 'nothing is left' '' "$(find "$DEVENV_HOME" -name 'sources*')"
	no_rest
}

test_files_that_are_gone_come_back_as_they_were() {
	need git
	commit one
	source_of ''
	expect 0 apply --yes
	commit two
	local path
	path=$("$DEVENV" outputs path)
	[[ $path == "$DEVENV_HOME"/* ]] || fail "it lies elsewhere: $path"
	rm -r "$path"
	expect 2 plan --detailed-exitcode
	has out 'its files are gone'
	expect 0 apply --yes
	equal 'the same commit' one "$(text)"
	# Also when all is gone, and the clone has to be fetched again.
	rm -r "${path%/*}"
	expect 0 apply --yes
	equal 'again the same' one "$(text)"
	no_changes
	expect 0 destroy --yes
}

test_what_is_not_there_is_named() {
	need git
	commit one
	source_of ', ref: nothing'
	expect 1 apply --yes
	has err "has no branch, tag or commit \"nothing\""
	source_of ', path: elsewhere'
	expect 1 apply --yes
	has err 'has no "elsewhere"'
	source_of ', path: ../../etc'
	expect 1 apply --yes
	has err 'is no folder inside of a repository'
	sed -i 's#file://[^"]*#https://me:hunter2hunter@git.test/x.git#' .devenv/config.yml
	expect 1 validate
	has err 'a password in a URL is seen by every process'
}

test_a_token_is_no_argument() {
	need git strace
	commit one
	source_of ', token: "${var.token}"'
	DEVENV_VAR_token=hunter2hunter strace -f -qq -s 4096 -e trace=execve -o "$TRASH/starts" "$DEVENV" apply --yes \
		>"$TRASH/out" 2>"$TRASH/err" || fail 'apply failed'
	matches "$TRASH/starts" 'devenv-git", "fetch"'
	lacks "$TRASH/starts" hunter2hunter
	! grep -rqa hunter2hunter "$DEVENV_HOME" || fail 'it is stored in clear'
	expect 0 destroy --yes
}

# A second checkout with a home of its own: only what is committed comes along.
check_out() {
	mkdir -p "$TRASH/other/.devenv"
	cp .devenv/config.yml .devenv/lock.yml "$TRASH/other/.devenv/"
}
elsewhere() { (cd "$TRASH/other" && DEVENV_HOME=$TRASH/home2 "$@"); }

test_another_machine_gets_the_same_commit() {
	need git
	commit one
	source_of ', ref: main'
	expect 0 plan
	has err 'Not in .devenv/lock.yml yet'
	gone .devenv/lock.yml .devenv/local
	expect 1 plan --locked
	has err '.devenv/lock.yml does not say what this is'
	expect 0 lock
	same .devenv/lock.yml <<-YML
	# What ranges and branches stand for. Written by devenv; commit it. \`devenv lock --upgrade\` looks
	# everything up again.
	apiVersion: devenv/v1
	kind: Lock
	locked:
	  - git: "file://$TRASH/repo"
	    ref: "main"
	    resolved: "$(repo_git rev-parse main)"
	YML
	commit two
	expect 0 apply --yes --locked
	lacks err lock.yml
	equal here one "$(text)"
	check_out
	elsewhere expect 0 apply --yes --locked
	equal there one "$(elsewhere text)"
	elsewhere no_changes --locked
	elsewhere expect 0 destroy --yes
	expect 0 destroy --yes
	no_rest
}

test_only_what_is_named_is_upgraded() {
	need git
	commit one && repo_git branch stable
	manifest <<-YML
	spec:
	  resources:
	    - { type: git_source, name: a, url: "file://$TRASH/repo" }
	    - { type: git_source, name: b, url: "file://$TRASH/repo", ref: stable }
	    - { type: git_source, name: c, url: "file://$TRASH/repo", ref: $(repo_git rev-parse HEAD) }
	YML
	expect 0 lock
	equal 'a whole id is no question' 2 "$(grep -c resolved .devenv/lock.yml)"
	expect 0 lock --check
	has err '.devenv/lock.yml is up to date'
	commit two && repo_git branch -f stable
	cp .devenv/lock.yml before
	expect 2 lock --check
	has err 'There is something newer'
	equal 'both are behind' 2 "$(grep -c -- "-> $(repo_git rev-parse HEAD)" "$TRASH/err")"
	cmp before .devenv/lock.yml || fail 'a check has written'
	expect 1 lock a
	has err 'add --upgrade'
	expect 1 lock --upgrade git_source.d
	has err 'did you mean git_source'
	cmp before .devenv/lock.yml || fail 'a mistake has written'
	expect 0 lock --upgrade b
	equal 'b alone' "ref: \"stable\" $(repo_git rev-parse HEAD)" "$(grep -A1 stable .devenv/lock.yml | sed 's/^ *//; s/resolved: "\(.*\)"/\1/' | paste -sd' ')"
	expect 0 lock --check b
	expect 2 lock --check a
	expect 0 lock --upgrade
	expect 0 lock --check
}

test_tags_and_the_beginning_of_an_id_are_locked() {
	need git
	commit one && repo_git tag -a -m annotated v1.0.0
	local first
	first=$(repo_git rev-parse HEAD)
	commit two && repo_git tag v1.2.0 && repo_git tag v1.3.0-rc.1
	commit three && repo_git tag v2.0.0
	manifest <<-YML
	spec:
	  resources:
	    - { type: git_source, name: a, url: ../repo, ref: v1.0.0 }
	    - { type: git_source, name: b, url: ../repo, ref: "v1.*" }
	    - { type: git_source, name: c, url: ../repo, ref: "${first:0:9}" }
	YML
	mkdir "$TRASH/tmp"
	TMPDIR=$TRASH/tmp expect 0 lock
	resolved() { grep -A1 "ref: \"$1\"" .devenv/lock.yml | sed -n 's/.*resolved: "\(.*\)"/\1/p'; }
	equal 'the commit of an annotated tag' "$first" "$(resolved v1.0.0)"
	equal 'the newest of a pattern' "$(repo_git rev-parse v1.2.0)" "$(resolved 'v1\.\*')"
	equal 'the whole id' "$first" "$(resolved "${first:0:9}")"
	equal 'temporary files' '' "$(ls "$TRASH/tmp")"
	expect 0 apply --yes --locked
	no_changes --locked
	expect 0 destroy --yes
}

test_a_commit_that_is_gone_is_named() {
	need git
	commit one
	source_of ''
	expect 0 apply --yes
	local lost
	lost=$(repo_git rev-parse HEAD)
	repo_git commit -q --amend -m 'history is written anew'
	repo_git reflog expire --expire=now --all && repo_git gc -q --prune=now
	# Here it is at hand, whatever the server says or whether it is there.
	mv "$TRASH/repo" "$TRASH/away"
	rm -r "$("$DEVENV" outputs path)"
	expect 0 apply --yes --locked
	equal 'from what was fetched before' one "$(text)"
	mv "$TRASH/away" "$TRASH/repo"
	check_out
	elsewhere expect 1 apply --yes
	has err "commit $lost is locked, and file://$TRASH/repo does not have it any more"
	has err '`devenv lock --upgrade git_source.s` takes what its branch is now'
	elsewhere expect 0 lock --upgrade git_source.s
	elsewhere expect 0 apply --yes --locked
	equal 'what the branch is now' "$(repo_git rev-parse HEAD)" "$(elsewhere "$DEVENV" outputs commit)"
	elsewhere expect 0 destroy --yes
	expect 0 destroy --yes
}

test_what_was_applied_is_what_is_locked() {
	need git
	commit one
	source_of ''
	expect 0 apply --yes
	cp .devenv/lock.yml before
	commit two
	rm .devenv/lock.yml
	expect 0 plan --detailed-exitcode
	has err 'Not in .devenv/lock.yml yet'
	gone .devenv/lock.yml
	mv "$TRASH/repo" "$TRASH/away" # nobody is asked
	expect 0 lock
	cmp before .devenv/lock.yml || fail 'another commit is locked than the one that stands'
	no_changes --locked
	expect 1 lock --upgrade
	has err "$TRASH/repo"
	cmp before .devenv/lock.yml || fail 'a failure has written'
	expect 0 destroy --yes
}

run_tests "$@"
