/*
 * Which pods are behind what was applied. Labels are anybody's: a pod is ours when its owner is, and the
 * name of what stands between a Deployment or CronJob and its pods says whose it is.
 */
#include "providers/kubernetes/power.h"
#include "providers/kubernetes/talk/talk.h"

#include <string.h>

static bool is_of(const char *api_version, const char *group)
{
	size_t len = strlen(group);

	return len ? !strncmp(api_version, group, len) && api_version[len] == '/'
		   : !strchr(api_version, '/');
}

/* What makes pods: its kind and group, and the kind between it and them (NULL: none). */
static const struct maker {
	const char *kind, *group, *between;
} makers[] = {
	{"Deployment", "apps", "ReplicaSet"},
	{"StatefulSet", "apps", NULL},
	{"DaemonSet", "apps", NULL},
	{"ReplicaSet", "apps", NULL},
	{"Job", "batch", NULL},
	{"CronJob", "batch", "Job"},
	{"ReplicationController", "", NULL},
	{"Pod", "", NULL},
};

static const struct maker *maker_of(const struct kube_object *object)
{
	for (size_t i = 0; i < ARRAY_SIZE(makers); i++)
		if (!strcmp(makers[i].kind, object->kind) && is_of(object->api_version, makers[i].group))
			return &makers[i];
	return NULL;
}

bool kube_has_pods(const struct kube_object *object)
{
	return maker_of(object) != NULL;
}

/* "web-5d8f" with the hash 5d8f is of "web"; "night-29394720" of the CronJob "night". */
static bool is_between(const char *name, const char *owner, const char *hash)
{
	size_t len = strlen(owner);

	if (strncmp(name, owner, len) != 0 || name[len] != '-')
		return false;
	name += len + 1;
	return hash ? !strcmp(name, hash) : *name && name[strspn(name, "0123456789")] == '\0';
}

static bool is_owned(const struct kube_object *object, const struct maker *maker,
	const struct value *pod)
{
	const struct value *owners = value_path(pod, "metadata.ownerReferences");
	const char *hash = value_get_text(value_path(pod, "metadata.labels"), "pod-template-hash", "");

	for (uint32_t i = 0; owners && owners->kind == VALUE_LIST && i < owners->len; i++) {
		const char *kind = value_get_text(&owners->items[i], "kind", "");
		const char *name = value_get_text(&owners->items[i], "name", "");

		if (maker->between
				? !strcmp(kind, maker->between) && is_between(name, object->name,
					  strcmp(maker->between, "Job") ? hash : NULL)
				: !strcmp(kind, maker->kind) && !strcmp(name, object->name))
			return true;
	}
	return false;
}

bool kube_is_pod_of(const struct kube_objects *objects, const struct value *pod)
{
	const char *namespace = value_text(value_path(pod, "metadata.namespace"), "");
	const char *name = value_text(value_path(pod, "metadata.name"), "");

	for (size_t i = 0; i < objects->n; i++) {
		const struct kube_object *object = &objects->items[i];
		const struct maker *maker = maker_of(object);

		if (!maker || !object->namespace || strcmp(object->namespace, namespace) != 0)
			continue;
		if (strcmp(object->kind, "Pod") ? is_owned(object, maker, pod)
						: !strcmp(object->name, name))
			return true;
	}
	return false;
}

const char *const *kube_pod_namespaces(struct kube *kube, const struct kube_objects *objects)
{
	const char **names = arena_alloc(kube->arena, (objects->n + 1) * sizeof(*names));
	size_t n = 0;

	for (size_t i = 0; i < objects->n; i++) {
		const char *namespace = objects->items[i].namespace;
		bool known = !namespace || !kube_has_pods(&objects->items[i]);

		for (size_t k = 0; !known && k < n; k++)
			known = !strcmp(names[k], namespace);
		if (!known)
			names[n++] = namespace;
	}
	names[n] = NULL;
	return names;
}

const struct value *kube_pods(struct kube *kube, const char *namespace, const char **version,
	struct error *err)
{
	const struct value *items;
	struct kube_reply reply;

