/*
 * One way to report that something failed.
 *
 * Every fallible function ends in a caller-allocated `struct error *` and returns 0, or -1 (NULL for
 * pointers) with the error filled in. An error cannot fail, needs no release and is untouched on
 * success. Messages are lower case, without a full stop; they name the object and, where there is
 * one, the next step; they never hold a secret.
 *
 * Mistakes in a manifest are not errors but diagnostics (diag.h): all are reported, not the first.
 */
#ifndef DEVENV_BASE_ERROR_H
#define DEVENV_BASE_ERROR_H

/* Only what a caller branches on; everything else is ERROR_FAILED. */
enum error_code {
	ERROR_NONE = 0,
	ERROR_FAILED,      /* a definite failure; trying again unchanged would fail again */
	ERROR_INVALID,     /* the user must change something */
	ERROR_NOT_FOUND,
	ERROR_CONFLICT,    /* exists and is not ours */
	ERROR_TRANSIENT,   /* worth another try after a pause */
	ERROR_UNREACHABLE, /* reality cannot be seen: unknown, never absent */
	ERROR_TIMEOUT,
	ERROR_CANCELLED,
	ERROR_LOCKED,      /* another run holds the environment */
	ERROR_CORRUPT,     /* state is damaged, foreign or newer than this program */
};

struct error {
	enum error_code code;
	char msg[1024];
};

#define ERROR_INIT {.code = ERROR_NONE, .msg = ""}

/* Both return -1, so that a caller can `return error_set(err, ...)`. `err` may be NULL. */
int error_set(struct error *err, enum error_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Appends ": " and strerror(errno); the code is ERROR_NOT_FOUND for ENOENT, else ERROR_FAILED. */
int error_errno(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Puts "context: " before the message that `err` holds already and keeps its code. Returns -1. */
int error_wrap(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

const char *error_code_str(enum error_code code);

/* A broken invariant of this program: says where and aborts. */
#define BUG(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)
void bug_at(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), noreturn));
/* The machine has no more of what nothing goes on without: memory, threads. Says so and ends the
   process at once with status 1. To the journal that is a kill; there is no core file, because memory
   holds secrets. */
void give_up(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
