/* docker_image on a real engine: builds, what goes into them, and what makes one another. */
#include "image_live.h"

#include <fcntl.h>

static struct hash digest_of(const char *root, const char *inputs)
{
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct hash hash;
	struct value value;

	assert_int_equal(json_parse(inputs, strlen(inputs), &arena, NULL, &value, &err), 0);
	if (provider_docker.digest(type_find(IMAGE), &value, root, NULL, &hash, &err))
		fail_msg("%s", err.msg);
	arena_release(&arena);
	return hash;
}

/* The output of a command in a container of the image. */
static const char *run_in(struct live *live, const char *image, const char *command)
{
	const struct value *reply = live_call(live, "POST", "/containers/create",
		arena_printf(&live->arena, "{\"Image\":\"%s\",\"Tty\":true,\"Cmd\":[\"sh\",\"-c\",\"%s\"],"
			"\"Labels\":{\"" DOCKER_LABEL_ENVIRONMENT "\":\"%s\"}}", image, command,
			live->environment));
	const char *id = value_get_text(reply, "Id", "");
	struct http_response response;
	struct error err = ERROR_INIT;
	struct http_request request = {.clock = &clock_system};

	live_call(live, "POST", docker_path(&live->docker, "/containers/%s/start", id), NULL);
	live_call(live, "POST", docker_path(&live->docker, "/containers/%s/wait", id), NULL);
	request.url = arena_printf(&live->arena, "%s/containers/%s/logs?stdout=1", live->docker.base, id);
	assert_int_equal(http_perform(live->docker.http, &request, &live->arena, &response, &err), 0);
	live_call(live, "DELETE", docker_path(&live->docker, "/containers/%s?force=1", id), NULL);
	return response.body;
}

/* How many containers there are whose command has this text. */
static size_t containers_of(struct live *live, const char *text)
{
	const struct value *list = live_call(live, "GET", "/containers/json?all=1", NULL);
	size_t n = 0;

	for (size_t i = 0; i < list->len; i++)
		n += strstr(value_get_text(&list->items[i], "Command", ""), text) != NULL;
	return n;
}

static void an_image_is_built_marked_and_seen_unchanged(void **state)
{
	static const char inputs[] = "{\"build\":{\"context\":\"app\",\"args\":{\"WHO\":\"world\"},"
		"\"labels\":{\"team\":\"blue\"}}}";
	struct live *live = *state;
	struct observation item;
	struct record *record;
	const struct value *labels;
	char hex[HASH_HEX];
	struct hash hash;

	live_image(live);
	live_write(live, "app/Dockerfile", "FROM " LIVE_IMAGE "\nARG WHO\nRUN echo hello $WHO > /hello\n");
	record = live_create(live, IMAGE, ADDRESS, inputs);
	assert_string_equal(value_get_text(record->outputs, "name", ""),
		arena_printf(&live->arena, "live-app-%s:latest", live->short_id));
	assert_string_equal(value_get_text(record->outputs, "id", ""), record->id);
	assert_int_equal(strncmp(record->id, "sha256:", 7), 0);
	assert_int_equal(strncmp(run_in(live, record->id, "cat /hello"), "hello world", 11), 0);
	labels = value_path(inspect(live, record->id), "Config.Labels");
	assert_string_equal(value_get_text(labels, "team", ""), "blue");
	assert_string_equal(value_get_text(labels, DOCKER_LABEL_ENVIRONMENT, ""), live->environment);
	assert_string_equal(value_get_text(labels, DOCKER_LABEL_ADDRESS, ""), ADDRESS);
	hash = digest_of(live->root, inputs);
	assert_string_equal(value_get_text(labels, "dev.devenv.content", ""), hash_hex(&hash, hex));

	item = live_observe(live, IMAGE, ADDRESS, inputs, record);
	assert_unchanged(live, item, record);
	assert_int_equal(item.ownership, OWNER_US);

	live_destroy(live, record);
	assert_null(inspect(live, record->id));
	item = live_observe(live, IMAGE, ADDRESS, inputs, record);
	assert_int_equal(item.presence, PRESENCE_ABSENT);
	live_destroy(live, record);
}

