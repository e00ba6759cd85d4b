/*
 * The pipeline. Every command that plans or applies goes through these calls, in this order, and
 * watch and sync only decide when:
 *
 *   reconcile_load      layers -> manifest -> resources -> graph
 *   reconcile_open      state, environment, lock; records and open intents
 *   reconcile_resolve   inputs, the lock file
 *   reconcile_observe   provider.observe, one batch a provider
 *   reconcile_plan      desired x recorded x observed -> plan       (pure)
 *   reconcile_apply     plan -> results -> state
 *
 * One struct holds what they hand to each other; its arena owns everything but the state handle.
 */
#ifndef DEVENV_ENGINE_RECONCILE_H
#define DEVENV_ENGINE_RECONCILE_H

#include "base/clock.h"
#include "base/trail.h"
#include "engine/apply/apply.h"
#include "engine/plan/plan.h"
#include "model/redact.h"
#include "manifest/manifest.h"
#include "state/lock.h"
#include "state/state.h"

struct view;
struct planner_input;

struct kept {
	const struct provider *provider;
	void *prepared;
	struct kept *next;
};

/* What the lock file does not say. */
struct unlocked {
	const struct node *node;
	const struct value *inputs, *what;
	const char *key;
	struct unlocked *next;
};

struct reconcile {
	/* Set by the caller before reconcile_load. */
	const struct clock *clock;
	struct manifest_input input;
	const char *home;           /* absolute: DEVENV_HOME or ~/.devenv */
	const char *self;           /* path of this program */
	int64_t lock_timeout;       /* ms; 0: fail at once */
	const int64_t *stop_timeout; /* ms that what is stopped gets before it is killed; NULL: what it says */
	const char *content;        /* where the files below manifest.root are read from that its resources
	                               name, when they do not lie there (yet); NULL: there */
	struct plan_options options;
	struct trail *trail;        /* every file and name that the plan depends on is marked there; NULL */

	/* Filled stage by stage. */
	struct arena arena;
	struct diags diags;
	struct manifest manifest;
	struct graph graph;
	struct lock lock;
	struct state *state;
	struct environment environment; /* id NULL: never applied */
	struct record *records;
	size_t n_records;
	struct intent *intents;
	size_t n_intents;
	const struct value *supposed_outputs; /* of the environment (suppose.h); NULL: what is recorded */
	const char *const *taken;   /* ids of what was taken over (import --take-over); NULL: nothing */
	struct observation *observations; /* of every resource whose provider observes */
	size_t n_observations;
	struct kept *kept;          /* what providers have prepared for apply; NULL: nothing */
	struct stray *strays;
	size_t n_strays;
	struct view *views;         /* per node: what references to it see */
	struct planner_input *planner; /* what the plan was made from */
	struct plan plan;
	struct pins pins;           /* the lock file, and what was looked up */
	struct unlocked *unlocked;  /* to be looked up */
	struct redactor redactor;   /* knows the resolved secrets */
};

/* Zeroes everything and sets the system clock. */
void reconcile_init(struct reconcile *r);
void reconcile_release(struct reconcile *r);

/* The name of an intent's file: those of one environment begin alike. In the arena. */
const char *reconcile_intent_file(struct reconcile *r, const char *intent);

/* -1: `err` when there is no manifest; else r->diags has errors (err->code is ERROR_INVALID). */
int reconcile_load(struct reconcile *r, struct error *err);
/* For commands that work from state alone (list, history, destroy of a lost manifest): finds the
   environment of the directory without reading a manifest. */
int reconcile_locate(struct reconcile *r, struct error *err);
/* STATE_READ: no lock, nothing written. STATE_WRITE: takes the lock (as `what`) before reading. */
int reconcile_open(struct reconcile *r, enum state_mode mode, const char *what, struct error *err);
/* The same for an environment that is known already (r->environment); r->state is open. */
int reconcile_enter(struct reconcile *r, enum state_mode mode, const char *what, struct error *err);
/* Inputs, as far as what is recorded tells, and with what the lock file says of them. */
int reconcile_resolve(struct reconcile *r, struct error *err);
/* Writes what was looked up into the lock file, when it may be; reconcile_apply does. `prune`: what nothing
   names here is taken out. */
int reconcile_lock(struct reconcile *r, bool prune, struct error *err);
/* After reconcile_resolve, which it calls. */
int reconcile_observe(struct reconcile *r, struct error *err);
/* Diagnostics (preventDestroy, ownership, claims ...) go to r->diags and make it -1. */
int reconcile_plan(struct reconcile *r, struct error *err);
/* Needs STATE_WRITE. 0 when everything asked for was done; else -1 with `err` and the counts. */
int reconcile_apply(struct reconcile *r, const struct apply_options *options,
	struct apply_result *result, struct error *err);

/* Why --rollback-on-failure could not undo a change; NULL: it can, or there is nothing to undo. */
const char *rollback_obstacle(const struct change *change);

#endif
