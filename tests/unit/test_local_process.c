/*
 * local_process and its shim. The program is its own shim: env->self is this test. Every process
 * that a test starts carries ROOM=... in its environment, so that "exactly one" and "none" can be
 * counted.
 */
#include "local_room.h"

#include "providers/local/folder.h"
#include "providers/local/shim.h"

#include <ctype.h>
#include <poll.h>
#include <time.h>

#define TYPE "local_process"

static struct value *service(struct room *room, const char *script, const char *more)
{
	return json(room, arena_printf(&room->arena,
		"{'command':['sh','-c','%s'],'environment':{'ROOM':'%s'},'stopTimeout':'2s'%s}", script,
		room->root, more));
}

static struct value *sleeper(struct room *room)
{
	return service(room, "exec sleep 1000", "");
}

static bool mentions(struct room *room, const char *pid, const char *file, const char *what)
{
	const char *text;
	size_t len;

	return fs_read(arena_printf(&room->arena, "/proc/%s/%s", pid, file), &room->arena, &text,
		&len, NULL) == 0 && memmem(text, len, what, strlen(what));
}

/* Processes of this room, without us; `last` gets one of them. */
static size_t alive(struct room *room, pid_t *last)
{
	const char *mark = arena_printf(&room->arena, "ROOM=%s", room->root);
	const char *const *names;
	struct identity identity;
	size_t n, found = 0;

	assert_int_equal(fs_list("/proc", &room->arena, &names, &n, &room->err), 0);
	for (size_t i = 0; i < n; i++) {
		if (isdigit((unsigned char)names[i][0]) && identity_of(atoi(names[i]), &identity) &&
			mentions(room, names[i], "environ", mark)) {
			found++;
			if (last)
				*last = identity.pid;
		}
	}
	return found;
}

static size_t shims(struct room *room, int number)
{
	const char *const *names;
	size_t n, found = 0;

	assert_int_equal(fs_list("/proc", &room->arena, &names, &n, &room->err), 0);
	for (size_t i = 0; i < n; i++) {
		struct identity identity;

		if (isdigit((unsigned char)names[i][0]) && identity_of(atoi(names[i]), &identity) &&
			mentions(room, names[i], "cmdline", SHIM_VERB) &&
			mentions(room, names[i], "cmdline", room->env.work_dir)) {
			found++;
			if (number)
				kill(identity.pid, number);
		}
	}
	return found;
}

/* Also a test that failed leaves nothing running. */
static int end_all(void **state)
{
	struct room *room = *state;
	pid_t pid = 0;

	shims(room, SIGKILL);
	for (int i = 0; i < 20 && alive(room, &pid); i++) {
		kill(pid, SIGKILL);
		poll(NULL, 0, 5);
	}
	return room_teardown(state);
}

static void wait_until_alive(struct room *room, size_t want)
{
	for (int i = 0; i < 300 && alive(room, NULL) != want; i++)
		poll(NULL, 0, 10);
	assert_int_equal(alive(room, NULL), want);
}

static const char *folder_of(struct room *room, const char *id)
{
	return arena_printf(&room->arena, "%s/processes/%s", room->env.work_dir, id);
}

static struct folder state_of(struct room *room, const char *id)
{
	struct folder folder;

	assert_int_equal(folder_look(folder_of(room, id), &room->arena, &folder, &room->err), 0);
	return folder;
}

static struct observation wait_for_health(struct room *room, const struct value *inputs,
	struct record *record, const char *health)
{
	struct observation seen;

	for (int i = 0; i < 300; i++) {
		seen = look(room, TYPE, inputs, record, NULL);
		if (seen.health && !strcmp(seen.health, health))
			return seen;
		poll(NULL, 0, 10);
	}
	fail_msg("%s, not %s", seen.health ? seen.health : "nothing", health);
	return seen;
}

static bool add_log(void *arg, int stream, const char *text, size_t len)
{
	strbuf_addf(arg, "%d:%.*s|", stream, (int)len, text);
	return true;
}

static const char *logs(struct room *room, struct record *record, int64_t since, long tail)
{
	struct strbuf text = STRBUF_INIT;
	struct log_request request = {.since = since, .tail = tail, .line = add_log, .arg = &text};
	const char *copy;

	if (provider_local.logs(&room->env, record, &request, &room->err) < 0)
		fail_msg("%s", room->err.msg);
	copy = arena_strdup(&room->arena, text.text);
	strbuf_release(&text);
	return copy;
}

static void wait_for_log(struct room *room, struct record *record, const char *what)
{
	for (int i = 0; i < 300 && !strstr(logs(room, record, 0, -1), what); i++)
		poll(NULL, 0, 10);
	assert_non_null(strstr(logs(room, record, 0, -1), what));
}

