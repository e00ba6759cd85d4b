/*
 * The validator, on the manifest's own schema: tests/schema/samples.txt holds manifests with the
 * diagnostics they get (tests/schema/agree.py lets another validator judge the same ones). And what
 * manifests cannot show: coercion, lookups, patterns, unknown values.
 */
#include "model/type.h"
#include "model/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct parsed {
	struct arena arena;
	struct sources sources;
	struct diags diags;
	struct value value;
};

static void parse(struct parsed *p, const char *text, size_t len)
{
	memset(p, 0, sizeof(*p));
	diags_init(&p->diags, &p->arena);
	uint16_t source = sources_add(&p->sources, &p->arena, "sample.yml", "project",
		arena_strndup(&p->arena, text, len), len);

	if (yaml_parse(&p->sources, source, &p->arena, &p->value, &p->diags) < 0)
		fail_msg("not YAML: %s", p->diags.items[0].message);
}

static struct parsed *parsed(const char *text)
{
	struct parsed *p = calloc(1, sizeof(*p));

	parse(p, text, strlen(text));
	return p;
}

static void release(struct parsed *p)
{
	arena_release(&p->arena);
	free(p);
}

/* "LINE:COLUMN: MESSAGE (HINT)", a line each. */
static char *said(struct diags *diags)
{
	struct strbuf out = STRBUF_INIT;

	diags_sort(diags);
	for (size_t i = 0; i < diags->n; i++) {
		const struct diag *diag = &diags->items[i];

		strbuf_addf(&out, "%u:%u: %s%s", diag->pos.line, diag->pos.column,
			diag->severity == SEVERITY_WARNING ? "warning: " : "", diag->message);
		if (diag->hint)
			strbuf_addf(&out, " (%s)", diag->hint);
		strbuf_addch(&out, '\n');
	}
	return strbuf_detach(&out);
}

static char *read_file(const char *path)
{
	FILE *in = fopen(path, "rb");
	struct strbuf text = STRBUF_INIT;
	char piece[4096];
	size_t n;

	if (!in)
		fail_msg("cannot open %s", path);
	while ((n = fread(piece, 1, sizeof(piece), in)) > 0)
		strbuf_add(&text, piece, n);
	fclose(in);
	return strbuf_detach(&text);
}

/* "=== good NAME" or "=== bad NAME", the manifest, and for a bad one "---" and what is said. */
static size_t judge_sample(const char *sample, const char *end)
{
	bool good = strncmp(sample, "=== good ", 9) == 0;
	const char *body = strchr(sample, '\n') + 1, *line = strstr(body, "\n---\n");
	const char *expected = line && line < end ? line + 5 : end;
	const char *manifest_end = line && line < end ? line + 1 : end;
	struct parsed p;

	parse(&p, body, (size_t)(manifest_end - body));
	schema_validate(&schema_manifest, &p.value, &p.diags);
	cleanup_free char *got = said(&p.diags);
	cleanup_free char *want = xstrndup(expected, (size_t)(end - expected));
	bool differs = strcmp(got, want) != 0 || good != (p.diags.errors == 0);

	if (differs)
		print_error("%.*s\n  said:\n%s  should say:\n%s\n", (int)(body - sample - 1), sample,
			got, want);
	arena_release(&p.arena);
	return differs;
}

static void samples_get_the_diagnostics_that_stand_beside_them(void **state)
{
	const char *slash = strrchr(__FILE__, '/');
	char path[512];
	size_t n = 0, wrong = 0;

	(void)state;
	snprintf(path, sizeof(path), "%.*s/../schema/samples.txt", (int)(slash - __FILE__), __FILE__);
	cleanup_free char *text = read_file(path);
	const char *at = strstr(text, "=== ");

	while (at) {
		const char *next = strstr(at, "\n=== ");

		wrong += judge_sample(at, next ? next + 1 : at + strlen(at));
		at = next ? next + 1 : NULL;
		n++;
	}
	assert_int_equal(wrong, 0);
	assert_true(n >= 44);
}

