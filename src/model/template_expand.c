/*
 * Replacing references. A container is copied only from the first member on that changes, and what
 * a kept reference took from the arena is given back, so that a round in which nothing is known yet
 * costs time but no memory. Recursion follows the value, whose depth the YAML parser bounds.
 */
#include "model/template.h"

#include <string.h>

struct expansion {
	struct arena *arena;
	template_lookup *lookup;
	void *arg;
	struct diags *diags;
};

/* What one part became. */
struct piece {
	struct value value;
	bool kept;
};

static int expand(struct expansion *x, const struct value *value, struct value *out);

static uint8_t flags_up(const struct value *child)
{
	uint8_t up = child->flags & (VALUE_TEMPLATE | VALUE_HAS_SENSITIVE | VALUE_HAS_UNKNOWN);

	if (child->flags & VALUE_SENSITIVE)
		up |= VALUE_HAS_SENSITIVE;
	if (child->kind == VALUE_UNKNOWN)
		up |= VALUE_HAS_UNKNOWN;
	return up;
}

static void stand_at(struct value *value, const struct value *place)
{
	value->source = place->source;
	value->line = place->line;
	value->column = place->column;
}

/* Copies with every "${" written as "$${"; returns the length; with `to` NULL only that. */
static size_t write_escaped(char *to, const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '$' && i + 1 < len && text[i + 1] == '{') {
			if (to)
				to[n] = '$';
			n++;
		}
		if (to)
			to[n] = text[i];
		n++;
	}
	return n;
}

/* A "$" that would form "${" or "$${" with what follows is written as a quoted literal. */
static const char dollar[] = "${\"$\"}";

static bool begins_brace(const struct template *template, const struct piece *pieces, size_t i)
{
	for (; i < template->n; i++) {
		const struct value *value = &pieces[i].value;

		if (pieces[i].kept)
			return true;
		if (value->len)
			return *value->text == '{' || (value->flags & VALUE_TEMPLATE &&
				value->len > 1 && memcmp(value->text, "${", 2) == 0);
	}
	return false;
}

static size_t put(char *to, const char *text, size_t len)
{
	if (to)
		memcpy(to, text, len);
	return len;
}

static size_t write_kept(char *to, const struct part *part)
{
	size_t len = strlen(part->text);

	if (to) {
		memcpy(to, "${", 2);
		memcpy(to + 2, part->text, len);
		to[len + 2] = '}';
	}
	return len + 3;
}

/* A value into a string that stays a template: what it holds must not read as a reference. */
static size_t write_quoted(char *to, const struct value *value, bool brace_follows)
{
	size_t len = value->len, n;

	if (!len || !brace_follows || value->text[len - 1] != '$')
		return write_escaped(to, value->text, len);
	n = write_escaped(to, value->text, len - 1);
	return n + put(to ? to + n : NULL, dollar, sizeof(dollar) - 1);
}

/* Returns the length; with `to` NULL only that. */
static size_t write_all(char *to, const struct template *template, const struct piece *pieces,
	bool stays)
{
	size_t n = 0;

	for (size_t i = 0; i < template->n; i++) {
		const struct value *value = &pieces[i].value;
		char *at = to ? to + n : NULL;

		if (pieces[i].kept)
			n += write_kept(at, &template->parts[i]);
		else if (stays && !(value->flags & VALUE_TEMPLATE))
			n += write_quoted(at, value, begins_brace(template, pieces, i + 1));
		else
			n += put(at, value->text, value->len);
	}
	return n;
}

static void join(struct expansion *x, const struct value *string, const struct template *template,
	const struct piece *pieces, struct value *out)
{
	uint8_t flags = 0;
	bool unknown = false, stays = false, lines = false;
	size_t len;
	char *text;

	for (size_t i = 0; i < template->n; i++) {
		flags |= flags_up(&pieces[i].value);
		unknown |= pieces[i].value.kind == VALUE_UNKNOWN;
		stays |= pieces[i].kept || pieces[i].value.flags & VALUE_TEMPLATE;
		lines |= template->parts[i].kind != PART_LITERAL && value_is_scalar(&pieces[i].value) &&
			pieces[i].value.len &&
			memchr(pieces[i].value.text, '\n', pieces[i].value.len);
	}
	*out = unknown ? value_unknown : (struct value){.kind = VALUE_STRING};
	stand_at(out, string);
	if (string->flags & VALUE_SENSITIVE || flags & VALUE_HAS_SENSITIVE)
		out->flags |= VALUE_SENSITIVE;
	if (unknown)
		return;
	len = write_all(NULL, template, pieces, stays);
	text = arena_alloc(x->arena, len + 1);
	write_all(text, template, pieces, stays);
	text[len] = '\0';
	out->text = text;
	out->len = (uint32_t)len;
	if (stays)
		out->flags |= VALUE_TEMPLATE | VALUE_REWRITTEN | (string->flags & VALUE_PLAIN);
	if (stays && lines) /* its lines are no longer those of the file */
		out->column = 0;
}

