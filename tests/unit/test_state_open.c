/*
 * Opening: what is made and how, that reading has no effect at all, upgrades with a copy, the key, and
 * every way in which a database can be unusable.
 */
#include "tests/unit/state_home.h"

#include "base/secret.h"
#include "model/json.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

static mode_t mode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

static int64_t number(struct state *state, const char *sql)
{
	struct error err = ERROR_INIT;
	int64_t out;

	ok(db_number(state, &err, -1, &out, sql, ""), &err);
	return out;
}

static bool has_journal_mode(struct state *state, const char *mode)
{
	struct error err = ERROR_INIT;
	sqlite3_stmt *row = db_query(state, &err, "PRAGMA journal_mode", "");
	bool equal;

	assert_int_equal(db_next(state, row, &err), 1);
	equal = strcmp((const char *)sqlite3_column_text(row, 0), mode) == 0;
	db_done(row);
	return equal;
}

/* --- making -------------------------------------------------------------------------------------- */

static void everything_is_private(void **cmocka)
{
	static const mode_t masks[] = {0, 022, 0777 & ~0700};
	struct home *home = *cmocka;

	for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
		mode_t before = umask(masks[i]);
		struct state *state = home_open(home, STATE_WRITE);

		home_environment(home, state, "");
		assert_int_equal(mode_of(home->path), 0700);
		assert_int_equal(mode_of(home_file(home, "state.db")), 0600);
		assert_int_equal(mode_of(home_file(home, "state.db-wal")), 0600);
		assert_int_equal(mode_of(home_file(home, "state.db-shm")), 0600);
		assert_int_equal(mode_of(home_file(home, "key")), 0600);
		state_free(state);
		umask(before);
		assert_int_equal(fs_remove_tree(home->path, NULL), 0);
	}
}

static void carelessly_copied_files_become_private(void **cmocka)
{
	struct home *home = *cmocka;

	state_free(home_open(home, STATE_WRITE));
	chmod(home_file(home, "state.db"), 0644);
	chmod(home_file(home, "key"), 0644);
	state_free(home_open(home, STATE_WRITE));
	assert_int_equal(mode_of(home_file(home, "state.db")), 0600);
	assert_int_equal(mode_of(home_file(home, "key")), 0600);
}

static void a_home_keeps_its_id(void **cmocka)
{
	struct home *home = *cmocka;
	struct state *state = home_open(home, STATE_WRITE);
	char *id = strdup(state_id(state));
	struct secret_key key = *state_key(state);

	assert_int_equal(strlen(id), 32);
	assert_int_equal(number(state, "PRAGMA application_id"), STATE_APPLICATION);
	assert_int_equal(number(state, "PRAGMA synchronous"), 2);
	assert_true(has_journal_mode(state, "wal"));
	state_free(state);
	for (int mode = STATE_READ; mode <= STATE_WRITE; mode++) {
		state = home_open(home, (enum state_mode)mode);
		assert_string_equal(state_id(state), id);
		assert_memory_equal(state_key(state), &key, sizeof(key));
		state_free(state);
	}
	free(id);
}

/* --- reading has no effect ----------------------------------------------------------------------- */

/* Opens for reading, looks at `n` records of the first environment, and compares the whole tree. */
static void assert_reads_without_effect(struct home *home, size_t n)
{
	cleanup_free char *before = tree(home->path), *after = NULL;
	struct error err = ERROR_INIT;
	struct environment *environments;
	struct state *state = home_open(home, STATE_READ);
	size_t count;

	ok(state_environments(state, &home->arena, &environments, &count, &err), &err);
	if (n != SIZE_MAX) {
		assert_int_equal(count, 1);
		assert_int_equal(count_records(home, state, environments[0].id), n);
	} else {
		assert_int_equal(count, 0);
	}
	state_free(state);
	after = tree(home->path);
	assert_string_equal(before, after);
}

static void make_home(struct home *home)
{
	struct state *state = home_open(home, STATE_WRITE);

	put_record(state, home_environment(home, state, ""), "t.a");
	state_free(state);
}

static void reading_a_home_at_rest(void **cmocka)
{
	struct home *home = *cmocka;

	assert_reads_without_effect(home, SIZE_MAX); /* none at all */
	assert_int_equal(mkdir(home->path, 0700), 0);
	assert_reads_without_effect(home, SIZE_MAX); /* an empty folder */
	make_home(home);
	assert_reads_without_effect(home, 1);
}

static void reading_an_empty_file(void **cmocka)
{
	struct home *home = *cmocka;
	int fd;

	assert_int_equal(mkdir(home->path, 0700), 0);
	fd = open(home_file(home, "state.db"), O_WRONLY | O_CREAT, 0600);
	close(fd);
	assert_reads_without_effect(home, SIZE_MAX);
	make_home(home); /* what a process left that died at once is finished */
	assert_reads_without_effect(home, 1);
}

/* A writer in a process of its own (locks are per process) that takes one step at a time. */
struct stepper {
	pid_t pid;
	int go, done;
};

