#!/bin/bash
# A module whose state is an object of a real MinIO, and so is its lock where the program can do that. MinIO takes
# minutes to get: with --full only.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/terraform.sh
. "${BASH_SOURCE%/*}/../lib/terraform.sh"
# shellcheck source=tests/lib/backends.sh
. "${BASH_SOURCE%/*}/../lib/backends.sh"

world_provider
PATH=$PATH:$("$HARNESS_SOURCE/tests/tools/build-minio" || true)

# OpenTofu before 1.10 locks only by a table of DynamoDB.
has_locks() { ! "$TERRAFORM_PROGRAM" version | grep -qE '^OpenTofu v1\.[0-9]\.'; }

minio_start() {
	need minio mc
	export MC_CONFIG_DIR=$TRASH/mc NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
	SERVER=
	trap 'kill "$SERVER" 2>/dev/null || true' EXIT
	wait_until 30 minio_answers
	mc mb s3/states >"$TRASH/out"
}
# Where somebody else got the port first it ends by itself, and another one is tried.
minio_answers() {
	if [[ -z $SERVER ]] || ! kill -0 "$SERVER" 2>/dev/null; then
		PORT=$((20000 + RANDOM % 10000))
		MINIO_ROOT_USER=tests MINIO_ROOT_PASSWORD=backend-secret-7 minio server --quiet \
			--address "127.0.0.1:$PORT" "$TRASH/s3" >"$TRASH/minio" 2>&1 &
		SERVER=$!
	fi
	mc alias set s3 "http://127.0.0.1:$PORT" tests backend-secret-7 >"$TRASH/mc.log" 2>&1
}

elsewhere() { # LINE...
	local locks=
	! has_locks || locks='use_lockfile: true,'
	module_manifest "backend: { type: s3, config: { bucket: states, key: shop, region: us-east-1, $locks
	        endpoints: { s3: \"http://127.0.0.1:$PORT\" }, use_path_style: true, skip_credentials_validation: true,
	        skip_requesting_account_id: true, skip_metadata_api_check: true, skip_region_validation: true } }" \
		'environment: { AWS_ACCESS_KEY_ID: tests, AWS_SECRET_ACCESS_KEY: "${var.backend}" }' "$@"
	sed -i 's/^  variables: {/& backend: { default: backend-secret-7, sensitive: true },/' .devenv/config.yml
}
holder() { mc cat s3/states/shop.tflock 2>/dev/null | jq -r .ID; }
hold() { # ID
	echo "{\"ID\":\"$1\",\"Operation\":\"OperationTypeApply\",\"Info\":\"\",\"Who\":\"carol@desk\",\"Version\":\"1.11.4\",\"Created\":\"2026-01-02T03:04:05Z\",\"Path\":\"states/shop\"}" |
		mc pipe s3/states/shop.tflock >"$TRASH/out"
}
let_go() { mc rm s3/states/shop.tflock >"$TRASH/out"; }

test_a_bucket_holds_the_state() {
	minio_start
	state_elsewhere
	equal 'files with the password' '' "$(grep -rlF backend-secret-7 "$DEVENV_HOME" || true)"
}

test_an_object_that_a_death_left_as_a_lock_is_released() {
	minio_start
	if has_locks; then
		lock_of_a_death
		return
	fi
	thing
	elsewhere
	begin "create $PWD/a.txt" apply --yes
	kill_all
	expect 0 apply --yes
	equal a hello "$(cat a.txt)"
	no_changes --refresh=full
}

test_an_object_of_somebody_else_as_a_lock_is_left_alone() {
	has_locks || skip 'this OpenTofu keeps no locks there'
	minio_start
	lock_of_somebody_else
}

run_terraform_tests "$@"
