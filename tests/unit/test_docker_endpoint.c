/* Where the engine is: DOCKER_HOST, contexts, certificates; and one real TLS conversation. */
#include "providers/docker/endpoint.h"

#include "base/fs.h"
#include "providers/docker/engine.h"

#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

struct room {
	struct arena arena;
	char path[64];
};

static int setup(void **state)
{
	static const char *const names[] = {"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY",
		"DOCKER_CERT_PATH", "DOCKER_API_VERSION"};
	struct room *room = calloc(1, sizeof(*room));

	strcpy(room->path, "/tmp/test_endpoint.XXXXXX");
	assert_non_null(mkdtemp(room->path));
	setenv("DOCKER_CONFIG", room->path, 1);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unsetenv(names[i]);
	*state = room;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static int teardown(void **state)
{
	struct room *room = *state;

	nftw(room->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	arena_release(&room->arena);
	free(room);
	return 0;
}

static const char *path_in(struct room *room, const char *name)
{
	return arena_printf(&room->arena, "%s/%s", room->path, name);
}

static void write_file(struct room *room, const char *name, const char *text)
{
	char *path = arena_strdup(&room->arena, path_in(room, name));
	FILE *file;

	for (char *at = strchr(path + strlen(room->path) + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = '\0';
		mkdir(path, 0755);
		*at = '/';
	}
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static struct docker_endpoint find(struct room *room)
{
	struct docker_endpoint endpoint;
	struct error err = ERROR_INIT;

	if (docker_endpoint_find(&room->arena, &endpoint, &err))
		fail_msg("%s", err.msg);
	return endpoint;
}

static const char *refusal(struct room *room)
{
	struct docker_endpoint endpoint;
	struct error err = ERROR_INIT;

	assert_int_equal(docker_endpoint_find(&room->arena, &endpoint, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	return arena_strdup(&room->arena, err.msg);
}

static void without_anything_it_is_the_usual_socket(void **state)
{
	struct docker_endpoint endpoint = find(*state);

	assert_string_equal(endpoint.unix_socket, "/var/run/docker.sock");
	assert_string_equal(endpoint.base, "http://localhost");
	assert_string_equal(endpoint.where, "unix:///var/run/docker.sock");
	assert_null(endpoint.ca_file);
}

static void docker_host_is_understood_in_every_form(void **state)
{
	static const struct {
		const char *host, *base, *socket;
	} cases[] = {
		{"unix:///run/user/1000/docker.sock", "http://localhost", "/run/user/1000/docker.sock"},
		{"unix://", "http://localhost", "/var/run/docker.sock"},
		{"tcp://host", "http://host:2375", NULL},
		{"tcp://host:1234", "http://host:1234", NULL},
		{"tcp://host:1234/", "http://host:1234", NULL},
		{"tcp://host:1234/docker", "http://host:1234/docker", NULL},
		{"tcp://[::1]", "http://[::1]:2375", NULL},
		{"tcp://[::1]:99", "http://[::1]:99", NULL},
		{"http://host:80", "http://host:80", NULL},
		{"https://host", "https://host:2376", NULL},
		{"host:2375", "http://host:2375", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct docker_endpoint endpoint;

		setenv("DOCKER_HOST", cases[i].host, 1);
		endpoint = find(*state);
		assert_string_equal(endpoint.base, cases[i].base);
		assert_string_equal(endpoint.where, cases[i].host);
		if (cases[i].socket)
			assert_string_equal(endpoint.unix_socket, cases[i].socket);
		else
			assert_null(endpoint.unix_socket);
	}
}

static void what_cannot_be_is_said_with_what_to_do(void **state)
{
	setenv("DOCKER_HOST", "ssh://me@host", 1);
	assert_non_null(strstr(refusal(*state), "ssh -N -L"));
	setenv("DOCKER_HOST", "npipe:////./pipe/docker", 1);
	assert_non_null(strstr(refusal(*state), "expected unix:///path/to/socket or tcp://host:port"));
	setenv("DOCKER_HOST", "/var/run/docker.sock", 1);
	refusal(*state);
	setenv("DOCKER_HOST", "tcp://", 1);
	assert_non_null(strstr(refusal(*state), "names no host"));
}

static void tls_takes_the_certificates_that_are_there(void **state)
{
	struct room *room = *state;
	struct docker_endpoint endpoint;

	setenv("DOCKER_HOST", "tcp://host", 1);
	setenv("DOCKER_TLS_VERIFY", "1", 1);
	setenv("DOCKER_CERT_PATH", path_in(room, "certs"), 1);
	assert_non_null(strstr(refusal(room), "DOCKER_TLS_VERIFY is set, but"));
	write_file(room, "certs/ca.pem", "");
	write_file(room, "certs/cert.pem", "");
	write_file(room, "certs/key.pem", "");
	endpoint = find(room);
	assert_string_equal(endpoint.base, "https://host:2376");
	assert_string_equal(endpoint.ca_file, path_in(room, "certs/ca.pem"));
	assert_string_equal(endpoint.cert_file, path_in(room, "certs/cert.pem"));
	assert_string_equal(endpoint.key_file, path_in(room, "certs/key.pem"));
	assert_false(endpoint.insecure);
	/* A socket has no certificates. */
	setenv("DOCKER_HOST", "unix:///x", 1);
	assert_string_equal(find(room).base, "http://localhost");
}

/* The folder of a context is the SHA-256 of its name: "lab". */
#define LAB "a51146d38077ff992eba84cf1d5e9b249073503eb74868699016153b031a38f7"

static void contexts_are_followed_in_the_order_of_the_docker_command(void **state)
{
	struct room *room = *state;
	struct docker_endpoint endpoint;

	write_file(room, "config.json", "{\"currentContext\":\"lab\"}");
	assert_non_null(strstr(refusal(room), "there is no docker context 'lab'"));
	write_file(room, arena_printf(&room->arena, "contexts/meta/%s/meta.json", LAB),
		"{\"Name\":\"lab\",\"Metadata\":{},\"Endpoints\":{\"docker\":"
		"{\"Host\":\"unix:///lab.sock\",\"SkipTLSVerify\":false}}}");
	endpoint = find(room);
	assert_string_equal(endpoint.unix_socket, "/lab.sock");
	assert_string_equal(endpoint.origin, "docker context 'lab'");

	setenv("DOCKER_CONTEXT", "default", 1);
	assert_string_equal(find(room).unix_socket, "/var/run/docker.sock");
	setenv("DOCKER_CONTEXT", "lab", 1);
	write_file(room, "config.json", "{}");
	assert_string_equal(find(room).unix_socket, "/lab.sock");
	setenv("DOCKER_HOST", "unix:///host.sock", 1);
	assert_string_equal(find(room).unix_socket, "/host.sock");
}

static void a_context_brings_its_own_certificates(void **state)
{
	struct room *room = *state;
	struct docker_endpoint endpoint;

	setenv("DOCKER_CONTEXT", "lab", 1);
	write_file(room, arena_printf(&room->arena, "contexts/meta/%s/meta.json", LAB),
		"{\"Endpoints\":{\"docker\":{\"Host\":\"tcp://lab\",\"SkipTLSVerify\":true}}}");
	write_file(room, arena_printf(&room->arena, "contexts/tls/%s/docker/ca.pem", LAB), "");
	endpoint = find(room);
	assert_string_equal(endpoint.base, "https://lab:2376");
	assert_non_null(strstr(endpoint.ca_file, "/docker/ca.pem"));
	assert_true(endpoint.insecure);
}

static void a_broken_configuration_is_named(void **state)
{
	struct room *room = *state;

	write_file(room, "config.json", "{\"currentContext\":");
	assert_non_null(strstr(refusal(room), path_in(room, "config.json")));
}

/* --- a real one --------------------------------------------------------------------------------- */

/* A CA, and certificates for the engine and for us; `openssl s_server` with files as its replies. */
static const char script[] =
	"set -e; cd \"$1\"; exec >/dev/null 2>&1 </dev/null\n"
	"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca -keyout ca-key.pem -out ca.pem\n"
	"sign() { openssl req -newkey rsa:2048 -nodes -subj /CN=$1 -keyout $1-key.pem -out $1.csr\n"
	"printf 'subjectAltName=IP:127.0.0.1\\n' >$1.ext\n"
	"openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -out $1.pem "
	"-extfile $1.ext; }\n"
	"sign server; sign client; cp client.pem cert.pem; cp client-key.pem key.pem\n"
	"body() { printf 'HTTP/1.1 200 OK\\r\\nApi-Version: 1.41\\r\\nContent-Length: %d\\r\\n\\r\\n%s' "
	"${#1} \"$1\"; }\n"
	"body OK >_ping; mkdir v1.41; body '{\"ID\":\"TLS\"}' >v1.41/info\n"
	"exec openssl s_server -accept 127.0.0.1:0 -cert server.pem -key server-key.pem -CAfile ca.pem "
	"-Verify 1 -verify_return_error -HTTP >said\n";

static int converse(struct room *room, struct error *err)
{
	struct provider_env env = {.arena = &room->arena, .clock = &clock_system,
		.deadline = clock_monotonic(&clock_system) + 60000};
	struct docker docker;
	int rc = docker_open(&docker, &env, err);

	if (!rc) {
		rc = docker_identify(&docker, err);
		if (!rc)
			assert_string_equal(docker.id, "TLS");
		docker_close(&docker);
	}
	return rc;
}

static void an_engine_behind_tls_is_spoken_with_by_certificate(void **state)
{
	struct room *room = *state;
	struct error err = ERROR_INIT;
	const char *said, *at = NULL;
	size_t len;
	pid_t pid;
	int rc = -1;

	if (access("/usr/bin/openssl", X_OK)) {
		print_message("*** SKIPPED: no openssl ***\n");
		skip();
	}
	mkdir(path_in(room, "certs"), 0700);
	pid = fork();
	if (!pid) {
		execl("/bin/sh", "sh", "-c", script, "sh", path_in(room, "certs"), (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 1200 && !at; i++) { /* the port is its choice: none that was free before is sure */
		if (!fs_read(path_in(room, "certs/said"), &room->arena, &said, &len, &err))
			at = strstr(said, "ACCEPT ");
		at = at && strchr(at, '\n') ? at : NULL;
		usleep(at ? 0 : 100000);
	}
	assert_non_null(at);
	setenv("DOCKER_HOST", arena_printf(&room->arena, "tcp://%.*s", (int)strcspn(at + 7, "\n"), at + 7), 1);
	setenv("DOCKER_TLS_VERIFY", "1", 1);
	setenv("DOCKER_CERT_PATH", path_in(room, "certs"), 1);
	for (int i = 0; i < 1200 && (rc = converse(room, &err)); i++)
		usleep(100000);
	if (rc)
		fail_msg("%s", err.msg);

	/* Without a certificate of ours the engine refuses; one that another CA signed, we refuse. */
	rename(path_in(room, "certs/key.pem"), path_in(room, "certs/away.pem"));
	assert_int_equal(converse(room, &err), -1);
	rename(path_in(room, "certs/away.pem"), path_in(room, "certs/key.pem"));
	unlink(path_in(room, "certs/ca.pem")); /* then it is the system's */
	assert_int_equal(converse(room, &err), -1);
	assert_int_equal(err.code, ERROR_UNREACHABLE);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(without_anything_it_is_the_usual_socket, setup, teardown),
		cmocka_unit_test_setup_teardown(docker_host_is_understood_in_every_form, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_is_said_with_what_to_do, setup, teardown),
		cmocka_unit_test_setup_teardown(tls_takes_the_certificates_that_are_there, setup, teardown),
		cmocka_unit_test_setup_teardown(contexts_are_followed_in_the_order_of_the_docker_command,
			setup, teardown),
		cmocka_unit_test_setup_teardown(a_context_brings_its_own_certificates, setup, teardown),
		cmocka_unit_test_setup_teardown(a_broken_configuration_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(an_engine_behind_tls_is_spoken_with_by_certificate, setup,
			teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
