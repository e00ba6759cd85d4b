#!/bin/bash
# plan --rev, --offline and --markdown: what another revision of the repository at hand would do.
# shellcheck source=tests/lib/sync.sh
. "${BASH_SOURCE%/*}/../lib/sync.sh"

# project: ./repo is applied as it lies there; a branch "change" wants something else.
project() {
	repo
	echo out/ >repo/.gitignore
	cat >repo/.devenv/config.yml <<-'YML'
	apiVersion: devenv/v1
	kind: Environment
	metadata: { name: test }
	spec:
	  resources:
	    - { type: local_file, name: a, path: out/a, content: one }
	    - { type: local_file, name: w, path: out/w, source: word }
	    - { type: local_command, name: k, create: [sh, -c, "cat ${local_file.w.path}"] }
	    - { type: local_file, name: k, path: out/k, content: "${local_command.k.stdout}" }
	YML
	echo hi >repo/word
	commit base
	expect 0 -C repo apply --yes
	git -C repo checkout -q -b change
	sed -i 's/content: one/content: two/' repo/.devenv/config.yml
	echo there >repo/word
	commit 'two and there'
	git -C repo checkout -q main
}
# What a plan must leave as it is.
world() {
	git -C repo status --porcelain --ignored
	find repo "$DEVENV_HOME" -type f ! -path '*/.git/*' -printf '%p %T@ ' -exec md5sum {} + | grep -v 'state.db-'
}
no_folder_left() { equal 'private folders' '' "$(ls "$DEVENV_HOME/revisions")"; }

test_a_revision_is_planned_without_touching_the_working_tree() {
	project
	local before
	before=$(world)
	expect 2 -C repo plan --rev change --detailed-exitcode
	has out '~ local_file.a will be updated in place'
	has out 'content = "one" → "two"'
	has out 'local_file.w will be updated'
	has out 'Plan: 0 to add, 2 to change'
	expect 2 -C repo plan --rev change~0 --detailed-exitcode
	equal 'the world' "$before" "$(world)"
	no_folder_left
	expect 0 -C repo plan --rev HEAD --detailed-exitcode
	has out 'No changes.'
	expect 1 -C repo plan --rev nosuch
	has err nosuch
	expect 1 -C repo plan --rev change~99
	expect 1 plan --rev main
	has err 'no git repository'
	no_folder_left
}

test_an_explanation_names_the_commit_of_a_line() {
	project
	local two
	two=$(head_of change | cut -c1-12)
	expect 0 -C repo plan --rev change --explain local_file.a
	has out "content changed (.devenv/config.yml:6:58, $two by Ada: two and there)"
	expect 0 -C repo plan --rev change --explain local_file.a --json
	has out "\"by\":\"$two by Ada: two and there\""
	# In the working tree; what is in no commit is nobody's.
	git -C repo checkout -q change
	expect 0 -C repo plan --explain local_file.a
	has out "; $two by Ada: two and there"
	sed -i 's/content: two/content: three/' repo/.devenv/config.yml
	expect 0 -C repo plan --explain local_file.a
	has out '; not committed yet'
	expect 0 -C repo plan
	lacks out 'not committed'
	rm -r repo/.git
	expect 0 -C repo plan --explain local_file.a
	has out 'content changed (.devenv/config.yml:6:58)'
}

test_a_change_is_what_it_does_beyond_its_base() {
	project
	rm repo/out/k # somebody else's business: main has it, too
	expect 2 -C repo plan --rev main..change --detailed-exitcode
	has out local_file.a
	lacks out local_file.k
	has out 'Plan: 0 to add, 2 to change, 0 to destroy.'
	# main goes on; three dots leave that out, two count it back.
	echo '    - { type: local_file, name: b, path: out/b, content: b }' >>repo/.devenv/config.yml
	commit b
	expect 0 -C repo plan --offline --rev main...change
	has out 'Plan: 0 to add, 2 to change, 0 to destroy.'
	expect 0 -C repo plan --offline --rev main..change
	has out 'Plan: 0 to add, 2 to change, 1 to destroy.'
	expect 0 -C repo plan --offline --rev change...
	has out '+ local_file.b will be created'
	has out 'Plan: 1 to add, 0 to change, 0 to destroy.'
	expect 0 -C repo plan --rev main..main --detailed-exitcode
	has out 'No changes. Both revisions want the same.'
}

