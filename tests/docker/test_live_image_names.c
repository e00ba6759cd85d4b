/* docker_image on a real engine: its names, whose they are, and what a dead run left. */
#include "image_live.h"

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
	live_write(live, "app/Dockerfile", DOCKERFILE);
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
	live_write(live, "app/Dockerfile", DOCKERFILE);
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
	live_write(live, "app/Dockerfile", DOCKERFILE);
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
	live_write(live, "app/Dockerfile", DOCKERFILE);
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

static void docker_hub_may_be_named_or_not(void **state)
{
	struct live *live = *state;
	const char *inputs = arena_printf(&live->arena,
		"{\"build\":{\"context\":\"app\"},\"tags\":[\"docker.io/library/hub-%s\"]}",
		live->short_id);
	struct record *record;
	struct observation item;

	live_image(live);
	live_write(live, "app/Dockerfile", DOCKERFILE);
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
	live_write(live, "app/Dockerfile", DOCKERFILE);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(a_name_that_another_image_has_is_not_taken_silently),
		live_test(a_build_whose_record_was_lost_is_found_again),
		live_test(names_follow_the_manifest),
		live_test(a_default_name_stays_when_the_project_is_renamed),
		live_test(docker_hub_may_be_named_or_not),
		live_test(destroying_takes_old_builds_along_but_no_name_that_moved),
	};
	int missing = live_missing();

	return missing ? missing : cmocka_run_group_tests(tests, NULL, NULL);
}
