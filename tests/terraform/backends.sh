#!/bin/bash
# States that are kept elsewhere: a backend with locks and passwords, one that fails, one that changes, PostgreSQL.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/terraform.sh
. "${BASH_SOURCE%/*}/../lib/terraform.sh"

world_provider

server_start() {
	trap server_stop EXIT
	mkdir -p server
	"$HARNESS_SOURCE/tests/tools/state-server" server >port &
	SERVER=$!
	wait_until 10 test -s port
}
server_stop() { kill "$SERVER" 2>/dev/null || true; }

http() { # NAME: the value of `backend`
	local url
	url=http://127.0.0.1:$(cat port)/$1
	echo "{ type: http, config: { address: \"$url\", lock_address: \"$url\", unlock_address: \"$url\", retry_max: 0 } }"
}

test_a_server_holds_the_state_behind_a_password() {
	server_start
	thing
	note_starts
	echo backend-secret-7 >server/password
	module_manifest "backend: $(http one)" 'environment: { TF_HTTP_USERNAME: user, TF_HTTP_PASSWORD: "${var.backend}" }'
	sed -i 's/^  variables: {/& backend: { default: backend-secret-7, sensitive: true },/' .devenv/config.yml
	expect 0 apply --yes
	has server/one world_file
	gone server/one.lock
	: >starts
	no_changes
	equal 'programs started' 0 "$(starts)"
	echo -n tampered >a.txt
	expect 2 plan --detailed-exitcode --refresh=full
	gone server/one.lock
	expect 0 apply --yes --refresh=full
	equal a hello "$(cat a.txt)"
	equal 'files with the password' '' "$(grep -rlF backend-secret-7 "$DEVENV_HOME" infra || true)"
	lacks starts backend-secret-7
	rm -r infra
	manifest <<-'YML'
	spec: { resources: [] }
	YML
	expect 0 apply --yes # with the password from the record
	gone a.txt
	equal 'things in the state' 0 "$(grep -c managed server/one || true)"
}

test_a_backend_that_the_module_names_is_completed() {
	server_start
	thing 'backend "http" {}'
	local url
	url=http://127.0.0.1:$(cat port)/two
	module_manifest "backend: { config: { address: \"$url\", lock_address: \"$url\", unlock_address: \"$url\" } }"
	expect 0 apply --yes
	has server/two world_file
	no_changes
	expect 0 destroy --yes
	gone a.txt
}

test_what_a_backend_has_is_imported() {
	server_start
	thing
	module_manifest "backend: $(http one)"
	expect 0 apply --yes
	expect 0 forget terraform_module.network --yes
	expect 0 import terraform_module.network backend
	expect 0 apply --yes
	equal 'creates of a' 1 "$(effects "create $PWD/a.txt")"
	no_changes --refresh=full
	expect 0 destroy --yes
	gone a.txt
}

test_a_state_that_could_not_be_saved_is_saved_by_the_next_apply() {
	server_start
	thing
	module_manifest "backend: $(http one)"
	: >server/refuse
	devenv apply --yes
	((STATUS)) || fail 'it went well without a state'
	gone server/one
	rm server/refuse
	expect 0 apply --yes
	has server/one world_file
	equal 'creates of a' 1 "$(effects "create $PWD/a.txt")"
	no_changes --refresh=full

	# The same of an update.
	: >server/refuse
	module_manifest "backend: $(http one)" 'variables: { content: other }'
	devenv apply --yes
	((STATUS)) || fail 'it went well without a state'
	rm server/refuse
	expect 0 apply --yes
	has server/one '"content": "other"'
	equal 'updates of a' 1 "$(effects "update $PWD/a.txt")"
	no_changes --refresh=full
	equal 'states that were not saved' '' "$(find "$DEVENV_HOME" -name errored.tfstate)"
	expect 0 destroy --yes
	gone a.txt
}

