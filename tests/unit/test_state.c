/* What state keeps of what is: environments and records. */
#include "tests/unit/state_home.h"

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
