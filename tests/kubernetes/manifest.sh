#!/bin/bash
# kubernetes_manifest against a real API: every verb, what others do meanwhile, and every source of
# objects. One API for the file; each test has a home, an environment and names of its own.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/objects.sh
. "${BASH_SOURCE%/*}/../lib/objects.sh"

test_it_is_made_marked_unchanged_and_destroyed() {
	{ config_map made settings a 1 && deployment made web 2 web && namespace made; } | several
	expect 0 plan
	has out 'kubernetes_manifest.one will be created'
	absent namespace made
	apply
	equal data 1 "$(get configmap settings .data.a -n made)"
	equal replicas 2 "$(get deployment web .spec.replicas -n made)"
	equal 'who manages it' devenv \
		"$(get configmap settings '.metadata.labels.app\.kubernetes\.io/managed-by' -n made)"
	equal address kubernetes_manifest.one \
		"$(get deployment web '.metadata.annotations.dev\.devenv/address' -n made)"
	no_changes
	no_rest
	expect 0 destroy --yes
	absent namespace made
	no_rest
}

test_values_of_secrets_appear_nowhere() {
	several <<-'YML'
	- apiVersion: v1
	  kind: Secret
	  metadata: { name: hidden, namespace: default }
	  stringData: { password: correct-horse-battery }
	  data: { token: c3RhcGxlLWhvcnNl }
	- { apiVersion: v1, kind: ConfigMap, metadata: { name: shown }, data: { a: "1" } }
	YML
	expect 0 plan
	has out '(sensitive)'
	cp "$TRASH/out" "$TRASH/all"
	apply
	cat "$TRASH/out" "$TRASH/err" >>"$TRASH/all"
	equal 'what is there' correct-horse-battery "$(get secret hidden .data.password | base64 -d)"
	k patch secret hidden --type merge -p '{"data": {"password": "c3RvbGVuLWhvcnNl"}}'
	expect 0 plan
	has out 'data.password: another value'
	cat "$TRASH/out" "$TRASH/err" >>"$TRASH/all"
	expect 0 show kubernetes_manifest.one --json
	cat "$TRASH/out" >>"$TRASH/all"
	expect 0 plan --json
	cat "$TRASH/out" "$DEVENV_HOME"/state.db* >>"$TRASH/all"
	for value in correct-horse c3RhcGxlLWhvcnNl Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5 stolen-horse c3RvbGVuLWhvcnNl; do
		! grep -qaF "$value" "$TRASH/all" || fail "$value is seen"
	done
	apply
	equal 'what is there again' correct-horse-battery "$(get secret hidden .data.password | base64 -d)"
	no_changes
	expect 0 destroy --yes
	absent secret hidden
}

test_only_what_changed_is_applied() {
	{ config_map default left a 1 && config_map default right a 1; } | several
	apply
	local version
	version=$(get configmap left .metadata.resourceVersion)
	{ config_map default left a 1 && config_map default right a 2; } | several
	expect 0 plan
	has out 'will be updated in place'
	apply
	equal 'the changed one' 2 "$(get configmap right .data.a)"
	equal 'the version of the other' "$version" "$(get configmap left .metadata.resourceVersion)"
	{ config_map default right b 2 && config_map default left a 1; } | several
	apply
	equal 'the key that was taken out' '{"b":"2"}' "$(get configmap right .data)"
	no_changes
	expect 0 destroy --yes
}

test_drift_is_named_and_put_right_and_what_others_add_stays() {
	{ config_map default drifts a 1 && deployment default drifter 2 drifter; } | several
	apply
	k patch configmap drifts --type merge -p '{"data": {"a": "9", "theirs": "x"}}'
	k scale deployment drifter --replicas 5
	expect 2 plan --detailed-exitcode
	has out 'data.a: \"9\", wanted \"1\"'
	has out 'spec.replicas: 5, wanted 2'
	apply
	equal 'ours and theirs' '{"a":"1","theirs":"x"}' "$(get configmap drifts .data)"
	equal replicas 2 "$(get deployment drifter .spec.replicas)"
	no_changes
	# What others own together with us and leave as it is, is no drift.
	k apply --server-side --field-manager other --force-conflicts -f - <<-'YML'
	{ apiVersion: v1, kind: ConfigMap, metadata: { name: drifts }, data: { a: "1" } }
	YML
	no_changes
	k delete configmap drifts
	expect 2 plan --detailed-exitcode
	has out gone
	apply
	equal 'made again' 1 "$(get configmap drifts .data.a)"
	k delete configmap drifts && k create configmap drifts --from-literal a=1
	expect 2 plan --detailed-exitcode
	has out 'another one has its name'
	apply
	no_changes
	expect 0 destroy --yes
	absent configmap drifts
}

