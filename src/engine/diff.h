/*
 * The case table of docs/lifecycle.md: desired x recorded x observed -> action, for one resource.
 * Pure. Used while planning and again when a deferred node is resolved in the middle of an apply.
 */
#ifndef DEVENV_ENGINE_DIFF_H
#define DEVENV_ENGINE_DIFF_H

#include "engine/inputs.h"
#include "engine/plan.h"

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
	const char *replaced_because; /* address it is attached to, which is replaced; NULL */
	const char *triggered_because; /* address that replaceTriggeredBy names and that changes; NULL */
	const char *changed_need;     /* address of something it uses whose outputs change; NULL */
	const char *rerun_because;    /* a job: address whose creation makes it run again; NULL */
	bool replace_requested;       /* --replace */
};

/* Fills action, reasons, attributes, fingerprint of `change`; address, node, record ... are set by the
   caller. Mistakes (preventDestroy, foreign objects ...) go to diags. */
void diff_desired(const struct diff_input *in, struct change *change);
void diff_removed(const struct diff_input *in, struct change *change);

/* Runs to completion: again when its inputs change or something it needs is new; its finished object
   may be gone. A container with `job: true`, or a service of type job. */
bool resource_is_job(const struct resource *resource);

void change_reason(struct change *change, struct arena *arena, enum reason_kind kind,
	const char *path, struct pos pos, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

#endif
