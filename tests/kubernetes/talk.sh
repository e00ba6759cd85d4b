#!/bin/bash
# What runs on a cluster is talked to like anything else: logs of all its pods, commands, ports; stopped,
# started and started anew.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/kubernetes.sh
. "${BASH_SOURCE%/*}/../lib/kubernetes.sh"

cluster_tools

# A Deployment of two pods with a container beside the first one, a job that talks, a process of this
# machine, and settings that have nothing to say.
environment() { # [REPLICAS]
	manifest <<-YML
	spec:
	  resources:
	    - { type: local_process, name: here, command: [sh, -c, "echo from here; exec sleep 1000"], readiness: { log: here } }
	    - type: kubernetes_manifest
	      name: settings
	      cluster: { kubeconfig: $KUBECONFIG }
	      manifest: { apiVersion: v1, kind: ConfigMap, metadata: { name: settings }, data: { a: "1" } }
	    - type: kubernetes_manifest
	      name: web
	      cluster: { kubeconfig: $KUBECONFIG }
	      manifest:
	        - apiVersion: v1
	          kind: Service
	          metadata: { name: web }
	          spec: { selector: { app: web }, ports: [ { name: http, port: 80, targetPort: 8080 } ] }
	        - apiVersion: apps/v1
	          kind: Deployment
	          metadata: { name: web }
	          spec:
	            replicas: ${1:-2}
	            selector: { matchLabels: { app: web } }
	            template:
	              metadata: { labels: { app: web } }
	              spec:
	                terminationGracePeriodSeconds: 0
	                containers:
	                  - name: main
	                    image: "$BUSYBOX_IMAGE"
	                    command: [sh, -c, 'echo main of \$HOSTNAME begins; echo hello >/index.html; exec httpd -f -p 8080 -h /']
	                    readinessProbe: { httpGet: { port: 8080, path: /index.html }, periodSeconds: 1 }
	                  - name: beside
	                    image: "$BUSYBOX_IMAGE"
	                    command: [sh, -c, 'echo beside begins; exec sleep 1000']
	    - type: kubernetes_manifest
	      name: once
	      job: true
	      cluster: { kubeconfig: $KUBECONFIG }
	      manifest:
	        apiVersion: batch/v1
	        kind: Job
	        metadata: { name: once }
	        spec: { template: { spec: { restartPolicy: Never, containers: [ { name: job, image: "$BUSYBOX_IMAGE", command: [sh, -c, 'for i in 1 2 3; do echo step \$i; done'] } ] } } }
	YML
}
pods() { kubectl get pods -l app=web -o 'jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}' "$@"; }
pods_are() { [[ $(pods | wc -l) == "$1" ]]; }
all_began() { "$DEVENV" logs web >"$TRASH/began" 2>&1 && [[ $(grep -c 'beside begins$' "$TRASH/began") == 2 ]]; }
nobody_forwards() { ! pgrep -f "port-forward.*$1:http" >/dev/null; } # PORT
none_of_old() { # PODS
	[[ -z $(pods --field-selector status.phase=Running | sort | comm -12 - <(sort <<<"$1")) ]]
}
replicas() { kubectl get deployment web -o 'jsonpath={.spec.replicas}/{.status.readyReplicas}'; }
said() { grep -qE -- "$1" "$TRASH/followed"; }
fetched() { [[ $(curl -s --max-time 2 "http://127.0.0.1:$1/index.html") == hello ]]; }

