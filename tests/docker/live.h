/*
 * For tests against a real Docker Engine (DOCKER_HOST, or the default socket): the provider is called
 * as the engine of devenv calls it, and the Docker Engine is asked behind its back.
 *
 * Everything is made in an environment with a random id, and what bears its mark is removed at the
 * end, whatever a test did. Without an engine the program says so loudly and exits with 77, or fails
 * where DEVENV_TEST_REQUIRE contains "docker".
 */
#ifndef DEVENV_TESTS_DOCKER_LIVE_H
#define DEVENV_TESTS_DOCKER_LIVE_H

#include "model/json.h"
#include "providers/docker/docker.h"
#include "providers/docker/tar.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

extern const struct provider provider_docker;

#define LIVE_IMAGE "devenv-test-busybox:1"

struct live {
	struct arena arena;
	struct provider_env env;
	struct docker docker;     /* a conversation of the test's own */
	char environment[17], intent[17], short_id[7];
	char root[64];            /* the project root: a folder of its own */
	struct strbuf progress;   /* all lines */
};

static inline void live_progress(void *arg, const char *line)
{
	struct live *live = arg;

	strbuf_addf(&live->progress, "%s\n", line);
}

/* A new intent, as before each action. */
static inline void live_intent(struct live *live)
{
	random_hex(live->intent, 16);
	live->env.intent = live->intent;
}

static inline struct live *live_new(void)
{
	struct live *live = calloc(1, sizeof(*live));
	struct error err = ERROR_INIT;

	live->progress = (struct strbuf)STRBUF_INIT;
	random_hex(live->environment, 16);
	memcpy(live->short_id, live->environment, 6);
	strcpy(live->root, "/tmp/devenv-live.XXXXXX");
	assert_non_null(mkdtemp(live->root));
	live->env = (struct provider_env){
		.arena = &live->arena,
		.clock = &clock_system,
		.project_root = live->root,
		.work_dir = live->root,
		.environment = live->environment,
		.short_id = live->short_id,
		.state_id = "feedfacefeedface",
		.project = "live",
		.self = "devenv",
		.intent_fd = -1,
		.deadline = clock_monotonic(&clock_system) + 600000,
		.progress = live_progress,
		.progress_arg = live,
	};
	live_intent(live);
	if (docker_open(&live->docker, &live->env, &err) || docker_identify(&live->docker, &err))
		fail_msg("%s", err.msg);
	return live;
}

static inline struct value live_json(struct live *live, const char *text)
{
	struct error err = ERROR_INIT;
	struct value value;

	if (json_parse(text, strlen(text), &live->arena, NULL, &value, &err))
		fail_msg("%s in %s", err.msg, text);
	return value;
}

/* Asks the engine; fails the test when it refuses. */
static inline const struct value *live_call(struct live *live, const char *method,
	const char *path, const char *body)
{
	struct error err = ERROR_INIT;
	struct docker_reply reply;
	struct value value;

	if (body)
		value = live_json(live, body);
	if (docker_call(&live->docker, method, path, body ? &value : NULL, &reply, &err))
		fail_msg("%s %s: %s", method, path, err.msg);
	return reply.body;
}

/* The status that the engine answers with, 404 and all. */
static inline long live_status(struct live *live, const char *method, const char *path)
{
	struct docker_reply reply;

	docker_call(&live->docker, method, path, NULL, &reply, NULL);
	return reply.status;
}

