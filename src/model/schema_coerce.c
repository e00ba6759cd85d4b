/*
 * Values in the types that a schema wants. Only what changes is copied: a list or map is rebuilt when
 * one of its parts was, so that a manifest without anything to do costs a walk and no memory.
 */
#include "model/schema_check.h"

#include "model/yaml.h"

#include <math.h>
#include <string.h>

enum { NUMERIC = SCHEMA_BOOL | SCHEMA_INT | SCHEMA_NUMBER };

static bool coerce(const struct schema *schema, const struct value *value, struct arena *arena,
	struct value *out);

static bool is_numeric(const struct value *value)
{
	return value->kind == VALUE_BOOL || value->kind == VALUE_INT || value->kind == VALUE_REAL;
}

/* False: stays as it is. */
static bool coerce_scalar(const struct schema *schema, const struct value *value, struct value *out)
{
	*out = *value;
	if (is_numeric(value) && schema->kinds & SCHEMA_STRING) {
		out->kind = VALUE_STRING;
		out->integer = 0;
		return true;
	}
	if (value->kind == VALUE_REAL && schema->kinds & SCHEMA_INT &&
		!(schema->kinds & SCHEMA_NUMBER) && value->real == trunc(value->real) &&
		fabs(value->real) < 9e15) {
		out->kind = VALUE_INT;
		out->integer = (int64_t)value->real;
		return true;
	}
	if (value->kind != VALUE_STRING || value->flags & (VALUE_TEMPLATE | VALUE_KEYED) ||
		!(schema->kinds & NUMERIC) || schema->kinds & SCHEMA_STRING ||
		memchr(value->text, 0, value->len))
		return false;
	yaml_resolve(out);
	return is_numeric(out) && schema_kind_fits(schema, out);
}

/* The flags of the whole that do not come from its parts. */
static struct value rebuilt(const struct value *old, struct value fresh)
{
	fresh.flags |= old->flags & (VALUE_SENSITIVE | VALUE_PLAIN | VALUE_DELETE);
	fresh.source = old->source;
	fresh.line = old->line;
	fresh.column = old->column;
	return fresh;
}

static bool coerce_list(const struct schema *schema, const struct value *list, struct arena *arena,
	struct value *out)
{
	struct value *items = NULL, item;

	for (uint32_t i = 0; schema->items && i < list->len; i++) {
		if (!coerce(schema->items, &list->items[i], arena, &item))
			continue;
		if (!items) {
			items = arena_alloc(arena, list->len * sizeof(*items));
			memcpy(items, list->items, list->len * sizeof(*items));
		}
		items[i] = item;
	}
	if (items)
		*out = rebuilt(list, value_list(items, list->len));
	return items;
}

static bool coerce_map(const struct schema *schema, const struct value *map, struct arena *arena,
	struct value *out)
{
	struct member *members = NULL;
	struct value value;

	for (uint32_t i = 0; i < map->len; i++) {
		const struct schema *found = schema_member(schema, map, map->members[i].key);

		if (!found || !coerce(found, &map->members[i].value, arena, &value))
			continue;
		if (!members) {
			members = arena_alloc(arena, map->len * sizeof(*members));
			memcpy(members, map->members, map->len * sizeof(*members));
		}
		members[i].value = value;
	}
	if (members)
		*out = rebuilt(map, value_map(members, map->len));
	return members;
}

/* Coerces *value in place along one more schema; true when it changed. */
static bool step(const struct schema *schema, struct value *value, struct arena *arena)
{
	struct value changed;

	if (!coerce(schema, value, arena, &changed))
		return false;
	*value = changed;
	return true;
}

/* The first branch that `value` fits, after its own coercion. */
static bool coerce_branches(const struct schema *const *branches, struct value *value,
	struct arena *arena)
{
	for (; branches && *branches; branches++) {
		struct value changed = *value;
		bool any = step(*branches, &changed, arena);

		if (!schema_fits(*branches, &changed))
			continue;
		*value = changed;
		return any;
	}
	return false;
}

static bool coerce(const struct schema *schema, const struct value *value, struct arena *arena,
	struct value *out)
{
	bool changed = false;

	if (value->kind == VALUE_LIST)
		changed = coerce_list(schema, value, arena, out);
	else if (value->kind == VALUE_MAP)
		changed = coerce_map(schema, value, arena, out);
	else if (value_is_scalar(value))
		changed = coerce_scalar(schema, value, out);
	if (!changed)
		*out = *value;

	changed |= coerce_branches(schema->any_of, out, arena);
	changed |= coerce_branches(schema->one_of, out, arena);
	for (const struct schema *const *branch = schema->all_of; branch && *branch; branch++)
		changed |= step(*branch, out, arena);
	if (schema->if_) {
		const struct schema *branch = schema_fits(schema->if_, out) ? schema->then
									    : schema->else_;

		if (branch)
			changed |= step(branch, out, arena);
	}
	if (schema->flags & SCHEMA_SENSITIVE && !(out->flags & VALUE_SENSITIVE)) {
		*out = value_sensitive(*out);
		changed = true;
	}
	return changed;
}

struct value schema_coerce(const struct schema *schema, const struct value *value,
	struct arena *arena)
{
	struct value out = *value;

	step(schema, &out, arena);
	return out;
}
