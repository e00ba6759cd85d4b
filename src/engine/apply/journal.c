/*
 * What a run writes down. Intents before, results after, in one transaction per tick of the scheduler;
 * nothing is written "at the end", and a result and the closing of its intent are never apart.
 */
#include "engine/apply/schedule.h"

#include "model/json.h"

#include <string.h>
#include <unistd.h>

static void check(struct scheduler *s, int result, struct error *err)
{
	if (result < 0 && s->error.code == ERROR_NONE)
		s->error = *err;
}

void journal_begin(struct scheduler *s)
{
	struct error err = ERROR_INIT;

	if (s->in_transaction || s->error.code)
		return;
	check(s, state_begin(s->r->state, &err), &err);
	s->in_transaction = s->error.code == ERROR_NONE;
}

void journal_commit(struct scheduler *s)
{
	struct error err = ERROR_INIT;

	if (!s->in_transaction)
		return;
	if (s->error.code)
		state_rollback(s->r->state);
	else
		check(s, state_commit(s->r->state, &err), &err);
	s->in_transaction = false;
}

static const char *json_of(struct scheduler *s, const struct value *value, enum json_secrets secrets)
{
	if (!value)
		return NULL;
	strbuf_reset(&s->scratch);
	json_write(&s->scratch, value, secrets, state_key(s->r->state));
	return arena_strndup(&s->r->arena, s->scratch.text, s->scratch.len);
}

static const char *meta_of(struct scheduler *s, uint32_t node)
{
	strbuf_reset(&s->scratch);
	meta_write(s->plan->graph, node, &s->scratch);
	return arena_strndup(&s->r->arena, s->scratch.text, s->scratch.len);
}

static enum json_secrets inputs_secrets(const struct type *type)
{
	return type->flags & TYPE_REMEMBER ? JSON_SEAL : JSON_DIGEST;
}

/*
 * A run that died may have asked for it, and what was asked may come to it only now, after we looked: a
 * create that is done again is the same one, so that its provider knows the thing by its mark.
 */
static const struct intent *begun_before(const struct change *change, enum intent_action action)
{
	const struct intent *left = change->intent;

	return action == INTENT_CREATE && !change->record && left && left->action == INTENT_CREATE &&
			       change->observed && change->observed->presence == PRESENCE_ABSENT
		       ? left : NULL;
}

static void name_intent(struct scheduler *s, struct running *running, const struct intent *before)
{
	struct error err = ERROR_INIT;

	if (!before) {
		random_hex(running->intent, 16);
		return;
	}
	snprintf(running->intent, sizeof(running->intent), "%s", before->id);
	journal_begin(s);
	if (!s->error.code)
		check(s, state_intent_close(s->r->state, s->r->environment.id, before->id, &err), &err);
}

void journal_intent(struct scheduler *s, uint32_t step, enum intent_action action)
{
	struct change *change = change_of(s, step);
	struct running *running = &s->running[step];
	const struct resource *resource = resource_of_change(s, change);
	struct error err = ERROR_INIT;
	struct intent intent = {
		.id = running->intent,
		.run = s->run.id,
		.address = change->address,
		.generation = action == INTENT_DELETE && change->record ? change->record->generation
									: change->generation,
		.action = action,
		.type = resource ? resource->type->name
				 : change->record ? change->record->type : change->intent->type,
		.started_at = clock_wall(s->r->clock),
	};

	name_intent(s, running, begun_before(change, action));
	if (resource) {
		intent.type_version = resource->type->version;
		intent.identity = inputs_identity(resource->type, change->inputs, &s->r->arena);
		intent.inputs_json = json_of(s, change->inputs, inputs_secrets(resource->type));
		intent.meta_json = meta_of(s, change->node);
	} else if (change->record) {
		intent.type_version = change->record->type_version;
		intent.identity = change->record->identity;
		intent.inputs_json = change->record->inputs_json;
		intent.meta_json = change->record->meta_json;
	}
	journal_begin(s);
	if (!s->error.code)
		check(s, state_intent_open(s->r->state, s->r->environment.id, &intent, &err), &err);
	if (s->error.code)
		return;
	running->intent_fd = intent_file_open(s->r->home,
		reconcile_intent_file(s->r, intent.id), &err);
	check(s, running->intent_fd, &err);
}

void journal_leave_intent(struct scheduler *s, uint32_t step)
{
	struct running *running = &s->running[step];

	if (running->intent_fd >= 0)
		close(running->intent_fd);
	running->intent_fd = -1;
}

