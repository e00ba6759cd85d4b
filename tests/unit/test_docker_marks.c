/* Marks, ownership, default names, and which item a listed object is. */
#include "providers/docker/docker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct room {
	struct arena arena;
	struct provider_env env;
	struct docker docker;
};

static int setup(void **state)
{
	struct room *room = calloc(1, sizeof(*room));

	room->env = (struct provider_env){.arena = &room->arena, .environment = "env1",
		.short_id = "a1b2c3", .state_id = "home1", .project = "shop", .intent = "i1",
		.clock = &clock_system};
	room->docker = (struct docker){.env = &room->env, .arena = &room->arena, .api = 41};
	*state = room;
	return 0;
}

static int teardown(void **state)
{
	struct room *room = *state;

	arena_release(&room->arena);
	free(room);
	return 0;
}

static struct value labels_of(struct room *room, const char *environment, const char *home,
	const char *address)
{
	struct value_builder labels;

	builder_init(&labels, &room->arena);
	if (environment)
		builder_put_str(&labels, DOCKER_LABEL_ENVIRONMENT, environment);
	if (home)
		builder_put_str(&labels, DOCKER_LABEL_STATE, home);
	if (address)
		builder_put_str(&labels, DOCKER_LABEL_ADDRESS, address);
	builder_put_str(&labels, DOCKER_LABEL_PROJECT, "theirs");
	return builder_map(&labels);
}

static void a_mark_says_everything_and_own_labels_follow(void **state)
{
	struct room *room = *state;
	struct member own[] = {{.key = "team", .value = value_borrow("blue")},
		{.key = "dev.devenv.state", .value = value_borrow("forged")},
		{.key = "n", .value = value_int(&room->arena, 7)}};
	struct value mine = value_map(own, ARRAY_SIZE(own));
	struct value labels = docker_labels(&room->docker, "docker_network.a", 2, &mine);
	struct docker_mark mark = docker_mark(&labels);
	struct value back;

	assert_string_equal(mark.environment, "env1");
	assert_string_equal(mark.state, "home1");
	assert_string_equal(mark.address, "docker_network.a");
	assert_string_equal(mark.intent, "i1");
	assert_int_equal(mark.generation, 2);
	assert_string_equal(value_get_text(&labels, "dev.devenv.project", ""), "shop");
	assert_string_equal(value_get_text(&labels, "n", ""), "7");
	assert_int_equal(value_get(&labels, "n")->kind, VALUE_STRING);
	back = docker_own_labels(&room->docker, &labels, NULL);
	assert_int_equal(back.len, 2);
	assert_string_equal(value_get_text(&back, "team", ""), "blue");
	back = docker_own_labels(&room->docker, &labels, &value_empty_map);
	assert_int_equal(back.len, 0);
	assert_true(docker_is_intent(&room->docker, &mark));
	room->env.intent = "i2";
	assert_false(docker_is_intent(&room->docker, &mark));
	room->env.intent = NULL;
	assert_false(docker_is_intent(&room->docker, &mark));
}

static void the_owner_is_told_from_the_mark(void **state)
{
	static const struct {
		const char *environment, *home, *address, *wanted;
		enum ownership owner;
		const char *message;
	} cases[] = {
		{"env1", "home1", "docker_network.a", "docker_network.a", OWNER_US, NULL},
		{"env1", "home1", "docker_network.a", NULL, OWNER_US, NULL},
		{"env1", "home1", "docker_network.b", "docker_network.a", OWNER_OTHER,
			"docker_network.b of this environment"},
		{"env1", "home2", "docker_network.a", "docker_network.a", OWNER_OTHER,
			"docker_network.a of this environment as another home (state home2) knows it"},
		{"env1", NULL, "docker_network.a", "docker_network.a", OWNER_OTHER,
			"docker_network.a of this environment as another home (state unknown) knows it"},
		{"env2", "home1", "docker_network.a", "docker_network.a", OWNER_OTHER,
			"docker_network.a of environment env2 (project theirs)"},
		{"", "home1", "docker_network.a", "docker_network.a", OWNER_OTHER,
			"docker_network.a of environment  (project theirs)"},
		{NULL, "home1", "docker_network.a", "docker_network.a", OWNER_NONE, NULL},
		{NULL, NULL, NULL, "docker_network.a", OWNER_NONE, NULL},
	};
	struct room *room = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct value labels = labels_of(room, cases[i].environment, cases[i].home,
			cases[i].address);
		const char *message = NULL;

		assert_int_equal(docker_owner(&room->docker, &labels, cases[i].wanted, &message),
			cases[i].owner);
		if (cases[i].message)
			assert_string_equal(message, cases[i].message);
		else
			assert_null(message);
	}
	assert_int_equal(docker_owner(&room->docker, NULL, NULL, &(const char *){NULL}), OWNER_NONE);
	/* Before the first apply there is no id: then even an empty mark is not ours. */
	room->env.environment = "";
	{
		struct value labels = labels_of(room, "", "home1", "docker_network.a");

		assert_int_equal(docker_owner(&room->docker, &labels, NULL, &(const char *){NULL}),
			OWNER_OTHER);
	}
}

