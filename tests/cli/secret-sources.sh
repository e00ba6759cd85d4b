#!/bin/bash
# Secrets that nobody writes into a manifest: made once, or read from where they are kept.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

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
	echo '{"t1": {"secret/app/db": {"pw": "hunter2hunter"}}}' >store
	"$HARNESS_SOURCE/tests/tools/fake-vault" store >port &
	wait_until 10 test -s port
	manifest <<-YML
	spec:
	  variables: { token: { default: t1, sensitive: true }, path: { default: app/db } }
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
	echo '{"t1": {"secret/app/db": {"pw": "other2other"}}}' >store
	expect 0 apply --yes
	same file <<<other2other
	expect 1 apply --yes --var token=t2
	has err 'vault does not let this token read app/db'
	expect 1 apply --yes --var path=app/none
	has err 'vault has no secret app/none'
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

run_tests "$@"
