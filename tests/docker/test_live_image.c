/* docker_image on a real engine: builds, archives, and pulls from a real registry beside it. */
#include "live.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#define IMAGE "docker_image"
#define ADDRESS "docker_image.app"

static const char *const dockerfile = "FROM " LIVE_IMAGE "\nCOPY . /context\n"
	"RUN [\"/bin/sh\", \"-c\", \"cd /context && find . -type f -o -type l > /list\"]\n";

static const struct value *inspect(struct live *live, const char *reference)
{
	const struct value *image = NULL;

	docker_image_inspect(&live->docker, reference, &image, NULL);
	return image;
}

static struct hash digest_of(const char *root, const char *inputs)
{
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct hash hash;
	struct value value;

	assert_int_equal(json_parse(inputs, strlen(inputs), &arena, NULL, &value, &err), 0);
	if (provider_docker.digest(type_find(IMAGE), &value, root, &hash, &err))
		fail_msg("%s", err.msg);
	arena_release(&arena);
	return hash;
}

/* What an apply of an update gives, as the next record. */
static struct record *update(struct live *live, struct record *record, const char *inputs)
{
	struct request request = live_request(live, ACT_UPDATE, IMAGE, record->address, inputs, record);
	struct outcome outcome = {0};
	struct error err = ERROR_INIT;

	live_intent(live);
	if (provider_docker.apply(&live->env, &request, &outcome, &err))
		fail_msg("update: %s", err.msg);
	return live_record(live, &request, &outcome);
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

static uint32_t count_containers(struct live *live)
{
	return live_call(live, "GET", "/containers/json?all=1", NULL)->len;
}

/* --- builds ------------------------------------------------------------------------------------- */

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
	live_write(live, "app/Dockerfile", dockerfile);
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
	live_write(live, "app/Dockerfile", dockerfile);
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
	uint32_t before;
	struct outcome outcome = {0};
	struct error err = ERROR_INIT;