static void act_on(struct room *room, enum act act, struct record *record,
	const struct value *inputs)
{
	struct request request = create_of(room, TYPE, inputs);

	request.act = act;
	request.record = record;
	if (apply_with(room, INTENT("aa"), &request) < 0)
		fail_msg("%s", room->err.msg);
}

/* --- living ----------------------------------------------------------------------------------- */

static void a_process_runs_on_is_seen_and_removed(void **state)
{
	struct room *room = *state;
	const struct value *inputs = sleeper(room);
	struct observation seen = look(room, TYPE, inputs, NULL, NULL);
	struct record *record;
	pid_t pid = 0;

	assert_int_equal(seen.presence, PRESENCE_ABSENT);
	record = create(room, TYPE, INTENT("01"), inputs);
	assert_string_equal(record->id, INTENT("01"));
	assert_int_equal(alive(room, &pid), 1);
	assert_int_equal(value_get_int(room->outcome.outputs, "pid", 0), pid);
	seen = look(room, TYPE, inputs, record, NULL);
	assert_int_equal(seen.presence, PRESENCE_PRESENT);
	assert_int_equal(seen.ownership, OWNER_US);
	assert_true(seen.runs);
	assert_string_equal(seen.health, "running");
	assert_string_equal(seen.endpoint, boot_id(&room->arena));
	assert_true(same_as_recorded(room, &seen, record));
	assert_destroyed(room, INTENT("02"), record);
	assert_int_equal(alive(room, NULL), 0);
	assert_int_equal(shims(room, 0), 0);
	assert_false(fs_exists(folder_of(room, record->id)));
	assert_destroyed(room, INTENT("02"), record);
}

static void it_is_detached_and_inherits_nothing(void **state)
{
	struct room *room = *state;
	int leak = open("/dev/null", O_RDONLY);
	struct record *record = create(room, TYPE, INTENT("01"), service(room,
		"ls /proc/self/fd | tr \\\"\\\\n\\\" .; readlink /proc/$$/fd/0; "
		"cut -d\\\" \\\" -f1,5,6 /proc/$$/stat; pwd; exec sleep 1000", ",'directory':'/usr'"));
	int pid = 0, group = 0, session = 0;

	wait_for_log(room, record, "1:/usr|");
	/* 3 is the directory that ls itself reads */
	assert_int_equal(sscanf(logs(room, record, 0, -1), "1:0.1.2.3./dev/null|1:%d %d %d|", &pid,
		&group, &session), 3);
	assert_int_equal(pid, group);
	assert_int_equal(pid, session);
	assert_int_not_equal(getsid(state_of(room, record->id).state.shim.pid), getsid(0));
	close(leak);
	assert_destroyed(room, INTENT("02"), record);
}

static void stdin_reaches_it(void **state)
{
	struct room *room = *state;
	struct record *record = create(room, TYPE, INTENT("01"), service(room,
		"cat; echo end; exec sleep 1000", ",'stdin':'from the manifest\\n'"));

	wait_for_log(room, record, "1:from the manifest|1:end|");
	assert_destroyed(room, INTENT("02"), record);
}

static void its_end_is_recorded(void **state)
{
	struct room *room = *state;
	const struct value *inputs = service(room, "sleep 0.4; exit 3", "");
	struct record *record = create(room, TYPE, INTENT("01"), inputs);
	struct observation seen = wait_for_health(room, inputs, record, "exited (3)");
	pid_t pid;

	assert_int_equal(seen.presence, PRESENCE_PRESENT);
	assert_false(seen.runs);
	assert_null(seen.outputs);
	assert_destroyed(room, INTENT("02"), record);
	inputs = sleeper(room);
	record = create(room, TYPE, INTENT("03"), inputs);
	assert_int_equal(alive(room, &pid), 1);
	kill(pid, SIGSEGV);
	wait_for_health(room, inputs, record, "ended by signal 11 (Segmentation fault)");
	assert_destroyed(room, INTENT("04"), record);
}

static void one_that_ends_at_once_has_failed(void **state)
{
	struct room *room = *state;
	struct request request = create_of(room, TYPE,
		service(room, "echo starting; echo bad config >&2; exit 2", ""));

	assert_int_equal(apply_with(room, INTENT("01"), &request), -1);
	assert_string_equal(room->err.msg, "it exited (2) right after its start");
	assert_true(room->outcome.exists); /* its log can be read; it is replaced by the next run */
	assert_string_equal(room->outcome.id, INTENT("01"));
	assert_true(strstr(room->outcome.output, "bad config\n") != NULL);
	assert_destroyed(room, INTENT("02"), recorded(room, TYPE, request.inputs, &room->outcome));
}

