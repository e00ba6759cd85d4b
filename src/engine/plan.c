/*
 * Planning in passes over the graph, dependencies first:
 *   1. plan_resolve   inputs as far as records tell (before observing)
 *   2. match          each address with its record, observation and open intent
 *   3. plan_desired   node by node: resolve again what a planned change touches, decide, pass on
 *   4. plan_removed   what is recorded and no longer desired, dependents first
 *   5. guard, count, seal
 */
#include "engine/plan_internal.h"

#include "model/json.h"

#include <stdlib.h>
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

static int resolve_node(const struct planner_input *in, struct resolver *resolver, uint32_t index,
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

static const struct value *keep_value(struct arena *arena, struct value value)
{
	struct value *kept = arena_alloc(arena, sizeof(*kept));

	*kept = value;
	return kept;
}

/* The newest generation; of those that are deposed only where there is no other. */
static void index_records(const struct planner_input *in, struct map *map)
{
	map_reserve(map, in->n_records);
	for (size_t i = 0; i < in->n_records; i++) {
		const struct record *record = &in->records[i];

		if (map_add(map, record->address, (uint32_t)i))
			continue;
		if (record->status != RECORD_DEPOSED ||
			in->records[map_get(map, record->address)].status == RECORD_DEPOSED)
			map_set(map, record->address, (uint32_t)i);
	}
}

/* Records by identity, so that a new address which takes an old one's identity finds its record. */
static void index_identities(const struct planner_input *in, struct map *map)
{
	for (size_t i = 0; i < in->n_records; i++) {
		const struct record *record = &in->records[i];

		if (record->identity && record->status != RECORD_DEPOSED &&
			graph_find(in->graph, record->address) == MAP_NONE)
			map_add(map, record->identity, (uint32_t)i);
	}
}

/* moved: what a new address finds under its old one. */
static const char *moved_from(const struct planner_input *in, const struct map *records,
	const char *address)
{
	for (size_t i = 0; i < in->manifest->n_moved; i++) {
		const struct moved *moved = &in->manifest->moved[i];

		if (strcmp(moved->to, address) == 0 && map_get(records, moved->from) != MAP_NONE &&
			graph_find(in->graph, moved->from) == MAP_NONE)
			return moved->from;
	}
	return NULL;
}

static struct record *find_record(const struct planner_input *in, const struct map *records,
	const struct map *identities, const struct resource *resource, const struct value *inputs)
{
	uint32_t i = map_get(records, resource->address);
	const char *name;

	if (i != MAP_NONE)
		return &in->records[i];
	name = in->manifest->n_moved ? moved_from(in, records, resource->address) : NULL;
	if (name)
		return &in->records[map_get(records, name)];
	name = identities->n ? inputs_identity(resource->type, inputs, in->arena) : NULL;
	i = name ? map_get(identities, name) : MAP_NONE;
	return i == MAP_NONE ? NULL : &in->records[i];
}

int plan_resolve(const struct planner_input *in, struct view **out)
{
	struct view *views = arena_zalloc(in->arena, (in->graph->n + 1) * sizeof(*views));
	struct resolver resolver = {in->graph, views, in->arena, in->diags};
	struct map records = MAP_INIT, identities = MAP_INIT;
	int result = 0;

	index_records(in, &records);
	index_identities(in, &identities);
	for (uint32_t i = 0; i < in->graph->n; i++) {
		uint32_t index = in->graph->order[i];
		const struct resource *resource = in->graph->nodes[index].resource;
		struct record *record;
		struct value inputs;

		if (resolve_node(in, &resolver, index, &inputs) < 0) {
			result = -1;
			inputs = value_empty_map;
		}
		record = find_record(in, &records, &identities, resource, &inputs);
		if (record && resource->lifecycle.ignore_changes)
			inputs = inputs_ignore(&inputs, record_inputs(record, NULL),
				resource->lifecycle.ignore_changes, in->arena);
		views[index].inputs = keep_value(in->arena, inputs);
		views[index].sensitive = value_has_secret(&inputs);
		views[index].record = record;
	}
	map_release(&records);
	map_release(&identities);
	*out = views;
	return result;
}

static void mark_addresses(const struct graph *graph, const char *const *addresses, uint8_t *marks,
	struct diags *diags)
{
	for (; addresses && *addresses; addresses++) {
		size_t len = strlen(*addresses);
		bool found = false;

		for (uint32_t i = 0; i < graph->n; i++) {
			const char *address = graph->nodes[i].resource->address;

			if (strncmp(address, *addresses, len) == 0 && (!address[len] || address[len] == '['))
				marks[i] = found = true;
		}
		if (!found) {
			struct nearest nearest = {.word = *addresses};

			for (uint32_t i = 0; i < graph->n; i++)
				nearest_try(&nearest, graph->nodes[i].resource->address);
			diag_error(diags, POS_NONE, "there is no resource %s", *addresses);
			if (nearest.best)
				diag_hint(diags, "did you mean %s?", nearest.best);
		}
	}
}

/* --target: they and what they need. --exclude: neither they nor what needs them. */
static void select_nodes(struct planner *p)
{
	const struct planner_input *in = p->in;
	const struct graph *graph = in->graph;
	uint8_t *excluded;

	if (!in->options->targets && !in->options->excludes)
		return;
	p->selected = arena_zalloc(in->arena, graph->n + 1);
	if (in->options->targets)
		mark_addresses(graph, in->options->targets, p->selected, in->diags);
	else
		memset(p->selected, 1, graph->n);
	graph_close_over_needs(graph, p->selected);
	if (!in->options->excludes)
		return;
	excluded = arena_zalloc(in->arena, graph->n + 1);
	mark_addresses(graph, in->options->excludes, excluded, in->diags);
	graph_close_over_feeds(graph, excluded);
	for (uint32_t i = 0; i < graph->n; i++)
		p->selected[i] = p->selected[i] && !excluded[i];
}

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

const struct observation *planner_observation(const struct planner *p, const char *address,
	int generation)
{
	uint32_t i = map_get(&p->observations, address);
	const struct observation *of_none = NULL;

	if (i == MAP_NONE)
		return NULL;
	for (; i < p->in->n_observations; i++) {
		const struct observation *o = &p->in->observations[i];

		if (strcmp(o->address, address) != 0)
			continue;
		if (!o->record && !of_none)
			of_none = o;
		if (o->record && (generation ? o->record->generation == generation
					      : o->record->status != RECORD_DEPOSED))
			return o;
	}
	return of_none;
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

static bool needs_fresh_inputs(const struct planner *p, const struct node *node)
{
	for (uint32_t i = 0; i < node->n_needs; i++) {
		if (p->changed_view[node->needs[i].node])
			return true;
	}
	return false;
}

static bool listed(const char *const *list, const char *address)
{
	for (; list && *list; list++) {
		if (strcmp(*list, address) == 0)
			return true;
	}
	return false;
}

bool plan_view(const struct change *change, const struct node *node, struct view *view,
	struct arena *arena)
{
	const struct type *type = node->resource->type;
	struct value_builder outputs;

	view->inputs = change->inputs;
	view->sensitive = value_has_secret(change->inputs);
	switch (change->action) {
	case ACTION_CREATE:
	case ACTION_ADOPT:
	case ACTION_REPLACE:
		view->outputs = NULL;
		view->record = NULL;
		return true;
	case ACTION_UPDATE:
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
		const struct output *output = type_output(type, member->key);
		bool keeps = output && output->stability == OUTPUT_STABLE;

		if (output && output->stability == OUTPUT_CHANGES) {
			keeps = true;
			for (const char *const *with = output->with; with && *with; with++) {
				for (size_t k = 0; k < change->n_attributes; k++) {
					size_t len = strlen(*with);
					const char *path = change->attributes[k].path;

					if (strncmp(path, *with, len) == 0 &&
						(!path[len] || strchr(".[ ", path[len])))
						keeps = false;
				}
			}
		}
		builder_put(&outputs, member->key, keeps ? member->value : value_unknown);
	}
	view->outputs = keep_value(arena, builder_map(&outputs));
	return true;
}

/* The open create that made what is seen; NULL: none did. */
static const struct intent *maker_of(const struct intent *intent, const struct observation *seen)
{
	bool ours = seen && seen->presence == PRESENCE_PRESENT && seen->ownership == OWNER_US &&
		    seen->mark_intent;

	for (; ours && intent; intent = intent->older) {
		if (intent->action == INTENT_CREATE && strcmp(intent->id, seen->mark_intent) == 0)
			return intent;
	}
	return NULL;
}

/*
 * createBeforeDestroy, and a run that died or failed in between: only the old generation is recorded.
 * It is in charge again unless its successor is found.
 */
static struct record *restored(struct planner *p, struct record *deposed, const struct intent *intent,
	const struct observation **seen)
{
	const struct planner_input *in = p->in;
	struct record *record;

	if (maker_of(intent, *seen))
		return NULL;
	for (size_t i = 0; i < in->n_observations; i++) {
		if (in->observations[i].record == deposed)
			*seen = &in->observations[i];
	}
	p->used[deposed - in->records] = 1;
	record = arena_alloc(in->arena, sizeof(*record));
	*record = *deposed;
	record->status = deposed->last_error ? RECORD_TAINTED : RECORD_OK;
	return record;
}

/* Of what is made now: its maker's, or the one after those that still stand. */
static int new_generation(const struct planner *p, const char *address, const struct intent *maker)
{
	int newest = 0;

	if (map_get(&p->records, address) == MAP_NONE)
		return maker ? maker->generation : 1;
	for (size_t i = 0; i < p->in->n_records; i++) {
		if (p->in->records[i].generation > newest &&
			strcmp(p->in->records[i].address, address) == 0)
			newest = p->in->records[i].generation;
	}
	return maker && maker->generation > newest ? maker->generation : newest + 1;
}

/* A create of the same address that made something else than what is wanted now: an orphan. */
bool planner_made_elsewhere(const struct planner *p, const struct intent *intent)
{
	for (size_t i = 0; i < p->in->n_observations; i++) {
		const struct observation *o = &p->in->observations[i];

		if (o->intent && strcmp(o->intent->id, intent->id) == 0 && !o->desired && !o->record)
			return graph_find(p->in->graph, intent->address) != MAP_NONE;
	}
	return false;
}

/* The generation that an intent is about, when that has a record. */
static const struct record *subject_of(const struct planner *p, const struct intent *intent)
{
	for (size_t i = 0; i < p->in->n_records; i++) {
		const struct record *record = &p->in->records[i];

		if (record->generation == intent->generation &&
			strcmp(record->address, intent->address) == 0)
			return record;
	}
	return NULL;
}

const struct intent *planner_intents(const struct planner *p, const char *address,
	const struct record *record, bool in_charge)
{
	uint32_t newest = map_get(&p->intents, address);
	struct intent *list = NULL, **end = &list;

	for (const struct intent *intent = newest == MAP_NONE ? NULL : &p->in->intents[newest]; intent;
		intent = intent->older) {
		const struct record *subject = subject_of(p, intent);

		if (subject ? subject != record : !in_charge || planner_made_elsewhere(p, intent))
			continue;
		*end = arena_alloc(p->in->arena, sizeof(**end));
		**end = *intent;
		(*end)->older = NULL;
		end = (struct intent **)&(*end)->older;
	}
	return list;
}

/* Which record, intent and observation a node is compared with. */
static void match(struct planner *p, const struct resource *resource, struct diff_input *diff,
	struct change *change)
{
	const struct planner_input *in = p->in;
	struct record *record =
		find_record(in, &p->records, &p->identities, resource, diff->inputs);

	change->intent = diff->intent = planner_intents(p, resource->address, record, true);
	diff->observed = planner_observation(p, resource->address, 0);
	if (record && strcmp(record->address, resource->address) != 0)
		change->previous = record->address;
	diff->restored = record && record->status == RECORD_DEPOSED;
	if (diff->restored)
		record = restored(p, record, diff->intent, &diff->observed);
	else if (record)
		p->used[record - in->records] = 1;
	change->record = diff->record = record;
	change->observed = diff->observed;
	change->generation = record ? record->generation
		: new_generation(p, resource->address, maker_of(diff->intent, diff->observed));
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
	diff.replace_requested = listed(in->options->replaces, resource->address);
	p->change_of[index] = (uint32_t)(change - p->plan->changes);
	match(p, resource, &diff, change);
	if (needs_fresh_inputs(p, node)) {
		struct value inputs;

		if (resolve_node(in, &resolver, index, &inputs) == 0) {
			if (diff.record && resource->lifecycle.ignore_changes)
				inputs = inputs_ignore(&inputs, record_inputs(diff.record, NULL),
					resource->lifecycle.ignore_changes, in->arena);
			p->changed_view[index] = !value_equal(&inputs, view->inputs);
			view->inputs = keep_value(in->arena, inputs);
		}
	}
	change->node = index;
	change->inputs = diff.inputs = view->inputs;
	if (p->selected && !p->selected[index]) {
		change->action = ACTION_NOOP;
		view->settled = diff.record != NULL;
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

	/* A refresh leaves the recorded outputs as they are. */
	if (!in->manifest->n_outputs || in->options->destroy || in->options->refresh_only)
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
			.after = keep_value(in->arena, value),
		};
	}
	p->plan->outputs = outputs;
}

static void index_all(struct planner *p)
{
	const struct planner_input *in = p->in;

	index_records(in, &p->records);
	index_identities(in, &p->identities);
	map_reserve(&p->observations, in->n_observations);
	for (size_t i = 0; i < in->n_observations; i++)
		map_add(&p->observations, in->observations[i].address, (uint32_t)i);
	for (size_t i = 0; i < in->n_intents; i++)
		map_set(&p->intents, in->intents[i].address, (uint32_t)i);
}

int plan_make(const struct planner_input *in, struct view *views, struct plan *plan)
{
	struct planner p = {.in = in, .views = views, .plan = plan};
	size_t errors = in->diags->errors, desired;

	*plan = (struct plan){.graph = in->graph, .project_root = in->digester->project_root, .serial = in->serial, .strays = in->strays,
		.n_strays = in->n_strays};
	p.cap = in->graph->n + in->n_records + in->n_intents + in->n_strays;
	plan->changes = arena_alloc(in->arena, (p.cap + 1) * sizeof(*plan->changes));
	p.used = arena_zalloc(in->arena, in->n_records + 1);
	p.changed_view = arena_zalloc(in->arena, in->graph->n + 1);
	p.change_of = arena_zalloc(in->arena, (in->graph->n + 1) * sizeof(*p.change_of));
	plan->change_of = in->options->destroy ? NULL : p.change_of;
	index_all(&p);
	if (!in->options->destroy) {
		plan_claims(in, views);
		select_nodes(&p);
		for (uint32_t i = 0; i < in->graph->n; i++)
			plan_node(&p, in->graph->order[i]);
	}
	desired = plan->n;
	plan_removed(&p);
	plan_orphans(&p);
	plan_order_removals(&p, desired);
	if (in->options->remove_strays)
		plan_strays(&p);
	if (in->options->refresh_only)
		plan_refresh_only(&p);
	if (in->options->power)
		plan_power(&p);
	plan_outputs(&p);
	plan_blocked(in, plan);
	map_release(&p.records);
	map_release(&p.identities);
	map_release(&p.observations);
	map_release(&p.intents);
	plan_guard(in, plan);
	plan_count(plan);
	plan_seal(in, plan);
	return in->diags->errors > errors ? -1 : 0;
}
