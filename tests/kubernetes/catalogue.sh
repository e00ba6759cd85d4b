#!/bin/bash
# Programs of the catalogue on a cluster with real pods, and volumes that the other files have not: the
# password, the data, the seed, and files that restart what mounts them.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/kubernetes.sh
. "${BASH_SOURCE%/*}/../lib/kubernetes.sh"

cluster_tools
for tool in build-kafka build-minio build-mongodb; do # a test has a home of its own: what it takes is made before
	"$HARNESS_SOURCE/tests/tools/$tool" >/dev/null || true
done
NAME=dwc-$$
PORT=$((20000 + $$ % 10000))

# More of the manifest from stdin. A disk is one that the node gives to the group of the pod that mounts it.
on_a_disk() { # VOLUME [ANOTHER VOLUME...]
	trap clean EXIT
	{
		cat <<-YML
		spec:
		  cluster:
		    name: dev
		    k3d: { clusterName: $NAME, image: "$K3S_IMAGE", kubeApi: { hostIp: 127.0.0.1 } }
		  volumes:
		$(printf '    - { %s }\n' "name: $1, size: 1Gi, storageClass: disk" "${@:2}")
		  resources:
		    - type: kubernetes_manifest
		      name: disk
		      cluster: { kubeconfig: "\${cluster.kubeconfig}" }
		      manifest:
		        apiVersion: v1
		        kind: PersistentVolume
		        metadata: { name: disk }
		        spec:
		          capacity: { storage: 1Gi }
		          accessModes: [ReadWriteOnce]
		          storageClassName: disk
		          local: { path: /mnt }
		          nodeAffinity:
		            required: { nodeSelectorTerms: [ { matchExpressions: [ { key: kubernetes.io/hostname, operator: Exists } ] } ] }
		YML
		cat
	} | manifest
}

