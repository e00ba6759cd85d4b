/* What the changes of the things that a resource needs do to it: replaced with them, triggered, run again. */
#include "engine/plan/diff.h"

#include <string.h>

/* What stands fast counts for more than what may come to nothing. */
static void set_because(struct because *because, const struct change *need, bool perhaps)
{
	if (!because->address || (because->perhaps && !perhaps))
		*because = (struct because){need->address, perhaps};
}

static bool is_newer(const struct record *need, const struct record *job)
{
	return need && job && need->created_at > job->created_at;
}

static bool is_trigger(const struct lifecycle *lifecycle, const char *address)
{
	for (size_t i = 0; i < lifecycle->n_replace_triggered_by; i++) {
		if (strcmp(lifecycle->replace_triggered_by[i].address, address) == 0)
			return true;
	}
	return false;
}

bool diff_follows(const struct graph *graph, const struct node *node, uint32_t edge)
{
	enum edge_kind kind = node->needs[edge].kind;

	return kind == EDGE_ATTACHED || kind == EDGE_WITHIN || (kind >= EDGE_HARD && resource_is_job(node->resource)) ||
	       is_trigger(&node->resource->lifecycle,
		       graph->nodes[node->needs[edge].node].resource->address);
}

void diff_needs(const struct plan *plan, struct diff_input *in)
{
	const struct node *node = &in->graph->nodes[in->node];

	for (uint32_t i = 0; i < node->n_needs; i++) {
		const struct change *need = &plan->changes[plan->change_of[node->needs[i].node]];
		enum edge_kind kind = node->needs[i].kind;
		bool replaced = need->action == ACTION_REPLACE;
		bool fresh = replaced || need->action == ACTION_CREATE;

		if (kind == EDGE_WITHIN)
			in->home = need;
		if ((kind == EDGE_ATTACHED || (kind == EDGE_WITHIN && need->uncertain)) && replaced)
			set_because(&in->replaced, need, need->uncertain);
		if (kind >= EDGE_HARD && (fresh || is_newer(need->record, in->record)) &&
			resource_is_job(node->resource))
			set_because(&in->rerun, need, fresh && need->uncertain);
		if ((fresh || need->action == ACTION_UPDATE) &&
			is_trigger(&node->resource->lifecycle, need->address))
			set_because(&in->triggered, need, need->uncertain ||
				(need->action == ACTION_UPDATE && need->deferred));
	}
}
