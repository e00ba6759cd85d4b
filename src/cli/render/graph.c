/* See graph.h. The tree expands each node once; deeper than DEPTH it starts anew at the
   margin. */
#include "cli/render/graph.h"

#include "cli/jsonl.h"

#include <stdlib.h>
#include <string.h>

enum { DEPTH = 24 };

const struct edge *graph_view_edges(const struct graph_view *view, uint32_t node, uint32_t *n)
{
	const struct node *at = &view->graph->nodes[node];

	*n = view->destroy ? at->n_feeds : at->n_needs;
	return view->destroy ? at->feeds : at->needs;
}

const struct edge *graph_view_back(const struct graph_view *view, uint32_t node, uint32_t *n)
{
	const struct node *at = &view->graph->nodes[node];

	*n = view->destroy ? at->n_needs : at->n_feeds;
	return view->destroy ? at->needs : at->feeds;
}

bool graph_view_has(const struct graph_view *view, uint32_t node)
{
	return !view->only || view->only[node];
}

static const char *address_of(const struct graph_view *view, uint32_t node)
{
	return view->graph->nodes[node].resource->address;
}

/* --- tree ------------------------------------------------------------------------------------- */

/* A node whose children are being printed. */
struct level {
	const struct edge *edges;
	uint32_t n, next;
};

struct tree {
	struct strbuf *buf;
	const struct graph_view *view;
	uint8_t *printed; /* by node: its children stand somewhere above */
	uint32_t *later;  /* too deep: roots of their own */
	size_t n_later, cap_later;
	struct level levels[DEPTH + 1];
	int depth;
};

/* The next child of a level that is in the view; *last: no other follows. */
static const struct edge *next_child(struct tree *t, struct level *level, bool *last)
{
	const struct edge *found = NULL;

	while (level->next < level->n && !graph_view_has(t->view, level->edges[level->next].node))
		level->next++;
	if (level->next < level->n)
		found = &level->edges[level->next++];
	*last = true;
	for (uint32_t i = level->next; i < level->n && *last; i++)
		*last = !graph_view_has(t->view, level->edges[i].node);
	return found;
}

static bool level_goes_on(const struct tree *t, const struct level *level)
{
	for (uint32_t i = level->next; i < level->n; i++)
		if (graph_view_has(t->view, level->edges[i].node))
			return true;
	return false;
}

static void add_branch(struct tree *t, bool last)
{
	const struct terminal *terminal = t->view->terminal;

	for (int i = 0; i + 1 < t->depth; i++) {
		if (level_goes_on(t, &t->levels[i]))
			paint(t->buf, terminal, STYLE_DIM, "%s ",
				terminal_symbol(terminal, SYMBOL_PIPE));
		else
			strbuf_addstr(t->buf, "   ");
	}
	paint(t->buf, terminal, STYLE_DIM, "%s ",
		terminal_symbol(terminal, last ? SYMBOL_LAST : SYMBOL_BRANCH));
}

static void enter(struct tree *t, uint32_t node)
{
	struct level *level = &t->levels[t->depth++];

	t->printed[node] = 1;
	level->edges = graph_view_edges(t->view, node, &level->n);
	level->next = 0;
}

static void put_off(struct tree *t, uint32_t node)
{
	VEC_GROW(t->later, t->n_later, t->cap_later);
	t->later[t->n_later++] = node;
}

static bool has_children(const struct tree *t, uint32_t node)
{
	uint32_t n;
	const struct edge *edges = graph_view_edges(t->view, node, &n);

	for (uint32_t i = 0; i < n; i++)
		if (graph_view_has(t->view, edges[i].node))
			return true;
	return false;
}

static void add_child(struct tree *t, const struct edge *edge, bool last)
{
	const struct terminal *terminal = t->view->terminal;
	bool more = has_children(t, edge->node);

	add_branch(t, last);
	strbuf_addstr(t->buf, address_of(t->view, edge->node));
	if (edge->kind != EDGE_USES && edge->kind != EDGE_HARD)
		paint(t->buf, terminal, STYLE_DIM, " (%s)", edge_kind_str(edge->kind));
	if (more && t->printed[edge->node]) {
		paint(t->buf, terminal, STYLE_DIM, " (see above)");
	} else if (more && t->depth >= DEPTH) {
		paint(t->buf, terminal, STYLE_DIM, " (see below)");
		put_off(t, edge->node);
	} else {
		strbuf_addch(t->buf, '\n');
		if (more)
			enter(t, edge->node);
		return;
	}
	strbuf_addch(t->buf, '\n');
}

static void add_root(struct tree *t, uint32_t root)
{
	if (t->printed[root])
		return;
	strbuf_addf(t->buf, "%s\n", address_of(t->view, root));
	enter(t, root);
	while (t->depth) {
		bool last;
		const struct edge *edge = next_child(t, &t->levels[t->depth - 1], &last);

		if (edge)
			add_child(t, edge, last);
		else
			t->depth--;
	}
}

