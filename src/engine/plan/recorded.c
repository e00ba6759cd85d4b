/*
 * The part of a plan that begins with records, intents and marks instead of the manifest, and the
 * options that narrow a plan afterwards.
 */
#include "engine/plan/internal.h"

#include "engine/plan/within.h"
#include "provider/provider.h"

#include <stdlib.h>
#include <string.h>

/* The change of what it lives in, when that is decided already. */
static const struct change *change_of_home(const struct planner *p, const char *address)
{
	for (size_t i = 0; address && i < p->plan->n; i++) {
		const struct change *change = &p->plan->changes[i];

		if (strcmp(change->address, address) == 0 &&
			!(change->record && change->record->status == RECORD_DEPOSED))
			return change;
	}
	return NULL;
}

static void remove_record(struct planner *p, struct record *record, const char *home)
{
	struct change *change = planner_change(p, record->address);
	struct diff_input diff = planner_diff(p, NODE_NONE);

	diff.record = record;
	diff.intent = planner_intents(p, record->address, record, record->status != RECORD_DEPOSED);
	diff.observed = planner_observation(p, record->address, record->generation);
	diff.home = change_of_home(p, home);
	change->record = record;
	change->generation = record->generation;
	change->intent = diff.intent;
	change->observed = diff.observed;
	diff_removed(&diff, change);
}

/* What lives in something comes after it: it may go with it. */
void plan_removed(struct planner *p)
{
	const struct planner_input *in = p->in;
	const char **homes;

	if (in->options->targets && !in->options->destroy)
		return;
	homes = xcalloc(in->n_records + 1, sizeof(*homes));
	for (size_t k = in->n_records; k-- > 0;) {
		if (p->spared && p->spared[k])
			continue;
		homes[k] = p->used[k] ? NULL : within_record(&in->records[k], in->arena);
		if (!p->used[k] && !homes[k])
			remove_record(p, &in->records[k], NULL);
	}
	for (size_t k = in->n_records; k-- > 0;) {
		if (homes[k])
			remove_record(p, &in->records[k], homes[k]);
	}
	free(homes);
}

static bool is_recorded(const struct planner *p, const char *address)
{
	uint32_t record = map_get(&p->records, address);

	return record != MAP_NONE && p->in->records[record].status != RECORD_DEPOSED;
}

static void plan_orphan(struct planner *p, const struct intent *intent,
	const struct observation *seen)
{
	struct change *change = planner_change(p, intent->address);

	change->intent = intent;
	change->generation = intent->generation;
	change->observed = seen;
	change->action = seen && seen->presence == PRESENCE_PRESENT ? ACTION_DELETE : ACTION_DROP;
	change_reason(change, p->in->arena, REASON_INTERRUPTED, NULL, POS_NONE,
		change->action == ACTION_DELETE ? "an earlier run made it and did not come to record it, and it is not wanted"
						: "an earlier run did not come to make it");
}

/* The address is wanted, but as another thing than the one that an earlier run was making. */
static void plan_elsewhere(struct planner *p)
{
	const struct planner_input *in = p->in;

	for (size_t i = 0; i < in->n_observations; i++) {
		const struct observation *seen = &in->observations[i];
		struct intent *alone;

		if (!seen->intent || seen->desired || seen->record ||
			graph_find(in->graph, seen->address) == MAP_NONE)
			continue;
		alone = arena_alloc(in->arena, sizeof(*alone));
		*alone = *seen->intent;
		alone->older = NULL;
		plan_orphan(p, alone, seen);
	}
}

void plan_orphans(struct planner *p)
{
	const struct planner_input *in = p->in;

	for (size_t i = 0; i < in->n_intents; i++) {
		const struct intent *intent = &in->intents[i];

		if (map_get(&p->intents, intent->address) != i || /* an older one of the same address */
			is_recorded(p, intent->address) || planner_made_elsewhere(p, intent) ||
			plan_spares_intent(p, intent) ||
			(graph_find(in->graph, intent->address) != MAP_NONE && !in->options->destroy))
			continue;
		plan_orphan(p, intent, planner_observation(p, intent->address, 0));
	}
	plan_elsewhere(p);
}