static void only_ours_or_what_is_recorded_by_id_is_touched(void **state)
{
	struct room *room = *state;
	struct value ours = labels_of(room, "env1", "home1", "docker_network.a");
	struct value theirs = labels_of(room, "env2", "home1", "docker_network.a");
	struct record record = {.id = "id1"};
	struct error err = ERROR_INIT;

	assert_int_equal(docker_guard(&room->docker, &ours, "id1", NULL, "x", &err), 0);
	assert_int_equal(docker_guard(&room->docker, &ours, "other", &record, "x", &err), 0);
	assert_int_equal(docker_guard(&room->docker, NULL, "id1", &record, "x", &err), 0);
	assert_int_equal(docker_guard(&room->docker, NULL, "id2", &record, "network 'x'", &err), -1);
	assert_int_equal(err.code, ERROR_CONFLICT);
	assert_non_null(strstr(err.msg, "network 'x' has no mark"));
	assert_int_equal(docker_guard(&room->docker, NULL, "id1", NULL, "x", &err), -1);
	/* Recorded by id, but somebody else's all the same. */
	assert_int_equal(docker_guard(&room->docker, &theirs, "id1", &record, "x", &err), -1);
	assert_non_null(strstr(err.msg, "belongs to docker_network.a of environment env2"));
}

static void default_names_are_deterministic_and_differ(void **state)
{
	static const struct {
		const char *project, *address;
		int generation;
		const char *name; /* '#': one hexadecimal digit */
	} cases[] = {
		{"shop", "docker_network.web", 1, "shop-web-a1b2c3"},
		{"shop", "docker_network.web", 2, "shop-web-a1b2c3-2"},
		{"shop", "docker_container.my_api-2", 1, "shop-my_api-2-a1b2c3"},
		{"shop", "docker_container.web[\"1\"]", 1, "shop-web.1-a1b2c3"},
		{"shop", "docker_container.web[\"eu-west\"]", 1, "shop-web.eu-west-a1b2c3"},
		{"Shop", "docker_network.web", 1, "shop-web-a1b2c3"}, /* the id tells projects apart */
		{"My Shop!", "docker_network.web", 1, "my-shop-web-a1b2c3"},
		{"", "docker_network.web", 1, "web-a1b2c3"},
		{"shop", "docker_network.Web", 1, "shop-web-######-a1b2c3"},
		{"shop", "docker_network.web--x", 1, "shop-web-x-######-a1b2c3"},
		{"shop", "docker_container.web[\"a/b\"]", 1, "shop-web.a-b-######-a1b2c3"},
		{"shop", "docker_container.web[\"\xc3\xa4\"]", 1, "shop-web-######-a1b2c3"},
		{"shop", "docker_network.-web-", 1, "shop-web-######-a1b2c3"},
	};
	struct room *room = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *name, *wanted = cases[i].name;

		room->env.project = cases[i].project;
		name = docker_default_name(&room->docker, cases[i].address, cases[i].generation);
		for (size_t k = 0; wanted[k] || name[k]; k++)
			if (wanted[k] == '#' ? !strchr("0123456789abcdef", name[k] ? name[k] : 'x')
					     : wanted[k] != name[k])
				fail_msg("%s: %s, not %s", cases[i].address, name, wanted);
		assert_string_equal(name, docker_default_name(&room->docker, cases[i].address,
			cases[i].generation));
	}
	room->env.project = "shop";
	/* What loses letters keeps its difference. */
	assert_string_not_equal(docker_default_name(&room->docker, "docker_network.Web", 1),
		docker_default_name(&room->docker, "docker_network.wEb", 1));
	assert_string_not_equal(docker_default_name(&room->docker, "docker_container.w[\"1\"]", 1),
		docker_default_name(&room->docker, "docker_container.w-1", 1));
	{
		char address[400] = "docker_network.";

		memset(address + 15, 'x', 300);
		assert_true(strlen(docker_default_name(&room->docker, address, 1)) <= 128);
	}
}