static bool is_root(const struct graph_view *view, uint32_t node)
{
	uint32_t n;
	const struct edge *back = graph_view_back(view, node, &n);

	for (uint32_t i = 0; i < n; i++)
		if (graph_view_has(view, back[i].node))
			return false;
	return true;
}

void render_graph_tree(struct strbuf *buf, const struct graph_view *view)
{
	struct tree t = {.buf = buf, .view = view};

	t.printed = xcalloc(view->graph->n + 1, 1);
	for (uint32_t i = 0; i < view->graph->n; i++)
		if (graph_view_has(view, i) && is_root(view, i))
			add_root(&t, i);
	for (size_t i = 0; i < t.n_later; i++) /* grows while it is walked */
		add_root(&t, t.later[i]);
	free(t.printed);
	free(t.later);
}

/* --- for drawing tools ------------------------------------------------------------------------ */

/* Inside double quotes, for dot and mermaid. */
static void add_label(struct strbuf *buf, const char *text, const char *quote)
{
	for (; *text; text++) {
		if (*text == '"')
			strbuf_addstr(buf, quote);
		else if (*text == '\\')
			strbuf_addstr(buf, "\\\\");
		else
			strbuf_addch(buf, *text);
	}
}

static bool is_weak(enum edge_kind kind)
{
	return kind == EDGE_SOFT || kind == EDGE_ORDERING;
}

void render_graph_dot(struct strbuf *buf, const struct graph_view *view)
{
	strbuf_addstr(buf,
		"digraph devenv {\n\trankdir=LR;\n\tnode [shape=box, fontname=\"sans-serif\"];\n");
	for (uint32_t i = 0; i < view->graph->n; i++) {
		uint32_t n;
		const struct edge *edges = graph_view_edges(view, i, &n);

		if (!graph_view_has(view, i))
			continue;
		strbuf_addstr(buf, "\t\"");
		add_label(buf, address_of(view, i), "\\\"");
		strbuf_addstr(buf, "\";\n");
		for (uint32_t k = 0; k < n; k++) {
			if (!graph_view_has(view, edges[k].node))
				continue;
			strbuf_addstr(buf, "\t\"");
			add_label(buf, address_of(view, i), "\\\"");
			strbuf_addstr(buf, "\" -> \"");
			add_label(buf, address_of(view, edges[k].node), "\\\"");
			strbuf_addf(
				buf, "\"%s;\n", is_weak(edges[k].kind) ? " [style=dashed]" : "");
		}
	}
	strbuf_addstr(buf, "}\n");
}

void render_graph_mermaid(struct strbuf *buf, const struct graph_view *view)
{
	strbuf_addstr(buf, "graph LR\n");
	for (uint32_t i = 0; i < view->graph->n; i++) {
		uint32_t n;
		const struct edge *edges = graph_view_edges(view, i, &n);

		if (!graph_view_has(view, i))
			continue;
		strbuf_addf(buf, "  n%u[\"", i);
		add_label(buf, address_of(view, i), "#quot;");
		strbuf_addstr(buf, "\"]\n");
		for (uint32_t k = 0; k < n; k++)
			if (graph_view_has(view, edges[k].node))
				strbuf_addf(buf, "  n%u %s n%u\n", i,
					is_weak(edges[k].kind) ? "-.->" : "-->", edges[k].node);
	}
}

void render_graph_json(struct strbuf *buf, const struct graph_view *view,
	const struct sources *sources)
{
	for (uint32_t i = 0; i < view->graph->n; i++) {
		const struct resource *resource = view->graph->nodes[i].resource;
		const struct source *source = sources_get(sources, resource->pos.source);
		uint32_t n;
		const struct edge *edges = graph_view_edges(view, i, &n);

		if (!graph_view_has(view, i))
			continue;
		jsonl_begin(buf, "node", "info", "%s", resource->address);
		jsonl_text(buf, "address", resource->address);
		jsonl_text(buf, "resource_type", resource->type->name);
		jsonl_text(buf, "service", resource->service);
		if (resource->pos.source && source) {
			jsonl_text(buf, "file", source->path);
			jsonl_number(buf, "line", resource->pos.line);
		}
		jsonl_open(buf, "waits_for", '[');
		for (uint32_t k = 0; k < n; k++) {
			if (!graph_view_has(view, edges[k].node))
				continue;
			jsonl_open(buf, NULL, '{');
			jsonl_text(buf, "address", address_of(view, edges[k].node));
			jsonl_text(buf, "kind", edge_kind_str(edges[k].kind));
			jsonl_close(buf, '}');
		}
		jsonl_close(buf, ']');
		jsonl_end(buf);
	}
}