test_all_gone_is_made_again() {
	config_map default vanishes a 1 | several
	apply
	k delete configmap vanishes
	expect 2 plan --detailed-exitcode
	has out 'recorded but gone'
	apply
	equal 'made again' 1 "$(get configmap vanishes .data.a)"
	k delete configmap vanishes
	expect 0 destroy --yes
}

test_what_is_taken_out_goes_and_only_that() {
	{ config_map default stays a 1 && config_map default goes a 1; } | several
	apply
	# Somebody copies ours with its labels: pruning goes by the inventory, never by labels.
	k get configmap goes -o yaml
	sed 's/name: goes/name: copied/; /uid:/d; /resourceVersion:/d' "$TRASH/k" >copy.yml
	k create -f copy.yml
	config_map default stays a 1 | several
	expect 0 plan
	has out 'will be updated in place'
	apply
	absent configmap goes
	equal 'the copy' 1 "$(get configmap copied .data.a)"
	expect 0 destroy --yes
	absent configmap stays
	equal 'the copy, afterwards' 1 "$(get configmap copied .data.a)"
	k delete configmap copied
}

test_another_one_of_that_name_is_never_removed() {
	config_map default mine a 1 | several
	apply
	k delete configmap mine && k create configmap mine --from-literal theirs=1
	expect 0 destroy --yes
	equal theirs 1 "$(get configmap mine .data.theirs)"
	k delete configmap mine
}

test_a_conflict_names_the_field_and_who_holds_it() {
	config_map default held a 1 | several
	apply
	k apply --server-side --field-manager their-operator --force-conflicts -f - <<-'YML'
	{ apiVersion: v1, kind: ConfigMap, metadata: { name: held }, data: { a: "2" } }
	YML
	config_map default held a 3 | several
	expect 1 plan
	has err 'ConfigMap/default/held: .data.a is set by their-operator'
	has err forceConflicts
	has err --force-conflicts
	lacks err 'choose another'
	expect 2 plan --detailed-exitcode --force-conflicts -o forced.plan
	has out '~ kubernetes_manifest.'
	expect 0 apply forced.plan
	equal 'taken over once' 3 "$(get configmap held .data.a)"
	no_changes
	k apply --server-side --field-manager their-operator --force-conflicts -f - <<-'YML'
	{ apiVersion: v1, kind: ConfigMap, metadata: { name: held }, data: { a: "4" } }
	YML
	config_map default held a 5 | several
	expect 1 apply --yes
	expect 0 apply --yes --force-conflicts
	equal 'taken over once more' 5 "$(get configmap held .data.a)"
	k apply --server-side --field-manager their-operator --force-conflicts -f - <<-'YML'
	{ apiVersion: v1, kind: ConfigMap, metadata: { name: held }, data: { a: "2" } }
	YML
	{ echo 'forceConflicts: true' && echo 'manifest:' && config_map default held a 3 | sed 's/^/  /'; } | one
	apply
	equal 'taken over' 3 "$(get configmap held .data.a)"
	no_changes
	expect 0 destroy --yes
}

test_what_is_ignored_is_left_to_others() {
	several < <(deployment default scaled 2 scaled)
	printf '      lifecycle: { ignoreChanges: [/spec/replicas] }\n' >>.devenv/config.yml
	apply
	equal 'not ours to say' 1 "$(get deployment scaled .spec.replicas)"
	k scale deployment scaled --replicas 4
	no_changes
	sed -i 's/none:1/none:2/' .devenv/config.yml
	apply
	equal 'still theirs' 4 "$(get deployment scaled .spec.replicas)"
	expect 0 destroy --yes
}

