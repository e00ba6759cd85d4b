/*
 * Opening for reading without any effect on disk: no file is made, changed or removed, also not the
 * companions that SQLite keeps beside a database.
 *
 * In place: the database and its shared index are opened read-only (readonly_shm), with SQLite's own
 * locks, so a writer at work is seen consistently. Writers leave -wal and -shm in place for this.
 * Where that cannot be (the companions are gone, a rollback is pending, no shared memory), the files
 * are copied into a private folder in memory (/dev/shm, else the temporary folder), settled there,
 * loaded, and the copy is removed at once. Only that last case writes anywhere, and not into the home.
 */
#include "state/db.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	COPY_TRIES = 10,
	COPY_PAUSE = 20, /* ms */
	COPY_PIECE = 1 << 16,
};

static const char *const companions[] = {"", "-wal", "-shm", "-journal"};

/* `path` as SQLite's URI wants it. */
static void add_uri(struct strbuf *uri, const char *path, const char *query)
{
	strbuf_addstr(uri, "file:");
	for (; *path; path++) {
		if (strchr("?#%", *path))
			strbuf_addf(uri, "%%%02X", (unsigned char)*path);
		else
			strbuf_addch(uri, *path);
	}
	strbuf_addstr(uri, query);
}

/* Can the failure be one of the place and not of the database? Then a copy may help. */
static bool copy_may_help(struct state *state)
{
	int code = sqlite3_extended_errcode(state->db);

	switch (code & 0xff) {
	case SQLITE_CANTOPEN: /* -wal without -shm */
	case SQLITE_READONLY: /* a rollback or recovery is pending */
	case SQLITE_PROTOCOL:
		return true;
	case SQLITE_IOERR:
		return code == SQLITE_IOERR_SHMMAP || code == SQLITE_IOERR_SHMOPEN ||
		       code == SQLITE_IOERR_SHMLOCK || code == SQLITE_IOERR_LOCK;
	default:
		return false;
	}
}

