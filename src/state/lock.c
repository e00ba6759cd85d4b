/*
 * Locks are the kernel's (flock): they belong to the open file, so they end with the last process
 * that has it, however that ends, and a child that inherits it holds it, too. What is written in the
 * file is for people only and decides nothing.
 */
#include "state/lock.h"

#include "base/fs.h"
#include "state/holders.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { POLL_PAUSE = 50 }; /* ms */

/* As a file name: what is special in one becomes %XX. */
static const char *encode_name(struct arena *arena, const char *name)
{
	char *out = arena_alloc(arena, 3 * strlen(name) + 1), *to = out;

	for (; *name; name++) {
		if (*name == '/' || *name == '%' || *name == '\n')
			to += sprintf(to, "%%%02X", (unsigned char)*name);
		else
			*to++ = *name;
	}
	*to = '\0';
	return out;
}

/* HOME/FOLDER/NAME and `suffix` in the arena; the folder is made when `make`. NULL on failure. */
static const char *lock_path(const char *home, const char *folder, const char *name,
	const char *suffix, bool make, struct arena *arena, struct error *err)
{
	const char *dir = arena_printf(arena, "%s/%s", home, folder);

	if (make && fs_make_dirs(dir, 0700, arena, NULL, err) < 0)
		return NULL;
	return arena_printf(arena, "%s/%s%s", dir, encode_name(arena, name), suffix);
}

/* 1: held; 0: somebody else has it; -1: failed. */
static int try_lock(int fd, int how, const char *path, struct error *err)
{
	if (flock(fd, how | LOCK_NB) == 0)
		return 1;
	if (errno == EWOULDBLOCK || errno == EINTR)
		return 0;
	return error_errno(err, "lock %s", path);
}

/* Polls, because a blocking flock can neither time out nor be cancelled. */
static int wait_lock(int fd, int how, const char *path, int64_t timeout, const atomic_bool *cancel,
	const struct clock *clock, struct error *err)
{
	int64_t start = clock_monotonic(clock);

	for (;;) {
		int result = try_lock(fd, how, path, err);
		int64_t passed = clock_monotonic(clock) - start;

		if (result)
			return result;
		if (cancel && atomic_load(cancel))
			return error_set(err, ERROR_CANCELLED, "cancelled while waiting for %s", path);
		if (timeout >= 0 && passed >= timeout)
			return 0;
		poll(NULL, 0, timeout >= 0 && timeout - passed < POLL_PAUSE ? (int)(timeout - passed)
									    : POLL_PAUSE);
	}
}

/* --- environments -------------------------------------------------------------------------------- */

/* Is the file still the one of this name? Somebody may have removed the folder meanwhile. */
static bool is_current(int fd, const char *path)
{
	struct stat ours, named;

	return fstat(fd, &ours) == 0 && stat(path, &named) == 0 && ours.st_dev == named.st_dev &&
	       ours.st_ino == named.st_ino;
}

static void write_holder(int fd, const char *what, const struct clock *clock)
{
	const char *user = getenv("USER");
	char since[32], text[256], uid[24];
	int len;

	snprintf(uid, sizeof(uid), "uid-%u", (unsigned)getuid());
	len = snprintf(text, sizeof(text), "%ld %.60s %.60s %s\n", (long)getpid(),
		user && *user && !strpbrk(user, " \n") ? user : uid, what,
		clock_rfc3339(clock_wall(clock), since));
	if (pwrite(fd, text, (size_t)len, 0) < 0 || ftruncate(fd, len) < 0)
		return; /* only for people: the lock holds without it */
}

/* The holder may be just writing: what cannot be read is left out. */
static int fail_locked(int fd, struct error *err)
{
	char text[256], user[64], what[64], since[40];
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);
	long pid;

	text[len > 0 ? len : 0] = '\0';
	if (strchr(text, '\n') &&
		sscanf(text, "%ld %63s %63s %39s", &pid, user, what, since) == 4)
		return error_set(err, ERROR_LOCKED,
			"another run holds this environment: pid %ld (%s, %s) since %s; wait for it "
			"(--lock-timeout) or end it", pid, user, what, since);
	return error_set(err, ERROR_LOCKED,
		"another run holds this environment; wait for it (--lock-timeout)");
}

