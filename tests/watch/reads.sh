#!/bin/bash
# Everything that the last plan read is followed, whoever read it: each kind of file once. Nothing is
# applied here, so neither engine nor cluster is needed.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/watch.sh
. "${BASH_SOURCE%/*}/../lib/watch.sh"

export DOCKER_HOST=unix:///nobody/listens.sock

# The resource of a test, from stdin; with a layer of the user's own.
one() {
	{ printf 'spec:\n  variables: { beat: { default: "0" } }\n  resources:\n' && sed 's/^/    /'; } | manifest
}
nowhere() { # a kubeconfig of a cluster that does not answer
	cat >kube.yml <<-'YML'
	clusters: [{ name: c, cluster: { server: "https://127.0.0.1:1" } }]
	users: [{ name: u, user: { token: t } }]
	contexts: [{ name: x, context: { cluster: c, user: u } }]
	YML
	mkdir -p "$DEVENV_HOME"
	echo 'settings: { allowContexts: ["*"] }' >"$DEVENV_HOME/config.yml"
}

watched() { start_watch --plan-only --drift-interval 0 "$@"; }
told_of() { grep -qE "Changed: (.*, )?$1(,|$| and)" "$TRASH/watch"; } # REGULAR EXPRESSION
# A change that comes after the one before was told and before its plan has read the file is read with it, and
# not told: then it is taken back and made again.
is_told() { # NAME UNDO DO: functions of the file AT
	local try
	for try in 1 2 3 4 5; do
		"$3"
		! (wait_until 5 told_of "$1") 2>/dev/null || break
		"$2"
		! (wait_until 5 told_of "$1") 2>/dev/null || true
		: >"$TRASH/watch"
	done
	wait_until 20 told_of "$1" # or says what is missing
	: >"$TRASH/watch"
}
more() { echo '# more' >>"$AT"; }
as_it_was() { cat "$TRASH/kept" >"$AT"; }
comes() { echo '# new' >"$AT"; }
goes() { rm -f "$AT"; }
# Once for the change, once for its being taken back: the second is of what the first one's plan read.
follows() { # FILE [NAME AS TOLD]
	AT=$1
	cp "$1" "$TRASH/kept"
	is_told "${2:-$1}" as_it_was more
	is_told "${2:-$1}" more as_it_was
}
follows_name() { # FILE [WHO LISTS IT]: comes and goes
	AT=$1
	is_told "${2:-$1}" goes comes
	is_told "${2:-$1}" comes goes
}
passes_over() { # FILE
	echo '# other' >>"$1"
	beat
	told_of .devenv/config.yml || fail 'the beat is not told'
	! grep -qF -- "$1" "$TRASH/watch" || fail "$1 is followed"
	: >"$TRASH/watch"
}

test_layers_includes_and_files_of_variables() {
	mkdir -p .devenv/environments more "$DEVENV_HOME"
	printf 'include: deep.yml\nspec: { resources: [{ type: local_value, name: b, input: "${var.v}" }] }\n' >more/inc.yml
	echo 'spec: { variables: { v: {} } }' >more/deep.yml
	echo 'spec: { resources: [{ type: local_value, name: b, input: two }] }' >.devenv/environments/dev.yml
	echo 'spec: { variables: { v: { default: own } } }' >"$DEVENV_HOME/config.yml"
	echo 'v: 1' >vars.yml
	echo '- { type: local_value, name: a, input: one }' | one
	sed -i '/^spec:/i include: ../more/inc.yml' .devenv/config.yml
	watched -e dev --var-file vars.yml
	follows .devenv/config.yml
	follows more/inc.yml
	follows more/deep.yml
	follows .devenv/environments/dev.yml
	follows vars.yml
	follows "$DEVENV_HOME/config.yml" '.*/config.yml'
	follows_name .env
	stop_watch
}

