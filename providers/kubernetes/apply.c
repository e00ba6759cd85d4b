/*
 * Makes a cluster as the manifest says: objects in their order, each by one server-side apply, which is
 * the same when it is repeated after a crash; then what is in the inventory and no longer wanted goes.
 *
 * A create that fails half-way says that nothing exists: its intent stays open, and the next run finds
 * what it made by the marks and goes on from there, instead of destroying it first.
 */
#include "providers/kubernetes/kubernetes.h"
#include "providers/kubernetes/power.h"

#include "base/map.h"

#include <string.h>

enum { ESTABLISHED_PERIOD = 100, RETRY_FIRST = 250, RETRY_LONGEST = 3000 };

struct run {
	struct kube *kube;
	const struct request *request;
	struct kube_objects desired, inventory;
	const char *namespace;
	bool force, adopt;
	struct error *err;
};

/* --- one object --------------------------------------------------------------------------------- */

/* What others of this run or of another node will mend: an operator that starts, an aggregated API. */
static bool may_pass(const struct error *err)
{
	return strstr(err->msg, "failed calling webhook") || strstr(err->msg, "no endpoints available") ||
	       strstr(err->msg, "cannot be read now");
}

/* Made by a create of ours that never came to an end: nobody uses it yet. */
static bool is_own_debris(struct run *run, const struct value *live)
{
	const char *message = NULL;

	return run->request->act == ACT_CREATE &&
	       kube_owner(run->kube, live, run->request->address, &message) == OWNER_US;
}

/* The plan said that it would be, and it is the one that the plan saw. */
static bool is_to_be_remade(const struct run *run, const struct kube_object *object,
	const struct value *live)
{
	const struct kube_object *known = kube_objects_find(&run->inventory, object->ref);

	return known && known->uid && run->request->observed &&
	       kube_remakes(run->request->observed->remakes, object->ref) &&
	       !strcmp(known->uid, value_text(value_path(live, "metadata.uid"), ""));
}

/* It cannot be changed in place. Nothing is made anew of which the plan did not say so, but what an
   unfinished create left. */
static int make_anew(struct run *run, struct kube_object *object, const struct error *refused)
{
	struct kube_objects one = {.items = object, .n = 1};
	struct kube_reply live;

	if (kube_get(run->kube, kube_object_path(run->kube, object, object->name), &live, run->err))
		return -1;
	if (!is_own_debris(run, live.body) && !is_to_be_remade(run, object, live.body)) {
		*run->err = *refused;
		return -1;
	}
	object->uid = value_text(value_path(live.body, "metadata.uid"), NULL);
	return kube_remove(run->kube, &one, run->request->address, run->err);
}

static int place(struct run *run, struct kube_object *object)
{
	if (kube_object_place(run->kube, object, run->namespace, run->err))
		return -1;
	if (object->plural)
		return 0;
	kube_discover_again(run->kube);
	return error_set(run->err, ERROR_TRANSIENT,
		"%s: the cluster knows no kind %s in %s: its definition cannot be read now", object->where,
		object->kind, object->api_version);
}

/* What stands there and is in no inventory of ours is not taken without a word: not even when it came
   since the plan. */
static int check_foreign(struct run *run, const struct kube_object *object)
{
	struct kube *kube = run->kube;
	struct error own = ERROR_INIT;
	const char *message = NULL;
	struct kube_reply reply;
	struct kube_mark mark;

	if (kube_get(kube, kube_object_path(kube, object, object->name), &reply, &own)) {
		if (own.code == ERROR_NOT_FOUND)
			return 0;
		*run->err = own;
		return -1;
	}
	mark = kube_mark(reply.body);
	if (kube_is_ours(kube, &mark))
		return 0; /* of a try before this one, or passed on by another resource */
	kube_owner(kube, reply.body, NULL, &message);
	return error_set(run->err, ERROR_CONFLICT, "%s exists already and %s%s", object->ref,
		message ? "belongs to " : "is not ours: import it, or set `adopt: true`",
		message ? message : "");
}

