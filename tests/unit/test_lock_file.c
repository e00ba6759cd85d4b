/* The lock file of Terraform's providers: what it vouches for, and how it is completed. */
#include "providers/terraform/terraform.h"

#include "base/fs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>

#define AWS "registry.example/hashicorp/aws"
/* As Go's dirhash.HashDir says of the files of `packages`. */
#define AWS_SUM "    \"h1:b3yrASB9lBV+UkB20BHGOKfNjabiJNiFOpQQOeVYUWA=\",\n"
#define NULL_SUM "    \"h1:SkuHSh6XdqUuOP2CoFOCXzCfRhh6gDoPwMZnDGZw52g=\",\n"

#define BLOCK(address, version, hashes) \
	"provider \"" address "\" {\n  version     = \"" version "\"\n  constraints = \"~> 5.0\"\n  hashes = [\n" \
	hashes "  ]\n}\n"

struct room {
	struct arena arena;
	char folder[64];
};

static void put(struct room *room, const char *path, const char *text)
{
	const char *whole = fs_join(&room->arena, room->folder, path);

	assert_int_equal(fs_make_dirs(fs_parent(&room->arena, whole), 0700, &room->arena, NULL, NULL), 0);
	assert_int_equal(fs_write(whole, arena_printf(&room->arena, "%s.new", whole), text, strlen(text), 0600,
		FS_VOLATILE, NULL), 0);
}

static int setup(void **state)
{
	struct room *room = calloc(1, sizeof(*room));

	strcpy(room->folder, "/tmp/devenv-test-XXXXXX");
	assert_non_null(mkdtemp(room->folder));
	put(room, AWS "/5.1.0/linux_amd64/a", "x");
	put(room, AWS "/5.1.0/linux_amd64/b/c", "y");
	put(room, AWS "/5.1.0/linux_amd64/b-d", "z");
	put(room, "registry.example/hashicorp/null/3.2.0/linux_amd64/a", "x");
	*state = room;
	return 0;
}

static int teardown(void **state)
{
	struct room *room = *state;

	fs_remove_tree(room->folder, NULL);
	arena_release(&room->arena);
	free(room);
	return 0;
}

static const char *complete(struct room *room, const char *text)
{
	return lock_file_complete(&room->arena, text, room->folder);
}

static void test_what_is_missing_is_added(void **state)
{
	static const char source[] = "# Written by a program.\n\n" BLOCK(AWS, "5.1.0", "    \"zh:1\",\n") "\n"
		BLOCK("registry.example/hashicorp/null", "3.2.0", "    \"h1:other=\",\n    \"zh:2\",\n");
	static const char whole[] = "# Written by a program.\n\n" BLOCK(AWS, "5.1.0", AWS_SUM "    \"zh:1\",\n") "\n"
		BLOCK("registry.example/hashicorp/null", "3.2.0", NULL_SUM "    \"h1:other=\",\n    \"zh:2\",\n");

	assert_string_equal(complete(*state, source), whole);
	assert_null(complete(*state, whole));
	assert_true(lock_file_is_completed(whole, source));
	assert_true(lock_file_is_completed(source, source));
	assert_false(lock_file_is_completed(source, whole));
}

static void test_what_is_not_there_needs_no_sum(void **state)
{
	struct room *room = *state;

	assert_null(complete(room, BLOCK(AWS, "5.2.0", "    \"zh:1\",\n")));
	assert_null(complete(room, BLOCK("registry.example/hashicorp/google", "5.1.0", "")));
	assert_true(lock_file_vouches(&room->arena, BLOCK(AWS, "5.2.0", ""), room->folder));
	assert_true(lock_file_vouches(&room->arena, "", room->folder));
}

static void test_it_vouches_for_what_it_has_the_sum_of(void **state)
{
	struct room *room = *state;

	assert_true(lock_file_vouches(&room->arena, BLOCK(AWS, "5.1.0", "    \"zh:1\",\n" AWS_SUM), room->folder));
	assert_false(lock_file_vouches(&room->arena, BLOCK(AWS, "5.1.0", "    \"zh:1\",\n" NULL_SUM), room->folder));
	put(room, AWS "/5.1.0/linux_amd64/b/c", "changed");
	assert_false(lock_file_vouches(&room->arena, BLOCK(AWS, "5.1.0", AWS_SUM), room->folder));
}

static void test_what_is_no_such_file_vouches_for_nothing_and_stays(void **state)
{
	static const char *const odd[] = {
		"provider \"" AWS, "provider \"" AWS "\" {\n", "provider \"" AWS "\" {\n  version = \"5.1.0\n}\n",
		"provider \"" AWS "\" {\n  version = \"5.1.0\"\n}\n",
	};
	struct room *room = *state;

	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		assert_null(complete(room, odd[i]));
		assert_false(lock_file_vouches(&room->arena, odd[i], room->folder));
	}
}

static void test_only_sums_make_it_another_one(void **state)
{
	static const char source[] = BLOCK(AWS, "5.1.0", "    \"zh:1\",\n");

	(void)state;
	assert_false(lock_file_is_completed(BLOCK(AWS, "5.1.1", AWS_SUM "    \"zh:1\",\n"), source));
	assert_false(lock_file_is_completed(BLOCK(AWS, "5.1.0", "    \"zh:0\",\n    \"zh:1\",\n"), source));
	assert_false(lock_file_is_completed(BLOCK(AWS, "5.1.0", AWS_SUM), source));
	assert_false(lock_file_is_completed("", source));
	assert_false(lock_file_is_completed(source, "provider"));
	assert_true(lock_file_is_completed("", ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_is_missing_is_added, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_not_there_needs_no_sum, setup, teardown),
		cmocka_unit_test_setup_teardown(test_it_vouches_for_what_it_has_the_sum_of, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_no_such_file_vouches_for_nothing_and_stays, setup, teardown),
		cmocka_unit_test(test_only_sums_make_it_another_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
