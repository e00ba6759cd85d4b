/*
 * From changes to steps: what the scheduler walks over. Destroying and making are separate steps, so a
 * replace is two. Each step counts how many others it still waits for.
 */
#ifndef DEVENV_ENGINE_PLAN_STEPS_H
#define DEVENV_ENGINE_PLAN_STEPS_H

#include "engine/plan/plan.h"

enum step_kind {
	STEP_MAKE,    /* create, update, adopt, start, record, or nothing */
	STEP_DESTROY, /* delete, forget, drop, stop */
};

enum step_state {
	STEP_BLOCKED,  /* waits for others */
	STEP_READY,
	STEP_OBSERVING, /* its inputs have just become known: reality is looked at */
	STEP_RUNNING,
	STEP_PAUSED,   /* a transient error: tried again at `wake` */
	STEP_PROBING,  /* made; a probe runs */
	STEP_WAITING,  /* made; the next probe is at `wake` */
	STEP_DONE,
	STEP_FAILED,   /* it, or something it needs */
	STEP_SKIPPED,  /* not started: cancelled, blocked or held */
};

struct waiter {
	uint32_t step;
	enum edge_kind kind;
};

struct step {
	enum step_kind kind;
	enum step_state state;
	uint32_t change;       /* index into plan->changes */
	uint32_t blockers;     /* how many it still waits for */
	uint32_t priority;     /* length of the longest path behind it, in milliseconds */
	const struct waiter *waiters; /* steps that wait for this one */
	uint32_t n_waiters;
};

struct steps {
	struct step *items;
	uint32_t n;
	uint32_t *make_of, *destroy_of; /* per change: its step, or STEP_NONE */
};

#define STEP_NONE UINT32_MAX

/* Steps of every change that does something, and of what lies between them; in the arena. */
void steps_build(struct steps *steps, const struct plan *plan, struct arena *arena);

#endif
