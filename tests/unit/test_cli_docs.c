/* docs/cli.md says what the program says, and the man page is well-formed. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/help.h"

#include "base/fs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static struct cli cli;

static int setup(void **state)
{
	(void)state;
	cli = (struct cli){0};
	cli.out.buf = (struct strbuf)STRBUF_INIT;
	cli.out.terminal.width = 80;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	strbuf_release(&cli.out.buf);
	arena_release(&cli.arena);
	return 0;
}

static void test_the_reference_is_current(void **state)
{
	/* This file is tests/unit/test_cli_docs.c of the source tree. */
	const char *file = strstr(__FILE__, "tests/unit/");
	const char *path, *text, *part;
	struct error err = ERROR_INIT;
	size_t len;

	(void)state;
	assert_non_null(file);
	path = arena_printf(&cli.arena, "%.*sdocs/cli.md", (int)(file - __FILE__), __FILE__);
	if (fs_read(path, &cli.arena, &text, &len, &err) < 0)
		fail_msg("%s", err.msg);
	part = strstr(text, "## Options of every command\n");
	assert_non_null(part);
	assert_int_equal(command_markdown.run(&cli), EXIT_OK);
	if (strcmp(part, cli.out.buf.text) != 0)
		fail_msg("docs/cli.md is old: replace what follows its last comment by `devenv __markdown`");
	for (const struct command *const *c = command_table; *c; c++) {
		const char *title = arena_printf(&cli.arena, "\n### devenv %s\n", (*c)->name);

		if ((*c)->group && !strstr(text, title))
			fail_msg("docs/cli.md has no %s", title);
	}
}

/* roff reads a line that begins with a dot as a request: only those that we mean may. */
static void test_the_man_page_has_only_known_requests(void **state)
{
	static const char *const known[] = {
		".TH ", ".SH ", ".SS ", ".PP\n", ".TP\n", ".B ", ".RS\n", ".RE\n", ".nf\n", ".fi\n"};
	const char *line;

	(void)state;
	assert_int_equal(command_man.run(&cli), EXIT_OK);
	line = cli.out.buf.text;
	while (*line) {
		bool fine = line[0] != '.' && line[0] != '\'';

		for (size_t i = 0; !fine && i < ARRAY_SIZE(known); i++)
			fine = strncmp(line, known[i], strlen(known[i])) == 0;
		if (!fine)
			fail_msg("%.*s", (int)strcspn(line, "\n"), line);
		line += strcspn(line, "\n") + 1;
	}
	assert_non_null(strstr(cli.out.buf.text, "\\-\\-allow\\-data\\-loss ADDRESS\n"));
}

static void test_help_of_every_command(void **state)
{
	(void)state;
	for (const struct command *const *c = command_table; *c; c++) {
		strbuf_reset(&cli.out.buf);
		assert_int_equal(help_command(&cli, *c), EXIT_OK);
		if (!(*c)->group)
			continue;
		assert_non_null(strstr(cli.out.buf.text, "\nExamples\n"));
		for (const char *line = cli.out.buf.text; line; line = strchr(line, '\n')) {
			line += *line == '\n';
			/* Usage and examples stand as they are; all else is wrapped. */
			if (strcspn(line, "\n") > 100 && strncmp(line, "  devenv", 8) != 0)
				fail_msg("%s: %.*s", (*c)->name, (int)strcspn(line, "\n"), line);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_reference_is_current, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_man_page_has_only_known_requests, setup, teardown),
		cmocka_unit_test_setup_teardown(test_help_of_every_command, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
