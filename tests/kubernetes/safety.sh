#!/bin/bash
# What a service on a cluster may, as a real API takes it and holds pods to it: limits, a quota, no rights,
# no token, who reaches whom, and a certificate of the environment's own. Policies are
# looked at as objects here, and by packets in policies.sh.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/objects.sh
. "${BASH_SOURCE%/*}/../lib/objects.sh"

# environment NAMESPACE ISOLATION [PODS]: nothing gets ready without nodes, so an apply ends with its time
environment() {
	manifest <<-YML
	spec:
	  defaults: { timeout: 3s }
	  cluster: { kubeconfig: $API/kubeconfig, namespace: $1, quota: { pods: "${3:-9}" }, limits: { defaultRequest: { cpu: 7m } } }
	  networking: { ingress: { domain: test, tls: self-signed, namespace: gateway }, isolation: $2 }
	  services:
	    - { name: db, image: "none:1", ports: ["5432"] }
	    - name: web
	      image: "none:1"
	      replicas: 2
	      user: "1000:1001"
	      ports: [ { name: http, port: 80, targetPort: 8080 } ]
	      dependencies: [ { name: db, type: soft } ]
	YML
	wait_until 60 tried
}
# All is there as far as it can be: on a slow machine that takes more than the time of one apply.
tried() { devenv apply --yes && [[ $STATUS == 1 ]] && grep -q 'kubernetes_manifest\.web: .*not ready' "$TRASH/err"; }
# A namespace takes longer to go than the time that is recorded: the next one finds it gone.
ends() { wait_until 60 destroyed; }
destroyed() { "$DEVENV" destroy --yes </dev/null >"$TRASH/out" 2>"$TRASH/err"; }
# A pod as the Deployment web would make it, sent to NAMESPACE without being kept.
pod_of() { # NAMESPACE OF THE SERVICE [NAMESPACE]
	kubectl --kubeconfig "$API/kubeconfig" -n "$1" get deployment web -o json |
		jq '{apiVersion: "v1", kind: "Pod", metadata: {name: "tried"}, spec: .spec.template.spec}' >"$TRASH/pod.json"
	kubectl --kubeconfig "$API/kubeconfig" -n "${2:-$1}" create --dry-run=server -o json -f "$TRASH/pod.json"
}
in_pod() { jq -r "$1" "$TRASH/pod"; }
# Names of the services that RULES of the policy let through, in their order.
peers() { # NAMESPACE SERVICE RULES
	kubectl --kubeconfig "$API/kubeconfig" -n "$1" get networkpolicy "$2" -o json |
		jq -r "[.spec.$3[]? | (.from // .to // [])[] | (.podSelector // .namespaceSelector).matchLabels | to_entries[].value] | join(\",\")"
}

test_a_pod_has_limits_no_rights_and_no_token() {
	environment safe default
	pod_of safe >"$TRASH/pod"
	equal 'a default of ours' 2 "$(in_pod '.spec.containers[0].resources.limits.cpu')"
	equal 'a request as said' 7m "$(in_pod '.spec.containers[0].resources.requests.cpu')"
	equal 'a token' null "$(in_pod '.spec.volumes')"
	equal account web "$(in_pod .spec.serviceAccountName)"
	equal 'of the account' false "$(get serviceaccount web .automountServiceAccountToken -n safe)"
	equal 'its user' 1000 "$(in_pod '.spec.containers[0].securityContext.runAsUser')"
	equal 'what may be away' 1 "$(get poddisruptionbudget web .spec.maxUnavailable -n safe)"
	absent poddisruptionbudget db -n safe

	# The strictest standard that Kubernetes has takes it.
	k create namespace restricted
	k label namespace restricted pod-security.kubernetes.io/enforce=restricted
	k -n restricted create serviceaccount web
	pod_of safe restricted >"$TRASH/pod"
	equal 'taken' tried "$(in_pod .metadata.name)"
	ends
	k delete namespace restricted
}

test_a_quota_holds() {
	environment scarce none 2
	wait_until 20 uses_quota
	! pod_of scarce >"$TRASH/pod" 2>"$TRASH/why" || fail 'a third pod was let in'
	has "$TRASH/why" 'exceeded quota: environment'
	absent networkpolicy web -n scarce
	ends
}
uses_quota() { [[ $(get resourcequota environment .status.used.pods -n scarce) == 2 ]]; }

test_who_reaches_whom_is_what_depends_on_it() {
	environment open default
	equal 'into the database' 'db,gateway,web' "$(peers open db ingress)"
	equal 'into the web' 'web,gateway' "$(peers open web ingress)"
	equal 'out of it' '["Ingress"]' "$(get networkpolicy web .spec.policyTypes -n open)"
	sed -i 's/isolation: default/isolation: strict/' .devenv/config.yml
	wait_until 60 tried
	equal 'into the database, strict' 'db,web' "$(peers open db ingress)"
	equal 'into the web, strict' 'web,gateway' "$(peers open web ingress)"
	equal 'out of the web' 'web,db' "$(peers open web egress)"
	equal 'out of the database' db "$(peers open db egress)"
	equal 'names, always' '53 53' "$(get networkpolicy db '.spec.egress[0].ports[*].port' -n open)"
	ends
}

test_the_certificate_is_a_secret_that_the_ingress_names() {
	environment named none
	equal type kubernetes.io/tls "$(get secret ingress-tls .type -n named)"
	equal 'whose it is' ingress-tls "$(get ingress web '.spec.tls[0].secretName' -n named)"
	get secret ingress-tls '.data.tls\.crt' -n named | base64 -d >"$TRASH/crt"
	openssl x509 -in "$TRASH/crt" -noout -ext subjectAltName >"$TRASH/hosts"
	has "$TRASH/hosts" DNS:web.test
	get secret ingress-tls '.data.tls\.key' -n named | base64 -d >"$TRASH/key"
	equal 'they belong together' "$(openssl x509 -in "$TRASH/crt" -noout -pubkey)" "$(openssl pkey -in "$TRASH/key" -pubout)"
	! grep -rqaF "$(sed -n 2p "$TRASH/key")" "$DEVENV_HOME" || fail 'the key is stored in clear'
	ends
	absent secret ingress-tls -n named
}

run_tests "$@"
