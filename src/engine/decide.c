/*
 * Deciding again in the middle of an apply: the inputs of a deferred step have just become known. The
 * same case table as while planning answers; something stronger than the plan showed is held.
 */
#include "engine/schedule.h"

static bool is_stronger(enum action now, enum action planned)
{
	bool destroys = now == ACTION_REPLACE || now == ACTION_DELETE || now == ACTION_ADOPT;

	return destroys && now != planned;
}

/* The change that takes this one with it, as long as it is still a replace. */
static const struct change *cause_of(const struct scheduler *s, const struct change *change)
{
	const struct change *cause =
		change->cause == NODE_NONE ? NULL : &s->plan->changes[change->cause];

	return cause && cause->action == ACTION_REPLACE ? cause : NULL;
}

/*
 * The inputs of a deferred step have just become known: decide again, with what is. Something
 * stronger than the plan showed is held.
 */
int step_decide(struct scheduler *s, uint32_t step, const struct observation *observed)
{
	struct change *change = change_of(s, step);
	const struct change *cause = cause_of(s, change);
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
		.observed = observed ? observed : change->observed,
		.intent = change->intent,
		.inputs = change->inputs,
		.replaced_because = cause ? cause->address : NULL,
	};

	diags_init(&diags, &s->r->arena);
	change->n_reasons = change->n_attributes = 0;
	diff_desired(&diff, change);
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
	redactor_learn(&s->r->redactor, change->inputs);
	return 0;
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
		diag_error(&diags, node->resource->pos, "a value it uses is still unknown");
	if (diags.errors) {
		step_failed(s, step, diags.items[0].message, NULL);
		return -1;
	}
	return 0;
}

bool step_still_replaces(struct scheduler *s, uint32_t step)
{
	struct change *change = change_of(s, step);

	if (change->action != ACTION_REPLACE)
		return false;
	if (change->cause != NODE_NONE) {
		uint32_t cause = s->steps.destroy_of[change->cause];

		if (cause != STEP_NONE && step_at(s, cause)->state == STEP_BLOCKED)
			step_still_replaces(s, cause); /* decides it, so that this one can be */
		if (!cause_of(s, change) && !change->deferred)
			return step_decide(s, step, NULL) == 0 && change->action == ACTION_REPLACE;
	}
	if (change->deferred && !change->create_first &&
		(step_resolve(s, step) < 0 || step_decide(s, step, NULL) < 0))
		return false;
	return change->action == ACTION_REPLACE;
}
