/*
 * See pins.h. Entries are kept sorted by their key, which is also the order in the file: two people who
 * lock the same things write the same bytes.
 */
#include "model/pins.h"

#include "model/json.h"

#include <stdlib.h>
#include <string.h>

static const char head[] =
	"# What ranges and branches stand for. Written by devenv; commit it. `devenv lock --upgrade` looks\n"
	"# everything up again.\n"
	"apiVersion: devenv/v1\n"
	"kind: Lock\n";

static bool is_answer(const char *key)
{
	return !strcmp(key, "resolved") || !strcmp(key, "digest");
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct member *)a)->key, ((const struct member *)b)->key);
}

/* What was asked for: the texts of `map` but the answers, by key. */
static struct value question(const struct value *map, struct arena *arena)
{
	struct member *members = arena_alloc(arena, (map->len + 1) * sizeof(*members));
	uint32_t n = 0;

	for (uint32_t i = 0; i < map->len; i++) {
		if (is_answer(map->members[i].key))
			continue;
		members[n] = map->members[i];
		members[n++].value = value_str(arena, value_text(&map->members[i].value, ""));
	}
	qsort(members, n, sizeof(*members), by_key);
	return value_map(members, n);
}

static const char *join(const struct value *what, struct arena *arena, const char *is, const char *next)
{
	const char *text = "";
	struct value sorted = question(what, arena);

	for (uint32_t i = 0; i < sorted.len; i++)
		text = arena_printf(arena, "%s%s%s%s%s", text, i ? next : "", sorted.members[i].key, is,
			value_text(&sorted.members[i].value, ""));
	return text;
}

const char *pins_key(const struct value *what, struct arena *arena)
{
	return join(what, arena, "=", "\n");
}

const char *pins_told(const struct value *what, struct arena *arena)
{
	return join(what, arena, " ", ", ");
}

/* --- finding -------------------------------------------------------------------------------------- */

/* Where it is, or would be. */
static size_t place_of(const struct pins *pins, const char *key)
{
	size_t from = 0, to = pins->n;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (strcmp(pins->items[middle].key, key) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

struct pin *pins_find(const struct pins *pins, const char *key)
{
	size_t at = place_of(pins, key);

	return at < pins->n && !strcmp(pins->items[at].key, key) ? &pins->items[at] : NULL;
}

struct pin *pins_put(struct pins *pins, struct arena *arena, const struct pin *pin)
{
	size_t at = place_of(pins, pin->key);

	if (at < pins->n && !strcmp(pins->items[at].key, pin->key)) {
		pins->items[at] = *pin;
		return &pins->items[at];
	}
	ARENA_GROW(arena, pins->items, pins->n, pins->cap);
	memmove(&pins->items[at + 1], &pins->items[at], (pins->n - at) * sizeof(*pins->items));
	pins->items[at] = *pin;
	pins->n++;
	return &pins->items[at];
}

struct pins pins_copy(const struct pins *pins, struct arena *arena)
{
	struct pins copy = {arena_alloc(arena, (pins->n + 1) * sizeof(*copy.items)), pins->n, pins->n + 1};

	if (pins->n)
		memcpy(copy.items, pins->items, pins->n * sizeof(*copy.items));
	return copy;
}

/* --- the file ------------------------------------------------------------------------------------- */

static void read_entry(const struct value *entry, struct arena *arena, struct pins *out,
	struct diags *diags)
{
	struct value *what = arena_alloc(arena, sizeof(*what));
	struct pin pin = {.resolved = value_get_text(entry, "resolved", NULL),
		.digest = value_get_text(entry, "digest", NULL)};

	if (entry->kind != VALUE_MAP || !pin.resolved) {
		diag_error(diags, value_pos(entry), "this entry of the lock file does not say what was resolved");
		return;
	}
	*what = question(entry, arena);
	pin.what = what;
	pin.key = pins_key(what, arena);
	if (pins_find(out, pin.key))
		diag_error(diags, value_pos(entry), "%s stands twice in the lock file",
			pins_told(what, arena));
	else
		pins_put(out, arena, &pin);
}

int pins_read(const struct value *file, struct arena *arena, struct pins *out, struct diags *diags)
{
	const struct value *list = value_get(file, "locked");
	size_t errors = diags->errors;

	*out = (struct pins){0};
	if (strcmp(value_get_text(file, "kind", ""), "Lock") != 0 ||
		strcmp(value_get_text(file, "apiVersion", ""), "devenv/v1") != 0)
		return diag_error(diags, value_pos(file), "this is no lock file of this version of devenv");
	for (uint32_t i = 0; list && list->kind == VALUE_LIST && i < list->len; i++)
		read_entry(&list->items[i], arena, out, diags);
	return diags->errors > errors ? -1 : 0;
}

static void write_text(struct strbuf *out, bool *first, const char *key, const char *text)
{
	strbuf_addf(out, "  %s %s: ", *first ? "-" : " ", key);
	json_write_string(out, text, strlen(text));
	strbuf_addch(out, '\n');
	*first = false;
}

void pins_write(const struct pins *pins, struct strbuf *out)
{
	strbuf_addstr(out, head);
	strbuf_addstr(out, pins->n ? "locked:\n" : "locked: []\n");
	for (size_t i = 0; i < pins->n; i++) {
		const struct pin *pin = &pins->items[i];
		bool first = true;

		for (uint32_t k = 0; k < pin->what->len; k++)
			write_text(out, &first, pin->what->members[k].key,
				value_text(&pin->what->members[k].value, ""));
		write_text(out, &first, "resolved", pin->resolved);
		if (pin->digest)
			write_text(out, &first, "digest", pin->digest);
	}
}
