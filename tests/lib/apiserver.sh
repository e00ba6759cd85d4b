#!/bin/bash
# A Kubernetes API of the tests' own on loopback, without nodes: etcd and kube-apiserver, and the
# controllers when asked for. Everything lies below DIR. Needs no root.
#
#   apiserver.sh start DIR [--controllers]   prints the administrator's kubeconfig, DIR/kubeconfig
#   apiserver.sh stop DIR                    ends it and removes DIR
#
# DIR/narrow.kubeconfig   a user with a token who may do everything with ConfigMaps in the namespace
#                         `narrow`, and nothing else
# DIR/kube-apiserver.pid  also etcd.pid, kube-controller-manager.pid: for tests that kill
# DIR/*.log               what each says
#
# Started again on a DIR whose programs were killed, it has the same objects on the same port. Pods
# stay pending. Without controllers nothing reacts to objects: a namespace that is deleted stays, nothing
# is garbage collected, and a Pod needs no ServiceAccount.
set -euo pipefail

LIB=$(cd "${BASH_SOURCE[0]%/*}" && pwd)
# shellcheck source=tests/lib/certificates.sh
. "$LIB/certificates.sh"
# shellcheck source=tests/lib/ports.sh
. "$LIB/ports.sh"

say() { echo "apiserver.sh: $*" >&2; }

# Alive, and one of this folder's: numbers are used again.
alive() { # DIR PROGRAM
	local pid
	pid=$(cat "$1/$2.pid" 2>/dev/null) && tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF "$1/"
}

run() { # DIR PROGRAM PATH ARGUMENT...
	local dir=$1 name=$2
	shift 2
	alive "$dir" "$name" && return
	# A session of its own: a Ctrl-C on the tests must not end it before their clean-up did.
	(cd "$dir" && exec setsid "$@" >>"$dir/$name.log" 2>&1 </dev/null 9>&-) &
	echo $! >"$dir/$name.pid"
}

identities() { # DIR
	local dir=$1 server token
	[[ -f $dir/kubeconfig ]] && return
	free_port >"$dir/port"
	server=https://127.0.0.1:$(cat "$dir/port")
	token=$(openssl rand -hex 16)
	certificate_authority "$dir"
	certificate "$dir" server kube-apiserver '' IP:127.0.0.1,DNS:localhost
	certificate "$dir" admin admin system:masters
	certificate "$dir" controllers system:kube-controller-manager
	new_key "$dir/accounts.key"
	echo "$token,narrow,narrow" >"$dir/tokens.csv"
	kubeconfig "$dir" "$server" controllers >"$dir/controllers.kubeconfig"
	kubeconfig_token "$dir" "$server" narrow "$token" >"$dir/narrow.kubeconfig"
	kubeconfig "$dir" "$server" admin >"$dir/kubeconfig"
}

etcd_run() { # DIR PROGRAM
	# Etcd 3.4 takes a socket's name for HOST:PORT, puts it into its working folder, and does not
	# start when it is there already.
	alive "$1" etcd || rm -f "$1/etcd:0" "$1/peer:0"
	run "$1" etcd "$2" --data-dir "$1/etcd" --unsafe-no-fsync --log-level error \
		--listen-client-urls unix://etcd:0 --advertise-client-urls unix://etcd:0 \
		--listen-peer-urls unix://peer:0
}

apiserver_run() { # DIR PROGRAM [ARGUMENT...]
	local dir=$1 program=$2
	shift 2
	run "$dir" kube-apiserver "$program" --bind-address 127.0.0.1 --secure-port "$(cat "$dir/port")" \
		--etcd-servers "unix://$dir/etcd:0" --authorization-mode RBAC --allow-privileged \
		--client-ca-file "$dir/ca.crt" --token-auth-file "$dir/tokens.csv" \
		--tls-cert-file "$dir/server.crt" --tls-private-key-file "$dir/server.key" \
		--service-account-issuer https://kubernetes.default.svc \
		--service-account-key-file "$dir/accounts.key" \
		--service-account-signing-key-file "$dir/accounts.key" \
		--service-cluster-ip-range 10.43.0.0/16 --endpoint-reconciler-type none "$@"
}

