/* The writer is canonical, the parser strict (jansson is the oracle), stored forms come back. */
#include "base/secret.h"
#include "model/json.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct arena arena;
static struct secret_key key;

static int start(void **state)
{
	(void)state;
	hash_start();
	secret_key_generate(&key);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

/* NULL when it does not parse. */
static const struct value *parse(const char *text, const struct secret_key *with)
{
	struct value *value = arena_alloc(&arena, sizeof(*value));
	struct error err = ERROR_INIT;

	if (json_parse(text, strlen(text), &arena, with, value, &err) == 0)
		return value;
	assert_int_not_equal(err.code, ERROR_NONE);
	return NULL;
}

static const char *write_as(const struct value *value, enum json_secrets secrets)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	json_write(&out, value, secrets, &key);
	assert_int_equal(strlen(out.text), out.len);
	return arena_strdup(&arena, out.text);
}

static void assert_rewrites(const char *in, const char *canonical)
{
	const struct value *value = parse(in, NULL);

	assert_non_null(value);
	assert_string_equal(write_as(value, JSON_CLEAR), canonical);
}

static void writes_canonically(void **state)
{
	(void)state;
	assert_rewrites(" { \"b\" : 1 , \"a\" : [ true , false , null ] } ",
		"{\"a\":[true,false,null],\"b\":1}");
	assert_rewrites("{\"a\":{},\"aa\":[],\"A\":\"\"}", "{\"A\":\"\",\"a\":{},\"aa\":[]}");
	assert_rewrites("\"\\u0041\\u00e9\\ud83d\\ude00\\/\"", "\"A\xc3\xa9\xf0\x9f\x98\x80/\"");
	assert_rewrites("\"\\b\\f\\n\\r\\t\\\"\\\\\\u001f\\u007f\"",
		"\"\\b\\f\\n\\r\\t\\\"\\\\\\u001f\x7f\"");
	assert_rewrites("[1.50,1e2,-0.0,3.0]",
		"[1.5,100.0,-0.0,3.0]");
	assert_rewrites("[0.1,0.30000000000000004,1e300,5e-324]",
		"[0.1,0.30000000000000004,1e+300,4.94065645841247e-324]");
	assert_rewrites("[9223372036854775807,-9223372036854775808]",
		"[9223372036854775807,-9223372036854775808]");
	assert_rewrites("18446744073709551615", "1.8446744073709552e+19");
}

static void a_string_may_hold_nul(void **state)
{
	const struct value *value;

	(void)state;
	value = parse("\"a\\u0000b\"", NULL);
	assert_non_null(value);
	assert_int_equal(value->len, 3);
	assert_memory_equal(value->text, "a\0b", 4);
	assert_string_equal(write_as(value, JSON_CLEAR), "\"a\\u0000b\"");
	assert_null(parse("{\"a\\u0000b\":1}", NULL));
}

static void reals_stay_reals(void **state)
{
	static const double reals[] = {0, 1, -1, 0.1, 1e15, 1e16, 123456789012345680.0, 1e22, 1e-7,
		1.7976931348623157e308, 2.2250738585072014e-308, 1.0 / 3};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(reals); i++) {
		struct value value = value_real(&arena, reals[i]);
		const struct value *again = parse(write_as(&value, JSON_CLEAR), NULL);

		assert_non_null(again);
		assert_int_equal(again->kind, VALUE_REAL);
		assert_true(again->real == reals[i]);
	}
}

static void numbers_keep_their_text(void **state)
{
	const struct value *list = parse("[1.10,18446744073709551615,42]", NULL);

	(void)state;
	assert_string_equal(list->items[0].text, "1.10");
	assert_int_equal(list->items[1].kind, VALUE_REAL);
	assert_string_equal(list->items[1].text, "18446744073709551615");
	assert_int_equal(list->items[2].kind, VALUE_INT);
	assert_int_equal(list->items[2].integer, 42);
}

static void errors_say_where(void **state)
{
	struct error err = ERROR_INIT;
	struct value value;
	static const char text[] = "{\n  \"a\": 1,\n  \"a\": 2\n}";

	(void)state;
	assert_int_equal(json_parse(text, strlen(text), &arena, NULL, &value, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	assert_non_null(strstr(err.msg, "line 4, column 2"));
	assert_non_null(strstr(err.msg, "twice"));
}

static void duplicates_in_large_maps(void **state)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	(void)state;
	for (int i = 0; i < 1000; i++)
		strbuf_addf(&text, "%c\"k%d\":%d", i ? ',' : '{', i, i);
	strbuf_addch(&text, '}');
	assert_int_equal(parse(text.text, NULL)->len, 1000);
	strbuf_setlen(&text, text.len - 1);
	strbuf_addstr(&text, ",\"k500\":0}");
	assert_null(parse(text.text, NULL));
}

static void depth_is_limited(void **state)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	(void)state;
	for (int i = 0; i < 1000; i++)
		strbuf_addch(&text, '[');
	for (int i = 0; i < 1000; i++)
		strbuf_addch(&text, ']');
	assert_non_null(parse(text.text, NULL));
	strbuf_reset(&text);
	for (int i = 0; i < 1000000; i++)
		strbuf_addch(&text, '[');
	assert_null(parse(text.text, NULL));
}

