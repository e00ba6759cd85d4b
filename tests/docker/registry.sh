#!/bin/bash
# An image that is built here, in a real registry: pushed when its content changes, and again when the
# registry has lost it.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/shop.sh
. "${BASH_SOURCE%/*}/../lib/shop.sh"

# Debian's docker-registry; `more` is YAML.
registry_start() {
	printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s/store}}\nhttp: {addr: "127.0.0.1:%s"}\n%s\n' \
		"$TRASH" "$PORT" "${1:-}" >"$TRASH/registry.yml"
	docker-registry serve "$TRASH/registry.yml" >"$TRASH/registry.log" 2>&1 &
	REGISTRY=$!
	wait_until 20 listens
}
registry_stop() { kill "$REGISTRY" && wait "$REGISTRY" || true; }
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; }

place() {
	need docker busybox sqlite3 docker-registry curl
	docker version >/dev/null 2>&1 || skip "no Docker Engine answers"
	shop_image
	PORT=$(free_port)
	trap 'trap - ERR; set +e; kill "$REGISTRY" 2>/dev/null; shop_clear' EXIT
	mkdir app
	printf 'FROM %s\nCOPY text /text\n' "$SHOP_IMAGE" >app/Dockerfile
}
# environment CONTENT: built and pushed
environment() {
	echo "$1" >app/text
	manifest <<-YML
	spec:
	  resources:
	    - { type: docker_image, name: app, build: { context: app } }
	    - type: docker_registry_image
	      name: app
	      image: "\${docker_image.app.id}"
	      repository: 127.0.0.1:$PORT/team/app
	      pullRepository: store:5000/team/app
	  outputs:
	    name: { value: "\${docker_registry_image.app.name}" }
	    tag: { value: "\${docker_registry_image.app.repository}:\${docker_registry_image.app.tag}" }
	YML
}
digest() { "$DEVENV" outputs name | sed 's/.*@//'; }
# Is that digest in the registry?
has_digest() { [[ $(manifest_status "$1") == 200 ]]; }
manifest_status() {
	curl -s -o /dev/null -w '%{http_code}' -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' \
		-H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://127.0.0.1:$PORT/v2/team/app/manifests/$1"
}

test_what_is_built_is_pushed_by_its_content() {
	place
	registry_start
	environment one
	expect 0 apply --yes
	no_changes
	local first
	first=$(digest)
	"$DEVENV" outputs name >"$TRASH/name"
	matches "$TRASH/name" '^store:5000/team/app@sha256:[0-9a-f]{64}$'
	has_digest "$first" || fail 'it is not in the registry'
	has_digest "$("$DEVENV" outputs tag | sed 's/.*://')" || fail 'its tag is not in the registry'
	equal 'tags on the engine' '' "$(docker image ls -q "127.0.0.1:$PORT/team/app")"

	environment two
	expect 0 apply --yes
	[[ $(digest) != "$first" ]] || fail 'another content has the same name'
	has_digest "$(digest)" || fail 'the second is not in the registry'
	no_changes

	# A registry whose images went with it.
	registry_stop
	rm -r "$TRASH/store"
	registry_start
	expect 2 plan --detailed-exitcode
	has out 'the registry does not have it'
	expect 0 apply --yes
	has_digest "$(digest)" || fail 'it was not pushed again'
	no_changes

	# One that does not answer is believed.
	registry_stop
	no_changes
	expect 0 destroy --yes
	no_rest
}

test_who_may_push_is_known_from_docker_login() {
	place
	# s3cret-pass
	echo 'user:$2b$05$abcdefghijklmnopqrstuuV7fpPozvyqJfnY19y0802WTlXUm6Rjy' >"$TRASH/accounts"
	registry_start "auth: {htpasswd: {realm: test, path: $TRASH/accounts}}"
	mkdir "$TRASH/docker"
	echo '{}' >"$TRASH/docker/config.json"
	export DOCKER_CONFIG=$TRASH/docker
	environment one
	expect 1 apply --yes
	has err "try \`docker login 127.0.0.1:$PORT\`"
	equal 'tags on the engine' '' "$(docker image ls -q "127.0.0.1:$PORT/team/app")"
	printf '{"auths": {"127.0.0.1:%s": {"auth": "%s"}}}' "$PORT" "$(printf user:s3cret-pass | base64)" \
		>"$TRASH/docker/config.json"
	expect 0 apply --yes
	# It is not asked without an account: what it says then says nothing about the image.
	no_changes
	registry_stop
	expect 0 destroy --yes
	no_rest
}

run_tests "$@"
