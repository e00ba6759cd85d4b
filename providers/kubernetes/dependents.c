/*
 * What the cluster itself makes of a workload. Deleting a Deployment returns at once, and its pods go in
 * their own time: destroying waits for them, so that nothing is left that uses a volume or a port. They
 * are known by the uids of their owners, which have to be asked for before the owner is deleted.
 */
#include "providers/kubernetes/kubernetes.h"

#include <string.h>

#define MANY "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"

enum { PERIOD = 250 };

/* Kinds whose pods bear the uid of the object, or that of a thing between the two. */
static const struct {
	const char *kind, *api_version;
	const char *root, *between; /* "/apis/apps/v1", "replicasets"; NULL: nothing is between */
} workloads[] = {
	{"Deployment", "apps/", "/apis/apps/v1", "replicasets"},
	{"CronJob", "batch/", "/apis/batch/v1", "jobs"},
	{"ReplicaSet", "apps/", NULL, NULL},
	{"StatefulSet", "apps/", NULL, NULL},
	{"DaemonSet", "apps/", NULL, NULL},
	{"Job", "batch/", NULL, NULL},
	{"ReplicationController", "v1", NULL, NULL},
};

static bool has_owner(const struct value *item, const char *uid)
{
	const struct value *owners = value_path(item, "metadata.ownerReferences");

	for (uint32_t i = 0; owners && owners->kind == VALUE_LIST && i < owners->len; i++)
		if (!strcmp(value_get_text(&owners->items[i], "uid", ""), uid))
			return true;
	return false;
}

static void add(struct kube *kube, struct kube_dependents *dependents, const char *namespace,
	const char *uid)
{
	ARENA_GROW(kube->arena, dependents->items, dependents->n, dependents->cap);
	dependents->items[dependents->n++] = (struct kube_dependent){namespace, uid};
}

void kube_dependents_note(struct kube *kube, const struct kube_object *object,
	struct kube_dependents *dependents)
{
	struct kube_request request = {.accept = MANY, .once = true};
	const struct value *items;
	struct kube_reply reply;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(workloads); i++)
		if (!strcmp(workloads[i].kind, object->kind) && !strncmp(object->api_version,
				workloads[i].api_version, strlen(workloads[i].api_version)))
			break;
	if (i == ARRAY_SIZE(workloads) || !object->namespace || !object->uid)
		return;
	add(kube, dependents, object->namespace, object->uid);
	if (!workloads[i].between)
		return;
	request.path = kube_printf(kube, "%s/namespaces/%s/%s", workloads[i].root,
		http_escape(kube->arena, object->namespace, ""), workloads[i].between);
	if (kube_call(kube, &request, &reply, NULL))
		return; /* who may not look does not wait */
	items = value_get(reply.body, "items");
	for (uint32_t k = 0; items && items->kind == VALUE_LIST && k < items->len; k++)
		if (has_owner(&items->items[k], object->uid))
			add(kube, dependents, object->namespace,
				value_text(value_path(&items->items[k], "metadata.uid"), ""));
}

/* The name of a pod in this namespace that one of them owns; NULL: there is none, or nobody can say. */
static const char *find_pod(struct kube *kube, const struct kube_dependents *dependents,
	const char *namespace)
{
	struct kube_request request = {.accept = MANY, .path = kube_printf(kube,
		"/api/v1/namespaces/%s/pods", http_escape(kube->arena, namespace, ""))};
	const struct value *items;
	struct kube_reply reply;

	if (kube_call(kube, &request, &reply, NULL))
		return NULL;
	items = value_get(reply.body, "items");
	for (uint32_t i = 0; items && items->kind == VALUE_LIST && i < items->len; i++)
		for (size_t k = 0; k < dependents->n; k++)
			if (has_owner(&items->items[i], dependents->items[k].uid))
				return value_text(value_path(&items->items[i], "metadata.name"), "?");
	return NULL;
}

int kube_dependents_wait(struct kube *kube, const struct kube_dependents *dependents,
	struct error *err)
{
	for (size_t i = 0; i < dependents->n; i++) {
		const char *namespace = dependents->items[i].namespace, *pod;

		if (i && !strcmp(namespace, dependents->items[i - 1].namespace))
			continue;
		while ((pod = find_pod(kube, dependents, namespace)))
			if (kube_pause(kube, PERIOD, err))
				return err->code == ERROR_TIMEOUT ? error_set(err, ERROR_TIMEOUT,
					"pod %s in namespace %s does not end", pod, namespace) : -1;
	}
	return 0;
}
