/*
 * Applying a plan: one scheduler thread owns graph, plan and state; workers run blocking provider
 * calls and answer by message. What a person sees of it comes through events.
 */
#ifndef DEVENV_ENGINE_APPLY_APPLY_H
#define DEVENV_ENGINE_APPLY_APPLY_H

#include "engine/plan/plan.h"
#include "state/state.h"

enum event_kind {
	EVENT_STARTED,   /* an action of the change begins */
	EVENT_PROGRESS,  /* `text`: a line from the provider */
	EVENT_NOTE,      /* `text`: one that is to be read although all goes well */
	EVENT_RETRY,     /* `text`: why, and when it is tried again */
	EVENT_WAITING,   /* done, waiting until ready; `text`: what is missing */
	EVENT_DONE,
	EVENT_FAILED,    /* `text`: the error; `output`: its last lines */
	EVENT_BLOCKED,   /* never started; `text`: what it waited for and why that is missing */
	EVENT_HELD,      /* needs approval; `text`: the reason */
	EVENT_CANCELLING, /* the first SIGINT: nothing new starts */
	EVENT_ROLLBACK,  /* what this run has done is now undone, in reverse */
	EVENT_TICK,      /* about four times a second while something runs */
};

struct event {
	enum event_kind kind;
	const struct change *change; /* NULL for TICK and CANCELLING */
	enum action action;          /* what is really done (a deferred change may turn out weaker) */
	const char *step;            /* "creating", "destroying", "waiting" ...: for the live tree */
	const char *text, *output;   /* redacted; NULL: none */
	int64_t elapsed;             /* ms since it started */
	int64_t expected;            /* ms that the last run took; 0: unknown */
	size_t done, total, running, waiting; /* of the whole run */
};

enum { DEFAULT_PARALLELISM = 10 };

struct apply_options {
	int parallelism;           /* 0: the default */
	bool fail_fast, rollback_on_failure;
	const char *kind;          /* "apply", "destroy", "refresh": for the history */
	const char *actor;         /* user@host */
	struct run_origin origin;  /* the commit it is made from */
	/* All events arrive on the calling thread. */
	void (*event)(void *arg, const struct event *event);
	void *event_arg;
};

struct apply_result {
	size_t added, changed, destroyed, started, adopted, forgotten, recorded;
	size_t noop;       /* planned as a change, found to need none (cut-off) */
	size_t failed, blocked, held, unready;
	size_t rolled_back; /* undone by --rollback-on-failure */
	bool cancelled;
	bool broken;       /* not a resource failed but the run itself: state could not be written */
	int64_t duration;
	int64_t run;       /* id in the history */
};

#endif
