#!/bin/bash
# A planted secret is searched in everything that is printed, stored or passed on, in every form in
# which it travels: plain, base64, percent- and JSON-escaped. Only the file that shall hold it has it.
. "${BASH_SOURCE%/*}/../lib/harness.sh"

# Before a test has a home of its own; where it cannot be built, a program that answers like it.
SOPS=$("$HARNESS_SOURCE/tests/tools/build-sops" 2>/dev/null) || SOPS=

# Of this run alone: another's may stand in its own arguments at this moment.
TAIL=$RANDOM$RANDOM
SECRET="s3cr&t \"plan/ted\"+v$TAIL"

# Every form, one a line; what a search looks for.
forms() {
	printf '%s\n' "$SECRET" "s3cr&t \\\"plan/ted\\\"+v$TAIL" "s3cr%26t%20%22plan%2Fted%22%2Bv$TAIL" \
		"s3cr%26t%20%22plan%2fted%22%2bv$TAIL"
	# base64 shows a text in three ways, by what stands before it.
	local whole
	for whole in "$SECRET" "${SECRET:1}" "${SECRET:2}"; do
		whole=$(printf '%s' "${whole:0:${#whole}/3*3}" | base64 -w0)
		printf '%s\n' "$whole"
		tr '+/' '-_' <<<"$whole"
	done
}

# no_secret WHAT FILE...: none of the files holds it, whatever they are. Not as an argument of grep:
# arguments are searched, too.
no_secret() {
	local what=$1 form
	shift
	while IFS= read -r form; do
		! grep -rqaF -f <(printf '%s\n' "$form") "$@" || fail "$what holds the secret, as: $form"
	done < <(forms)
}

secret_manifest() {
	manifest <<-'YML'
	spec:
	  variables:
	    password: { sensitive: true, default: "${PLANTED}" }
	  resources:
	    - { type: local_value, name: url, input: "user:${var.password}@host" }
	    - { type: local_file, name: file, path: secret.txt, content: "${local_value.url.output}", mode: "0600" }
	    - type: local_command
	      name: login
	      create: [sh, -c, "printf '%s' \"$PW\" >seen; echo \"said $PW\" >&2; printf 'u:%s' \"$PW\" | base64 -w0 >&2; printf '{\"token\": \"%s\"}' tok-1"]
	      delete: [rm, -f, seen]
	      environment: { PW: "${var.password}" }
	    - type: local_process
	      name: runs
	      command: [sh, -c, "echo \"I have $PW\"; printf 'u:%s\\n' \"$PW\" | base64 -w0; echo; echo said; exec sleep 1000"]
	      environment: { PW: "${var.password}" }
	      readiness: { log: said }
	    - { type: local_value, name: token, input: "${local_command.login.token}" }
	  outputs:
	    password: { value: "${var.password}", sensitive: true }
	    url: { value: "${local_value.url.output}" }
	YML
	export PLANTED=$SECRET
}

test_the_search_finds_every_form() {
	local before
	finds() { if (trap - ERR; no_secret 'it' leak) 2>/dev/null; then fail "not found in: $(cat leak)"; fi; }
	printf 'x%sy' "$SECRET" >leak && finds
	jq -n --arg it "$SECRET" '{a: ("x" + $it)}' >leak && finds
	jq -rn --arg it "$SECRET" '$it | @uri' >leak && finds
	for before in '' x xy xyz; do
		printf '%s%s behind' "$before" "$SECRET" | base64 -w0 >leak && finds
	done
	printf 'nothing' >leak
	no_secret 'it' leak
}

# Long lines are cut for progress and in what an error quotes, before anybody has looked for secrets in them.
test_half_a_secret_is_none_to_see_either() {
	local before
	export PLANTED=$SECRET
	for before in 490 990; do
		manifest <<-YML
		spec:
		  variables:
		    password: { sensitive: true, default: "\${PLANTED}" }
		  resources:
		    - type: local_command
		      name: talks
		      create: [sh, -c, 'printf "%${before}s%s%1000s\n" "" "\$PW" . >&2; exit 3']
		      environment: { PW: "\${var.password}" }
		      retry: { attempts: 1 }
		YML
		expect 1 apply --yes
		has err '…'
		cat "$TRASH/out" "$TRASH/err" >all
		expect 0 history 1 --json
		cat "$TRASH/out" >>all
		! grep -rqaF "${SECRET:0:6}" all "$DEVENV_HOME" || fail "half of it stands in: $(grep -oaF "${SECRET:0:6}" all)"
	done
}

