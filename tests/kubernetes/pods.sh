#!/bin/bash
# kubernetes_manifest on a cluster with real pods: readiness as it comes, and the reason when it does
# not come.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/kubernetes.sh
. "${BASH_SOURCE%/*}/../lib/kubernetes.sh"

cluster_tools

objects() { # [KEY OF THE RESOURCE...], objects from stdin
	{
		printf 'spec:\n  resources:\n    - type: kubernetes_manifest\n      name: shop\n'
		printf '      cluster: { kubeconfig: %s }\n      namespace: shop\n' "$KUBECONFIG"
		printf '      %s\n' "$@"
		printf '      manifest:\n        - { apiVersion: v1, kind: Namespace, metadata: { name: shop } }\n'
		sed 's/^/        /'
	} | manifest
}
workload() { # KIND NAME COMMAND [IMAGE]
	local api=apps/v1 selector="selector: { matchLabels: { app: $2 } }" restart=Always
	[[ $1 != Job ]] || { api=batch/v1 selector='backoffLimit: 0' restart=Never; }
	cat <<-YML
	- apiVersion: $api
	  kind: $1
	  metadata: { name: $2 }
	  spec:
	    $selector
	    template:
	      metadata: { labels: { app: $2 } }
	      spec:
	        restartPolicy: $restart
	        terminationGracePeriodSeconds: 0
	        containers: [ { name: main, image: "${4:-$BUSYBOX_IMAGE}", command: [sh, -c, "$3"] } ]
	YML
}

test_what_runs_becomes_ready_and_what_does_not_says_why() {
	cluster_start pods

	{ workload Job once 'echo done' && workload Deployment web 'sleep 600' && workload StatefulSet db 'sleep 600'; } | objects
	expect 0 apply --yes
	equal 'available at once after the apply' 1 \
		"$(kubectl -n shop get deployment web -o 'jsonpath={.status.availableReplicas}')"
	equal 'ready at once after the apply' 1 \
		"$(kubectl -n shop get statefulset db -o 'jsonpath={.status.readyReplicas}')"
	equal 'done at once after the apply' 1 "$(kubectl -n shop get job once -o 'jsonpath={.status.succeeded}')"
	no_changes

	# Without a time that it has to last, it would be ready in the moment between two crashes.
	{ workload Job once 'echo done' && workload Deployment web 'echo first; echo the reason is here; exit 3'; } |
		sed 's/^    selector:.*web.*/&\n    minReadySeconds: 5/' | objects 'readiness: { health: true, failureThreshold: 25 }'
	expect 1 apply --yes
	matches err 'container main of pod web-[^ ]* (crashes again and again .|ended with )exit status 3'
	has err 'its last lines: first / the reason is here'

	{ workload Deployment web 'sleep 600' no.such.registry.invalid/image:1; } |
		objects 'readiness: { health: true, failureThreshold: 15 }'
	expect 1 apply --yes
	matches err 'container main of pod web-[^ ]*: (ErrImagePull|ImagePullBackOff)'

	{ workload Deployment web 'sleep 600' && workload Job fails 'echo it went wrong; exit 4'; } | objects
	expect 1 apply --yes
	has err 'Job.batch/shop/fails: the job failed'
	has err 'it went wrong'

	# The job is immutable: what is repaired means another job, and it says so.
	{ workload Deployment web 'sleep 600' && workload Job fails 'echo it went well'; } | objects
	expect 0 plan
	has out 'Job.batch/shop/fails is deleted and created again: spec.template cannot be changed in place'
	expect 0 apply --yes
	no_changes

	# In a namespace that stays: nothing is left when it says that all is destroyed.
	kubectl create namespace other >/dev/null
	workload Deployment slow "trap 'sleep 3; exit 0' TERM; sleep 600 & wait" | sed 's/name: slow }/name: slow, namespace: other }/;
		s/terminationGracePeriodSeconds: 0/terminationGracePeriodSeconds: 20/' | objects
	expect 0 apply --yes
	equal pods 1 "$(kubectl -n other get pods -o name | wc -l)"
	expect 0 destroy --yes
	equal 'pods, afterwards' 0 "$(kubectl -n other get pods -o name | wc -l)"
	! kubectl get namespace shop >/dev/null 2>&1 || fail 'the namespace is still there'
	no_rest
	cluster_stop pods
}

run_tests "$@"
