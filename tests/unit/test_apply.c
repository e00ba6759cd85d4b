/*
 * The scheduler against a world of the test's own: what fails, what waits, what is held, in which
 * order.
 */
#include "apply_world.h"

/* --- what is promised --------------------------------------------------------------------------- */

static void test_dependencies_first(void **state)
{
	struct apply_result result;

	(void)state;
	manifest(FILE_LINE("c", "x", ", dependsOn: [local_file.b]")
		FILE_LINE("b", "x", ", dependsOn: [local_file.a]") FILE_LINE("a", "x", ""));
	result = must_apply();
	assert_int_equal(result.added, 3);
	assert_string_equal(world.log, "+a +b +c");
	world.log[0] = '\0';
	result = must_apply();
	assert_string_equal(world.log, "");
	assert_int_equal(result.added + result.changed, 0);
}

static void test_destroy_dependents_first(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(FILE_LINE("c", "x", ", dependsOn: [local_file.b]")
		FILE_LINE("b", "x", ", dependsOn: [local_file.a]") FILE_LINE("a", "x", ""));
	must_apply();
	world.log[0] = '\0';
	assert_int_equal(apply((struct options){.destroy = true}, &result, &err), 0);
	assert_string_equal(world.log, "-c -b -a");
	assert_int_equal(world.n, 0);
}

static void test_failure_holds_back_only_descendants(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(FILE_LINE("a", "fail", "") FILE_LINE("b", "x", ", dependsOn: [local_file.a]")
		FILE_LINE("c", "x", ", dependsOn: [local_file.b]") FILE_LINE("d", "x", ""));
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_int_equal(result.failed, 1);
	assert_int_equal(result.blocked, 2);
	assert_int_equal(result.added, 1);
	assert_non_null(find("d"));
	assert_null(find("b"));
}

static void test_soft_dependency_lets_go_on(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(FILE_LINE("a", "fail", "")
		FILE_LINE("b", "x", ", dependsOn: [{address: local_file.a, type: soft}]"));
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_int_equal(result.blocked, 0);
	assert_non_null(find("b"));
	assert_string_equal(world.log, "+a +b");
}

static void test_fail_fast(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(FILE_LINE("a", "fail", "") FILE_LINE("b", "slow", "") FILE_LINE("c", "x", ""));
	assert_int_equal(apply((struct options){.fail_fast = true, .parallelism = 1}, &result, &err), -1);
	assert_string_equal(world.log, "+a");
	assert_int_equal(result.blocked, 2);
}

static void test_failed_create_that_exists_is_tainted(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(FILE_LINE("a", "fail-exists", ""));
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	manifest(FILE_LINE("a", "x", ""));
	must_apply();
	assert_string_equal(world.log, "-a +a"); /* replaced */
}

static void test_failed_update_is_done_again(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(FILE_LINE("a", "x", ""));
	must_apply();
	manifest(FILE_LINE("a", "fail", ""));
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	manifest(FILE_LINE("a", "x", ""));
	result = must_apply();
	assert_string_equal(world.log, "~a"); /* its fingerprint was forgotten */
	assert_int_equal(result.changed, 1);
}

static void test_what_cannot_be_destroyed_stays_recorded(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(FILE_LINE("a", "stay", "") FILE_LINE("b", "x", "") FILE_LINE("c", "x", ""));
	must_apply();
	for (int i = 0; i < 2; i++) { /* and is tried again */
		manifest(FILE_LINE("b", "x", "") FILE_LINE("c", "x", ""));
		assert_int_equal(apply((struct options){0}, &result, &err), -1);
		assert_string_equal(world.log, "-a");
		assert_int_equal(result.failed, 1);
		assert_int_equal(result.destroyed, 0);
	}
}

static void test_transient_errors_are_tried_again(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	world.transient_left = 2;
	manifest(FILE_LINE("a", "transient", ", retry: {attempts: 3, delay: 10ms}"));
	must_apply();
	assert_string_equal(world.log, "+a +a +a");
	world.transient_left = 9;
	manifest(FILE_LINE("a", "transient", ", retry: {attempts: 3, delay: 10ms}")
		FILE_LINE("b", "transient", ", retry: {attempts: 2, delay: 10ms}"));
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_string_equal(world.log, "+b +b");
}

