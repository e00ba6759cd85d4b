/*
 * See suppose.h. A supposed record has the resolved inputs of its resource and names for its outputs;
 * the planner compares it like any other.
 */
#include "engine/suppose.h"

#include "engine/plan/inputs.h"
#include "engine/plan/planner.h"

#include <string.h>

/* Outputs are there; what they hold is said by whoever refers to them. */
static const struct value *suppose_outputs(const struct type *type, struct arena *arena)
{
	struct value *outputs = arena_alloc(arena, sizeof(*outputs));
	struct value_builder map;

	builder_init(&map, arena);
	for (size_t i = 0; i < type->n_outputs; i++)
		builder_put_str(&map, type->outputs[i].name, "");
	*outputs = builder_map(&map);
	return outputs;
}

static const char *meta_of(const struct graph *graph, uint32_t node, struct arena *arena)
{
	struct strbuf text = STRBUF_INIT;
	const char *meta;

	meta_write(graph, node, &text);
	meta = arena_strdup(arena, text.text);
	strbuf_release(&text);
	return meta;
}

static void suppose_records(struct reconcile *r)
{
	struct graph *graph = &r->graph;

	r->records = arena_zalloc(&r->arena, (graph->n + 1) * sizeof(*r->records));
	r->n_records = graph->n;
	for (uint32_t i = 0; i < graph->n; i++) {
		const struct resource *resource = graph->nodes[i].resource;

		r->records[i] = (struct record){
			.address = resource->address,
			.generation = 1,
			.type = resource->type->name,
			.type_version = resource->type->version,
			.status = RECORD_OK,
			.outputs = suppose_outputs(resource->type, &r->arena),
			.meta_json = meta_of(graph, i, &r->arena),
			.supposed = true,
			.arena = &r->arena,
		};
	}
}

/* What the resolver made of each, seen as the success of an apply. */
static void suppose_success(struct reconcile *r)
{
	for (uint32_t i = 0; i < r->graph.n; i++) {
		struct record *record = &r->records[i];
		const struct value *inputs = r->views[i].inputs;

		record->inputs = inputs;
		record->identity = inputs_identity(r->graph.nodes[i].resource->type, inputs, &r->arena);
		if (value_is_known(inputs))
			inputs_fingerprint(inputs, NULL, &record->fingerprint);
		else
			hash_bytes(record->address, strlen(record->address), &record->fingerprint);
	}
}

static const struct value *suppose_output_values(struct reconcile *r)
{
	struct resolver resolver = {&r->graph, r->views, &r->arena, &r->diags};
	struct value *outputs = arena_alloc(&r->arena, sizeof(*outputs));
	struct value_builder map;

	builder_init(&map, &r->arena);
	for (size_t i = 0; i < r->manifest.n_outputs; i++) {
		const struct output_spec *spec = &r->manifest.outputs[i];
		struct value value;

		if (resolve_value(&resolver, spec->value, &value) < 0)
			continue;
		if (spec->sensitive)
			value.flags |= VALUE_SENSITIVE;
		builder_put(&map, spec->name, value);
	}
	*outputs = builder_map(&map);
	return outputs;
}

int reconcile_suppose(struct reconcile *r, struct reconcile *from, struct error *err)
{
	r->options.no_refresh = true;
	if (!from)
		return 0;
	from->options.no_refresh = true;
	suppose_records(from);
	if (reconcile_observe(from, err) < 0)
		return -1;
	suppose_success(from);
	r->records = from->records;
	r->n_records = from->n_records;
	r->supposed_outputs = suppose_output_values(from);
	for (uint32_t i = 0; i < from->graph.n; i++)
		redactor_learn(&r->redactor, from->views[i].inputs);
	redactor_learn(&r->redactor, r->supposed_outputs);
	return 0;
}

/* --- what two plans have in common ---------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* What is not known yet is not known in both. */
static bool same_value(const struct value *a, const struct value *b)
{
	if (!a || !b || a->kind != b->kind)
		return a == b;
	if (a->kind == VALUE_UNKNOWN)
		return true;
	if (value_is_scalar(a))
		return value_equal(a, b);
	if (a->len != b->len)
		return false;
	for (uint32_t i = 0; i < a->len; i++) {
		if (a->kind == VALUE_LIST ? !same_value(&a->items[i], &b->items[i])
			: !same_value(&a->members[i].value, value_get(b, a->members[i].key)))
			return false;
	}
	return true;
}

/* Places in files may differ: lines move. */
static bool same_attribute(const struct attribute_change *a, const struct attribute_change *b)
{
	return strcmp(a->path, b->path) == 0 && a->drift == b->drift &&
		a->forces_replace == b->forces_replace && same_value(a->before, b->before) &&
		same_value(a->after, b->after);
}

static bool same_change(const struct change *a, const struct change *b)
{
	if (a->action != b->action || a->generation != b->generation || a->hold != b->hold ||
		!same_text(a->previous, b->previous) || a->n_attributes != b->n_attributes ||
		a->n_reasons != b->n_reasons)
		return false;
	for (size_t i = 0; i < a->n_attributes; i++) {
		if (!same_attribute(&a->attributes[i], &b->attributes[i]))
			return false;
	}
	for (size_t i = 0; i < a->n_reasons; i++) {
		if (a->reasons[i].kind != b->reasons[i].kind ||
			!same_text(a->reasons[i].text, b->reasons[i].text))
			return false;
	}
	return true;
}

static void leave_out(struct change *change)
{
	change->action = ACTION_NOOP;
	change->hold = HOLD_NONE;
	change->previous = NULL;
	change->intent = NULL;
	change->deferred = change->uncertain = false;
	change->n_attributes = change->n_reasons = 0;
}

static const struct output_change *output_of(const struct plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->n_outputs; i++) {
		if (strcmp(plan->outputs[i].name, name) == 0)
			return &plan->outputs[i];
	}
	return NULL;
}

static void subtract_outputs(struct plan *plan, const struct plan *before)
{
	size_t kept = 0;

	for (size_t i = 0; i < plan->n_outputs; i++) {
		struct output_change *output = (struct output_change *)&plan->outputs[i];
		const struct output_change *old = output_of(before, output->name);

		if (!old || !same_value(old->after, output->after))
			((struct output_change *)plan->outputs)[kept++] = *output;
	}
	plan->n_outputs = kept;
	plan->n_strays = 0;
}

void plan_subtract(struct plan *plan, const struct plan *before)
{
	struct map known = MAP_INIT;

	for (size_t i = 0; i < before->n; i++)
		map_add(&known, before->changes[i].address, (uint32_t)i);
	for (size_t i = 0; i < plan->n; i++) {
		uint32_t at = map_get(&known, plan->changes[i].address);

		if (at != MAP_NONE && same_change(&plan->changes[i], &before->changes[at]))
			leave_out(&plan->changes[i]);
	}
	map_release(&known);
	subtract_outputs(plan, before);
	plan_count(plan);
}
