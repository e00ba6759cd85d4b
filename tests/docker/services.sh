#!/bin/bash
# Services end to end: examples/services on a real engine, and what goes wrong around it.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/shop.sh
. "${BASH_SOURCE%/*}/../lib/shop.sh"

# shop: a copy of the example here, with an image and a port of the tests
shop() {
	place
	cp -r "$HARNESS_SOURCE/examples/services/." .
	rm -rf .devenv/local
	sed -i 's/interval: 1s/&, retries: 1000/' .devenv/config.yml # nothing is said about how fast it comes up
}

place() {
	need docker busybox sqlite3 curl
	shop_image
	PORT=$(free_port)
	export DEVENV_VAR_image=$SHOP_IMAGE DEVENV_VAR_port=$PORT
	trap 'trap - ERR; set +e; shop_clear; foreign_clear' EXIT
}

# What a test made beside devenv bears its name.
FOREIGN=
foreign() { FOREIGN=devenv-test-$$-$RANDOM; }
foreign_clear() {
	[[ -n $FOREIGN ]] || return 0
	docker rm -fv "$FOREIGN" >/dev/null 2>&1
	docker volume rm -f "$FOREIGN" >/dev/null 2>&1
	docker network rm "$FOREIGN" >/dev/null 2>&1
	return 0
}

# services: a manifest of spec.services from stdin; every one may be killed at once
services() {
	place
	{
		echo 'spec:'
		echo '  variables: { image: { default: none }, port: { default: 0 } }'
		sed 's/^/  /; s/SLEEPS/image: "${var.image}", command: [sleep, "1000"], stopSignal: SIGKILL/'
	} >"$TRASH/spec"
	manifest <"$TRASH/spec"
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; }
container() { ours container "docker_container.$1"; }
# inspect SERVICE FORMAT
inspect() { docker inspect -f "$2" "$(container "$1")"; }
in_db() { docker exec "$(container db)" "$@"; }
answers() { curl -sf --max-time 60 "http://127.0.0.1:$PORT/$1"; }

test_the_shop_comes_up_and_the_second_plan_is_empty() {
	shop
	expect 0 up --yes
	has out '7 added'
	no_changes
	equal 'the page' '<h1>The shop is open.</h1>' "$(answers '')"
	# The file of env_file, and the database by the name of its service.
	equal 'the orders' $'Welcome to the shop.\nno orders yet' "$(answers cgi-bin/orders)"
	expect 0 outputs url
	has out "http://127.0.0.1:$PORT/"
	expect 0 ps
	matches out 'docker_container.db +running .* healthy'
	matches out 'docker_container.migrate +completed'
	matches out 'docker_container.api +running'
	equal 'the memory of db' 67108864 "$(inspect db '{{.HostConfig.Memory}}')"
	equal 'the processors of db' 500000000 "$(inspect db '{{.HostConfig.NanoCpus}}')"

	# A change of the source: built again, made again; the database and its data stay.
	local db api
	db=$(container db) api=$(container api)
	in_db sh -c 'echo ten roses >/data/orders'
	echo '<h1>Closed.</h1>' >api/www/index.html
	expect 0 plan
	has out 'docker_image.api will be updated in place'
	expect 0 apply --yes
	equal 'the new page' '<h1>Closed.</h1>' "$(answers '')"
	equal 'the orders kept' $'Welcome to the shop.\nten roses' "$(answers cgi-bin/orders)"
	equal 'the container of db' "$db" "$(container db)"
	[[ $(container api) != "$api" ]]
	no_changes

	# A change of an environment file.
	echo 'GREETING=Ahoy.' >shop.env
	expect 0 plan
	has out 'docker_container.api will be replaced'
	lacks out 'docker_container.db'
	expect 0 apply --yes
	equal 'the greeting' $'Ahoy.\nten roses' "$(answers cgi-bin/orders)"

	# The database made anew: the data stays, and it is migrated again.
	expect 0 apply --yes --set 'spec.services[db].resources.memory=96Mi'
	equal 'in place' "$db" "$(container db)"
	expect 0 apply --yes --set 'spec.services[db].env={A: b}'
	[[ $(container db) != "$db" ]]
	has out 'replaced'
	equal 'the migrations' 2 "$(in_db grep -c . /data/migrations)"
	equal 'the orders' $'Ahoy.\nten roses' "$(answers cgi-bin/orders)"
	docker rm "$(container migrate)" >/dev/null # it is done and may go
	no_changes --set 'spec.services[db].env={A: b}'

	# Down, and up again on the data that is left; then down with it.
	expect 0 down --yes
	has out 'docker_volume.data'
	equal 'containers' '' "$(ours container)"
	equal 'networks' '' "$(ours network)"
	[[ -n $(ours volume '' '{{.Name}}') ]]
	expect 0 up --yes
	equal 'the orders after down and up' $'Ahoy.\nten roses' "$(answers cgi-bin/orders)"
	expect 0 down --yes --volumes
	equal 'volumes' '' "$(ours volume '' '{{.Name}}')"
	equal 'images' '' "$(ours image)"
	no_rest
}

