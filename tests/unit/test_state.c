/* What state keeps: environments, records, journal, history, notes, audit. */
#include "tests/unit/state_home.h"

#include "state/lock.h"

/* --- environments -------------------------------------------------------------------------------- */

static void nothing_is_known_of_an_empty_home(void **cmocka)
{
	struct home *home = *cmocka;
	struct state *state = home_open(home, STATE_READ);
	struct environment environment, *environments;
	struct record *records;
	struct intent *intents;
	struct run *runs;
	struct run_change *changes;
	struct audit_entry *entries;
	const char *const *keys, *const *values;
	struct error err = ERROR_INIT;
	int64_t checked, broken;
	size_t n = 7;

	ok(state_environment_find(state, "c", "", &home->arena, &environment, &err), &err);
	assert_null(environment.id);
	ok(state_environments(state, &home->arena, &environments, &n, &err), &err);
	assert_int_equal(n, 0);
	ok(state_environments_at(state, "/x", &home->arena, &environments, &n, &err), &err);
	assert_int_equal(n, 0);
	ok(state_records(state, "e", &home->arena, &records, &n, &err), &err);
	assert_int_equal(n, 0);
	ok(state_intents(state, "e", &home->arena, &intents, &n, &err), &err);
	assert_int_equal(n, 0);
	ok(state_runs(state, "e", 0, &home->arena, &runs, &n, &err), &err);
	assert_int_equal(n, 0);
	ok(state_run_changes(state, 1, &home->arena, &changes, &n, &err), &err);
	assert_int_equal(n, 0);
	ok(state_notes(state, "e", "k", &home->arena, &keys, &values, &n, &err), &err);
	assert_int_equal(n, 0);
	ok(state_audit_entries(state, 0, &home->arena, &entries, &n, &err), &err);
	assert_int_equal(n, 0);
	ok(state_audit_verify(state, &checked, &broken, &err), &err);
	assert_int_equal(broken, 0);
	assert_string_equal(state_id(state), "");
	assert_null(state_key(state));
	state_free(state);
	assert_int_equal(access(home->path, F_OK), -1);
}

static void environments_are_found_again(void **cmocka)
{
	struct home *home = *cmocka;
	struct state *state = home_open(home, STATE_WRITE);
	const char *a = home_environment(home, state, ""), *b = home_environment(home, state, "prod");
	struct environment found, *all;
	struct error err = ERROR_INIT;
	size_t n;

	assert_int_equal(strlen(a), 32);
	assert_string_not_equal(a, b);
	ok(state_environment_find(state, "checkout", "prod", &home->arena, &found, &err), &err);
	assert_string_equal(found.id, b);
	assert_string_equal(found.root, "/srv/shop");
	assert_true(found.created_at > 1600000000000);
	ok(state_environment_find(state, "checkout", "none", &home->arena, &found, &err), &err);
	assert_null(found.id);

	ok(state_environment_find(state, "checkout", "", &home->arena, &found, &err), &err);
	found.root = "/srv/moved";
	found.inode = UINT64_MAX;
	found.device = 5;
	found.project = "renamed";
	ok(state_begin(state, &err), &err);
	ok(state_environment_put(state, &home->arena, &found, &err), &err);
	ok(state_commit(state, &err), &err);
	ok(state_environments_at(state, "/srv/moved", &home->arena, &all, &n, &err), &err);
	assert_int_equal(n, 1);
	assert_string_equal(all[0].id, a);
	assert_true(all[0].inode == UINT64_MAX && all[0].device == 5);
	assert_string_equal(all[0].project, "renamed");
	ok(state_environments(state, &home->arena, &all, &n, &err), &err);
	assert_int_equal(n, 2);
	state_free(state);
}

static void a_checkout_has_one_environment_of_a_name(void **cmocka)
{
	struct home *home = *cmocka;
	struct state *state = home_open(home, STATE_WRITE);
	struct environment again = {.checkout = "checkout", .name = ""};
	struct error err = ERROR_INIT;

	home_environment(home, state, "");
	ok(state_begin(state, &err), &err);
	assert_int_equal(state_environment_put(state, &home->arena, &again, &err), -1);
	assert_int_equal(err.code, ERROR_CONFLICT);
	assert_int_equal(state_commit(state, &err), -1); /* nothing of a failed transaction */
	state_free(state);
}

