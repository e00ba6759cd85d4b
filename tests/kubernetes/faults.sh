#!/bin/bash
# What interrupts an apply of objects: deaths at its system calls, who may not do everything, another
# cluster, none at all. The next run goes on from there, and nothing is left over.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/objects.sh
. "${BASH_SOURCE%/*}/../lib/objects.sh"

three() { # NAME VALUE
	{ config_map default "$1-a" a "$2" && config_map default "$1-b" a "$2" && config_map default "$1-c" a "$2"; } | several
}
none_of() { # NAME
	local letter
	for letter in a b c; do absent configmap "$1-$letter"; done
}
# What goes out and what is put on disk: between these lies all that a dying run can leave.
die() { # MODE CALL VERB: false when it came to its end
	local status=0
	timeout 60 "$HARNESS_TOOLS/killat" "$1" "$2" --class net,sync -- "$DEVENV" "$3" --yes \
		--parallelism 1 </dev/null >"$TRASH/out" 2>"$TRASH/err" || status=$?
	((status == 137))
}
calls() { # VERB: how many there are
	"$HARNESS_TOOLS/killat" count --class net,sync --report "$TRASH/report" -- "$DEVENV" "$1" --yes \
		--parallelism 1 </dev/null >"$TRASH/out" 2>"$TRASH/err"
	grep -oE '[0-9]+' "$TRASH/report" | head -n 1
}
# Every STEP-th call, and one more to begin with that is another one each day.
sample() { # CALLS
	local step=${DEVENV_TEST_STEP:-$(($1 / 6 + 1))}
	seq $((1 + $(date +%j) % step)) "$step" "$1"
}

test_a_create_that_dies_is_finished() {
	three born 1
	local n all
	all=$(calls apply)
	((all > 10)) || fail "only $all calls"
	expect 0 destroy --yes
	for n in $(sample "$all"); do
		rm -rf "$DEVENV_HOME" .devenv/.local && test_home
		die kill-after "$n" apply || true
		apply
		equal "made after a death at call $n" 111 "$(get configmap born-a .data.a)$(get configmap born-b .data.a)$(get configmap born-c .data.a)"
		no_changes
		no_rest
		expect 0 destroy --yes
		none_of born
	done
}

test_an_update_that_dies_is_finished() {
	local n all
	three grow 1
	apply
	three grow 2
	all=$(calls apply)
	for n in $(sample "$all"); do
		three grow "$((n + 10))"
		die kill-before "$n" apply || true
		apply
		equal "changed after a death at call $n" "$((n + 10))" "$(get configmap grow-c .data.a)"
		no_changes
		no_rest
	done
	expect 0 destroy --yes
	none_of grow
}

test_a_destroy_that_dies_is_finished() {
	local n all
	three fall 1
	apply
	all=$(calls destroy)
	none_of fall
	for n in $(sample "$all"); do
		apply
		die kill-after "$n" destroy || true
		expect 0 destroy --yes
		none_of fall
		no_rest
	done
}

test_what_a_dead_update_made_goes_when_it_is_not_wanted_any_more() {
	config_map default left-a a 1 | several
	apply
	{ config_map default left-a a 1 && config_map default left-b a 1; } | several
	local n all
	all=$(calls apply) # makes it
	config_map default left-a a 1 | several
	apply
	absent configmap left-b
	for n in $(sample "$all"); do
		{ config_map default left-a a 1 && config_map default left-b a 1; } | several
		die kill-after "$n" apply || true
		config_map default left-a a 1 | several
		apply
		absent configmap left-b
		no_changes
	done
	expect 0 destroy --yes
	absent configmap left-a
}

test_an_api_that_is_away_makes_things_unknown_not_gone() {
	three away 1
	apply
	local pid
	pid=$(cat "$API/kube-apiserver.pid")
	kill -STOP "$pid" "$(cat "$API/etcd.pid")"
	sed "s|server: .*|server: https://127.0.0.1:1|" "$API/kubeconfig" >"$TRASH/nowhere"
	kill -CONT "$pid" "$(cat "$API/etcd.pid")"
	sed -i "s|kubeconfig: .* }|kubeconfig: $TRASH/nowhere }|" .devenv/config.yml
	expect 1 plan
	has err 'cannot be seen'
	has err '127.0.0.1:1'
	equal 'still recorded' 1 "$(state_query 'SELECT count(*) FROM record')"
	three away 1
	no_changes
	expect 0 destroy --yes
	none_of away
}

