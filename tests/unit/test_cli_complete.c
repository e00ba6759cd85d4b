/* Completion: what is offered where. */
#include "cli/complete.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void values(void *arg, enum complete kind,
	void (*offer)(void *offer_arg, const char *value, const char *description), void *offer_arg)
{
	(void)arg;
	if (kind == COMPLETE_ADDRESS) {
		offer(offer_arg, "local_file.a", NULL);
		offer(offer_arg, "local_value.b[\"eu\"]", "x");
	} else if (kind == COMPLETE_ENVIRONMENT) {
		offer(offer_arg, "staging", NULL);
	}
}

static struct strbuf out = STRBUF_INIT;

/* The last word is what follows the last space. */
static const char *complete(const char *line, bool bare)
{
	static const struct complete_source source = {values, NULL};
	static char text[256];
	const char *words[32];
	size_t n = 0;

	strcpy(text, line);
	words[n++] = text;
	for (char *c = text; *c; c++) {
		if (*c == ' ') {
			*c = '\0';
			words[n++] = c + 1;
		}
	}
	strbuf_reset(&out);
	complete_words(&out, words, n, bare, &source);
	return out.text;
}

static int teardown(void **state)
{
	(void)state;
	strbuf_release(&out);
	return 0;
}

static void test_commands(void **state)
{
	(void)state;
	assert_string_equal(complete("gr", false), "graph\tDraw what depends on what\n");
	assert_string_equal(complete("conf", false), "config\n");
	assert_string_equal(complete("config sc", false),
		"schema\tPrint the JSON Schema of the manifest or of a resource type\n");
	assert_non_null(strstr(complete("", false), "apply\t"));
	assert_non_null(strstr(complete("", false), "up\t"));
	assert_null(strstr(complete("", false), "__"));
}

static void test_options(void **state)
{
	(void)state;
	assert_string_equal(complete("plan --targ", false),
		"--target\tOnly this resource and what it needs (to destroy: what needs it); nothing else is "
		"deleted\n");
	assert_non_null(strstr(complete("plan --", false), "--json\t"));
	assert_null(strstr(complete("plan --", false), "--follow"));
	assert_string_equal(complete("plan --json --targ", false),
		"--target\tOnly this resource and what it needs (to destroy: what needs it); nothing else is "
		"deleted\n");
}

static void test_values(void **state)
{
	(void)state;
	assert_string_equal(complete("plan --target local_f", false), "local_file.a\n");
	assert_string_equal(complete("plan --target ", false),
		"local_file.a\nlocal_value.b[\"eu\"]\tx\n");
	assert_string_equal(complete("plan --target=local_f", false), "--target=local_file.a\n");
	assert_string_equal(complete("plan --target=local_f", true), "local_file.a\n");
	assert_string_equal(complete("plan -e ", false), "staging\n");
	assert_string_equal(complete("graph --format m", false), "mermaid\n");
	assert_string_equal(complete("-C ", false), ":directory\n");
	assert_string_equal(complete("plan --parallelism ", false), "");
}

static void test_arguments(void **state)
{
	(void)state;
	assert_string_equal(complete("apply ", false), ":file\n");
	assert_string_equal(complete("apply a b ", false), ":file\n"); /* as many as are wanted */
	assert_string_equal(complete("import local_file.a 1 ", false), "");
	assert_string_equal(complete("import local_f", false), "local_file.a\n");
	assert_string_equal(complete("import local_file.a ", false), ":file\n");
	assert_string_equal(complete("completion z", false), "zsh\n");
	assert_string_equal(complete("status -- local_f", false), "local_file.a\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_commands, teardown),
		cmocka_unit_test_teardown(test_options, teardown),
		cmocka_unit_test_teardown(test_values, teardown),
		cmocka_unit_test_teardown(test_arguments, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
