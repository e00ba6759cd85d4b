/* Records parse their JSON on first use, keep it, and report an unreadable one each time. */
#include "base/secret.h"
#include "model/json.h"
#include "model/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void json_is_parsed_once(void **state)
{
	struct arena arena = ARENA_INIT;
	struct record record = {
		.address = "local_value.a",
		.inputs_json = "{\"input\":[1,2]}",
		.meta_json = "{}",
		.arena = &arena,
	};
	struct error err = ERROR_INIT;
	const struct value *inputs = record_inputs(&record, &err);

	(void)state;
	assert_int_equal(value_get(inputs, "input")->len, 2);
	assert_ptr_equal(record_inputs(&record, &err), inputs);
	assert_int_equal(record_outputs(&record, &err)->kind, VALUE_MAP); /* NULL: none stored */
	assert_int_equal(record_outputs(&record, &err)->len, 0);
	assert_int_equal(record_meta(&record, &err)->len, 0);
	assert_int_equal(err.code, ERROR_NONE);
	arena_release(&arena);
}

static void unreadable_is_an_error_each_time(void **state)
{
	static const char *const texts[] = {"", "{", "[]", "\"x\"", "{\"a\":1}x"};
	struct arena arena = ARENA_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct record record = {
			.address = "local_value.a",
			.observed_json = texts[i],
			.arena = &arena,
		};

		for (int again = 0; again < 2; again++) {
			struct error err = ERROR_INIT;

			assert_int_equal(record_observed(&record, &err)->len, 0);
			assert_int_equal(err.code, ERROR_CORRUPT);
			assert_non_null(strstr(err.msg, "local_value.a"));
		}
	}
	arena_release(&arena);
}

static void a_lost_key_is_named(void **state)
{
	cleanup_strbuf struct strbuf json = STRBUF_INIT;
	struct secret_key key, lost = {.id = ""};
	struct arena arena = ARENA_INIT;
	struct value text = value_sensitive(value_borrow("hunter2"));
	struct member member = {.key = "password", .value = text};
	struct value inputs = value_map(&member, 1);
	struct record record = {.address = "t.a", .arena = &arena, .key = &lost};
	struct error err = ERROR_INIT;

	(void)state;
	secret_key_generate(&key);
	json_write(&json, &inputs, JSON_SEAL, &key);
	record.inputs_json = json.text;
	record_inputs(&record, &err);
	assert_int_equal(err.code, ERROR_CORRUPT);
	assert_non_null(strstr(err.msg, key.id));
	record.key = &key; /* found again */
	err = (struct error)ERROR_INIT;
	assert_string_equal(value_get_text(record_inputs(&record, &err), "password", ""),
		"hunter2");
	assert_int_equal(err.code, ERROR_NONE);
	arena_release(&arena);
}

static void a_zero_fingerprint_is_none(void **state)
{
	struct record record = {.address = "t.a"};

	(void)state;
	assert_false(record_has_fingerprint(&record));
	record.fingerprint.bytes[31] = 1;
	assert_true(record_has_fingerprint(&record));
}

static void words_differ(void **state)
{
	(void)state;
	for (int i = RECORD_OK; i <= RECORD_DEPOSED; i++) {
		for (int j = RECORD_OK; j < i; j++)
			assert_string_not_equal(record_status_str(i), record_status_str(j));
	}
	for (int i = INTENT_CREATE; i <= INTENT_STOP; i++) {
		for (int j = INTENT_CREATE; j < i; j++)
			assert_string_not_equal(intent_action_str(i), intent_action_str(j));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_is_parsed_once),
		cmocka_unit_test(unreadable_is_an_error_each_time),
		cmocka_unit_test(a_lost_key_is_named),
		cmocka_unit_test(a_zero_fingerprint_is_none),
		cmocka_unit_test(words_differ),
	};

	hash_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
