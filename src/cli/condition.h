/*
 * How a resource is, in a word, from what a plan knows of it; for `devenv status`. Pure.
 */
#ifndef DEVENV_CLI_CONDITION_H
#define DEVENV_CLI_CONDITION_H

#include "base/alloc.h"
#include "engine/plan/plan.h"
#include "state/state.h"

enum condition_kind {
	CONDITION_READY,     /* as it should be */
	CONDITION_RUNNING,   /* the same, for what runs */
	CONDITION_COMPLETED, /* the same, for a job */
	CONDITION_CHANGED,   /* the manifest wants it otherwise */
	CONDITION_DRIFTED,   /* reality moved away */
	CONDITION_MISSING,   /* in the manifest, not made yet */
	CONDITION_BLOCKED,   /* not made, because of another */
	CONDITION_UNREADY,   /* made, not ready in time */
	CONDITION_STOPPED,   /* by `devenv stop` */
	CONDITION_DOWN,      /* it should run and does not */
	CONDITION_GONE,      /* recorded, but not there any more */
	CONDITION_FAILED,
	CONDITION_UNKNOWN,   /* cannot be seen */
	CONDITION_REMOVED,   /* no longer in the manifest */
	CONDITION_COUNT,
};

struct condition {
	enum condition_kind kind;
	const char *detail; /* in the arena; "" for nothing to say */
};

const char *condition_str(enum condition_kind kind);
bool condition_is_good(enum condition_kind kind);

/* `conditions` has room for plan->n, in the order of plan->changes. `last`: what the last run did,
   from which a resource that could not be made has its error. `unread`: there is no manifest to compare
   with, so nothing is removed or changed. */
void conditions_find(const struct plan *plan, const struct run_change *last, size_t n_last,
	bool unread, struct arena *arena, struct condition *conditions);

#endif
