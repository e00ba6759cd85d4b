/*
 * One batch, in three rounds: which objects are there (a list a kind and namespace, metadata only), which
 * of them are not as the record says, and of these alone, what the server would change (a dry run).
 * Nothing is parsed, and no kustomize is run, for a resource whose inputs are those recorded.
 */
#include "providers/kubernetes/kubernetes.h"
#include "providers/kubernetes/power.h"

#include "base/map.h"
#include "model/json.h"

#include <string.h>

struct look {
	struct kube *kube;
	struct observation *o;
	struct kube_objects inventory, desired;
	const struct value *recorded; /* attributes right after the last success; an empty map */
	const char *namespace;
	bool changed;   /* the inputs are not those recorded, or nothing is */
	bool parsed;    /* `desired` is filled */
	bool unfinished; /* a run may have made more than the inventory says */
	bool force;
	struct kube_objects going; /* with an update: made anew, or not wanted any more */
	/* What came of it. */
	const char *unseen;
	bool in_sync, rests;
	size_t n_live;
};

/* --- what is wanted, what is known -------------------------------------------------------------- */

static bool is_changed(const struct observation *o)
{
	if (!o->desired)
		return false;
	return !o->record || !record_has_fingerprint(o->record) ||
	       !value_matches(o->desired, record_inputs(o->record, NULL), o->record->key);
}

/* The manifest as objects; what is wrong with it stops the plan. */
static void parse(struct look *look)
{
	struct error err = ERROR_INIT;

	if (look->parsed || !look->o->desired || !value_is_known(look->o->desired))
		return;
	if (kube_objects_parse(look->kube->env, look->o->desired, look->o->ignore, &look->desired,
			&err)) {
		look->o->blocked = arena_strdup(look->kube->arena, err.msg);
		return;
	}
	kube_objects_sort(&look->desired);
	for (size_t i = 0; i < look->desired.n; i++) {
		if (kube_object_place(look->kube, &look->desired.items[i], look->namespace, &err)) {
			look->unseen = arena_strdup(look->kube->arena, err.msg);
			return;
		}
	}
	look->parsed = true;
}

static void begin(struct look *look, struct kube *kube, struct observation *o)
{
	*look = (struct look){.kube = kube, .o = o, .recorded = &value_empty_map};
	look->changed = is_changed(o);
	look->unfinished = o->intent || (o->record && !record_has_fingerprint(o->record));
	look->namespace = kube_namespace(kube, o->desired ? o->desired
		: o->record ? record_inputs(o->record, NULL) : &value_empty_map);
	look->force = kube->env->force_conflicts || value_get_bool(o->desired, "forceConflicts", false);
	if (o->record) {
		kube_inventory_read(kube->arena, record_outputs(o->record, NULL), &look->inventory);
		look->recorded = record_observed(o->record, NULL);
	}
	if (look->changed)
		parse(look);
}

/* What a run that died has made, or an update that failed: found by its marks. */
static void sweep(struct look *look)
{
	struct kube_objects found = {0};
	struct error err = ERROR_INIT;
	struct value list;
	struct value_builder map;

	if (!look->unfinished)
		return;
	if (kube_sweep(look->kube, look->o->address, look->namespace, &found, &err)) {
		look->unseen = arena_strdup(look->kube->arena, err.msg);
		return;
	}
	builder_init(&map, look->kube->arena);
	builder_put(&map, "objects", kube_inventory_write(look->kube->arena, &found));
	list = builder_map(&map);
	kube_inventory_read(look->kube->arena, &list, &look->inventory);
}

static void want(struct look *look, struct kube_sight *sight)
{
	for (size_t i = 0; i < look->inventory.n; i++)
		kube_sight_want(sight, &look->inventory.items[i], true);
	for (size_t i = 0; look->parsed && i < look->desired.n; i++)
		kube_sight_want(sight, &look->desired.items[i], false);
}

/* --- kinds that something of this plan will bring ----------------------------------------------- */

static bool defines(const struct kube_object *definition, const struct kube_object *object)
{
	const struct value *spec = value_get(definition->value, "spec");

	return kube_rank(definition->api_version, definition->kind) == KUBE_RANK_DEFINITION &&
	       !strcmp(value_text(value_path(spec, "names.kind"), ""), object->kind) &&
	       !strncmp(value_get_text(spec, "group", "\n"), object->api_version,
		       strcspn(object->api_version, "/"));
}

static bool is_brought(const struct look *looks, size_t n, const struct kube_object *object)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < looks[i].desired.n; k++)
			if (defines(&looks[i].desired.items[k], object))
				return true;
	return false;
}

/* An unknown kind is a mistake, unless a definition in this plan brings it, or may: what a release or a
   command brings shows only when it was made. */
