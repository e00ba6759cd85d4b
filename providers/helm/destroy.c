/*
 * Uninstalling, and waiting until what was installed is gone, with its pods. What helm leaves behind by
 * design is told: definitions, objects that the chart wants kept, and the claims of stateful sets.
 */
#include "providers/helm/helm.h"

#include <string.h>

/* --- what is left ------------------------------------------------------------------------------- */

/* Claims that stateful sets have made: TEMPLATE-SET-NUMBER. They hold data, and stay. */
static void note_claims(struct kube *kube, struct kube_object *object, struct value_builder *prefixes)
{
	const struct value *templates;
	struct kube_reply reply;
	bool there;

	if (strcmp(object->kind, "StatefulSet") != 0 ||
		kube_object_get(kube, object, NULL, &reply, &there, NULL) || !there)
		return;
	templates = value_path(reply.body, "spec.volumeClaimTemplates");
	for (uint32_t i = 0; templates && templates->kind == VALUE_LIST && i < templates->len; i++)
		builder_put_str(prefixes, kube_printf(kube, "%s-%s-",
			value_text(value_path(&templates->items[i], "metadata.name"), ""), object->name),
			object->namespace);
}

static void tell_claims(struct kube *kube, const char *namespace, const char *prefix)
{
	struct kube_request request = {.accept = KUBE_METADATA_LIST,
		.path = kube_printf(kube, "/api/v1/namespaces/%s/persistentvolumeclaims",
			http_escape(kube->arena, namespace, ""))};
	const struct value *items;
	struct kube_reply reply;

	if (kube_call(kube, &request, &reply, NULL))
		return;
	items = value_get(reply.body, "items");
	for (uint32_t i = 0; items && items->kind == VALUE_LIST && i < items->len; i++) {
		const char *name = value_text(value_path(&items->items[i], "metadata.name"), "");

		if (!strncmp(name, prefix, strlen(prefix)))
			provider_note(kube->env, "left: PersistentVolumeClaim/%s/%s, with its data",
				namespace, name);
	}
}

static void tell_left(struct kube *kube, struct kube_objects *objects,
	const struct value *definitions, const struct value *claims)
{
	for (size_t i = 0; i < objects->n; i++) {
		struct kube_object *object = &objects->items[i];
		struct kube_reply reply;
		bool there;

		if (!kube_object_get(kube, object, NULL, &reply, &there, NULL) && there &&
			!value_path(reply.body, "metadata.deletionTimestamp"))
			provider_note(kube->env, "left: %s, which the chart wants kept", object->ref);
	}
	for (uint32_t i = 0; i < claims->len; i++)
		tell_claims(kube, value_text(&claims->members[i].value, ""), claims->members[i].key);
	for (uint32_t i = 0; definitions && definitions->kind == VALUE_LIST && i < definitions->len; i++)
		provider_note(kube->env, "left: definition %s", value_text(&definitions->items[i], ""));
}

/* --- uninstalling ------------------------------------------------------------------------------- */

static int uninstall(struct kube *kube, struct record *record, const char *namespace,
	const char *name, struct error *err)
{
	struct helm_args args = {.n = 0};
	struct helm helm;

	if (helm_open(&helm, kube, err))
		return -1;
	helm_args(&args, "uninstall", name, "--namespace", namespace, "--wait", "--ignore-not-found",
		"--timeout", helm_timeout(&helm), NULL);
	if (!value_get_bool(record_inputs(record, NULL), "hooks", true))
		helm_arg(&args, "--no-hooks");
	return helm_run(&helm, &args, NULL, HELM_ACTS, NULL, err);
}

static int check(struct kube *kube, struct record *record, const struct helm_revisions *all,
	const struct helm_revision *found, struct error *err)
{
	const char *intent = value_get_text(record_outputs(record, NULL), "intent", NULL);
	const char *message = NULL;

	if (helm_owner(kube, found, NULL, &message) == OWNER_OTHER)
		return error_set(err, ERROR_CONFLICT, "release %s/%s belongs to %s now: it stays",
			found->namespace, found->name, message);
	/* One that is on its way out is only helped along. */
	if (helm_is_pending(found) && strcmp(found->status, "uninstalling") != 0 && intent &&
		!helm_is_left_by_us(kube, all, found, NULL, intent))
		return error_set(err, ERROR_CONFLICT,
			"somebody else is at release %s/%s (%s): wait for it, or roll it back",
			found->namespace, found->name, helm_told(kube, found));
	return 0;
}

int helm_destroy(struct kube *kube, struct record *record, struct error *err)
{
	const struct value *inputs = record_inputs(record, NULL), *outputs = record_outputs(record, NULL);
	const char *id = record->id ? record->id : helm_id(kube, inputs, record->address, 0);
	struct kube_dependents dependents = {0};
	const struct helm_revision *found;
	struct helm_revisions all = {0};
	struct kube_objects objects = {0};
	struct value_builder prefixes;
	const char *namespace, *name;
	struct value claims;

	helm_id_split(kube->arena, id, &namespace, &name);
	if (helm_list(kube, namespace, name, &all, err))
		return -1;
	found = helm_newest(&all, namespace, name);
	if (!found)
		return 0;
	if (check(kube, record, &all, found, err))
		return -1;
	kube_inventory_read(kube->arena, outputs, &objects);
	builder_init(&prefixes, kube->arena);
	for (size_t i = 0; i < objects.n; i++) {
		kube_dependents_note(kube, &objects.items[i], &dependents);
		note_claims(kube, &objects.items[i], &prefixes);
	}
	claims = builder_map(&prefixes);
	if (uninstall(kube, record, namespace, name, err))
		return error_wrap(err, "cannot uninstall release %s", id);
	tell_left(kube, &objects, value_get(outputs, "definitions"), &claims);
	return kube_dependents_wait(kube, &dependents, err);
}
