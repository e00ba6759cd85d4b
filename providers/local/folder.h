/*
 * The folder of one local_process, work_dir/processes/ID, where ID is the intent that made it. It
 * is how a process that runs on its own is found again:
 *
 *   owner.json   address, generation and environment: the mark; written before anything starts
 *   lock         held by the shim as long as it lives (a kernel lock: it cannot go stale)
 *   state.json   who runs there; written before the command is, and once more when it has ended
 *   log, log.1   what it printed
 *
 * A process is a pid, its start time and the boot it belongs to. A pid alone is never trusted: it
 * may have been given to somebody else.
 */
#ifndef DEVENV_PROVIDERS_LOCAL_FOLDER_H
#define DEVENV_PROVIDERS_LOCAL_FOLDER_H

#include "base/alloc.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct identity {
	pid_t pid;      /* 0: none */
	uint64_t start; /* clock ticks since boot, from /proc/PID/stat */
};

/* What state.json says. */
struct folder_state {
	const char *boot;
	const char *intent;        /* of the action that started it */
	struct identity shim, process;
	int64_t started_at;        /* wall clock, ms */
	int stop_signal;
	int64_t stop_timeout;      /* ms */
	bool ended;
	int status, signal;        /* how it ended; signal 0: by itself */
	int64_t ended_at;
};

enum folder_phase {
	FOLDER_ABSENT,   /* there is no such folder */
	FOLDER_EMPTY,    /* a folder, but nothing was ever started in it */
	FOLDER_STARTING, /* a shim is about to start it */
	FOLDER_RUNS,
	FOLDER_ORPHAN,   /* it runs, but its shim was killed: nobody reads its output */
	FOLDER_ENDED,
	FOLDER_LOST,     /* it ran before the machine was started anew */
	FOLDER_HIDDEN,   /* its shim lives, but out of our sight (in another container) */
};

struct folder {
	const char *path;
	enum folder_phase phase;
	struct folder_state state; /* all zero for ABSENT, EMPTY and STARTING */
};

/* Never changes anything. -1: it cannot be seen. Strings live in `arena`. */
int folder_look(const char *path, struct arena *arena, struct folder *folder, struct error *err);
bool folder_runs(const struct folder *folder); /* STARTING, RUNS, ORPHAN or HIDDEN */

int folder_write_state(const char *path, const struct folder_state *state, struct error *err);

/* The lock of `path`: a descriptor, or -1 with ERROR_LOCKED when a shim holds it. */
int folder_lock(const char *path, struct error *err);
bool folder_is_locked(const char *path);

struct owner {
	const char *address;
	int generation;
	const char *environment;
};
int folder_write_owner(const char *path, const struct owner *owner, struct error *err);
int folder_read_owner(const char *path, struct arena *arena, struct owner *owner,
	struct error *err);

/* Id of this boot of the machine; "" where the kernel does not say. */
const char *boot_id(struct arena *arena);
/* False: there is no such process, or only its corpse. */
bool identity_of(pid_t pid, struct identity *out);
/* The very process, not only its number. */
bool identity_lives(const struct identity *identity);

#endif
