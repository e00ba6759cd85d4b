#!/bin/bash
# helm_release with real pods: hooks that run, helm that waits, readiness and its reasons, and a cluster of
# the same plan.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/kubernetes.sh
. "${BASH_SOURCE%/*}/../lib/kubernetes.sh"

cluster_tools
HELM3=$("$KUBERNETES_LIB/../tools/build-helm3") || kubernetes_missing build-helm3
HELM4=$("$KUBERNETES_LIB/../tools/build-helm4") || kubernetes_missing build-helm4
NAME=dh-$$

chart() {
	mkdir -p chart/templates
	printf 'apiVersion: v2\nname: web\nversion: 1.0.0\n' >chart/Chart.yaml
	cat >chart/templates/web.yaml <<-'YML'
	apiVersion: apps/v1
	kind: Deployment
	metadata: { name: web }
	spec:
	  selector: { matchLabels: { app: web } }
	  template:
	    metadata: { labels: { app: web } }
	    spec:
	      terminationGracePeriodSeconds: 0
	      containers: [ { name: main, image: "{{ .Values.image }}", imagePullPolicy: Never, command: [sh, -c, "echo it runs; exec sleep 3600"] } ]
	---
	apiVersion: batch/v1
	kind: Job
	metadata: { name: hook, annotations: { helm.sh/hook: "post-install,post-upgrade" } }
	spec:
	  template:
	    spec:
	      restartPolicy: Never
	      containers: [ { name: main, image: "{{ .Values.image }}", imagePullPolicy: Never, command: ["true"] } ]
	YML
}

environment() { # IMAGE [LINE OF THE RELEASE...]
	trap clean EXIT
	manifest <<-YML
	spec:
	  resources:
	    - type: k3d_cluster
	      name: dev
	      clusterName: $NAME
	      image: $K3S_IMAGE
	      kubeApi: { hostIp: 127.0.0.1 }
	      loadBalancer: false
	    - type: helm_release
	      name: web
	      cluster: { kubeconfig: "\${k3d_cluster.dev.kubeconfig}" }
	      chart: ./chart
	      values: { image: "$1" }
	$(printf '      %s\n' "${@:2}")
	  outputs:
	    kubeconfig: { value: "\${k3d_cluster.dev.kubeconfig}" }
	YML
}
clean() { k3d cluster delete "$NAME" >/dev/null 2>&1 || true; }
in_cluster() { kubectl --kubeconfig "$("$DEVENV" outputs kubeconfig)" "$@"; }

one_plan() { # HELM
	test_home
	mkdir bin && ln -s "$1" bin/helm && PATH=$PWD/bin:$PATH
	chart
	environment "$BUSYBOX_IMAGE" 'wait: true'
	expect 2 plan --detailed-exitcode
	has out 'Plan: 2 to add, 0 to change, 0 to destroy.'
	expect 0 apply --yes
	equal 'ready pods' 1 "$(in_cluster get deployment web -o 'jsonpath={.status.readyReplicas}')"
	equal 'runs of the hook' 1 "$(in_cluster get job hook -o 'jsonpath={.status.succeeded}')"
	no_changes
	expect 0 logs helm_release.web
	has out 'it runs'
	expect 0 exec helm_release.web -- echo within
	equal 'what it prints' within "$(cat "$TRASH/out")"
	expect 1 restart helm_release.web
	has err 'helm_release.web runs, but cannot be stopped or started by itself'
	environment not-there:1 'hooks: false' 'readiness: { type: health, failureThreshold: 60 }'
	expect 1 apply --yes
	has err not-there
	environment "$BUSYBOX_IMAGE"
	expect 0 apply --yes
	no_changes
	# Gone with its cluster, without a call.
	expect 0 destroy --yes
	equal 'records' 0 "$(state_query 'SELECT count(*) FROM record')"
	no_rest
}
test_a_cluster_and_a_release_with_pods_are_one_plan_of_helm_3() { one_plan "$HELM3"; }
test_a_cluster_and_a_release_with_pods_are_one_plan_of_helm_4() { one_plan "$HELM4"; }

run_tests "$@"
