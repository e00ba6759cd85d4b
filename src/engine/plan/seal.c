/*
 * The names of actions, the counts of a plan, and the hash over everything that a person was shown:
 * `apply FILE` goes on only when a fresh plan has the same one.
 */
#include "engine/plan/details.h"
#include "engine/plan/planner.h"

#include <string.h>

const char *action_str(enum action action)
{
	switch (action) {
	case ACTION_NOOP: return "no-op";
	case ACTION_RECORD: return "record";
	case ACTION_FORGET: return "forget";
	case ACTION_DROP: return "drop";
	case ACTION_KEEP: return "keep";
	case ACTION_START: return "start";
	case ACTION_STOP: return "stop";
	case ACTION_ADOPT: return "adopt";
	case ACTION_CREATE: return "create";
	case ACTION_UPDATE: return "update";
	case ACTION_REPLACE: return "replace";
	case ACTION_DELETE: return "delete";
	}
	return "?";
}

const char *action_symbol(enum action action)
{
	switch (action) {
	case ACTION_CREATE: return "+";
	case ACTION_UPDATE: return "~";
	case ACTION_REPLACE: return "-/+";
	case ACTION_DELETE: return "-";
	case ACTION_START:
	case ACTION_STOP:
	case ACTION_ADOPT:
	case ACTION_RECORD:
	case ACTION_FORGET:
	case ACTION_DROP: return ">";
	case ACTION_NOOP:
	case ACTION_KEEP: return " ";
	}
	return "?";
}

static void count_one(struct plan_counts *counts, const struct change *change)
{
	switch (change->action) {
	case ACTION_CREATE: counts->add++; break;
	case ACTION_UPDATE: counts->change++; break;
	case ACTION_REPLACE: counts->add++, counts->destroy++; break;
	case ACTION_DELETE: counts->destroy++; break;
	case ACTION_START:
	case ACTION_STOP: counts->start++; break;
	case ACTION_ADOPT: counts->adopt++; break;
	case ACTION_FORGET:
	case ACTION_DROP: counts->forget++; break;
	case ACTION_RECORD: counts->record++; break;
	case ACTION_KEEP:
	case ACTION_NOOP: counts->noop++; break;
	}
	counts->moved += change->previous != NULL;
	counts->held += change->hold != HOLD_NONE;
	counts->deferred += change->deferred && change->action != ACTION_NOOP;
	counts->unreadable += change->unreadable;
	counts->unknown += change->unreadable ||
			   (change->observed && change->observed->presence == PRESENCE_UNKNOWN);
	counts->stopped += change->action == ACTION_NOOP && change->record &&
			   change->record->status == RECORD_STOPPED &&
			   !(change->observed && change->observed->runs);
	for (size_t i = 0; i < change->n_attributes; i++) {
		if (change->attributes[i].drift) {
			counts->drifted++;
			break;
		}
	}
}

static bool output_changed(const struct output_change *output)
{
	if (!output->before || !output->after)
		return output->before != output->after;
	return !value_equal(output->before, output->after);
}

void plan_count(struct plan *plan)
{
	plan->counts = (struct plan_counts){0};
	plan->has_changes = false;
	for (size_t i = 0; i < plan->n; i++) {
		count_one(&plan->counts, &plan->changes[i]);
		plan->has_changes |= plan->changes[i].intent ||
				     (plan->changes[i].action != ACTION_NOOP &&
					     plan->changes[i].action != ACTION_KEEP);
	}
	for (size_t i = 0; i < plan->n_outputs; i++)
		plan->has_changes |= output_changed(&plan->outputs[i]);
}

static void seal_text(struct hasher *hasher, const char *text)
{
	hasher_add_str(hasher, text ? text : "", text ? strlen(text) : 0);
}

static void seal_value(struct hasher *hasher, const struct value *value,
	const struct secret_key *key)
{
	if (value)
		value_hash(value, key, hasher);
	else
		hasher_add(hasher, "-", 1);
}

void plan_seal(const struct planner_input *in, struct plan *plan)
{
	struct hasher hasher;

	hasher_init(&hasher);
	seal_text(&hasher, in->environment);
	hasher_add(&hasher, &plan->serial, sizeof(plan->serial));
	for (size_t i = 0; i < plan->n; i++) {
		const struct change *change = &plan->changes[i];

		if (change->action == ACTION_NOOP)
			continue;
		seal_text(&hasher, change->address);
		seal_text(&hasher, action_str(change->action));
		seal_text(&hasher, change->previous);
		hasher_add(&hasher, &change->generation, sizeof(change->generation));
		hasher_add(&hasher, &change->hold, sizeof(change->hold));
		hasher_add(&hasher, change_is_perhaps(change) ? "?" : "!", 1);
		seal_value(&hasher, change->inputs, in->key);
		for (size_t k = 0; k < change->n_attributes; k++) {
			seal_text(&hasher, change->attributes[k].path);
			seal_value(&hasher, change->attributes[k].before, in->key);
			seal_value(&hasher, change->attributes[k].after, in->key);
		}
		details_hash(change->observed, in->key, &hasher);
		for (size_t k = 0; k < change->n_reasons; k++)
			seal_text(&hasher, change->reasons[k].text);
	}
	for (size_t i = 0; i < plan->n_outputs; i++) {
		seal_text(&hasher, plan->outputs[i].name);
		seal_value(&hasher, plan->outputs[i].before, in->key);
		seal_value(&hasher, plan->outputs[i].after, in->key);
	}
	hasher_finish(&hasher, &plan->hash);
}