static void take_steps(struct home *home, int go, int done)
{
	struct state *state = home_open(home, STATE_WRITE);
	struct error err = ERROR_INIT;
	struct record record = record_of("t.b");
	struct environment *environments;
	char byte;
	size_t n;

	ok(state_environments(state, &home->arena, &environments, &n, &err), &err);
	for (int step = 0; read(go, &byte, 1) == 1; step++) {
		if (step == 1) {
			ok(state_begin(state, &err), &err);
			ok(state_record_put(state, environments[0].id, &record, &err), &err);
			ok(db_exec(state, "PRAGMA cache_spill = 1", &err), &err);
		} else if (step == 2) {
			ok(state_commit(state, &err), &err);
		} else if (step == 3) {
			state_free(state);
		}
		if (write(done, "x", 1) != 1)
			_exit(1);
	}
	_exit(0);
}

static void step(struct stepper *stepper)
{
	char byte;

	assert_int_equal(write(stepper->go, "x", 1), 1);
	assert_int_equal(read(stepper->done, &byte, 1), 1);
}

static void reading_beside_a_writer(void **cmocka)
{
	struct home *home = *cmocka;
	struct stepper stepper;
	int go[2], done[2], status;

	make_home(home);
	assert_int_equal(pipe(go) | pipe(done), 0);
	fflush(NULL);
	stepper = (struct stepper){.pid = fork(), .go = go[1], .done = done[0]};
	if (!stepper.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(go[1]);
		take_steps(home, go[0], done[1]);
	}
	step(&stepper);
	assert_reads_without_effect(home, 1); /* it has opened the database */
	step(&stepper);
	assert_reads_without_effect(home, 1); /* it has put a record, not committed */
	step(&stepper);
	assert_reads_without_effect(home, 2); /* committed */
	step(&stepper);
	assert_reads_without_effect(home, 2); /* closed */
	close(go[1]);
	close(go[0]);
	close(done[0]);
	close(done[1]);
	waitpid(stepper.pid, &status, 0);
	assert_int_equal(status, 0);
}

static void write_and_die(struct home *home)
{
	struct state *state = home_open(home, STATE_WRITE);
	const char *id = home_environment(home, state, "");
	struct record record = record_of("t.c");
	struct error err = ERROR_INIT;

	put_record(state, id, "t.a");
	put_record(state, id, "t.b");
	ok(state_begin(state, &err), &err);
	ok(state_record_put(state, id, &record, &err), &err);
	kill(getpid(), SIGKILL);
}

static void reading_after_a_crash(void **cmocka)
{
	struct home *home = *cmocka;
	struct stat st;

	assert_true(WIFSIGNALED(in_child(write_and_die, home)));
	assert_int_equal(stat(home_file(home, "state.db-wal"), &st), 0);
	assert_true(st.st_size > 0); /* the log holds what was committed */
	assert_reads_without_effect(home, 2);
	/* The same, but somebody removed the shared index: settled in a private copy. */
	assert_int_equal(unlink(home_file(home, "state.db-shm")), 0);
	assert_reads_without_effect(home, 2);
}

static void reading_without_companions(void **cmocka)
{
	struct home *home = *cmocka;

	make_home(home);
	assert_int_equal(unlink(home_file(home, "state.db-wal")), 0);
	assert_int_equal(unlink(home_file(home, "state.db-shm")), 0);
	assert_reads_without_effect(home, 1);
}

static void leave_hot_journal(struct home *home)
{
	struct state *state = home_open(home, STATE_WRITE);
	struct error err = ERROR_INIT;
	struct environment *environments;
	size_t n;

	ok(db_exec(state, "PRAGMA journal_mode = DELETE; PRAGMA cache_size = 1", &err), &err);
	ok(state_environments(state, &home->arena, &environments, &n, &err), &err);
	ok(state_begin(state, &err), &err);
	for (int i = 0; i < 3000; i++) { /* more than the cache: pages reach the file */
		struct record record = record_of(arena_printf(&home->arena, "t.%d", i));

		ok(state_record_put(state, environments[0].id, &record, &err), &err);
	}
	kill(getpid(), SIGKILL);
}

static void reading_with_a_rollback_pending(void **cmocka)
{
	struct home *home = *cmocka;
	struct stat st;

	make_home(home);
	assert_true(WIFSIGNALED(in_child(leave_hot_journal, home)));
	assert_int_equal(stat(home_file(home, "state.db-journal"), &st), 0);
	assert_true(st.st_size > 0);
	assert_reads_without_effect(home, 1);
	state_free(home_open(home, STATE_WRITE)); /* a writer rolls it back for good */
	assert_reads_without_effect(home, 1);
}