/* Is it the same tree? Numbers by value. */
static bool same(const struct value *value, const json_t *json)
{
	const char *name;
	json_t *child;
	size_t i;

	switch (json_typeof(json)) {
	case JSON_NULL: return value->kind == VALUE_NULL;
	case JSON_TRUE: return value->kind == VALUE_BOOL && value->boolean;
	case JSON_FALSE: return value->kind == VALUE_BOOL && !value->boolean;
	case JSON_INTEGER:
		return value->kind == VALUE_INT && value->integer == json_integer_value(json);
	case JSON_REAL: return value->kind == VALUE_REAL && value->real == json_real_value(json);
	case JSON_STRING:
		return value->kind == VALUE_STRING && value->len == json_string_length(json) &&
		       memcmp(value->text, json_string_value(json), value->len) == 0;
	case JSON_ARRAY:
		if (value->kind != VALUE_LIST || value->len != json_array_size(json))
			return false;
		json_array_foreach(json, i, child) {
			if (!same(&value->items[i], child))
				return false;
		}
		return true;
	case JSON_OBJECT:
		if (value->kind != VALUE_MAP || value->len != json_object_size(json))
			return false;
		json_object_foreach((json_t *)(uintptr_t)json, name, child) {
			const struct value *member = value_get(value, name);

			if (!member || !same(member, child))
				return false;
		}
		return true;
	}
	return false;
}

static void assert_agrees(const char *text, size_t len)
{
	struct value *value = arena_alloc(&arena, sizeof(*value));
	struct error err = ERROR_INIT;
	json_error_t why;
	json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY,
		&why);
	int result = json_parse(text, len, &arena, NULL, value, &err);

	if (!json && result == 0 && json_error_code(&why) == json_error_numeric_overflow)
		return; /* a whole number beyond 64 bits: a real for us */
	if ((result == 0) != (json != NULL))
		fail_msg("jansson: %s; we: %s; text: %.*s", json ? "fine" : why.text,
			result == 0 ? "fine" : err.msg, (int)len, text);
	if (json && !same(value, json))
		fail_msg("another tree: %.*s", (int)len, text);
	json_decref(json);
}

static void agrees_with_jansson(void **state)
{
	static const char *const texts[] = {"", " ", "null", "nul", "nulll", "true", "tru", "[", "]",
		"[]", "[1", "[1,", "[1,]", "[,]", "{", "}", "{}", "{\"a\"}", "{\"a\":}",
		"{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{a:1}", "{\"a\":1,\"a\":1}", "01", "-", "-1",
		"-01", "+1", "1.", ".1", "1.e1", "1e", "1e+", "1e5", "1E-5", "1e999", "0", "-0", "0.0",
		"--1", "1 2", "\"", "\"\\\"", "\"\\x\"", "\"\\u\"", "\"\\u12\"", "\"\\uzzzz\"",
		"\"\\ud800\"", "\"\\ud800x\"", "\"\\ud800\\u0041\"", "\"\\udc00\"",
		"\"\\ud800\\udc00\"", "\"\\udbff\\udfff\"", "\"\n\"", "\"\x01\"", "\"\x7f\"",
		"\"\x80\"", "\"\xc0\x80\"", "\"\xc1\xbf\"", "\"\xc2\x80\"", "\"\xe0\x80\x80\"",
		"\"\xe0\xa0\x80\"", "\"\xed\xa0\x80\"", "\"\xed\x9f\xbf\"", "\"\xef\xbf\xbf\"",
		"\"\xf0\x80\x80\x80\"", "\"\xf0\x90\x80\x80\"", "\"\xf4\x8f\xbf\xbf\"",
		"\"\xf4\x90\x80\x80\"", "\"\xf5\x80\x80\x80\"", "\"\xe2\x82\"", "\xef\xbb\xbf{}",
		"[true,false,null,{\"a\":[{}]}]", "{\"\":1}", "/**/1", "'a'", "NaN", "Infinity",
		"[1]x", "\f1", "\"\\u0000\"", "[\"a\\u0000\",\"\\\\\\\"\"]", "\"a\\", "\"a\\\"",
		"{\"a\":{\"b\":1,\"b\":2}}", "tRue", "{\"a\" :1 , \"b\" : 2 }"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_agrees(texts[i], strlen(texts[i]));
	assert_agrees("\"a\0b\"", 5);
}

static void nul_is_no_end(void **state)
{
	static const char *const texts[] = {"\0", "1\0", "[1\0", "{\0\"a", "\"a\0"};
	struct value value;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		size_t len = strlen(texts[i]) + 1;

		assert_int_equal(json_parse(texts[i], len, &arena, NULL, &value, NULL), -1);
	}
}

