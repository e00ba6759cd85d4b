/* local_directory: made and removed when empty, its mark, and every possible death. */
#include "local_room.h"

static const char *work(struct room *room, const char *name)
{
	return fs_join(&room->arena, room->env.work_dir, name);
}

static void a_directory_is_made_seen_and_removed(void **state)
{
	struct room *room = *state;
	const struct value *inputs = json(room, "{'path':'a/b','mode':'0750'}");
	struct record *record = create(room, "local_directory", INTENT("01"), inputs);
	struct observation seen = look(room, "local_directory", inputs, record, NULL);
	struct stat st;

	assert_int_equal(stat(in(room, "a/b"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_string_equal(value_get_text(room->outcome.outputs, "absolutePath", ""),
		in(room, "a/b"));
	assert_int_equal(seen.presence, PRESENCE_PRESENT);
	assert_true(seen.matches);
	assert_true(same_as_recorded(room, &seen, record));
	assert_int_equal(chmod(in(room, "a/b"), 0700), 0);
	seen = look(room, "local_directory", inputs, record, NULL);
	assert_false(same_as_recorded(room, &seen, record));
	update(room, INTENT("02"), record, inputs);
	assert_int_equal(stat(in(room, "a/b"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_destroyed(room, INTENT("03"), record);
	assert_int_equal(count_below(room, room->root), 0);
	assert_int_equal(count_below(room, work(room, "made")), 0);
	assert_destroyed(room, INTENT("03"), record);
}

static void a_full_one_is_not_removed(void **state)
{
	struct room *room = *state;
	struct record *record = create(room, "local_directory", INTENT("01"),
		json(room, "{'path':'d'}"));

	put(room, "d/a", "");
	put(room, "d/b", "");
	put(room, "d/c", "");
	put(room, "d/d", "");
	assert_int_equal(destroy(room, INTENT("02"), record), -1);
	assert_int_equal(room->err.code, ERROR_TRANSIENT);
	assert_non_null(strstr(room->err.msg, "(a, b, c and 1 more)"));
	assert_true(fs_exists(in(room, "d/a")));
}

static void one_that_was_there_is_not_taken(void **state)
{
	struct room *room = *state;
	const struct value *inputs = json(room, "{'path':'d'}");
	struct request request = create_of(room, "local_directory", inputs);
	struct observation seen;

	assert_int_equal(mkdir(in(room, "d"), 0755), 0);
	seen = look(room, "local_directory", inputs, NULL, NULL);
	assert_int_equal(seen.presence, PRESENCE_PRESENT);
	assert_int_equal(seen.ownership, OWNER_NONE);
	seen = look(room, "local_directory", inputs, NULL,
		open_intent(room, "local_directory", INTENT("01"), INTENT_CREATE, inputs));
	assert_int_equal(seen.ownership, OWNER_NONE);
	assert_int_equal(apply_with(room, INTENT("02"), &request), -1);
	assert_int_equal(room->err.code, ERROR_CONFLICT);
	request.inputs = json(room, "{'path':'d','adopt':true}");
	assert_int_equal(apply_with(room, INTENT("03"), &request), 0);
	assert_true(room->outcome.exists);
}

static void a_file_in_its_place_is_left_alone(void **state)
{
	struct room *room = *state;
	const struct value *inputs = json(room, "{'path':'d'}");
	struct record *record = create(room, "local_directory", INTENT("01"), inputs);
	struct observation seen;
	struct request request = create_of(room, "local_directory", inputs);

	assert_int_equal(rmdir(in(room, "d")), 0);
	put(room, "d", "x");
	seen = look(room, "local_directory", inputs, record, NULL);
	assert_int_equal(seen.presence, PRESENCE_PRESENT);
	assert_false(seen.matches);
	assert_false(same_as_recorded(room, &seen, record));
	assert_int_equal(destroy(room, INTENT("02"), record), -1);
	assert_int_equal(room->err.code, ERROR_CONFLICT);
	request.act = ACT_UPDATE;
	assert_int_equal(apply_with(room, INTENT("03"), &request), -1);
	assert_int_equal(room->err.code, ERROR_CONFLICT);
	assert_content(room, "d", "x");
}

/* Nothing orders the two: whichever comes first makes the directory. */
static void a_file_and_its_directory_share_one(void **state)
{
	struct room *room = *state;
	const struct value *file = json(room, "{'path':'d/a','content':'x'}");
	const struct value *directory = json(room, "{'path':'d'}");
	struct record *f = create(room, "local_file", INTENT("01"), file);
	struct observation seen = look(room, "local_directory", directory, NULL, NULL);
	struct record *d;

	assert_int_equal(seen.presence, PRESENCE_ABSENT);
	d = create(room, "local_directory", INTENT("02"), directory);
	assert_destroyed(room, INTENT("03"), f);
	assert_true(fs_exists(in(room, "d"))); /* the file does not take it along any more */
	assert_destroyed(room, INTENT("04"), d);
	assert_int_equal(count_below(room, room->root), 0);
	d = create(room, "local_directory", INTENT("05"), directory);
	f = create(room, "local_file", INTENT("06"), file);
	assert_int_equal(destroy(room, INTENT("07"), d), -1);
	assert_destroyed(room, INTENT("08"), f);
	assert_true(fs_exists(in(room, "d")));
	assert_destroyed(room, INTENT("09"), d);
	assert_int_equal(count_below(room, room->root), 0);
}

static const struct value *wanted;
static struct record *standing;

static void make_wanted(struct room *room)
{
	struct request request = create_of(room, "local_directory", wanted);

	_exit(apply_with(room, INTENT("01"), &request) == 0 ? 0 : 1);
}

static void destroy_standing(struct room *room)
{
	_exit(destroy(room, INTENT("03"), standing) == 0 ? 0 : 1);
}

static void killed_while_made(struct room *room, bool still_wanted)
{
	long n = 1;

	wanted = json(room, "{'path':'a/b/c','mode':'0700'}");
	for (; die_at(room, n, make_wanted); n++) {
		struct intent *intent = open_intent(room, "local_directory", INTENT("01"),
			INTENT_CREATE, wanted);
		struct observation seen = look(room, "local_directory",
			still_wanted ? wanted : NULL, NULL, intent);
		struct request request = create_of(room, "local_directory", wanted);
		struct outcome found = {.id = seen.id};

		assert_int_not_equal(seen.presence, PRESENCE_UNKNOWN);
		if (seen.presence == PRESENCE_PRESENT) {
			assert_int_equal(seen.ownership, OWNER_US);
			assert_string_equal(seen.mark_intent, INTENT("01"));
			request.adopt = true;
			request.observed = &seen;
		}
		if (still_wanted) {
			struct stat st;

			assert_int_equal(apply_with(room, INTENT("04"), &request), 0);
			assert_int_equal(stat(in(room, "a/b/c"), &st), 0);
			assert_int_equal(st.st_mode & 07777, 0700);
		}
		if (still_wanted || seen.presence == PRESENCE_PRESENT)
			assert_destroyed(room, INTENT("05"),
				recorded(room, "local_directory", wanted, &found));
		assert_int_equal(count_below(room, room->root), 0);
		/* A note without a directory means nothing, but that much is left at most. */
		assert_true(count_below(room, work(room, "made")) <= 1);
	}
	assert_true(n > 30);
}

static void killed_anywhere_while_it_is_made(void **state)
{
	killed_while_made(*state, true);
}

static void killed_while_made_and_then_not_wanted(void **state)
{
	killed_while_made(*state, false);
}

static void killed_anywhere_while_it_is_removed(void **state)
{
	struct room *room = *state;
	long n = 1;

	wanted = json(room, "{'path':'a/b'}");
	for (;; n++) {
		struct observation seen;

		standing = create(room, "local_directory", INTENT("00"), wanted);
		if (!die_at(room, n, destroy_standing))
			break;
		seen = look(room, "local_directory", NULL, standing,
			open_intent(room, "local_directory", INTENT("03"), INTENT_DELETE, wanted));
		if (seen.presence == PRESENCE_PRESENT)
			assert_destroyed(room, INTENT("04"), standing);
		assert_int_equal(count_below(room, room->root), 0);
		assert_int_equal(count_below(room, work(room, "made")), 0);
	}
	assert_true(n > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_directory_is_made_seen_and_removed),
		T(a_full_one_is_not_removed),
		T(one_that_was_there_is_not_taken),
		T(a_file_in_its_place_is_left_alone),
		T(a_file_and_its_directory_share_one),
		T(killed_anywhere_while_it_is_made),
		T(killed_while_made_and_then_not_wanted),
		T(killed_anywhere_while_it_is_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
