/*
 * From a schema as written to the one that the tables hold: $ref is followed and merged with what
 * stands beside it, and branches that only let a template pass are taken out, because the validator
 * lets templates pass by itself. Each schema is resolved once, so a recursive one ends.
 */
#include "schemas/generate.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

/* "~1" is "/" and "~0" is "~" in a JSON pointer. */
static char *pointer_step(const char **rest)
{
	struct strbuf step = STRBUF_INIT;
	const char *c = *rest;

	for (; *c && *c != '/'; c++) {
		if (c[0] == '~' && (c[1] == '0' || c[1] == '1'))
			strbuf_addch(&step, *++c == '0' ? '~' : '/');
		else
			strbuf_addch(&step, *c);
	}
	*rest = c;
	return strbuf_detach(&step);
}

json_t *resolve_reference(struct generator *gen, const char *reference, const char *where)
{
	const char *hash = strchr(reference, '#');
	char *name = xstrndup(reference, (size_t)(hash - reference));
	struct file *file = generator_file(gen, name);

	if (!file)
		die(where, "", "$ref names \"%s\", and there is no such file", name);
	json_t *at = file->json;
	const char *rest = hash + 1;

	while (at && *rest == '/') {
		rest++;
		char *step = pointer_step(&rest);

		at = json_is_array(at) ? json_array_get(at, (size_t)atol(step))
				       : json_object_get(at, step);
		free(step);
	}
	if (!at || *rest)
		die(where, "", "$ref \"%s\" leads nowhere", reference);
	free(name);
	return at;
}

static bool is_annotation(const char *keyword)
{
	static const char *const names[] = {"title", "description", "default", "deprecated",
		"examples", "x-merge-key", "x-pattern-hint", "x-also", "x-instead",
		"$schema", "$id", "$defs"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i], keyword))
			return true;
	return false;
}

/* `over` on top of `base`: both must hold. Annotations of `over` win; two assertions of one name
   cannot be merged, and are refused. */
static json_t *overlay(json_t *base, json_t *over, const char *skip, const char *where)
{
	json_t *merged = json_copy(base), *value;
	const char *key;

	json_object_foreach(over, key, value) {
		json_t *there = json_object_get(base, key);

		if (!strcmp(key, skip))
			continue;
		if (there && !is_annotation(key) && !json_equal(there, value))
			die(where, "", "\"%s\" stands both here and in what is referred to", key);
		json_object_set(merged, key, value);
	}
	return merged;
}

static bool is_template_branch(json_t *schema)
{
	const char *type = json_string_value(json_object_get(schema, "type"));
	const char *pattern = json_string_value(json_object_get(schema, "pattern"));

	return type && !strcmp(type, "string") && pattern &&
	       (!strcmp(pattern, PATTERN_TEMPLATE) || !strcmp(pattern, PATTERN_REFERENCE));
}

/* anyOf: [X, template] becomes X. */
static json_t *drop_template_branches(struct generator *gen, json_t *schema, const char *where)
{
	json_t *branches = json_object_get(schema, "anyOf"), *branch, *kept;
	size_t i;

	if (!json_is_array(branches))
		return schema;
	kept = json_array();
	json_array_foreach(branches, i, branch) {
		branch = resolve_schema(gen, branch, where);
		if (!is_template_branch(branch))
			json_array_append(kept, branch);
	}
	if (json_array_size(kept) == 0)
		return schema;
	if (json_array_size(kept) == 1) {
		json_t *only = json_array_get(kept, 0);

		/* The branch itself may have been an anyOf. */
		json_t *rest = json_copy(schema);
		json_object_del(rest, "anyOf");
		return overlay(only, rest, "", where);
	}
	schema = json_copy(schema);
	json_object_set(schema, "anyOf", kept);
	return schema;
}

/* {type: [integer, string], pattern: TEMPLATE} becomes {type: integer}. */
static json_t *drop_template_kind(json_t *schema)
{
	json_t *types = json_object_get(schema, "type"), *type, *kept;
	const char *pattern = json_string_value(json_object_get(schema, "pattern"));
	size_t i;

	if (!json_is_array(types) || !pattern ||
		(strcmp(pattern, PATTERN_TEMPLATE) && strcmp(pattern, PATTERN_REFERENCE)))
		return schema;
	kept = json_array();
	json_array_foreach(types, i, type)
		if (strcmp(json_string_value(type), "string"))
			json_array_append(kept, type);
	schema = json_copy(schema);
	json_object_set_new(schema, "type", kept);
	json_object_del(schema, "pattern");
	json_object_del(schema, "x-pattern-hint");
	return schema;
}

json_t *resolve_schema(struct generator *gen, json_t *schema, const char *where)
{
	for (size_t i = 0; i < gen->n_effective; i++) {
		struct effective *known = &gen->effective[i];

		if (known->from == schema || known->to == schema) {
			if (!known->to)
				die(where, "", "$ref refers to itself");
			return known->to;
		}
	}
	VEC_GROW(gen->effective, gen->n_effective, gen->cap_effective);
	size_t self = gen->n_effective++;
	gen->effective[self] = (struct effective){.from = schema};

	json_t *to = schema;
	if (json_is_true(schema)) {
		to = json_object();
	} else if (json_is_false(schema)) {
		die(where, "", "\"false\" is supported for additionalProperties only");
	} else {
		json_t *ref = json_object_get(schema, "$ref");

		if (ref) {
			const char *text = json_string_value(ref);
			json_t *target = resolve_schema(gen, resolve_reference(gen, text, where),
				text);

			to = json_object_size(schema) == 1 ? target
							   : overlay(target, schema, "$ref", where);
		}
		to = drop_template_branches(gen, to, where);
		to = drop_template_kind(to);
	}
	gen->effective[self].to = to;
	return to;
}