static int try_apply(struct run *run, struct kube_object *object)
{
	struct kube *kube = run->kube;
	struct error refused = ERROR_INIT;
	const struct kube_object *known;
	struct kube_reply reply;
	bool rests = run->request->record && run->request->record->status == RECORD_STOPPED;
	struct value body, less, awake;
	unsigned flags = 0;

	if (place(run, object))
		return -1;
	body = kube_marked(kube, object, run->request->address, run->request->generation);
	known = kube_objects_find(&run->inventory, object->ref);
	if (!known && !run->adopt && check_foreign(run, object))
		return -1;
	/* What is taken over is taken over whole. */
	if (run->force || kube_must_force(known, object) || (!known && run->adopt))
		flags |= KUBE_FORCE;
	if (known && value_path(&body, "spec.replicas") && kube_is_autoscaled(kube, object)) {
		less = kube_without(kube->arena, &body, "/spec/replicas");
		body = less;
	}
	awake = body;
	if (rests)
		body = kube_at_rest(kube, object, &awake);
	if (kube_patch(kube, object, &body, flags, &reply, &refused)) {
		*run->err = refused;
		if (!kube_is_immutable(&reply) || make_anew(run, object, &refused) ||
			kube_patch(kube, object, &body, flags, &reply, run->err))
			return -1;
	}
	object->uid = value_text(value_path(reply.body, "metadata.uid"), "");
	object->version = value_text(value_path(reply.body, "metadata.resourceVersion"), NULL);
	object->state = kube_state(kube->arena, reply.body);
	return rests ? kube_note_rest(kube, object, &awake, reply.body, run->err) : 0;
}

static int apply_object(struct run *run, struct kube_object *object)
{
	struct error pause = ERROR_INIT;
	int64_t wait = RETRY_FIRST;

	while (try_apply(run, object)) {
		if (run->err->code != ERROR_TRANSIENT || !may_pass(run->err))
			return -1;
		provider_progress(run->kube->env, "waiting: %s", run->err->msg);
		if (kube_pause(run->kube, wait, &pause)) {
			if (pause.code == ERROR_CANCELLED)
				*run->err = pause;
			return -1;
		}
		wait = wait * 2 < RETRY_LONGEST ? wait * 2 : RETRY_LONGEST;
	}
	provider_progress(run->kube->env, "applied %s", object->ref);
	return 0;
}

/* --- definitions -------------------------------------------------------------------------------- */

/* 1: established; 0: not yet. */
static int is_established(struct run *run, const struct kube_object *object)
{
	const char *why = NULL;
	struct kube_reply reply;

	if (kube_get(run->kube, kube_object_path(run->kube, object, object->name), &reply, run->err))
		return -1;
	switch (kube_object_ready(run->kube->arena, reply.body, &why)) {
	case READY_YES:
		return 1;
	case READY_FAILED:
		return error_set(run->err, ERROR_FAILED, "%s: %s", object->ref, why);
	case READY_WAIT:
	case READY_UNSEEN:
		break;
	}
	return 0;
}

static bool is_definition(const struct kube_object *object)
{
	return kube_rank(object->api_version, object->kind) == KUBE_RANK_DEFINITION;
}

static int rank_group(const struct kube_object *object)
{
	return kube_rank_group(kube_rank(object->api_version, object->kind));
}

/* Custom resources can be made as soon as their definition is established, not before. */
static int wait_established(struct run *run, size_t until)
{
	bool any = false;
	int rc;

	for (size_t i = 0; i < until; i++) {
		const struct kube_object *object = &run->desired.items[i];

		if (!is_definition(object))
			continue;
		any = true;
		while ((rc = is_established(run, object)) == 0)
			if (kube_pause(run->kube, ESTABLISHED_PERIOD, run->err))
				return error_wrap(run->err, "%s is not established", object->ref);
		if (rc < 0)
			return -1;
	}
	if (any)
		kube_discover_again(run->kube);
	return 0;
}

/* --- all of them -------------------------------------------------------------------------------- */

/* As it was applied before, and as the plan saw it unchanged. */
static bool is_untouched(const struct run *run, struct kube_object *object)
{
	const struct request *request = run->request;
	const struct kube_object *known =
		object->ref ? kube_objects_find(&run->inventory, object->ref) : NULL;
	const char *then, *now;

	if (request->act != ACT_UPDATE || !request->record || !request->observed || !known ||
		strcmp(kube_marked_as(request->record), request->address) != 0 || !known->digest ||
		strcmp(known->digest, object->digest) != 0)
		return false;
	then = value_get_text(record_observed(request->record, NULL), object->ref, NULL);
	now = value_get_text(request->observed->attributes, object->ref, NULL);
	if (!then || !now || strcmp(then, now) != 0)
		return false;
	object->uid = known->uid;
	object->version = known->version;
	object->state = now;
	return true;
}