controllers_run() { # DIR PROGRAM
	# As many calls as it likes: each controller has an account of its own to make, which takes seconds.
	run "$1" kube-controller-manager "$2" --secure-port 0 --leader-elect=false \
		--kubeconfig "$1/controllers.kubeconfig" --use-service-account-credentials \
		--kube-api-qps 500 --kube-api-burst 500 \
		--root-ca-file "$1/ca.crt" --service-account-private-key-file "$1/accounts.key" \
		--cluster-signing-cert-file "$1/ca.crt" --cluster-signing-key-file "$1/ca.key"
}

api() { # DIR PATH [CURL ARGUMENT...]
	local dir=$1 path=$2
	shift 2
	curl -sf --max-time 20 --cacert "$dir/ca.crt" --cert "$dir/admin.crt" --key "$dir/admin.key" "$@" \
		"https://127.0.0.1:$(cat "$dir/port")$path" 2>/dev/null
}

create() { # DIR PATH JSON
	local name
	name=$(jq -r .metadata.name <<<"$3")
	api "$1" "$2/$name" >/dev/null || api "$1" "$2" -H 'Content-Type: application/json' -d "$3" >/dev/null
}

narrow_user() { # DIR
	local rbac=/apis/rbac.authorization.k8s.io/v1/namespaces/narrow
	create "$1" /api/v1/namespaces '{"metadata": {"name": "narrow"}}'
	create "$1" $rbac/roles '{"metadata": {"name": "narrow"},
		"rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]}]}'
	create "$1" $rbac/rolebindings '{"metadata": {"name": "narrow"},
		"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "narrow"},
		"subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "narrow"}]}'
}

# Whether it ended is asked of its number, not of its name: until exec it has that of this script.
wait_for() { # DIR PROGRAM COMMAND...
	local dir=$1 program=$2 try
	shift 2
	for ((try = 0; try < 600; try++)); do
		"$@" >/dev/null && return
		kill -0 "$(cat "$dir/$program.pid")" 2>/dev/null || break
		sleep 0.1
	done
	say "no $program after $((try / 10)) s; the end of $dir/$program.log:"
	tail -n 20 "$dir/$program.log" >&2
	return 1
}

start() { # DIR [--controllers]
	local dir=$1 controllers=${2:-} bin etcd
	local -a less=()
	if [[ -n $controllers ]]; then
		bin=$("$LIB/../tools/build-kubernetes" kube-apiserver kube-controller-manager)
	else
		bin=$("$LIB/../tools/build-kubernetes" kube-apiserver)
		less=(--disable-admission-plugins ServiceAccount)
	fi
	etcd=$("$LIB/../tools/build-etcd")
	umask 077
	mkdir -p "$dir"
	dir=$(cd "$dir" && pwd)
	identities "$dir"
	etcd_run "$dir" "$etcd"
	apiserver_run "$dir" "$bin/kube-apiserver" "${less[@]}"
	wait_for "$dir" kube-apiserver api "$dir" /readyz || { stop "$dir" && return 1; }
	narrow_user "$dir"
	if [[ -n $controllers ]]; then
		controllers_run "$dir" "$bin/kube-controller-manager"
		wait_for "$dir" kube-controller-manager api "$dir" /api/v1/namespaces/default/serviceaccounts/default ||
			{ stop "$dir" && return 1; }
	fi
	echo "$dir/kubeconfig"
}

stop() { # DIR
	local dir=$1 program pid
	[[ -d $dir ]] || return 0
	dir=$(cd "$dir" && pwd)
	for program in kube-controller-manager kube-apiserver etcd; do
		alive "$dir" "$program" || continue
		pid=$(cat "$dir/$program.pid")
		# Nothing of it is kept, so nobody waits for a farewell.
		kill -9 "$pid" 2>/dev/null || true
		while alive "$dir" "$program"; do sleep 0.02; done
	done
	rm -rf "$dir"
}

case ${1:-}/$#/${3:-} in
start/2/ | start/3/--controllers) start "$2" "${3:-}" ;;
stop/2/) stop "$2" ;;
*) sed -n '2,18s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
