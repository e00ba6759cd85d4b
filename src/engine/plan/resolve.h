/*
 * Resolving references between resources. While planning, a reference sees what will be; while
 * applying, what is. Both are a `struct view` per node, so there is one resolver.
 */
#ifndef DEVENV_ENGINE_PLAN_RESOLVE_H
#define DEVENV_ENGINE_PLAN_RESOLVE_H

#include "base/diag.h"
#include "model/graph.h"
#include "model/record.h"
#include "model/value.h"

#include <stdbool.h>

/* What references to a node see. */
struct view {
	const struct value *inputs;  /* resolved, perhaps with unknowns; NULL: nothing known */
	const struct value *outputs; /* a map; NULL: none known, or still in the record */
	struct record *record;       /* its outputs are parsed when someone refers to them; NULL: none */
	const struct value *offers;  /* as in struct observation; NULL: not known, or settled */
	bool assumed;    /* it is taken to stay as it is recorded: nothing was decided yet */
	bool settled;    /* it exists: an output that is not in the map does not exist */
	bool sensitive;  /* one of its inputs is: so are its outputs, unless the schema says otherwise */
};

/* The outputs, parsed now if they were not yet; NULL: none known. */
const struct value *view_outputs(struct view *view);

struct resolver {
	const struct graph *graph;
	struct view *views; /* one per node */
	struct arena *arena;
	struct diags *diags;
};

/* The attributes of a node with its references replaced. -1: diagnostics. */
int resolve_inputs(struct resolver *resolver, uint32_t node, struct value *out);
/* Any value: outputs of the environment, a probe. */
int resolve_value(struct resolver *resolver, const struct value *value, struct value *out);
/* True when a value inside is sensitive. */
bool value_has_secret(const struct value *value);

#endif
