/* devenv graph: the order of things, from the manifest alone. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/names.h"
#include "cli/render/graph.h"

#include <string.h>

/* Marks `address` and what waits for it, directly or not. */
static const uint8_t *impact(struct cli *cli, const struct reconcile *r, const char *address)
{
	const struct graph *graph = &r->graph;
	const char *const *found = names_addresses(cli, r, address, false);
	struct nearest nearest = {.word = address};
	struct error err = ERROR_INIT;
	uint8_t *marks;

	if (!*found) {
		for (uint32_t i = 0; i < graph->n; i++)
			nearest_try(&nearest, graph->nodes[i].resource->address);
		name_unknown(&nearest, &err);
		cli_fail(cli, &err);
		return NULL;
	}
	marks = arena_zalloc(&cli->arena, graph->n);
	for (; *found; found++)
		marks[graph_find(graph, *found)] = 1;
	graph_close_over_feeds(graph, marks);
	return marks;
}

static int show(struct cli *cli, const struct reconcile *r)
{
	const char *format = args_text(&cli->args, "format"),
		   *address = args_text(&cli->args, "impact");
	struct graph_view view = {
		.terminal = &cli->out.terminal,
		.graph = &r->graph,
		.destroy = args_flag(&cli->args, "destroy"),
	};
	struct strbuf *buf = &cli->out.buf;

	if (address) {
		view.only = impact(cli, r, address);
		if (!view.only)
			return EXIT_FAILED;
		/* A tree begins with the address: below it what depends on it. */
		view.destroy |= !cli->json && strcmp(format, "tree") == 0;
	}
	if (cli->json)
		render_graph_json(buf, &view, &r->manifest.sources);
	else if (strcmp(format, "dot") == 0)
		render_graph_dot(buf, &view);
	else if (strcmp(format, "mermaid") == 0)
		render_graph_mermaid(buf, &view);
	else if (strcmp(format, "svg") == 0)
		render_graph_svg(buf, &view);
	else
		render_graph_tree(buf, &view);
	return EXIT_OK;
}

static int run_graph(struct cli *cli)
{
	struct reconcile r;
	int status = session_load(cli, &r);

	if (!status) {
		session_warnings(cli, &r);
		status = show(cli, &r);
	}
	session_end(cli, &r);
	return status;
}

static const char *const formats[] = {"tree", "dot", "mermaid", "json", "svg", NULL};

const struct command command_graph = {
	.name = "graph",
	.group = "Look",
	.summary = "Draw what depends on what",
	.description =
		"Prints the graph of the manifest's resources as a tree: below each resource "
		"stands what it waits for. In the other formats an edge leads from a resource to "
		"one that it waits for; in SVG what comes first stands on the left; JSON is "
		"--json: a line for each resource. With --destroy it is the order of destroying. --impact keeps "
		"one resource and everything that depends on it, directly or not; the tree then begins "
		"with that resource, and below each stands what depends on it.",
	.options = (const struct option[]){
		{.name = "format", .kind = OPTION_TEXT, .argument = "FORMAT", .fallback = "tree",
			.env = "DEVENV_GRAPH_FORMAT", .complete = COMPLETE_CHOICES,
			.choices = formats,
			.help = "tree, dot, mermaid, json or svg"},
		{.name = "destroy", .kind = OPTION_FLAG, .env = "DEVENV_GRAPH_DESTROY",
			.help = "The order of destroying"},
		{.name = "impact", .kind = OPTION_TEXT, .argument = "ADDRESS",
			.complete = COMPLETE_ADDRESS, .help = "Only this and what depends on it"},
		{.name = NULL}},
	.examples = (const struct example[]){
		{"As a tree", "devenv graph"},
		{"What would feel a change of the network?",
			"devenv graph --impact docker_network.main"},
		{"A picture", "devenv graph --format svg > graph.svg"},
		{"For Graphviz", "devenv graph --format dot | dot -Tpng > graph.png"},
		{NULL, NULL}},
	.run = run_graph,
};
