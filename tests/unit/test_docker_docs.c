/* The table of keys in docs/docker.md and the one of the program are the same. */
#include "container_room.h"

#include "base/fs.h"

#include <stdlib.h>

static const char *docs(void)
{
	struct error err = ERROR_INIT;
	const char *tests = strstr(__FILE__, "tests/unit/"), *text, *path;
	size_t len;

	assert_non_null(tests);
	path = arena_printf(&arena, "%.*sdocs/docker.md", (int)(tests - __FILE__), __FILE__);

	if (fs_read(path, &arena, &text, &len, &err) < 0)
		fail_msg("%s", err.msg);
	return text;
}

/* The row of a key: "| `memory` | `mem_limit` | in place | ..."; NULL: none. */
static const char *row_of(const char *name)
{
	const char *row = strstr(docs(), arena_printf(&arena, "\n| `%s` | ", name));

	return row ? row + 1 : NULL;
}

static void each_key_has_a_row_that_says_the_same(void **state)
{
	const struct container_key *key;

	(void)state;
	for (size_t i = 0; (key = container_key_at(i)); i++) {
		const char *row = row_of(key->name), *change;
		bool replaces = key->way == CONTAINER_REPLACE;

		if (!row)
			fail_msg("docs/docker.md has no row for %s", key->name);
		row = arena_strndup(&arena, row, strcspn(row, "\n"));
		change = strstr(row, replaces ? "| replace |" : "| in place |");
		if (!change)
			fail_msg("docs/docker.md is wrong about what a change of %s does", key->name);
	}
}

static void each_row_is_a_key(void **state)
{
	const char *at = strstr(docs(), "### Keys"), *end;
	size_t rows = 0, keys = 0;

	(void)state;
	assert_non_null(at);
	end = strstr(at, "### Outputs");
	assert_non_null(end);
	at = arena_strndup(&arena, at, (size_t)(end - at));
	while ((at = strstr(at, "\n| `"))) {
		const char *name = arena_strndup(&arena, at + 4, strcspn(at + 4, "`"));

		if (!container_key(name))
			fail_msg("docs/docker.md has a row for %s, which is no key", name);
		rows++;
		at++;
	}
	while (container_key_at(keys))
		keys++;
	assert_int_equal(rows, keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_key_has_a_row_that_says_the_same),
		cmocka_unit_test(each_row_is_a_key),
	};

	return cmocka_run_group_tests(tests, NULL, room_release);
}
