/* What readers mark, and when something marked counts as changed. */
#include "base/fs.h"
#include "base/trail.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

static const char *at(struct arena *arena, const char *name)
{
	return fs_join(arena, folder, name);
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static struct trail_item *item_of(struct trail *trail, const char *path)
{
	return (struct trail_item *)trail_find(trail, path);
}

static void readers_leave_marks_while_a_trail_lies_open(void **state)
{
	struct arena arena = ARENA_INIT;
	struct trail trail = {0};
	const char *text, *const *names;
	struct hash hash;
	size_t n;

	(void)state;
	put(at(&arena, "read"), "x");
	put(at(&arena, "hashed"), "x");
	assert_null(trail_open(&trail));
	fs_read(at(&arena, "read"), &arena, &text, &n, NULL);
	fs_read(at(&arena, "missing"), &arena, &text, &n, NULL);
	hash_file(at(&arena, "hashed"), &hash, NULL);
	fs_exists(at(&arena, "looked"));
	fs_list(folder, &arena, &names, &n, NULL);
	assert_ptr_equal(trail_open(NULL), &trail);
	fs_exists(at(&arena, "after"));
	assert_int_equal(trail.n, 5);
	assert_true(item_of(&trail, at(&arena, "read"))->hashed);
	assert_true(hash_equal(&item_of(&trail, at(&arena, "hashed"))->hash, &hash));
	assert_int_equal(item_of(&trail, at(&arena, "missing"))->stamp.type, 0);
	assert_null(trail_find(&trail, at(&arena, "after")));
	trail_release(&trail);
	arena_release(&arena);
}

static void content_decides_not_time(void **state)
{
	struct arena arena = ARENA_INIT;
	struct trail trail = {0};
	const char *path = at(&arena, "file"), *text;
	struct trail_item *item;
	size_t n;

	(void)state;
	put(path, "same");
	trail_open(&trail);
	fs_read(path, &arena, &text, &n, NULL);
	trail_open(NULL);
	item = item_of(&trail, path);
	assert_false(trail_item_changed(item));
	put(path, "same");
	assert_false(trail_item_changed(item));
	put(path, "else"); /* as long, and perhaps within the same tick of the clock */
	assert_true(trail_item_changed(item));
	unlink(path);
	assert_true(trail_item_changed(item));
	trail_release(&trail);
	arena_release(&arena);
}

static void a_folder_changes_with_its_names_but_not_with_those_of_editors(void **state)
{
	struct arena arena = ARENA_INIT;
	struct trail trail = {0};
	const char *const *names;
	struct trail_item *item;
	size_t n;

	(void)state;
	trail_open(&trail);
	fs_list(folder, &arena, &names, &n, NULL);
	trail_open(NULL);
	item = item_of(&trail, folder);
	put(at(&arena, ".file.swp"), "x");
	put(at(&arena, "file~"), "x");
	put(at(&arena, "4913"), "x");
	put(at(&arena, "file___jb_tmp___"), "x");
	put(at(&arena, ".goutputstream-A1B2C3"), "x");
	assert_false(trail_item_changed(item));
	put(at(&arena, "more"), "x");
	assert_true(trail_item_changed(item));
	trail_release(&trail);
	arena_release(&arena);
}

static void a_link_changes_with_where_it_leads(void **state)
{
	struct arena arena = ARENA_INIT;
	struct trail trail = {0};
	const char *path = at(&arena, "link");
	struct trail_item *item;

	(void)state;
	assert_int_equal(symlink("one", path), 0);
	trail_open(&trail);
	trail_link(path, "one", 3);
	trail_open(NULL);
	item = item_of(&trail, path);
	assert_false(trail_item_changed(item));
	unlink(path);
	assert_int_equal(symlink("two", path), 0);
	assert_true(trail_item_changed(item));
	trail_release(&trail);
	arena_release(&arena);
}

static void a_file_that_is_open_for_writing_is_written(void **state)
{
	struct arena arena = ARENA_INIT;
	const char *path = at(&arena, "written");
	struct trail_item item = {.path = path, .stamp.type = S_IFREG};
	int fd;

	(void)state;
	put(path, "x");
	assert_false(trail_item_is_written(&item));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(trail_item_is_written(&item));
	close(fd);
	assert_false(trail_item_is_written(&item));
	arena_release(&arena);
}

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/devenv-trail-XXXXXX");
	hash_start();
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return fs_remove_tree(folder, NULL);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(readers_leave_marks_while_a_trail_lies_open),
		T(content_decides_not_time),
		T(a_folder_changes_with_its_names_but_not_with_those_of_editors),
		T(a_link_changes_with_where_it_leads),
		T(a_file_that_is_open_for_writing_is_written),
	};

	return cmocka_run_group_tests_name("trail", tests, NULL, NULL);
}