	if (kube_get(kube, kube_printf(kube, "/api/v1/namespaces/%s/pods",
			http_escape(kube->arena, namespace, "")), &reply, err))
		return NULL;
	if (version)
		*version = value_text(value_path(reply.body, "metadata.resourceVersion"), "");
	items = value_get(reply.body, "items");
	return items && items->kind == VALUE_LIST ? items : &value_null;
}

bool kube_can(struct record *record, enum ability ability)
{
	struct kube_objects objects = {0};
	struct arena arena = ARENA_INIT;
	bool can = false;

	kube_inventory_read(&arena, record_outputs(record, NULL), &objects);
	for (size_t i = 0; i < objects.n && !can; i++)
		can = ability == CAN_TALK ? kube_has_pods(&objects.items[i])
					  : kube_can_scale(&objects.items[i]);
	arena_release(&arena);
	return can;
}

/* --- containers --------------------------------------------------------------------------------- */

static uint32_t length(const struct value *list)
{
	return list && list->kind == VALUE_LIST ? list->len : 0;
}

void kube_pod_containers(struct arena *arena, const struct value *pod,
	void (*see)(void *arg, const struct kube_container *container), void *arg)
{
	static const char *const lists[] = {"status.initContainerStatuses",
		"status.containerStatuses"};
	bool several = length(value_path(pod, "spec.initContainers")) +
		length(value_path(pod, "spec.containers")) > 1;

	for (size_t k = 0; k < ARRAY_SIZE(lists); k++) {
		const struct value *list = value_path(pod, lists[k]);

		for (uint32_t i = 0; i < length(list); i++) {
			const struct value *status = &list->items[i];
			struct kube_container container = {
				.namespace = value_text(value_path(pod, "metadata.namespace"), ""),
				.pod = value_text(value_path(pod, "metadata.name"), ""),
				.name = value_get_text(status, "name", ""),
				.id = value_get_text(status, "containerID", ""),
				.runs = value_path(status, "state.running") != NULL,
				.ready = value_get_bool(status, "ready", false),
			};

			if (!*container.id)
				continue; /* it has not begun */
			container.part = several ? arena_printf(arena, "%s/%s", container.pod, container.name)
						 : container.pod;
			see(arg, &container);
		}
	}
}

struct search {
	const char *part;
	const char *wanted; /* the pod's own word for its first container */
	struct kube_container *out;
	bool found, exact;
};

static bool is_named(const struct kube_container *container, const char *part, bool *exact)
{
	size_t len = strlen(container->pod);

	*exact = !strcmp(part, container->name) ||
		 (!strncmp(part, container->pod, len) && part[len] == '/' &&
			 !strcmp(part + len + 1, container->name));
	return *exact || !strcmp(part, container->pod);
}

static void try_container(void *arg, const struct kube_container *container)
{
	struct search *search = arg;
	bool exact = search->wanted && !strcmp(search->wanted, container->name);
	bool better;

	if (!container->runs || (search->part && !is_named(container, search->part, &exact)))
		return;
	better = !search->found || (container->ready && !search->out->ready) ||
		 (exact && !search->exact && !strcmp(container->pod, search->out->pod) &&
			 container->ready == search->out->ready);
	if (!better)
		return;
	*search->out = *container;
	search->found = true;
	search->exact = exact;
}

int kube_container_find(struct kube *kube, const struct kube_objects *objects, const char *part,
	struct kube_container *out, struct error *err)
{
	const char *const *namespaces = kube_pod_namespaces(kube, objects);
	struct search search = {.part = part, .out = out};

	for (; *namespaces; namespaces++) {
		const struct value *pods = kube_pods(kube, *namespaces, NULL, err);

		if (!pods)
			return -1;
		for (uint32_t i = 0; i < length(pods); i++) {
			const struct value *pod = &pods->items[i];

			if (value_path(pod, "metadata.deletionTimestamp") || !kube_is_pod_of(objects, pod))
				continue;
			search.wanted = value_get_text(value_path(pod, "metadata.annotations"),
				"kubectl.kubernetes.io/default-container", NULL);
			kube_pod_containers(kube->arena, pod, try_container, &search);
		}
	}
	if (search.found)
		return 0;
	return part ? error_set(err, ERROR_NOT_FOUND, "no pod or container that runs is called %s", part)
		    : error_set(err, ERROR_NOT_FOUND, "no pod of it runs");
}
