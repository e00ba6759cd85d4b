/* local_command: what the commands get, what they say, and what is made of it. */
#include "local_room.h"

static const struct value *script(struct room *room, const char *members)
{
	return json(room, arena_printf(&room->arena, "{%s}", members));
}

/* A thing that is a file: create, read, delete. */
static const struct value *thing(struct room *room)
{
	return script(room,
		"'create':['sh','-c','echo made > thing; echo run >> effects'],"
		"'read':['sh','-c','if test -e thing; then printf `{\\\"state\\\":\\\"%s\\\"}` $(cat thing); "
		"else echo null; fi'],"
		"'delete':['rm','-f','thing']");
}

static void a_json_object_becomes_the_outputs(void **state)
{
	struct room *room = *state;
	struct record *record = create(room, "local_command", INTENT("01"),
		script(room, "'create':['printf',' {\\\"id\\\":7,\\\"tags\\\":[\\\"a\\\"]}\\n']"));
	const struct value *outputs = record_outputs(record, &room->err);

	assert_int_equal(value_get_int(outputs, "id", 0), 7);
	assert_string_equal(value_text(value_path(outputs, "tags[0]"), ""), "a");
	assert_int_equal(outputs->len, 2);
}

static void other_text_becomes_the_output_stdout(void **state)
{
	struct room *room = *state;

	create(room, "local_command", INTENT("01"), script(room, "'create':['echo','  v1.2  ']"));
	assert_string_equal(value_get_text(room->outcome.outputs, "stdout", ""), "v1.2");
	create(room, "local_command", INTENT("01"), script(room, "'create':['true']"));
	assert_null(room->outcome.outputs);
	create(room, "local_command", INTENT("01"), script(room, "'create':['echo','{broken']"));
	assert_string_equal(value_get_text(room->outcome.outputs, "stdout", ""), "{broken");
	/* A log is no output. */
	create(room, "local_command", INTENT("01"), script(room, "'create':['seq','1','5000']"));
	assert_true(!room->outcome.outputs || !value_get(room->outcome.outputs, "stdout"));
}

static void the_commands_know_who_they_are(void **state)
{
	struct room *room = *state;

	assert_int_equal(mkdir(in(room, "sub"), 0755), 0);
	setenv("DEVENV_KEY", "secret", 1);
	create(room, "local_command", INTENT("01"), script(room,
		"'create':['sh','-c','echo \\\"$DEVENV_ACTION $DEVENV_ADDRESS $DEVENV_INTENT "
		"$DEVENV_ENVIRONMENT_ID ${DEVENV_KEY-none} $GREETING $(pwd)\\\"'],"
		"'directory':'sub','environment':{'GREETING':'hi'}"));
	unsetenv("DEVENV_KEY");
	assert_string_equal(value_get_text(room->outcome.outputs, "stdout", ""),
		arena_printf(&room->arena, "create local_command.x %s %s none hi %s", INTENT("01"),
			room->env.environment, in(room, "sub")));
}

static void stdin_is_given_or_tells_what_came_before(void **state)
{
	struct room *room = *state;
	const struct value *given = script(room, "'create':['cat'],'update':['cat'],'stdin':'in'");
	const struct value *none = script(room,
		"'create':['sh','-c','cat >&2; echo `{\\\"id\\\":\\\"abc\\\"}`'],'update':['tee','seen']");
	struct record *record = create(room, "local_command", INTENT("01"), given);

	assert_string_equal(value_get_text(room->outcome.outputs, "stdout", ""), "in");
	update(room, INTENT("02"), record, given);
	assert_string_equal(value_get_text(room->outcome.outputs, "stdout", ""), "in");
	record = create(room, "local_command", INTENT("03"), none);
	assert_string_equal(room->outcome.output, "{\"id\":\"abc\"}\n"); /* nothing on stdin */
	update(room, INTENT("04"), record, none);
	assert_content(room, "seen", "{\"action\":\"update\",\"address\":\"local_command.x\","
		"\"outputs\":{\"id\":\"abc\"}}");
}

static void a_failure_keeps_the_last_lines(void **state)
{
	struct room *room = *state;
	struct request request = create_of(room, "local_command",
		script(room, "'create':['sh','-c','seq 1 30; echo no such thing >&2; exit 3']"));

	assert_int_equal(apply_with(room, INTENT("01"), &request), -1);
	assert_int_equal(room->err.code, ERROR_FAILED);
	assert_string_equal(room->err.msg, "create: sh exited with status 3: no such thing");
	assert_false(room->outcome.exists);
	assert_int_equal(strncmp(room->outcome.output, "12\n", 3), 0);
	assert_non_null(strstr(room->outcome.output, "30\nno such thing\n"));
	request.inputs = script(room, "'create':['no-such-program']");
	assert_int_equal(apply_with(room, INTENT("01"), &request), -1);
	assert_int_equal(room->err.code, ERROR_NOT_FOUND);
}