static void an_attribute_map_alone_is_judged_by_its_type(void **state)
{
	struct parsed *p = parsed("path: a\ncontent: b\nmode: 7x\nfoo: 1\n");

	(void)state;
	schema_validate(type_find("local_file")->schema, &p->value, &p->diags);
	cleanup_free char *got = said(&p->diags);

	assert_string_equal(got,
		"3:7: \"mode\" must be permissions in octal digits such as \"0644\", not \"7x\"\n"
		"4:1: unknown key \"foo\" in local_file (known keys are adopt, content, mode, path, "
		"source and template)\n");
	release(p);
}

static void unknown_values_pass_everywhere(void **state)
{
	struct arena arena = ARENA_INIT;
	struct value_builder builder;
	struct diags diags;

	(void)state;
	diags_init(&diags, &arena);
	builder_init(&builder, &arena);
	builder_put(&builder, "command", value_unknown);
	builder_put(&builder, "ports", value_unknown);
	struct value map = builder_map(&builder);

	schema_validate(type_find("local_process")->schema, &map, &diags);
	assert_int_equal(diags.n, 0);
	arena_release(&arena);
}

static void sensitive_values_are_never_shown(void **state)
{
	struct arena arena = ARENA_INIT;
	struct value_builder builder;
	struct diags diags;

	(void)state;
	diags_init(&diags, &arena);
	builder_init(&builder, &arena);
	builder_put_str(&builder, "path", "a");
	builder_put_str(&builder, "content", "b");
	builder_put(&builder, "mode", value_sensitive(value_str(&arena, "hunter2")));
	builder_put(&builder, "adopt", value_sensitive(value_str(&arena, "hunter2")));
	struct value map = builder_map(&builder);

	schema_validate(type_find("local_file")->schema, &map, &diags);
	cleanup_free char *got = said(&diags);

	assert_int_equal(diags.errors, 2);
	assert_null(strstr(got, "hunter2"));
	arena_release(&arena);
}

static struct value coerced(struct parsed *p, const char *type)
{
	return schema_coerce(type_find(type)->schema, &p->value, &p->arena);
}

static void numbers_become_their_source_text_where_text_is_wanted(void **state)
{
	struct parsed *p = parsed("create: [run, 1.10, true]\n"
		"environment: {A: 0x10, B: two}\nstdin: 1e3\ntriggers: {n: 1.10}\n");
	struct value value = coerced(p, "local_command");

	(void)state;
	assert_int_equal(value_path(&value, "create[1]")->kind, VALUE_STRING);
	assert_string_equal(value_path(&value, "create[1]")->text, "1.10");
	assert_string_equal(value_path(&value, "create[2]")->text, "true");
	assert_int_equal(value_path(&value, "environment.A")->kind, VALUE_STRING);
	assert_string_equal(value_path(&value, "environment.A")->text, "0x10");
	assert_string_equal(value_path(&value, "stdin")->text, "1e3");
	/* any value is wanted: it stays what it is */
	assert_int_equal(value_path(&value, "triggers.n")->kind, VALUE_REAL);
	assert_int_equal(value_path(&value, "stdin")->line, 3);
	release(p);
}

static void text_becomes_a_number_where_only_numbers_are_wanted(void **state)
{
	struct parsed *p = parsed("command: [a]\nports: [\"8080\", \"no\", \"${X}\", 7.0]\n");
	struct value value = coerced(p, "local_process");

	(void)state;
	assert_int_equal(value_path(&value, "ports[0]")->kind, VALUE_INT);
	assert_int_equal(value_path(&value, "ports[0]")->integer, 8080);
	assert_int_equal(value_path(&value, "ports[1]")->kind, VALUE_STRING);
	assert_int_equal(value_path(&value, "ports[2]")->kind, VALUE_STRING);
	assert_int_equal(value_path(&value, "ports[3]")->kind, VALUE_INT);
	assert_int_equal(value_path(&value, "ports[3]")->integer, 7);
	release(p);
}