static void a_forgotten_environment_leaves_its_history(void **cmocka)
{
	struct home *home = *cmocka;
	struct state *state = home_open(home, STATE_WRITE);
	const char *id = home_environment(home, state, "");
	struct run run = {.environment = id, .kind = "apply", .actor = "me"}, *runs;
	struct environment found;
	struct error err = ERROR_INIT;
	size_t n;

	put_record(state, id, "t.a");
	ok(state_begin(state, &err), &err);
	assert_int_equal(state_environment_forget(state, id, &err), -1); /* it has records */
	assert_int_equal(err.code, ERROR_CONFLICT);
	state_rollback(state);

	ok(state_begin(state, &err), &err);
	ok(state_run_start(state, &run, &err), &err);
	ok(state_record_delete(state, id, "t.a", 1, &err), &err);
	ok(state_note_put(state, id, "plan", "hash", "x", &err), &err);
	ok(state_environment_forget(state, id, &err), &err);
	ok(state_commit(state, &err), &err);
	ok(state_environment_find(state, "checkout", "", &home->arena, &found, &err), &err);
	assert_null(found.id);
	ok(state_runs(state, id, 0, &home->arena, &runs, &n, &err), &err);
	assert_int_equal(n, 1);
	assert_string_not_equal(home_environment(home, state, ""), id); /* starts anew */
	state_free(state);
}

/* --- records ------------------------------------------------------------------------------------- */

static void assert_same_text(const char *a, const char *b)
{
	assert_int_equal(!a, !b);
	if (a)
		assert_string_equal(a, b);
}

static void assert_same_record(const struct record *a, const struct record *b)
{
	assert_string_equal(a->address, b->address);
	assert_int_equal(a->generation, b->generation);
	assert_string_equal(a->type, b->type);
	assert_int_equal(a->type_version, b->type_version);
	assert_int_equal(a->status, b->status);
	assert_same_text(a->id, b->id);
	assert_same_text(a->identity, b->identity);
	assert_same_text(a->endpoint, b->endpoint);
	assert_memory_equal(&a->fingerprint, &b->fingerprint, sizeof(a->fingerprint));
	assert_same_text(a->inputs_json, b->inputs_json);
	assert_same_text(a->outputs_json, b->outputs_json);
	assert_same_text(a->observed_json, b->observed_json);
	assert_same_text(a->meta_json, b->meta_json);
	assert_true(a->created_at == b->created_at && a->updated_at == b->updated_at);
	assert_true(a->duration == b->duration);
	assert_same_text(a->last_error, b->last_error);
}

static struct record full_record(void)
{
	struct record record = {
		.address = "docker_container.web[\"a/b\"]",
		.generation = 3,
		.type = "docker_container",
		.type_version = 2,
		.status = RECORD_DEPOSED,
		.id = "0123",
		.identity = "docker_container:web",
		.endpoint = "engine-1",
		.inputs_json = "{\"image\":\"caf\xc3\xa9\"}",
		.outputs_json = "{}",
		.observed_json = "",
		.meta_json = "{\"edges\":[]}",
		.created_at = 1,
		.updated_at = INT64_MAX,
		.duration = 3,
		.last_error = "no such image",
	};

	memset(&record.fingerprint, 0xa5, sizeof(record.fingerprint));
	return record;
}

static void records_come_back_whole(void **cmocka)
{
	struct home *home = *cmocka;
	struct state *state = home_open(home, STATE_WRITE);
	const char *id = home_environment(home, state, "");
	struct record full = full_record(), bare = record_of("a.bare"), *records;
	struct error err = ERROR_INIT;
	size_t n;

	ok(state_begin(state, &err), &err);
	ok(state_record_put(state, id, &full, &err), &err);
	ok(state_record_put(state, id, &bare, &err), &err);
	ok(state_commit(state, &err), &err);
	for (int mode = STATE_READ; mode <= STATE_WRITE; mode++) {
		state_free(state);
		state = home_open(home, (enum state_mode)mode);
		ok(state_records(state, id, &home->arena, &records, &n, &err), &err);
		assert_int_equal(n, 2);
		assert_same_record(&records[0], &bare);
		assert_same_record(&records[1], &full);
		assert_string_equal(
			value_get_text(record_inputs(&records[1], &err), "image", ""), "caf\xc3\xa9");
	}
	state_free(state);
}

