#!/bin/bash
# Secrets that nobody writes into a manifest: made once, or read from where they are kept.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

# Before a test has a home of its own.
SOPS=$("$HARNESS_SOURCE/tests/tools/build-sops" 2>/dev/null) || SOPS=

generated() { # KEYS [ANOTHER RESOURCE]
	manifest <<-YML
	spec:
	  secrets: [ { name: app, type: generated, keys: [$1], length: 24 } ]
	  resources:
	    - { type: local_file, name: f, path: file, mode: "0600", content: "\${secret.app.token}\n" }
${2:-}
	YML
}

test_a_generated_secret_is_made_once() {
	generated token
	expect 2 plan --detailed-exitcode
	has out 'generated_secret.app'
	expect 0 apply --yes
	local first
	first=$(cat file)
	matches file '^[A-Za-z0-9]{24}$'
	no_changes
	! grep -r "$first" "$DEVENV_HOME" || fail 'it is stored in clear'

	generated 'token, more' '    - { type: local_file, name: g, path: more, content: "${secret.app.more}" }'
	expect 0 apply --yes
	equal 'the old one' "$first" "$(cat file)"
	matches more '^[A-Za-z0-9]{24}$'

	# What was initialised with it stays, too.
	expect 0 destroy --yes
	gone file
	expect 0 apply --yes
	equal 'after a destroy' "$first" "$(cat file)"

	# To make it anew is loss of data, because a database may know it.
	expect 3 apply --yes --replace generated_secret.app
	equal 'not without a word' "$first" "$(cat file)"
	expect 0 apply --yes --replace generated_secret.app --allow-data-loss generated_secret.app
	[[ $(cat file) != "$first" ]] || fail 'it is still the old one'
	expect 0 destroy --yes --volumes
	no_rest
}

test_a_command_tells_a_secret() {
	printf '#!/bin/sh\ncat "$1"\n' >tell && chmod +x tell
	echo '{"user": "app", "port": 5432, "pw": "hunter2hunter"}' >store
	manifest <<-'YML'
	spec:
	  secrets: [ { name: db, type: external-secret, provider: command, command: [./tell, store] } ]
	  resources:
	    - { type: local_file, name: f, path: file, content: "${secret.db.user} ${secret.db.port} ${secret.db.pw}\n" }
	    - { type: local_value, name: other, input: 1 }
	YML
	expect 0 apply --yes
	same file <<<'app 5432 hunter2hunter'
	no_changes
	! grep -rq hunter2hunter "$DEVENV_HOME" || fail 'it is stored in clear'

	echo '{"user": "app", "port": 5432, "pw": "changed2changed"}' >store
	expect 2 plan --detailed-exitcode
	lacks out changed2changed
	expect 0 apply --yes
	same file <<<'app 5432 changed2changed'
	no_changes

	# What it says is not told, also where it makes no sense.
	echo 'hunter2hunter: [' >store
	expect 0 plan
	has out 'external_secret.db cannot be seen'
	lacks out hunter2hunter
}

test_a_missing_secret_holds_up_only_what_uses_it() {
	manifest <<-'YML'
	spec:
	  secrets: [ { name: db, type: external-secret, provider: command, command: [./none] } ]
	  resources:
	    - { type: local_file, name: uses, path: uses, content: "${secret.db.pw}" }
	    - { type: local_file, name: free, path: free, content: text }
	YML
	expect 1 apply --yes
	there free
	gone uses
	has err 'external_secret.db'
	matches err 'local_file.uses.*blocked'
	printf '#!/bin/sh\necho pw: hunter2hunter\n' >none && chmod +x none
	sed -i 's/command: \[.*none\]/&, format: yaml/' .devenv/config.yml
	expect 0 apply --yes
	equal 'its text' hunter2hunter "$(cat uses)"
}

test_a_vault_tells_a_secret() {
	need python3
	echo '{"first-token-1": {"secret/app/db": {"pw": "hunter2hunter"}}}' >store
	"$HARNESS_SOURCE/tests/tools/fake-vault" store >port &
	wait_until 10 test -s port
	manifest <<-YML
	spec:
	  variables: { token: { default: first-token-1, sensitive: true }, path: { default: app/db } }
	  secrets:
	    - name: db
	      type: external-secret
	      provider: vault
	      vault: { address: "http://127.0.0.1:$(cat port)", path: "\${var.path}", token: "\${var.token}" }
	  resources:
	    - { type: local_file, name: f, path: file, content: "\${secret.db.pw}\n" }
	YML
	expect 0 apply --yes
	same file <<<hunter2hunter
	no_changes
	echo '{"first-token-1": {"secret/app/db": {"pw": "other2other"}}}' >store
	expect 0 apply --yes
	same file <<<other2other
	expect 1 apply --yes --var token=other-token-2
	has err 'vault does not let this token read app/db'
	expect 1 apply --yes --var path=app/none
	has err 'vault has no secret app/none'
}

