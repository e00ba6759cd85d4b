/*
 * What references to a node see: its inputs resolved as far as is known, and after a decision what its
 * outputs will be.
 */
#include "engine/plan/internal.h"

#include <string.h>

/* The words of a probe's command are as public as those of any other. */
static int check_probe(struct resolver *resolver, const struct resource *resource)
{
	const struct value *command = value_get(resource->readiness.spec, "command");
	struct value words;

	if (!command || resource->readiness.kind != PROBE_COMMAND)
		return 0;
	if (resolve_value(resolver, command, &words) < 0)
		return -1;
	if (!value_has_secret(&words))
		return 0;
	diag_error(resolver->diags, value_pos(command),
		"\"readiness.command\" of %s holds a sensitive value, and others can read it",
		resource->address);
	diag_hint(resolver->diags, "let the command take it from its environment");
	diag_address(resolver->diags, resource->address);
	return -1;
}

int view_resolve(const struct planner_input *in, struct resolver *resolver, uint32_t index,
	struct value *out)
{
	struct node *node = &in->graph->nodes[index];

	if (resolve_inputs(resolver, index, out) < 0)
		return -1;
	if (node->resource->type->flags & TYPE_EFFECTLESS)
		return 0;
	if (check_probe(resolver, node->resource) < 0)
		return -1;
	return inputs_complete(in->digester, node, out, in->arena, in->diags);
}

void view_put(struct view *view, const struct planner_input *in, const struct resource *resource,
	struct record *record, struct value inputs)
{
	if (record && resource->lifecycle.ignore_changes)
		inputs = inputs_ignore(&inputs, record_inputs(record, NULL),
			resource->lifecycle.ignore_changes, in->arena);
	view->inputs = value_keep(in->arena, inputs);
}

int plan_resolve(const struct planner_input *in, struct view **out)
{
	struct view *views = arena_zalloc(in->arena, (in->graph->n + 1) * sizeof(*views));
	struct resolver resolver = {in->graph, views, in->arena, in->diags};
	struct planner p = {.in = in};
	int result = 0;

	match_index(&p);
	for (uint32_t i = 0; i < in->graph->n; i++) {
		uint32_t index = in->graph->order[i];
		const struct resource *resource = in->graph->nodes[index].resource;
		struct record *record;
		struct value inputs;

		if (view_resolve(in, &resolver, index, &inputs) < 0) {
			result = -1;
			inputs = value_empty_map;
		}
		record = match_record(&p, resource, &inputs);
		view_put(&views[index], in, resource, record, inputs);
		views[index].sensitive = value_has_secret(views[index].inputs);
		views[index].record = record;
		views[index].assumed = record && record->status == RECORD_OK;
	}
	match_release(&p);
	*out = views;
	return result;
}

/* An output that an update leaves as it is. */
static bool keeps(const struct change *change, const struct output *output)
{
	if (!output || output->stability != OUTPUT_CHANGES)
		return output && output->stability == OUTPUT_STABLE;
	for (const char *const *with = output->with; with && *with; with++) {
		size_t len = strlen(*with);

		for (size_t i = 0; i < change->n_attributes; i++) {
			const char *path = change->attributes[i].path;

			if (strncmp(path, *with, len) == 0 && (!path[len] || strchr(".[ ", path[len])))
				return false;
		}
	}
	return true;
}

bool plan_view(const struct change *change, const struct node *node, struct view *view,
	struct arena *arena)
{
	const struct type *type = node->resource->type;
	struct value_builder outputs;

	view->inputs = change->inputs;
	view->assumed = false;
	view->sensitive = value_has_secret(change->inputs);
	switch (change->action) {
	case ACTION_CREATE:
	case ACTION_ADOPT:
	case ACTION_REPLACE:
		view->outputs = NULL;
		view->record = NULL;
		view->offers = change->observed ? change->observed->offers : NULL;
		return true;
	case ACTION_UPDATE:
		view->offers = change->observed ? change->observed->offers : NULL;
		break;
	default:
		view->settled = true;
		return false;
	}
	if (!view_outputs(view))
		return true;
	builder_init(&outputs, arena);
	for (uint32_t i = 0; i < view->outputs->len; i++) {
		const struct member *member = &view->outputs->members[i];

		builder_put(&outputs, member->key,
			keeps(change, type_output(type, member->key)) ? member->value : value_unknown);
	}
	view->outputs = value_keep(arena, builder_map(&outputs));
	return true;
}