void journal_close_intent(struct scheduler *s, uint32_t step)
{
	struct running *running = &s->running[step];
	const struct change *change = change_of(s, step);
	struct error err = ERROR_INIT;

	journal_begin(s);
	if (running->intent[0] && !s->error.code) {
		check(s, state_intent_close(s->r->state, s->r->environment.id, running->intent, &err),
			&err);
		if (running->intent_fd >= 0)
			close(running->intent_fd);
		running->intent_fd = -1;
		intent_file_remove(s->r->home, reconcile_intent_file(s->r, running->intent));
		running->intent[0] = '\0';
	}
	/* Those that earlier runs left open are settled with it. */
	for (const struct intent *left = change->intent; left && !s->error.code; left = left->older) {
		check(s, state_intent_close(s->r->state, s->r->environment.id, left->id, &err), &err);
		intent_file_remove(s->r->home, reconcile_intent_file(s->r, left->id));
	}
}

/* Outputs of a resource with a sensitive input are sensitive unless the schema says otherwise. */
static struct value mark_outputs(struct scheduler *s, const struct type *type,
	const struct value *outputs, bool sensitive)
{
	struct member *members;

	if (outputs->kind != VALUE_MAP || !outputs->len)
		return value_empty_map;
	members = arena_alloc(&s->r->arena, outputs->len * sizeof(*members));
	for (uint32_t i = 0; i < outputs->len; i++) {
		const struct output *output = type_output(type, outputs->members[i].key);
		bool derived = output && output->stability == OUTPUT_DERIVED;

		members[i] = outputs->members[i];
		members[i].key = arena_strdup(&s->r->arena, members[i].key);
		members[i].value = value_copy(&s->r->arena, &outputs->members[i].value);
		if ((output && output->sensitive) ||
			(sensitive && !derived && !(output && output->public) &&
				!(type->flags & TYPE_MARKS_OUTPUTS)))
			members[i].value.flags |= VALUE_SENSITIVE;
	}
	return value_map(members, outputs->len);
}

/* An output that the plan took for known came back otherwise. */
static bool differs_from_plan(const struct view *view, const struct value *outputs)
{
	const struct value *planned = view->outputs;

	for (uint32_t i = 0; planned && i < planned->len; i++) {
		const struct value *got = value_get(outputs, planned->members[i].key);

		if (value_is_known(&planned->members[i].value) &&
			(!got || !value_equal(got, &planned->members[i].value)))
			return true;
	}
	return false;
}

/* Those who use it decide again, with what is. */
static void defer_users(struct scheduler *s, uint32_t node)
{
	const struct node *changed = &s->plan->graph->nodes[node];

	for (size_t i = 0; i < s->plan->n; i++) {
		struct change *user = &s->plan->changes[i];

		for (uint32_t k = 0; user->node != NODE_NONE && k < changed->n_feeds; k++) {
			if (changed->feeds[k].node == user->node && changed->feeds[k].kind >= EDGE_USES)
				user->deferred = true;
		}
	}
}

static void fill_from_outcome(struct scheduler *s, struct change *change, struct record *record,
	const struct type *type, const struct outcome *outcome)
{
	struct arena *arena = &s->r->arena;
	struct view *view = &s->resolver.views[change->node];

	if (outcome->id)
		record->id = arena_strdup(arena, outcome->id);
	if (outcome->endpoint)
		record->endpoint = arena_strdup(arena, outcome->endpoint);
	if (outcome->outputs) {
		struct value *outputs = arena_alloc(arena, sizeof(*outputs));

		*outputs = mark_outputs(s, type, outcome->outputs, value_has_secret(change->inputs));
		redactor_learn(&s->r->redactor, outputs);
		/* Starting is all that `devenv start` was asked for: a new pid decides nothing. */
		if (!s->r->options.power && differs_from_plan(view, outputs))
			defer_users(s, change->node);
		record->outputs_json = json_of(s, outputs, JSON_SEAL);
		record->outputs = outputs;
		view->outputs = outputs;
		view->record = NULL;
	}
	if (outcome->observed)
		record->observed_json = json_of(s, outcome->observed, JSON_DIGEST);
}

/* What the manifest says of it now. */
static void describe(struct scheduler *s, struct record *record, const struct change *change,
	const struct resource *resource, const char *error)
{
	record->generation = change->generation;
	record->type = resource->type->name;
	record->type_version = resource->type->version;
	record->identity = inputs_identity(resource->type, change->inputs, &s->r->arena);
	record->fingerprint = error ? (struct hash){0} : change->fingerprint;
	record->inputs_json = json_of(s, change->inputs, inputs_secrets(resource->type));
	record->meta_json = meta_of(s, change->node);
}

