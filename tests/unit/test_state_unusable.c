/* Every way in which a database can be unusable: damaged, foreign, newer, no room, no permission. */
#include "tests/unit/state_home.h"

#include "base/secret.h"
#include "model/json.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
