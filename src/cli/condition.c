/*
 * The first question that is answered with yes decides, from the worst to the best. Blocked is
 * decided afterwards, over the graph in its order, because it follows from the condition of others.
 */
#include "cli/condition.h"

#include "base/map.h"
#include "engine/plan/diff.h"
#include "provider/provider.h"

#include <string.h>

const char *condition_str(enum condition_kind kind)
{
	static const char *const words[CONDITION_COUNT] = {
		"ready",   "running", "completed", "changed", "drifted", "missing", "blocked",
		"unready", "stopped", "down",	   "gone",    "failed",	 "unknown", "removed",
	};

	return words[kind];
}

bool condition_is_good(enum condition_kind kind)
{
	return kind <= CONDITION_COMPLETED;
}

static struct condition make(enum condition_kind kind, const char *detail)
{
	return (struct condition){kind, detail ? detail : ""};
}

/* Names of the attributes that changed or drifted. */
static const char *paths(const struct change *change, bool drift, struct arena *arena)
{
	const char *text = "";

	for (size_t i = 0; i < change->n_attributes; i++) {
		const char *path = change->attributes[i].path;

		if (change->attributes[i].drift != drift)
			continue;
		if (strncmp(path, "$digests.", 9) == 0)
			path += 9;
		text = arena_printf(arena, "%s%s%s", text, *text ? ", " : "", path);
	}
	return text;
}

/* Why, unless the condition says it already. */
static const char *reason(const struct change *change)
{
	if (!change->n_reasons || change->reasons[0].kind == REASON_NEW)
		return "";
	return change->reasons[0].text;
}

/* "running" says nothing about what runs. */
static const char *health(const struct observation *seen)
{
	return seen && seen->health && strcmp(seen->health, "running") != 0 ? seen->health : "";
}

static bool recorded_flag(struct record *record, const char *key, bool fallback)
{
	struct error ignored = ERROR_INIT;
	const struct value *inputs = record_inputs(record, &ignored);

	return inputs ? value_get_bool(inputs, key, fallback) : fallback;
}

/* It was made as it should be, and the next run looks again. A job that ends badly has failed; so has an
   update of what was not ready: that one forgot the fingerprint. */
static bool is_only_unready(const struct change *change, bool job)
{
	const struct record *record = change->record;

	return record->status == RECORD_UNREADY && !job && change->node != NODE_NONE &&
	       record_has_fingerprint(record);
}

/* `unread`: the manifest could not be read, so nothing is known to be wanted otherwise. */
static struct condition recorded(const struct change *change, const struct type *type, bool job,
	bool unread, struct arena *arena)
{
	const struct observation *seen = change->observed;
	const struct record *record = change->record;
	bool runs = type && provider_can(change->record, CAN_STOP);
	const char *drift = paths(change, true, arena);

	if (change->unreadable) /* nothing was looked for, so nothing is gone */
		return make(CONDITION_UNKNOWN, reason(change));
	if (seen && seen->presence == PRESENCE_UNKNOWN)
		return make(CONDITION_UNKNOWN, seen->message);
	if (record->status == RECORD_TAINTED)
		return make(CONDITION_FAILED, record->last_error ? record->last_error : "tainted");
	if (seen && seen->presence == PRESENCE_ABSENT)
		return make(CONDITION_GONE, seen->message);
	if (record->last_error && !is_only_unready(change, job))
		return make(CONDITION_FAILED, record->last_error);
	if (change->node == NODE_NONE && !unread)
		return make(CONDITION_REMOVED, reason(change));
	if (record->status == RECORD_STOPPED && !(seen && seen->runs))
		return make(CONDITION_STOPPED, "");
	if (runs && seen && seen->presence == PRESENCE_PRESENT && !seen->runs &&
		(unread ? !job && recorded_flag(change->record, "mustRun", true)
			: change->action == ACTION_START))
		return make(CONDITION_DOWN, seen->health);
	if (record->status == RECORD_UNREADY)
		return make(CONDITION_UNREADY, record->last_error ? record->last_error
						   : seen ? seen->health : "");
	if (*drift)
		return make(CONDITION_DRIFTED, drift);
	if (!unread && change->action != ACTION_NOOP && change->action != ACTION_RECORD)
		return make(CONDITION_CHANGED, change->n_attributes ? paths(change, false, arena)
								     : reason(change));
	if (job)
		return make(CONDITION_COMPLETED, "");
	return make(runs ? CONDITION_RUNNING : CONDITION_READY, health(seen));
}

