/*
 * Writes the tables. Nodes are numbered in the order in which they are found from the manifest's
 * root and then from each type; what hangs on a node (lists, patterns) is written before it.
 */
#include "schemas/generate.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

void emit_string(struct strbuf *out, const char *text)
{
	size_t column = 0;

	if (!text) {
		strbuf_addstr(out, "NULL");
		return;
	}
	strbuf_addch(out, '"');
	for (const char *c = text; *c; c++) {
		unsigned char byte = (unsigned char)*c;

		if (byte == '"' || byte == '\\')
			strbuf_addf(out, "\\%c", byte);
		else if (byte == '\n')
			strbuf_addstr(out, "\\n");
		else if (byte < 32 || byte >= 127 || byte == '?')
			strbuf_addf(out, "\\%03o", byte);
		else
			strbuf_addch(out, *c);
		if (c[1] && (byte == '\n' || ++column >= 90)) {
			strbuf_addstr(out, "\"\n\t\"");
			column = 0;
		}
	}
	strbuf_addch(out, '"');
}

/* The number of a schema's table; made known when it is new. */
size_t node_of(struct generator *gen, json_t *schema, const char *where)
{
	json_t *effective = resolve_schema(gen, schema, where);

	for (size_t i = 0; i < gen->n_nodes; i++)
		if (gen->nodes[i].json == effective)
			return i;
	VEC_GROW(gen->nodes, gen->n_nodes, gen->cap_nodes);
	gen->nodes[gen->n_nodes] = (struct node){.json = effective, .where = xstrdup(where)};
	return gen->n_nodes++;
}

/* "&s_12"; the root has a name of its own. */
void node_name(size_t node, char out[32])
{
	if (node)
		snprintf(out, 32, "&s_%zu", node);
	else
		snprintf(out, 32, "&schema_manifest");
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **sorted_keys(json_t *object, size_t *n)
{
	const char **keys = xcalloc(json_object_size(object) + 1, sizeof(*keys));
	const char *key;
	json_t *value;

	*n = 0;
	json_object_foreach(object, key, value)
		keys[(*n)++] = key;
	qsort(keys, *n, sizeof(*keys), by_text);
	return keys;
}

/* A table is written into `head` and named in a field of the node, into `fields`. */
struct emitter {
	struct generator *gen;
	const char *where;
	struct strbuf head, fields;
};

static void begin_table(struct emitter *e, const char *type, const char *field)
{
	size_t id = e->gen->n_names++;

	strbuf_addf(&e->head, "static const %s t_%zu[] = {", type, id);
	strbuf_addf(&e->fields, "\t.%s = t_%zu,\n", field, id);
}

static void emit_pattern(struct emitter *e, const char *field, const char *pattern)
{
	struct generator *gen = e->gen;
	char name[32];
	size_t i = 0;

	while (i < gen->n_patterns && strcmp(gen->patterns[i], pattern))
		i++;
	snprintf(name, sizeof(name), "p_%zu", i);
	if (i == gen->n_patterns) {
		VEC_GROW(gen->patterns, gen->n_patterns, gen->cap_patterns);
		gen->patterns[gen->n_patterns++] = pattern;
		pattern_emit(&e->head, name, pattern, e->where);
	}
	strbuf_addf(&e->fields, "\t.%s = &%s,\n", field, name);
}

static void field_string(struct emitter *e, const char *field, const char *text)
{
	if (!text)
		return;
	strbuf_addf(&e->fields, "\t.%s = ", field);
	emit_string(&e->fields, text);
	strbuf_addstr(&e->fields, ",\n");
}

static void field_schema(struct emitter *e, const char *field, json_t *schema)
{
	char name[32];

	if (!schema)
		return;
	node_name(node_of(e->gen, schema, e->where), name);
	strbuf_addf(&e->fields, "\t.%s = %s,\n", field, name);
}

static const char *want_string(struct emitter *e, json_t *value, const char *what)
{
	if (!json_is_string(value))
		die(e->where, "", "\"%s\" must be a string", what);
	return json_string_value(value);
}

static const char *get_string(struct emitter *e, json_t *schema, const char *what)
{
	json_t *value = json_object_get(schema, what);

	return value ? want_string(e, value, what) : NULL;
}

void emit_string_list(struct strbuf *out, json_t *list, const char *where, const char *what)
{
	json_t *item;
	size_t i;

	if (!json_is_array(list))
		die(where, "", "\"%s\" must be a list of strings", what);
	json_array_foreach(list, i, item) {
		if (!json_is_string(item))
			die(where, "", "\"%s\" must be a list of strings", what);
		emit_string(out, json_string_value(item));
		strbuf_addstr(out, ", ");
	}
	strbuf_addstr(out, "NULL");
}

static void field_strings(struct emitter *e, const char *field, json_t *list)
{
	if (!list)
		return;
	begin_table(e, "char *const", field);
	emit_string_list(&e->head, list, e->where, field);
	strbuf_addstr(&e->head, "};\n");
}

/* A map of texts as a list: key, text, key, text. */
static void field_pairs(struct emitter *e, const char *field, json_t *map)
{
	const char *key;
	json_t *value;

	if (!map)
		return;
	begin_table(e, "char *const", field);
	json_object_foreach(map, key, value) {
		strbuf_addch(&e->head, '\t');
		emit_string(&e->head, key);
		strbuf_addstr(&e->head, ", ");
		emit_string(&e->head, want_string(e, value, field));
		strbuf_addstr(&e->head, ",\n");
	}
	strbuf_addstr(&e->head, "\tNULL};\n");
}

/* In the order of enum value_kind. */
static unsigned kind_bit(struct emitter *e, json_t *type)
{
	static const char *const kinds[] = {"null", "boolean", "integer", "number", "string", "array",
		"object"};
	const char *name = want_string(e, type, "type");

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i], name))
			return 1u << i;
	die(e->where, "", "there is no type \"%s\"", name);
}