test_a_vault_with_certificates_and_namespaces() {
	need python3 openssl
	# shellcheck source=tests/lib/certificates.sh
	. "$HARNESS_SOURCE/tests/lib/certificates.sh"
	mkdir tls certs
	certificate_authority tls
	certificate tls vault vault '' IP:127.0.0.1
	cp tls/ca.crt certs/
	echo '{"first-token-1": {"team/a:kv/db": {"pw": "hunter2hunter"}}}' >store
	"$HARNESS_SOURCE/tests/tools/fake-vault" store tls/vault.crt tls/vault.key >port &
	wait_until 10 test -s port
	echo first-token-1 >token && chmod 600 token
	vault() { # MORE KEYS
		manifest <<-YML
		spec:
		  secrets:
		    - name: db
		      type: external-secret
		      provider: vault
		      vault: { address: "https://127.0.0.1:$(cat port)/", mount: kv, path: db, tokenFile: token, $1 }
		  resources:
		    - { type: local_file, name: f, path: file, content: "\${secret.db.pw}\n" }
		    - { type: local_file, name: free, path: free, content: text }
		YML
	}
	vault 'namespace: team/a'
	expect 1 apply --yes
	matches err 'external_secret.db.*certificate'
	there free
	gone file
	vault 'caFile: certs/ca.crt'
	expect 1 apply --yes
	has err 'vault has no secret db'
	vault 'namespace: team/a, caFile: certs/ca.crt'
	cd certs # the file is found from the project root, wherever the command is called
	expect 0 apply --yes
	cd ..
	same file <<<hunter2hunter
	no_changes

	# What it answers is told, and what there is stays.
	echo '{"first-token-1": {"team/a:kv/db": 503}}' >store
	expect 0 plan
	has out 'it cannot be seen: vault answers 503 for db'
	echo '{"first-token-1": {"team/a:kv/db": null}}' >store
	expect 0 plan
	has out 'it cannot be seen: vault has no secret db'
	echo '{"other-token-2": {}}' >store
	expect 0 plan
	has out 'it cannot be seen: vault does not let this token read db'
	same file <<<hunter2hunter
	expect 0 secret list
	matches out '^db +external-secret +[0-9hms]+ ago +https://127.0.0.1:[0-9]+/ kv/db +local_file.f'
	! grep -rqE 'hunter2hunter|first-token-1' "$DEVENV_HOME" || fail 'it is stored in clear'
}

test_sops_decrypts_a_file() {
	need age
	[[ -n $SOPS || -z ${DEVENV_TEST_AVAILABLE:-} ]] || skip 'sops could not be built'
	mkdir bin && ln -s "${SOPS:?could not be built}" bin/sops
	export PATH=$PWD/bin:$PATH SOPS_AGE_KEY_FILE=$PWD/key
	local recipient form
	age-keygen -o key 2>pub
	recipient=$(sed -n 's/^Public key: //p' pub)
	lock() { sops --encrypt --age "$recipient" --input-type "$1" --output-type "$1" /dev/stdin >"secret.$2"; }
	printf 'pw: hunter2hunter\nport: 5432\n' | lock yaml yaml
	printf '{"pw": "hunter3hunter", "port": 5433}' | lock json json
	printf 'pw=hunter4hunter\nport=5434\n' | lock dotenv env
	sealed() { # FILE
		manifest <<-YML
		spec:
		  secrets: [ { name: db, type: sops, source: $1 } ]
		  resources:
		    - { type: local_file, name: f, path: file, content: "\${secret.db.pw} \${secret.db.port}\n" }
		YML
	}
	sealed secret.yaml
	expect 0 apply --yes
	same file <<<'hunter2hunter 5432'
	no_changes
	sealed secret.json
	expect 0 apply --yes
	same file <<<'hunter3hunter 5433'
	sealed secret.env
	expect 0 apply --yes
	same file <<<'hunter4hunter 5434'
	no_changes

	# Sealed anew with another text: all that use it follow.
	printf 'pw=other5other\nport=1\n' | lock dotenv env
	expect 2 plan --detailed-exitcode
	lacks out other5other
	expect 0 apply --yes
	same file <<<'other5other 1'

	# Without the key it is missing, and only what uses it waits.
	rm key
	expect 0 plan
	has out 'external_secret.db cannot be seen'
	has out 'sops exited with status 128: Failed to get the data key'
	lacks out other5other
	rm file
	for form in hunter2hunter hunter3hunter hunter4hunter other5other; do
		! grep -rqF "$form" . "$DEVENV_HOME" || fail "the plain text $form is on disk"
	done
}

