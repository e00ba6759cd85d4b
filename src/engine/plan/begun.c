/*
 * lifecycle.begunWith: what was read once, when the data was begun. Another value is no mistake, somebody may
 * have told the data too; but it reaches the data by nobody here, so the plan says it. Both the data and what
 * held the value have to be decided before, and neither needs the other.
 */
#include "engine/plan/internal.h"

#include "engine/plan/inputs.h"
#include "model/json.h"

#include <string.h>

/* "type.name.path" -> the node of type.name, and the path in it. */
static uint32_t find_holder(const struct planner *p, const char *text, const char **path)
{
	const char *dot = strchr(text, '.');

	dot = dot ? strchr(dot + 1, '.') : NULL;
	*path = dot ? dot + 1 : "";
	return dot ? graph_find(p->in->graph, arena_strndup(p->in->arena, text, (size_t)(dot - text)))
		   : MAP_NONE;
}

static bool is_another(const struct planner *p, const struct change *change, const char *path)
{
	const struct value *before, *after;

	if (!change->record || change->unreadable || change->action == ACTION_NOOP)
		return false;
	before = value_path(record_inputs(change->record, NULL), path);
	after = value_path(change->inputs, path);
	return before && after && value_is_known(after) && !value_matches(after, before, p->in->key);
}

static void look(const struct planner *p, const struct resource *data, const char *text)
{
	const char *path;
	uint32_t holder = find_holder(p, text, &path);

	if (holder == MAP_NONE || !is_another(p, &p->plan->changes[p->change_of[holder]], path))
		return;
	diag_warning(p->in->diags, data->pos, "%s changes, but the data in %s was begun with another one and keeps it",
		text, data->address);
	diag_address(p->in->diags, data->address);
	diag_hint(p->in->diags, "change it in the data, too, or begin anew with `devenv apply --replace %s "
		"--allow-data-loss %s`", data->address, data->address);
}

void plan_begun(const struct planner *p)
{
	const struct graph *graph = p->in->graph;

	for (uint32_t i = 0; i < graph->n; i++) {
		const struct resource *data = graph->nodes[i].resource;
		const char *const *text = data->lifecycle.begun_with;
		const struct change *change = &p->plan->changes[p->change_of[i]];

		if (!text || change->action == ACTION_CREATE || change->action == ACTION_REPLACE)
			continue;
		for (; *text; text++)
			look(p, data, *text);
	}
}