static void check_kinds(struct look *look, const struct look *looks, size_t n)
{
	for (size_t i = 0; look->parsed && !look->o->follows && i < look->desired.n; i++) {
		const struct kube_object *object = &look->desired.items[i];

		if (object->plural || is_brought(looks, n, object))
			continue;
		look->o->blocked = kube_printf(look->kube,
			"%s: %s knows no kind %s in %s, and nothing in this plan that it depends on brings it", object->where,
			look->kube->where, object->kind, object->api_version);
	}
}

/* Inline objects are told apart by claims, before anything is asked; those of files and folders are not. */
static void check_twice(struct look *looks, size_t n)
{
	struct map known = MAP_INIT;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; looks[i].parsed && k < looks[i].desired.n; k++) {
			const struct kube_object *object = &looks[i].desired.items[k];
			const struct look *other;

			if (map_add(&known, object->ref, (uint32_t)i))
				continue;
			other = &looks[map_get(&known, object->ref)];
			looks[i].o->blocked = kube_printf(looks[i].kube, "%s stands twice: at %s%s%s and at %s",
				object->ref, kube_objects_find(&other->desired, object->ref)->where,
				other == &looks[i] ? "" : " of ", other == &looks[i] ? "" : other->o->address,
				object->where);
		}
	map_release(&known);
}

/* --- one object --------------------------------------------------------------------------------- */

/* Asks the server what an apply would change. NULL: nothing. */
static const char *dry_run(struct look *look, const struct kube_object *object,
	const struct kube_object *known)
{
	struct kube *kube = look->kube;
	struct value body = kube_marked(kube, object, look->o->address,
		look->o->record ? look->o->record->generation : 1);
	struct error err = ERROR_INIT, anew = ERROR_INIT;
	struct kube_reply live, reply;
	unsigned flags = KUBE_DRY_RUN;

	if (look->force || kube_must_force(known, object))
		flags |= KUBE_FORCE;
	if (value_path(&body, "spec.replicas") && kube_is_autoscaled(kube, object))
		body = kube_without(kube->arena, &body, "/spec/replicas");
	if (kube_get(kube, kube_object_path(kube, object, object->name), &live, &err))
		return arena_strdup(kube->arena, err.msg);
	if (look->o->record && look->o->record->status == RECORD_STOPPED) {
		if (kube_rest_differs(kube, object, &body, live.body))
			return "it will start otherwise than it was stopped";
		body = kube_at_rest(kube, object, &body);
	}
	if (!kube_patch(kube, object, &body, flags, &reply, &err))
		return kube_differences(kube->arena, live.body, reply.body, object->sensitive);
	if (kube_is_immutable(&reply) && kube_refuses_anew(kube, object, &body, &anew)) {
		look->o->blocked = arena_strdup(kube->arena, anew.msg);
		return "it can be neither changed nor made anew";
	}
	if (kube_is_immutable(&reply) && look->desired.n > 1) {
		struct kube_object going = known ? *known : *object;

		look->o->remakes = kube_remakes_add(kube->arena, look->o->remakes, object->ref,
			kube_immutable_fields(kube->arena, reply.body));
		ARENA_GROW(kube->arena, look->going.items, look->going.n, look->going.cap);
		look->going.items[look->going.n++] = going;
		return "it cannot be changed in place";
	}
	if (kube_is_immutable(&reply))
		look->o->replace = arena_strdup(kube->arena, err.msg);
	else if (err.code == ERROR_CONFLICT || err.code == ERROR_INVALID)
		look->o->blocked = arena_strdup(kube->arena, err.msg);
	/* Refused otherwise (who may not apply, a webhook with effects): what is owned has to do. */
	return "somebody else changed it";
}

static const struct kube_object *desired_of(const struct look *look,
	const struct kube_object *object)
{
	return look->parsed ? kube_objects_find(&look->desired, object->ref) : NULL;
}

/* In words, how an object of the inventory is now: the recorded line as long as nothing moved. */
static const char *state_of(struct look *look, struct kube_object *object,
	const struct value *live)
{
	const char *recorded = value_get_text(look->recorded, object->ref, NULL), *state, *told;
	const char *uid = value_text(value_path(live, "metadata.uid"), "");
	const struct kube_object *desired;

	if (!live)
		return "gone";
	if (object->uid && strcmp(uid, object->uid) != 0)
		return kube_printf(look->kube, "another one has its name (uid %s)", uid);
	state = kube_state(look->kube->arena, live);
	if (!recorded || !strcmp(state, recorded) || !look->o->desired)
		return state;
	parse(look); /* it moved: what was wanted? */
	desired = desired_of(look, object);
	if (!desired)
		return state;
	told = dry_run(look, desired, object);
	return told ? told : recorded; /* others own it, too, and its value is as we want it */
}

