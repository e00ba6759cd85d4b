/*
 * Building the graph: collect edges, resource by resource; pack them into arrays in both directions;
 * order with a counter of missing needs. What is left over when no counter is zero lies on or behind
 * a cycle, which is then found by following needs until a node comes up twice.
 */
#include "model/graph.h"

#include "base/strbuf.h"
#include "model/template.h"

#include <stdlib.h>
#include <string.h>

struct raw_edge {
	uint32_t from, to; /* from needs to */
	enum edge_kind kind;
	struct pos pos;
};

struct builder {
	struct graph *graph;
	struct arena *arena;
	struct arena parts;       /* of templates: only looked at here */
	const struct sources *sources;
	const struct value *written;
	struct diags *diags;
	struct map bases;         /* "type.name" -> first instance of a forEach */
	uint32_t *next_instance;  /* the next one of the same base; UINT32_MAX ends */
	struct raw_edge *edges;
	size_t n_edges, cap_edges;
	uint32_t *seen;           /* per node: index + 1 of the edge from the current node to it */
	size_t first_edge;        /* of the current node */
	uint32_t current;         /* UINT32_MAX: none, references are only looked at */
	enum edge_kind kind;      /* that the attribute being visited makes */
};

const char *edge_kind_str(enum edge_kind kind)
{
	switch (kind) {
	case EDGE_ORDERING: return "ordering";
	case EDGE_SOFT: return "soft";
	case EDGE_HARD: return "hard";
	case EDGE_USES: return "uses";
	case EDGE_ATTACHED: return "attached";
	case EDGE_WITHIN: return "within";
	}
	return "?";
}

uint32_t graph_find(const struct graph *graph, const char *address)
{
	return map_get(&graph->index, address);
}

static const char *base_address(const struct resource *resource, struct arena *arena)
{
	return resource->key
		? arena_printf(arena, "%s.%s", resource->type->name, resource->name)
		: resource->address;
}

static void index_nodes(struct builder *b, struct resource *resources, size_t n)
{
	struct graph *graph = b->graph;
	uint32_t *last = arena_alloc(b->arena, n * sizeof(*last));

	map_reserve(&graph->index, n);
	for (uint32_t i = 0; i < n; i++) {
		const char *base;
		uint32_t first;

		graph->nodes[i].resource = &resources[i];
		b->next_instance[i] = UINT32_MAX;
		if (!map_add(&graph->index, resources[i].address, i)) {
			diag_error(b->diags, resources[i].pos, "%s is declared twice",
				resources[i].address);
			diag_hint(b->diags, "give one of them another name");
		}
		if (!resources[i].key)
			continue;
		base = base_address(&resources[i], b->arena);
		first = map_get(&b->bases, base);
		if (first == MAP_NONE)
			map_add(&b->bases, base, i);
		else
			b->next_instance[last[first]] = i;
		last[first == MAP_NONE ? i : first] = i;
	}
}

static void add_edge(struct builder *b, uint32_t to, enum edge_kind kind, struct pos pos)
{
	if (b->current == UINT32_MAX)
		return;
	if (kind == EDGE_WITHIN && !(b->graph->nodes[to].resource->type->flags & TYPE_HOLDS))
		kind = EDGE_USES; /* the path of a kubeconfig in a file that is just a file */
	if (b->seen[to] > b->first_edge) {
		struct raw_edge *known = &b->edges[b->seen[to] - 1];

		if (kind > known->kind) {
			known->kind = kind;
			known->pos = pos;
		}
		return;
	}
	VEC_GROW(b->edges, b->n_edges, b->cap_edges);
	b->edges[b->n_edges++] = (struct raw_edge){b->current, to, kind, pos};
	b->seen[to] = (uint32_t)b->n_edges;
}

/* Declared, but it could not be read: its own mistake is reported already. */
static bool is_written(const struct builder *b, const char *address)
{
	for (uint32_t i = 0; b->written && b->written->kind == VALUE_LIST && i < b->written->len; i++) {
		const struct value *resource = &b->written->items[i];
		const char *type = value_get_text(resource, "type", "");
		size_t len = strlen(type);
		const char *name = value_get_text(resource, "name", "");

		if (strncmp(address, type, len) == 0 && address[len] == '.' &&
			strncmp(address + len + 1, name, strlen(name)) == 0 &&
			(!address[len + 1 + strlen(name)] || address[len + 1 + strlen(name)] == '['))
			return true;
	}
	return false;
}