test_the_lowered_manifest_is_the_same_environment() {
	shop
	expect 0 config show --lowered
	lacks out 'services:'
	has out 'type: docker_container'
	cp "$TRASH/out" "$TRASH/lowered.yml"
	expect 0 apply --yes
	cp "$TRASH/lowered.yml" .devenv/config.yml
	# It stands in other lines now, and that is all.
	expect 0 apply --yes
	lacks err created
	lacks err destroyed
	lacks err updated
	no_changes
}

test_drift_is_seen_with_its_reason_and_repaired() {
	services <<-'YML'
	services:
	  - { name: one, SLEEPS, resources: { memory: 64Mi }, restart: unless-stopped, volumes: ["data:/data"] }
	  - { name: two, SLEEPS }
	  - { name: three, SLEEPS }
	YML
	expect 0 apply --yes
	local one network
	one=$(container one) network=$(ours network docker_network.services)
	docker exec "$one" sh -c 'echo kept >/data/file'
	docker update --memory 100m --memory-swap 200m --restart no "$one" >/dev/null
	docker network disconnect "$network" "$(container two)"
	docker rm -f "$(container three)" >/dev/null
	expect 2 plan --detailed-exitcode
	matches out 'memory += 104857600 → "64Mi".*drift: changed outside devenv'
	matches out 'restart += "no" → "unless-stopped".*drift: changed outside devenv'
	has out 'docker_container.two will be updated in place'
	matches out 'networks += \[\] → .*drift: changed outside devenv'
	has out 'docker_container.three will be created'
	has out 'it is recorded but gone'
	has out 'Plan: 1 to add, 2 to change, 0 to destroy.'
	expect 0 status
	matches out 'docker_container.one +drifted .*memory'
	matches out 'docker_container.three +gone'
	expect 0 apply --yes
	no_changes
	equal 'one lives on' "$one" "$(container one)"
	equal 'the memory' 67108864 "$(inspect one '{{.HostConfig.Memory}}')"
	equal 'two sees one again' kept \
		"$(docker exec "$one" cat /data/file)"
	docker exec "$(container two)" ping -c 1 -W 30 one >/dev/null
	docker exec "$(container two)" ping -c 1 -W 30 three >/dev/null
}

test_what_is_not_ours_is_refused_and_taken_over_when_told() {
	services <<-'YML'
	services:
	  - { name: one, SLEEPS, volumes: ["data:/data"] }
	resources:
	  - { type: docker_volume, name: data, volumeName: NAME }
	  - { type: docker_network, name: services, networkName: NAME }
	  - { type: docker_container, name: other, containerName: NAME, image: "${var.image}", command: [sleep, "1000"], stopSignal: SIGKILL }
	YML
	foreign
	sed -i "s/NAME/$FOREIGN/" .devenv/config.yml
	docker volume create "$FOREIGN" >/dev/null
	docker network create "$FOREIGN" >/dev/null
	docker run -d --name "$FOREIGN" -v "$FOREIGN:/data" $SHOP_IMAGE sh -c 'echo theirs >/data/file; exec sleep 1000' >/dev/null
	expect 1 apply --yes
	has err "docker_volume.data exists already and is not ours ($FOREIGN)"
	has err "devenv import docker_volume.data $FOREIGN"
	has err 'docker_network.services exists already and is not ours'
	has err 'docker_container.other exists already and is not ours'
	equal 'what was made all the same' '' "$(ours container)"
	equal 'the foreign one runs' true "$(docker inspect -f '{{.State.Running}}' "$FOREIGN")"
	docker rm -f "$FOREIGN" >/dev/null
	docker network rm "$FOREIGN" >/dev/null
	expect 0 import docker_volume.data "$FOREIGN"
	expect 0 apply --yes
	equal 'their data' theirs "$(docker exec "$(container one)" cat /data/file)"
	expect 0 destroy --yes
	docker volume inspect "$FOREIGN" >/dev/null
}

