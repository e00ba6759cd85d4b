/* Files: names, reading, atomic and durable writing, directories. */
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct room {
	struct arena arena;
	struct error err;
	char dir[64];
};

static int setup(void **state)
{
	struct room *room = xcalloc(1, sizeof(*room));

	strcpy(room->dir, "test-fs-XXXXXX");
	assert_non_null(mkdtemp(room->dir));
	*state = room;
	return 0;
}

static int teardown(void **state)
{
	struct room *room = *state;

	assert_int_equal(fs_remove_tree(room->dir, NULL), 0);
	arena_release(&room->arena);
	free(room);
	return 0;
}

static const char *in(struct room *room, const char *name)
{
	return fs_join(&room->arena, room->dir, name);
}

static void put(struct room *room, const char *name, const char *text)
{
	FILE *file = fopen(in(room, name), "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void assert_content(struct room *room, const char *name, const char *want)
{
	const char *text;
	size_t len;

	assert_int_equal(fs_read(in(room, name), &room->arena, &text, &len, &room->err), 0);
	assert_string_equal(text, want);
	assert_int_equal(len, strlen(want));
}

/* How many entries the directory has. */
static size_t entries(struct room *room)
{
	const char *const *names;
	size_t n;

	assert_int_equal(fs_list(room->dir, &room->arena, &names, &n, &room->err), 0);
	return n;
}

static void names_are_joined_and_normalised(void **state)
{
	static const char *const cases[][2] = {
		{"", "."}, {".", "."}, {"./", "."}, {"/", "/"}, {"//", "/"}, {"a", "a"}, {"a/", "a"},
		{"a//b/./c", "a/b/c"}, {"a/b/..", "a"}, {"a/..", "."}, {"a/../b", "b"},
		{"..", ".."}, {"../..", "../.."}, {"../a/..", ".."}, {"a/../../b", "../b"},
		{"/..", "/"}, {"/../a", "/a"}, {"/a/../../b", "/b"}, {"/a/./b/", "/a/b"},
		{"..a/.b", "..a/.b"}, {"../../a/b/../../..", "../../.."},
	};
	struct room *room = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(fs_normalise(&room->arena, cases[i][0]), cases[i][1]);
	assert_string_equal(fs_join(&room->arena, "a", "b"), "a/b");
	assert_string_equal(fs_join(&room->arena, "a/", "b"), "a/b");
	assert_string_equal(fs_join(&room->arena, "/", "b"), "/b");
	assert_string_equal(fs_join(&room->arena, "a", "/b"), "/b");
	assert_string_equal(fs_parent(&room->arena, "/a/b"), "/a");
	assert_string_equal(fs_parent(&room->arena, "/a"), "/");
	assert_string_equal(fs_parent(&room->arena, "a"), ".");
	assert_string_equal(fs_parent(&room->arena, "a//b"), "a");
	assert_string_equal(fs_name("/a/b"), "b");
	assert_string_equal(fs_name("b"), "b");
	assert_string_equal(fs_relative("/a", "/a/b/c"), "b/c");
	assert_string_equal(fs_relative("/a", "/a"), ".");
	assert_string_equal(fs_relative("/a", "/ab"), "/ab");
	assert_string_equal(fs_relative("/a/b", "/a"), "/a");
	assert_string_equal(fs_relative("/", "/a"), "a");
}

static void a_link_is_seen_as_a_link(void **state)
{
	struct room *room = *state;
	enum fs_kind kind;

	put(room, "file", "x");
	assert_int_equal(symlink("file", in(room, "link")), 0);
	assert_int_equal(fs_look(in(room, "file"), &kind, NULL, &room->err), 0);
	assert_int_equal(kind, FS_FILE);
	assert_int_equal(fs_look(in(room, "link"), &kind, NULL, &room->err), 0);
	assert_int_equal(kind, FS_SYMLINK);
	assert_int_equal(fs_look(room->dir, &kind, NULL, &room->err), 0);
	assert_int_equal(kind, FS_DIRECTORY);
	assert_int_equal(fs_look(in(room, "none"), &kind, NULL, &room->err), 0);
	assert_int_equal(kind, FS_ABSENT);
	assert_int_equal(fs_look(in(room, "file/below"), &kind, NULL, &room->err), -1);
	assert_int_equal(errno, ENOTDIR);
	assert_true(fs_exists(in(room, "link")));
	assert_int_equal(unlink(in(room, "file")), 0);
	assert_false(fs_exists(in(room, "link")));
}

static void reading_tells_absent_from_failed(void **state)
{
	struct room *room = *state;
	const char *text;
	size_t len;

	assert_int_equal(fs_read(in(room, "none"), &room->arena, &text, &len, &room->err), -1);
	assert_int_equal(room->err.code, ERROR_NOT_FOUND);
	assert_non_null(strstr(room->err.msg, "none"));
	assert_int_equal(fs_read(room->dir, &room->arena, &text, &len, &room->err), -1);
	assert_int_equal(room->err.code, ERROR_INVALID);
	/* A file that says no size. */
	assert_int_equal(fs_read("/proc/self/status", &room->arena, &text, &len, &room->err), 0);
	assert_non_null(strstr(text, "VmRSS"));
	assert_int_equal(len, strlen(text));
	put(room, "empty", "");
	assert_content(room, "empty", "");
	/* Below a file there is nothing. */
	assert_int_equal(fs_read(in(room, "empty/x"), &room->arena, &text, &len, &room->err), -1);
	assert_int_equal(room->err.code, ERROR_NOT_FOUND);
}

static void a_large_file_is_read_whole(void **state)
{
	struct room *room = *state;
	char *data = xmalloc(300001);
	const char *text;
	size_t len;

	for (size_t i = 0; i < 300001; i++)
		data[i] = (char)('a' + i % 23);
	assert_int_equal(fs_write(in(room, "f"), in(room, "t"), data, 300001, 0644, 0, &room->err), 0);
	assert_int_equal(fs_read(in(room, "f"), &room->arena, &text, &len, &room->err), 0);
	assert_int_equal(len, 300001);
	assert_memory_equal(text, data, len);
	free(data);
}

static void names_are_listed_in_byte_order(void **state)
{
	struct room *room = *state;
	const char *const *names;
	size_t n;

	put(room, "b", "");
	put(room, "a", "");
	put(room, "B", "");
	put(room, ".h", "");
	assert_int_equal(fs_list(room->dir, &room->arena, &names, &n, &room->err), 0);
	assert_int_equal(n, 4);
	assert_string_equal(names[0], ".h");
	assert_string_equal(names[1], "B");
	assert_string_equal(names[2], "a");
	assert_string_equal(names[3], "b");
	assert_null(names[4]);
	assert_int_equal(fs_list(in(room, "none"), &room->arena, &names, &n, &room->err), -1);
	assert_int_equal(room->err.code, ERROR_NOT_FOUND);
}

static void a_write_replaces_whole_and_sets_the_mode(void **state)
{
	struct room *room = *state;
	mode_t before = umask(077);
	struct stat st;

	put(room, "f", "old");
	assert_int_equal(fs_write(in(room, "f"), in(room, ".t"), "new", 3, 0664, 0, &room->err), 0);
	umask(before);
	assert_content(room, "f", "new");
	assert_int_equal(stat(in(room, "f"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0664);
	assert_int_equal(entries(room), 1);
}

static void a_write_takes_over_the_rest_of_a_dead_one(void **state)
{
	struct room *room = *state;

	put(room, ".t", "half");
	assert_int_equal(fs_write(in(room, "f"), in(room, ".t"), "all", 3, 0600, 0, &room->err), 0);
	assert_content(room, "f", "all");
	assert_int_equal(entries(room), 1);
	/* A link of that name is not followed. */
	put(room, "victim", "safe");
	assert_int_equal(symlink("victim", in(room, ".t")), 0);
	assert_int_equal(fs_write(in(room, "f"), in(room, ".t"), "two", 3, 0600, 0, &room->err), 0);
	assert_content(room, "victim", "safe");
	assert_content(room, "f", "two");
}

static void a_link_is_replaced_not_followed(void **state)
{
	struct room *room = *state;
	enum fs_kind kind;

	put(room, "target", "safe");
	assert_int_equal(symlink("target", in(room, "f")), 0);
	assert_int_equal(fs_write(in(room, "f"), in(room, ".t"), "new", 3, 0600, 0, &room->err), 0);
	assert_content(room, "target", "safe");
	assert_int_equal(fs_look(in(room, "f"), &kind, NULL, &room->err), 0);
	assert_int_equal(kind, FS_FILE);
}

static void an_exclusive_write_leaves_what_is_there(void **state)
{
	struct room *room = *state;

	put(room, "f", "theirs");
	assert_int_equal(fs_write(in(room, "f"), in(room, ".t"), "ours", 4, 0600, FS_EXCLUSIVE,
		&room->err), -1);
	assert_int_equal(room->err.code, ERROR_CONFLICT);
	assert_content(room, "f", "theirs");
	assert_int_equal(entries(room), 1);
	assert_int_equal(fs_write(in(room, "g"), in(room, ".t"), "ours", 4, 0600, FS_EXCLUSIVE,
		&room->err), 0);
	assert_content(room, "g", "ours");
	assert_int_equal(entries(room), 2);
}

static void a_write_onto_a_directory_is_a_conflict(void **state)
{
	struct room *room = *state;

	assert_int_equal(mkdir(in(room, "d"), 0755), 0);
	assert_int_equal(fs_write(in(room, "d"), in(room, ".t"), "x", 1, 0600, 0, &room->err), -1);
	assert_int_equal(room->err.code, ERROR_CONFLICT);
	assert_int_equal(entries(room), 1);
}

/* A limit on the size of files stands for a full disk. */
static void a_failed_write_leaves_the_old_file_and_no_temporary(void **state)
{
	struct room *room = *state;
	struct rlimit limit, before;
	char data[10000];

	memset(data, 'x', sizeof(data));
	put(room, "f", "old");
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 5000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(fs_write(in(room, "f"), in(room, ".t"), data, sizeof(data), 0600, 0,
		&room->err), -1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(room->err.code, ERROR_FAILED);
	assert_content(room, "f", "old");
	assert_int_equal(entries(room), 1);
}

static void made_directories_are_reported(void **state)
{
	struct room *room = *state;
	mode_t before = umask(077);
	const char *const *made;
	struct stat st;

	assert_int_equal(mkdir(in(room, "a"), 0700), 0);
	assert_int_equal(fs_make_dirs(in(room, "a/b/c/"), 0755, &room->arena, &made, &room->err), 0);
	umask(before);
	assert_string_equal(made[0], in(room, "a/b"));
	assert_string_equal(made[1], in(room, "a/b/c"));
	assert_null(made[2]);
	assert_int_equal(stat(made[1], &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(fs_make_dirs(in(room, "a/b/c"), 0755, &room->arena, &made, &room->err), 0);
	assert_null(made[0]);
	assert_int_equal(fs_make_dirs(in(room, "a/x"), 0755, NULL, NULL, &room->err), 0);
}

static void a_file_in_the_way_of_a_directory_is_a_conflict(void **state)
{
	struct room *room = *state;
	const char *const *made;

	assert_int_equal(mkdir(in(room, "a"), 0755), 0);
	put(room, "a/f", "x");
	assert_int_equal(fs_make_dirs(in(room, "a/f/c"), 0755, &room->arena, &made, &room->err), -1);
	assert_int_equal(room->err.code, ERROR_CONFLICT);
	assert_non_null(strstr(room->err.msg, "a/f"));
	assert_null(made[0]);
}

static void a_way_through_a_link_to_a_directory_is_fine(void **state)
{
	struct room *room = *state;

	assert_int_equal(mkdir(in(room, "real"), 0755), 0);
	assert_int_equal(symlink("real", in(room, "link")), 0);
	assert_int_equal(fs_make_dirs(in(room, "link/x"), 0755, NULL, NULL, &room->err), 0);
	assert_true(fs_exists(in(room, "real/x")));
}

static void removing_twice_is_fine(void **state)
{
	struct room *room = *state;

	put(room, "f", "x");
	assert_int_equal(mkdir(in(room, "d"), 0755), 0);
	put(room, "d/inside", "x");
	assert_int_equal(fs_remove(in(room, "d"), &room->err), -1);
	assert_int_equal(room->err.code, ERROR_CONFLICT);
	assert_int_equal(fs_remove(in(room, "f"), &room->err), 0);
	assert_int_equal(fs_remove(in(room, "f"), &room->err), 0);
	assert_int_equal(fs_remove_dir(in(room, "d"), &room->err), -1);
	assert_int_equal(room->err.code, ERROR_CONFLICT);
	assert_int_equal(fs_remove(in(room, "d/inside"), &room->err), 0);
	assert_int_equal(fs_remove_dir(in(room, "d"), &room->err), 0);
	assert_int_equal(fs_remove_dir(in(room, "d"), &room->err), 0);
}

static void a_tree_is_removed_without_following_links(void **state)
{
	struct room *room = *state;

	assert_int_equal(fs_make_dirs(in(room, "t/a/b"), 0755, NULL, NULL, &room->err), 0);
	assert_int_equal(fs_make_dirs(in(room, "t/c"), 0755, NULL, NULL, &room->err), 0);
	assert_int_equal(fs_make_dirs(in(room, "outside"), 0755, NULL, NULL, &room->err), 0);
	put(room, "outside/keep", "x");
	put(room, "t/a/f", "x");
	put(room, "t/a/b/f", "x");
	assert_int_equal(symlink("../outside", in(room, "t/link")), 0);
	assert_int_equal(fs_remove_tree(in(room, "t"), &room->err), 0);
	assert_false(fs_exists(in(room, "t")));
	assert_content(room, "outside/keep", "x");
	assert_int_equal(fs_remove_tree(in(room, "t"), &room->err), 0);
	assert_int_equal(symlink("outside", in(room, "l")), 0);
	assert_int_equal(fs_remove_tree(in(room, "l"), &room->err), -1);
	assert_content(room, "outside/keep", "x");
}

/* A writer is killed at random; the reader sees one of the two contents, never a part. */
static void a_killed_writer_leaves_old_or_new(void **state)
{
	struct room *room = *state;
	char old[20000], new[20000];

	memset(old, 'o', sizeof(old));
	memset(new, 'n', sizeof(new));
	for (int round = 0; round < 40; round++) {
		const char *text;
		size_t len;
		pid_t pid;

		assert_int_equal(fs_write(in(room, "f"), in(room, ".t"), old, sizeof(old), 0600,
			FS_VOLATILE, &room->err), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			fs_write(in(room, "f"), in(room, ".t"), new, sizeof(new), 0600, 0, NULL);
			_exit(0);
		}
		usleep((useconds_t)(round * 37));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		assert_int_equal(fs_read(in(room, "f"), &room->arena, &text, &len, &room->err), 0);
		assert_int_equal(len, sizeof(old));
		assert_true(memcmp(text, old, len) == 0 || memcmp(text, new, len) == 0);
	}
	/* The temporary of a killed one is overwritten by the next. */
	assert_int_equal(fs_write(in(room, "f"), in(room, ".t"), "end", 3, 0600, 0, &room->err), 0);
	assert_int_equal(entries(room), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(names_are_joined_and_normalised),
		T(a_link_is_seen_as_a_link),
		T(reading_tells_absent_from_failed),
		T(a_large_file_is_read_whole),
		T(names_are_listed_in_byte_order),
		T(a_write_replaces_whole_and_sets_the_mode),
		T(a_write_takes_over_the_rest_of_a_dead_one),
		T(a_link_is_replaced_not_followed),
		T(an_exclusive_write_leaves_what_is_there),
		T(a_write_onto_a_directory_is_a_conflict),
		T(a_failed_write_leaves_the_old_file_and_no_temporary),
		T(made_directories_are_reported),
		T(a_file_in_the_way_of_a_directory_is_a_conflict),
		T(a_way_through_a_link_to_a_directory_is_fine),
		T(removing_twice_is_fine),
		T(a_tree_is_removed_without_following_links),
		T(a_killed_writer_leaves_old_or_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
