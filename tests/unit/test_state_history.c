/* What state keeps of what happened: journal, history, notes, audit; also with many writers at once. */
#include "tests/unit/state_home.h"

#include "state/lock.h"

/* --- journal ------------------------------------------------------------------------------------- */

static void intents_are_open_until_closed(void **cmocka)
{
	struct home *home = *cmocka;
	struct state *state = home_open(home, STATE_WRITE);
	const char *id = home_environment(home, state, "");
	struct intent intent = {
		.id = "ffff", .run = 7, .address = "t.b", .generation = 2, .action = INTENT_DELETE,
		.type = "local_file", .type_version = 3, .identity = "/a", .inputs_json = "{\"a\":1}",
		.started_at = 9}, *intents;
	struct intent older = {.id = "0001", .address = "t.b", .type = "x"},
		      newer = {.id = "0000", .address = "t.b", .type = "x"},
		      first = {.id = "eeee", .address = "t.a", .type = "x"};
	struct error err = ERROR_INIT;
	size_t n;

	ok(state_begin(state, &err), &err);
	ok(state_intent_open(state, id, &intent, &err), &err);
	ok(state_intent_open(state, id, &older, &err), &err);
	ok(state_intent_open(state, id, &newer, &err), &err);
	ok(state_intent_open(state, id, &first, &err), &err);
	ok(state_commit(state, &err), &err);
	state_free(state);
	state = home_open(home, STATE_READ);
	ok(state_intents(state, id, &home->arena, &intents, &n, &err), &err);
	assert_int_equal(n, 4);
	assert_string_equal(intents[0].address, "t.a");
	assert_string_equal(intents[1].id, "ffff"); /* of one address: as they were opened */
	assert_string_equal(intents[2].id, "0001");
	assert_string_equal(intents[3].id, "0000");
	assert_true(intents[1].run == 7 && intents[1].started_at == 9);
	assert_int_equal(intents[1].generation, 2);
	assert_int_equal(intents[1].action, INTENT_DELETE);
	assert_string_equal(intents[1].type, "local_file");
	assert_int_equal(intents[1].type_version, 3);
	assert_string_equal(intents[1].identity, "/a");
	assert_string_equal(intents[1].inputs_json, "{\"a\":1}");
	assert_null(intents[1].meta_json);
	state_free(state);

	state = home_open(home, STATE_WRITE);
	ok(state_begin(state, &err), &err);
	ok(state_intent_close(state, id, "0001", &err), &err);
	ok(state_commit(state, &err), &err);
	ok(state_intents(state, id, &home->arena, &intents, &n, &err), &err);
	assert_int_equal(n, 3);
	state_free(state);
}

static void die_before_the_result(struct home *home)
{
	struct state *state = home_open(home, STATE_WRITE);
	const char *id = home_environment(home, state, "");
	struct intent intent = {.id = "1111", .address = "t.a", .type = "local_file"};
	struct run run = {.environment = id, .kind = "apply", .actor = "me"};
	struct record record = record_of("t.a");
	struct error err = ERROR_INIT;

	ok(state_begin(state, &err), &err);
	ok(state_run_start(state, &run, &err), &err);
	ok(state_intent_open(state, id, &intent, &err), &err);
	ok(state_commit(state, &err), &err);
	ok(state_begin(state, &err), &err);
	ok(state_record_put(state, id, &record, &err), &err);
	ok(state_intent_close(state, id, "1111", &err), &err);
	kill(getpid(), SIGKILL);
}

static void a_killed_run_leaves_its_intent(void **cmocka)
{
	struct home *home = *cmocka;
	struct environment environment;
	struct error err = ERROR_INIT;
	struct intent *intents;
	struct run *runs, next;
	struct state *state;
	size_t n;

	assert_true(WIFSIGNALED(in_child(die_before_the_result, home)));
	for (int mode = STATE_READ; mode <= STATE_WRITE; mode++) {
		state = home_open(home, (enum state_mode)mode);
		environment = look(home, state);
		ok(state_intents(state, environment.id, &home->arena, &intents, &n, &err), &err);
		assert_int_equal(n, 1);
		assert_string_equal(intents[0].address, "t.a");
		assert_int_equal(count_records(home, state, environment.id), 0);
		if (mode == STATE_READ)
			state_free(state);
	}
	next = (struct run){.environment = environment.id, .kind = "apply", .actor = "me"};
	ok(state_begin(state, &err), &err);
	ok(state_run_start(state, &next, &err), &err);
	ok(state_commit(state, &err), &err);
	ok(state_runs(state, environment.id, 0, &home->arena, &runs, &n, &err), &err);
	assert_int_equal(n, 2);
	assert_string_equal(runs[0].status, "running");
	assert_string_equal(runs[1].status, "died");
	state_free(state);
}