/* Valid documents with seeded damage: most break, some do not; both parsers say which. */
static void agrees_with_jansson_on_damage(void **state)
{
	static const char text[] = "{\"name\":\"caf\xc3\xa9 \\u00e9\\ud83d\\ude00\\n\",\"list\":[1,-2.5e3,"
				   "0.1,true,false,null,[],{}],\"nested\":{\"a\":{\"b\":[\"\\\\\"]}}}";
	static const char bytes[] = "\"\\{}[]:,0123456789eE+-.tfnu \n\x80\xc3\xff";
	unsigned seed = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char copy[sizeof(text)];
		size_t len = strlen(text);

		memcpy(copy, text, sizeof(text));
		for (int hits = 1 + round % 3; hits > 0; hits--)
			copy[(size_t)rand_r(&seed) % len] =
				bytes[(size_t)rand_r(&seed) % (sizeof(bytes) - 1)];
		if (round % 5 == 0)
			len = (size_t)rand_r(&seed) % len;
		assert_agrees(copy, len);
		arena_release(&arena);
	}
}

static struct value secret_text(const char *text)
{
	return value_sensitive(value_str(&arena, text));
}

static struct value with_secret(void)
{
	struct value_builder builder;

	builder_init(&builder, &arena);
	builder_put_str(&builder, "user", "me");
	builder_put(&builder, "password", secret_text("hunter2"));
	return builder_map(&builder);
}

static void secrets_are_masked(void **state)
{
	cleanup_strbuf struct strbuf pretty = STRBUF_INIT;
	struct value value = with_secret(), list;

	(void)state;
	assert_string_equal(write_as(&value, JSON_MASK),
		"{\"password\":\"(sensitive)\",\"user\":\"me\"}");
	assert_string_equal(write_as(&value, JSON_CLEAR),
		"{\"password\":\"hunter2\",\"user\":\"me\"}");
	json_write_pretty(&pretty, &value);
	assert_string_equal(pretty.text,
		"{\n  \"user\": \"me\",\n  \"password\": \"(sensitive)\"\n}");
	assert_null(strstr(write_as(&value, JSON_SEAL), "hunter2"));
	assert_null(strstr(write_as(&value, JSON_DIGEST), "hunter2"));
	list = value_sensitive(value_list(&value, 1)); /* a sensitive container: all of it */
	assert_string_equal(write_as(&list, JSON_MASK), "\"(sensitive)\"");
	/* With its quotes: two letters stand in what is sealed by chance. */
	assert_null(strstr(write_as(&list, JSON_SEAL), "\"me\""));
}

static void sealed_comes_back(void **state)
{
	struct value value = with_secret();
	const char *sealed = write_as(&value, JSON_SEAL);
	const struct value *again = parse(sealed, &key), *plain = parse(sealed, NULL);

	(void)state;
	assert_true(value_equal(again, &value));
	assert_true(value_get(again, "password")->flags & VALUE_SENSITIVE);
	assert_true(again->flags & VALUE_HAS_SENSITIVE);
	assert_string_equal(write_as(again, JSON_SEAL), sealed);
	assert_int_equal(value_get(plain, "password")->kind, VALUE_MAP);
}

static void another_key_is_an_error(void **state)
{
	static const enum json_secrets forms[] = {JSON_SEAL, JSON_DIGEST};
	struct value value = with_secret(), out;
	struct secret_key other;

	(void)state;
	secret_key_generate(&other);
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		const char *text = write_as(&value, forms[i]);
		struct error err = ERROR_INIT;

		assert_int_equal(json_parse(text, strlen(text), &arena, &other, &out, &err), -1);
		assert_int_equal(err.code, ERROR_CORRUPT);
		assert_non_null(strstr(err.msg, key.id));
	}
}

