/*
 * One batch: all revisions of the cluster in one list, then one list a kind and namespace for the
 * objects of what is recorded. A release that nobody touched is known by these alone; only for one that
 * moved is helm asked, to say in words what is different.
 */
#include "providers/helm/helm.h"

#include "model/json.h"
#include "model/redact.h"

#include <string.h>

struct look {
	struct kube *kube;
	struct observation *o;
	const char *id, *namespace, *name;
	const struct helm_revision *found; /* NULL: it is not there */
	struct kube_objects inventory;
	const struct value *recorded;      /* attributes right after the last success; an empty map */
	bool left_by_us;
	/* Asked for when something moved. */
	struct helm helm;
	bool asked, answered;
	struct helm_release release;
	bool moved, revised; /* revised: another revision than ours is there, or in another state */
	const char *unseen;
};

/* --- which one ---------------------------------------------------------------------------------- */

static const char *id_of(struct kube *kube, const struct observation *o)
{
	struct value inputs;

	if (o->record && o->record->id)
		return o->record->id;
	if (o->desired)
		return helm_id(kube, o->desired, o->address, 0);
	if (o->intent && !kube_intent_inputs(kube->arena, o->intent, &inputs))
		return helm_id(kube, &inputs, o->address, 0);
	return o->record ? helm_id(kube, record_inputs(o->record, NULL), o->address, 0) : NULL;
}

static void begin(struct look *look, struct kube *kube, struct observation *o)
{
	*look = (struct look){.kube = kube, .o = o, .recorded = &value_empty_map};
	look->id = id_of(kube, o);
	if (look->id)
		helm_id_split(kube->arena, look->id, &look->namespace, &look->name);
	if (o->record) {
		kube_inventory_read(kube->arena, record_outputs(o->record, NULL), &look->inventory);
		look->recorded = record_observed(o->record, NULL);
	}
}

/* Who may not list the secrets of the whole cluster, perhaps may in the namespaces that matter. */
static int list_by_namespace(struct kube *kube, const struct look *looks, size_t n,
	struct helm_revisions *all, struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		bool listed = false;

		for (size_t k = 0; k < i && !listed; k++)
			listed = !strcmp(looks[k].namespace, looks[i].namespace);
		if (!listed && helm_list(kube, looks[i].namespace, NULL, all, err))
			return -1;
	}
	return 0;
}

static int list(struct kube *kube, const struct look *looks, size_t n, struct helm_revisions *all,
	struct error *err)
{
	if (!helm_list(kube, NULL, NULL, all, err))
		return 0;
	if (err->code != ERROR_FAILED) /* 403 */
		return -1;
	*all = (struct helm_revisions){0};
	*err = (struct error)ERROR_INIT;
	return list_by_namespace(kube, looks, n, all, err);
}

/* --- in words ----------------------------------------------------------------------------------- */

/* Asks helm, once a release. A plan without helm on its machine says less. */
static bool ask(struct look *look)
{
	if (look->asked)
		return look->answered;
	look->asked = true;
	look->answered = !helm_open(&look->helm, look->kube, NULL) &&
		!helm_read(&look->helm, look->namespace, look->name, &look->release, NULL);
	return look->answered;
}

static int values_of(struct look *look, int64_t revision, struct value *out)
{
	struct helm_args args = {.n = 0};
	const char *text;

	helm_args(&args, "get", "values", look->name, "--namespace", look->namespace, "--revision",
		kube_printf(look->kube, "%lld", (long long)revision), "--output", "json", NULL);
	return helm_run(&look->helm, &args, NULL, 0, &text, NULL) ? -1
		: json_parse(text, strlen(text), look->kube->arena, NULL, out, NULL);
}

/* What another revision than ours has for values: "replicas: 5, wanted 2". */
static const char *other_values(struct look *look)
{
	const struct value *outputs = record_outputs(look->o->record, NULL);
	const struct value *wanted = value_get(look->o->desired, "values");
	bool secret = wanted && wanted->flags & (VALUE_SENSITIVE | VALUE_HAS_SENSITIVE);
	struct value then, now;

	if (!ask(look) || values_of(look, value_get_int(outputs, "revision", 0), &then) ||
		values_of(look, look->found->number, &now))
		return NULL;
	return kube_differences(look->kube->arena, &now, &then, secret);
}