test_offline_asks_nobody_and_needs_no_state() {
	git init -q -b main repo
	mkdir repo/.devenv
	cat >repo/.devenv/config.yml <<-'YML'
	apiVersion: devenv/v1
	kind: Environment
	metadata: { name: test }
	spec:
	  resources:
	    - { type: docker_network, name: n }
	    - { type: docker_volume, name: v }
	    - type: docker_container
	      name: c
	      image: "app:1"
	      networks: ["${docker_network.n.id}"]
	      environment: { SUM: "at ${docker_container.d.id}" }
	    - { type: docker_container, name: d, image: "app:1", volumes: ["${docker_volume.v.name}:/data"] }
	  outputs:
	    id: { value: "${docker_container.d.id}" }
	YML
	commit base
	export DOCKER_HOST=unix:///nowhere/docker.sock
	expect 0 -C repo plan --offline --detailed-exitcode
	has out 'No changes.'
	# Who uses what is replaced does not know it yet; what is not touched stands for itself.
	sed -i '/name: d,/s/app:1/app:2/' repo/.devenv/config.yml
	expect 2 -C repo plan --offline --detailed-exitcode
	has out '-/+ docker_container.d will be replaced'
	has out 'image = "app:1" → "app:2"'
	has out '(known after apply)'
	lacks out docker_network.n
	sed -i 's/SUM: "at /NET: "${docker_network.n.id}", SUM: "at /' repo/.devenv/config.yml
	expect 2 -C repo plan --offline --detailed-exitcode
	has out 'environment.NET = "${docker_network.n.id}"'
	sed -i '/name: v/d; s/, volumes.*/}/' repo/.devenv/config.yml
	expect 2 -C repo plan --offline --detailed-exitcode
	has out '- docker_volume.v will be destroyed'
	has out 'held'
	commit second
	expect 0 -C repo plan --offline --rev HEAD^.. --json
	equal actions 'docker_container.c replace docker_container.d replace docker_volume.v delete' \
		"$(jq -r 'select(.type == "planned_change").change | "\(.address) \(.action)"' "$TRASH/out" | sort | xargs)"
	expect 0 -C repo plan --offline --rev HEAD..HEAD^
	has out '+ docker_volume.v will be created'
	gone "$DEVENV_HOME/state.db"
	no_folder_left
	# Before there was a manifest, nothing was wanted.
	git -C repo checkout -q --orphan empty && git -C repo rm -q -rf . && commit empty
	expect 0 -C repo plan --offline --rev empty..main
	has out 'Plan: 3 to add, 0 to change, 0 to destroy.'
	expect 1 -C repo plan --offline --rev main..empty
	has err 'no manifest'
}

# brings: ./repo is applied; the branch "change" brings commands of each kind, all of which write to ./ran.
brings() {
	repo
	cat >runs <<-SH
	#!/bin/sh
	echo "\$*" >>"$PWD/ran"
	case \$1 in
	made) touch "$PWD/made" ;;
	read) [ ! -f "$PWD/made" ] || echo '{"word": "seen"}' ;;
	secret) echo '{"word": "seen"}' ;;
	esac
	SH
	chmod +x runs
	mkdir repo/module
	echo '# nothing' >repo/module/main.tf
	cat >>repo/.devenv/config.yml <<-YML
	    - { type: local_command, name: k, create: [$PWD/runs, made], read: [$PWD/runs, read] }
	    - { type: external_secret, name: s, command: [$PWD/runs, secret] }
	YML
	commit base
	expect 0 -C repo apply --yes
	rm ran
	git -C repo checkout -q -b change
	cat >>repo/.devenv/config.yml <<-YML
	    - { type: local_command, name: n, create: [$PWD/runs, made], read: [$PWD/runs, new] }
	    - { type: terraform_module, name: t, source: module, binary: $PWD/runs }
	YML
	sed -i 's/, made\]/, other]/' repo/.devenv/config.yml
	commit brings
	git -C repo checkout -q main
}

test_nothing_that_a_revision_brings_is_run_unless_it_is_trusted() {
	brings
	expect 0 -C repo plan --rev change
	gone ran
	has out '# (not evaluated): its `read` command is not run for a revision that is not trusted; --trust-revision runs it'
	has out '? external_secret.s (not evaluated)'
	has out '~ local_command.k will be'
	has out '+ local_command.n will be created'
	has out '+ terraform_module.t will be created'
	equal 'what was not evaluated' 4 "$(grep -c '# (not evaluated)' "$TRASH/out")"
	expect 0 -C repo plan --rev main..change --json
	gone ran
	equal 'the same for a program' 'local_command.k local_command.n terraform_module.t' \
		"$(jq -r 'select(.type == "planned_change").change | select(any(.reasons[]; .kind == "notEvaluated")).address' \
			"$TRASH/out" | sort | xargs)"
	expect 0 -C repo plan --rev change --markdown
	gone ran
	expect 0 -C repo plan --rev change --explain external_secret.s
	has out 'not evaluated'
	gone ran
	# What is trusted is run, and so is what lies here.
	devenv -C repo plan --rev change --trust-revision
	lacks out 'not evaluated'
	for word in read secret new init; do matches ran "$word"; done
	rm ran
	expect 0 -C repo plan
	matches ran read
}

