/*
 * The inside of an apply, shared by its files:
 *   apply.c    the loop: what has come back, what can start, one commit, wait
 *   ready.c    which step is next
 *   turns.c    whose turn it is, and what the end of a step means for others
 *   execute.c  what a step does when its turn comes
 *   decide.c   the case table again, when the inputs of a deferred step become known
 *   task.c     what a worker is given
 *   finish.c   what follows from a result
 *   journal.c  what is written to state before and after
 */
#ifndef DEVENV_ENGINE_APPLY_SCHEDULE_H
#define DEVENV_ENGINE_APPLY_SCHEDULE_H

#include "engine/plan/planner.h"
#include "engine/reconcile.h"
#include "engine/plan/resolve.h"
#include "engine/plan/steps.h"
#include "engine/apply/worker.h"

/* What is known of a step beyond its order. */
struct running {
	struct task *task;        /* away with a worker; NULL: none */
	enum action planned;      /* what the plan showed */
	enum action action;       /* what is really done */
	char intent[17];          /* open; empty: none */
	int intent_fd;
	int attempts;
	int64_t started_at;       /* monotonic; 0: not yet */
	int64_t deadline;         /* of its action with all tries; 0: not begun */
	int64_t made_at;          /* when waiting until it is ready began */
	int64_t asked_at;         /* when its last probe left */
	int64_t wake;             /* PAUSED, WAITING: when it goes on */
	int failures, successes;  /* of its probe */
	int quick_looks;          /* that it had */
	int unseen;               /* probes in a row that could not look */
	bool observed;            /* reality was looked at after its inputs became known */
	const char *id;           /* of what was made; for probing */
	struct record *record;    /* as just written; for probing, and for undoing */
	const char *why;          /* what it waits for, or why it failed */
};

struct scheduler {
	struct reconcile *r;
	const struct apply_options *options;
	struct apply_result *result;
	struct plan *plan;
	struct steps steps;
	struct running *running;     /* per step */
	struct resolver resolver;    /* its views show what is, once a step is done */
	struct planner_input *planner;
	const char *work_dir;
	struct workers *workers;
	struct workers *awaiters;    /* wait until something is ready, so that no action waits for them; made on
	                                use */
	uint32_t awaiting;           /* tasks with awaiters; they count as away, too */
	atomic_bool cancel;          /* second SIGINT, seen by workers */
	atomic_bool stop_waiting;    /* as `cancelling`, seen by awaiters */
	bool cancelling;             /* first SIGINT, or --fail-fast after a failure */
	bool interrupted;
	bool rolling_back;           /* the plan is the undoing of this run's own */

	uint32_t *ready;             /* heap of steps for workers, by priority */
	uint32_t n_ready;
	uint32_t *inline_ready;      /* queue of steps that need no worker */
	uint32_t inline_head, inline_tail;
	uint32_t unfinished;         /* steps that are not done, failed or skipped */
	uint32_t away;               /* tasks with workers */
	uint32_t pausing;            /* steps in PAUSED or WAITING */
	size_t total, done;          /* for progress: steps that do something */

	bool in_transaction;
	struct run run;
	struct error error;          /* the first failure of state itself: ends the run */
	struct strbuf scratch;
};

static inline struct change *change_of(const struct scheduler *s, uint32_t step)
{
	return &s->plan->changes[s->steps.items[step].change];
}

static inline const struct resource *resource_of_change(const struct scheduler *s,
	const struct change *change)
{
	return change->node == NODE_NONE ? NULL : s->plan->graph->nodes[change->node].resource;
}

static inline struct step *step_at(const struct scheduler *s, uint32_t step)
{
	return &s->steps.items[step];
}

/* Whether the plan showed it as something to do. */
static inline bool does_something(const struct scheduler *s, uint32_t step)
{
	return s->running[step].planned != ACTION_NOOP && s->running[step].planned != ACTION_KEEP;
}

/* NULL: a type that this version does not know. */
static inline const struct type *type_of(const struct scheduler *s, uint32_t step)
{
	const struct change *change = change_of(s, step);
	const struct resource *resource = resource_of_change(s, change);

	if (resource)
		return resource->type;
	return type_find(change->record ? change->record->type : change->intent->type);
}

