/*
 * Values of resources under construction. Every one keeps its place in the manifest, and what is cut
 * out of a value is as sensitive as that.
 */
#include "manifest/lower/internal.h"

#include "base/texts.h"

#include <stdarg.h>
#include <string.h>

struct value lower_text(struct lowering *l, const char *text, const struct value *at)
{
	struct value value = value_str(l->arena, text);

	if (strstr(text, "${"))
		value.flags |= VALUE_TEMPLATE;
	value.source = at->source;
	value.line = at->line;
	value.column = at->column;
	return value;
}

struct value lower_part(struct lowering *l, const char *text, const struct value *whole)
{
	struct value value = lower_text(l, text, whole);

	if (text > whole->text && text < whole->text + whole->len && value_is_scalar(whole))
		value.column += (uint32_t)(text - whole->text);
	if (!(whole->flags & VALUE_TEMPLATE)) /* a "${" in it came from a value */
		value.flags &= (uint8_t)~VALUE_TEMPLATE;
	value.flags |= whole->flags & VALUE_SENSITIVE;
	return value;
}

static struct value placed(struct value value, const struct value *at)
{
	value.source = at->source;
	value.line = at->line;
	value.column = at->column;
	return value;
}

struct value lower_map(struct value_builder *b, const struct value *at)
{
	return placed(builder_map(b), at);
}

struct value lower_list(struct value_builder *b, const struct value *at)
{
	return placed(builder_list(b), at);
}

struct value lower_one(struct lowering *l, struct value item)
{
	struct value_builder b;

	builder_init(&b, l->arena);
	builder_push(&b, item);
	return lower_list(&b, &item);
}

struct value lower_wrap(struct lowering *l, const char *key, struct value value)
{
	struct value_builder b;

	builder_init(&b, l->arena);
	builder_put(&b, key, value);
	return lower_map(&b, &value);
}

struct value lower_texts(struct lowering *l, const struct value *at, ...)
{
	struct value_builder b;
	const char *key, *text;
	va_list ap;

	builder_init(&b, l->arena);
	va_start(ap, at);
	while ((key = va_arg(ap, const char *)) != NULL) {
		text = va_arg(ap, const char *);
		if (text)
			builder_put(&b, key, lower_text(l, text, at));
	}
	va_end(ap);
	return lower_map(&b, at);
}

const struct value *lower_named(const struct value *list, const char *name)
{
	for (uint32_t i = 0; list && list->kind == VALUE_LIST && i < list->len; i++) {
		if (strcmp(value_get_text(&list->items[i], "name", ""), name) == 0)
			return &list->items[i];
	}
	return NULL;
}

bool lower_is_declared(const struct lowering *l, const char *type, const char *name)
{
	for (uint32_t i = 0; i < l->resources->len; i++) {
		const struct value *resource = &l->resources->items[i];

		if (strcmp(value_get_text(resource, "type", ""), type) == 0 &&
			strcmp(value_get_text(resource, "name", ""), name) == 0)
			return true;
	}
	return false;
}

void lower_begin(struct lowering *l, struct value_builder *b, const struct service *service,
	const char *type, const char *name)
{
	if (!type_find(type)) {
		diag_error(l->diags, value_pos(service->spec), "%s needs a %s, which this version does not "
			"have", name, type);
		diag_hint(l->diags, "see devenv config schema");
	}
	builder_init(b, l->arena);
	builder_put(b, "type", lower_text(l, type, service->spec));
	builder_put(b, "name", lower_text(l, name, service->spec));
	if (service->name)
		builder_put(b, "$service", lower_text(l, service->name, service->spec));
}

void lower_end(struct lowering *l, struct value_builder *b, const struct service *service)
{
	builder_push(&l->made, lower_map(b, service->spec));
}

void lower_copy(struct value_builder *b, const struct service *service, const char *from,
	const char *to)
{
	const struct member *member = value_member(service->spec, from);

	if (!member || member->value.kind == VALUE_NULL)
		return;
	builder_put(b, to, member->value);
	b->members[b->n - 1].pos = member->pos;
}

