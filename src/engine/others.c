/* See others.h. Read only when something with our mark and without a record was seen: that is rare. */
#include "engine/others.h"

#include <string.h>

int others_read(struct reconcile *r, struct others *out, struct error *err)
{
	struct environment *all;
	struct record *records;
	size_t n, n_records, cap = 0;

	*out = (struct others){0};
	if (state_environments(r->state, &r->arena, &all, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (r->environment.id && strcmp(all[i].id, r->environment.id) == 0)
			continue;
		if (state_records(r->state, all[i].id, &r->arena, &records, &n_records, err) < 0)
			return -1;
		for (size_t k = 0; k < n_records; k++) {
			ARENA_GROW(&r->arena, out->items, out->n, cap);
			out->items[out->n++] = (struct other){&records[k], all[i].id};
		}
	}
	return 0;
}

const struct other *others_find(const struct others *others, const char *type, const char *id,
	size_t from)
{
	for (size_t i = from; id && i < others->n; i++) {
		const struct record *record = others->items[i].record;

		if (record->id && strcmp(record->id, id) == 0 && strcmp(record->type, type) == 0)
			return &others->items[i];
	}
	return NULL;
}

const char *other_str(const struct other *other, struct arena *arena)
{
	return arena_printf(arena, "%s of environment %s", other->record->address,
		other->environment);
}

static bool is_found_again(const struct observation *item)
{
	return item->presence == PRESENCE_PRESENT && item->ownership == OWNER_US && !item->record;
}

int others_keep(struct reconcile *r, struct error *err)
{
	struct others others;
	size_t n = 0;
	bool any = r->n_strays > 0;

	for (size_t i = 0; i < r->n_observations && !any; i++)
		any = is_found_again(&r->observations[i]);
	if (!any)
		return 0;
	if (others_read(r, &others, err) < 0)
		return -1;
	for (size_t i = 0; i < r->n_strays; i++) {
		if (!others_find(&others, r->strays[i].type->name, r->strays[i].id, 0))
			r->strays[n++] = r->strays[i];
	}
	r->n_strays = n;
	for (size_t i = 0; i < r->n_observations; i++) {
		struct observation *item = &r->observations[i];
		const struct other *other;

		if (!is_found_again(item))
			continue;
		other = others_find(&others, item->type->name, item->id, 0);
		if (!other)
			continue;
		item->ownership = OWNER_OTHER;
		item->message = other_str(other, &r->arena);
	}
	return 0;
}
