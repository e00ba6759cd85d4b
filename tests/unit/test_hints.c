/* Hints that reality moved: who is listened to, for which records, and what is none. */
#include "apply_world.h"

#include "loop/hints.h"

#include <poll.h>

/* --- a provider whose listeners the test speaks for --------------------------------------------- */

enum { EARS = 8 };

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t begun;
	const struct listener *listeners[EARS];
	struct listener said[EARS]; /* as they were when it began */
	char records[EARS][128];
	int n, ended;
	bool deaf; /* it cannot listen */
} talk = {.mutex = PTHREAD_MUTEX_INITIALIZER, .begun = PTHREAD_COND_INITIALIZER};

static int listen_to_test(struct provider_env *env, struct record *const *records, size_t n,
	const struct listener *listener, struct error *err)
{
	bool deaf;

	(void)err;
	pthread_mutex_lock(&talk.mutex);
	deaf = talk.deaf;
	assert_true(talk.n < EARS);
	talk.listeners[talk.n] = listener;
	talk.said[talk.n] = *listener;
	talk.records[talk.n][0] = '\0';
	for (size_t i = 0; i < n; i++)
		strcat(strcat(talk.records[talk.n], records[i]->address), " ");
	talk.n++;
	pthread_cond_signal(&talk.begun);
	pthread_mutex_unlock(&talk.mutex);
	while (!deaf && !provider_cancelled(env))
		usleep(1000);
	pthread_mutex_lock(&talk.mutex);
	talk.ended++;
	pthread_mutex_unlock(&talk.mutex);
	return -1;
}

/* Waits until as many began. */
static void begun(int n)
{
	pthread_mutex_lock(&talk.mutex);
	while (talk.n < n)
		pthread_cond_wait(&talk.begun, &talk.mutex);
	pthread_mutex_unlock(&talk.mutex);
}

static void says(int ear, const char *address, int64_t at)
{
	talk.listeners[ear]->moved(talk.listeners[ear]->arg, address, at);
}

/* --- the loop's side ---------------------------------------------------------------------------- */

static struct hints hints;

static int room(void **state)
{
	talk.n = talk.ended = 0;
	talk.deaf = false;
	hints = (struct hints){0};
	setup(state);
	world.listen = listen_to_test;
	manifest(FILE_LINE("a", "1", "") FILE_LINE("b", "1", ""));
	must_apply();
	return 0;
}

static int leave(void **state)
{
	hints_release(&hints);
	assert_int_equal(talk.ended, talk.n); /* nobody is left behind */
	return teardown(state);
}

static void take(bool stale, int64_t since)
{
	static const char *const no_env[] = {NULL};
	struct error err = ERROR_INIT;
	struct reconcile r;
	char home[96];

	snprintf(home, sizeof(home), "%s/home", folder);
	reconcile_init(&r);
	r.input.directory = folder;
	r.input.process_env = no_env;
	r.home = home;
	assert_int_equal(reconcile_load(&r, &err), 0);
	assert_int_equal(reconcile_open(&r, STATE_READ, "test", &err), 0);
	if (stale)
		r.n_records = 0; /* as if it had been opened before the run */
	hints_take(&hints, &r, stale, since);
	reconcile_release(&r); /* and with it all that a thread must not need */
}

static bool rings(void)
{
	struct pollfd fd = {.fd = hints_fd(&hints), .events = POLLIN};

	return poll(&fd, 1, 0) == 1;
}

static void test_a_hint_is_a_reason_to_look_once(void **state)
{
	(void)state;
	assert_int_equal(hints_fd(&hints), -1);
	assert_false(hints_read(&hints));
	take(false, 1234);
	begun(1);
	assert_string_equal(talk.records[0], "local_file.a local_file.b ");
	assert_int_equal(talk.said[0].since, 1234);
	assert_false(talk.said[0].again);
	assert_false(rings());
	says(0, "local_file.a", 2000);
	assert_true(rings());
	assert_true(hints_read(&hints));
	assert_false(rings());
	assert_false(hints_read(&hints));
}

