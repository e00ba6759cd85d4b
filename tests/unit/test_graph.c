/* The graph: order, both directions, every mistake; large ones without recursion. */
#include "model/graph.h"

#include "model/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
	struct arena arena;
	struct sources sources;
	struct diags diags;
	struct resource *resources;
	size_t n;
	struct graph graph;
};

static void setup(struct fixture *f, size_t room)
{
	*f = (struct fixture){0};
	diags_init(&f->diags, &f->arena);
	f->resources = arena_zalloc(&f->arena, room * sizeof(*f->resources));
}

static void teardown(struct fixture *f)
{
	graph_release(&f->graph);
	arena_release(&f->arena);
}

/* A local_value whose input is `input`; a template when it holds "${". */
static struct resource *add(struct fixture *f, const char *name, const char *input)
{
	struct resource *resource = &f->resources[f->n++];
	struct value *attributes = arena_alloc(&f->arena, sizeof(*attributes));
	struct value_builder b;
	struct value value = value_str(&f->arena, input);

	if (strstr(input, "${"))
		value.flags |= VALUE_TEMPLATE;
	value.line = (uint32_t)f->n;
	builder_init(&b, &f->arena);
	builder_put(&b, "input", value);
	*attributes = builder_map(&b);
	resource->type = type_find("local_value");
	resource->name = arena_strdup(&f->arena, name);
	resource->address = arena_printf(&f->arena, "local_value.%s", name);
	resource->attributes = attributes;
	return resource;
}

static int build(struct fixture *f)
{
	struct graph_input in = {.resources = f->resources, .n = f->n, .sources = &f->sources};

	return graph_build(&f->graph, &in, &f->arena, &f->diags);
}

static void test_order_and_edges(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, 3);
	add(&f, "c", "${local_value.b.output}-${local_value.b.output}");
	add(&f, "b", "${local_value.a.output}");
	add(&f, "a", "x");
	assert_int_equal(build(&f), 0);
	assert_int_equal(f.graph.order[0], 2);
	assert_int_equal(f.graph.order[1], 1);
	assert_int_equal(f.graph.order[2], 0);
	assert_int_equal(f.graph.nodes[0].n_needs, 1); /* twice the same: one edge */
	assert_int_equal(f.graph.nodes[0].needs[0].node, 1);
	assert_int_equal(f.graph.nodes[0].needs[0].kind, EDGE_USES);
	assert_int_equal(f.graph.nodes[2].n_feeds, 1);
	assert_int_equal(f.graph.nodes[2].feeds[0].node, 1);
	teardown(&f);
}

static void test_strongest_edge_counts(void **state)
{
	struct dependency soft = {.address = "local_value.a", .kind = EDGE_SOFT};
	struct fixture f;
	struct resource *b;

	(void)state;
	setup(&f, 2);
	add(&f, "a", "x");
	b = add(&f, "b", "${local_value.a.output}");
	b->depends_on = &soft;
	b->n_depends_on = 1;
	assert_int_equal(build(&f), 0);
	assert_int_equal(f.graph.nodes[1].n_needs, 1);
	assert_int_equal(f.graph.nodes[1].needs[0].kind, EDGE_USES);
	teardown(&f);
}

static void test_cycle_is_a_path(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, 4);
	add(&f, "outside", "${local_value.a.output}");
	add(&f, "a", "${local_value.b.output}");
	add(&f, "b", "${local_value.c.output}");
	add(&f, "c", "${local_value.a.output}");
	assert_int_equal(build(&f), -1);
	assert_int_equal(f.diags.n, 1);
	assert_non_null(strstr(f.diags.items[0].message, "local_value.a needs local_value.b"));
	assert_non_null(strstr(f.diags.items[0].message, "local_value.b needs local_value.c"));
	assert_non_null(strstr(f.diags.items[0].message, "local_value.c needs local_value.a"));
	assert_null(strstr(f.diags.items[0].message, "outside"));
	teardown(&f);
}

