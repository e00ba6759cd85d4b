/* local_file: what is seen, what is written, whose it is, and what every possible death leaves. */
#include "local_room.h"

#include <dlfcn.h>
#include <sys/file.h>

static const struct value *attribute(const struct observation *seen, const char *name)
{
	return value_get(seen->attributes, name);
}

static void a_file_is_made_seen_and_removed(void **state)
{
	struct room *room = *state;
	const struct value *inputs = json(room, "{'path':'out/a.txt','content':'hello'}");
	struct observation seen = look(room, "local_file", inputs, NULL, NULL);
	struct record *record;
	struct stat st;

	assert_int_equal(seen.presence, PRESENCE_ABSENT);
	record = create(room, "local_file", INTENT("01"), inputs);
	assert_content(room, "out/a.txt", "hello");
	assert_int_equal(stat(in(room, "out/a.txt"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_string_equal(record->id, in(room, "out/a.txt"));
	assert_string_equal(value_get_text(room->outcome.outputs, "absolutePath", ""), record->id);
	assert_int_equal(strlen(value_get_text(room->outcome.outputs, "contentHash", "")), 64);
	seen = look(room, "local_file", inputs, record, NULL);
	assert_int_equal(seen.presence, PRESENCE_PRESENT);
	assert_int_equal(seen.ownership, OWNER_US);
	assert_true(seen.matches);
	assert_true(same_as_recorded(room, &seen, record));
	assert_destroyed(room, INTENT("02"), record);
	assert_int_equal(count_below(room, room->root), 0); /* the parent went with it */
	assert_destroyed(room, INTENT("02"), record);       /* gone already is fine */
}

static void the_mode_is_exact_and_drifts_only_when_set(void **state)
{
	struct room *room = *state;
	const struct value *plain = json(room, "{'path':'a','content':'x'}");
	const struct value *set = json(room, "{'path':'b','content':'x','mode':'0750'}");
	mode_t before = umask(077);
	struct record *a = create(room, "local_file", INTENT("01"), plain);
	struct record *b = create(room, "local_file", INTENT("02"), set);
	struct observation seen;
	struct stat st;

	umask(before);
	assert_int_equal(stat(in(room, "a"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(stat(in(room, "b"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(chmod(in(room, "a"), 0600), 0);
	assert_int_equal(chmod(in(room, "b"), 0600), 0);
	seen = look(room, "local_file", plain, a, NULL);
	assert_true(same_as_recorded(room, &seen, a));
	seen = look(room, "local_file", set, b, NULL);
	assert_false(same_as_recorded(room, &seen, b));
	assert_string_equal(value_text(attribute(&seen, "mode"), ""), "0600");
	update(room, INTENT("03"), b, set);
	assert_int_equal(stat(in(room, "b"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
}

static void changed_content_is_drift_and_update_mends_it(void **state)
{
	struct room *room = *state;
	const struct value *inputs = json(room, "{'path':'a','content':'ours'}");
	struct record *record = create(room, "local_file", INTENT("01"), inputs);
	struct observation seen;

	put(room, "a", "theirs");
	seen = look(room, "local_file", inputs, record, NULL);
	assert_int_equal(seen.presence, PRESENCE_PRESENT);
	assert_false(same_as_recorded(room, &seen, record));
	assert_false(seen.matches);
	update(room, INTENT("02"), record, inputs);
	assert_content(room, "a", "ours");
	put(room, "a", "new");
	seen = look(room, "local_file", json(room, "{'path':'a','content':'new'}"), record, NULL);
	assert_true(seen.matches); /* somebody did it by hand */
}

static void a_foreign_file_is_never_overwritten(void **state)
{
	struct room *room = *state;
	const struct value *inputs = json(room, "{'path':'a','content':'ours'}");
	struct request request = create_of(room, "local_file", inputs);
	struct observation seen;

	put(room, "a", "theirs");
	seen = look(room, "local_file", inputs, NULL, NULL);
	assert_int_equal(seen.presence, PRESENCE_PRESENT);
	assert_int_equal(seen.ownership, OWNER_NONE);
	assert_non_null(strstr(seen.message, "did not make"));
	/* Also when it came up after the plan. */
	assert_int_equal(apply_with(room, INTENT("01"), &request), -1);
	assert_int_equal(room->err.code, ERROR_CONFLICT);
	assert_non_null(strstr(room->err.msg, "adopt: true"));
	assert_false(room->outcome.exists);
	assert_content(room, "a", "theirs");
	assert_int_equal(count_below(room, room->root), 1);
	request.inputs = json(room, "{'path':'a','content':'ours','adopt':true}");
	assert_int_equal(apply_with(room, INTENT("02"), &request), 0);
	assert_content(room, "a", "ours");
}

static void same_content_without_an_intent_proves_nothing(void **state)
{
	struct room *room = *state;
	const struct value *inputs = json(room, "{'path':'a','content':'same'}");
	struct intent *intent = open_intent(room, "local_file", INTENT("01"), INTENT_CREATE, inputs);
	struct observation seen;

	put(room, "a", "same");
	seen = look(room, "local_file", inputs, NULL, NULL);
	assert_int_equal(seen.ownership, OWNER_NONE);
	seen = look(room, "local_file", inputs, NULL, intent);
	assert_int_equal(seen.ownership, OWNER_US);
	assert_string_equal(seen.mark_intent, INTENT("01"));
	put(room, "a", "else");
	seen = look(room, "local_file", inputs, NULL, intent);
	assert_int_equal(seen.presence, PRESENCE_PRESENT);
	assert_int_equal(seen.ownership, OWNER_NONE);
	assert_null(seen.mark_intent);
	/* Nobody wants it any more: what is there is not ours to remove. */
	seen = look(room, "local_file", NULL, NULL, intent);
	assert_int_equal(seen.presence, PRESENCE_ABSENT);
}

static void an_older_intent_proves_as_well(void **state)
{
	struct room *room = *state;
	const struct value *old = json(room, "{'path':'a','content':'one'}");
	const struct value *new = json(room, "{'path':'a','content':'two'}");
	struct intent *first = open_intent(room, "local_file", INTENT("01"), INTENT_CREATE, old);
	struct intent *second = open_intent(room, "local_file", INTENT("02"), INTENT_CREATE, new);
	struct observation seen;

	put(room, "a", "one"); /* the second run died before it wrote */
	seen = look(room, "local_file", new, NULL, second);
	assert_int_equal(seen.ownership, OWNER_NONE);
	second->older = first;
	seen = look(room, "local_file", new, NULL, second);
	assert_int_equal(seen.ownership, OWNER_US);
	assert_string_equal(seen.mark_intent, INTENT("02"));
}

static void a_secret_shows_only_as_a_sensitive_digest(void **state)
{
	struct room *room = *state;
	const struct value *inputs = json_secret(room, "{'path':'a','content':'p4ss'}", "content");
	struct record *record = create(room, "local_file", INTENT("01"), inputs);
	struct observation seen = look(room, "local_file", inputs, record, NULL);
	struct intent *intent;
	struct stat st;

	assert_int_equal(stat(in(room, "a"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true(attribute(&seen, "contentHash")->flags & VALUE_SENSITIVE);
	assert_true(value_get(room->outcome.outputs, "contentHash")->flags & VALUE_SENSITIVE);
	assert_null(strstr(record->inputs_json, "p4ss"));
	assert_true(same_as_recorded(room, &seen, record));
	/* After a death only a keyed hash is left to prove it. */
	intent = open_intent(room, "local_file", INTENT("01"), INTENT_CREATE, inputs);
	assert_null(strstr(intent->inputs_json, "p4ss"));
	seen = look(room, "local_file", NULL, NULL, intent);
	assert_int_equal(seen.presence, PRESENCE_PRESENT);
	assert_int_equal(seen.ownership, OWNER_US);
	put(room, "a", "p4ss2");
	seen = look(room, "local_file", NULL, NULL, intent);
	assert_int_equal(seen.presence, PRESENCE_ABSENT);
}

static void a_source_is_copied_and_proved_by_its_digest(void **state)
{
	struct room *room = *state;
	struct hash hash;
	char hex[HASH_HEX];
	const struct value *inputs;
	struct intent *intent;
	struct observation seen;

	put(room, "from", "source text");
	assert_int_equal(hash_file(in(room, "from"), &hash, &room->err), 0);
	inputs = json(room, arena_printf(&room->arena,
		"{'path':'to','source':'from','$digests':{'source':'%s'}}", hash_hex(&hash, hex)));
	create(room, "local_file", INTENT("01"), inputs);
	assert_content(room, "to", "source text");
	intent = open_intent(room, "local_file", INTENT("01"), INTENT_CREATE, inputs);
	put(room, "from", "changed meanwhile");
	seen = look(room, "local_file", NULL, NULL, intent);
	assert_int_equal(seen.ownership, OWNER_US);
	put(room, "to", "x");
	seen = look(room, "local_file", inputs, NULL, intent);
	assert_int_equal(seen.ownership, OWNER_NONE);
}

static void a_missing_source_is_named(void **state)
{
	struct room *room = *state;
	struct request request = create_of(room, "local_file",
		json(room, "{'path':'to','source':'nowhere'}"));

	assert_int_equal(apply_with(room, INTENT("01"), &request), -1);
	assert_int_equal(room->err.code, ERROR_NOT_FOUND);
	assert_non_null(strstr(room->err.msg, "nowhere"));
	assert_int_equal(count_below(room, room->root), 0);
}

static void what_cannot_be_seen_is_unknown_not_absent(void **state)
{
	struct room *room = *state;
	const struct value *inputs = json(room, "{'path':'f/a','content':'x'}");
	struct record *record = create(room, "local_file", INTENT("01"), inputs);
	struct observation seen;
	pid_t pid;
	int status;

	/* Root sees everything, so somebody else looks. */
	assert_int_equal(chmod(fs_parent(&room->arena, room->root), 0755), 0);
	assert_int_equal(chmod(in(room, "f"), 0700), 0);
	pid = fork();
	if (pid == 0) {
		if (setuid(65534) < 0)
			_exit(9);
		seen = look(room, "local_file", inputs, record, NULL);
		_exit(seen.presence == PRESENCE_UNKNOWN && seen.message &&
			strstr(seen.message, "Permission denied") ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	/* A file in the place of the directory: ours is gone for sure; a new one cannot be planned. */
	assert_int_equal(unlink(in(room, "f/a")), 0);
	assert_int_equal(rmdir(in(room, "f")), 0);
	put(room, "f", "x");
	seen = look(room, "local_file", inputs, record, NULL);
	assert_int_equal(seen.presence, PRESENCE_ABSENT);
	seen = look(room, "local_file", inputs, NULL, NULL);
	assert_int_equal(seen.presence, PRESENCE_UNKNOWN);
	assert_destroyed(room, INTENT("02"), record);
	assert_content(room, "f", "x");
}

static void a_link_in_its_place_is_not_followed(void **state)
{
	struct room *room = *state;
	const struct value *inputs = json(room, "{'path':'a','content':'x'}");
	struct record *record = create(room, "local_file", INTENT("01"), inputs);
	struct observation seen;

	put(room, "victim", "safe");
	assert_int_equal(unlink(in(room, "a")), 0);
	assert_int_equal(symlink("victim", in(room, "a")), 0);
	seen = look(room, "local_file", inputs, record, NULL);
	assert_int_equal(seen.presence, PRESENCE_PRESENT);
	assert_string_equal(value_text(attribute(&seen, "contentHash"), ""), "symbolic link");
	assert_false(seen.matches);
	assert_destroyed(room, INTENT("02"), record);
	assert_content(room, "victim", "safe");
	assert_false(fs_exists(in(room, "a")));
}

static void a_directory_in_its_place_is_left_alone(void **state)
{
	struct room *room = *state;
	const struct value *inputs = json(room, "{'path':'a','content':'x'}");
	struct record *record = create(room, "local_file", INTENT("01"), inputs);
	struct request request = create_of(room, "local_file", inputs);

	assert_int_equal(unlink(in(room, "a")), 0);
	assert_int_equal(mkdir(in(room, "a"), 0755), 0);
	assert_int_equal(destroy(room, INTENT("02"), record), -1);
	assert_int_equal(room->err.code, ERROR_CONFLICT);
	request.act = ACT_UPDATE;
	request.record = record;
	assert_int_equal(apply_with(room, INTENT("03"), &request), -1);
	assert_int_equal(room->err.code, ERROR_CONFLICT);
	assert_true(fs_exists(in(room, "a")));
	assert_int_equal(count_below(room, room->root), 1);
}

static void shared_parents_go_with_the_last_file(void **state)
{
	struct room *room = *state;
	struct record *a = create(room, "local_file", INTENT("01"),
		json(room, "{'path':'d/e/a','content':''}"));
	struct record *b = create(room, "local_file", INTENT("02"),
		json(room, "{'path':'d/b','content':''}"));

	assert_destroyed(room, INTENT("03"), a);
	assert_false(fs_exists(in(room, "d/e")));
	assert_true(fs_exists(in(room, "d/b")));
	assert_destroyed(room, INTENT("04"), b);
	assert_int_equal(count_below(room, room->root), 0);
	assert_int_equal(count_below(room, in(room, "../work/made")), 0);
}

static struct record *in_between; /* destroyed once, by another action, when the next lock is taken */
static struct room *in_room;

typedef int flock_fn(int fd, int operation);

int flock(int fd, int operation)
{
	flock_fn *real = (flock_fn *)dlsym(RTLD_NEXT, "flock");
	struct record *record = in_between;

	in_between = NULL;
	if (record)
		assert_destroyed(in_room, INTENT("09"), record);
	return real(fd, operation);
}

static void parents_that_go_while_others_are_made_are_still_ours(void **state)
{
	static const char *const types[] = {"local_file", "local_directory"};
	struct room *room = *state;

	in_room = room;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct record *before = create(room, "local_file", INTENT("01"),
			json(room, "{'path':'d/a','content':''}"));
		struct record *record;

		in_between = before;
		record = create(room, types[i], INTENT("02"), json(room, i ? "{'path':'d/e/b'}"
			: "{'path':'d/e/b','content':''}"));
		assert_null(in_between);
		assert_destroyed(room, INTENT("03"), record);
		assert_int_equal(count_below(room, room->root), 0);
		assert_int_equal(count_below(room, in(room, "../work/made")), 0);
	}
}

static void a_parent_that_was_there_stays(void **state)
{
	struct room *room = *state;
	struct record *record;

	assert_int_equal(mkdir(in(room, "d"), 0755), 0);
	record = create(room, "local_file", INTENT("01"),
		json(room, "{'path':'d/e/a','content':''}"));
	assert_destroyed(room, INTENT("02"), record);
	assert_true(fs_exists(in(room, "d")));
	assert_false(fs_exists(in(room, "d/e")));
}

static void a_moved_checkout_still_finds_its_files(void **state)
{
	struct room *room = *state;
	const struct value *inputs = json(room, "{'path':'d/a','content':'x'}");
	struct record *record = create(room, "local_file", INTENT("01"), inputs);
	const char *elsewhere = in(room, "../moved");
	struct observation seen;

	assert_int_equal(rename(room->root, elsewhere), 0);
	room->env.project_root = room->root = fs_normalise(&room->arena, elsewhere);
	seen = look(room, "local_file", inputs, record, NULL);
	assert_int_equal(seen.presence, PRESENCE_PRESENT);
	assert_true(seen.matches);
	assert_destroyed(room, INTENT("02"), record);
	assert_int_equal(count_below(room, room->root), 0);
}

static void an_unchanged_file_is_not_touched_by_an_update(void **state)
{
	struct room *room = *state;
	const struct value *inputs = json(room, "{'path':'a','content':'x'}");
	struct record *record = create(room, "local_file", INTENT("01"), inputs);
	struct stat before, after;

	assert_int_equal(stat(in(room, "a"), &before), 0);
	update(room, INTENT("02"), record, inputs);
	assert_int_equal(stat(in(room, "a"), &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
}

/* Content as desired is not enough while a dead run's temporary lies beside it. */
static void a_left_temporary_is_cleaned_up_by_an_update(void **state)
{
	struct room *room = *state;
	const struct value *inputs = json(room, "{'path':'a','content':'x'}");
	struct record *record = create(room, "local_file", INTENT("01"), inputs);
	struct intent *intent = open_intent(room, "local_file", INTENT("02"), INTENT_UPDATE, inputs);
	struct observation seen;

	put(room, ".a.devenv-012345", "half");
	seen = look(room, "local_file", inputs, record, intent);
	assert_int_equal(seen.presence, PRESENCE_PRESENT);
	assert_false(seen.matches);
	update(room, INTENT("03"), record, inputs);
	assert_int_equal(count_below(room, room->root), 1);
	seen = look(room, "local_file", inputs, record, intent);
	assert_true(seen.matches);
}

static void an_imported_file_is_recorded_without_a_change(void **state)
{
	struct room *room = *state;
	const struct value *inputs = json(room, "{'path':'a','content':'hand-made'}");
	struct observation found = {.address = "local_file.x", .type = type_find("local_file")};
	struct outcome outcome = {0};
	struct observation seen;
	struct record *record;

	put(room, "a", "hand-made");
	assert_int_equal(chmod(in(room, "a"), 0644), 0);
	assert_int_equal(provider_local.import(&room->env, found.type, "a", &found, &room->err), 0);
	assert_int_equal(found.presence, PRESENCE_PRESENT);
	/* The engine takes the attributes for the inputs: the path must be as in the manifest. */
	assert_string_equal(value_get_text(found.attributes, "path", ""), "a");
	outcome = (struct outcome){.id = found.id, .observed = found.attributes};
	record = recorded(room, "local_file", found.attributes, &outcome);
	seen = look(room, "local_file", inputs, record, NULL);
	assert_true(seen.matches);
	assert_true(same_as_recorded(room, &seen, record));
	found.presence = PRESENCE_PRESENT;
	assert_int_equal(provider_local.import(&room->env, found.type, "none", &found, &room->err), 0);
	assert_int_equal(found.presence, PRESENCE_ABSENT);
}

static void a_long_name_still_has_a_temporary(void **state)
{
	struct room *room = *state;
	char name[256];
	struct value *inputs;

	memset(name, 'n', 255);
	name[255] = '\0';
	inputs = json(room, arena_printf(&room->arena, "{'path':'%s','content':'x'}", name));
	create(room, "local_file", INTENT("01"), inputs);
	assert_content(room, name, "x");
	assert_int_equal(count_below(room, room->root), 1);
}

static void a_path_known_after_apply_is_not_looked_for(void **state)
{
	struct room *room = *state;
	struct value_builder builder;
	struct value inputs;
	struct observation seen;

	builder_init(&builder, &room->arena);
	builder_put(&builder, "path", value_unknown);
	builder_put_str(&builder, "content", "x");
	inputs = builder_map(&builder);
	seen = look(room, "local_file", &inputs, NULL, NULL);
	assert_int_equal(seen.presence, PRESENCE_ABSENT);
}

static void take_claim(void *arg, const char *what)
{
	strcpy(arg, what);
}

static void two_files_claim_their_absolute_paths(void **state)
{
	struct room *room = *state;
	char claim[200] = "";

	provider_local.claims(type_find("local_file"), json(room, "{'path':'./x/../y'}"), "/p",
		take_claim, claim);
	assert_string_equal(claim, "path:/p/y");
}

/* --- every possible death --------------------------------------------------------------------- */

static const struct value *wanted; /* the tests run one after the other */
static struct record *standing;

static void make_wanted(struct room *room)
{
	struct request request = create_of(room, "local_file", wanted);

	_exit(apply_with(room, INTENT("01"), &request) == 0 ? 0 : 1);
}

static void update_standing(struct room *room)
{
	struct request request = create_of(room, "local_file", wanted);

	request.act = ACT_UPDATE;
	request.record = standing;
	_exit(apply_with(room, INTENT("02"), &request) == 0 ? 0 : 1);
}

static void destroy_standing(struct room *room)
{
	_exit(destroy(room, INTENT("03"), standing) == 0 ? 0 : 1);
}

/* What the engine does with an open create: drop, adopt, or (not wanted any more) destroy. */
static void killed_while_made(struct room *room, bool still_wanted)
{
	long n = 1;

	wanted = json(room, "{'path':'d/e/a','content':'content','mode':'0640'}");
	for (; die_at(room, n, make_wanted); n++) {
		struct intent *intent = open_intent(room, "local_file", INTENT("01"), INTENT_CREATE,
			wanted);
		struct observation seen = look(room, "local_file", still_wanted ? wanted : NULL, NULL,
			intent);
		struct request request = create_of(room, "local_file", wanted);
		struct record *record;

		assert_int_not_equal(seen.presence, PRESENCE_UNKNOWN);
		if (seen.presence == PRESENCE_PRESENT) {
			assert_int_equal(seen.ownership, OWNER_US);
			assert_string_equal(seen.mark_intent, INTENT("01"));
			request.adopt = true;
			request.observed = &seen;
		}
		if (still_wanted) {
			assert_int_equal(apply_with(room, INTENT("04"), &request), 0);
			assert_content(room, "d/e/a", "content");
			assert_int_equal(count_below(room, room->root), 3);
			record = recorded(room, "local_file", wanted, &room->outcome);
			assert_destroyed(room, INTENT("05"), record);
		} else if (seen.presence == PRESENCE_PRESENT) {
			struct outcome found = {.id = seen.id};

			assert_destroyed(room, INTENT("05"), recorded(room, "local_file", wanted, &found));
		}
		assert_int_equal(count_below(room, room->root), 0);
	}
	assert_true(n > 30);
	/* The last one was not killed. */
	assert_content(room, "d/e/a", "content");
}

static void killed_anywhere_while_it_is_made(void **state)
{
	killed_while_made(*state, true);
}

static void killed_while_made_and_then_not_wanted(void **state)
{
	killed_while_made(*state, false);
}

static void killed_anywhere_while_it_is_changed(void **state)
{
	struct room *room = *state;
	const struct value *old = json(room, "{'path':'a','content':'old'}");
	long n = 1;

	wanted = json(room, "{'path':'a','content':'new','mode':'0600'}");
	standing = create(room, "local_file", INTENT("00"), old);
	for (; die_at(room, n, update_standing); n++) {
		struct intent *intent = open_intent(room, "local_file", INTENT("02"), INTENT_UPDATE,
			wanted);
		struct observation seen = look(room, "local_file", wanted, standing, intent);

		assert_int_equal(seen.presence, PRESENCE_PRESENT);
		assert_int_equal(seen.ownership, OWNER_US);
		if (seen.matches)
			assert_int_equal(count_below(room, room->root), 1); /* nothing is left to do */
		update(room, INTENT("06"), standing, wanted);
		assert_content(room, "a", "new");
		assert_int_equal(count_below(room, room->root), 1);
		update(room, INTENT("07"), standing, old);
	}
	assert_true(n > 10);
}

static void killed_anywhere_while_it_is_removed(void **state)
{
	struct room *room = *state;
	long n = 1;

	wanted = json(room, "{'path':'d/e/a','content':'x'}");
	for (;; n++) {
		struct intent *intent;
		struct observation seen;

		standing = create(room, "local_file", INTENT("00"), wanted);
		if (!die_at(room, n, destroy_standing))
			break;
		intent = open_intent(room, "local_file", INTENT("03"), INTENT_DELETE, wanted);
		seen = look(room, "local_file", NULL, standing, intent);
		if (seen.presence == PRESENCE_PRESENT)
			assert_destroyed(room, INTENT("04"), standing);
		assert_int_equal(count_below(room, room->root), 0);
		assert_int_equal(count_below(room, in(room, "../work/made")), 0);
	}
	assert_int_equal(count_below(room, room->root), 0);
	assert_true(n > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_file_is_made_seen_and_removed),
		T(the_mode_is_exact_and_drifts_only_when_set),
		T(changed_content_is_drift_and_update_mends_it),
		T(a_foreign_file_is_never_overwritten),
		T(same_content_without_an_intent_proves_nothing),
		T(an_older_intent_proves_as_well),
		T(a_secret_shows_only_as_a_sensitive_digest),
		T(a_source_is_copied_and_proved_by_its_digest),
		T(a_missing_source_is_named),
		T(what_cannot_be_seen_is_unknown_not_absent),
		T(a_link_in_its_place_is_not_followed),
		T(a_directory_in_its_place_is_left_alone),
		T(shared_parents_go_with_the_last_file),
		T(parents_that_go_while_others_are_made_are_still_ours),
		T(a_parent_that_was_there_stays),
		T(a_moved_checkout_still_finds_its_files),
		T(an_unchanged_file_is_not_touched_by_an_update),
		T(a_left_temporary_is_cleaned_up_by_an_update),
		T(an_imported_file_is_recorded_without_a_change),
		T(a_long_name_still_has_a_temporary),
		T(a_path_known_after_apply_is_not_looked_for),
		T(two_files_claim_their_absolute_paths),
		T(killed_anywhere_while_it_is_made),
		T(killed_while_made_and_then_not_wanted),
		T(killed_anywhere_while_it_is_changed),
		T(killed_anywhere_while_it_is_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
