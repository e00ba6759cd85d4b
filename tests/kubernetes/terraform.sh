#!/bin/bash
# Modules that live in a cluster of the same plan, with a provider that writes into it: there, made again
# with it, dropped with it. Nothing is ever destroyed in a cluster that goes.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/kubernetes.sh
. "${BASH_SOURCE%/*}/../lib/kubernetes.sh"
# shellcheck source=tests/lib/terraform.sh
. "${BASH_SOURCE%/*}/../lib/terraform.sh"

cluster_tools
world_provider
NAME=dt-$$
TERRAFORM_PROGRAM=$(terraform_programs | head -n 1)
[[ -n $TERRAFORM_PROGRAM ]] || kubernetes_missing terraform
clean() { k3d cluster delete "$NAME" >/dev/null 2>&1 || true; }

module_in_cluster() {
	world_begin
	mkdir -p infra
	{
		world var.kubeconfig
		cat <<-'TF'
		variable "kubeconfig" { type = string }
		resource "world_config_map" "settings" {
		  namespace = "default"
		  name      = "settings"
		  data      = { value = "from a module" }
		}
		output "uid" { value = world_config_map.settings.uid }
		TF
	} >infra/main.tf
}

environment() { # [LINE OF spec.cluster.k3d]
	trap clean EXIT
	manifest <<-YML
	spec:
	  cluster:
	    name: dev
	    k3d: { clusterName: $NAME, image: $K3S_IMAGE, kubeApi: { hostIp: 127.0.0.1 }, loadBalancer: false${1:+, $1} }
	  terraform:
	    - name: settings
	      source: ./infra
	      binary: $TERRAFORM_PROGRAM
	      within: cluster
	      ${BACKEND:-}
	      variables: { kubeconfig: "\${cluster.kubeconfig}" }
	  resources:
	    - { type: local_file, name: uid, path: uid.txt, content: "\${terraform.settings.outputs.uid}" }
	  outputs:
	    kubeconfig: { value: "\${cluster.kubeconfig}" }
	YML
}

uid() { kubectl --kubeconfig "$("$DEVENV" outputs kubeconfig)" get configmap settings -o 'jsonpath={.metadata.uid}'; }
folders() { find "$DEVENV_HOME"/environments/*/terraform -mindepth 1 -maxdepth 1 2>/dev/null | wc -l; }

test_a_module_and_the_cluster_it_lives_in_are_one_plan() {
	module_in_cluster
	environment
	expect 2 plan --detailed-exitcode
	has out 'terraform_module.settings'
	has out 'known after apply'
	expect 0 apply --yes
	first=$(cat uid.txt)
	equal 'the object that the module made' "$first" "$(uid)"
	no_changes

	# Changed in the cluster by somebody else: seen when it is looked for, and repaired.
	kubectl --kubeconfig "$("$DEVENV" outputs kubeconfig)" patch configmap settings -p '{"data":{"value":"drifted"}}' >/dev/null
	no_changes
	expect 2 plan --detailed-exitcode --refresh=full
	has out 'world_config_map.settings'
	expect 0 apply --yes --refresh=full
	no_changes --refresh=full

	# The cluster is made anew, and the module with it; the old one is not asked for anything.
	environment 'env: [NEW=1]'
	expect 0 apply --yes --allow-data-loss k3d_cluster.dev
	[[ $(cat uid.txt) != "$first" ]] || fail 'it is the old object'
	equal 'the object of the new cluster' "$(cat uid.txt)" "$(uid)"
	equal 'objects removed' 0 "$(grep -c '^delete' effects || true)"
	equal 'private folders' 1 "$(folders)"
	no_changes

	# Deleted behind our back: the same.
	second=$(cat uid.txt)
	k3d cluster delete "$NAME" >/dev/null 2>&1
	expect 0 apply --yes --allow-data-loss k3d_cluster.dev
	[[ $(cat uid.txt) != "$second" ]] || fail 'it is the old object'
	equal 'the object of the third cluster' "$(cat uid.txt)" "$(uid)"
	equal 'private folders' 1 "$(folders)"

	# Both are taken out: the module is dropped after its cluster has gone.
	manifest <<-YML
	spec:
	  resources: [{ type: local_file, name: rest, path: rest.txt, content: rest }]
	YML
	expect 0 apply --yes --allow-data-loss k3d_cluster.dev --allow-delete=9
	equal 'objects removed' 0 "$(grep -c '^delete' effects || true)"
	equal 'private folders' 0 "$(folders)"
	expect 0 destroy --yes
	no_rest
}

# The record says the old cluster, and neither it nor the objects are there any more. What the backend knows
# of them goes, too.
test_a_death_between_the_cluster_and_its_module_is_healed() {
	printf '#!/bin/bash\n[[ ! -e %q ]] || kill -9 $PPID\nexec %q "$@"\n' "$PWD/die" "$TERRAFORM_PROGRAM" >deadly
	chmod +x deadly
	TERRAFORM_PROGRAM=$PWD/deadly BACKEND="backend: { type: local, config: { path: state/here.tfstate } }"
	module_in_cluster
	environment
	expect 0 apply --yes
	first=$(cat uid.txt)
	environment 'env: [NEW=1]'
	touch die
	devenv apply --yes --allow-data-loss k3d_cluster.dev
	equal 'exit status of a killed run' 137 "$STATUS"
	rm die
	expect 2 plan --detailed-exitcode
	has out 'it went with the cluster that it lived in'
	has out '+ world_config_map.settings'
	expect 0 apply --yes
	[[ $(cat uid.txt) != "$first" ]] || fail 'it is the old object'
	equal 'the object of the new cluster' "$(cat uid.txt)" "$(uid)"
	equal 'objects removed' 0 "$(grep -c '^delete' effects || true)"
	equal 'private folders' 1 "$(folders)"
	lacks state/here.tfstate "$first"
	no_changes
	expect 0 destroy --yes
	equal 'things in the backend' 0 "$(grep -c managed state/here.tfstate || true)"
	no_rest
}

# The bare API is enough for this; with every program there is.
test_a_module_writes_into_a_cluster_that_exists() {
	api_start
	for TERRAFORM_PROGRAM in $(terraform_programs); do
		writes_into_a_cluster
	done
	api_stop
}
writes_into_a_cluster() {
	world_begin
	mkdir -p infra
	{
		world "\"$KUBECONFIG\""
		cat <<-'TF'
		resource "world_config_map" "c" {
		  namespace = "default"
		  name      = "c"
		  data      = { key = "value" }
		}
		TF
	} >infra/main.tf
	module_manifest
	expect 0 apply --yes
	equal value value "$(kubectl get configmap c -o 'jsonpath={.data.key}')"
	kubectl patch configmap c -p '{"data":{"key":"drifted"}}' >/dev/null
	expect 2 plan --detailed-exitcode --refresh=full
	has out '~ world_config_map.c'
	expect 0 apply --yes --refresh=full
	equal value value "$(kubectl get configmap c -o 'jsonpath={.data.key}')"
	expect 0 destroy --yes
	equal objects '' "$(kubectl get configmap c --ignore-not-found)"
	no_rest
}

run_tests "$@"
