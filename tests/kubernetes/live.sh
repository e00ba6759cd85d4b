#!/bin/bash
# Live sync into real pods: files that change go into what runs, a pod that is new gets them all, and what
# a container lacks for it is said.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/kubernetes.sh
. "${BASH_SOURCE%/*}/../lib/kubernetes.sh"
# shellcheck source=tests/lib/watch.sh
. "${BASH_SOURCE%/*}/../lib/watch.sh"

cluster_tools

web() { # SYNC RULES [REPLICAS [COMMAND]]
	manifest <<-YML
	spec:
	  variables: { beat: { default: "0" } }
	  resources:
	    - type: kubernetes_manifest
	      name: web
	      cluster: { kubeconfig: "$KUBECONFIG" }
	      namespace: default
	      sync: $1
	      manifest:
	        - apiVersion: apps/v1
	          kind: Deployment
	          metadata: { name: web }
	          spec:
	            replicas: ${2:-1}
	            selector: { matchLabels: { app: web } }
	            template:
	              metadata: { labels: { app: web } }
	              spec:
	                terminationGracePeriodSeconds: 0
	                containers: [ { name: main, image: "$BUSYBOX_IMAGE", command: [sh, -c, "${3:-sleep 6000}"] } ]
	YML
}
pods() { kubectl get pods -l app=web --field-selector status.phase=Running -o 'jsonpath={.items[*].metadata.name}'; }
each_holds() { # FILE CONTENT: in each pod
	local pod all
	all=$(pods)
	[[ -n $all ]] || return 1
	for pod in $all; do [[ $(kubectl exec "$pod" -- cat "$1" 2>/dev/null) == "$2" ]] || return 1; done
}
none_holds() { # FILE
	local pod
	for pod in $(pods); do ! kubectl exec "$pod" -- cat "$1" >/dev/null 2>&1 || return 1; done
}
one_pod() { [[ $(pods | wc -w) == 1 ]]; }
other_pods() { # THAN THESE
	local now
	now=$(pods)
	[[ -n $now && " $now " != *" $1 "* ]]
}

test_changed_files_are_copied_into_each_pod_and_all_into_a_new_one() {
	local before runs
	cluster_start live
	mkdir -p app/deep
	echo 1 >app/one
	echo 1 >app/deep/two
	web '[{ path: app, target: /app }]' 2
	start_watch --drift-interval 1s
	wait_until 60 each_holds /app/one 1
	equal pods 2 "$(pods | wc -w)"
	before=$(pods) runs=$(runs)
	echo 2 >app/one
	wait_until 30 each_holds /app/one 2
	mkdir app/new && echo 3 >app/new/three
	wait_until 30 each_holds /app/new/three 3
	rm app/deep/two
	wait_until 30 none_holds /app/deep/two
	equal 'the pods' "$before" "$(pods)"
	equal runs "$runs" "$(runs)"
	matches "$TRASH/watch" 'kubernetes_manifest.web: 1 file copied into default/web-[^/]*/main@'
	kubectl delete pod "${before%% *}" --now >/dev/null # the one that comes instead has nothing yet
	wait_until 60 each_holds /app/new/three 3
	wait_until 60 each_holds /app/one 2
	stop_watch
	no_changes

	# Restarted: another pod, with all files.
	web '[{ path: app, target: /app, action: restart }]' 1
	start_watch
	wait_until 60 each_holds /app/one 2
	wait_until 60 one_pod # of the two that were
	before=$(pods)
	echo 3 >app/one
	wait_until 90 other_pods "$before"
	wait_until 60 each_holds /app/one 3
	wait_until 60 each_holds /app/new/three 3
	wait_until 30 grep -qE 'kubernetes_manifest.web: default/web-[^/]*/main@[0-9a-f]* restarted' "$TRASH/watch"
	stop_watch

	# Without a tar nothing can be copied: it is said, and what runs goes on.
	web '[{ path: app, target: /app }]' 1 'rm -f /bin/tar; sleep 6000'
	start_watch
	wait_until 60 said 'container main of pod web-'
	said 'has no tar: files cannot be copied there' || fail 'it is not said'
	alive
	stop_watch
	expect 0 destroy --yes
	cluster_stop live
}

# An image that is built here, imported and run, and a rule that has it built anew.
built() { # CLUSTER
	manifest <<-YML
	spec:
	  resources:
	    - { type: docker_image, name: app, build: { context: src }, tags: ["$1/app:1"] }
	    - { type: k3d_image, name: app, image: "\${docker_image.app.id}", cluster: $1 }
	    - type: kubernetes_manifest
	      name: web
	      cluster: { kubeconfig: "$KUBECONFIG" }
	      namespace: default
	      sync: [{ path: src/live, target: /src/live }, { path: src/main, action: rebuild }]
	      manifest:
	        apiVersion: apps/v1
	        kind: Deployment
	        metadata: { name: web }
	        spec:
	          selector: { matchLabels: { app: web } }
	          template:
	            metadata: { labels: { app: web }, annotations: { image: "\${k3d_image.app.id}" } }
	            spec:
	              terminationGracePeriodSeconds: 0
	              containers: [ { name: main, image: "\${k3d_image.app.name}", imagePullPolicy: Never, command: [sleep, "6000"] } ]
	YML
}
image_id() { docker image inspect -f '{{.Id}}' "$1/app:1"; }
image_of_pods() { kubectl get deployment web -o 'jsonpath={.spec.template.metadata.annotations.image}'; }

test_a_rule_has_the_image_built_anew_and_the_workload_rolls_out() {
	local before image deployment
	cluster_start rebuild
	mkdir -p src/live src/main
	printf 'FROM %s\nCOPY . /src\n' "$BUSYBOX_IMAGE" >src/Dockerfile
	echo 1 >src/main/program
	echo 1 >src/live/page
	built rebuild
	start_watch --drift-interval 1s
	wait_until 90 each_holds /src/main/program 1
	before=$(pods) image=$(image_id rebuild)
	deployment=$(kubectl get deployment web -o 'jsonpath={.metadata.uid}')
	equal 'the image of the pods' "$image" "$(image_of_pods)"

	# What is only copied builds nothing.
	echo 2 >src/live/page
	wait_until 30 each_holds /src/live/page 2
	equal 'the pods' "$before" "$(pods)"
	equal 'the image' "$image" "$(image_id rebuild)"

	echo 2 >src/main/program
	wait_until 90 other_pods "$before"
	wait_until 60 each_holds /src/main/program 2
	wait_until 60 each_holds /src/live/page 2 # in the image by now, too
	[[ $(image_id rebuild) != "$image" ]] || fail 'no other image'
	wait_until 30 runs_the_image_of rebuild
	equal 'the Deployment' "$deployment" "$(kubectl get deployment web -o 'jsonpath={.metadata.uid}')"
	stop_watch
	no_changes
	expect 0 destroy --yes
	docker rmi -f rebuild/app:1 >/dev/null 2>&1 || true
	cluster_stop rebuild
}
runs_the_image_of() { [[ $(image_of_pods) == "$(image_id "$1")" ]]; }

run_tests "$@"
