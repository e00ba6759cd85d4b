/*
 * The graph of desired resources: nodes in an array, edges as indexes. Built once per reconcile, in
 * its arena. Nothing recurses: a chain of 100,000 is as good as any other graph.
 */
#ifndef DEVENV_MODEL_GRAPH_H
#define DEVENV_MODEL_GRAPH_H

#include "base/diag.h"
#include "base/map.h"
#include "model/resource.h"

#include <stdint.h>

struct edge {
	uint32_t node;       /* the other end */
	enum edge_kind kind;
	struct pos pos;      /* where the manifest says so */
};

struct node {
	struct resource *resource;
	const struct edge *needs;   /* what it waits for; by node, each once (the strongest kind) */
	const struct edge *feeds;   /* who waits for it */
	uint32_t n_needs, n_feeds;
};

struct graph {
	struct node *nodes; /* in the order of the manifest */
	uint32_t n;
	uint32_t *order;    /* all nodes, dependencies first: by depth, then in the order of the manifest */
	struct map index;   /* address -> node */
};

struct graph_input {
	struct resource *resources;
	size_t n;
	const struct sources *sources;      /* to print places */
	const struct value *written;        /* the list under spec.resources, or NULL: what stands there but
	                                       could not be read is not called unknown, because its own
	                                       mistake is reported already */
	const struct value *const *readers; /* values of no resource: their references are checked, too */
	size_t n_readers;
};

/* Reports unknown addresses, self-references and cycles (as a path, with the place of each edge);
   -1 when there was an error. graph_release frees the index. */
int graph_build(struct graph *graph, const struct graph_input *in, struct arena *arena,
	struct diags *diags);
void graph_release(struct graph *graph);
uint32_t graph_find(const struct graph *graph, const char *address); /* UINT32_MAX: none */

/* Marks (a byte a node, in `arena`) everything reachable from the marked ones. */
void graph_close_over_needs(const struct graph *graph, uint8_t *marks);
/* The same, but nothing is reached that runs by itself. */
void graph_close_over_quiet_needs(const struct graph *graph, uint8_t *marks);
void graph_close_over_feeds(const struct graph *graph, uint8_t *marks);

#endif
