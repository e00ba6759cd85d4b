/* See source.h. */
#include "base/source.h"

#include "base/error.h"

#include <stdlib.h>
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

static int compare_pos(struct pos a, struct pos b)
{
	if (a.source != b.source)
		return a.source < b.source ? -1 : 1;
	if (a.line != b.line)
		return a.line < b.line ? -1 : 1;
	return a.column < b.column ? -1 : a.column > b.column;
}

static int compare_links(const void *a, const void *b)
{
	const struct source_link *x = a, *y = b;
	int order = compare_pos(x->at, y->at);

	return order ? order : compare_pos(x->from, y->from);
}

void sources_link(struct sources *sources, struct arena *arena, struct pos at, struct pos from)
{
	const struct source_link *last =
		sources->n_links ? &sources->links[sources->n_links - 1] : NULL;
	struct source_link link = {at, from};

	if (last && compare_links(last, &link) == 0) /* a forEach comes here for each instance */
		return;
	ARENA_GROW(arena, sources->links, sources->n_links, sources->cap_links);
	sources->links[sources->n_links++] = link;
}

void sources_settle(struct sources *sources)
{
	size_t n = 0;

	if (sources->n_links)
		qsort(sources->links, sources->n_links, sizeof(*sources->links), compare_links);
	for (size_t i = 0; i < sources->n_links; i++) {
		if (!n || compare_links(&sources->links[n - 1], &sources->links[i]) != 0)
			sources->links[n++] = sources->links[i];
	}
	sources->n_links = n;
}

struct pos sources_origin(const struct sources *sources, struct pos at, size_t k)
{
	size_t low = 0, high = sources->n_links;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_pos(sources->links[middle].at, at) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (sources->n_links - low <= k || compare_pos(sources->links[low + k].at, at) != 0)
		return POS_NONE;
	return sources->links[low + k].from;
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
