/*
 * Environments, and what a commit does to them: the serial grows by one for every commit that changed
 * a record, and the number of records is kept beside it, so that neither is ever counted.
 */
#include "state/db.h"

#include <string.h>

int environment_no(struct state *state, const char *id, int64_t *no, struct error *err)
{
	sqlite3_stmt *row;
	int more;

	*no = state->environment_no;
	if (state->environment[0] && strcmp(state->environment, id) == 0)
		return 0;
	row = db_query(state, err, "SELECT no FROM environment WHERE id = ?", "s", id);
	more = db_next(state, row, err);
	if (more < 0)
		return -1;
	*no = more ? sqlite3_column_int64(row, 0) : 0;
	if (more) {
		db_done(row);
		state->environment_no = *no;
		sqlite3_snprintf(sizeof(state->environment), state->environment, "%s", id);
	}
	return 0;
}

int environment_need(struct state *state, const char *id, int64_t *no, struct error *err)
{
	db_need_transaction(state);
	if (environment_no(state, id, no, err) < 0)
		return -1;
	if (!*no) {
		state->failed = true;
		return error_set(err, ERROR_NOT_FOUND, "%s has no environment %s", state->path, id);
	}
	return 0;
}

void environment_touch(struct state *state, int64_t no, int64_t delta)
{
	for (size_t i = 0; i < state->n_touched; i++) {
		if (state->touched[i].no == no) {
			state->touched[i].delta += delta;
			return;
		}
	}
	VEC_GROW(state->touched, state->n_touched, state->cap_touched);
	state->touched[state->n_touched++] = (struct touched){no, delta};
}

int environment_settle(struct state *state, struct error *err)
{
	for (size_t i = 0; i < state->n_touched; i++) {
		if (db_run(state, err,
			    "UPDATE environment SET serial = serial + 1, records = records + ?"
			    " WHERE no = ?", "ll", state->touched[i].delta, state->touched[i].no) < 0)
			return -1;
	}
	state->n_touched = 0;
	return 0;
}

#define COLUMNS "id, checkout, name, project, root, device, inode, serial, records, created_at," \
		" last_run_at"

static struct environment read_row(sqlite3_stmt *row, struct arena *arena)
{
	return (struct environment){
		.id = db_text(row, 0, arena),
		.checkout = db_text(row, 1, arena),
		.name = db_text(row, 2, arena),
		.project = db_text(row, 3, arena),
		.root = db_text(row, 4, arena),
		.device = (uint64_t)sqlite3_column_int64(row, 5),
		.inode = (uint64_t)sqlite3_column_int64(row, 6),
		.serial = sqlite3_column_int64(row, 7),
		.resources = sqlite3_column_int64(row, 8),
		.created_at = sqlite3_column_int64(row, 9),
		.last_run_at = sqlite3_column_int64(row, 10),
	};
}

int state_environment_find(struct state *state, const char *checkout, const char *name,
	struct arena *arena, struct environment *out, struct error *err)
{
	sqlite3_stmt *row;
	int more;

	*out = (struct environment){.checkout = checkout, .name = name};
	if (!state->db)
		return 0;
	row = db_query(state, err, "SELECT " COLUMNS " FROM environment WHERE checkout = ?"
		" AND name = ? AND forgotten_at IS NULL", "ss", checkout, name);
	more = db_next(state, row, err);
	if (more > 0) {
		*out = read_row(row, arena);
		db_done(row);
	}
	return more < 0 ? -1 : 0;
}

static int read_all(struct state *state, sqlite3_stmt *rows, struct arena *arena,
	struct environment **out, size_t *n, struct error *err)
{
	size_t cap = 0;
	int more;

	while ((more = db_next(state, rows, err)) > 0) {
		ARENA_GROW(arena, *out, *n, cap);
		(*out)[(*n)++] = read_row(rows, arena);
	}
	return more;
}

int state_environments_at(struct state *state, const char *root, struct arena *arena,
	struct environment **out, size_t *n, struct error *err)
{
	*out = NULL;
	*n = 0;
	if (!state->db)
		return 0;
	return read_all(state, db_query(state, err, "SELECT " COLUMNS " FROM environment"
		" WHERE root = ? AND forgotten_at IS NULL ORDER BY no", "s", root), arena, out, n, err);
}

int state_environments(struct state *state, struct arena *arena, struct environment **out, size_t *n,
	struct error *err)
{
	*out = NULL;
	*n = 0;
	if (!state->db)
		return 0;
	return read_all(state, db_query(state, err, "SELECT " COLUMNS " FROM environment"
		" WHERE forgotten_at IS NULL ORDER BY no", ""), arena, out, n, err);
}

static int insert(struct state *state, struct arena *arena, struct environment *environment,
	struct error *err)
{
	char id[STATE_ID_HEX];
	int64_t taken, now = clock_wall(state->clock);

	if (db_number(state, err, 0, &taken, "SELECT no FROM environment WHERE checkout = ?"
		    " AND name = ? AND forgotten_at IS NULL",
		    "ss", environment->checkout, environment->name) < 0)
		return -1;
	if (taken) {
		state->failed = true;
		return error_set(err, ERROR_CONFLICT,
			"%s has an environment of this checkout already", state->path);
	}
	random_hex(id, STATE_ID_HEX - 1);
	if (db_run(state, err, "INSERT INTO environment (id, checkout, name, project, root, device,"
		" inode, serial, records, created_at, last_run_at)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, ?, 0)", "ssssslll", id, environment->checkout,
		    environment->name, environment->project, environment->root,
		    (int64_t)environment->device, (int64_t)environment->inode, now) < 0)
		return -1;
	environment->id = arena_strdup(arena, id);
	environment->created_at = now;
	environment->serial = environment->resources = environment->last_run_at = 0;
	return 0;
}

int state_environment_put(struct state *state, struct arena *arena, struct environment *environment,
	struct error *err)
{
	int64_t no;

	db_need_transaction(state);
	if (!environment->id)
		return insert(state, arena, environment, err);
	if (environment_need(state, environment->id, &no, err) < 0)
		return -1;
	return db_run(state, err, "UPDATE environment SET project = ?, root = ?, device = ?, inode = ?"
		" WHERE no = ?", "sslll", environment->project, environment->root,
		(int64_t)environment->device, (int64_t)environment->inode, no);
}

int state_environment_forget(struct state *state, const char *id, struct error *err)
{
	int64_t no, records, intents;

	if (environment_need(state, id, &no, err) < 0 ||
		db_number(state, err, 0, &records,
			"SELECT count(*) FROM (SELECT 1 FROM record WHERE environment = ? LIMIT 1)", "l",
			no) < 0 ||
		db_number(state, err, 0, &intents,
			"SELECT count(*) FROM (SELECT 1 FROM intent WHERE environment = ? LIMIT 1)", "l",
			no) < 0)
		return -1;
	if (records || intents) {
		state->failed = true;
		return error_set(err, ERROR_CONFLICT,
			"environment %s still has recorded resources: destroy or forget them first",
			id);
	}
	if (db_run(state, err, "DELETE FROM note WHERE environment = ?", "l", no) < 0)
		return -1;
	return db_run(state, err, "UPDATE environment SET forgotten_at = ? WHERE no = ?", "ll",
		clock_wall(state->clock), no);
}
