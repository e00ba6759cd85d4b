/*
 * Which record, observation and open intents an address is about: its own, those under an older name of
 * it, those of a run that died.
 */
#include "engine/plan/internal.h"

#include <string.h>

/* The newest generation; of those that are deposed only where there is no other. */
static void index_records(const struct planner_input *in, struct map *map)
{
	map_reserve(map, in->n_records);
	for (size_t i = 0; i < in->n_records; i++) {
		const struct record *record = &in->records[i];

		if (map_add(map, record->address, (uint32_t)i))
			continue;
		if (record->status != RECORD_DEPOSED ||
			in->records[map_get(map, record->address)].status == RECORD_DEPOSED)
			map_set(map, record->address, (uint32_t)i);
	}
}

/* Records by identity, so that a new address which takes an old one's identity finds its record. */
static void index_identities(const struct planner_input *in, struct map *map)
{
	for (size_t i = 0; i < in->n_records; i++) {
		const struct record *record = &in->records[i];

		if (record->identity && record->status != RECORD_DEPOSED &&
			graph_find(in->graph, record->address) == MAP_NONE)
			map_add(map, record->identity, (uint32_t)i);
	}
}

void match_index(struct planner *p)
{
	const struct planner_input *in = p->in;

	index_records(in, &p->records);
	index_identities(in, &p->identities);
	map_reserve(&p->observations, in->n_observations);
	for (size_t i = 0; i < in->n_observations; i++)
		map_add(&p->observations, in->observations[i].address, (uint32_t)i);
	for (size_t i = 0; i < in->n_intents; i++)
		map_set(&p->intents, in->intents[i].address, (uint32_t)i);
}

void match_release(struct planner *p)
{
	map_release(&p->records);
	map_release(&p->identities);
	map_release(&p->observations);
	map_release(&p->intents);
}

/* moved: what a new address finds under its old one. */
static const char *moved_from(const struct planner_input *in, const struct map *records,
	const char *address)
{
	for (size_t i = 0; i < in->manifest->n_moved; i++) {
		const struct moved *moved = &in->manifest->moved[i];

		if (strcmp(moved->to, address) == 0 && map_get(records, moved->from) != MAP_NONE &&
			graph_find(in->graph, moved->from) == MAP_NONE)
			return moved->from;
	}
	return NULL;
}

struct record *match_record(const struct planner *p, const struct resource *resource,
	const struct value *inputs)
{
	const struct planner_input *in = p->in;
	uint32_t i = map_get(&p->records, resource->address);
	const char *name;

	if (i != MAP_NONE)
		return &in->records[i];
	name = in->manifest->n_moved ? moved_from(in, &p->records, resource->address) : NULL;
	if (name)
		return &in->records[map_get(&p->records, name)];
	name = p->identities.n ? inputs_identity(resource->type, inputs, in->arena) : NULL;
	i = name ? map_get(&p->identities, name) : MAP_NONE;
	return i == MAP_NONE ? NULL : &in->records[i];
}

const struct observation *planner_observation(const struct planner *p, const char *address,
	int generation)
{
	uint32_t i = map_get(&p->observations, address);
	const struct observation *of_none = NULL;

	if (i == MAP_NONE)
		return NULL;
	for (; i < p->in->n_observations; i++) {
		const struct observation *o = &p->in->observations[i];

		if (strcmp(o->address, address) != 0)
			continue;
		if (!o->record && !of_none)
			of_none = o;
		if (o->record && (generation ? o->record->generation == generation
					      : o->record->status != RECORD_DEPOSED))
			return o;
	}
	return of_none;
}

/* The open create that made what is seen; NULL: none did. */
static const struct intent *maker_of(const struct intent *intent, const struct observation *seen)
{
	bool ours = seen && seen->presence == PRESENCE_PRESENT && seen->ownership == OWNER_US &&
		    seen->mark_intent;

	for (; ours && intent; intent = intent->older) {
		if (intent->action == INTENT_CREATE && strcmp(intent->id, seen->mark_intent) == 0)
			return intent;
	}
	return NULL;
}