environment() {
	"$HARNESS_SOURCE/tests/tools/postgres-context" postgres
	echo "CREATE TABLE item (name text); INSERT INTO item VALUES ('seed');" >seed.sql
	echo hunter2hunter >token
	on_a_disk database-data 'name: token, type: secret, source: ./token' 'name: scratch, type: ephemeral' <<-YML
	  services:
	    - name: database
	      type: postgresql
	      build: ./postgres
	      database: shop
	      seed: ./seed.sql
	      ports: ["127.0.0.1:$PORT:5432"]
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
	docker rmi -f test/{database,app,cache,user,broker,fill,web,reader,store}:devenv >/dev/null 2>&1 || true
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
	"$HARNESS_SOURCE/tests/tools/mysql-context" mysql
	echo "CREATE TABLE item (name text); INSERT INTO item VALUES ('seed');" >seed.sql
	local old
	on_a_disk database-data <<-YML
	  services:
	    - name: database
	      type: mysql
	      build: ./mysql
	      database: shop
	      seed: ./seed.sql
	      ports: ["127.0.0.1:$PORT:3306"]
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

# The way from here to a pod that is new takes a moment to be known.
from_here() { # COMMAND...: what it says when it succeeds
	wait_until 30 reached "$@"
	cat "$TRASH/reached"
}
reached() { "$@" >"$TRASH/reached" 2>"$TRASH/refused"; }
queue() { from_here amqp-get -u "$(url)" -q jobs; }

test_rabbitmq_in_a_pod() {
	need setpriv rabbitmqctl amqp-get
	"$HARNESS_SOURCE/tests/tools/rabbitmq-context" rabbitmq
	local old
	on_a_disk broker-data <<-YML
	  services:
	    - { name: broker, type: rabbitmq, build: ./rabbitmq, database: shop, ports: ["127.0.0.1:$PORT:5672"] }
	    - name: fill
	      type: job
	      restart: on-failure:5 # the way to a pod that is new takes a moment to be known on every node
	      build: ./rabbitmq
	      command: [sh, -c, 'amqp-declare-queue -u "\$URL" -q jobs -d && amqp-publish -u "\$URL" -r jobs -p -b job']
	      env: { URL: "\${service.broker.url}" }
	  outputs:
	    kubeconfig: { value: "\${cluster.kubeconfig}" }
	    url: { value: "\${service.broker.external.url}", sensitive: true }
	YML
	expect 0 apply --yes
	no_changes
	equal 'by the job' job "$(queue)"
	amqp-publish -u "$(url)" -r jobs -p -b kept

	# A new pod has the data of the old one, whose files are still its own: they are not given to the group again.
	old=$(uid broker)
	expect 0 restart broker
	[[ $(uid broker) != "$old" ]] || fail 'the pod is the old one'
	equal 'after a restart' kept "$(queue)"
	amqp-publish -u "$(url)" -r jobs -p -b kept
	old=$(url)
	expect 0 secret rotate broker-password --yes
	[[ $(url) != "$old" ]] || fail 'it is still the old one'
	equal 'the message of before' kept "$(queue)"
	equal 'of the job that ran again' job "$(queue)"
	matches <(amqp-get -u "$old" -q jobs 2>&1 || true) 'ACCESS_REFUSED'
	no_changes
	expect 0 destroy --yes --volumes
	no_rest
}

test_nginx_in_a_pod() {
	need curl
	trap clean EXIT
	local old
	"$HARNESS_SOURCE/tests/tools/nginx-context" nginx
	ln -s busybox nginx/root/bin/grep
	mkdir -p nginx/root/{run,html,etc/nginx,var/log/nginx,var/lib/nginx} html
	cat >nginx/root/etc/nginx/nginx.conf <<-'CONF'
	daemon off;
	user nobody nogroup;
	error_log stderr;
	events {}
	http { access_log off; server { listen 80; root /html; } }
	CONF
	echo first >html/page
	manifest <<-YML
	spec:
	  cluster:
	    name: dev
	    k3d: { clusterName: $NAME, image: "$K3S_IMAGE", kubeApi: { hostIp: 127.0.0.1 } }
	  volumes: [ { name: html, type: configmap, source: ./html } ]
	  services: [ { name: web, type: nginx, build: ./nginx, volumes: ["html:/html:ro"], ports: ["127.0.0.1:$PORT:80"] } ]
	  outputs:
	    kubeconfig: { value: "\${cluster.kubeconfig}" }
	    url: { value: "\${service.web.external.url}" }
	YML
	expect 0 apply --yes
	no_changes
	wait_until 30 shows first
	echo second >html/page
	old=$(uid web)
	expect 0 apply --yes
	[[ $(uid web) != "$old" ]] || fail 'the pod is the old one'
	wait_until 30 shows second
	no_changes
	expect 0 destroy --yes
	no_rest
}
shows() { [[ $(curl -sS "$(url)/page" 2>"$TRASH/refused") == "$1" ]]; }

test_kafka_in_a_pod() {
	need java mvn
	"$HARNESS_SOURCE/tests/tools/kafka-context" kafka
	on_a_disk broker-data <<-YML
	  services:
	    - { name: broker, type: kafka, build: ./kafka }
	    - name: fill
	      type: job
	      restart: on-failure:5 # the way to a pod that is new takes a moment to be known on every node
	      build: ./kafka
	      command: [sh, -c, 'echo job | kafka-console-producer.sh --bootstrap-server "\$\${URL#kafka://}" --topic jobs']
	      env: { URL: "\${service.broker.url}" }
	    - { name: reader, build: ./kafka, command: [sleep, "10000"], stopSignal: SIGKILL }
	  outputs:
	    kubeconfig: { value: "\${cluster.kubeconfig}" }
	YML
	expect 0 apply --yes
	no_changes
	equal 'by the job' job "$(messages)"
	expect 0 restart broker
	equal 'after a restart' job "$(messages)"
	no_changes
	expect 0 destroy --yes --volumes
	no_rest
}
messages() {
	from_here in_cluster exec deploy/reader -- kafka-console-consumer.sh --bootstrap-server broker:9092 --topic jobs \
		--from-beginning --timeout-ms 120000 --max-messages 1
}

test_minio_in_a_pod() {
	MINIO=$("$HARNESS_SOURCE/tests/tools/build-minio")
	"$HARNESS_SOURCE/tests/tools/minio-context" minio
	local old
	on_a_disk store-data <<-YML
	  services: [ { name: store, type: minio, build: ./minio, ports: ["127.0.0.1:$PORT:9000"] } ]
	  outputs:
	    kubeconfig: { value: "\${cluster.kubeconfig}" }
	    url: { value: "\${service.store.external.url}" }
	    password: { value: "\${service.store.password}", sensitive: true }
	YML
	expect 0 apply --yes
	no_changes
	echo kept >object
	from_here in_store "$(password)" mb store/shop >"$TRASH/mb"
	in_store "$(password)" cp object store/shop/object >"$TRASH/cp"
	old=$(password)
	expect 0 secret rotate store-password --yes
	[[ $(password) != "$old" ]] || fail 'it is still the old one'
	equal 'with the new one' kept "$(from_here in_store "$(password)" cat store/shop/object)"
	matches <(in_store "$old" cat store/shop/object || true) 'signature|Access'
	no_changes
	expect 0 destroy --yes --volumes
	no_rest
}
password() { "$DEVENV" outputs --reveal password; }
in_store() { # PASSWORD ARGUMENT OF mc...: from here
	local -x MC_HOST_store MC_CONFIG_DIR=$TRASH/mc
	MC_HOST_store="http://app:$1@127.0.0.1:$PORT"
	"$MINIO/mc" --quiet "${@:2}" 2>&1
}

# The server is FerretDB, which speaks the protocol; the shell and the tools are MongoDB's own.
test_mongodb_in_a_pod() {
	need node setpriv
	MONGO=$("$HARNESS_SOURCE/tests/tools/build-mongodb")
	"$HARNESS_SOURCE/tests/tools/mongodb-context" mongodb
	echo 'db.item.insertOne({name: "seed"});' >seed.js
	on_a_disk database-data <<-YML
	  services:
	    - name: database
	      type: mongodb
	      build: ./mongodb
	      database: shop
	      seed: ./seed.js
	      ports: ["127.0.0.1:$PORT:27017"]
	    - name: fill
	      type: job
	      restart: on-failure:5 # the way to a pod that is new takes a moment to be known on every node
	      build: ./mongodb
	      command: [sh, -c, 'mongosh --quiet "\$URL" --eval "db.item.insertOne({name: process.env.NAME})"']
	      env: { NAME: job, URL: "\${service.database.url}" }
	  outputs:
	    kubeconfig: { value: "\${cluster.kubeconfig}" }
	    url: { value: "\${service.database.external.url}", sensitive: true }
	YML
	expect 0 apply --yes
	no_changes
	equal 'seed and job' 'seed job' "$(names)"
	expect 0 backup database -o one.archive
	in_mongo 'db.item.deleteMany({})' >"$TRASH/deleted"
	expect 0 restore database one.archive --yes
	equal 'as it was' 'seed job' "$(names)"
	expect 0 restart database
	equal 'after a restart' 'seed job' "$(names)"
	no_changes
	expect 0 destroy --yes --volumes
	no_rest
}
in_mongo() { # JAVASCRIPT: from here, with the shell of the image
	node "$MONGO/mongosh/node_modules/mongosh/bin/mongosh.js" --quiet --norc "$(url)" --eval "$1" 2>&1
}
names() { from_here in_mongo 'db.item.find().sort({_id: 1}).toArray().map(item => item.name).join(" ")'; }

run_tests "$@"
