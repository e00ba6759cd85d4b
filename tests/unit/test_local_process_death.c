/* local_process: deaths of the provider, the shim and the process at any moment. */
#include "process_room.h"

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
	before = wait_until_alive(room, 1);
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
	after = wait_until_alive(room, 1);
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
	assert_int_equal(poll(&end, 1, 60000), 1);
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
		wait_until_alive(room, 1);
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
			pid_t pid = wait_until_alive(room, 1);

			assert_true(seen.runs);
			for (int i = 0; i < 6000 && !mentions(room, arena_printf(&room->arena, "%d", pid),
				"cmdline", "999"); i++)
				poll(NULL, 0, 10);
			assert_true(mentions(room, arena_printf(&room->arena, "%d", pid), "cmdline",
				"999")); /* not the one before */
		} else {
			struct record *again = update(room, INTENT("03"), standing, wanted);

			assert_string_equal(again->id, standing->id);
			wait_until_alive(room, 1);
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
	const struct CMUnitTest tests[] = {
		T(an_open_intent_finds_what_runs),
		T(a_folder_without_record_or_intent_is_a_stray),
		T(killed_anywhere_while_it_is_started),
		T(killed_anywhere_while_it_is_restarted),
		T(killed_together_with_its_shim),
	};

	PROCESS_TESTS(argc, argv, tests);
}
