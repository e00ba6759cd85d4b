#!/bin/bash
# A database of the catalogue on a cluster with real pods, and volumes that the other files have not:
# the password, the data, the seed, and files that restart what mounts them.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/kubernetes.sh
. "${BASH_SOURCE%/*}/../lib/kubernetes.sh"

cluster_tools
NAME=dwc-$$
PORT=$((20000 + $$ % 10000))

environment() {
	trap clean EXIT
	"$HARNESS_SOURCE/tests/tools/postgres-context" postgres
	echo "CREATE TABLE item (name text); INSERT INTO item VALUES ('seed');" >seed.sql
	echo hunter2hunter >token
	manifest <<-YML
	spec:
	  cluster:
	    name: dev
	    k3d: { clusterName: $NAME, image: "$K3S_IMAGE", kubeApi: { hostIp: 127.0.0.1 } }
	  volumes:
	    - { name: token, type: secret, source: ./token }
	    - { name: scratch, type: ephemeral }
	  services:
	    - name: database
	      type: postgresql
	      build: ./postgres
	      database: shop
	      seed: ./seed.sql
	      storage: 64Mi
	      ports: ["127.0.0.1:$PORT:5432"]
	      # Volumes of these nodes are root's alone; those of k3s are everybody's.
	      env: { PGDATA: /var/lib/postgresql/data }
	      securityContext: { runAsUser: 0, runAsGroup: 0, capabilities: { add: [CHOWN, DAC_OVERRIDE, FOWNER, SETGID, SETUID] } }
	    - name: app
	      build: ./postgres
	      entrypoint: [sh, -c, 'psql -qXAt "\$URL" -c "SELECT name FROM item" >/scratch/item && exec sleep 10000']
	      env: { URL: "\${service.database.url}" }
	      stopGracePeriod: 1s
	      volumes: ["token:/run/secrets:ro", "scratch:/scratch"]
	      readiness: { command: [test, -s, /scratch/item] }
	  outputs:
	    kubeconfig: { value: "\${cluster.kubeconfig}" }
	    url: { value: "\${service.database.external.url}", sensitive: true }
	YML
}
clean() {
	k3d cluster delete "$NAME" >/dev/null 2>&1 || true
	docker rmi -f test/database:devenv test/app:devenv test/cache:devenv test/user:devenv >/dev/null 2>&1 || true
}
in_cluster() { kubectl --kubeconfig "$("$DEVENV" outputs kubeconfig)" -n test "$@"; }
url() { "$DEVENV" outputs --reveal url; }
query() { psql -qXAt "$(url)" -c "$1"; }
uid() {
	in_cluster get pods -l "app.kubernetes.io/instance=$1" \
		-o 'go-template={{range .items}}{{if not .metadata.deletionTimestamp}}{{.metadata.uid}} {{end}}{{end}}'
}

cache() { # the pod of the service, asked by the URL that others in the cluster have
	in_cluster exec cache-0 -- redis-cli --no-auth-warning -u "$(in_cluster get secret user-env -o 'jsonpath={.data.CACHE}' |
		base64 -d)" "$@"
}

test_redis_in_a_pod() {
	need redis-cli redis-check-rdb
	trap clean EXIT
	"$HARNESS_SOURCE/tests/tools/redis-context" redis
	manifest <<-YML
	spec:
	  cluster:
	    name: dev
	    k3d: { clusterName: $NAME, image: "$K3S_IMAGE", kubeApi: { hostIp: 127.0.0.1 } }
	  services:
	    - name: cache
	      type: redis
	      build: ./redis
	      storage: 16Mi
	      # Volumes of these nodes are root's alone; those of k3s are everybody's.
	      securityContext: { runAsUser: 0, runAsGroup: 0 }
	    - name: user
	      type: job
	      restart: on-failure:5 # the way to a pod that is new takes a moment to be known on every node
	      build: ./redis
	      command: [sh, -c, 'test "\$(redis-cli --no-auth-warning -u "\$CACHE" incr runs)" -ge 1']
	      env: { CACHE: "\${service.cache.url}" }
	  outputs:
	    kubeconfig: { value: "\${cluster.kubeconfig}" }
	YML
	expect 0 apply --yes
	no_changes
	equal 'by the job' 1 "$(cache get runs)"
	matches <(in_cluster exec cache-0 -- sh -c 'unset REDISCLI_AUTH; redis-cli get runs') 'NOAUTH Authentication required'
	expect 0 secret rotate cache-password --yes
	equal 'the data is there, and the job ran again' 2 "$(cache get runs)"
	no_changes
	expect 0 destroy --yes --volumes
	no_rest
}

