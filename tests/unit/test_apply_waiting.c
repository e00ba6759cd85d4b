/*
 * Time in a run: probes with their five settings, deadlines, tries, the two signals, and threads that
 * cannot be had.
 */
#include "apply_world.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

/* --- threads that are missing ------------------------------------------------------------------- */

static int threads_left = -1; /* -1: as many as are wanted */

typedef int create_fn(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
	create_fn *real = (create_fn *)dlsym(RTLD_NEXT, "pthread_create");

	if (threads_left == 0)
		return EAGAIN;
	if (threads_left > 0)
		threads_left--;
	return real(thread, attr, run, arg);
}

static void test_without_any_thread_nothing_is_done(void **state)
{
	struct apply_result result = {0};
	struct error err;

	(void)state;
	manifest(FILE_LINE("a", "x", ""));
	threads_left = 0;
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	threads_left = -1;
	assert_non_null(strstr(err.msg, "no thread can be started"));
	assert_string_equal(world.log, "");
	must_apply(); /* no lock, no open intent is in the way */
	assert_string_equal(world.log, "+a");
}

static void test_one_thread_does_the_work_of_many(void **state)
{
	(void)state;
	manifest(FILE_LINE("a", "slow", "") FILE_LINE("b", "slow", "") FILE_LINE("c", "slow", ""));
	threads_left = 1;
	must_apply();
	threads_left = -1;
	assert_int_equal(world.most, 1);
	assert_int_equal(world.n, 3);
}

/* --- probes ------------------------------------------------------------------------------------- */

static int64_t now(void)
{
	return clock_monotonic(&clock_system);
}

static void test_what_has_ended_is_not_waited_for(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	world.target = ERROR_FAILED;
	manifest(FILE_LINE("a", "x", ", readiness: {port: 1, periodSeconds: 0.01}"));
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_int_equal(result.unready, 1);
	assert_int_equal(world.probes, 1);
	world.probes = 0;
	manifest(FILE_LINE("a", "x", ", readiness: {path: /, port: 1, periodSeconds: 0.01}"));
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_int_equal(world.probes, 1);
	world.probes = 0;
	world.target = ERROR_TRANSIENT; /* there is none yet */
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_int_equal(world.probes, 30);
}

static void test_successes_and_failures_count_in_a_row(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	world.pattern = "nynnyny";
	manifest(FILE_LINE("a", "x", ", readiness: {type: running, periodSeconds: 0.01, "
		"failureThreshold: 3, successThreshold: 2}"));
	must_apply(); /* never three failures in a row; two successes come after the pattern */
	assert_int_equal(world.probes, 8);
	world.pattern = "nynnn";
	manifest(FILE_LINE("b", "x", ", readiness: {type: running, periodSeconds: 0.01, "
		"failureThreshold: 3, successThreshold: 2}"));
	world.probes = 0;
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_int_equal(world.probes, 5);
}

static void test_the_first_probe_and_the_next_wait(void **state)
{
	int64_t started;

	(void)state;
	world.unready_left = 2;
	manifest(FILE_LINE("a", "x", ", readiness: {type: running, initialDelaySeconds: 0.2, periodSeconds: 0.1}"));
	started = now();
	must_apply();
	assert_int_equal(world.probes, 3);
	assert_in_range(now() - started, 400, 60000);
}

/* The first looks come soon and are no failures, but only where no period is written. */
static void test_what_starts_quickly_is_not_kept_waiting(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	world.pattern = "nnn";
	manifest(FILE_LINE("a", "x", ", readiness: {type: running, failureThreshold: 2}"));
	must_apply();
	assert_int_equal(world.probes, 4);
	world.pattern = "nnn";
	world.probes = 0;
	manifest(FILE_LINE("b", "x", ", readiness: {type: running, periodSeconds: 0.01, failureThreshold: 2}"));
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_int_equal(world.probes, 2);
}