void lower_replicas(struct lowering *l, struct value_builder *b, const struct service *service)
{
	int64_t replicas = value_get_int(service->spec, "replicas", 1);
	struct value_builder keys;

	if (replicas == 1)
		return;
	builder_init(&keys, l->arena);
	for (int64_t i = 1; i <= replicas; i++)
		builder_push(&keys,
			lower_text(l, arena_printf(l->arena, "%lld", (long long)i), service->spec));
	builder_put(b, "forEach", builder_list(&keys));
}

struct value lower_key_values(struct lowering *l, const struct value *value)
{
	struct value_builder b;

	if (value->kind != VALUE_LIST)
		return *value;
	builder_init(&b, l->arena);
	for (uint32_t i = 0; i < value->len; i++) {
		const char *text = value_text(&value->items[i], ""), *equals = strchr(text, '=');

		if (!value_is_scalar(&value->items[i]) || value->items[i].kind == VALUE_NULL)
			continue; /* the schema has said it */
		if (!equals) {
			if (value->items[i].flags & VALUE_SENSITIVE)
				text = "(sensitive)";
			diag_error(l->diags, value_pos(&value->items[i]), "\"%s\" is no KEY=VALUE", text);
			diag_hint(l->diags, "write %s=VALUE, or a map", text);
			continue;
		}
		builder_put(&b, arena_strndup(l->arena, text, (size_t)(equals - text)),
			lower_part(l, equals + 1, &value->items[i]));
	}
	return builder_map(&b);
}

/* The end of a reference, "${...}" with others inside; `text` when there is none. */
static const char *skip_reference(const char *text, bool is_template)
{
	const char *end = text;
	int depth = 0;

	if (!is_template || text[0] != '$' || text[1] != '{')
		return text;
	do {
		depth += end[0] == '{' ? 1 : end[0] == '}' ? -1 : 0;
		end++;
	} while (*end && (depth || end == text + 1));
	return end;
}

/* One word of a command line; quotes hold words together, but for those of a reference. NULL at the end. */
static const char *next_word(struct lowering *l, const char **at, bool is_template)
{
	struct strbuf word = STRBUF_INIT;
	const char *text = *at + strspn(*at, " \t\n"), *result;
	char quote = 0;

	if (!*text)
		return NULL;
	for (; *text && (quote || !strchr(" \t\n", *text)); text++) {
		const char *end = skip_reference(text, is_template);

		if (end != text) {
			strbuf_add(&word, text, (size_t)(end - text));
			text = end - 1;
		} else if (quote && *text == quote)
			quote = 0;
		else if (!quote && (*text == '"' || *text == '\''))
			quote = *text;
		else if (*text == '\\' && quote != '\'' && text[1])
			strbuf_addch(&word, *++text);
		else
			strbuf_addch(&word, *text);
	}
	*at = text;
	result = arena_strdup(l->arena, word.text);
	strbuf_release(&word);
	return result;
}

/* What means something to a shell only, unless it stands in quotes. */
static void check_word(struct lowering *l, const struct value *line, const char *text, size_t len,
	bool first)
{
	static const char *const operators[] = {
		"&&", "||", "|", ";", "&", ">", ">>", "<", "2>", "2>&1", ">&2", NULL};
	const char *word = arena_strndup(l->arena, text, len);
	size_t name = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

	if (line->flags & VALUE_SENSITIVE)
		return;
	if (texts_have(operators, word)) {
		diag_error(l->diags, value_pos(line), "\"%s\" is for a shell, and no shell runs this", word);
		diag_hint(l->diags, "write [sh, -c, \"...\"], or put it into quotes if the program wants it");
	} else if (first && name && word[name] == '=') {
		diag_error(l->diags, value_pos(line), "\"%.*s=\" is for a shell, and no shell runs this",
			(int)name, word);
		diag_hint(l->diags, "put it under env, or write [sh, -c, \"...\"]");
	}
}

struct value lower_words(struct lowering *l, const struct value *value)
{
	const char *at = value_text(value, NULL), *word;
	struct value_builder b;

	if (!at)
		return *value;
	builder_init(&b, l->arena);
	for (;;) {
		const char *from = at + strspn(at, " \t\n");

		word = next_word(l, &at, value->flags & VALUE_TEMPLATE);
		if (!word)
			return lower_list(&b, value);
		check_word(l, value, from, (size_t)(at - from), !b.n);
		builder_push(&b, lower_part(l, word, value));
	}
}
