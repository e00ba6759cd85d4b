/* generated_certificate: when it is made again, and what of it stays. */
#include "local_room.h"

#define DAY INT64_C(86400000)

extern const struct provider provider_secret;

static int64_t later; /* than now: how far the simulated clock is */

static int64_t later_wall(void *arg)
{
	(void)arg;
	return clock_wall(&clock_system) + later;
}

static int64_t now_monotonic(void *arg)
{
	(void)arg;
	return clock_monotonic(&clock_system);
}

static const struct clock simulated = {.monotonic = now_monotonic, .wall = later_wall};

static struct observation see(struct room *room, const struct value *inputs, struct record *record)
{
	struct observation item = {
		.address = "generated_certificate.x",
		.type = type_find("generated_certificate"),
		.desired = inputs,
		.record = record,
	};
	struct observe_request request = {.items = &item, .n = 1};

	assert_int_equal(provider_secret.observe(&room->env, &request, &room->err), 0);
	return item;
}

static const struct value *issued(struct room *room, const struct value *inputs,
	struct record **record)
{
	struct request request = create_of(room, "generated_certificate", inputs);

	request.act = *record ? ACT_UPDATE : ACT_CREATE;
	request.record = *record;
	room->outcome = (struct outcome){0};
	if (provider_secret.apply(&room->env, &request, &room->outcome, &room->err) < 0)
		fail_msg("%s", room->err.msg);
	*record = recorded(room, "generated_certificate", inputs, &room->outcome);
	return room->outcome.outputs;
}

static const char *text(const struct value *outputs, const char *key)
{
	const char *found = value_get_text(outputs, key, NULL);

	assert_non_null(found);
	return found;
}

static void it_is_made_again_before_it_ends(void **state)
{
	struct room *room = *state;
	const struct value *inputs = json(room,
		"{'hosts':['a.test'],'validity':'20d','renewBefore':'5d'}");
	const struct value *first, *second;
	struct record *record = NULL;

	later = 0;
	room->env.clock = &simulated;
	first = issued(room, inputs, &record);
	assert_int_equal(see(room, inputs, NULL).presence, PRESENCE_ABSENT);
	assert_null(see(room, inputs, record).differs);
	later = 15 * DAY - 60000;
	assert_null(see(room, inputs, record).differs);
	later = 15 * DAY + 60000;
	assert_non_null(strstr(see(room, inputs, record).differs, "it ends on 20"));
	second = issued(room, inputs, &record);
	assert_null(see(room, inputs, record).differs);
	assert_string_not_equal(text(second, "key"), text(first, "key"));
	assert_string_equal(text(second, "authority"), text(first, "authority"));
	assert_string_equal(text(second, "authorityKey"), text(first, "authorityKey"));
}

static void an_authority_that_would_end_first_is_made_anew(void **state)
{
	struct room *room = *state;
	const struct value *inputs = json(room, "{'hosts':['a.test'],'validity':'20d'}");
	const struct value *first, *second;
	struct record *record = NULL;

	later = 0;
	room->env.clock = &simulated;
	first = issued(room, inputs, &record);
	later = (3650 - 19) * DAY;
	second = issued(room, inputs, &record);
	assert_string_not_equal(text(second, "authority"), text(first, "authority"));
	assert_null(see(room, json(room, "{'hosts':['a.test'],'renewBefore':'1d'}"), record).differs);
}

static void keys_are_on_no_disk(void **state)
{
	struct room *room = *state;
	struct record *record = NULL;

	room->env.clock = &clock_system;
	issued(room, json(room, "{'hosts':['*.a.test','10.0.0.1','::1']}"), &record);
	assert_null(strstr(record->outputs_json, "PRIVATE"));
	assert_non_null(strstr(record->outputs_json, "BEGIN CERTIFICATE"));
	assert_int_equal(count_below(room, room->env.work_dir), 0);
}

static void a_name_that_is_none_is_refused(void **state)
{
	struct room *room = *state;
	struct request request = create_of(room, "generated_certificate",
		json(room, "{'hosts':['a.test, DNS:bank.test']}"));

	room->env.clock = &clock_system;
	assert_int_equal(provider_secret.apply(&room->env, &request, &room->outcome, &room->err), -1);
	assert_string_equal(room->err.msg, "\"a.test, DNS:bank.test\" is no name of a host");
	assert_false(room->outcome.exists);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_is_made_again_before_it_ends, room_setup, room_teardown),
		cmocka_unit_test_setup_teardown(
			an_authority_that_would_end_first_is_made_anew, room_setup, room_teardown),
		cmocka_unit_test_setup_teardown(keys_are_on_no_disk, room_setup, room_teardown),
		cmocka_unit_test_setup_teardown(a_name_that_is_none_is_refused, room_setup, room_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
