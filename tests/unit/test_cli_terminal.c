/* Width, truncation, control characters, colour decisions, redaction on the way out. */
#include "cli/terminal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <locale.h>
#include <string.h>
#include <unistd.h>

static const struct terminal unicode = {.unicode = true, .width = 80};
static const struct terminal ascii = {.width = 80};

static void test_width_counts_columns(void **state)
{
	(void)state;
	assert_int_equal(display_width(""), 0);
	assert_int_equal(display_width("abc"), 3);
	assert_int_equal(display_width("größe"), 5);
	assert_int_equal(display_width("日本"), 4);
	assert_int_equal(display_width("e\xcc\x81"), 1);
	assert_int_equal(display_width("\033[1;31mred\033[0m"), 3);
	assert_int_equal(display_width("a\xff" "b"), 3);
}

static const char *truncated(struct strbuf *buf, const struct terminal *terminal, const char *text,
	int width)
{
	strbuf_reset(buf);
	add_truncated(buf, terminal, text, width);
	return buf->text;
}

static const char *squeezed(struct strbuf *buf, const struct terminal *terminal, const char *text,
	int width)
{
	strbuf_reset(buf);
	add_squeezed(buf, terminal, text, width);
	return buf->text;
}

static void test_names_keep_their_end(void **state)
{
	struct strbuf buf = STRBUF_INIT;

	(void)state;
	assert_string_equal(squeezed(&buf, &unicode, "type.name", 9), "type.name");
	assert_string_equal(squeezed(&buf, &unicode, "local_file.many[\"a\"]", 12), "local_…[\"a\"]");
	assert_string_equal(squeezed(&buf, &ascii, "local_file.many[\"a\"]", 12), "local...\"a\"]");
	assert_string_equal(squeezed(&buf, &unicode, "type.name", 8), "type…ame");
	/* A wide character is not cut in half, and there is always room for the ellipsis. */
	assert_string_equal(squeezed(&buf, &unicode, "日本語日本語", 8), "日本…語");
	assert_string_equal(squeezed(&buf, &unicode, "type.name", 2), "t…");
	assert_string_equal(squeezed(&buf, &unicode, "type.name", 0), "");
	strbuf_release(&buf);
}

static void test_truncation(void **state)
{
	struct strbuf buf = STRBUF_INIT;

	(void)state;
	assert_string_equal(truncated(&buf, &unicode, "hello", 5), "hello");
	assert_string_equal(truncated(&buf, &unicode, "hello!", 5), "hell…");
	assert_string_equal(truncated(&buf, &ascii, "hello!", 5), "he...");
	/* A wide character is not cut in half. */
	assert_string_equal(truncated(&buf, &unicode, "日本語日本", 6), "日本…");
	assert_int_equal(display_width(buf.text), 5);
	/* A colour that was begun is ended, and takes no columns. */
	assert_string_equal(truncated(&buf, &unicode, "\033[31mhello!\033[0m", 5),
		"\033[31mhell…\033[0m");
	assert_string_equal(truncated(&buf, &unicode, "abc", 0), "");
	assert_string_equal(truncated(&buf, &ascii, "abcdef", 2), "..");
	strbuf_release(&buf);
}

static void test_control_characters_become_visible(void **state)
{
	struct strbuf buf = STRBUF_INIT;
	static const char text[] = "a\033[2Jb\r\n\tc\x7f\0d\xc2\x9b\xff";

	(void)state;
	add_clean(&buf, text, sizeof(text) - 1);
	assert_string_equal(buf.text, "a\\x1b[2Jb\\x0d\n\tc\\x7f\\x00d\\u009b\\xff");
	strbuf_reset(&buf);
	add_clean(&buf, "größe 日本", strlen("größe 日本"));
	assert_string_equal(buf.text, "größe 日本");
	strbuf_reset(&buf);
	add_clean(&buf, "a\u202eb\u2066c\u2028d", strlen("a\u202eb\u2066c\u2028d"));
	assert_string_equal(buf.text, "a\\u202eb\\u2066c\\u2028d");
	strbuf_release(&buf);
}

static bool colour(enum colour_wish wish, const char *const *env)
{
	struct terminal terminal;
	int fd = open("/dev/null", O_WRONLY);

	terminal_init(&terminal, fd, wish, env);
	close(fd);
	return terminal.colour;
}

static void test_colour(void **state)
{
	static const char *const nothing[] = {"TERM=xterm", NULL};
	static const char *const force[] = {"TERM=xterm", "CLICOLOR_FORCE=1", NULL};
	static const char *const zero[] = {"TERM=xterm", "CLICOLOR_FORCE=0", NULL};
	static const char *const both[] = {"TERM=xterm", "CLICOLOR_FORCE=1", "NO_COLOR=1", NULL};
	static const char *const empty[] = {"TERM=xterm", "CLICOLOR_FORCE=1", "NO_COLOR=", NULL};

	(void)state;
	assert_false(colour(COLOUR_AUTO, nothing)); /* no terminal */
	assert_true(colour(COLOUR_AUTO, force));
	assert_false(colour(COLOUR_AUTO, zero));
	assert_false(colour(COLOUR_AUTO, both));
	assert_true(colour(COLOUR_AUTO, empty));
	assert_false(colour(COLOUR_NEVER, force));
}

static void test_streams_redact(void **state)
{
	struct redactor redactor = REDACTOR_INIT;
	struct stream stream;
	int pipes[2];
	char text[64] = "";
	ssize_t n;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	stream_init(&stream, pipes[1], COLOUR_NEVER, NULL);
	redactor_learn_text(&redactor, "hunter22", 8);
	stream.redactor = &redactor;
	stream_add(&stream, "password %s!\n", "hunter22");
	stream_flush(&stream);
	n = read(pipes[0], text, sizeof(text) - 1);
	assert_int_equal(n, (ssize_t)strlen("password (sensitive)!\n"));
	assert_string_equal(text, "password (sensitive)!\n");
	close(pipes[0]);
	close(pipes[1]);
	/* A write that fails is remembered, so that the exit status can tell. */
	stream_add(&stream, "more");
	stream_flush(&stream);
	assert_int_not_equal(stream.error, 0);
	stream_release(&stream);
	redactor_release(&redactor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_width_counts_columns),
		cmocka_unit_test(test_names_keep_their_end),
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_control_characters_become_visible),
		cmocka_unit_test(test_colour),
		cmocka_unit_test(test_streams_redact),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
