/*
 * --target and --exclude. Making looks along the needs of the manifest: a target takes what it needs,
 * an exclusion leaves its dependents out. Destroying looks along the needs that are recorded, the other
 * way round: a target takes its dependents, an exclusion keeps what it needs. What stays as it is keeps
 * what it was recorded as needing, whoever else may be done with it.
 */
#include "engine/plan/internal.h"

#include "engine/plan/inputs.h"

#include <stdlib.h>
#include <string.h>

struct link {
	uint32_t from, to; /* records */
};

struct links {
	struct link *list;
	size_t n, cap;
	size_t *first; /* per record: of its links in the list */
};

/* The address, or all instances of a forEach. */
static bool is_called(const char *address, const char *name)
{
	size_t len = strlen(name);

	return strncmp(address, name, len) == 0 && (!address[len] || address[len] == '[');
}

static bool is_listed(const char *const *names, const char *address)
{
	for (; names && *names; names++) {
		if (is_called(address, *names))
			return true;
	}
	return false;
}

/* --- the manifest ------------------------------------------------------------------------------- */

static void report_unknown(const struct planner_input *in, const char *name, bool recorded)
{
	struct nearest nearest = {.word = name};

	diag_error(in->diags, POS_NONE, recorded ? "%s is no longer in the manifest" : "there is no resource %s",
		name);
	if (recorded) {
		diag_hint(in->diags, "`devenv destroy --target %s` destroys it", name);
		return;
	}
	for (uint32_t i = 0; i < in->graph->n; i++)
		nearest_try(&nearest, in->graph->nodes[i].resource->address);
	for (size_t i = 0; i < in->n_records; i++)
		nearest_try(&nearest, in->records[i].address);
	if (nearest.best)
		diag_hint(in->diags, "did you mean %s?", nearest.best);
}

static bool is_recorded(const struct planner_input *in, const char *name)
{
	for (size_t i = 0; i < in->n_records; i++) {
		if (is_called(in->records[i].address, name))
			return true;
	}
	for (size_t i = 0; i < in->n_intents; i++) {
		if (is_called(in->intents[i].address, name))
			return true;
	}
	return false;
}

/* Marks nodes. What is recorded only has none, which is all right where `recorded`. */
static void mark_nodes(const struct planner_input *in, const char *const *names, bool recorded, uint8_t *marks)
{
	for (; names && *names; names++) {
		bool found = false, known;

		for (uint32_t i = 0; i < in->graph->n; i++) {
			if (is_called(in->graph->nodes[i].resource->address, *names))
				marks[i] = found = true;
		}
		known = !found && is_recorded(in, *names);
		if (!found && !(known && recorded))
			report_unknown(in, *names, known);
	}
}

/* With no_deps what is needed is taken as it is: so it has to be. */
static void check_needs(const struct planner *p)
{
	const struct planner_input *in = p->in;

	for (uint32_t i = 0; i < in->graph->n; i++) {
		const struct node *node = &in->graph->nodes[i];

		for (uint32_t k = 0; p->selected[i] && k < node->n_needs; k++) {
			uint32_t need = node->needs[k].node;
			const char *address = in->graph->nodes[need].resource->address;

			if (p->selected[need] || node->needs[k].kind < EDGE_HARD || is_recorded(in, address))
				continue;
			diag_error(in->diags, node->resource->pos, "%s needs %s, which does not exist yet",
				node->resource->address, address);
			diag_hint(in->diags, "leave --no-deps out this time");
			diag_address(in->diags, node->resource->address);
		}
	}
}

static void select_nodes(struct planner *p)
{
	const struct planner_input *in = p->in;
	const struct plan_options *options = in->options;
	uint8_t *excluded = arena_zalloc(in->arena, in->graph->n + 1);

	p->selected = arena_zalloc(in->arena, in->graph->n + 1);
	if (options->targets)
		mark_nodes(in, options->targets, options->destroy, p->selected);
	else
		memset(p->selected, 1, in->graph->n);
	if (options->no_deps)
		graph_close_over_quiet_needs(in->graph, p->selected);
	else
		graph_close_over_needs(in->graph, p->selected);
	mark_nodes(in, options->excludes, true, excluded);
	graph_close_over_feeds(in->graph, excluded);
	for (uint32_t i = 0; i < in->graph->n; i++)
		p->selected[i] = p->selected[i] && !excluded[i];
	if (options->no_deps)
		check_needs(p);
}

