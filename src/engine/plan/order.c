/*
 * What is destroyed is listed in an order in which it can be: first what was recorded as needing others.
 * Records written by runs of different manifests may disagree: what then forms a circle stays as it was.
 */
#include "engine/plan/internal.h"

#include "engine/plan/inputs.h"

#include <stdlib.h>
#include <string.h>

struct follows {
	uint32_t before, after;
};

struct removals {
	struct change *changes;
	uint32_t n;
	struct map by_address;
	struct follows *pairs;
	size_t n_pairs, cap;
	uint32_t *waits; /* per change: how many of those before it are not listed yet */
};

static void add_pair(struct removals *r, uint32_t before, uint32_t after)
{
	VEC_GROW(r->pairs, r->n_pairs, r->cap);
	r->pairs[r->n_pairs++] = (struct follows){before, after};
	r->waits[after]++;
}

static void add_pairs(struct removals *r, uint32_t i, struct arena *arena)
{
	const struct change *change = &r->changes[i];
	struct record_edge *edges;
	size_t n;

	if (!change->record)
		return;
	edges = meta_edges(change->record, arena, &n);
	for (size_t k = 0; k < n; k++) {
		uint32_t need = map_get(&r->by_address, edges[k].address);
		/* What lived in something that goes is forgotten after it, not destroyed before. */
		bool forgotten = edges[k].kind == EDGE_WITHIN && change->action == ACTION_DROP;

		if (need != MAP_NONE && need != i)
			add_pair(r, forgotten ? need : i, forgotten ? i : need);
	}
}

static int by_before(const void *a, const void *b)
{
	const struct follows *x = a, *y = b;

	if (x->before != y->before)
		return x->before < y->before ? -1 : 1;
	return x->after < y->after ? -1 : x->after > y->after;
}

/* Fills `order`: those that wait for nobody as they stand, each further one when its last is listed. */
static void sort(struct removals *r, uint32_t *order)
{
	size_t *first = xcalloc((size_t)r->n + 1, sizeof(*first));
	uint32_t found = 0, done = 0;

	qsort(r->pairs, r->n_pairs, sizeof(*r->pairs), by_before);
	for (size_t k = 0; k < r->n_pairs; k++)
		first[r->pairs[k].before + 1] = k + 1;
	for (uint32_t i = 0; i < r->n; i++) {
		if (first[i + 1] < first[i])
			first[i + 1] = first[i];
		if (!r->waits[i])
			order[found++] = i;
	}
	while (done < found) {
		uint32_t i = order[done++];

		for (size_t k = first[i]; k < first[i + 1]; k++) {
			if (--r->waits[r->pairs[k].after] == 0)
				order[found++] = r->pairs[k].after;
		}
	}
	for (uint32_t i = 0; i < r->n && found < r->n; i++) {
		if (r->waits[i])
			order[found++] = i;
	}
	free(first);
}

void plan_order_removals(struct planner *p, size_t from)
{
	struct removals r = {
		.changes = p->plan->changes + from,
		.n = (uint32_t)(p->plan->n - from),
	};
	struct change *sorted;
	uint32_t *order;

	if (r.n < 2)
		return;
	r.waits = xcalloc(r.n, sizeof(*r.waits));
	map_reserve(&r.by_address, r.n);
	for (uint32_t i = 0; i < r.n; i++)
		map_add(&r.by_address, r.changes[i].address, i);
	for (uint32_t i = 0; i < r.n; i++)
		add_pairs(&r, i, p->in->arena);
	if (r.n_pairs) {
		order = xmalloc(r.n * sizeof(*order));
		sorted = xmalloc(r.n * sizeof(*sorted));
		sort(&r, order);
		for (uint32_t i = 0; i < r.n; i++)
			sorted[i] = r.changes[order[i]];
		memcpy(r.changes, sorted, r.n * sizeof(*sorted));
		free(order);
		free(sorted);
	}
	free(r.waits);
	free(r.pairs);
	map_release(&r.by_address);
}
