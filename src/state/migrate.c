/*
 * The schema and its history. A migration never changes once it was released; a new one is appended.
 * Each runs in a transaction of its own that also raises user_version, after a synced copy of the
 * database was put beside it, so a failure at any point leaves the old database as it was.
 *
 * Records are clustered by (environment, address, generation): reading an environment is one scan in
 * the order in which it is wanted. Environments are numbers inside, so that a row does not repeat 32
 * digits; the row of a forgotten environment stays, because its history does.
 */
#include "state/db.h"

#include "base/fs.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const char version_1[] =
	"CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"

	"CREATE TABLE environment ("
	" no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, checkout TEXT NOT NULL,"
	" name TEXT NOT NULL, project TEXT, root TEXT, device INTEGER NOT NULL,"
	" inode INTEGER NOT NULL, serial INTEGER NOT NULL, records INTEGER NOT NULL,"
	" created_at INTEGER NOT NULL, last_run_at INTEGER NOT NULL, forgotten_at INTEGER);"
	"CREATE UNIQUE INDEX environment_checkout ON environment (checkout, name)"
	" WHERE forgotten_at IS NULL;"

	/* `data` is packed (records.c): SQL never looks into it. */
	"CREATE TABLE record ("
	" environment INTEGER NOT NULL, address TEXT NOT NULL, generation INTEGER NOT NULL,"
	" type TEXT NOT NULL, status INTEGER NOT NULL, data BLOB NOT NULL,"
	" PRIMARY KEY (environment, address, generation)) WITHOUT ROWID;"

	/* `no` is the order in which they were opened. */
	"CREATE TABLE intent ("
	" no INTEGER PRIMARY KEY, environment INTEGER NOT NULL, id TEXT NOT NULL,"
	" address TEXT NOT NULL, generation INTEGER NOT NULL, action INTEGER NOT NULL,"
	" type TEXT NOT NULL, data BLOB NOT NULL, UNIQUE (environment, id));"

	"CREATE TABLE run ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT, environment INTEGER NOT NULL, kind TEXT NOT NULL,"
	" actor TEXT NOT NULL, status TEXT NOT NULL, summary TEXT, started_at INTEGER NOT NULL,"
	" finished_at INTEGER NOT NULL);"
	"CREATE INDEX run_environment ON run (environment);"
	"CREATE INDEX run_running ON run (environment) WHERE status = 'running';"

	"CREATE TABLE change ("
	" run INTEGER NOT NULL, no INTEGER NOT NULL, address TEXT NOT NULL,"
	" generation INTEGER NOT NULL, action TEXT NOT NULL, reason TEXT, status TEXT NOT NULL,"
	" error TEXT, started_at INTEGER NOT NULL, duration INTEGER NOT NULL,"
	" PRIMARY KEY (run, no)) WITHOUT ROWID;"

	"CREATE TABLE note ("
	" environment INTEGER NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,"
	" PRIMARY KEY (environment, kind, key)) WITHOUT ROWID;"

	/* AUTOINCREMENT remembers the highest id, so that a cut-off end is noticed, too. */
	"CREATE TABLE audit ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, environment TEXT NOT NULL,"
	" actor TEXT NOT NULL, event TEXT NOT NULL, detail TEXT NOT NULL, hash BLOB NOT NULL);"
	"CREATE TRIGGER audit_update BEFORE UPDATE ON audit BEGIN"
	" SELECT RAISE(ABORT, 'the audit trail is append-only'); END;"
	"CREATE TRIGGER audit_delete BEFORE DELETE ON audit BEGIN"
	" SELECT RAISE(ABORT, 'the audit trail is append-only'); END;";

/* What a run was made from, and the remotes that this machine follows. */
static const char version_2[] =
	"ALTER TABLE run ADD COLUMN revision TEXT;"
	"ALTER TABLE run ADD COLUMN author TEXT;"
	"ALTER TABLE run ADD COLUMN signer TEXT;"

	"CREATE TABLE sync ("
	" name TEXT PRIMARY KEY, environment TEXT, url TEXT NOT NULL, ref TEXT NOT NULL,"
	" root TEXT NOT NULL, seen TEXT, applied TEXT, author TEXT, signer TEXT, summary TEXT,"
	" result TEXT NOT NULL, message TEXT, run INTEGER NOT NULL, changed_at INTEGER NOT NULL,"
	" suspended TEXT) WITHOUT ROWID;";