static void only_what_the_build_sees_makes_it_another(void **state)
{
	static const char inputs[] = "{\"build\":{\"context\":\"app\"}}";
	struct live *live = *state;
	struct hash first, other;

	live_write(live, "app/Dockerfile", "FROM scratch\n");
	live_write(live, "app/main.c", "int main(void);\n");
	live_write(live, "app/.dockerignore", "*.log\n");
	live_write(live, "app/.devenv/config.yml", "");
	first = digest_of(live->root, inputs);
	live_write(live, "app/noise.log", "noise");
	live_write(live, "app/.devenv/local/id", "written by a run");
	utimensat(AT_FDCWD, live_path(live, "app/main.c"), (struct timespec[2]){{1, 0}, {1, 0}}, 0);
	other = digest_of(live->root, inputs);
	assert_true(hash_equal(&first, &other));
	live_write(live, "app/main.c", "int main(int);\n");
	other = digest_of(live->root, inputs);
	assert_false(hash_equal(&first, &other));
	other = digest_of(live->root, "{\"build\":{\"context\":\"app\",\"args\":{\"A\":\"1\"}}}");
	first = digest_of(live->root, "{\"build\":{\"context\":\"app\",\"args\":{\"A\":\"2\"}}}");
	assert_false(hash_equal(&first, &other));
	first = digest_of(live->root, "{\"build\":{\"context\":\"app\",\"target\":\"A\"}}");
	assert_false(hash_equal(&first, &other));
}

static void a_changed_context_is_built_again_and_the_old_image_cleared(void **state)
{
	static const char inputs[] = "{\"build\":{\"context\":\"app\"},\"tags\":[\"devenv-test/app:1\"]}";
	struct live *live = *state;
	struct record *first, *second, *third;
	struct observation item;
	struct hash hash;
	char hex[HASH_HEX];
	const char *holder;

	live_image(live);
	live_write(live, "app/Dockerfile", DOCKERFILE);
	live_write(live, "app/file", "one");
	first = live_create(live, IMAGE, ADDRESS, inputs);
	live_write(live, "app/file", "two");
	second = update(live, first, inputs);
	assert_string_not_equal(first->id, second->id);
	assert_int_equal(strncmp(run_in(live, "devenv-test/app:1", "cat /context/file"), "two", 3), 0);
	assert_null(inspect(live, first->id));

	/* One that a container still uses stays, and goes with the build after. */
	holder = value_get_text(live_call(live, "POST", "/containers/create", arena_printf(&live->arena,
		"{\"Image\":\"%s\",\"Cmd\":[\"true\"]}", second->id)), "Id", "");
	live_write(live, "app/file", "three");
	third = update(live, second, inputs);
	if (live->docker.api < 50) /* newer engines' store forgets an image with its last name */
		assert_non_null(inspect(live, second->id));
	live_call(live, "DELETE", docker_path(&live->docker, "/containers/%s", holder), NULL);

	/* The same content: nothing is built, the id stays, and a plan sees it beforehand. */
	hash = digest_of(live->root, inputs);
	item = live_observe(live, IMAGE, ADDRESS, arena_printf(&live->arena,
		"{\"build\":{\"context\":\"app\"},\"tags\":[\"devenv-test/app:1\"],"
		"\"$digests\":{\"content\":\"%s\"}}", hash_hex(&hash, hex)), third);
	assert_true(item.matches);
	item = live_observe(live, IMAGE, ADDRESS,
		"{\"build\":{\"context\":\"app\"},\"tags\":[\"devenv-test/app:1\"],"
		"\"$digests\":{\"content\":\"another\"}}", third);
	assert_false(item.matches);
	strbuf_reset(&live->progress);
	assert_string_equal(update(live, third, inputs)->id, third->id);
	assert_string_equal(live->progress.text, "");
	assert_null(inspect(live, second->id));
	live_destroy(live, third);
	assert_null(inspect(live, "devenv-test/app:1"));
}

