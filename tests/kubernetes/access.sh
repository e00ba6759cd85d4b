#!/bin/bash
# Ways into a real API: tokens in the kubeconfig, in a file and from a plugin, and a proxy between. What opens
# the way stands nowhere else.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/kubernetes.sh
. "${BASH_SOURCE%/*}/../lib/kubernetes.sh"
# shellcheck source=tests/lib/certificates.sh
. "${BASH_SOURCE%/*}/../lib/certificates.sh"

api_tools

environment() { # VALUE
	manifest <<-YML
	spec:
	  resources:
	    - type: kubernetes_manifest
	      name: settings
	      cluster: { kubeconfig: way.yml }
	      manifest: { apiVersion: v1, kind: ConfigMap, metadata: { name: settings, namespace: default }, data: { a: "$1" } }
	YML
}
value() { kubectl get configmap settings -n default -o 'jsonpath={.data.a}'; }
applied() { # VALUE
	environment "$1"
	expect 0 apply --yes
	equal value "$1" "$(value)"
	no_changes
}

# An account that may do everything; its tokens end with it.
account() { # NAME
	kubectl -n default create serviceaccount "$1" >"$TRASH/k"
	kubectl create clusterrolebinding "$1" --clusterrole cluster-admin --serviceaccount "default:$1" >"$TRASH/k"
}
token() { kubectl -n default create token "$1" --duration 1h; }
server() { echo "https://127.0.0.1:$(cat "$TRASH/api/port")"; }
way() { # LINE OF THE USER...
	(umask 077 && kubeconfig_of "$TRASH/api" "$(server)" test "$@" >way.yml)
}
# Neither in what is said nor in what is kept: three of the token's parts would be enough to use it.
is_secret() { # TOKEN
	[[ ${#1} -gt 20 ]] || fail 'no token'
	if grep -rlF -- "$1" "$TRASH/out" "$TRASH/err" "$DEVENV_HOME"; then fail 'the token is in these files'; fi
}
refused() {
	environment refused
	devenv apply --yes
	matches "$1" 'Unauthorized|401'
	[[ $(value) != refused ]] || fail 'it got in'
}

test_a_token_opens_the_way() {
	local first second
	api_start
	account first && account second
	first=$(token first) second=$(token second)
	way "token: $first"
	applied 1
	is_secret "$first"

	# In a file it is read anew, also relative to the kubeconfig, and counts before one that stands there.
	(umask 077 && echo "$second" >token.txt)
	way 'tokenFile: token.txt'
	applied 2
	is_secret "$second"
	echo "$first.x" >token.txt # signed by nobody
	refused err
	is_secret "$first"
	echo "$first" >token.txt
	applied 3
	is_secret "$first"
	expect 0 destroy --yes
	! kubectl get configmap settings -n default >/dev/null 2>&1 || fail 'it is still there'
}

plugin() {
	cat >plugin <<-'SH'
	#!/bin/bash
	echo "$1 $WORD" >>"$PWD/runs"
	[[ -f given ]] || { echo 'log in first' >&2 && exit 3; }
	printf '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "%s"}}' "$(cat given)"
	SH
	chmod +x plugin
	way 'exec:' '  apiVersion: client.authentication.k8s.io/v1' '  command: ./plugin' '  args: [hello]' \
		'  env: [ { name: WORD, value: world } ]' '  interactiveMode: Never'
}

test_a_plugin_opens_the_way() {
	local first
	api_start
	account first
	first=$(token first)
	plugin
	(umask 077 && echo "$first" >given)
	applied 1
	is_secret "$first"
	has runs 'hello world'
	# Without what it needs the cluster cannot be seen: what it said is told, and nothing is lost.
	mv given kept
	expect 0 plan
	has out 'log in first'
	environment 2
	devenv apply --yes
	equal value 1 "$(value)"
	mv kept given
	applied 2
	# Who may not be used is not run.
	echo 'settings: { allowContexts: [other] }' >"$DEVENV_HOME/config.yml"
	rm runs
	devenv plan
	gone runs
	test_home
	expect 0 destroy --yes
}

# To a name that no other way leads to.
through() { # PROXY URL
	(umask 077 && kubeconfig "$TRASH/api" https://api.test:6443 admin |
		sed "s|^\( *\)server: .*|&\n\1tls-server-name: localhost\n\1proxy-url: $1|" >way.yml)
}
proxy() { # [USER:PASSWORD]
	: >proxy.log
	rm -f proxy.port
	"$KUBERNETES_LIB/../tools/connect-proxy" "$(cat "$TRASH/api/port")" proxy.log "$@" >proxy.port 2>"$TRASH/proxy" &
	PROXY=$!
	wait_until 20 test -s proxy.port
}

test_a_proxy_stands_between() {
	need python3
	api_start
	through http://127.0.0.1:1
	environment 1
	devenv apply --yes
	! kubectl get configmap settings -n default >/dev/null 2>&1 || fail 'there is another way'

	proxy
	through "http://127.0.0.1:$(cat proxy.port)"
	applied 1
	equal 'asked for' 'CONNECT api.test:6443 200' "$(sort -u proxy.log)"
	# The proxy is gone: what is there is unknown, not gone.
	kill "$PROXY" && wait "$PROXY" 2>/dev/null || true
	expect 0 plan
	has out 'cannot be seen'
	lacks out 'to add'
	equal value 1 "$(value)"

	# One that wants to know who asks.
	proxy somebody:sesame-opens
	through "http://somebody:wrong-sesame@127.0.0.1:$(cat proxy.port)"
	environment 2
	devenv apply --yes
	has proxy.log 407
	equal value 1 "$(value)"
	lacks out wrong-sesame
	lacks err wrong-sesame
	through "http://somebody:sesame-opens@127.0.0.1:$(cat proxy.port)"
	applied 2
	if grep -rlF sesame-opens "$TRASH/out" "$TRASH/err" "$DEVENV_HOME"; then fail 'the password is in these files'; fi
	expect 0 destroy --yes
	kill "$PROXY" && wait "$PROXY" 2>/dev/null || true
}

run_tests "$@"
