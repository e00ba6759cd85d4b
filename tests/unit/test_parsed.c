/* A loop that loads its manifest again and again: what is parsed anew, and that it is never the old one. */
#include "base/fs.h"
#include "manifest/manifest.h"
#include "model/parsed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEADER "apiVersion: devenv/v1\nkind: Environment\nmetadata: {name: t}\n"
#define MAIN HEADER "include: [a.yml, b.yml]\nspec:\n  variables: {v: {}}\n  resources:\n" \
	"    - {type: local_value, name: main, input: \"${var.v}\"}\n"

static const struct variable_input variable_file[] = {{.file = "vars.yml"}, {0}};

/* A manifest of three files and a file of variables, all of them played. */
struct loop {
	const char *main, *a, *b, *vars, *lock; /* lock: NULL, there is none */
	struct parsed parsed;
	struct arena arena; /* of one load, as in a reconcile */
	struct diags diags;
	struct manifest manifest;
};

static int play(void *arg, const char *path, struct arena *arena, const char **text, size_t *len,
	struct error *err)
{
	const struct loop *loop = arg;
	const char *found = strcmp(path, "/p/devenv.yml") == 0 ? loop->main
		: strcmp(path, "/p/a.yml") == 0 ? loop->a
		: strcmp(path, "/p/b.yml") == 0 ? loop->b
		: strcmp(path, "/p/vars.yml") == 0 ? loop->vars
		: strcmp(path, "/p/" PINS_PATH) == 0 ? loop->lock : NULL;

	if (!found)
		return error_set(err, ERROR_NOT_FOUND, "no such file");
	*text = arena_strdup(arena, found); /* which is gone with the load */
	*len = strlen(*text);
	return 0;
}

static int setup(void **state)
{
	struct loop *loop = xcalloc(1, sizeof(*loop));

	loop->main = MAIN;
	loop->a = "spec: {resources: [{type: local_value, name: a, input: one}]}\n";
	loop->b = "spec: {resources: [{type: local_value, name: b, input: one}]}\n";
	loop->vars = "v: first\n";
	*state = loop;
	return 0;
}

static int teardown(void **state)
{
	struct loop *loop = *state;

	arena_release(&loop->arena);
	parsed_release(&loop->parsed);
	free(loop);
	return 0;
}

/* How many files it parsed. */
static size_t load(struct loop *loop, int expected)
{
	struct manifest_input input = {.directory = "/p", .read = play, .read_arg = loop,
		.variables = variable_file, .parsed = &loop->parsed};
	size_t before = loop->parsed.n_parsed;
	struct error err = ERROR_INIT;

	arena_release(&loop->arena);
	diags_init(&loop->diags, &loop->arena);
	if (manifest_load(&input, &loop->arena, &loop->manifest, &loop->diags, &err) != expected)
		fail_msg("%s: %s", err.msg, loop->diags.n ? loop->diags.items[0].message : "");
	return loop->parsed.n_parsed - before;
}

static const char *input_of(struct loop *loop, const char *name)
{
	for (size_t i = 0; i < loop->manifest.n_resources; i++) {
		const struct resource *resource = &loop->manifest.resources[i];

		if (strcmp(resource->name, name) == 0)
			return value_get_text(resource->attributes, "input", "");
	}
	return "(none)";
}

static const char *place_of(struct loop *loop, const char *path)
{
	return pos_str(&loop->manifest.sources, value_pos(value_path(loop->manifest.merged, path)),
		&loop->arena);
}

static void test_only_what_changed_is_parsed_again(void **state)
{
	struct loop *loop = *state;

	assert_int_equal(load(loop, 0), 4);
	assert_int_equal(load(loop, 0), 0);
	assert_string_equal(input_of(loop, "a"), "one");
	loop->a = "spec: {resources: [{type: local_value, name: a, input: two}]}\n";
	assert_int_equal(load(loop, 0), 1);
	assert_string_equal(input_of(loop, "a"), "two");
	assert_string_equal(input_of(loop, "b"), "one");
	loop->vars = "v: again\n";
	assert_int_equal(load(loop, 0), 1);
	assert_string_equal(input_of(loop, "main"), "again");
	assert_int_equal(load(loop, 0), 0);
	assert_string_equal(input_of(loop, "main"), "again");
}

static void test_the_lock_file_is_one_of_them(void **state)
{
	struct loop *loop = *state;

	loop->lock = "apiVersion: devenv/v1\nkind: Lock\nlocked: [{git: x, resolved: one}]\n";
	assert_int_equal(load(loop, 0), 5);
	assert_int_equal(load(loop, 0), 0);
	assert_string_equal(loop->manifest.locked.items[0].resolved, "one");
	loop->lock = "apiVersion: devenv/v1\nkind: Lock\nlocked: [{git: x, resolved: two}]\n";
	assert_int_equal(load(loop, 0), 1);
	assert_string_equal(loop->manifest.locked.items[0].resolved, "two");
}

static void test_mistakes_are_told_each_time(void **state)
{
	struct loop *loop = *state;

	load(loop, 0);
	loop->b = "spec: [\n";
	assert_int_equal(load(loop, -1), 1);
	assert_true(loop->diags.errors > 0);
	assert_int_equal(load(loop, -1), 1);
	assert_true(loop->diags.errors > 0);
	loop->b = "spec: {resources: [{type: local_value, name: b, input: right}]}\n";
	assert_int_equal(load(loop, 0), 1);
	assert_string_equal(input_of(loop, "b"), "right");
}

/* A file in front of them gives all another number: their places must be those of the right file. */
static void test_places_stay_right_when_files_come_and_go(void **state)
{
	struct loop *loop = *state;

	load(loop, 0);
	assert_string_equal(place_of(loop, "spec.resources[1].input"), "b.yml:1:56");
	loop->main = HEADER "include: [b.yml]\nspec: {variables: {v: {}}}\n";
	assert_true(load(loop, 0) > 0);
	assert_string_equal(place_of(loop, "spec.resources[0].input"), "b.yml:1:56");
	loop->main = MAIN;
	assert_true(load(loop, 0) > 0);
	assert_string_equal(place_of(loop, "spec.resources[0].input"), "a.yml:1:56");
	assert_string_equal(place_of(loop, "spec.resources[1].input"), "b.yml:1:56");
}

static void test_nothing_piles_up(void **state)
{
	struct loop *loop = *state;

	for (int i = 0; i < 200; i++) {
		char text[100], save[20];

		snprintf(save, sizeof(save), "save-%d", i);
		snprintf(text, sizeof(text),
			"spec: {resources: [{type: local_value, name: a, input: %s}]}\n", save);
		loop->a = text;
		assert_int_equal(load(loop, 0), i ? 1 : 4);
		assert_string_equal(input_of(loop, "a"), save);
		assert_true(loop->parsed.n <= 5); /* the four, and the one that is forgotten next time */
	}
	loop->main = HEADER "spec: {variables: {v: {}}}\n"; /* includes nothing any more */
	for (int i = 0; i < 10; i++)
		load(loop, 0);
	assert_int_equal(loop->parsed.n, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_only_what_changed_is_parsed_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_lock_file_is_one_of_them, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mistakes_are_told_each_time, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_places_stay_right_when_files_come_and_go, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_piles_up, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
