/*
 * The case table of docs/lifecycle.md: desired x recorded x observed -> action, for one resource.
 * Pure. Used while planning and again when a deferred node is resolved in the middle of an apply.
 */
#ifndef DEVENV_ENGINE_PLAN_DIFF_H
#define DEVENV_ENGINE_PLAN_DIFF_H

#include "engine/plan/inputs.h"
#include "engine/plan/plan.h"

/* An address that makes a resource be replaced, too; NULL: none. */
struct because {
	const char *address;
	bool perhaps; /* whether it does shows only in the middle of the run */
};

/* Everything one decision looks at. */
struct diff_input {
	struct arena *arena;
	struct diags *diags;
	const struct secret_key *key;
	const struct plan_options *options;
	const struct graph *graph;
	uint32_t node;                /* NODE_NONE: not desired */
	struct record *record;        /* NULL: not recorded */
	const struct observation *observed; /* NULL: nothing to look at (effectless, not refreshed) */
	const struct intent *intent;  /* open; NULL: none */
	const struct value *inputs;   /* resolved; NULL when not desired */
	const char *changed_need;     /* address of something it uses whose outputs change; NULL */
	/* By diff_needs: what it is attached to, which is replaced; what replaceTriggeredBy names, which
	   changes; what a job needs, which is new since it ran. */
	struct because replaced, triggered, rerun;
	/* What becomes of what it lives in; NULL: it lives in nothing, or it was looked at afterwards. */
	const struct change *home;
	bool replace_requested;       /* --replace */
	bool restored;                /* the record is of an old generation, in charge again */
};

/* Fills action, reasons, attributes, fingerprint of `change`; address, node, record ... are set by the
   caller. Mistakes (preventDestroy, foreign objects ...) go to diags. */
void diff_desired(const struct diff_input *in, struct change *change);
void diff_removed(const struct diff_input *in, struct change *change);
/* A replace that stood fast before all its inputs were known: what changes is said again. */
void diff_replace(const struct diff_input *in, struct change *change);
/* What the changes of its needs, as they stand now, do to it. */
void diff_needs(const struct plan *plan, struct diff_input *in);
/* Is a node replaced whenever its need number `edge` is: attached to it, triggered, or a job of it? */
bool diff_follows(const struct graph *graph, const struct node *node, uint32_t edge);

/* Runs to completion: again when its inputs change or something it needs is new; its finished object
   may be gone. A container with `job: true`, or a service of type job. */
bool resource_is_job(const struct resource *resource);

void change_reason(struct change *change, struct arena *arena, enum reason_kind kind,
	const char *path, struct pos pos, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

#endif