static void records_are_sorted_and_replaced(void **cmocka)
{
	struct home *home = *cmocka;
	struct state *state = home_open(home, STATE_WRITE);
	const char *id = home_environment(home, state, ""), *other = home_environment(home, state, "b");
	static const struct {
		const char *address;
		int generation;
	} keys[] = {{"t.b", 1}, {"t.a", 10}, {"t.a", 2}, {"t.B", 1}, {"t.a", 2}};
	struct error err = ERROR_INIT;
	struct record *records;
	size_t n;

	put_record(state, other, "t.other");
	ok(state_begin(state, &err), &err);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct record record = record_of(keys[i].address);

		record.generation = keys[i].generation;
		record.duration = (int64_t)i;
		ok(state_record_put(state, id, &record, &err), &err);
	}
	ok(state_commit(state, &err), &err);
	ok(state_records(state, id, &home->arena, &records, &n, &err), &err);
	assert_int_equal(n, 4);
	assert_string_equal(records[0].address, "t.B");
	assert_string_equal(records[1].address, "t.a");
	assert_int_equal(records[1].generation, 2);
	assert_int_equal(records[1].duration, 4); /* the last one put */
	assert_int_equal(records[2].generation, 10);
	assert_string_equal(records[3].address, "t.b");
	state_free(state);
}

static void renaming_keeps_the_record(void **cmocka)
{
	struct home *home = *cmocka;
	struct state *state = home_open(home, STATE_WRITE);
	const char *id = home_environment(home, state, "");
	struct record deposed = record_of("t.a"), *records;
	struct error err = ERROR_INIT;
	size_t n;

	deposed.generation = 2;
	deposed.id = "x";
	put_record(state, id, "t.a");
	put_record(state, id, "t.z");
	ok(state_begin(state, &err), &err);
	ok(state_record_put(state, id, &deposed, &err), &err);
	ok(state_record_rename(state, id, "t.a", "t.b", &err), &err);
	ok(state_commit(state, &err), &err);
	ok(state_records(state, id, &home->arena, &records, &n, &err), &err);
	assert_int_equal(n, 3);
	assert_string_equal(records[0].address, "t.b");
	assert_string_equal(records[1].address, "t.b");
	assert_string_equal(records[1].id, "x");
	ok(state_begin(state, &err), &err);
	assert_int_equal(state_record_rename(state, id, "t.b", "t.z", &err), -1);
	assert_int_equal(err.code, ERROR_CONFLICT);
	state_rollback(state);
	assert_int_equal(count_records(home, state, id), 3);
	state_free(state);
}

static struct environment look(struct home *home, struct state *state)
{
	struct environment environment;
	struct error err = ERROR_INIT;

	ok(state_environment_find(state, "checkout", "", &home->arena, &environment, &err), &err);
	return environment;
}

