#!/bin/bash
# helm_release when helm or devenv dies: what was left pending by us recovers by itself, what somebody else
# is at is named and left alone. A hook whose pod ends only when the test says so holds helm where it is.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/releases.sh
. "${BASH_SOURCE%/*}/../lib/releases.sh"

held() { release <<<$'chart: ./chart\nvalues: { colour: '"$1"', hook: "'"${2:-}"'" }'; }

# Nothing but what should be there: no open intent, no pod of a hook, nothing pending.
converged() { # COLOUR
	equal colour "$1" "$(get configmap "$R-settings" .data.colour)"
	equal status deployed "$(status_of "$R")"
	no_changes
	no_rest
	k delete pod "$R-hook" --ignore-not-found --force
	expect 0 destroy --yes
	equal 'what helm remembers' '' "$(kubectl --kubeconfig "$API/kubeconfig" get secret -l "name=$R" -o name)"
	absent configmap "$R-settings"
}

create() {
	chart
	held red pre-install
	kill_at devenv pending-install apply --yes
	expect 0 plan
	has out 'helm_release.web will be adopted'
	while_hooks_end apply
	has err 'it is uninstalled'
	converged red
}
test_an_install_that_was_killed_is_begun_again() { with_each_helm create; }

create_gone() {
	chart
	held red pre-install
	kill_at devenv pending-install apply --yes
	manifest <<<'spec: {}'
	expect 0 apply --yes
	equal 'what helm remembers' '' "$(kubectl --kubeconfig "$API/kubeconfig" get secret -l "name=$R" -o name)"
	no_rest
	k delete pod "$R-hook" --ignore-not-found --force
}
test_an_install_that_was_killed_and_is_not_wanted_any_more_is_removed() { with_each_helm create_gone; }

update() {
	chart
	held red
	apply
	held blue pre-upgrade
	kill_at devenv pending-upgrade apply --yes
	expect 2 plan --detailed-exitcode
	has out 'will be updated in place'
	while_hooks_end apply
	has err 'it goes back to what was before'
	converged blue
}
test_an_upgrade_that_was_killed_is_rolled_back_and_begun_again() { with_each_helm update; }

helm_only() {
	chart
	held red pre-install
	kill_at helm pending-install apply --yes
	equal 'exit status' 1 "$STATUS"
	equal 'status at once' '' "$(status_of "$R")"
	k delete pod "$R-hook" --ignore-not-found --force
	held red
	apply
	held blue pre-upgrade
	kill_at helm pending-upgrade apply --yes
	equal 'exit status' 1 "$STATUS"
	equal 'status at once' deployed "$(status_of "$R")"
	equal 'colour at once' red "$(get configmap "$R-settings" .data.colour)"
	held blue
	apply
	converged blue
}
test_when_helm_alone_is_killed_nothing_stays_pending() { with_each_helm helm_only; }

rollback() {
	chart
	held red pre-rollback
	apply
	held blue pre-rollback,pre-upgrade
	kill_at devenv pending-upgrade apply --yes
	k delete pod "$R-hook" --force --ignore-not-found
	# In the middle of going back.
	kill_at devenv pending-rollback apply --yes
	k delete pod "$R-hook" --force --ignore-not-found
	while_hooks_end apply
	converged blue
}
test_a_recovery_that_was_killed_is_begun_again() { with_each_helm rollback; }

uninstall() {
	chart
	held red pre-delete
	apply
	kill_at devenv uninstalling destroy --yes
	while_hooks_end expect 0 destroy --yes
	equal 'what helm remembers' '' "$(kubectl --kubeconfig "$API/kubeconfig" get secret -l "name=$R" -o name)"
	absent configmap "$R-settings"
	no_rest
	k delete pod "$R-hook" --ignore-not-found --force
}
test_an_uninstall_that_was_killed_is_ended() { with_each_helm uninstall; }

others() {
	chart
	held red
	apply
	# Somebody else upgrades it right now; helm has copied our marks.
	local other
	"$(real_helm)" --kubeconfig "$API/kubeconfig" upgrade "$R" chart --set hook=pre-upgrade >"$TRASH/other" 2>&1 &
	other=$!
	wait_until 30 has_status "$R" pending-upgrade
	held blue
	expect 1 plan
	has err 'somebody else is at release'
	has err 'pending-upgrade, revision 2'
	expect 1 destroy --yes
	has err 'somebody else is at release'
	equal 'what is going on' pending-upgrade "$(status_of "$R")"
	while_hooks_end wait "$other"
	expect 2 plan --detailed-exitcode
	apply
	equal colour blue "$(get configmap "$R-settings" .data.colour)"
	converged blue
}
test_what_somebody_else_is_at_is_named_and_left_alone() { with_each_helm others; }

recorded() {
	chart
	held red
	# Helm comes to its end, and then devenv dies before it can record that.
	play_helm <<-'SH'
	"$REAL" "$@" || exit
	case $1 in install | upgrade) kill -9 "$PPID" ;; esac
	SH
	devenv apply --yes
	equal status 137 "$STATUS"
	use_helm
	expect 0 plan
	has out 'will be adopted'
	apply
	equal revision 1 "$(revision "$R")"
	held blue
	play_helm <<-'SH'
	"$REAL" "$@" || exit
	case $1 in install | upgrade) kill -9 "$PPID" ;; esac
	SH
	devenv apply --yes
	equal status 137 "$STATUS"
	use_helm
	apply
	equal revision 2 "$(revision "$R")"
	converged blue
}
test_what_was_done_and_not_recorded_is_not_done_again() { with_each_helm recorded; }

half_way() {
	chart
	held red
	# It dies before it has done anything, and between any two things that it does.
	play_helm <<-'SH'
	case $1 in
	install | upgrade) kill -9 $$ ;;
	esac
	exec "$REAL" "$@"
	SH
	expect 1 apply --yes
	has err 'signal'
	absent configmap "$R-settings"
	use_helm
	local calls
	for calls in 3 5 7 9; do
		play_helm <<-SH
		case \$1 in
		install | upgrade) exec timeout -s KILL 0.\$(($calls * 2)) "\$REAL" "\$@" ;;
		esac
		exec "\$REAL" "\$@"
		SH
		held "colour$calls"
		devenv apply --yes
	done
	use_helm
	held gold
	apply
	converged gold
}
test_a_helm_that_dies_half_way_is_recovered_from() { with_each_helm half_way; }

run_tests "$@"
