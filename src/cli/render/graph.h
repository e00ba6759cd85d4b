/*
 * A graph for people, programs and drawing tools. In all forms an edge leads from a node to one
 * that it waits for: what it needs, or, with `destroy`, what has to be destroyed before it. Nothing
 * recurses.
 */
#ifndef DEVENV_CLI_RENDER_GRAPH_H
#define DEVENV_CLI_RENDER_GRAPH_H

#include "cli/terminal.h"
#include "model/graph.h"

struct graph_view {
	const struct terminal *terminal;
	const struct graph *graph;
	const uint8_t *only; /* a byte a node: leave out the others; NULL: all */
	bool destroy;
};

void render_graph_tree(struct strbuf *buf, const struct graph_view *view);
void render_graph_dot(struct strbuf *buf, const struct graph_view *view);
void render_graph_mermaid(struct strbuf *buf, const struct graph_view *view);
void render_graph_json(struct strbuf *buf, const struct graph_view *view,
	const struct sources *sources);
void render_graph_svg(struct strbuf *buf, const struct graph_view *view);

/* The edges that the view follows from a node, and back. */
const struct edge *graph_view_edges(const struct graph_view *view, uint32_t node, uint32_t *n);
const struct edge *graph_view_back(const struct graph_view *view, uint32_t node, uint32_t *n);
bool graph_view_has(const struct graph_view *view, uint32_t node);

#endif
