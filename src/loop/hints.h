/*
 * Hints that reality moved: providers that can (`listen`) tell changes of what is recorded as they
 * happen, each in a thread of its own. A hint only makes the loop look sooner than it would; what our own
 * runs do is none.
 */
#ifndef DEVENV_LOOP_HINTS_H
#define DEVENV_LOOP_HINTS_H

#include "base/map.h"
#include "engine/reconcile.h"

struct ear;
struct hint_queue;

struct hints {
	struct hint_queue *queue; /* NULL: nobody listens yet */
	struct ear **ears;
	size_t n, cap;
	struct arena did;         /* the addresses that our last run was about */
	struct map did_index;     /* how many ms after did_from its result was written down, or UNTIL_THE_END */
	int64_t did_from;
	int64_t did_until;        /* wall clock: its end; INT64_MAX: it is not over */
};

/* Ends all threads and waits for them: a tenth of a second. */
void hints_release(struct hints *hints);
/* `r` is opened; its records are read anew when `stale` or other than those listened for. What happened
   before `since` is known. After a run that began then (`stale`): what fell over once its own result was
   written down is a hint, though the run went on with others. */
void hints_take(struct hints *hints, struct reconcile *r, bool stale, int64_t since);
/* What this run does is no hint: between the two, to these addresses, or to none that is known. */
void hints_did(struct hints *hints, const char *address);
void hints_did_end(struct hints *hints, int64_t now);
/* Readable when there is a hint; -1: nobody listens. */
int hints_fd(const struct hints *hints);
/* Takes what has come; whether it is a reason to look. */
bool hints_read(struct hints *hints);

#endif
