#!/bin/bash
# Databases of the catalogue, the real programs: the password is made once and changed where it is asked
# for, the URL holds inside and outside, the data outlives the container.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

environment() { # VALUE
	manifest <<-YML
	spec:
	  services:
	    - { name: cache, type: redis, build: ./redis, stopGracePeriod: 60s }
	    - name: fill
	      type: job
	      build: ./redis
	      command: [sh, -c, 'test "\$(redis-cli --no-auth-warning -u "\$URL" set key "$1")" = OK']
	      env: { URL: "\${service.cache.url}" }
	  outputs:
	    url: { value: "\${service.cache.external.url}", sensitive: true }
	YML
}
cli() { redis-cli --no-auth-warning -u "$("$DEVENV" outputs --reveal url)" "$@"; }

test_redis_is_a_word() {
	need docker busybox redis-cli redis-check-rdb
	docker version >/dev/null 2>&1 || skip "no Docker Engine answers"
	"$HARNESS_SOURCE/tests/tools/redis-context" redis
	trap '"$DEVENV" destroy --yes --volumes >/dev/null 2>&1' EXIT
	local url container
	environment first
	expect 0 apply --yes
	no_changes
	url=$("$DEVENV" outputs --reveal url)
	[[ $url =~ ^redis://default:[A-Za-z0-9]{32}@127\.0\.0\.1:[0-9]+$ ]] || fail "it is no URL: $url"
	equal value first "$(cli get key)"
	equal 'who has no password' 'NOAUTH Authentication required.' \
		"$(redis-cli -u "redis://127.0.0.1:${url##*:}" get key 2>&1)"
	container=$(docker ps -q --filter "publish=${url##*:}")
	docker top "$container" -eo pid,args >"$TRASH/arguments"
	has "$TRASH/arguments" redis-server
	lacks "$TRASH/arguments" "$(sed 's/.*:\([^@]*\)@.*/\1/' <<<"$url")"

	# The same password and the same data in another container, also after a destroy.
	expect 0 apply --yes --replace docker_container.cache
	equal value first "$(cli get key)"
	expect 0 destroy --yes
	environment second
	expect 0 apply --yes
	equal password "$(cut -d@ -f1 <<<"$url")" "$(cut -d@ -f1 <<<"$("$DEVENV" outputs --reveal url)")"
	equal value second "$(cli get key)"
	expect 0 destroy --yes --volumes
	no_rest
}

mysql_shop() { # [KEY: VALUE]: more of the database
	manifest <<-YML
	spec:
	  services:
	    - { name: database, type: mysql, build: ./mysql, database: shop, seed: ./seed.sql, $* }
	    - name: fill
	      type: job
	      build: ./mysql
	      entrypoint: [sh, -c, 'MYSQL_PWD=\$PASSWORD mysql -h database -u app shop -e "INSERT INTO item VALUES (''job'')"']
	      env: { PASSWORD: "\${service.database.password}" }
	  outputs:
	    url: { value: "\${service.database.external.url}", sensitive: true }
	    password: { value: "\${service.database.password}", sensitive: true }
	YML
}
in_mysql() { # PASSWORD SQL
	local port
	port=$(url | sed 's/.*:\([0-9]*\)\/shop$/\1/')
	MYSQL_PWD=$1 mysql -h 127.0.0.1 -P "$port" -u app shop -Nse "$2" 2>&1
}
password() { "$DEVENV" outputs --reveal password; }

# The program is that of Debian, which is called MariaDB.
test_mysql_is_a_word() {
	need docker busybox setpriv mariadbd mysql
	docker version >/dev/null 2>&1 || skip "no Docker Engine answers"
	"$HARNESS_SOURCE/tests/tools/mysql-context" mysql
	echo "CREATE TABLE item (name text); INSERT INTO item VALUES ('seed');" >seed.sql
	trap '"$DEVENV" destroy --yes --volumes >/dev/null 2>&1' EXIT
	local old
	mysql_shop
	expect 0 apply --yes
	no_changes
	matches <(url) '^mysql://app:[A-Za-z0-9]{32}@127\.0\.0\.1:[0-9]+/shop$'
	equal 'seed and job' $'seed\njob' "$(in_mysql "$(password)" 'SELECT name FROM item')"

	# Another password, and one that has to be quoted: the data takes it before those who use it do.
	old=$(password)
	expect 0 secret rotate database-password --yes
	[[ $(password) != "$old" ]] || fail 'it is still the old one'
	equal 'with the new one' $'seed\njob\njob' "$(in_mysql "$(password)" 'SELECT name FROM item')"
	matches <(in_mysql "$old" 'SELECT 1' || true) 'Access denied'
	mysql_shop 'password: "it'"'"'s \\ odd"'
	expect 0 apply --yes --allow-data-loss generated_secret.database-password
	equal 'with the written one' seed "$(in_mysql "it's \\ odd" 'SELECT name FROM item LIMIT 1')"
	no_changes

	expect 0 backup database -o one.sql
	equal mode 600 "$(stat -c %a one.sql)"
	in_mysql "$(password)" 'DELETE FROM item'
	expect 0 restore database one.sql --yes
	equal 'as it was' seed "$(in_mysql "$(password)" 'SELECT name FROM item LIMIT 1')"
	expect 0 destroy --yes --volumes
	no_rest
}

queue_shop() { # [KEY: VALUE]: more of the broker
	manifest <<-YML
	spec:
	  services:
	    - { name: broker, type: rabbitmq, build: ./rabbitmq, database: shop, $* }
	    - name: fill
	      type: job
	      build: ./rabbitmq
	      command: [sh, -c, 'amqp-declare-queue -u "\$URL" -q jobs -d && amqp-publish -u "\$URL" -r jobs -p -b job']
	      env: { URL: "\${service.broker.url}" }
	  outputs:
	    url: { value: "\${service.broker.external.url}", sensitive: true }
	YML
}

test_rabbitmq_is_a_word() {
	need docker busybox setpriv rabbitmqctl amqp-get
	docker version >/dev/null 2>&1 || skip "no Docker Engine answers"
	"$HARNESS_SOURCE/tests/tools/rabbitmq-context" rabbitmq
	trap '"$DEVENV" destroy --yes --volumes >/dev/null 2>&1' EXIT
	local old
	queue_shop
	expect 0 apply --yes
	no_changes
	matches <(url) '^amqp://app:[A-Za-z0-9]{32}@127\.0\.0\.1:[0-9]+/shop$'
	equal 'by the job' job "$(amqp-get -u "$(url)" -q jobs)"
	amqp-publish -u "$(url)" -r jobs -p -b kept

	# Another password: the data takes it before those who use it do, and the message is still there.
	old=$(url)
	expect 0 secret rotate broker-password --yes
	[[ $(url) != "$old" ]] || fail 'it is still the old one'
	equal 'the message of before' kept "$(amqp-get -u "$(url)" -q jobs)"
	matches <(amqp-get -u "${old%@*}@$(url | cut -d@ -f2)" -q jobs 2>&1 || true) 'ACCESS_REFUSED'
	equal 'of the job that ran again' job "$(amqp-get -u "$(url)" -q jobs)"
	queue_shop 'password: "it'"'"'s odd"'
	expect 0 apply --yes --allow-data-loss generated_secret.broker-password
	equal 'with the written one' job "$(amqp-get -u "$(url)" -q jobs)"
	no_changes
	docker top "$(container broker)" -eo pid,args >"$TRASH/arguments"
	has "$TRASH/arguments" beam.smp
	lacks "$TRASH/arguments" 's odd'

	# Stopped and started, and in another container.
	amqp-publish -u "$(url)" -r jobs -p -b kept
	expect 0 restart broker
	equal 'after a restart' kept "$(amqp-get -u "$(url)" -q jobs)"
	amqp-publish -u "$(url)" -r jobs -p -b kept
	expect 0 destroy --yes
	expect 0 apply --yes
	equal 'after a destroy' kept "$(amqp-get -u "$(url)" -q jobs)"
	expect 0 destroy --yes --volumes
	no_rest
}

test_nginx_is_a_word() {
	need docker busybox curl
	docker version >/dev/null 2>&1 || skip "no Docker Engine answers"
	trap '"$DEVENV" destroy --yes --volumes >/dev/null 2>&1' EXIT
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
	manifest <<-'YML'
	spec:
	  services: [ { name: web, type: nginx, build: ./nginx, volumes: ["./html:/html:ro"] } ]
	  outputs: { url: { value: "${service.web.external.url}" } }
	YML
	expect 0 apply --yes
	no_changes
	matches <(url) '^http://127\.0\.0\.1:[0-9]+$'
	equal page first "$(curl -sS "$(url)/page")"
	equal health healthy "$(docker inspect -f '{{.State.Health.Status}}' "$(container web)")"
	expect 0 restart web
	equal 'after a restart' first "$(curl -sS "$(url)/page")"
	expect 0 destroy --yes
	no_rest
}

shop() { # [KEY: VALUE]: more of the database
	manifest <<-YML
	spec:
	  services:
	    - { name: database, type: postgresql, build: ./postgres, database: shop, seed: ./seed.sql, $* }
	    - name: fill
	      type: job
	      build: ./postgres
	      entrypoint: [sh, -c, 'psql -qX "\$URL" -c "INSERT INTO item VALUES (''job'')"']
	      env: { URL: "\${service.database.url}" }
	    - name: app
	      build: ./postgres
	      entrypoint: [sh, -c, 'psql -qXAt "\$URL" -c "SELECT 1" && exec sleep 1000']
	      stopSignal: SIGKILL
	      env: { URL: "\${service.database.url}" }
	  outputs:
	    url: { value: "\${service.database.external.url}", sensitive: true }
	YML
}
url() { "$DEVENV" outputs --reveal url; }
query() { psql -qXAt "$(url)" -c "$1"; }
container() { docker ps -q --filter "label=dev.devenv.address=docker_container.$1"; }
is_refused() { # URL
	! psql -qXAt "$1" -c 'SELECT 1' >"$TRASH/psql" 2>&1 || fail 'it gets in'
	has "$TRASH/psql" 'password authentication failed'
}
use_postgres() {
	need docker busybox setpriv psql /usr/lib/postgresql/15/bin/initdb
	docker version >/dev/null 2>&1 || skip "no Docker Engine answers"
	"$HARNESS_SOURCE/tests/tools/postgres-context" postgres
	echo "CREATE TABLE item (name text); INSERT INTO item VALUES ('seed');" >seed.sql
	trap '"$DEVENV" destroy --yes --volumes >/dev/null 2>&1' EXIT
	shop
}

app_got_in() { docker logs "$(container app)" 2>&1 | grep -qx 1; }

test_postgresql_is_a_word() {
	use_postgres
	expect 0 apply --yes
	no_changes
	[[ $(url) =~ ^postgres://app:[A-Za-z0-9]{32}@127\.0\.0\.1:[0-9]+/shop$ ]] || fail "it is no URL: $(url)"
	equal 'seed and job' $'seed\njob' "$(query 'SELECT name FROM item')"
	is_refused "$(url | sed 's/:[^:@]*@/:wrong@/')"

	# The seed is for empty data only.
	echo "INSERT INTO item VALUES ('never');" >seed.sql
	expect 0 apply --yes --replace docker_container.database
	equal 'no second seed' 0 "$(query "SELECT count(*) FROM item WHERE name = 'never'")"

	# Another password: the data takes it before those who use it do.
	local old before
	old=$(url) before=$(container app)
	expect 0 secret rotate database-password --yes
	[[ $(url) != "$old" ]] || fail 'it is still the old one'
	equal 'with the new one' seed "$(query "SELECT name FROM item WHERE name = 'seed'")"
	is_refused "${old%@*}@$(url | cut -d@ -f2)"
	[[ $(container app) != "$before" ]] || fail 'who uses it goes on with the old one'
	wait_until 15 app_got_in
	no_changes
	docker top "$(container database)" -eo pid,args >"$TRASH/arguments"
	lacks "$TRASH/arguments" "$(url | sed 's/.*:\([^@:]*\)@.*/\1/')"

	# One that is written down, too.
	shop 'password: "it'"''"'s \"odd\" $$1"'
	expect 3 apply --yes # the one that was made is not thrown away without a word
	expect 0 apply --yes --allow-data-loss generated_secret.database-password
	equal 'with the written one' seed "$(query "SELECT name FROM item WHERE name = 'seed'")"
	no_changes
	expect 0 destroy --yes --volumes
	no_rest
}

test_another_major_version_is_refused() {
	use_postgres
	shop 'version: "15"'
	expect 0 apply --yes
	expect 0 backup database -o one.dump
	shop 'version: 16.x'
	expect 1 plan
	has err 'the data in docker_volume.database-data is that of postgresql 15'
	expect 1 apply --yes
	equal 'the data' $'seed\njob' "$(query 'SELECT name FROM item')"

	# Also where only the data was kept, and not where it is begun anew, as the message says.
	expect 0 destroy --yes
	expect 1 plan
	has err 'the data in docker_volume.database-data is that of postgresql 15'
	: >seed.sql
	sed -i 's/INSERT INTO item/CREATE TABLE IF NOT EXISTS item (name text); &/' .devenv/config.yml
	expect 0 apply --yes --replace docker_volume.database-data --allow-data-loss docker_volume.database-data
	equal 'new data' job "$(query 'SELECT name FROM item')"
	expect 0 restore database one.dump --yes
	equal 'the old data' $'seed\njob' "$(query 'SELECT name FROM item')"
	no_changes
	expect 0 destroy --yes --volumes
	no_rest
}

test_a_database_is_backed_up_and_restored() {
	use_postgres
	expect 0 apply --yes
	expect 0 backup database -o one.dump
	equal mode 600 "$(stat -c %a one.dump)"
	"$DEVENV" backup database -o - >two.dump
	equal 'the same to a pipe' "$(pg_restore -l one.dump | grep -v '^;')" "$(pg_restore -l two.dump | grep -v '^;')"
	query 'DELETE FROM item; CREATE TABLE other (a int)' >/dev/null

	expect 1 restore database one.dump
	has err '--yes confirms it'
	equal 'nothing was done' 0 "$(query 'SELECT count(*) FROM item')"
	expect 0 restore database one.dump --yes
	equal 'as it was' $'seed\njob' "$(query 'SELECT name FROM item')"
	equal 'what is not in it stays' 0 "$(query 'SELECT count(*) FROM other')"
	no_changes

	# One that is not whole changes nothing.
	query "INSERT INTO item VALUES ('later')" >/dev/null
	head -c $(($(stat -c %s one.dump) - 20)) one.dump >part.dump
	expect 1 restore database part.dump --yes
	has err 'the database is as it was before'
	equal 'nothing came of it' 3 "$(query 'SELECT count(*) FROM item')"

	# Killed in the middle: neither.
	mkfifo slow.dump
	{ head -c 200 one.dump && sleep 1000; } >slow.dump &
	local feeder=$!
	"$DEVENV" restore database slow.dump --yes >/dev/null 2>&1 &
	local restore=$!
	is_restoring() { docker top "$(container database)" -eo pid,args | grep -q '[p]g_restore'; }
	wait_until 20 is_restoring
	expect 1 apply --yes --replace docker_container.app # it waits for none, and none begins
	has err 'restore'
	kill -9 "$restore"
	wait "$restore" 2>/dev/null || true
	kill "$feeder"
	is_over() { ! is_restoring; }
	wait_until 20 is_over
	equal 'nothing came of it' 3 "$(query 'SELECT count(*) FROM item')"
	expect 0 restore database one.dump --yes
	equal 'as it was' 2 "$(query 'SELECT count(*) FROM item')"

	# A dump that fails leaves no file, and the one that was there.
	cp one.dump before
	docker exec "$(container database)" sh -c \
		'rm /bin/pg_dump; printf "#!/bin/sh\necho part\nexit 3\n" >/bin/pg_dump; chmod +x /bin/pg_dump'
	expect 1 backup database -o one.dump
	has err 'pg_dump inside database exited with status 3: there is no backup'
	cmp one.dump before
	expect 1 backup database -o new.dump
	gone new.dump
	gone one.dump.devenv-new new.dump.devenv-new

	expect 1 backup app
	has err 'app is no database'
	expect 1 backup databas
	has err 'there is no service databas; did you mean database?'
	expect 0 destroy --yes --volumes
	no_rest
}

run_tests "$@"
