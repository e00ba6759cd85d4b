/*
 * Records. Reading them is the hot path of every plan: one statement, one scan, one copy for each
 * record, whose texts are used where they lie in it.
 */
#include "state/db.h"
#include "state/pack.h"

#include <string.h>

/* The order is the format: append only. */
static void pack_record(const struct record *record, struct strbuf *out)
{
	pack_bytes(out, record->fingerprint.bytes, HASH_SIZE);
	pack_int(out, record->type_version);
	pack_int(out, record->created_at);
	pack_int(out, record->updated_at);
	pack_int(out, record->duration);
	pack_text(out, record->id);
	pack_text(out, record->identity);
	pack_text(out, record->endpoint);
	pack_text(out, record->inputs_json);
	pack_text(out, record->outputs_json);
	pack_text(out, record->observed_json);
	pack_text(out, record->meta_json);
	pack_text(out, record->last_error);
}

static void unpack_record(struct unpack *data, struct record *out)
{
	unpack_bytes(data, out->fingerprint.bytes, HASH_SIZE);
	out->type_version = (int)unpack_int(data);
	out->created_at = unpack_int(data);
	out->updated_at = unpack_int(data);
	out->duration = unpack_int(data);
	out->id = unpack_text(data);
	out->identity = unpack_text(data);
	out->endpoint = unpack_text(data);
	out->inputs_json = unpack_text(data);
	out->outputs_json = unpack_text(data);
	out->observed_json = unpack_text(data);
	out->meta_json = unpack_text(data);
	out->last_error = unpack_text(data);
}

/* The type; that of the record before when it is the same. */
static const char *shared_text(sqlite3_stmt *row, int column, const char *before,
	struct arena *arena)
{
	const char *text = (const char *)sqlite3_column_text(row, column);

	if (text && before && strcmp(text, before) == 0)
		return before;
	return text ? arena_strdup(arena, text) : NULL;
}

static bool read_record(sqlite3_stmt *row, const struct record *before, struct arena *arena,
	const struct secret_key *key, struct record *out)
{
	const void *blob = sqlite3_column_blob(row, 4);
	size_t len = blob ? (size_t)sqlite3_column_bytes(row, 4) : 0;
	char *copy = arena_alloc(arena, len);
	struct unpack data = {.at = copy, .end = copy + len};

	if (len)
		memcpy(copy, blob, len);
	*out = (struct record){
		.address = db_text(row, 0, arena),
		.generation = sqlite3_column_int(row, 1),
		.type = shared_text(row, 2, before->type, arena),
		.status = (enum record_status)sqlite3_column_int(row, 3),
		.arena = arena,
		.key = key,
	};
	unpack_record(&data, out);
	if (out->address && out->type && (data.damaged || data.ended)) /* what names it is enough to forget it */
		*out = (struct record){
			.address = out->address,
			.generation = out->generation,
			.type = out->type,
			.type_version = RECORD_DAMAGED,
			.arena = arena,
			.key = key,
		};
	return out->address && out->type;
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
	rows = db_query(state, err, "SELECT address, generation, type, status, data FROM record"
		" WHERE environment = ? ORDER BY address, generation", "l", no);
	while ((more = db_next(state, rows, err)) > 0) {
		ARENA_GROW(arena, *out, *n, cap);
		if (*n)
			before = &(*out)[*n - 1];
		if (!read_record(rows, before, arena, key, &(*out)[*n])) {
			db_done(rows);
			return error_set(err, ERROR_CORRUPT, "%s: the record of %s is damaged",
				state->path, (*out)[*n].address ? (*out)[*n].address : "?");
		}
		(*n)++;
	}
	return more;
}

int state_record_put(struct state *state, const char *environment, const struct record *record,
	struct error *err)
{
	struct strbuf *packed = &state->scratch;
	struct blob data;
	int64_t no;

	strbuf_reset(packed);
	pack_record(record, packed);
	data = (struct blob){packed->text, packed->len};
	if (environment_need(state, environment, &no, err) < 0 ||
		key_used(state, packed->text, packed->len, err) < 0)
		return -1;
	if (db_run(state, err, "UPDATE record SET type = ?, status = ?, data = ?"
		" WHERE environment = ? AND address = ? AND generation = ?", "sdblsd", record->type,
		    (int)record->status, &data, no, record->address, record->generation) < 0)
		return -1;
	environment_touch(state, no, 0);
	if (sqlite3_changes(state->db))
		return 0;
	environment_touch(state, no, 1);
	return db_run(state, err, "INSERT INTO record (environment, address, generation, type,"
		" status, data) VALUES (?, ?, ?, ?, ?, ?)", "lsdsdb", no, record->address,
		record->generation, record->type, (int)record->status, &data);
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
