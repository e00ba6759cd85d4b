/*
 * An output that is derived from an attribute is known as soon as the attribute is, long before the
 * resource exists; that keeps most of a first plan free of "(known after apply)".
 */
#include "engine/plan/resolve.h"

#include "model/json.h"
#include "model/schema.h"
#include "model/template.h"

#include <stdlib.h>
#include <string.h>

bool value_has_secret(const struct value *value)
{
	return value->flags & (VALUE_SENSITIVE | VALUE_HAS_SENSITIVE);
}

const struct value *view_outputs(struct view *view)
{
	if (!view->outputs && view->record)
		view->outputs = record_outputs(view->record, NULL);
	return view->outputs;
}

/* Of what was never made an output is not known; as long as nothing changes it, its name stands for it. */
static bool is_symbol(struct view *view, const struct type *type, const struct output *output,
	const char *name)
{
	const struct record *record = view->record;
	const struct value *value;

	if (!record || !record->supposed || (!output && !(type->flags & TYPE_OPEN_OUTPUTS)) ||
		(!output && value_get(view->inputs, name)))
		return false;
	if (view_outputs(view) == record->outputs)
		return true;
	value = value_get(view->outputs, name);
	return value && value_is_known(value);
}

struct lookup_context {
	struct resolver *resolver;
	const struct part *part;
};

/* "output" of "output.sub[0]", and where the rest begins. */
static const char *split_path(const char *path, char name[static 128])
{
	size_t len = strcspn(path, ".[");

	if (len >= 128)
		len = 127;
	memcpy(name, path, len);
	name[len] = '\0';
	return path + len;
}

static enum lookup missing(struct lookup_context *c, const char *address, struct value *out)
{
	const struct part *part = c->part;

	if (part->fallback) {
		*out = value_str(c->resolver->arena, part->fallback);
		return LOOKUP_VALUE;
	}
	diag_error(c->resolver->diags, part->pos, "%s has no value at \"%s\"", address, part->path);
	diag_hint(c->resolver->diags, "give a default, ${%s:-...}, or set it there", part->text);
	return LOOKUP_FAILED;
}

static enum lookup follow(struct lookup_context *c, const char *address, const struct value *value,
	const char *rest, bool sensitive, struct value *out)
{
	const struct value *found;

	if (value->kind == VALUE_UNKNOWN) {
		*out = *value;
		if (sensitive)
			out->flags |= VALUE_SENSITIVE;
		return LOOKUP_VALUE;
	}
	found = *rest ? value_path(value, rest) : value;
	if (!found)
		return value_is_known(value) ? missing(c, address, out)
					     : (*out = value_unknown, LOOKUP_VALUE);
	*out = *found;
	if (sensitive || value->flags & VALUE_SENSITIVE)
		out->flags |= VALUE_SENSITIVE;
	return LOOKUP_VALUE;
}

static enum lookup default_of(struct lookup_context *c, const struct resource *resource,
	const char *name, const char *rest, struct value *out)
{
	const struct schema *schema = type_attribute(resource->type, name);
	struct value value;

	if (!schema || !schema->default_json ||
		json_parse(schema->default_json, strlen(schema->default_json), c->resolver->arena, NULL,
			&value, NULL) < 0)
		return missing(c, resource->address, out);
	return follow(c, resource->address, &value, rest, false, out);
}

/* A change may bring it. */
static enum lookup not_yet(struct lookup_context *c, const struct resource *resource, const struct view *view,
	struct value *out)
{
	if (view->assumed && c->part->fallback)
		return missing(c, resource->address, out);
	*out = value_unknown;
	return LOOKUP_VALUE;
}

/* Of what is neither an output, nor going to be one. */
static enum lookup no_output(struct lookup_context *c, const struct resource *resource, struct view *view,
	const char *name, const char *rest, struct value *out)
{
	const struct value *known = view->offers ? view->offers : view_outputs(view);
	enum lookup result = default_of(c, resource, name, rest, out);
	struct nearest nearest = {.word = name};

	if (result != LOOKUP_FAILED)
		return result;
	for (uint32_t i = 0; known && i < known->len; i++)
		nearest_try(&nearest, known->members[i].key);
	if (nearest.best)
		diag_hint(c->resolver->diags, "did you mean \"%s\"? or give a default: ${%s:-...}", nearest.best,
			c->part->text);
	return result;
}

static enum lookup look_at_node(struct lookup_context *c, uint32_t index, struct value *out)
{
	struct resolver *resolver = c->resolver;
	const struct resource *resource = resolver->graph->nodes[index].resource;
	struct view *view = &resolver->views[index];
	const struct output *output;
	const struct value *value;
	char name[128];
	const char *rest = split_path(c->part->path, name);
	bool offered = value_get(view->offers, name) != NULL, never;