static void test_what_we_do_is_no_hint(void **state)
{
	(void)state;
	take(false, 0);
	begun(1);
	hints_did(&hints, "local_file.a");
	hints_did_end(&hints, 1000);
	says(0, "local_file.a", 999);
	says(0, "local_file.a", 1000);
	says(0, NULL, 999);
	assert_true(rings());
	assert_false(hints_read(&hints));
	says(0, "local_file.a", 1001); /* it fell over right after */
	assert_true(hints_read(&hints));
	says(0, NULL, 1001);
	assert_true(hints_read(&hints));
	says(0, "local_file.b", 999); /* it was not part of the run */
	assert_true(hints_read(&hints));
	hints_did(&hints, "local_file.b"); /* another run: a was not part of it */
	hints_did_end(&hints, 2000);
	says(0, "local_file.a", 1500);
	assert_true(hints_read(&hints));
	says(0, "local_file.b", 1500);
	assert_false(hints_read(&hints));
}

/* Others of the run took their time: what was done already may have fallen over meanwhile. */
static void test_what_falls_over_before_the_run_ends_is_a_hint(void **state)
{
	int64_t since = clock_wall(&clock_system);

	(void)state;
	take(false, 0);
	begun(1);
	hints_did(&hints, "local_file.a");
	manifest(FILE_LINE("a", "2", "") FILE_LINE("b", "1", ""));
	must_apply();
	says(0, "local_file.a", since + 3600000); /* of what was replaced: its own, whenever it was told */
	hints_did_end(&hints, since + 7200000);
	take(true, since);
	begun(2);
	assert_false(hints_read(&hints));
	says(1, "local_file.a", since);
	assert_false(hints_read(&hints));
	says(1, "local_file.a", since + 3600000);
	assert_true(hints_read(&hints));
}

static void test_too_many_are_one(void **state)
{
	(void)state;
	take(false, 0);
	begun(1);
	hints_did(&hints, "local_file.a");
	hints_did_end(&hints, 1000);
	for (int i = 0; i < 1000; i++)
		says(0, "local_file.a", 1);
	assert_true(hints_read(&hints)); /* what they were is not known */
	assert_false(rings());
}

static void test_other_records_have_another_listener(void **state)
{
	(void)state;
	take(false, 0);
	begun(1);
	take(false, 1);
	assert_int_equal(talk.n, 1); /* nothing is other */
	manifest(FILE_LINE("a", "1", "") FILE_LINE("c", "1", ""));
	must_apply();
	take(true, 77);
	begun(2);
	assert_string_equal(talk.records[1], "local_file.a local_file.c ");
	assert_int_equal(talk.said[1].since, 77);
	says(0, "local_file.a", 5000); /* whoever was told to end is not heard any more */
	assert_false(rings());
	says(1, "local_file.a", 5000);
	assert_true(hints_read(&hints));
	manifest("    []\n");
	must_apply();
	take(true, 0);
	hints_release(&hints); /* waits for both */
	assert_int_equal(talk.ended, 2);
}

static void test_one_that_goes_deaf_begins_again(void **state)
{
	(void)state;
	talk.deaf = true;
	take(false, 0);
	begun(2);
	assert_false(talk.said[0].again);
	assert_true(talk.said[1].again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_hint_is_a_reason_to_look_once, room, leave),
		cmocka_unit_test_setup_teardown(test_what_we_do_is_no_hint, room, leave),
		cmocka_unit_test_setup_teardown(test_what_falls_over_before_the_run_ends_is_a_hint, room, leave),
		cmocka_unit_test_setup_teardown(test_too_many_are_one, room, leave),
		cmocka_unit_test_setup_teardown(test_other_records_have_another_listener, room, leave),
		cmocka_unit_test_setup_teardown(test_one_that_goes_deaf_begins_again, room, leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
