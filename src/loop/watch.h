/*
 * Reconciles when what the manifest is made of changes, and only decides when: the stages are those of
 * engine/reconcile.h, in their order, on the calling thread. What a person sees of it, and how a plan
 * is applied with its progress, is the business of the hooks.
 */
#ifndef DEVENV_LOOP_WATCH_H
#define DEVENV_LOOP_WATCH_H

#include "engine/reconcile.h"

enum watch_event_kind {
	WATCH_FOLLOWING, /* the watches stand for the first time: `n` files and names in `folders` folders */
	WATCH_CHANGED,   /* `text`: what changed, in a few words */
	WATCH_PLANNED,   /* `r` has a plan with changes; `wait`: why it is not applied now */
	WATCH_UNCHANGED, /* the change changes nothing */
	WATCH_BROKEN,    /* `r` holds diagnostics, or `err` says it; nothing was touched */
	WATCH_WAITING,   /* `text`: for whom; NULL: nobody any more */
	WATCH_APPLIED,   /* `result` */
	WATCH_RETRY,     /* a run failed: again in `ms` */
	WATCH_DRIFT,     /* `r` has a plan of what moved away by itself */
	WATCH_HELD,      /* `text`: an address that changes its own input, and which */
	WATCH_WARNING,   /* `text` */
	WATCH_COPIED,    /* `text`: into what */
	WATCH_PAUSED,
	WATCH_RESUMED,
};

enum watch_wait {
	WAIT_NOT,
	WAIT_QUIET,    /* it destroys, replaces or runs something: a second of quiet first */
	WAIT_APPROVAL, /* nothing else is left to do */
	WAIT_PERSON,   /* --plan-only */
};

struct watch_event {
	enum watch_event_kind kind;
	enum watch_wait wait;
	struct reconcile *r;               /* NULL: none */
	const struct error *err;
	const struct apply_result *result;
	const char *text;
	int64_t ms;
	size_t n, folders;
};

enum watch_key {
	WATCH_KEY_NONE,
	WATCH_KEY_APPLY,   /* now, without waiting for quiet; also what --plan-only held */
	WATCH_KEY_PAUSE,   /* or go on */
	WATCH_KEY_APPROVE, /* what the last plan held */
	WATCH_KEY_QUIT,
};

struct watch_hooks {
	/* Fills what comes before reconcile_load, after reconcile_init; and takes leave of it. */
	void (*prepare)(void *arg, struct reconcile *r);
	void (*leave)(void *arg, struct reconcile *r);
	/* reconcile_apply with progress and report. -1: the run itself failed, not a resource. */
	int (*apply)(void *arg, struct reconcile *r, struct apply_result *result);
	void (*tell)(void *arg, const struct watch_event *event);
	/* Reads what was typed on `input`. */
	enum watch_key (*key)(void *arg);
	/* The window has another size. */
	void (*resize)(void *arg);
	int input; /* -1: nobody types */
	void *arg;
};

struct watch_options {
	const struct clock *clock;
	const char *self;        /* path of this program: the helper lies beside it */
	const char *directory;   /* where the manifest is looked for */
	const char *home, *actor;
	bool plan_only, repair_drift, poll;
	int64_t drift_interval;  /* ms; 0: drift is not looked for */
};

/* Until someone ends it: 0, also after SIGINT and SIGTERM. -1: it cannot be begun. */
int watch_run(const struct watch_options *options, const struct watch_hooks *hooks,
	struct error *err);

#endif
