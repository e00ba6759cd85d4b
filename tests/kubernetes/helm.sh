#!/bin/bash
# helm_release against a real API, with helm 3 and helm 4: every verb, what others do meanwhile, and where
# a chart's values come from. Deaths are in helm-deaths.sh.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/releases.sh
. "${BASH_SOURCE%/*}/../lib/releases.sh"

simple() { release <<<$'chart: ./chart\nvalues: { colour: red }'; }

without_helm() { PATH=${PATH#*:} devenv "$@"; }

made() {
	chart
	simple
	expect 0 plan
	has out 'helm_release.web will be created'
	absent secret "sh.helm.release.v1.$R.v1"
	apply
	equal colour red "$(get configmap "$R-settings" .data.colour)"
	equal 'address in the marks' helm_release.web \
		"$(get secret "sh.helm.release.v1.$R.v1" '.metadata.labels.dev\.devenv/address')"
	# Without changes nothing is asked of helm.
	without_helm plan --detailed-exitcode
	equal status 0 "$STATUS"
	has out 'No changes.'
	expect 0 show helm_release.web
	matches out 'chartVersion += "1.2.3"'
	matches out 'appVersion += "7"'
	no_rest
	expect 0 destroy --yes
	absent configmap "$R-settings"
	absent deployment "$R"
	equal 'what helm remembers' '' "$(kubectl --kubeconfig "$API/kubeconfig" get secret -l "name=$R" -o name)"
	no_rest
}
test_it_is_made_marked_unchanged_without_helm_and_destroyed() { with_each_helm made; }

archive() {
	chart
	h package chart
	release <<<$'chart: ./web-1.2.3.tgz\nvalues: { colour: red }'
	rm -r chart
	# A folder of the chart's name, where devenv runs: helm would take it for the chart.
	mkdir -p web
	apply
	equal colour red "$(get configmap "$R-settings" .data.colour)"
	no_changes
	chart && sed -i s/green/gold/ chart/values.yaml && h package chart
	expect 2 plan --detailed-exitcode
	has out 'content'
	expect 0 destroy --yes
}
test_a_chart_may_be_an_archive() { with_each_helm archive; }

values() {
	chart
	echo 'colour: one' >a.yml
	printf 'colour: two\nsize: xl\n' >b.yml
	release <<<$'chart: ./chart\nvaluesFiles: [a.yml, b.yml]'
	apply
	equal 'the later file' two "$(get configmap "$R-settings" .data.colour)"
	release <<<$'chart: ./chart\nvaluesFiles: [a.yml, b.yml]\nvalues: { colour: three }'
	expect 0 plan
	has out 'values'
	apply
	equal 'the map' three "$(get configmap "$R-settings" .data.colour)"
	equal 'from a file' xl "$(get configmap "$R-settings" .data.size)"
	no_changes
	printf 'colour: two\nsize: xxl\n' >b.yml
	expect 2 plan --detailed-exitcode
	has out 'valuesFiles[1] (content)'
	apply
	equal 'from the changed file' xxl "$(get configmap "$R-settings" .data.size)"
	release <<<$'chart: ./chart\nvaluesFiles: [a.yml, b.yml]\nvalues: { colour: four }'
	expect 0 plan
	matches out 'values\.colour += "three" → "four"'
	apply
	sed -i 's/name: main/name: other/' chart/templates/web.yaml
	expect 2 plan --detailed-exitcode
	has out content
	apply
	equal 'from the changed chart' other "$(get deployment "$R" '.spec.template.spec.containers[0].name')"
	no_changes
	expect 0 destroy --yes
}
test_values_come_from_maps_and_files_and_every_change_is_seen() { with_each_helm values; }

drift() {
	chart
	simple
	apply
	k patch configmap "$R-settings" --type merge -p '{"data": {"colour": "black", "theirs": "x"}}'
	k patch deployment "$R" --type merge -p '{"spec": {"replicas": 1}}'
	expect 2 plan --detailed-exitcode
	has out 'data.colour: \"black\", wanted \"red\"'
	has out 'spec.replicas: 1, wanted 0'
	apply
	equal 'ours and theirs' '{"colour":"red","size":"m","theirs":"x"}' "$(get configmap "$R-settings" .data)"
	no_changes
	# What others own together with us and leave as it is, is no drift.
	k apply --server-side --field-manager other --force-conflicts -f - <<-YML
	{ apiVersion: v1, kind: ConfigMap, metadata: { name: $R-settings }, data: { colour: red } }
	YML
	no_changes
	k delete configmap "$R-settings"
	expect 2 plan --detailed-exitcode
	has out gone
	apply
	equal 'made again' red "$(get configmap "$R-settings" .data.colour)"
	no_changes
	# Somebody else upgrades it; helm copies our marks.
	h upgrade "$R" chart --set colour=purple
	expect 2 plan --detailed-exitcode
	has out 'colour: \"purple\", wanted \"red\"'
	apply
	equal 'put right' red "$(get configmap "$R-settings" .data.colour)"
	no_changes
	h uninstall "$R"
	expect 2 plan --detailed-exitcode
	has out 'recorded but gone'
	apply
	no_changes
	expect 0 destroy --yes
}
test_what_others_changed_is_named_and_put_right() { with_each_helm drift; }

foreign() {
	chart
	h install "$R" chart --set colour=theirs
	simple
	expect 1 plan
	has err 'is not ours'
	release <<<$'chart: ./chart\nadopt: true\nvalues: { colour: red }'
	expect 0 plan
	has out 'will be adopted'
	apply
	equal colour red "$(get configmap "$R-settings" .data.colour)"
	no_changes
	expect 0 destroy --yes
	h install "$R" chart --set colour=theirs
	simple
	expect 0 import helm_release.web "default/$R"
	expect 0 plan
	has out 'will be updated in place'
	apply
	equal colour red "$(get configmap "$R-settings" .data.colour)"
	no_changes
	expect 0 destroy --yes
	absent configmap "$R-settings"
}
test_a_release_of_somebody_else_is_adopted_or_imported_only_when_asked() { with_each_helm foreign; }

homes() {
	chart
	simple
	apply
	mkdir -p other && cp -r chart .devenv other/ && rm -rf other/.devenv/local
	(
		cd other
		export DEVENV_HOME=$DEVENV_HOME-other
		test_home
		expect 1 plan
		has err 'belongs to'
		release <<<$'chart: ./chart\nadopt: true'
		expect 1 plan
		has err 'belongs to'
	)
	expect 0 destroy --yes
}
test_the_release_of_another_home_is_never_touched() { with_each_helm homes; }

secrets() {
	chart
	# Everything that helm is called with.
	play_helm <<-'SH'
	printf '%s\n' "$@" >>"$TRASH/argv"
	exec "$REAL" "$@"
	SH
	{
		printf 'spec:\n  variables: { password: { sensitive: true } }\n  resources:\n'
		printf '    - type: helm_release\n      name: web\n      releaseName: %s\n' "$R"
		printf '      cluster: { kubeconfig: %s }\n      readiness: { type: running }\n' "$API/kubeconfig"
		printf '      chart: ./chart\n      values: { password: "${var.password}" }\n'
	} | manifest
	export DEVENV_VAR_password=correct-horse-battery
	expect 0 plan
	has out '(sensitive)'
	cp "$TRASH/out" "$TRASH/all"
	apply
	cat "$TRASH/out" "$TRASH/err" >>"$TRASH/all"
	equal 'what is there' correct-horse-battery "$(get secret "$R-secret" .data.password | base64 -d)"
	no_changes
	h upgrade "$R" chart --set password=stolen-horse
	expect 2 plan --detailed-exitcode
	has out 'password: another value'
	cat "$TRASH/out" "$TRASH/err" >>"$TRASH/all"
	apply
	k patch secret "$R-secret" --type merge -p '{"data": {"password": "c3RvbGVuLWhvcnNl"}}'
	expect 2 plan --detailed-exitcode
	has out 'data.password: another value'
	cat "$TRASH/out" "$TRASH/err" "$TRASH/argv" >>"$TRASH/all"
	apply
	expect 0 show helm_release.web --json
	cat "$TRASH/out" "$DEVENV_HOME"/state.db* >>"$TRASH/all"
	[[ -s $TRASH/argv ]] || fail 'helm was not called'
	for value in correct-horse Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5 stolen-horse c3RvbGVuLWhvcnNl; do
		! grep -qaF "$value" "$TRASH/all" || fail "$value is seen"
	done
	! grep -rqaF correct-horse "$DEVENV_HOME" || fail 'it lies on the disk'
	expect 0 destroy --yes
	unset DEVENV_VAR_password
}
test_secret_values_appear_nowhere_and_are_no_argument() { with_each_helm secrets; }

ambient() {
	chart
	simple
	export HELM_NAMESPACE=elsewhere HELM_DRIVER=memory HELM_KUBECONTEXT=none KUBECONFIG=/nowhere HELM_KUBEAPISERVER=https://127.0.0.1:1
	local mine=$HOME
	HOME=$TRASH/clean-$HELM && mkdir "$HOME"
	apply
	no_changes
	expect 0 destroy --yes
	equal 'what lies in the home' '' "$(ls -A "$HOME")"
	HOME=$mine
	unset HELM_NAMESPACE HELM_DRIVER HELM_KUBECONTEXT KUBECONFIG HELM_KUBEAPISERVER
}
test_nothing_of_the_users_own_helm_gets_in_or_is_changed() { with_each_helm ambient; }

hooks() {
	chart
	release <<<$'chart: ./chart\nhooks: false\nvalues: { hook: pre-install }'
	apply
	absent pod "$R-hook"
	expect 0 destroy --yes
	# One that does not end in the time of the action.
	release <<<$'chart: ./chart\ntimeout: 6s\nretry: { attempts: 1 }\nvalues: { hook: pre-install }'
	expect 1 apply --yes
	has err 'helm'
	# Helm says so itself, unless it had no time left for that.
	[[ $(status_of "$R") =~ ^(failed|pending-install)?$ ]] || fail "it is $(status_of "$R")"
	release <<<$'chart: ./chart\nvalues: { hook: pre-install }'
	while_hooks_end apply
	has_status "$R" deployed || fail "it is $(status_of "$R")"
	no_changes
	expect 0 destroy --yes
	# What it has waited for is told, not only that it has. Helm 4 waits on for a pod that has failed.
	[[ $HELM == 3 ]] || return 0
	release <<<$'chart: ./chart\nretry: { attempts: 1 }\nvalues: { hook: pre-install }'
	PHASE=Failed while_hooks_end expect 1 apply --yes
	has err "Pod/default/$R-hook: the pod failed: a container ended with an error"
	expect 0 destroy --yes
}
test_hooks_run_unless_they_are_not_wanted_and_no_longer_than_the_timeout() { with_each_helm hooks; }

ownership() {
	chart
	k create configmap "$R-settings" --from-literal colour=theirs
	simple
	expect 1 apply --yes
	has err 'exists and cannot be imported into the current release'
	has err 'takeOwnership: true takes it over'
	release <<<$'chart: ./chart\ntakeOwnership: true\nvalues: { colour: red }'
	apply
	equal colour red "$(get configmap "$R-settings" .data.colour)"
	no_changes
	expect 0 destroy --yes
}
test_objects_that_are_there_are_taken_over_only_when_asked() { with_each_helm ownership; }

definition() { # GROUP TYPE
	cat <<-YML
	apiVersion: apiextensions.k8s.io/v1
	kind: CustomResourceDefinition
	metadata: { name: things.$1 }
	spec:
	  group: $1
	  scope: Namespaced
	  names: { kind: Thing, plural: things, singular: thing }
	  versions:
	    - { name: v1, served: true, storage: true, schema: { openAPIV3Schema: { type: object, description: $2, x-kubernetes-preserve-unknown-fields: true } } }
	YML
}
definitions() {
	local group=$R.example text='.spec.versions[0].schema.openAPIV3Schema.description'
	chart
	mkdir -p chart/crds
	definition "$group" one >chart/crds/thing.yaml
	release <<<$'chart: ./chart\ncrds: skip'
	apply
	absent crd "things.$group"
	release <<<$'chart: ./chart\ncrds: upgrade'
	apply
	equal description one "$(get crd "things.$group" "$text")"
	definition "$group" two >chart/crds/thing.yaml
	apply
	equal description two "$(get crd "things.$group" "$text")"
	release <<<$'chart: ./chart'
	apply
	definition "$group" three >chart/crds/thing.yaml
	apply
	equal 'description, as helm leaves it' two "$(get crd "things.$group" "$text")"
	no_changes
	expect 0 destroy --yes
	has err "left: definition things.$group"
	k delete crd "things.$group"
}
test_definitions_are_installed_upgraded_or_skipped_and_left() { with_each_helm definitions; }

# From nothing: a release brings a kind; an object of that kind and a release with another one follow.
kinds() {
	local group=$R.example
	chart && mkdir chart/crds && definition "$group" one >chart/crds/thing.yaml
	mkdir -p user/templates
	printf 'apiVersion: v2\nname: user\nversion: 1.0.0\n' >user/Chart.yaml
	printf 'apiVersion: %s/v1\nkind: Thing\nmetadata: { name: theirs }\nspec: { size: 2 }\n' "$group" >user/templates/thing.yaml
	manifest <<-YML
	spec:
	  resources:
	    - type: kubernetes_manifest
	      name: thing
	      cluster: { kubeconfig: $API/kubeconfig }
	      manifest: { apiVersion: $group/v1, kind: Thing, metadata: { name: mine, namespace: default }, spec: { size: 1 } }
	      readiness: { type: running }
	      dependsOn: [helm_release.kinds]
	    - type: helm_release
	      name: user
	      releaseName: $R-user
	      cluster: { kubeconfig: $API/kubeconfig }
	      readiness: { type: running }
	      chart: ./user
	$1
	    - type: helm_release
	      name: kinds
	      releaseName: $R
	      cluster: { kubeconfig: $API/kubeconfig }
	      readiness: { type: running }
	      chart: ./chart
	YML
	expect 0 plan --show-manifests
	has out 'Plan: 3 to add, 0 to change, 0 to destroy.'
	has out "+ Thing.$group/"
	apply
	equal 'an object' 1 "$(get "things.$group" mine .spec.size)"
	equal 'an object of a release' 2 "$(get "things.$group" theirs .spec.size)"
	no_changes
	k patch "things.$group" theirs --type merge -p '{"spec": {"size": 3}}'
	expect 2 plan --detailed-exitcode
	has out helm_release.user
	# Helm 3 does not put right what it has not been told to change: see docs/helm.md.
	k patch "things.$group" theirs --type merge -p '{"spec": {"size": 2}}'
	k delete "things.$group" theirs
	expect 2 plan --detailed-exitcode
	has out gone
	apply
	equal 'made again' 2 "$(get "things.$group" theirs .spec.size)"
	no_changes
	expect 0 destroy --yes
	absent "things.$group" mine
	absent "things.$group" theirs
	has err "left: definition things.$group"
	k delete crd "things.$group"
	no_rest
}
in_order() { kinds '      dependsOn: [helm_release.kinds]'; }
at_once() { kinds '      timeout: 60s'; }
test_kinds_that_a_release_brings_are_used_in_the_same_apply() { with_each_helm in_order; }
test_a_release_waits_for_a_kind_that_another_one_brings() { with_each_helm at_once; }

namespaces() {
	chart
	release <<<$'chart: ./chart\nnamespace: '"$R-nowhere"$'\nretry: { attempts: 1 }'
	expect 1 apply --yes
	has err 'make it with a kubernetes_manifest'
	# What is wrong stands in the lines after the first.
	echo '{"properties": {"replicas": {"type": "integer"}}}' >chart/values.schema.json
	release <<<$'chart: ./chart\nvalues: { replicas: two }\nretry: { attempts: 1 }'
	expect 1 apply --yes
	matches err "failed: helm: .*values don.t meet the specifications.*replicas.*integer"
	rm chart/Chart.yaml
	expect 1 plan
	has err 'there is no Chart.yaml in ./chart'
}
test_what_keeps_a_release_from_being_made_is_told() { with_each_helm namespaces; }

fetched() {
	local port
	chart
	mkdir -p charts
	h package chart -d charts
	sed -i 's/1.2.3/1.3.0/; s/appVersion: .*/appVersion: "8"/' chart/Chart.yaml
	h package chart -d charts
	sed -i 's/1.3.0/2.0.0/' chart/Chart.yaml
	h package chart -d charts
	# A port of the system's choice, told in the log.
	python3 -u -m http.server --bind 127.0.0.1 --directory charts 0 >http.log 2>&1 &
	wait_until 20 grep -q 'port [0-9]' http.log
	port=$(grep -oE 'port [0-9]+' http.log | cut -d ' ' -f 2)
	h repo index charts --url "http://127.0.0.1:$port"
	release <<<$'chart: web\nvalues: { colour: red }'
	expect 1 validate
	has err 'where to find the chart "web" is not said'
	release <<<$'chart: web\nversion: 1.x\nrepository: '"http://127.0.0.1:$port"$'\nvalues: { colour: red }'
	# A folder of the chart's name must not be taken for it.
	mkdir -p web
	apply
	equal colour red "$(get configmap "$R-settings" .data.colour)"
	expect 0 show helm_release.web
	matches out 'chartVersion += "1.3.0"'
	no_changes
	release <<<$'chart: web\nversion: 2.0.0\nrepository: '"http://127.0.0.1:$port"$'\nvalues: { colour: red }'
	expect 0 plan
	matches out 'version += "1.x" → "2.0.0"'
	apply
	expect 0 show helm_release.web
	matches out 'chartVersion += "2.0.0"'
	expect 0 destroy --yes
}
test_a_chart_is_fetched_from_a_repository() { with_each_helm fetched; }

kept() {
	chart
	sed -i 's|-settings" }|-settings", annotations: { helm.sh/resource-policy: keep } }|' chart/templates/settings.yaml
	simple
	apply
	expect 0 destroy --yes
	has err "left: ConfigMap/default/$R-settings"
	equal 'what is kept' red "$(get configmap "$R-settings" .data.colour)"
	k delete configmap "$R-settings"
}
test_what_the_chart_wants_kept_is_told() { with_each_helm kept; }

data() {
	chart
	cat >chart/templates/data.yaml <<-'YML'
	apiVersion: v1
	kind: PersistentVolumeClaim
	metadata: { name: "{{ .Release.Name }}-data" }
	spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Mi } } }
	YML
	simple
	apply
	no_changes
	expect 0 destroy --yes
	has out "it holds data (PersistentVolumeClaim/default/$R-data) and is kept"
	equal 'the claim' "$R-data" "$(get pvc "$R-data" .metadata.name)"
	expect 0 destroy --yes --volumes
	wait_until 20 claim_is_gone
}
claim_is_gone() { ! kubectl --kubeconfig "$API/kubeconfig" get pvc "$R-data" >/dev/null 2>&1; }
test_a_release_that_holds_data_is_kept_by_destroy() { with_each_helm data; }

