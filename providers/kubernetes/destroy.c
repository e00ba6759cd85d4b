/*
 * Destroying: each object by its uid, so that another one that has taken the name is never touched. The
 * order is that of applying, backwards, in three steps that wait for each other: what needs a
 * definition or lives in a namespace, the definitions, the namespaces.
 */
#include "providers/kubernetes/kubernetes.h"

#include <string.h>

enum { FIRST_LOOK = 20, LONGEST_PAUSE = 1000, TELL_AFTER = 3000 };

static int rank(const struct kube_object *object)
{
	return kube_rank(object->api_version, object->kind);
}

/* 1: it is there and ours to delete; 0: it is not. */
static int look(struct kube *kube, struct kube_object *object, const struct value **live,
	struct error *err)
{
	struct kube_reply reply;
	const char *uid;
	bool there;

	if (kube_object_get(kube, object, NULL, &reply, &there, err))
		return -1;
	if (!there)
		return 0;
	uid = value_text(value_path(reply.body, "metadata.uid"), "");
	*live = reply.body;
	return !object->uid || !strcmp(uid, object->uid);
}

/* Another resource of this environment has taken it over since. */
static bool was_passed_on(const struct kube *kube, const struct value *live, const char *address)
{
	struct kube_mark mark = kube_mark(live);

	return kube_is_ours(kube, &mark) && strcmp(mark.address, address) != 0;
}

static struct value options_of(struct kube *kube, const struct kube_object *object)
{
	struct value_builder options, conditions;

	builder_init(&options, kube->arena);
	builder_init(&conditions, kube->arena);
	builder_put_str(&options, "kind", "DeleteOptions");
	builder_put_str(&options, "apiVersion", "v1");
	builder_put_str(&options, "propagationPolicy", "Background");
	if (object->uid) {
		builder_put_str(&conditions, "uid", object->uid);
		builder_put(&options, "preconditions", builder_map(&conditions));
	}
	return builder_map(&options);
}

static int delete_one(struct kube *kube, struct kube_object *object, const char *address,
	struct kube_dependents *dependents, struct error *err)
{
	const struct value *live = NULL;
	struct error own = ERROR_INIT;
	int there = look(kube, object, &live, err);
	struct value options = options_of(kube, object);
	struct kube_request request = {.method = "DELETE", .body = &options,
		.path = kube_object_path(kube, object, object->name)};

	if (there <= 0 || was_passed_on(kube, live, address))
		return there < 0 ? error_wrap(err, "%s", object->ref) : 0;
	kube_dependents_note(kube, object, dependents);
	if (value_path(live, "metadata.deletionTimestamp"))
		return 0; /* on its way already */
	if (!kube_call(kube, &request, NULL, &own) || own.code == ERROR_NOT_FOUND ||
		own.code == ERROR_CONFLICT) /* gone, or another one stands there now */
		return 0;
	*err = own;
	return error_wrap(err, "cannot delete %s", object->ref);
}

/* --- waiting ------------------------------------------------------------------------------------ */

/* Why it is still there: finalizers, and of a namespace what it says about them. */
static const char *what_holds(struct kube *kube, const struct value *live)
{
	const struct value *list = value_path(live, "metadata.finalizers");
	const struct value *spec = value_path(live, "spec.finalizers");
	const struct value *conditions = value_path(live, "status.conditions");
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if ((!list || !list->len) && spec && spec->kind == VALUE_LIST)
		list = spec;
	for (uint32_t i = 0; list && list->kind == VALUE_LIST && i < list->len; i++)
		strbuf_addf(&text, "%s%s", text.len ? ", " : list->len > 1 ? "finalizers " : "finalizer ",
			value_text(&list->items[i], "?"));
	for (uint32_t i = 0; conditions && conditions->kind == VALUE_LIST && i < conditions->len; i++) {
		const struct value *condition = &conditions->items[i];

		if (!strncmp(value_get_text(condition, "type", ""), "Namespace", 9) &&
			!strcmp(value_get_text(condition, "status", ""), "True"))
			strbuf_addf(&text, "%s%s", text.len ? "; " : "",
				value_get_text(condition, "message", ""));
	}
	return text.len ? arena_strdup(kube->arena, text.text) : "the API server, which names no reason";
}

static int wait_gone(struct kube *kube, struct kube_object *object, const char *address,
	struct error *err)
{
	int64_t start = clock_monotonic(kube->env->clock), pause = FIRST_LOOK;
	const char *holds = "the API server";
	bool told = false;

	for (;;) {
		const struct value *live = NULL;
		int there = look(kube, object, &live, err);

		if (there <= 0)
			return there;
		if (was_passed_on(kube, live, address))
			return 0;
		holds = what_holds(kube, live);
		if (!told && clock_monotonic(kube->env->clock) - start > TELL_AFTER) {
			provider_progress(kube->env, "%s is still held by %s", object->ref, holds);
			told = true;
		}
		if (kube_pause(kube, pause, err))
			return err->code == ERROR_TIMEOUT ? error_set(err, ERROR_TIMEOUT,
				"%s is not gone: it is held by %s", object->ref, holds) : -1;
		pause = pause * 2 < LONGEST_PAUSE ? pause * 2 : LONGEST_PAUSE;
	}
}

/* All objects whose rank is in [from, to): deleted, then waited for. */
static int remove_ranks(struct kube *kube, const struct kube_objects *objects, int from, int to,
	const char *address, struct error *err)
{
	struct kube_dependents dependents = {0};

	for (size_t i = objects->n; i-- > 0;) {
		struct kube_object *object = &objects->items[i];

		if (rank(object) >= from && rank(object) < to && delete_one(kube, object, address,
				&dependents, err))
			return -1;
	}
	for (size_t i = objects->n; i-- > 0;) {
		struct kube_object *object = &objects->items[i];

		if (rank(object) >= from && rank(object) < to && wait_gone(kube, object, address, err))
			return -1;
	}
	return kube_dependents_wait(kube, &dependents, err);
}

int kube_remove(struct kube *kube, struct kube_objects *objects, const char *address,
	struct error *err)
{
	enum { END = 1 << 20 };

	kube_objects_sort(objects);
	return remove_ranks(kube, objects, KUBE_RANK_DEFINITION + 1, END, address, err) ||
	       remove_ranks(kube, objects, KUBE_RANK_DEFINITION, KUBE_RANK_DEFINITION + 1, address,
		       err) ||
	       remove_ranks(kube, objects, KUBE_RANK_NAMESPACE, KUBE_RANK_NAMESPACE + 1, address, err)
		? -1 : 0;
}

int kube_destroy(struct kube *kube, struct record *record, struct error *err)
{
	struct kube_objects objects = {0};

	kube_inventory_read(kube->arena, record_outputs(record, NULL), &objects);
	/* Without an inventory it is what a run that died has made, or a create that failed. */
	if (!objects.n && kube_sweep(kube, record->address,
			kube_namespace(kube, record_inputs(record, NULL)), &objects, err))
		return -1;
	return kube_remove(kube, &objects, kube_marked_as(record), err);
}