static unsigned kinds_of(struct emitter *e, json_t *schema)
{
	json_t *type = json_object_get(schema, "type"), *item;
	unsigned kinds = 0;
	size_t i;

	if (!type)
		return 0;
	if (!json_is_array(type))
		return kind_bit(e, type);
	json_array_foreach(type, i, item)
		kinds |= kind_bit(e, item);
	return kinds;
}

static void emit_kinds(struct emitter *e, json_t *schema)
{
	static const char *const names[] = {"SCHEMA_NULL", "SCHEMA_BOOL", "SCHEMA_INT",
		"SCHEMA_NUMBER", "SCHEMA_STRING", "SCHEMA_LIST", "SCHEMA_MAP"};
	unsigned kinds = kinds_of(e, schema);
	const char *join = "";

	if (!kinds)
		return;
	strbuf_addstr(&e->fields, "\t.kinds = ");
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (!(kinds & 1u << i))
			continue;
		strbuf_addf(&e->fields, "%s%s", join, names[i]);
		join = " | ";
	}
	strbuf_addstr(&e->fields, ",\n");
}

static void emit_flags(struct emitter *e, json_t *schema)
{
	static const struct {
		const char *keyword, *flag;
	} flags[] = {
		{"x-sensitive", "SCHEMA_SENSITIVE"}, {"x-replace", "SCHEMA_REPLACE"},
		{"x-file", "SCHEMA_FILE"}, {"x-attached", "SCHEMA_ATTACHED"},
		{"x-within", "SCHEMA_WITHIN"},
		{"uniqueItems", "SCHEMA_UNIQUE"}, {"deprecated", "SCHEMA_DEPRECATED"},
		{"x-literal", "SCHEMA_LITERAL"}, {"x-public", "SCHEMA_PUBLIC"},
	};

	strbuf_addstr(&e->fields, "\t.flags = 0");
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		json_t *value = json_object_get(schema, flags[i].keyword);

		if (value && !json_is_boolean(value))
			die(e->where, "", "\"%s\" must be true or false", flags[i].keyword);
		if (json_is_true(value))
			strbuf_addf(&e->fields, " | %s", flags[i].flag);
	}
	if (json_is_false(json_object_get(schema, "additionalProperties")))
		strbuf_addstr(&e->fields, " | SCHEMA_CLOSED");
	if (json_object_get(schema, "minimum"))
		strbuf_addstr(&e->fields, " | SCHEMA_HAS_MIN");
	if (json_object_get(schema, "maximum"))
		strbuf_addstr(&e->fields, " | SCHEMA_HAS_MAX");
	strbuf_addstr(&e->fields, ",\n");
}