/* Somebody removed the database but not its log: that must not flow into the new one. */
static void a_removed_database_starts_anew(void **cmocka)
{
	struct home *home = *cmocka;
	struct stat st;

	assert_true(WIFSIGNALED(in_child(write_and_die, home)));
	assert_int_equal(stat(home_file(home, "state.db-wal"), &st), 0);
	assert_true(st.st_size > 0);
	assert_int_equal(unlink(home_file(home, "state.db")), 0);
	assert_reads_without_effect(home, SIZE_MAX);
	make_home(home);
	assert_reads_without_effect(home, 1);
}

/* A process died while it made the database. */
static void half_a_database_is_built_again(void **cmocka)
{
	static const char *const names[] = {"state.db.new", "state.db.new-wal", "state.db.new-shm",
		"state.db.new-journal"};
	struct home *home = *cmocka;

	mkdir(home->path, 0700);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		close(open(home_file(home, names[i]), O_WRONLY | O_CREAT, 0600));
	assert_reads_without_effect(home, SIZE_MAX);
	make_home(home);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(access(home_file(home, names[i]), F_OK), -1);
	assert_reads_without_effect(home, 1);
}

/* What is read comes from one moment, whatever is committed meanwhile. */
static void readers_see_one_moment(void **cmocka)
{
	struct home *home = *cmocka;
	struct state *writer = home_open(home, STATE_WRITE), *reader;
	const char *id = home_environment(home, writer, "");

	put_record(writer, id, "t.a");
	reader = home_open(home, STATE_READ);
	assert_int_equal(count_records(home, reader, id), 1);
	put_record(writer, id, "t.b");
	assert_int_equal(count_records(home, reader, id), 1);
	state_free(reader);
	reader = home_open(home, STATE_READ);
	assert_int_equal(count_records(home, reader, id), 2);
	state_free(reader);
	state_free(writer);
}

static void write_all_the_time(struct home *home)
{
	struct state *state = home_open(home, STATE_WRITE);
	struct environment *environments;
	struct error err = ERROR_INIT;
	size_t n;

	ok(state_environments(state, &home->arena, &environments, &n, &err), &err);
	for (int i = 0;; i++) {
		struct record record = record_of("t.a"), b = record_of("t.b");

		record.duration = b.duration = i;
		ok(state_begin(state, &err), &err);
		ok(state_record_put(state, environments[0].id, &record, &err), &err);
		ok(state_record_put(state, environments[0].id, &b, &err), &err);
		ok(state_commit(state, &err), &err);
		if (i % 50 == 49) { /* the last one out settles the log */
			state_free(state);
			state = home_open(home, STATE_WRITE);
		}
	}
}

static void reading_while_others_write(void **cmocka)
{
	struct home *home = *cmocka;
	struct error err = ERROR_INIT;
	int64_t last = 0;
	pid_t pid;

	make_home(home);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		write_all_the_time(home);
	}
	for (int i = 0; i < 200; i++) {
		struct state *state = home_open(home, STATE_READ);
		struct environment *environments;
		struct record *records;
		size_t n;

		ok(state_environments(state, &home->arena, &environments, &n, &err), &err);
		ok(state_records(state, environments[0].id, &home->arena, &records, &n, &err), &err);
		if (n == 2) {
			assert_true(records[0].duration == records[1].duration); /* whole commits */
			assert_true(records[0].duration >= last);
			last = records[0].duration;
		}
		state_free(state);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_true(last > 0);
}

/* --- upgrades ------------------------------------------------------------------------------------ */

static struct migration two[] = {{NULL}, {"ALTER TABLE record ADD COLUMN extra TEXT;"
					  "UPDATE record SET extra = 'new'"}};
static struct migration broken[] = {{NULL}, {"ALTER TABLE record ADD COLUMN extra TEXT;"
					     "INSERT INTO nowhere VALUES (1)"}};

static struct state *open_version(struct home *home, enum state_mode mode,
	struct migration *migrations, int version, struct error *err)
{
	migrations[0] = state_migrations[0];
	return state_open_version(home->path, mode, &clock_system, migrations, version, err);
}

static void an_upgrade_leaves_a_copy(void **cmocka)
{
	struct home *home = *cmocka;
	struct error err = ERROR_INIT;
	struct state *state;
	sqlite3 *copy;

	make_home(home);
	state = open_version(home, STATE_WRITE, two, 2, &err);
	assert_non_null(state);
	assert_int_equal(number(state, "SELECT count(*) FROM record WHERE extra = 'new'"), 1);
	assert_int_equal(number(state, "PRAGMA user_version"), 2);
	state_free(state);
	assert_int_equal(mode_of(home_file(home, "state.db.backup-v1")), 0600);
	assert_int_equal(access(home_file(home, "state.db.backup-v1.new"), F_OK), -1);
	assert_int_equal(sqlite3_open(home_file(home, "state.db.backup-v1"), &copy), SQLITE_OK);
	assert_int_equal(sqlite3_exec(copy, "SELECT count(*) FROM record", 0, 0, 0), SQLITE_OK);
	assert_int_equal(sqlite3_exec(copy, "SELECT extra FROM record", 0, 0, 0), SQLITE_ERROR);
	sqlite3_close(copy);
	/* The copy can stand in for the database. */
	assert_int_equal(rename(home_file(home, "state.db.backup-v1"), home_file(home, "state.db")), 0);
	unlink(home_file(home, "state.db-wal"));
	unlink(home_file(home, "state.db-shm"));
	assert_reads_without_effect(home, 1);
	state = home_open(home, STATE_WRITE);
	state_free(state);
	assert_reads_without_effect(home, 1);
}

