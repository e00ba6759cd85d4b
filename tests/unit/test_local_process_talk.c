/* local_process: its log, its readiness, and commands in its environment. */
#include "process_room.h"

#include <sys/resource.h>

/* --- logs, readiness, exec -------------------------------------------------------------------- */

static void the_log_keeps_streams_and_times(void **state)
{
	struct room *room = *state;
	struct record *record = create(room, TYPE, INTENT("01"), service(room,
		"echo a; sleep 0.05; echo b >&2; " UNTIL_GO "printf c; sleep 0.1; echo d; exec sleep 1000",
		""));
	int64_t later;

	wait_for_log(room, record, "1:a|2:b|");
	later = clock_wall(&clock_system);
	poll(NULL, 0, 5);
	put(room, "go", "");
	wait_for_log(room, record, "1:a|2:b|1:cd|");
	assert_string_equal(logs(room, record, later, -1), "1:cd|");
	assert_string_equal(logs(room, record, 0, 2), "2:b|1:cd|");
	assert_string_equal(logs(room, record, 0, 0), "");
	assert_string_equal(logs(room, record, 0, 99), "1:a|2:b|1:cd|");
	assert_destroyed(room, INTENT("02"), record);
}

static void the_log_is_rotated(void **state)
{
	struct room *room = *state;
	struct record *record = create(room, TYPE, INTENT("01"), service(room,
		"i=100; while [ $i -lt 400 ]; do echo line-$i; i=$((i+1)); "
		"[ $((i % 50)) = 0 ] && sleep 0.05; done; echo END; exec sleep 1000",
		",'logMaxSize':'4KiB'"));
	const char *folder = folder_of(room, record->id), *text;
	struct stat log, older;

	wait_for_log(room, record, "1:END|");
	assert_int_equal(stat(fs_join(&room->arena, folder, "log"), &log), 0);
	assert_int_equal(stat(fs_join(&room->arena, folder, "log.1"), &older), 0);
	assert_true(log.st_size < 8192 && older.st_size < 8192);
	text = logs(room, record, 0, -1);
	assert_non_null(strstr(text, "1:line-398|1:line-399|1:END|"));
	assert_destroyed(room, INTENT("02"), record);
}

/* "1:text|" for each line of a log that is written here. */
static const char *lines_of(struct room *room, const char *path)
{
	struct strbuf out = STRBUF_INIT;
	const char *text, *copy;
	size_t len;

	assert_int_equal(fs_read(path, &room->arena, &text, &len, &room->err), 0);
	while (*text) {
		size_t line = strcspn(text, "\n");

		assert_true(line >= LOG_PREFIX);
		strbuf_addf(&out, "%c:%.*s|", text[LOG_STAMP + 1], (int)(line - LOG_PREFIX), text + LOG_PREFIX);
		text += line + (text[line] == '\n');
	}
	copy = arena_strdup(&room->arena, out.text);
	strbuf_release(&out);
	return copy;
}

static void open_here(struct room *room, struct shim_log *log, const char *const *secrets)
{
	shim_log_open(log, fs_join(&room->arena, room->root, "log"),
		fs_join(&room->arena, room->root, "log.1"), 10 << 20, secrets);
}

static void a_line_that_had_no_space_does_not_run_into_the_next(void **state)
{
	struct room *room = *state;
	struct rlimit old, small = {.rlim_cur = 2 * LOG_PREFIX + 10};
	struct shim_log log;

	open_here(room, &log, (const char *const[]){NULL});
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	shim_log_add(&log, 1, "first\n", 6);
	shim_log_add(&log, 1, "second\n", 7);
	shim_log_add(&log, 1, "third\n", 6);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	shim_log_add(&log, 1, "fourth\n", 7);
	shim_log_close(&log);
	assert_string_equal(lines_of(room, log.path), "1:first|1:seco|1:fourth|");
}

static void a_long_line_is_not_split_within_a_secret(void **state)
{
	struct room *room = *state;
	struct shim_log log;
	const char *lines;

	open_here(room, &log, (const char *const[]){"planted-secret", NULL});
	for (int i = 0; i < LOG_LINE_MAX - 6; i++)
		shim_log_add(&log, 1, "x", 1);
	shim_log_add(&log, 1, "planted-secret!\n", 16);
	shim_log_close(&log);
	lines = lines_of(room, log.path);
	assert_int_equal(strspn(lines + 2, "x"), LOG_LINE_MAX - 6);
	assert_string_equal(lines + 2 + LOG_LINE_MAX - 6, "|1:(sensitive)!|");
}

struct follow {
	struct strbuf text;
	struct room *room;
	struct record *record;
};

