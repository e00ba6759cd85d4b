#!/bin/bash
# Following a repository of this machine: what is taken, what is skipped, what stays.
# shellcheck source=tests/lib/sync.sh
. "${BASH_SOURCE%/*}/../lib/sync.sh"

test_a_commit_is_applied_and_recorded_with_author_and_result() {
	repo
	once 0
	holds one
	equal commit "$(head_of)" "$(recorded seen)"
	equal applied "$(head_of)" "$(recorded applied)"
	equal author 'Ada <ada@example.com>' "$(recorded author)"
	equal result ok "$(recorded result)"
	expect 0 -C "$(LIVE)" history
	matches out "sync +ok .*1 added.*$(head_of | cut -c1-12) by Ada <ada@example.com>"
	expect 0 -C "$(LIVE)" status
	has out "from $(head_of | cut -c1-12) by Ada"
	expect 0 sync status
	has out "$(head_of)"
	no_rest
}

test_the_plan_and_the_history_name_the_commit_of_each_change() {
	repo
	writes one a b
	commit 'both files'
	once 0
	GIT_AUTHOR_NAME=Grace
	sed -i '/name: b/s/one/two/' repo/.devenv/config.yml
	commit 'b is two'
	# A commit that changes nothing of it is not to blame.
	GIT_AUTHOR_NAME=Joan
	sed -i 's/name: test/name: tests/' repo/.devenv/config.yml
	commit rename
	once 0
	has out "config.yml:7:58; $(head_of HEAD^ | cut -c1-12) by Grace: b is two"
	lacks out 'by Joan: rename'
	expect 0 -C "$(LIVE)" history "$(recorded run)"
	has out "content changed ($(head_of HEAD^ | cut -c1-12) by Grace: b is two)"
	expect 0 -C "$(LIVE)" history "$(recorded run)" --json
	has out "$(head_of HEAD)"
}

test_a_suspended_one_is_left_alone_by_a_single_look_too() {
	repo
	once 0
	expect 0 sync suspend s --reason 'release freeze'
	writes two && commit two
	once 1
	has err 'release freeze'
	has err 'devenv sync resume s'
	holds one
	expect 0 sync resume s
	once 0
	holds two
}

test_nothing_new_is_nothing_done() {
	repo
	once 0
	local inode before
	inode=$(stat -c %i "$(LIVE)/.devenv/config.yml") before=$(runs)
	once 0
	equal runs "$before" "$(runs)"
	equal 'the same file' "$inode" "$(stat -c %i "$(LIVE)/.devenv/config.yml")"
}

test_the_next_commit_changes_what_it_changes_and_nothing_else() {
	repo
	echo kept >repo/kept
	commit kept
	once 0
	local inode
	inode=$(stat -c %i "$(LIVE)/kept")
	writes two
	git -C repo rm -q --cached kept && git -C repo add -A && commit second
	once 0
	holds two
	equal 'an untouched file' "$inode" "$(stat -c %i "$(LIVE)/kept")"
	git -C repo rm -q kept
	commit third
	once 0
	gone "$(LIVE)/kept"
	there "$(LIVE)/out/a"
}

test_what_nobody_reads_is_recorded_without_a_plan() {
	local i before
	repo
	mkdir -p repo/.devenv/environments && echo 'x' >repo/word
	printf '    - { type: local_file, name: w, path: out/w, content: "${file:word}" }\n' \
		>>repo/.devenv/config.yml
	commit file
	follow --interval 100ms
	before=$(runs)
	for i in $(seq 5); do
		echo "$i" >repo/README.md
		mkdir -p "repo/other/team$i" && echo "$i" >"repo/other/team$i/file"
		commit "readme $i"
		wait_until 20 recorded_is seen "$(head_of)"
		equal result seen "$(recorded result)"
	done
	equal 'the live folder follows' 5 "$(cat "$(LIVE)/README.md")"
	equal runs "$before" "$(runs)"
	lacks "$TRASH/loop" 'No changes'
	echo y >repo/word && commit word
	wait_until 20 recorded_is seen "$(head_of)"
	equal result ok "$(recorded result)"
	holds y w
	# A name that was looked for and was not there.
	echo 'WORD=1' >repo/.env && commit env
	wait_until 20 recorded_is seen "$(head_of)"
	equal result ok "$(recorded result)"
	end_loop
}
recorded_is() { [[ $(recorded "$1") == "$2" ]]; }

