/*
 * Open intents: committed before an effect, closed in the transaction that writes what came of it. One
 * that is open when a run starts belongs to a run that died.
 */
#include "state/db.h"

int state_intent_open(struct state *state, const char *environment, const struct intent *intent,
	struct error *err)
{
	int64_t no;

	if (environment_need(state, environment, &no, err) < 0 ||
		key_used(state, intent->inputs_json, err) < 0 ||
		key_used(state, intent->meta_json, err) < 0)
		return -1;
	return db_run(state, err, "INSERT INTO intent (environment, id, run, address, generation,"
		" action, type, type_version, identity, inputs, meta, started_at)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", "lslsddsdsssl", no, intent->id,
		intent->run, intent->address, intent->generation, (int)intent->action,
		intent->type, intent->type_version, intent->identity, intent->inputs_json,
		intent->meta_json, intent->started_at);
}

int state_intent_close(struct state *state, const char *environment, const char *id,
	struct error *err)
{
	int64_t no;

	if (environment_need(state, environment, &no, err) < 0)
		return -1;
	return db_run(state, err, "DELETE FROM intent WHERE environment = ? AND id = ?", "ls", no, id);
}

static struct intent read_intent(sqlite3_stmt *row, struct arena *arena)
{
	return (struct intent){
		.id = db_text(row, 0, arena),
		.run = sqlite3_column_int64(row, 1),
		.address = db_text(row, 2, arena),
		.generation = sqlite3_column_int(row, 3),
		.action = (enum intent_action)sqlite3_column_int(row, 4),
		.type = db_text(row, 5, arena),
		.type_version = sqlite3_column_int(row, 6),
		.identity = db_text(row, 7, arena),
		.inputs_json = db_text(row, 8, arena),
		.meta_json = db_text(row, 9, arena),
		.started_at = sqlite3_column_int64(row, 10),
	};
}

int state_intents(struct state *state, const char *environment, struct arena *arena,
	struct intent **out, size_t *n, struct error *err)
{
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
	rows = db_query(state, err, "SELECT id, run, address, generation, action, type,"
		" type_version, identity, inputs, meta, started_at FROM intent"
		" WHERE environment = ? ORDER BY address, generation, started_at, id", "l", no);
	while ((more = db_next(state, rows, err)) > 0) {
		ARENA_GROW(arena, *out, *n, cap);
		(*out)[(*n)++] = read_intent(rows, arena);
	}
	return more;
}