	if (!*name) { /* the whole resource: its outputs */
		*out = view_outputs(view) ? *view_outputs(view) : value_unknown;
		return LOOKUP_VALUE;
	}
	output = type_output(resource->type, name);
	if (output && output->stability == OUTPUT_DERIVED) {
		value = value_get(view->inputs, output->from);
		if (value)
			return follow(c, resource->address, value, rest, output->sensitive, out);
	}
	if (is_symbol(view, resource->type, output, name)) {
		*out = value_str(resolver->arena, arena_printf(resolver->arena, "${%s.%s}",
			resource->address, c->part->path));
		if (output && output->sensitive)
			out->flags |= VALUE_SENSITIVE;
		return LOOKUP_VALUE;
	}
	never = view->offers && !offered && !output;
	value = never ? NULL : value_get(view_outputs(view), name);
	if (value) {
		bool sensitive = (output && output->sensitive) ||
			(view->sensitive && !(output && output->public) &&
				!(resource->type->flags & TYPE_MARKS_OUTPUTS));

		if (!view->settled && (!output || output->stability != OUTPUT_STABLE) && *rest &&
			!value_is_scalar(value) && !value_path(value, rest))
			return not_yet(c, resource, view, out);
		return follow(c, resource->address, value, rest, sensitive, out);
	}
	if (output && output->stability != OUTPUT_DERIVED && !view->settled) {
		*out = value_unknown; /* also where an attribute has that name: it means the output */
		return LOOKUP_VALUE;
	}
	value = offered ? NULL : value_get(view->inputs, name);
	if (value)
		return follow(c, resource->address, value, rest, false, out);
	if (!view->settled && !never && resource->type->flags & TYPE_OPEN_OUTPUTS)
		return not_yet(c, resource, view, out);
	return no_output(c, resource, view, name, rest, out);
}

static int by_key(const void *a, const void *b)
{
	return strcmp((*(const struct node *const *)a)->resource->key,
		(*(const struct node *const *)b)->resource->key);
}

static bool is_instance(const struct resource *resource, const char *base)
{
	size_t type_len = strlen(resource->type->name);

	return resource->key && strncmp(base, resource->type->name, type_len) == 0 &&
	       base[type_len] == '.' && strcmp(base + type_len + 1, resource->name) == 0;
}

/* ${type.name[*].x}: a list in the order of the keys. */
static enum lookup look_at_all(struct lookup_context *c, struct value *out)
{
	const struct graph *graph = c->resolver->graph;
	const struct node **found = xmalloc((graph->n + 1) * sizeof(*found));
	struct value_builder list;
	enum lookup result = LOOKUP_VALUE;
	size_t n = 0;

	for (uint32_t i = 0; i < graph->n; i++) {
		if (is_instance(graph->nodes[i].resource, c->part->name))
			found[n++] = &graph->nodes[i];
	}
	qsort(found, n, sizeof(*found), by_key);
	builder_init(&list, c->resolver->arena);
	for (size_t i = 0; i < n && result == LOOKUP_VALUE; i++) {
		struct value item;

		result = look_at_node(c, (uint32_t)(found[i] - graph->nodes), &item);
		if (result == LOOKUP_VALUE)
			builder_push(&list, item);
	}
	free(found);
	*out = builder_list(&list);
	return result;
}

static enum lookup lookup(void *arg, const struct part *part, struct value *out)
{
	struct lookup_context c = {.resolver = arg, .part = part};
	uint32_t index;

	if (part->kind != PART_RESOURCE) {
		diag_error(c.resolver->diags, part->pos, "${%s} cannot be used here", part->text);
		return LOOKUP_FAILED;
	}
	if (part->every)
		return look_at_all(&c, out);
	index = graph_find(c.resolver->graph, part->name);
	if (index == MAP_NONE)
		return missing(&c, part->name, out);
	return look_at_node(&c, index, out);
}

int resolve_value(struct resolver *resolver, const struct value *value, struct value *out)
{
	return template_expand(value, resolver->arena, lookup, resolver, out, resolver->diags);
}

/* What stood there as a reference was taken for whatever is wanted: now it shows. */
static int check_types(struct resolver *resolver, const struct resource *resource, const struct value *inputs)
{
	size_t errors = resolver->diags->errors;
	struct value typed;

	if (!(resource->attributes->flags & VALUE_TEMPLATE) || resource->type->flags & TYPE_EFFECTLESS)
		return 0;
	typed = schema_coerce(resource->type->schema, inputs, resolver->arena);
	schema_validate(resource->type->schema, &typed, resolver->diags);
	return resolver->diags->errors > errors ? -1 : 0;
}

int resolve_inputs(struct resolver *resolver, uint32_t node, struct value *out)
{
	const struct resource *resource = resolver->graph->nodes[node].resource;
	size_t before = resolver->diags->n;

	if (resolve_value(resolver, resource->attributes, out) == 0 && check_types(resolver, resource, out) == 0)
		return 0;
	for (size_t i = before; i < resolver->diags->n; i++)
		resolver->diags->items[i].address = resource->address;
	return -1;
}