static void one_that_cannot_be_started_leaves_nothing(void **state)
{
	struct room *room = *state;
	struct request request = create_of(room, TYPE, json(room, "{'command':['no-such-program']}"));

	assert_int_equal(apply_with(room, INTENT("01"), &request), -1);
	assert_non_null(strstr(room->err.msg, "no-such-program not found"));
	assert_false(room->outcome.exists);
	request.inputs = json(room, "{'command':['true'],'directory':'missing'}");
	assert_int_equal(apply_with(room, INTENT("01"), &request), -1);
	assert_non_null(strstr(room->err.msg, "missing"));
	request.inputs = json(room, "{'command':['/etc/passwd']}");
	assert_int_equal(apply_with(room, INTENT("01"), &request), -1);
	assert_non_null(strstr(room->err.msg, "Permission denied"));
	assert_int_equal(count_below(room, folder_of(room, "")), 0);
	assert_int_equal(shims(room, 0), 0);
}

/* --- stopping --------------------------------------------------------------------------------- */

static void stopping_asks_with_the_signal_it_wants(void **state)
{
	struct room *room = *state;
	const struct value *inputs = service(room,
		"trap \\\"echo bye; exit 0\\\" INT; echo up; while :; do sleep 0.02; done",
		",'stopSignal':'SIGINT'");
	struct record *record = create(room, TYPE, INTENT("01"), inputs);
	struct observation seen;

	wait_for_log(room, record, "1:up|");
	act_on(room, ACT_STOP, record, NULL);
	assert_true(room->outcome.exists);
	assert_int_equal(alive(room, NULL), 0);
	assert_string_equal(logs(room, record, 0, -1), "1:up|1:bye|");
	seen = look(room, TYPE, inputs, record, NULL);
	assert_int_equal(seen.presence, PRESENCE_PRESENT);
	assert_false(seen.runs);
	act_on(room, ACT_STOP, record, NULL); /* twice is fine */
	assert_destroyed(room, INTENT("02"), record);
}

static void one_that_does_not_listen_is_killed(void **state)
{
	struct room *room = *state;
	struct record *record = create(room, TYPE, INTENT("01"), json(room, arena_printf(&room->arena,
		"{'command':['sh','-c','trap `` TERM; echo up; while :; do sleep 0.02; done'],"
		"'environment':{'ROOM':'%s'},'stopTimeout':'300ms'}", room->root)));
	int64_t start, took;

	wait_for_log(room, record, "1:up|");
	start = clock_monotonic(&clock_system);
	assert_destroyed(room, INTENT("02"), record);
	took = clock_monotonic(&clock_system) - start;
	assert_true(took >= 300 && took < 4000);
	assert_int_equal(alive(room, NULL), 0);
}

static void all_that_descends_from_it_goes(void **state)
{
	struct room *room = *state;
	const struct value *inputs = service(room,
		"sleep 1000 & setsid sleep 1000 & setsid sh -c \\\"trap `` TERM HUP; sleep 1000 & wait\\\" & "
		"wait", "");
	struct record *record = create(room, TYPE, INTENT("01"), inputs);
	int64_t start;

	wait_until_alive(room, 5);
	start = clock_monotonic(&clock_system);
	assert_destroyed(room, INTENT("02"), record);
	assert_true(clock_monotonic(&clock_system) - start < 5000); /* by the shim, not in spite of it */
	assert_int_equal(alive(room, NULL), 0);
	assert_int_equal(shims(room, 0), 0);
}

static void what_it_leaves_behind_goes_when_it_ends(void **state)
{
	struct room *room = *state;
	struct record *record = create(room, TYPE, INTENT("01"), service(room,
		"setsid sh -c \\\"trap `echo asked; exit` TERM; while :; do sleep 0.02; done\\\" & "
		"sleep 0.4; exit 0", ""));

	wait_until_alive(room, 0);
	assert_string_equal(logs(room, record, 0, -1), "1:asked|");
	assert_destroyed(room, INTENT("02"), record);
}

static void without_its_shim_it_is_still_found_and_stopped(void **state)
{
	struct room *room = *state;
	const struct value *inputs = service(room, "setsid sleep 1000 & exec sleep 1000", "");
	struct record *record = create(room, TYPE, INTENT("01"), inputs);
	struct observation seen;

	wait_until_alive(room, 2);
	assert_int_equal(shims(room, SIGKILL), 1);
	seen = wait_for_health(room, inputs, record, "running, but its shim is dead: its output is lost");
	assert_true(seen.runs);
	assert_destroyed(room, INTENT("02"), record);
	wait_until_alive(room, 0);
}