static void emit_properties(struct emitter *e, json_t *schema)
{
	json_t *properties = json_object_get(schema, "properties");
	json_t *patterns = json_object_get(schema, "patternProperties");
	json_t *additional = json_object_get(schema, "additionalProperties");
	char name[32];
	size_t n;

	if (json_object_size(properties)) {
		const char **keys = sorted_keys(properties, &n);
		struct strbuf where = STRBUF_INIT;

		begin_table(e, "struct schema_property", "properties");
		strbuf_addch(&e->head, '\n');
		for (size_t i = 0; i < n; i++) {
			strbuf_reset(&where);
			strbuf_addf(&where, "%s/%s", e->where, keys[i]);
			node_name(node_of(e->gen, json_object_get(properties, keys[i]),
					  where.text), name);
			strbuf_addstr(&e->head, "\t{");
			emit_string(&e->head, keys[i]);
			strbuf_addf(&e->head, ", %s},\n", name);
		}
		strbuf_addstr(&e->head, "};\n");
		strbuf_addf(&e->fields, "\t.n_properties = %zu,\n", n);
		strbuf_release(&where);
		free(keys);
	}
	if (json_object_size(patterns) > 1)
		die(e->where, "", "only one pattern is supported in \"patternProperties\"");
	if (patterns) {
		const char *pattern;
		json_t *value;

		json_object_foreach(patterns, pattern, value) {
			emit_pattern(e, "key_pattern", pattern);
			field_schema(e, "key_schema", value);
		}
	}
	if (json_is_object(additional))
		field_schema(e, "additional", additional);
	field_strings(e, "required", json_object_get(schema, "required"));
}

static void emit_enum(struct emitter *e, json_t *schema)
{
	json_t *list = json_object_get(schema, "enum"), *only = json_object_get(schema, "const");
	json_t *item;
	size_t i;

	if (only) {
		if (list)
			die(e->where, "", "\"const\" beside \"enum\" says nothing more");
		list = json_pack("[O]", only);
	}
	if (!list)
		return;
	if (!json_is_array(list) || !json_array_size(list))
		die(e->where, "", "\"enum\" must be a list of values");
	char **texts = xcalloc(json_array_size(list), sizeof(*texts));

	json_array_foreach(list, i, item) {
		if (json_is_object(item) || json_is_array(item) || json_is_real(item))
			die(e->where, "", "only strings, whole numbers, booleans and null are "
				"supported in \"enum\"");
		texts[i] = json_dumps(item, JSON_ENCODE_ANY | JSON_COMPACT);
		/* The validator searches between the quotes, by bytes. */
		for (const char *c = json_string_value(item); c && *c; c++)
			if ((unsigned char)*c <= '"' || *c == '\\')
				die(e->where, "", "blanks, quotes and backslashes are not supported "
					"in \"enum\"");
	}
	qsort(texts, json_array_size(list), sizeof(*texts), by_text);
	begin_table(e, "char *const", "enums");
	for (i = 0; i < json_array_size(list); i++) {
		emit_string(&e->head, texts[i]);
		strbuf_addstr(&e->head, ", ");
	}
	strbuf_addstr(&e->head, "NULL};\n");
	strbuf_addf(&e->fields, "\t.n_enums = %zu,\n", json_array_size(list));
}

