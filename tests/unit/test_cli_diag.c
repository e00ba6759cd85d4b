/* Diagnostics as people and programs see them. */
#include "cli/render/render.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <locale.h>
#include <string.h>

static struct terminal ascii = {.width = 80};

struct fixture {
	struct arena arena;
	struct sources sources;
	struct diags diags;
	struct strbuf out;
};

static void setup(struct fixture *f, const char *text)
{
	*f = (struct fixture){.out = STRBUF_INIT};
	diags_init(&f->diags, &f->arena);
	sources_add(&f->sources, &f->arena, ".devenv/config.yml", "project", text, strlen(text));
}

static void teardown(struct fixture *f)
{
	strbuf_release(&f->out);
	arena_release(&f->arena);
}

static struct pos at(uint32_t line, uint16_t column)
{
	return (struct pos){line, column, 1};
}

static void render(struct fixture *f)
{
	diags_sort(&f->diags);
	render_diags(&f->out, &ascii, &f->diags, &f->sources);
}

static void test_all_at_once_with_carets(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, "apiVersion: devenv/v1\nspec:\n  resorces: []\n");
	diag_warning(&f.diags, at(1, 1), "an old format");
	diag_error(&f.diags, at(3, 3), "unknown key \"resorces\"");
	diag_hint(&f.diags, "did you mean \"resources\"?");
	render(&f);
	assert_string_equal(f.out.text,
		"Warning: an old format\n"
		"  --> .devenv/config.yml:1:1\n"
		"  |\n"
		"1 | apiVersion: devenv/v1\n"
		"  | ^\n"
		"\n"
		"Error: unknown key \"resorces\"\n"
		"  --> .devenv/config.yml:3:3\n"
		"  |\n"
		"3 |   resorces: []\n"
		"  |   ^\n"
		"  help: did you mean \"resources\"?\n"
		"\n"
		"1 error, 1 warning.\n");
	teardown(&f);
}

static void test_caret_stands_by_width(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, "\tgr\xc3\xb6\xc3\x9f" "e: \xe6\x97\xa5 x\n");
	diag_error(&f.diags, at(1, 14), "here");
	render(&f);
	assert_string_equal(f.out.text,
		"Error: here\n"
		"  --> .devenv/config.yml:1:14\n"
		"  |\n"
		"1 |     größe: 日 x\n"
		"  |              ^\n"
		"\n"
		"1 error.\n");
	teardown(&f);
}

static void test_a_long_line_is_shown_around_the_column(void **state)
{
	struct fixture f;
	char text[400];
	struct terminal narrow = {.width = 60};

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	text[300] = 'X';
	setup(&f, text);
	diag_error(&f.diags, at(1, 301), "here");
	render_diags(&f.out, &narrow, &f.diags, &f.sources);
	assert_string_equal(f.out.text,
		"Error: here\n"
		"  --> .devenv/config.yml:1:301\n"
		"  |\n"
		"1 | aaaaaaaaaaaaaaaaaaaaXaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...\n"
		"  |                     ^\n"
		"\n"
		"1 error.\n");
	teardown(&f);
}

static void test_a_password_in_a_url_is_stars(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, "a: \"git://me:hunter2@h/x@1\" # http://h:80/a:b@c ssh://git@h https://u:${P}@h x://:p\xc3\xb6@h\n");
	diag_error(&f.diags, at(1, 33), "here");
	ascii.width = 120;
	render(&f);
	ascii.width = 80;
	assert_string_equal(f.out.text,
		"Error: here\n"
		"  --> .devenv/config.yml:1:33\n"
		"  |\n"
		"1 | a: \"git://me:*******@h/x@1\" # http://h:80/a:b@c ssh://git@h https://u:${P}@h x://:***@h\n"
		"  |                                 ^\n"
		"\n"
		"1 error.\n");
	teardown(&f);
}

static void test_without_a_place(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, "");
	diag_error(&f.diags, POS_NONE, "no place\x1b[2J");
	diag_address(&f.diags, "local_file.a");
	render(&f);
	assert_string_equal(f.out.text,
		"Error: no place\\x1b[2J\n  in: local_file.a\n\n1 error.\n");
	teardown(&f);
}

/* An engine that is away is told once, with all that waits for it; what is away for itself is told, too. */
static void test_one_cause_is_told_once(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, "a: b\n");
	for (char c = 'a'; c <= 'k'; c++) {
		diag_error(&f.diags, POS_NONE, "c.%c cannot be planned: no engine", c);
		diag_address(&f.diags, arena_printf(&f.arena, "c.%c", c));
		diag_cause(&f.diags, "no engine");
		diag_hint(&f.diags, "start it");
		if (c == 'b') {
			diag_error(&f.diags, POS_NONE, "k.x cannot be planned: no cluster");
			diag_address(&f.diags, "k.x");
			diag_cause(&f.diags, "no cluster");
		}
	}
	render(&f);
	assert_string_equal(f.out.text,
		"Error: c.a cannot be planned: no engine\n"
		"  likewise: c.b, c.c, c.d, c.e, c.f, c.g, c.h, c.i and 2 more\n"
		"  help: start it\n"
		"\n"
		"Error: k.x cannot be planned: no cluster\n"
		"\n"
		"12 errors.\n");
	teardown(&f);
}

static void test_json(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, "a: b\n");
	diag_error(&f.diags, at(1, 4), "say \"c\"");
	diag_hint(&f.diags, "try");
	diag_address(&f.diags, "t.n");
	render_diags_json(&f.out, &f.diags, &f.sources);
	assert_string_equal(f.out.text,
		"{\"type\":\"diagnostic\",\"@level\":\"error\",\"@message\":\"say \\\"c\\\"\","
		"\"severity\":\"error\",\"summary\":\"say \\\"c\\\"\",\"help\":\"try\","
		"\"address\":\"t.n\",\"file\":\".devenv/config.yml\",\"layer\":\"project\","
		"\"line\":1,\"column\":4}\n");
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_at_once_with_carets),
		cmocka_unit_test(test_caret_stands_by_width),
		cmocka_unit_test(test_a_long_line_is_shown_around_the_column),
		cmocka_unit_test(test_a_password_in_a_url_is_stars),
		cmocka_unit_test(test_without_a_place),
		cmocka_unit_test(test_one_cause_is_told_once),
		cmocka_unit_test(test_json),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
