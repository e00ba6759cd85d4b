/*
 * Inside state/ only: the handle, and statements without boilerplate. A statement is prepared once
 * and found again by the address of its SQL literal.
 *
 *   db_run(state, err, "DELETE FROM note WHERE kind = ?", "s", kind)
 *
 *   sqlite3_stmt *rows = db_query(state, err, "SELECT ...", "l", no);
 *   int more;
 *   while ((more = db_next(state, rows, err)) > 0) ...
 *   return more;
 *
 * Arguments are bound by the letters of a format: s text (NULL: NULL), d int, l int64_t,
 * b const struct blob *. Texts and bytes are borrowed until the statement ends.
 */
#ifndef DEVENV_STATE_DB_H
#define DEVENV_STATE_DB_H

#include "state/state.h"

#include <sqlite3.h>

enum {
	STATE_ID_HEX = 33,
	STATE_APPLICATION = 0x64766e76, /* "dvnv", in the header of the database */
	STATE_BUSY_TIMEOUT = 30000,     /* ms; commits are short, so this is a process that hangs */
};

struct blob {
	const void *data;
	size_t len;
};

struct statement {
	const char *sql;
	sqlite3_stmt *stmt;
};

/* An environment whose records the open transaction changed. */
struct touched {
	int64_t no;
	int64_t delta; /* records added less records deleted */
};

struct state {
	sqlite3 *db; /* NULL: opened for reading, and there is no database */
	enum state_mode mode;
	const struct clock *clock;
	char *home, *path;
	char id[STATE_ID_HEX];
	struct secret_key key;      /* id "": none yet, or lost */
	char key_id[SECRET_ID_HEX]; /* of the key that stored secrets need; "": none is stored */
	bool key_id_pending;        /* it is part of the open transaction */

	struct statement *statements;
	size_t n, cap;

	struct strbuf scratch; /* of one call */
	bool in_transaction;
	bool failed; /* a statement of the open transaction failed: it cannot be committed */
	int64_t commits;
	struct touched *touched;
	size_t n_touched, cap_touched;

	/* The environment and run that were asked for last. */
	char environment[STATE_ID_HEX];
	int64_t environment_no, environment_records;
	int64_t change_run, change_no;
};

/* One step of the schema. Number i leads from version i to version i + 1. */
struct migration {
	const char *sql;
};
extern const struct migration state_migrations[];
extern const int state_version;
/* state_open for a program that knows other migrations; tests use it. */
struct state *state_open_version(const char *home, enum state_mode mode, const struct clock *clock,
	const struct migration *migrations, int version, struct error *err);

/* --- db.c: statements ---------------------------------------------------------------------------- */

/* What SQLite says, as an error that names the file and the next step; returns -1. */
int db_fail(struct state *state, const char *what, struct error *err);
int db_exec(struct state *state, const char *sql, struct error *err);
int db_run(struct state *state, struct error *err, const char *sql, const char *format, ...);
/* NULL on failure. */
sqlite3_stmt *db_query(struct state *state, struct error *err, const char *sql, const char *format,
	...);
/* 1: a row; 0: no more; -1: failed. The statement is reset unless there is a row. */
int db_next(struct state *state, sqlite3_stmt *stmt, struct error *err);
void db_done(sqlite3_stmt *stmt); /* leaves a query early */
const char *db_text(sqlite3_stmt *stmt, int column, struct arena *arena); /* NULL for NULL */
/* The one number that a query gives; `fallback` without a row. */
int db_number(struct state *state, struct error *err, int64_t fallback, int64_t *out,
	const char *sql, const char *format, ...);
void db_finalize(struct state *state);
/* Writes belong between state_begin and state_commit. */
void db_need_transaction(const struct state *state);

/* --- open_read.c, open_write.c: how the database is opened --------------------------------------- */

int open_for_reading(struct state *state, const struct migration *migrations, int version,
	struct error *err);
int open_for_writing(struct state *state, const struct migration *migrations, int version,
	struct error *err);
/* --- readonly.c: the name of a file layer that cannot change anything ------------------------------ */

const char *readonly_vfs(void);

/* --- state.c --------------------------------------------------------------------------------------- */

/* `vfs`: NULL for SQLite's own. */
int open_file(struct state *state, const char *uri, int flags, const char *vfs, struct error *err);
void close_file(struct state *state);
/* Reads what the database says about itself, and the key. */
int open_meta(struct state *state, struct error *err);

/* --- migrate.c ------------------------------------------------------------------------------------ */

/* ERROR_CORRUPT when the open database is another program's or newer than `version`. *at is the
   version that it has; 0: it is empty. */
int schema_check(struct state *state, int version, int *at, struct error *err);
/* From version `at` to `version`, each step in a transaction; `backup`: a copy before each. */
int schema_migrate(struct state *state, const struct migration *migrations, int at, int version,
	bool backup, struct error *err);

/* --- key.c ---------------------------------------------------------------------------------------- */

/* DEVENV_KEY, else the key file; made when `create` and no stored secret needs another one. */
int key_load(struct state *state, bool create, struct error *err);
/* Call with everything stored that may hold JSON: the first secret makes the database remember its
   key. */
int key_used(struct state *state, const char *text, size_t len, struct error *err);

/* --- environment.c -------------------------------------------------------------------------------- */

/* The number of an environment; 0: there is none of this id. */
int environment_no(struct state *state, const char *id, int64_t *no, struct error *err);
/* The same, but ERROR_NOT_FOUND when there is none. */
int environment_need(struct state *state, const char *id, int64_t *no, struct error *err);
/* Notes that the transaction changed a record; state_commit raises the serial. */
void environment_touch(struct state *state, int64_t no, int64_t delta);
int environment_settle(struct state *state, struct error *err); /* before a commit */

#endif
