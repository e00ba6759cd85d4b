# shellcheck shell=bash
# For tests of helm_release, to be sourced after harness.sh: one API with controllers for the whole file,
# helm 3 and helm 4, charts, and words for what others do. The cluster is everybody's: names are a
# test's own.

# shellcheck source=tests/lib/objects.sh
. "${BASH_SOURCE%/*}/objects.sh"

kubernetes_tool build-helm3
kubernetes_tool build-helm4
HELM3=$("$KUBERNETES_LIB/../tools/build-helm3") HELM4=$("$KUBERNETES_LIB/../tools/build-helm4")

# with_each_helm FUNCTION: runs it with helm 3 and with helm 4 as `helm`, each in a folder of its own with
# a home of its own. $HELM is the number; $R a name for a release, of the function's.
with_each_helm() { # FUNCTION
	local path=$PATH
	for HELM in 3 4; do
		mkdir -p "$TRASH/helm$HELM" "with-$HELM"
		use_helm
		PATH=$TRASH/helm$HELM:$path DEVENV_HOME=$TRASH/state-$HELM R=${1//_/-}-$HELM
		export PATH DEVENV_HOME
		test_home
		cd "with-$HELM"
		"$1"
		cd ..
	done
}

real_helm() { if [[ $HELM == 3 ]]; then echo "$HELM3"; else echo "$HELM4"; fi; }
use_helm() { ln -sf "$(real_helm)" "$TRASH/helm$HELM/helm"; }
# A script from stdin, which may call the real one as $REAL.
play_helm() {
	rm -f "$TRASH/helm$HELM/helm"
	{ printf '#!/bin/bash\nREAL=%s\nTRASH=%s\n' "$(real_helm)" "$TRASH" && cat; } >"$TRASH/helm$HELM/helm"
	chmod +x "$TRASH/helm$HELM/helm"
}

# As one that is not devenv.
h() { "$(real_helm)" --kubeconfig "$API/kubeconfig" "$@" >"$TRASH/h" 2>&1 || { cat "$TRASH/h" >&2 && return 1; }; }
revision() { h list --filter "^$1\$" -n "${2:-default}" -o json && jq -r '.[0].revision' "$TRASH/h"; }
status_of() { kubectl --kubeconfig "$API/kubeconfig" get secret -n default -l "owner=helm,name=$1" -o json | jq -r '[.items[].metadata.labels] | sort_by(.version | tonumber) | last | .status // ""'; }
has_status() { [[ $(status_of "$1") == "$2" ]]; }

chart() { # [FOLDER]: a ConfigMap NAME-settings, a Deployment NAME of no pods, a hook when `hook` names one
	local dir=${1:-chart}
	mkdir -p "$dir/templates"
	cat >"$dir/Chart.yaml" <<-'YML'
	apiVersion: v2
	name: web
	version: 1.2.3
	appVersion: "7"
	YML
	cat >"$dir/values.yaml" <<-'YML'
	colour: green
	password: none
	replicas: 0
	hook: ""
	YML
	cat >"$dir/templates/settings.yaml" <<-'YML'
	apiVersion: v1
	kind: ConfigMap
	metadata: { name: "{{ .Release.Name }}-settings" }
	data: { colour: {{ .Values.colour | quote }}, size: {{ .Values.size | default "m" | quote }} }
	---
	apiVersion: v1
	kind: Secret
	metadata: { name: "{{ .Release.Name }}-secret" }
	stringData: { password: {{ .Values.password | quote }} }
	YML
	cat >"$dir/templates/web.yaml" <<-'YML'
	apiVersion: apps/v1
	kind: Deployment
	metadata: { name: "{{ .Release.Name }}" }
	spec:
	  replicas: {{ .Values.replicas }}
	  selector: { matchLabels: { app: "{{ .Release.Name }}" } }
	  template:
	    metadata: { labels: { app: "{{ .Release.Name }}" } }
	    spec: { containers: [ { name: main, image: "none:1" } ] }
	YML
	# Pods of hooks end only when the test says so: there are no nodes.
	cat >"$dir/templates/hook.yaml" <<-'YML'
	{{- if .Values.hook }}
	apiVersion: v1
	kind: Pod
	metadata:
	  name: "{{ .Release.Name }}-hook"
	  annotations: { helm.sh/hook: {{ .Values.hook | quote }} }
	spec: { restartPolicy: Never, containers: [ { name: main, image: "none:1" } ] }
	{{- end }}
	YML
}

# The rest of a helm_release `web` from stdin.
release() {
	{
		printf 'spec:\n  resources:\n    - type: helm_release\n      name: web\n      releaseName: %s\n' "$R"
		printf '      cluster: { kubeconfig: %s }\n      readiness: { type: running }\n' "$API/kubeconfig"
		sed 's/^/      /'
	} | manifest
}

# The command, while every pod of a hook of the release succeeds, or what PHASE says, as soon as it is there.
while_hooks_end() { # COMMAND...
	local loop
	while true; do
		kubectl --kubeconfig "$API/kubeconfig" patch pod "$R-hook" --subresource status --type merge \
			-p '{"status": {"phase": "'"${PHASE:-Succeeded}"'", "conditions": [{"type": "Ready", "status": "False", "reason": "PodCompleted"}]}}' >/dev/null 2>&1 || true
		sleep 0.1
	done &
	loop=$!
	"$@"
	kill "$loop" && wait "$loop" 2>/dev/null || true
}

# Starts devenv, waits until the release has this status, and kills devenv and its helm, or helm alone.
kill_at() { # devenv|helm STATUS ARGUMENT...
	local who=$1 status=$2 pid helm
	shift 2
	"$DEVENV" "$@" </dev/null >"$TRASH/out" 2>"$TRASH/err" &
	pid=$!
	wait_until 30 has_status "$R" "$status"
	helm=$(pgrep -P "$pid" | head -n 1)
	[[ -n $helm ]] || fail 'no helm is running'
	[[ $who == helm ]] || kill -9 "$pid"
	kill -9 "$helm" 2>/dev/null || [[ $who == devenv ]] # with which it may have gone
	# shellcheck disable=SC2034 # for the test
	{ STATUS=0 && wait "$pid"; } || STATUS=$?
}