/* It says ten lines more when it was heard: what was rotated twice meanwhile is lost to everybody. */
static bool follow_line(void *arg, const char *part, int stream, const char *text, size_t len)
{
	struct follow *follow = arg;
	const char *line = arena_strndup(&follow->room->arena, text, len);
	int number;

	(void)part;
	if (sscanf(line, "tick %d", &number) == 1)
		put(follow->room, arena_printf(&follow->room->arena, "seen-%d", number), "");
	strbuf_addf(&follow->text, "%d:%.*s|", stream, (int)len, text);
	return !strstr(follow->text.text, "tick 60|");
}

static void following_survives_a_rotation(void **state)
{
	struct room *room = *state;
	struct record *record = create(room, TYPE, INTENT("01"), service(room,
		"i=0; while :; do echo tick $i; head -c 200 /dev/zero | tr \\\"\\\\0\\\" x; echo; "
		"if [ $((i % 10)) = 0 ]; then until [ -e seen-$i ]; do sleep 0.01; done; fi; "
		"i=$((i+1)); done", ",'logMaxSize':'4KiB'"));
	struct follow follow = {.text = STRBUF_INIT, .room = room};
	struct log_request request = {.flags = LOG_FOLLOW, .tail = -1, .line = follow_line,
		.arg = &follow};
	char want[32];
	const char *at;

	room->env.deadline = clock_monotonic(&clock_system) + 120000;
	assert_int_equal(provider_local.logs(&room->env, record, &request, &room->err), 0);
	room->env.deadline = 0;
	at = follow.text.text;
	for (int i = 0; i <= 60; i++) {
		snprintf(want, sizeof(want), "1:tick %d|", i);
		at = strstr(at, want);
		if (!at)
			fail_msg("%s is missing", want);
	}
	strbuf_release(&follow.text);
	assert_destroyed(room, INTENT("02"), record);
}

static bool let_go(void *arg, const char *part, int stream, const char *text, size_t len)
{
	struct follow *follow = arg;

	put(follow->room, "go", "");
	return add_log(&follow->text, part, stream, text, len);
}

static void following_ends_with_the_process(void **state)
{
	struct room *room = *state;
	struct record *record = create(room, TYPE, INTENT("01"),
		service(room, "echo first; " UNTIL_GO "echo last", ""));
	struct follow follow = {.text = STRBUF_INIT, .room = room};
	struct log_request request = {.flags = LOG_FOLLOW, .tail = -1, .line = let_go, .arg = &follow};

	assert_int_equal(provider_local.logs(&room->env, record, &request, &room->err), 0);
	assert_string_equal(follow.text.text, "1:first|1:last|");
	strbuf_release(&follow.text);
	assert_destroyed(room, INTENT("02"), record);
}

static enum readiness probe(struct room *room, struct record *record, enum probe_kind kind,
	const char *spec, const char **why)
{
	struct probe probe = {.kind = kind};

	*why = NULL;
	return provider_local.ready(&room->env, record, &probe, json(room, spec), why);
}

static void readiness_is_found_in_the_log(void **state)
{
	struct room *room = *state;
	struct record *record = create(room, TYPE, INTENT("01"),
		service(room, UNTIL_GO "echo server ready on 80; exec sleep 1000", ""));
	const char *spec = "{'log':'ready on [0-9]+$'}", *why;

	assert_int_equal(probe(room, record, PROBE_LOG, spec, &why), READY_WAIT);
	assert_non_null(strstr(why, "ready on"));
	put(room, "go", "");
	wait_for_log(room, record, "ready");
	assert_int_equal(probe(room, record, PROBE_LOG, spec, &why), READY_YES);
	assert_int_equal(probe(room, record, PROBE_LOG, "{'log':'('}", &why), READY_FAILED);
	/* What an earlier start said does not count. */
	record = update(room, INTENT("02"), record, service(room, "exec sleep 1000", ""));
	assert_int_equal(probe(room, record, PROBE_LOG, spec, &why), READY_WAIT);
	assert_destroyed(room, INTENT("03"), record);
}

static void readiness_is_asked_of_a_command(void **state)
{
	struct room *room = *state;
	struct record *record = create(room, TYPE, INTENT("01"), service(room, "exec sleep 1000", ""));
	const char *spec = "{'command':['sh','-c','test -n \\\"$ROOM\\\" && test -e ok']}", *why;

	assert_int_equal(probe(room, record, PROBE_COMMAND, spec, &why), READY_WAIT);
	assert_string_equal(why, "sh exited with status 1");
	put(room, "ok", "");
	assert_int_equal(probe(room, record, PROBE_COMMAND, spec, &why), READY_YES);
	assert_destroyed(room, INTENT("02"), record);
}