test_no_output_shows_a_secret() {
	secret_manifest
	expect 0 plan
	cp "$TRASH/out" all && cat "$TRASH/err" >>all
	expect 0 plan --json
	cat "$TRASH/out" "$TRASH/err" >>all
	expect 0 apply --yes -v --debug
	cat "$TRASH/out" "$TRASH/err" >>all
	local words
	for words in status outputs 'outputs --json' history 'history 1' 'show local_value.url' 'show local_file.file' \
		'show local_command.login' 'show local_process.runs' list 'graph --format json' 'config show' \
		'config show --json' 'config show --lowered' 'config show --origin' 'plan --explain local_value.url' \
		'status --json' 'show local_value.url --json' 'logs runs' 'logs runs --json'; do
		# shellcheck disable=SC2086
		devenv $words
		cat "$TRASH/out" "$TRASH/err" >>all
	done
	no_secret 'an output' all
	equal 'the file' "user:$SECRET@host" "$(cat secret.txt)"
	equal 'what the command saw' "$SECRET" "$(cat seen)"
}

test_a_mistake_beside_a_secret_does_not_show_it() {
	manifest <<-'YML'
	spec:
	  variables: { v: { sensitive: true, default: plantedone, bad: 1 } }
	  secrets: [{ name: s, data: { a: plantedtwo, b: "${X:-plantedtwo}" }, bad: 1 }]
	YML
	printf '%s\n' 'PW: plantedthree' 'OTHER="plantedfour' >.env
	expect 1 validate
	has err '.env:1:1'
	has err '.env:2:8'
	has err 'config.yml:5:'
	has err 'config.yml:6:'
	lacks err planted
	expect 1 validate --json
	lacks out planted

	# Nor that of a URL that nobody declared a secret.
	manifest <<-'YML'
	spec:
	  services:
	    - { name: a, source: "https://me:planted@git.test/a.git" }
	    - { name: b, source: { url: "https://me:planted@git.test/b.git", reff: main } }
	YML
	expect 1 plan
	has err 'a password in a URL'
	has err 'did you mean "ref"?'
	has err 'https://me:*******@git.test/a.git'
	lacks err planted
}

test_no_state_or_plan_file_holds_a_secret() {
	secret_manifest
	expect 0 plan -o plan.json
	no_secret 'the plan file' plan.json
	expect 0 apply --yes
	no_secret 'the home' "$DEVENV_HOME"
	no_secret 'the project' .devenv
	expect 0 destroy --yes
	no_secret 'the home after destroy' "$DEVENV_HOME"
}

test_no_argument_vector_holds_a_secret() {
	secret_manifest
	expect 0 apply --yes
	local cmdline
	for cmdline in /proc/[0-9]*/cmdline; do
		{ tr '\0' ' ' <"$cmdline" >>lines; } 2>/dev/null || :
		echo >>lines
	done
	no_secret 'an argument vector' lines
}

# Watches all processes from now on; stop it with: rm watched
watch_arguments() {
	: >watched
	while [[ -e watched ]]; do cat /proc/[0-9]*/cmdline 2>/dev/null >>arguments || :; done &
}