test_mysql_in_a_pod() {
	need mariadbd mysql
	trap clean EXIT
	"$HARNESS_SOURCE/tests/tools/mysql-context" mysql
	echo "CREATE TABLE item (name text); INSERT INTO item VALUES ('seed');" >seed.sql
	local old
	manifest <<-YML
	spec:
	  cluster:
	    name: dev
	    k3d: { clusterName: $NAME, image: "$K3S_IMAGE", kubeApi: { hostIp: 127.0.0.1 } }
	  services:
	    - name: database
	      type: mysql
	      build: ./mysql
	      database: shop
	      seed: ./seed.sql
	      storage: 512Mi
	      ports: ["127.0.0.1:$PORT:3306"]
	      # Volumes of these nodes are root's alone; those of k3s are everybody's.
	      securityContext: { runAsUser: 0, runAsGroup: 0, capabilities: { add: [CHOWN, DAC_OVERRIDE, FOWNER, SETGID, SETUID] } }
	    - name: user
	      type: job
	      restart: on-failure:5 # the way to a pod that is new takes a moment to be known on every node
	      build: ./mysql
	      entrypoint: [sh, -c, 'MYSQL_PWD=\$PASSWORD mysql -h database -u app shop -e "INSERT INTO item VALUES (''job'')"']
	      env: { PASSWORD: "\${service.database.password}" }
	  outputs:
	    kubeconfig: { value: "\${cluster.kubeconfig}" }
	    password: { value: "\${service.database.password}", sensitive: true }
	YML
	expect 0 apply --yes
	no_changes
	equal 'seed and job' $'seed\njob' "$(in_mysql 'SELECT name FROM item')"

	old=$("$DEVENV" outputs --reveal password)
	expect 0 secret rotate database-password --yes
	[[ $("$DEVENV" outputs --reveal password) != "$old" ]] || fail 'it is still the old one'
	equal 'with the new one' $'seed\njob\njob' "$(in_mysql 'SELECT name FROM item')"
	matches <(MYSQL_PWD=$old mysql -h 127.0.0.1 -P "$PORT" -u app shop -e 'SELECT 1' 2>&1 || true) 'Access denied'
	no_changes

	expect 0 backup database -o one.sql
	in_mysql 'DELETE FROM item'
	expect 0 restore database one.sql --yes
	equal 'as it was' 3 "$(in_mysql 'SELECT count(*) FROM item')"
	expect 0 destroy --yes --volumes
	no_rest
}
in_mysql() { # SQL, from here
	MYSQL_PWD=$("$DEVENV" outputs --reveal password) mysql -h 127.0.0.1 -P "$PORT" -u app shop -Nse "$1"
}

test_postgresql_in_a_pod() {
	need psql
	local old database app
	environment
	expect 0 apply --yes
	no_changes
	matches <(url) "^postgres://app:[A-Za-z0-9]{32}@127\\.0\\.0\\.1:$PORT/shop\$"
	equal 'from here' seed "$(query 'SELECT name FROM item')"
	equal 'from another pod' seed "$(in_cluster exec deploy/app -- cat /scratch/item)"
	query "INSERT INTO item VALUES ('kept')" >/dev/null

	# Another password: the data stays, the pods of both are new, and nobody else gets in.
	old=$(url) database=$(uid database) app=$(uid app)
	expect 0 secret rotate database-password --yes
	[[ $(url) != "$old" && $(uid database) != "$database" && $(uid app) != "$app" ]] || fail 'all is as it was'
	equal 'with the new one' $'seed\nkept' "$(query 'SELECT name FROM item')"
	equal 'who uses it' $'seed\nkept' "$(in_cluster exec deploy/app -- cat /scratch/item)"
	! psql -qXAt "$old" -c 'SELECT 1' >"$TRASH/psql" 2>&1 || fail 'the old one gets in'
	has "$TRASH/psql" 'password authentication failed'
	no_changes

	# Out into a file, and in again, through the pod.
	expect 0 backup database -o one.dump
	equal mode 600 "$(stat -c %a one.dump)"
	query 'DELETE FROM item' >/dev/null
	expect 0 restore database one.dump --yes
	equal 'as it was' $'seed\nkept' "$(query 'SELECT name FROM item')"
	head -c $(($(stat -c %s one.dump) - 20)) one.dump >part.dump
	query 'DELETE FROM item' >/dev/null
	expect 1 restore database part.dump --yes
	has err 'the database is as it was before'
	equal 'nothing came of it' 0 "$(query 'SELECT count(*) FROM item')"
	expect 0 restore database one.dump --yes

	# A file of a secret volume that changes makes new pods of those that mount it.
	database=$(uid database) app=$(uid app)
	equal token hunter2hunter "$(in_cluster exec deploy/app -- cat /run/secrets/token)"
	echo changed2changed >token
	expect 2 plan --detailed-exitcode
	lacks out changed2changed
	expect 0 apply --yes
	[[ $(uid app) != "$app" ]] || fail 'the pod is the old one'
	equal token changed2changed "$(in_cluster exec deploy/app -- cat /run/secrets/token)"
	equal 'the database was left alone' "$database" "$(uid database)"
	no_changes
	expect 0 destroy --yes --volumes
	equal containers '' "$(docker ps -a --format '{{.Names}}' | grep -F "$NAME" || true)"
	no_rest
}

run_tests "$@"