static void emit_limits(struct emitter *e, json_t *schema)
{
	static const struct {
		const char *keyword, *field;
	} limits[] = {{"minimum", "minimum"}, {"maximum", "maximum"}, {"minItems", "min_len"},
		{"maxItems", "max_len"}, {"minLength", "min_len"}, {"maxLength", "max_len"}};
	const char *pattern = get_string(e, schema, "pattern");

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		json_t *value = json_object_get(schema, limits[i].keyword);

		if (!value)
			continue;
		if (!json_is_number(value) || (i >= 2 && json_integer_value(value) <= 0))
			die(e->where, "", "\"%s\" must be a number%s", limits[i].keyword,
				i < 2 ? "" : " above zero");
		strbuf_addf(&e->fields, "\t.%s = %.17g,\n", limits[i].field,
			json_number_value(value));
	}
	if ((json_object_get(schema, "minItems") || json_object_get(schema, "maxItems")) &&
		(json_object_get(schema, "minLength") || json_object_get(schema, "maxLength")))
		die(e->where, "", "limits of lists and of strings in one schema: split it with anyOf");
	if (pattern)
		emit_pattern(e, "pattern", pattern);
}

/* {if: {properties: {KEY: {const: VALUE}}, required: [KEY]}, then: ...}: KEY, else NULL. */
static const char *case_of(json_t *branch, const char **value, json_t **then)
{
	json_t *condition = json_object_get(branch, "if"), *constant;
	json_t *properties = json_object_get(condition, "properties");
	json_t *required = json_object_get(condition, "required");
	const char *key = json_object_iter_key(json_object_iter(properties));

	*then = json_object_get(branch, "then");
	if (json_object_size(branch) != 2 || json_object_size(condition) != 2 || !*then || !key ||
		json_object_size(properties) != 1 || json_array_size(required) != 1 ||
		strcmp(json_string_value(json_array_get(required, 0)), key))
		return NULL;
	constant = json_object_get(properties, key);
	*value = json_string_value(json_object_get(constant, "const"));
	return *value && json_object_size(constant) == 1 ? key : NULL;
}

struct pair {
	const char *value;
	json_t *then;
};

static int by_value(const void *a, const void *b)
{
	return strcmp(((const struct pair *)a)->value, ((const struct pair *)b)->value);
}

/* An allOf of nothing but cases of one key becomes a table; a switch costs one look, not one try a
   case. */
static bool emit_cases(struct emitter *e, json_t *all)
{
	size_t n = json_array_size(all), i;
	struct pair *pairs = xcalloc(n + 1, sizeof(*pairs));
	const char *key = NULL;
	char name[32];

	for (i = 0; i < n; i++) {
		const char *one = case_of(json_array_get(all, i), &pairs[i].value, &pairs[i].then);

		if (!one || (key && strcmp(one, key)))
			return false;
		key = one;
	}
	if (!n)
		return false;
	qsort(pairs, n, sizeof(*pairs), by_value);
	begin_table(e, "struct schema_case", "cases");
	strbuf_addch(&e->head, '\n');
	for (i = 0; i < n; i++) {
		if (i && !strcmp(pairs[i - 1].value, pairs[i].value))
			die(e->where, "", "two cases for \"%s\"", pairs[i].value);
		node_name(node_of(e->gen, pairs[i].then, e->where), name);
		strbuf_addstr(&e->head, "\t{");
		emit_string(&e->head, pairs[i].value);
		strbuf_addf(&e->head, ", %s},\n", name);
	}
	strbuf_addstr(&e->head, "};\n");
	strbuf_addf(&e->fields, "\t.n_cases = %zu,\n", n);
	field_string(e, "case_key", key);
	free(pairs);
	return true;
}

