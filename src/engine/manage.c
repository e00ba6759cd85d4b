/* See manage.h. */
#include "engine/manage.h"

#include "engine/plan/inputs.h"
#include "engine/observe.h"
#include "engine/others.h"
#include "model/json.h"

#include <string.h>

struct record *manage_record(struct reconcile *r, const char *address, struct error *err)
{
	struct nearest nearest = {.word = address};
	struct record *found = NULL;

	for (size_t i = 0; i < r->n_records; i++) {
		if (strcmp(r->records[i].address, address) == 0 &&
			(!found || r->records[i].generation > found->generation))
			found = &r->records[i];
		nearest_try(&nearest, r->records[i].address);
	}
	if (!found)
		error_set(err, ERROR_NOT_FOUND, nearest.best ? "%s is not recorded; did you mean %s?"
			: "%s is not recorded", address, nearest.best);
	return found;
}

/* One transaction: the record as it is now (or without it) and its audit entry. */
static int write_record(struct reconcile *r, const struct record *record, bool remove,
	const char *actor, const char *event, struct error *err)
{
	const char *environment = r->environment.id;
	int result;

	if (state_begin(r->state, err) < 0)
		return -1;
	result = remove ? state_record_delete(r->state, environment, record->address,
				  record->generation, err)
			: state_record_put(r->state, environment, record, err);
	if (result < 0 || state_audit(r->state, environment, actor, event, record->address, err) < 0) {
		state_rollback(r->state);
		return -1;
	}
	return state_commit(r->state, err);
}

int manage_taint(struct reconcile *r, const char *address, bool tainted, const char *actor,
	struct error *err)
{
	struct record *record = manage_record(r, address, err);

	if (!record)
		return -1;
	if (!tainted && record->status != RECORD_TAINTED)
		return error_set(err, ERROR_INVALID, "%s is not tainted", address);
	record->status = tainted ? RECORD_TAINTED : RECORD_OK;
	record->last_error = NULL;
	return write_record(r, record, false, actor, tainted ? "tainted" : "untainted", err);
}

int manage_forget(struct reconcile *r, const char *address, const char *actor, struct error *err)
{
	struct record *record = manage_record(r, address, err);

	return record ? write_record(r, record, true, actor, "forgotten", err) : -1;
}

static bool asks_for(const struct plan *plan, const char *hash)
{
	for (size_t i = 0; i < plan->n; i++) {
		if (strcmp(plan->changes[i].approval, hash) == 0)
			return true;
	}
	return false;
}

int manage_approve(struct reconcile *r, const char *hash, const char *actor, struct error *err)
{
	if (strlen(hash) != 16 || strspn(hash, "0123456789abcdef") != 16)
		return error_set(err, ERROR_INVALID, "'%s' is no approval hash: 16 hexadecimal digits, as "
			"the plan shows them", hash);
	if (!asks_for(&r->plan, hash))
		return error_set(err, ERROR_NOT_FOUND, "no change is held with the hash %s, nothing was "
			"approved; `devenv plan` shows what is held now", hash);
	if (state_begin(r->state, err) < 0)
		return -1;
	if (state_note_put(r->state, r->environment.id, "approval", hash, actor, err) < 0 ||
		state_audit(r->state, r->environment.id, actor, "approved", hash, err) < 0) {
		state_rollback(r->state);
		return -1;
	}
	return state_commit(r->state, err);
}

static const char *json_of(struct reconcile *r, const struct value *value, enum json_secrets secrets)
{
	struct strbuf text = STRBUF_INIT;
	const char *copy;

	if (!value)
		return NULL;
	json_write(&text, value, secrets, state_key(r->state));
	copy = arena_strdup(&r->arena, text.text);
	strbuf_release(&text);
	return copy;
}

/* What is observed counts as the inputs, so that the next plan shows every difference; what only
   describes reality (the hash of a content) is none that a manifest could have. */
static const struct value *seen_inputs(struct reconcile *r, const struct observation *seen)
{
	struct value *inputs = arena_alloc(&r->arena, sizeof(*inputs));
	struct value_builder builder;

	if (!seen->attributes || seen->attributes->kind != VALUE_MAP)
		return NULL;
	builder_init(&builder, &r->arena);
	for (uint32_t i = 0; i < seen->attributes->len; i++) {
		const struct member *member = &seen->attributes->members[i];

		if (type_attribute(seen->type, member->key))
			builder_put(&builder, member->key, member->value);
	}
	*inputs = builder_map(&builder);
	return inputs;
}