test_replicas_under_an_autoscaler_are_no_drift() {
	{
		deployment default auto 2 auto
		cat <<-'YML'
		- apiVersion: autoscaling/v2
		  kind: HorizontalPodAutoscaler
		  metadata: { name: auto, namespace: default }
		  spec:
		    minReplicas: 1
		    maxReplicas: 9
		    scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: auto }
		YML
	} | several
	apply
	k scale deployment auto --replicas 7
	no_changes
	sed -i 's/none:1/none:2/' .devenv/config.yml
	apply
	equal 'left alone' 7 "$(get deployment auto .spec.replicas)"
	equal 'the change' none:2 "$(get deployment auto '.spec.template.spec.containers[0].image')"
	no_changes
	expect 0 destroy --yes
}

test_an_immutable_field_means_replace_and_says_so() {
	deployment default fixed 1 before | several
	apply
	local uid
	uid=$(get deployment fixed .metadata.uid)
	deployment default fixed 1 after | several
	expect 0 plan
	has out 'will be replaced'
	has out 'field is immutable'
	apply
	[[ $(get deployment fixed .metadata.uid) != "$uid" ]] || fail 'it is still the old one'
	equal selector after "$(get deployment fixed .spec.selector.matchLabels.app)"
	no_changes
	expect 0 destroy --yes
}

test_of_several_objects_only_the_one_that_cannot_change_is_made_anew() {
	{ config_map default beside a 1 && deployment default anew 1 before; } | several
	apply
	local uid beside
	uid=$(get deployment anew .metadata.uid) beside=$(get configmap beside .metadata.uid)
	{ config_map default beside a 1 && deployment default anew 1 after; } | several
	expect 0 plan
	has out 'will be updated in place'
	has out 'Deployment.apps/default/anew is deleted and created again: spec.selector cannot be changed in place'
	apply
	[[ $(get deployment anew .metadata.uid) != "$uid" ]] || fail 'it is still the old one'
	equal 'the other one' "$beside" "$(get configmap beside .metadata.uid)"
	equal selector after "$(get deployment anew .spec.selector.matchLabels.app)"
	no_changes
	expect 0 destroy --yes
}

service() { # ADDRESS NODE-PORT
	cat <<-YML
	- apiVersion: v1
	  kind: Service
	  metadata: { name: fixed, namespace: default }
	  spec: { type: NodePort, clusterIP: $1, ports: [ { port: 80, nodePort: $2 } ] }
	YML
}

# Deleted, it could not be created again.
test_what_could_not_be_made_anew_is_not_deleted() {
	local uid
	deployment default fixed 1 before | several
	apply
	uid=$(get deployment fixed .metadata.uid)
	deployment default fixed -1 after | several
	expect 1 plan
	has err 'Deployment.apps/default/fixed'
	has err 'spec.replicas'
	expect 1 apply --yes
	equal 'the one that is there' "$uid" "$(get deployment fixed .metadata.uid)"
	{ deployment default fixed -1 after && config_map default beside a 1; } | several
	expect 1 apply --yes
	equal 'the one that is there' "$uid" "$(get deployment fixed .metadata.uid)"
	expect 0 destroy --yes

	# An address and a port that it has itself do not count.
	service 10.43.0.77 30077 | several
	apply
	service 10.43.0.78 30077 | several
	expect 0 plan
	has out 'will be replaced'
	apply
	equal address 10.43.0.78 "$(get service fixed .spec.clusterIP)"
	expect 0 destroy --yes
}

bound() { # ROLE PROVISIONER POLICY VALUE: what the server lets be changed in no way, in other words for each
	cat <<-YML
	- apiVersion: rbac.authorization.k8s.io/v1
	  kind: RoleBinding
	  metadata: { name: bound, namespace: default }
	  roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: $1 }
	- { apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: { name: bound }, provisioner: $2, reclaimPolicy: $3, parameters: { of: $2 } }
	- { apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: { name: bound }, value: $4 }
	YML
}

