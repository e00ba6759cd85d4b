/* Children: output, input, environment, descriptors, signals, deadlines and what is left of them. */
#include "base/process.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGV(...) (const char *const[]){__VA_ARGS__, NULL}
#define SH(script) ARGV("sh", "-c", script)

struct room {
	struct arena arena;
	struct error err;
	struct process_result result;
};

static int setup(void **state)
{
	struct room *room = xcalloc(1, sizeof(*room));

	room->result = (struct process_result)PROCESS_RESULT_INIT;
	*state = room;
	return 0;
}

static int teardown(void **state)
{
	struct room *room = *state;

	process_result_release(&room->result);
	arena_release(&room->arena);
	free(room);
	return 0;
}

static void run_ok(struct room *room, const struct process_request *request)
{
	if (process_run(request, &room->result, &room->err) < 0)
		fail_msg("%s", room->err.msg);
}

static bool is_alive(pid_t pid)
{
	char path[64];
	FILE *file;
	char state = 'X';

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 'X';
	fclose(file);
	return state != 'Z' && state != 'X';
}

static bool dies_soon(pid_t pid)
{
	for (int i = 0; i < 6000 && is_alive(pid); i++)
		usleep(10000);
	return !is_alive(pid);
}

static void both_outputs_and_the_status_come_back(void **state)
{
	struct room *room = *state;

	run_ok(room, &(struct process_request){.argv = SH("echo out; echo err >&2; exit 3")});
	assert_string_equal(room->result.out.text, "out\n");
	assert_string_equal(room->result.err.text, "err\n");
	assert_int_equal(room->result.status, 3);
	assert_int_equal(room->result.signal, 0);
	assert_false(room->result.truncated);
}

static void a_signal_is_told_from_a_status(void **state)
{
	struct room *room = *state;
	struct process_request request = {.argv = SH("kill -SEGV $$")};

	run_ok(room, &request);
	assert_int_equal(room->result.signal, SIGSEGV);
	assert_int_equal(room->result.status, 128 + SIGSEGV);
	assert_int_equal(process_check(&request, &room->result, &room->err), -1);
	assert_non_null(strstr(room->err.msg, "signal 11"));
}

/* Each pipe holds 64 KiB: reading one after the other would hang. */
static void large_outputs_are_drained_at_the_same_time(void **state)
{
	struct room *room = *state;

	run_ok(room, &(struct process_request){.argv = SH("i=0; while [ $i -lt 40 ]; do "
		"head -c 10000 /dev/zero | tr '\\0' e >&2; head -c 10000 /dev/zero | tr '\\0' o; "
		"i=$((i+1)); done")});
	assert_int_equal(room->result.out.len, 400000);
	assert_int_equal(room->result.err.len, 400000);
	assert_int_equal(room->result.out.text[399999], 'o');
}

static void captured_output_has_a_limit(void **state)
{
	struct room *room = *state;

	run_ok(room, &(struct process_request){.argv = SH("head -c 300000 /dev/zero; echo end >&2"),
		.max_capture = 1000});
	assert_int_equal(room->result.out.len, 1000);
	assert_true(room->result.truncated);
	assert_int_equal(room->result.status, 0);
	assert_string_equal(room->result.err.text, "end\n");
}

static void input_larger_than_a_pipe_arrives(void **state)
{
	struct room *room = *state;
	char *data = xmalloc(500000);

	memset(data, 'q', 500000);
	run_ok(room, &(struct process_request){.argv = ARGV("cat"), .input = data,
		.input_len = 500000});
	assert_int_equal(room->result.out.len, 500000);
	assert_memory_equal(room->result.out.text, data, 500000);
	free(data);
}

static void a_child_that_reads_no_input_does_not_end_us(void **state)
{
	struct room *room = *state;
	char *data = xcalloc(1, 500000);
	sigset_t pending;

	run_ok(room, &(struct process_request){.argv = ARGV("true"), .input = data,
		.input_len = 500000});
	assert_int_equal(room->result.status, 0);
	sigpending(&pending);
	assert_false(sigismember(&pending, SIGPIPE));
	free(data);
}

static void without_input_stdin_is_empty(void **state)
{
	struct room *room = *state;

	run_ok(room, &(struct process_request){.argv = SH("cat; readlink /proc/self/fd/0")});
	assert_string_equal(room->result.out.text, "/dev/null\n");
}

