/*
 * Records and open intents. Reading is the hot path of every plan: one statement, one scan, text
 * copied once, and a text that equals that of the row before is shared.
 */
#include "state/db.h"

#include <string.h>

#define RECORD "address, generation, type, type_version, status, id, identity, endpoint," \
	       " fingerprint, inputs, outputs, observed, meta, created_at, updated_at, duration," \
	       " last_error"

/* The text of a column; that of the record before when it is the same (types, endpoints, "{}"). */
static const char *shared_text(sqlite3_stmt *row, int column, const char *before,
	struct arena *arena)
{
	const char *text = (const char *)sqlite3_column_text(row, column);

	if (!text)
		return NULL;
	if (before && strcmp(text, before) == 0)
		return before;
	return arena_strndup(arena, text, (size_t)sqlite3_column_bytes(row, column));
}

static void read_hash(sqlite3_stmt *row, int column, struct hash *out)
{
	const void *bytes = sqlite3_column_blob(row, column);

	if (bytes && sqlite3_column_bytes(row, column) == HASH_SIZE)
		memcpy(out->bytes, bytes, HASH_SIZE);
	else
		memset(out->bytes, 0, HASH_SIZE);
}

static void read_record(sqlite3_stmt *row, const struct record *before, struct arena *arena,
	const struct secret_key *key, struct record *out)
{
	*out = (struct record){
		.address = db_text(row, 0, arena),
		.generation = sqlite3_column_int(row, 1),
		.type = shared_text(row, 2, before->type, arena),
		.type_version = sqlite3_column_int(row, 3),
		.status = (enum record_status)sqlite3_column_int(row, 4),
		.id = db_text(row, 5, arena),
		.identity = db_text(row, 6, arena),
		.endpoint = shared_text(row, 7, before->endpoint, arena),
		.inputs_json = shared_text(row, 9, before->inputs_json, arena),
		.outputs_json = shared_text(row, 10, before->outputs_json, arena),
		.observed_json = shared_text(row, 11, before->observed_json, arena),
		.meta_json = shared_text(row, 12, before->meta_json, arena),
		.created_at = sqlite3_column_int64(row, 13),
		.updated_at = sqlite3_column_int64(row, 14),
		.duration = sqlite3_column_int64(row, 15),
		.last_error = db_text(row, 16, arena),
		.arena = arena,
		.key = key,
	};
	read_hash(row, 8, &out->fingerprint);
}

/* Room for what the environment says it has, so that the array is not grown and copied. */
static int expected_records(struct state *state, int64_t no, size_t *cap, struct error *err)
{
	int64_t records;

	if (db_number(state, err, 0, &records, "SELECT records FROM environment WHERE no = ?", "l",
		    no) < 0)
		return -1;
	*cap = records > 0 && records < 10000000 ? (size_t)records : 0;
	return 0;
}

int state_records(struct state *state, const char *environment, struct arena *arena,
	struct record **out, size_t *n, struct error *err)
{
	static const struct record none;
	const struct record *before = &none;
	struct secret_key *key;
	sqlite3_stmt *rows;
	size_t cap;
	int64_t no;
	int more;

	*out = NULL;
	*n = 0;
	if (!state->db)
		return 0;
	if (environment_no(state, environment, &no, err) < 0)
		return -1;
	if (!no)
		return 0;
	if (expected_records(state, no, &cap, err) < 0)
		return -1;
	key = arena_alloc(arena, sizeof(*key)); /* records may outlive the handle */
	*key = state->key;
	if (cap)
		*out = arena_alloc(arena, cap * sizeof(**out));
	rows = db_query(state, err, "SELECT " RECORD " FROM record WHERE environment = ?"
		" ORDER BY address, generation", "l", no);
	while ((more = db_next(state, rows, err)) > 0) {
		ARENA_GROW(arena, *out, *n, cap);
		if (*n)
			before = &(*out)[*n - 1];
		read_record(rows, before, arena, key, &(*out)[*n]);
		(*n)++;
	}
	return more;
}

static int use_key(struct state *state, const struct record *record, struct error *err)
{
	const char *const texts[] = {record->inputs_json, record->outputs_json,
		record->observed_json, record->meta_json};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (key_used(state, texts[i], err) < 0)
			return -1;
	}
	return 0;
}

int state_record_put(struct state *state, const char *environment, const struct record *record,
	struct error *err)
{
	int64_t no;

	if (environment_need(state, environment, &no, err) < 0 || use_key(state, record, err) < 0)
		return -1;
	if (db_run(state, err, "UPDATE record SET type = ?, type_version = ?, status = ?, id = ?,"
		" identity = ?, endpoint = ?, fingerprint = ?, inputs = ?, outputs = ?,"
		" observed = ?, meta = ?, created_at = ?, updated_at = ?, duration = ?,"
		" last_error = ? WHERE environment = ? AND address = ? AND generation = ?",
		    "sddssshsssslllslsd", record->type, record->type_version, (int)record->status,
		    record->id, record->identity, record->endpoint, &record->fingerprint,
		    record->inputs_json, record->outputs_json, record->observed_json,
		    record->meta_json, record->created_at, record->updated_at, record->duration,
		    record->last_error, no, record->address, record->generation) < 0)
		return -1;
	environment_touch(state, no, 0);
	if (sqlite3_changes(state->db))
		return 0;
	environment_touch(state, no, 1);
	return db_run(state, err, "INSERT INTO record (environment, " RECORD ") VALUES"
		" (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", "lsdsddssshssssllls",
		no, record->address, record->generation, record->type, record->type_version,
		(int)record->status, record->id, record->identity, record->endpoint,
		&record->fingerprint, record->inputs_json, record->outputs_json,
		record->observed_json, record->meta_json, record->created_at, record->updated_at,
		record->duration, record->last_error);
}

int state_record_delete(struct state *state, const char *environment, const char *address,
	int generation, struct error *err)
{
	int64_t no;

	if (environment_need(state, environment, &no, err) < 0 ||
		db_run(state, err, "DELETE FROM record WHERE environment = ? AND address = ?"
			" AND generation = ?", "lsd", no, address, generation) < 0)
		return -1;
	if (sqlite3_changes(state->db))
		environment_touch(state, no, -1);
	return 0;
}

int state_record_rename(struct state *state, const char *environment, const char *from,
	const char *to, struct error *err)
{
	int64_t no, taken;

	if (environment_need(state, environment, &no, err) < 0 ||
		db_number(state, err, 0, &taken, "SELECT count(*) FROM record WHERE environment = ?"
			" AND address = ?", "ls", no, to) < 0)
		return -1;
	if (taken) {
		state->failed = true;
		return error_set(err, ERROR_CONFLICT, "%s cannot become %s: that is recorded, too",
			from, to);
	}
	if (db_run(state, err, "UPDATE record SET address = ? WHERE environment = ? AND address = ?",
		    "sls", to, no, from) < 0)
		return -1;
	if (sqlite3_changes(state->db))
		environment_touch(state, no, 0);
	return 0;
}