static void keyed_matches_the_same_secret_only(void **state)
{
	struct value value = with_secret();
	const char *text = write_as(&value, JSON_DIGEST);
	const struct value *stored = parse(text, &key);
	struct value_builder builder;
	struct value other, unknown;

	(void)state;
	assert_true(value_get(stored, "password")->flags & VALUE_KEYED);
	assert_false(value_equal(stored, &value));
	assert_true(value_matches(&value, stored, &key));
	assert_true(value_matches(stored, stored, &key));
	assert_string_equal(write_as(stored, JSON_SEAL), text); /* stays what it is */
	assert_string_equal(write_as(stored, JSON_DIGEST), text);
	assert_null(strstr(write_as(stored, JSON_CLEAR), "$keyed"));

	builder_init(&builder, &arena);
	builder_put(&builder, "password", secret_text("hunter3"));
	builder_put_str(&builder, "user", "me");
	other = builder_map(&builder);
	assert_false(value_matches(&other, stored, &key));
	builder_put(&builder, "password", secret_text("hunter2"));
	builder_put_str(&builder, "user", "you");
	other = builder_map(&builder);
	assert_false(value_matches(&other, stored, &key));
	unknown = value_sensitive(value_unknown);
	assert_false(value_matches(&unknown, value_get(stored, "password"), &key));
	/* Members in another order, sealed instead of keyed: by content. */
	assert_true(value_matches(&value, parse(write_as(&value, JSON_SEAL), &key), &key));
}

static void keyed_containers_match(void **state)
{
	struct value_builder builder;
	struct value map, again;

	(void)state;
	builder_init(&builder, &arena);
	builder_put_int(&builder, "b", 1);
	builder_put_bool(&builder, "a", true);
	map = value_sensitive(builder_map(&builder));
	builder_init(&builder, &arena);
	builder_put_bool(&builder, "a", true);
	builder_put_int(&builder, "b", 1);
	again = builder_map(&builder);
	assert_true(value_matches(&again, parse(write_as(&map, JSON_DIGEST), &key), &key));
}

static void assert_round_trip(const struct value *value)
{
	const struct value *again = parse(write_as(value, JSON_SEAL), &key);

	assert_non_null(again);
	assert_true(value_equal(again, value));
}

/* A user's own "$..." keys must not be taken for ours, and come back as they were. */
static void user_maps_that_look_like_ours(void **state)
{
	static const char *const texts[] = {"{\"$sealed\":\"x\"}", "{\"$keyed\":\"x\"}",
		"{\"$unknown\":true}", "{\"$$sealed\":\"x\"}", "{\"$\":1}", "{\"$$\":1}",
		"{\"$bytes\":\"!\"}", "{\"$real\":\".inf\"}", "{\"$sealed\":{\"$keyed\":[]}}",
		"{\"$sealed\":\"x\",\"b\":1}", "[{\"$a\":{\"$b\":1}}]"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const struct value *value = parse(texts[i], NULL);
		struct value hidden = value_sensitive(*value);

		assert_round_trip(value);
		assert_round_trip(&hidden);
		assert_string_equal(write_as(value, JSON_CLEAR), texts[i]);
	}
}

static void what_json_cannot_say(void **state)
{
	struct value values[] = {
		value_strn(&arena, "\xff\xfe\0binary", 9),
		value_strn(&arena, "\xff", 1),
		value_real(&arena, HUGE_VAL),
		value_real(&arena, -HUGE_VAL),
	};
	struct value unknown = value_unknown, list, nan = value_real(&arena, NAN);
	const struct value *again;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		struct value hidden = value_sensitive(values[i]);

		assert_round_trip(&values[i]);
		assert_round_trip(&hidden);
		assert_non_null(parse(write_as(&values[i], JSON_CLEAR), NULL)); /* always JSON */
	}
	again = parse(write_as(&nan, JSON_SEAL), &key);
	assert_true(again->kind == VALUE_REAL && isnan(again->real));
	assert_string_equal(write_as(&values[1], JSON_CLEAR), "\"\xef\xbf\xbd\"");
	assert_string_equal(write_as(&unknown, JSON_MASK), "{\"$unknown\":true}");
	list = value_list(&unknown, 1);
	again = parse(write_as(&list, JSON_SEAL), &key);
	assert_int_equal(again->items[0].kind, VALUE_UNKNOWN);
	assert_true(again->flags & VALUE_HAS_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_canonically),
		cmocka_unit_test(a_string_may_hold_nul),
		cmocka_unit_test(reals_stay_reals),
		cmocka_unit_test(numbers_keep_their_text),
		cmocka_unit_test(errors_say_where),
		cmocka_unit_test(duplicates_in_large_maps),
		cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(agrees_with_jansson),
		cmocka_unit_test(nul_is_no_end),
		cmocka_unit_test(agrees_with_jansson_on_damage),
		cmocka_unit_test(secrets_are_masked),
		cmocka_unit_test(sealed_comes_back),
		cmocka_unit_test(another_key_is_an_error),
		cmocka_unit_test(keyed_matches_the_same_secret_only),
		cmocka_unit_test(keyed_containers_match),
		cmocka_unit_test(user_maps_that_look_like_ours),
		cmocka_unit_test(what_json_cannot_say),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