static void helpers_are_found_when_shim_and_process_were_killed(void **state)
{
	struct room *room = *state;
	const struct value *inputs = service(room, "setsid sleep 1000 & exec sleep 1000", "");
	struct record *record = create(room, TYPE, INTENT("01"), inputs);
	struct observation seen;

	wait_until_alive(room, 2);
	assert_int_equal(shims(room, SIGKILL), 1);
	kill(state_of(room, record->id).state.process.pid, SIGKILL);
	seen = wait_for_health(room, inputs, record, "ended, and nobody saw how");
	assert_false(seen.runs);
	assert_int_equal(alive(room, NULL), 1);
	assert_destroyed(room, INTENT("02"), record);
	wait_until_alive(room, 0);
}

/* A number that was given to somebody else: here, to us. */
static void a_pid_that_changed_hands_is_not_touched(void **state)
{
	struct room *room = *state;
	struct folder_state fake = {.boot = boot_id(&room->arena), .intent = INTENT("01"),
		.stop_signal = SIGTERM, .stop_timeout = 100};
	struct outcome outcome = {.id = INTENT("01")};
	struct record *record = recorded(room, TYPE, sleeper(room), &outcome);
	struct observation seen;
	pid_t bystander = fork();

	if (bystander == 0) {
		pause();
		_exit(0);
	}
	assert_true(identity_of(bystander, &fake.process));
	fake.process.start--;
	fake.shim = fake.process;
	assert_int_equal(fs_make_dirs(folder_of(room, INTENT("01")), 0700, NULL, NULL, NULL), 0);
	assert_int_equal(folder_write_state(folder_of(room, INTENT("01")), &fake, NULL), 0);
	seen = look(room, TYPE, sleeper(room), record, NULL);
	assert_int_equal(seen.presence, PRESENCE_PRESENT);
	assert_false(seen.runs);
	assert_destroyed(room, INTENT("02"), record);
	assert_int_equal(kill(bystander, 0), 0);
	assert_int_equal(waitpid(bystander, NULL, WNOHANG), 0);
	kill(bystander, SIGKILL);
	waitpid(bystander, NULL, 0);
}

static void after_a_new_boot_it_is_gone(void **state)
{
	struct room *room = *state;
	const struct value *inputs = sleeper(room);
	struct folder_state fake = {.boot = "another", .intent = INTENT("01")};
	struct outcome outcome = {.id = INTENT("01"), .endpoint = "another"};
	struct record *record = recorded(room, TYPE, inputs, &outcome);
	struct request request = create_of(room, TYPE, inputs);
	struct observation seen;
	pid_t pid;

	fake.process.pid = getpid();
	assert_int_equal(fs_make_dirs(folder_of(room, INTENT("01")), 0700, NULL, NULL, NULL), 0);
	assert_int_equal(folder_write_state(folder_of(room, INTENT("01")), &fake, NULL), 0);
	seen = look(room, TYPE, inputs, record, NULL);
	assert_int_equal(seen.presence, PRESENCE_ABSENT);
	assert_null(seen.endpoint);
	assert_string_equal(seen.message, "the machine was started anew");
	/* Its folder is used again, so nothing piles up. */
	request.observed = &seen;
	assert_int_equal(apply_with(room, INTENT("02"), &request), 0);
	assert_string_equal(room->outcome.id, INTENT("01"));
	assert_int_equal(alive(room, &pid), 1);
	assert_destroyed(room, INTENT("03"), record);
	/* Not wanted or stopped by hand: there is a folder to remove, and nothing to start. */
	assert_int_equal(fs_make_dirs(folder_of(room, INTENT("01")), 0700, NULL, NULL, NULL), 0);
	assert_int_equal(folder_write_state(folder_of(room, INTENT("01")), &fake, NULL), 0);
	seen = look(room, TYPE, NULL, record, NULL);
	assert_int_equal(seen.presence, PRESENCE_PRESENT);
	record->status = RECORD_STOPPED;
	seen = look(room, TYPE, inputs, record, NULL);
	assert_int_equal(seen.presence, PRESENCE_PRESENT);
	assert_false(seen.runs);
}

/* --- changing --------------------------------------------------------------------------------- */

static void an_update_restarts_it_in_its_folder(void **state)
{
	struct room *room = *state;
	struct record *record = create(room, TYPE, INTENT("01"),
		service(room, "echo one; exec sleep 1000", ""));
	struct record *again;
	pid_t before = 0, after = 0;

	assert_int_equal(alive(room, &before), 1);
	wait_for_log(room, record, "1:one|");
	again = update(room, INTENT("02"), record, service(room, "echo two; exec sleep 1000", ""));
	assert_string_equal(again->id, record->id);
	assert_int_equal(alive(room, &after), 1);
	assert_int_not_equal(before, after);
	wait_for_log(room, again, "1:one|1:two|");
	assert_destroyed(room, INTENT("03"), again);
}