test_a_plugin_for_credentials_that_lies_in_the_repository_is_not_run() {
	repo
	printf '#!/bin/sh\necho plugin >>"%s/ran"\n' "$PWD" >plugin
	chmod +x plugin
	cat >repo/kube.yml <<-YML
	clusters: [{ name: c, cluster: { server: "https://127.0.0.1:1" } }]
	users: [{ name: u, user: { exec: { apiVersion: client.authentication.k8s.io/v1, command: $PWD/plugin } } }]
	contexts: [{ name: x, context: { cluster: c, user: u } }]
	YML
	mkdir -p "$DEVENV_HOME"
	echo 'settings: { allowContexts: ["*"] }' >"$DEVENV_HOME/config.yml"
	printf 'kind: ConfigMap\napiVersion: v1\nmetadata: { name: m }\n' >repo/m.yml
	echo '    - { type: kubernetes_manifest, name: m, cluster: { kubeconfig: kube.yml }, file: m.yml }' \
		>>repo/.devenv/config.yml
	commit plugin
	expect 1 -C repo plan --rev HEAD
	has err '(not evaluated): plugin'
	gone ran
	expect 1 -C repo plan --rev HEAD --trust-revision
	there ran
}

test_what_leads_out_of_a_revision_is_refused() {
	project
	echo 'secret: outside' >outside.yml
	git -C repo checkout -q change
	printf 'include: [../../outside.yml]\n' >>repo/.devenv/config.yml
	commit include
	expect 1 -C repo plan --rev change
	has err 'outside of the repository'
	git -C repo reset -q --hard HEAD^
	for target in /etc/passwd ../outside.yml; do
		ln -sfn "$target" repo/link
		commit link
		expect 1 -C repo plan --rev change
		has err 'leaves the tree'
	done
	no_folder_left
	expect 1 -C repo plan --rev --upload-pack=x
	has err 'no revision'
}

test_what_no_revision_has_is_that_of_the_machine() {
	project
	git -C repo checkout -q change
	sed -i 's/content: two/content: "${WORD}-${var.x}"/; s/^spec:/spec:\n  variables: { x: {} }/' repo/.devenv/config.yml
	commit variables
	git -C repo checkout -q main
	echo WORD=mine >repo/.env
	echo 'x: given' >vars.yml
	expect 0 -C repo plan --rev change --var-file ../vars.yml
	has out '"mine-given"'
	# A linked worktree, and a folder in it.
	git -C repo worktree add -q ../linked change
	mkdir -p linked/deeper
	export WORD=linked
	expect 1 -C linked/deeper plan --rev change..main --offline --var x=1
	has err 'there is no variable "x"'
	expect 0 -C linked/deeper plan --rev main..change --offline --var x=1
	has out 'content = "one" → "linked-1"'
}

test_a_comment_for_a_review_holds_what_is_written_by_others() {
	project
	git -C repo checkout -q change
	cat >>repo/.devenv/config.yml <<-'YML'
	    - { type: local_file, name: evil, path: "out/`|</details>@all", content: "a\n```\n</details>\n# big" }
	    - { type: local_file, name: s, path: out/s, content: "${var.pass}" }
	YML
	sed -i 's/^spec:/spec:\n  variables: { pass: { default: hunter22, sensitive: true } }/' repo/.devenv/config.yml
	commit evil
	expect 0 -C repo plan --rev main...change --offline --markdown
	has out "### devenv plan: \`test\` at \`$(head_of main | cut -c1-12)..$(head_of change | cut -c1-12)\`"
	has out 'Plan: 2 to add, 2 to change, 0 to destroy.'
	has out '| update | `local_file.a` | `content changed` |'
	has out '| create | `local_file.evil` | new |'
	has out '!      ~ content = "one" -> "two"'
	lacks out hunter22
	# The fence is longer than any run inside, and nothing stands behind the fold.
	equal 'closing tags outside of the fence' 1 \
		"$(awk '/^````/ { inside = !inside } !inside && /<\/details>/' "$TRASH/out" | wc -l)"
	equal 'the last line' '</details>' "$(tail -n 1 "$TRASH/out")"
	# Of a plain plan, too.
	git -C repo checkout -q main
	expect 0 -C repo plan --markdown
	has out '### devenv plan: `test`'
	has out 'No changes.'
	lacks out '<details>'
	expect 64 -C repo plan --markdown --json
	expect 64 -C repo plan --rev change -o saved
	expect 64 -C repo plan --offline --destroy
}

test_what_a_killed_plan_left_is_removed_by_the_next() {
	project
	mkdir -p "$DEVENV_HOME/revisions/0123/tree"
	echo x >"$DEVENV_HOME/revisions/0123/tree/file"
	# One that is in use stays.
	mkdir "$DEVENV_HOME/revisions/4567"
	exec 9<"$DEVENV_HOME/revisions/4567"
	flock 9
	expect 0 -C repo plan --rev change
	equal 'what is left' 4567 "$(ls "$DEVENV_HOME/revisions")"
	exec 9<&-
	expect 0 -C repo plan --rev change
	no_folder_left
}

run_tests "$@"