static void blame_current(struct builder *b)
{
	if (b->current != UINT32_MAX)
		diag_address(b->diags, b->graph->nodes[b->current].resource->address);
}

/* The resource is there, the instance is not. */
static bool report_instance(struct builder *b, const char *address, struct pos pos)
{
	const char *base = arena_strndup(b->arena, address, strcspn(address, "["));
	uint32_t first = map_get(&b->bases, base);
	struct nearest nearest = {.word = address};

	if (!address[strlen(base)] || (first == MAP_NONE && graph_find(b->graph, base) == MAP_NONE))
		return false;
	if (first == MAP_NONE) {
		diag_error(b->diags, pos, "%s has no instances", base);
		diag_hint(b->diags, "it has no forEach: write %s", base);
	} else {
		diag_error(b->diags, pos, "there is no instance %s", address);
		for (; first != UINT32_MAX; first = b->next_instance[first])
			nearest_try(&nearest, b->graph->nodes[first].resource->address);
		if (nearest.best)
			diag_hint(b->diags, "did you mean %s?", nearest.best);
		else
			diag_hint(b->diags, "the forEach of %s has no such key", base);
	}
	blame_current(b);
	return true;
}

static void report_unknown(struct builder *b, const char *address, struct pos pos)
{
	struct nearest nearest = {.word = address};

	if (report_instance(b, address, pos) || is_written(b, address))
		return;
	diag_error(b->diags, pos, "there is no resource %s", address);
	blame_current(b);
	for (uint32_t i = 0; i < b->graph->n; i++)
		nearest_try(&nearest, b->graph->nodes[i].resource->address);
	if (nearest.best)
		diag_hint(b->diags, "did you mean %s?", nearest.best);
	else
		diag_hint(b->diags, "declare it under spec.resources, or correct the address");
}

/* Edges to one address, or to all instances of a forEach. Returns the first; UINT32_MAX: none. */
static uint32_t connect(struct builder *b, const char *address, enum edge_kind kind, struct pos pos)
{
	uint32_t to = graph_find(b->graph, address), first;

	if (to != MAP_NONE) {
		if (to == b->current) {
			diag_error(b->diags, pos, "%s refers to itself", address);
			diag_hint(b->diags, "a resource cannot depend on its own attributes");
		} else {
			add_edge(b, to, kind, pos);
		}
		return to;
	}
	first = to = map_get(&b->bases, address);
	for (; to != UINT32_MAX; to = b->next_instance[to]) {
		if (to != b->current)
			add_edge(b, to, kind, pos);
	}
	return first;
}

/* The first step of "output.sub[0]". */
static size_t first_step(const char *path)
{
	return strcspn(path, ".[");
}

static void check_path(struct builder *b, const struct type *type, const struct part *part)
{
	size_t len = first_step(part->path);
	char name[128];
	struct nearest nearest = {.word = name};

	if (!len || len >= sizeof(name))
		return;
	memcpy(name, part->path, len);
	name[len] = '\0';
	if (type->flags & TYPE_OPEN_OUTPUTS || type_output(type, name) || type_attribute(type, name))
		return;
	diag_error(b->diags, part->pos, "%s has no attribute or output \"%s\"", type->name, name);
	for (size_t i = 0; i < type->n_outputs; i++)
		nearest_try(&nearest, type->outputs[i].name);
	for (size_t i = 0; i < type->schema->n_properties; i++)
		nearest_try(&nearest, type->schema->properties[i].name);
	if (nearest.best)
		diag_hint(b->diags, "did you mean \"%s\"?", nearest.best);
	else
		diag_hint(b->diags, "see `devenv config schema types/%s.json`", type->name);
}