test_a_destroy_that_could_not_save_its_state_goes_on() {
	server_start
	thing
	module_manifest "backend: $(http one)"
	expect 0 apply --yes
	: >server/refuse
	devenv destroy --yes
	((STATUS)) || fail 'it went well without a state'
	rm server/refuse
	expect 0 destroy --yes
	gone a.txt
	equal 'removals of a' 1 "$(effects "delete $PWD/a.txt")"
	equal 'things in the state' 0 "$(grep -c managed server/one || true)"
	gone "$(private_folder)"
}

test_a_lock_of_our_own_that_a_death_left_is_released() {
	server_start
	thing
	module_manifest "backend: $(http one)"
	begin "create $PWD/a.txt" apply --yes
	wait_until 30 grep -qs . "$(private_folder)/lock"
	has server/one.lock "$(cat "$(private_folder)/lock")"
	kill_all
	there server/one.lock
	expect 0 apply --yes
	gone server/one.lock
	no_changes --refresh=full
	equal a hello "$(cat a.txt)"
	expect 0 destroy --yes
	gone a.txt server/one.lock
}

test_the_lock_of_somebody_else_is_left_alone_and_named() {
	server_start
	thing
	module_manifest "backend: $(http one)"
	begin "create $PWD/a.txt" apply --yes
	wait_until 30 grep -qs . "$(private_folder)/lock"
	kill_all
	# Somebody released it by hand, and works now himself.
	echo '{"ID":"11111111-2222-3333-4444-555555555555","Operation":"OperationTypeApply","Info":"","Who":"carol@desk","Version":"1.11.4","Created":"2026-01-02T03:04:05Z","Path":""}' >server/one.lock
	devenv apply --yes
	((STATUS)) || fail 'it went on'
	has err 11111111-2222-3333-4444-555555555555
	has server/one.lock carol@desk
	rm server/one.lock
	expect 0 apply --yes
	no_changes --refresh=full
}

test_a_backend_that_changes_is_refused_and_nothing_is_made_twice() {
	server_start
	thing
	module_manifest "backend: $(http one)"
	expect 0 apply --yes
	module_manifest "backend: $(http two)"
	expect 1 plan
	has err 'its backend is another one than before'
	expect 1 apply --yes
	gone server/two
	module_manifest
	expect 1 apply --yes
	has err 'its backend is another one than before'
	equal 'creates of a' 1 "$(effects "create $PWD/a.txt")"
	module_manifest "backend: $(http one)"
	no_changes
}

# By the module itself: the manifest says nothing of it.
test_a_module_that_names_another_backend_is_refused_likewise() {
	thing
	module_manifest
	expect 0 apply --yes
	sed -i "s|^  \$|  backend \"http\" { address = \"http://127.0.0.1:9/none\" }|" infra/main.tf
	grep -q 'backend "http"' infra/main.tf || fail 'no backend in the module'
	expect 1 plan
	has err 'its backend is another one than before'

	server_start
	url=http://127.0.0.1:$(cat port)
	thing "backend \"http\" { address = \"$url/one\" }"
	cat >>.devenv/config.yml <<-YML
	    - { type: terraform_module, name: second, source: infra, binary: $TERRAFORM_PROGRAM }
	YML
	sed -i '/name: network/,/binary/d; /type: terraform_module$/d' .devenv/config.yml
	expect 0 apply --yes --allow-data-loss terraform_module.network
	has server/one world_file
	sed -i "s|$url/one|$url/two|" infra/main.tf
	expect 1 plan
	has err 'its backend is another one than before'
	expect 1 apply --yes
	gone server/two
}

test_workspaces_of_a_backend_are_states_of_their_own() {
	thing
	mkdir state
	module_manifest 'workspace: staging' 'backend: { type: local, config: { workspace_dir: "'"$PWD/state"'" } }'
	expect 0 apply --yes
	has state/staging/terraform.tfstate world_file
	no_changes
	module_manifest 'workspace: other' 'backend: { type: local, config: { workspace_dir: "'"$PWD/state"'" } }'
	expect 2 plan --detailed-exitcode
	has out '-/+ terraform_module.network'
	expect 0 apply --yes --allow-data-loss terraform_module.network
	has state/other/terraform.tfstate world_file
	equal 'things in the old workspace' 0 "$(grep -c managed state/staging/terraform.tfstate 2>/dev/null || true)"
	no_changes
	expect 0 destroy --yes
	gone a.txt
}

