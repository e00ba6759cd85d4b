/* Locks die with their owner, name their holder, and what an intent's children hold is ended. */
#include "base/fs.h"
#include "state/holders.h"
#include "state/lock.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static char home[64];

static int start(void **state)
{
	(void)state;
	strcpy(home, "/tmp/devenv-lock-XXXXXX");
	return mkdtemp(home) ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	return fs_remove_tree(home, NULL);
}

static int take(struct lock *lock, int64_t timeout, struct error *err)
{
	return lock_take(lock, home, "env", "apply", timeout, NULL, &clock_system, err);
}

/* Runs `body` in a child that says over a pipe that it is ready, and then sleeps for ever. */
static pid_t spawn(void (*body)(void *arg), void *arg)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failing test leaves nobody behind */
		body(arg);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void hold(void *arg)
{
	struct lock lock = LOCK_INIT;

	(void)arg;
	if (take(&lock, 0, NULL) < 0)
		_exit(1);
}

static void the_second_is_told_who_holds_it(void **state)
{
	pid_t pid = spawn(hold, NULL);
	struct lock lock = LOCK_INIT;
	struct error err = ERROR_INIT;
	char text[32];

	(void)state;
	assert_int_equal(take(&lock, 0, &err), -1);
	assert_int_equal(err.code, ERROR_LOCKED);
	snprintf(text, sizeof(text), "pid %d ", (int)pid);
	assert_non_null(strstr(err.msg, text));
	assert_non_null(strstr(err.msg, "apply"));
	assert_int_equal(lock.fd, -1);
	end(pid); /* no unlock: it dies with its owner */
	assert_int_equal(take(&lock, 0, &err), 0);
	lock_drop(&lock);
	lock_drop(&lock); /* twice is fine */
}

static void another_environment_is_free(void **state)
{
	pid_t pid = spawn(hold, NULL);
	struct lock lock = LOCK_INIT;

	(void)state;
	assert_int_equal(lock_take(&lock, home, "env2", "apply", 0, NULL, &clock_system, NULL), 0);
	lock_drop(&lock);
	end(pid);
}

static void waits_until_it_is_free(void **state)
{
	struct lock lock = LOCK_INIT;
	struct error err = ERROR_INIT;
	pid_t pid = spawn(hold, NULL), killer;
	int64_t before = clock_monotonic(&clock_system), passed;

	(void)state;
	killer = fork();
	if (!killer) {
		poll(NULL, 0, 200);
		kill(pid, SIGKILL);
		_exit(0);
	}
	assert_int_equal(take(&lock, 120000, &err), 0);
	passed = clock_monotonic(&clock_system) - before;
	assert_true(passed >= 190 && passed < 60000);
	lock_drop(&lock);
	waitpid(killer, NULL, 0);
	waitpid(pid, NULL, 0);
}

static void gives_up_in_time(void **state)
{
	pid_t pid = spawn(hold, NULL);
	struct lock lock = LOCK_INIT;
	struct error err = ERROR_INIT;
	int64_t before = clock_monotonic(&clock_system), passed;

	(void)state;
	assert_int_equal(take(&lock, 120, &err), -1);
	passed = clock_monotonic(&clock_system) - before;
	assert_true(passed >= 120 && passed < 60000);
	assert_int_equal(err.code, ERROR_LOCKED);
	end(pid);
}

static void can_be_cancelled(void **state)
{
	pid_t pid = spawn(hold, NULL);
	struct lock lock = LOCK_INIT;
	struct error err = ERROR_INIT;
	atomic_bool cancel = true;

	(void)state;
	assert_int_equal(lock_take(&lock, home, "env", "apply", -1, &cancel, &clock_system, &err), -1);
	assert_int_equal(err.code, ERROR_CANCELLED);
	end(pid);
}

static void what_stands_in_the_file_decides_nothing(void **state)
{
	static const char *const texts[] = {"", "12", "1 2 3", "x y z w\n", "99999 a b"};
	char path[128];
	struct arena arena = ARENA_INIT;

	(void)state;
	snprintf(path, sizeof(path), "%s/locks/env.lock", home);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct lock lock = LOCK_INIT;
		struct error err = ERROR_INIT;
		pid_t pid;
		int fd;

		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		assert_int_equal(fs_write_fd(fd, path, texts[i], strlen(texts[i]), &err), 0);
		assert_int_equal(take(&lock, 0, &err), 0); /* stale text does not hold it */
		lock_drop(&lock);
		pid = spawn(hold, NULL);
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, texts[i], strlen(texts[i]), 0), (int)strlen(texts[i]));
		assert_int_equal(take(&lock, 0, &err), -1); /* nor does damaged text free it */
		assert_int_equal(err.code, ERROR_LOCKED);
		close(fd);
		end(pid);
	}
	arena_release(&arena);
}

static void a_removed_folder_frees_nobody(void **state)
{
	struct lock lock = LOCK_INIT, other = LOCK_INIT;
	char folder[128];

	(void)state;
	snprintf(folder, sizeof(folder), "%s/locks", home);
	assert_int_equal(take(&lock, 0, NULL), 0);
	assert_int_equal(fs_remove_tree(folder, NULL), 0);
	assert_int_equal(take(&other, 0, NULL), 0); /* another file: the first holder is on its own */
	lock_drop(&lock);
	lock_drop(&other);
}