static int check_import(const struct reconcile *r, const char *address, const char *id,
	const struct observation *seen, bool take_over, struct error *err)
{
	if (seen->presence == PRESENCE_ABSENT)
		return error_set(err, ERROR_NOT_FOUND, "there is no %s", id);
	if (seen->presence != PRESENCE_PRESENT)
		return error_set(err, ERROR_UNREACHABLE, "%s cannot be seen: %s", id,
			seen->message ? seen->message : "no reason was given");
	if (seen->ownership == OWNER_OTHER && !take_over)
		return error_set(err, ERROR_CONFLICT, "%s belongs to %s; --take-over moves it to %s", id,
			seen->message ? seen->message : "another environment", address);
	for (size_t i = 0; i < r->n_records; i++) {
		if (r->records[i].id && seen->id && strcmp(r->records[i].id, seen->id) == 0)
			return error_set(err, ERROR_CONFLICT, "%s is recorded already, as %s", id,
				r->records[i].address);
	}
	return 0;
}

/* Other environments of this home must not take it for theirs any more; of another home nobody can
   tell. In the caller's transaction. */
static int take_from_others(struct reconcile *r, const struct others *others,
	const struct record *taken, const char *actor, struct error *err)
{
	const struct other *other = others_find(others, taken->type, taken->id, 0);

	for (; other; other = others_find(others, taken->type, taken->id,
		      (size_t)(other - others->items) + 1)) {
		if (state_record_delete(r->state, other->environment, other->record->address,
			    other->record->generation, err) < 0 ||
			state_audit(r->state, other->environment, actor, "taken over",
				other->record->address, err) < 0)
			return -1;
	}
	return 0;
}

static int write_import(struct reconcile *r, const struct record *record,
	const struct others *others, bool taken, const char *actor, struct error *err)
{
	if (state_begin(r->state, err) < 0)
		return -1;
	if ((taken && take_from_others(r, others, record, actor, err) < 0) ||
		(taken && state_note_put(r->state, r->environment.id, "taken", record->id,
				  record->address, err) < 0) ||
		state_record_put(r->state, r->environment.id, record, err) < 0 ||
		state_audit(r->state, r->environment.id, actor, "imported", record->address, err) < 0) {
		state_rollback(r->state);
		return -1;
	}
	return state_commit(r->state, err);
}

int manage_import(struct reconcile *r, const char *address, const char *id, bool take_over,
	const char *actor, struct error *err)
{
	uint32_t node = graph_find(&r->graph, address);
	struct provider_env env = reconcile_env(r, &r->arena);
	struct observation seen = {.address = address};
	const struct provider *provider;
	const struct resource *resource;
	struct strbuf meta = STRBUF_INIT;
	const struct other *other;
	struct others others;
	struct record record;

	if (node == MAP_NONE)
		return error_set(err, ERROR_NOT_FOUND, "there is no resource %s in the manifest; declare it "
			"first", address);
	if (manage_record(r, address, NULL))
		return error_set(err, ERROR_CONFLICT, "%s is recorded already; `devenv forget` it first",
			address);
	resource = r->graph.nodes[node].resource;
	provider = provider_of(resource->type);
	if (!provider->import)
		return error_set(err, ERROR_INVALID, "a %s cannot be imported", resource->type->name);
	seen.type = resource->type;
	seen.desired = resource->attributes;
	if (provider->import(&env, resource->type, id, &seen, err) < 0)
		return error_wrap(err, "import %s", address);
	if (others_read(r, &others, err) < 0)
		return -1;
	other = others_find(&others, resource->type->name, seen.id, 0);
	if (other) { /* whatever its mark says: it may have changed hands before */
		seen.ownership = OWNER_OTHER;
		seen.message = other_str(other, &r->arena);
	}
	if (check_import(r, address, id, &seen, take_over, err) < 0)
		return -1;
	meta_write(&r->graph, node, &meta);
	record = (struct record){
		.address = address,
		.generation = 1,
		.type = resource->type->name,
		.type_version = resource->type->version,
		.status = RECORD_OK,
		.id = seen.id,
		.endpoint = seen.endpoint,
		.inputs_json = json_of(r, seen_inputs(r, &seen), JSON_DIGEST),
		.outputs_json = json_of(r, seen.outputs, JSON_SEAL),
		.observed_json = json_of(r, seen.attributes, JSON_DIGEST),
		.meta_json = arena_strdup(&r->arena, meta.text),
		.created_at = clock_wall(r->clock),
		.updated_at = clock_wall(r->clock),
	};
	strbuf_release(&meta);
	return write_import(r, &record, &others, seen.ownership == OWNER_OTHER && seen.id, actor, err);
}