static void the_environment_is_the_given_one(void **state)
{
	struct room *room = *state;
	struct process_env env;

	setenv("DEVENV_KEY", "00ff", 1);
	setenv("TEST_KEPT", "kept", 1);
	process_env_init(&env, &room->arena, NULL);
	process_env_set(&env, "A", "1");
	process_env_set(&env, "A", "2");
	process_env_set(&env, "AB", "3");
	process_env_set(&env, "GONE", "x");
	process_env_set(&env, "GONE", NULL);
	assert_string_equal(process_env_get(&env, "A"), "2");
	assert_null(process_env_get(&env, "GONE"));
	run_ok(room, &(struct process_request){
		.argv = SH("echo \"$A $AB ${GONE-none} ${DEVENV_KEY-none} $TEST_KEPT\""),
		.env = process_env_vector(&env)});
	assert_string_equal(room->result.out.text, "2 3 none none kept\n");
	process_env_only(&env, &room->arena, ARGV("TEST_KEPT", "TEST_NOT_SET"));
	assert_int_equal(env.n, 1);
	run_ok(room, &(struct process_request){.argv = ARGV("/usr/bin/env"),
		.env = process_env_vector(&env)});
	assert_string_equal(room->result.out.text, "TEST_KEPT=kept\n");
	unsetenv("DEVENV_KEY");
	unsetenv("TEST_KEPT");
}

static void the_program_is_searched_in_the_childs_path(void **state)
{
	struct room *room = *state;
	const char *const env[] = {"PATH=/nowhere:/usr/bin", NULL};
	const char *const bad[] = {"PATH=/nowhere:bin::", NULL};

	run_ok(room, &(struct process_request){.argv = ARGV("printf", "x"), .env = env});
	assert_string_equal(room->result.out.text, "x");
	assert_int_equal(process_run(&(struct process_request){.argv = ARGV("printf"), .env = bad},
		&room->result, &room->err), -1);
	assert_int_equal(room->err.code, ERROR_NOT_FOUND);
	assert_non_null(strstr(room->err.msg, "printf"));
	assert_non_null(strstr(room->err.msg, "/nowhere"));
}

/* After the child's chdir a relative entry would mean another directory. */
static void relative_entries_of_a_path_do_not_count(void **state)
{
	struct room *room = *state;
	char dir[] = "test-process-XXXXXX";
	const char *const env[] = {arena_printf(&room->arena, "PATH=%s", mkdtemp(dir)), NULL};

	assert_int_equal(fs_write(fs_join(&room->arena, dir, "prog"), fs_join(&room->arena, dir, "t"),
		"#!/bin/sh\n", 10, 0755, 0, &room->err), 0);
	assert_int_equal(process_run(&(struct process_request){.argv = ARGV("prog"), .env = env},
		&room->result, &room->err), -1);
	assert_int_equal(room->err.code, ERROR_NOT_FOUND);
	assert_int_equal(fs_remove_tree(dir, NULL), 0);
}

static void a_start_that_fails_says_what_is_missing(void **state)
{
	struct room *room = *state;
	char dir[] = "test-process-XXXXXX";
	const char *script;

	assert_int_equal(process_run(&(struct process_request){.argv = ARGV("/no/such")},
		&room->result, &room->err), -1);
	assert_int_equal(room->err.code, ERROR_NOT_FOUND);
	assert_int_equal(process_run(&(struct process_request){.argv = ARGV("true"),
		.directory = "/no/dir"}, &room->result, &room->err), -1);
	assert_int_equal(room->err.code, ERROR_NOT_FOUND);
	assert_non_null(strstr(room->err.msg, "working directory /no/dir"));
	assert_int_equal(process_run(&(struct process_request){.argv = ARGV("/etc/passwd")},
		&room->result, &room->err), -1);
	assert_int_equal(room->err.code, ERROR_FAILED);

	assert_non_null(mkdtemp(dir));
	script = fs_join(&room->arena, dir, "script");
	assert_int_equal(fs_write(script, fs_join(&room->arena, dir, "t"), "#!/no/interpreter\n", 18,
		0755, 0, &room->err), 0);
	assert_int_equal(process_run(&(struct process_request){.argv = ARGV("./script"),
		.directory = dir}, &room->result, &room->err), -1);
	assert_int_equal(room->err.code, ERROR_FAILED);
	assert_non_null(strstr(room->err.msg, "interpreter"));
	assert_int_equal(fs_remove_tree(dir, NULL), 0);
}

static void the_directory_is_the_childs_own(void **state)
{
	struct room *room = *state;

	run_ok(room, &(struct process_request){.argv = ARGV("pwd"), .directory = "/usr"});
	assert_string_equal(room->result.out.text, "/usr\n");
}

