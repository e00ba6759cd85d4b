/*
 * What runs because it ran. A run may change files that the manifest is made of: then it is planned
 * again, and what its own run made necessary runs once more. If that changes its input yet again it
 * would never end: it is held until a person changes something.
 */
#include "loop/watch_internal.h"

#include <stdlib.h>
#include <string.h>

/* What waits for something held cannot start either. */
uint8_t *watch_blocked(struct reconcile *r)
{
	const struct graph *graph = &r->graph;
	uint8_t *blocked = arena_zalloc(&r->arena, graph->n + 1);

	for (size_t i = 0; i < r->plan.n; i++)
		if (r->plan.changes[i].hold && r->plan.changes[i].node != NODE_NONE)
			blocked[r->plan.changes[i].node] = 1;
	for (uint32_t i = 0; i < graph->n; i++) {
		uint32_t at = graph->order[i];

		for (uint32_t k = 0; k < graph->nodes[at].n_needs; k++)
			if (graph->nodes[at].needs[k].kind >= EDGE_HARD)
				blocked[at] |= blocked[graph->nodes[at].needs[k].node];
	}
	return blocked;
}

bool change_is_due(const struct change *change, const uint8_t *blocked)
{
	if (change->action == ACTION_KEEP || change->unreadable || change->hold)
		return false;
	if (change->node != NODE_NONE && blocked[change->node])
		return false;
	return change->action != ACTION_NOOP || change->intent;
}

static struct ran *find(const struct watch *w, const char *address)
{
	for (size_t i = 0; i < w->n_ran; i++)
		if (strcmp(w->ran[i].address, address) == 0)
			return &w->ran[i];
	return NULL;
}

void ran_forget(struct watch *w)
{
	for (size_t i = 0; i < w->n_ran; i++)
		free(w->ran[i].address);
	w->n_ran = 0;
}

void ran_release(struct watch *w)
{
	ran_forget(w);
	free(w->ran);
}

/* Only what runs a program can change its own input; elsewhere a person saved meanwhile. */
static bool is_for_input(const struct reconcile *r, const struct change *change)
{
	if (change->node == NODE_NONE ||
		!(r->graph.nodes[change->node].resource->type->flags & TYPE_JOB))
		return false;
	for (size_t i = 0; i < change->n_reasons; i++)
		if (change->reasons[i].kind == REASON_CHANGED || change->reasons[i].kind == REASON_TRIGGERED)
			return true;
	return false;
}

void ran_note(struct watch *w, const struct reconcile *r, const uint8_t *blocked, bool own)
{
	for (size_t i = 0; i < r->plan.n; i++) {
		const struct change *change = &r->plan.changes[i];
		struct ran *ran;

		if (!change_is_due(change, blocked) || change->node == NODE_NONE)
			continue;
		ran = find(w, change->address);
		if (!ran && own) {
			VEC_GROW(w->ran, w->n_ran, w->cap_ran);
			ran = &w->ran[w->n_ran++];
			*ran = (struct ran){.address = xstrdup(change->address)};
		}
		if (ran)
			ran->again = own;
	}
}

bool ran_hold(struct watch *w, const struct reconcile *r, const uint8_t *blocked)
{
	bool any = false;

	for (size_t i = 0; i < r->plan.n; i++) {
		const struct change *change = &r->plan.changes[i];
		struct ran *ran = change_is_due(change, blocked) && is_for_input(r, change)
			? find(w, change->address) : NULL;

		if (!ran || !ran->again || ran->held)
			continue;
		ran->held = any = true;
		watch_tell(w, (struct watch_event){.kind = WATCH_HELD,
			.text = arena_printf((struct arena *)&r->arena,
				"%s changes its own input %s: it ran twice and is held until "
				"something else changes", change->address, w->cause.text)});
	}
	return any;
}

const char *const *ran_excludes(const struct watch *w, struct arena *arena)
{
	const char **list = NULL;
	size_t n = 0;

	for (size_t i = 0; i < w->n_ran; i++) {
		if (!w->ran[i].held)
			continue;
		if (!list)
			list = arena_zalloc(arena, (w->n_ran + 1) * sizeof(*list));
		list[n++] = w->ran[i].address;
	}
	return list;
}
