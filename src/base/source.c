/* See source.h. */
#include "base/source.h"

#include "base/error.h"

#include <string.h>

static const struct source nowhere = {.path = "built-in", .layer = "built-in"};

uint16_t sources_add(struct sources *sources, struct arena *arena, const char *path,
	const char *layer, const char *text, size_t len)
{
	if (!sources->n) {
		ARENA_GROW(arena, sources->items, sources->n, sources->cap);
		sources->items[sources->n++] = nowhere;
	}
	if (sources->n > UINT16_MAX)
		BUG("more than %u files in one manifest", UINT16_MAX);
	ARENA_GROW(arena, sources->items, sources->n, sources->cap);
	sources->items[sources->n] = (struct source){
		.path = arena_strdup(arena, path),
		.layer = arena_strdup(arena, layer),
		.text = text,
		.len = len,
	};
	return (uint16_t)sources->n++;
}

const struct source *sources_get(const struct sources *sources, uint16_t id)
{
	return id < sources->n ? &sources->items[id] : &nowhere;
}

const char *source_line(const struct source *source, uint32_t line, size_t *len)
{
	const char *at = source->text, *end, *newline;

	if (!at || !line)
		return NULL;
	end = at + source->len;
	while (--line) {
		newline = memchr(at, '\n', (size_t)(end - at));
		if (!newline)
			return NULL;
		at = newline + 1;
	}
	newline = memchr(at, '\n', (size_t)(end - at));
	*len = (size_t)((newline ? newline : end) - at);
	if (*len && at[*len - 1] == '\r')
		--*len;
	return at;
}

const char *pos_str(const struct sources *sources, struct pos pos, struct arena *arena)
{
	const struct source *source = sources_get(sources, pos.source);

	if (!pos.source || !pos.line)
		return source->path;
	if (!pos.column)
		return arena_printf(arena, "%s:%u", source->path, pos.line);
	return arena_printf(arena, "%s:%u:%u", source->path, pos.line, pos.column);
}
