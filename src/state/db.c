/*
 * Statements and errors. Once a statement of a transaction has failed, the transaction can only be
 * rolled back: SQLite may have done that already, and what follows would be committed without it.
 */
#include "state/db.h"

#include <stdlib.h>
#include <string.h>

static int fail_input_output(struct state *state, const char *what, struct error *err)
{
	int number = sqlite3_system_errno(state->db);

	return error_set(err, ERROR_FAILED, "%s %s: input/output error (%s%s%s)", what, state->path,
		sqlite3_errmsg(state->db), number ? ", " : "", number ? strerror(number) : "");
}

int db_fail(struct state *state, const char *what, struct error *err)
{
	const char *why = sqlite3_errmsg(state->db), *path = state->path;

	state->failed = true;
	switch (sqlite3_errcode(state->db) & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return error_set(err, ERROR_CORRUPT,
			"%s is damaged (%s); nothing was changed: put a copy of it in its place "
			"(before each upgrade one is made: state.db.backup-v*), or move it away "
			"and import what exists", path, why);
	case SQLITE_FULL:
		return error_set(err, ERROR_FAILED,
			"write %s: no space left; what was committed before is safe: free some space "
			"and run it again", path);
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
		return error_set(err, ERROR_FAILED,
			"%s %s: %s; nothing was changed: make the folder writable, or set "
			"DEVENV_HOME to one that is", what, path, why);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return error_set(err, ERROR_LOCKED, "%s %s: another process keeps it busy", what,
			path);
	case SQLITE_IOERR:
		return fail_input_output(state, what, err);
	default:
		return error_set(err, ERROR_FAILED, "%s %s: %s", what, path, why);
	}
}

int db_exec(struct state *state, const char *sql, struct error *err)
{
	if (sqlite3_exec(state->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return db_fail(state, "write", err);
	return 0;
}

static sqlite3_stmt *prepare(struct state *state, const char *sql, struct error *err)
{
	sqlite3_stmt *stmt;

	for (size_t i = 0; i < state->n; i++) {
		if (state->statements[i].sql == sql)
			return state->statements[i].stmt;
	}
	if (sqlite3_prepare_v3(state->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) !=
		SQLITE_OK) {
		db_fail(state, "read", err);
		return NULL;
	}
	VEC_GROW(state->statements, state->n, state->cap);
	state->statements[state->n++] = (struct statement){sql, stmt};
	return stmt;
}

static void bind_blob(sqlite3_stmt *stmt, int i, const struct blob *blob)
{
	sqlite3_bind_blob64(stmt, i, blob->data, blob->len, SQLITE_STATIC);
}

static void bind(sqlite3_stmt *stmt, const char *format, va_list ap)
{
	for (int i = 1; *format; i++, format++) {
		switch (*format) {
		case 's': sqlite3_bind_text(stmt, i, va_arg(ap, const char *), -1, SQLITE_STATIC); break;
		case 'd': sqlite3_bind_int(stmt, i, va_arg(ap, int)); break;
		case 'l': sqlite3_bind_int64(stmt, i, va_arg(ap, int64_t)); break;
		case 'b': bind_blob(stmt, i, va_arg(ap, const struct blob *)); break;
		default: BUG("unknown format '%c'", *format);
		}
	}
}

static sqlite3_stmt *start(struct state *state, struct error *err, const char *sql,
	const char *format, va_list ap)
{
	sqlite3_stmt *stmt = prepare(state, sql, err);

	if (stmt)
		bind(stmt, format, ap);
	return stmt;
}

sqlite3_stmt *db_query(struct state *state, struct error *err, const char *sql, const char *format,
	...)
{
	sqlite3_stmt *stmt;
	va_list ap;

	va_start(ap, format);
	stmt = start(state, err, sql, format, ap);
	va_end(ap);
	return stmt;
}

int db_next(struct state *state, sqlite3_stmt *stmt, struct error *err)
{
	int result;

	if (!stmt)
		return -1;
	result = sqlite3_step(stmt);
	if (result == SQLITE_ROW)
		return 1;
	if (result != SQLITE_DONE)
		db_fail(state, sqlite3_stmt_readonly(stmt) ? "read" : "write", err);
	sqlite3_reset(stmt);
	return result == SQLITE_DONE ? 0 : -1;
}

void db_done(sqlite3_stmt *stmt)
{
	sqlite3_reset(stmt);
}

int db_run(struct state *state, struct error *err, const char *sql, const char *format, ...)
{
	sqlite3_stmt *stmt;
	va_list ap;

	va_start(ap, format);
	stmt = start(state, err, sql, format, ap);
	va_end(ap);
	return db_next(state, stmt, err);
}

int db_number(struct state *state, struct error *err, int64_t fallback, int64_t *out,
	const char *sql, const char *format, ...)
{
	sqlite3_stmt *stmt;
	va_list ap;
	int more;

	va_start(ap, format);
	stmt = start(state, err, sql, format, ap);
	va_end(ap);
	more = db_next(state, stmt, err);
	if (more < 0)
		return -1;
	*out = more ? sqlite3_column_int64(stmt, 0) : fallback;
	if (more)
		db_done(stmt);
	return 0;
}

const char *db_text(sqlite3_stmt *stmt, int column, struct arena *arena)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);

	return text ? arena_strdup(arena, text) : NULL;
}

void db_finalize(struct state *state)
{
	for (size_t i = 0; i < state->n; i++)
		sqlite3_finalize(state->statements[i].stmt);
	free(state->statements);
	state->statements = NULL;
	state->n = state->cap = 0;
}

void db_need_transaction(const struct state *state)
{
	if (!state->in_transaction)
		BUG("state is written outside a transaction");
}
