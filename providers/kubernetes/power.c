/*
 * Stopping, starting and starting anew. What is stopped is scaled to nothing and says in an annotation,
 * set by the same request, how many it had: so a run that dies in between leaves nothing that is not known.
 * All of it is done as another field manager than applying: what was applied is not given up by it.
 */
#include "providers/kubernetes/power.h"

#include <stdlib.h>
#include <string.h>

enum { TRIES = 5, PAUSE = 100 };

static const struct power {
	const char *kind, *group;
	const char *field; /* below spec, that lets it rest; NULL: it never rests */
	bool rolls;        /* its pods are replaced when their template changes */
} powers[] = {
	{"Deployment", "apps/", "replicas", true},
	{"StatefulSet", "apps/", "replicas", true},
	{"DaemonSet", "apps/", NULL, true},
	{"ReplicaSet", "apps/", "replicas", false},
	{"CronJob", "batch/", "suspend", false},
};

static const struct power *power_of(const struct kube_object *object)
{
	for (size_t i = 0; i < ARRAY_SIZE(powers); i++)
		if (!strcmp(powers[i].kind, object->kind) && !strncmp(object->api_version,
				powers[i].group, strlen(powers[i].group)))
			return &powers[i];
	return NULL;
}

bool kube_can_scale(const struct kube_object *object)
{
	return power_of(object) != NULL;
}

static bool is_count(const struct power *power)
{
	return !strcmp(power->field, "replicas");
}

static const char *note_of(const struct value *object)
{
	return value_get_text(value_path(object, "metadata.annotations"), KUBE_NOTE_RESTING, NULL);
}

bool kube_is_resting(const struct value *object)
{
	return note_of(object) != NULL;
}

/* --- one change --------------------------------------------------------------------------------- */

static struct value wrap(struct arena *arena, const char *key, struct value value)
{
	struct value_builder map;

	builder_init(&map, arena);
	builder_put(&map, key, value);
	return builder_map(&map);
}

/* {metadata: {uid, resourceVersion, annotations: {note}}, spec}: refused when it is not that one any more. */
static struct value change_of(struct kube *kube, const struct value *live, struct value note,
	const struct value *spec)
{
	struct value_builder change, metadata;

	builder_init(&metadata, kube->arena);
	builder_put_str(&metadata, "uid", value_text(value_path(live, "metadata.uid"), ""));
	if (spec) /* what it depends on was read */
		builder_put_str(&metadata, "resourceVersion",
			value_text(value_path(live, "metadata.resourceVersion"), ""));
	if (note.kind != VALUE_UNKNOWN)
		builder_put(&metadata, "annotations", wrap(kube->arena, KUBE_NOTE_RESTING, note));
	builder_init(&change, kube->arena);
	builder_put(&change, "metadata", builder_map(&metadata));
	if (spec)
		builder_put(&change, "spec", *spec);
	return builder_map(&change);
}

static int send(struct kube *kube, const struct kube_object *object, const struct value *change,
	struct error *err)
{
	struct kube_request request = {.method = "PATCH", .type = "application/merge-patch+json",
		.body = change, .path = kube_printf(kube, "%s?fieldManager=" KUBE_POWER_MANAGER,
			kube_object_path(kube, object, object->name))};

	return kube_call(kube, &request, NULL, err);
}

static struct value rest(struct kube *kube, const struct power *power)
{
	return is_count(power) ? value_int(kube->arena, 0) : value_bool(true);
}

/* How it is when it does not rest, as the note says it. */
static const char *what_it_has(struct kube *kube, const struct power *power,
	const struct value *object)
{
	const struct value *spec = value_get(object, "spec");

	if (is_count(power))
		return kube_printf(kube, "%lld", (long long)value_get_int(spec, "replicas", 1));
	return value_get_bool(spec, "suspend", false) ? NULL : "false";
}

static struct value what_it_had(struct kube *kube, const struct power *power, const char *note)
{
	return is_count(power) ? value_int(kube->arena, strtoll(note, NULL, 10))
			       : value_bool(false);
}

static int lay_down(struct kube *kube, const struct kube_object *object, const struct power *power,
	const struct value *live, struct error *err)
{
	const char *has = what_it_has(kube, power, live);
	struct value spec = wrap(kube->arena, power->field, rest(kube, power)), change;

	if (kube_is_resting(live) || !has)
		return 0;
	change = change_of(kube, live, value_str(kube->arena, has), &spec);
	return send(kube, object, &change, err);
}

static int wake(struct kube *kube, const struct kube_object *object, const struct power *power,
	const struct value *live, struct error *err)
{
	struct value spec = wrap(kube->arena, power->field,
		what_it_had(kube, power, note_of(live)));
	struct value change = change_of(kube, live, value_null, &spec);

	return send(kube, object, &change, err);
}