test_another_cluster_at_that_place_is_told() {
	three place 1
	apply
	"$KUBERNETES_LIB/apiserver.sh" start "$TRASH/second" >/dev/null
	trap '"$KUBERNETES_LIB/apiserver.sh" stop "$TRASH/second"' EXIT
	sed -i "s|kubeconfig: .* }|kubeconfig: $TRASH/second/kubeconfig }|" .devenv/config.yml
	expect 1 plan
	has err 'recorded on the cluster'
	has err 'now the cluster'
	# A file that merely moved leads to the same one.
	cp "$API/kubeconfig" moved
	three place 1
	sed -i "s|kubeconfig: .* }|kubeconfig: moved }|" .devenv/config.yml
	apply
	has out '0 added, 0 changed, 0 destroyed'
	no_changes
	expect 0 destroy --yes
	none_of place
}

test_the_ambient_configuration_is_never_used() {
	mkdir -p "$HOME/.kube"
	cp "$API/kubeconfig" "$HOME/.kube/config"
	three ambient 1
	sed -i "s|kubeconfig: .* }|kubeconfig: empty.yml }|" .devenv/config.yml
	echo '{apiVersion: v1, kind: Config, contexts: []}' >empty.yml
	KUBECONFIG=$API/kubeconfig expect 1 plan
	has err 'empty.yml has no contexts'
	kubectl --kubeconfig "$API/kubeconfig" config view --raw >two.yml
	kubectl --kubeconfig two.yml config set-context other --cluster x --user y >/dev/null
	sed -i "s|empty.yml|two.yml|" .devenv/config.yml
	expect 1 plan
	has err 'name one with cluster.context'
	none_of ambient
}

test_a_context_is_used_only_where_the_user_allows_it() {
	three allowed 1
	rm "$DEVENV_HOME/config.yml"
	expect 1 plan
	has err "is not one that you allow: add it to settings.allowContexts in ~/.devenv/config.yml"
	# Not even its plugin is run.
	sed "s|client-certificate-data: .*|exec: { apiVersion: client.authentication.k8s.io/v1, command: touch, args: [$TRASH/ran] }|; /client-key-data/d" \
		"$API/kubeconfig" >plugin.yml
	sed -i "s|kubeconfig: .* }|kubeconfig: plugin.yml }|" .devenv/config.yml
	expect 1 apply --yes
	gone "$TRASH/ran"
	three allowed 1
	echo 'settings: { allowContexts: [other, "dev?nv*"] }' >"$DEVENV_HOME/config.yml"
	kubectl --kubeconfig "$API/kubeconfig" config view --raw >named.yml
	kubectl --kubeconfig named.yml config rename-context "$(kubectl --kubeconfig named.yml config current-context)" devenv-test >/dev/null
	sed -i "s|kubeconfig: .* }|kubeconfig: named.yml }|" .devenv/config.yml
	apply
	# What was allowed once is not for ever: nothing is done there, and nothing is forgotten.
	rm "$DEVENV_HOME/config.yml"
	expect 0 destroy --yes
	has out 'is not one that you allow'
	has out 'the delete is pending'
	mv .devenv/config.yml away
	expect 0 destroy --yes
	has out 'is not one that you allow'
	test_home
	expect 0 destroy --yes
	none_of allowed
}

# The kubeconfig of the administrator, with lines of its own.
leads() { sed "$1" "$API/kubeconfig" >ways.yml; } # SED-SCRIPT
unseen() { # [TEXT]
	expect 0 plan
	has out 'cannot be seen'
	[[ -z ${1:-} ]] || has out "$1"
}

