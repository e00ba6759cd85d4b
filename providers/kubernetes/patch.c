/*
 * One server-side apply, and what may change about it: a field that an autoscaler looks after is not
 * sent, a conflict is told with who holds the field.
 */
#include "providers/kubernetes/kubernetes.h"

#include <string.h>

#define APPLY_TYPE "application/apply-patch+yaml" /* JSON is YAML */

static int explain(struct kube *kube, const struct kube_object *object,
	const struct kube_reply *reply, struct error *err)
{
	const char *conflicts = NULL;

	if (reply->status == 409)
		conflicts = kube_conflicts(kube->arena, reply->body);
	if (conflicts)
		return error_set(err, ERROR_CONFLICT,
			"%s: %s: take it over with --force-conflicts, or for good with "
			"`forceConflicts: true`, or list it in lifecycle.ignoreChanges", object->ref, conflicts);
	if (reply->status == 409 && err) /* somebody wrote at the same moment */
		err->code = ERROR_TRANSIENT;
	return error_wrap(err, "%s", object->ref);
}

static int patch(struct kube *kube, const struct kube_object *object, const struct value *body,
	unsigned flags, struct kube_reply *reply, struct error *err)
{
	struct kube_request request = {
		.method = "PATCH",
		.type = APPLY_TYPE,
		.body = body,
		.path = kube_printf(kube, "%s?fieldManager=%s&fieldValidation=%s&force=%s%s",
			kube_object_path(kube, object, object->name), KUBE_MANAGER,
			flags & KUBE_LENIENT ? "Ignore" : "Strict",
			flags & KUBE_FORCE ? "true" : "false", flags & KUBE_DRY_RUN ? "&dryRun=All" : ""),
	};

	return kube_call(kube, &request, reply, err);
}

int kube_patch(struct kube *kube, const struct kube_object *object, const struct value *body,
	unsigned flags, struct kube_reply *reply, struct error *err)
{
	int rc = patch(kube, object, body, flags, reply, err);

	/* What `devenv start` set back is taken over. */
	if (rc && reply->status == 409 && kube_conflicts_only_with(reply->body, KUBE_POWER_MANAGER))
		rc = patch(kube, object, body, flags | KUBE_FORCE, reply, err);
	return rc ? explain(kube, object, reply, err) : 0;
}

bool kube_refuses_anew(struct kube *kube, const struct kube_object *object, const struct value *body,
	struct error *err)
{
	struct kube_request request = {
		.method = "POST",
		.type = "application/json",
		.body = body,
		.path = kube_printf(kube, "%s?fieldManager=%s&fieldValidation=Strict&dryRun=All",
			kube_object_path(kube, object, NULL), KUBE_MANAGER),
	};
	struct kube_reply reply = {0};

	if (!kube_call(kube, &request, &reply, err) || reply.status != 422)
		return false;
	/* An address or a port that it has now and will give back. */
	if (strstr(err->msg, "already allocated"))
		return false;
	error_wrap(err, "%s", object->ref);
	return true;
}

bool kube_must_force(const struct kube_object *known, const struct kube_object *object)
{
	/* What others set since was ours, or is to become ours (imported): it is taken back. */
	return known && (!known->digest || (object->digest && !strcmp(known->digest, object->digest)));
}

/* --- autoscalers -------------------------------------------------------------------------------- */

static bool targets(const struct value *scaler, const struct kube_object *object)
{
	const struct value *target = value_path(scaler, "spec.scaleTargetRef");

	return !strcmp(value_get_text(target, "kind", ""), object->kind) &&
	       !strcmp(value_get_text(target, "name", ""), object->name);
}

bool kube_is_autoscaled(struct kube *kube, const struct kube_object *object)
{
	static const char metadata[] =
		"application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
	struct kube_request own = {.accept = metadata,
		.path = kube_object_path(kube, object, object->name)};
	struct kube_reply reply;
	const struct value *items;
	const char *state;
	bool found = false;

	if (!object->namespaced || kube_get(kube, kube_printf(kube,
			"/apis/autoscaling/v2/namespaces/%s/horizontalpodautoscalers", object->namespace),
			&reply, NULL))
		return false;
	items = value_get(reply.body, "items");
	for (uint32_t i = 0; items && items->kind == VALUE_LIST && i < items->len; i++)
		found = found || targets(&items->items[i], object);
	if (!found || kube_call(kube, &own, &reply, NULL))
		return false;
	/* As long as it is ours, not sending it would be taking it out. */
	state = kube_state(kube->arena, reply.body);
	return strncmp(state, "applied ", 8) == 0 && !strstr(state, KUBE_OWNS_REPLICAS);
}