/* --- one resource ------------------------------------------------------------------------------- */

static void found(struct look *look, const struct value *live)
{
	struct observation *o = look->o;
	struct kube_mark mark = kube_mark(live);

	if (look->n_live++)
		return;
	o->presence = PRESENCE_PRESENT;
	o->ownership = kube_owner(look->kube, live, o->record ? NULL : o->address, &o->message);
	o->mark_intent = mark.intent;
}

/* Does the record or the intent name what bears this mark? An unfinished run's mark counts most. */
static void prefer_intent(struct look *look, const struct value *live)
{
	struct kube_mark mark = kube_mark(live);

	for (const struct intent *i = look->o->intent; i && mark.intent; i = i->older)
		if (kube_is_ours(look->kube, &mark) && !strcmp(mark.intent, i->id))
			look->o->mark_intent = mark.intent;
}

static bool see_inventory(struct look *look, const struct kube_sight *sight,
	struct value_builder *attributes)
{
	for (size_t i = 0; i < look->inventory.n; i++) {
		struct kube_object *object = &look->inventory.items[i];
		const struct value *live;

		if (kube_sight_find(sight, object, &live, &look->unseen))
			return false;
		if (live && (!object->uid || !strcmp(object->uid,
				value_text(value_path(live, "metadata.uid"), "")))) {
			found(look, live);
			look->rests = look->rests || kube_is_resting(live);
			prefer_intent(look, live);
		}
		object->state = state_of(look, object, live);
		if (strcmp(object->state, value_get_text(look->recorded, object->ref, "")) != 0)
			look->in_sync = false;
		builder_put_str(attributes, object->ref, object->state);
	}
	return true;
}

/* Another resource of this plan had it, and lets it go: it is passed on, not taken. */
static bool is_passed_on(const struct look *look, const struct look *looks, size_t n,
	const struct kube_object *object, const struct value *live)
{
	struct kube_mark mark = kube_mark(live);

	for (size_t i = 0; kube_is_ours(look->kube, &mark) && i < n; i++) {
		const struct look *other = &looks[i];

		if (other != look && other->o->record &&
			!strcmp(kube_marked_as(other->o->record), mark.address))
			return !kube_objects_find(other->parsed ? &other->desired : &other->inventory,
				object->ref);
	}
	return false;
}

/* An object that is wanted, stands there and is in no inventory of this resource. */
static void see_other(struct look *look, const struct look *looks, size_t n,
	const struct kube_object *object, const struct value *live)
{
	struct observation *o = look->o;
	const char *message = NULL;
	enum ownership owner = kube_owner(look->kube, live, o->address, &message);

	look->in_sync = false;
	if (is_passed_on(look, looks, n, object, live))
		return;
	if (o->record && owner == OWNER_US)
		return; /* an update that died had made it */
	if (o->record) {
		if (!value_get_bool(o->desired, "adopt", false) || owner == OWNER_OTHER)
			o->blocked = owner == OWNER_OTHER
				? kube_printf(look->kube, "%s exists already and belongs to %s", object->ref,
					  message)
				: kube_printf(look->kube, "%s exists already and is not ours: set `adopt: true` "
					  "to take it over", object->ref);
		return;
	}
	if (o->presence == PRESENCE_PRESENT && o->ownership != OWNER_US)
		return; /* one that is not ours was told already */
	if (o->presence == PRESENCE_PRESENT && owner == OWNER_US)
		return;
	o->presence = PRESENCE_PRESENT;
	o->ownership = owner;
	o->message = message;
	o->mark_intent = kube_mark(live).intent;
	o->id = object->ref;
}

static bool see_desired(struct look *look, const struct look *looks, size_t n,
	const struct kube_sight *sight)
{
	for (size_t i = 0; look->parsed && look->changed && i < look->desired.n; i++) {
		const struct kube_object *object = &look->desired.items[i];
		const struct kube_object *known = kube_objects_find(&look->inventory, object->ref);
		const struct value *live;

		if (kube_sight_find(sight, object, &live, &look->unseen))
			return false;
		if (!live)
			look->in_sync = false;
		else if (!known)
			see_other(look, looks, n, object, live);
		else if (!known->digest)
			look->in_sync = false; /* imported, or left by a run that died: to be applied once */
		else if (strcmp(known->digest, object->digest) != 0 && dry_run(look, object, known))
			look->in_sync = false;
	}
	return true;
}

/* What is recorded and not wanted is to go; but not what another resource takes over. */
static void pass_on(struct look *look, const struct look *looks, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; look->parsed && i < look->inventory.n; i++) {
		const struct kube_object *object = &look->inventory.items[i];
		bool taken = false;

		for (size_t k = 0; k < n && !desired_of(look, object) && !taken; k++)
			taken = &looks[k] != look && looks[k].parsed &&
				kube_objects_find(&looks[k].desired, object->ref);
		if (!taken)
			look->inventory.items[kept++] = *object;
	}
	if (look->parsed)
		look->inventory.n = kept;
}