/* Runs the whole plan; the scheduler holds r, options, result, plan, resolver and planner. */
int apply_run(struct scheduler *s, struct error *err);

/* rollback.c: what undoes the steps that are done; NULL: nothing. */
struct plan *rollback_plan(struct scheduler *s);

/* --- turns.c ------------------------------------------------------------------------------------ */

/* The step's blockers are gone: puts it in one of the queues. */
void step_becomes_ready(struct scheduler *s, uint32_t step);
/* Before the first step: ends those that need approval. */
void steps_hold(struct scheduler *s);
/* A thing that cannot be made again: does anything that goes on need it gone all the same? */
bool steps_needed_gone(struct scheduler *s, uint32_t destroy);
void wait_until(struct scheduler *s, uint32_t step, enum step_state state, int64_t delay);
/* Nothing new begins, and nobody waits any longer until something is ready. */
void stop_starting(struct scheduler *s);
/* The ends of a step; each goes on to the steps that wait for it. `succeed` counts and tells what was
   done, `step_done` was nothing to tell. */
void step_done(struct scheduler *s, uint32_t step);
void succeed(struct scheduler *s, uint32_t step);
void step_failed(struct scheduler *s, uint32_t step, const char *why, const char *output);
void step_skip(struct scheduler *s, uint32_t step, enum event_kind kind, const char *why);
/* `step` STEP_NONE: about the run. Redacts. */
void emit(struct scheduler *s, enum event_kind kind, uint32_t step, const char *text,
	const char *output);

/* --- execute.c ---------------------------------------------------------------------------------- */

/* Does what needs no worker (nothing, records, effectless types) right away. */
void step_run_inline(struct scheduler *s, uint32_t step);
/* Prepares the step's task and opens its intent; NULL: it turned out to need no worker. */
struct task *step_prepare(struct scheduler *s, uint32_t step);
/* A paused or waiting step goes on. */
struct task *step_resume(struct scheduler *s, uint32_t step);
/* Made: done, or waited for until it is ready. */
void after_make(struct scheduler *s, uint32_t step, struct record *record);

/* --- ready.c ------------------------------------------------------------------------------------ */

/* The heap of steps for workers; pop only while s->n_ready. */
void heap_push(struct scheduler *s, uint32_t step);
uint32_t heap_pop(struct scheduler *s);

/* --- decide.c, task.c, finish.c ----------------------------------------------------------------- */

/* -1: it failed or was held, and has ended. */
int step_resolve(struct scheduler *s, uint32_t step);
int step_decide(struct scheduler *s, uint32_t step, const struct observation *observed);
/* Destroying half of a replace: is it still one, now that inputs and what it is attached to are known?
   False may also mean that the step has failed or was held. */
bool step_still_replaces(struct scheduler *s, uint32_t step);
/* How long its action may take with all tries, in ms. */
int64_t step_timeout(const struct scheduler *s, uint32_t step);
struct task *task_observe(struct scheduler *s, uint32_t step);
struct task *task_make(struct scheduler *s, uint32_t step);
struct task *task_destroy(struct scheduler *s, uint32_t step);
struct task *task_probe(struct scheduler *s, uint32_t step);
int64_t probe_period(const struct probe *probe); /* in ms */
void task_free(struct task *task);
/* A task has come back. */
void step_finish(struct scheduler *s, struct task *task);

/* --- journal.c ---------------------------------------------------------------------------------- */

/* All write into the current transaction, which begins by itself; a failure ends the run. */
void journal_begin(struct scheduler *s);
void journal_commit(struct scheduler *s);
void journal_intent(struct scheduler *s, uint32_t step, enum intent_action action);
void journal_close_intent(struct scheduler *s, uint32_t step);
/* It stays open for the next run to settle. */
void journal_leave_intent(struct scheduler *s, uint32_t step);
/* What is there now. `outcome` NULL: only metadata changed. */
struct record *journal_record(struct scheduler *s, uint32_t step, const struct outcome *outcome,
	enum record_status status, const char *error);
void journal_status(struct scheduler *s, uint32_t step, struct record *record,
	enum record_status status, const char *error);
void journal_remove(struct scheduler *s, uint32_t step);
void journal_change(struct scheduler *s, uint32_t step, const char *status, const char *error);
void journal_outputs(struct scheduler *s);

#endif