/* --- history ------------------------------------------------------------------------------------- */

static void runs_are_listed_newest_first(void **cmocka)
{
	struct home *home = *cmocka;
	struct state *state = home_open(home, STATE_WRITE);
	const char *id = home_environment(home, state, ""), *other = home_environment(home, state, "b");
	struct run run = {.environment = other, .kind = "apply", .actor = "me", .started_at = 4}, *runs;
	struct error err = ERROR_INIT;
	int64_t of_other;
	size_t n;

	ok(state_begin(state, &err), &err);
	ok(state_run_start(state, &run, &err), &err);
	of_other = run.id;
	run.environment = id;
	for (int i = 0; i < 3; i++) {
		run.started_at = 10 + i;
		ok(state_run_start(state, &run, &err), &err);
	}
	run.status = "ok";
	run.summary = "1 added";
	run.finished_at = 20;
	ok(state_run_finish(state, &run, &err), &err);
	ok(state_commit(state, &err), &err);
	ok(state_runs(state, id, 2, &home->arena, &runs, &n, &err), &err);
	assert_int_equal(n, 2);
	assert_true(runs[0].id == run.id && runs[0].started_at == 12 && runs[0].finished_at == 20);
	assert_string_equal(runs[0].status, "ok");
	assert_string_equal(runs[0].summary, "1 added");
	assert_string_equal(runs[0].environment, id);
	assert_string_equal(runs[1].status, "died");
	assert_null(runs[1].summary);
	ok(state_runs(state, id, 0, &home->arena, &runs, &n, &err), &err);
	assert_int_equal(n, 3);
	ok(state_runs(state, other, 0, &home->arena, &runs, &n, &err), &err);
	assert_int_equal(n, 1);
	assert_true(runs[0].id == of_other);
	assert_string_equal(runs[0].status, "running"); /* another environment's run lives */
	assert_int_equal(look(home, state).last_run_at, 12);
	state_free(state);
}

static void changes_stay_in_order(void **cmocka)
{
	struct home *home = *cmocka;
	struct state *state = home_open(home, STATE_WRITE);
	const char *id = home_environment(home, state, "");
	struct run run = {.environment = id, .kind = "apply", .actor = "me"};
	struct run_change change = {.address = "t.z", .generation = 1, .action = "create",
		.reason = "new", .status = "failed", .error = "no", .started_at = 1, .duration = 2};
	struct run_change *changes;
	struct error err = ERROR_INIT;
	size_t n;

	ok(state_begin(state, &err), &err);
	ok(state_run_start(state, &run, &err), &err);
	change.run = run.id;
	ok(state_run_change(state, &change, &err), &err);
	ok(state_commit(state, &err), &err);
	ok(state_begin(state, &err), &err);
	change.address = "t.rolled-back";
	ok(state_run_change(state, &change, &err), &err);
	state_rollback(state);
	ok(state_begin(state, &err), &err);
	change.address = "t.a";
	change.error = NULL;
	ok(state_run_change(state, &change, &err), &err);
	ok(state_commit(state, &err), &err);
	ok(state_run_changes(state, run.id, &home->arena, &changes, &n, &err), &err);
	assert_int_equal(n, 2);
	assert_string_equal(changes[0].address, "t.z");
	assert_string_equal(changes[0].error, "no");
	assert_string_equal(changes[0].reason, "new");
	assert_true(changes[0].run == run.id && changes[0].started_at == 1);
	assert_true(changes[0].duration == 2);
	assert_string_equal(changes[1].address, "t.a");
	assert_null(changes[1].error);
	state_free(state);
}