static void dockerignore_symlinks_and_modes_arrive(void **state)
{
	struct live *live = *state;
	struct record *record;

	live_image(live);
	live_write(live, "app/Dockerfile", DOCKERFILE);
	live_write(live, "app/.dockerignore",
		"# all of it\n*\n!src\nsrc/**/*.o\n!**/keep.o\nnode_modules\n!node_modules/.bin/tool\n");
	live_write(live, "app/README.md", "");
	live_write(live, "app/src/main.c", "");
	live_write(live, "app/src/main.o", "");
	live_write(live, "app/src/deep/a.o", "");
	live_write(live, "app/src/deep/keep.o", "");
	live_write(live, "app/src/run.sh", "");
	live_write(live, "app/node_modules/x/index.js", "");
	live_write(live, "app/node_modules/.bin/tool", "");
	chmod(live_path(live, "app/src/run.sh"), 0755);
	assert_int_equal(symlink("main.c", live_path(live, "app/src/link")), 0);
	record = live_create(live, IMAGE, ADDRESS, "{\"build\":{\"context\":\"app\"}}");
	assert_string_equal(run_in(live, record->id, "cd /context && find * ! -type d ! -name Dockerfile | busybox sort; "
			"busybox readlink src/link; stat -c %a src/run.sh"),
		"node_modules/.bin/tool\r\nsrc/deep/keep.o\r\nsrc/link\r\nsrc/main.c\r\nsrc/run.sh\r\n"
		"main.c\r\n755\r\n");
}

static void a_failing_step_shows_its_last_lines_and_leaves_no_container(void **state)
{
	struct live *live = *state;
	struct request request = live_request(live, ACT_CREATE, IMAGE, ADDRESS,
		"{\"build\":{\"context\":\"app\"}}", NULL);
	struct outcome outcome = {0};
	struct error err = ERROR_INIT;

	live_image(live);
	live_write(live, "app/Dockerfile", arena_printf(&live->arena, "FROM " LIVE_IMAGE "\nRUN : %s; i=0; "
		"while test $i -lt 40; do i=$((i + 1)); echo line $i; done; echo at last; exit 7\n",
		live->short_id));
	assert_int_equal(provider_docker.apply(&live->env, &request, &outcome, &err), -1);
	assert_int_equal(err.code, ERROR_FAILED);
	assert_non_null(strstr(err.msg, "cannot build 'live-app-"));
	assert_non_null(strstr(err.msg, "7"));
	assert_false(outcome.exists);
	assert_non_null(outcome.output);
	assert_non_null(strstr(outcome.output, "line 40\n"));
	assert_non_null(strstr(outcome.output, "at last\n"));
	assert_null(strstr(outcome.output, "line 9\n"));
	assert_int_equal(containers_of(live, live->short_id), 0);
}

static void mistakes_in_a_dockerfile_are_said(void **state)
{
	struct live *live = *state;
	struct error err = ERROR_INIT;

	live_write(live, "app/Dockerfile", "FRUM scratch\n");
	live_create_fails(live, IMAGE, ADDRESS, "{\"build\":{\"context\":\"app\"}}", &err);
	assert_non_null(strstr(err.msg, "FRUM"));
	assert_int_equal(live_create_fails(live, IMAGE, ADDRESS, "{\"build\":{\"context\":\"nowhere\"}}",
		&err), ERROR_NOT_FOUND);
	assert_non_null(strstr(err.msg, "/nowhere"));
	assert_int_equal(live_create_fails(live, IMAGE, ADDRESS,
		"{\"build\":{\"context\":\"app\",\"dockerfile\":\"Other\"}}", &err), ERROR_NOT_FOUND);
	assert_non_null(strstr(err.msg, "app/Other"));
}