static void test_parallelism_is_a_limit(void **state)
{
	(void)state;
	manifest(FILE_LINE("a", "slow", "") FILE_LINE("b", "slow", "") FILE_LINE("c", "slow", "")
		FILE_LINE("d", "slow", "") FILE_LINE("e", "slow", "") FILE_LINE("f", "slow", ""));
	must_apply();
	assert_in_range(world.most, 2, 4);
}

static void test_waits_until_ready(void **state)
{
	(void)state;
	world.unready_left = 3;
	manifest(FILE_LINE("a", "x", ", readiness: {type: running, periodSeconds: 0.01}")
		FILE_LINE("b", "x", ", dependsOn: [local_file.a]"));
	must_apply();
	assert_string_equal(world.log, "+a +b");
	assert_in_range(-world.unready_left, 1, 1); /* probed until it said yes, and no more */
}

static void test_not_ready_in_time(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	world.unready_left = 1000;
	manifest(FILE_LINE("a", "x", ", readiness: {type: running, periodSeconds: 0.01, failureThreshold: 3}")
		FILE_LINE("b", "x", ", dependsOn: [local_file.a]"));
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_int_equal(result.unready, 1);
	assert_int_equal(result.blocked, 1);
	world.unready_left = 0;
	world.log[0] = '\0';
	must_apply();
	assert_string_equal(world.log, "+b"); /* probed again, never replaced for it */
}

static void test_replace_is_destroy_then_create(void **state)
{
	(void)state;
	manifest("    - {type: local_file, name: a, path: a1, content: x}\n");
	must_apply();
	manifest("    - {type: local_file, name: a, path: a2, content: x}\n");
	must_apply();
	assert_string_equal(world.log, "-a1 +a2");
}

static void test_create_before_destroy(void **state)
{
	(void)state;
	manifest("    - {type: local_file, name: a, path: a1, content: x, lifecycle: {createBeforeDestroy: true}}\n"
		 "    - {type: local_file, name: b, path: b, content: \"${local_file.a.path}\"}\n");
	must_apply();
	manifest("    - {type: local_file, name: a, path: a2, content: x, lifecycle: {createBeforeDestroy: true}}\n"
		 "    - {type: local_file, name: b, path: b, content: \"${local_file.a.path}\"}\n");
	must_apply();
	assert_string_equal(world.log, "+a2 ~b -a1"); /* the user has moved over before the old one goes */
	assert_string_equal(find("b")->content, "a2");
}

static void test_deferred_turns_out_to_be_nothing(void **state)
{
	struct apply_result result;

	(void)state;
	manifest(FILE_LINE("a", "same", "") "    - {type: local_file, name: b, path: b, content: "
		"\"${local_file.a.contentHash}\"}\n");
	must_apply();
	find("a")->content[0] = 'S'; /* drift: its outputs become unknown, and come back the same */
	world.log[0] = '\0';
	result = must_apply();
	assert_string_equal(world.log, "~a");
	assert_int_equal(result.changed, 1);
	assert_int_equal(result.noop, 1);
}

/* A name that was known while planning is not looked for a second time, one that was not is. */
static void test_what_was_looked_for_by_name_is_not_looked_for_again(void **state)
{
	(void)state;
	manifest(FILE_LINE("a", "one", "") "    - {type: local_file, name: b, path: b, content: "
		"\"${local_file.a.contentHash}\"}\n");
	must_apply();
	assert_string_equal(world.log, "+a +b");
	assert_int_equal(world.looks, 2);
	world.looks = 0;
	manifest(FILE_LINE("c", "two", "") "    - {type: local_file, name: d, path: "
		"\"${local_file.c.contentHash}\", content: x}\n");
	must_apply();
	assert_non_null(find("two"));
	assert_int_equal(world.looks, 5); /* a, b, c; d while it has no name, and when it has one */
}

