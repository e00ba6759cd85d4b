/*
 * The tables of resource types, from x-type and x-outputs of the files in types/. What every type
 * file must have in common is refused here when it is missing: closed attributes that let the meta
 * keys of a resource pass. A type that the manifest's schema does not name gets a warning.
 */
#include "schemas/generate.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name, *flag;
} flag_names[] = {
	{"effectless", "TYPE_EFFECTLESS"}, {"persistent", "TYPE_PERSISTENT"}, {"job", "TYPE_JOB"},
	{"noUpdate", "TYPE_NO_UPDATE"}, {"runs", "TYPE_RUNS"}, {"remember", "TYPE_REMEMBER"},
	{"openOutputs", "TYPE_OPEN_OUTPUTS"}, {"holds", "TYPE_HOLDS"}, {"digest", "TYPE_DIGEST"},
	{"conceals", "TYPE_CONCEALS"}, {"health", "TYPE_HEALTH"},
	{"served", "TYPE_SERVED"}, {"openKinds", "TYPE_OPEN_KINDS"},
	{"marksOutputs", "TYPE_MARKS_OUTPUTS"},
};

static const struct {
	const char *name, *constant;
} stabilities[] = {
	{"stable", "OUTPUT_STABLE"}, {"derived", "OUTPUT_DERIVED"}, {"changes", "OUTPUT_CHANGES"},
	{"volatile", "OUTPUT_VOLATILE"},
};

/* One type on its way into the tables. */
struct source {
	struct generator *gen;
	const struct file *file;
	char *name;
	struct strbuf *out;
};

static void want_known_keys(const struct source *type, const char *where, json_t *object,
	const char *const *known)
{
	const char *key;
	json_t *value;

	if (!json_is_object(object))
		die(type->file->name, where, "must be an object");
	json_object_foreach(object, key, value) {
		const char *const *name = known;

		while (*name && strcmp(*name, key))
			name++;
		if (!*name)
			die(type->file->name, where, "\"%s\" is not known here", key);
	}
}

static void want_attributes(const struct source *type, const char *where, json_t *list)
{
	json_t *properties = json_object_get(type->file->json, "properties"), *name;
	size_t i;

	json_array_foreach(list, i, name)
		if (!json_object_get(properties, json_string_value(name)) &&
			strcmp(json_string_value(name), "locked") != 0) /* what the lock file says */
			die(type->file->name, where, "\"%s\" is not a property",
				json_string_value(name));
}

/* "^(dependsOn|forEach|...)$": what the resource definition describes, and a type must let pass. */
static char *meta_pattern(struct generator *gen)
{
	json_t *resource = resolve_reference(gen, RESOURCE_PATH, ROOT_FILE);
	struct strbuf pattern = STRBUF_INIT;
	size_t n;
	const char **keys = sorted_keys(json_object_get(resource, "properties"), &n);

	strbuf_addstr(&pattern, "^(");
	for (size_t i = 0; i < n; i++)
		strbuf_addf(&pattern, "%s%s", i ? "|" : "", keys[i]);
	strbuf_addstr(&pattern, ")$");
	free(keys);
	return strbuf_detach(&pattern);
}

static void check_shape(const struct source *type, const char *meta)
{
	json_t *json = type->file->json;
	json_t *patterns = json_object_get(json, "patternProperties");
	const char *title = json_string_value(json_object_get(json, "title"));
	const char *kind = json_string_value(json_object_get(json, "type"));
	size_t n;

	if (!title || strcmp(title, type->name))
		die(type->file->name, "#/title", "must be \"%s\", the name of the type", type->name);
	if (!kind || strcmp(kind, "object"))
		die(type->file->name, "#/type", "must be \"object\"");
	if (!json_is_false(json_object_get(json, "additionalProperties")))
		die(type->file->name, "#/additionalProperties", "must be false");
	if (json_object_size(patterns) != 1 || !json_is_true(json_object_get(patterns, meta)))
		die(type->file->name, "#/patternProperties", "must be {\"%s\": true}: the keys that "
			"every resource has", meta);
	const char **keys = sorted_keys(
		json_object_get(resolve_reference(type->gen, RESOURCE_PATH, ROOT_FILE), "properties"),
		&n);

	for (size_t i = 0; i < n; i++)
		if (json_object_get(json_object_get(json, "properties"), keys[i]))
			die(type->file->name, "#/properties", "\"%s\" is a key of every resource",
				keys[i]);
	free(keys);
}