static void see_part(void *arg, const struct part *part, const struct value *string)
{
	struct builder *b = arg;
	uint32_t to;

	(void)string;
	if (part->kind != PART_RESOURCE)
		return;
	to = connect(b, part->name, b->kind, part->pos);
	if (to == UINT32_MAX) {
		if (!part->fallback)
			report_unknown(b, part->name, part->pos);
		return;
	}
	if (!part->every && b->graph->nodes[to].resource->key &&
		graph_find(b->graph, part->name) == MAP_NONE) {
		diag_error(b->diags, part->pos, "%s has several instances", part->name);
		diag_hint(b->diags, "name one, %s[\"KEY\"], or all, %s[*]", part->name, part->name);
	}
	check_path(b, b->graph->nodes[to].resource->type, part);
}

static enum edge_kind edge_kind_of(const struct schema *schema)
{
	if (schema && schema->flags & SCHEMA_WITHIN)
		return EDGE_WITHIN;
	return schema && schema->flags & SCHEMA_ATTACHED ? EDGE_ATTACHED : EDGE_USES;
}

static void collect(struct builder *b, const struct resource *resource)
{
	const struct value *attributes = resource->attributes;

	for (uint32_t i = 0; i < attributes->len; i++) {
		const struct member *member = &attributes->members[i];
		const struct schema *schema;

		if (!(member->value.flags & VALUE_TEMPLATE))
			continue;
		schema = type_attribute(resource->type, member->key);
		b->kind = edge_kind_of(schema);
		template_visit(&member->value, &b->parts, b->diags, see_part, b);
	}
	b->kind = EDGE_USES;
	if (resource->readiness.spec && resource->readiness.spec->flags & VALUE_TEMPLATE)
		template_visit(resource->readiness.spec, &b->parts, b->diags, see_part, b);
	for (size_t i = 0; i < resource->n_depends_on; i++) {
		const struct dependency *dep = &resource->depends_on[i];

		if (connect(b, dep->address, dep->kind, dep->pos) == UINT32_MAX)
			report_unknown(b, dep->address, dep->pos);
	}
	for (size_t i = 0; i < resource->lifecycle.n_replace_triggered_by; i++) {
		const struct dependency *dep = &resource->lifecycle.replace_triggered_by[i];

		if (connect(b, dep->address, EDGE_HARD, dep->pos) == UINT32_MAX)
			report_unknown(b, dep->address, dep->pos);
	}
}

/* Both directions, each packed into one array. */
static void pack(struct builder *b)
{
	struct graph *graph = b->graph;
	struct edge *needs = arena_alloc(b->arena, b->n_edges * sizeof(*needs));
	struct edge *feeds = arena_alloc(b->arena, b->n_edges * sizeof(*feeds));
	size_t at = 0;

	for (size_t i = 0; i < b->n_edges; i++) {
		graph->nodes[b->edges[i].from].n_needs++;
		graph->nodes[b->edges[i].to].n_feeds++;
	}
	for (uint32_t i = 0; i < graph->n; i++) {
		graph->nodes[i].feeds = feeds + at;
		at += graph->nodes[i].n_feeds;
		graph->nodes[i].n_feeds = 0;
	}
	for (size_t i = 0; i < b->n_edges; i++) { /* grouped by `from` already */
		const struct raw_edge *edge = &b->edges[i];
		struct node *to = &graph->nodes[edge->to];

		needs[i] = (struct edge){edge->to, edge->kind, edge->pos};
		((struct edge *)to->feeds)[to->n_feeds++] =
			(struct edge){edge->from, edge->kind, edge->pos};
	}
	at = 0;
	for (uint32_t i = 0; i < graph->n; i++) {
		graph->nodes[i].needs = needs + at;
		at += graph->nodes[i].n_needs;
	}
}

static const struct edge *edge_between(const struct node *node, const uint32_t *missing)
{
	for (uint32_t i = 0; i < node->n_needs; i++) {
		if (missing[node->needs[i].node])
			return &node->needs[i];
	}
	return NULL;
}