test_pods_are_talked_to_like_anything_else() {
	local port other first pid
	port=$(free_port) other=$(free_port)
	cluster_start talk
	environment
	expect 0 apply --yes
	no_changes

	# All of them: who speaks stands before each line; settings say nothing, and are nothing that runs.
	wait_until 15 all_began
	expect 0 logs
	matches out '^local_process\.here +[│|] from here$'
	for first in $(pods); do
		matches out "^kubernetes_manifest\.web $first/main +[│|] main of $first begins\$"
		matches out "^kubernetes_manifest\.web $first/beside +[│|] beside begins\$"
	done
	matches out '^kubernetes_manifest\.once once-[a-z0-9]+ +[│|] step 3$'
	lacks out settings
	expect 1 logs settings
	has err 'nothing that runs'

	# Of one: the last lines, those that match, as JSON.
	expect 0 logs once --tail 2
	equal lines 2 "$(wc -l <"$TRASH/out")"
	lacks out 'step 1'
	expect 0 logs once --grep 'step [12]$'
	equal lines 2 "$(wc -l <"$TRASH/out")"
	expect 1 logs once --grep '('
	has err 'no regular expression'
	expect 0 logs once --since 0s
	expect 0 logs once --json
	jq -se 'map(select(.type == "log")) | length == 3 and (.[0].part | startswith("once-"))' "$TRASH/out" >/dev/null ||
		fail 'no parts in JSON'
	# What has come to its end is not waited for.
	expect 0 logs -f once
	has out 'step 3'

	# As they come, also of pods that come later.
	"$DEVENV" logs -f --grep begins >"$TRASH/followed" 2>"$TRASH/err" &
	pid=$!
	wait_until 20 said 'beside begins'
	kubectl scale deployment web --replicas 3 >/dev/null
	wait_until 30 pods_are 3
	for first in $(pods); do wait_until 30 said "main of $first begins"; done
	kill "$pid" && wait "$pid" || true
	lacks "$TRASH/followed" 'from here'
	expect 2 plan --detailed-exitcode
	has out 'spec.replicas: 3, wanted 2'
	expect 0 apply --yes

	# Commands: the status is theirs, input goes in, a container is named.
	STATUS=0
	echo hello | "$DEVENV" exec web sh -c 'cat; hostname; exit 7' >"$TRASH/out" 2>"$TRASH/err" || STATUS=$?
	equal status 7 "$STATUS"
	has out hello
	matches out '^web-'
	expect 0 exec --no-interactive web -c beside ps
	has out 'sleep 1000'
	expect 1 exec web -c nobody true
	has err 'no pod or container that runs is called nobody'
	expect 1 exec here -c main true
	has err 'it has no main'

	# Ports: of its Service by number or by name, of a pod, and into the next one when that has gone.
	"$DEVENV" port-forward web "$port:http" "$other:80" >"$TRASH/followed" 2>&1 &
	pid=$!
	wait_until 20 fetched "$port"
	wait_until 20 fetched "$other"
	kubectl delete pod -l app=web --wait=false >/dev/null
	wait_until 40 fetched "$port"
	kill "$pid" && wait "$pid"
	wait_until 10 nobody_forwards "$port"
	expect 1 port-forward here 80
	has err 'cannot be forwarded to'
	cluster_stop talk
}

test_pods_are_stopped_started_and_started_anew() {
	local first
	cluster_start power
	environment
	expect 0 apply --yes

	# Anew, one after the other, and that is no change.
	first=$(pods)
	expect 0 restart web
	has out 'Start complete: 1 started'
	lacks out 'Stop complete'
	equal 'ready again' 2/2 "$(replicas)"
	wait_until 10 none_of_old "$first"
	no_changes

	# Stopped means no pods, and stays so through an apply that changes how many there shall be.
	expect 0 stop web
	has out 'Stop complete: 1 stopped'
	equal 'stopped' 0/ "$(replicas)"
	equal 'pods' '' "$(pods)"
	expect 0 status
	matches out 'kubernetes_manifest\.web +stopped'
	no_changes
	environment 3
	expect 0 apply --yes
	equal 'still stopped' 0/ "$(replicas)"
	no_changes
	expect 0 stop web
	has err 'Nothing to stop'
	expect 0 start web
	has out 'Start complete: 1 started'
	equal 'as the manifest says by now' 3/3 "$(replicas)"
	no_changes
	expect 0 start web
	has err 'Nothing to start'

	# What others do meanwhile is still seen, and the number can be changed again.
	kubectl scale deployment web --replicas 5 >/dev/null
	expect 2 plan --detailed-exitcode
	has out 'spec.replicas: 5, wanted 3'
	expect 0 apply --yes
	environment 1
	expect 0 apply --yes
	equal 'changed again' 1/1 "$(replicas)"
	no_changes

	# All that runs: here and there. Settings and jobs have nothing to stop.
	expect 0 restart
	has out 'Stop complete: 1 stopped'
	has out 'Start complete: 2 started'
	expect 0 stop
	has out 'Stop complete: 2 stopped'
	expect 0 start
	has out 'Start complete: 2 started'
	no_changes
	expect 0 destroy --yes
	no_rest
	cluster_stop power
}