/* The manifest must send {type: NAME} to this file, or it would refuse the type. Only a warning: while
   a type is being written the build goes on; test_schema fails until it is named. */
static void check_case(const struct source *type)
{
	json_t *resource = resolve_reference(type->gen, RESOURCE_PATH, ROOT_FILE), *branch, *name;
	json_t *names = json_object_get(
		json_object_get(json_object_get(resource, "properties"), "type"), "enum");
	bool listed = false, found = false;
	struct strbuf reference = STRBUF_INIT;
	size_t i;

	strbuf_addf(&reference, "%s#", type->file->name);
	json_array_foreach(names, i, name)
		listed |= !strcmp(json_string_value(name), type->name);
	json_array_foreach(json_object_get(resource, "allOf"), i, branch) {
		json_t *properties = json_object_get(json_object_get(branch, "if"), "properties");
		const char *value = json_string_value(
			json_object_get(json_object_get(properties, "type"), "const"));
		const char *then = json_string_value(
			json_object_get(json_object_get(branch, "then"), "$ref"));

		found |= value && then && !strcmp(value, type->name) &&
			 !strcmp(then, reference.text);
	}
	strbuf_release(&reference);
	if (!listed || !found)
		fprintf(stderr, "warning: %s: no manifest can use it: add \"%s\" to "
			"properties/type/enum of " RESOURCE_PATH ", and {\"if\": {\"properties\": "
			"{\"type\": {\"const\": \"%s\"}}, \"required\": [\"type\"]}, "
			"\"then\": {\"$ref\": \"%s\"}} to its allOf\n",
			type->file->name, type->name, type->name, type->file->name);
}

static void emit_output(const struct source *type, const char *name, json_t *output)
{
	static const char *const known[] = {"stability", "from", "with", "sensitive", "public",
		"description", NULL};
	const char *stability = json_string_value(json_object_get(output, "stability"));
	json_t *from = json_object_get(output, "from"), *with = json_object_get(output, "with");
	const char *constant = NULL;
	struct strbuf where = STRBUF_INIT;

	strbuf_addf(&where, "#/x-outputs/%s", name);
	want_known_keys(type, where.text, output, known);
	for (size_t i = 0; i < ARRAY_SIZE(stabilities); i++)
		if (stability && !strcmp(stabilities[i].name, stability))
			constant = stabilities[i].constant;
	if (!constant)
		die(type->file->name, where.text,
			"\"stability\" must be stable, derived, changes or volatile");
	if (json_is_string(from) != !strcmp(stability, "derived") ||
		json_is_array(with) != !strcmp(stability, "changes"))
		die(type->file->name, where.text,
			"\"derived\" has \"from\", \"changes\" has \"with\", and nothing else has them");
	if (from)
		with = json_pack("[O]", from);
	want_attributes(type, where.text, with);

	strbuf_addstr(type->out, "\t{.name = ");
	emit_string(type->out, name);
	strbuf_addf(type->out, ", .stability = %s", constant);
	if (from) {
		strbuf_addstr(type->out, ", .from = ");
		emit_string(type->out, json_string_value(from));
	} else if (with) {
		strbuf_addstr(type->out, ", .with = (const char *const[]){");
		emit_string_list(type->out, with, type->file->name, "with");
		strbuf_addch(type->out, '}');
	}
	if (json_is_true(json_object_get(output, "sensitive")))
		strbuf_addstr(type->out, ", .sensitive = true");
	if (json_is_true(json_object_get(output, "public")))
		strbuf_addstr(type->out, ", .public = true");
	strbuf_addstr(type->out, ", .description = ");
	emit_string(type->out, json_string_value(json_object_get(output, "description")));
	strbuf_addstr(type->out, "},\n");
	strbuf_release(&where);
}