static void one_that_has_ended_will_not_become_ready(void **state)
{
	struct room *room = *state;
	const struct value *inputs = service(room, UNTIL_GO "printf \\\"address in use\\\" >&2; exit 1", "");
	struct record *record = create(room, TYPE, INTENT("01"), inputs);
	const char *why;
	char host[64];
	int port;

	assert_int_equal(probe(room, record, PROBE_RUNNING, "{}", &why), READY_YES);
	assert_int_equal(provider_local.probe_target(&room->env, record, json(room, "{'port':80}"),
		host, sizeof(host), &port, &room->err), 0);
	assert_string_equal(host, "127.0.0.1");
	assert_int_equal(port, 80);
	put(room, "go", "");
	wait_for_health(room, inputs, record, "exited (1)");
	assert_int_equal(probe(room, record, PROBE_LOG, "{'log':'x'}", &why), READY_FAILED);
	assert_string_equal(why, "exited (1): address in use");
	assert_int_equal(provider_local.probe_target(&room->env, record, json(room, "{'port':80}"),
		host, sizeof(host), &port, &room->err), -1);
	assert_destroyed(room, INTENT("02"), record);
}

static void exec_runs_in_its_environment(void **state)
{
	struct room *room = *state;
	struct record *record = create(room, TYPE, INTENT("01"), sleeper(room));
	struct exec_request request = {.argv = (const char *const[]){"sh", "-c",
		"test -n \"$ROOM\" && test -z \"$DEVENV_PROCESS\" && exit 7", NULL}};

	assert_int_equal(provider_local.exec(&room->env, record, &request, &room->err), 0);
	assert_int_equal(request.exit_status, 7);
	assert_destroyed(room, INTENT("02"), record);
}

static void exec_reads_our_input_only_when_it_shall(void **state)
{
	struct room *room = *state;
	struct record *record = create(room, TYPE, INTENT("01"), sleeper(room));
	struct exec_request request = {.argv = (const char *const[]){"sh", "-c",
		"read -r line && test \"$line\" = hello && exit 9; exit 8", NULL}};
	int ends[2], before = dup(STDIN_FILENO);

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "hello\n", 6), 6);
	assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	assert_int_equal(provider_local.exec(&room->env, record, &request, &room->err), 0);
	assert_int_equal(request.exit_status, 8);
	request.interactive = true;
	assert_int_equal(provider_local.exec(&room->env, record, &request, &room->err), 0);
	assert_int_equal(request.exit_status, 9);
	dup2(before, STDIN_FILENO);
	close(before);
	close(ends[0]);
	close(ends[1]);
	assert_destroyed(room, INTENT("02"), record);
}

/* Nobody writes its log any more: waiting for a line is in vain, a new start is what helps. */
static void one_whose_shim_died_before_it_was_ready_is_started_anew(void **state)
{
	struct room *room = *state;
	const struct value *inputs = service(room, UNTIL_GO "echo ready; exec sleep 1000", "");
	struct record *record = create(room, TYPE, INTENT("01"), inputs);
	const char *why;

	assert_int_equal(shims(room, SIGKILL), 1);
	wait_for_health(room, inputs, record, "running, but its shim is dead: its output is lost");
	assert_int_equal(probe(room, record, PROBE_LOG, "{'log':'ready'}", &why), READY_FAILED);
	assert_string_equal(why, "running, but its shim is dead: its output is lost");
	assert_true(look(room, TYPE, inputs, record, NULL).runs);
	put(room, "go", "");
	record->status = RECORD_UNREADY;
	assert_false(look(room, TYPE, inputs, record, NULL).runs);
	act_on(room, ACT_START, record, NULL);
	wait_for_log(room, record, "ready");
	assert_int_equal(probe(room, record, PROBE_LOG, "{'log':'ready'}", &why), READY_YES);
	wait_until_alive(room, 1);
	assert_destroyed(room, INTENT("03"), record);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(the_log_keeps_streams_and_times),
		T(the_log_is_rotated),
		T(a_line_that_had_no_space_does_not_run_into_the_next),
		T(a_long_line_is_not_split_within_a_secret),
		T(following_survives_a_rotation),
		T(following_ends_with_the_process),
		T(readiness_is_found_in_the_log),
		T(readiness_is_asked_of_a_command),
		T(one_that_has_ended_will_not_become_ready),
		T(one_whose_shim_died_before_it_was_ready_is_started_anew),
		T(exec_runs_in_its_environment),
		T(exec_reads_our_input_only_when_it_shall),
	};

	PROCESS_TESTS(argc, argv, tests);
}
