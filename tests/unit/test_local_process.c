/* local_process and its shim: how a process lives, is stopped and is changed. */
#include "process_room.h"

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
	pid = wait_until_alive(room, 1);
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
	const struct value *inputs = service(room, UNTIL_GO "exit 3", "");
	struct record *record = create(room, TYPE, INTENT("01"), inputs);
	struct observation seen;
	pid_t pid;

	put(room, "go", "");
	seen = wait_for_health(room, inputs, record, "exited (3)");
	assert_int_equal(seen.presence, PRESENCE_PRESENT);
	assert_false(seen.runs);
	assert_null(seen.outputs);
	assert_destroyed(room, INTENT("02"), record);
	inputs = sleeper(room);
	record = create(room, TYPE, INTENT("03"), inputs);
	pid = wait_until_alive(room, 1);
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
	assert_true(took >= 300 && took < 60000);
	assert_int_equal(alive(room, NULL), 0);
}

static void all_that_descends_from_it_goes(void **state)
{
	struct room *room = *state;
	const struct value *inputs = json(room, arena_printf(&room->arena, "{'command':['sh','-c',"
		"'sleep 1000 & setsid sleep 1000 & setsid sh -c \\\"trap `` TERM HUP; sleep 1000 & wait\\\" & wait'],"
		"'environment':{'ROOM':'%s'},'stopTimeout':'200ms'}", room->root));
	int64_t took = 5000;

	/* By the shim, not in spite of it: that takes five seconds more. Who was held up himself tries again. */
	for (int try = 0; try < 5 && took >= 5000; try++) {
		struct record *record = create(room, TYPE, INTENT("01"), inputs);
		int64_t start;

		wait_until_alive(room, 5);
		start = clock_monotonic(&clock_system);
		assert_destroyed(room, INTENT("02"), record);
		took = clock_monotonic(&clock_system) - start;
		assert_int_equal(alive(room, NULL), 0);
		assert_int_equal(shims(room, 0), 0);
	}
	assert_in_range(took, 0, 4999);
}

static void what_it_leaves_behind_goes_when_it_ends(void **state)
{
	struct room *room = *state;
	struct record *record = create(room, TYPE, INTENT("01"), service(room,
		"setsid sh -c \\\"trap `echo asked; exit` TERM; : >up; while :; do sleep 0.02; done\\\" & "
		"until [ -e up ]; do sleep 0.02; done; " UNTIL_GO "exit 0", ""));

	put(room, "go", "");
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
	wait_until_alive(room, 1);
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
	wait_until_alive(room, 1);
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

	before = wait_until_alive(room, 1);
	wait_for_log(room, record, "1:one|");
	again = update(room, INTENT("02"), record, service(room, "echo two; exec sleep 1000", ""));
	assert_string_equal(again->id, record->id);
	after = wait_until_alive(room, 1);
	assert_int_not_equal(before, after);
	wait_for_log(room, again, "1:one|1:two|");
	assert_destroyed(room, INTENT("03"), again);
}

static void it_is_started_again_from_its_record(void **state)
{
	struct room *room = *state;
	const struct value *inputs = json_secret(room, arena_printf(&room->arena,
		"{'command':['sh','-c','echo $TOKEN has ${#TOKEN}; exec sleep 1000'],"
		"'environment':{'ROOM':'%s','TOKEN':'s3cret'}}", room->root), "environment");
	struct record *record = create(room, TYPE, INTENT("01"), inputs);

	wait_for_log(room, record, "1:(sensitive) has 6|"); /* else it may end before it speaks */
	act_on(room, ACT_STOP, record, NULL);
	assert_int_equal(alive(room, NULL), 0);
	act_on(room, ACT_START, record, NULL);
	wait_until_alive(room, 1);
	act_on(room, ACT_START, record, NULL);
	wait_until_alive(room, 1);
	wait_for_log(room, record, "1:(sensitive) has 6|1:(sensitive) has 6|");
	assert_destroyed(room, INTENT("02"), record);
}

static void secrets_are_in_no_file_and_no_argument(void **state)
{
	struct room *room = *state;
	const struct value *inputs = json_secret(room, arena_printf(&room->arena,
		"{'command':['sh','-c','echo I am $TOKEN; exec sleep 1000'],'stdin':'st4in',"
		"'environment':{'ROOM':'%s','TOKEN':'s3cret'}}", room->root), "environment");
	struct record *record = create(room, TYPE, INTENT("01"), inputs);
	struct folder folder = state_of(room, record->id);
	const char *const *names;
	size_t n;

	wait_for_log(room, record, "1:I am (sensitive)|");
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
	assert_int_equal(poll(&end, 1, 60000), 1);
	assert_true(end.revents & POLLHUP); /* nobody holds the other end any more */
	close(ends[0]);
	wait_until_alive(room, 1);
	assert_destroyed(room, INTENT("02"), record);
}

int main(int argc, char **argv)
{
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
	};

	PROCESS_TESTS(argc, argv, tests);
}