static int look_up(struct expansion *x, const struct part *part, bool whole, struct piece *piece)
{
	*piece = (struct piece){.value = value_null};
	if (part->kind == PART_LITERAL) {
		piece->value = (struct value){
			.kind = VALUE_STRING,
			.text = part->text,
			.len = (uint32_t)part->len,
		};
		return 0;
	}
	switch (x->lookup(x->arg, part, &piece->value)) {
	case LOOKUP_VALUE:
		break;
	case LOOKUP_KEEP:
		piece->kept = true;
		piece->value = value_null;
		return 0;
	case LOOKUP_FAILED:
		return -1;
	}
	if (whole || piece->value.kind == VALUE_UNKNOWN)
		return 0;
	if (piece->value.kind == VALUE_NULL)
		piece->value.len = 0; /* whatever its source text is */
	if (value_is_scalar(&piece->value))
		return 0;
	diag_error(x->diags, part->pos, "${%s} is a %s, which cannot stand inside a longer text",
		part->text, value_kind_str(piece->value.kind));
	diag_hint(x->diags, "refer to one of its members, or let the reference be the whole value");
	return -1;
}

static void expand_whole(const struct value *string, const struct piece *piece, struct value *out)
{
	*out = piece->value;
	stand_at(out, string);
	out->flags |= string->flags & VALUE_SENSITIVE;
}

/* Gives back what parsing took. */
static void rewind_to(struct arena *arena, struct arena before)
{
	if (arena->blocks == before.blocks)
		arena->next = before.next;
}

static int expand_string(struct expansion *x, const struct value *string, struct value *out)
{
	struct arena before = *x->arena;
	size_t diags_before = x->diags->n, kept = 0, known = 0;
	struct template template;
	struct piece few[8], *pieces = few;
	int status;

	*out = *string;
	status = template_parse(string, x->arena, &template, x->diags);
	if (template.n > ARRAY_SIZE(few))
		pieces = arena_alloc(x->arena, template.n * sizeof(*pieces));
	for (size_t i = 0; i < template.n; i++) {
		if (look_up(x, &template.parts[i], template.whole, &pieces[i]) < 0)
			status = -1;
		kept += pieces[i].kept;
		known += template.parts[i].kind != PART_LITERAL && !pieces[i].kept;
	}
	if (status < 0)
		return -1;
	if (kept && !known) { /* unchanged */
		if (x->diags->n == diags_before)
			rewind_to(x->arena, before);
	} else if (template.whole) {
		expand_whole(string, &pieces[0], out);
	} else {
		join(x, string, &template, pieces, out);
	}
	return 0;
}

static bool same(const struct value *a, const struct value *b)
{
	return a->kind == b->kind && a->flags == b->flags && a->len == b->len && a->text == b->text;
}

static int expand_list(struct expansion *x, const struct value *list, struct value *out)
{
	struct value *items = NULL;
	uint8_t up = 0;
	int status = 0;

	for (uint32_t i = 0; i < list->len; i++) {
		struct value item = list->items[i];

		if (item.flags & VALUE_TEMPLATE && expand(x, &list->items[i], &item) < 0)
			status = -1;
		up |= flags_up(&item);
		if (!items && same(&item, &list->items[i]))
			continue;
		if (!items) {
			items = arena_alloc(x->arena, list->len * sizeof(*items));
			memcpy(items, list->items, list->len * sizeof(*items));
		}
		items[i] = item;
	}
	*out = *list;
	out->flags = (list->flags & (VALUE_SENSITIVE | VALUE_DELETE)) | up;
	if (items)
		out->items = items;
	return status;
}

