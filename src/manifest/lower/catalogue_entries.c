/*
 * The catalogue's table: how each program is started, asked whether it is well, seeded, copied out and in.
 */
#include "manifest/lower/catalogue.h"

#include <string.h>

/* Its port, in hexadecimal, is open to others. A client that takes as long as a server to start is asked
   after that, and once: every two seconds would cost as much as the server. */
#define LISTENS(port) "grep -qs ' 0*:" port " 0*:0000 0A' /proc/net/tcp /proc/net/tcp6"

/* The password is no argument: any process could see it. It is YAML. */
#define MONGO_ACCESS                                                                               \
	"-u \"$MONGO_INITDB_ROOT_USERNAME\" --authenticationDatabase admin "                       \
	"--config /dev/fd/3 3<<END\n"                                                             \
	"password: '$(printf %s \"$MONGO_INITDB_ROOT_PASSWORD\" | sed \"s/'/''/g\")'\nEND"

static const struct catalogue_entry entries[] = {
	{
		.type = "postgresql", .image = "postgres", .version = "16", .scheme = "postgres",
		.port = "5432", .username = "app", .database = "app", .password = true,
		.data = "/var/lib/postgresql/data", .seeds = "/docker-entrypoint-initdb.d",
		.env = {{"POSTGRES_USER", "%u"}, {"POSTGRES_PASSWORD", "%p"}, {"POSTGRES_DB", "%d"},
			{"PGDATA", "/var/lib/postgresql/data/pgdata"}},
		/* Well is also: it takes the password that it shall have now. The data knows the one of before
		   where a new one was made; who uses it waits until this is done. Once in each container, and
		   not as an argument, which any process could see. */
		.health = "pg_isready -q -h 127.0.0.1 -U \"$POSTGRES_USER\" -d \"$POSTGRES_DB\" && { "
			"test -e /tmp/.password || PGPASSWORD=$POSTGRES_PASSWORD psql -qXw -v ON_ERROR_STOP=1 "
			"-U \"$POSTGRES_USER\" -d \"$POSTGRES_DB\" <<'END' && : >/tmp/.password; }\n"
			"\\set name `printf %s \"$POSTGRES_USER\"`\n"
			"\\set password `printf %s \"$POSTGRES_PASSWORD\"`\n"
			"ALTER USER :\"name\" PASSWORD :'password';\nEND",
		.follows = true, .begun = {"POSTGRES_USER", "POSTGRES_DB"},
		.copy = {"PGPASSWORD=$POSTGRES_PASSWORD exec pg_dump -w -U \"$POSTGRES_USER\" "
			"-d \"$POSTGRES_DB\" --format=custom --no-owner",
			"PGPASSWORD=$POSTGRES_PASSWORD exec pg_restore -w -U \"$POSTGRES_USER\" "
			"-d \"$POSTGRES_DB\" --single-transaction --exit-on-error --clean --if-exists --no-owner",
			.whole = true},
		.user = "999:999",
		.values = {{"auth.username", "%u"}, {"auth.password", "%p"}, {"auth.database", "%d"},
			{"primary.persistence.size", "%s"},
			{"primary.persistence.existingClaim", "%v"}},
	},
	{
		.type = "mysql", .image = "mysql", .version = "8.4", .scheme = "mysql",
		.port = "3306", .username = "app", .database = "app", .password = true,
		.data = "/var/lib/mysql", .seeds = "/docker-entrypoint-initdb.d",
		.env = {{"MYSQL_USER", "%u"}, {"MYSQL_PASSWORD", "%p"}, {"MYSQL_DATABASE", "%d"},
			{"MYSQL_ROOT_PASSWORD", "%p"}},
		/* Data that is there takes the password that it shall have now, before anybody can connect. The
		   file is in memory, and for the server's user, who it runs as in the end. */
		.command = {"bash", "-c", "set -- mysqld; if test -d /var/lib/mysql/mysql; then\n"
			"(umask 077; password=$${MYSQL_PASSWORD//\\\\/\\\\\\\\}; password=$${password//\\'/\\'\\'}\n"
			"for user in \"'$MYSQL_USER'@'%'\" \"root@'%'\" root@localhost; do\n"
			"echo \"ALTER USER IF EXISTS $user IDENTIFIED BY '$password';\"; done >/dev/shm/password.sql)\n"
			"test \"$(id -u)\" != 0 || chown mysql /dev/shm/password.sql\n"
			"set -- mysqld --init-file=/dev/shm/password.sql; fi\nexec docker-entrypoint.sh \"$@\""},
		.follows = true, .begun = {"MYSQL_USER", "MYSQL_DATABASE"},
		.health = "MYSQL_PWD=\"$MYSQL_PASSWORD\" mysqladmin ping -h 127.0.0.1 -u \"$MYSQL_USER\" "
			"--silent",
		.copy = {"MYSQL_PWD=$MYSQL_PASSWORD exec mysqldump -h 127.0.0.1 -u \"$MYSQL_USER\" "
			"--single-transaction --no-tablespaces \"$MYSQL_DATABASE\"",
			"MYSQL_PWD=$MYSQL_PASSWORD exec mysql -h 127.0.0.1 -u \"$MYSQL_USER\" "
			"\"$MYSQL_DATABASE\"", false},
		.user = "999:999",
		.values = {{"auth.username", "%u"}, {"auth.password", "%p"}, {"auth.database", "%d"},
			{"primary.persistence.size", "%s"},
			{"primary.persistence.existingClaim", "%v"}},
	},
	{
		/* The password goes in by a pipe: an argument could be seen by any process. The server is the one
		   that is asked to stop, so that it saves. */
		.type = "redis", .image = "redis", .version = "7", .scheme = "redis", .port = "6379",
		.username = "default",
		.password = true, .follows = true, .data = "/data",
		.env = {{"REDIS_PASSWORD", "%p"}, {"REDISCLI_AUTH", "%p"}},
		.command = {"sh", "-c", "exec redis-server - <<END\ndir /data\n"
			"requirepass \"$REDIS_PASSWORD\"\nEND"},
		.health = "test \"$(redis-cli ping)\" = PONG", .user = "999:1000",
		.values = {{"auth.password", "%p"}, {"master.persistence.size", "%s"},
			{"master.persistence.existingClaim", "%v"}},
	},
	{
		.type = "mongodb", .image = "mongo", .version = "7", .scheme = "mongodb",
		.suffix = "?authSource=admin", .port = "27017", .username = "app", .database = "app",
		.password = true, .data = "/data/db", .seeds = "/docker-entrypoint-initdb.d",
		.env = {{"MONGO_INITDB_ROOT_USERNAME", "%u"}, {"MONGO_INITDB_ROOT_PASSWORD", "%p"},
			{"MONGO_INITDB_DATABASE", "%d"}},
		.begun = {"MONGO_INITDB_ROOT_USERNAME", "MONGO_INITDB_ROOT_PASSWORD"},
		/* The first start has a server for itself alone, which is not open to others. */
		.health = LISTENS("6989") " && { test -e /tmp/.ready || "
			"mongosh --quiet --eval 'quit(db.runCommand({ping: 1}).ok ? 0 : 1)' && : >/tmp/.ready; }",
		.copy = {"exec mongodump --quiet --archive -d \"$MONGO_INITDB_DATABASE\" " MONGO_ACCESS,
			"exec mongorestore --quiet --archive --drop "
			"--nsInclude \"$MONGO_INITDB_DATABASE.*\" " MONGO_ACCESS, false},
		.user = "999:999",
		.values = {{"auth.rootUser", "%u"}, {"auth.rootPassword", "%p"},
			{"persistence.size", "%s"},
			{"persistence.existingClaim", "%v"}},
	},
	{
		.type = "rabbitmq", .image = "rabbitmq", .version = "4", .scheme = "amqp",
		.port = "5672", .username = "app", .password = true, .follows = true,
		.data = "/var/lib/rabbitmq",
		.env = {{"RABBITMQ_DEFAULT_USER", "%u"}, {"RABBITMQ_DEFAULT_PASS", "%p"},
			{"RABBITMQ_DEFAULT_VHOST", "%d"}, {"RABBITMQ_NODENAME", "rabbit@localhost"}},
		.begun = {"RABBITMQ_DEFAULT_USER", "RABBITMQ_DEFAULT_VHOST"},
		/* As with postgresql: well is also that it takes the password that it shall have now. */
		.health = LISTENS("1628") " && { test -e /tmp/.password || printf %s \"$RABBITMQ_DEFAULT_PASS\" | "
			"rabbitmqctl -q change_password \"$RABBITMQ_DEFAULT_USER\" && : >/tmp/.password; }",
		.user = "999:999",
		.values = {{"auth.username", "%u"}, {"auth.password", "%p"},
			{"persistence.size", "%s"},
			{"persistence.existingClaim", "%v"}},
	},
	{
		.type = "kafka", .image = "apache/kafka", .version = "3.9.0", .scheme = "kafka",
		.port = "9092", .data = "/var/lib/kafka/data",
		.env = {{"KAFKA_NODE_ID", "1"}, {"KAFKA_PROCESS_ROLES", "broker,controller"},
			{"KAFKA_LISTENERS", "PLAINTEXT://:9092,CONTROLLER://:9093"},
			{"KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://%n:9092"},
			{"KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER"},
			{"KAFKA_LISTENER_SECURITY_PROTOCOL_MAP",
				"CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT"},
			{"KAFKA_CONTROLLER_QUORUM_VOTERS", "1@localhost:9093"},
			{"KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", "1"},
			{"KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "1"},
			{"KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", "1"},
			{"KAFKA_LOG_DIRS", "/var/lib/kafka/data/logs"}},
		.health = LISTENS("2384") " && { test -e /tmp/.ready || /opt/kafka/bin/kafka-broker-api-versions.sh "
			"--bootstrap-server localhost:9092 >/dev/null && : >/tmp/.ready; }",
		.user = "1000:1000",
		.values = {{"controller.persistence.size", "%s"},
			{"controller.persistence.existingClaim", "%v"}},
	},
	{
		.type = "minio", .image = "minio/minio", .version = "latest", .scheme = "http",
		.port = "9000", .username = "app", .password = true, .follows = true,
		.data = "/data",
		.env = {{"MINIO_ROOT_USER", "%u"}, {"MINIO_ROOT_PASSWORD", "%p"}},
		.command = {"server", "/data"}, .health = "mc ready local", .user = "1000:1000",
		.path = "/minio/health/live",
		.values = {{"auth.rootUser", "%u"}, {"auth.rootPassword", "%p"},
			{"persistence.size", "%s"},
			{"persistence.existingClaim", "%v"}},
	},
	{
		.type = "nginx", .image = "nginx", .version = "1.27", .scheme = "http", .port = "80",
		.health = LISTENS("0050"),
		.capabilities = {"CHOWN", "NET_BIND_SERVICE", "SETGID", "SETUID"}, .path = "/",
	},
};

const struct catalogue_entry *catalogue_find(const char *type)
{
	for (size_t i = 0; type && i < ARRAY_SIZE(entries); i++) {
		if (strcmp(entries[i].type, type) == 0)
			return &entries[i];
	}
	return NULL;
}

const struct catalogue_copy *catalogue_copy(const char *type)
{
	const struct catalogue_entry *entry = catalogue_find(type);

	return entry && entry->copy.out ? &entry->copy : NULL;
}

bool catalogue_keeps_password(const char *type)
{
	const struct catalogue_entry *entry = catalogue_find(type);

	return entry && entry->password && !entry->follows;
}

void catalogue_nearest(struct nearest *nearest)
{
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
		nearest_try(nearest, entries[i].type);
}
