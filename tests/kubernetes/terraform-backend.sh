#!/bin/bash
# A module whose state is a Secret and whose lock is a Lease of a real API.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/kubernetes.sh
. "${BASH_SOURCE%/*}/../lib/kubernetes.sh"
# shellcheck source=tests/lib/terraform.sh
. "${BASH_SOURCE%/*}/../lib/terraform.sh"
# shellcheck source=tests/lib/backends.sh
. "${BASH_SOURCE%/*}/../lib/backends.sh"

api_tools
world_provider

elsewhere() { # LINE...
	module_manifest 'backend: { type: kubernetes, config: { secret_suffix: shop, namespace: default } }' \
		"environment: { KUBE_CONFIG_PATH: $KUBECONFIG }" "$@"
}
LEASE=lease/lock-tfstate-default-shop
holder() { kubectl get "$LEASE" -o 'jsonpath={.spec.holderIdentity}' 2>/dev/null || true; }
hold() { # ID
	local info="{\"ID\":\"$1\",\"Operation\":\"OperationTypeApply\",\"Who\":\"carol@desk\",\"Version\":\"1.11.4\",\"Created\":\"2026-01-02T03:04:05Z\"}"
	kubectl annotate --overwrite "$LEASE" "app.terraform.io/lock-info=$info" >"$TRASH/out"
	kubectl patch "$LEASE" --type merge -p "{\"spec\":{\"holderIdentity\":\"$1\"}}" >"$TRASH/out"
}
let_go() { kubectl patch "$LEASE" --type merge -p '{"spec":{"holderIdentity":null}}' >"$TRASH/out"; }

test_a_secret_holds_the_state() { api_start && state_elsewhere; }
test_a_lease_that_a_death_left_is_released() { api_start && lock_of_a_death; }
test_a_lease_of_somebody_else_is_left_alone() { api_start && lock_of_somebody_else; }

run_terraform_tests "$@"