/* The intent in the template: repeated, it is the same. */
static int roll(struct kube *kube, const struct kube_object *object, const struct value *live,
	struct error *err)
{
	struct value note = wrap(kube->arena, KUBE_NOTE_RESTARTED,
		value_str(kube->arena, kube->env->intent ? kube->env->intent : ""));
	struct value spec = wrap(kube->arena, "template",
		wrap(kube->arena, "metadata", wrap(kube->arena, "annotations", note)));
	struct value change = change_of(kube, live, (struct value){.kind = VALUE_UNKNOWN}, &spec);

	return send(kube, object, &change, err);
}

/* --- all of a record ---------------------------------------------------------------------------- */

static int change_one(struct kube *kube, const struct kube_object *object,
	const struct power *power, const struct request *request, const struct value *live,
	struct error *err)
{
	bool anew = request->observed && request->observed->runs;

	if (request->act == ACT_STOP) {
		if (power->field)
			return lay_down(kube, object, power, live, err);
		provider_note(kube->env, "%s cannot be stopped: it goes on", object->ref);
		return 0;
	}
	if (power->field && kube_is_resting(live))
		return wake(kube, object, power, live, err);
	return anew && power->rolls ? roll(kube, object, live, err) : 0;
}

/* Somebody else (its controller) may write at the same moment: then it is looked at again. */
static int change_object(struct kube *kube, struct kube_object *object,
	const struct request *request, struct kube_dependents *dependents, struct error *err)
{
	const struct power *power = power_of(object);
	struct error own = ERROR_INIT;

	for (int tries = 1; power; tries++) {
		struct kube_reply live;
		bool there;

		own = (struct error)ERROR_INIT;
		if (kube_object_get(kube, object, NULL, &live, &there, &own) || !there)
			break;
		if (tries == 1 && request->act == ACT_STOP && power->field && is_count(power))
			kube_dependents_note(kube, object, dependents);
		if (!change_one(kube, object, power, request, live.body, &own) ||
			own.code != ERROR_CONFLICT || tries == TRIES || kube_pause(kube, PAUSE, &own))
			break;
	}
	if (!own.code)
		return 0;
	*err = own;
	return error_wrap(err, "%s", object->ref);
}

int kube_power(struct kube *kube, const struct request *request, struct outcome *outcome,
	struct error *err)
{
	struct kube_dependents dependents = {0};
	struct kube_objects objects = {0};

	outcome->exists = true;
	outcome->id = request->record->id;
	outcome->endpoint = kube->id;
	kube_inventory_read(kube->arena, record_outputs(request->record, NULL), &objects);
	for (size_t i = 0; i < objects.n; i++)
		if (change_object(kube, &objects.items[i], request, &dependents, err))
			return -1;
	return kube_dependents_wait(kube, &dependents, err);
}

/* --- applying what rests ------------------------------------------------------------------------ */

struct value kube_at_rest(struct kube *kube, const struct kube_object *object,
	const struct value *body)
{
	const struct power *power = power_of(object);
	const struct value *spec = value_get(body, "spec");
	struct value_builder map, changed;

	if (!power || !power->field || !what_it_has(kube, power, body))
		return *body;
	builder_init(&changed, kube->arena);
	for (uint32_t i = 0; spec && spec->kind == VALUE_MAP && i < spec->len; i++)
		if (strcmp(spec->members[i].key, power->field) != 0)
			builder_put(&changed, spec->members[i].key, spec->members[i].value);
	builder_put(&changed, power->field, rest(kube, power));
	builder_init(&map, kube->arena);
	for (uint32_t i = 0; i < body->len; i++)
		if (strcmp(body->members[i].key, "spec") != 0)
			builder_put(&map, body->members[i].key, body->members[i].value);
	builder_put(&map, "spec", builder_map(&changed));
	return builder_map(&map);
}

const char *kube_rest_differs(struct kube *kube, const struct kube_object *object,
	const struct value *body, const struct value *live)
{
	const struct power *power = power_of(object);
	const char *has = power && power->field ? what_it_has(kube, power, body) : NULL;

	return has && note_of(live) && !strcmp(note_of(live), has) ? NULL : has;
}

int kube_note_rest(struct kube *kube, const struct kube_object *object, const struct value *body,
	const struct value *live, struct error *err)
{
	const char *has = kube_rest_differs(kube, object, body, live);
	struct value change;

	if (!has)
		return 0;
	change = change_of(kube, live, value_str(kube->arena, has), NULL);
	return send(kube, object, &change, err);
}