static const char *release_text(struct look *look)
{
	const char *text = helm_release_text(look->kube, look->found), *values;

	if (!strcmp(text, value_get_text(look->recorded, "release", text)))
		return text;
	look->moved = look->revised = true;
	if (look->left_by_us)
		return kube_printf(look->kube, "%s: a run left it so", text);
	if (!look->o->desired || helm_is_pending(look->found))
		return text;
	values = other_values(look);
	return values ? kube_printf(look->kube, "%s; values: %s", text, values) : text;
}

/* What the release would set; NULL: it is not known. */
static const struct kube_object *wanted_of(struct look *look, const struct kube_object *object)
{
	return ask(look) ? kube_objects_find(&look->release.objects, object->ref) : NULL;
}

static struct value body_of(struct look *look, const struct kube_object *object)
{
	struct arena *arena = look->kube->arena;
	struct value body = *object->value;

	for (const char *const *at = look->o->ignore; at && *at; at++)
		body = kube_without(arena, &body, *at);
	if (value_path(&body, "spec.replicas") && kube_is_autoscaled(look->kube, object))
		body = kube_without(arena, &body, "/spec/replicas");
	return body;
}

/* What the server would change, were the release applied again. NULL: nothing that it sets. */
static const char *dry_run(struct look *look, const struct kube_object *object)
{
	struct value body = body_of(look, object);
	struct kube_reply live, reply;
	struct error err = ERROR_INIT;

	if (kube_get(look->kube, kube_object_path(look->kube, object, object->name), &live, &err))
		return arena_strdup(look->kube->arena, err.msg);
	if (kube_patch(look->kube, object, &body, KUBE_DRY_RUN | KUBE_FORCE | KUBE_LENIENT, &reply,
			&err))
		return "somebody else changed it";
	return kube_differences(look->kube->arena, live.body, reply.body, object->sensitive);
}

static const char *state_of(struct look *look, const struct kube_object *object,
	const struct value *live)
{
	const char *recorded = value_get_text(look->recorded, object->ref, NULL), *state, *told;
	const char *uid = value_text(value_path(live, "metadata.uid"), "");
	const struct kube_object *wanted;

	if (!live)
		return "gone";
	if (object->uid && strcmp(uid, object->uid) != 0)
		return kube_printf(look->kube, "another one has its name (uid %s)", uid);
	state = helm_object_state(look->kube, object, live);
	/* Of another revision, this is told already: its objects follow. */
	if (!recorded || !strcmp(state, recorded) || !look->o->desired || look->revised)
		return state;
	wanted = wanted_of(look, object);
	if (!wanted)
		return state;
	told = dry_run(look, wanted);
	return told ? told : recorded; /* others own it, too, and its value is as it should be */
}

/* --- one release -------------------------------------------------------------------------------- */

static bool see_objects(struct look *look, const struct kube_sight *sight,
	struct value_builder *attributes)
{
	for (size_t i = 0; i < look->inventory.n; i++) {
		const struct kube_object *object = &look->inventory.items[i];
		const struct value *live;
		const char *state;

		if (kube_sight_find(sight, object, &live, &look->unseen))
			return false;
		state = state_of(look, object, live);
		if (strcmp(state, value_get_text(look->recorded, object->ref, "")) != 0)
			look->moved = true;
		builder_put_str(attributes, object->ref, state);
	}
	return true;
}

