/* Drawings of graphs, also of one that is 100,000 deep. */
#include "cli/render/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static const struct terminal ascii = {.width = 80};

struct fixture {
	struct arena arena;
	struct graph graph;
	struct graph_view view;
	struct strbuf out;
};

/* Node i needs those in `needs[i]`, a list that ends with -1. */
static void setup(struct fixture *f, uint32_t n, const int (*needs)[3])
{
	static const struct type type = {.name = "t"};

	*f = (struct fixture){.out = STRBUF_INIT};
	f->graph.n = n;
	f->graph.nodes = arena_zalloc(&f->arena, n * sizeof(*f->graph.nodes));
	f->graph.order = arena_zalloc(&f->arena, n * sizeof(*f->graph.order));
	for (uint32_t i = 0; i < n; i++) {
		struct resource *resource = arena_zalloc(&f->arena, sizeof(*resource));
		struct edge *edges = arena_zalloc(&f->arena, 3 * sizeof(*edges));

		resource->address = arena_printf(&f->arena, "t.n%u", i);
		resource->type = &type;
		f->graph.nodes[i].resource = resource;
		f->graph.nodes[i].needs = edges;
		f->graph.order[i] = i;
		for (int k = 0; needs ? needs[i][k] >= 0 : k < (i ? 1 : 0); k++) {
			uint32_t to = needs ? (uint32_t)needs[i][k] : i - 1;
			struct node *other = &f->graph.nodes[to];
			struct edge *feeds = arena_alloc(&f->arena, (other->n_feeds + 1) * sizeof(*feeds));

			edges[k] = (struct edge){.node = to, .kind = k ? EDGE_SOFT : EDGE_HARD};
			f->graph.nodes[i].n_needs++;
			if (other->n_feeds)
				memcpy(feeds, other->feeds, other->n_feeds * sizeof(*feeds));
			feeds[other->n_feeds++] = (struct edge){.node = i, .kind = edges[k].kind};
			other->feeds = feeds;
		}
	}
	f->view = (struct graph_view){.terminal = &ascii, .graph = &f->graph};
}

static void teardown(struct fixture *f)
{
	strbuf_release(&f->out);
	arena_release(&f->arena);
}

/* 3 needs 1 and 2 (softly); 2 needs 1 and 0; 1 needs 0. */
static const int diamond[][3] = {{-1}, {0, -1}, {1, 0, -1}, {1, 2, -1}};

static void test_tree(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, 4, diamond);
	render_graph_tree(&f.out, &f.view);
	assert_string_equal(f.out.text,
		"t.n3\n"
		"|- t.n1\n"
		"|  `- t.n0\n"
		"`- t.n2 (soft)\n"
		"   |- t.n1 (see above)\n"
		"   `- t.n0 (soft)\n");
	strbuf_reset(&f.out);
	f.view.destroy = true;
	render_graph_tree(&f.out, &f.view);
	assert_string_equal(f.out.text,
		"t.n0\n"
		"|- t.n1\n"
		"|  |- t.n2\n"
		"|  |  `- t.n3 (soft)\n"
		"|  `- t.n3\n"
		"`- t.n2 (soft) (see above)\n");
	teardown(&f);
}

static void test_part_of_it(void **state)
{
	struct fixture f;
	static const uint8_t only[] = {0, 1, 1, 0};

	(void)state;
	setup(&f, 4, diamond);
	f.view.only = only;
	render_graph_tree(&f.out, &f.view);
	assert_string_equal(f.out.text, "t.n2\n`- t.n1\n");
	strbuf_reset(&f.out);
	render_graph_dot(&f.out, &f.view);
	assert_non_null(strstr(f.out.text, "\t\"t.n2\" -> \"t.n1\";\n"));
	assert_null(strstr(f.out.text, "t.n3"));
	teardown(&f);
}

static size_t count(const char *text, const char *what)
{
	const char *end = text + strlen(text);
	size_t n = 0;

	/* memmem, because a sanitizer measures the whole rest at every strstr. */
	while ((text = memmem(text, (size_t)(end - text), what, strlen(what)))) {
		n++;
		text += strlen(what);
	}
	return n;
}

static void test_for_tools(void **state)
{
	struct fixture f;
	struct sources sources = {0};

	(void)state;
	setup(&f, 4, diamond);
	((struct resource *)f.graph.nodes[0].resource)->address = "t.n[\"a\\b\"]";
	render_graph_dot(&f.out, &f.view);
	assert_string_equal(f.out.text,
		"digraph devenv {\n\trankdir=LR;\n\tnode [shape=box, fontname=\"sans-serif\"];\n"
		"\t\"t.n[\\\"a\\\\b\\\"]\";\n"
		"\t\"t.n1\";\n\t\"t.n1\" -> \"t.n[\\\"a\\\\b\\\"]\";\n"
		"\t\"t.n2\";\n\t\"t.n2\" -> \"t.n1\";\n\t\"t.n2\" -> \"t.n[\\\"a\\\\b\\\"]\" [style=dashed];\n"
		"\t\"t.n3\";\n\t\"t.n3\" -> \"t.n1\";\n\t\"t.n3\" -> \"t.n2\" [style=dashed];\n}\n");
	strbuf_reset(&f.out);
	render_graph_mermaid(&f.out, &f.view);
	assert_string_equal(f.out.text,
		"graph LR\n  n0[\"t.n[#quot;a\\\\b#quot;]\"]\n  n1[\"t.n1\"]\n  n1 --> n0\n"
		"  n2[\"t.n2\"]\n  n2 --> n1\n  n2 -.-> n0\n  n3[\"t.n3\"]\n  n3 --> n1\n  n3 -.-> n2\n");
	strbuf_reset(&f.out);
	render_graph_json(&f.out, &f.view, &sources);
	assert_non_null(strstr(f.out.text,
		"{\"type\":\"node\",\"@level\":\"info\",\"@message\":\"t.n3\",\"address\":\"t.n3\","
		"\"resource_type\":\"t\",\"waits_for\":[{\"address\":\"t.n1\",\"kind\":\"hard\"},"
		"{\"address\":\"t.n2\",\"kind\":\"soft\"}]}\n"));
	strbuf_reset(&f.out);
	render_graph_svg(&f.out, &f.view);
	assert_non_null(strstr(f.out.text, "t.n[&quot;a\\b&quot;]</text>"));
	assert_non_null(strstr(f.out.text, "stroke-dasharray"));
	/* All in one row: two edges that pass a box go below it, the others are straight. */
	assert_int_equal(count(f.out.text, " 63 "), 4);
	teardown(&f);
}

static void test_deep_chain(void **state)
{
	enum { DEEP = 100000 };
	struct fixture f;

	(void)state;
	setup(&f, DEEP, NULL);
	render_graph_tree(&f.out, &f.view);
	/* Each edge once, each node that starts a new part once more. */
	assert_int_equal(count(f.out.text, "`- "), DEEP - 1);
	assert_true(f.out.len < 16u << 20);
	strbuf_reset(&f.out);
	render_graph_dot(&f.out, &f.view);
	assert_int_equal(count(f.out.text, " -> "), DEEP - 1);
	strbuf_reset(&f.out);
	render_graph_svg(&f.out, &f.view);
	assert_int_equal(count(f.out.text, "<rect"), DEEP);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_part_of_it),
		cmocka_unit_test(test_for_tools),
		cmocka_unit_test(test_deep_chain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