static void test_deferred_replace_destroys_nothing_early(void **state)
{
	struct apply_result result;

	(void)state;
	manifest(FILE_LINE("a", "same", "") "    - {type: local_file, name: b, path: "
		"\"${local_file.a.contentHash}\", content: x}\n");
	must_apply();
	find("a")->content[0] = 'S';
	world.log[0] = '\0';
	result = must_apply();
	assert_string_equal(world.log, "~a");
	assert_int_equal(result.destroyed, 0);
	assert_non_null(find("same"));
}

static void test_deferred_replace_happens_when_it_is_one(void **state)
{
	(void)state;
	manifest(FILE_LINE("a", "one", "") "    - {type: local_file, name: b, path: "
		"\"${local_file.a.contentHash}\", content: x}\n");
	must_apply();
	manifest(FILE_LINE("a", "two", "") "    - {type: local_file, name: b, path: "
		"\"${local_file.a.contentHash}\", content: x}\n");
	must_apply();
	assert_string_equal(world.log, "~a -one +two");
}

static void test_rollback(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(FILE_LINE("a", "old", ""));
	must_apply();
	manifest(FILE_LINE("a", "new", "") FILE_LINE("b", "x", ", dependsOn: [local_file.a]")
		FILE_LINE("c", "fail", ", dependsOn: [local_file.b]"));
	assert_int_equal(apply((struct options){.rollback = true}, &result, &err), -1);
	assert_string_equal(find("a")->content, "old");
	assert_null(find("b"));
	assert_int_equal(result.rolled_back, 2);
	manifest(FILE_LINE("a", "old", ""));
	must_apply();
	assert_string_equal(world.log, "");
}

static void test_own_mark_is_adopted(void **state)
{
	struct apply_result result;
	struct error err;
	struct thing made;

	(void)state;
	manifest(FILE_LINE("a", "fail", ""));
	assert_int_equal(apply((struct options){0}, &result, &err), -1); /* leaves its intent open */
	manifest(FILE_LINE("a", "x", ""));
	must_apply();
	made = *find("a");
	assert_int_equal(strlen(made.mark), 16);
}

/* What a run that died asked for may be made only after the next one has looked. */
static void test_a_create_that_is_done_again_keeps_its_mark(void **state)
{
	struct apply_result result;
	struct error err;
	char mark[17];

	(void)state;
	world.lost_left = 1;
	manifest(FILE_LINE("a", "lost", ""));
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	memcpy(mark, find("a")->mark, sizeof(mark));
	world.n = 0;
	must_apply();
	assert_string_equal(find("a")->mark, mark);
	world.log[0] = '\0';
	must_apply();
	assert_string_equal(world.log, "");
}

static void test_mass_delete_is_held(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(FILE_LINE("a", "x", "") FILE_LINE("b", "x", "") FILE_LINE("c", "x", "")
		FILE_LINE("d", "x", "") FILE_LINE("e", "x", ""));
	must_apply();
	manifest(FILE_LINE("e", "y", ""));
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_int_equal(result.held, 4);
	assert_string_equal(world.log, "~e"); /* the rest proceeds */
	assert_int_equal(world.n, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_dependencies_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_destroy_dependents_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failure_holds_back_only_descendants, setup, teardown),
		cmocka_unit_test_setup_teardown(test_soft_dependency_lets_go_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fail_fast, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failed_create_that_exists_is_tainted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failed_update_is_done_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_cannot_be_destroyed_stays_recorded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_transient_errors_are_tried_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_parallelism_is_a_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waits_until_ready, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_ready_in_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replace_is_destroy_then_create, setup, teardown),
		cmocka_unit_test_setup_teardown(test_create_before_destroy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deferred_turns_out_to_be_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_what_was_looked_for_by_name_is_not_looked_for_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deferred_replace_destroys_nothing_early, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deferred_replace_happens_when_it_is_one, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rollback, setup, teardown),
		cmocka_unit_test_setup_teardown(test_own_mark_is_adopted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_create_that_is_done_again_keeps_its_mark, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mass_delete_is_held, setup, teardown),
	};

	return cmocka_run_group_tests_name("apply", tests, NULL, NULL);
}
