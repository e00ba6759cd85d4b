#!/bin/bash
# Secrets that are in a cluster already, and those that a registry asks for, against a real API.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/objects.sh
. "${BASH_SOURCE%/*}/../lib/objects.sh"

environment() { # NAMESPACE: the spec, from stdin
	{
		printf 'spec:\n  cluster: { kubeconfig: %s, namespace: %s }\n' "$API/kubeconfig" "$1"
		cat
	} | manifest
}
reader() {
	environment mine <<-'YML'
	  secrets:
	    - { name: db, type: existing, secret: credentials, namespace: theirs }
	    - { name: none, type: existing }
	  resources:
	    - { type: local_file, name: uses, path: uses, mode: "0600", content: "${secret.db.user} ${secret.db.password}\n" }
	    - { type: local_file, name: waits, path: waits, mode: "0600", content: "${secret.none.password}\n" }
	YML
}

test_a_secret_that_is_there_is_read_and_left_alone() {
	k create namespace theirs
	k -n theirs create secret generic credentials --from-literal=user=app --from-literal=password=hunter2hunter
	reader
	expect 0 plan
	has out 'kubernetes_secret.db will be created'
	expect 1 apply --yes
	has err 'there is no Secret none in the namespace mine'
	matches err 'local_file.waits.*blocked'
	same uses <<<'app hunter2hunter'
	k -n mine create secret generic none --from-literal=password=late2late
	apply
	same waits <<<late2late
	no_changes
	expect 0 secret list
	matches out '^db +existing +[0-9]+s ago +credentials +local_file.uses'
	matches out '^none +existing +[0-9]+s ago +the cluster +local_file.waits'
	! grep -rqE 'hunter2hunter|late2late' "$DEVENV_HOME" || fail 'it is stored in clear'

	# Another text goes on to who uses it; one that is gone takes nothing with it.
	k -n theirs create secret generic other --from-literal=user=app --from-literal=password=changed2changed
	k -n theirs patch secret credentials -p '{"stringData": {"password": "changed2changed"}}'
	expect 2 plan --detailed-exitcode
	lacks out changed2changed
	apply
	same uses <<<'app changed2changed'
	k -n theirs patch secret credentials -p '{"data": {"password": "gIE="}}'
	expect 0 plan
	has out '"password" in it is no text'
	k -n theirs delete secret credentials
	expect 0 plan
	has out 'there is no Secret credentials in the namespace theirs'
	same uses <<<'app changed2changed'

	k -n theirs create secret generic credentials --from-literal=user=app --from-literal=password=hunter2hunter
	expect 0 destroy --yes
	equal 'it is theirs' credentials "$(get secret credentials .metadata.name -n theirs)"
	no_rest
}

pods_have() { # THIS TO PULL IMAGES WITH
	[[ $(get pod -l=app.kubernetes.io/instance=api '.items[0].spec.imagePullSecrets' -n pulls 2>/dev/null) == "$1" ]]
}

test_what_pods_pull_images_with() {
	local pid
	environment pulls <<-'YML'
	  variables: { password: { default: 'hunter2"hunter', sensitive: true } }
	  secrets:
	    - { name: hub, type: docker-registry, data: { server: r.example.com, username: me, password: "${var.password}" } }
	    - { name: made, type: generated }
	    - { name: late, type: docker-registry, data: { server: l.example.com, username: me, password: "${secret.made.value}" } }
	  services:
	    - { name: api, image: r.example.com/api }
	YML
	"$DEVENV" apply --yes </dev/null >"$TRASH/out" 2>"$TRASH/err" & # nothing runs a pod here
	pid=$!
	wait_until 30 pods_have '[{"name":"hub"},{"name":"late"}]'
	kill -INT "$pid"
	! wait "$pid" || fail 'the apply came to its end'
	equal type kubernetes.io/dockerconfigjson "$(get secret hub .type -n pulls)"
	equal password 'hunter2"hunter' "$(get secret hub '.data.\.dockerconfigjson' -n pulls |
		base64 -d | jq -r '.auths["r.example.com"] | select(.username == "me").password')"
	matches <(get secret late '.data.\.dockerconfigjson' -n pulls | base64 -d |
		jq -r '.auths["l.example.com"].password') '^[A-Za-z0-9]{32}$'
	equal account '[{"name":"hub"},{"name":"late"}]' "$(get serviceaccount api .imagePullSecrets -n pulls)"
	lacks out hunter2
	! grep -rqF hunter2 "$DEVENV_HOME" || fail 'it is stored in clear'
	expect 0 destroy --yes --volumes
	absent namespace pulls
}

run_tests "$@"