test_a_port_that_is_taken_is_told_before_anything_is_done() {
	services <<-'YML'
	services:
	  - { name: one, SLEEPS, ports: ["127.0.0.1:${var.port}:80"] }
	YML
	foreign
	docker run -d --name "$FOREIGN" -p "127.0.0.1:$PORT:80" $SHOP_IMAGE sleep 1000 >/dev/null
	expect 1 plan
	has err "docker_container.one: tcp port 127.0.0.1:$PORT is taken by container $FOREIGN"
	docker rm -f "$FOREIGN" >/dev/null
	busybox nc -ll -p "$PORT" -e true &
	wait_until 5 listens
	expect 1 apply --yes
	matches err "docker_container.one: tcp port 127.0.0.1:$PORT is taken by .*(busybox|nc)"
	equal 'containers' '' "$(ours container)"
	kill %1
	wait
	expect 0 apply --yes
	# Its own port is no reason against a replacement.
	expect 0 apply --yes --set 'spec.services[one].hostname=changed'
	no_changes --set 'spec.services[one].hostname=changed'
	# Two that want one.
	manifest < <(cat "$TRASH/spec" && echo '    - { name: two, image: i, ports: ["127.0.0.1:'"$PORT"':81"] }')
	expect 1 plan
	has err "docker_container.two and docker_container.one both claim tcp:127.0.0.1:$PORT"
}

test_replicas_go_up_and_down_and_leave_the_first_alone() {
	services <<-'YML'
	services:
	  - { name: web, SLEEPS }
	  - { name: user, SLEEPS, dependencies: [web] }
	YML
	expect 0 apply --yes
	local web user
	web=$(container web) user=$(container user)
	expect 0 apply --yes --set 'spec.services[web].replicas=3'
	has out '2 added, 0 changed, 0 destroyed'
	no_changes --set 'spec.services[web].replicas=3'
	equal 'addresses' 3 "$(docker exec "$user" nslookup web 2>/dev/null | grep -c '^Address.*[0-9]$' | awk '{print $1 - 1}')"
	expect 0 logs web
	expect 0 apply --yes --set 'spec.services[web].replicas=2'
	has out '0 added, 0 changed, 1 destroyed'
	expect 0 apply --yes
	has out '0 added, 0 changed, 1 destroyed'
	no_changes
	equal 'the first' true "$(docker inspect -f '{{.State.Running}}' "$web")"
	equal 'the user' "$user" "$(container user)"
	expect 0 apply --yes --set 'spec.services[web].replicas=0'
	equal 'no web' "$user" "$(ours container)"

	# The same as a number that lasts.
	expect 0 scale web=2 --yes
	equal 'two and the user' 3 "$(ours container | wc -l)"
	no_changes
	expect 0 scale web=- --yes
	equal 'one and the user' 2 "$(ours container | wc -l)"
	no_changes
}

test_a_soft_dependency_may_fail_and_a_hard_one_blocks() {
	services <<-'YML'
	services:
	  - { name: cache, SLEEPS, readiness: { log: never, failureThreshold: 1 } }
	  - { name: soft, SLEEPS, dependencies: [{ name: cache, type: soft }] }
	  - { name: after, SLEEPS, dependencies: [{ name: cache, type: ordering }] }
	  - { name: hard, SLEEPS, dependencies: [cache] }
	  - { name: end, SLEEPS, dependencies: [hard] }
	  - { name: check, type: job, image: "${var.image}", command: [sh, -c, "echo it does not fit; exit 3"] }
	  - { name: behind, SLEEPS, dependencies: [check] }
	YML
	expect 1 apply --yes
	has err 'docker_container.hard: blocked: waits for docker_container.cache, which failed'
	has err 'docker_container.end: blocked: waits for docker_container.hard, which is blocked'
	has err 'ended with status 3'
	has err 'it does not fit'
	has err 'docker_container.behind: blocked: waits for docker_container.check, which failed'
	[[ -n $(container soft) && -n $(container after) ]]
	equal 'hard, end and behind' '' "$(container hard)$(container end)$(container behind)"
	expect 0 status
	matches out 'docker_container.hard +blocked .*waits for docker_container.cache'
	matches out 'docker_container.check +failed .*ended with status 3'
	# What was not ready is probed again, not made again; the job is run again.
	local cache
	cache=$(container cache)
	sed -i 's/log: never, failureThreshold: 1/type: running/; s/exit 3/exit 0/' .devenv/config.yml
	expect 0 apply --yes
	equal 'the cache' "$cache" "$(container cache)"
	no_changes
}