static void without_read_it_is_untracked(void **state)
{
	struct room *room = *state;
	const struct value *inputs = script(room, "'create':['true']");
	struct observation seen = look(room, "local_command", inputs, NULL, NULL);

	assert_int_equal(seen.presence, PRESENCE_UNTRACKED);
	seen = look(room, "local_command", NULL,
		create(room, "local_command", INTENT("01"), inputs), NULL);
	assert_int_equal(seen.presence, PRESENCE_UNTRACKED);
}

static void read_tells_present_absent_and_drift(void **state)
{
	struct room *room = *state;
	const struct value *inputs = thing(room);
	struct observation seen = look(room, "local_command", inputs, NULL, NULL);
	struct record *record;

	assert_int_equal(seen.presence, PRESENCE_ABSENT);
	record = create(room, "local_command", INTENT("01"), inputs);
	assert_string_equal(value_get_text(room->outcome.outputs, "state", ""), "made");
	seen = look(room, "local_command", inputs, record, NULL);
	assert_int_equal(seen.presence, PRESENCE_PRESENT);
	assert_true(same_as_recorded(room, &seen, record));
	put(room, "thing", "changed");
	seen = look(room, "local_command", inputs, record, NULL);
	assert_false(same_as_recorded(room, &seen, record));
	assert_string_equal(value_get_text(seen.outputs, "state", ""), "changed");
	assert_destroyed(room, INTENT("02"), record);
	seen = look(room, "local_command", inputs, record, NULL);
	assert_int_equal(seen.presence, PRESENCE_ABSENT);
}

static void a_read_that_fails_is_unknown(void **state)
{
	struct room *room = *state;
	struct observation seen = look(room, "local_command",
		script(room, "'create':['true'],'read':['sh','-c','echo cannot connect >&2; exit 1']"),
		NULL, NULL);

	assert_int_equal(seen.presence, PRESENCE_UNKNOWN);
	assert_string_equal(seen.message, "read: sh exited with status 1: cannot connect");
	seen = look(room, "local_command",
		script(room, "'create':['true'],'read':['/no/such/program']"), NULL, NULL);
	assert_int_equal(seen.presence, PRESENCE_UNKNOWN);
}

static void a_read_in_the_manifest_beats_the_recorded_one(void **state)
{
	struct room *room = *state;
	struct record *record;
	struct observation seen;
	struct outcome outcome = {0};

	record = recorded(room, "local_command",
		script(room, "'create':['true'],'read':['false']"), &outcome);
	seen = look(room, "local_command", NULL, record, NULL);
	assert_int_equal(seen.presence, PRESENCE_UNKNOWN);
	seen = look(room, "local_command",
		script(room, "'create':['true'],'read':['echo','{}']"), record, NULL);
	assert_int_equal(seen.presence, PRESENCE_PRESENT); /* the way to repair it */
}

static void whose_it_is_follows_from_record_and_intent(void **state)
{
	struct room *room = *state;
	const struct value *inputs = thing(room);
	struct observation seen;

	put(room, "thing", "made");
	seen = look(room, "local_command", inputs, NULL, NULL);
	assert_int_equal(seen.presence, PRESENCE_PRESENT);
	assert_int_equal(seen.ownership, OWNER_NONE);
	seen = look(room, "local_command", inputs, NULL,
		open_intent(room, "local_command", INTENT("01"), INTENT_CREATE, inputs));
	assert_int_equal(seen.ownership, OWNER_US);
	assert_string_equal(seen.mark_intent, INTENT("01"));
}

static void adopting_does_not_create_again(void **state)
{
	struct room *room = *state;
	const struct value *inputs = thing(room);
	struct request request = create_of(room, "local_command", inputs);
	struct observation seen;

	create(room, "local_command", INTENT("01"), inputs);
	seen = look(room, "local_command", inputs, NULL,
		open_intent(room, "local_command", INTENT("01"), INTENT_CREATE, inputs));
	request.adopt = true;
	request.observed = &seen;
	assert_int_equal(apply_with(room, INTENT("02"), &request), 0);
	assert_content(room, "effects", "run\n");
	assert_string_equal(value_get_text(room->outcome.outputs, "state", ""), "made");
}