/*
 * createBeforeDestroy, and a run that died or failed in between: only the old generation is recorded.
 * It is in charge again unless its successor is found.
 */
static struct record *restored(struct planner *p, struct record *deposed, const struct intent *intent,
	const struct observation **seen)
{
	const struct planner_input *in = p->in;
	struct record *record;

	if (maker_of(intent, *seen))
		return NULL;
	for (size_t i = 0; i < in->n_observations; i++) {
		if (in->observations[i].record == deposed)
			*seen = &in->observations[i];
	}
	p->used[deposed - in->records] = 1;
	record = arena_alloc(in->arena, sizeof(*record));
	*record = *deposed;
	record->status = deposed->last_error ? RECORD_TAINTED : RECORD_OK;
	return record;
}

/* Of what is made now: its maker's, or the one after those that still stand. */
static int new_generation(const struct planner *p, const char *address, const struct intent *maker)
{
	int newest = 0;

	if (map_get(&p->records, address) == MAP_NONE)
		return maker ? maker->generation : 1;
	for (size_t i = 0; i < p->in->n_records; i++) {
		if (p->in->records[i].generation > newest &&
			strcmp(p->in->records[i].address, address) == 0)
			newest = p->in->records[i].generation;
	}
	return maker && maker->generation > newest ? maker->generation : newest + 1;
}

/* A create of the same address that made something else than what is wanted now: an orphan. */
bool planner_made_elsewhere(const struct planner *p, const struct intent *intent)
{
	for (size_t i = 0; i < p->in->n_observations; i++) {
		const struct observation *o = &p->in->observations[i];

		if (o->intent && strcmp(o->intent->id, intent->id) == 0 && !o->desired && !o->record)
			return graph_find(p->in->graph, intent->address) != MAP_NONE;
	}
	return false;
}

/* The generation that an intent is about, when that has a record. */
static const struct record *subject_of(const struct planner *p, const struct intent *intent)
{
	for (size_t i = 0; i < p->in->n_records; i++) {
		const struct record *record = &p->in->records[i];

		if (record->generation == intent->generation &&
			strcmp(record->address, intent->address) == 0)
			return record;
	}
	return NULL;
}

const struct intent *planner_intents(const struct planner *p, const char *address,
	const struct record *record, bool in_charge)
{
	uint32_t newest = map_get(&p->intents, address);
	struct intent *list = NULL, **end = &list;

	for (const struct intent *intent = newest == MAP_NONE ? NULL : &p->in->intents[newest]; intent;
		intent = intent->older) {
		const struct record *subject = subject_of(p, intent);

		if (subject ? subject != record : !in_charge || planner_made_elsewhere(p, intent))
			continue;
		*end = arena_alloc(p->in->arena, sizeof(**end));
		**end = *intent;
		(*end)->older = NULL;
		end = (struct intent **)&(*end)->older;
	}
	return list;
}

void match_node(struct planner *p, const struct resource *resource, struct diff_input *diff,
	struct change *change)
{
	const struct planner_input *in = p->in;
	struct record *record = match_record(p, resource, diff->inputs);

	change->intent = diff->intent = planner_intents(p, resource->address, record, true);
	diff->observed = planner_observation(p, resource->address, 0);
	if (record && strcmp(record->address, resource->address) != 0)
		change->previous = record->address;
	diff->restored = record && record->status == RECORD_DEPOSED;
	if (diff->restored)
		record = restored(p, record, diff->intent, &diff->observed);
	else if (record)
		p->used[record - in->records] = 1;
	change->record = diff->record = record;
	change->observed = diff->observed;
	change->generation = record ? record->generation
		: new_generation(p, resource->address, maker_of(diff->intent, diff->observed));
}