static void see_owner(struct look *look, const struct helm_revisions *all)
{
	struct observation *o = look->o;
	const char *recorded =
		o->record ? value_get_text(record_outputs(o->record, NULL), "intent", NULL) : NULL;

	o->presence = PRESENCE_PRESENT;
	o->id = look->id;
	o->endpoint = look->kube->id;
	o->health = look->found->status;
	o->mark_intent = helm_intent_of(look->found);
	o->ownership = helm_owner(look->kube, look->found, o->record ? NULL : o->address, &o->message);
	if (!helm_is_pending(look->found))
		return;
	look->left_by_us =
		helm_is_left_by_us(look->kube, all, look->found, o->intent, recorded);
	if (!look->left_by_us)
		o->blocked = kube_printf(look->kube,
			"somebody else is at release %s (%s): wait for it, or roll it back", look->id,
			helm_told(look->kube, look->found));
}

/* One that was made before it was locked: is it what the lock file says? */
static bool has_locked_version(const struct observation *o)
{
	const char *resolved = value_get_text(helm_locked(o->desired), "resolved", NULL);

	return !resolved || helm_locked(record_inputs(o->record, NULL)) ||
	       !strcmp(resolved, value_get_text(record_outputs(o->record, NULL), "chartVersion", ""));
}

/* Only what does not reach the release has changed: nothing is to be done but to record it. */
static bool is_as_desired(const struct look *look)
{
	const struct observation *o = look->o;

	return o->record && o->desired && !look->moved && value_is_known(o->desired) &&
	       record_has_fingerprint(o->record) &&
	       helm_same_inputs(o->desired, record_inputs(o->record, NULL), o->record->key) &&
	       has_locked_version(o);
}

/* Secrets that are in force, and perhaps no longer wanted: only the release itself still knows them. */
static void learn_secrets(struct redactor *redactor, const struct value *like, const struct value *was)
{
	if (!like || !was || !(like->flags & (VALUE_SENSITIVE | VALUE_HAS_SENSITIVE)))
		return;
	if (like->flags & VALUE_SENSITIVE) {
		struct value secret = value_sensitive(*was);

		redactor_learn(redactor, &secret);
	} else if (like->kind == VALUE_MAP && was->kind == VALUE_MAP) {
		for (uint32_t i = 0; i < like->len; i++)
			learn_secrets(redactor, &like->members[i].value, value_get(was, like->members[i].key));
	} else if (like->kind == VALUE_LIST && was->kind == VALUE_LIST) {
		for (uint32_t i = 0; i < like->len && i < was->len; i++)
			learn_secrets(redactor, &like->items[i], &was->items[i]);
	}
}

static void learn_those_in_force(struct look *look, struct redactor *redactor)
{
	const struct value *like[] = {value_get(look->o->desired, "values"),
		look->o->record ? value_get(record_inputs(look->o->record, NULL), "values") : NULL};
	bool any = false;
	struct value was;

	for (size_t i = 0; i < ARRAY_SIZE(like); i++)
		any = any || (like[i] && like[i]->flags & (VALUE_SENSITIVE | VALUE_HAS_SENSITIVE));
	if (!any || !look->found || values_of(look, look->found->number, &was))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(like); i++)
		learn_secrets(redactor, like[i], &was);
}

/* Nothing to compare with what is not known yet. */
static void tell_manifests(struct look *look)
{
	struct observation *o = look->o;
	struct helm_wanted wanted = {o->desired, look->namespace, look->name, look->found != NULL};
	static const struct kube_objects none = {0};
	struct redactor redactor = REDACTOR_INIT;

	if (!look->kube->env->manifests || !o->desired || !value_is_known(o->desired) || o->matches)
		return;
	if (look->found ? !ask(look) : helm_open(&look->helm, look->kube, NULL) != 0)
		return;
	learn_those_in_force(look, &redactor);
	helm_details(&look->helm, &wanted, look->found ? &look->release.objects : &none, &redactor, o);
	redactor_release(&redactor);
}

/* What stands for the inputs of a release that was imported. */
static const char *const imported[] = {"cluster", "releaseName", "namespace"};