test_what_cannot_change_has_other_words_in_other_kinds() {
	bound reader example.dev/one Delete 1 | several
	apply
	bound writer example.dev/two Retain 2 | several
	expect 0 plan
	has out 'RoleBinding.rbac.authorization.k8s.io/default/bound is deleted and created again: roleRef cannot'
	has out 'StorageClass.storage.k8s.io/bound is deleted and created again: parameters, provisioner, reclaimPolicy cannot'
	has out 'PriorityClass.scheduling.k8s.io/bound is deleted and created again: value cannot'
	apply
	equal role writer "$(get rolebinding bound .roleRef.name)"
	equal provisioner example.dev/two "$(get storageclass bound .provisioner)"
	equal value 2 "$(get priorityclass bound .value)"
	no_changes
	expect 0 destroy --yes
}

claim() { # NAMESPACE NAME ACCESS-MODE
	cat <<-YML
	- apiVersion: v1
	  kind: PersistentVolumeClaim
	  metadata: { name: $2, namespace: $1 }
	  spec: { accessModes: [$3], storageClassName: none, resources: { requests: { storage: 1Mi } } }
	YML
}

test_the_data_of_a_claim_is_not_lost_without_a_word() {
	{ config_map default near a 1 && claim default data ReadWriteOnce; } | several
	apply
	local uid
	uid=$(get pvc data .metadata.uid)
	# Taken out.
	config_map default near a 1 | several
	expect 0 plan
	has out 'the data of PersistentVolumeClaim/default/data is lost'
	expect 3 apply --yes
	has err 'it loses data'
	equal 'the claim' "$uid" "$(get pvc data .metadata.uid)"
	# Made anew.
	{ config_map default near a 2 && claim default data ReadWriteMany; } | several
	expect 3 apply --yes
	has out 'the data of PersistentVolumeClaim/default/data is lost'
	equal 'the claim' "$uid" "$(get pvc data .metadata.uid)"
	expect 0 apply --yes --allow-data-loss kubernetes_manifest.one
	[[ $(get pvc data .metadata.uid) != "$uid" ]] || fail 'it is still the old one'
	no_changes
	expect 0 destroy --yes
	has out 'it holds data (PersistentVolumeClaim/default/data) and is kept'
	equal 'the claim' data "$(get pvc data .metadata.name)"
	expect 0 destroy --yes --volumes
	absent pvc data
}

test_a_claim_in_a_namespace_that_goes_counts_too() {
	namespace holds | several
	apply
	claim holds inner ReadWriteOnce | sed 's/^- /  /' >claim.yml
	k apply -f claim.yml
	expect 3 apply --yes --replace kubernetes_manifest.one
	has out 'the data of PersistentVolumeClaim/holds/inner is lost'
	expect 0 destroy --yes
	has out 'PersistentVolumeClaim/holds/inner'
	equal 'the claim' inner "$(get pvc inner .metadata.name -n holds)"
	expect 0 destroy --yes --volumes
	absent namespace holds
}

test_many_objects_are_made_over_several_connections() {
	local i connections
	for i in {1..40}; do config_map default "crowd-$i" a "$i"; done | several
	strace -f -e trace=connect -o "$TRASH/trace" "$DEVENV" apply --yes </dev/null >"$TRASH/out" 2>"$TRASH/err" ||
		fail 'the apply failed'
	connections=$(grep -c "htons($(cat "$API/port"))" "$TRASH/trace") # one to plan, up to four to apply
	((connections >= 3 && connections <= 5)) || fail "$connections connections"
	equal 'the last one' 40 "$(get configmap crowd-40 .data.a)"
	no_changes
	# What fails is told, and the others are not forgotten.
	{
		for i in {1..40}; do config_map default "crowd-$i" a "x$i"; done
		echo '- { apiVersion: v1, kind: ConfigMap, metadata: { name: crowd-bad }, data: [wrong] }'
	} | several
	expect 1 apply --yes
	has err crowd-bad
	for i in {1..40}; do config_map default "crowd-$i" a "x$i"; done | several
	apply
	equal 'the last one' x40 "$(get configmap crowd-40 .data.a)"
	no_changes
	expect 0 destroy --yes
	absent configmap crowd-1
}

test_what_is_there_already_is_not_taken_without_a_word() {
	k create configmap theirs --from-literal a=0
	config_map default theirs a 1 | several
	expect 1 plan
	has err 'exists already and is not ours (ConfigMap/default/theirs)'
	expect 1 apply --yes
	equal untouched 0 "$(get configmap theirs .data.a)"
	{ echo 'adopt: true' && echo 'manifest:' && config_map default theirs a 1 | sed 's/^/  /'; } | one
	apply
	equal adopted 1 "$(get configmap theirs .data.a)"
	no_changes
	expect 0 destroy --yes
	absent configmap theirs
}