/* 1: held; 0: try again, the file was replaced; -1: failed. */
static int take_file(struct lock *lock, const char *path, int64_t timeout,
	const atomic_bool *cancel, const struct clock *clock, struct error *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int result;

	if (fd < 0)
		return error_errno(err, "open %s", path);
	result = wait_lock(fd, LOCK_EX, path, timeout, cancel, clock, err);
	if (result == 0)
		result = fail_locked(fd, err);
	if (result == 1 && is_current(fd, path)) {
		lock->fd = fd;
		return 1;
	}
	close(fd);
	return result < 0 ? -1 : 0;
}

int lock_take(struct lock *lock, const char *home, const char *environment, const char *what,
	int64_t timeout, const atomic_bool *cancel, const struct clock *clock, struct error *err)
{
	struct arena arena = ARENA_INIT;
	const char *path = lock_path(home, "locks", environment, ".lock", true, &arena, err);
	int result = 0;

	while (path && !result)
		result = take_file(lock, path, timeout, cancel, clock, err);
	if (path && result == 1)
		write_holder(lock->fd, what, clock);
	arena_release(&arena);
	return path && result == 1 ? 0 : -1;
}

void lock_drop(struct lock *lock)
{
	if (lock->fd < 0)
		return;
	if (ftruncate(lock->fd, 0) < 0) {
		/* What it says then is old; nobody who gets the lock reads it. */
	}
	flock(lock->fd, LOCK_UN); /* also where a child has inherited the file */
	close(lock->fd);
	lock->fd = -1;
}

/* --- intents: the files; holders.c ends who holds them ------------------------------------------- */

int intent_file_open(const char *home, const char *intent, struct error *err)
{
	struct arena arena = ARENA_INIT;
	const char *path = lock_path(home, "intents", intent, "", true, &arena, err);
	int fd = -1;

	if (path) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0)
			error_errno(err, "open %s", path);
	}
	if (fd >= 0 && try_lock(fd, LOCK_SH, path, err) != 1) {
		error_set(err, ERROR_LOCKED, "%s is being settled by another run", path);
		close(fd);
		fd = -1;
	}
	arena_release(&arena);
	return fd;
}

void intent_file_remove(const char *home, const char *intent)
{
	struct arena arena = ARENA_INIT;

	unlink(lock_path(home, "intents", intent, "", false, &arena, NULL));
	arena_release(&arena);
}

/* SIGTERM, a pause, SIGKILL: again as long as there are holders, for they may start others. */
static int end_holders(int fd, const char *path, const struct clock *clock, struct error *err)
{
	static const int64_t pauses[] = {HOLDERS_GRACE, 1000, 1000, 1000};
	int result = 0;

	for (size_t i = 0; i < ARRAY_SIZE(pauses) && !result; i++) {
		holders_signal(fd, i ? SIGKILL : SIGTERM);
		result = wait_lock(fd, LOCK_EX, path, pauses[i], NULL, clock, err);
	}
	if (result == 0)
		return error_set(err, ERROR_LOCKED,
			"a process of an earlier run still works on this environment and cannot be "
			"ended: find it with 'fuser %s'", path);
	return result;
}

int intent_file_wait(const char *home, const char *intent, int64_t timeout,
	const struct clock *clock, struct error *err)
{
	struct arena arena = ARENA_INIT;
	const char *path = lock_path(home, "intents", intent, "", false, &arena, err);
	cleanup_fd int fd = open(path, O_RDWR | O_CLOEXEC);
	int result = 1;

	if (fd >= 0) {
		result = wait_lock(fd, LOCK_EX, path, timeout, NULL, clock, err);
		if (result == 0)
			result = end_holders(fd, path, clock, err);
	} else if (errno != ENOENT) {
		result = error_errno(err, "open %s", path);
	}
	arena_release(&arena);
	return result == 1 ? 0 : -1;
}
