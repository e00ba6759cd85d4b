/*
 * History: runs, what each did, and the small texts kept per environment. Nothing here decides what
 * exists; it is what people look at afterwards, so it also outlives its environment.
 */
#include "state/db.h"

#include <string.h>

/* --- runs ---------------------------------------------------------------------------------------- */

int state_run_start(struct state *state, struct run *run, struct error *err)
{
	int64_t no;

	if (environment_need(state, run->environment, &no, err) < 0)
		return -1;
	if (db_run(state, err, "UPDATE run SET status = 'died' WHERE environment = ?"
		" AND status = 'running'", "l", no) < 0)
		return -1;
	if (db_run(state, err, "INSERT INTO run (environment, kind, actor, status, summary, started_at,"
		" finished_at, revision, author, signer)"
		" VALUES (?, ?, ?, 'running', NULL, ?, 0, ?, ?, ?)", "lsslsss", no, run->kind,
		    run->actor, run->started_at, run->origin.revision, run->origin.author,
		    run->origin.signer) < 0)
		return -1;
	run->id = sqlite3_last_insert_rowid(state->db);
	return db_run(state, err, "UPDATE environment SET last_run_at = ? WHERE no = ?", "ll",
		run->started_at, no);
}

int state_run_finish(struct state *state, const struct run *run, struct error *err)
{
	db_need_transaction(state);
	return db_run(state, err, "UPDATE run SET status = ?, summary = ?, finished_at = ?"
		" WHERE id = ?", "ssll", run->status, run->summary, run->finished_at, run->id);
}

static struct run read_run(sqlite3_stmt *row, struct arena *arena)
{
	return (struct run){
		.id = sqlite3_column_int64(row, 0),
		.environment = db_text(row, 1, arena),
		.kind = db_text(row, 2, arena),
		.actor = db_text(row, 3, arena),
		.status = db_text(row, 4, arena),
		.summary = db_text(row, 5, arena),
		.started_at = sqlite3_column_int64(row, 6),
		.finished_at = sqlite3_column_int64(row, 7),
		.origin = {db_text(row, 8, arena), db_text(row, 9, arena), db_text(row, 10, arena)},
	};
}

int state_runs(struct state *state, const char *environment, size_t limit, struct arena *arena,
	struct run **out, size_t *n, struct error *err)
{
	sqlite3_stmt *rows;
	size_t cap = 0;
	int more;

	*out = NULL;
	*n = 0;
	if (!state->db)
		return 0;
	rows = db_query(state, err, "SELECT run.id, environment.id, kind, actor, status, summary,"
		" started_at, finished_at, revision, author, signer FROM environment"
		" JOIN run ON run.environment = environment.no"
		" WHERE environment.id = ? ORDER BY run.id DESC LIMIT ?", "sl", environment,
		limit ? (int64_t)limit : (int64_t)-1);
	while ((more = db_next(state, rows, err)) > 0) {
		ARENA_GROW(arena, *out, *n, cap);
		(*out)[(*n)++] = read_run(rows, arena);
	}
	return more;
}

/* --- changes ------------------------------------------------------------------------------------- */

int state_run_change(struct state *state, const struct run_change *change, struct error *err)
{
	db_need_transaction(state);
	if (state->change_run != change->run) {
		if (db_number(state, err, 0, &state->change_no,
			    "SELECT max(no) FROM change WHERE run = ?", "l", change->run) < 0)
			return -1;
		state->change_run = change->run;
	}
	return db_run(state, err, "INSERT INTO change (run, no, address, generation, action, reason,"
		" status, error, started_at, duration) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		"llsdssssll", change->run, ++state->change_no, change->address, change->generation,
		change->action, change->reason, change->status, change->error, change->started_at,
		change->duration);
}

static struct run_change read_change(sqlite3_stmt *row, struct arena *arena)
{
	return (struct run_change){
		.run = sqlite3_column_int64(row, 0),
		.address = db_text(row, 1, arena),
		.generation = sqlite3_column_int(row, 2),
		.action = db_text(row, 3, arena),
		.reason = db_text(row, 4, arena),
		.status = db_text(row, 5, arena),
		.error = db_text(row, 6, arena),
		.started_at = sqlite3_column_int64(row, 7),
		.duration = sqlite3_column_int64(row, 8),
	};
}

int state_run_changes(struct state *state, int64_t run, struct arena *arena,
	struct run_change **out, size_t *n, struct error *err)
{
	sqlite3_stmt *rows;
	size_t cap = 0;
	int more;

	*out = NULL;
	*n = 0;
	if (!state->db)
		return 0;
	rows = db_query(state, err, "SELECT run, address, generation, action, reason, status, error,"
		" started_at, duration FROM change WHERE run = ? ORDER BY no", "l", run);
	while ((more = db_next(state, rows, err)) > 0) {
		ARENA_GROW(arena, *out, *n, cap);
		(*out)[(*n)++] = read_change(rows, arena);
	}
	return more;
}

/* --- notes --------------------------------------------------------------------------------------- */

int state_note_put(struct state *state, const char *environment, const char *kind, const char *key,
	const char *value, struct error *err)
{
	int64_t no;

	if (environment_need(state, environment, &no, err) < 0 ||
		(value && key_used(state, value, strlen(value), err) < 0))
		return -1;
	if (!value)
		return db_run(state, err, "DELETE FROM note WHERE environment = ? AND kind = ?"
			" AND key = ?", "lss", no, kind, key);
	return db_run(state, err, "INSERT INTO note (environment, kind, key, value)"
		" VALUES (?, ?, ?, ?) ON CONFLICT (environment, kind, key)"
		" DO UPDATE SET value = excluded.value", "lsss", no, kind, key, value);
}

int state_notes(struct state *state, const char *environment, const char *kind, struct arena *arena,
	const char *const **keys, const char *const **values, size_t *n, struct error *err)
{
	const char **names = NULL, **texts = NULL;
	size_t n_names = 0, cap_names = 0, n_texts = 0, cap_texts = 0;
	sqlite3_stmt *rows;
	int64_t no;
	int more;

	*keys = *values = NULL;
	*n = 0;
	if (!state->db)
		return 0;
	if (environment_no(state, environment, &no, err) < 0)
		return -1;
	rows = db_query(state, err, "SELECT key, value FROM note WHERE environment = ? AND kind = ?"
		" ORDER BY key", "ls", no, kind);
	while ((more = db_next(state, rows, err)) > 0) {
		ARENA_GROW(arena, names, n_names, cap_names);
		ARENA_GROW(arena, texts, n_texts, cap_texts);
		names[n_names++] = db_text(rows, 0, arena);
		texts[n_texts++] = db_text(rows, 1, arena);
	}
	*keys = names;
	*values = texts;
	*n = n_names;
	return more;
}
