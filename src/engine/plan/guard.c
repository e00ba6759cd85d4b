/*
 * Guards: what `--yes` does not answer. A held change stays in the plan, with a hash that
 * `devenv approve` releases; the rest proceeds without it.
 */
#include "base/texts.h"
#include "engine/plan/details.h"
#include "engine/plan/planner.h"

#include <stdio.h>
#include <string.h>

enum { MASS_DELETE_MIN = 4 }; /* fewer deletions are never "more than half of an environment" */

const char *hold_why(enum hold hold)
{
	static const char *const why[] = {
		[HOLD_NONE] = "",
		[HOLD_DATA_LOSS] = "it loses data",
		[HOLD_MASS_DELETE] = "more than half of the environment would be destroyed",
		[HOLD_STRONGER] = "it is more than the plan had shown",
	};

	return why[hold];
}

/* Names exactly this decision: another input, generation or action gives another hash. */
static void set_approval(const struct planner_input *in, struct change *change)
{
	char text[96], hex[HASH_HEX];
	struct hasher hasher;
	struct hash hash;

	hasher_init(&hasher);
	hasher_add_str(&hasher, in->environment, strlen(in->environment));
	hasher_add_str(&hasher, change->address, strlen(change->address));
	snprintf(text, sizeof(text), "%d %d %d", change->action, change->generation, change->hold);
	hasher_add_str(&hasher, text, strlen(text));
	if (change->record)
		hasher_add(&hasher, change->record->fingerprint.bytes, HASH_SIZE);
	if (change->inputs && !change->deferred)
		hasher_add(&hasher, change->fingerprint.bytes, HASH_SIZE);
	details_hash(change->observed, in->key, &hasher);
	hasher_finish(&hasher, &hash);
	hash_hex(&hash, hex);
	memcpy(change->approval, hex, sizeof(change->approval) - 1);
	change->approval[sizeof(change->approval) - 1] = '\0';
}

static void hold(const struct planner_input *in, struct change *change, enum hold why)
{
	change->hold = why;
	set_approval(in, change);
	if (texts_have(in->options->approvals, change->approval))
		change->hold = HOLD_NONE;
}

/* What its doing would lose, as the provider says; NULL: nothing. */
static const char *what_is_lost(const struct change *change)
{
	const struct observation *seen = change->observed;

	if (!seen || !change->record)
		return NULL;
	switch (change->action) {
	case ACTION_DELETE:
	case ACTION_REPLACE:
		return seen->holds;
	case ACTION_UPDATE:
		return seen->loses;
	default:
		return NULL;
	}
}

static bool loses_data(const struct plan_options *options, const struct change *change)
{
	const struct type *type = change->record ? type_find(change->record->type) : NULL;

	if ((options->destroy || options->only_strays) && options->volumes)
		return false;
	if (what_is_lost(change))
		return true;
	return type && type->flags & TYPE_PERSISTENT &&
	       (change->action == ACTION_DELETE || change->action == ACTION_REPLACE);
}

bool guard_loses_data(const struct plan_options *options, struct change *change,
	struct arena *arena)
{
	if (!loses_data(options, change))
		return false;
	if (what_is_lost(change))
		change_reason(change, arena, REASON_DATA_LOSS, NULL, POS_NONE, "the data of %s is lost",
			what_is_lost(change));
	return !texts_have(options->allow_data_loss, change->address);
}

void plan_guard(const struct planner_input *in, struct plan *plan)
{
	size_t deletes = 0;

	for (size_t i = 0; i < plan->n; i++)
		deletes += plan->changes[i].action == ACTION_DELETE && plan->changes[i].record;
	for (size_t i = 0; i < plan->n; i++) {
		struct change *change = &plan->changes[i];

		if (guard_loses_data(in->options, change, in->arena))
			hold(in, change, HOLD_DATA_LOSS);
		else if (change->action == ACTION_DELETE && change->record && !in->options->destroy &&
			 !in->options->only_strays && deletes >= MASS_DELETE_MIN && deletes * 2 > in->n_records &&
			 in->options->allow_delete < (long)deletes)
			hold(in, change, HOLD_MASS_DELETE);
	}
}
