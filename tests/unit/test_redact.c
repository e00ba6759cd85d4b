/* A secret is found in every form in which it travels, and nothing else is touched. */
#include "model/redact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static struct arena arena;
static struct redactor redactor;

static int learn(void **state)
{
	struct value inner = value_sensitive(value_borrow("p@ss \"word\"/+"));
	struct value list = value_list(&inner, 1);

	(void)state;
	redactor_learn(&redactor, &list);
	redactor_learn_text(&redactor, "abc", 3);
	redactor_learn_text(&redactor, "p@ss", 4);
	return 0;
}

static int release(void **state)
{
	(void)state;
	redactor_release(&redactor);
	arena_release(&arena);
	return 0;
}

static void check(const char *text, const char *expected)
{
	assert_string_equal(redact(&redactor, text, &arena), expected);
}

static void test_forms(void **state)
{
	(void)state;
	check("x=p@ss \"word\"/+;", "x=(sensitive);");
	check("{\"x\":\"p@ss \\\"word\\\"/+\"}", "{\"x\":\"(sensitive)\"}");
	check("x=p%40ss%20%22word%22%2F%2B&", "x=(sensitive)&");
	check("x=p%40ss%20%22word%22%2f%2b&", "x=(sensitive)&");
	check("Basic cEBzcyAid29yZCIvKw==", "Basic (sensitive)==");
	check("Basic cEBzcyAid29yZCIvKw", "Basic (sensitive)");
}

/* As HTTP has user and password: what stands before it shifts every letter. */
static void test_base64_of_something_longer(void **state)
{
	(void)state;
	check("Basic dTpwQHNzICJ3b3JkIi8r", "Basic dTpw(sensitive)");         /* u: */
	check("Basic YWI6cEBzcyAid29yZCIvKzsr", "Basic YWI6(sensitive)Kzsr"); /* ab: and ;+ */
	check("Basic YWJjOnBAc3MgIndvcmQiLys=", "Basic YWJjOnBA(sensitive)Lys="); /* abc: */
}

static void test_each_line_of_a_long_secret(void **state)
{
	static const char key[] = "-----BEGIN A KEY-----\nMIGHAgEAMBMGByqGSM49AgEG\nCCqG\n";
	struct redactor other = REDACTOR_INIT;

	(void)state;
	redactor_learn_text(&other, key, strlen(key));
	assert_string_equal(redact(&other, "read MIGHAgEAMBMGByqGSM49AgEG", &arena), "read (sensitive)");
	assert_string_equal(redact(&other, "CCqG", &arena), "CCqG");
	assert_string_equal(redact(&other, key, &arena), "(sensitive)");
	redactor_release(&other);
}

static void test_bytes(void **state)
{
	struct strbuf out = STRBUF_INIT;

	(void)state;
	redact_into(&redactor, "a\0p@ss \"word\"/+\0b p@s", 21, &out);
	assert_int_equal(out.len, 19);
	assert_memory_equal(out.text, "a\0(sensitive)\0b p@s", 19);
	strbuf_release(&out);
}

static void test_what_goes_on_is_not_cut_within_a_secret(void **state)
{
	static const size_t cuts[] = {0, 1, 2, 2, 2, 2, 2, 2, 2, 5, 5, 5, 12, 13};
	struct redactor other = REDACTOR_INIT;

	(void)state;
	redactor_learn_text(&other, "abcabcd", 7);
	for (size_t len = 0; len < ARRAY_SIZE(cuts); len++)
		assert_int_equal(redact_cut(&other, "xxabcabcabcdx", len), cuts[len]);
	redactor_release(&other);
}

static void test_what_was_cut_within_a_secret(void **state)
{
	struct redactor other = REDACTOR_INIT;

	(void)state;
	check("x=p@ss \"wo…", "x=(sensitive)…");
	check("p@ss \"wo… p%40s… or p@s…", "(sensitive)… (sensitive)… or p@s…");
	check("p@s\"wo…", "p@s\"wo…");
	check("p@ss \"word\"/+…", "(sensitive)…");
	redactor_learn_text(&other, "wait…then", strlen("wait…then"));
	assert_string_equal(redact(&other, "x wait…then wait…", &arena), "x (sensitive) (sensitive)…");
	redactor_release(&other);
}

static void test_longest_first(void **state)
{
	(void)state;
	check("p@ss \"word\"/+ and p@ss", "(sensitive) and (sensitive)");
}

static void test_the_rest_stays(void **state)
{
	const char *text = "abc stays: too short to search for";

	(void)state;
	assert_string_equal(redact(&redactor, text, &arena), text);
	/* a copy all the same: what it was said of may be gone when it is printed */
	assert_ptr_not_equal(redact(&redactor, text, &arena), text);
}

static void test_only_sensitive_values_are_learnt(void **state)
{
	struct redactor other = REDACTOR_INIT;
	struct value plain = value_borrow("ordinary");
	struct value list = value_list(&plain, 1);

	(void)state;
	redactor_learn(&other, &list);
	assert_int_equal(other.n, 0);
	redactor_release(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_base64_of_something_longer),
		cmocka_unit_test(test_each_line_of_a_long_secret),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_what_goes_on_is_not_cut_within_a_secret),
		cmocka_unit_test(test_what_was_cut_within_a_secret),
		cmocka_unit_test(test_longest_first),
		cmocka_unit_test(test_the_rest_stays),
		cmocka_unit_test(test_only_sensitive_values_are_learnt),
	};

	return cmocka_run_group_tests_name("redact", tests, learn, release);
}