static void notes_are_put_and_deleted(void **cmocka)
{
	struct home *home = *cmocka;
	struct state *state = home_open(home, STATE_WRITE);
	const char *id = home_environment(home, state, "");
	const char *const *keys, *const *values;
	struct error err = ERROR_INIT;
	size_t n;

	ok(state_begin(state, &err), &err);
	ok(state_note_put(state, id, "approval", "b", "2", &err), &err);
	ok(state_note_put(state, id, "approval", "a", "1", &err), &err);
	ok(state_note_put(state, id, "approval", "b", "3", &err), &err);
	ok(state_note_put(state, id, "outputs", "x", "y", &err), &err);
	ok(state_commit(state, &err), &err);
	ok(state_notes(state, id, "approval", &home->arena, &keys, &values, &n, &err), &err);
	assert_int_equal(n, 2);
	assert_string_equal(keys[0], "a");
	assert_string_equal(values[0], "1");
	assert_string_equal(values[1], "3");
	ok(state_begin(state, &err), &err);
	ok(state_note_put(state, id, "approval", "a", NULL, &err), &err);
	ok(state_note_put(state, id, "approval", "none", NULL, &err), &err);
	ok(state_commit(state, &err), &err);
	ok(state_notes(state, id, "approval", &home->arena, &keys, &values, &n, &err), &err);
	assert_int_equal(n, 1);
	assert_string_equal(keys[0], "b");
	state_free(state);
}

/* --- audit --------------------------------------------------------------------------------------- */

static struct state *five_entries(struct home *home)
{
	struct state *state = home_open(home, STATE_WRITE);
	struct error err = ERROR_INIT;

	ok(state_begin(state, &err), &err);
	for (int i = 0; i < 5; i++)
		ok(state_audit(state, i % 2 ? "env" : NULL, "me@here", "apply",
			   i == 3 ? NULL : arena_printf(&home->arena, "run %d", i), &err), &err);
	ok(state_commit(state, &err), &err);
	return state;
}

static int64_t first_broken(struct state *state, int64_t *checked)
{
	struct error err = ERROR_INIT;
	int64_t broken;

	ok(state_audit_verify(state, checked, &broken, &err), &err);
	return broken;
}

static void the_audit_trail_fits(void **cmocka)
{
	struct home *home = *cmocka;
	struct state *state = five_entries(home);
	struct audit_entry *entries;
	struct error err = ERROR_INIT;
	int64_t checked;
	size_t n;

	assert_int_equal(first_broken(state, &checked), 0);
	assert_int_equal(checked, 5);
	ok(state_audit_entries(state, 2, &home->arena, &entries, &n, &err), &err);
	assert_int_equal(n, 2);
	assert_int_equal(entries[0].id, 5);
	assert_string_equal(entries[0].detail, "run 4");
	assert_string_equal(entries[0].environment, "");
	assert_int_equal(strlen(entries[0].hash), 64);
	assert_string_not_equal(entries[0].hash, entries[1].hash);
	ok(state_begin(state, &err), &err); /* rolled back: as if it had not been */
	ok(state_audit(state, "env", "me", "x", "y", &err), &err);
	state_rollback(state);
	assert_int_equal(first_broken(state, &checked), 0);
	assert_int_equal(checked, 5);
	state_free(state);
}

static void the_audit_trail_is_append_only(void **cmocka)
{
	struct state *state = five_entries(*cmocka);
	struct error err = ERROR_INIT;
	int64_t checked;

	assert_int_equal(db_exec(state, "UPDATE audit SET detail = 'x'", &err), -1);
	assert_int_equal(db_exec(state, "DELETE FROM audit WHERE id = 5", &err), -1);
	assert_int_equal(first_broken(state, &checked), 0);
	assert_int_equal(checked, 5);
	state_free(state);
}

static void tampering_is_noticed(void **cmocka)
{
	static const struct {
		const char *sql;
		int64_t broken;
	} cases[] = {
		{"UPDATE audit SET at = at + 1 WHERE id = 2", 2},
		{"UPDATE audit SET environment = 'other' WHERE id = 4", 4},
		{"UPDATE audit SET actor = 'nobody' WHERE id = 1", 1},
		{"UPDATE audit SET event = 'destroy' WHERE id = 3", 3},
		{"UPDATE audit SET detail = '' WHERE id = 5", 5},
		{"UPDATE audit SET actor = 'me@her', event = 'eapply' WHERE id = 3", 3},
		{"UPDATE audit SET hash = x'00' WHERE id = 3", 3},
		{"UPDATE audit SET hash = (SELECT hash FROM audit WHERE id = 1) WHERE id = 2", 2},
		{"DELETE FROM audit WHERE id = 1", 1},
		{"DELETE FROM audit WHERE id = 3", 3},
		{"DELETE FROM audit WHERE id = 5", 5},
		{"DELETE FROM audit", 1},
		{"UPDATE audit SET id = 9 WHERE id = 5", 5},
		{"INSERT INTO audit SELECT id + 1, at, environment, actor, event, detail, hash"
		 " FROM audit WHERE id = 5", 6},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct state *state = five_entries(*cmocka);
		struct error err = ERROR_INIT;
		int64_t checked, broken;

		ok(db_exec(state, "DROP TRIGGER audit_update; DROP TRIGGER audit_delete", &err), &err);
		assert_int_equal(first_broken(state, &checked), 0);
		ok(db_exec(state, cases[i].sql, &err), &err);
		broken = first_broken(state, &checked);
		if (broken != cases[i].broken || checked != broken - 1)
			fail_msg("%s: %lld", cases[i].sql, (long long)broken);
		state_free(state);
		ok(fs_remove_tree(((struct home *)*cmocka)->path, &err), &err);
	}
}