static struct condition condition_of(const struct plan *plan, const struct change *change,
	bool unread, struct arena *arena)
{
	const struct resource *resource =
		change->node != NODE_NONE ? plan->graph->nodes[change->node].resource : NULL;
	const struct type *type = resource ? resource->type
		: change->record ? type_find(change->record->type) : NULL;

	if (change->record)
		return recorded(change, type,
			resource ? resource_is_job(resource)
				 : recorded_flag(change->record, "job", false),
			unread, arena);
	if (change->observed && change->observed->presence == PRESENCE_UNKNOWN)
		return make(CONDITION_UNKNOWN, change->observed->message);
	return make(CONDITION_MISSING, reason(change));
}

static bool blocks(enum condition_kind kind)
{
	return kind == CONDITION_FAILED || kind == CONDITION_UNKNOWN || kind == CONDITION_UNREADY ||
	       kind == CONDITION_DOWN || kind == CONDITION_GONE || kind == CONDITION_BLOCKED;
}

/* What is not made and waits for something that is not well. */
static void find_blocked(const struct plan *plan, struct arena *arena, struct condition *conditions)
{
	const struct graph *graph = plan->graph;
	uint32_t *change_of = arena_alloc(arena, (graph->n + 1) * sizeof(*change_of));

	for (uint32_t i = 0; i < graph->n; i++)
		change_of[i] = NODE_NONE;
	for (size_t i = 0; i < plan->n; i++)
		if (plan->changes[i].node != NODE_NONE)
			change_of[plan->changes[i].node] = (uint32_t)i;
	for (uint32_t i = 0; i < graph->n; i++) {
		const struct node *node = &graph->nodes[graph->order[i]];
		uint32_t own = change_of[graph->order[i]];

		if (own == NODE_NONE || conditions[own].kind != CONDITION_MISSING)
			continue;
		for (uint32_t k = 0; k < node->n_needs; k++) {
			uint32_t need = change_of[node->needs[k].node];

			if (node->needs[k].kind < EDGE_HARD || need == NODE_NONE ||
				!blocks(conditions[need].kind))
				continue;
			conditions[own] = make(
				CONDITION_BLOCKED, arena_printf(arena, "waits for %s (%s)",
							   plan->changes[need].address,
							   condition_str(conditions[need].kind)));
			break;
		}
	}
}

/* What is missing may have been tried: then the last run knows why it is. */
static void find_tried(const struct plan *plan, const struct run_change *last, size_t n,
	struct condition *conditions)
{
	struct map by_address = MAP_INIT;

	map_reserve(&by_address, n);
	for (size_t i = 0; i < n; i++)
		map_set(&by_address, last[i].address, (uint32_t)i);
	for (size_t i = 0; i < plan->n; i++) {
		uint32_t tried = map_get(&by_address, plan->changes[i].address);

		if (tried == MAP_NONE || conditions[i].kind != CONDITION_MISSING)
			continue;
		if (strcmp(last[tried].status, "failed") == 0)
			conditions[i] = make(CONDITION_FAILED, last[tried].error);
		else if (strcmp(last[tried].status, "held") == 0)
			conditions[i] = make(CONDITION_BLOCKED, last[tried].error);
	}
	map_release(&by_address);
}

void conditions_find(const struct plan *plan, const struct run_change *last, size_t n_last,
	bool unread, struct arena *arena, struct condition *conditions)
{
	for (size_t i = 0; i < plan->n; i++)
		conditions[i] = condition_of(plan, &plan->changes[i], unread, arena);
	if (n_last)
		find_tried(plan, last, n_last, conditions);
	if (plan->graph)
		find_blocked(plan, arena, conditions);
}