test_an_invalid_commit_is_skipped_and_the_last_good_one_stays() {
	repo
	once 0
	local good
	good=$(head_of)
	echo 'spec: { resources: [ { type: nonsense } ] }' >>repo/.devenv/config.yml
	commit broken
	once 1
	matches err 'invalid: .*config.yml'
	holds one
	equal result invalid "$(recorded result)"
	equal applied "$good" "$(recorded applied)"
	lacks "$(LIVE)/.devenv/config.yml" nonsense
	expect 1 sync status
	has out invalid
	writes three
	commit mended
	once 0
	holds three
}

test_a_manifest_that_is_gone_is_no_empty_environment() {
	repo
	once 0
	git -C repo rm -q .devenv/config.yml
	commit gone
	once 1
	equal result invalid "$(recorded result)"
	holds one
}

test_a_manifest_reads_nothing_outside_of_its_repository() {
	repo
	once 0
	echo 'spec: {}' >outside.yml
	printf 'include: [../../../../../../../../../../%s/outside.yml]\n' "$PWD" >>repo/.devenv/config.yml
	commit include
	once 1
	has err 'outside of the repository'
	holds one
}

test_what_needs_approval_is_held_and_the_rest_is_done() {
	repo
	writes one a b c d e
	commit five
	once 0
	writes two e
	commit less
	once 3
	holds two e
	holds one a
	equal result held "$(recorded result)"
	expect 3 sync status
	local hash
	hash=$("$DEVENV" -C "$(LIVE)" plan --json </dev/null |
		jq -r 'select(.change.address == "local_file.a") | .change.hold.approval')
	expect 0 -C "$(LIVE)" approve "$hash"
	once 3
	gone "$(LIVE)/out/a"
	holds one b
}

test_a_tag_follows_versions() {
	repo
	git -C repo tag v1.9.0
	writes two && commit two && git -C repo tag v1.10.0
	writes three && commit three && git -C repo tag v1.11.0-rc.1
	writes four && commit four && git -C repo tag v2.0.0
	once 0 --tag 'v1.*'
	holds two
	git -C repo tag v1.10.1 v2.0.0
	once 0 --tag 'v1.*'
	holds four
	once 1 --tag 'w*'
	has err 'no tag matches'
}

test_a_commit_is_what_was_asked_for() {
	repo
	local first
	first=$(head_of)
	writes two && commit two
	once 0 --commit "$first"
	holds one
	once 1 --commit main
	has err 'no id of a commit'
}

test_a_folder_of_a_repository_is_a_project_of_its_own() {
	repo
	mkdir -p repo/apps/shop
	mv repo/.devenv repo/apps/shop/
	commit moved
	once 0 --path apps/shop
	equal out one "$(cat "$(LIVE)/apps/shop/out/a")"
	expect 1 sync "file://$PWD/repo" --once --path ..
	once 1 --path apps
	has err 'no manifest'
}

test_environment_and_variables_of_the_machine_are_used() {
	repo
	mkdir -p repo/.devenv/environments
	cat >repo/.devenv/environments/ci.yml <<-'YML'
	spec:
	  variables: { WORD: {} }
	  resources:
	    - { type: local_file, name: a, path: out/a, content: "${var.WORD}" }
	YML
	commit environment
	echo DEVENV_VAR_WORD=machine >file.env
	once 0 -e ci --env-file file.env
	holds machine
}

test_a_branch_that_was_set_back_is_refused() {
	repo
	writes two && commit two
	once 0
	git -C repo reset -q --hard HEAD~1
	once 1
	has err 'does not descend'
	holds two
	equal result refused "$(recorded result)"
	once 0 --allow-rewrite
	holds one
}

