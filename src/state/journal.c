/*
 * Open intents: committed before an effect, closed in the transaction that writes what came of it. One
 * that is open when a run starts belongs to a run that died.
 */
#include "state/db.h"
#include "state/pack.h"

#include <string.h>

/* The order is the format: append only. */
static void pack_intent(const struct intent *intent, struct strbuf *out)
{
	pack_int(out, intent->run);
	pack_int(out, intent->type_version);
	pack_int(out, intent->started_at);
	pack_text(out, intent->identity);
	pack_text(out, intent->inputs_json);
	pack_text(out, intent->meta_json);
}

static void unpack_intent(struct unpack *data, struct intent *out)
{
	out->run = unpack_int(data);
	out->type_version = (int)unpack_int(data);
	out->started_at = unpack_int(data);
	out->identity = unpack_text(data);
	out->inputs_json = unpack_text(data);
	out->meta_json = unpack_text(data);
}

int state_intent_open(struct state *state, const char *environment, const struct intent *intent,
	struct error *err)
{
	struct strbuf *packed = &state->scratch;
	int64_t no;

	strbuf_reset(packed);
	pack_intent(intent, packed);
	if (environment_need(state, environment, &no, err) < 0 ||
		key_used(state, packed->text, packed->len, err) < 0)
		return -1;
	return db_run(state, err, "INSERT INTO intent (environment, id, address, generation, action,"
		" type, data) VALUES (?, ?, ?, ?, ?, ?, ?)", "lssddsb", no, intent->id,
		intent->address, intent->generation, (int)intent->action, intent->type,
		&(struct blob){packed->text, packed->len});
}

int state_intent_close(struct state *state, const char *environment, const char *id,
	struct error *err)
{
	int64_t no;

	if (environment_need(state, environment, &no, err) < 0)
		return -1;
	return db_run(state, err, "DELETE FROM intent WHERE environment = ? AND id = ?", "ls", no, id);
}

static bool read_intent(sqlite3_stmt *row, struct arena *arena, const struct secret_key *key,
	struct intent *out)
{
	const void *blob = sqlite3_column_blob(row, 5);
	size_t len = blob ? (size_t)sqlite3_column_bytes(row, 5) : 0;
	char *copy = arena_alloc(arena, len);
	struct unpack data = {.at = copy, .end = copy + len};

	if (len)
		memcpy(copy, blob, len);
	*out = (struct intent){
		.id = db_text(row, 0, arena),
		.address = db_text(row, 1, arena),
		.generation = sqlite3_column_int(row, 2),
		.action = (enum intent_action)sqlite3_column_int(row, 3),
		.type = db_text(row, 4, arena),
		.key = key,
	};
	unpack_intent(&data, out);
	return !data.damaged && !data.ended && out->id && out->address && out->type;
}

int state_intents(struct state *state, const char *environment, struct arena *arena,
	struct intent **out, size_t *n, struct error *err)
{
	struct secret_key *key;
	sqlite3_stmt *rows;
	size_t cap = 0;
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
	key = arena_alloc(arena, sizeof(*key)); /* intents may outlive the handle */
	*key = state->key;
	rows = db_query(state, err, "SELECT id, address, generation, action, type, data FROM intent"
		" WHERE environment = ? ORDER BY address, no", "l", no);
	while ((more = db_next(state, rows, err)) > 0) {
		ARENA_GROW(arena, *out, *n, cap);
		if (!read_intent(rows, arena, key, &(*out)[*n])) {
			db_done(rows);
			return error_set(err, ERROR_CORRUPT, "%s: the intent of %s is damaged",
				state->path, (*out)[*n].address ? (*out)[*n].address : "?");
		}
		(*n)++;
	}
	return more;
}
