/*
 * Running other programs: the one place that starts a child. An argument vector, never a shell
 * line.
 *
 * A child gets default signal dispositions, an empty signal mask, a process group of its own (a
 * Ctrl-C in the terminal reaches us, not it), stdin from /dev/null or from `input`, and no
 * descriptor but 0, 1, 2 and `keep_fd` (as 3; 4 and 5 with PROCESS_OUTLIVES). stdout and stderr are drained at the same time.
 * Callable from several threads at once; no globals; SIGPIPE need not be ignored, SIGCHLD must not.
 *
 * At the deadline or when `cancel` is set the group gets SIGINT, after `grace` SIGTERM, after
 * `grace` SIGKILL; what is left of the group when its leader has ended this way is killed, too. A
 * child that ends by itself may leave background processes; their output is no longer read.
 *
 * Should this program die, the child lives on: `keep_fd` (the lock of the intent, provider_env)
 * tells the next run so.
 */
#ifndef DEVENV_BASE_PROCESS_H
#define DEVENV_BASE_PROCESS_H

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/strbuf.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum process_flag {
	PROCESS_FOREGROUND = 1 << 0,  /* our own stdin, stdout, stderr and group: for `exec` */
	PROCESS_DROP_STDOUT = 1 << 1, /* not captured (`line` and `tail` still see it) */
	PROCESS_DROP_STDERR = 1 << 2,
	PROCESS_MERGE = 1 << 3,       /* stderr goes into stdout, in order */
	PROCESS_NO_INPUT = 1 << 4,    /* with PROCESS_FOREGROUND: but not our stdin */
	PROCESS_OUTLIVES = 1 << 5,    /* should we die, what it prints does not kill it: it holds the other
	                                 ends of its pipes itself, and they hold PROCESS_PIPE bytes.
	                                 (Programs in Go die of SIGPIPE even where it is ignored.) */
};

enum {
	PROCESS_CAPTURE = 16 << 20, /* default of max_capture */
	PROCESS_GRACE = 5000,       /* default of grace */
	PROCESS_TAIL_LINES = 20,
	PROCESS_KEEP_FD = 3,
	PROCESS_PIPE = 1 << 20,     /* with PROCESS_OUTLIVES; the most that any user may ask for */
};

/* Zero-initialise; only argv is needed. Everything is borrowed for the call. */
struct process_request {
	const char *const *argv;  /* NULL-terminated. argv[0] without a slash is searched in PATH of
	                             `env`; a relative one with a slash starts at `directory` */
	const char *const *env;   /* "NAME=value", the whole environment; NULL: our own */
	const char *directory;    /* NULL: our own */
	const void *input;        /* stdin; NULL: /dev/null */
	size_t input_len;
	size_t max_capture;       /* per stream; more is read and dropped; 0: PROCESS_CAPTURE */
	unsigned flags;           /* enum process_flag */
	int keep_fd;              /* stays open in the child, as PROCESS_KEEP_FD; 0 or less: none */
	int64_t deadline;         /* monotonic ms; 0: none */
	int64_t grace;            /* ms; 0: PROCESS_GRACE */
	const struct clock *clock;  /* NULL: clock_system */
	const atomic_bool *cancel;  /* NULL: cannot be cancelled */
	/* Each line as it comes, without its newline, on the calling thread; `stream` is 1 or 2. */
	void (*line)(void *arg, int stream, const char *text, size_t len);
	/* Sees every start, before it happens. argv holds no secrets, by contract. */
	void (*trace)(void *arg, const char *const *argv);
	void *arg;
};

#define PROCESS_RESULT_INIT {.out = STRBUF_INIT, .err = STRBUF_INIT, .tail = STRBUF_INIT}
#define cleanup_process __attribute__((cleanup(process_result_release)))

struct process_result {
	int status;            /* exit status; 128 + signal when a signal ended it */
	int signal;            /* 0: it ended by itself */
	bool truncated;        /* more than max_capture came */
	struct strbuf out, err;
	struct strbuf tail;    /* the last PROCESS_TAIL_LINES lines of both, as they came */
};

/*
 * Runs to the end. 0: it ran; look at `status` (or call process_check). -1: it could not be started
 * (ERROR_NOT_FOUND: no such program, with where it was searched), ERROR_TIMEOUT or ERROR_CANCELLED;
 * `result` then holds what came until then. Initialise `result` with PROCESS_RESULT_INIT.
 */
int process_run(const struct process_request *request, struct process_result *result,
	struct error *err);
void process_result_release(struct process_result *result);

/* An error "NAME exited with status 3: last line of stderr" unless the status is 0. */
int process_check(const struct process_request *request, const struct process_result *result,
	struct error *err);

/* A child that stays: we write to its stdin and read its stdout. What it says on stderr is lost. */
struct process_child {
	pid_t pid;   /* 0: none */
	int in, out; /* neither blocks; -1: closed */
};
#define PROCESS_CHILD_INIT {.pid = 0, .in = -1, .out = -1}

/* Of `request`, argv, env, directory and flags count. It ends when its stdin does, by contract. */
int child_start(const struct process_request *request, struct process_child *child,
	struct error *err);
/* Closes its stdin, and kills it when it has not ended after a second. */
void child_end(struct process_child *child);

/* The absolute path of a program in `path` (a list with colons; NULL: our own PATH). */
int process_find(const char *program, const char *path, struct arena *arena, const char **out,
	struct error *err);

/* An environment under construction, in an arena. Later settings of a name win. */
struct process_env {
	struct arena *arena;
	const char **items;
	size_t n, cap;
};

/* Starts with a copy of `base` (NULL: our own environment) without what must not travel:
   DEVENV_KEY. */
void process_env_init(struct process_env *env, struct arena *arena, const char *const *base);
/* Starts empty but for the given names (NULL-terminated) where our own environment has them. */
void process_env_only(struct process_env *env, struct arena *arena, const char *const *names);
/* NULL unsets. */
void process_env_set(struct process_env *env, const char *name, const char *value);
const char *process_env_get(const struct process_env *env, const char *name);
/* NULL-terminated; for `request.env`. */
const char *const *process_env_vector(struct process_env *env);

#endif
