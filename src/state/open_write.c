/*
 * Opening for writing: makes the home, the database and the key where they are missing, and upgrades
 * an older schema. All of it under one kernel lock, so that processes that start at the same time on
 * a bare home do it once; each step can be repeated after a death at any point. A new database is
 * built under another name and renamed, so there is never half of one, and one sync does for all.
 *
 * Write-ahead log where it works. It needs shared memory on the file system, which network and
 * virtual ones may lack ("disk I/O error"); there the rollback journal is used, and the database
 * remembers that, so that it is not tried each time.
 */
#include "state/db.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int take_creation_lock(struct state *state, int *fd, struct error *err)
{
	struct arena arena = ARENA_INIT;
	const char *locks = arena_printf(&arena, "%s/locks", state->home);
	const char *path = arena_printf(&arena, "%s/state.lock", locks);
	int result = fs_make_dirs(locks, 0700, &arena, NULL, err), number;

	if (result == 0) {
		*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		while (*fd >= 0 && (result = flock(*fd, LOCK_EX)) < 0 && errno == EINTR)
			;
		if (*fd < 0 || result < 0)
			result = error_errno(err, "lock %s", path);
	}
	number = errno;
	if (result < 0 && err && (number == EROFS || number == EACCES || number == EPERM))
		error_set(err, err->code, "%s; nothing was changed: make the folder writable, or set "
			"DEVENV_HOME to one that is", arena_strdup(&arena, err->msg));
	if (result < 0)
		error_wrap(err, "the home of the state");
	arena_release(&arena);
	return result;
}

/* Once it is known to be ours: it may have been copied here carelessly. */
static void make_private(struct state *state)
{
	static const char *const files[] = {"", "-wal", "-shm", "-journal"};
	struct arena arena = ARENA_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		const char *path = arena_printf(&arena, "%s%s", state->path, files[i]);
		struct stat st;

		if (stat(path, &st) == 0 && st.st_mode & 077 && st.st_uid == geteuid())
			chmod(path, 0600);
	}
	arena_release(&arena);
}

static int open_database(struct state *state, struct error *err)
{
	return open_file(state, state->path, SQLITE_OPEN_READWRITE, NULL, err);
}

/* The page size counts for a new database only: measured, 8 KiB makes reading a tenth faster. */
static int configure(struct state *state, struct error *err)
{
	return db_exec(state,
		"PRAGMA page_size = 8192; PRAGMA cache_size = -16000; PRAGMA synchronous = FULL;"
		"PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 2000;"
		"PRAGMA journal_size_limit = 0", err);
}

/* Without shared memory a log can still be settled by the only process that has the file open; it
   must say so before anything is read. */
static int leave_wal(struct state *state, struct error *err)
{
	close_file(state);
	if (open_database(state, err) < 0)
		return -1;
	return db_exec(state,
		"PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE;"
		"PRAGMA locking_mode = NORMAL; SELECT count(*) FROM sqlite_schema", err);
}

static bool is_wal_trouble(struct state *state)
{
	int code = sqlite3_extended_errcode(state->db), primary = code & 0xff;

	return code == SQLITE_IOERR_SHMMAP || code == SQLITE_IOERR_SHMOPEN ||
	       code == SQLITE_IOERR_SHMLOCK || code == SQLITE_IOERR_SHMSIZE ||
	       code == SQLITE_IOERR_LOCK || primary == SQLITE_PROTOCOL ||
	       primary == SQLITE_CANTOPEN;
}

static int check(struct state *state, int version, int *at, struct error *err)
{
	if (schema_check(state, version, at, err) == 0)
		return 0;
	if (!is_wal_trouble(state))
		return -1;
	/* Made where a log worked, then moved to where it does not. */
	if (leave_wal(state, err) < 0)
		return -1;
	return schema_check(state, version, at, err);
}

static int remember_journal(struct state *state, const char *mode, struct error *err)
{
	return db_run(state, err,
		"INSERT INTO meta (key, value) VALUES ('journal', ?)"
		" ON CONFLICT (key) DO UPDATE SET value = excluded.value", "s", mode);
}