test_an_object_added_to_a_resource_is_not_taken_either() {
	config_map default first a 1 | several
	apply
	k create configmap second --from-literal a=0
	{ config_map default first a 1 && config_map default second a 1; } | several
	expect 1 plan
	has err 'ConfigMap/default/second exists already and is not ours'
	equal untouched 0 "$(get configmap second .data.a)"
	k delete configmap second
	apply
	expect 0 destroy --yes
}

test_import_takes_it_into_the_record_and_the_next_apply_makes_it_ours() {
	k create configmap found --from-literal a=0
	config_map default found a 1 | several
	expect 0 import kubernetes_manifest.one ConfigMap/default/found
	equal 'unchanged by the import' 0 "$(get configmap found .data.a)"
	local uid
	uid=$(get configmap found .metadata.uid)
	expect 0 plan
	has out 'will be updated in place'
	apply
	equal 'the same object' "$uid" "$(get configmap found .metadata.uid)"
	equal 'as the manifest says' 1 "$(get configmap found .data.a)"
	no_changes
	expect 0 destroy --yes
	absent configmap found
	expect 1 import kubernetes_manifest.one ConfigMap/default/nothing
	has err 'there is no ConfigMap/default/nothing'
	expect 1 import kubernetes_manifest.one nonsense
	has err KIND.GROUP/NAMESPACE/NAME
}

test_what_was_imported_can_be_destroyed_before_it_is_applied() {
	k create configmap found --from-literal a=0
	config_map default found a 1 | several
	expect 0 import kubernetes_manifest.one ConfigMap/default/found
	expect 0 destroy --yes
	absent configmap found
}

definition() {
	cat <<-'YML'
	- apiVersion: apiextensions.k8s.io/v1
	  kind: CustomResourceDefinition
	  metadata: { name: wishes.example.dev }
	  spec:
	    group: example.dev
	    names: { kind: Wish, plural: wishes, singular: wish }
	    scope: Namespaced
	    versions:
	      - name: v1
	        served: true
	        storage: true
	        schema:
	          openAPIV3Schema:
	            type: object
	            properties: { spec: { type: object, x-kubernetes-preserve-unknown-fields: true } }
	YML
}
wish() { printf -- '- { apiVersion: example.dev/v1, kind: Wish, metadata: { name: %s }, spec: { for: rain } }\n' "$1"; }

test_a_custom_resource_and_its_definition_take_one_apply() {
	{ wish first && definition; } | several
	apply
	equal 'the wish' rain "$(get wish first .spec.for)"
	no_changes
	expect 0 destroy --yes
	absent crd wishes.example.dev
}

test_a_definition_of_another_resource_counts_too() {
	{
		printf 'spec:\n  resources:\n'
		printf '    - type: kubernetes_manifest\n      name: %s\n      cluster: { kubeconfig: %s }\n' wishes "$API/kubeconfig"
		printf '      dependsOn: [kubernetes_manifest.kinds]\n      manifest:\n' && wish second | sed 's/^/        /'
		printf '    - type: kubernetes_manifest\n      name: %s\n      cluster: { kubeconfig: %s }\n' kinds "$API/kubeconfig"
		printf '      manifest:\n' && definition | sed 's/^/        /'
	} | manifest
	apply
	equal 'the wish' rain "$(get wish second .spec.for)"
	no_changes
	expect 0 destroy --yes
	absent crd wishes.example.dev
}

test_an_unknown_kind_is_a_mistake_of_the_plan() {
	wish never | several
	expect 1 plan
	has err 'knows no kind Wish in example.dev/v1'
	lacks err help
}

test_what_the_server_would_refuse_is_said_by_the_plan() {
	config_map default strict a 1 | several
	apply
	several <<-'YML'
	- { apiVersion: v1, kind: ConfigMap, metadata: { name: strict }, dat: { a: "1" } }
	YML
	expect 1 plan
	has err '.dat: field not declared in schema'
	config_map default strict a 1 | several
	expect 0 destroy --yes
}