# A CronJob, one that the manifest itself suspends, and a DaemonSet.
scheduled() { # SCHEDULE
	manifest <<-YML
	spec:
	  resources:
	    - type: kubernetes_manifest
	      name: all
	      cluster: { kubeconfig: $KUBECONFIG }
	      manifest:
	        - apiVersion: batch/v1
	          kind: CronJob
	          metadata: { name: nightly }
	          spec:
	            schedule: "$1"
	            jobTemplate: { spec: { template: { spec: { restartPolicy: Never, containers: [ { name: job, image: "$BUSYBOX_IMAGE", command: ["true"] } ] } } } }
	        - apiVersion: batch/v1
	          kind: CronJob
	          metadata: { name: off }
	          spec:
	            suspend: true
	            schedule: "0 0 1 1 *"
	            jobTemplate: { spec: { template: { spec: { restartPolicy: Never, containers: [ { name: job, image: "$BUSYBOX_IMAGE", command: ["true"] } ] } } } }
	        - apiVersion: apps/v1
	          kind: DaemonSet
	          metadata: { name: agent }
	          spec:
	            selector: { matchLabels: { app: agent } }
	            template:
	              metadata: { labels: { app: agent } }
	              spec:
	                terminationGracePeriodSeconds: 0
	                containers: [ { name: main, image: "$BUSYBOX_IMAGE", imagePullPolicy: Never, command: [sleep, "3600"] } ]
	YML
}
suspended() { kubectl get cronjob "$1" -o 'jsonpath={.spec.suspend}'; }
agents() { kubectl get pods -l app=agent -o 'jsonpath={.items[?(@.status.phase=="Running")].metadata.uid}'; }

test_what_is_scheduled_rests_and_what_each_node_has_goes_on() {
	local first
	cluster_start daemon --agents 1
	scheduled '0 0 1 1 *'
	expect 0 apply --yes
	first=$(agents)
	equal 'one a node' 2 "$(wc -w <<<"$first")"

	expect 0 stop
	has err 'DaemonSet.apps/default/agent cannot be stopped: it goes on'
	equal 'the schedule' true "$(suspended nightly)"
	equal 'what it was' false "$(kubectl get cronjob nightly -o 'jsonpath={.metadata.annotations.dev\.devenv/resting}')"
	equal 'what rested before has no note' '' "$(kubectl get cronjob off -o 'jsonpath={.metadata.annotations.dev\.devenv/resting}')"
	equal 'the pods of the nodes' "$first" "$(agents)"
	no_changes

	# What changes meanwhile does not wake it.
	scheduled '0 0 2 1 *'
	expect 0 apply --yes
	equal 'still' true "$(suspended nightly)"
	equal 'changed' '0 0 2 1 *' "$(kubectl get cronjob nightly -o 'jsonpath={.spec.schedule}')"
	no_changes

	expect 0 start
	equal 'the schedule' false "$(suspended nightly)"
	equal 'as the manifest says' true "$(suspended off)"
	equal 'the pods of the nodes' "$first" "$(agents)"
	no_changes

	# Anew: the pods of each node, and no schedule.
	expect 0 restart
	equal 'one a node' 2 "$(agents | wc -w)"
	[[ -z $(comm -12 <(tr ' ' '\n' <<<"$first" | sort) <(agents | tr ' ' '\n' | sort)) ]] || fail 'an old pod is left'
	equal 'the schedule' false "$(suspended nightly)"
	no_changes
	expect 0 destroy --yes
	no_rest
	cluster_stop daemon
}

run_tests "$@"