/* A server that never answers. */
static int silent_server(int *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

static void test_a_probe_has_a_time_limit_of_its_own(void **state)
{
	struct apply_result result;
	struct error err;
	char text[256];
	int64_t started, took = INT64_MAX;
	int port, fd = silent_server(&port);

	(void)state;
	snprintf(text, sizeof(text), FILE_LINE("a", "x", ", readiness: {path: /, port: %d, "
		"periodSeconds: 0.01, timeoutSeconds: 0.2, failureThreshold: 2}"), port);
	manifest(text);
	/* 3 s each by default; who was held up himself tries again. */
	for (int try = 0; try < 5 && took > 5500; try++) {
		started = now();
		assert_int_equal(apply((struct options){0}, &result, &err), -1);
		took = now() - started;
		assert_int_equal(result.unready, 1);
	}
	assert_in_range(took, 400, 5500);
	close(fd);
}

static void test_a_health_check_is_given_the_time_of_its_node(void **state)
{
	struct apply_result result;
	struct error err;
	int64_t started;

	(void)state;
	world.unready_left = 60; /* more than the 30 of other probes */
	manifest(FILE_LINE("a", "x", ", readiness: {health: true, periodSeconds: 0.005}"));
	must_apply();
	world.unready_left = 1000000;
	manifest(FILE_LINE("b", "x", ", timeout: 300ms, readiness: {health: true, periodSeconds: 0.005}"));
	started = now();
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_int_equal(result.unready, 1);
	assert_in_range(now() - started, 300, 60000);
}

static void test_what_waits_takes_the_place_of_no_action(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	world.awaited = 3;
	manifest(FILE_LINE("a", "x", ", readiness: {health: true, periodSeconds: 60}")
		FILE_LINE("b", "x", ", readiness: {health: true, periodSeconds: 60}") FILE_LINE("c", "x", ""));
	assert_int_equal(apply((struct options){.parallelism = 1}, &result, &err), 0);
	assert_int_equal(world.probes, 2); /* ready when it happened, not a minute later */
}

static void test_a_look_that_lasts_takes_the_patience_of_as_many_periods(void **state)
{
	struct apply_result result;
	struct error err;
	int64_t started;

	(void)state;
	world.awaited = 2;
	manifest(FILE_LINE("a", "x", ", readiness: {health: true, periodSeconds: 0.05, failureThreshold: 6}"));
	started = now();
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_int_equal(result.unready, 1);
	assert_in_range(now() - started, 300, 60000);
	assert_in_range(world.probes, 1, 2);
}

static void test_what_nobody_can_look_at_is_not_waited_for_as_a_slow_start_is(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	world.unseen = true;
	manifest(FILE_LINE("a", "x", ", readiness: {health: true, periodSeconds: 0.005}"));
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_int_equal(result.unready, 1);
	assert_int_equal(world.probes, 30);
}

/* --- deadlines, tries --------------------------------------------------------------------------- */

static void test_the_deadline_is_for_all_tries_together(void **state)
{
	struct apply_result result;
	struct error err;
	int64_t started;

	(void)state;
	world.transient_left = 1000000;
	manifest(FILE_LINE("a", "transient", ", timeout: 400ms, retry: {attempts: 1000, delay: 50ms, maxDelay: 50ms}"));
	started = now();
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_in_range(now() - started, 250, 60000);
	assert_in_range(strlen(world.log), 2, 90); /* "+a" some times */
}

static void test_an_action_that_never_ends_is_ended(void **state)
{
	struct apply_result result;
	struct error err;
	int64_t started;

	(void)state;
	manifest(FILE_LINE("a", "stuck", ", timeout: 200ms") FILE_LINE("b", "x", ""));
	started = now();
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_in_range(now() - started, 200, 60000);
	assert_non_null(find("b"));
}

static int64_t retry_at[8];
static size_t n_retries;

static void see_retry(void *arg, const struct event *event)
{
	(void)arg;
	if (event->kind == EVENT_RETRY && n_retries < ARRAY_SIZE(retry_at))
		retry_at[n_retries++] = now();
}

static void test_tries_back_off_with_jitter(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	n_retries = 0;
	world.transient_left = 4;
	manifest(FILE_LINE("a", "transient", ", retry: {attempts: 5, delay: 40ms, maxDelay: 160ms}"));
	assert_int_equal(apply((struct options){.event = see_retry}, &result, &err), 0);
	assert_int_equal(n_retries, 4);
	/* the second pause is 80 ms, the third 160 ms: at least half of it, but for when we are told */
	assert_in_range(retry_at[2] - retry_at[1], 30, 60000);
	assert_in_range(retry_at[3] - retry_at[2], 60, 60000);
}

/* --- signals ------------------------------------------------------------------------------------ */

static int signals; /* to send when something starts */
static enum event_kind signal_on;

static void send_signals(void *arg, const struct event *event)
{
	(void)arg;
	if (event->kind != signal_on)
		return;
	for (; signals > 0; signals--) {
		kill(getpid(), SIGINT);
		usleep(2000);
	}
}

static void test_one_sigint_lets_what_runs_finish(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	signals = 1;
	signal_on = EVENT_STARTED;
	manifest(FILE_LINE("a", "slow", "") FILE_LINE("b", "x", ", dependsOn: [local_file.a]"));
	assert_int_equal(apply((struct options){.event = send_signals}, &result, &err), -1);
	assert_int_equal(err.code, ERROR_CANCELLED);
	assert_true(result.cancelled);
	assert_string_equal(world.log, "+a");
	assert_int_equal(result.added, 1);
	assert_int_equal(result.blocked, 1);
	world.log[0] = '\0';
	must_apply();
	assert_string_equal(world.log, "+b"); /* a was recorded */
}

static bool twice;

static void send_again(void *arg, const struct event *event)
{
	(void)arg;
	if (event->kind == EVENT_STARTED || (event->kind == EVENT_CANCELLING && !twice))
		kill(getpid(), SIGINT);
	twice = twice || event->kind == EVENT_CANCELLING;
}

static void test_two_sigints_stop_what_runs_and_leave_its_intent(void **state)
{
	struct apply_result result;
	struct error err;
	int64_t started = now();

	(void)state;
	twice = false;
	manifest(FILE_LINE("a", "stuck", ""));
	assert_int_equal(apply((struct options){.event = send_again}, &result, &err), -1);
	assert_in_range(now() - started, 0, 60000);
	assert_int_equal(err.code, ERROR_CANCELLED);
	manifest(FILE_LINE("a", "x", ""));
	must_apply();
	assert_string_equal(world.log, "+a");
}

static void test_a_sigint_ends_the_tries(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	signals = 1;
	signal_on = EVENT_RETRY;
	world.transient_left = 1;
	manifest(FILE_LINE("a", "transient", ", retry: {attempts: 5, delay: 10s}"));
	assert_int_equal(apply((struct options){.event = send_signals}, &result, &err), -1);
	assert_string_equal(world.log, "+a");
	must_apply();
	assert_string_equal(world.log, "+a +a");
}

static void test_a_sigint_ends_the_waiting_and_rolls_nothing_back(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	signals = 1;
	signal_on = EVENT_WAITING;
	world.unready_left = 1000000;
	manifest(FILE_LINE("a", "x", ", readiness: {type: running, periodSeconds: 10}"));
	assert_int_equal(apply((struct options){.event = send_signals, .rollback = true}, &result, &err), -1);
	assert_string_equal(world.log, "+a"); /* made, not ready, and left alone */
	assert_int_equal(result.rolled_back, 0);
}

/* --- after a failure ---------------------------------------------------------------------------- */

static void test_a_failed_update_is_told_again_what_changes(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(FILE_LINE("a", "x", ""));
	must_apply();
	manifest(FILE_LINE("a", "fail", ", mode: \"0600\""));
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_string_equal(world.changed, "contentmode");
	manifest(FILE_LINE("a", "y", ", mode: \"0600\""));
	must_apply();
	assert_string_equal(world.changed, "contentmode");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_without_any_thread_nothing_is_done),
		TEST(test_one_thread_does_the_work_of_many),
		TEST(test_what_has_ended_is_not_waited_for),
		TEST(test_successes_and_failures_count_in_a_row),
		TEST(test_the_first_probe_and_the_next_wait),
		TEST(test_what_starts_quickly_is_not_kept_waiting),
		TEST(test_a_probe_has_a_time_limit_of_its_own),
		TEST(test_a_health_check_is_given_the_time_of_its_node),
		TEST(test_what_waits_takes_the_place_of_no_action),
		TEST(test_a_look_that_lasts_takes_the_patience_of_as_many_periods),
		TEST(test_what_nobody_can_look_at_is_not_waited_for_as_a_slow_start_is),
		TEST(test_the_deadline_is_for_all_tries_together),
		TEST(test_an_action_that_never_ends_is_ended),
		TEST(test_tries_back_off_with_jitter),
		TEST(test_one_sigint_lets_what_runs_finish),
		TEST(test_two_sigints_stop_what_runs_and_leave_its_intent),
		TEST(test_a_sigint_ends_the_tries),
		TEST(test_a_sigint_ends_the_waiting_and_rolls_nothing_back),
		TEST(test_a_failed_update_is_told_again_what_changes),
	};

	return cmocka_run_group_tests_name("apply waiting", tests, NULL, NULL);
}