static void a_create_that_read_does_not_find_failed(void **state)
{
	struct room *room = *state;
	struct request request = create_of(room, "local_command",
		script(room, "'create':['true'],'read':['test','-e','thing']"));

	assert_int_equal(apply_with(room, INTENT("01"), &request), -1);
	put(room, "thing", "");
	assert_int_equal(apply_with(room, INTENT("01"), &request), -1);
	assert_non_null(strstr(room->err.msg, "JSON object"));
}

static void a_failed_create_that_left_something_says_so(void **state)
{
	struct room *room = *state;
	struct request request = create_of(room, "local_command", script(room,
		"'create':['sh','-c','touch thing; exit 1'],"
		"'read':['sh','-c','if test -e thing; then echo {}; fi']"));

	assert_int_equal(apply_with(room, INTENT("01"), &request), -1);
	assert_true(room->outcome.exists); /* tainted: deleted and made anew */
	assert_string_equal(room->err.msg, "create: sh exited with status 1");
}

static void without_update_a_change_deletes_and_creates(void **state)
{
	struct room *room = *state;
	const struct value *old = script(room, "'create':['sh','-c','echo {}; echo c1 >> effects'],"
		"'delete':['sh','-c','echo d1 >> effects'],'triggers':1");
	const struct value *new = script(room, "'create':['sh','-c','echo c2 >> effects'],"
		"'delete':['sh','-c','echo d2 >> effects'],'triggers':2");
	const struct value *with = script(room, "'create':['false'],"
		"'update':['sh','-c','echo u3 >> effects'],'triggers':3");
	struct record *record = create(room, "local_command", INTENT("01"), old);

	record = update(room, INTENT("02"), record, new);
	assert_content(room, "effects", "c1\nd1\nc2\n"); /* what made it removes it */
	update(room, INTENT("03"), record, with);
	assert_content(room, "effects", "c1\nd1\nc2\nu3\n");
}

static void a_secret_reaches_delete_from_the_record(void **state)
{
	struct room *room = *state;
	const struct value *inputs = json_secret(room,
		"{'create':['true'],'delete':['sh','-c','cat > got; echo $TOKEN >> got'],"
		"'environment':{'TOKEN':'s3cret'},'stdin':'in'}", "environment");
	struct record *record = create(room, "local_command", INTENT("01"), inputs);

	assert_null(strstr(record->inputs_json, "s3cret"));
	assert_destroyed(room, INTENT("02"), record);
	assert_content(room, "got", "ins3cret\n");
}

static void nothing_to_delete_is_fine(void **state)
{
	struct room *room = *state;

	assert_destroyed(room, INTENT("02"), create(room, "local_command", INTENT("01"),
		script(room, "'create':['true']")));
}

static void a_cancelled_command_ends(void **state)
{
	struct room *room = *state;
	struct request request = create_of(room, "local_command",
		script(room, "'create':['sleep','1000']"));

	room->env.deadline = clock_monotonic(&clock_system) + 150;
	assert_int_equal(apply_with(room, INTENT("01"), &request), -1);
	assert_int_equal(room->err.code, ERROR_TIMEOUT);
	room->env.deadline = 0;
	room->cancel = true;
	assert_int_equal(apply_with(room, INTENT("01"), &request), -1);
	assert_int_equal(room->err.code, ERROR_CANCELLED);
}

/* The next run sees by this lock that a child of the dead one still acts. */
static void a_command_holds_the_lock_of_its_intent(void **state)
{
	struct room *room = *state;
	int fd = open(in(room, "intent"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	room->env.intent_fd = fd;
	create(room, "local_command", INTENT("01"),
		script(room, "'create':['readlink','/proc/self/fd/3']"));
	assert_string_equal(value_get_text(room->outcome.outputs, "stdout", ""), in(room, "intent"));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_json_object_becomes_the_outputs),
		T(other_text_becomes_the_output_stdout),
		T(the_commands_know_who_they_are),
		T(stdin_is_given_or_tells_what_came_before),
		T(a_failure_keeps_the_last_lines),
		T(without_read_it_is_untracked),
		T(read_tells_present_absent_and_drift),
		T(a_read_that_fails_is_unknown),
		T(a_read_in_the_manifest_beats_the_recorded_one),
		T(whose_it_is_follows_from_record_and_intent),
		T(adopting_does_not_create_again),
		T(a_create_that_read_does_not_find_failed),
		T(a_failed_create_that_left_something_says_so),
		T(without_update_a_change_deletes_and_creates),
		T(a_secret_reaches_delete_from_the_record),
		T(nothing_to_delete_is_fine),
		T(a_cancelled_command_ends),
		T(a_command_holds_the_lock_of_its_intent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
