/*
 * A drawing without any tool: nodes in columns by their longest way from what waits for nothing,
 * each a box, each edge a curve from the right side of what is waited for to the left of what
 * waits.
 */
#include "cli/render/graph.h"

#include <stdlib.h>
#include <string.h>

enum { CHARACTER = 8, BOX = 28, ROW = 44, GAP = 60, MARGIN = 20, PADDING = 12 };

struct layout {
	uint32_t *column, *row; /* by node */
	uint32_t n_columns;
	uint32_t *rows;         /* by column: how many */
	int *x, *width;         /* by column */
	int height;
};

static int label_width(const struct graph_view *view, uint32_t node)
{
	return display_width(view->graph->nodes[node].resource->address) * CHARACTER + 2 * PADDING;
}

static void place_columns(const struct graph_view *view, struct layout *l)
{
	const struct graph *graph = view->graph;

	for (uint32_t k = 0; k < graph->n; k++) {
		uint32_t node = graph->order[view->destroy ? graph->n - 1 - k : k], n;
		const struct edge *edges = graph_view_edges(view, node, &n);

		if (!graph_view_has(view, node))
			continue;
		for (uint32_t i = 0; i < n; i++)
			if (graph_view_has(view, edges[i].node) &&
				l->column[edges[i].node] >= l->column[node])
				l->column[node] = l->column[edges[i].node] + 1;
		if (l->column[node] >= l->n_columns)
			l->n_columns = l->column[node] + 1;
	}
}

static void place_rows(const struct graph_view *view, struct layout *l)
{
	uint32_t most = 0;
	int x = MARGIN;

	for (uint32_t i = 0; i < view->graph->n; i++) {
		uint32_t column = l->column[i];

		if (!graph_view_has(view, i))
			continue;
		l->row[i] = l->rows[column]++;
		if (label_width(view, i) > l->width[column])
			l->width[column] = label_width(view, i);
		most = l->rows[column] > most ? l->rows[column] : most;
	}
	for (uint32_t i = 0; i < l->n_columns; i++) {
		l->x[i] = x;
		x += l->width[i] + GAP;
	}
	l->x[l->n_columns] = x - GAP + MARGIN;
	l->height = (int)most * ROW + MARGIN;
}

static int top(const struct layout *l, uint32_t node)
{
	return MARGIN + (int)l->row[node] * ROW;
}

static void add_text(struct strbuf *buf, const char *text)
{
	for (; *text; text++) {
		if (*text == '<')
			strbuf_addstr(buf, "&lt;");
		else if (*text == '&')
			strbuf_addstr(buf, "&amp;");
		else if (*text == '"')
			strbuf_addstr(buf, "&quot;");
		else
			strbuf_addch(buf, *text);
	}
}

static void add_edges(struct strbuf *buf, const struct graph_view *view, const struct layout *l,
	uint32_t node)
{
	uint32_t n;
	const struct edge *edges = graph_view_edges(view, node, &n);

	for (uint32_t i = 0; i < n; i++) {
		uint32_t from = edges[i].node;
		int x1, y1, x2, y2, bend, sag;

		if (!graph_view_has(view, from))
			continue;
		x1 = l->x[l->column[from]] + l->width[l->column[from]];
		y1 = top(l, from) + BOX / 2;
		x2 = l->x[l->column[node]];
		y2 = top(l, node) + BOX / 2;
		bend = (x1 + x2) / 2;
		/* Between the rows, where it would else be hidden behind a box in the same row. */
		sag = y1 == y2 && l->column[node] > l->column[from] + 1 ? ROW * 2 / 3 : 0;
		strbuf_addf(buf,
			"<path d=\"M%d %d C%d %d %d %d %d %d\" fill=\"none\" "
			"stroke=\"#888\"%s/>\n", x1,
			y1, sag ? x1 + GAP : bend, y1 + sag, sag ? x2 - GAP : bend, y2 + sag, x2, y2,
			edges[i].kind == EDGE_SOFT || edges[i].kind == EDGE_ORDERING
				? " stroke-dasharray=\"4\""
				: "");
	}
}

static void add_box(struct strbuf *buf, const struct graph_view *view, const struct layout *l,
	uint32_t node)
{
	int x = l->x[l->column[node]], y = top(l, node);

	strbuf_addf(buf,
		"<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"4\" fill=\"#eef\" "
		"stroke=\"#557\"/>\n<text x=\"%d\" y=\"%d\">",
		x, y, l->width[l->column[node]], BOX, x + PADDING, y + BOX / 2 + 4);
	add_text(buf, view->graph->nodes[node].resource->address);
	strbuf_addstr(buf, "</text>\n");
}

void render_graph_svg(struct strbuf *buf, const struct graph_view *view)
{
	uint32_t n = view->graph->n;
	struct layout l = {
		.column = xcalloc(n + 1, sizeof(*l.column)),
		.row = xcalloc(n + 1, sizeof(*l.row)),
		.rows = xcalloc(n + 1, sizeof(*l.rows)),
		.x = xcalloc(n + 2, sizeof(*l.x)),
		.width = xcalloc(n + 1, sizeof(*l.width)),
	};

	place_columns(view, &l);
	place_rows(view, &l);
	strbuf_addf(buf,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
		"font-family=\"monospace\" font-size=\"13\">\n",
		l.x[l.n_columns], l.height);
	for (uint32_t i = 0; i < n; i++)
		if (graph_view_has(view, i))
			add_edges(buf, view, &l, i);
	for (uint32_t i = 0; i < n; i++)
		if (graph_view_has(view, i))
			add_box(buf, view, &l, i);
	strbuf_addstr(buf, "</svg>\n");
	free(l.column);
	free(l.row);
	free(l.rows);
	free(l.x);
	free(l.width);
}