static void it_is_started_again_from_its_record(void **state)
{
	struct room *room = *state;
	const struct value *inputs = json_secret(room, arena_printf(&room->arena,
		"{'command':['sh','-c','echo $TOKEN; exec sleep 1000'],"
		"'environment':{'ROOM':'%s','TOKEN':'s3cret'}}", room->root), "environment");
	struct record *record = create(room, TYPE, INTENT("01"), inputs);

	act_on(room, ACT_STOP, record, NULL);
	assert_int_equal(alive(room, NULL), 0);
	act_on(room, ACT_START, record, NULL);
	assert_int_equal(alive(room, NULL), 1);
	act_on(room, ACT_START, record, NULL);
	assert_int_equal(alive(room, NULL), 1);
	wait_for_log(room, record, "1:s3cret|1:s3cret|");
	assert_destroyed(room, INTENT("02"), record);
}

static void secrets_are_in_no_file_and_no_argument(void **state)
{
	struct room *room = *state;
	const struct value *inputs = json_secret(room, arena_printf(&room->arena,
		"{'command':['sleep','1000'],'stdin':'st4in','environment':{'ROOM':'%s','TOKEN':'s3cret'}}",
		room->root), "environment");
	struct record *record = create(room, TYPE, INTENT("01"), inputs);
	struct folder folder = state_of(room, record->id);
	const char *const *names;
	size_t n;

	assert_int_equal(fs_list(folder.path, &room->arena, &names, &n, &room->err), 0);
	assert_true(n >= 3);
	for (size_t i = 0; i < n; i++) {
		const char *text;
		struct stat st;
		size_t len;

		assert_int_equal(fs_read(fs_join(&room->arena, folder.path, names[i]), &room->arena,
			&text, &len, &room->err), 0);
		assert_null(memmem(text, len, "s3cret", 6));
		assert_null(memmem(text, len, "st4in", 5));
		assert_int_equal(stat(fs_join(&room->arena, folder.path, names[i]), &st), 0);
		assert_int_equal(st.st_mode & 0077, 0);
	}
	assert_false(mentions(room, arena_printf(&room->arena, "%d", folder.state.shim.pid),
		"cmdline", "s3cret"));
	assert_false(mentions(room, arena_printf(&room->arena, "%d", folder.state.shim.pid),
		"environ", "s3cret"));
	assert_true(mentions(room, arena_printf(&room->arena, "%d", folder.state.process.pid),
		"environ", "s3cret"));
	assert_destroyed(room, INTENT("02"), record);
}

static void the_lock_of_the_intent_is_let_go(void **state)
{
	struct room *room = *state;
	struct record *record;
	struct pollfd end;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	room->env.intent_fd = ends[1];
	record = create(room, TYPE, INTENT("01"), sleeper(room));
	close(ends[1]);
	room->env.intent_fd = -1;
	end = (struct pollfd){.fd = ends[0], .events = POLLIN};
	assert_int_equal(poll(&end, 1, 2000), 1);
	assert_true(end.revents & POLLHUP); /* nobody holds the other end any more */
	close(ends[0]);
	assert_int_equal(alive(room, NULL), 1);
	assert_destroyed(room, INTENT("02"), record);
}

/* --- logs, readiness, exec -------------------------------------------------------------------- */