const struct migration state_migrations[] = {
	{version_1},
	{version_2},
};
const int state_version = ARRAY_SIZE(state_migrations);

int schema_check(struct state *state, int version, int *at, struct error *err)
{
	int64_t application, schema, tables = 0;

	if (db_number(state, err, 0, &application, "PRAGMA application_id", "") < 0 ||
		db_number(state, err, 0, &schema, "PRAGMA user_version", "") < 0)
		return -1;
	if (!application &&
		db_number(state, err, 0, &tables, "SELECT count(*) FROM sqlite_schema", "") < 0)
		return -1;
	if (application != STATE_APPLICATION && (application || schema || tables))
		return error_set(err, ERROR_CORRUPT,
			"%s belongs to another program (application id 0x%08llx); nothing was "
			"changed: set DEVENV_HOME to another folder", state->path,
			(unsigned long long)application);
	if (schema > version)
		return error_set(err, ERROR_CORRUPT,
			"%s was written by a newer devenv (schema %lld, this one knows %d); nothing "
			"was changed: use that version or a newer one", state->path,
			(long long)schema, version);
	*at = application ? (int)schema : 0;
	return 0;
}

/* VACUUM INTO accepts an empty file, so the copy is private from the start. */
static int copy_into(struct state *state, const char *path, struct error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return error_errno(err, "open %s", path);
	if (db_run(state, err, "VACUUM INTO ?", "s", path) < 0) {
		close(fd);
		return -1;
	}
	if (fsync(fd) < 0) {
		error_errno(err, "sync %s", path);
		close(fd);
		return -1;
	}
	close(fd);
	return 0;
}

static int back_up(struct state *state, int at, struct error *err)
{
	struct arena arena = ARENA_INIT;
	const char *path = arena_printf(&arena, "%s.backup-v%d", state->path, at);
	const char *temporary = arena_printf(&arena, "%s.new", path);
	int result = copy_into(state, temporary, err);

	if (result == 0 && rename(temporary, path) < 0)
		result = error_errno(err, "rename %s", temporary);
	if (result == 0)
		result = fs_sync_dir(state->home, err);
	if (result < 0) {
		unlink(temporary);
		error_wrap(err, "copy of the state before its upgrade");
	}
	arena_release(&arena);
	return result;
}

/* What every database has from its first version on. */
static int initialise(struct state *state, struct error *err)
{
	char id[STATE_ID_HEX];

	random_hex(id, STATE_ID_HEX - 1);
	return db_run(state, err, "INSERT INTO meta (key, value) VALUES ('id', ?)", "s", id);
}

static int step(struct state *state, const struct migration *migration, int to, struct error *err)
{
	char version[64];

	sqlite3_snprintf(sizeof(version), version,
		"PRAGMA application_id = %d; PRAGMA user_version = %d", STATE_APPLICATION, to);
	if (db_exec(state, "BEGIN IMMEDIATE", err) < 0)
		return -1;
	if (db_exec(state, migration->sql, err) < 0 || (to == 1 && initialise(state, err) < 0) ||
		db_exec(state, version, err) < 0 || db_exec(state, "COMMIT", err) < 0) {
		sqlite3_exec(state->db, "ROLLBACK", NULL, NULL, NULL);
		return error_wrap(err, "upgrade of the state to schema %d", to);
	}
	return 0;
}

int schema_migrate(struct state *state, const struct migration *migrations, int at, int version,
	bool backup, struct error *err)
{
	for (int to = at + 1; to <= version; to++) {
		if (backup && to > 1 && back_up(state, to - 1, err) < 0)
			return -1;
		if (step(state, &migrations[to - 1], to, err) < 0)
			return -1;
	}
	return 0;
}