static void an_older_schema_is_read_in_memory(void **cmocka)
{
	struct home *home = *cmocka;
	struct error err = ERROR_INIT;
	cleanup_free char *before = NULL, *after = NULL;
	struct state *state;

	make_home(home);
	before = tree(home->path);
	state = open_version(home, STATE_READ, two, 2, &err);
	assert_non_null(state);
	assert_int_equal(number(state, "SELECT count(*) FROM record WHERE extra = 'new'"), 1);
	state_free(state);
	after = tree(home->path);
	assert_string_equal(before, after);
}

static void a_failed_upgrade_changes_nothing(void **cmocka)
{
	struct home *home = *cmocka;
	struct error err = ERROR_INIT;

	make_home(home);
	assert_null(open_version(home, STATE_WRITE, broken, 2, &err));
	assert_non_null(strstr(err.msg, "schema 2"));
	assert_reads_without_effect(home, 1);
	state_free(home_open(home, STATE_WRITE)); /* still of version 1, and well */
	/* A second try overwrites the copy that the first one left. */
	assert_null(open_version(home, STATE_WRITE, broken, 2, &err));
	assert_reads_without_effect(home, 1);
}

static void a_newer_schema_is_refused(void **cmocka)
{
	struct home *home = *cmocka;
	cleanup_free char *before = NULL, *after = NULL;
	struct error err = ERROR_INIT;
	struct state *state;

	make_home(home);
	state = open_version(home, STATE_WRITE, two, 2, &err);
	state_free(state);
	before = tree(home_file(home, "state.db"));
	for (int mode = STATE_READ; mode <= STATE_WRITE; mode++) {
		err = home_open_fails(home, (enum state_mode)mode);
		assert_int_equal(err.code, ERROR_CORRUPT);
		assert_non_null(strstr(err.msg, "newer"));
		assert_non_null(strstr(err.msg, "schema 2"));
	}
	after = tree(home_file(home, "state.db"));
	assert_string_equal(before, after);
}

/* --- unusable databases -------------------------------------------------------------------------- */