static void report_cycle(struct builder *b, const uint32_t *missing)
{
	struct graph *graph = b->graph;
	uint8_t *visited = arena_zalloc(b->arena, graph->n);
	struct strbuf text = STRBUF_INIT;
	uint32_t at = 0, start;
	struct pos pos = POS_NONE;

	while (!missing[at])
		at++;
	while (!visited[at]) { /* every unfinished node needs an unfinished one: this must come round */
		visited[at] = 1;
		at = edge_between(&graph->nodes[at], missing)->node;
	}
	start = at;
	do {
		const struct edge *edge = edge_between(&graph->nodes[at], missing);

		if (!text.len)
			pos = edge->pos;
		strbuf_addf(&text, "\n    %s needs %s (%s)", graph->nodes[at].resource->address,
			graph->nodes[edge->node].resource->address,
			pos_str(b->sources, edge->pos, b->arena));
		at = edge->node;
	} while (at != start);
	diag_error(b->diags, pos, "resources depend on each other in a circle:%s", text.text);
	diag_hint(b->diags, "remove one of these dependencies");
	strbuf_release(&text);
}

static void sort(struct builder *b)
{
	struct graph *graph = b->graph;
	uint32_t *missing = arena_alloc(b->arena, graph->n * sizeof(*missing));
	uint32_t done = 0, found = 0;

	graph->order = arena_alloc(b->arena, graph->n * sizeof(*graph->order));
	for (uint32_t i = 0; i < graph->n; i++) {
		missing[i] = graph->nodes[i].n_needs;
		if (!missing[i])
			graph->order[found++] = i;
	}
	while (done < found) {
		const struct node *node = &graph->nodes[graph->order[done++]];

		for (uint32_t i = 0; i < node->n_feeds; i++) {
			if (--missing[node->feeds[i].node] == 0)
				graph->order[found++] = node->feeds[i].node;
		}
	}
	if (found < graph->n)
		report_cycle(b, missing);
}

int graph_build(struct graph *graph, const struct graph_input *in, struct arena *arena,
	struct diags *diags)
{
	size_t errors = diags->errors, n = in->n;
	struct builder b = {
		.graph = graph,
		.arena = arena,
		.sources = in->sources,
		.written = in->written,
		.diags = diags,
		.next_instance = arena_alloc(arena, n * sizeof(uint32_t)),
		.seen = xcalloc(n + 1, sizeof(uint32_t)),
	};

	*graph = (struct graph){.n = (uint32_t)n};
	graph->nodes = arena_zalloc(arena, n * sizeof(*graph->nodes));
	index_nodes(&b, in->resources, n);
	for (uint32_t i = 0; i < n; i++) {
		b.current = i;
		b.first_edge = b.n_edges;
		collect(&b, &in->resources[i]);
	}
	b.current = UINT32_MAX;
	for (size_t i = 0; i < in->n_readers; i++)
		template_visit(in->readers[i], &b.parts, diags, see_part, &b);
	arena_release(&b.parts);
	pack(&b);
	sort(&b);
	map_release(&b.bases);
	free(b.edges);
	free(b.seen);
	return diags->errors > errors ? -1 : 0;
}

void graph_release(struct graph *graph)
{
	map_release(&graph->index);
}

static void close_over(const struct graph *graph, uint8_t *marks, bool needs, unsigned without)
{
	uint32_t *queue = xmalloc((graph->n + 1) * sizeof(*queue));
	uint32_t head = 0, tail = 0;

	for (uint32_t i = 0; i < graph->n; i++) {
		if (marks[i])
			queue[tail++] = i;
	}
	while (head < tail) {
		const struct node *node = &graph->nodes[queue[head++]];
		const struct edge *edges = needs ? node->needs : node->feeds;
		uint32_t n = needs ? node->n_needs : node->n_feeds;

		for (uint32_t i = 0; i < n; i++) {
			if (!marks[edges[i].node] &&
				!(graph->nodes[edges[i].node].resource->type->flags & without)) {
				marks[edges[i].node] = 1;
				queue[tail++] = edges[i].node;
			}
		}
	}
	free(queue);
}

void graph_close_over_needs(const struct graph *graph, uint8_t *marks)
{
	close_over(graph, marks, true, 0);
}

void graph_close_over_quiet_needs(const struct graph *graph, uint8_t *marks)
{
	close_over(graph, marks, true, TYPE_RUNS);
}

void graph_close_over_feeds(const struct graph *graph, uint8_t *marks)
{
	close_over(graph, marks, false, 0);
}
