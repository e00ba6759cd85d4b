/* docker_image on a real engine: archives, and pulls from a real registry beside it. */
#include "image_live.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* --- archives ----------------------------------------------------------------------------------- */

static bool write_file(void *arg, const char *data, size_t len)
{
	return fwrite(data, 1, len, arg) == len;
}

static void save(struct live *live, const char *reference, const char *name)
{
	FILE *file = fopen(live_path(live, name), "w");
	struct http_request request = {.clock = &clock_system, .write = write_file, .write_arg = file};
	struct http_response response;
	struct error err = ERROR_INIT;

	request.url = arena_printf(&live->arena, "%s/images/%s/get", live->docker.base, reference);
	assert_int_equal(http_perform(live->docker.http, &request, &live->arena, &response, &err), 0);
	assert_int_equal(response.status, 200);
	fclose(file);
}

static void an_archive_is_loaded_and_taken_away_again(void **state)
{
	struct live *live = *state;
	const char *name = arena_printf(&live->arena, "loaded-%s:1", live->short_id);
	const char *inputs = arena_printf(&live->arena,
		"{\"load\":\"image.tar\",\"tags\":[\"second-%s\"]}", live->short_id);
	struct record *built, *record;
	struct observation item;
	const char *id;

	live_image(live);
	live_write(live, "app/Dockerfile", "FROM " LIVE_IMAGE "\nRUN echo $RANDOM > /unlike\n");
	built = live_create(live, IMAGE, "docker_image.source", arena_printf(&live->arena,
		"{\"build\":{\"context\":\"app\",\"noCache\":true},\"tags\":[\"%s\"]}", name));
	save(live, name, "image.tar");
	id = built->id;
	live_destroy(live, built);
	assert_null(inspect(live, id));

	record = live_create(live, IMAGE, ADDRESS, inputs);
	assert_string_equal(record->id, id);
	assert_true(value_get_bool(record->outputs, "pulled", false));
	assert_non_null(inspect(live, arena_printf(&live->arena, "second-%s", live->short_id)));
	item = live_observe(live, IMAGE, ADDRESS, inputs, record);
	assert_unchanged(live, item, record);
	live_destroy(live, record);
	assert_null(inspect(live, arena_printf(&live->arena, "second-%s", live->short_id)));
	/* `docker load` brought that name; it is not one of ours. */
	live_status(live, "DELETE", docker_path(&live->docker, "/images/%s", name));
}

static void what_is_no_archive_is_refused(void **state)
{
	struct live *live = *state;
	struct error err = ERROR_INIT;

	live_write(live, "image.tar", "no tar at all");
	live_create_fails(live, IMAGE, ADDRESS, "{\"load\":\"image.tar\"}", &err);
	assert_non_null(strstr(err.msg, "image.tar"));
	assert_int_equal(live_create_fails(live, IMAGE, ADDRESS, "{\"load\":\"none.tar\"}", &err),
		ERROR_NOT_FOUND);
}

/* --- pulls -------------------------------------------------------------------------------------- */

struct registry {
	struct live *live;
	pid_t pid;
	int port;
};

/* Nobody has it, and none of those that the kernel gives to clients. */
static bool is_free(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0), rc;

	rc = bind(fd, (struct sockaddr *)&address, sizeof(address));
	close(fd);
	return rc == 0;
}

static bool answers(int port)
{
	struct http_client *client = http_client_new(NULL, NULL);
	struct http_request request = {.clock = &clock_system};
	struct http_response response = {0};
	struct arena arena = ARENA_INIT;
	bool good;

	request.url = arena_printf(&arena, "http://127.0.0.1:%d/v2/", port);
	good = !http_perform(client, &request, &arena, &response, NULL);
	http_client_free(client);
	arena_release(&arena);
	return good;
}

/* Debian's docker-registry on a port of this process; `more` is YAML. */
static struct registry start_registry(struct live *live, const char *more)
{
	struct registry registry = {.live = live, .port = 20000 + getpid() % 10000};
	const char *config = arena_strdup(&live->arena, live_path(live, "registry.yml"));