# The same text from everywhere that secrets can come from.
sources() {
	need age jq python3
	local recipient
	mkdir kept bin
	age-keygen -o kept/key 2>kept/pub
	recipient=$(sed -n 's/^Public key: //p' kept/pub)
	printf '%s' "$SECRET" >kept/text
	jq -n --arg pw "$SECRET" '{pw: $pw}' >kept/map
	jq -n --arg pw "$SECRET" '{t1: {"secret/db": {pw: $pw}}}' >kept/vault
	age -r "$recipient" -o kept/map.age kept/map
	if [[ -n $SOPS ]]; then
		ln -s "$SOPS" bin/sops
		"$SOPS" --encrypt --age "$recipient" --input-type json --output-type json kept/map >kept/sealed.json
	else
		printf '#!/bin/sh\ncat kept/map\n' >bin/sops && chmod +x bin/sops
		: >kept/sealed.json
	fi
	export PATH=$PWD/bin:$PATH SOPS_AGE_KEY_FILE=$PWD/kept/key PLANTED=$SECRET
	"$HARNESS_SOURCE/tests/tools/fake-vault" kept/vault >kept/port &
	wait_until 10 test -s kept/port
	manifest <<-YML
	spec:
	  secrets:
	    - { name: said, data: { pw: "\${PLANTED}" } }
	    - { name: file, type: existing, source: kept/map, format: json }
	    - { name: text, type: existing, source: kept/text }
	    - { name: command, type: external-secret, provider: command, command: [cat, kept/map] }
	    - { name: vault, type: external-secret, provider: vault, vault: { address: "http://127.0.0.1:$(cat kept/port)", path: db, token: t1 } }
	    - { name: age, type: age, source: kept/map.age, identity: kept/key }
	    - { name: sops, type: sops, source: kept/sealed.json }
	  resources:
	$(for name in said file command vault age sops; do
		echo "    - { type: local_file, name: $name, path: out/$name, mode: '0600', content: '\${secret.$name.pw}' }"
	done)
	    - { type: local_file, name: text, path: out/text, mode: '0600', content: '\${secret.text.value}' }
	  outputs: { vault: { value: "\${secret.vault.pw}", sensitive: true } }
	YML
}

