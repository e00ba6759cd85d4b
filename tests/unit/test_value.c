/* Values: building, paths, equality, hashing; what flags tell about what is inside. */
#include "model/value.h"

#include "base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

static struct arena arena;

static int release(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static struct hash hash_of(const struct value *value, const struct secret_key *key)
{
	struct hasher hasher;
	struct hash hash;

	hasher_init(&hasher);
	value_hash(value, key, &hasher);
	hasher_finish(&hasher, &hash);
	return hash;
}

static bool same_hash(struct value a, struct value b)
{
	struct hash x = hash_of(&a, NULL), y = hash_of(&b, NULL);

	return hash_equal(&x, &y);
}

static struct value pair(const char *k1, struct value v1, const char *k2, struct value v2)
{
	struct value_builder b;

	builder_init(&b, &arena);
	builder_put(&b, k1, v1);
	builder_put(&b, k2, v2);
	return builder_map(&b);
}

static void test_equality_ignores_order_of_keys(void **state)
{
	struct value x = pair("a", value_int(&arena, 1), "b", value_bool(true));
	struct value y = pair("b", value_bool(true), "a", value_int(&arena, 1));

	(void)state;
	assert_true(value_equal(&x, &y));
	assert_true(same_hash(x, y));
}

static void test_numbers(void **state)
{
	struct value one = value_int(&arena, 1), real = value_real(&arena, 1.0);
	struct value text = value_borrow("1"), big = value_int(&arena, (1LL << 53) + 1),
		     near = value_int(&arena, 1LL << 53);

	(void)state;
	assert_true(value_equal(&one, &real));
	assert_true(same_hash(one, real));
	assert_false(value_equal(&one, &text));
	assert_false(same_hash(one, text));
	assert_false(value_equal(&big, &near));
	assert_false(same_hash(big, near));
}

static void test_what_is_written_the_same_is_equal(void **state)
{
	struct value zero = value_real(&arena, 0.0), minus = value_real(&arena, -0.0);
	struct value nan = value_real(&arena, NAN), other = value_real(&arena, -NAN);

	(void)state;
	assert_true(value_equal(&zero, &minus));
	assert_true(same_hash(zero, minus));
	assert_true(value_equal(&nan, &other));
	assert_true(same_hash(nan, other));
	assert_false(value_equal(&nan, &zero));
}

static void test_fields_do_not_run_together(void **state)
{
	struct value ab[] = {value_borrow("a"), value_borrow("b")}, joined[] = {value_borrow("ab")};

	(void)state;
	assert_false(same_hash(value_list(ab, 2), value_list(joined, 1)));
}

static void test_unknown_equals_nothing(void **state)
{
	(void)state;
	assert_false(value_equal(&value_unknown, &value_unknown));
	assert_false(value_is_known(&value_unknown));
}

static void test_flags_rise(void **state)
{
	struct value inner = pair("a", value_sensitive(value_borrow("x")), "b", value_unknown);
	struct value outer = value_list(&inner, 1);

	(void)state;
	assert_true(outer.flags & VALUE_HAS_SENSITIVE);
	assert_true(outer.flags & VALUE_HAS_UNKNOWN);
	assert_false(outer.flags & VALUE_SENSITIVE);
	assert_false(value_is_known(&outer));
}

static void test_paths(void **state)
{
	struct value items[] = {value_borrow("x"), pair("k.1", value_int(&arena, 7), "z", value_null)};
	struct value map = pair("list", value_list(items, 2), "m", value_empty_map);

	(void)state;
	assert_string_equal(value_path(&map, "list[0]")->text, "x");
	assert_int_equal(value_path(&map, "list[1][\"k.1\"]")->integer, 7);
	assert_null(value_path(&map, "list[2]"));
	assert_null(value_path(&map, "list.a"));
	assert_null(value_path(&map, "list[x]"));
	assert_ptr_equal(value_path(&map, ""), &map);
}

static void test_secret_goes_through_the_key(void **state)
{
	struct secret_key one, two;
	struct value secret = value_sensitive(value_borrow("hunter2"));
	struct hash a, b, c;

	(void)state;
	hash_start();
	secret_key_generate(&one);
	secret_key_generate(&two);
	a = hash_of(&secret, &one);
	b = hash_of(&secret, &one);
	c = hash_of(&secret, &two);
	assert_true(hash_equal(&a, &b));
	assert_false(hash_equal(&a, &c));
}

static void test_copy_is_whole(void **state)
{
	struct arena other = ARENA_INIT;
	struct value map = pair("a", value_sensitive(value_str(&arena, "s")), "b", value_int(&arena, 2));
	struct value copy = value_copy(&other, &map);

	(void)state;
	assert_true(value_equal(&map, &copy));
	assert_true(value_get(&copy, "a")->flags & VALUE_SENSITIVE);
	assert_ptr_not_equal(value_get(&map, "a")->text, value_get(&copy, "a")->text);
	arena_release(&other);
}

static void test_put_replaces(void **state)
{
	struct value_builder b;
	struct value map;

	(void)state;
	builder_init(&b, &arena);
	builder_put_int(&b, "a", 1);
	builder_put_int(&b, "a", 2);
	map = builder_map(&b);
	assert_int_equal(map.len, 1);
	assert_int_equal(value_get_int(&map, "a", 0), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equality_ignores_order_of_keys),
		cmocka_unit_test(test_what_is_written_the_same_is_equal),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_fields_do_not_run_together),
		cmocka_unit_test(test_unknown_equals_nothing),
		cmocka_unit_test(test_flags_rise),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_secret_goes_through_the_key),
		cmocka_unit_test(test_copy_is_whole),
		cmocka_unit_test(test_put_replaces),
	};

	return cmocka_run_group_tests_name("value", tests, NULL, release);
}