static int64_t always_noon(void *arg)
{
	(void)arg;
	return 43200000;
}

static struct state *three_entries(struct home *home, const char *path, const char *second)
{
	static const struct clock noon = {.monotonic = always_noon, .wall = always_noon};
	const char *const details[] = {"first", second, "third"};
	struct error err = ERROR_INIT;
	struct state *state = state_open(home_file(home, path), STATE_WRITE, &noon, &err);

	assert_non_null(state);
	ok(state_begin(state, &err), &err);
	for (size_t i = 0; i < ARRAY_SIZE(details); i++)
		ok(state_audit(state, "env", "me", "apply", details[i], &err), &err);
	ok(state_commit(state, &err), &err);
	return state;
}

/* An entry is replaced by another that is right in itself: the next one tells. */
static void a_forged_entry_breaks_the_next(void **cmocka)
{
	struct home *home = *cmocka;
	struct state *state = three_entries(home, "a", "true"),
		     *other = three_entries(home, "b", "forged");
	struct error err = ERROR_INIT;
	int64_t checked;

	state_free(other);
	ok(db_exec(state, arena_printf(&home->arena, "DROP TRIGGER audit_update;"
		" ATTACH '%s/state.db' AS other; UPDATE audit SET (detail, hash) ="
		" (SELECT detail, hash FROM other.audit WHERE id = 2) WHERE id = 2",
		home_file(home, "b")), &err), &err);
	assert_int_equal(first_broken(state, &checked), 3);
	assert_int_equal(checked, 2);
	state_free(state);
}

/* --- many at once -------------------------------------------------------------------------------- */

enum { WRITERS = 30, ROUNDS = 5 };

static void write_some(struct home *home, int writer)
{
	struct state *state = home_open(home, STATE_WRITE);
	struct error err = ERROR_INIT;
	struct lock lock = LOCK_INIT;
	const char *id;

	for (int i = 0; i < ROUNDS; i++) {
		struct record record = record_of(
			arena_printf(&home->arena, "t.w%d-%d", writer, i));

		ok(lock_take(&lock, home->path, "env", "apply", -1, NULL, &clock_system, &err), &err);
		id = look(home, state).id;
		if (!id)
			id = home_environment(home, state, "");
		ok(state_begin(state, &err), &err);
		ok(state_record_put(state, id, &record, &err), &err);
		ok(state_audit(state, id, "me", "put", record.address, &err), &err);
		ok(state_commit(state, &err), &err);
		lock_drop(&lock);
	}
	state_free(state);
}

/* On a home that does not exist yet: made once, and no write is lost. */
static void thirty_writers_lose_nothing(void **cmocka)
{
	struct home *home = *cmocka;
	pid_t pids[WRITERS];
	struct state *state;
	int64_t checked;

	fflush(NULL);
	for (int i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			write_some(home, i);
			_exit(0);
		}
	}
	for (int i = 0; i < WRITERS; i++) {
		int status;

		waitpid(pids[i], &status, 0);
		assert_int_equal(status, 0);
	}
	state = home_open(home, STATE_READ);
	assert_int_equal(count_records(home, state, look(home, state).id), WRITERS * ROUNDS);
	assert_int_equal(look(home, state).serial, WRITERS * ROUNDS);
	assert_int_equal(first_broken(state, &checked), 0);
	assert_int_equal(checked, WRITERS * ROUNDS);
	state_free(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(intents_are_open_until_closed),
		TEST(a_killed_run_leaves_its_intent),
		TEST(runs_are_listed_newest_first),
		TEST(changes_stay_in_order),
		TEST(notes_are_put_and_deleted),
		TEST(the_audit_trail_fits),
		TEST(the_audit_trail_is_append_only),
		TEST(tampering_is_noticed),
		TEST(a_forged_entry_breaks_the_next),
		TEST(thirty_writers_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
