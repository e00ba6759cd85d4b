/* The rules of living in something else; who applies them is observe.c, diff.c and steps.c. */
#include "engine/plan/within.h"

#include "engine/plan/inputs.h"

#include <string.h>

const char *within_node(const struct graph *graph, uint32_t index)
{
	const struct node *node = &graph->nodes[index];

	for (uint32_t i = 0; i < node->n_needs; i++) {
		if (node->needs[i].kind == EDGE_WITHIN)
			return graph->nodes[node->needs[i].node].resource->address;
	}
	return NULL;
}

const char *within_record(struct record *record, struct arena *arena)
{
	size_t n;
	const struct record_edge *edges = meta_edges(record, arena, &n);

	for (size_t i = 0; i < n; i++) {
		if (edges[i].kind == EDGE_WITHIN)
			return edges[i].address;
	}
	return NULL;
}

bool within_stays(const struct graph *graph, uint32_t node, struct record *record,
	struct arena *arena)
{
	const char *before = record ? within_record(record, arena) : NULL;
	const char *now = node == NODE_NONE ? before : within_node(graph, node);

	return before && now && strcmp(before, now) == 0;
}

const struct change *within_change(const struct plan *plan, uint32_t index)
{
	const struct node *node = &plan->graph->nodes[index];

	for (uint32_t i = 0; i < node->n_needs; i++) {
		if (node->needs[i].kind == EDGE_WITHIN)
			return &plan->changes[plan->change_of[node->needs[i].node]];
	}
	return NULL;
}

bool within_goes(const struct change *home)
{
	switch (home->action) {
	case ACTION_CREATE:
	case ACTION_DELETE:
	case ACTION_DROP:
		return true;
	case ACTION_REPLACE:
		return !home->uncertain;
	default:
		return false;
	}
}

bool within_wakes(const struct change *home)
{
	return home->action == ACTION_START || home->action == ACTION_ADOPT;
}

bool within_settles(struct observation *item, const char *address, const struct observation *home,
	struct arena *arena)
{
	if (!home || home->presence == PRESENCE_ABSENT) {
		item->presence = PRESENCE_ABSENT;
		item->message = arena_printf(arena, "it went with %s", address);
		return true;
	}
	if (home->presence == PRESENCE_UNKNOWN) {
		item->presence = PRESENCE_UNKNOWN;
		item->message = arena_printf(arena, "%s cannot be seen: %s", address,
			home->message ? home->message : "no reason was given");
		return true;
	}
	if (home->presence == PRESENCE_PRESENT && home->type->flags & TYPE_RUNS && !home->runs) {
		item->presence = PRESENCE_UNKNOWN;
		item->message = arena_printf(arena, "%s does not run", address);
		return true;
	}
	return false;
}