static inline int live_unlink(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static inline void live_remove_kind(struct live *live, const char *list, const char *member,
	const char *key, const char *path)
{
	struct docker_reply reply;
	const struct value *items;

	if (docker_list_ours(&live->docker, list, &reply, NULL))
		return;
	items = member ? value_get(reply.body, member) : reply.body;
	for (uint32_t i = 0; items && items->kind == VALUE_LIST && i < items->len; i++)
		docker_call(&live->docker, "DELETE", docker_path(&live->docker, path,
			value_get_text(&items->items[i], key, "")), NULL, NULL, NULL);
}

static inline void live_free(struct live *live)
{
	live->env.deadline = clock_monotonic(&clock_system) + 60000;
	live->env.environment = live->environment;
	live_remove_kind(live, "/containers/json?all=1", NULL, "Id", "/containers/%s?force=1&v=1");
	live_remove_kind(live, "/networks", NULL, "Id", "/networks/%s");
	live_remove_kind(live, "/volumes", "Volumes", "Name", "/volumes/%s");
	live_remove_kind(live, "/images/json", NULL, "Id", "/images/%s?force=1");
	docker_close(&live->docker);
	nftw(live->root, live_unlink, 16, FTW_DEPTH | FTW_PHYS);
	strbuf_release(&live->progress);
	arena_release(&live->arena);
	free(live);
}

/* --- files -------------------------------------------------------------------------------------- */

static inline const char *live_path(struct live *live, const char *name)
{
	return arena_printf(&live->arena, "%s/%s", live->root, name);
}

static inline void live_write(struct live *live, const char *name, const char *text)
{
	char *path = arena_strdup(&live->arena, live_path(live, name));
	FILE *file;

	for (char *at = strchr(path + strlen(live->root) + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = '\0';
		mkdir(path, 0755);
		*at = '/';
	}
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* The image that containers of the tests are made from: busybox, imported once an engine. */
static inline void live_image(struct live *live)
{
	static const char *const applets[] = {"sh", "sleep", "cat", "ls", "echo", "true", "false",
		"nc", "httpd", "id", "env", "mkdir", "rm", "touch", "stat", "sha256sum", "find"};
	static const char *const headers[] = {"Content-Type: application/x-tar", NULL};
	char folder[] = "/tmp/devenv-busybox.XXXXXX", path[128], command[256];
	struct tar tar;
	struct docker_stream stream = {.method = "POST", .headers = headers, .read = tar_read,
		.read_arg = &tar, .read_size = -1,
		.path = "/images/create?fromSrc=-&repo=devenv-test-busybox&tag=1"};
	struct error err = ERROR_INIT;
	struct docker_reply reply;
	const struct value *image;
	const char *name;

	if (!docker_image_inspect(&live->docker, LIVE_IMAGE, &image, &err))
		return;
	assert_non_null(mkdtemp(folder));
	snprintf(command, sizeof(command), "mkdir -p %s/bin %s/tmp %s/etc && cp /bin/busybox %s/bin/",
		folder, folder, folder, folder);
	assert_int_equal(system(command), 0);
	for (size_t i = 0; i < ARRAY_SIZE(applets); i++) {
		snprintf(path, sizeof(path), "%s/bin/%s", folder, applets[i]);
		assert_int_equal(symlink("busybox", path), 0);
	}
	snprintf(path, sizeof(path), "%s/Dockerfile", folder);
	fclose(fopen(path, "w"));
	if (tar_open(&tar, &live->arena, folder, "Dockerfile", &name, &err) ||
		docker_stream(&live->docker, &stream, &reply, &err))
		fail_msg("%s", err.msg);
	tar_release(&tar);
	nftw(folder, live_unlink, 16, FTW_DEPTH | FTW_PHYS);
	if (docker_image_inspect(&live->docker, LIVE_IMAGE, &image, &err))
		fail_msg("the image of the tests could not be imported: %s", err.msg);
}

/* A container that holds things; removed by live_free. `more` is JSON: ",\"HostConfig\":{...}". */
static inline const char *live_container(struct live *live, const char *name, const char *more)
{
	const char *body = arena_printf(&live->arena,
		"{\"Image\":\"" LIVE_IMAGE "\",\"Cmd\":[\"sleep\",\"600\"],"
		"\"Labels\":{\"" DOCKER_LABEL_ENVIRONMENT "\":\"%s\"}%s}", live->environment, more);
	const struct value *reply;

	live_image(live);
	reply = live_call(live, "POST", docker_path(&live->docker, "/containers/create?name=%s-%s",
		name, live->short_id), body);
	return value_get_text(reply, "Id", "");
}

/* --- the provider, as the engine calls it ------------------------------------------------------- */

static inline struct observation live_observe(struct live *live, const char *type,
	const char *address, const char *desired, struct record *record)
{
	struct observation item = {.address = address, .type = type_find(type), .record = record};
	struct observe_request request = {.items = &item, .n = 1};
	struct error err = ERROR_INIT;
	struct value *inputs = arena_alloc(&live->arena, sizeof(*inputs));

	assert_non_null(item.type);
	if (desired) {
		*inputs = live_json(live, desired);
		item.desired = inputs;
	}
	if (provider_docker.observe(&live->env, &request, &err))
		fail_msg("%s", err.msg);
	return item;
}

static inline struct request live_request(struct live *live, enum act act, const char *type,
	const char *address, const char *inputs, struct record *record)
{
	struct value *value = arena_alloc(&live->arena, sizeof(*value));

	*value = live_json(live, inputs ? inputs : "{}");
	return (struct request){.act = act, .address = address, .generation = 1,
		.type = type_find(type), .inputs = value, .record = record};
}

/* The record that the engine would keep of it. */
static inline struct record *live_record(struct live *live, const struct request *request,
	const struct outcome *outcome)
{
	struct record *record = arena_zalloc(&live->arena, sizeof(*record));

	*record = (struct record){
		.address = request->address,
		.generation = request->generation,
		.type = request->type->name,
		.type_version = 1,
		.id = outcome->id,
		.endpoint = outcome->endpoint,
		.inputs = request->inputs,
		.outputs = outcome->outputs ? outcome->outputs : &value_empty_map,
		.observed = outcome->observed ? outcome->observed : &value_empty_map,
		.meta = &value_empty_map,
		.arena = &live->arena,
	};
	return record;
}

/* Creates or fails the test. */
static inline struct record *live_create(struct live *live, const char *type, const char *address,
	const char *inputs)
{
	struct request request = live_request(live, ACT_CREATE, type, address, inputs, NULL);
	struct outcome outcome = {0};
	struct error err = ERROR_INIT;

	if (provider_docker.apply(&live->env, &request, &outcome, &err))
		fail_msg("create %s: %s", address, err.msg);
	assert_true(outcome.exists);
	assert_string_equal(outcome.endpoint, live->docker.id);
	return live_record(live, &request, &outcome);
}

static inline enum error_code live_create_fails(struct live *live, const char *type,
	const char *address, const char *inputs, struct error *err)
{
	struct request request = live_request(live, ACT_CREATE, type, address, inputs, NULL);
	struct outcome outcome = {0};

	assert_int_equal(provider_docker.apply(&live->env, &request, &outcome, err), -1);
	return err->code;
}

static inline void live_destroy(struct live *live, struct record *record)
{
	struct error err = ERROR_INIT;

	if (provider_docker.destroy(&live->env, record, &err))
		fail_msg("destroy %s: %s", record->address, err.msg);
}

#define assert_unchanged(live, item, record)                                                       \
	do {                                                                                           \
		assert_int_equal((item).presence, PRESENCE_PRESENT);                                       \
		assert_string_equal((item).id, (record)->id);                                              \
		if (!value_equal((item).attributes, (record)->observed))                                   \
			fail_msg("drift: %s, recorded %s", live_text(live, (item).attributes),                 \
				live_text(live, (record)->observed));                                              \
	} while (0)

static inline const char *live_text(struct live *live, const struct value *value)
{
	struct strbuf text = STRBUF_INIT;
	const char *copy;

	if (value)
		json_write(&text, value, JSON_CLEAR, NULL);
	copy = arena_strdup(&live->arena, text.text);
	strbuf_release(&text);
	return copy;
}

/* --- main --------------------------------------------------------------------------------------- */

static inline int live_setup(void **state)
{
	*state = live_new();
	return 0;
}

static inline int live_teardown(void **state)
{
	live_free(*state);
	return 0;
}

#define live_test(function) cmocka_unit_test_setup_teardown(function, live_setup, live_teardown)

/* 0: an engine answers; else the exit status for main. */
static inline int live_missing(void)
{
	struct arena arena = ARENA_INIT;
	struct provider_env env = {.arena = &arena, .clock = &clock_system,
		.deadline = clock_monotonic(&clock_system) + 10000};
	struct error err = ERROR_INIT;
	struct docker docker;
	const char *required = getenv("DEVENV_TEST_REQUIRE");
	int rc = docker_open(&docker, &env, &err);

	hash_start();
	if (!rc)
		docker_close(&docker);
	else
		fprintf(stderr, "*** SKIPPED: no Docker Engine: %s ***\n", err.msg);
	arena_release(&arena);
	if (!rc)
		return 0;
	return required && strstr(required, "docker") ? 1 : 77;
}

#endif