static void conclude(struct look *look, const struct helm_revisions *all,
	const struct kube_sight *sight)
{
	struct observation *o = look->o;
	struct value *attributes = arena_alloc(look->kube->arena, sizeof(*attributes));
	struct value_builder map;

	o->presence = PRESENCE_ABSENT;
	if (!look->found) {
		tell_manifests(look);
		return;
	}
	see_owner(look, all);
	builder_init(&map, look->kube->arena);
	builder_put_str(&map, "release", release_text(look));
	if (!see_objects(look, sight, &map)) {
		o->presence = PRESENCE_UNKNOWN;
		o->message = look->unseen;
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(imported); i++) /* and not yet upgraded */
		if (value_get(look->recorded, imported[i]))
			builder_put(&map, imported[i], *value_get(look->recorded, imported[i]));
	*attributes = builder_map(&map);
	o->attributes = attributes;
	o->holds = kube_losses(look->kube, &look->inventory, o->may_go || o->intent);
	o->matches = is_as_desired(look);
	tell_manifests(look);
}

void helm_observe(struct kube *kube, struct observation **items, size_t n)
{
	struct look *looks = arena_alloc(kube->arena, (n + 1) * sizeof(*looks));
	struct kube_sight *sight = kube_sight_new(kube, HELM_OWN_LABEL);
	struct helm_revisions all = {0};
	struct error err = ERROR_INIT;
	size_t known = 0;

	for (size_t i = 0; i < n; i++) {
		begin(&looks[known], kube, items[i]);
		if (looks[known].id)
			known++;
		else
			items[i]->message = "which release it is, is not known";
	}
	if (known && list(kube, looks, known, &all, &err)) {
		for (size_t i = 0; i < known; i++)
			looks[i].o->message = arena_strdup(kube->arena, err.msg);
		kube_sight_free(sight);
		return;
	}
	for (size_t i = 0; i < known; i++) {
		looks[i].found = helm_newest(&all, looks[i].namespace, looks[i].name);
		for (size_t k = 0; looks[i].found && k < looks[i].inventory.n; k++)
			kube_sight_want(sight, &looks[i].inventory.items[k], true);
	}
	kube_sight_look(sight);
	for (size_t i = 0; i < known; i++)
		conclude(&looks[i], &all, sight);
	kube_sight_free(sight);
}

/* --- import ------------------------------------------------------------------------------------- */

int helm_import(struct kube *kube, const char *id, struct observation *out, struct error *err)
{
	struct helm_revisions all = {0};
	struct outcome outcome = {0};
	struct helm_release release;
	const struct helm_revision *found;
	const char *namespace, *name;
	struct value *attributes;
	struct value_builder map;
	struct helm helm;

	if (!strchr(id, '/'))
		id = kube_printf(kube, "%s/%s", kube_namespace(kube, out->desired), id);
	helm_id_split(kube->arena, id, &namespace, &name);
	if (helm_list(kube, namespace, name, &all, err))
		return -1;
	found = helm_newest(&all, namespace, name);
	if (!found)
		return error_set(err, ERROR_NOT_FOUND, "there is no release %s in %s", id, kube->where);
	if (helm_open(&helm, kube, err) || helm_read(&helm, namespace, name, &release, err) ||
		helm_describe(kube, &release, found, out->address, &outcome, err))
		return -1;
	builder_init(&map, kube->arena);
	builder_put(&map, "cluster", *value_get(out->desired, "cluster")); /* destroying needs it */
	if (value_get(out->desired, "releaseName"))
		builder_put_str(&map, "releaseName", name);
	if (value_get(out->desired, "namespace"))
		builder_put_str(&map, "namespace", namespace);
	for (uint32_t i = 0; i < outcome.observed->len; i++)
		builder_put(&map, outcome.observed->members[i].key, outcome.observed->members[i].value);
	attributes = arena_alloc(kube->arena, sizeof(*attributes));
	*attributes = builder_map(&map);
	out->presence = PRESENCE_PRESENT;
	out->ownership = helm_owner(kube, found, out->address, &out->message);
	out->id = outcome.id;
	out->endpoint = kube->id;
	out->outputs = outcome.outputs;
	out->attributes = attributes;
	return 0;
}