test_age_decrypts_a_file() {
	need age
	age-keygen -o key 2>pub
	printf 'pw: hunter2hunter\n' | age -r "$(sed -n 's/^Public key: //p' pub)" -o secret.age
	manifest <<-'YML'
	spec:
	  secrets: [ { name: db, type: age, source: secret.age, identity: key } ]
	  resources:
	    - { type: local_file, name: f, path: file, content: "${secret.db.pw}\n" }
	YML
	expect 0 apply --yes
	same file <<<hunter2hunter
	no_changes
}

# Whoever writes it, writes it into a pipe: seen by every call that writes, of all processes.
test_what_is_decrypted_is_written_into_pipes_only() {
	need age strace
	age-keygen -o key 2>pub
	printf 'pw: hunter2hunter\n' | age -r "$(sed -n 's/^Public key: //p' pub)" -o secret.age
	manifest <<-'YML'
	spec:
	  secrets: [ { name: db, type: age, source: secret.age, identity: key } ]
	  resources: [ { type: local_value, name: v, input: "pw ${secret.db.pw}" } ]
	YML
	# Two tracers do not go together, and who looks for leaks is one.
	ASAN_OPTIONS=detect_leaks=0 strace -f -qq -y -s 65536 -e trace=write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg -o "$TRASH/writes" \
		"$DEVENV" apply --yes >"$TRASH/out" 2>"$TRASH/err"
	grep -F hunter2hunter "$TRASH/writes" >"$TRASH/plain"
	[[ -s $TRASH/plain ]] || fail 'the trace has not seen it'
	! grep -vE '^[0-9]+ +[a-z0-9]+\([0-9]+<pipe:' "$TRASH/plain" || fail 'it was written elsewhere'
}

test_the_list_tells_everything_but_the_values() {
	mkdir -p etc
	printf 'planted5\n' >etc/token
	printf 'pw=${secret.db.password}\n' >page.tmpl
	printf '#!/bin/sh\necho "{\"key\": \"planted3\"}"\n' >tell && chmod +x tell
	manifest <<-'YML'
	spec:
	  variables: { pin: { default: planted4, sensitive: true } }
	  secrets:
	    - { name: db, data: { user: planted1, password: "${DB_PASSWORD:-planted2}", pin: "${var.pin}", token: "${file:etc/token}" } }
	    - { name: url, data: { url: "postgres://${secret.db.password}@host" } }
	    - { name: cloud, type: external-secret, provider: command, command: [./tell, all] }
	    - { name: made, type: generated, keys: [token] }
	    - { name: idle, data: { x: planted6 } }
	  services:
	    - { name: api, image: "api:1", env: { URL: "${secret.url.url}", TOKEN: "${secret.made.token}" } }
	  resources:
	    - { type: local_file, name: page, path: page, template: page.tmpl, mode: "0600" }
	    - { type: local_file, name: key, path: key, content: "${secret.cloud.key}", mode: "0600" }
	    - { type: generated_secret, name: other }
	  outputs: { token: { value: "${secret.made.token}", sensitive: true } }
	YML
	expect 0 secret list
	same out <<-'TXT'
	SECRET  TYPE             AGE      FROM                                                 USED BY
	db      variables        -        the manifest, $DB_PASSWORD, var.pin, file:etc/token  local_file.page, secret.url, api
	url     variables        -        secret.db                                            api
	cloud   external-secret  not yet  ./tell all                                           local_file.key
	made    generated        not yet  made here                                            api, output.token
	idle    variables        -        the manifest                                         -
	other   generated        not yet  made here                                            -
	TXT
	expect 0 secret list --json
	lacks out planted
	jq -se 'map(select(.type == "secret")) | length == 6 and (.[3] | .name == "made" and .users == ["api", "output.token"])' \
		"$TRASH/out" >/dev/null || fail 'the JSON is not as expected'
	expect 0 apply --yes --target local_file.key --target generated_secret.made
	expect 0 secret list
	matches out '^cloud +external-secret +[0-9hms]+ ago'
	matches out '^made +generated +[0-9hms]+ ago'
	lacks out planted
}

