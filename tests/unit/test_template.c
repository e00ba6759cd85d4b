/* Templates: what a reference is made of, what expansion keeps, joins, marks and refuses. */
#include "model/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

struct fixture {
	struct arena arena;
	struct diags diags;
	unsigned asked; /* how often the lookup was */
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	diags_init(&f->diags, &f->arena);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	arena_release(&f->arena);
	free(f);
	return 0;
}

static struct value string(const char *text)
{
	struct value value = value_borrow(text);

	value.source = 1;
	value.line = 7;
	value.column = 10;
	value.flags = template_needed(text, value.len) ? VALUE_TEMPLATE : 0;
	return value;
}

static struct part parse_one(struct fixture *f, const char *text)
{
	struct value value = string(text);
	struct template template;

	assert_int_equal(template_parse(&value, &f->arena, &template, &f->diags), 0);
	assert_int_equal(template.n, 1);
	assert_true(template.whole);
	return template.parts[0];
}

static void test_parts(void **state)
{
	static const struct {
		const char *text;
		enum part_kind kind;
		const char *name, *path, *fallback, *message;
		bool every;
	} rows[] = {
		{"${HOME}", PART_ENV, "HOME", "", NULL, NULL, false},
		{"${A_1:-x y}", PART_ENV, "A_1", "", "x y", NULL, false},
		{"${A:-}", PART_ENV, "A", "", "", NULL, false},
		{"${A:?set A: please}", PART_ENV, "A", "", NULL, "set A: please", false},
		{"${A:-it's \"}", PART_ENV, "A", "", "it's \"", NULL, false},
		{"${A:-[\"}", PART_ENV, "A", "", "[\"", NULL, false},
		{"${A:-${B:-c}}", PART_ENV, "A", "", "${B:-c}", NULL, false},
		{"${A:-:-:?}", PART_ENV, "A", "", ":-:?", NULL, false},
		{"${var.region}", PART_VARIABLE, "region", "", NULL, NULL, false},
		{"${var.m.a[0].b:-x}", PART_VARIABLE, "m", "a[0].b", "x", NULL, false},
		{"${var.l[1]}", PART_VARIABLE, "l", "[1]", NULL, NULL, false},
		{"${each.key}", PART_EACH, "key", "", NULL, NULL, false},
		{"${each.value.x[\"a.b}\"]}", PART_EACH, "value", "x[\"a.b}\"]", NULL, NULL, false},
		{"${file:a/b c.txt}", PART_FILE, "a/b c.txt", "", NULL, NULL, false},
		{"${file:x:-none}", PART_FILE, "x", "", "none", NULL, false},
		{"${secret.db.password}", PART_SECRET, "db", "password", NULL, NULL, false},
		{"${service.api.host}", PART_SHORT, "service", "api.host", NULL, NULL, false},
		{"${cluster.kubeconfig}", PART_SHORT, "cluster", "kubeconfig", NULL, NULL, false},
		{"${terraform.net.outputs.x}", PART_SHORT, "terraform", "net.outputs.x", NULL, NULL,
			false},
		{"${local_value.a.output}", PART_RESOURCE, "local_value.a", "output", NULL, NULL,
			false},
		{"${local_value.a}", PART_RESOURCE, "local_value.a", "", NULL, NULL, false},
		{"${local_value.a-b.x.y[2]:-d}", PART_RESOURCE, "local_value.a-b", "x.y[2]", "d",
			NULL, false},
		{"${local_value.a[\"k 1\"].x}", PART_RESOURCE, "local_value.a[\"k 1\"]", "x", NULL,
			NULL, false},
		{"${local_value.a['k}:-'].x}", PART_RESOURCE, "local_value.a[\"k}:-\"]", "x", NULL,
			NULL, false},
		{"${local_value.a[*].x}", PART_RESOURCE, "local_value.a", "x", NULL, NULL, true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct part part = parse_one(*state, rows[i].text);

		if (part.kind != rows[i].kind)
			fail_msg("%s is of kind %d", rows[i].text, part.kind);
		assert_string_equal(part.name, rows[i].name);
		assert_string_equal(part.path, rows[i].path);
		assert_int_equal(part.every, rows[i].every);
		assert_int_equal(!part.fallback, !rows[i].fallback);
		assert_int_equal(!part.message, !rows[i].message);
		if (rows[i].fallback)
			assert_string_equal(part.fallback, rows[i].fallback);
		if (rows[i].message)
			assert_string_equal(part.message, rows[i].message);
		/* `text` is all that stands between the braces */
		assert_int_equal(strlen(part.text), strlen(rows[i].text) - 3);
		assert_memory_equal(part.text, rows[i].text + 2, strlen(part.text));
	}
}

static void test_literals_and_places(void **state)
{
	struct fixture *f = *state;
	struct value value = string("a $${x} ${A} $b ${B}");
	struct template template;

	value.flags |= VALUE_PLAIN;
	assert_int_equal(template_parse(&value, &f->arena, &template, &f->diags), 0);
	assert_int_equal(template.n, 5);
	assert_false(template.whole);
	assert_int_equal(template.parts[0].len, 2);
	assert_memory_equal(template.parts[1].text, "${x} ", 5);
	assert_ptr_equal(template.parts[1].text, value.text + 3); /* nothing is copied */
	assert_int_equal(template.parts[2].pos.column, 18);
	assert_int_equal(template.parts[2].pos.line, 7);
	assert_int_equal(template.parts[4].pos.column, 26);
	value = string("\n x\n  ${A}"); /* a file, or a block scalar */
	value.column = 1;
	assert_int_equal(template_parse(&value, &f->arena, &template, &f->diags), 0);
	assert_int_equal(template.parts[1].pos.line, 9);
	assert_int_equal(template.parts[1].pos.column, 3);
	value = string("x${A}"); /* quoted: the quote stands before the text */
	assert_int_equal(template_parse(&value, &f->arena, &template, &f->diags), 0);
	assert_int_equal(template.parts[1].pos.column, 12);
}

static void test_needed(void **state)
{
	(void)state;
	assert_true(template_needed("${", 2));
	assert_true(template_needed("a$${", 4));
	assert_false(template_needed("$", 1));
	assert_false(template_needed("a$b{$", 5));
	assert_false(template_needed("${", 1));
	assert_false(template_needed("", 0));
}

static void test_syntax_errors(void **state)
{
	static const char *const texts[] = {
		"${",
		"${A",
		"${}",
		"${A.}",
		"${1A}",
		"${A B}",
		"${A-x}",
		"${a-b}",
		"${var}x${",
		"${var.}",
		"${var.a b}",
		"${var.a[x]}",
		"${var.a[}",
		"${var.a[\"x]}",
		"${var.a..b}",
		"${var.a[0]b}",
		"${each.index}",
		"${each.key.x}",
		"${secret.}",
		"${vars.x}",
		"${file:}",
		"${local_value.}",
		"${local_value.a[0]}",
		"${local_value.a[\"k]}",
		"${local_value.a[*]x}",
		"${local_value.a.}",
		"${local_value.a:?m}",
		"${service.a:?m}",
		"${local_value.a.b:-${X}}",
		"${A:-${A:-${A:-${A:-${A:-${A:-${A:-${A:-${A}}}}}}}}}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct fixture *f = *state;
		struct value value = string(texts[i]);
		struct template template;
		size_t before = f->diags.errors;

		if (template_parse(&value, &f->arena, &template, &f->diags) == 0)
			fail_msg("%s was accepted", texts[i]);
		assert_int_equal(f->diags.errors, before + 1);
		assert_int_equal(f->diags.items[f->diags.n - 1].pos.line, 7);
	}
}

/* N: 7, T: "text", D: "$", X: "${x}", S: sensitive, U: unknown, L: a list, NIL: null; the rest
   stays. */
static enum lookup look_up(void *arg, const struct part *part, struct value *out)
{
	static const struct value items[] = {
		{.kind = VALUE_INT, .text = "1", .len = 1, .integer = 1}};
	struct fixture *f = arg;

	f->asked++;
	if (part->kind != PART_ENV)
		return LOOKUP_KEEP;
	if (strcmp(part->name, "N") == 0)
		*out = value_int(&f->arena, 7);
	else if (strcmp(part->name, "T") == 0)
		*out = value_borrow("text");
	else if (strcmp(part->name, "D") == 0)
		*out = value_borrow("$");
	else if (strcmp(part->name, "X") == 0)
		*out = value_borrow("${x}");
	else if (strcmp(part->name, "S") == 0)
		*out = value_sensitive(value_borrow("pw"));
	else if (strcmp(part->name, "U") == 0)
		*out = value_unknown;
	else if (strcmp(part->name, "L") == 0)
		*out = value_list(items, 1);
	else if (strcmp(part->name, "NIL") == 0)
		*out = (struct value){.kind = VALUE_NULL, .text = "null", .len = 4};
	else if (strcmp(part->name, "REF") == 0)
		*out = string("${local_value.made.output}");
	else if (part->fallback)
		return template_fallback(part, &f->arena, look_up, f, out, &f->diags);
	else
		return diag_error(&f->diags, part->pos, "no"), LOOKUP_FAILED;
	return LOOKUP_VALUE;
}

static struct value expand(struct fixture *f, const char *text)
{
	struct value value = string(text), out;

	assert_int_equal(template_expand(&value, &f->arena, look_up, f, &out, &f->diags), 0);
	return out;
}

static void test_joining(void **state)
{
	static const struct {
		const char *text, *result;
		bool stays;
	} rows[] = {
		{"a${T}b${N}c", "atextb7c", false},
		{"${T}${T}", "texttext", false},
		{"<${NIL}>", "<>", false},
		{"$${x} ${T}", "${x} text", false},
		{"$${T}", "${T}", false},
		{"$$${T}", "$${T}", false},
		{"${\"$\"}${N}", "$7", false},
		{"${'a}b'}", "a}b", false},
		{"${\"\"}", "", false},
		{"${NONE:-a}", "a", false},
		{"x${NONE:-${T}/${N}}", "xtext/7", false},
		{"${T} ${local_value.a.output}", "text ${local_value.a.output}", true},
		{"$${x} ${local_value.a.output}", "$${x} ${local_value.a.output}", true},
		{"$${x} ${T} ${local_value.a.output}", "$${x} text ${local_value.a.output}", true},
		{"${X}${local_value.a.output}", "$${x}${local_value.a.output}", true},
		{"${D}${local_value.a.output}", "${\"$\"}${local_value.a.output}", true},
		{"${D}${NONE:-}${local_value.a.output}", "${\"$\"}${local_value.a.output}", true},
		{"${D}{x} ${local_value.a.output}", "${\"$\"}{x} ${local_value.a.output}", true},
		{"${D}{x}", "${x}", false},
		{"${D}${REF}", "${\"$\"}${local_value.made.output}", true},
		{"${REF}", "${local_value.made.output}", true},
		{"a ${NONE:-${local_value.a.output}}", "a ${local_value.a.output}", true},
		{"${X}", "${x}", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct value out = expand(*state, rows[i].text);

		if (out.kind != VALUE_STRING || strcmp(out.text, rows[i].result) != 0)
			fail_msg("%s became %s, not %s", rows[i].text, out.text, rows[i].result);
		assert_int_equal(out.len, strlen(out.text));
		assert_int_equal(out.flags & VALUE_TEMPLATE, rows[i].stays ? VALUE_TEMPLATE : 0);
		assert_int_equal(out.line, 7);
	}
}

/* Whatever round it is, a text comes out as the same bytes: nothing a value holds is taken for a
   reference, and no escape is lost. */
static enum lookup second_round(void *arg, const struct part *part, struct value *out)
{
	(void)arg;
	*out = value_borrow(part->kind == PART_RESOURCE ? "R" : "?");
	return LOOKUP_VALUE;
}

static void test_two_rounds_give_the_same(void **state)
{
	static const struct {
		const char *text, *result;
	} rows[] = {
		{"$${x} ${T} ${local_value.a.output}", "${x} text R"},
		{"${X}${local_value.a.output}", "${x}R"},
		{"${D}${local_value.a.output}", "$R"},
		{"${D}{x} ${local_value.a.output}${D}", "${x} R$"},
		{"${\"$\"}${local_value.a.output}", "$R"},
		{"${D}${D}${X}${local_value.a.output}", "$$${x}R"},
		{"$$${T} ${local_value.a.output}", "$${T} R"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fixture *f = *state;
		struct value first = expand(f, rows[i].text), out;

		assert_int_equal(
			template_expand(&first, &f->arena, second_round, f, &out, &f->diags), 0);
		if (strcmp(out.text, rows[i].result) != 0)
			fail_msg("%s became %s, then %s", rows[i].text, first.text, out.text);
		assert_false(out.flags & VALUE_TEMPLATE);
	}
}

static void test_whole_references_keep_the_type(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(expand(f, "${N}").kind, VALUE_INT);
	assert_int_equal(expand(f, "${L}").kind, VALUE_LIST);
	assert_int_equal(expand(f, "${NIL}").kind, VALUE_NULL);
	assert_int_equal(expand(f, " ${N}").kind, VALUE_STRING);
	assert_int_equal(expand(f, "${N}").line, 7); /* where it stands, not where it comes from */
}

static void test_unknown_and_sensitive(void **state)
{
	struct fixture *f = *state;
	struct value out = expand(f, "a${U}");

	assert_int_equal(out.kind, VALUE_UNKNOWN);
	assert_int_equal(out.flags & VALUE_SENSITIVE, 0);
	assert_int_equal(expand(f, "${U}").kind, VALUE_UNKNOWN);
	out = expand(f, "a${S}b");
	assert_string_equal(out.text, "apwb");
	assert_true(out.flags & VALUE_SENSITIVE);
	out = expand(f, "${S}${U}");
	assert_true(out.kind == VALUE_UNKNOWN && out.flags & VALUE_SENSITIVE);
	/* sensitivity outlives a round in which something else stays */
	out = expand(f, "${S}${local_value.a.output}");
	assert_true(out.flags & VALUE_SENSITIVE && out.flags & VALUE_TEMPLATE);
	assert_int_equal(template_expand(&out, &f->arena, second_round, f, &out, &f->diags), 0);
	assert_string_equal(out.text, "pwR");
	assert_true(out.flags & VALUE_SENSITIVE);
}

static void test_failures(void **state)
{
	struct fixture *f = *state;
	struct value value = string("x${L}"), out;

	assert_int_equal(template_expand(&value, &f->arena, look_up, f, &out, &f->diags), -1);
	assert_string_equal(f->diags.items[f->diags.n - 1].message,
		"${L} is a list, which cannot stand inside a longer text");
	value = string("${NO1} ${NO2}");
	f->diags.n = 0;
	assert_int_equal(template_expand(&value, &f->arena, look_up, f, &out, &f->diags), -1);
	assert_int_equal(f->diags.n, 2); /* both, not the first only */
	assert_ptr_equal(out.text, value.text);
}

static struct value tree(struct fixture *f, const char *leaf)
{
	struct value_builder list, map;

	builder_init(&list, &f->arena);
	builder_push(&list, string("plain"));
	builder_push(&list, string(leaf));
	builder_push(&list, string("plain"));
	builder_init(&map, &f->arena);
	builder_put(&map, "before", string("x"));
	builder_put(&map, "list", builder_list(&list));
	builder_put(&map, "after", value_int(&f->arena, 1));
	return builder_map(&map);
}

static void test_containers(void **state)
{
	struct fixture *f = *state;
	struct value value = tree(f, "${S}"), out;

	assert_int_equal(template_expand(&value, &f->arena, look_up, f, &out, &f->diags), 0);
	assert_ptr_not_equal(out.members, value.members);
	assert_string_equal(value_path(&out, "list[1]")->text, "pw");
	assert_string_equal(value_path(&value, "list[1]")->text, "${S}"); /* as it was */
	assert_true(out.flags & VALUE_HAS_SENSITIVE);
	assert_false(out.flags & VALUE_TEMPLATE);
	value = tree(f, "${U}");
	assert_int_equal(template_expand(&value, &f->arena, look_up, f, &out, &f->diags), 0);
	assert_false(value_is_known(&out));
}

static void test_what_does_not_change_is_not_copied(void **state)
{
	struct fixture *f = *state;
	struct value kept = tree(f, "${local_value.a.output} $${x}"), plain = tree(f, "x"), out;
	struct arena before;

	template_expand(&kept, &f->arena, look_up, f, &out, &f->diags); /* room in the block */
	before = f->arena;
	assert_int_equal(template_expand(&kept, &f->arena, look_up, f, &out, &f->diags), 0);
	assert_ptr_equal(out.members, kept.members);
	assert_true(out.flags & VALUE_TEMPLATE);
	assert_ptr_equal(f->arena.next, before.next); /* and takes no memory */
	f->asked = 0;
	assert_int_equal(template_expand(&plain, &f->arena, look_up, f, &out, &f->diags), 0);
	assert_ptr_equal(out.members, plain.members);
	assert_int_equal(f->asked, 0);
}

static void count(void *arg, const struct part *part, const struct value *string_)
{
	unsigned *seen = arg;

	assert_int_not_equal(part->kind, PART_LITERAL);
	assert_true(string_->flags & VALUE_TEMPLATE);
	++*seen;
}

static void test_visit(void **state)
{
	struct fixture *f = *state;
	struct value value = tree(f, "a ${A} $${B} ${local_value.c.output}");
	unsigned seen = 0;

	template_visit(&value, &f->arena, &f->diags, count, &seen);
	assert_int_equal(seen, 2);
}

static void test_a_reference_takes_less_than_a_microsecond(void **state)
{
	enum { ROUNDS = 100000 };
	struct fixture *f = *state;
	struct value value = string("${local_value.n1234.output}"), out;
	struct timespec start, end;
	double us;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	for (int i = 0; i < ROUNDS; i++)
		template_expand(&value, &f->arena, second_round, f, &out, &f->diags);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	us = ((double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec)) /
	     1e3 / ROUNDS;
	print_message("%.3f us each\n", us);
	assert_true(us < 5); /* 0.2 when optimised; sanitizers are slower */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_parts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_literals_and_places, setup, teardown),
		cmocka_unit_test(test_needed),
		cmocka_unit_test_setup_teardown(test_syntax_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_joining, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_rounds_give_the_same, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_whole_references_keep_the_type, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown_and_sensitive, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
		cmocka_unit_test_setup_teardown(test_containers, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_what_does_not_change_is_not_copied, setup, teardown),
		cmocka_unit_test_setup_teardown(test_visit, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_reference_takes_less_than_a_microsecond, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
