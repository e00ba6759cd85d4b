/* What watch.c (when), watch_pass.c (one reconcile) and watch_again.c (what ran already) share. */
#ifndef DEVENV_LOOP_WATCH_INTERNAL_H
#define DEVENV_LOOP_WATCH_INTERNAL_H

#include "base/strbuf.h"
#include "loop/follow.h"
#include "loop/hints.h"
#include "loop/live.h"
#include "loop/quiet.h"
#include "loop/watch.h"
#include "model/parsed.h"

enum {
	WATCH_BUSY = 50,         /* ms between two looks at what cannot be watched: a lock, a writer */
	WATCH_LOCKED = 1000,     /* another run holds the environment */
	WATCH_PREVIEW = 500,     /* between two plans during a storm */
	WATCH_RETRY_LEAST = 1000,
	WATCH_RETRY_MOST = 60 * 1000,
	WATCH_HINT = 100,        /* a hint is rarely alone */
	WATCH_HINT_GAP = 1000,   /* between two looks because of hints, doubled while they go on ... */
	WATCH_HINT_MOST = 60 * 1000, /* ... up to here; and so long without one ends it */
};

enum watch_why {
	WHY_START,
	WHY_CHANGE,
	WHY_PREVIEW, /* a storm: the plan only */
	WHY_RETRY,
	WHY_DRIFT,
	WHY_ASKED,
};

/* An address that ran because something had changed while a run was under way. */
struct ran {
	char *address;
	bool again; /* its last run was of that kind: no first one, and no retry */
	bool held; /* it changes its own input */
};

struct watch {
	const struct watch_options *options;
	const struct watch_hooks *hooks;
	struct follow follow;
	struct quiet quiet;
	struct live live;
	struct hints hints;
	struct parsed parsed;    /* files of the manifest, for the next load */
	struct arena arena;      /* texts that live as long as the loop */
	const char *root;        /* of the manifest, from the first time it was read; NULL: not yet */
	const char *git_lock;    /* NULL: no worktree */

	bool dirty;              /* something changed and no plan has seen it yet */
	bool strong;             /* the last plan of it destroys something: a second of quiet */
	bool own;                /* it changed while a run of ours was under way */
	bool asked, paused, ended, started;
	bool vanished;           /* a file that the last plan read is not there for this one */
	bool acted;              /* this pass has run something: what is recorded is not what it read */
	bool approve;            /* what the last plan held was approved on the screen */
	int64_t busy_until;      /* nothing starts before; 0: no matter */
	int64_t retry_at, drift_at, previewed_at;
	int64_t hint_at;         /* reality is looked at because of a hint; 0: no hint */
	int64_t hint_gap, hinted_at; /* the last time, and how long after it the next may be */
	unsigned failures;
	struct strbuf cause;     /* what changed, in a few words */
	struct strbuf waiting;   /* whom it was said to wait for; empty: nobody */

	struct ran *ran;
	size_t n_ran, cap_ran;
	char (*held)[17];        /* hashes of what the last plan held */
	size_t n_held, cap_held;
	struct hash told;        /* the plan that was shown last */
	struct hash warned;      /* what it was warned of */
	struct trail_stamp state; /* of the database, while something is held: an approval may come */
	char broken[1024];       /* the error that was told last */
};

int64_t watch_now(const struct watch *w);
/* Before reconcile_load; hooks->leave and reconcile_release come after it. */
void watch_prepare(struct watch *w, struct reconcile *r);
void watch_tell(struct watch *w, struct watch_event event);
/* Says once whom it waits for; NULL: nobody any more. */
void watch_wait_for(struct watch *w, const char *text);

/* --- watch_pass.c: one reconcile */

void watch_pass(struct watch *w, enum watch_why why);
/* Was the state written by another run since it was looked at last? */
bool watch_state_moved(struct watch *w);

/* --- watch_live.c: what needs no plan */

/* Everything that changed is answered by copying it. */
bool watch_is_live(const struct watch *w);
/* Copies; -1: it cannot be told what and where. Afterwards the files are followed as they are now. */
int watch_copy(struct watch *w);
/* Did anything that was read change, but for what is copied? `trail` is newer than what is followed. */
bool watch_differs(const struct watch *w, const struct trail *trail);
/* Was anything there for what is followed that is not there for `trail`? */
bool watch_lacks(const struct watch *w, const struct trail *trail);
/* Marks, as they are now, changed files that `trail` did not come to: else they would change again. */
void watch_mark_changed(const struct watch *w, struct trail *trail);

/* --- watch_again.c: what runs because it ran */

/* Would this change be made now? `blocked` by node, filled by watch_blocked. */
bool change_is_due(const struct change *change, const uint8_t *blocked);
uint8_t *watch_blocked(struct reconcile *r);
/* A person changed something: what ran may run again. */
void ran_forget(struct watch *w);
/* What is about to run; `own`: because of what changed during the run before. */
void ran_note(struct watch *w, const struct reconcile *r, const uint8_t *blocked, bool own);
/* Holds what would run a third time because its own run changed its input; whether there is such. */
bool ran_hold(struct watch *w, const struct reconcile *r, const uint8_t *blocked);
/* Addresses that are held, as plan_options.excludes; NULL: none. */
const char *const *ran_excludes(const struct watch *w, struct arena *arena);
void ran_release(struct watch *w);

#endif
