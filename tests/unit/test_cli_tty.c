/* Commands on a terminal: the question, the answers, the live tree, what is left of it afterwards. */
#include "cli/cli.h"

#include "base/fs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

struct fixture {
	struct arena arena;
	char root[64];
	struct strbuf out;
	int fd;
	pid_t pid;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	FILE *file;

	f->out = (struct strbuf)STRBUF_INIT;
	strcpy(f->root, "/tmp/devenv-test-XXXXXX");
	assert_non_null(mkdtemp(f->root));
	assert_int_equal(mkdir(arena_printf(&f->arena, "%s/.devenv", f->root), 0755), 0);
	file = fopen(arena_printf(&f->arena, "%s/.devenv/config.yml", f->root), "w");
	assert_non_null(file);
	fputs("apiVersion: devenv/v1\nkind: Environment\nmetadata: { name: test }\nspec:\n  resources:\n"
	      "    - { type: local_command, name: slow, create: [sh, -c, \"until [ -e go ]; do sleep 0.02; done; echo done\"] }\n"
	      "    - { type: local_value, name: after, input: x, dependsOn: [local_command.slow] }\n",
		file);
	fclose(file);
	*state = f;
	return 0;
}

/* Until then the command runs. */
static void let_go(struct fixture *f)
{
	close(open(arena_printf(&f->arena, "%s/go", f->root), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;

	assert_int_equal(fs_remove_tree(f->root, &err), 0);
	strbuf_release(&f->out);
	arena_release(&f->arena);
	free(f);
	return 0;
}

/* Starts "devenv WORD [WORD]" on a terminal of 60 columns. */
static void start(struct fixture *f, const char *term, const char *command, const char *option)
{
	struct winsize size = {.ws_col = 60, .ws_row = 20};

	f->pid = forkpty(&f->fd, NULL, NULL, &size);
	assert_true(f->pid >= 0);
	if (!f->pid) {
		char *argv[] = {strdup("devenv"), strdup(command), option ? strdup(option) : NULL, NULL};
		char *env[] = {arena_printf(&f->arena, "DEVENV_HOME=%s/home", f->root),
			arena_printf(&f->arena, "TERM=%s", term), arena_strdup(&f->arena, "PATH=/usr/bin:/bin"),
			NULL};

		if (chdir(f->root) < 0)
			_exit(99);
		_exit(cli_main(option ? 3 : 2, argv, env));
	}
}

/* Reads until `part` was said; NULL: to the end. */
static void read_until(struct fixture *f, const char *part)
{
	struct pollfd poller = {.fd = f->fd, .events = POLLIN};

	while (!part || !strstr(f->out.text, part)) {
		char piece[4096];
		ssize_t n;

		if (poll(&poller, 1, 60000) <= 0)
			fail_msg("\"%s\" never came:\n%s", part ? part : "the end", f->out.text);
		n = read(f->fd, piece, sizeof(piece));
		if (n <= 0 && !part)
			return; /* EIO: the other side is gone */
		if (n <= 0)
			fail_msg("ended before \"%s\":\n%s", part, f->out.text);
		strbuf_add(&f->out, piece, (size_t)n);
	}
}

static int end(struct fixture *f)
{
	int status;

	read_until(f, NULL);
	assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
	close(f->fd);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void type(struct fixture *f, const char *text)
{
	assert_int_equal(write(f->fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void assert_has(struct fixture *f, const char *part)
{
	if (!strstr(f->out.text, part))
		fail_msg("\"%s\" is not in:\n%s", part, f->out.text);
}

static void test_only_yes_is_a_yes(void **state)
{
	static const char *const answers[] = {"no\n", "y\n", "YES\n", "\n", "\004"};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		strbuf_reset(&f->out);
		start(f, "xterm", "apply", NULL);
		read_until(f, "Only 'yes' is accepted: ");
		type(f, answers[i]);
		assert_int_equal(end(f), EXIT_FAILED);
		assert_has(f, "Nothing was done.");
		assert_null(strstr(f->out.text, "complete"));
	}
}

static void test_yes_applies_with_a_live_tree(void **state)
{
	struct fixture *f = *state;

	start(f, "xterm", "apply", NULL);
	read_until(f, "Only 'yes' is accepted: ");
	assert_has(f, "Plan:\033[0m 2 to add, 0 to change, 0 to destroy.");
	type(f, "yes\n");
	read_until(f, "then local_value.after");
	read_until(f, "\033[J"); /* redrawn in place */
	let_go(f);
	assert_int_equal(end(f), EXIT_OK);
	assert_has(f, "local_command.slow creating");
	assert_has(f, "local_command.slow: created");
	assert_has(f, "Apply complete: 2 added");
	/* The cursor is shown whenever it was hidden. */
	for (const char *at = f->out.text; (at = strstr(at, "\033[?25l")); at++)
		assert_non_null(strstr(at, "\033[?25h"));
	/* Nothing of the tree is below the last redraw. */
	assert_null(strstr(strrchr(f->out.text, 'J'), "1 running"));
}

static void test_a_dumb_terminal_gets_lines(void **state)
{
	struct fixture *f = *state;

	let_go(f);
	start(f, "dumb", "apply", "--yes");
	assert_int_equal(end(f), EXIT_OK);
	assert_has(f, "local_command.slow: creating...\r\n");
	assert_null(strchr(f->out.text, '\033'));
}

static void write_values(struct fixture *f, int n)
{
	FILE *file = fopen(arena_printf(&f->arena, "%s/.devenv/config.yml", f->root), "w");

	assert_non_null(file);
	fputs("apiVersion: devenv/v1\nkind: Environment\nmetadata: { name: test }\nspec:\n  resources:\n", file);
	for (int i = 0; i < n; i++)
		fprintf(file, "    - { type: local_value, name: v%d, input: x }\n", i);
	fclose(file);
}

/* Yes to the plan releases nothing that a guard holds; the rest is done. */
static void test_a_guard_asks_by_itself(void **state)
{
	static const struct {
		const char *answer, *says;
		int status;
	} cases[] = {
		{"no\n", "4 held", EXIT_HELD},
		{"yes\n", "Apply complete: 0 added, 0 changed, 4 destroyed", EXIT_OK},
	};
	struct fixture *f = *state;

	write_values(f, 5);
	start(f, "xterm", "apply", "--yes");
	assert_int_equal(end(f), EXIT_OK);
	write_values(f, 1);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		strbuf_reset(&f->out);
		start(f, "xterm", "apply", NULL);
		read_until(f, "Only 'yes' is accepted: ");
		assert_null(strstr(f->out.text, "more than half of the environment. Destroy"));
		type(f, "yes\n");
		read_until(f, "Destroy them all the same?");
		assert_has(f, "4 of 5 resources will be destroyed");
		type(f, cases[i].answer);
		assert_int_equal(end(f), cases[i].status);
		assert_has(f, cases[i].says);
	}
}

static void test_interrupting_the_question(void **state)
{
	struct fixture *f = *state;
	int status;

	start(f, "xterm", "apply", NULL);
	read_until(f, "Only 'yes' is accepted: ");
	type(f, "\003");
	read_until(f, NULL);
	assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
	close(f->fd);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
	/* Its lock died with it. */
	strbuf_reset(&f->out);
	let_go(f);
	start(f, "xterm", "apply", "--yes");
	assert_int_equal(end(f), EXIT_OK);
}

static void test_interrupting_the_run(void **state)
{
	struct fixture *f = *state;

	start(f, "xterm", "apply", "--yes");
	read_until(f, "local_command.slow creating");
	type(f, "\003");
	read_until(f, "interrupted, finishing");
	let_go(f);
	assert_int_equal(end(f), EXIT_INTERRUPTED);
	assert_has(f, "local_command.slow: created");
	assert_has(f, "Apply interrupted: 1 added");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_only_yes_is_a_yes),
		TEST(test_yes_applies_with_a_live_tree),
		TEST(test_a_dumb_terminal_gets_lines),
		TEST(test_a_guard_asks_by_itself),
		TEST(test_interrupting_the_question),
		TEST(test_interrupting_the_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