/* Runs a journal_mode pragma. True when the answer is "wal". */
static bool is_wal(struct state *state, const char *pragma)
{
	sqlite3_stmt *stmt = db_query(state, NULL, pragma, "");
	const char *mode = NULL;
	bool wal;

	if (db_next(state, stmt, NULL) <= 0)
		return false;
	mode = (const char *)sqlite3_column_text(stmt, 0);
	wal = mode && strcmp(mode, "wal") == 0;
	db_done(stmt);
	return wal;
}

/* The first write through the log is the probe. */
static int choose_journal(struct state *state, struct error *err)
{
	int64_t refused;

	if (is_wal(state, "PRAGMA journal_mode"))
		return 0;
	if (db_number(state, err, 0, &refused,
		    "SELECT count(*) FROM meta WHERE key = 'journal' AND value = 'delete'", "") < 0)
		return -1;
	if (refused)
		return 0;
	if (is_wal(state, "PRAGMA journal_mode = WAL") &&
		remember_journal(state, "wal", NULL) == 0)
		return 0;
	if (leave_wal(state, err) < 0 || configure(state, err) < 0)
		return -1;
	return remember_journal(state, "delete", err);
}

/* Readers find -wal and -shm where they are (open_read.c), and the log empty. */
static void keep_companions(struct state *state)
{
	int on = 1;

	sqlite3_file_control(state->db, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
}

/* --- a new database ------------------------------------------------------------------------------ */

static void remove_companions(const char *path)
{
	static const char *const companions[] = {"-wal", "-shm", "-journal"};
	struct arena arena = ARENA_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(companions); i++)
		unlink(arena_printf(&arena, "%s%s", path, companions[i]));
	arena_release(&arena);
}

static int build(struct state *state, const struct migration *migrations, int version,
	struct error *err)
{
	/* SQLite gives -wal and -shm the mode of the database, so this decides for all three. */
	int fd = open(state->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_errno(err, "make %s", state->path);
	close(fd);
	if (open_database(state, err) < 0 || configure(state, err) < 0 ||
		db_exec(state, "PRAGMA synchronous = OFF", err) < 0 ||
		schema_migrate(state, migrations, 0, version, false, err) < 0)
		return -1;
	return choose_journal(state, err);
}

/* What lies beside a database that is gone must not be taken for part of the new one. */
static int publish(struct state *state, const char *path, struct error *err)
{
	cleanup_fd int fd = open(state->path, O_RDWR | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return error_errno(err, "sync %s", state->path);
	remove_companions(path);
	if (rename(state->path, path) < 0)
		return error_errno(err, "rename %s", state->path);
	return fs_sync_dir(state->home, err);
}

static int create(struct state *state, const struct migration *migrations, int version,
	struct error *err)
{
	char *path = state->path;
	int result;

	state->path = sqlite3_mprintf("%s.new", path);
	unlink(state->path); /* left by a process that died */
	remove_companions(state->path);
	result = build(state, migrations, version, err);
	close_file(state);
	if (result == 0)
		result = publish(state, path, err);
	if (result < 0) {
		unlink(state->path);
		remove_companions(state->path);
	}
	sqlite3_free(state->path);
	state->path = path;
	return result;
}

/* --- any ----------------------------------------------------------------------------------------- */

static bool is_missing(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? errno == ENOENT : S_ISREG(st.st_mode) && !st.st_size;
}

static int open_locked(struct state *state, const struct migration *migrations, int version,
	struct error *err)
{
	int at;

	if (is_missing(state->path) && create(state, migrations, version, err) < 0)
		return -1;
	if (open_database(state, err) < 0 || check(state, version, &at, err) < 0)
		return -1;
	make_private(state);
	if (configure(state, err) < 0 ||
		schema_migrate(state, migrations, at, version, true, err) < 0 ||
		choose_journal(state, err) < 0)
		return -1;
	keep_companions(state);
	return 0;
}

int open_for_writing(struct state *state, const struct migration *migrations, int version,
	struct error *err)
{
	cleanup_fd int lock = -1;

	if (take_creation_lock(state, &lock, err) < 0)
		return -1;
	if (open_locked(state, migrations, version, err) < 0)
		return -1;
	return open_meta(state, err);
}
