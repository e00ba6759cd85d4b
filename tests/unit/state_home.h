/* A home for one test, a handle on it, and what a file tree looks like from outside. */
#ifndef TESTS_STATE_HOME_H
#define TESTS_STATE_HOME_H

#include "base/fs.h"
#include "state/db.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

struct home {
	char dir[64];  /* of the test */
	char path[96]; /* the home in it; not made yet */
	struct arena arena;
};

static inline int home_start(void **state)
{
	struct home *home = calloc(1, sizeof(*home));

	hash_start();
	unsetenv("DEVENV_KEY");
	strcpy(home->dir, "/tmp/devenv-state-test-XXXXXX");
	if (!mkdtemp(home->dir))
		return -1;
	snprintf(home->path, sizeof(home->path), "%s/home", home->dir);
	*state = home;
	return 0;
}

static inline int home_stop(void **state)
{
	struct home *home = *state;

	fs_remove_tree(home->dir, NULL);
	arena_release(&home->arena);
	free(home);
	return 0;
}

static inline const char *home_file(struct home *home, const char *name)
{
	return arena_printf(&home->arena, "%s/%s", home->path, name);
}

static inline struct state *home_open(struct home *home, enum state_mode mode)
{
	struct error err = ERROR_INIT;
	struct state *state = state_open(home->path, mode, &clock_system, &err);

	if (!state)
		fail_msg("%s", err.msg);
	return state;
}

/* The error of an open that must fail. */
static inline struct error home_open_fails(struct home *home, enum state_mode mode)
{
	struct error err = ERROR_INIT;

	assert_null(state_open(home->path, mode, &clock_system, &err));
	assert_int_not_equal(err.code, ERROR_NONE);
	return err;
}

static inline void ok(int result, const struct error *err)
{
	if (result != 0)
		fail_msg("%s", err->msg);
}

/* An environment of its own, committed. */
static inline const char *home_environment(struct home *home, struct state *state, const char *name)
{
	struct environment environment = {
		.checkout = "checkout", .name = name, .project = "shop", .root = "/srv/shop"};
	struct error err = ERROR_INIT;

	ok(state_begin(state, &err), &err);
	ok(state_environment_put(state, &home->arena, &environment, &err), &err);
	ok(state_commit(state, &err), &err);
	return environment.id;
}

static inline struct environment look(struct home *home, struct state *state)
{
	struct environment environment;
	struct error err = ERROR_INIT;

	ok(state_environment_find(state, "checkout", "", &home->arena, &environment, &err), &err);
	return environment;
}

static inline struct record record_of(const char *address)
{
	return (struct record){.address = address, .generation = 1, .type = "local_value"};
}

static inline void put_record(struct state *state, const char *environment, const char *address)
{
	struct record record = record_of(address);
	struct error err = ERROR_INIT;

	ok(state_begin(state, &err), &err);
	ok(state_record_put(state, environment, &record, &err), &err);
	ok(state_commit(state, &err), &err);
}

static inline size_t count_records(struct home *home, struct state *state, const char *environment)
{
	struct error err = ERROR_INIT;
	struct record *records;
	size_t n;

	ok(state_records(state, environment, &home->arena, &records, &n, &err), &err);
	return n;
}

/* Everything about a tree that an effect would change: names, sizes, times, content. */
static inline void add_tree(struct strbuf *out, const char *path)
{
	struct arena arena = ARENA_INIT;
	const char *const *names;
	struct error err = ERROR_INIT;
	struct stat st;
	size_t n;

	if (lstat(path, &st) < 0) {
		strbuf_addf(out, "%s absent\n", path);
		return;
	}
	strbuf_addf(out, "%s %o %lld m%lld.%09ld c%lld.%09ld", path, st.st_mode,
		S_ISDIR(st.st_mode) ? 0LL : (long long)st.st_size, (long long)st.st_mtim.tv_sec,
		st.st_mtim.tv_nsec, (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
	if (S_ISREG(st.st_mode)) {
		char hex[HASH_HEX];
		struct hash hash;

		ok(hash_file(path, &hash, &err), &err);
		strbuf_addf(out, " %s", hash_hex(&hash, hex));
	}
	strbuf_addch(out, '\n');
	if (S_ISDIR(st.st_mode)) {
		ok(fs_list(path, &arena, &names, &n, &err), &err);
		for (size_t i = 0; i < n; i++)
			add_tree(out, arena_printf(&arena, "%s/%s", path, names[i]));
	}
	arena_release(&arena);
}

static inline char *tree(const char *path)
{
	struct strbuf out = STRBUF_INIT;

	add_tree(&out, path);
	return strbuf_detach(&out);
}

/* Runs `body` in a child and returns how it ended. */
static inline int in_child(void (*body)(struct home *home), struct home *home)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		body(home);
		_exit(0);
	}
	assert_true(pid > 0);
	waitpid(pid, &status, 0);
	return status;
}

static inline mode_t mode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

static inline int64_t number(struct state *state, const char *sql)
{
	struct error err = ERROR_INIT;
	int64_t out;

	ok(db_number(state, &err, -1, &out, sql, ""), &err);
	return out;
}

static inline bool has_journal_mode(struct state *state, const char *mode)
{
	struct error err = ERROR_INIT;
	sqlite3_stmt *row = db_query(state, &err, "PRAGMA journal_mode", "");
	bool equal;

	assert_int_equal(db_next(state, row, &err), 1);
	equal = strcmp((const char *)sqlite3_column_text(row, 0), mode) == 0;
	db_done(row);
	return equal;
}

/* Opens for reading, looks at `n` records of the first environment, and compares the whole tree. */
static inline void assert_reads_without_effect(struct home *home, size_t n)
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

static inline void make_home(struct home *home)
{
	struct state *state = home_open(home, STATE_WRITE);

	put_record(state, home_environment(home, state, ""), "t.a");
	state_free(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, home_start, home_stop)

#endif
