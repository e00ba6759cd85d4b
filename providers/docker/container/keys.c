/*
 * The keys of a container: looking rows up, and what most rows share. A row that only carries a text,
 * a number or a list from a key to a field of the engine needs no code of its own: its form says how.
 */
#include "providers/docker/container/container.h"

#include "providers/docker/container/parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct container_key *const groups[] = {
	container_keys_process,
	container_keys_net,
	container_keys_mounts,
	container_keys_host,
};

const struct container_key *container_key(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		for (const struct container_key *key = groups[i]; key->name; key++)
			if (!strcmp(key->name, name))
				return key;
	return NULL;
}

const struct container_key *container_key_at(size_t index)
{
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		for (const struct container_key *key = groups[i]; key->name; key++)
			if (index-- == 0)
				return key;
	return NULL;
}

bool container_skips(const struct container_context *context, const struct value *value)
{
	return context->partial && (value->kind == VALUE_UNKNOWN ||
		(value->flags & (VALUE_TEMPLATE | VALUE_HAS_UNKNOWN)));
}

const char *container_shown(const struct value *value)
{
	if (value->flags & VALUE_SENSITIVE)
		return "(sensitive)";
	return value_text(value, value_kind_str(value->kind));
}

struct value container_text_as(struct arena *arena, const struct value *from, const char *text)
{
	struct value out = value_str(arena, text);

	out.flags |= from->flags & (VALUE_SENSITIVE | VALUE_KEYED);
	out.source = from->source;
	out.line = from->line;
	out.column = from->column;
	return out;
}

struct value container_text(struct arena *arena, const struct value *from)
{
	return container_text_as(arena, from, value_text(from, ""));
}

bool container_empty(const struct value *value)
{
	if (!value || value->kind == VALUE_NULL)
		return true;
	return (value->kind == VALUE_STRING || value->kind == VALUE_LIST ||
		value->kind == VALUE_MAP) && value->len == 0;
}

bool container_list_has(const struct value *list, const char *text)
{
	for (size_t i = 0; list && list->kind == VALUE_LIST && i < list->len; i++)
		if (!strcmp(value_text(&list->items[i], ""), text))
			return true;
	return false;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(value_text(a, ""), value_text(b, ""));
}

struct value container_sorted(struct arena *arena, struct value list)
{
	struct value *items;
	size_t n = 0;

	if (list.kind != VALUE_LIST || list.len == 0)
		return value_empty_list;
	items = arena_alloc(arena, list.len * sizeof(*items));
	memcpy(items, list.items, list.len * sizeof(*items));
	qsort(items, list.len, sizeof(*items), by_text);
	for (size_t i = 0; i < list.len; i++)
		if (n == 0 || by_text(&items[n - 1], &items[i]) != 0)
			items[n++] = items[i];
	return value_list(items, n);
}

int container_strings(struct container_context *context, const struct value *in, bool sorted,
	struct value *out)
{
	struct value_builder list;

	builder_init(&list, context->arena);
	if (value_is_scalar(in)) { /* one of them, without a list around it */
		builder_push(&list, container_text(context->arena, in));
	} else if (in->kind != VALUE_LIST) {
		return diag_error(context->diags, value_pos(in), "this must be a list");
	} else {
		for (size_t i = 0; i < in->len; i++) {
			const struct value *item = &in->items[i];

			if (container_skips(context, item))
				continue;
			if (!value_is_scalar(item))
				return diag_error(context->diags, value_pos(item),
					"this must be a string, not a %s",
					value_kind_str(item->kind));
			builder_push(&list, container_text(context->arena, item));
		}
	}
	*out = builder_list(&list);
	if (sorted)
		*out = container_sorted(context->arena, *out);
	return 0;
}

static int normal_number(struct container_context *context, enum container_form form,
	const struct value *in, struct value *out)
{
	const char *text = value_text(in, "");
	char *end;
	int64_t number;

	if (form == FORM_SIZE) {
		number = size_parse(text);
		if (number < 0) {
			diag_error(context->diags, value_pos(in), "\"%s\" is no size",
				container_shown(in));
			diag_hint(context->diags, "write bytes or a unit: 512m, 1g, 256Mi");
			return -1;
		}
	} else {
		errno = 0;
		number = strtoll(text, &end, 10);
		if (end == text || *end || errno)
			return diag_error(context->diags, value_pos(in),
				"\"%s\" is no whole number", container_shown(in));
	}
	*out = value_int(context->arena, number);
	return 0;
}

static int normal_map(struct container_context *context, const struct value *in, struct value *out)
{
	struct value_builder map;

	if (in->kind != VALUE_MAP)
		return diag_error(context->diags, value_pos(in), "this must be a map");
	builder_init(&map, context->arena);
	for (size_t i = 0; i < in->len; i++) {
		const struct member *member = &in->members[i];

		if (container_skips(context, &member->value))
			continue;
		if (!value_is_scalar(&member->value))
			return diag_error(context->diags, value_pos(&member->value),
				"this must be a string, not a %s",
				value_kind_str(member->value.kind));
		builder_put(&map, member->key, container_text(context->arena, &member->value));
	}
	*out = builder_map(&map);
	return 0;
}