test_a_job_runs_again_when_its_database_is_new() {
	services <<-'YML'
	services:
	  - { name: db, SLEEPS, volumes: ["data:/data"] }
	  - { name: migrate, type: job, image: "${var.image}", command: [sh, -c, "echo run >>/data/runs"], volumes: ["data:/data"], dependencies: [db] }
	  - { name: report, type: job, image: "${var.image}", command: [sh, -c, "echo report >>/data/reports"], volumes: ["data:/data"], dependencies: [{ name: db, type: soft }] }
	YML
	expect 0 apply --yes
	docker rm "$(container migrate)" >/dev/null
	no_changes
	docker rm -f "$(container db)" >/dev/null
	expect 0 plan
	has out 'docker_container.migrate'
	has out 'docker_container.db is new' || has out 'because docker_container.db'
	expect 0 apply --yes
	equal 'runs' 2 "$(in_db grep -c . /data/runs)"
	equal 'reports' 1 "$(in_db grep -c . /data/reports)"
	no_changes
	expect 0 apply --yes --set 'spec.services[migrate].env={V: "2"}'
	equal 'runs' 3 "$(in_db grep -c . /data/runs)"
}

test_a_health_check_decides_when_it_is_ready() {
	services <<-'YML'
	services:
	  - { name: slow, image: "${var.image}", command: [sh, -c, "sleep 2; touch /tmp/up; exec sleep 1000"], stopSignal: SIGKILL, healthcheck: { test: [CMD, test, -f, /tmp/up], interval: 1s, retries: 1000 } }
	  - { name: user, SLEEPS, dependencies: [slow] }
	  - { name: sick, SLEEPS, healthcheck: { test: "echo it hurts; exit 1", interval: 500ms, retries: 1 } }
	  - { name: off, SLEEPS, healthcheck: { disable: true } }
	YML
	expect 1 apply --yes
	has err 'docker_container.sick: creating failed: not ready: its health is unhealthy: it hurts'
	[[ -n $(container user) ]]
	local up started
	up=$(docker exec "$(container slow)" stat -c %Y /tmp/up)
	started=$(date -d "$(inspect user '{{.State.StartedAt}}')" +%s)
	((started >= up)) || fail "the user started $((up - started)) s before what it waits for was up"
	expect 0 ps
	matches out 'docker_container.slow +running .*healthy'
}

# The engine says when its own check has succeeded: nobody waits for the next minute.
test_health_is_heard_of_and_not_asked_for_by_the_period() {
	services <<-'YML'
	services:
	  - { name: slow, image: "${var.image}", command: [sh, -c, "sleep 1; touch /tmp/up; exec sleep 1000"], stopSignal: SIGKILL, healthcheck: { test: [CMD, test, -f, /tmp/up], interval: 300ms, retries: 1000 }, readiness: { health: true, periodSeconds: 240 } }
	  - { name: late, SLEEPS, dependencies: [slow] }
	YML
	local started=$SECONDS
	expect 0 up --yes
	((SECONDS - started < 180)) || fail "it took $((SECONDS - started)) s"
	expect 0 status
	matches out 'docker_container.slow +running .*healthy'
}