static int expand_map(struct expansion *x, const struct value *map, struct value *out)
{
	struct member *members = NULL;
	uint8_t up = 0;
	int status = 0;

	for (uint32_t i = 0; i < map->len; i++) {
		struct value item = map->members[i].value;

		if (item.flags & VALUE_TEMPLATE && expand(x, &map->members[i].value, &item) < 0)
			status = -1;
		up |= flags_up(&item);
		if (!members && same(&item, &map->members[i].value))
			continue;
		if (!members) {
			members = arena_alloc(x->arena, map->len * sizeof(*members));
			memcpy(members, map->members, map->len * sizeof(*members));
		}
		members[i].value = item;
	}
	*out = *map;
	out->flags = (map->flags & (VALUE_SENSITIVE | VALUE_DELETE)) | up;
	if (members)
		out->members = members;
	return status;
}

static int expand(struct expansion *x, const struct value *value, struct value *out)
{
	switch (value->kind) {
	case VALUE_STRING: return expand_string(x, value, out);
	case VALUE_LIST: return expand_list(x, value, out);
	case VALUE_MAP: return expand_map(x, value, out);
	default: *out = *value; return 0;
	}
}

int template_expand(const struct value *value, struct arena *arena, template_lookup *lookup,
	void *arg, struct value *out, struct diags *diags)
{
	struct expansion x = {.arena = arena, .lookup = lookup, .arg = arg, .diags = diags};
	struct value in = *value; /* `out` may be the same */

	if (!(in.flags & VALUE_TEMPLATE)) {
		*out = in;
		return 0;
	}
	return expand(&x, &in, out);
}

static struct value quote_string(const struct value *string, struct arena *arena)
{
	struct value out = *string;
	size_t len = write_escaped(NULL, string->text, string->len);
	char *text;

	if (string->flags & VALUE_TEMPLATE || len == string->len)
		return out;
	text = arena_alloc(arena, len + 1);
	write_escaped(text, string->text, string->len);
	text[len] = '\0';
	out.text = text;
	out.len = (uint32_t)len;
	out.flags |= VALUE_TEMPLATE;
	return out;
}

struct value template_quote(const struct value *value, struct arena *arena)
{
	struct value_builder builder;
	struct value out = *value;

	if (value->kind == VALUE_STRING)
		return quote_string(value, arena);
	if (value->kind != VALUE_LIST && value->kind != VALUE_MAP)
		return out;
	builder_init(&builder, arena);
	for (uint32_t i = 0; i < value->len; i++) {
		if (value->kind == VALUE_LIST) {
			builder_push(&builder, template_quote(&value->items[i], arena));
		} else {
			builder_put(&builder, value->members[i].key,
				template_quote(&value->members[i].value, arena));
			builder.members[i].pos = value->members[i].pos;
		}
	}
	out = value->kind == VALUE_LIST ? builder_list(&builder) : builder_map(&builder);
	out.flags |= value->flags;
	stand_at(&out, value);
	return out;
}

enum lookup template_fallback(const struct part *part, struct arena *arena, template_lookup *lookup,
	void *arg, struct value *out, struct diags *diags)
{
	struct value text = value_borrow(part->fallback);

	text.source = part->pos.source;
	text.line = part->pos.line;
	text.column = part->pos.column;
	if (template_needed(text.text, text.len))
		text.flags |= VALUE_TEMPLATE;
	return template_expand(&text, arena, lookup, arg, out, diags) < 0 ? LOOKUP_FAILED
									  : LOOKUP_VALUE;
}

void template_visit(const struct value *value, struct arena *arena, struct diags *diags,
	void (*see)(void *arg, const struct part *part, const struct value *string), void *arg)
{
	struct template template;

	if (!(value->flags & VALUE_TEMPLATE))
		return;
	if (value->kind == VALUE_LIST) {
		for (uint32_t i = 0; i < value->len; i++)
			template_visit(&value->items[i], arena, diags, see, arg);
	} else if (value->kind == VALUE_MAP) {
		for (uint32_t i = 0; i < value->len; i++)
			template_visit(&value->members[i].value, arena, diags, see, arg);
	} else if (value->kind == VALUE_STRING) {
		template_parse(value, arena, &template, diags);
		for (size_t i = 0; i < template.n; i++) {
			if (template.parts[i].kind != PART_LITERAL)
				see(arg, &template.parts[i], value);
		}
	}
}
