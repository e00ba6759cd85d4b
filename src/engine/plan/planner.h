/*
 * Making a plan. Pure but for the two seams in `struct planner_input`: digests of files that the
 * manifest names, and observations, which were taken before.
 */
#ifndef DEVENV_ENGINE_PLAN_PLANNER_H
#define DEVENV_ENGINE_PLAN_PLANNER_H

#include "engine/plan/diff.h"
#include "engine/plan/resolve.h"

struct planner_input {
	struct arena *arena;
	struct diags *diags;
	const struct manifest *manifest;
	struct graph *graph;
	struct record *records;
	size_t n_records;
	const struct intent *intents;
	size_t n_intents;
	const struct observation *observations;
	size_t n_observations;
	const struct stray *strays;
	size_t n_strays;
	const struct secret_key *key; /* NULL: the home has none yet */
	const struct digester *digester;
	const struct plan_options *options;
	int64_t serial;
	const char *environment;      /* goes into the hash of the plan */
	/* Outputs of the environment as last recorded: a map; NULL: none. */
	const struct value *outputs;
};

/*
 * Resolves every node as far as the recorded outputs allow, before anything is observed: providers
 * need paths and names to look for. Fills `views` (one per node, in the arena).
 */
int plan_resolve(const struct planner_input *in, struct view **views);
/* The plan. Diagnostics make it -1; the plan is complete all the same and can be shown. */
int plan_make(const struct planner_input *in, struct view *views, struct plan *plan);

/* conflicts.c: two desired resources that are one real thing, or claim one port, name or path, are
   diagnostics. */
void plan_claims(const struct planner_input *in, const struct view *views);
/* What something outside the plan holds and a change wants (a port) is a diagnostic, too. */
void plan_blocked(const struct planner_input *in, const struct plan *plan);
/* guard.c: holds what would lose data or delete more than half, unless options allow it. */
void plan_guard(const struct planner_input *in, struct plan *plan);
/* Would doing it lose data that nobody agreed to lose? Adds the reason. */
bool guard_loses_data(const struct plan_options *options, struct change *change,
	struct arena *arena);
/* seal.c: counts, and the hash of everything a person was shown. */
void plan_count(struct plan *plan);
void plan_seal(const struct planner_input *in, struct plan *plan);

/* What references see of a node after its change was planned. Returns whether that differs from what
   its record says, so that those who use it are resolved again. */
bool plan_view(const struct change *change, const struct node *node, struct view *view,
	struct arena *arena);

#endif
