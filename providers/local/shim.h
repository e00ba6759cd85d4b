/*
 * The shim: `devenv __shim DIR`. It stands between devenv, which ends, and a process that runs on.
 * It reads what to run from stdin (never from arguments or files: there may be secrets in it), puts
 * itself into a session of its own, starts the command in another, writes the log and records the
 * end.
 *
 * The first process returns as soon as the command has been started (status 0) or could not be (1,
 * the reason on stderr). A descriptor PROCESS_KEEP_FD, the lock of the intent, is held until then
 * and closed afterwards. SIGTERM to the shim stops the command: the stop signal to its group, after
 * stop_timeout SIGKILL; the shim leaves when nothing is left that descends from it.
 */
#ifndef DEVENV_PROVIDERS_LOCAL_SHIM_H
#define DEVENV_PROVIDERS_LOCAL_SHIM_H

#include "base/alloc.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "model/redact.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHIM_VERB "__shim"

/* argv[1] is SHIM_VERB, argv[2] the folder. Returns the exit status of the first process. */
int local_shim_main(int argc, char **argv);

struct shim_spec {
	const char *const *argv;
	const char *const *env;
	const char *const *needles; /* of a redactor: what the log must not show */
	const char *directory;
	const char *input; /* stdin; NULL: /dev/null */
	size_t input_len;
	const char *intent;
	int stop_signal;
	int64_t stop_timeout; /* ms */
	int64_t log_max;      /* bytes; the log is rotated beyond */
};

/* NUL-separated, so that bytes which are no valid UTF-8 pass, too. */
void shim_spec_write(const struct shim_spec *spec, struct strbuf *out);
/* Points into `text`, which ends with a NUL behind `len`. */
int shim_spec_read(const char *text, size_t len, struct arena *arena, struct shim_spec *spec,
	struct error *err);

/* --- the log (shim_log.c) --------------------------------------------------------------------- */

/* Each line is stored as "2026-11-21T03:16:38.123Z 1 text": when, and from which stream. */
enum { LOG_STAMP = 24, LOG_PREFIX = LOG_STAMP + 3, LOG_LINE_MAX = 1 << 16 };

struct shim_log {
	const char *path, *older; /* "log", "log.1" */
	int fd;                   /* -1: it cannot be opened or written, which is tried again */
	int64_t size, max;
	struct strbuf partial[2]; /* the unfinished lines of stdout and stderr */
	struct strbuf out;
	struct redactor redactor; /* its needles are the spec's */
};

void shim_log_open(struct shim_log *log, const char *path, const char *older, int64_t max,
	const char *const *needles);
void shim_log_add(struct shim_log *log, int stream, const char *data, size_t len);
void shim_log_end_lines(struct shim_log *log); /* those that are unfinished */
void shim_log_close(struct shim_log *log);

#endif