static void emit_type_flags(const struct source *type, json_t *flags)
{
	json_t *flag;
	size_t i;

	strbuf_addstr(type->out, "\t.flags = 0");
	json_array_foreach(flags, i, flag) {
		const char *text = json_string_value(flag);
		size_t j = 0;

		while (j < ARRAY_SIZE(flag_names) && text && strcmp(flag_names[j].name, text))
			j++;
		if (!text || j == ARRAY_SIZE(flag_names))
			die(type->file->name, "#/x-type/flags", "there is no flag \"%s\"",
				text ? text : "?");
		strbuf_addf(type->out, " | %s", flag_names[j].flag);
	}
	strbuf_addstr(type->out, ",\n");
}

static void emit_type(const struct source *type)
{
	static const char *const known[] = {"version", "flags", "identity", NULL};
	json_t *about = json_object_get(type->file->json, "x-type");
	json_t *outputs = json_object_get(type->file->json, "x-outputs");
	json_t *identity = json_object_get(about, "identity");
	json_t *version = json_object_get(about, "version");
	struct strbuf where = STRBUF_INIT;
	char schema[32];
	size_t n;
	const char **names = sorted_keys(outputs, &n);

	want_known_keys(type, "#/x-type", about, known);
	if (json_integer_value(version) < 1)
		die(type->file->name, "#/x-type/version", "must be a whole number from 1");
	want_attributes(type, "#/x-type/identity", identity);
	strbuf_addf(&where, "%s#", type->file->name);
	node_name(node_of(type->gen, type->file->json, where.text), schema);
	if (n) {
		strbuf_addf(type->out, "static const struct output outputs_%s[] = {\n", type->name);
		for (size_t i = 0; i < n; i++)
			emit_output(type, names[i], json_object_get(outputs, names[i]));
		strbuf_addstr(type->out, "};\n");
	}
	strbuf_addf(type->out, "static const char *const identity_%s[] = {", type->name);
	emit_string_list(type->out, identity ? identity : json_array(), type->file->name, "identity");
	strbuf_addf(type->out, "};\nstatic const struct type type_%s = {\n\t.name = ", type->name);
	emit_string(type->out, type->name);
	strbuf_addf(type->out, ",\n\t.version = %d,\n", (int)json_integer_value(version));
	emit_type_flags(type, json_object_get(about, "flags"));
	strbuf_addf(type->out, "\t.schema = %s,\n", schema);
	if (n)
		strbuf_addf(type->out, "\t.outputs = outputs_%s,\n\t.n_outputs = %zu,\n", type->name, n);
	strbuf_addf(type->out, "\t.identity = identity_%s,\n};\n", type->name);
	strbuf_release(&where);
	free(names);
}

void emit_types(struct generator *gen, struct strbuf *out)
{
	struct strbuf list = STRBUF_INIT;
	char *meta = meta_pattern(gen);
	size_t count = 0;

	for (size_t i = 0; i < gen->n_files; i++) {
		const struct file *file = &gen->files[i];
		struct source type = {.gen = gen, .file = file, .out = out};

		if (!is_type_file(file))
			continue;
		type.name = xstrndup(file->name + 6, strlen(file->name) - 6 - 5);
		check_shape(&type, meta);
		check_case(&type);
		emit_type(&type);
		strbuf_addf(&list, "\t&type_%s,\n", type.name);
		free(type.name);
		count++;
	}
	/* Files are sorted by name; ".json" sorts below every letter, so types are, too. */
	strbuf_addf(out, "\nconst struct type *const type_table[] = {\n%s};\n", list.text);
	strbuf_addf(out, "const size_t type_count = %zu;\n", count);
	strbuf_release(&list);
	free(meta);
}