static void the_serial_grows_once_for_a_commit(void **cmocka)
{
	struct home *home = *cmocka;
	struct state *state = home_open(home, STATE_WRITE);
	const char *id = home_environment(home, state, "");
	struct record a = record_of("t.a"), b = record_of("t.b");
	struct error err = ERROR_INIT;

	assert_int_equal(look(home, state).serial, 0);
	ok(state_begin(state, &err), &err);
	ok(state_record_put(state, id, &a, &err), &err);
	ok(state_record_put(state, id, &b, &err), &err);
	ok(state_record_put(state, id, &b, &err), &err);
	ok(state_commit(state, &err), &err);
	assert_int_equal(look(home, state).serial, 1);
	assert_int_equal(look(home, state).resources, 2);

	ok(state_begin(state, &err), &err); /* no record changes */
	ok(state_note_put(state, id, "k", "a", "b", &err), &err);
	ok(state_record_delete(state, id, "t.none", 1, &err), &err);
	ok(state_commit(state, &err), &err);
	assert_int_equal(look(home, state).serial, 1);

	ok(state_begin(state, &err), &err);
	ok(state_record_delete(state, id, "t.a", 1, &err), &err);
	ok(state_record_rename(state, id, "t.b", "t.c", &err), &err);
	state_rollback(state);
	assert_int_equal(look(home, state).serial, 1);
	assert_int_equal(look(home, state).resources, 2);

	ok(state_begin(state, &err), &err);
	ok(state_record_delete(state, id, "t.a", 1, &err), &err);
	ok(state_commit(state, &err), &err);
	assert_int_equal(look(home, state).serial, 2);
	assert_int_equal(look(home, state).resources, 1);
	assert_int_equal(state_commits(state), 4); /* with the environment's own */
	state_free(state);
}

static void an_unknown_environment_is_an_error(void **cmocka)
{
	struct home *home = *cmocka;
	struct state *state = home_open(home, STATE_WRITE);
	struct record record = record_of("t.a");
	struct error err = ERROR_INIT;

	ok(state_begin(state, &err), &err);
	assert_int_equal(state_record_put(state, "nope", &record, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_int_equal(state_commit(state, &err), -1);
	assert_int_equal(count_records(home, state, "nope"), 0);
	state_free(state);
}

/* An environment that was rolled back is not remembered as if it were there. */
static void a_rolled_back_environment_is_unknown(void **cmocka)
{
	struct home *home = *cmocka;
	struct state *state = home_open(home, STATE_WRITE);
	struct environment environment = {.checkout = "c", .name = ""};
	struct record record = record_of("t.a");
	struct error err = ERROR_INIT;

	ok(state_begin(state, &err), &err);
	ok(state_environment_put(state, &home->arena, &environment, &err), &err);
	ok(state_record_put(state, environment.id, &record, &err), &err);
	state_rollback(state);
	ok(state_begin(state, &err), &err);
	assert_int_equal(state_record_put(state, environment.id, &record, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	state_rollback(state);
	state_free(state);
}

/* What names it is read all the same, so that it can be forgotten; the others are as ever. */
static void a_damaged_row_is_damaged_alone(void **cmocka)
{
	struct home *home = *cmocka;
	struct state *state = home_open(home, STATE_WRITE);
	const char *id = home_environment(home, state, "");
	struct error err = ERROR_INIT;
	struct record *records;
	size_t n;

	put_record(state, id, "t.a");
	for (int len = 0; len < 96; len++) { /* the whole is 32 + 4 * 8 + 8 * 4 bytes */
		put_record(state, id, "t.b");
		ok(db_exec(state, arena_printf(&home->arena, "UPDATE record SET data ="
			" substr(data, 1, %d) WHERE address = 't.b'", len), &err), &err);
		ok(state_records(state, id, &home->arena, &records, &n, &err), &err);
		assert_int_equal(n, 2);
		assert_int_not_equal(records[0].type_version, RECORD_DAMAGED);
		assert_string_equal(records[1].address, "t.b");
		assert_int_equal(records[1].type_version, RECORD_DAMAGED);
		assert_null(records[1].inputs_json);
	}
	put_record(state, id, "t.b"); /* written over, it is well again */
	assert_int_equal(count_records(home, state, id), 2);
	state_free(state);
}

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, home_start, home_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_known_of_an_empty_home),
		TEST(environments_are_found_again),
		TEST(a_checkout_has_one_environment_of_a_name),
		TEST(a_forgotten_environment_leaves_its_history),
		TEST(records_come_back_whole),
		TEST(records_are_sorted_and_replaced),
		TEST(renaming_keeps_the_record),
		TEST(the_serial_grows_once_for_a_commit),
		TEST(an_unknown_environment_is_an_error),
		TEST(a_rolled_back_environment_is_unknown),
		TEST(a_damaged_row_is_damaged_alone),
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