static void emit_branches(struct emitter *e, json_t *schema, const char *keyword, const char *field)
{
	json_t *list = json_object_get(schema, keyword), *item;
	char name[32];
	size_t i;

	if (!list || (!strcmp(keyword, "allOf") && emit_cases(e, list)))
		return;
	begin_table(e, "struct schema *const", field);
	json_array_foreach(list, i, item) {
		node_name(node_of(e->gen, item, e->where), name);
		strbuf_addf(&e->head, "%s, ", name);
	}
	strbuf_addstr(&e->head, "NULL};\n");
}

static void emit_node(struct generator *gen, size_t i, struct strbuf *tables, struct strbuf *structs)
{
	struct emitter e = {.gen = gen, .where = gen->nodes[i].where, .head = STRBUF_INIT,
		.fields = STRBUF_INIT};
	json_t *schema = gen->nodes[i].json, *fallback = json_object_get(schema, "default");

	emit_kinds(&e, schema);
	emit_flags(&e, schema);
	field_string(&e, "title", get_string(&e, schema, "title"));
	field_string(&e, "description", get_string(&e, schema, "description"));
	if (fallback)
		field_string(&e, "default_json", json_dumps(fallback,
			JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS));
	emit_properties(&e, schema);
	field_schema(&e, "items", json_object_get(schema, "items"));
	emit_enum(&e, schema);
	emit_limits(&e, schema);
	field_string(&e, "pattern_hint", get_string(&e, schema, "x-pattern-hint"));
	field_string(&e, "merge_key", get_string(&e, schema, "x-merge-key"));
	field_strings(&e, "also", json_object_get(schema, "x-also"));
	field_pairs(&e, "instead", json_object_get(schema, "x-instead"));
	emit_branches(&e, schema, "anyOf", "any_of");
	emit_branches(&e, schema, "oneOf", "one_of");
	emit_branches(&e, schema, "allOf", "all_of");
	field_schema(&e, "if_", json_object_get(schema, "if"));
	field_schema(&e, "then", json_object_get(schema, "then"));
	field_schema(&e, "else_", json_object_get(schema, "else"));

	strbuf_add(tables, e.head.text, e.head.len);
	if (i == 0)
		strbuf_addf(structs, "const struct schema schema_manifest = {\n%s};\n", e.fields.text);
	else
		strbuf_addf(structs, "static const struct schema s_%zu = {\n%s};\n", i, e.fields.text);
	strbuf_release(&e.head);
	strbuf_release(&e.fields);
}

static void emit_files(struct generator *gen)
{
	strbuf_addstr(gen->out, "\nconst struct schema_file schema_files[] = {\n");
	for (size_t i = 0; i < gen->n_files; i++) {
		strbuf_addstr(gen->out, "\t{");
		emit_string(gen->out, gen->files[i].name);
		strbuf_addstr(gen->out, ",\n\t");
		emit_string(gen->out, gen->files[i].text);
		strbuf_addstr(gen->out, "},\n");
	}
	strbuf_addf(gen->out, "};\nconst size_t schema_file_count = %zu;\n", gen->n_files);
}

void emit_tables(struct generator *gen)
{
	struct strbuf types = STRBUF_INIT, tables = STRBUF_INIT, structs = STRBUF_INIT;

	node_of(gen, resolve_reference(gen, ROOT_FILE "#", ROOT_FILE), ROOT_FILE "#");
	emit_types(gen, &types);
	/* The list grows while it is walked. */
	for (size_t i = 0; i < gen->n_nodes; i++)
		emit_node(gen, i, &tables, &structs);

	strbuf_addstr(gen->out, "/* Generated from schemas/ by schema-generate. */\n"
		"#include \"model/type.h\"\n\n");
	for (size_t i = 1; i < gen->n_nodes; i++)
		strbuf_addf(gen->out, "static const struct schema s_%zu;\n", i);
	strbuf_add(gen->out, tables.text, tables.len);
	strbuf_add(gen->out, structs.text, structs.len);
	strbuf_add(gen->out, types.text, types.len);
	emit_files(gen);
	strbuf_release(&types);
	strbuf_release(&tables);
	strbuf_release(&structs);
}
