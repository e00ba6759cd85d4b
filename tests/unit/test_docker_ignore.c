/* .dockerignore: each case is a list of patterns, a path, and whether it is left out. */
#include "providers/docker/ignore.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static bool excludes(const char *patterns, const char *path)
{
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct ignore ignore;
	uint8_t *above = NULL, *here = NULL;
	char part[256];
	bool excluded = false;

	if (ignore_parse(&ignore, &arena, patterns, strlen(patterns), &err))
		fail_msg("%s", err.msg);
	for (size_t len = strcspn(path, "/");; len += 1 + strcspn(path + len + 1, "/")) {
		snprintf(part, sizeof(part), "%.*s", (int)len, path);
		here = arena_alloc(&arena, ignore.n + 1);
		excluded = ignore_excludes(&ignore, part, above, here);
		above = here;
		if (!path[len])
			break;
	}
	arena_release(&arena);
	return excluded;
}

static void patterns_decide_as_the_engine_does(void **state)
{
	static const struct {
		const char *patterns, *path;
		bool excluded;
	} cases[] = {
		/* Plain names are those at the top, and all below them. */
		{"a", "a", true},
		{"a", "b/a", false},
		{"a", "a/b/c", true},
		{"a/b", "a/b", true},
		{"a/b", "a", false},
		{"a", "ab", false},
		{"/a", "a", true},
		{"./a", "a", true},
		{"a/", "a", true},
		{"a/../b", "b", true},
		{"a//b", "a/b", true},
		/* Empty lines, comments, blanks, the mark at the start of the file, both ends of lines. */
		{"", "a", false},
		{"\n\n#a\n", "a", false},
		{"#a", "#a", false},
		{" #a", "#a", true},
		{"  a  \t", "a", true},
		{"\xef\xbb\xbf" "a", "a", true},
		{"a\r\nb\r\n", "a", true},
		{"a\r\nb\r\n", "b", true},
		/* One star and ? stop at a slash. */
		{"*", "a", true},
		{"*", "a/b", true}, /* because a is */
		{"*.md", "README.md", true},
		{"*.md", "docs/README.md", false},
		{"*/*.md", "docs/README.md", true},
		{"*/*.md", "a/docs/README.md", false},
		{"a*c", "abbc", true},
		{"a*c", "ac", true},
		{"a*c", "ab/c", false},
		{"?", "a", true},
		{"?", "ab", false},
		{"a?b", "a/b", false},
		{"a*b*c", "axxbyyc", true},
		{"a*b*c", "axxcyyb", false},
		/* Two do not. */
		{"**", "a/b/c", true},
		{"**/a", "a", true},
		{"**/a", "x/a", true},
		{"**/a", "x/y/a", true},
		{"**/a", "x/ya", false},
		{"**/*.o", "x/y/z.o", true},
		{"a/**", "a/b/c", true},
		{"a/**", "a", false},
		{"a/**/z", "a/z", true},
		{"a/**/z", "a/b/c/z", true},
		{"a/**/z", "a/bz", false},
		{"a**b", "ab", true},
		{"a**b", "ax/b", true},
		{"a**b", "axb", false},
		{"**/b/**/d", "a/b/c/d", true},
		{"**/.*", "x/.hidden", true},
		{"**/.*", "x/shown", false},
		/* Sets and escapes. */
		{"[a-c]x", "bx", true},
		{"[a-c]x", "dx", false},
		{"[^a-c]x", "dx", true},
		{"[^a-c]x", "ax", false},
		{"[]x]", "]", true},
		{"[a\\-z]", "-", true},
		{"[a\\-z]", "m", false},
		{"\\*", "*", true},
		{"\\*", "a", false},
		{"a.b", "axb", false},
		{"a$b+(c)", "a$b+(c)", true},
		/* The last one that matches decides. */
		{"*.md\n!README.md", "README.md", false},
		{"*.md\n!README.md", "OTHER.md", true},
		{"!README.md\n*.md", "README.md", true},
		{"*\n!src", "src", false},
		{"*\n!src", "src/a.c", false},
		{"*\n!src", "docs/a.c", true},
		{"*\n!src\nsrc/tmp", "src/tmp/x", true},
		{"*\n!src\nsrc/tmp", "src/main.c", false},
		{"a\n!a/keep", "a/keep", false},
		{"a\n!a/keep", "a/other", true},
		{"a\n!a/keep", "a/keep/below", false},
		{"**/tmp\n!**/tmp/keep", "x/tmp/keep", false},
		{"**/tmp\n!**/tmp/keep", "x/tmp/drop", true},
		{"a\n! a", "a", false},
		{"a\n!/a", "a", false},
		{"!", "a", false},
		{"*\n!*.go\n!go.mod", "main.go", false},
		{"*\n!*.go\n!go.mod", "Makefile", true},
		/* Long and twisted: must not take long, nor be mistaken. */
		{"*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
		{"**/**/**/**/**/**/**/**/**/**/x", "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/y", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (excludes(cases[i].patterns, cases[i].path) != cases[i].excluded)
			fail_msg("case %zu: %s must%s be left out by:\n%s", i, cases[i].path,
				cases[i].excluded ? "" : " not", cases[i].patterns);
}

static void a_set_that_does_not_end_is_an_error_with_its_line(void **state)
{
	static const char text[] = "a\n\nb[x\n";
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct ignore ignore;

	(void)state;
	assert_int_equal(ignore_parse(&ignore, &arena, text, strlen(text), &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	assert_string_equal(err.msg, "line 3: 'b[x' has a [ without ]");
	arena_release(&arena);
}

static void a_folder_is_skipped_when_nothing_in_it_can_be_taken_back(void **state)
{
	static const struct {
		const char *patterns, *directory;
		bool may;
	} cases[] = {
		{"node_modules", "node_modules", false},
		{"*\n!src", "node_modules", false},
		{"*\n!src/keep", "src", true},
		{"*\n!src/keep", "sr", false},
		{"*\n!**/keep", "anything", true},
		{"*\n!s*/keep", "src", true},
		{"*\n!s*/keep", "docs", false},
		{"*\n!Dockerfile", "node_modules", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct arena arena = ARENA_INIT;
		struct error err = ERROR_INIT;
		struct ignore ignore;

		assert_int_equal(ignore_parse(&ignore, &arena, cases[i].patterns,
			strlen(cases[i].patterns), &err), 0);
		if (ignore_may_take_back(&ignore, cases[i].directory) != cases[i].may)
			fail_msg("case %zu: %s below:\n%s", i, cases[i].directory, cases[i].patterns);
		arena_release(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_decide_as_the_engine_does),
		cmocka_unit_test(a_set_that_does_not_end_is_an_error_with_its_line),
		cmocka_unit_test(a_folder_is_skipped_when_nothing_in_it_can_be_taken_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