static void stages_arguments_and_a_dockerfile_elsewhere_work(void **state)
{
	struct live *live = *state;
	struct record *record;

	live_image(live);
	live_write(live, "files/Dev.dockerfile", "FROM " LIVE_IMAGE " AS one\nARG A\nRUN echo $A > /a\n"
		"FROM one AS two\nRUN echo two > /a\n");
	live_write(live, "app/file", "x");
	record = live_create(live, IMAGE, ADDRESS, "{\"build\":{\"context\":\"app\","
		"\"dockerfile\":\"../files/Dev.dockerfile\",\"target\":\"one\",\"args\":{\"A\":\"a&b=c\"}}}");
	assert_int_equal(strncmp(run_in(live, record->id, "cat /a"), "a&b=c", 5), 0);
}

/* The classic builder cannot; the engine's BuildKit is asked for when the Dockerfile needs it. */
static void what_needs_buildkit_gets_it(void **state)
{
	struct live *live = *state;
	struct record *record;

	live_image(live);
	live_write(live, "app/Dockerfile", "FROM " LIVE_IMAGE "\n"
		"RUN --mount=type=cache,target=/cache echo seen by buildkit > /out && cat /out\n");
	record = live_create(live, IMAGE, ADDRESS, "{\"build\":{\"context\":\"app\",\"noCache\":true}}");
	assert_int_equal(strncmp(run_in(live, record->id, "cat /out"), "seen by buildkit", 16), 0);
	/* Its output is in protobuf messages, and is shown all the same. */
	assert_non_null(strstr(live->progress.text, "\nseen by buildkit\n"));
	assert_non_null(strstr(live->progress.text, "RUN --mount=type=cache"));
}

static void a_secret_argument_is_refused(void **state)
{
	struct live *live = *state;
	struct request request;
	struct member args[1] = {{.key = "TOKEN", .value = value_sensitive(value_borrow("hunter2"))}};
	struct member build[2] = {{.key = "context", .value = value_borrow("app")},
		{.key = "args", .value = value_map(args, 1)}};
	struct member whole[1] = {{.key = "build", .value = value_map(build, 2)}};
	struct value inputs = value_map(whole, 1);
	struct outcome outcome = {0};
	struct error err = ERROR_INIT;

	live_write(live, "app/Dockerfile", "FROM scratch\n");
	request = live_request(live, ACT_CREATE, IMAGE, ADDRESS, "{}", NULL);
	request.inputs = &inputs;
	assert_int_equal(provider_docker.apply(&live->env, &request, &outcome, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	assert_non_null(strstr(err.msg, "build.args.TOKEN"));
	assert_null(strstr(err.msg, "hunter2"));
}

static void without_the_cache_every_step_runs_again(void **state)
{
	static const char inputs[] = "{\"build\":{\"context\":\"app\",\"noCache\":true}}";
	struct live *live = *state;
	struct record *record, *next;

	live_image(live);
	live_write(live, "app/Dockerfile", "FROM " LIVE_IMAGE "\nRUN cat /proc/uptime > /unlike\n");
	record = live_create(live, IMAGE, ADDRESS, inputs);
	next = update(live, record, inputs);
	assert_string_not_equal(next->id, record->id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(an_image_is_built_marked_and_seen_unchanged),
		live_test(only_what_the_build_sees_makes_it_another),
		live_test(a_changed_context_is_built_again_and_the_old_image_cleared),
		live_test(dockerignore_symlinks_and_modes_arrive),
		live_test(a_failing_step_shows_its_last_lines_and_leaves_no_container),
		live_test(mistakes_in_a_dockerfile_are_said),
		live_test(stages_arguments_and_a_dockerfile_elsewhere_work),
		live_test(what_needs_buildkit_gets_it),
		live_test(a_secret_argument_is_refused),
		live_test(without_the_cache_every_step_runs_again),
	};
	int missing = live_missing();

	return missing ? missing : cmocka_run_group_tests(tests, NULL, NULL);
}
