/* The lock file: equal entries are equal bytes, whatever the order they came in. */
#include "model/pins.h"
#include "model/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka.h wants those before it */
#include <cmocka.h>

#define HEAD "apiVersion: devenv/v1\nkind: Lock\n"

struct room {
	struct arena arena;
	struct sources sources;
	struct diags diags;
};

static int enter(void **state)
{
	struct room *room = xcalloc(1, sizeof(*room));

	diags_init(&room->diags, &room->arena);
	*state = room;
	return 0;
}

static int leave(void **state)
{
	struct room *room = *state;

	arena_release(&room->arena);
	free(room);
	return 0;
}

static int read_text(struct room *room, const char *text, struct pins *out)
{
	uint16_t source = sources_add(&room->sources, &room->arena, "lock.yml", "lock", text, strlen(text));
	struct value file;

	room->diags.n = room->diags.errors = 0;
	assert_int_equal(yaml_parse(&room->sources, source, &room->arena, &file, &room->diags), 0);
	return pins_read(&file, &room->arena, out, &room->diags);
}

static const char *written(struct room *room, const struct pins *pins)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	pins_write(pins, &text);
	return arena_strdup(&room->arena, text.text);
}

static void test_order_does_not_matter(void **state)
{
	struct pins one, other;

	assert_int_equal(read_text(*state, HEAD "locked:\n"
		"- {version: 1.x, chart: b, resolved: 1.10, digest: 'sha256:1'}\n"
		"- {chart: a, resolved: \"2.0.0\"}\n", &one), 0);
	assert_int_equal(read_text(*state, HEAD "locked:\n"
		"- {chart: a, resolved: 2.0.0}\n"
		"- {resolved: '1.10', digest: 'sha256:1', chart: b, version: 1.x}\n", &other), 0);
	assert_string_equal(written(*state, &one), written(*state, &other));
	assert_non_null(strstr(written(*state, &one), "locked:\n"
		"  - chart: \"a\"\n"
		"    resolved: \"2.0.0\"\n"
		"  - chart: \"b\"\n"
		"    version: \"1.x\"\n"
		"    resolved: \"1.10\"\n"
		"    digest: \"sha256:1\"\n"));
}

static void test_what_is_written_is_read_back(void **state)
{
	struct pins pins, again;

	assert_int_equal(read_text(*state, HEAD "locked: [{chart: \"q\\\"\\u00e9: #\", resolved: 1}]\n", &pins), 0);
	assert_int_equal(read_text(*state, written(*state, &pins), &again), 0);
	assert_int_equal(again.n, 1);
	assert_string_equal(again.items[0].key, "chart=q\"\xc3\xa9: #");
	assert_string_equal(written(*state, &pins), written(*state, &again));
	assert_int_equal(read_text(*state, HEAD "locked: []\n", &pins), 0);
	assert_int_equal(pins.n, 0);
	assert_int_equal(read_text(*state, written(*state, &pins), &again), 0);
}

static void test_an_entry_is_found_and_replaced(void **state)
{
	struct room *room = *state;
	struct pins pins;
	struct pin *found, fresh;

	assert_int_equal(read_text(room, HEAD "locked: [{chart: a, resolved: 1}, {chart: c, resolved: 3}]\n",
		&pins), 0);
	assert_null(pins_find(&pins, "chart=b"));
	found = pins_find(&pins, "chart=c");
	assert_string_equal(found->resolved, "3");
	fresh = *found;
	fresh.resolved = "4";
	pins_put(&pins, &room->arena, &fresh);
	assert_int_equal(pins.n, 2);
	assert_string_equal(pins_find(&pins, "chart=c")->resolved, "4");
	fresh.key = "chart=b";
	pins_put(&pins, &room->arena, &fresh);
	assert_int_equal(pins.n, 3);
	assert_string_equal(pins.items[1].key, "chart=b");
}

static void test_mistakes_are_told(void **state)
{
	static const char *const texts[][2] = {
		{HEAD "locked: [{chart: a}]\n", "does not say what was resolved"},
		{HEAD "locked: [1]\n", "does not say what was resolved"},
		{HEAD "locked: [{chart: a, resolved: 1}, {chart: a, resolved: 2}]\n",
			"chart a stands twice in the lock file"},
		{"apiVersion: devenv/v2\nkind: Lock\n", "no lock file of this version"},
		{"[]\n", "no lock file"},
		{"", "no lock file"}};
	struct room *room = *state;
	struct pins pins;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(read_text(room, texts[i][0], &pins), -1);
		assert_int_equal(room->diags.errors, 1);
		assert_non_null(strstr(room->diags.items[0].message, texts[i][1]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order_does_not_matter, enter, leave),
		cmocka_unit_test_setup_teardown(test_what_is_written_is_read_back, enter, leave),
		cmocka_unit_test_setup_teardown(test_an_entry_is_found_and_replaced, enter, leave),
		cmocka_unit_test_setup_teardown(test_mistakes_are_told, enter, leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
