/* The ground: arena, buffer, map, durations, nearest names, places, diagnostics. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/map.h"
#include "base/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void test_an_arena_takes_over_another(void **state)
{
	struct arena into = ARENA_INIT, from = ARENA_INIT;
	char *mine = arena_strdup(&into, "mine"), *theirs = arena_strdup(&from, "theirs"), *more;
	size_t size;

	(void)state;
	memset(arena_alloc(&from, 1 << 20), 1, 1 << 20);
	size = arena_size(&into) + arena_size(&from);
	arena_join(&into, &from);
	assert_int_equal(arena_size(&from), 0);
	assert_int_equal(arena_size(&into), size);
	more = arena_strdup(&into, "more");
	assert_ptr_equal(more, mine + 8); /* the room that it had is filled first */
	arena_strdup(&from, "ready for use");
	assert_string_equal(mine, "mine");
	assert_string_equal(theirs, "theirs");
	arena_join(&into, &from);
	arena_join(&into, &from); /* an empty one */
	arena_join(&from, &into); /* into an empty one */
	assert_string_equal(theirs, "theirs");
	assert_int_equal(arena_size(&into), 0);
	arena_release(&from);
}

static void test_arena(void **state)
{
	struct arena arena = ARENA_INIT;
	char *small = arena_strdup(&arena, "small");
	char *large = arena_alloc(&arena, 5 << 20);

	(void)state;
	memset(large, 'x', 5 << 20);
	assert_string_equal(small, "small");
	assert_int_equal((uintptr_t)arena_alloc(&arena, 1) % 8, 0);
	assert_int_equal((uintptr_t)arena_alloc(&arena, 1) % 8, 0);
	assert_string_equal(arena_printf(&arena, "%d-%s", 7, "y"), "7-y");
	arena_release(&arena);
	assert_int_equal(arena_size(&arena), 0);
}

static void test_strbuf(void **state)
{
	struct strbuf buf = STRBUF_INIT;
	char *text;

	(void)state;
	assert_string_equal(buf.text, "");
	for (int i = 0; i < 1000; i++)
		strbuf_addf(&buf, "%d,", i);
	assert_int_equal(strlen(buf.text), buf.len);
	text = strbuf_detach(&buf);
	assert_memory_equal(text, "0,1,2,", 6);
	assert_string_equal(buf.text, "");
	free(text);
}

static void test_map_of_many(void **state)
{
	enum { N = 20000 };
	static char keys[N][12];
	struct map map = MAP_INIT;

	(void)state;
	assert_int_equal(map_get(&map, "nothing"), MAP_NONE);
	for (uint32_t i = 0; i < N; i++) {
		snprintf(keys[i], sizeof(keys[i]), "key%u", i);
		assert_true(map_add(&map, keys[i], i));
	}
	assert_false(map_add(&map, "key7", 1));
	for (uint32_t i = 0; i < N; i++)
		assert_int_equal(map_get(&map, keys[i]), i);
	assert_int_equal(map_getn(&map, "key77777", 4), 7);
	map_set(&map, "key7", 9);
	assert_int_equal(map_get(&map, "key7"), 9);
	map_release(&map);
}

static void test_durations(void **state)
{
	char text[32];

	(void)state;
	assert_int_equal(duration_parse("1500ms"), 1500);
	assert_int_equal(duration_parse("90s"), 90000);
	assert_int_equal(duration_parse("1h30m"), 5400000);
	assert_int_equal(duration_parse("2.5"), 2500);
	assert_int_equal(duration_parse(""), DURATION_INVALID);
	assert_int_equal(duration_parse("5x"), DURATION_INVALID);
	assert_int_equal(duration_parse("-5s"), DURATION_INVALID);
	assert_int_equal(duration_parse("s"), DURATION_INVALID);
	assert_int_equal(moment_parse("1970-01-02T00:00:01.25Z", 0), 86401250);
	assert_int_equal(moment_parse("1970-01-02T01:30+01:30", 0), 86400000);
	assert_int_equal(moment_parse("1970-01-01 22:30:00-0130", 0), 86400000);
	assert_int_equal(moment_parse("10m", 700000), 100000);
	assert_int_equal(moment_parse("2h", 5), 0);
	assert_int_equal(moment_parse("2026-06-31T00:00:00Z", 0), MOMENT_INVALID);
	assert_int_equal(moment_parse("2026-06-30T00:00:00Zulu", 0), MOMENT_INVALID);
	assert_int_equal(moment_parse("2026-06-30T00:00:00+1", 0), MOMENT_INVALID);
	assert_int_equal(moment_parse("2026-06", 0), MOMENT_INVALID);
	assert_int_equal(moment_parse("", 0), MOMENT_INVALID);
	setenv("TZ", "XXX-02:00", 1);
	tzset();
	assert_int_equal(moment_parse("1970-01-02T02:00:01", 0), 86401000);
	assert_int_equal(moment_parse("1970-01-03", 0), 2 * 86400000 - 7200000);
	unsetenv("TZ");
	tzset();
	assert_string_equal(duration_str(850, text), "0.8s");
	assert_string_equal(duration_str(75000, text), "1m15s");
	assert_string_equal(duration_str(5400000, text), "1h30m");
	assert_string_equal(clock_rfc3339(1700000000000, text), "2023-11-14T22:13:20Z");
}