static void the_log_keeps_streams_and_times(void **state)
{
	struct room *room = *state;
	struct record *record = create(room, TYPE, INTENT("01"), service(room,
		"echo a; sleep 0.05; echo b >&2; sleep 0.05; printf c; sleep 0.4; echo d; exec sleep 1000",
		""));
	int64_t later;

	wait_for_log(room, record, "1:a|2:b|");
	later = clock_wall(&clock_system);
	poll(NULL, 0, 5);
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

struct follow {
	struct strbuf text;
	struct room *room;
	struct record *record;
};

static bool follow_line(void *arg, int stream, const char *text, size_t len)
{
	struct follow *follow = arg;

	strbuf_addf(&follow->text, "%d:%.*s|", stream, (int)len, text);
	return !strstr(follow->text.text, "tick 60|");
}

static void following_survives_a_rotation(void **state)
{
	struct room *room = *state;
	struct record *record = create(room, TYPE, INTENT("01"), service(room,
		"i=0; while :; do echo tick $i; head -c 200 /dev/zero | tr \\\"\\\\0\\\" x; echo; "
		"i=$((i+1)); sleep 0.01; done", ",'logMaxSize':'4KiB'"));
	struct follow follow = {.text = STRBUF_INIT};
	struct log_request request = {.flags = LOG_FOLLOW, .tail = -1, .line = follow_line,
		.arg = &follow};
	char want[32];
	const char *at;

	room->env.deadline = clock_monotonic(&clock_system) + 20000;
	assert_int_equal(provider_local.logs(&room->env, record, &request, &room->err), 0);
	room->env.deadline = 0;
	at = follow.text.text;
	for (int i = 20; i <= 60; i++) {
		snprintf(want, sizeof(want), "1:tick %d|", i);
		at = strstr(at, want);
		if (!at)
			fail_msg("%s is missing", want);
	}
	strbuf_release(&follow.text);
	assert_destroyed(room, INTENT("02"), record);
}

static void following_ends_with_the_process(void **state)
{
	struct room *room = *state;
	struct record *record = create(room, TYPE, INTENT("01"),
		service(room, "echo first; sleep 0.4; echo last", ""));
	struct strbuf text = STRBUF_INIT;
	struct log_request request = {.flags = LOG_FOLLOW, .tail = -1, .line = add_log, .arg = &text};

	assert_int_equal(provider_local.logs(&room->env, record, &request, &room->err), 0);
	assert_string_equal(text.text, "1:first|1:last|");
	strbuf_release(&text);
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
		service(room, "sleep 0.5; echo server ready on 80; exec sleep 1000", ""));
	const char *spec = "{'log':'ready on [0-9]+$'}", *why;

	assert_int_equal(probe(room, record, PROBE_LOG, spec, &why), READY_WAIT);
	assert_non_null(strstr(why, "ready on"));
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
	const struct value *inputs = service(room, "sleep 0.3; echo address in use >&2; exit 1", "");
	struct record *record = create(room, TYPE, INTENT("01"), inputs);
	const char *why;
	char host[64];
	int port;

	assert_int_equal(probe(room, record, PROBE_RUNNING, "{}", &why), READY_YES);
	assert_int_equal(provider_local.probe_target(&room->env, record, json(room, "{'port':80}"),
		host, sizeof(host), &port, &room->err), 0);
	assert_string_equal(host, "127.0.0.1");
	assert_int_equal(port, 80);
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
	const struct value *inputs = service(room, "sleep 0.5; echo ready; exec sleep 1000", "");
	struct record *record = create(room, TYPE, INTENT("01"), inputs);
	const char *why;

	assert_int_equal(shims(room, SIGKILL), 1);
	wait_for_health(room, inputs, record, "running, but its shim is dead: its output is lost");
	assert_int_equal(probe(room, record, PROBE_LOG, "{'log':'ready'}", &why), READY_FAILED);
	assert_string_equal(why, "running, but its shim is dead: its output is lost");
	assert_true(look(room, TYPE, inputs, record, NULL).runs);
	record->status = RECORD_UNREADY;
	assert_false(look(room, TYPE, inputs, record, NULL).runs);
	act_on(room, ACT_START, record, NULL);
	wait_for_log(room, record, "ready");
	assert_int_equal(probe(room, record, PROBE_LOG, "{'log':'ready'}", &why), READY_YES);
	assert_int_equal(alive(room, NULL), 1);
	assert_destroyed(room, INTENT("03"), record);
}

/* --- deaths ----------------------------------------------------------------------------------- */

static void an_open_intent_finds_what_runs(void **state)
{
	struct room *room = *state;
	const struct value *inputs = sleeper(room);
	struct intent *intent = open_intent(room, TYPE, INTENT("01"), INTENT_CREATE, inputs);
	struct intent *second = open_intent(room, TYPE, INTENT("02"), INTENT_CREATE, inputs);
	struct request request = create_of(room, TYPE, inputs);
	struct observation seen;
	pid_t before, after;

	create(room, TYPE, INTENT("01"), inputs); /* and no record of it */
	assert_int_equal(alive(room, &before), 1);
	seen = look(room, TYPE, inputs, NULL, intent);
	assert_int_equal(seen.presence, PRESENCE_PRESENT);
	assert_int_equal(seen.ownership, OWNER_US);
	assert_string_equal(seen.mark_intent, INTENT("01"));
	assert_string_equal(seen.id, INTENT("01"));
	assert_true(seen.matches);
	/* Another run died, too, before it did anything. */
	second->older = intent;
	seen = look(room, TYPE, inputs, NULL, second);
	assert_string_equal(seen.mark_intent, INTENT("02"));
	assert_true(seen.matches);
	request.adopt = true;
	request.observed = &seen;
	assert_int_equal(apply_with(room, INTENT("03"), &request), 0);
	assert_string_equal(room->outcome.id, INTENT("01"));
	assert_int_equal(alive(room, &after), 1);
	assert_int_equal(before, after);
	/* The manifest changed meanwhile: then it is another process. */
	inputs = service(room, "sleep 999", "");
	seen = look(room, TYPE, inputs, NULL, second);
	assert_false(seen.matches);
	request.inputs = inputs;
	assert_int_equal(apply_with(room, INTENT("04"), &request), 0);
	wait_until_alive(room, 2); /* sh and its sleep */
	assert_destroyed(room, INTENT("05"), recorded(room, TYPE, inputs, &room->outcome));
	assert_int_equal(alive(room, NULL), 0);
}

