#!/bin/bash
# A cluster that others use, too: who writes into a namespace holds a Lease there, others wait for it, and
# what they have put there is not lost without a word.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/objects.sh
. "${BASH_SOURCE%/*}/../lib/objects.sh"

# The Lease of another home in NAMESPACE, which lasts SECONDS after it was last written.
held() { # NAMESPACE SECONDS
	k apply -f - <<-YML
	apiVersion: coordination.k8s.io/v1
	kind: Lease
	metadata: { name: devenv, namespace: $1 }
	spec: { holderIdentity: shop/theirs/elsewhere, leaseDurationSeconds: $2, renewTime: "$(date -u +%FT%T.%6NZ)" }
	YML
}
holder() { get lease devenv .spec.holderIdentity -n "$1" 2>/dev/null; }
is_ours() { [[ $(holder "$1") == test/* ]]; }

test_another_home_that_is_at_work_is_waited_for() {
	local pid
	: >"$TRASH/err"
	k create namespace turns
	held turns 3600
	config_map turns mine a 1 | several
	sed -i 's/name: one/&\n      namespace: turns/' .devenv/config.yml
	"$DEVENV" apply --yes --verbose </dev/null >"$TRASH/out" 2>"$TRASH/err" &
	pid=$!
	wait_until 20 grep -qF 'waiting for shop/theirs/elsewhere, who is at work in namespace turns' "$TRASH/err"
	absent configmap mine -n turns
	k -n turns delete lease devenv
	wait "$pid" || fail 'the apply failed'
	equal made 1 "$(get configmap mine .data.a -n turns)"
	absent lease devenv -n turns
	# Not for ever: the time of the node is the limit.
	held turns 3600
	printf '      timeout: 5s\n' >>.devenv/config.yml
	sed -i 's/a: "1"/a: "2"/' .devenv/config.yml
	expect 1 apply --yes
	has err 'shop/theirs/elsewhere is at work in namespace turns (Lease devenv): try again when it has ended'
	equal untouched 1 "$(get configmap mine .data.a -n turns)"
	# One that has died is not waited for longer than its Lease lasts.
	held turns 1
	sed -i 's/timeout: 5s/timeout: 60s/' .devenv/config.yml
	apply
	equal changed 2 "$(get configmap mine .data.a -n turns)"
	absent lease devenv -n turns
	expect 0 destroy --yes
	k delete namespace turns
}

# One resource takes long to go, the others are done: the Lease is there until the last of them.
test_it_is_held_for_as_long_as_anything_is_written() {
	local pid name
	k create namespace held
	{
		printf 'spec:\n  resources:\n'
		for name in a b c d; do
			printf '    - type: kubernetes_manifest\n      name: %s\n      namespace: held\n' "$name"
			printf '      cluster: { kubeconfig: %s }\n      manifest:\n' "$API/kubeconfig"
			printf '        { apiVersion: v1, kind: ConfigMap, metadata: { name: %s } }\n' "$name"
		done
	} | manifest
	sed -i 's|metadata: { name: d }|metadata: { name: d, finalizers: [example.dev/wait] }|' .devenv/config.yml
	apply
	absent lease devenv -n held
	"$DEVENV" destroy --yes </dev/null >"$TRASH/out" 2>"$TRASH/err" &
	pid=$!
	for name in a b c; do wait_until 20 gone_from_cluster "$name"; done
	is_ours held || fail "the Lease is that of \"$(holder held)\""
	k -n held patch configmap d --type merge -p '{"metadata": {"finalizers": null}}'
	wait "$pid" || fail 'the destroy failed'
	absent lease devenv -n held
	equal 'files' '' "$(find "$DEVENV_HOME" -path '*leases/*')"
	k delete namespace held
}
gone_from_cluster() { ! kubectl --kubeconfig "$API/kubeconfig" -n held get configmap "$1" >/dev/null 2>&1; }

# Killed while it holds it: the next run of the same home goes on at once.
is_written_again() { is_ours died && [[ $(get lease devenv .metadata.resourceVersion -n died) != "$1" ]]; }

test_a_run_that_died_does_not_wait_for_itself() {
	local pid version
	k create namespace died
	several <<-'YML'
	- { apiVersion: v1, kind: ConfigMap, metadata: { name: held, namespace: died, finalizers: [example.dev/wait] } }
	YML
	sed -i 's/name: one/&\n      namespace: died/' .devenv/config.yml
	apply
	"$DEVENV" destroy --yes </dev/null >"$TRASH/out" 2>"$TRASH/err" &
	pid=$!
	wait_until 20 is_ours died
	kill -9 "$pid"
	wait "$pid" 2>/dev/null || true
	is_ours died || fail 'a dead one took its Lease along'
	version=$(get lease devenv .metadata.resourceVersion -n died)
	"$DEVENV" destroy --yes --verbose </dev/null >"$TRASH/out" 2>"$TRASH/err" &
	pid=$!
	wait_until 20 is_written_again "$version"
	k -n died patch configmap held --type merge -p '{"metadata": {"finalizers": null}}'
	wait "$pid" || fail 'the destroy failed'
	lacks err 'who is at work' # it did not wait for itself
	absent lease devenv -n died
	k delete namespace died
}

definition() {
	cat <<-'YML'
	- apiVersion: apiextensions.k8s.io/v1
	  kind: CustomResourceDefinition
	  metadata: { name: hopes.example.dev }
	  spec:
	    group: example.dev
	    names: { kind: Hope, plural: hopes, singular: hope }
	    scope: Namespaced
	    versions:
	      - name: v1
	        served: true
	        storage: true
	        schema: { openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true } }
	YML
}
hope() { printf -- '- { apiVersion: example.dev/v1, kind: Hope, metadata: { name: %s, namespace: default } }\n' "$1"; }

test_what_others_have_of_a_kind_is_not_lost_with_its_definition() {
	{ config_map default beside a 1 && definition && hope ours; } | several
	apply
	# Only our own: nothing to ask.
	config_map default beside a 1 | several
	expect 0 plan
	lacks out lost
	hope theirs | sed 's/^- //' >theirs.yml
	k apply -f theirs.yml
	expect 0 plan
	has out 'the data of Hope.example.dev/default/theirs is lost'
	expect 3 apply --yes
	equal 'still there' theirs "$(get hope theirs .metadata.name)"
	{ config_map default beside a 1 && definition && hope ours; } | several
	no_changes
	expect 0 destroy --yes
	has out 'it holds data (Hope.example.dev/default/theirs) and is kept'
	equal 'still there' theirs "$(get hope theirs .metadata.name)"
	k delete hope theirs
	expect 0 destroy --yes
	absent crd hopes.example.dev
}

test_what_others_have_of_a_kind_is_not_lost_with_a_replace() {
	{ config_map default again a 1 && definition; } | several
	apply
	hope theirs | sed 's/^- //' >theirs.yml
	k apply -f theirs.yml
	no_changes
	expect 0 plan --replace kubernetes_manifest.one
	has out 'the data of Hope.example.dev/default/theirs is lost'
	expect 3 apply --yes --replace kubernetes_manifest.one
	equal 'still there' theirs "$(get hope theirs .metadata.name)"
	k delete hope theirs
	expect 0 destroy --yes
	absent crd hopes.example.dev
}

# A namespace of ours with objects of ours in two resources, one of which another tool has made something
# for; Kubernetes itself puts more into it.
ours_in() { # NAMESPACE
	{ namespace "$1" && config_map "$1" ours a 1 && deployment "$1" web 1 web; } | several
	cat >>.devenv/config.yml <<-YML
	    - type: kubernetes_manifest
	      name: two
	      cluster: { kubeconfig: $API/kubeconfig }
	      namespace: $1
	      dependsOn: [kubernetes_manifest.one]
	      manifest: { apiVersion: v1, kind: ConfigMap, metadata: { name: second }, data: { a: "1" } }
	YML
}
has_pod() { kubectl --kubeconfig "$API/kubeconfig" -n "$1" get pods -o name 2>/dev/null | grep -q web; }
owned() { # NAMESPACE: an object that belongs to one of ours
	k apply -f - <<-YML
	apiVersion: v1
	kind: Secret
	metadata:
	  name: made
	  namespace: $1
	  ownerReferences: [ { apiVersion: v1, kind: ConfigMap, name: ours, uid: $(get configmap ours .metadata.uid -n "$1") } ]
	YML
}

test_what_others_have_in_a_namespace_is_not_lost_with_it() {
	ours_in home
	apply
	wait_until 40 has_pod home
	owned home
	wait_until 40 in_namespace home configmap kube-root-ca.crt
	held home 3600 && k -n home delete lease devenv
	# Nothing but ours, what belongs to it, and what every namespace has: nothing to ask.
	no_changes
	expect 0 plan --replace kubernetes_manifest.one
	lacks out lost
	k -n home create configmap theirs --from-literal a=1
	uid=$(get configmap theirs .metadata.uid -n home)
	no_changes
	expect 0 plan --replace kubernetes_manifest.one
	has out 'the data of ConfigMap/home/theirs is lost'
	expect 3 apply --yes --replace kubernetes_manifest.one
	expect 0 destroy --yes
	has out 'it holds data (ConfigMap/home/theirs) and is kept'
	equal 'still there' "$uid" "$(get configmap theirs .metadata.uid -n home)"
	apply
	# Taken out of the manifest: held, and what else changes is not.
	{ config_map default beside a 1; } | several
	expect 0 plan
	has out 'the data of ConfigMap/home/theirs is lost'
	expect 3 apply --yes
	equal 'still there' "$uid" "$(get configmap theirs .metadata.uid -n home)"
	expect 0 apply --yes --allow-data-loss kubernetes_manifest.one
	absent namespace home
	expect 0 destroy --yes
}
in_namespace() { kubectl --kubeconfig "$API/kubeconfig" -n "$1" get "${@:2}" >/dev/null 2>&1; }

# The objects of a release are the release's: it is named once, and one of ours is not.
release() { # NAMESPACE NAME VERSION STATUS [LABEL]
	k apply -f - <<-YML
	apiVersion: v1
	kind: Secret
	metadata:
	  name: sh.helm.release.v1.$2.v$3
	  namespace: $1
	  labels: { owner: helm, name: $2, version: "$3", status: $4 }
	---
	apiVersion: v1
	kind: ConfigMap
	metadata: { name: of-$2, namespace: $1, labels: { app.kubernetes.io/managed-by: Helm } }
	YML
}

test_a_release_of_others_in_a_namespace_is_named_once() {
	{ namespace released && config_map released ours a 1; } | several
	apply
	release released shop 1 superseded
	expect 0 plan --replace kubernetes_manifest.one
	lacks out lost
	release released shop 2 deployed
	release released shop 3 failed
	expect 0 plan --replace kubernetes_manifest.one
	has out 'the data of release released/shop is lost'
	expect 0 destroy --yes --volumes
	absent namespace released
}

# A state that was lost knows no environment: its objects are those of another one, until they are taken. What
# the manifest no longer says is found by its label, which the plan names.
test_what_a_lost_state_left_is_taken_back_or_found_by_its_label() {
	local was uid
	k create namespace lost
	{ config_map lost wanted a 1 && config_map lost left a 1; } | several
	apply
	was=$(state_query 'SELECT id FROM environment')
	uid=$(get configmap wanted .metadata.uid -n lost)
	rm -r "$DEVENV_HOME"
	test_home
	config_map lost wanted a 1 | several
	expect 1 plan
	has err "of environment $was"
	expect 0 import --take-over kubernetes_manifest.one ConfigMap/lost/wanted
	apply
	no_changes
	equal 'the same one' "$uid" "$(get configmap wanted .metadata.uid -n lost)"
	expect 0 destroy --strays --yes
	equal 'not touched by itself' 1 "$(get configmap left .data.a -n lost)"
	k -n lost delete configmap -l "dev.devenv/environment=$was"
	absent configmap left -n lost
	equal 'what was taken bears another label' 1 "$(get configmap wanted .data.a -n lost)"
	expect 0 destroy --yes
	absent configmap wanted -n lost
	k delete namespace lost
}

test_what_cannot_be_seen_holds_nothing_else_back() {
	config_map default far a 1 | several
	sed "s|kubeconfig: $API/kubeconfig|kubeconfig: away.yml|" .devenv/config.yml >far
	near() { { cat far && printf '    - { type: kubernetes_manifest, name: near, cluster: { kubeconfig: %s }, manifest: { apiVersion: v1, kind: ConfigMap, metadata: { name: near }, data: { a: "%s" } } }\n    - { type: local_file, name: after, path: after.txt, content: "%s", dependsOn: [kubernetes_manifest.one] }\n' "$API/kubeconfig" "$1" "$1"; } >.devenv/config.yml; }
	cp "$API/kubeconfig" away.yml
	near 1
	apply
	sed "s|server: .*|server: https://127.0.0.1:1|" "$API/kubeconfig" >away.yml
	near 2
	expect 0 apply --yes
	has out 'kubernetes_manifest.one cannot be seen'
	has out '0 added, 2 changed, 0 destroyed'
	equal 'what is elsewhere' 2 "$(get configmap near .data.a)"
	equal 'what depends on it' 2 "$(cat after.txt)"
	equal 'nothing is lost' 3 "$(state_query 'SELECT count(*) FROM record')"
	expect 0 destroy --yes
	has out 'the delete is pending'
	equal 'nothing is forgotten' 1 "$(state_query 'SELECT count(*) FROM record')"
	cp "$API/kubeconfig" away.yml
	expect 0 destroy --yes
	absent configmap far
}

run_tests "$@"
