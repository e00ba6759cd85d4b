/*
 * Planning in passes over the graph, dependencies first:
 *   1. views.c      inputs as far as records tell (before observing)
 *   2. match.c      each address with its record, observation and open intent
 *   3. plan_node    node by node: resolve again what a planned change touches, decide, pass on
 *   4. recorded.c   what is recorded and no longer desired, dependents first
 *   5. guard, count, seal
 */
#include "engine/plan/internal.h"

#include "base/texts.h"

struct change *planner_change(struct planner *p, const char *address)
{
	struct plan *plan = p->plan;
	struct change *change;

	if (plan->n == p->cap)
		BUG("a plan with more changes than nodes and records");
	change = &plan->changes[plan->n++];
	*change = (struct change){
		.address = address, .node = NODE_NONE, .generation = 1};
	return change;
}

/* The first thing it uses whose outputs change. */
static const char *changed_need(const struct planner *p, const struct node *node)
{
	for (uint32_t i = 0; i < node->n_needs; i++) {
		uint32_t need = node->needs[i].node;

		if (node->needs[i].kind >= EDGE_USES && p->changed_view[need])
			return p->plan->changes[p->change_of[need]].address;
	}
	return NULL;
}

/* What was not known before all was decided may be now: it stays as recorded, or is not there. */
static bool needs_fresh_inputs(const struct planner *p, uint32_t index)
{
	const struct node *node = &p->in->graph->nodes[index];

	if (!value_is_known(p->views[index].inputs) && (!p->selected || p->selected[index]))
		return true;
	for (uint32_t i = 0; i < node->n_needs; i++) {
		if (p->changed_view[node->needs[i].node])
			return true;
	}
	return false;
}

struct diff_input planner_diff(const struct planner *p, uint32_t node)
{
	return (struct diff_input){
		.arena = p->in->arena,
		.diags = p->in->diags,
		.key = p->in->key,
		.options = p->in->options,
		.graph = p->in->graph,
		.node = node,
	};
}

static void plan_node(struct planner *p, uint32_t index)
{
	const struct planner_input *in = p->in;
	const struct node *node = &in->graph->nodes[index];
	const struct resource *resource = node->resource;
	struct view *view = &p->views[index];
	struct resolver resolver = {in->graph, p->views, in->arena, in->diags};
	struct change *change = planner_change(p, resource->address);
	struct diff_input diff = planner_diff(p, index);

	diff.inputs = view->inputs;
	diff.replace_requested = texts_have(in->options->replaces, resource->address);
	p->change_of[index] = (uint32_t)(change - p->plan->changes);
	match_node(p, resource, &diff, change);
	if (needs_fresh_inputs(p, index)) {
		struct value inputs;

		if (view_resolve(in, &resolver, index, &inputs) == 0) {
			view_put(view, in, resource, diff.record, inputs);
			p->changed_view[index] = !value_equal(view->inputs, diff.inputs);
		}
	}
	change->node = index;
	change->inputs = diff.inputs = view->inputs;
	if (p->selected && !p->selected[index]) {
		change->action = ACTION_NOOP;
		view->settled = diff.record != NULL;
		diff_needs(p->plan, &diff);
		if (diff.record)
			plan_left_out(p, resource, &diff.replaced);
		return;
	}
	diff.changed_need = changed_need(p, node);
	diff_needs(p->plan, &diff);
	diff_desired(&diff, change);
	if (change->previous) {
		change_reason(change, in->arena, REASON_MOVED, change->previous, POS_NONE,
			"moved from %s", change->previous);
		if (change->action == ACTION_NOOP && !change->unreadable)
			change->action = ACTION_RECORD;
	}
	if (diff.restored && change->action == ACTION_NOOP) {
		change->action = ACTION_RECORD;
		change_reason(change, in->arena, REASON_METADATA, NULL, POS_NONE,
			"its successor was not made: it stays");
	}
	if (change->action == ACTION_REPLACE)
		change->generation = diff.record->generation + 1;
	if (plan_view(change, node, view, in->arena))
		p->changed_view[index] = 1;
}

static void plan_outputs(struct planner *p)
{
	const struct planner_input *in = p->in;
	struct resolver resolver = {in->graph, p->views, in->arena, in->diags};
	struct output_change *outputs;

	/* A refresh and a stop leave the recorded outputs as they are. */
	if (!in->manifest->n_outputs || in->options->destroy || in->options->refresh_only ||
		in->options->power == POWER_STOP)
		return;
	outputs = arena_zalloc(in->arena, in->manifest->n_outputs * sizeof(*outputs));
	for (size_t i = 0; i < in->manifest->n_outputs; i++) {
		const struct output_spec *spec = &in->manifest->outputs[i];
		struct value value;

		if (resolve_value(&resolver, spec->value, &value) < 0)
			continue;
		if (spec->sensitive)
			value.flags |= VALUE_SENSITIVE;
		outputs[p->plan->n_outputs++] = (struct output_change){
			.name = spec->name,
			.before = value_get(in->outputs, spec->name),
			.after = value_keep(in->arena, value),
		};
	}
	p->plan->outputs = outputs;
}

static void plan_environment(struct planner *p)
{
	const struct planner_input *in = p->in;
	size_t desired;

	plan_select(p);
	if (!in->options->destroy) {
		plan_claims(in, p->views);
		for (uint32_t i = 0; i < in->graph->n; i++)
			plan_node(p, in->graph->order[i]);
		plan_precede(p);
		plan_begun(p);
	}
	desired = p->plan->n;
	plan_removed(p);
	plan_orphans(p);
	plan_order_removals(p, desired);
	if (in->options->refresh_only)
		plan_refresh_only(p);
	if (in->options->power)
		plan_power(p);
	plan_outputs(p);
	plan_blocked(in, p->plan);
	p->plan->strays = in->strays;
	p->plan->n_strays = in->n_strays;
}

int plan_make(const struct planner_input *in, struct view *views, struct plan *plan)
{
	struct planner p = {.in = in, .views = views, .plan = plan};
	size_t errors = in->diags->errors;

	*plan = (struct plan){.graph = in->graph, .project_root = in->digester->project_root, .serial = in->serial};
	p.cap = in->graph->n + in->n_records + in->n_intents + in->n_strays;
	plan->changes = arena_alloc(in->arena, (p.cap + 1) * sizeof(*plan->changes));
	p.used = arena_zalloc(in->arena, in->n_records + 1);
	p.changed_view = arena_zalloc(in->arena, in->graph->n + 1);
	p.change_of = arena_zalloc(in->arena, (in->graph->n + 1) * sizeof(*p.change_of));
	plan->change_of = in->options->destroy ? NULL : p.change_of;
	match_index(&p);
	if (in->options->only_strays)
		plan_strays(&p);
	else
		plan_environment(&p);
	match_release(&p);
	plan_guard(in, plan);
	plan_count(plan);
	plan_seal(in, plan);
	return in->diags->errors > errors ? -1 : 0;
}