test_the_ways_into_a_cluster() {
	local port
	port=$(cat "$API/port")
	three ways 1
	sed -i "s|kubeconfig: .* }|kubeconfig: ways.yml }|" .devenv/config.yml
	leads ''
	apply
	# The name in the certificate is another one than the address.
	leads 's|^\( *\)server: .*|&\n\1tls-server-name: localhost|'
	no_changes
	leads 's|^\( *\)server: .*|&\n\1tls-server-name: elsewhere.example|'
	unseen
	# Only its own authority is believed, unless nobody is to be checked.
	certificate_of_others
	leads "s|certificate-authority-data: .*|certificate-authority: others.crt|"
	unseen
	leads 's|certificate-authority-data: .*|insecure-skip-tls-verify: true|'
	no_changes
	leads 's|^\( *\)server: .*|&\n\1proxy-url: http://127.0.0.1:1|'
	unseen 127.0.0.1:1
	# A plugin that gives what the file had.
	sed -n 's/.*client-certificate-data: //p' "$API/kubeconfig" | base64 -d >admin.crt
	sed -n 's/.*client-key-data: //p' "$API/kubeconfig" | base64 -d >admin.key
	jq -n --rawfile cert admin.crt --rawfile key admin.key \
		'{status: {clientCertificateData: $cert, clientKeyData: $key}}' >credential.json
	leads 's|client-certificate-data: .*|exec: { apiVersion: client.authentication.k8s.io/v1, command: cat, args: [credential.json] }|; /client-key-data/d'
	no_changes
	leads 's|client-certificate-data: .*|client-certificate: admin.crt|; s|client-key-data: .*|client-key: admin.key|'
	no_changes
	leads "s|127.0.0.1:$port|127.0.0.1:$port/|"
	expect 0 destroy --yes
	none_of ways
}
certificate_of_others() {
	openssl req -x509 -newkey rsa:2048 -nodes -keyout others.key -out others.crt -subj /CN=others -days 1 2>/dev/null
}

# Who may do everything with ConfigMaps in `narrow` and nothing else, but must be able to tell the cluster.
narrow() {
	{
		printf 'spec:\n  resources:\n    - type: kubernetes_manifest\n      name: one\n      manifest:\n'
		printf '      cluster: { kubeconfig: %s }\n' "$API/narrow.kubeconfig" >cluster
		{ config_map narrow n-a a "$1" && config_map narrow n-b a "$1"; } | sed 's/^/        /'
		cat cluster
	} | manifest
}

test_a_narrow_user_is_told_what_it_takes_and_can_work_with_that() {
	narrow 1
	expect 1 plan
	has err 'needs `get` on the namespace kube-system'
	k apply -f - <<-'YML'
	apiVersion: rbac.authorization.k8s.io/v1
	kind: ClusterRole
	metadata: { name: tell-cluster }
	rules: [ { apiGroups: [""], resources: [namespaces], resourceNames: [kube-system], verbs: [get] } ]
	---
	apiVersion: rbac.authorization.k8s.io/v1
	kind: ClusterRoleBinding
	metadata: { name: tell-cluster }
	roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: tell-cluster }
	subjects: [ { apiGroup: rbac.authorization.k8s.io, kind: User, name: narrow } ]
	YML
	apply
	no_changes
	narrow 2
	apply
	equal changed 2 "$(get configmap n-b .data.a -n narrow)"
	no_changes
	k -n narrow patch configmap n-a --type merge -p '{"data": {"a": "9"}}'
	expect 2 plan --detailed-exitcode
	expect 0 destroy --yes
	absent -n narrow configmap n-a
	k delete clusterrole/tell-cluster clusterrolebinding/tell-cluster
}

test_what_is_not_ready_in_time_says_why() {
	deployment default slow 1 slow | several
	apply
	wait_until 20 is_unavailable
	sed -i 's/type: running/type: health, failureThreshold: 1/; s/name: slow,/name: slow, labels: { again: "1" },/' .devenv/config.yml
	expect 1 apply --yes
	has err 'Deployment.apps/default/slow: 0 of 1 pods are available'
	k delete deployment slow
	expect 0 destroy --yes
}

is_unavailable() { [[ $(get deployment slow .status.unavailableReplicas) == 1 ]]; }