/* Where each goes, as far as the kinds are known already, and that no two are the same. */
static int place_all(struct run *run)
{
	struct map known = MAP_INIT;
	int rc = 0;

	for (size_t i = 0; i < run->desired.n && !rc; i++) {
		struct kube_object *object = &run->desired.items[i];
		struct error later = ERROR_INIT; /* it is asked again, with patience */

		if (kube_object_place(run->kube, object, run->namespace, &later)) {
			if (later.code != ERROR_TRANSIENT) {
				*run->err = later;
				rc = -1;
			}
		} else if (!map_add(&known, object->ref, (uint32_t)i)) {
			rc = error_set(run->err, ERROR_INVALID, "%s stands twice: at %s and at %s", object->ref,
				run->desired.items[map_get(&known, object->ref)].where, object->where);
		}
	}
	map_release(&known);
	return rc;
}

/* Objects that do not wait for each other. */
struct batch {
	const struct run *run;
	struct kube_object **items;
	size_t n;
};

static int apply_nth(struct kube *kube, size_t i, void *arg, struct error *err)
{
	const struct batch *batch = arg;
	struct run own = *batch->run;

	own.kube = kube;
	own.err = err;
	return apply_object(&own, batch->items[i]);
}

static void keep_nth(struct arena *arena, size_t i, void *arg)
{
	kube_object_keep(arena, ((const struct batch *)arg)->items[i]);
}

static int apply_all(struct run *run)
{
	struct batch batch = {run, arena_alloc(run->kube->arena,
		(run->desired.n + 1) * sizeof(*batch.items)), 0};

	for (size_t i = 0; i < run->desired.n;) {
		struct kube_object *object = &run->desired.items[i];
		int group = rank_group(object);

		if (i && group != rank_group(object - 1) && is_definition(object - 1) && wait_established(run, i))
			return -1;
		for (batch.n = 0; i < run->desired.n && rank_group(object) == group;
			object = &run->desired.items[++i])
			if (!is_untouched(run, object))
				batch.items[batch.n++] = object;
		if (kube_each(run->kube, batch.n, apply_nth, keep_nth, &batch, run->err))
			return -1;
	}
	return 0;
}

/* What was applied once and is not wanted any more. */
static int prune(struct run *run)
{
	struct kube_objects gone = {0};

	for (size_t i = 0; i < run->inventory.n; i++) {
		const struct kube_object *object = &run->inventory.items[i];
		const struct kube_object *wanted = kube_objects_find(&run->desired, object->ref);

		if (wanted && wanted->uid)
			continue;
		ARENA_GROW(run->kube->arena, gone.items, gone.n, gone.cap);
		gone.items[gone.n++] = *object;
	}
	return gone.n ? kube_remove(run->kube, &gone, run->request->record
		? kube_marked_as(run->request->record) : run->request->address, run->err) : 0;
}

static void describe(struct run *run, struct outcome *outcome)
{
	struct arena *arena = run->kube->arena;
	struct value *outputs = arena_alloc(arena, sizeof(*outputs));
	struct value *observed = arena_alloc(arena, sizeof(*observed));
	struct value_builder map;

	builder_init(&map, arena);
	builder_put(&map, "objects", kube_inventory_write(arena, &run->desired));
	builder_put_str(&map, "revision", kube_revision(arena, &run->desired));
	builder_put_str(&map, "cluster", run->kube->id);
	builder_put_str(&map, "address", run->request->address);
	*outputs = builder_map(&map);
	builder_init(&map, arena);
	for (size_t i = 0; i < run->desired.n; i++)
		builder_put_str(&map, run->desired.items[i].ref, run->desired.items[i].state);
	*observed = builder_map(&map);
	outcome->exists = true;
	outcome->rests = run->request->record && run->request->record->status == RECORD_STOPPED;
	outcome->id = run->desired.items[0].ref;
	outcome->outputs = outputs;
	outcome->observed = observed;
}

int kube_apply(struct kube *kube, const struct request *request, struct outcome *outcome,
	struct error *err)
{
	struct error own = ERROR_INIT;
	struct run run = {
		.kube = kube,
		.request = request,
		.namespace = kube_namespace(kube, request->inputs),
		.force = kube->env->force_conflicts ||
			 value_get_bool(request->inputs, "forceConflicts", false),
		.adopt = value_get_bool(request->inputs, "adopt", false),
		.err = &own,
	};
	int rc;

	outcome->endpoint = kube->id;
	if (request->observed && request->observed->outputs) /* with what a dead run made */
		kube_inventory_read(kube->arena, request->observed->outputs, &run.inventory);
	else if (request->record)
		kube_inventory_read(kube->arena, record_outputs(request->record, NULL), &run.inventory);
	rc = kube_objects_parse(kube->env, request->inputs, request->ignore, &run.desired, &own);
	kube_objects_sort(&run.desired);
	rc = rc || place_all(&run) || apply_all(&run) || prune(&run);
	if (!rc)
		describe(&run, outcome);
	else if (err)
		*err = own;
	return rc ? -1 : 0;
}