test_files_and_folders_of_many_documents() {
	mkdir -p objects/more
	cat >objects/a.yml <<-'YML'
	# a comment, and nothing else
	---
	apiVersion: v1
	kind: ConfigMap
	metadata: { name: from-a }
	data:
	  script: |
	    one
	    --- not a document
	---
	apiVersion: v1
	kind: List
	items:
	  - { apiVersion: v1, kind: ConfigMap, metadata: { name: from-list } }
	...
	YML
	echo '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "from-json"}}' >objects/more/b.json
	echo 'not YAML: [' >objects/notes.txt
	one <<<'directory: objects'
	apply
	equal script $'one\n--- not a document' "$(get configmap from-a .data.script)"
	equal json from-json "$(get configmap from-json .metadata.name)"
	equal list from-list "$(get configmap from-list .metadata.name)"
	no_changes
	echo changed >>objects/notes.txt
	no_changes
	rm objects/more/b.json
	expect 2 plan --detailed-exitcode
	apply
	absent configmap from-json
	one <<<'file: objects/a.yml'
	expect 0 plan
	apply
	no_changes
	# Only its form changes: nothing is applied.
	local version
	version=$(get configmap from-a .metadata.resourceVersion)
	sed -i 's/# a comment/# another comment/' objects/a.yml
	apply
	equal 'the same version' "$version" "$(get configmap from-a .metadata.resourceVersion)"
	no_changes
	printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: [ }\n' >>objects/a.yml
	expect 1 plan
	has err 'objects/a.yml:'
	sed -i '/^metadata: { name: \[ }/,$d' objects/a.yml
	printf 'metadata: { generateName: x }\n' >>objects/a.yml
	expect 1 plan
	has err metadata.name
	expect 0 destroy --yes
	absent configmap from-a
}

test_kustomize_is_built_by_kubectl_and_only_when_it_changed() {
	mkdir -p base over
	printf 'resources: [map.yml]\n' >base/kustomization.yaml
	printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: map }\ndata: { a: "1" }\n' >base/map.yml
	printf 'namePrefix: over-\nresources: [../base]\nconfigMapGenerator:\n- { name: gen, files: [key=gen.txt] }\n' \
		>over/kustomization.yaml
	echo text >over/gen.txt
	one <<<'kustomize: over'
	apply
	equal built 1 "$(get configmap over-map .data.a)"
	no_changes
	mkdir bin
	printf '#!/bin/sh\necho ran >>%s\nexit 1\n' "$TRASH/ran" >bin/kubectl && chmod +x bin/kubectl
	PATH=$PWD/bin:$PATH no_changes
	gone "$TRASH/ran"
	sed -i 's/"1"/"2"/' base/map.yml
	expect 2 plan --detailed-exitcode
	apply
	equal 'built again' 2 "$(get configmap over-map .data.a)"
	echo other >over/gen.txt
	expect 2 plan --detailed-exitcode
	apply
	no_changes
	expect 0 destroy --yes
	absent configmap over-map
}

test_two_resources_that_claim_one_object_are_a_mistake() {
	manifest <<-YML
	spec:
	  resources:
	    - { type: kubernetes_manifest, name: a, cluster: { kubeconfig: $API/kubeconfig }, manifest: { apiVersion: v1, kind: ConfigMap, metadata: { name: both } } }
	    - { type: kubernetes_manifest, name: b, cluster: { kubeconfig: $API/kubeconfig }, manifest: { apiVersion: v1, kind: ConfigMap, metadata: { name: both } } }
	YML
	expect 1 plan
	has err 'both claim'
	has err both
	{ config_map default twice a 1 && config_map default twice a 2; } | several
	expect 1 plan
	has err 'ConfigMap/default/twice stands twice'
	# What is in a file is told when it is read.
	config_map default twice a 1 | sed 's/^- //' >twice.yml
	manifest <<-YML
	spec:
	  resources:
	    - { type: kubernetes_manifest, name: a, cluster: { kubeconfig: $API/kubeconfig }, file: twice.yml }
	    - { type: kubernetes_manifest, name: b, cluster: { kubeconfig: $API/kubeconfig }, file: twice.yml }
	YML
	expect 1 apply --yes
	has err 'ConfigMap/default/twice stands twice: at twice.yml:1 of kubernetes_manifest.a and at twice.yml:1'
	absent configmap twice
}