/* --- what is recorded --------------------------------------------------------------------------- */

static int by_from(const void *a, const void *b)
{
	const struct link *x = a, *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

/* From what needs to what is needed, or the other way round. All generations of an address are one. */
static void link_records(const struct planner *p, bool to_needs, struct links *out)
{
	const struct planner_input *in = p->in;

	*out = (struct links){.first = xcalloc(in->n_records + 1, sizeof(*out->first))};
	for (size_t i = 0; i < in->n_records; i++) {
		uint32_t self = map_get(&p->records, in->records[i].address);
		size_t n;
		const struct record_edge *edges = meta_edges(&in->records[i], in->arena, &n);

		for (size_t k = 0; k < n; k++) {
			uint32_t need = map_get(&p->records, edges[k].address);

			if (need == MAP_NONE || edges[k].kind < (to_needs ? EDGE_SOFT : EDGE_HARD))
				continue;
			VEC_GROW(out->list, out->n, out->cap);
			out->list[out->n++] = to_needs ? (struct link){self, need}
						       : (struct link){need, self};
		}
	}
	if (out->n)
		qsort(out->list, out->n, sizeof(*out->list), by_from);
	for (size_t k = 0; k < out->n; k++)
		out->first[out->list[k].from + 1] = k + 1;
	for (size_t i = 1; i <= in->n_records; i++) {
		if (out->first[i] < out->first[i - 1])
			out->first[i] = out->first[i - 1];
	}
}

static void close_over(const struct planner *p, bool to_needs, uint8_t *marks)
{
	uint32_t *queue = xmalloc((p->in->n_records + 1) * sizeof(*queue));
	uint32_t head = 0, tail = 0;
	struct links links;

	link_records(p, to_needs, &links);
	for (uint32_t i = 0; i < p->in->n_records; i++) {
		if (marks[i])
			queue[tail++] = i;
	}
	while (head < tail) {
		uint32_t at = queue[head++];

		for (size_t k = links.first[at]; k < links.first[at + 1]; k++) {
			uint32_t to = links.list[k].to;

			if (!marks[to]) {
				marks[to] = 1;
				queue[tail++] = to;
			}
		}
	}
	free(queue);
	free(links.list);
	free(links.first);
}

/* Does it stay as it is, whatever becomes of what it needs? */
static bool is_left_alone(const struct planner *p, const char *address)
{
	uint32_t node = p->in->options->destroy ? MAP_NONE : graph_find(p->in->graph, address);

	return is_listed(p->in->options->excludes, address) || (node != MAP_NONE && !p->selected[node]);
}

static void spare_records(struct planner *p)
{
	const struct planner_input *in = p->in;
	uint8_t *taken = arena_zalloc(in->arena, in->n_records + 1);
	uint8_t *kept = arena_zalloc(in->arena, in->n_records + 1);
	bool narrow = in->options->destroy && in->options->targets;

	for (size_t i = 0; i < in->n_records; i++) {
		uint32_t self = map_get(&p->records, in->records[i].address);

		taken[self] = !narrow || is_listed(in->options->targets, in->records[i].address);
		kept[self] = is_left_alone(p, in->records[i].address);
	}
	if (narrow)
		close_over(p, false, taken);
	close_over(p, true, kept);
	p->spared = arena_zalloc(in->arena, in->n_records + 1);
	for (size_t i = 0; i < in->n_records; i++) {
		uint32_t self = map_get(&p->records, in->records[i].address);

		p->spared[i] = kept[self] || !taken[self];
	}
}

void plan_select(struct planner *p)
{
	if (!p->in->options->targets && !p->in->options->excludes)
		return;
	select_nodes(p);
	spare_records(p);
}

bool plan_spares_intent(const struct planner *p, const struct intent *intent)
{
	const struct plan_options *options = p->in->options;

	return is_listed(options->excludes, intent->address) ||
	       (options->destroy && options->targets && !is_listed(options->targets, intent->address));
}

void plan_left_out(struct planner *p, const struct resource *resource, const struct because *replaced)
{
	if (!replaced->address || replaced->perhaps || p->in->options->refresh_only)
		return;
	diag_error(p->in->diags, resource->pos, "%s is attached to %s, which is to be replaced, but is left out",
		resource->address, replaced->address);
	diag_hint(p->in->diags, "take it in with --target, or leave %s out, too", replaced->address);
	diag_address(p->in->diags, resource->address);
}