static void put_file(struct home *home, const char *data, size_t len)
{
	struct error err = ERROR_INIT;
	int fd;

	mkdir(home->path, 0700);
	fd = open(home_file(home, "state.db"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ok(fs_write_fd(fd, "state.db", data, len, &err), &err);
	close(fd);
}

static void assert_refused(struct home *home, const char *word)
{
	cleanup_free char *before = tree(home_file(home, "state.db"));

	for (int mode = STATE_READ; mode <= STATE_WRITE; mode++) {
		cleanup_free char *after = NULL;
		struct error err = home_open_fails(home, (enum state_mode)mode);

		assert_int_equal(err.code, ERROR_CORRUPT);
		if (!strstr(err.msg, word) || !strstr(err.msg, "nothing was changed") ||
			!strstr(err.msg, "state.db"))
			fail_msg("%s", err.msg);
		after = tree(home_file(home, "state.db"));
		assert_string_equal(before, after);
	}
}

static void garbage_is_refused(void **cmocka)
{
	static char garbage[20000];
	struct home *home = *cmocka;
	unsigned seed = 1;

	for (size_t i = 0; i < sizeof(garbage); i++)
		garbage[i] = (char)rand_r(&seed);
	put_file(home, garbage, sizeof(garbage));
	assert_refused(home, "damaged");
	put_file(home, "apiVersion: v1\n", 15);
	assert_refused(home, "damaged");
}

/* A cut within the last page is found when that is read; if it held nothing, nothing is missing. */
static void assert_refused_or_whole(struct home *home, const char *id, size_t whole)
{
	struct error err = ERROR_INIT;
	struct state *state = state_open(home->path, STATE_READ, &clock_system, &err);
	struct record *records;
	size_t n;

	if (state && state_records(state, id, &home->arena, &records, &n, &err) == 0)
		assert_int_equal(n, whole);
	else
		assert_int_equal(err.code, ERROR_CORRUPT);
	state_free(state);
}

/* Cut anywhere: never fewer records without a word. */
static void a_cut_file_is_refused(void **cmocka)
{
	struct home *home = *cmocka;
	struct state *state = home_open(home, STATE_WRITE);
	const char *id = home_environment(home, state, ""), *text;
	struct error err = ERROR_INIT;
	size_t len;

	ok(state_begin(state, &err), &err);
	for (int i = 0; i < 500; i++) {
		struct record record = record_of(arena_printf(&home->arena, "t.%d", i));

		ok(state_record_put(state, id, &record, &err), &err);
	}
	ok(state_commit(state, &err), &err);
	state_free(state);
	ok(fs_read(home_file(home, "state.db"), &home->arena, &text, &len, &err), &err);
	assert_true(len > 60000);
	for (size_t cut = 2; cut < len; cut += 3000) { /* SQLite takes 1 byte for none */
		put_file(home, text, cut);
		if (cut <= len - 8192)
			assert_refused(home, "damaged");
		else
			assert_refused_or_whole(home, id, 500);
	}
	put_file(home, text, len);
	assert_reads_without_effect(home, 500);
}

static void another_programs_database_is_refused(void **cmocka)
{
	static const char *const schemas[] = {
		"PRAGMA application_id = 7; PRAGMA user_version = 1; CREATE TABLE record (x)",
		"CREATE TABLE customers (name)", "PRAGMA user_version = 3; VACUUM",
		"PRAGMA journal_mode = WAL; CREATE TABLE customers (name)"};
	struct home *home = *cmocka;

	for (size_t i = 0; i < ARRAY_SIZE(schemas); i++) {
		sqlite3 *db;

		mkdir(home->path, 0700);
		assert_int_equal(sqlite3_open(home_file(home, "state.db"), &db), SQLITE_OK);
		assert_int_equal(sqlite3_exec(db, schemas[i], 0, 0, 0), SQLITE_OK);
		sqlite3_close(db);
		assert_refused(home, "another program");
		assert_int_equal(fs_remove_tree(home->path, NULL), 0);
	}
}

/* Damage inside: found when it is read, told, and not made worse. */
static void damaged_pages_are_told(void **cmocka)
{
	struct home *home = *cmocka;
	struct state *state = home_open(home, STATE_WRITE);
	const char *id = home_environment(home, state, "");
	struct error err = ERROR_INIT;
	struct record *records;
	struct stat st;
	size_t n;
	int fd;

	ok(state_begin(state, &err), &err);
	for (int i = 0; i < 2000; i++) {
		struct record record = record_of(arena_printf(&home->arena, "t.%d", i));

		ok(state_record_put(state, id, &record, &err), &err);
	}
	ok(state_commit(state, &err), &err);
	state_free(state);
	assert_int_equal(stat(home_file(home, "state.db"), &st), 0);
	fd = open(home_file(home, "state.db"), O_WRONLY);
	for (off_t at = st.st_size / 2; at < st.st_size; at += 8192) {
		static const char zeroes[8192];

		assert_int_equal(pwrite(fd, zeroes, sizeof(zeroes), at), (int)sizeof(zeroes));
	}
	close(fd);
	state = home_open(home, STATE_READ);
	assert_int_equal(state_records(state, id, &home->arena, &records, &n, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	state_free(state);
}

static void a_folder_in_its_place(void **cmocka)
{
	struct home *home = *cmocka;

	mkdir(home->path, 0700);
	mkdir(home_file(home, "state.db"), 0700);
	home_open_fails(home, STATE_READ);
	home_open_fails(home, STATE_WRITE);
	rmdir(home_file(home, "state.db"));
}

static void a_file_where_the_home_should_be(void **cmocka)
{
	struct home *home = *cmocka;
	int fd = open(home->path, O_WRONLY | O_CREAT, 0600);

	close(fd);
	home_open_fails(home, STATE_READ);
	home_open_fails(home, STATE_WRITE);
}

/* --- no room, no permission ---------------------------------------------------------------------- */

/* Fills the database until a commit fails; everything committed before must still be there. */
static void fill_up(struct home *home, struct state *state)
{
	const char *id = home_environment(home, state, "");
	cleanup_free char *large = malloc(50001);
	struct error err = ERROR_INIT;
	size_t committed = 0;
	bool full = false;

	memset(large, 'x', 50000);
	large[50000] = '\0';
	while (!full && committed < 1000) {
		struct record record = record_of(
			arena_printf(&home->arena, "t.%zu", committed));

		record.inputs_json = large;
		ok(state_begin(state, &err), &err);
		full = state_record_put(state, id, &record, &err) < 0;
		if (full) {
			struct error later = ERROR_INIT;

			assert_int_equal(state_commit(state, &later), -1);
		} else {
			full = state_commit(state, &err) < 0;
		}
		committed += !full;
	}
	assert_true(full && committed);
	assert_int_equal(err.code, ERROR_FAILED);
	assert_non_null(strstr(err.msg, "no space left"));
	assert_int_equal(count_records(home, state, id), committed);
	/* Small things can still be told apart from large ones, and the handle works on. */
	ok(state_begin(state, &err), &err);
	ok(state_record_delete(state, id, "t.0", 1, &err), &err);
	if (state_commit(state, &err) == 0)
		committed--;
	state_free(state);
	state = home_open(home, STATE_READ);
	assert_int_equal(count_records(home, state, id), committed);
	state_free(state);
}

static void a_full_database(void **cmocka)
{
	struct home *home = *cmocka;
	struct state *state = home_open(home, STATE_WRITE);
	struct error err = ERROR_INIT;

	ok(db_exec(state, "PRAGMA max_page_count = 60", &err), &err);
	fill_up(home, state);
}

static bool in_own_mounts(void)
{
	return unshare(CLONE_NEWNS) == 0 && mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

enum { SKIPPED = 77 };

static void on_full_disk(struct home *home)
{
	if (!in_own_mounts() || mkdir(home->path, 0700) < 0 ||
		mount("tmpfs", home->path, "tmpfs", 0, "size=1m") < 0)
		_exit(SKIPPED);
	fill_up(home, home_open(home, STATE_WRITE));
	umount2(home->path, MNT_DETACH);
}

static void on_disk_full_at_once(struct home *home)
{
	struct error err;
	char path[128];
	int fd;

	if (!in_own_mounts() || mkdir(home->path, 0700) < 0 ||
		mount("tmpfs", home->path, "tmpfs", 0, "size=64k") < 0)
		_exit(SKIPPED);
	snprintf(path, sizeof(path), "%s/filler", home->path);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	for (char piece[4096] = {0}; write(fd, piece, sizeof(piece)) > 0;)
		;
	close(fd);
	err = home_open_fails(home, STATE_WRITE);
	if (!strstr(err.msg, "o space left"))
		fail_msg("%s", err.msg);
	unlink(path);
	umount2(home->path, MNT_DETACH);
}

static void on_read_only_disk(struct home *home)
{
	cleanup_free char *before = NULL, *after = NULL;
	struct error err;

	make_home(home);
	if (!in_own_mounts() || mount(home->path, home->path, NULL, MS_BIND, NULL) < 0 ||
		mount("", home->path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) < 0)
		_exit(SKIPPED);
	before = tree(home->path);
	err = home_open_fails(home, STATE_WRITE);
	if (!strstr(err.msg, "Read-only file system"))
		fail_msg("%s", err.msg);
	assert_reads_without_effect(home, 1); /* planning works all the same */
	after = tree(home->path);
	assert_string_equal(before, after);
	umount2(home->path, MNT_DETACH);
}

/* A child that fails an assertion has no test around it to return to: it aborts or exits. */
static void run_mounted(void (*body)(struct home *home), struct home *home)
{
	int status = in_child(body, home);

	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) {
		fprintf(stderr, "SKIPPED: needs the right to mount (run as root)\n");
		skip();
	}
	assert_int_equal(status, 0);
}

static void a_full_disk(void **cmocka)
{
	run_mounted(on_full_disk, *cmocka);
}

static void a_disk_full_at_once(void **cmocka)
{
	run_mounted(on_disk_full_at_once, *cmocka);
}

static void a_read_only_disk(void **cmocka)
{
	run_mounted(on_read_only_disk, *cmocka);
}

/* --- file systems where a write-ahead log cannot work -------------------------------------------- */

static sqlite3_vfs crippled;
static sqlite3_io_methods crippled_methods;
static bool shared_memory_fails; /* else there is none at all */

static int no_map(sqlite3_file *file, int region, int size, int extend, void volatile **out)
{
	(void)file, (void)region, (void)size, (void)extend;
	*out = NULL;
	return SQLITE_IOERR_SHMMAP;
}

static int open_crippled(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
	sqlite3_vfs *beneath = sqlite3_vfs_find("unix");
	int result = beneath->xOpen(beneath, name, file, flags, out);

	(void)vfs;
	if (result == SQLITE_OK && flags & SQLITE_OPEN_MAIN_DB) {
		crippled_methods = *file->pMethods;
		if (shared_memory_fails)
			crippled_methods.xShmMap = no_map;
		else
			crippled_methods.iVersion = 1;
		file->pMethods = &crippled_methods;
	}
	return result;
}

static void cripple(bool fails)
{
	sqlite3_initialize();
	shared_memory_fails = fails;
	crippled = *sqlite3_vfs_find("unix");
	crippled.zName = "crippled";
	crippled.xOpen = open_crippled;
	sqlite3_vfs_register(&crippled, 1);
}

static void heal(void)
{
	sqlite3_vfs_unregister(&crippled);
	sqlite3_vfs_register(sqlite3_vfs_find("unix"), 1);
}

static int heal_and_stop(void **cmocka)
{
	heal();
	return home_stop(cmocka);
}

static void without_shared_memory(struct home *home, bool fails, bool moved)
{
	struct state *state;

	if (moved)
		make_home(home); /* where it works */
	cripple(fails);
	state = home_open(home, STATE_WRITE);
	assert_true(has_journal_mode(state, "delete"));
	assert_int_equal(number(state, "PRAGMA synchronous"), 2);
	if (!moved)
		put_record(state, home_environment(home, state, ""), "t.a");
	state_free(state);
	assert_reads_without_effect(home, 1);
	state = home_open(home, STATE_WRITE);
	assert_true(has_journal_mode(state, "delete"));
	state_free(state);
	assert_int_equal(access(home_file(home, "state.db-wal"), F_OK), -1);
	assert_reads_without_effect(home, 1);
	heal();
	assert_reads_without_effect(home, 1);
}

static void no_shared_memory(void **cmocka)
{
	without_shared_memory(*cmocka, false, false);
}

static void failing_shared_memory(void **cmocka)
{
	without_shared_memory(*cmocka, true, false);
}

static void moved_to_failing_shared_memory(void **cmocka)
{
	without_shared_memory(*cmocka, true, true);
}

/* --- the key ------------------------------------------------------------------------------------- */

static const char hex_a[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
static const char hex_b[] = "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

static void put_secret(struct home *home, struct state *state, const char *id)
{
	cleanup_strbuf struct strbuf json = STRBUF_INIT;
	struct value text = value_sensitive(value_str(&home->arena, "hunter2"));
	struct member member = {.key = "password", .value = text};
	struct value inputs = value_map(&member, 1);
	struct record record = record_of("t.secret");
	struct error err = ERROR_INIT;

	json_write(&json, &inputs, JSON_SEAL, state_key(state));
	record.inputs_json = json.text;
	ok(state_begin(state, &err), &err);
	ok(state_record_put(state, id, &record, &err), &err);
	ok(state_commit(state, &err), &err);
}

/* Reads the secret back; false, with the error, when that cannot be. */
static bool read_secret(struct home *home, struct error *err)
{
	struct state *state = home_open(home, STATE_READ);
	struct environment *environments;
	struct record *records;
	size_t n;
	bool right;

	ok(state_environments(state, &home->arena, &environments, &n, err), err);
	ok(state_records(state, environments[0].id, &home->arena, &records, &n, err), err);
	state_free(state); /* records outlive the handle */
	assert_int_equal(n, 1);
	right = strcmp(value_get_text(record_inputs(&records[0], err), "password", ""), "hunter2") == 0;
	assert_true(right == (err->code == ERROR_NONE));
	return right;
}

static void make_secret(struct home *home)
{
	struct state *state = home_open(home, STATE_WRITE);

	put_secret(home, state, home_environment(home, state, ""));
	state_free(state);
}

static void a_secret_is_not_in_any_file(void **cmocka)
{
	static const char *const files[] = {"state.db", "state.db-wal"};
	struct home *home = *cmocka;
	struct error err = ERROR_INIT;
	struct state *state;
	const char *text;
	size_t len;

	make_secret(home);
	assert_true(read_secret(home, &err));
	state = home_open(home, STATE_WRITE);
	home_environment(home, state, "other"); /* so that the log holds something */
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		ok(fs_read(home_file(home, files[i]), &home->arena, &text, &len, &err), &err);
		assert_true(len > 0);
		assert_null(memmem(text, len, "hunter2", 7));
	}
	state_free(state);
}

static void a_lost_key_is_never_made_anew(void **cmocka)
{
	struct home *home = *cmocka;
	struct state *state;
	struct error err = ERROR_INIT;
	char id[SECRET_ID_HEX];

	make_secret(home);
	state = home_open(home, STATE_READ);
	memcpy(id, state_key(state)->id, sizeof(id));
	ok(state_key_check(state, &err), &err);
	state_free(state);
	assert_int_equal(rename(home_file(home, "key"), home_file(home, "elsewhere")), 0);
	assert_false(read_secret(home, &err));
	assert_int_equal(err.code, ERROR_CORRUPT);
	assert_non_null(strstr(err.msg, id));
	for (int mode = STATE_READ; mode <= STATE_WRITE; mode++) {
		state = home_open(home, (enum state_mode)mode); /* what needs no secret works */
		assert_null(state_key(state));
		err = (struct error)ERROR_INIT;
		assert_int_equal(state_key_check(state, &err), -1);
		assert_int_equal(err.code, ERROR_CORRUPT);
		assert_non_null(strstr(err.msg, id));
		assert_non_null(strstr(err.msg, "lost"));
		state_free(state);
	}
	assert_int_equal(access(home_file(home, "key"), F_OK), -1);
	assert_int_equal(rename(home_file(home, "elsewhere"), home_file(home, "key")), 0);
	err = (struct error)ERROR_INIT;
	assert_true(read_secret(home, &err));
}

static void a_key_that_no_secret_needs_may_go(void **cmocka)
{
	struct home *home = *cmocka;
	struct error err = ERROR_INIT;
	struct state *state;

	make_home(home);
	assert_int_equal(unlink(home_file(home, "key")), 0);
	state = home_open(home, STATE_WRITE);
	assert_non_null(state_key(state));
	ok(state_key_check(state, &err), &err);
	state_free(state);
}

static void another_key_is_told_apart(void **cmocka)
{
	struct home *home = *cmocka;
	struct secret_key a, b;
	struct state *state;
	struct error err = ERROR_INIT;

	secret_key_parse(hex_a, &a, NULL);
	secret_key_parse(hex_b, &b, NULL);
	setenv("DEVENV_KEY", hex_a, 1);
	make_secret(home);
	assert_int_equal(access(home_file(home, "key"), F_OK), -1); /* none is made then */
	assert_true(read_secret(home, &err));
	setenv("DEVENV_KEY", hex_b, 1);
	assert_false(read_secret(home, &err));
	assert_int_equal(err.code, ERROR_CORRUPT);
	assert_non_null(strstr(err.msg, a.id));
	assert_non_null(strstr(err.msg, b.id));
	state = home_open(home, STATE_WRITE);
	assert_int_equal(state_key_check(state, &err), -1);
	assert_non_null(strstr(err.msg, a.id));
	{ /* a second key is not mixed in */
		struct environment *environments;
		struct record record = record_of("t.x");
		size_t n;

		record.outputs_json = "{\"a\":{\"$keyed\":\"x\"}}";
		ok(state_environments(state, &home->arena, &environments, &n, &err), &err);
		ok(state_begin(state, &err), &err);
		assert_int_equal(state_record_put(state, environments[0].id, &record, &err), -1);
		assert_int_equal(err.code, ERROR_CORRUPT);
		assert_int_equal(state_commit(state, &err), -1);
	}
	state_free(state);
	setenv("DEVENV_KEY", "no key", 1);
	err = home_open_fails(home, STATE_READ);
	assert_non_null(strstr(err.msg, "DEVENV_KEY"));
	assert_null(strstr(err.msg, "no key"));
	unsetenv("DEVENV_KEY");
}

/* The first secret was rolled back: the database does not insist on its key. */
static void a_rolled_back_secret_binds_nothing(void **cmocka)
{
	struct home *home = *cmocka;
	struct state *state = home_open(home, STATE_WRITE);
	const char *id = home_environment(home, state, "");
	struct error err = ERROR_INIT;

	ok(state_begin(state, &err), &err);
	ok(state_note_put(state, id, "outputs", "x", "{\"$keyed\":\"a:b\"}", &err), &err);
	state_rollback(state);
	assert_int_equal(number(state, "SELECT count(*) FROM meta WHERE key = 'key'"), 0);
	ok(state_begin(state, &err), &err);
	ok(state_note_put(state, id, "outputs", "x", "{\"$keyed\":\"a:b\"}", &err), &err);
	ok(state_commit(state, &err), &err);
	assert_int_equal(number(state, "SELECT count(*) FROM meta WHERE key = 'key'"), 1);
	state_free(state);
}

static void a_damaged_key_file_is_named(void **cmocka)
{
	static const char *const texts[] = {"", "xyz\n", "0011\n",
		"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00\n"};
	struct home *home = *cmocka;

	make_secret(home);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		int fd = open(home_file(home, "key"), O_WRONLY | O_TRUNC);
		struct error err = ERROR_INIT;

		ok(fs_write_fd(fd, "key", texts[i], strlen(texts[i]), &err), &err);
		close(fd);
		err = home_open_fails(home, STATE_WRITE);
		assert_int_equal(err.code, ERROR_CORRUPT);
		assert_non_null(strstr(err.msg, "/key is damaged"));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, home_start, home_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(everything_is_private),
		TEST(carelessly_copied_files_become_private),
		TEST(a_home_keeps_its_id),
		TEST(reading_a_home_at_rest),
		TEST(reading_an_empty_file),
		TEST(reading_beside_a_writer),
		TEST(reading_after_a_crash),
		TEST(reading_without_companions),
		TEST(reading_with_a_rollback_pending),
		TEST(a_removed_database_starts_anew),
		TEST(half_a_database_is_built_again),
		TEST(readers_see_one_moment),
		TEST(reading_while_others_write),
		TEST(an_upgrade_leaves_a_copy),
		TEST(an_older_schema_is_read_in_memory),
		TEST(a_failed_upgrade_changes_nothing),
		TEST(a_newer_schema_is_refused),
		TEST(garbage_is_refused),
		TEST(a_cut_file_is_refused),
		TEST(another_programs_database_is_refused),
		TEST(damaged_pages_are_told),
		TEST(a_folder_in_its_place),
		TEST(a_file_where_the_home_should_be),
		TEST(a_full_database),
		TEST(a_full_disk),
		TEST(a_disk_full_at_once),
		TEST(a_read_only_disk),
		cmocka_unit_test_setup_teardown(no_shared_memory, home_start, heal_and_stop),
		cmocka_unit_test_setup_teardown(failing_shared_memory, home_start, heal_and_stop),
		cmocka_unit_test_setup_teardown(moved_to_failing_shared_memory, home_start, heal_and_stop),
		TEST(a_secret_is_not_in_any_file),
		TEST(a_lost_key_is_never_made_anew),
		TEST(a_key_that_no_secret_needs_may_go),
		TEST(another_key_is_told_apart),
		TEST(a_rolled_back_secret_binds_nothing),
		TEST(a_damaged_key_file_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