	live_image(live);
	before = count_containers(live);
	live_write(live, "app/Dockerfile", "FROM " LIVE_IMAGE "\n"
		"RUN i=0; while test $i -lt 40; do i=$((i + 1)); echo line $i; done; echo at last; exit 7\n");
	assert_int_equal(provider_docker.apply(&live->env, &request, &outcome, &err), -1);
	assert_int_equal(err.code, ERROR_FAILED);
	assert_non_null(strstr(err.msg, "cannot build 'live-app-"));
	assert_non_null(strstr(err.msg, "7"));
	assert_false(outcome.exists);
	assert_non_null(outcome.output);
	assert_non_null(strstr(outcome.output, "line 40\n"));
	assert_non_null(strstr(outcome.output, "at last\n"));
	assert_null(strstr(outcome.output, "line 9\n"));
	assert_int_equal(count_containers(live), before);
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

static void a_name_that_another_image_has_is_not_taken_silently(void **state)
{
	struct live *live = *state;
	const char *tag = arena_printf(&live->arena, "devenv-test/%s:1", live->short_id);
	const char *inputs = arena_printf(&live->arena,
		"{\"build\":{\"context\":\"app\"},\"tags\":[\"%s\"]}", tag);
	const char *adopting = arena_printf(&live->arena,
		"{\"build\":{\"context\":\"app\"},\"tags\":[\"%s\"],\"adopt\":true}", tag);
	struct observation item;
	struct record *record;
	struct error err = ERROR_INIT;

	live_image(live);
	live_write(live, "app/Dockerfile", dockerfile);
	live_call(live, "POST", docker_path(&live->docker,
		"/images/" LIVE_IMAGE "/tag?repo=devenv-test/%s&tag=1", live->short_id), NULL);
	item = live_observe(live, IMAGE, ADDRESS, inputs, NULL);
	assert_int_equal(item.presence, PRESENCE_PRESENT);
	assert_int_equal(item.ownership, OWNER_NONE);
	assert_int_equal(live_create_fails(live, IMAGE, ADDRESS, inputs, &err), ERROR_CONFLICT);
	assert_non_null(strstr(err.msg, tag));
	record = live_create(live, IMAGE, ADDRESS, adopting);
	assert_string_equal(value_get_text(inspect(live, tag), "Id", ""), record->id);
	assert_non_null(inspect(live, LIVE_IMAGE)); /* it lost only the name */
}

/* A run died after the build: nothing is built twice, and nothing is in the way. */
static void a_build_whose_record_was_lost_is_found_again(void **state)
{
	static const char inputs[] = "{\"build\":{\"context\":\"app\"}}";
	struct live *live = *state;
	struct intent intent = {.id = live->intent, .address = ADDRESS, .action = INTENT_CREATE,
		.type = IMAGE};
	struct observation item = {.address = ADDRESS, .type = type_find(IMAGE), .intent = &intent};
	struct observe_request request = {.items = &item, .n = 1};
	struct error err = ERROR_INIT;
	struct record *record, orphan;

	live_image(live);
	live_write(live, "app/Dockerfile", dockerfile);
	record = live_create(live, IMAGE, ADDRESS, inputs);
	/* No longer desired: what the intent made is named, so that it can be destroyed. */
	assert_int_equal(provider_docker.observe(&live->env, &request, &err), 0);
	assert_int_equal(item.presence, PRESENCE_PRESENT);
	assert_string_equal(item.id, record->id);
	assert_string_equal(item.mark_intent, live->intent);
	assert_int_equal(request.n_strays, 0);
	/* Still desired. */
	item = live_observe(live, IMAGE, ADDRESS, inputs, NULL);
	assert_int_equal(item.presence, PRESENCE_ABSENT);
	live_intent(live);
	strbuf_reset(&live->progress);
	assert_string_equal(live_create(live, IMAGE, ADDRESS, inputs)->id, record->id);
	assert_string_equal(live->progress.text, "");
	/* Neither: a stray. */
	item = (struct observation){.address = "docker_image.other", .type = type_find(IMAGE),
		.desired = &value_empty_map};
	assert_int_equal(provider_docker.observe(&live->env, &request, &err), 0);
	assert_int_equal(request.n_strays, 1);
	assert_string_equal(request.strays[0].id, record->id);
	orphan = (struct record){.address = ADDRESS, .type = IMAGE, .id = record->id, .generation = 1,
		.inputs = &value_empty_map, .outputs = &value_empty_map};
	live_destroy(live, &orphan);
	assert_null(inspect(live, record->id));
}

static void names_follow_the_manifest(void **state)
{
	struct live *live = *state;
	const char *s = live->short_id;
	struct record *record;

	live_image(live);
	live_write(live, "app/Dockerfile", dockerfile);
	record = live_create(live, IMAGE, ADDRESS, arena_printf(&live->arena,
		"{\"build\":{\"context\":\"app\"},\"tags\":[\"t-%s:1\",\"t-%s:2\"]}", s, s));
	assert_non_null(inspect(live, arena_printf(&live->arena, "t-%s:1", s)));
	assert_non_null(inspect(live, arena_printf(&live->arena, "t-%s:2", s)));
	record = update(live, record, arena_printf(&live->arena,
		"{\"build\":{\"context\":\"app\"},\"tags\":[\"t-%s:2\",\"t-%s:3\"]}", s, s));
	assert_null(inspect(live, arena_printf(&live->arena, "t-%s:1", s)));
	assert_non_null(inspect(live, arena_printf(&live->arena, "t-%s:3", s)));
	/* A name taken away by hand is drift. */
	live_call(live, "DELETE", docker_path(&live->docker, "/images/t-%s:2", s), NULL);
	{
		struct observation item = live_observe(live, IMAGE, ADDRESS, NULL, record);

		assert_int_equal(item.presence, PRESENCE_PRESENT);
		assert_string_equal(item.id, record->id);
		assert_false(value_equal(item.attributes, record->observed));
	}
	live_destroy(live, record);
	assert_null(inspect(live, record->id));
}

/* The default name is chosen once: the project may be called otherwise by now. */
static void a_default_name_stays_when_the_project_is_renamed(void **state)
{
	static const char inputs[] = "{\"build\":{\"context\":\"app\"}}";
	struct live *live = *state;
	struct record *record, *next;
	struct observation item;

	live_image(live);
	live_write(live, "app/Dockerfile", dockerfile);
	record = live_create(live, IMAGE, ADDRESS, inputs);
	live->env.project = "renamed";
	item = live_observe(live, IMAGE, ADDRESS, inputs, record);
	assert_unchanged(live, item, record);
	live_write(live, "app/file", "another");
	next = update(live, record, inputs);
	assert_string_equal(value_get_text(next->outputs, "name", ""),
		value_get_text(record->outputs, "name", "?"));
	live_destroy(live, next);
	assert_null(inspect(live, value_get_text(record->outputs, "name", "?")));
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

static void docker_hub_may_be_named_or_not(void **state)
{
	struct live *live = *state;
	const char *inputs = arena_printf(&live->arena,
		"{\"build\":{\"context\":\"app\"},\"tags\":[\"docker.io/library/hub-%s\"]}",
		live->short_id);
	struct record *record;
	struct observation item;

	live_image(live);
	live_write(live, "app/Dockerfile", dockerfile);
	record = live_create(live, IMAGE, ADDRESS, inputs);
	assert_non_null(inspect(live, arena_printf(&live->arena, "hub-%s:latest", live->short_id)));
	assert_int_equal(value_get(record->observed, "tags")->len, 1);
	item = live_observe(live, IMAGE, ADDRESS, inputs, record);
	assert_unchanged(live, item, record);
}

static void destroying_takes_old_builds_along_but_no_name_that_moved(void **state)
{
	static const char inputs[] = "{\"build\":{\"context\":\"app\"}}";
	struct live *live = *state;
	struct record *first, *second;
	const char *holder, *name;

	live_image(live);
	live_write(live, "app/Dockerfile", dockerfile);
	first = live_create(live, IMAGE, ADDRESS, inputs);
	holder = value_get_text(live_call(live, "POST", "/containers/create", arena_printf(&live->arena,
		"{\"Image\":\"%s\",\"Cmd\":[\"true\"]}", first->id)), "Id", "");
	live_write(live, "app/file", "two");
	second = update(live, first, inputs);
	live_call(live, "DELETE", docker_path(&live->docker, "/containers/%s", holder), NULL);
	/* Somebody gives our name to another image. */
	name = value_get_text(second->outputs, "name", "");
	live_call(live, "POST", docker_path(&live->docker, "/images/" LIVE_IMAGE "/tag?repo=%.*s&tag=latest",
		(int)(strrchr(name, ':') - name), name), NULL);
	live_destroy(live, second);
	assert_null(inspect(live, first->id));
	assert_null(inspect(live, second->id));
	assert_non_null(inspect(live, name));
	live_call(live, "DELETE", docker_path(&live->docker, "/images/%s", name), NULL);
}

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
	struct registry registry = {.live = live, .port = 20000 + getpid() % 20000};
	const char *config = arena_strdup(&live->arena, live_path(live, "registry.yml"));

	while (answers(registry.port))
		registry.port++;
	live_write(live, "registry.yml", arena_printf(&live->arena,
		"version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
		"storage: {filesystem: {rootdirectory: %s/registry}}\n"
		"http: {addr: \"127.0.0.1:%d\"}\n%s", live->root, registry.port, more));
	registry.pid = fork();
	if (!registry.pid) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 1);
		dup2(null, 2);
		execlp("docker-registry", "docker-registry", "serve", config, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 100 && !answers(registry.port); i++) {
		if (waitpid(registry.pid, NULL, WNOHANG) == registry.pid)
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
		live_test(an_image_is_built_marked_and_seen_unchanged),
		live_test(only_what_the_build_sees_makes_it_another),
		live_test(a_changed_context_is_built_again_and_the_old_image_cleared),
		live_test(dockerignore_symlinks_and_modes_arrive),
		live_test(a_failing_step_shows_its_last_lines_and_leaves_no_container),
		live_test(mistakes_in_a_dockerfile_are_said),
		live_test(stages_arguments_and_a_dockerfile_elsewhere_work),
		live_test(what_needs_buildkit_gets_it),
		live_test(a_secret_argument_is_refused),
		live_test(a_name_that_another_image_has_is_not_taken_silently),
		live_test(a_build_whose_record_was_lost_is_found_again),
		live_test(names_follow_the_manifest),
		live_test(a_default_name_stays_when_the_project_is_renamed),
		live_test(without_the_cache_every_step_runs_again),
		live_test(docker_hub_may_be_named_or_not),
		live_test(destroying_takes_old_builds_along_but_no_name_that_moved),
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