	while (!is_free(registry.port))
		registry.port++;
	live_write(live, "registry.yml", arena_printf(&live->arena,
		"version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
		"storage: {filesystem: {rootdirectory: %s/registry}}\n"
		"http: {addr: \"127.0.0.1:%d\"}\n%s", live->root, registry.port, more));
	registry.pid = fork();
	if (!registry.pid) {
		int null = open("/dev/null", O_RDWR);

		prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when a test fails before it stops it */
		dup2(null, 1);
		dup2(null, 2);
		execlp("docker-registry", "docker-registry", "serve", config, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; !answers(registry.port); i++) {
		if (i == 1200 || waitpid(registry.pid, NULL, WNOHANG) == registry.pid)
			fail_msg("docker-registry (package docker-registry) does not start");
		usleep(50000);
	}
	return registry;
}

static void stop_registry(struct registry *registry)
{
	kill(registry->pid, SIGTERM);
	waitpid(registry->pid, NULL, 0);
}

static bool see_push(void *arg, const struct value *line)
{
	if (docker_stream_error(line))
		fail_msg("push: %s", docker_stream_error(line));
	(void)arg;
	return true;
}

/* Puts a fresh image into the registry and takes it off the engine. */
static const char *push(struct registry *registry, const char *tag, const char *auth)
{
	struct live *live = registry->live;
	const char *name = arena_printf(&live->arena, "127.0.0.1:%d/team/app", registry->port);
	const char *reference = arena_printf(&live->arena, "%s:%s", name, tag);
	const char *headers[] = {arena_printf(&live->arena, "X-Registry-Auth: %s", auth), NULL};
	struct docker_stream stream = {.method = "POST", .headers = headers, .line = see_push};
	struct error err = ERROR_INIT;
	struct record *built;

	live_image(live);
	live_write(live, "push/Dockerfile", "FROM " LIVE_IMAGE "\nRUN cat /proc/uptime > /unlike\n");
	live_intent(live);
	built = live_create(live, IMAGE, "docker_image.push", arena_printf(&live->arena,
		"{\"build\":{\"context\":\"push\",\"noCache\":true},\"tags\":[\"%s\"]}", reference));
	stream.path = docker_path(&live->docker, "/images/%s/push?tag=%s", name, tag);
	if (docker_stream(&live->docker, &stream, NULL, &err))
		fail_msg("push: %s", err.msg);
	live_destroy(live, built);
	assert_null(inspect(live, reference));
	strbuf_reset(&live->progress);
	live_intent(live);
	return reference;
}

static void an_image_is_pulled_once_and_taken_away_again(void **state)
{
	struct live *live = *state;
	struct registry registry = start_registry(live, "");
	const char *reference = push(&registry, "1", "e30=");
	const char *inputs = arena_printf(&live->arena, "{\"image\":\"%s\"}", reference);
	struct record *record, *again;
	struct observation item;

	item = live_observe(live, IMAGE, ADDRESS, inputs, NULL);
	assert_int_equal(item.presence, PRESENCE_ABSENT);
	record = live_create(live, IMAGE, ADDRESS, inputs);
	assert_non_null(strstr(live->progress.text, "pulling 127.0.0.1"));
	assert_string_equal(value_get_text(record->outputs, "name", ""), reference);
	assert_non_null(strstr(value_get_text(record->outputs, "digest", ""), "/team/app@sha256:"));
	assert_true(value_get_bool(record->outputs, "pulled", false));
	item = live_observe(live, IMAGE, ADDRESS, inputs, record);
	assert_unchanged(live, item, record);

	/* It is there already: used, not pulled, and not taken away with the second. */
	again = live_create(live, IMAGE, "docker_image.again", inputs);
	assert_false(value_get_bool(again->outputs, "pulled", true));
	live_destroy(live, again);
	assert_non_null(inspect(live, reference));

	/* By digest, which names no tag. */
	again = live_create(live, IMAGE, "docker_image.digest", arena_printf(&live->arena,
		"{\"image\":\"%s\"}", value_get_text(record->outputs, "digest", "")));
	assert_string_equal(again->id, record->id);

	live_destroy(live, record);
	assert_null(inspect(live, reference));
	stop_registry(&registry);
}

static void the_image_that_was_there_before_stays_when_another_was_pulled(void **state)
{
	struct live *live = *state;
	struct registry registry = start_registry(live, "");
	const char *reference = push(&registry, "1", "e30=");
	struct record *record = live_create(live, IMAGE, ADDRESS, arena_printf(&live->arena,
		"{\"image\":\"%s\"}", reference));

	live_call(live, "POST", docker_path(&live->docker, "/images/" LIVE_IMAGE "/tag?repo=mine-%s&tag=1",
		live->short_id), NULL);
	record = update(live, record, arena_printf(&live->arena, "{\"image\":\"mine-%s:1\"}",
		live->short_id));
	assert_false(value_get_bool(record->outputs, "pulled", true));
	assert_null(inspect(live, reference)); /* that one was ours to take away */
	live_destroy(live, record);
	assert_non_null(inspect(live, arena_printf(&live->arena, "mine-%s:1", live->short_id)));
	live_status(live, "DELETE", docker_path(&live->docker, "/images/mine-%s:1", live->short_id));
	stop_registry(&registry);
}

static void a_pulled_image_that_is_to_be_kept_is_kept(void **state)
{
	struct live *live = *state;
	struct registry registry = start_registry(live, "");
	const char *reference = push(&registry, "1", "e30=");
	struct record *record = live_create(live, IMAGE, ADDRESS, arena_printf(&live->arena,
		"{\"image\":\"%s\",\"keep\":true}", reference));

	live_destroy(live, record);
	assert_non_null(inspect(live, reference));
	live_status(live, "DELETE", docker_path(&live->docker, "/images/%s", reference));
	stop_registry(&registry);
}

static void an_image_in_use_stays_and_a_note_says_so(void **state)
{
	struct live *live = *state;
	struct registry registry = start_registry(live, "");
	const char *reference = push(&registry, "1", "e30=");
	struct record *record = live_create(live, IMAGE, ADDRESS, arena_printf(&live->arena,
		"{\"image\":\"%s\"}", reference));
	const char *id;

	id = value_get_text(live_call(live, "POST", "/containers/create", arena_printf(&live->arena,
		"{\"Image\":\"%s\",\"Cmd\":[\"sleep\",\"60\"],\"Labels\":{\"" DOCKER_LABEL_ENVIRONMENT
		"\":\"%s\"}}", reference, live->environment)), "Id", "");
	live_call(live, "POST", docker_path(&live->docker, "/containers/%s/start", id), NULL);
	strbuf_reset(&live->progress);
	live_destroy(live, record);
	assert_non_null(inspect(live, reference));
	assert_non_null(strstr(live->progress.text, " stays: "));
	live_call(live, "DELETE", docker_path(&live->docker, "/containers/%s?force=1", id), NULL);
	live_status(live, "DELETE", docker_path(&live->docker, "/images/%s", reference));
	stop_registry(&registry);
}

static void a_tag_that_moved_is_pulled_again_only_when_asked_for(void **state)
{
	struct live *live = *state;
	struct registry registry = start_registry(live, "");
	const char *reference = push(&registry, "1", "e30=");
	const char *missing = arena_printf(&live->arena, "{\"image\":\"%s\"}", reference);
	const char *always = arena_printf(&live->arena, "{\"image\":\"%s\",\"pull\":\"always\"}",
		reference);
	struct record *first = live_create(live, IMAGE, ADDRESS, missing), *second;
	struct observation item;

	live_call(live, "POST", docker_path(&live->docker, "/images/%s/tag?repo=old-%s&tag=1",
		first->id, live->short_id), NULL);
	live_call(live, "DELETE", docker_path(&live->docker, "/images/%s", reference), NULL);
	push(&registry, "1", "e30=");
	live_call(live, "POST", docker_path(&live->docker,
		"/images/%s/tag?repo=127.0.0.1:%d/team/app&tag=1", first->id, registry.port), NULL);
	assert_string_equal(update(live, first, missing)->id, first->id);
	second = update(live, first, always);
	assert_string_not_equal(second->id, first->id);
	assert_true(value_get_bool(second->outputs, "pulled", false));
	/* Somebody else moves the name: that is drift. */
	live_call(live, "POST", docker_path(&live->docker,
		"/images/%s/tag?repo=127.0.0.1:%d/team/app&tag=1", first->id, registry.port), NULL);
	item = live_observe(live, IMAGE, ADDRESS, missing, second);
	assert_int_equal(item.presence, PRESENCE_PRESENT);
	assert_false(value_equal(item.attributes, second->observed));
	live_status(live, "DELETE", docker_path(&live->docker, "/images/%s?force=1", first->id));
	live_status(live, "DELETE", docker_path(&live->docker, "/images/%s?force=1", second->id));
	stop_registry(&registry);
}

static void a_tag_that_is_not_there_and_a_registry_that_is_not_there(void **state)
{
	struct live *live = *state;
	struct registry registry = start_registry(live, "");
	struct error err = ERROR_INIT;

	assert_int_equal(live_create_fails(live, IMAGE, ADDRESS, arena_printf(&live->arena,
		"{\"image\":\"127.0.0.1:%d/none:1\"}", registry.port), &err), ERROR_NOT_FOUND);
	assert_non_null(strstr(err.msg, "/none:1'"));
	stop_registry(&registry);
	assert_int_equal(live_create_fails(live, IMAGE, ADDRESS, arena_printf(&live->arena,
		"{\"image\":\"127.0.0.1:%d/none:1\"}", registry.port), &err), ERROR_TRANSIENT);
}

/* user "user", password "s3cret-pass" */
#define HTPASSWD "user:$2b$05$abcdefghijklmnopqrstuuV7fpPozvyqJfnY19y0802WTlXUm6Rjy\n"

static void credentials_come_from_the_configuration_or_a_helper(void **state)
{
	struct live *live = *state;
	struct registry registry;
	const char *reference, *inputs;
	struct error err = ERROR_INIT;
	struct record *record;

	live_write(live, "htpasswd", HTPASSWD);
	registry = start_registry(live, arena_printf(&live->arena,
		"auth: {htpasswd: {realm: test, path: %s/htpasswd}}\n", live->root));
	/* {"username":"user","password":"s3cret-pass"} */
	reference = push(&registry, "1", "eyJ1c2VybmFtZSI6InVzZXIiLCJwYXNzd29yZCI6InMzY3JldC1wYXNzIn0=");
	inputs = arena_printf(&live->arena, "{\"image\":\"%s\"}", reference);
	setenv("DOCKER_CONFIG", live->root, 1);

	/* None. */
	assert_int_equal(live_create_fails(live, IMAGE, ADDRESS, inputs, &err), ERROR_INVALID);
	assert_non_null(strstr(err.msg, "docker login 127.0.0.1:"));
	/* In config.json: base64("user:s3cret-pass"). */
	live_write(live, "config.json", arena_printf(&live->arena,
		"{\"auths\":{\"http://127.0.0.1:%d/v1/\":{\"auth\":\"dXNlcjpzM2NyZXQtcGFzcw==\"}}}",
		registry.port));
	record = live_create(live, IMAGE, ADDRESS, inputs);
	live_destroy(live, record);
	assert_null(inspect(live, reference));
	/* From a helper, which is asked on its stdin. */
	live_write(live, "bin/docker-credential-test", "#!/bin/sh\nread server\n"
		"[ \"$1 $server\" = \"get $(cat $DOCKER_CONFIG/expected)\" ] || exit 1\n"
		"echo '{\"Username\":\"user\",\"Secret\":\"s3cret-pass\"}'\n");
	chmod(live_path(live, "bin/docker-credential-test"), 0755);
	live_write(live, "expected", arena_printf(&live->arena, "127.0.0.1:%d", registry.port));
	setenv("PATH", arena_printf(&live->arena, "%s/bin:%s", live->root, getenv("PATH")), 1);
	live_write(live, "config.json", "{\"credsStore\":\"test\"}");
	live_intent(live);
	record = live_create(live, IMAGE, ADDRESS, inputs);
	live_destroy(live, record);
	/* A wrong password, and a helper that is not there: said without the secret. */
	live_write(live, "config.json", arena_printf(&live->arena,
		"{\"auths\":{\"127.0.0.1:%d\":{\"auth\":\"dXNlcjp3cm9uZy1wYXNz\"}}}", registry.port));
	assert_int_equal(live_create_fails(live, IMAGE, ADDRESS, inputs, &err), ERROR_INVALID);
	assert_null(strstr(err.msg, "wrong-pass"));
	live_write(live, "config.json", arena_printf(&live->arena,
		"{\"credHelpers\":{\"127.0.0.1:%d\":\"absent\"}}", registry.port));
	assert_int_equal(live_create_fails(live, IMAGE, ADDRESS, inputs, &err), ERROR_INVALID);
	assert_non_null(strstr(err.msg, "docker-credential-absent"));
	assert_null(strstr(live->progress.text, "s3cret-pass"));
	unsetenv("DOCKER_CONFIG");
	stop_registry(&registry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(an_archive_is_loaded_and_taken_away_again),
		live_test(what_is_no_archive_is_refused),
		live_test(an_image_is_pulled_once_and_taken_away_again),
		live_test(the_image_that_was_there_before_stays_when_another_was_pulled),
		live_test(a_pulled_image_that_is_to_be_kept_is_kept),
		live_test(an_image_in_use_stays_and_a_note_says_so),
		live_test(a_tag_that_moved_is_pulled_again_only_when_asked_for),
		live_test(a_tag_that_is_not_there_and_a_registry_that_is_not_there),
		live_test(credentials_come_from_the_configuration_or_a_helper),
	};
	int missing = live_missing();

	return missing ? missing : cmocka_run_group_tests(tests, NULL, NULL);
}
