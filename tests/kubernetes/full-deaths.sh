#!/bin/bash
# examples/full and SIGKILL: once inside each of its children (k3d, terraform, helm), and at the boundaries of
# the journal, one run after the other until one comes to its end. Then it is as if nothing had been: the
# next plan is empty, everything works, and a destroy that died too leaves nothing. With --full, every boundary
# of an apply from nothing has an environment of its own.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/kubernetes.sh
. "${BASH_SOURCE%/*}/../lib/kubernetes.sh"
# shellcheck source=tests/lib/full.sh
. "${BASH_SOURCE%/*}/../lib/full.sh"

full_tools

# A child that dies when it is told to: `die-NAME` holds the verb that it dies in, the moment (a command that
# says when it has come), and who else dies: its parent, or nobody.
mortal() { # NAME
	local real
	real=$(readlink -f "$(command -v "$1")")
	rm -f "$TRASH/bin/$1"
	cat >"$TRASH/bin/$1" <<-SH
	#!/bin/bash
	if [[ -f $TRASH/die-$1 && " \$* " == *" \$(sed -n 1p $TRASH/die-$1) "* ]]; then
		moment=\$(sed -n 2p $TRASH/die-$1) who=\$(sed -n 3p $TRASH/die-$1)
		rm $TRASH/die-$1
		[[ \$who != parent ]] || kill -9 \$PPID
		"$real" "\$@" <&0 &
		for ((try = 0; try < 600; try++)); do
			eval "\$moment" && break
			kill -0 \$! 2>/dev/null || break
			sleep 0.02
		done
		kill -9 \$! 2>/dev/null
		kill -9 \$\$
	fi
	exec "$real" "\$@"
	SH
	chmod +x "$TRASH/bin/$1"
}
dies() { printf '%s\n' "$2" "$3" "${4:-nobody}" >"$TRASH/die-$1"; }
died() { [[ ! -e $TRASH/die-$1 ]] || fail "$1 was not run"; }

in_cluster() { kubectl --kubeconfig "$(full_kubeconfig)" -n my-project "$@"; }

# The proxy hears a moment later which pods there are.
reaches_all() {
	in_cluster get --raw /api/v1/namespaces/my-project/services/api:http/proxy/cgi-bin/about >"$TRASH/about" 2>&1 &&
		contains "$TRASH/about" 'database yes' && contains "$TRASH/about" 'mail yes'
}

# One apply at the most, and it is as it should be.
converges() {
	expect 0 apply --yes
	no_changes
	equal 'pods of the api' 2 "$(in_cluster get deployment api -o 'jsonpath={.status.readyReplicas}')"
	wait_until 30 reaches_all
	equal 'releases that hang' '' "$(in_cluster get secret -l 'owner=helm,status notin (deployed,superseded)' -o name)"
	equal 'jobs' 1 "$(in_cluster get job -o name | grep -c .)"
	# Three nodes, load balancer, registry; and of ours the mail.
	equal containers 5 "$(docker ps -a --format '{{.Names}}' | grep -cF -- "$FULL_NAME")"
	equal networks '' "$(docker network ls --format '{{.Name}}' | grep -F -- "k3d-$FULL_NAME" || true)"
	no_rest
}
gone_at_last() {
	expect 0 destroy --yes --volumes
	equal remains '' "$(full_remains)"
	no_rest
}

# boundary MODE N COMMAND...: dies at the N-th sync of the state; true when it was that far from the end.
boundary() {
	local mode=$1 n=$2
	shift 2
	STATUS=0
	"$HARNESS_TOOLS/killat" "$mode" "$n" --class sync --path state.db --tree -- "$DEVENV" "$@" \
		</dev/null >"$TRASH/out" 2>"$TRASH/err" || STATUS=$?
	[[ $STATUS == 137 ]]
}

test_whoever_dies_the_next_apply_ends_it() {
	local n=2 mode=kill-after runs=0
	full_place
	mortal k3d
	mortal terraform
	mortal helm
	dies terraform apply true
	dies k3d 'cluster create' "docker ps --format '{{.Names}}' | grep -q k3d-$FULL_NAME-server-0"
	devenv apply --yes
	died terraform
	died k3d
	dies k3d 'cluster create' "docker ps -a --format '{{.Names}}' | grep -q k3d-$FULL_NAME-agent-0" parent
	devenv apply --yes
	equal status 137 "$STATUS"
	dies helm install "kubectl --kubeconfig \$(find '$DEVENV_HOME' -name kubeconfig.yaml) -n my-project get secret -l owner=helm,status=pending-install -o name 2>/dev/null | grep -q ." parent
	devenv apply --yes
	[[ ! -e $TRASH/die-helm ]] || fail 'helm was not run'
	# At every other boundary of what is left to do; the run that is not killed has come to its end.
	while boundary "$mode" "$n" apply --yes; do
		((++runs < 30)) || fail 'it does not come to an end'
		[[ $mode == kill-after ]] && mode=kill-before n=3 || { mode=kill-after n=2; }
	done
	echo "# died at $runs boundaries of the journal"
	converges
	# Down, dying: in k3d, and at boundaries.
	dies k3d 'cluster delete' "! docker ps --format '{{.Names}}' | grep -q k3d-$FULL_NAME-agent-1" parent
	devenv destroy --yes --volumes
	died k3d
	for n in 1 2 3 2; do
		boundary kill-after "$n" destroy --yes --volumes || break
	done
	gone_at_last
}

test_exhaustively_at_every_boundary_of_an_apply_from_nothing() {
	local n mode
	full_place
	for ((n = 1; ; n++)); do
		for mode in kill-before kill-after; do
			boundary "$mode" "$n" apply --yes || break 2
			converges
			gone_at_last
		done
	done
	echo "# died at $((n - 1)) boundaries"
	((n > 10)) || fail "there were only $n boundaries"
	gone_at_last
}

run_tests "$@"
