#!/bin/bash
# A database of the catalogue, the real program: its password is made once, its URL holds inside and
# outside, its data outlives the container.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

environment() { # VALUE
	manifest <<-YML
	spec:
	  services:
	    - { name: cache, type: redis, build: ./redis, stopGracePeriod: 2s }
	    - name: fill
	      type: job
	      build: ./redis
	      command: [sh, -c, 'test "\$(redis-cli --no-auth-warning -u "\$URL" set key "$1")" = OK']
	      env: { URL: "\${service.cache.url}" }
	  outputs:
	    url: { value: "\${service.cache.external.url}", sensitive: true }
	YML
}
cli() { redis-cli --no-auth-warning -u "$("$DEVENV" outputs --reveal url)" "$@"; }

test_redis_is_a_word() {
	need docker busybox redis-cli redis-check-rdb
	docker version >/dev/null 2>&1 || skip "no Docker Engine answers"
	"$HARNESS_SOURCE/tests/tools/redis-context" redis
	trap '"$DEVENV" destroy --yes --volumes >/dev/null 2>&1' EXIT
	local url container
	environment first
	expect 0 apply --yes
	no_changes
	url=$("$DEVENV" outputs --reveal url)
	[[ $url =~ ^redis://default:[A-Za-z0-9]{32}@127\.0\.0\.1:[0-9]+$ ]] || fail "it is no URL: $url"
	equal value first "$(cli get key)"
	equal 'who has no password' 'NOAUTH Authentication required.' \
		"$(redis-cli -u "redis://127.0.0.1:${url##*:}" get key 2>&1)"
	container=$(docker ps -q --filter "publish=${url##*:}")
	docker top "$container" -eo pid,args >"$TRASH/arguments"
	has "$TRASH/arguments" redis-server
	lacks "$TRASH/arguments" "$(sed 's/.*:\([^@]*\)@.*/\1/' <<<"$url")"

	# The same password and the same data in another container, also after a destroy.
	expect 0 apply --yes --replace docker_container.cache
	equal value first "$(cli get key)"
	expect 0 destroy --yes
	environment second
	expect 0 apply --yes
	equal password "$(cut -d@ -f1 <<<"$url")" "$(cut -d@ -f1 <<<"$("$DEVENV" outputs --reveal url)")"
	equal value second "$(cli get key)"
	expect 0 destroy --yes --volumes
	no_rest
}

run_tests "$@"
