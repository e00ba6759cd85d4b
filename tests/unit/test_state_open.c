/* Opening: what is made and how, that reading has no effect at all, and upgrades with a copy. */
#include "tests/unit/state_home.h"

#include "base/secret.h"
#include "model/json.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

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
	static const char *const files[] = {"state.db", "state.db-wal", "state.db-shm", "key"};
	struct home *home = *cmocka;

	state_free(home_open(home, STATE_WRITE));
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		assert_int_equal(chmod(home_file(home, files[i]), 0644), 0);
	state_free(home_open(home, STATE_WRITE));
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		assert_int_equal(mode_of(home_file(home, files[i])), 0600);
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
	/* Until something was read of what it writes, however late it gets its turn; or it has ended. */
	for (int i = 0; i < 200 || (!last && !waitpid(pid, NULL, WNOHANG)); i++) {
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

/* The step behind the newest schema. */
static const char next[] = "ALTER TABLE record ADD COLUMN extra TEXT; UPDATE record SET extra = 'new'";
static const char broken[] = "ALTER TABLE record ADD COLUMN extra TEXT; INSERT INTO nowhere VALUES (1)";

static struct state *open_next(struct home *home, enum state_mode mode, const char *sql,
	struct error *err)
{
	struct migration all[16];

	assert_true(state_version < 16);
	memcpy(all, state_migrations, (size_t)state_version * sizeof(*all));
	all[state_version].sql = sql;
	return state_open_version(home->path, mode, &clock_system, all, state_version + 1, err);
}

static const char *schema_text(struct home *home, int version)
{
	return arena_printf(&home->arena, "schema %d", version);
}

static const char *backup_of(struct home *home, const char *suffix)
{
	return home_file(home, arena_printf(&home->arena, "state.db.backup-v%d%s", state_version, suffix));
}

static void an_upgrade_leaves_a_copy(void **cmocka)
{
	struct home *home = *cmocka;
	struct error err = ERROR_INIT;
	struct state *state;
	sqlite3 *copy;

	make_home(home);
	state = open_next(home, STATE_WRITE, next, &err);
	assert_non_null(state);
	assert_int_equal(number(state, "SELECT count(*) FROM record WHERE extra = 'new'"), 1);
	assert_int_equal(number(state, "PRAGMA user_version"), state_version + 1);
	state_free(state);
	assert_int_equal(mode_of(backup_of(home, "")), 0600);
	assert_int_equal(access(backup_of(home, ".new"), F_OK), -1);
	assert_int_equal(sqlite3_open(backup_of(home, ""), &copy), SQLITE_OK);
	assert_int_equal(sqlite3_exec(copy, "SELECT count(*) FROM record", 0, 0, 0), SQLITE_OK);
	assert_int_equal(sqlite3_exec(copy, "SELECT extra FROM record", 0, 0, 0), SQLITE_ERROR);
	sqlite3_close(copy);
	/* The copy can stand in for the database. */
	assert_int_equal(rename(backup_of(home, ""), home_file(home, "state.db")), 0);
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
	state = open_next(home, STATE_READ, next, &err);
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
	assert_null(open_next(home, STATE_WRITE, broken, &err));
	assert_non_null(strstr(err.msg, schema_text(home, state_version + 1)));
	assert_reads_without_effect(home, 1);
	state_free(home_open(home, STATE_WRITE)); /* still of its version, and well */
	/* A second try overwrites the copy that the first one left. */
	assert_null(open_next(home, STATE_WRITE, broken, &err));
	assert_reads_without_effect(home, 1);
}

static void a_newer_schema_is_refused(void **cmocka)
{
	struct home *home = *cmocka;
	cleanup_free char *before = NULL, *after = NULL;
	struct error err = ERROR_INIT;
	struct state *state;

	make_home(home);
	state = open_next(home, STATE_WRITE, next, &err);
	state_free(state);
	before = tree(home_file(home, "state.db"));
	for (int mode = STATE_READ; mode <= STATE_WRITE; mode++) {
		err = home_open_fails(home, (enum state_mode)mode);
		assert_int_equal(err.code, ERROR_CORRUPT);
		assert_non_null(strstr(err.msg, "newer"));
		assert_non_null(strstr(err.msg, schema_text(home, state_version + 1)));
	}
	after = tree(home_file(home, "state.db"));
	assert_string_equal(before, after);
}

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