static int open_in_place(struct state *state, struct error *err)
{
	cleanup_strbuf struct strbuf uri = STRBUF_INIT;

	add_uri(&uri, state->path, "?mode=ro&readonly_shm=1");
	if (open_file(state, uri.text, SQLITE_OPEN_READONLY, readonly_vfs(), err) < 0)
		return -1;
	/* Nothing to write back at the end: do not even try. */
	sqlite3_db_config(state->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	return 0;
}

/* --- the copy ------------------------------------------------------------------------------------ */

/* Sizes, times and numbers of the database and its companions: equal before and after, unchanged. */
struct print {
	struct stat files[ARRAY_SIZE(companions)];
};

static void take_print(const char *path, struct print *print)
{
	for (size_t i = 0; i < ARRAY_SIZE(companions); i++) {
		char name[4096];
		struct stat *st = &print->files[i];

		snprintf(name, sizeof(name), "%s%s", path, companions[i]);
		if (stat(name, st) < 0)
			memset(st, 0, sizeof(*st));
		memset(&st->st_atim, 0, sizeof(st->st_atim)); /* our own reading changes it */
	}
}

/*
 * The database itself is read through SQLite's handle: POSIX drops all locks that this process has
 * on a file when it closes any descriptor of it, and another handle may be writing.
 */
static int copy_database(struct state *state, const char *to, struct error *err)
{
	cleanup_fd int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	cleanup_free char *piece = xmalloc(COPY_PIECE);
	sqlite3_file *file = NULL;
	sqlite3_int64 size = 0;

	if (fd < 0)
		return error_errno(err, "open %s", to);
	sqlite3_file_control(state->db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
	if (!file || !file->pMethods || file->pMethods->xFileSize(file, &size) != SQLITE_OK)
		return db_fail(state, "read", err);
	for (sqlite3_int64 at = 0; at < size; at += COPY_PIECE) {
		int n = size - at < COPY_PIECE ? (int)(size - at) : COPY_PIECE;
		int result = file->pMethods->xRead(file, piece, n, at);

		if (result != SQLITE_OK && result != SQLITE_IOERR_SHORT_READ)
			return error_set(err, ERROR_FAILED, "read %s: input/output error",
				state->path);
		if (fs_write_fd(fd, to, piece, (size_t)n, err) < 0)
			return -1;
	}
	return 0;
}

static int copy_companion(const char *from, const char *to, struct error *err)
{
	struct arena arena = ARENA_INIT;
	const char *text;
	size_t len;
	int result;

	if (!fs_exists(from))
		return 0;
	result = fs_read(from, &arena, &text, &len, err);
	if (result == 0) {
		cleanup_fd int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

		result = fd < 0 ? error_errno(err, "open %s", to)
				: fs_write_fd(fd, to, text, len, err);
	}
	arena_release(&arena);
	return result;
}

static int copy_all(struct state *state, const char *to, struct error *err)
{
	static const char *const needed[] = {"-wal", "-journal"};

	if (copy_database(state, to, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		char source[4096], target[4096];

		snprintf(source, sizeof(source), "%s%s", state->path, needed[i]);
		snprintf(target, sizeof(target), "%s%s", to, needed[i]);
		if (copy_companion(source, target, err) < 0)
			return -1;
	}
	return 0;
}

/* From the open database into one in memory, which takes its place. */
static int load_into_memory(struct state *state, struct error *err)
{
	sqlite3 *source = state->db;
	sqlite3_backup *backup;
	int result;

	db_finalize(state);
	state->db = NULL;
	if (open_file(state, ":memory:", SQLITE_OPEN_READWRITE, NULL, err) < 0) {
		sqlite3_close(source);
		return -1;
	}
	backup = sqlite3_backup_init(state->db, "main", source, "main");
	if (backup) {
		sqlite3_backup_step(backup, -1);
		sqlite3_backup_finish(backup);
	}
	result = sqlite3_errcode(state->db) == SQLITE_OK ? 0 : db_fail(state, "read", err);
	sqlite3_close(source);
	return result;
}

/* Opens the copy so that SQLite settles it, and loads what it holds. */
static int settle_copy(struct state *state, const char *copy, struct error *err)
{
	cleanup_strbuf struct strbuf uri = STRBUF_INIT;

	close_file(state);
	add_uri(&uri, copy, "?mode=rw");
	if (open_file(state, uri.text, SQLITE_OPEN_READWRITE, NULL, err) < 0 ||
		db_exec(state, "PRAGMA locking_mode = EXCLUSIVE", err) < 0)
		return -1;
	return load_into_memory(state, err);
}

static char *make_private_folder(struct error *err)
{
	const char *temporary = getenv("TMPDIR");
	const char *const places[] = {"/dev/shm", temporary && *temporary ? temporary : "/tmp", "/tmp"};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		char *path;

		if (asprintf(&path, "%s/devenv-state-XXXXXX", places[i]) < 0)
			give_up("out of memory");
		if (mkdtemp(path))
			return path;
		free(path);
	}
	error_errno(err, "make a private copy of the state");
	return NULL;
}

/* 1: loaded; 0: the files changed meanwhile; -1: failed. */
static int load_copy(struct state *state, struct error *err)
{
	cleanup_free char *folder = make_private_folder(err);
	struct print before, after;
	char copy[4096];
	int result;

	if (!folder)
		return -1;
	snprintf(copy, sizeof(copy), "%s/state.db", folder);
	take_print(state->path, &before);
	result = copy_all(state, copy, err);
	take_print(state->path, &after);
	if (memcmp(&before, &after, sizeof(before)) != 0)
		result = 0;
	else if (result == 0)
		result = settle_copy(state, copy, err) < 0 ? -1 : 1;
	fs_remove_tree(folder, NULL);
	return result;
}

/* --- both ---------------------------------------------------------------------------------------- */

/* 1: open, and *at is its version; 0: try again; -1: failed. */
static int try_open(struct state *state, int version, int *at, struct error *err)
{
	int result;

	if (open_in_place(state, err) < 0)
		return -1;
	if (schema_check(state, version, at, err) == 0)
		return 1;
	if (err->code == ERROR_CORRUPT || !copy_may_help(state))
		return -1;
	result = load_copy(state, err);
	if (result == 1)
		result = schema_check(state, version, at, err) < 0 ? -1 : 1;
	return result;
}

/* One snapshot for everything that is read. Only where readers do not hold up writers. */
static int hold_snapshot(struct state *state, struct error *err)
{
	const char *mode = NULL;
	sqlite3_stmt *stmt = db_query(state, err, "PRAGMA journal_mode", "");
	bool wal;

	if (db_next(state, stmt, err) < 0)
		return -1;
	mode = (const char *)sqlite3_column_text(stmt, 0);
	wal = mode && strcmp(mode, "wal") == 0;
	db_done(stmt);
	return wal ? db_exec(state, "BEGIN", err) : 0;
}

static int prepare_version(struct state *state, const struct migration *migrations, int at,
	int version, struct error *err)
{
	if (!at) { /* an empty file: as if there were none */
		close_file(state);
		return 0;
	}
	if (at == version)
		return hold_snapshot(state, err);
	if (load_into_memory(state, err) < 0)
		return -1;
	return schema_migrate(state, migrations, at, version, false, err);
}

int open_for_reading(struct state *state, const struct migration *migrations, int version,
	struct error *err)
{
	struct error local = ERROR_INIT;
	struct stat st;
	int at = 0;

	if (!err)
		err = &local; /* its code decides */
	if (stat(state->path, &st) < 0)
		return errno == ENOENT ? 0 : error_errno(err, "open %s", state->path);
	if (!st.st_size)
		return 0;
	for (int i = 0; i < COPY_TRIES; i++) {
		int result = try_open(state, version, &at, err);

		if (result == 1)
			return prepare_version(state, migrations, at, version, err);
		if (result < 0)
			return -1;
		close_file(state);
		poll(NULL, 0, COPY_PAUSE);
	}
	return error_set(err, ERROR_LOCKED, "read %s: another process keeps changing it",
		state->path);
}
