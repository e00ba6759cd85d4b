/*
 * What lives in something else, as an object lives in a cluster: it is there, unknown, or gone with it.
 * Nothing is asked, stopped or destroyed in a home that goes.
 */
#ifndef DEVENV_ENGINE_PLAN_WITHIN_H
#define DEVENV_ENGINE_PLAN_WITHIN_H

#include "engine/plan/plan.h"

/* The address it lives in; NULL: in nothing. Of a node by the manifest, of a record as it was made. */
const char *within_node(const struct graph *graph, uint32_t node);
const char *within_record(struct record *record, struct arena *arena);

/* Shall it live, if it is wanted at all, in what it is recorded to live in? */
bool within_stays(const struct graph *graph, uint32_t node, struct record *record,
	struct arena *arena);

/* Does that change take along what lives in it? A replace that may come to nothing does not yet. */
bool within_goes(const struct change *home);
/* Is it about to run, so that what lives in it can be looked at later in the same apply? */
bool within_wakes(const struct change *home);

/* Of what a node lives in; NULL: it lives in nothing. */
const struct change *within_change(const struct plan *plan, uint32_t node);

/* Before anybody is asked: what the observation of its home says about an item. `home` NULL: the home
   is neither wanted nor recorded. False: the item has to be looked at. */
bool within_settles(struct observation *item, const char *address, const struct observation *home,
	struct arena *arena);

#endif