struct record *journal_record(struct scheduler *s, uint32_t step, const struct outcome *outcome,
	enum record_status status, const char *error)
{
	struct change *change = change_of(s, step);
	struct running *running = &s->running[step];
	const struct resource *resource = resource_of_change(s, change);
	struct record *record = arena_zalloc(&s->r->arena, sizeof(*record));
	struct error err = ERROR_INIT;
	int64_t now = clock_wall(s->r->clock);
	bool made = running->action == ACTION_CREATE || running->action == ACTION_REPLACE ||
		    running->action == ACTION_ADOPT;

	if (change->record && !made) {
		*record = *change->record;
	} else {
		record->created_at = now;
		record->duration = clock_monotonic(s->r->clock) - running->started_at;
	}
	record->arena = &s->r->arena;
	record->key = state_key(s->r->state);
	record->address = change->address;
	record->status = status;
	record->updated_at = now;
	record->last_error = error;
	if (running->action != ACTION_START) /* starting applies nothing of the manifest */
		describe(s, record, change, resource, error);
	record->inputs = record->outputs = record->observed = record->meta = NULL;
	if (outcome)
		fill_from_outcome(s, change, record, resource->type, outcome);
	running->record = record;
	journal_begin(s);
	if (s->error.code)
		return record;
	if (change->previous)
		check(s, state_record_rename(s->r->state, s->r->environment.id, change->previous,
			change->address, &err), &err);
	check(s, state_record_put(s->r->state, s->r->environment.id, record, &err), &err);
	return record;
}

void journal_status(struct scheduler *s, uint32_t step, struct record *record,
	enum record_status status, const char *error)
{
	struct error err = ERROR_INIT;

	(void)step;
	record->status = status;
	record->last_error = error;
	record->updated_at = clock_wall(s->r->clock);
	journal_begin(s);
	if (!s->error.code)
		check(s, state_record_put(s->r->state, s->r->environment.id, record, &err), &err);
}

void journal_remove(struct scheduler *s, uint32_t step)
{
	const struct change *change = change_of(s, step);
	struct error err = ERROR_INIT;

	journal_begin(s);
	if (change->record && !s->error.code)
		check(s, state_record_delete(s->r->state, s->r->environment.id, change->record->address,
			change->record->generation, &err), &err);
	if (change->approval[0] && !s->error.code) /* an approval is for once */
		check(s, state_note_put(s->r->state, s->r->environment.id, "approval", change->approval,
			NULL, &err), &err);
}

/* The first reason, with whose change it was where that is known. */
static const char *reason_of(struct scheduler *s, const struct change *change)
{
	const struct reason *first = change->reasons;
	const char *text;

	if (!change->n_reasons)
		return "";
	text = first->by ? arena_printf(&s->r->arena, "%s (%s)", first->text, first->by) : first->text;
	return redact(&s->r->redactor, text, &s->r->arena);
}

void journal_change(struct scheduler *s, uint32_t step, const char *status, const char *error)
{
	const struct change *change = change_of(s, step);
	const struct running *running = &s->running[step];
	struct error err = ERROR_INIT;
	int64_t duration = running->started_at
		? clock_monotonic(s->r->clock) - running->started_at : 0;
	struct run_change entry = {
		.run = s->run.id,
		.address = change->address,
		.generation = change->generation,
		.action = action_str(running->action),
		.reason = reason_of(s, change),
		.status = status,
		.error = error,
		.started_at = clock_wall(s->r->clock) - duration,
		.duration = duration,
	};

	if (s->steps.items[step].kind == STEP_DESTROY && running->action == ACTION_REPLACE)
		entry.action = "destroy";
	journal_begin(s);
	if (!s->error.code)
		check(s, state_run_change(s->r->state, &entry, &err), &err);
}

void journal_outputs(struct scheduler *s)
{
	struct value_builder outputs;
	struct error err = ERROR_INIT;
	const struct manifest *manifest = &s->r->manifest;

	builder_init(&outputs, &s->r->arena);
	for (size_t i = 0; i < manifest->n_outputs; i++) {
		struct value value;

		if (resolve_value(&s->resolver, manifest->outputs[i].value, &value) < 0)
			continue;
		if (manifest->outputs[i].sensitive)
			value.flags |= VALUE_SENSITIVE;
		if (value_is_known(&value))
			builder_put(&outputs, manifest->outputs[i].name, value);
	}
	if (!outputs.n && !s->planner->outputs)
		return;
	{
		struct value map = builder_map(&outputs);

		journal_begin(s);
		if (!s->error.code)
			check(s, state_note_put(s->r->state, s->r->environment.id, "outputs", "",
				outputs.n ? json_of(s, &map, JSON_SEAL) : NULL, &err), &err);
	}
}