/* Each becomes a record that exists only to be destroyed. */
void plan_strays(struct planner *p)
{
	const struct planner_input *in = p->in;

	for (size_t i = 0; i < in->n_strays; i++) {
		const struct stray *stray = &in->strays[i];
		struct change *change;
		struct record *record;

		if (!stray->type || (stray->type->flags & TYPE_PERSISTENT && !in->options->volumes))
			continue;
		record = arena_zalloc(in->arena, sizeof(*record));
		*record = (struct record){
			.address = stray->address,
			.type = stray->type->name,
			.type_version = stray->type->version,
			.id = stray->id,
			.arena = in->arena,
			.key = in->key,
		};
		change = planner_change(p, stray->address);
		change->record = record;
		change->generation = 0; /* that of no record, so none can be dropped by mistake */
		change->action = ACTION_DELETE;
		change_reason(change, in->arena, REASON_REMOVED, NULL, POS_NONE,
			"it has our mark and is not recorded (%s)", stray->name ? stray->name : stray->id);
	}
}

/* What reality says is news to a refresh; what the manifest wants otherwise is not its business. */
static void keep_drift(struct arena *arena, struct change *change)
{
	struct attribute_change *attributes =
		arena_alloc(arena, (change->n_attributes + 1) * sizeof(*attributes));
	struct reason *reasons = arena_alloc(arena, (change->n_reasons + 1) * sizeof(*reasons));
	size_t n_attributes = 0, n_reasons = 0;

	for (size_t i = 0; i < change->n_attributes; i++)
		if (change->attributes[i].drift)
			attributes[n_attributes++] = change->attributes[i];
	for (size_t i = 0; i < change->n_reasons; i++) {
		enum reason_kind kind = change->reasons[i].kind;

		if (kind == REASON_DRIFT || kind == REASON_UNKNOWN || kind == REASON_UNREADY)
			reasons[n_reasons++] = change->reasons[i];
	}
	change->attributes = attributes;
	change->n_attributes = n_attributes;
	change->reasons = reasons;
	change->n_reasons = n_reasons;
}

/*
 * --refresh-only: what is gone is no longer recorded; drift is shown and nothing is changed. So
 * nothing waits for a value that only an apply would find out.
 */
void plan_refresh_only(struct planner *p)
{
	for (size_t i = 0; i < p->plan->n; i++) {
		struct change *change = &p->plan->changes[i];
		const struct observation *seen = change->observed;
		bool gone = change->record && seen && seen->presence == PRESENCE_ABSENT;

		change->action = gone ? ACTION_DROP : ACTION_NOOP;
		if (gone) /* what would be made again is no business of it */
			change->n_attributes = 0;
		change->deferred = change->uncertain = false;
		if (!gone)
			keep_drift(p->in->arena, change);
	}
}

/* `start` and `stop`: only that, of what was selected and can run. */
void plan_power(struct planner *p)
{
	enum power power = p->in->options->power;

	for (size_t i = 0; i < p->plan->n; i++) {
		struct change *change = &p->plan->changes[i];
		const struct observation *seen = change->observed;
		const struct type *type = change->record ? type_find(change->record->type) : NULL;
		bool runs = seen && seen->presence == PRESENCE_PRESENT && seen->runs;
		bool parts = type && provider_of(type)->parts;
		bool can = type && seen && seen->presence == PRESENCE_PRESENT &&
			   provider_can(change->record, CAN_STOP) &&
			   !(p->selected && change->node != NODE_NONE && !p->selected[change->node]);

		change->n_reasons = change->n_attributes = 0;
		change->hold = HOLD_NONE;
		change->deferred = change->uncertain = false;
		change->action = ACTION_NOOP;
		if (can && power == POWER_STOP &&
			(runs || (parts && change->record->status != RECORD_STOPPED)))
			change->action = ACTION_STOP;
		else if (can && power == POWER_START && (!runs || (parts && p->in->options->again)) &&
			 change->node != NODE_NONE)
			change->action = ACTION_START;
		if (change->action != ACTION_NOOP)
			change_reason(change, p->in->arena, REASON_REQUESTED, NULL, POS_NONE, "asked for");
	}
}