static void test_mistakes_all_at_once(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, 3);
	add(&f, "alpha", "${local_value.alpha.output}");
	add(&f, "b", "${local_value.alpah.output}");
	add(&f, "c", "${local_value.alpha.outptu}");
	assert_int_equal(build(&f), -1);
	assert_int_equal(f.diags.errors, 3);
	assert_non_null(strstr(f.diags.items[0].message, "refers to itself"));
	assert_string_equal(f.diags.items[1].hint, "did you mean local_value.alpha?");
	assert_string_equal(f.diags.items[2].hint, "did you mean \"output\"?");
	teardown(&f);
}

static void test_declared_twice(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, 2);
	add(&f, "a", "x");
	add(&f, "a", "y");
	assert_int_equal(build(&f), -1);
	assert_non_null(strstr(f.diags.items[0].message, "declared twice"));
	teardown(&f);
}

static void test_default_makes_absence_fine(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, 1);
	add(&f, "a", "${local_value.gone.output:-none}");
	assert_int_equal(build(&f), 0);
	assert_int_equal(f.graph.nodes[0].n_needs, 0);
	teardown(&f);
}

static void test_closures(void **state)
{
	uint8_t marks[4] = {0, 1, 0, 0};
	struct fixture f;

	(void)state;
	setup(&f, 4);
	add(&f, "a", "x");
	add(&f, "b", "${local_value.a.output}");
	add(&f, "c", "${local_value.b.output}");
	add(&f, "d", "x");
	assert_int_equal(build(&f), 0);
	graph_close_over_needs(&f.graph, marks);
	assert_int_equal(marks[0], 1);
	assert_int_equal(marks[2], 0);
	graph_close_over_feeds(&f.graph, marks);
	assert_int_equal(marks[2], 1);
	assert_int_equal(marks[3], 0);
	teardown(&f);
}

/* Declared from its end, so that every order but the right one would be caught. */
static void test_chain_of_100000(void **state)
{
	enum { N = 100000 };
	struct fixture f;
	uint8_t *marks;

	(void)state;
	setup(&f, N);
	for (int i = 0; i < N; i++) {
		char name[16], input[48];

		snprintf(name, sizeof(name), "n%d", i);
		snprintf(input, sizeof(input), "${local_value.n%d.output}", i + 1);
		add(&f, name, i + 1 < N ? input : "end");
	}
	assert_int_equal(build(&f), 0);
	for (uint32_t i = 0; i < N; i++)
		assert_int_equal(f.graph.order[i], N - 1 - i);
	marks = calloc(N, 1);
	marks[N - 1] = 1;
	graph_close_over_feeds(&f.graph, marks);
	assert_int_equal(marks[0], 1);
	free(marks);
	teardown(&f);
}

static void test_circle_of_100000(void **state)
{
	enum { N = 100000 };
	struct fixture f;

	(void)state;
	setup(&f, N);
	for (int i = 0; i < N; i++) {
		char name[16], input[48];

		snprintf(name, sizeof(name), "n%d", i);
		snprintf(input, sizeof(input), "${local_value.n%d.output}", (i + 1) % N);
		add(&f, name, input);
	}
	assert_int_equal(build(&f), -1);
	assert_int_equal(f.diags.errors, 1);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_and_edges),
		cmocka_unit_test(test_strongest_edge_counts),
		cmocka_unit_test(test_cycle_is_a_path),
		cmocka_unit_test(test_mistakes_all_at_once),
		cmocka_unit_test(test_declared_twice),
		cmocka_unit_test(test_default_makes_absence_fine),
		cmocka_unit_test(test_closures),
		cmocka_unit_test(test_chain_of_100000),
		cmocka_unit_test(test_circle_of_100000),
	};

	return cmocka_run_group_tests_name("graph", tests, NULL, NULL);
}