static void an_object_is_matched_by_id_then_intent_then_address(void **state)
{
	struct room *room = *state;
	struct record recorded = {.address = "docker_network.a", .id = "id1", .generation = 1};
	struct record deposed = {.address = "docker_network.a", .id = "id0", .generation = 2};
	struct intent intent = {.id = "i7"};
	struct observation items[] = {
		{.address = "docker_network.a", .record = &recorded},
		{.address = "docker_network.a", .record = &deposed},
		{.address = "docker_network.b", .intent = &intent},
		{.address = "docker_network.c"},
	};
	struct observation *pointers[] = {&items[0], &items[1], &items[2], &items[3]};
	struct docker_observe observe = {.items = pointers, .n = 4};
	struct docker_mark mark = {.environment = "env1", .state = "home1",
		.address = "docker_network.a", .intent = "i1", .generation = 1};
	struct docker_mark none = {0};

	assert_ptr_equal(docker_match(&room->docker, &observe, "id1", &mark), &items[0]);
	assert_ptr_equal(docker_match(&room->docker, &observe, "id0", &mark), &items[1]);
	assert_ptr_equal(docker_match(&room->docker, &observe, "id1", &none), &items[0]);
	assert_null(docker_match(&room->docker, &observe, "id9", &mark)); /* recorded under another id */
	mark.intent = "i7";
	assert_ptr_equal(docker_match(&room->docker, &observe, "id9", &mark), &items[2]);
	mark.intent = NULL;
	mark.address = "docker_network.c";
	assert_ptr_equal(docker_match(&room->docker, &observe, "id9", &mark), &items[3]);
	mark.state = "home2";
	assert_null(docker_match(&room->docker, &observe, "id9", &mark));
	assert_null(docker_match(&room->docker, &observe, "id9", &none));
}

static void texts_keep_what_is_wanted_and_what_is_secret(void **state)
{
	struct room *room = *state;
	struct member have[] = {{.key = "a", .value = value_int(&room->arena, 1)},
		{.key = "b", .value = value_bool(true)}, {.key = "c", .value = value_borrow("x")}};
	struct member want[] = {{.key = "a", .value = value_sensitive(value_borrow("1"))},
		{.key = "c", .value = value_borrow("y")}, {.key = "d", .value = value_borrow("z")}};
	struct value map = value_map(have, 3), like = value_map(want, 3), texts;

	texts = docker_texts(&room->docker, &map, NULL);
	assert_int_equal(texts.len, 3);
	assert_string_equal(value_get_text(&texts, "a", ""), "1");
	assert_int_equal(value_get(&texts, "b")->kind, VALUE_STRING);
	assert_string_equal(value_get_text(&texts, "b", ""), "true");
	texts = docker_texts(&room->docker, &map, &like);
	assert_int_equal(texts.len, 2);
	assert_true(value_get(&texts, "a")->flags & VALUE_SENSITIVE);
	assert_false(value_get(&texts, "c")->flags & VALUE_SENSITIVE);
	assert_string_equal(value_get_text(&texts, "c", ""), "x");
	assert_int_equal(docker_texts(&room->docker, NULL, NULL).len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_mark_says_everything_and_own_labels_follow, setup,
			teardown),
		cmocka_unit_test_setup_teardown(the_owner_is_told_from_the_mark, setup, teardown),
		cmocka_unit_test_setup_teardown(only_ours_or_what_is_recorded_by_id_is_touched, setup,
			teardown),
		cmocka_unit_test_setup_teardown(default_names_are_deterministic_and_differ, setup,
			teardown),
		cmocka_unit_test_setup_teardown(an_object_is_matched_by_id_then_intent_then_address, setup,
			teardown),
		cmocka_unit_test_setup_teardown(texts_keep_what_is_wanted_and_what_is_secret, setup,
			teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