test_every_key_is_seen_in_the_container() {
	services <<-'YML'
	volumes:
	  - { name: kept, labels: { team: blue } }
	  - { name: gone, type: ephemeral }
	  - { name: memory, type: tmpfs, size: 1Mi }
	  - { name: folder, type: host, source: ./folder }
	  - { name: conf, type: configmap, source: conf }
	services:
	  - name: all
	    image: "${var.image}"
	    entrypoint: [sh, -c]
	    command: 'pwd; id -u; hostname; echo "$A $B $C"; exec sleep 1000'
	    env: [A=env, "B=x=y"]
	    env_file: [one.env]
	    workingDirectory: /tmp
	    user: "1000:1000"
	    hostname: other
	    labels: [tier=front]
	    restart: on-failure:3
	    stopSignal: SIGKILL
	    networks: [front, back]
	    ports: [{ name: http, port: 0, targetPort: 80 }]
	    volumes: ["kept:/kept", "gone:/gone", "memory:/memory", "folder:/folder", "conf:/conf", { source: ./folder, target: /again, readOnly: true }]
	    resources: { cpu: 250m, memory: 64Mi }
	    triggers: [1]
	  - { name: neighbour, SLEEPS, networks: [back] }
	YML
	sed -i "s/port: 0/port: $PORT/; s/command: 'pwd/command: ['pwd/; s/sleep 1000'\$/sleep 1000']/" .devenv/config.yml
	mkdir folder conf
	echo shared >folder/file
	echo configured >conf/file
	printf 'A=file\nC=three\n' >one.env
	expect 0 apply --yes
	no_changes
	wait_until 5 all_says 'env x=y three'
	all_says /tmp
	all_says 1000
	all_says other
	equal 'the label' front "$(inspect all '{{index .Config.Labels "tier"}}')"
	equal 'restart' on-failure:3 "$(inspect all '{{.HostConfig.RestartPolicy.Name}}:{{.HostConfig.RestartPolicy.MaximumRetryCount}}')"
	equal 'the port' "127.0.0.1:$PORT" "127.0.0.1:$(docker port "$(container all)" 80/tcp | sed -n 's/.*://p' | head -n 1)"
	docker exec "$(container all)" grep -qx shared /folder/file /again/file
	docker exec "$(container all)" grep -qx configured /conf/file
	docker exec -u 0 "$(container all)" touch /conf/no 2>/dev/null && fail 'a configmap can be written to'
	docker exec -u 0 "$(container all)" touch /again/no 2>/dev/null && fail 'what is read-only can be written to'
	docker exec "$(container all)" grep -q ' /memory tmpfs .*size=1024k' /proc/mounts
	docker exec "$(container neighbour)" ping -c 1 -W 30 all >/dev/null
	equal 'networks' 2 "$(ours network | wc -l)"
	# What is ephemeral goes with its container, what is kept stays; a trigger makes it anew.
	docker exec -u 0 "$(container all)" sh -c 'echo x >/kept/x; echo x >/gone/x'
	local before
	before=$(container all)
	expect 0 apply --yes --set 'spec.services[all].triggers=[2]'
	[[ $(container all) != "$before" ]]
	equal 'what is left' /kept/x "$(docker exec "$(container all)" sh -c 'ls /kept/x /gone/x 2>/dev/null; true')"
	expect 1 plan --set 'spec.services[all].replicas=2'
	has err 'both claim tcp:'
}

test_what_is_mounted_and_changes_restarts_who_mounts_it() {
	services <<-'YML'
	volumes:
	  - { name: conf, type: configmap, source: conf }
	  - { name: key, type: secret, source: ./key }
	  - { name: kept }
	  - { name: gone, type: ephemeral }
	  - { name: memory, type: tmpfs }
	services:
	  - { name: reads, SLEEPS, volumes: ["conf:/conf", "kept:/kept", "gone:/gone", "memory:/memory"] }
	  - { name: knows, SLEEPS, volumes: [{ name: key, target: /run/key }] }
	  - { name: other, SLEEPS }
	YML
	local reads knows other
	mkdir -p conf/below
	echo one >conf/page
	echo hunter2hunter >key
	expect 0 apply --yes
	no_changes
	reads=$(container reads) knows=$(container knows) other=$(container other)

	echo two >conf/page
	expect 2 plan --detailed-exitcode
	has out 'local_value.volume-conf'
	expect 0 apply --yes
	[[ $(container reads) != "$reads" ]] || fail 'it was left as it is'
	equal page two "$(docker exec "$(container reads)" cat /conf/page)"
	equal 'who mounts other things' "$knows $other" "$(container knows) $(container other)"
	no_changes

	# A file that is put in place of another one is another one for the container, too.
	reads=$(container reads)
	echo changed2changed >new && mv new key
	expect 0 apply --yes
	lacks out changed2changed
	[[ $(container knows) != "$knows" ]] || fail 'it was left as it is'
	equal key changed2changed "$(docker exec "$(container knows)" cat /run/key)"
	equal 'who mounts other things' "$reads $other" "$(container reads) $(container other)"
	! grep -rqF "$(b2sum -l 256 key | cut -c1-64)" "$DEVENV_HOME" || fail 'its hash is stored'
	no_changes

	# After a stop only what is kept is there.
	docker exec "$(container reads)" sh -c 'touch /kept/x /gone/x /memory/x'
	expect 0 restart reads
	equal 'what is left' /kept/x "$(docker exec "$(container reads)" sh -c 'ls /kept/x /gone/x /memory/x 2>/dev/null; true')"
	docker exec "$(container reads)" sh -c 'touch /gone/x'
	expect 0 stop reads
	expect 0 start reads
	equal 'what is left' /kept/x "$(docker exec "$(container reads)" sh -c 'ls /kept/x /gone/x /memory/x 2>/dev/null; true')"
	equal 'in the same container' "$reads" "$(container reads)"
}

