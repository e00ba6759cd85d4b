#!/bin/bash
# The environment's own words on a cluster with real pods: services that reach each other and are reached
# from this machine, secrets and files that restart what uses them, data that stays.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/kubernetes.sh
. "${BASH_SOURCE%/*}/../lib/kubernetes.sh"

cluster_tools
NAME=dww-$$
PORT=$(free_port)

environment() { # PASSWORD REPLICAS
	trap clean EXIT
	mkdir -p conf
	manifest <<-YML
	spec:
	  cluster:
	    name: dev
	    k3d: { clusterName: $NAME, image: "$K3S_IMAGE", kubeApi: { hostIp: 127.0.0.1 } }
	  networking: { ingress: { class: none, domain: localhost } }
	  secrets:
	    - { name: db, type: kubernetes-secret, data: { password: "$1" } }
	    - { name: token, type: generated, keys: [value] }
	  volumes:
	    - { name: conf, type: configmap, source: ./conf }
	    - { name: data, size: 16Mi }
	    - { name: scratch, type: tmpfs, size: 1m }
	    - { name: work, type: ephemeral }
	  services:
	    - name: store
	      image: "$BUSYBOX_IMAGE"
	      stopGracePeriod: 1s
	      entrypoint: [sh, -c, 'echo \$HOSTNAME >>/data/starts; exec httpd -f -p 8080 -h /data']
	      volumes: ["data:/data", "scratch:/scratch", "work:/idle"]
	      env: { PASSWORD: "\${secret.db.password}", TOKEN: "\${secret.token.value}" }
	      ports: [8080]
	      healthcheck: { test: "wget -qO- http://127.0.0.1:8080/starts", interval: 1s }
	    - name: web
	      image: "$BUSYBOX_IMAGE"
	      stopGracePeriod: 1s
	      entrypoint: [httpd, -f, -p, "8080", -h, /conf]
	      replicas: $2
	      user: "1000:1001"
	      volumes: ["conf:/conf:ro"]
	      ports: ["127.0.0.1:$PORT:8080", { name: http, port: 80, targetPort: 8080 }]
	      readiness: { path: /page, port: 8080 }
	      resources: { cpu: 50m, memory: 16Mi }
	    - name: migrate
	      type: job
	      image: "$BUSYBOX_IMAGE"
	      entrypoint: [sh, -c, 'wget -qO- "http://\$WEB/page" && wget -qO- "\$STORE/starts"']
	      env: { WEB: "\${service.web.host}:\${service.web.ports.http}", STORE: "\${service.store.url}" }
	  outputs:
	    kubeconfig: { value: "\${cluster.kubeconfig}" }
	    url: { value: "\${service.web.external.url}" }
	YML
}
clean() { k3d cluster delete "$NAME" >/dev/null 2>&1 || true; }
in_cluster() { kubectl --kubeconfig "$("$DEVENV" outputs kubeconfig)" -n test "$@"; }
uid() { # SERVICE: those of its pods that are not on their way out
	in_cluster get pods -l "app.kubernetes.io/instance=$1" \
		-o 'go-template={{range .items}}{{if not .metadata.deletionTimestamp}}{{.metadata.uid}} {{end}}{{end}}'
}
page() { curl -fsS --max-time 5 "$("$DEVENV" outputs url)/page"; }
has_page() { [[ $(page 2>/dev/null) == "$1" ]]; }

test_services_run_on_a_cluster_of_the_same_plan() {
	local store web job
	environment hunter2hunter 1
	echo one >conf/page
	expect 2 plan --detailed-exitcode
	lacks out hunter2hunter
	expect 0 apply --yes
	no_changes

	# Reached from here and from each other; the job is done.
	equal url "http://127.0.0.1:$PORT" "$("$DEVENV" outputs url)"
	wait_until 30 has_page one # what forwards the port hears a moment later which pods there are
	in_cluster logs job/migrate >"$TRASH/log"
	has "$TRASH/log" one
	has "$TRASH/log" store-0

	# What it may, and what it knows.
	equal 'no token' '' "$(in_cluster exec store-0 -- ls /var/run/secrets 2>/dev/null || true)"
	equal user '1000 1001' "$(in_cluster exec deploy/web -- sh -c 'echo $(id -u) $(id -g)')"
	equal capabilities 'CapEff: 0000000000000000' \
		"$(in_cluster exec store-0 -- grep CapEff /proc/1/status | tr '\t' ' ')"
	equal password hunter2hunter "$(in_cluster exec store-0 -- sh -c 'echo $PASSWORD')"
	! in_cluster get statefulset store -o yaml | grep -q hunter2hunter || fail 'a secret is in the pod template'
	equal Secret hunter2hunter "$(in_cluster get secret db -o 'jsonpath={.data.password}' | base64 -d)"
	in_cluster get ingress web -o 'jsonpath={.spec.rules[0].host}' >"$TRASH/host"
	has "$TRASH/host" web.localhost
	in_cluster get resourcequota,limitrange,networkpolicy -o name >"$TRASH/objects"
	has "$TRASH/objects" resourcequota/environment
	has "$TRASH/objects" networkpolicy.networking.k8s.io/store

	# A file that changes makes new pods of those that use it, and of no others.
	store=$(uid store) web=$(uid web)
	echo two >conf/page
	expect 2 plan --detailed-exitcode
	lacks out 'kubernetes_manifest.store'
	expect 0 apply --yes
	wait_until 30 has_page two
	equal 'the store was left alone' "$store" "$(uid store)"
	[[ $(uid web) != "$web" ]] || fail 'web did not start anew'
	no_changes

	# A secret, too; what is kept, is kept.
	web=$(uid web) job=$(uid migrate)
	environment other2other 1
	expect 0 apply --yes
	[[ $(uid store) != "$store" ]] || fail 'the store did not start anew'
	equal password other2other "$(in_cluster exec store-0 -- sh -c 'echo $PASSWORD')"
	equal starts 2 "$(in_cluster exec store-0 -- sh -c 'wc -l </data/starts')"
	equal 'web was left alone' "$web" "$(uid web)"
	equal 'the job did not run again' "$job" "$(uid migrate)"
	no_changes

	# More of them, with a budget, in place.
	web=$(uid web)
	expect 0 scale web=2 --yes
	equal replicas 2 "$(in_cluster get deployment web -o 'jsonpath={.status.readyReplicas}')"
	equal budget 1 "$(in_cluster get pdb web -o 'jsonpath={.spec.maxUnavailable}')"
	[[ " $(uid web)" == *" ${web% } "* ]] || fail 'the first one did not stay'
	no_changes
	expect 0 scale web=- --yes
	equal replicas 1 "$(in_cluster get deployment web -o 'jsonpath={.spec.replicas}')"
	equal budget '' "$(in_cluster get pdb web --ignore-not-found -o name)"
	no_changes

	# What is ephemeral is gone when it stops, in a pod as in a container; what is persistent is not.
	in_cluster exec store-0 -- sh -c 'echo kept >/data/kept; echo gone >/idle/gone; echo gone >/scratch/gone'
	expect 0 stop store
	equal 'no pod' '' "$(uid store)"
	expect 0 start store
	equal 'what is left' kept "$(in_cluster exec store-0 -- sh -c 'cat /data/kept; ls /idle /scratch' | grep -v :)"
	no_changes

	expect 0 destroy --yes --volumes
	equal containers '' "$(docker ps -a --format '{{.Names}}' | grep -F "$NAME" || true)"
	no_rest
}

run_tests "$@"
