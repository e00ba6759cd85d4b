/*
 * Deciding again in the middle of an apply: the inputs of a deferred step have just become known. The
 * same case table as while planning answers; something stronger than the plan showed is held.
 */
#include "engine/apply/schedule.h"

static bool is_stronger(enum action now, enum action planned)
{
	bool destroys = now == ACTION_REPLACE || now == ACTION_DELETE || now == ACTION_ADOPT;

	return destroys && now != planned;
}

/* It turned out weaker: references to it see more than the plan could promise. */
static void see_again(struct scheduler *s, const struct change *change)
{
	struct view *view = &s->resolver.views[change->node];

	view->record = change->record;
	view->outputs = NULL;
	plan_view(change, &s->plan->graph->nodes[change->node], view, &s->r->arena);
}

/* What was seen while planning, without its comparison: that was with other inputs. */
static const struct observation *seen_before(struct scheduler *s, const struct change *change)
{
	struct observation *seen;

	if (!change->observed || !change->observed->matches)
		return change->observed;
	seen = arena_alloc(&s->r->arena, sizeof(*seen));
	*seen = *change->observed;
	seen->matches = false;
	return seen;
}

/*
 * The inputs of a deferred step have just become known, or what may take it along: decide again, with
 * what is. A replace that stood fast from the beginning stays one, whatever its inputs turn out to be.
 */
int step_decide(struct scheduler *s, uint32_t step, const struct observation *observed)
{
	struct change *change = change_of(s, step);
	enum action planned = change->action;
	struct diags diags;
	struct diff_input diff = {
		.arena = &s->r->arena,
		.diags = &diags,
		.key = state_key(s->r->state),
		.options = &s->r->options,
		.graph = s->plan->graph,
		.node = change->node,
		.record = change->record,
		.observed = observed ? observed : seen_before(s, change),
		.intent = change->intent,
		.inputs = change->inputs,
	};

	diags_init(&diags, &s->r->arena);
	if (planned == ACTION_REPLACE && !change->uncertain) {
		diff_replace(&diff, change);
	} else {
		change->n_reasons = change->n_attributes = 0;
		diff_needs(s->plan, &diff);
		if (observed)
			diff.home = NULL; /* its home is as it shall be, and it was looked for there */
		diff_desired(&diff, change);
	}
	s->running[step].action = change->action;
	if (change->record)
		change->generation = change->record->generation + (change->action == ACTION_REPLACE);
	if (diags.errors) {
		step_failed(s, step, diags.items[0].message, NULL);
		return -1;
	}
	if (is_stronger(change->action, planned)) {
		change->hold = HOLD_STRONGER;
		step_skip(s, step, EVENT_HELD, arena_printf(&s->r->arena,
			"it would have to %s, which is more than the plan showed (%s): plan and apply again",
			action_str(change->action), action_str(planned)));
		return -1;
	}
	if (observed && change->action == ACTION_UPDATE &&
		guard_loses_data(&s->r->options, change, &s->r->arena)) {
		change->hold = HOLD_DATA_LOSS;
		step_skip(s, step, EVENT_HELD, arena_printf(&s->r->arena,
			"it would lose the data of %s: plan and apply again", observed->loses));
		return -1;
	}
	if (change->action != planned && change->record)
		see_again(s, change);
	redactor_learn(&s->r->redactor, change->inputs);
	return 0;
}

/* Nothing that is still to come makes it known. Of a file: one that it needs might have made it. */
static void still_unknown(const struct value *inputs, const struct resource *resource,
	struct diags *diags)
{
	const struct value *digests = value_get(inputs, INPUT_DIGESTS), *path;

	for (uint32_t i = 0; digests && digests->kind == VALUE_MAP && i < digests->len; i++) {
		if (digests->members[i].value.kind != VALUE_UNKNOWN)
			continue;
		path = value_path(inputs, digests->members[i].key);
		diag_error(diags, resource->pos, "%s: no such file (%s)", value_text(path, "the folder"),
			digests->members[i].key);
		return;
	}
	diag_error(diags, resource->pos, "a value it uses is still unknown");
}

/* Resolves the inputs of a step with what its needs really are now. */
int step_resolve(struct scheduler *s, uint32_t step)
{
	struct change *change = change_of(s, step);
	const struct node *node = &s->plan->graph->nodes[change->node];
	struct value *inputs = arena_alloc(&s->r->arena, sizeof(*inputs));
	struct diags diags;
	struct diags *saved = s->resolver.diags;

	diags_init(&diags, &s->r->arena);
	s->resolver.diags = &diags;
	if (resolve_inputs(&s->resolver, change->node, inputs) == 0 &&
		inputs_complete(s->planner->digester, node, inputs, &s->r->arena, &diags) == 0) {
		if (change->record && node->resource->lifecycle.ignore_changes)
			*inputs = inputs_ignore(inputs, record_inputs(change->record, NULL),
				node->resource->lifecycle.ignore_changes, &s->r->arena);
		change->inputs = inputs;
		s->resolver.views[change->node].inputs = inputs;
		s->resolver.views[change->node].sensitive = value_has_secret(inputs);
	}
	s->resolver.diags = saved;
	if (!diags.errors && !value_is_known(change->inputs))
		still_unknown(change->inputs, node->resource, &diags);
	if (diags.errors) {
		step_failed(s, step, diags.items[0].message, NULL);
		return -1;
	}
	return 0;
}

/* What takes it along may be replaced or not: that is decided first. True: one of them is. */
static bool is_taken_along(struct scheduler *s, const struct change *change)
{
	const struct graph *graph = s->plan->graph;
	const struct node *node = &graph->nodes[change->node];
	bool taken = false;

	for (uint32_t i = 0; i < node->n_needs; i++) {
		uint32_t need = s->plan->change_of[node->needs[i].node];
		uint32_t destroy = s->steps.destroy_of[need];

		if (!diff_follows(graph, node, i))
			continue;
		if (destroy != STEP_NONE && step_at(s, destroy)->state == STEP_BLOCKED)
			step_still_replaces(s, destroy);
		taken = taken || s->plan->changes[need].action == ACTION_REPLACE;
	}
	return taken;
}

/* Its inputs wait for something that is updated after all: should they want a replace, it is held. */
static bool is_put_off(struct scheduler *s, struct change *change)
{
	struct diags diags;
	struct value inputs;
	struct resolver resolver = s->resolver;

	diags_init(&diags, &s->r->arena);
	resolver.diags = &diags;
	if (!change->deferred || resolve_inputs(&resolver, change->node, &inputs) < 0 ||
		value_is_known(&inputs))
		return false;
	change->action = ACTION_UPDATE;
	change->uncertain = false;
	return true;
}

bool step_still_replaces(struct scheduler *s, uint32_t step)
{
	struct change *change = change_of(s, step);
	uint32_t make = s->steps.make_of[step_at(s, step)->change];

	if (change->action != ACTION_REPLACE)
		return false;
	if (change->create_first) /* decided when the new one was made */
		return true;
	if (change->uncertain && is_taken_along(s, change))
		change->uncertain = false;
	if (step_at(s, make)->state == STEP_SKIPPED && !steps_needed_gone(s, step)) {
		step_skip(s, step, EVENT_BLOCKED, s->running[make].why);
		return false;
	}
	if (change->uncertain && (is_put_off(s, change) ||
			(change->deferred && step_resolve(s, step) < 0) ||
			step_decide(s, step, NULL) < 0))
		return false;
	return change->action == ACTION_REPLACE;
}
