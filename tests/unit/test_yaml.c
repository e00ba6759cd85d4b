/* YAML to values: what scalars mean, where things stand, what is refused and how that is said. */
#include "model/yaml.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
	struct arena arena;
	struct sources sources;
	struct diags diags;
	struct value value;
	int status;
};

static void parse_n(struct fixture *f, const char *text, size_t len)
{
	uint16_t id;

	arena_release(&f->arena);
	memset(f, 0, sizeof(*f));
	diags_init(&f->diags, &f->arena);
	id = sources_add(&f->sources, &f->arena, "a.yml", "project", text, len);
	f->status = yaml_parse(&f->sources, id, &f->arena, &f->value, &f->diags);
}

static const struct value *parse(struct fixture *f, const char *text)
{
	parse_n(f, text, strlen(text));
	return &f->value;
}

static int setup(void **state)
{
	*state = xcalloc(1, sizeof(struct fixture));
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	arena_release(&f->arena);
	free(f);
	return 0;
}

/* The first diagnostic, as "line:column message". */
static void assert_refused(struct fixture *f, const char *text, size_t len, const char *expected)
{
	char got[512];

	parse_n(f, text, len);
	assert_int_equal(f->status, -1);
	assert_true(f->diags.n > 0);
	snprintf(got, sizeof(got), "%u:%u %s", f->diags.items[0].pos.line,
		f->diags.items[0].pos.column, f->diags.items[0].message);
	assert_string_equal(got, expected);
}

static void refused(struct fixture *f, const char *text, const char *expected)
{
	assert_refused(f, text, strlen(text), expected);
}

