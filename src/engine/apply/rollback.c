/*
 * --rollback-on-failure: a plan that undoes what this run has done. What was created is deleted, what
 * was updated gets its recorded inputs back. Deletes and replaces cannot be undone, nor an update whose
 * old inputs held a secret that was kept as a hash only.
 */
#include "engine/apply/schedule.h"

#include "model/json.h"

#include <string.h>

static bool has_hashes(const struct value *value)
{
	if (value->kind == VALUE_LIST) {
		for (uint32_t i = 0; i < value->len; i++) {
			if (has_hashes(&value->items[i]))
				return true;
		}
	} else if (value->kind == VALUE_MAP) {
		for (uint32_t i = 0; i < value->len; i++) {
			if (has_hashes(&value->members[i].value))
				return true;
		}
	}
	return value->flags & VALUE_KEYED;
}

const char *rollback_obstacle(const struct change *change)
{
	switch (change->action) {
	case ACTION_DELETE:
		return "what is destroyed does not come back";
	case ACTION_REPLACE:
		return "it is replaced, and the old one does not come back";
	case ACTION_CREATE:
		return change->record ? "it was recorded before and is only made again" : NULL;
	case ACTION_ADOPT:
		return "it was there before";
	case ACTION_UPDATE:
		if (!record_has_fingerprint(change->record))
			return "its last update failed, so what it was is not known";
		return has_hashes(record_inputs(change->record, NULL))
			? "it has a secret, of which only a hash is kept" : NULL;
	default:
		return NULL;
	}
}

static bool undo_update(struct scheduler *s, const struct change *done, struct record *now,
	struct change *undo)
{
	const struct value *before;
	struct attribute_list list = {
		.arena = &s->r->arena,
		.type = resource_of_change(s, done)->type,
		.key = state_key(s->r->state),
	};

	if (rollback_obstacle(done))
		return false;
	before = record_inputs(done->record, NULL);
	inputs_compare(&list, done->inputs, before);
	undo->action = ACTION_UPDATE;
	undo->node = done->node;
	undo->record = now;
	undo->inputs = before;
	undo->fingerprint = done->record->fingerprint;
	undo->attributes = list.items;
	undo->n_attributes = list.n;
	return true;
}

static bool undo_of(struct scheduler *s, uint32_t step, struct change *undo)
{
	const struct change *done = change_of(s, step);
	const struct running *running = &s->running[step];

	if (step_at(s, step)->kind != STEP_MAKE || !running->record)
		return false;
	*undo = (struct change){
		.address = done->address,
		.generation = running->record->generation,
		.node = NODE_NONE,
		.record = running->record,
	};
	if (running->action == ACTION_CREATE && !done->record)
		undo->action = ACTION_DELETE;
	else if (running->action != ACTION_UPDATE || !undo_update(s, done, running->record, undo))
		return false;
	change_reason(undo, &s->r->arena, REASON_REQUESTED, NULL, POS_NONE,
		"--rollback-on-failure: this run did it");
	return true;
}

struct plan *rollback_plan(struct scheduler *s)
{
	struct plan *plan = arena_zalloc(&s->r->arena, sizeof(*plan));

	plan->graph = s->plan->graph;
	plan->project_root = s->plan->project_root;
	plan->changes = arena_alloc(&s->r->arena, (s->steps.n + 1) * sizeof(*plan->changes));
	for (uint32_t i = s->steps.n; i-- > 0;) {
		enum step_state state = step_at(s, i)->state;

		if ((state == STEP_DONE || state == STEP_FAILED) &&
			undo_of(s, i, &plan->changes[plan->n]))
			plan->n++;
	}
	if (!plan->n)
		return NULL;
	plan_count(plan);
	emit(s, EVENT_ROLLBACK, STEP_NONE, arena_printf(&s->r->arena, "undoing %zu changes of this run",
		plan->n), NULL);
	return plan;
}
