#!/bin/bash
# Following a git remote with containers that run: what touches none of them leaves them as they are.
# shellcheck source=tests/lib/sync.sh
. "${BASH_SOURCE%/*}/../lib/sync.sh"

BASE=devenv-test-sync:1

base_image() {
	need docker busybox
	docker version >/dev/null 2>&1 || skip "no Docker Engine answers"
	trap '[[ -z ${LOOP:-} ]] || kill "$LOOP" 2>/dev/null || true; "$DEVENV" -C "$(LIVE)" destroy --yes >/dev/null 2>&1' EXIT
	docker image inspect $BASE >/dev/null 2>&1 && return
	mkdir -p image/bin
	cp "$(command -v busybox)" image/bin/
	ln -s busybox image/bin/sleep
	tar -C image -c . | docker import - $BASE >/dev/null
}
# wants SECONDS: two containers, one of which mounts a folder of the repository.
wants() {
	mkdir -p repo/.devenv repo/data
	cat >repo/.devenv/config.yml <<-YML
	apiVersion: devenv/v1
	kind: Environment
	metadata: { name: test }
	spec:
	  resources:
	    - { type: docker_container, name: one, image: "$BASE", pull: never, command: [sleep, "$1"], stopSignal: SIGKILL }
	    - { type: docker_container, name: two, image: "$BASE", pull: never, command: [sleep, "600"], stopSignal: SIGKILL,
	        volumes: ["./data:/data"] }
	YML
}
containers() { # NAME: its id and when it was started
	docker inspect -f '{{.Id}} {{.State.StartedAt}}' \
		"$(docker ps -q --no-trunc --filter "label=dev.devenv.address=docker_container.$1" \
			--filter "label=dev.devenv.environment=$(recorded environment)")"
}
applied() { [[ $(recorded applied) == "$(head_of)" ]]; }

test_twenty_commits_to_a_readme_leave_every_container_as_it_is() {
	local i one two before
	base_image
	git init -q -b main repo
	wants 600
	echo 1 >repo/data/file
	commit first
	follow --branch main --interval 100ms
	wait_until 60 applied
	one=$(containers one) two=$(containers two) before=$(runs)
	for i in $(seq 20); do
		echo "$i" >>repo/README.md
		commit "readme $i"
		wait_until 60 applied
		equal result seen "$(recorded result)"
	done
	equal 'lines of the live folder' 20 "$(wc -l <"$(LIVE)/README.md")"
	equal 'the first' "$one" "$(containers one)"
	equal 'the second' "$two" "$(containers two)"
	equal runs "$before" "$(runs)"
	# And one that concerns one of them makes that anew, and that alone.
	wants 601
	commit other
	wait_until 60 applied
	[[ $(containers one) != "$one" ]] || fail 'it is the old one'
	equal 'the second' "$two" "$(containers two)"
	end_loop
}

run_tests "$@"
