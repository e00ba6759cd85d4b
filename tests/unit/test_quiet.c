/* When it is quiet enough: a lone save, a crowd, and what destroys. */
#include "loop/quiet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_lone_save_starts_at_once(void **state)
{
	struct quiet quiet = {0};

	(void)state;
	quiet_change(&quiet, 1000, 1);
	assert_int_equal(quiet_until(&quiet, false), 1000 + QUIET_LONE);
	quiet_change(&quiet, 1001, 0); /* the second event of the same save */
	assert_int_equal(quiet_until(&quiet, false), 1001 + QUIET_LONE);
}

static void a_crowd_waits_for_quiet(void **state)
{
	struct quiet quiet = {0};

	(void)state;
	quiet_change(&quiet, 1000, 1);
	quiet_change(&quiet, 1003, 1);
	assert_int_equal(quiet_until(&quiet, false), 1003 + QUIET_WEAK);
	quiet_change(&quiet, 1040, 0);
	assert_int_equal(quiet_until(&quiet, false), 1040 + QUIET_WEAK);
}

static void a_file_that_is_written_on_and_on_is_no_lone_save(void **state)
{
	struct quiet quiet = {0};

	(void)state;
	quiet_change(&quiet, 1000, 1);
	quiet_change(&quiet, 1000 + QUIET_LONE, 0);
	assert_int_equal(quiet_until(&quiet, false), 1000 + QUIET_LONE + QUIET_WEAK);
}

static void saves_in_a_row_are_a_crowd(void **state)
{
	struct quiet quiet = {0};

	(void)state;
	quiet_change(&quiet, 1000, 1);
	quiet_end(&quiet);
	quiet_change(&quiet, 1000 + QUIET_WEAK - 1, 1);
	assert_int_equal(quiet_until(&quiet, false), 1000 + 2 * QUIET_WEAK - 1);
	quiet_end(&quiet);
	quiet_change(&quiet, 5000, 1); /* long after: alone again */
	assert_int_equal(quiet_until(&quiet, false), 5000 + QUIET_LONE);
}

static void what_destroys_waits_for_a_second(void **state)
{
	struct quiet quiet = {0};

	(void)state;
	quiet_change(&quiet, 1000, 1);
	assert_int_equal(quiet_until(&quiet, true), 1000 + QUIET_STRONG);
	quiet_change(&quiet, 1900, 1);
	assert_int_equal(quiet_until(&quiet, true), 1900 + QUIET_STRONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lone_save_starts_at_once),
		cmocka_unit_test(a_crowd_waits_for_quiet),
		cmocka_unit_test(a_file_that_is_written_on_and_on_is_no_lone_save),
		cmocka_unit_test(saves_in_a_row_are_a_crowd),
		cmocka_unit_test(what_destroys_waits_for_a_second),
	};

	return cmocka_run_group_tests_name("quiet", tests, NULL, NULL);
}