static void test_plain_scalars(void **state)
{
	static const struct {
		const char *text;
		enum value_kind kind;
		int64_t integer;
		double real;
	} rows[] = {
		{"null", VALUE_NULL, 0, 0},
		{"Null", VALUE_NULL, 0, 0},
		{"NULL", VALUE_NULL, 0, 0},
		{"~", VALUE_NULL, 0, 0},
		{"", VALUE_NULL, 0, 0},
		{"nULL", VALUE_STRING, 0, 0},
		{"true", VALUE_BOOL, 1, 0},
		{"True", VALUE_BOOL, 1, 0},
		{"FALSE", VALUE_BOOL, 0, 0},
		{"tRUE", VALUE_STRING, 0, 0},
		{"yes", VALUE_STRING, 0, 0},
		{"on", VALUE_STRING, 0, 0},
		{"n", VALUE_STRING, 0, 0},
		{"0", VALUE_INT, 0, 0},
		{"12", VALUE_INT, 12, 0},
		{"-7", VALUE_INT, -7, 0},
		{"+3", VALUE_INT, 3, 0},
		{"-0", VALUE_INT, 0, 0},
		{"9223372036854775807", VALUE_INT, INT64_MAX, 0},
		{"-9223372036854775808", VALUE_INT, INT64_MIN, 0},
		{"9223372036854775808", VALUE_REAL, 0, 9223372036854775808.0},
		{"0x1F", VALUE_INT, 31, 0},
		{"0o17", VALUE_INT, 15, 0},
		{"0o8", VALUE_STRING, 0, 0},
		{"0xG", VALUE_STRING, 0, 0},
		{"0x", VALUE_STRING, 0, 0},
		{"0b1", VALUE_STRING, 0, 0},
		{"0x7fffffffffffffff", VALUE_INT, INT64_MAX, 0},
		{"0x8000000000000000", VALUE_STRING, 0, 0},
		{"0123", VALUE_STRING, 0, 0},
		{"00", VALUE_STRING, 0, 0},
		{"-01", VALUE_STRING, 0, 0},
		{"01.5", VALUE_STRING, 0, 0},
		{"1.10", VALUE_REAL, 0, 1.1},
		{"0.5", VALUE_REAL, 0, 0.5},
		{".5", VALUE_REAL, 0, 0.5},
		{"1.", VALUE_REAL, 0, 1},
		{"1e3", VALUE_REAL, 0, 1000},
		{"-1.5E-2", VALUE_REAL, 0, -0.015},
		{"1e", VALUE_STRING, 0, 0},
		{".", VALUE_STRING, 0, 0},
		{"-", VALUE_LIST, 0, 0},
		{"+", VALUE_STRING, 0, 0},
		{"--1", VALUE_STRING, 0, 0},
		{".inf", VALUE_REAL, 0, INFINITY},
		{"-.INF", VALUE_REAL, 0, -INFINITY},
		{"1_000", VALUE_STRING, 0, 0},
		{"1.2.3", VALUE_STRING, 0, 0},
		{"12:30", VALUE_STRING, 0, 0},
		{"2026-01-31", VALUE_STRING, 0, 0},
		{"500m", VALUE_STRING, 0, 0},
		{"1 2", VALUE_STRING, 0, 0},
		{"inf", VALUE_STRING, 0, 0},
		{"nan", VALUE_STRING, 0, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct value *value = parse(*state, rows[i].text);

		if (value->kind != rows[i].kind)
			fail_msg("%s is a %s", rows[i].text, value_kind_str(value->kind));
		if (value->kind == VALUE_BOOL)
			assert_int_equal(value->boolean, rows[i].integer);
		if (value->kind == VALUE_INT)
			assert_true(value->integer == rows[i].integer);
		if (value->kind == VALUE_REAL)
			assert_true(value->real == rows[i].real);
		if (value->kind != VALUE_NULL && value->kind != VALUE_LIST)
			assert_string_equal(value->text, rows[i].text);
	}
	assert_true(isnan(parse(*state, ".NaN")->real));
}

static void test_quoted_scalars_are_strings(void **state)
{
	const struct value *list =
		parse(*state, "[\"true\", '1', 'it''s', \"a\\n\\u00e9\\0b\", plain]");

	assert_int_equal(list->len, 5);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(list->items[i].kind, VALUE_STRING);
	assert_string_equal(list->items[2].text, "it's");
	assert_int_equal(list->items[3].len, 6);
	assert_memory_equal(list->items[3].text, "a\n\xc3\xa9\0b", 7);
	assert_int_equal(list->items[0].flags, 0);
	assert_int_equal(list->items[4].flags, VALUE_PLAIN);
}

static void test_tags(void **state)
{
	const struct value *list =
		parse(*state, "[!!str 1, !!int \"3\", !!float 2, ! 5, !!null ~]");

	assert_int_equal(list->items[0].kind, VALUE_STRING);
	assert_int_equal(list->items[1].kind, VALUE_INT);
	assert_true(list->items[2].kind == VALUE_REAL && list->items[2].real == 2);
	assert_int_equal(list->items[3].kind, VALUE_STRING);
	assert_int_equal(list->items[4].kind, VALUE_NULL);
	refused(*state, "a: !Ref x", "1:4 the tag \"!Ref\" is not supported");
	refused(*state, "a: !!int x", "1:4 \"x\" is no !!int");
	refused(*state, "a: !x {}", "1:4 the tag \"!x\" is not supported");
}

static void test_places(void **state)
{
	const struct value *map = parse(*state, "a: 1\nbb:\n  - x\n  - y: \"z\"\n");
	const struct value *list = value_get(map, "bb");

	assert_int_equal(map->line, 1);
	assert_int_equal(value_get(map, "a")->column, 4);
	assert_int_equal(value_member(map, "bb")->pos.line, 2);
	assert_int_equal(value_member(map, "bb")->pos.column, 1);
	assert_int_equal(list->items[0].line, 3);
	assert_int_equal(list->items[0].column, 5);
	assert_int_equal(value_get(&list->items[1], "y")->line, 4);
	assert_int_equal(value_get(&list->items[1], "y")->column, 8);
	assert_int_equal(value_get(map, "a")->source, 1);
}

static void test_places_count_bytes(void **state)
{
	const struct value *map = parse(*state,
		"\xef\xbb\xbf"
		"e: [\xc3\xa9, \xe2\x82\xac, x]\r\nb: \xc3\xa9\r\nc: [y, \xc3\xa9, z]");
	const struct value *list = value_get(map, "e");

	assert_int_equal(list->items[0].column, 5);
	assert_int_equal(list->items[1].column, 9);
	assert_int_equal(list->items[2].column, 14);
	assert_int_equal(value_get(map, "b")->line, 2);
	assert_int_equal(value_get(map, "c")->items[2].line, 3);
	assert_int_equal(value_get(map, "c")->items[2].column, 12);
}

static void test_block_scalars_stand_at_their_text(void **state)
{
	const struct value *map = parse(*state,
		"a: |\n  one\n  two\nb: |2 # note\n    three\nc: >-\n\n   four\n   five\nd: |\n");

	assert_string_equal(value_get(map, "a")->text, "one\ntwo\n");
	assert_int_equal(value_get(map, "a")->line, 2);
	assert_int_equal(value_get(map, "a")->column, 3);
	assert_string_equal(value_get(map, "b")->text, "  three\n");
	assert_int_equal(value_get(map, "b")->line, 5);
	assert_int_equal(value_get(map, "b")->column, 3);
	assert_string_equal(value_get(map, "c")->text, "\nfour five");
	assert_int_equal(value_get(map, "c")->line, 7);
	assert_int_equal(value_get(map, "c")->column, 4);
	assert_string_equal(value_get(map, "d")->text, "");
	assert_int_equal(value_get(map, "d")->line, 10);
}

static void test_templates_are_marked_up_to_the_root(void **state)
{
	const struct value *map = parse(*state, "a: {b: [x, '${A}']}\nc: $x {y}\nd: $${z}\n");

	assert_true(map->flags & VALUE_TEMPLATE);
	assert_true(value_get(map, "a")->flags & VALUE_TEMPLATE);
	assert_true(value_path(map, "a.b")->flags & VALUE_TEMPLATE);
	assert_false(value_path(map, "a.b[0]")->flags & VALUE_TEMPLATE);
	assert_true(value_path(map, "a.b[1]")->flags & VALUE_TEMPLATE);
	assert_false(value_get(map, "c")->flags & VALUE_TEMPLATE);
	assert_true(value_get(map, "d")->flags & VALUE_TEMPLATE);
}

static void test_delete_is_marked(void **state)
{
	const struct value *list =
		parse(*state, "[{$delete: true}, {$delete: false}, {a: {$delete: true}}]");

	assert_true(list->items[0].flags & VALUE_DELETE);
	assert_false(list->items[1].flags & VALUE_DELETE);
	assert_false(list->items[2].flags & VALUE_DELETE);
}

static void test_keys_are_one_pointer(void **state)
{
	const struct value *list =
		parse(*state, "[{name: 1}, {\"name\": 2}, {1: x, true: y, ~: z}]");

	assert_ptr_equal(list->items[0].members[0].key, list->items[1].members[0].key);
	assert_string_equal(list->items[2].members[0].key, "1");
	assert_string_equal(list->items[2].members[1].key, "true");
	assert_string_equal(list->items[2].members[2].key, "~");
}

static void test_duplicate_keys(void **state)
{
	struct fixture *f = *state;

	refused(f, "a: 1\nb: {x: 1, y: 2, x: 3}\na: 2\n",
		"2:17 the key \"x\" stands twice in one map");
	assert_string_equal(
		f->diags.items[0].hint, "the first is at a.yml:2:5; remove one of them");
	assert_int_equal(f->diags.n, 2);
	assert_int_equal(f->diags.items[1].pos.line, 3);
	/* what could be read is still there, so that later checks can go on */
	assert_int_equal(value_get(&f->value, "a")->integer, 1);
	/* a nested map with the same key in between is none */
	parse(f, "a: {a: {a: 1}}\nb: [{a: 1}, {a: 2}]\n");
	assert_int_equal(f->status, 0);
}

static void test_merge_keys(void **state)
{
	struct fixture *f = *state;
	const struct value *map = parse(f,
		"base: &b {x: 1, y: 1}\nmore: &m {y: 2, z: 2}\n"
		"one: {<<: *b, y: 3}\ntwo: {z: 3, <<: [*m, *b]}\nthree: {'<<': text}\n");

	assert_int_equal(f->status, 0);
	assert_int_equal(value_path(map, "one.x")->integer, 1);
	assert_int_equal(value_path(map, "one.y")->integer, 3);
	assert_int_equal(value_get(map, "one")->len, 2);
	assert_int_equal(value_path(map, "two.x")->integer, 1);
	assert_int_equal(value_path(map, "two.y")->integer, 2);
	assert_int_equal(value_path(map, "two.z")->integer, 3);
	assert_int_equal(value_get(map, "two")->len, 3);
	assert_string_equal(value_text(value_path(map, "three.<<"), ""), "text");
	refused(f, "a: {<<: 1}", "1:9 \"<<\" needs a map or a list of maps, not a whole number");
	refused(f, "a: {<<: [{b: 1}, x]}",
		"1:18 \"<<\" needs a map or a list of maps, not a string");
}

static void test_aliases(void **state)
{
	struct fixture *f = *state;
	const struct value *map = parse(f, "a: &x [1, &y two]\nb: *x\n*y : *y\n&k key: *k\n");

	assert_int_equal(f->status, 0);
	assert_ptr_equal(value_get(map, "a")->items, value_get(map, "b")->items);
	assert_string_equal(value_text(value_get(map, "two"), ""), "two");
	assert_string_equal(value_text(value_get(map, "key"), ""), "key");
	refused(f, "defaults: &default 1\nb: *defalt",
		"2:4 there is no anchor &defalt before this alias");
	assert_string_equal(f->diags.items[0].hint, "did you mean *default?");
	refused(f, "a: &x [*x]", "1:8 the alias *x stands inside what it names");
	refused(f, "a: &x [1]\n*x : 1", "2:1 a list or map is used as a key");
}

static void test_alias_bomb(void **state)
{
	static const char bomb[] =
		"a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
		"c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
		"e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
		"g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f,*f]\n";

	refused(*state, bomb, "7:29 aliases repeat more than 10 million values");
}

static char *nested(size_t depth, char open, char close)
{
	char *text = xmalloc(2 * depth + 1);

	memset(text, open, depth);
	memset(text + depth, close, depth);
	text[2 * depth] = '\0';
	return text;
}

static void test_depth(void **state)
{
	struct fixture *f = *state;
	char *fine = nested(YAML_MAX_DEPTH, '[', ']'), *deep = nested(YAML_MAX_DEPTH + 1, '[', ']');

	parse(f, fine);
	assert_int_equal(f->status, 0);
	refused(f, deep, "1:201 lists and maps are nested more than 200 deep");
	free(fine);
	free(deep);
}

static void test_size(void **state)
{
	struct fixture *f = *state;

	/* the length alone decides: no byte beyond the text may be touched */
	assert_refused(f, "a: 1", (size_t)YAML_MAX_SIZE + 1,
		"0:0 the file has 64 MiB, more than the limit of 64 MiB");
}

static void test_encoding(void **state)
{
	struct fixture *f = *state;

	refused(f, "a: x\nb: \xc3(\n",
		"2:5 the file is not valid UTF-8: invalid trailing UTF-8 octet (byte 0x28)");
	refused(f, "a: \xff\n",
		"1:4 the file is not valid UTF-8: invalid leading UTF-8 octet (byte 0xff)");
	refused(f, "a: \xed\xa0\x80\n",
		"1:4 the file is not valid UTF-8: invalid Unicode character (byte 0xed)");
	refused(f, "a: 1\nb: \x01\n", "2:4 a control character (byte 0x01) stands in the file");
	assert_refused(f, "a: 1\0b", 6, "1:5 a control character (byte 0x00) stands in the file");
	assert_refused(f, "\xff\xfe" "a\0", 4, "0:0 the file is UTF-16");
	refused(f, "a: \xc3",
		"1:4 the file is not valid UTF-8: incomplete UTF-8 octet sequence (byte 0xc3)");
}

static void test_tabs(void **state)
{
	struct fixture *f = *state;

	refused(f, "a:\n\tb: 1\n", "2:1 a tab is used as indentation");
	refused(f, "a:\n  b: 1\n\tc: 2\n", "3:1 a tab is used as indentation");
	refused(f, "a:\n -\tb: 1\n", "2:3 a tab is used as indentation");
	refused(f, "a: |\n\ttext\n", "2:1 a tab is used as indentation");
	/* between and inside values a tab is like any other character */
	parse(f, "a:\t1\nb: x\ty\nc: |2\n  \ttext\nd: {\n\te: 1,\n\tf: [\t2\t]\n}\n");
	assert_int_equal(f->status, 0);
	assert_string_equal(value_text(value_get(&f->value, "b"), ""), "x\ty");
	assert_string_equal(value_text(value_get(&f->value, "c"), ""), "\ttext\n");
	assert_int_equal(value_path(&f->value, "d.e")->integer, 1);
}

static void test_json(void **state)
{
	struct fixture *f = *state;
	const struct value *map = parse(f,
		"{\n\t\"a\": [1, 2.5, true, null, \"x\\/y\\u0041\"],\n\t\"b\":{\"c\":-1}\n}\n");

	assert_int_equal(f->status, 0);
	assert_int_equal(value_get(map, "a")->len, 5);
	assert_string_equal(value_path(map, "a[4]")->text, "x/yA");
	assert_int_equal(value_path(map, "b.c")->integer, -1);
}

static void test_documents(void **state)
{
	struct fixture *f = *state;

	refused(f, "a: 1\n---\nb: 2\n", "2:1 a second document begins here");
	parse(f, "%YAML 1.2\n---\na: 1\n...\n");
	assert_int_equal(f->status, 0);
	parse(f, "");
	assert_int_equal(f->status, 0);
	assert_int_equal(f->value.kind, VALUE_NULL);
	parse(f, "# only a comment\n");
	assert_int_equal(f->value.kind, VALUE_NULL);
}

static void test_keys_that_are_none(void **state)
{
	struct fixture *f = *state;

	refused(f, "? [a, b]\n: 1\n", "1:3 a list or map is used as a key");
	refused(f, "{a: {b: 1}, {c: d}: 2}", "1:13 a list or map is used as a key");
	assert_int_equal(value_get(&f->value, "a")->len, 1);
	refused(f, "? \n: 1\n", "1:2 a key is missing before \":\"");
	refused(f, "\"a\\0b\": 1\n", "1:1 a key holds a NUL byte");
	parse(f, "\"\": 1\n");
	assert_int_equal(f->status, 0);
}

static void test_syntax_errors_have_hints(void **state)
{
	static const struct {
		const char *text, *expected, *hint;
	} rows[] = {
		{"a: b: c\n", "1:5 YAML: mapping values are not allowed in this context",
			"put text that contains \": \" into quotes, or correct the indentation"},
		{"a: [1, 2\nb: 3\n",
			"2:2 YAML: did not find expected ',' or ']' while parsing a flow sequence",
			"a comma or \"]\" is missing; text with ${...} inside [ ] needs quotes"},
		{"a: \"open\nb: 1\n",
			"1:4 YAML: found unexpected end of stream while scanning a quoted scalar",
			"the closing quote is missing"},
		{"a: @x\n",
			"1:4 YAML: found character that cannot start any token while scanning for "
			"the next token",
			"put the text into quotes"},
		{"a: \"\\d\"\n",
			"1:5 YAML: found unknown escape character while parsing a quoted scalar",
			"between double quotes a backslash begins an escape: write \\\\, or use "
			"single quotes"},
		{"a:\n  - 1\n b: 2\n",
			"3:2 YAML: did not find expected key while parsing a block mapping",
			"all keys of a map begin in the same column; put text with special "
			"characters into quotes"},
		{"a: {x: ${A}}\n",
			"1:9 YAML: did not find expected ',' or '}' while parsing a flow mapping",
			"a comma or \"}\" is missing; text with ${...} inside { } needs quotes"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fixture *f = *state;

		refused(f, rows[i].text, rows[i].expected);
		if (!f->diags.items[0].hint)
			fail_msg("no hint for %s", rows[i].text);
		assert_string_equal(f->diags.items[0].hint, rows[i].hint);
	}
}

static void test_large_maps(void **state)
{
	struct strbuf text = STRBUF_INIT;
	struct fixture *f = *state;

	for (int i = 0; i < 5000; i++)
		strbuf_addf(&text, "key%d: %d\n", i, i);
	parse(f, text.text);
	assert_int_equal(f->status, 0);
	assert_int_equal(f->value.len, 5000);
	assert_int_equal(f->value.members[4999].value.integer, 4999);
	strbuf_addstr(&text, "key77: again\n");
	refused(f, text.text, "5001:1 the key \"key77\" stands twice in one map");
	strbuf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_scalars),
		cmocka_unit_test(test_quoted_scalars_are_strings),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_places_count_bytes),
		cmocka_unit_test(test_block_scalars_stand_at_their_text),
		cmocka_unit_test(test_templates_are_marked_up_to_the_root),
		cmocka_unit_test(test_delete_is_marked),
		cmocka_unit_test(test_keys_are_one_pointer),
		cmocka_unit_test(test_duplicate_keys),
		cmocka_unit_test(test_merge_keys),
		cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_alias_bomb),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_encoding),
		cmocka_unit_test(test_tabs),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_keys_that_are_none),
		cmocka_unit_test(test_syntax_errors_have_hints),
		cmocka_unit_test(test_large_maps),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