test_texts_and_sources_and_files_of_environment() {
	echo text >text
	echo text >source
	echo A=1 >service.env
	echo A=1 >other.env
	one <<-'YML'
	- { type: local_value, name: a, input: "${file:text}" }
	- { type: local_file, name: b, path: out/b, source: source }
	- { type: docker_container, name: c, image: "none:1", envFile: [service.env] }
	YML
	watched
	follows text
	follows source
	follows service.env
	passes_over other.env
	stop_watch
}

test_a_build_context_but_for_what_is_ignored() {
	mkdir -p app/src app/logs
	printf 'FROM scratch\nCOPY . /\n' >app/Dockerfile
	printf 'logs\n*.tmp\n' >app/.dockerignore
	echo 1 >app/src/a
	echo 1 >app/logs/today
	echo '- { type: docker_image, name: app, build: { context: app } }' | one
	watched
	follows app/src/a
	follows app/Dockerfile
	follows_name app/src/b app/src
	passes_over app/logs/today
	echo '*.tmp' >app/.dockerignore # the folder counts from now on
	wait_until 20 told_of app/.dockerignore
	: >"$TRASH/watch"
	follows app/logs/today
	stop_watch
}

test_objects_in_files_folders_and_kustomizations() {
	need kubectl
	nowhere
	mkdir -p objects base overlay
	printf '{ apiVersion: v1, kind: ConfigMap, metadata: { name: a, namespace: default } }\n' | tee one.yml objects/a.yml base/a.yml >/dev/null
	echo 'resources: [a.yml]' >base/kustomization.yaml
	echo 'resources: [../base]' >overlay/kustomization.yaml
	one <<-'YML'
	- { type: kubernetes_manifest, name: a, cluster: { kubeconfig: kube.yml }, file: one.yml }
	- { type: kubernetes_manifest, name: b, cluster: { kubeconfig: kube.yml }, directory: objects }
	- { type: kubernetes_manifest, name: c, cluster: { kubeconfig: kube.yml }, kustomize: overlay }
	YML
	watched
	follows one.yml
	follows objects/a.yml
	follows_name objects/b.yml objects
	follows overlay/kustomization.yaml
	follows base/a.yml
	stop_watch
}

test_chart_folders_and_values_files() {
	nowhere
	mkdir -p chart/templates chart/charts/sub/templates
	printf 'apiVersion: v2\nname: chart\nversion: 1.0.0\n' >chart/Chart.yaml
	printf 'apiVersion: v2\nname: sub\nversion: 1.0.0\n' >chart/charts/sub/Chart.yaml
	echo 'a: 1' | tee chart/values.yaml values.yml >/dev/null
	echo '# nothing' | tee chart/templates/a.yaml chart/charts/sub/templates/b.yaml >/dev/null
	one <<-'YML'
	- { type: helm_release, name: r, cluster: { kubeconfig: kube.yml }, namespace: default, chart: ./chart, valuesFiles: [values.yml] }
	YML
	watched
	follows chart/templates/a.yaml
	follows chart/values.yaml
	follows chart/charts/sub/templates/b.yaml
	follows_name chart/templates/new.yaml chart/templates
	follows values.yml
	stop_watch
}

test_the_lock_file() {
	nowhere
	one <<-'YML'
	- { type: helm_release, name: r, cluster: { kubeconfig: kube.yml }, namespace: default, chart: web, repository: "http://127.0.0.1:1/", version: 1.x }
	YML
	watched
	follows_name .devenv/lock.yml
	stop_watch
}

test_sources_of_terraform() {
	need terraform
	mkdir -p infra/net shared
	echo 'module "net" { source = "../shared" }' >infra/main.tf
	echo 'output "a" { value = 1 }' >shared/main.tf
	echo '- { type: terraform_module, name: m, source: infra }' | one
	watched
	follows infra/main.tf
	follows shared/main.tf
	follows_name infra/more.tf infra
	stop_watch
}

run_tests "$@"
