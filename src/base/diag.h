/*
 * Diagnostics: mistakes (and warnings) in what the user wrote. They are collected, so that all are
 * reported at once; cli/ prints them with the line and a caret.
 *
 * The message says what is wrong (lower case, no full stop); the hint says what to do.
 */
#ifndef DEVENV_BASE_DIAG_H
#define DEVENV_BASE_DIAG_H

#include "base/source.h"

#include <stdbool.h>

enum severity {
	SEVERITY_ERROR,
	SEVERITY_WARNING,
};

struct diag {
	enum severity severity;
	struct pos pos;
	const char *message;
	const char *hint;    /* NULL: none */
	const char *address; /* the resource concerned; NULL: none */
	const char *cause;   /* why, where others have the same and one telling will do; NULL: its own */
};

struct diags {
	struct arena *arena; /* owns the texts */
	struct diag *items;
	size_t n, cap;
	size_t errors; /* how many of them are errors */
};

void diags_init(struct diags *diags, struct arena *arena);
/* Formats into the arena. Returns -1, so that a check can `return diag_error(...)`. */
int diag_error(struct diags *diags, struct pos pos, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void diag_warning(struct diags *diags, struct pos pos, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Sets the hint of the newest diagnostic. */
void diag_hint(struct diags *diags, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Names the resource that the newest diagnostic is about; `address` is borrowed. */
void diag_address(struct diags *diags, const char *address);
void diag_cause(struct diags *diags, const char *cause); /* borrowed, as the address is */
/* Drops those from `first` on at whose place an error was told before: what was said need not be said again. */
void diags_drop_repeated(struct diags *diags, size_t first);
/* By file, line and column, errors and warnings mixed; equal ones are dropped. */
void diags_sort(struct diags *diags);

/*
 * The candidate nearest to `word` (Damerau-Levenshtein, at most a third of its length away, or
 * one whose last part behind a dot it is), for "did you mean". Feed candidates one by one; `best` stays NULL when none is near.
 */
struct nearest {
	const char *word;
	const char *best;
	size_t distance;
};
void nearest_try(struct nearest *nearest, const char *candidate);

#endif
