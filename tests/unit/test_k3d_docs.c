/*
 * The table of keys in docs/k3d.md, row by row: a plan does with a change of each key what its row says, and
 * there is a row for every key. Nothing of the table is repeated here.
 */
#include "container_room.h"

#include "base/fs.h"
#include "engine/plan/inputs.h"

static const struct type *cluster(void) { return type_find("k3d_cluster"); }

static const char *table(void)
{
	const char *tests = strstr(__FILE__, "tests/unit/"), *text, *from, *to;
	struct error err = ERROR_INIT;
	size_t len;

	assert_non_null(tests);
	if (fs_read(arena_printf(&arena, "%.*sdocs/k3d.md", (int)(tests - __FILE__), __FILE__), &arena, &text,
			&len, &err) < 0)
		fail_msg("%s", err.msg);
	from = strstr(text, "\n## Keys");
	assert_non_null(from);
	to = strstr(from, "\n**What a replace loses**");
	assert_non_null(to);
	return arena_strndup(&arena, from, (size_t)(to - from));
}

/* One key of a row, and what the row says that its change does. */
struct row {
	const char *key;
	bool replaces;
};

static size_t rows(struct row *out, size_t room)
{
	size_t n = 0;

	for (const char *at = strstr(table(), "\n| `"); at; at = strstr(at + 1, "\n| `")) {
		const char *keys = at + 3, *end = strchr(keys, '|');
		const char *change = strchr(end + 1, '|');

		assert_non_null(change);
		for (const char *key = strchr(keys, '`'); key && key < end; key = strchr(strchr(key + 1, '`') + 1, '`')) {
			assert_true(n < room);
			out[n++] = (struct row){arena_strndup(&arena, key + 1, strcspn(key + 1, "`:")),
				!strncmp(change, "| replaces", 10)};
		}
		if (strncmp(change, "| replaces", 10) != 0 && strncmp(change, "| in place", 10) != 0)
			fail_msg("the row of %s does not begin with what a change does", out[n - 1].key);
	}
	return n;
}

/* Does a plan replace the cluster when one key goes from this to that (NULL: it is not there)? */
static bool is_replaced(const char *key, const char *before, const char *after)
{
	struct attribute_list list = {.arena = &arena, .type = cluster()};
	struct value was = parse(before ? arena_printf(&arena, "{\"%s\":%s}", key, before) : "{}");
	struct value is = parse(after ? arena_printf(&arena, "{\"%s\":%s}", key, after) : "{}");
	bool replaced = false;

	inputs_compare(&list, &was, &is);
	if (!list.n)
		fail_msg("no change of %s", key);
	for (size_t i = 0; i < list.n; i++)
		replaced = replaced || list.items[i].forces_replace;
	return replaced;
}

static void a_plan_does_what_the_row_of_a_key_says(void **state)
{
	struct row all[64];
	size_t n = rows(all, ARRAY_SIZE(all)), replacing = 0;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		if (!type_attribute(cluster(), all[i].key))
			fail_msg("docs/k3d.md has a row for %s, which is no key", all[i].key);
		if (is_replaced(all[i].key, "\"a\"", "\"b\"") != all[i].replaces ||
			is_replaced(all[i].key, NULL, "\"b\"") != all[i].replaces ||
			is_replaced(all[i].key, "\"a\"", NULL) != all[i].replaces)
			fail_msg("docs/k3d.md is wrong about what a change of %s does", all[i].key);
		replacing += all[i].replaces;
	}
	assert_true(replacing > 0 && replacing < n);
}

static void each_key_has_one_row(void **state)
{
	const struct schema *schema = cluster()->schema;
	struct row all[64];
	size_t n = rows(all, ARRAY_SIZE(all));

	(void)state;
	for (size_t i = 0; i < schema->n_properties; i++) {
		size_t found = 0;

		for (size_t k = 0; k < n; k++)
			found += !strcmp(all[k].key, schema->properties[i].name);
		if (found != 1)
			fail_msg("docs/k3d.md has %zu rows for %s", found, schema->properties[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plan_does_what_the_row_of_a_key_says),
		cmocka_unit_test(each_key_has_one_row),
	};

	return cmocka_run_group_tests(tests, NULL, room_release);
}