static void a_folder_without_record_or_intent_is_a_stray(void **state)
{
	struct room *room = *state;
	const struct value *inputs = sleeper(room);
	struct observe_request request = {0};
	struct observation item, seen;
	struct record *record = create(room, TYPE, INTENT("01"), inputs);

	seen = look(room, TYPE, inputs, NULL, NULL);
	assert_int_equal(seen.presence, PRESENCE_PRESENT); /* desired, so not simply made twice */
	assert_int_equal(seen.ownership, OWNER_US);
	assert_null(seen.mark_intent);
	item = (struct observation){.address = "local_process.other", .type = type_find(TYPE)};
	request = (struct observe_request){.items = &item, .n = 1};
	assert_int_equal(provider_local.observe(&room->env, &request, &room->err), 0);
	assert_int_equal(request.n_strays, 1);
	assert_string_equal(request.strays[0].address, "local_process.x");
	assert_string_equal(request.strays[0].id, INTENT("01"));
	item.record = record;
	request = (struct observe_request){.items = &item, .n = 1};
	assert_int_equal(provider_local.observe(&room->env, &request, &room->err), 0);
	assert_int_equal(request.n_strays, 0);
	assert_destroyed(room, INTENT("02"), record);
}

static const struct value *wanted;
static struct record *standing;
static int intent_pipe[2];

static void make_wanted(struct room *room)
{
	struct request request = create_of(room, TYPE, wanted);

	close(intent_pipe[0]);
	_exit(apply_with(room, INTENT("01"), &request) == 0 ? 0 : 1);
}

static void update_standing(struct room *room)
{
	struct request request = create_of(room, TYPE, wanted);

	close(intent_pipe[0]);
	request.act = ACT_UPDATE;
	request.record = standing;
	_exit(apply_with(room, INTENT("02"), &request) == 0 ? 0 : 1);
}

static void open_lock(struct room *room)
{
	assert_int_equal(pipe2(intent_pipe, O_CLOEXEC), 0);
	room->env.intent_fd = intent_pipe[1];
}

/* As the next run: waits for what still acts on behalf of the dead one. */
static void wait_for_lock(struct room *room)
{
	struct pollfd end = {.fd = intent_pipe[0], .events = POLLIN};

	close(intent_pipe[1]);
	room->env.intent_fd = -1;
	assert_int_equal(poll(&end, 1, 10000), 1);
	close(intent_pipe[0]);
}

static void settle_create(struct room *room, bool still_wanted)
{
	struct intent *intent = open_intent(room, TYPE, INTENT("01"), INTENT_CREATE, wanted);
	struct observation seen = look(room, TYPE, still_wanted ? wanted : NULL, NULL, intent);
	struct request request = create_of(room, TYPE, wanted);
	struct outcome found = {.id = seen.id};

	assert_int_not_equal(seen.presence, PRESENCE_UNKNOWN);
	if (seen.presence == PRESENCE_PRESENT) {
		assert_int_equal(seen.ownership, OWNER_US);
		assert_string_equal(seen.mark_intent, INTENT("01"));
		request.adopt = true;
		request.observed = &seen;
	} else {
		assert_int_equal(alive(room, NULL), 0);
	}
	if (still_wanted) {
		int rc = apply_with(room, INTENT("04"), &request);

		if (rc < 0 && room->err.code == ERROR_TRANSIENT) /* its shim was dying when it was looked at */
			rc = apply_with(room, INTENT("04"), &request);
		if (rc < 0)
			fail_msg("%s", room->err.msg);
		assert_int_equal(alive(room, NULL), 1);
		found.id = room->outcome.id;
	}
	if (found.id)
		assert_destroyed(room, INTENT("05"), recorded(room, TYPE, wanted, &found));
	wait_until_alive(room, 0);
	assert_int_equal(shims(room, 0), 0);
	assert_int_equal(count_below(room, folder_of(room, "")), 0);
}

