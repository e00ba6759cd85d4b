/*
 * The lock of an environment: a kernel lock on a file, so it dies with its owner and never needs an
 * `unlock`. The file names who holds it, for what and since when. Close-on-exec.
 */
#ifndef DEVENV_STATE_LOCK_H
#define DEVENV_STATE_LOCK_H

#include "base/clock.h"
#include "base/error.h"

#include <stdatomic.h>
#include <stdint.h>

struct lock {
	int fd; /* -1: not held */
};

#define LOCK_INIT {.fd = -1}

/* Waits up to `timeout` ms (0: not at all, -1: for ever). ERROR_LOCKED names the holder: pid, user,
   command, since. `what` is the command line's verb, e.g. "apply". `cancel` may be NULL. */
int lock_take(struct lock *lock, const char *home, const char *environment, const char *what,
	int64_t timeout, const atomic_bool *cancel, const struct clock *clock, struct error *err);
void lock_drop(struct lock *lock);

/*
 * The file of an intent: children of an action keep a shared lock on it through the descriptor they
 * inherit. intent_file_open makes it (not close-on-exec is the caller's business: see base/process).
 * Before settling an intent, the next run calls intent_file_wait: 0 when nobody holds it any more.
 * What still holds it after `timeout` is ended (SIGTERM, then SIGKILL; never this process or pid 1).
 */
int intent_file_open(const char *home, const char *intent, struct error *err);
int intent_file_wait(const char *home, const char *intent, int64_t timeout,
	const struct clock *clock, struct error *err);
void intent_file_remove(const char *home, const char *intent);

#endif