static void no_descriptor_but_the_kept_one_is_inherited(void **state)
{
	struct room *room = *state;
	int leak = open("/dev/null", O_RDONLY); /* not close-on-exec: a leak of somebody else */
	int keep = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	const char *const list[] = {"ls", "/proc/self/fd", NULL};

	/* ls itself opens one: the lowest that is free. */
	run_ok(room, &(struct process_request){.argv = list});
	assert_string_equal(room->result.out.text, "0\n1\n2\n3\n");
	run_ok(room, &(struct process_request){.argv = list, .keep_fd = keep});
	assert_string_equal(room->result.out.text, "0\n1\n2\n3\n4\n");
	run_ok(room, &(struct process_request){.argv = SH("head -c 4 <&3"), .keep_fd = keep});
	assert_string_equal(room->result.out.text, "root");
	close(leak);
	close(keep);
}

static bool comes(const char *path)
{
	for (int i = 0; i < 3000 && access(path, F_OK) < 0; i++)
		usleep(10 * 1000);
	return access(path, F_OK) == 0;
}

/* We die, and what it prints goes into a pipe that nobody else reads any more. */
static void a_program_may_outlive_us(void **state)
{
	struct room *room = *state;
	char folder[] = "/tmp/devenv-outlives-XXXXXX";
	pid_t pid;

	assert_non_null(mkdtemp(folder));
	pid = fork();
	if (pid == 0) {
		process_run(&(struct process_request){.directory = folder, .flags = PROCESS_OUTLIVES,
			.argv = SH("touch up; until [ -e go ]; do sleep 0.01; done; echo on; echo on >&2; "
				"touch lived")}, &room->result, &room->err);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_true(comes(fs_join(&room->arena, folder, "up")));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(open(fs_join(&room->arena, folder, "go"), O_WRONLY | O_CREAT, 0600));
	assert_true(comes(fs_join(&room->arena, folder, "lived")));
	assert_int_equal(fs_remove_tree(folder, &room->err), 0);
}

static void signals_are_as_after_a_fresh_start(void **state)
{
	struct room *room = *state;
	unsigned long long blocked = 1, ignored = 1;
	sigset_t all, before;

	signal(SIGINT, SIG_IGN);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	run_ok(room, &(struct process_request){
		.argv = SH("grep -E '^Sig(Blk|Ign)' /proc/self/status | tr -d '\\t'")});
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	signal(SIGINT, SIG_DFL);
	assert_int_equal(sscanf(room->result.out.text, "SigBlk:%llx SigIgn:%llx", &blocked,
		&ignored), 2);
	assert_int_equal(blocked, 0);
	/* But 32 and 33, which the C library keeps to itself. */
	assert_int_equal(ignored & ~0x180000000ULL, 0);
}

static void the_child_leads_its_own_group(void **state)
{
	struct room *room = *state;
	int pid = 0, group = 0;

	run_ok(room, &(struct process_request){.argv = SH("cut -d' ' -f1,5 /proc/$$/stat; :")});
	assert_int_equal(sscanf(room->result.out.text, "%d %d", &pid, &group), 2);
	assert_true(pid > 0);
	assert_int_equal(pid, group);
}

struct lines {
	char text[256];
	const char *folder; /* where a file tells which lines came; NULL: nowhere */
};

static void take_line(void *arg, int stream, const char *text, size_t len)
{
	struct lines *lines = arg;
	size_t used = strlen(lines->text);

	snprintf(lines->text + used, sizeof(lines->text) - used, "%d:%.*s|", stream, (int)len, text);
	if (lines->folder) {
		char path[128];

		snprintf(path, sizeof(path), "%s/%.*s", lines->folder, (int)len, text);
		close(open(path, O_WRONLY | O_CREAT, 0600));
	}
}

static void lines_come_one_by_one(void **state)
{
	struct room *room = *state;
	struct lines lines = {.text = ""};
	char folder[] = "/tmp/devenv-lines-XXXXXX";

	run_ok(room, &(struct process_request){
		.argv = SH("printf 'a\\nb'; sleep 0.05; printf 'c\\r\\n\\nlast'"),
		.line = take_line, .arg = &lines});
	assert_string_equal(lines.text, "1:a|1:bc|1:|1:last|");
	lines.text[0] = '\0';
	assert_non_null(mkdtemp(folder));
	lines.folder = folder;
	run_ok(room, &(struct process_request){.directory = folder,
		.argv = SH("after() { until [ -e $1 ]; do sleep 0.01; done; }; "
			"echo a; after a; echo b >&2; after b; echo c"),
		.line = take_line, .arg = &lines});
	assert_string_equal(lines.text, "1:a|2:b|1:c|");
	assert_int_equal(fs_remove_tree(folder, &room->err), 0);
	assert_string_equal(room->result.tail.text, "a\nb\nc\n");
}

static void merged_output_keeps_its_order(void **state)
{
	struct room *room = *state;

	run_ok(room, &(struct process_request){.argv = SH("echo a; echo b >&2; echo c"),
		.flags = PROCESS_MERGE});
	assert_string_equal(room->result.out.text, "a\nb\nc\n");
	assert_int_equal(room->result.err.len, 0);
}

static void the_tail_is_the_last_twenty_lines(void **state)
{
	struct room *room = *state;
	const char *at;
	size_t n = 0;

	run_ok(room, &(struct process_request){.argv = ARGV("seq", "1", "10003"),
		.flags = PROCESS_DROP_STDOUT});
	assert_int_equal(room->result.out.len, 0);
	for (at = room->result.tail.text; *at; at++)
		n += *at == '\n';
	assert_int_equal(n, PROCESS_TAIL_LINES);
	assert_int_equal(strncmp(room->result.tail.text, "9984\n", 5), 0);
	assert_string_equal(at - 6, "10003\n");
}

static void a_long_line_of_the_tail_is_cut_and_says_so(void **state)
{
	struct room *room = *state;

	run_ok(room, &(struct process_request){.argv = ARGV("printf", "%1000d\n%01001d\n", "1", "2")});
	assert_int_equal(strncmp(room->result.tail.text + 998, " 1\n000", 6), 0);
	assert_string_equal(room->result.tail.text + 1001 + 998, "00…\n");
}

static void a_failure_quotes_the_last_line_of_stderr(void **state)
{
	struct room *room = *state;
	struct process_request request = {
		.argv = SH("echo on out; echo first >&2; echo 'no space' >&2; exit 2")};

	run_ok(room, &request);
	assert_int_equal(process_check(&request, &room->result, &room->err), -1);
	assert_string_equal(room->err.msg, "sh exited with status 2: no space");
	request.argv = SH("exit 4");
	run_ok(room, &request);
	assert_int_equal(process_check(&request, &room->result, &room->err), -1);
	assert_string_equal(room->err.msg, "sh exited with status 4");
	request.argv = ARGV("true");
	run_ok(room, &request);
	assert_int_equal(process_check(&request, &room->result, &room->err), 0);
}

/* As far in the future as it takes to say something before. */
static void run_to_deadline(struct room *room, struct process_request *request)
{
	for (int64_t wait = 300; wait < 100000; wait *= 2) {
		request->deadline = clock_monotonic(&clock_system) + wait;
		assert_int_equal(process_run(request, &room->result, &room->err), -1);
		assert_int_equal(room->err.code, ERROR_TIMEOUT);
		if (room->result.out.len)
			return;
	}
	fail_msg("it says nothing");
}

static void at_the_deadline_it_is_asked_first(void **state)
{
	struct room *room = *state;
	struct process_request request = {
		.argv = SH("trap 'echo bye; exit 0' INT; echo up; while :; do sleep 0.02; done")};

	run_to_deadline(room, &request);
	assert_string_equal(room->result.out.text, "up\nbye\n");
	assert_int_equal(room->result.signal, 0);
	assert_true(clock_monotonic(&clock_system) - request.deadline < 60000);
}

static void one_that_does_not_listen_is_killed_with_its_helpers(void **state)
{
	struct room *room = *state;
	struct process_request request = {
		.argv = SH("trap '' INT TERM; sleep 1000 & echo $!; while :; do sleep 0.02; done"),
		.grace = 150};
	int64_t late;
	pid_t helper;

	run_to_deadline(room, &request);
	late = clock_monotonic(&clock_system) - request.deadline;
	assert_int_equal(room->result.signal, SIGKILL);
	assert_in_range(late, 2 * 150, 60000);
	helper = (pid_t)atoi(room->result.out.text);
	assert_true(helper > 0);
	assert_true(dies_soon(helper));
}

static void helpers_go_with_a_leader_that_listens(void **state)
{
	struct room *room = *state;
	struct process_request request = {
		.argv = SH("(trap '' INT TERM; exec sleep 1000) & echo $!; exec sleep 1000")};
	pid_t helper;

	run_to_deadline(room, &request);
	assert_int_equal(room->result.signal, SIGINT);
	helper = (pid_t)atoi(room->result.out.text);
	assert_true(helper > 0);
	assert_true(dies_soon(helper));
}

static void cancel_it(void *arg, int stream, const char *text, size_t len)
{
	(void)stream;
	(void)text;
	(void)len;
	atomic_store((atomic_bool *)arg, true);
}

static void a_cancelled_child_ends(void **state)
{
	struct room *room = *state;
	atomic_bool cancel = false;
	struct process_request request = {.argv = SH("echo up; exec sleep 1000"), .cancel = &cancel,
		.line = cancel_it, .arg = &cancel};

	assert_int_equal(process_run(&request, &room->result, &room->err), -1);
	assert_int_equal(room->err.code, ERROR_CANCELLED);
	assert_int_equal(room->result.signal, SIGINT);
	assert_int_equal(process_run(&request, &room->result, &room->err), -1);
	assert_int_equal(room->err.code, ERROR_CANCELLED);
}

static void a_background_child_with_our_pipe_does_not_hold_us(void **state)
{
	struct room *room = *state;
	int64_t start = clock_monotonic(&clock_system);
	pid_t helper;

	run_ok(room, &(struct process_request){.argv = SH("sleep 1000 & echo $!")});
	assert_true(clock_monotonic(&clock_system) - start < 60000);
	helper = (pid_t)atoi(room->result.out.text);
	assert_true(is_alive(helper)); /* it ended by itself: its helpers are its own business */
	kill(helper, SIGKILL);
}

static void no_child_and_no_descriptor_is_left(void **state)
{
	struct room *room = *state;
	int before = open("/dev/null", O_RDONLY | O_CLOEXEC), after;

	close(before);
	for (int i = 0; i < 20; i++) {
		run_ok(room, &(struct process_request){.argv = ARGV("cat"), .input = "x",
			.input_len = 1});
		process_run(&(struct process_request){.argv = ARGV("/no/such"), .input = "x",
			.input_len = 1}, &room->result, &room->err);
	}
	after = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(after);
	assert_int_equal(after, before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void *run_many(void *arg)
{
	struct process_result result = PROCESS_RESULT_INIT;
	struct error err = ERROR_INIT;
	char text[16];
	const char *const argv[] = {"sh", "-c", "cat; echo \"$0\"", text, NULL};
	size_t *good = arg;

	for (int i = 0; i < 25; i++) {
		char want[64];

		snprintf(text, sizeof(text), "%p-%d", arg, i);
		snprintf(want, sizeof(want), "input%s\n", text);
		if (process_run(&(struct process_request){.argv = argv, .input = "input",
			.input_len = 5}, &result, &err) == 0 && !strcmp(result.out.text, want))
			(*good)++;
	}
	process_result_release(&result);
	return NULL;
}

static void several_threads_may_run_children(void **state)
{
	pthread_t threads[6];
	size_t good[6] = {0};

	(void)state;
	for (int i = 0; i < 6; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_many, &good[i]), 0);
	for (int i = 0; i < 6; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(good[i], 25);
	}
}

static void see_start(void *arg, const char *const *argv)
{
	struct lines *lines = arg;

	snprintf(lines->text, sizeof(lines->text), "%s %s", argv[0], argv[1]);
}

static void a_start_is_traced(void **state)
{
	struct room *room = *state;
	struct lines lines = {.text = ""};

	run_ok(room, &(struct process_request){.argv = ARGV("echo", "hello"), .trace = see_start,
		.arg = &lines});
	assert_string_equal(lines.text, "echo hello");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(both_outputs_and_the_status_come_back),
		T(a_signal_is_told_from_a_status),
		T(large_outputs_are_drained_at_the_same_time),
		T(captured_output_has_a_limit),
		T(input_larger_than_a_pipe_arrives),
		T(a_child_that_reads_no_input_does_not_end_us),
		T(without_input_stdin_is_empty),
		T(the_environment_is_the_given_one),
		T(the_program_is_searched_in_the_childs_path),
		T(relative_entries_of_a_path_do_not_count),
		T(a_start_that_fails_says_what_is_missing),
		T(the_directory_is_the_childs_own),
		T(no_descriptor_but_the_kept_one_is_inherited),
		T(a_program_may_outlive_us),
		T(signals_are_as_after_a_fresh_start),
		T(the_child_leads_its_own_group),
		T(lines_come_one_by_one),
		T(merged_output_keeps_its_order),
		T(the_tail_is_the_last_twenty_lines),
		T(a_long_line_of_the_tail_is_cut_and_says_so),
		T(a_failure_quotes_the_last_line_of_stderr),
		T(at_the_deadline_it_is_asked_first),
		T(one_that_does_not_listen_is_killed_with_its_helpers),
		T(helpers_go_with_a_leader_that_listens),
		T(a_cancelled_child_ends),
		T(a_background_child_with_our_pipe_does_not_hold_us),
		T(no_child_and_no_descriptor_is_left),
		T(several_threads_may_run_children),
		T(a_start_is_traced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