test_no_source_of_secrets_leaks() {
	local words name
	sources
	watch_arguments
	expect 0 plan -o plan.json
	cat plan.json "$TRASH/out" "$TRASH/err" >"$TRASH/all"
	for words in 'apply --yes -v --debug' 'plan --detailed-exitcode' 'plan --json' 'status --json' 'history 1' \
		'config show --lowered' 'config show --origin' outputs 'secret list' 'secret list --json' \
		'graph --format json' 'plan --explain external_secret.vault'; do
		# shellcheck disable=SC2086
		expect 0 $words
		cat "$TRASH/out" "$TRASH/err" >>"$TRASH/all"
	done
	for name in file text command vault age sops; do
		expect 0 show "external_secret.$name" -v
		cat "$TRASH/out" "$TRASH/err" >>"$TRASH/all"
	done
	for name in out/*; do equal "$name" "$SECRET" "$(cat "$name")"; done
	equal 'how many' 7 "$(ls out | wc -l)"

	# Another one: the old one is forgotten, the new one as unknown as that.
	printf 'other' >kept/text
	expect 0 apply --yes
	equal 'the new one' other "$(cat out/text)"
	cat "$TRASH/out" "$TRASH/err" >>"$TRASH/all"
	rm watched
	wait_until 10 test -s arguments
	no_secret 'an argument vector' arguments
	no_secret 'an output or the plan file' "$TRASH/all"
	no_secret 'the home' "$DEVENV_HOME"
	no_secret 'the project' .devenv
}

test_a_container_knows_a_secret_only_by_its_environment() {
	need jq curl
	"$HARNESS_SOURCE/tests/tools/fake-engine" "$TRASH/engine" "$TRASH/made" >"$TRASH/engine.log" 2>&1 &
	wait_until 30 test -S "$TRASH/engine"
	export DOCKER_HOST=unix://$TRASH/engine PLANTED=$SECRET
	manifest <<-'YML'
	spec:
	  variables: { password: { sensitive: true, default: "${PLANTED}" } }
	  resources:
	    - { type: docker_network, name: net }
	    - type: docker_container
	      name: box
	      image: fake:1
	      pull: never
	      environment: { PW: "${var.password}", URL: "user:${var.password}@host" }
	      networks: ["${docker_network.net.name}"]
	YML
	watch_arguments
	expect 0 plan -o plan.json
	cat plan.json "$TRASH/out" "$TRASH/err" >"$TRASH/all"
	local words
	for words in 'apply --yes -v --debug' 'plan --detailed-exitcode' 'plan --json' 'show docker_container.box' \
		'status --json' 'history 1' 'config show --lowered'; do
		# shellcheck disable=SC2086
		expect 0 $words
		cat "$TRASH/out" "$TRASH/err" >>"$TRASH/all"
	done
	rm watched
	wait_until 10 test -s arguments
	curl -sS --unix-socket "$TRASH/engine" http://localhost/containers/json?all=1 >"$TRASH/listed"
	curl -sS --unix-socket "$TRASH/engine" "http://localhost/containers/$(jq -r '.[0].Id' "$TRASH/listed")/json" |
		jq . >"$TRASH/box"
	equal 'what the container is told' "PW=$SECRET" "$(jq -r '.Config.Env[]' "$TRASH/box" | grep ^PW)"
	jq 'del(.Config.Env)' "$TRASH/box" >"$TRASH/rest"
	no_secret 'the engine, beside the environment,' "$TRASH/rest" "$TRASH/listed" "$TRASH/made"
	no_secret 'an argument vector' arguments
	no_secret 'an output or the plan file' "$TRASH/all"
	no_secret 'the home' "$DEVENV_HOME"
	PLANTED=another expect 2 plan --detailed-exitcode
	lacks out another
	no_secret 'an output' "$TRASH/out" "$TRASH/err"
	expect 0 destroy --yes
	no_secret 'the home after destroy' "$DEVENV_HOME"
}

test_no_death_leaves_a_secret() {
	local n
	secret_manifest
	watch_arguments
	for n in 30 60 90 120 150 180 210; do
		"$HARNESS_TOOLS/killat" kill-after $n -- "$DEVENV" apply --yes --parallelism 1 \
			</dev/null >>"$TRASH/all" 2>&1 || :
		no_secret "the home after a death at call $n" "$DEVENV_HOME"
	done
	expect 0 apply --yes --lock-timeout 60s
	rm watched
	no_secret 'an output' "$TRASH/all" "$TRASH/out" "$TRASH/err"
	no_secret 'an argument vector' arguments
}

test_a_failure_does_not_tell_a_secret() {
	manifest <<-'YML'
	spec:
	  variables: { password: { sensitive: true, default: "${PLANTED}" } }
	  resources:
	    - type: local_command
	      name: fails
	      create: [sh, -c, "echo \"wrong password $PW\" >&2; exit 3"]
	      environment: { PW: "${var.password}" }
	YML
	export PLANTED=$SECRET
	expect 1 apply --yes
	cat "$TRASH/out" "$TRASH/err" >all
	grep -qF 'wrong password (sensitive)' all || fail 'the error says nothing'
	devenv history 1
	cat "$TRASH/out" >>all
	devenv status
	cat "$TRASH/out" >>all
	no_secret 'an error' all
	no_secret 'the home' "$DEVENV_HOME"
}

test_a_changed_secret_is_a_change_that_shows_nothing() {
	secret_manifest
	expect 0 apply --yes
	no_changes
	export PLANTED='another one'
	expect 2 plan --detailed-exitcode
	has out '(sensitive)'
	lacks out 'another one'
}

test_a_secret_where_others_read_is_refused() {
	manifest <<-'YML'
	spec:
	  variables: { password: { sensitive: true, default: abcdefgh } }
	  resources:
	    - { type: local_command, name: c, create: [login, "${var.password}"] }
	YML
	expect 1 plan
	has err 'holds a sensitive value'
	lacks err abcdefgh
}

test_a_lost_key_is_an_error_that_names_it() {
	secret_manifest
	expect 0 apply --yes
	mv "$DEVENV_HOME/key" key.away
	devenv plan
	[[ $STATUS != 0 ]] || fail 'planned without the key'
	has err key
	mv key.away "$DEVENV_HOME/key"
	no_changes
}

run_tests "$@"