# --- PostgreSQL ---------------------------------------------------------------------------------

# A server of its own with the newest PostgreSQL that is installed, on a socket of its folder only, as nobody:
# it refuses to be root.
postgres_start() {
	local bin as=()
	bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
	[[ -x $bin/initdb ]] || need initdb
	need setpriv psql
	[[ $(id -u) != 0 ]] || as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	PGHOST=$(mktemp -d "${TMPDIR:-/tmp}/devenv-pg-XXXXXX")
	export PGHOST
	trap postgres_stop EXIT
	((${#as[@]} == 0)) || chown 65534:65534 "$PGHOST"
	(cd / && "${as[@]}" "$bin/initdb" -D "$PGHOST/data" -U terraform -A trust --no-sync) >initdb.log 2>&1
	(cd / && exec "${as[@]}" "$bin/postgres" -D "$PGHOST/data" -k "$PGHOST" -c listen_addresses= -c fsync=off) \
		>postgres.log 2>&1 &
	SERVER=$!
	wait_until 30 sql 'SELECT 1' >/dev/null
}
postgres_stop() {
	server_stop
	wait "$SERVER" 2>/dev/null || true
	rm -rf "$PGHOST"
}
sql() { psql -U terraform -d postgres -Atc "$1" 2>/dev/null; }
# What locks there are of states; a session that ends gives up its own.
holders() { sql "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"; }
held_by() { [[ $(holders) == "$1" ]]; }
in_postgres() { # LINE...: the module keeps its state there
	module_manifest 'backend: { type: pg }' \
		"environment: { PG_CONN_STR: \"postgres://terraform@/postgres?host=$PGHOST&sslmode=disable\" }" "$@"
}

test_postgres_holds_the_state() {
	postgres_start
	thing
	note_starts
	in_postgres
	expect 0 apply --yes
	equal 'states in the database' 1 "$(sql "SELECT count(*) FROM terraform_remote_state.states WHERE data LIKE '%world_file%'")"
	held_by 0 || fail 'a lock is left'
	: >starts
	no_changes
	equal 'programs started' 0 "$(starts)"
	in_postgres 'variables: { content: other }'
	expect 0 apply --yes
	equal a other "$(cat a.txt)"
	no_changes --refresh=full
	expect 0 destroy --yes
	gone a.txt
}

test_a_lock_in_postgres_goes_with_who_died() {
	postgres_start
	thing
	in_postgres
	begin "create $PWD/a.txt" apply --yes
	wait_until 30 held_by 1
	kill_all
	wait_until 30 held_by 0
	expect 0 apply --yes
	equal a hello "$(cat a.txt)"
	no_changes --refresh=full
	held_by 0 || fail 'a lock is left'
	expect 0 destroy --yes
	gone a.txt
}

test_a_lock_in_postgres_of_somebody_else_is_left_alone() {
	postgres_start
	thing
	in_postgres
	expect 0 apply --yes
	# Somebody works on the same state, as long as the session lasts.
	exec {session}> >(exec psql -U terraform -d postgres -Atq >session.log 2>&1)
	echo 'SELECT pg_advisory_lock(id) FROM terraform_remote_state.states;' >&"$session"
	wait_until 30 held_by 1
	in_postgres 'variables: { content: other }'
	devenv apply --yes
	((STATUS)) || fail 'it went on'
	matches err '[Ll]ock'
	held_by 1 || fail 'the lock of the other is gone'
	equal a hello "$(cat a.txt)"
	exec {session}>&-
	wait_until 30 held_by 0
	expect 0 apply --yes
	equal a other "$(cat a.txt)"
	expect 0 destroy --yes
}

run_terraform_tests "$@"