static void what_needs_no_change_is_not_copied(void **state)
{
	struct parsed *p = parsed("path: a\ncontent: b\n");
	size_t before = arena_size(&p->arena);
	struct value value = coerced(p, "local_file");

	(void)state;
	assert_ptr_equal(value.members, p->value.members);
	assert_int_equal(arena_size(&p->arena), before);
	release(p);
}

static void coercion_reaches_through_the_whole_manifest(void **state)
{
	struct parsed *p = parsed("spec:\n  services:\n    - {name: a, ports: [80, {port: \"81\"}], "
		"env: {N: 5}, command: [x, 1]}\n"
		"  resources:\n    - {type: local_file, name: f, path: p, content: 7, mode: 600}\n");
	struct value value = schema_coerce(&schema_manifest, &p->value, &p->arena);

	(void)state;
	assert_int_equal(value_path(&value, "spec.services[0].ports[0]")->kind, VALUE_STRING);
	assert_int_equal(value_path(&value, "spec.services[0].ports[1].port")->kind, VALUE_INT);
	assert_int_equal(value_path(&value, "spec.services[0].env.N")->kind, VALUE_STRING);
	assert_int_equal(value_path(&value, "spec.services[0].command[1]")->kind, VALUE_STRING);
	assert_int_equal(value_path(&value, "spec.resources[0].content")->kind, VALUE_STRING);
	assert_string_equal(value_path(&value, "spec.resources[0].mode")->text, "600");
	release(p);
}

static void coercion_keeps_flags_and_places(void **state)
{
	struct arena arena = ARENA_INIT;
	struct value_builder builder;

	(void)state;
	builder_init(&builder, &arena);
	builder_put(&builder, "stdin", value_sensitive(value_int(&arena, 42)));
	struct value map = value_sensitive(builder_map(&builder));
	map.line = 9;
	struct value value = schema_coerce(type_find("local_command")->schema, &map, &arena);

	assert_int_equal(value_get(&value, "stdin")->kind, VALUE_STRING);
	assert_true(value_get(&value, "stdin")->flags & VALUE_SENSITIVE);
	assert_true(value.flags & VALUE_SENSITIVE);
	assert_true(value.flags & VALUE_HAS_SENSITIVE);
	assert_int_equal(value.line, 9);
	arena_release(&arena);
}

static void types_are_found_by_name_and_hold_attributes_only(void **state)
{
	const struct type *file = type_find("local_file");

	(void)state;
	assert_non_null(file);
	assert_null(type_find("local_fil"));
	assert_null(type_find(""));
	for (size_t i = 0; i < type_count; i++) {
		assert_ptr_equal(type_find(type_table[i]->name), type_table[i]);
		assert_null(type_attribute(type_table[i], "dependsOn"));
		assert_null(type_attribute(type_table[i], "name"));
		assert_non_null(type_table[i]->identity);
		if (i)
			assert_true(strcmp(type_table[i - 1]->name, type_table[i]->name) < 0);
	}
	assert_true(type_attribute(file, "path")->flags & SCHEMA_REPLACE);
	assert_true(type_attribute(file, "source")->flags & SCHEMA_FILE);
	assert_string_equal(type_attribute(file, "mode")->default_json, "\"0644\"");
	assert_string_equal(file->identity[0], "path");
	assert_null(file->identity[1]);
	assert_int_equal(type_output(file, "contentHash")->stability, OUTPUT_CHANGES);
	assert_string_equal(type_output(file, "contentHash")->with[2], "template");
	assert_int_equal(type_output(file, "absolutePath")->stability, OUTPUT_STABLE);
	assert_null(type_output(file, "content"));
	assert_string_equal(type_output(type_find("local_value"), "output")->from, "input");
	assert_int_equal(type_find("local_value")->flags, TYPE_EFFECTLESS);
	assert_true(type_find("local_command")->flags & TYPE_OPEN_OUTPUTS);
	assert_false(type_find("local_command")->flags & TYPE_EFFECTLESS);
	assert_true(type_find("local_process")->flags & TYPE_RUNS);
}