# A probe would come too late: what happens is seen when it happens.
test_readiness_is_watched() {
	local pid begin=$SECONDS
	: >"$TRASH/err"
	several <<-'YML'
	- apiVersion: v1
	  kind: Pod
	  metadata: { name: watched, namespace: default }
	  spec: { containers: [ { name: main, image: "none:1" } ] }
	YML
	sed -i 's/type: running/type: health, periodSeconds: 240/' .devenv/config.yml
	"$DEVENV" apply --yes --verbose </dev/null >"$TRASH/out" 2>"$TRASH/err" &
	pid=$!
	wait_until 20 grep -qF 'Pod/default/watched: the pod is Pending' "$TRASH/err"
	k patch pod watched --subresource status --type merge -p '{"status": {"phase": "Running"}}'
	wait_until 20 grep -qF 'Pod/default/watched: the pod is Running' "$TRASH/err"
	k patch pod watched --subresource status --type merge -p '{"status": {
		"conditions": [{"type": "Ready", "status": "True"}]}}'
	wait "$pid" || fail 'the apply failed'
	((SECONDS - begin < 180)) || fail 'it was polled'
	# Who waits can be interrupted.
	sed -i 's/name: watched,/name: watched, labels: { again: "1" },/' .devenv/config.yml
	k patch pod watched --subresource status --type merge -p '{"status": {"conditions": [{"type": "Ready", "status": "False"}]}}'
	: >"$TRASH/err"
	"$DEVENV" apply --yes --verbose </dev/null >"$TRASH/out" 2>"$TRASH/err" &
	pid=$!
	wait_until 20 grep -qF 'Pod/default/watched: the pod is Running' "$TRASH/err"
	begin=$SECONDS
	kill -INT "$pid"
	! wait "$pid" || fail 'the apply came to its end'
	((SECONDS - begin < 120)) || fail 'it went on waiting'
	has err 'cancelled while waiting until it is ready'
	k delete pod watched --force --grace-period 0
	expect 0 destroy --yes
}

test_why_it_is_not_ready_comes_from_pods_and_events() {
	cat >pod.yml <<-'YML'
	- apiVersion: v1
	  kind: Pod
	  metadata: { name: crashes, namespace: default }
	  spec: { containers: [ { name: main, image: "none:1" } ] }
	YML
	several <pod.yml
	apply
	k patch pod crashes --subresource status --type merge -p '{"status": {"phase": "Running",
		"containerStatuses": [{"name": "main", "image": "none:1", "imageID": "", "ready": false,
		"restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
		"lastState": {"terminated": {"exitCode": 3, "reason": "Error"}}}]}}'
	sed -i 's/type: running/type: health, failureThreshold: 1/' .devenv/config.yml
	expect 0 taint kubernetes_manifest.one
	expect 0 untaint kubernetes_manifest.one
	sed -i 's/name: crashes,/name: crashes, labels: { again: "1" },/' .devenv/config.yml
	expect 1 apply --yes
	has err 'container main of pod crashes crashes again and again (exit status 3, 4 restarts)'
	k patch pod crashes --subresource status --type merge -p '{"status": {"containerStatuses": [{"name": "main",
		"image": "none:1", "imageID": "", "ready": false, "restartCount": 0,
		"state": {"waiting": {"reason": "InvalidImageName", "message": "bad name"}}}]}}'
	expect 1 apply --yes
	has err 'container main of pod crashes: InvalidImageName: bad name'
	k patch pod crashes --subresource status --type merge -p '{"status": {"containerStatuses": []}}'
	k create -f - <<-'YML'
	apiVersion: v1
	kind: Event
	metadata: { name: crashes.1, namespace: default }
	involvedObject: { kind: Pod, name: crashes, namespace: default }
	type: Warning
	reason: FailedScheduling
	message: 0/0 nodes are available
	lastTimestamp: "2026-01-01T00:00:00Z"
	YML
	expect 1 apply --yes
	has err 'FailedScheduling: 0/0 nodes are available'
	k patch pod crashes --subresource status --type merge -p '{"status": {"phase": "Running",
		"conditions": [{"type": "Ready", "status": "True"}]}}'
	apply
	no_changes
	# There is no kubelet that would end it.
	k delete pod crashes --force --grace-period 0
	expect 0 destroy --yes
}

run_tests "$@"