static const struct value *outputs_of(struct look *look)
{
	struct arena *arena = look->kube->arena;
	struct kube_objects kept = {0};
	struct value *outputs = arena_alloc(arena, sizeof(*outputs));
	struct value_builder map;

	for (size_t i = 0; i < look->inventory.n; i++) {
		struct kube_object object = look->inventory.items[i];
		const struct kube_object *desired = desired_of(look, &object);

		if (!desired && look->parsed)
			look->in_sync = false;
		if (desired && look->in_sync)
			object.digest = desired->digest;
		ARENA_GROW(arena, kept.items, kept.n, kept.cap);
		kept.items[kept.n++] = object;
	}
	builder_init(&map, arena);
	builder_put(&map, "objects", kube_inventory_write(arena, &kept));
	builder_put_str(&map, "revision", kube_revision(arena, &kept));
	builder_put_str(&map, "cluster", look->kube->id);
	builder_put_str(&map, "address",
		look->o->record ? kube_marked_as(look->o->record) : look->o->address);
	*outputs = builder_map(&map);
	return outputs;
}

/* Of what is there: what goes with it, and what an update of it lets go. */
static void guard(struct look *look)
{
	struct kube_objects all = {0};
	struct arena *arena = look->kube->arena;

	for (size_t i = 0; i < look->inventory.n; i++) {
		const struct kube_object *object = &look->inventory.items[i];

		if (object->state && !strcmp(object->state, "gone"))
			continue;
		ARENA_GROW(arena, all.items, all.n, all.cap);
		all.items[all.n++] = *object;
		if (!look->parsed || desired_of(look, object))
			continue;
		ARENA_GROW(arena, look->going.items, look->going.n, look->going.cap);
		look->going.items[look->going.n++] = *object;
	}
	/* What others have is asked for only where something may go. */
	look->o->holds = kube_losses(look->kube, &all,
		look->changed || look->unfinished || look->o->may_go || look->o->replace);
	look->o->loses = kube_losses(look->kube, &look->going, true);
}

static void conclude(struct look *look, const struct look *looks, size_t n,
	const struct kube_sight *sight)
{
	struct observation *o = look->o;
	struct value *attributes = arena_alloc(look->kube->arena, sizeof(*attributes));
	struct value_builder map;

	builder_init(&map, look->kube->arena);
	look->in_sync = look->parsed && !look->unfinished;
	o->presence = PRESENCE_ABSENT;
	if (look->unseen || !see_inventory(look, sight, &map) ||
		!see_desired(look, looks, n, sight)) {
		*o = (struct observation){.address = o->address, .type = o->type, .desired = o->desired,
			.record = o->record, .intent = o->intent, .ignore = o->ignore,
			.presence = PRESENCE_UNKNOWN, .message = look->unseen};
		return;
	}
	if (o->record && value_get(look->recorded, "cluster")) /* imported, and not yet applied */
		builder_put(&map, "cluster", *value_get(look->recorded, "cluster"));
	*attributes = builder_map(&map);
	o->attributes = attributes;
	o->endpoint = look->kube->id;
	o->runs = !look->rests;
	if (!o->id && look->inventory.n)
		o->id = o->record && o->record->id ? o->record->id : look->inventory.items[0].ref;
	guard(look);
	if (look->parsed || look->unfinished)
		o->outputs = outputs_of(look);
	o->matches = o->presence == PRESENCE_PRESENT && o->record && look->changed && look->in_sync;
}

void kube_observe(struct kube *kube, struct observation **items, size_t n)
{
	struct look *looks = arena_alloc(kube->arena, (n + 1) * sizeof(*looks));
	struct kube_sight *sight = kube_sight_new(kube, kube_own_label(kube));

	for (size_t i = 0; i < n; i++) {
		begin(&looks[i], kube, items[i]);
		sweep(&looks[i]);
		want(&looks[i], sight);
	}
	kube_sight_look(sight);
	check_twice(looks, n);
	for (size_t i = 0; i < n; i++)
		pass_on(&looks[i], looks, n);
	for (size_t i = 0; i < n; i++) {
		check_kinds(&looks[i], looks, n);
		conclude(&looks[i], looks, n, sight);
	}
	kube_sight_free(sight);
}

const char *kube_namespace(const struct kube *kube, const struct value *inputs)
{
	const char *namespace = value_get_text(inputs, "namespace", NULL);

	return namespace ? namespace : kube->config.namespace ? kube->config.namespace : "default";
}