static void a_manifest_can_use_every_type(void **state)
{
	const struct schema *spec = schema_property(&schema_manifest, "spec");
	const struct schema *resource = schema_property(spec, "resources")->items;
	const struct schema *type = schema_property(resource, "type");

	(void)state;
	assert_int_equal(resource->n_cases, type_count);
	assert_int_equal(type->n_enums, type_count);
	for (size_t i = 0; i < type_count; i++) {
		assert_string_equal(resource->cases[i].value, type_table[i]->name);
		assert_ptr_equal(resource->cases[i].schema, type_table[i]->schema);
		assert_int_equal(strncmp(type->enums[i] + 1, type_table[i]->name,
			strlen(type_table[i]->name)), 0);
	}
}

static void merge_keys_and_members_are_found_along_a_path(void **state)
{
	struct parsed *p = parsed("type: local_command\nenvironment: {A: 1}\n");
	const struct schema *spec = schema_property(&schema_manifest, "spec");
	const struct schema *resources = schema_property(spec, "resources");

	(void)state;
	assert_string_equal(resources->merge_key, "type+name");
	assert_string_equal(schema_property(spec, "services")->merge_key, "name");
	assert_null(schema_property(spec, "moved")->merge_key);
	assert_null(schema_property(spec, "nothing"));
	assert_ptr_equal(schema_member(resources->items, &p->value, "create"),
		type_attribute(type_find("local_command"), "create"));
	assert_non_null(schema_member(resources->items, &p->value, "dependsOn"));
	assert_null(schema_member(resources->items, &p->value, "path"));
	const struct schema *environment = schema_member(resources->items, &p->value, "environment");

	assert_true(schema_member(environment, NULL, "ANY")->kinds & SCHEMA_STRING);
	release(p);
}

static void template_branches_are_for_editors_only(void **state)
{
	const struct schema *file = type_find("local_file")->schema;

	(void)state;
	assert_int_equal(schema_property(file, "adopt")->kinds, SCHEMA_BOOL);
	assert_int_equal(schema_property(file, "mode")->kinds, SCHEMA_STRING | SCHEMA_NUMBER);
	assert_null(schema_property(file, "mode")->any_of);
	assert_int_equal(schema_property(type_find("local_command")->schema, "create")->kinds,
		SCHEMA_LIST);
}

static bool matches(const struct pattern *pattern, const char *text)
{
	return pattern_match(pattern, text, strlen(text));
}

static void patterns_match_whole_texts(void **state)
{
	const struct schema *spec = schema_property(&schema_manifest, "spec");
	const struct schema *service = schema_property(spec, "services")->items;
	const struct pattern *label = schema_property(service, "name")->pattern;
	const struct pattern *meta = type_find("local_file")->schema->key_pattern;
	char text[80];

	(void)state;
	assert_true(matches(label, "a"));
	assert_true(matches(label, "a-b-1"));
	assert_false(matches(label, ""));
	assert_false(matches(label, "-a"));
	assert_false(matches(label, "a-"));
	assert_false(matches(label, "A"));
	assert_false(matches(label, "a\n"));
	assert_false(matches(label, "\xc3\xa4"));
	memset(text, 'a', 63);
	text[63] = 0;
	assert_true(matches(label, text));
	strcpy(text + 63, "a");
	assert_false(matches(label, text));
	assert_true(matches(meta, "dependsOn"));
	assert_true(matches(meta, "when"));
	assert_false(matches(meta, "whe"));
	assert_false(matches(meta, "whens"));
	/* not anchored at its end */
	assert_true(matches(schema_manifest.key_pattern, "x-anything"));
	assert_true(matches(schema_manifest.key_pattern, "x-"));
	assert_false(matches(schema_manifest.key_pattern, "ax-"));
}

