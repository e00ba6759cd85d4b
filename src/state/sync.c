/*
 * Remotes that are followed: one row a sync, written when something became of a commit, never by a poll
 * that found nothing new. Who suspends one and who follows it are different processes: neither
 * overwrites what the other wrote.
 */
#include "state/db.h"

#define COLUMNS "name, environment, url, ref, root, seen, applied, author, signer, summary, result," \
		" message, run, changed_at, suspended"

static struct sync_record read_row(sqlite3_stmt *row, struct arena *arena)
{
	return (struct sync_record){
		.name = db_text(row, 0, arena),
		.environment = db_text(row, 1, arena),
		.url = db_text(row, 2, arena),
		.ref = db_text(row, 3, arena),
		.root = db_text(row, 4, arena),
		.seen = db_text(row, 5, arena),
		.applied = db_text(row, 6, arena),
		.author = db_text(row, 7, arena),
		.signer = db_text(row, 8, arena),
		.summary = db_text(row, 9, arena),
		.result = db_text(row, 10, arena),
		.message = db_text(row, 11, arena),
		.run = sqlite3_column_int64(row, 12),
		.changed_at = sqlite3_column_int64(row, 13),
		.suspended = db_text(row, 14, arena),
	};
}

int state_syncs(struct state *state, struct arena *arena, struct sync_record **out, size_t *n,
	struct error *err)
{
	sqlite3_stmt *rows;
	size_t cap = 0;
	int more;

	*out = NULL;
	*n = 0;
	if (!state->db)
		return 0;
	rows = db_query(state, err, "SELECT " COLUMNS " FROM sync ORDER BY name", "");
	while ((more = db_next(state, rows, err)) > 0) {
		ARENA_GROW(arena, *out, *n, cap);
		(*out)[(*n)++] = read_row(rows, arena);
	}
	return more;
}

int state_sync_put(struct state *state, const struct sync_record *sync, struct error *err)
{
	db_need_transaction(state);
	return db_run(state, err, "INSERT INTO sync (name, environment, url, ref, root, seen, applied,"
		" author, signer, summary, result, message, run, changed_at, suspended)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL) ON CONFLICT (name) DO UPDATE SET"
		" environment = excluded.environment, url = excluded.url, ref = excluded.ref,"
		" root = excluded.root, seen = excluded.seen, applied = excluded.applied,"
		" author = excluded.author, signer = excluded.signer, summary = excluded.summary,"
		" result = excluded.result, message = excluded.message, run = excluded.run,"
		" changed_at = excluded.changed_at", "ssssssssssssll", sync->name, sync->environment,
		sync->url, sync->ref, sync->root, sync->seen, sync->applied, sync->author, sync->signer,
		sync->summary, sync->result, sync->message, sync->run, sync->changed_at);
}

int state_sync_suspend(struct state *state, const char *name, const char *why, struct error *err)
{
	db_need_transaction(state);
	if (db_run(state, err, "UPDATE sync SET suspended = ? WHERE name = ?", "ss", why, name) < 0)
		return -1;
	if (!sqlite3_changes(state->db))
		return error_set(err, ERROR_NOT_FOUND, "no sync is called %s; `devenv sync list` tells them",
			name);
	return 0;
}