static const char *nearest_of(const char *word, const char *const *candidates)
{
	struct nearest nearest = {.word = word};

	for (; *candidates; candidates++)
		nearest_try(&nearest, *candidates);
	return nearest.best;
}

static void test_nearest(void **state)
{
	static const char *const words[] = {"path", "content", "source", "mode", NULL};
	static const char *const addresses[] = {"local_file.motd", "local_value.a", NULL};

	(void)state;
	assert_string_equal(nearest_of("pth", words), "path");
	assert_string_equal(nearest_of("contnet", words), "content");
	assert_string_equal(nearest_of("moed", words), "mode");
	assert_null(nearest_of("environment", words));
	assert_null(nearest_of("x", words));
	assert_string_equal(nearest_of("local_file.mtod", addresses), "local_file.motd");
	assert_string_equal(nearest_of("local_flie.motd", addresses), "local_file.motd");
	assert_null(nearest_of("local_file.zz", addresses)); /* the same type alone is no likeness */
}

static void test_places(void **state)
{
	struct arena arena = ARENA_INIT;
	struct sources sources = {0};
	const char *text = "one\ntwo\r\nthree";
	uint16_t id = sources_add(&sources, &arena, "a.yml", "project", text, strlen(text));
	const struct source *source = sources_get(&sources, id);
	size_t len = 0;

	(void)state;
	assert_memory_equal(source_line(source, 2, &len), "two", 3);
	assert_int_equal(len, 3);
	assert_memory_equal(source_line(source, 3, &len), "three", 5);
	assert_null(source_line(source, 4, &len));
	assert_string_equal(pos_str(&sources, (struct pos){2, 1, id}, &arena), "a.yml:2:1");
	assert_string_equal(pos_str(&sources, (struct pos){2, 0, id}, &arena), "a.yml:2");
	assert_string_equal(pos_str(&sources, POS_NONE, &arena), "built-in");
	arena_release(&arena);
}

static void test_diagnostics_are_sorted_once(void **state)
{
	struct arena arena = ARENA_INIT;
	struct diags diags;

	(void)state;
	diags_init(&diags, &arena);
	diag_error(&diags, (struct pos){9, 1, 1}, "later");
	diag_error(&diags, (struct pos){2, 1, 1}, "first");
	diag_warning(&diags, (struct pos){2, 5, 1}, "second");
	diag_error(&diags, (struct pos){2, 1, 1}, "first");
	assert_int_equal(diags.errors, 3);
	diags_sort(&diags);
	assert_int_equal(diags.n, 3);
	assert_int_equal(diags.errors, 2);
	assert_string_equal(diags.items[0].message, "first");
	assert_string_equal(diags.items[1].message, "second");
	assert_string_equal(diags.items[2].message, "later");
	arena_release(&arena);
}

static void test_errors(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	errno = ENOENT;
	assert_int_equal(error_errno(&err, "open %s", "x"), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_string_equal(err.msg, "open x: No such file or directory");
	error_wrap(&err, "apply %s", "y");
	assert_string_equal(err.msg, "apply y: open x: No such file or directory");
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_int_equal(error_set(NULL, ERROR_FAILED, "nobody listens"), -1);
}

/* Whole characters, and a mark that there was more: the redactor looks there for half a secret. */
static void test_an_error_that_is_cut_says_so(void **state)
{
	struct error err = ERROR_INIT;
	struct strbuf text = STRBUF_INIT;

	(void)state;
	for (int i = 0; i < 1000; i++)
		strbuf_addstr(&text, "ä");
	for (int before = 0; before < 3; before++) {
		size_t len;

		error_set(&err, ERROR_FAILED, "%.*s%s", before, "--", text.text);
		len = strlen(err.msg);
		assert_in_range(len, sizeof(err.msg) - 3, sizeof(err.msg) - 1);
		assert_string_equal(err.msg + len - 5, "ä…");
		error_wrap(&err, "x");
		assert_string_equal(err.msg + strlen(err.msg) - 5, "ä…");
	}
	error_set(&err, ERROR_FAILED, "%.*s", (int)sizeof(err.msg) - 2, text.text);
	assert_null(strstr(err.msg, "…"));
	strbuf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arena),
		cmocka_unit_test(test_an_arena_takes_over_another),
		cmocka_unit_test(test_strbuf),
		cmocka_unit_test(test_map_of_many),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_diagnostics_are_sorted_once),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_an_error_that_is_cut_says_so),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