/* --- keywords that the manifest's schema has no use for today, on schemas built by hand */

#define PROPERTIES(...)                                                                              \
	.properties = (const struct schema_property[]){__VA_ARGS__},                                 \
	.n_properties = ARRAY_SIZE(((const struct schema_property[]){__VA_ARGS__}))
#define TEXTS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define SCHEMAS(...) ((const struct schema *const[]){__VA_ARGS__, NULL})

static const struct schema is_any, is_text = {.kinds = SCHEMA_STRING},
	is_map = {.kinds = SCHEMA_MAP};
static const struct schema needs_a = {.required = TEXTS("a")};
static const struct schema needs_b = {.required = TEXTS("b")};
static const struct schema a_is_one = {
	PROPERTIES({"a", &(const struct schema){.enums = TEXTS("1"), .n_enums = 1}}),
	.required = TEXTS("a"),
};

static const struct {
	struct schema schema;
	const char *value, *said;
} by_hand[] = {
	{{.if_ = &a_is_one, .then = &needs_b, .else_ = &needs_a}, "{a: 1, b: 2}", ""},
	{{.if_ = &a_is_one, .then = &needs_b, .else_ = &needs_a}, "{a: 2}", ""},
	{{.if_ = &a_is_one, .then = &needs_b, .else_ = &needs_a}, "{a: 1}",
		"1:1: the value needs \"b\"\n"},
	{{.if_ = &a_is_one, .then = &needs_b, .else_ = &needs_a}, "{b: 1}",
		"1:1: the value needs \"a\"\n"},
	{{.all_of = SCHEMAS(&needs_a, &needs_b)}, "{a: 1, b: 2}", ""},
	{{.all_of = SCHEMAS(&needs_a, &needs_b)}, "{}",
		"1:1: the value needs \"a\"\n1:1: the value needs \"b\"\n"},
	{{.one_of = SCHEMAS(&is_text, &is_map)}, "abc", ""},
	{{.one_of = SCHEMAS(&is_text, &is_any)}, "abc",
		"1:1: the value can be read in more than one way\n"},
	{{.one_of = SCHEMAS(&is_text, &is_map)}, "[a]",
		"1:1: the value must be a string or a map, not a list\n"},
	{{PROPERTIES({"old", &(const struct schema){.flags = SCHEMA_DEPRECATED,
		.description = "use new"}})}, "{old: 1}",
		"1:2: warning: \"old\" is deprecated (use new)\n"},
	{{.flags = SCHEMA_UNIQUE}, "[a, b, {c: 1}, a, {c: 1}]",
		"1:16: \"a\" stands twice in the value\n1:19: item 5 stands there already\n"},
	{{.flags = SCHEMA_UNIQUE}, "[1, '1', true]", ""},
	{{.min_len = 2, .max_len = 3}, "\xc3\xa4\xc3\xb6\xc3\xbc", ""},
	{{.min_len = 2, .max_len = 3}, "\xc3\xa4", "1:1: the value must have at least 2 characters\n"},
	{{.min_len = 2, .max_len = 3}, "abcd", "1:1: the value must have at most 3 characters\n"},
	{{.min_len = 2, .max_len = 3}, "[a]", "1:1: the value must have at least 2 items\n"},
	{{.min_len = 2, .max_len = 3}, "[a, b, c, d]", "1:1: the value must have at most 3 items\n"},
	{{.flags = SCHEMA_HAS_MAX, .maximum = 1.5}, "1.6", "1:1: the value must be at most 1.5, not 1.6\n"},
	{{.flags = SCHEMA_HAS_MIN, .minimum = 1}, ".nan", "1:1: the value must be at least 1, not .nan\n"},
	{{.kinds = SCHEMA_INT}, "3.0", ""},
	{{.kinds = SCHEMA_INT}, "3.5", "1:1: the value must be a whole number, not 3.5\n"},
	{{.kinds = SCHEMA_NUMBER}, "3", ""},
	{{.enums = TEXTS("1", "null", "true"), .n_enums = 3}, "true", ""},
	{{.enums = TEXTS("1", "null", "true"), .n_enums = 3}, "~", ""},
	{{.enums = TEXTS("1", "null", "true"), .n_enums = 3}, "2",
		"1:1: the value must be 1, null or true, not 2\n"},
	{{.additional = &is_text}, "{a: b, c: [d]}", "1:11: \"c\" must be a string, not a list\n"},
	{{.flags = SCHEMA_LITERAL}, "'${X}'",
		"1:1: the value cannot hold a reference (it has to be known before anything is resolved)\n"},
	{{.any_of = SCHEMAS(&is_text, &is_map)}, "'${X} and more'", ""},
};