logged() { # TEXT: by talk
	devenv logs talk
	grep -qF -- "$1" "$TRASH/out"
}

all_says() { # LINE
	devenv logs all
	grep -qx -- "$1" "$TRASH/out"
}

test_logs_exec_stop_start_restart_by_the_name_of_the_service() {
	services <<-'YML'
	services:
	  - { name: talk, image: "${var.image}", command: [sh, -c, "echo hello; echo trouble >&2; exec sleep 1000"], stopSignal: SIGKILL }
	  - { name: user, SLEEPS, dependencies: [talk] }
	YML
	expect 0 up --yes
	wait_until 15 logged hello
	wait_until 15 logged trouble
	expect 0 logs --tail 1 talk
	expect 7 exec talk -- sh -c 'echo inside; exit 7'
	has out inside
	expect 0 stop talk
	equal 'it runs' false "$(inspect talk '{{.State.Running}}')"
	no_changes # a person stopped it
	expect 0 ps
	matches out 'docker_container.talk +stopped'
	expect 0 start talk
	equal 'it runs' true "$(inspect talk '{{.State.Running}}')"
	local before
	before=$(inspect talk '{{.State.StartedAt}}')
	expect 0 restart talk
	[[ $(inspect talk '{{.State.StartedAt}}') != "$before" ]]
	# One that ended by itself is started by the next apply.
	docker kill "$(container talk)" >/dev/null
	expect 2 plan --detailed-exitcode
	has out 'docker_container.talk will be started'
	expect 0 apply --yes
	no_changes
	expect 0 down --yes
	expect 0 ps
	lacks out running
}

test_processes_and_commands_beside_containers() {
	services <<-'YML'
	services:
	  - { name: web, image: "${var.image}", command: [sh, -c, "echo page >/tmp/index.html; exec httpd -f -p 80 -h /tmp"], stopSignal: SIGKILL, ports: [80], readiness: { path: /index.html, port: 80 } }
	  - { name: beside, command: [sh, -c, 'echo "$WHO asks $WEB"; exec sleep 1000'], env_file: [one.env, two.env], env: { WEB: "${service.web.host}:${service.web.port}" }, ports: [PORT] }
	  - { name: fetch, type: job, command: [sh, -c, 'curl -sf "http://$WEB/index.html" >fetched'], env: { WEB: "${service.web.host}:${service.web.port}" } }
	  - { name: client, SLEEPS, env: { BESIDE: "${service.beside.host}:${service.beside.port}" } }
	YML
	sed -i "s/PORT/$PORT/" .devenv/config.yml
	echo WHO=one >one.env
	echo WHO=two >two.env
	expect 0 apply --yes
	no_changes
	equal 'what was fetched' page "$(cat fetched)"
	local published
	published=$(docker port "$(container web)" 80/tcp | sed -n 's/.*:\([0-9]*\)$/\1/p' | head -n 1)
	wait_until 5 beside_says "two asks 127.0.0.1:$published"
	equal 'what the client knows' "host.docker.internal:$PORT" "$(docker exec "$(container client)" sh -c 'echo $BESIDE')"
	docker exec "$(container client)" grep -q 'host.docker.internal' /etc/hosts
	echo WHO=three >two.env
	expect 0 plan
	has out 'local_process.beside will be'
	has out 'envFile'
	lacks out 'docker_container.web'
	expect 0 apply --yes
	wait_until 5 beside_says 'three asks'
	rm two.env
	expect 1 apply --yes
	has err 'two.env: no such file (envFile[1])'
	expect 0 destroy --yes
	no_rest
}

beside_says() {
	devenv logs beside
	grep -qF -- "$1" "$TRASH/out"
}

run_tests "$@"