test_a_rewritten_branch_is_refused_and_its_repair_is_taken() {
	repo
	once 0
	local good
	good=$(head_of)
	writes evil
	git -C repo add -A && git -C repo commit -q --amend -m rewritten
	once 1
	holds one
	git -C repo reset -q --hard "$good"
	writes two && commit two
	once 0
	holds two
}

# refuses WORDS: the commit that ./repo has now is not taken, and nothing of it was written.
refuses() {
	once 1
	has err "$1"
	equal result refused "$(recorded result)"
	holds one
	gone "$(LIVE)/new"
}

test_links_out_of_the_tree_are_refused() {
	local target
	repo
	once 0
	for target in /etc/passwd ../../outside a/../../..; do
		echo new >repo/new
		ln -sfn "$target" repo/link
		commit "link $target"
		refuses 'leaves the tree'
	done
	rm repo/link repo/new
	mkdir repo/sub
	ln -s ../.devenv/config.yml repo/sub/link
	commit inside
	once 0
	equal link ../.devenv/config.yml "$(readlink "$(LIVE)/sub/link")"
}

test_what_would_be_missed_or_is_ours_is_refused() {
	repo
	once 0
	echo new >repo/new
	mkdir -p repo/.devenv/local
	echo 0123456789abcdef >repo/.devenv/local/id
	git -C repo add -f .devenv/local/id
	commit id
	refuses "devenv's own"
	git -C repo rm -q -r --cached .devenv/local && rm -r repo/.devenv/local
	printf 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n' >repo/image
	commit lfs
	refuses 'Git LFS'
	git -C repo rm -q -f image
	git -C repo update-index --add --cacheinfo "160000,$(head_of),module"
	git -C repo commit -q -m submodule
	refuses submodule
	git -C repo rm -q --cached module
	commit clean
	once 0
	there "$(LIVE)/new"
}

test_a_tree_that_is_too_large_is_refused() {
	repo
	once 0
	seq 200 | (cd repo && while read -r n; do echo "$n" >"file$n"; done)
	commit many
	once 1 --max-files 100
	has err 'more than 100 files'
	once 1 --max-size 300
	has err 'more than 300 bytes'
	gone "$(LIVE)/file1"
	once 0
	there "$(LIVE)/file1"
}

test_names_that_lead_out_of_the_tree_are_refused() {
	repo
	once 0
	local blob tree
	blob=$(echo evil | git -C repo hash-object -w --stdin)
	for name in .. .git .GIT; do
		tree=$(printf '100644 blob %s\t%s\n' "$blob" "$name" | git -C repo mktree 2>/dev/null) || continue
		git -C repo update-ref refs/heads/main \
			"$(git -C repo commit-tree -p main -m "name $name" "$tree")"
		once 1
		matches err 'refused|invalid'
		holds one
	done
	gone "$(LIVE)/../evil" "$(LIVE)/.git"
}

test_an_update_that_died_is_finished_by_the_next() {
	repo
	once 0
	writes two
	echo more >repo/more
	commit two
	# As if it had been killed after its list was written and one file was renamed.
	cp "$(LIVE).index" "$(LIVE).next"
	echo "100644 $(git -C repo rev-parse HEAD:more) more" >>"$(LIVE).next"
	echo half >"$(LIVE)/more"
	once 0
	equal more more "$(cat "$(LIVE)/more")"
	gone "$(LIVE).next"
	holds two
}

test_a_clone_that_is_damaged_is_made_again() {
	repo
	once 0
	: >"$(echo "$DEVENV_HOME"/clones/*/HEAD)"
	writes two && commit two
	once 0
	holds two
	rm -rf "$DEVENV_HOME"/clones/*/objects/pack
	writes three && commit three
	once 0
	holds three
}

test_passwords_in_a_url_and_what_is_no_url_are_refused() {
	expect 1 sync https://ada:secret@example.com/x.git --once
	has err 'password in the URL'
	lacks err secret@
	expect 1 sync ext::sh --once
	expect 64 sync
	has err 'nothing to follow'
}

run_tests "$@"