static void every_keyword_does_what_json_schema_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(by_hand); i++) {
		struct parsed *p = parsed(by_hand[i].value);

		schema_validate(&by_hand[i].schema, &p->value, &p->diags);
		cleanup_free char *got = said(&p->diags);

		if (strcmp(got, by_hand[i].said) != 0)
			fail_msg("row %zu, %s:\n%sinstead of:\n%s", i, by_hand[i].value, got,
				by_hand[i].said);
		release(p);
	}
}

static void long_lists_are_unique_or_not_in_linear_time(void **state)
{
	const struct schema unique = {.flags = SCHEMA_UNIQUE};
	struct arena arena = ARENA_INIT;
	struct value_builder builder;
	struct diags diags;

	(void)state;
	diags_init(&diags, &arena);
	builder_init(&builder, &arena);
	for (int i = 0; i < 100000; i++)
		builder_push(&builder, value_str(&arena, arena_printf(&arena, "n%d", i % 99999)));
	struct value list = builder_list(&builder);

	schema_validate(&unique, &list, &diags);
	assert_int_equal(diags.errors, 1);
	arena_release(&arena);
}

static void the_files_are_embedded_as_they_are(void **state)
{
	const char *slash = strrchr(__FILE__, '/');

	(void)state;
	assert_true(schema_file_count >= 2 + type_count);
	for (size_t i = 0; i < schema_file_count; i++) {
		char path[512];

		snprintf(path, sizeof(path), "%.*s/../../schemas/%s", (int)(slash - __FILE__),
			__FILE__, schema_files[i].name);
		cleanup_free char *text = read_file(path);

		assert_string_equal(schema_files[i].text, text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_get_the_diagnostics_that_stand_beside_them),
		cmocka_unit_test(an_attribute_map_alone_is_judged_by_its_type),
		cmocka_unit_test(unknown_values_pass_everywhere),
		cmocka_unit_test(sensitive_values_are_never_shown),
		cmocka_unit_test(numbers_become_their_source_text_where_text_is_wanted),
		cmocka_unit_test(text_becomes_a_number_where_only_numbers_are_wanted),
		cmocka_unit_test(what_needs_no_change_is_not_copied),
		cmocka_unit_test(coercion_reaches_through_the_whole_manifest),
		cmocka_unit_test(coercion_keeps_flags_and_places),
		cmocka_unit_test(types_are_found_by_name_and_hold_attributes_only),
		cmocka_unit_test(a_manifest_can_use_every_type),
		cmocka_unit_test(merge_keys_and_members_are_found_along_a_path),
		cmocka_unit_test(template_branches_are_for_editors_only),
		cmocka_unit_test(patterns_match_whole_texts),
		cmocka_unit_test(every_keyword_does_what_json_schema_says),
		cmocka_unit_test(long_lists_are_unique_or_not_in_linear_time),
		cmocka_unit_test(the_files_are_embedded_as_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
