/*
 * The handle and its transactions. A commit that changed records raises the serial of their
 * environments in the same transaction; a transaction in which anything failed is never committed.
 */
#include "state/db.h"

#include <stdlib.h>
#include <string.h>

int open_file(struct state *state, const char *uri, int flags, const char *vfs, struct error *err)
{
	int result = sqlite3_open_v2(uri, &state->db,
		flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
			SQLITE_OPEN_PRIVATECACHE,
		vfs);

	if (!state->db)
		give_up("out of memory");
	if (result != SQLITE_OK)
		return db_fail(state, "open", err);
	sqlite3_busy_timeout(state->db, STATE_BUSY_TIMEOUT);
	return 0;
}

void close_file(struct state *state)
{
	db_finalize(state);
	if (sqlite3_close(state->db) != SQLITE_OK)
		BUG("a statement was left open");
	state->db = NULL;
}

int open_meta(struct state *state, struct error *err)
{
	sqlite3_stmt *rows;
	int more;

	if (!state->db)
		return key_load(state, false, err);
	rows = db_query(state, err, "SELECT key, value FROM meta WHERE key IN ('id', 'key')", "");
	while ((more = db_next(state, rows, err)) > 0) {
		const char *name = (const char *)sqlite3_column_text(rows, 0);
		const char *value = (const char *)sqlite3_column_text(rows, 1);

		if (strcmp(name, "id") == 0)
			sqlite3_snprintf(sizeof(state->id), state->id, "%s", value);
		else
			sqlite3_snprintf(sizeof(state->key_id), state->key_id, "%s", value);
	}
	if (more < 0)
		return -1;
	return key_load(state, state->mode == STATE_WRITE, err);
}

struct state *state_open_version(const char *home, enum state_mode mode, const struct clock *clock,
	const struct migration *migrations, int version, struct error *err)
{
	struct state *state = xcalloc(1, sizeof(*state));
	int result;

	hash_start();
	state->scratch = (struct strbuf)STRBUF_INIT;
	state->mode = mode;
	state->clock = clock;
	state->home = xstrdup(home);
	state->path = sqlite3_mprintf("%s/state.db", home);
	if (mode == STATE_READ) {
		result = open_for_reading(state, migrations, version, err);
		if (result == 0)
			result = open_meta(state, err);
	} else {
		result = open_for_writing(state, migrations, version, err);
	}
	if (result == 0)
		return state;
	state_free(state);
	return NULL;
}

struct state *state_open(const char *home, enum state_mode mode, const struct clock *clock,
	struct error *err)
{
	return state_open_version(home, mode, clock, state_migrations, state_version, err);
}

void state_free(struct state *state)
{
	if (!state)
		return;
	if (state->in_transaction)
		state_rollback(state);
	close_file(state);
	sodium_memzero(&state->key, sizeof(state->key));
	sqlite3_free(state->path);
	free(state->home);
	free(state->touched);
	strbuf_release(&state->scratch);
	free(state);
}

const char *state_id(const struct state *state)
{
	return state->id;
}

/* --- transactions -------------------------------------------------------------------------------- */

int state_begin(struct state *state, struct error *err)
{
	if (state->mode != STATE_WRITE || state->in_transaction)
		BUG("a transaction begins where none can");
	state->failed = false;
	state->n_touched = 0;
	if (db_run(state, err, "BEGIN IMMEDIATE", "") < 0)
		return -1;
	state->in_transaction = true;
	return 0;
}

int state_commit(struct state *state, struct error *err)
{
	db_need_transaction(state);
	if (state->failed) {
		state_rollback(state);
		return error_set(err, ERROR_FAILED,
			"%s: a change failed before, so nothing of it was recorded", state->path);
	}
	if (environment_settle(state, err) < 0 || db_run(state, err, "COMMIT", "") < 0) {
		state_rollback(state);
		return -1;
	}
	state->in_transaction = false;
	state->key_id_pending = false;
	state->commits++;
	return 0;
}

/* What was cached may not exist any more. */
void state_rollback(struct state *state)
{
	db_need_transaction(state);
	if (!sqlite3_get_autocommit(state->db)) /* SQLite has not done it yet */
		db_run(state, NULL, "ROLLBACK", "");
	state->in_transaction = false;
	state->environment[0] = '\0';
	if (state->key_id_pending)
		state->key_id[0] = '\0';
	state->key_id_pending = false;
}

int64_t state_commits(const struct state *state)
{
	return state->commits;
}
