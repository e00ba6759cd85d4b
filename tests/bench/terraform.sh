#!/bin/bash
# The same graph of terraform_data beside it, where terraform is installed.
# shellcheck source=tests/bench/lib/bench.sh
. "${BASH_SOURCE%/*}/lib/bench.sh"

if ! command -v terraform >/dev/null; then
	CASES=1
	echo 'ok 1 - beside terraform # SKIP there is no terraform here'
	exit 0
fi
export TF_CLI_CONFIG_FILE=/dev/null CHECKPOINT_DISABLE=1

compare() { # N
	local n=$1 ours ours_apply
	enter "ours-$n"
	tree_manifest "$n" >.devenv/config.yml
	measure 1 "$DEVENV" apply --yes
	ours_apply=$MS
	measure 3 "$DEVENV" plan
	ours=$MS
	mkdir -p "$BENCH/terraform-$n"
	cd "$BENCH/terraform-$n" || exit 1
	tree_terraform "$n" >main.tf
	terraform init -input=false >/dev/null || return
	measure 1 terraform apply -auto-approve -input=false
	echo "| terraform: apply of $n from nothing | $MS ms | $((${KIB:-0} / 1024)) MiB | devenv: $ours_apply ms | |"
	at_most "an apply of $n takes a fifth of terraform's time at most" \
		"$(awk -v a="$ours_apply" -v b="$MS" 'BEGIN { print a / b }')" 0.2
	measure 1 terraform plan -input=false
	echo "| terraform: no-op plan of $n | $MS ms | $((${KIB:-0} / 1024)) MiB | devenv: $ours ms | |"
	at_most "a no-op plan of $n takes a tenth of terraform's time at most" \
		"$(awk -v a="$ours" -v b="$MS" 'BEGIN { print a / b }')" 0.1
}

table_head 'beside terraform'
compare 1000
[[ -z ${DEVENV_TEST_FULL:-} ]] || compare 10000
exit $SLOW
