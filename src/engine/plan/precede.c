/*
 * lifecycle.precedes: what has to run before others change. Whether they do is known only when all of them
 * are decided, so this comes after, from the last in the order to the first: one may stand before another.
 * lifecycle.succeeds: what has to run after something it needed has gone. It is recorded as needing that until it
 * has run; so a run that dies in between, or leaves it out, owes it to the next.
 */
#include "engine/plan/internal.h"

#include "engine/plan/inputs.h"

#include <string.h>

static bool has_effect(const struct change *change)
{
	switch (change->action) {
	case ACTION_CREATE:
	case ACTION_UPDATE:
	case ACTION_REPLACE:
	case ACTION_START:
		return true;
	default:
		return false;
	}
}

static bool is_idle(const struct planner *p, uint32_t node)
{
	const struct change *change = &p->plan->changes[p->change_of[node]];

	return (change->action == ACTION_NOOP || change->action == ACTION_RECORD) &&
		change->record && !change->unreadable && (!p->selected || p->selected[node]);
}

static bool has_moved(const struct plan *plan, const char *address)
{
	for (size_t i = 0; i < plan->n; i++) {
		if (plan->changes[i].previous && strcmp(plan->changes[i].previous, address) == 0)
			return true;
	}
	return false;
}

static void succeed(struct planner *p, struct change *change)
{
	struct record_edge *edges;
	size_t n;

	edges = meta_edges(change->record, p->in->arena, &n);
	for (size_t i = 0; i < n; i++) {
		if (graph_find(p->in->graph, edges[i].address) != MAP_NONE ||
			has_moved(p->plan, edges[i].address))
			continue;
		change->action = ACTION_UPDATE;
		change_reason(change, p->in->arena, REASON_TRIGGERED, edges[i].address, POS_NONE,
			"it runs after %s is taken out", edges[i].address);
		return;
	}
}

void plan_precede(struct planner *p)
{
	const struct graph *graph = p->in->graph;

	for (uint32_t i = 0; i < graph->n; i++) {
		if (graph->nodes[i].resource->lifecycle.succeeds && is_idle(p, i))
			succeed(p, &p->plan->changes[p->change_of[i]]);
	}

	for (uint32_t i = graph->n; i-- > 0;) {
		const struct node *node = &graph->nodes[graph->order[i]];
		const struct change *change = &p->plan->changes[p->change_of[graph->order[i]]];

		for (uint32_t j = 0; has_effect(change) && j < node->n_needs; j++) {
			uint32_t need = node->needs[j].node;
			struct change *before = &p->plan->changes[p->change_of[need]];

			if (!graph->nodes[need].resource->lifecycle.precedes || !is_idle(p, need))
				continue;
			before->action = ACTION_UPDATE;
			change_reason(before, p->in->arena, REASON_TRIGGERED, change->address, POS_NONE,
				"it runs before %s changes", change->address);
		}
	}
}
