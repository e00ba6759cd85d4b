#!/bin/bash
# Words of the catalogue whose real programs take minutes to get: Kafka from Maven, MinIO from Go modules; MongoDB's
# tools from npm and Go modules, with FerretDB as the server. With --full only.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

# A test has a home of its own: what it takes is made before.
export DEVENV_TEST_CACHE=${DEVENV_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/devenv-tests}
for tool in build-kafka build-minio build-mongodb; do
	"$HARNESS_SOURCE/tests/tools/$tool" >/dev/null || true
done

url() { "$DEVENV" outputs --reveal url; }
password() { "$DEVENV" outputs --reveal password; }
container() { docker ps -q --filter "label=dev.devenv.address=docker_container.$1"; }

use_engine() { # TOOL...
	need docker busybox "$@"
	docker version >/dev/null 2>&1 || skip "no Docker Engine answers"
	trap '"$DEVENV" destroy --yes --volumes >/dev/null 2>&1' EXIT
}

topics() { # MESSAGE
	manifest <<-YML
	spec:
	  services:
	    - { name: broker, type: kafka, build: ./kafka }
	    - name: fill
	      type: job
	      build: ./kafka
	      command: [sh, -c, 'echo $1 | kafka-console-producer.sh --bootstrap-server "\$\${URL#kafka://}" --topic jobs']
	      env: { URL: "\${service.broker.url}" }
	YML
}
messages() { # NUMBER
	docker exec "$(container broker)" kafka-console-consumer.sh --bootstrap-server broker:9092 --topic jobs \
		--from-beginning --timeout-ms 120000 --max-messages "$1" 2>"$TRASH/consumer"
}

test_kafka_is_a_word() {
	use_engine java mvn
	"$HARNESS_SOURCE/tests/tools/kafka-context" kafka
	topics first
	expect 0 apply --yes
	no_changes
	equal 'by the job' first "$(messages 1)"
	topics second
	expect 0 apply --yes
	equal 'in order' $'first\nsecond' "$(messages 2)"

	# In another container, and after a destroy: the data and its format are there.
	expect 0 apply --yes --replace docker_container.broker
	equal 'what was there' $'first\nsecond' "$(messages 2)"
	expect 0 destroy --yes
	topics third
	expect 0 apply --yes
	equal 'after a destroy' $'first\nsecond' "$(messages 3 | head -n 2)"
	expect 0 restart broker
	equal 'after a restart' $'first\nsecond' "$(messages 3 | head -n 2)"
	expect 0 destroy --yes --volumes
	no_rest
}

in_store() { # PASSWORD ARGUMENT OF mc...: from here
	local -x MC_HOST_store MC_CONFIG_DIR=$TRASH/mc
	MC_HOST_store="http://app:$1@$(url | cut -d/ -f3)"
	"$MINIO/mc" --quiet "${@:2}" 2>&1
}

test_minio_is_a_word() {
	use_engine
	MINIO=$("$HARNESS_SOURCE/tests/tools/build-minio")
	"$HARNESS_SOURCE/tests/tools/minio-context" minio
	local old
	manifest <<-YML
	spec:
	  services: [ { name: store, type: minio, build: ./minio } ]
	  outputs:
	    url: { value: "\${service.store.external.url}" }
	    password: { value: "\${service.store.password}", sensitive: true }
	YML
	expect 0 apply --yes
	no_changes
	echo kept >object
	in_store "$(password)" mb store/shop >"$TRASH/mb"
	in_store "$(password)" cp object store/shop/object >"$TRASH/cp"
	equal 'the object' kept "$(in_store "$(password)" cat store/shop/object)"
	docker top "$(container store)" -eo pid,args >"$TRASH/arguments"
	has "$TRASH/arguments" 'minio server'
	lacks "$TRASH/arguments" "$(password)"

	old=$(password)
	expect 0 secret rotate store-password --yes
	[[ $(password) != "$old" ]] || fail 'it is still the old one'
	equal 'with the new one' kept "$(in_store "$(password)" cat store/shop/object)"
	matches <(in_store "$old" cat store/shop/object || true) 'signature|Access'
	no_changes
	expect 0 destroy --yes
	expect 0 apply --yes
	equal 'after a destroy' kept "$(in_store "$(password)" cat store/shop/object)"
	expect 0 destroy --yes --volumes
	no_rest
}

documents() { # [KEY: VALUE]: more of the database
	manifest <<-YML
	spec:
	  services:
	    - { name: database, type: mongodb, build: ./mongodb, database: shop, seed: ./seed.js, $* }
	    - name: fill
	      type: job
	      build: ./mongodb
	      command: [sh, -c, 'mongosh --quiet "\$URL" --eval "db.item.insertOne({name: process.env.NAME})"']
	      env: { NAME: job, URL: "\${service.database.url}" }
	  outputs:
	    url: { value: "\${service.database.external.url}", sensitive: true }
	YML
}
in_mongo() { # URL JAVASCRIPT: from here, with the shell of the image
	node "$MONGO/mongosh/node_modules/mongosh/bin/mongosh.js" --quiet --norc "$1" --eval "$2" 2>&1
}
names() { in_mongo "$(url)" 'db.item.find().sort({_id: 1}).toArray().map(item => item.name).join(" ")'; }

# The server is FerretDB, which speaks the protocol; the shell and the tools are MongoDB's own.
test_mongodb_is_a_word() {
	use_engine node setpriv
	MONGO=$("$HARNESS_SOURCE/tests/tools/build-mongodb")
	"$HARNESS_SOURCE/tests/tools/mongodb-context" mongodb
	echo 'db.item.insertOne({name: "seed"});' >seed.js
	local odd
	odd='password: "it'"'"'s \"odd\" \\ :"'
	documents "$odd"
	expect 0 apply --yes
	no_changes
	matches <(url) '^mongodb://app:it%27s%20%22odd%22%20%5C%20%3A@127\.0\.0\.1:[0-9]+/shop\?authSource=admin$'
	equal 'seed and job' 'seed job' "$(names)"
	matches <(in_mongo "$(url | sed 's/:[^:@]*@/:wrong@/')" 'db.item.findOne()' || true) 'Authentication failed'
	docker top "$(container database)" -eo pid,args >"$TRASH/arguments"
	has "$TRASH/arguments" ferretdb
	lacks "$TRASH/arguments" odd

	expect 0 backup database -o one.archive
	equal mode 600 "$(stat -c %a one.archive)"
	in_mongo "$(url)" 'db.item.deleteMany({}); db.item.insertOne({name: "late"}); db.other.insertOne({})' >"$TRASH/late"
	expect 0 restore database one.archive --yes
	equal 'as it was' 'seed job' "$(names)"
	equal 'what is not in it stays' 1 "$(in_mongo "$(url)" 'db.other.countDocuments()')"
	head -c $(($(stat -c %s one.archive) - 20)) one.archive >part.archive
	expect 1 restore database part.archive --yes
	has err 'restore it again from a file that is whole'
	expect 0 restore database one.archive --yes
	equal 'once more' 'seed job' "$(names)"

	# It keeps the password that it was begun with, which the plan says; the data outlives its container.
	documents 'password: changed'
	expect 0 plan
	has err 'the data in docker_volume.database-data was begun with another one and keeps it'
	documents "$odd"
	no_changes
	expect 0 restart database
	equal 'after a restart' 'seed job' "$(names)"
	expect 0 destroy --yes
	expect 0 apply --yes
	equal 'no second seed' 'seed job job' "$(names)"
	expect 0 destroy --yes --volumes
	no_rest
}

run_tests "$@"