pair() { # objects of a, of b
	printf 'spec:\n  resources:\n'
	local name
	for name in a b; do
		printf '    - type: kubernetes_manifest\n      name: %s\n      cluster: { kubeconfig: %s }\n      manifest:\n' \
			"$name" "$API/kubeconfig"
		printf '        - { apiVersion: v1, kind: ConfigMap, metadata: { name: %s } }\n' $1
		shift
	done
}

test_an_object_that_moves_between_resources_is_passed_on() {
	pair 'own-a moves' own-b | manifest
	apply
	local uid
	uid=$(get configmap moves .metadata.uid)
	pair own-a 'own-b moves' | manifest
	apply
	equal 'the same object' "$uid" "$(get configmap moves .metadata.uid)"
	equal 'its new owner' kubernetes_manifest.b "$(get configmap moves '.metadata.annotations.dev\.devenv/address')"
	no_changes
	expect 0 destroy --yes
	absent configmap moves
}

test_two_homes_leave_each_other_alone() {
	config_map default shared a 1 | several
	apply
	DEVENV_HOME=$TRASH/other test_home
	DEVENV_HOME=$TRASH/other expect 1 plan
	has err 'belongs to kubernetes_manifest.one of'
	config_map default other a 1 | several
	DEVENV_HOME=$TRASH/other expect 0 apply --yes
	DEVENV_HOME=$TRASH/other expect 0 destroy --yes
	equal 'of the first home' 1 "$(get configmap shared .data.a)"
	config_map default shared a 1 | several
	no_changes
	expect 0 destroy --yes
	absent configmap shared
}

test_a_finalizer_that_hangs_is_named() {
	several <<-'YML'
	- { apiVersion: v1, kind: ConfigMap, metadata: { name: hangs, finalizers: [example.dev/never] } }
	YML
	printf '      timeout: 5s\n' >>.devenv/config.yml
	apply
	expect 1 destroy --yes
	has err 'ConfigMap/default/hangs is not gone: it is held by finalizer example.dev/never'
	k patch configmap hangs --type merge -p '{"metadata": {"finalizers": null}}'
	expect 0 destroy --yes
	absent configmap hangs
}

test_a_create_that_fails_half_way_goes_on_from_there() {
	{
		config_map default done-part a 1
		echo '- { apiVersion: v1, kind: Service, metadata: { name: wrong-part }, spec: { ports: [ { port: 99999 } ] } }'
	} | several
	expect 1 apply --yes
	has err 'Service/default/wrong-part'
	local uid
	uid=$(get configmap done-part .metadata.uid)
	{
		config_map default done-part a 1
		echo '- { apiVersion: v1, kind: Service, metadata: { name: wrong-part }, spec: { ports: [ { port: 80 } ] } }'
	} | several
	apply
	equal 'the same object' "$uid" "$(get configmap done-part .metadata.uid)"
	no_changes
	no_rest
	expect 0 destroy --yes
	absent service wrong-part
}

test_a_create_that_failed_and_is_given_up_is_removed() {
	{
		config_map default debris a 1
		echo '- { apiVersion: v1, kind: Service, metadata: { name: wrong }, spec: { ports: [ { port: 99999 } ] } }'
	} | several
	expect 1 apply --yes
	equal 'made already' 1 "$(get configmap debris .data.a)"
	manifest <<<'spec: { resources: [] }'
	apply
	absent configmap debris
	no_rest
}

test_an_update_that_failed_half_way_leaves_nothing_either() {
	config_map default kept a 1 | several
	apply
	{
		config_map default kept a 1 && config_map default made-by-failed a 1
		echo '- { apiVersion: v1, kind: Service, metadata: { name: wrong }, spec: { ports: [ { port: 99999 } ] } }'
	} | several
	expect 1 apply --yes
	equal 'made already' 1 "$(get configmap made-by-failed .data.a)"
	config_map default kept a 1 | several
	apply
	absent configmap made-by-failed
	no_changes
	expect 0 destroy --yes
}

run_tests "$@"