/* Some points, unless DEVENV_TEST_FULL asks for all; a checker of memory makes each of them dear. */
static long stride(void)
{
#ifdef __SANITIZE_ADDRESS__
	return 97;
#else
	return getenv("DEVENV_TEST_FULL") ? 1 : 23;
#endif
}

static void killed_anywhere_while_it_is_started(void **state)
{
	struct room *room = *state;
	bool more = true;
	long n = 1;

	wanted = sleeper(room);
	for (; more; n += stride()) {
		open_lock(room);
		more = die_at(room, n, make_wanted);
		wait_for_lock(room);
		settle_create(room, n % 2);
	}
	assert_true(n > 60);
}

static void killed_anywhere_while_it_is_restarted(void **state)
{
	struct room *room = *state;
	bool more = true;
	long n = 1;

	for (; more; n += stride()) {
		struct observation seen;

		standing = create(room, TYPE, INTENT("00"), sleeper(room));
		wanted = service(room, "exec sleep 999", "");
		open_lock(room);
		more = die_at(room, n, update_standing);
		wait_for_lock(room);
		seen = look(room, TYPE, wanted, standing,
			open_intent(room, TYPE, INTENT("02"), INTENT_UPDATE, wanted));
		assert_int_equal(seen.presence, PRESENCE_PRESENT);
		assert_true(alive(room, NULL) <= 1);
		if (seen.matches) {
			pid_t pid = 0;

			assert_int_equal(alive(room, &pid), 1);
			assert_true(seen.runs);
			for (int i = 0; i < 100 && !mentions(room, arena_printf(&room->arena, "%d", pid),
				"cmdline", "999"); i++)
				poll(NULL, 0, 10);
			assert_true(mentions(room, arena_printf(&room->arena, "%d", pid), "cmdline",
				"999")); /* not the one before */
		} else {
			struct record *again = update(room, INTENT("03"), standing, wanted);

			assert_string_equal(again->id, standing->id);
			assert_int_equal(alive(room, NULL), 1);
		}
		assert_destroyed(room, INTENT("04"), standing);
		assert_int_equal(alive(room, NULL), 0);
	}
	assert_true(n > 60);
}

/* The provider and its shim die at the same moment, as with an out-of-memory killer gone wild. */
static void killed_together_with_its_shim(void **state)
{
	struct room *room = *state;
	struct timespec pause = {0};

	wanted = sleeper(room);
	for (int round = 0; round < 20; round++) {
		pid_t pid;

		open_lock(room);
		pid = fork();
		if (pid == 0)
			make_wanted(room);
		pause.tv_nsec = round * 450000;
		nanosleep(&pause, NULL);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		shims(room, SIGKILL);
		wait_for_lock(room);
		settle_create(room, round % 2);
	}
}

int main(int argc, char **argv)
{
#undef T
#define T(name) cmocka_unit_test_setup_teardown(name, room_setup, end_all)
	const struct CMUnitTest tests[] = {
		T(a_process_runs_on_is_seen_and_removed),
		T(it_is_detached_and_inherits_nothing),
		T(stdin_reaches_it),
		T(its_end_is_recorded),
		T(one_that_ends_at_once_has_failed),
		T(one_that_cannot_be_started_leaves_nothing),
		T(stopping_asks_with_the_signal_it_wants),
		T(one_that_does_not_listen_is_killed),
		T(all_that_descends_from_it_goes),
		T(what_it_leaves_behind_goes_when_it_ends),
		T(without_its_shim_it_is_still_found_and_stopped),
		T(helpers_are_found_when_shim_and_process_were_killed),
		T(a_pid_that_changed_hands_is_not_touched),
		T(after_a_new_boot_it_is_gone),
		T(an_update_restarts_it_in_its_folder),
		T(it_is_started_again_from_its_record),
		T(secrets_are_in_no_file_and_no_argument),
		T(the_lock_of_the_intent_is_let_go),
		T(the_log_keeps_streams_and_times),
		T(the_log_is_rotated),
		T(following_survives_a_rotation),
		T(following_ends_with_the_process),
		T(readiness_is_found_in_the_log),
		T(readiness_is_asked_of_a_command),
		T(one_that_has_ended_will_not_become_ready),
		T(one_whose_shim_died_before_it_was_ready_is_started_anew),
		T(exec_runs_in_its_environment),
		T(exec_reads_our_input_only_when_it_shall),
		T(an_open_intent_finds_what_runs),
		T(a_folder_without_record_or_intent_is_a_stray),
		T(killed_anywhere_while_it_is_started),
		T(killed_anywhere_while_it_is_restarted),
		T(killed_together_with_its_shim),
	};

	if (argc > 1 && !strcmp(argv[1], SHIM_VERB))
		return local_shim_main(argc, argv);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