static int normal_form(struct container_context *context, enum container_form form,
	const struct value *in, struct value *out)
{
	switch (form) {
	case FORM_TEXT:
		*out = container_text(context->arena, in);
		return 0;
	case FORM_BOOL:
		*out = value_bool(in->kind == VALUE_BOOL ? in->boolean
							 : !strcmp(value_text(in, ""), "true"));
		return 0;
	case FORM_INT:
	case FORM_SIZE:
		return normal_number(context, form, in, out);
	case FORM_LIST:
	case FORM_SET:
		return container_strings(context, in, form == FORM_SET, out);
	case FORM_MAP:
		return normal_map(context, in, out);
	}
	return 0;
}

int container_normalise(struct container_context *context, const struct value *inputs,
	struct value *out)
{
	size_t errors = context->diags->errors;
	struct value_builder map;

	builder_init(&map, context->arena);
	for (size_t i = 0; i < inputs->len && inputs->kind == VALUE_MAP; i++) {
		const struct member *member = &inputs->members[i];
		const struct container_key *key = container_key(member->key);
		const struct value *in = &member->value;
		struct value normal = value_null;
		int result;

		if (!key || (!key->normal && !key->field) || in->kind == VALUE_NULL)
			continue;
		if (context->partial && (in->kind == VALUE_UNKNOWN ||
			(in->kind == VALUE_STRING && (in->flags & VALUE_TEMPLATE))))
			continue;
		result = key->normal ? key->normal(context, in, &normal)
				     : normal_form(context, key->form, in, &normal);
		if (result < 0)
			continue;
		/* Where a row did not carry over which part is secret, all of it is. */
		if ((in->flags & (VALUE_SENSITIVE | VALUE_HAS_SENSITIVE)) &&
			!(normal.flags & (VALUE_SENSITIVE | VALUE_HAS_SENSITIVE)))
			normal = value_sensitive(normal);
		builder_put(&map, key->name, normal);
	}
	*out = builder_map(&map);
	return context->diags->errors == errors ? 0 : -1;
}

/* The field of a row in a body or an inspect. */
static const char *field_of(const struct container_key *key, bool *host)
{
	*host = !strncmp(key->field, "HostConfig.", 11);
	return *host ? key->field + 11 : key->field;
}

void container_put(struct container_body *body, const struct container_key *key,
	const struct value *normal)
{
	bool host;
	const char *field;

	if (key->body) {
		key->body(body, normal);
		return;
	}
	if (!key->field)
		return;
	field = field_of(key, &host);
	builder_put(host ? &body->host : &body->config, field, *normal);
}

/* Strings of a list or map as the engine shows them. */
static struct value strings_of(struct arena *arena, const struct value *seen, bool sorted)
{
	struct value list = seen && seen->kind == VALUE_LIST ? *seen : value_empty_list;

	return sorted ? container_sorted(arena, list) : list;
}

static bool observe_form(const struct container_view *view, const struct container_key *key,
	const struct value *asked, struct value *out)
{
	bool host;
	const char *field = field_of(key, &host);
	const struct value *seen = value_get(host ? view->host : view->config, field);

	if (!asked && container_empty(seen))
		return false;
	switch (key->form) {
	case FORM_TEXT:
		*out = value_borrow(value_text(seen, ""));
		break;
	case FORM_BOOL:
		*out = value_bool(seen && seen->kind == VALUE_BOOL && seen->boolean);
		return asked || out->boolean;
	case FORM_INT:
	case FORM_SIZE:
		*out = value_int(view->arena, seen && seen->kind == VALUE_INT ? seen->integer : 0);
		return asked || out->integer;
	case FORM_LIST:
	case FORM_SET:
		*out = strings_of(view->arena, seen, key->form == FORM_SET);
		break;
	case FORM_MAP:
		*out = seen && seen->kind == VALUE_MAP ? *seen : value_empty_map;
		break;
	}
	return true;
}

struct value container_attributes(const struct container_view *view, const struct value *asked)
{
	const struct container_key *key;
	struct value_builder map;

	builder_init(&map, view->arena);
	for (size_t i = 0; (key = container_key_at(i)); i++) {
		const struct value *want = asked ? value_get(asked, key->name) : NULL;
		struct value seen;

		if (asked && !want)
			continue;
		if (!(key->observe ? key->observe(view, want, &seen)
				   : key->field && observe_form(view, key, want, &seen)))
			continue;
		if (want && ((want->flags & VALUE_SENSITIVE) ||
			((want->flags & VALUE_HAS_SENSITIVE) && !(seen.flags & VALUE_HAS_SENSITIVE))))
			seen = value_sensitive(seen);
		builder_put(&map, key->name, seen);
	}
	return builder_map(&map);
}

bool container_matches(const struct value *normal, const struct value *attributes)
{
	for (size_t i = 0; i < normal->len; i++) {
		const struct member *member = &normal->members[i];
		const struct value *seen = value_get(attributes, member->key);

		if (!seen || !value_equal(&member->value, seen))
			return false;
	}
	return true;
}