replaced() {
	chart
	simple
	apply
	local before=$R
	R=$R-new
	simple
	expect 0 plan
	has out 'will be replaced'
	apply
	absent configmap "$before-settings"
	equal colour red "$(get configmap "$R-settings" .data.colour)"
	no_changes
	expect 0 destroy --yes
}
test_another_name_is_another_release() { with_each_helm replaced; }

# What helm says is in words of a newer one, half of them, or behind something else.
words() {
	chart
	simple
	while IFS='|' read -r wanted says; do
		play_helm <<<"[[ \$1 != version ]] || { $says; exit; }; exec \$REAL \"\$@\""
		expect 1 apply --yes
		has err "$wanted"
		absent configmap "$R-settings"
	done <<-'SAYS'
	does not say its version, but ''|true
	does not say its version, but 'WARNING: old|echo 'WARNING: old configuration'; $REAL "$@"
	is not supported: 3.13 or newer is needed|echo v3.9.4
	SAYS
	while IFS='|' read -r wanted says; do
		play_helm <<<"[[ \$1 != get ]] || { $says; exit; }; exec \$REAL \"\$@\""
		expect 1 apply --yes
		has err "cannot read release default/$R: helm says something else than what it was asked for$wanted"
	done <<-'SAYS'
	|true
	: WARNING: old|echo 'WARNING: old configuration'; $REAL "$@"
	: 1|$REAL "$@" | head -n 3
	: NAME|echo 'NAME: it'
	SAYS
	use_helm
	apply
	equal colour red "$(get configmap "$R-settings" .data.colour)"
	no_changes
	expect 0 destroy --yes
}
test_what_helm_says_and_is_not_understood_is_told() { with_each_helm words; }

run_tests "$@"
