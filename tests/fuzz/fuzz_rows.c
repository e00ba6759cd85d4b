/*
 * Rows of state as a damaged disk could give them: any bytes in the packed columns, any number in the
 * others. A row is read whole or refused, never read beyond its end.
 */
#include "fuzz.h"

#include "state/state.h"

#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

struct room {
	char home[64];
	struct state *state;
	struct environment environment;
	struct arena arena;
	sqlite3 *raw;
	sqlite3_stmt *record, *intent;
};

static struct room room;

static void leave(void)
{
	static const char *const names[] = {"state.db", "state.db-wal", "state.db-shm", "key", "lock"};
	char path[128];

	sqlite3_finalize(room.record);
	sqlite3_finalize(room.intent);
	sqlite3_close(room.raw);
	state_free(room.state);
	arena_release(&room.arena);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", room.home, names[i]);
		unlink(path);
	}
	rmdir(room.home);
}

static void fill(void)
{
	struct record record = {.address = "local_value.a", .generation = 1, .type = "local_value",
		.inputs_json = "{}", .outputs_json = "{}", .observed_json = "{}", .meta_json = "{}"};
	struct intent intent = {.id = "0123456789abcdef", .address = "local_value.a", .generation = 1,
		.type = "local_value", .inputs_json = "{}", .meta_json = "{}"};
	struct error err = ERROR_INIT;

	room.environment = (struct environment){.checkout = "c", .name = "", .project = "p",
		.root = "/p"};
	MUST(!state_begin(room.state, &err));
	MUST(!state_environment_put(room.state, &room.arena, &room.environment, &err));
	MUST(!state_record_put(room.state, room.environment.id, &record, &err));
	MUST(!state_intent_open(room.state, room.environment.id, &intent, &err));
	MUST(!state_commit(room.state, &err));
}

static void enter(void)
{
	struct error err = ERROR_INIT;
	char path[128];

	snprintf(room.home, sizeof(room.home), "%s/devenv-fuzz-XXXXXX",
		access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	MUST(mkdtemp(room.home));
	atexit(leave);
	room.state = state_open(room.home, STATE_WRITE, &clock_system, &err);
	MUST(room.state);
	fill();
	snprintf(path, sizeof(path), "%s/state.db", room.home);
	MUST(sqlite3_open(path, &room.raw) == SQLITE_OK);
	sqlite3_exec(room.raw, "PRAGMA synchronous = OFF", NULL, NULL, NULL);
	MUST(sqlite3_prepare_v2(room.raw, "UPDATE record SET data = ?1, status = ?2", -1,
		&room.record, NULL) == SQLITE_OK);
	MUST(sqlite3_prepare_v2(room.raw, "UPDATE intent SET data = ?1, action = ?2", -1,
		&room.intent, NULL) == SQLITE_OK);
}

static void damage(sqlite3_stmt *update, const uint8_t *data, size_t size, int number)
{
	MUST(sqlite3_bind_blob(update, 1, size ? (const void *)data : "", (int)size, SQLITE_STATIC) ==
		SQLITE_OK);
	sqlite3_bind_int(update, 2, number);
	MUST(sqlite3_step(update) == SQLITE_DONE);
	sqlite3_reset(update);
}

static void read_records(struct arena *arena)
{
	struct error err = ERROR_INIT, own = ERROR_INIT;
	struct record *records;
	size_t n;

	if (state_records(room.state, room.environment.id, arena, &records, &n, &err) < 0) {
		MUST(err.code == ERROR_CORRUPT);
		return;
	}
	MUST(n == 1);
	MUST(record_inputs(&records[0], &own)->kind == VALUE_MAP);
	MUST(record_outputs(&records[0], &own)->kind == VALUE_MAP);
	MUST(record_observed(&records[0], &own)->kind == VALUE_MAP);
	MUST(record_meta(&records[0], &own)->kind == VALUE_MAP);
	MUST(record_status_str(records[0].status));
}

static void read_intents(struct arena *arena)
{
	struct error err = ERROR_INIT;
	struct intent *intents;
	size_t n;

	if (state_intents(room.state, room.environment.id, arena, &intents, &n, &err) < 0) {
		MUST(err.code == ERROR_CORRUPT);
		return;
	}
	MUST(n == 1);
	MUST(intent_action_str(intents[0].action));
	MUST(!intents[0].inputs_json || strlen(intents[0].inputs_json) <= 1 << 20);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = {0};

	if (!room.state)
		enter();
	if (!size)
		return 0;
	damage(room.record, data + 1, size - 1, (int8_t)data[0]);
	read_records(&arena);
	damage(room.intent, data + 1, size - 1, (int8_t)data[0]);
	read_intents(&arena);
	arena_release(&arena);
	return 0;
}