test_a_rotation_changes_all_that_use_it_in_one_plan() {
	generated 'token, more' '    - { type: local_file, name: g, path: more, content: "${secret.app.token} again" }
    - { type: local_file, name: free, path: free, content: text }'
	expect 0 apply --yes
	local first node
	first=$(cat file) node=$(stat -c %i free)
	expect 1 secret rotate app
	has out 'generated_secret.app will be replaced'
	matches out 'local_file.g may be updated'
	lacks out local_file.free
	has err 'no terminal to ask on'
	equal 'nothing was done' "$first" "$(cat file)"
	no_changes

	expect 0 secret rotate app --yes
	[[ $(cat file) != "$first" ]] || fail 'it is still the old one'
	equal 'all that use it' "$(cat file) again" "$(cat more)"
	equal 'the rest was left alone' "$node" "$(stat -c %i free)"
	lacks out "$(cat file)"
	no_changes
	! grep -rqF "$(cat file)" "$DEVENV_HOME" || fail 'it is stored in clear'
	expect 0 history
	has out 'secret rotate'

	expect 1 secret rotate ap --yes
	has err 'there is no secret ap; did you mean app?'
	echo '{"user": "app"}' >store
	manifest <<-'YML'
	spec:
	  secrets: [ { name: db, type: external-secret, provider: command, command: [cat, store] }, { name: said, data: { x: "${X:-y}" } } ]
	YML
	expect 1 secret rotate db --yes
	has err 'db is kept elsewhere (cat store): change it there'
	expect 1 secret rotate said --yes
	has err 'said comes from $X: change it there'
	expect 2 plan --detailed-exitcode # the rest of the old manifest

	# Its data would not know the new one.
	manifest <<-'YML'
	spec: { services: [ { name: db, type: mongodb } ] }
	YML
	expect 1 secret rotate db-password --yes
	has err 'the data of db was begun with db-password and keeps it'
}

test_what_is_there_is_read() {
	mkdir etc
	echo hunter2hunter >etc/token
	printf 'USER=app\nPW="hunter3 hunter"\n' >etc/db.env
	manifest <<-'YML'
	spec:
	  secrets:
	    - { name: token, type: existing, source: etc/token }
	    - { name: db, type: existing, source: etc/db.env, format: dotenv }
	    - { name: none, type: existing, source: etc/none }
	    - { name: sealed, type: sops, source: etc/none.yaml }
	  resources:
	    - { type: local_file, name: f, path: file, content: "${secret.token.value} ${secret.db.USER} ${secret.db.PW}\n" }
	    - { type: local_file, name: uses, path: uses, content: "${secret.none.value}" }
	    - { type: local_file, name: opens, path: opens, content: "${secret.sealed.value}" }
	YML
	expect 1 apply --yes
	same file <<<'hunter2hunter app hunter3 hunter'
	gone uses opens
	matches err 'external_secret.none.*etc/none'
	matches err 'local_file.uses.*blocked'
	matches err 'local_file.opens.*blocked'
	echo hunter5hunter >etc/none
	echo hunter4hunter >etc/token
	expect 1 apply --yes
	same file <<<'hunter4hunter app hunter3 hunter'
	equal 'one that came' hunter5hunter "$(cat uses)"
	! grep -rqE 'hunter[345]' "$DEVENV_HOME" || fail 'it is stored in clear'
	# Not even as a hash, by which it could be guessed.
	! grep -rqF "$(sha256sum <etc/token | cut -c1-64)" "$DEVENV_HOME" || fail 'its hash is stored'

	manifest <<-'YML'
	spec: { secrets: [ { name: db, type: existing } ] }
	YML
	expect 1 validate
	has err 'secret db is to be a Secret of the cluster, and there is no cluster'
	has err 'source:'
	manifest <<-'YML'
	spec: { secrets: [ { name: hub, type: docker-registry, data: { server: r.example.com } } ] }
	YML
	expect 1 validate
	has err 'secret hub of type docker-registry needs a username and a password'
}

run_tests "$@"