static void a_name_may_hold_anything(void **state)
{
	struct lock a = LOCK_INIT, b = LOCK_INIT;

	(void)state;
	assert_int_equal(lock_take(&a, home, "c.a/b", "x", 0, NULL, &clock_system, NULL), 0);
	assert_int_equal(lock_take(&b, home, "../c", "x", 0, NULL, &clock_system, NULL), 0);
	lock_drop(&a);
	lock_drop(&b);
}

static void is_close_on_exec(void **state)
{
	struct lock lock = LOCK_INIT;

	(void)state;
	assert_int_equal(take(&lock, 0, NULL), 0);
	assert_true(fcntl(lock.fd, F_GETFD) & FD_CLOEXEC);
	lock_drop(&lock);
}

/* A child that merely forked does not keep the lock once it is dropped. */
static void dropping_is_for_children_too(void **state)
{
	struct lock lock = LOCK_INIT;
	struct error err = ERROR_INIT;
	pid_t pid;

	(void)state;
	assert_int_equal(take(&lock, 0, NULL), 0);
	pid = fork();
	if (!pid) {
		for (;;)
			pause();
	}
	lock_drop(&lock);
	assert_int_equal(take(&lock, 0, &err), 0);
	lock_drop(&lock);
	end(pid);
}

/* --- intents ------------------------------------------------------------------------------------- */

static int wait_for(const char *intent, int64_t timeout, struct error *err)
{
	return intent_file_wait(home, intent, timeout, &clock_system, err);
}

static void an_unheld_intent_needs_no_waiting(void **state)
{
	struct error err = ERROR_INIT;
	int fd = intent_file_open(home, "aa", &err);
	char path[128];

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(wait_for("aa", 0, &err), 0);
	assert_int_equal(wait_for("none", 0, &err), 0);
	snprintf(path, sizeof(path), "%s/intents/aa", home);
	assert_int_equal(access(path, F_OK), 0);
	intent_file_remove(home, "aa");
	assert_int_equal(access(path, F_OK), -1);
	intent_file_remove(home, "aa"); /* gone already */
}

struct inherited {
	int fd;
	bool stubborn;
};

static void inherit(void *arg)
{
	struct inherited *inherited = arg;

	if (inherited->stubborn)
		signal(SIGTERM, SIG_IGN);
}

/* The run dies (closes its descriptor); its child, which inherited it, works on. */
static pid_t leave_child(const char *intent, bool stubborn)
{
	struct inherited inherited = {.stubborn = stubborn};
	pid_t pid;

	inherited.fd = intent_file_open(home, intent, NULL);
	assert_true(inherited.fd >= 0);
	pid = spawn(inherit, &inherited);
	close(inherited.fd);
	return pid;
}

static void a_child_that_ends_is_waited_for(void **state)
{
	pid_t pid = leave_child("bb", false), killer;
	struct error err = ERROR_INIT;
	int64_t before = clock_monotonic(&clock_system), passed;
	int status;

	(void)state;
	killer = fork();
	if (!killer) {
		poll(NULL, 0, 200);
		kill(pid, SIGUSR1); /* ends by itself, not by us */
		_exit(0);
	}
	assert_int_equal(wait_for("bb", 120000, &err), 0);
	passed = clock_monotonic(&clock_system) - before;
	assert_true(passed >= 190 && passed < 60000);
	waitpid(pid, &status, 0);
	assert_int_equal(WTERMSIG(status), SIGUSR1);
	waitpid(killer, NULL, 0);
}

static void a_child_that_stays_is_ended(void **state)
{
	pid_t bystander = spawn(hold, NULL), pid = leave_child("cc", false);
	struct error err = ERROR_INIT;
	int status;

	(void)state;
	assert_int_equal(wait_for("cc", 100, &err), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WTERMSIG(status), SIGTERM);
	assert_int_equal(waitpid(bystander, &status, WNOHANG), 0); /* lives */
	end(bystander);
}

static void a_stubborn_one_is_killed(void **state)
{
	pid_t pid = leave_child("dd", true);
	struct error err = ERROR_INIT;
	int64_t before = clock_monotonic(&clock_system);
	int status;

	(void)state;
	assert_int_equal(wait_for("dd", 0, &err), 0);
	assert_true(clock_monotonic(&clock_system) - before >= HOLDERS_GRACE);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void we_never_end_ourselves(void **state)
{
	struct error err = ERROR_INIT;
	int fd = intent_file_open(home, "ee", &err);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(holders_signal(fd, SIGKILL), 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_second_is_told_who_holds_it),
		cmocka_unit_test(another_environment_is_free),
		cmocka_unit_test(waits_until_it_is_free),
		cmocka_unit_test(gives_up_in_time),
		cmocka_unit_test(can_be_cancelled),
		cmocka_unit_test(what_stands_in_the_file_decides_nothing),
		cmocka_unit_test(a_removed_folder_frees_nobody),
		cmocka_unit_test(a_name_may_hold_anything),
		cmocka_unit_test(is_close_on_exec),
		cmocka_unit_test(dropping_is_for_children_too),
		cmocka_unit_test(an_unheld_intent_needs_no_waiting),
		cmocka_unit_test(a_child_that_ends_is_waited_for),
		cmocka_unit_test(a_child_that_stays_is_ended),
		cmocka_unit_test(a_stubborn_one_is_killed),
		cmocka_unit_test(we_never_end_ourselves),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
