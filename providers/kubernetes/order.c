/*
 * The order in which objects of one resource are applied: what others live in or refer to comes first,
 * what lets requests in or judges other objects comes last. Kinds that are not listed (custom
 * resources) come after the workloads, which may hold their operator.
 */
#include "providers/kubernetes/objects.h"

#include <stdlib.h>
#include <string.h>

enum { RANK_CUSTOM = 500 };

/* In this order; see kube_rank_group. */
static const struct {
	const char *kind, *group;
} kinds[] = {
	{"Namespace", ""},
	{"CustomResourceDefinition", "apiextensions.k8s.io"},
	{"PriorityClass", "scheduling.k8s.io"},
	{"RuntimeClass", "node.k8s.io"},
	{"StorageClass", "storage.k8s.io"},
	{"ResourceQuota", ""},
	{"LimitRange", ""},
	{"NetworkPolicy", "networking.k8s.io"},
	{"PodDisruptionBudget", "policy"},
	{"ServiceAccount", ""},
	{"Secret", ""},
	{"ConfigMap", ""},
	{"PersistentVolume", ""},
	{"PersistentVolumeClaim", ""},
	{"ClusterRole", "rbac.authorization.k8s.io"},
	{"ClusterRoleBinding", "rbac.authorization.k8s.io"},
	{"Role", "rbac.authorization.k8s.io"},
	{"RoleBinding", "rbac.authorization.k8s.io"},
	{"Service", ""},
	{"Endpoints", ""},
	{"EndpointSlice", "discovery.k8s.io"},
	{"DaemonSet", "apps"},
	{"Pod", ""},
	{"ReplicationController", ""},
	{"ReplicaSet", "apps"},
	{"Deployment", "apps"},
	{"StatefulSet", "apps"},
	{"Job", "batch"},
	{"CronJob", "batch"},
	{"HorizontalPodAutoscaler", "autoscaling"},
	{"IngressClass", "networking.k8s.io"},
	{"Ingress", "networking.k8s.io"},
	{"APIService", "apiregistration.k8s.io"},
};

static const char *const last[] = {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
	"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"};

int kube_rank(const char *api_version, const char *kind)
{
	const char *slash = strchr(api_version, '/');
	size_t len = slash ? (size_t)(slash - api_version) : 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i].kind, kind) && strlen(kinds[i].group) == len &&
			!strncmp(kinds[i].group, api_version, len))
			return (int)i;
	for (size_t i = 0; i < ARRAY_SIZE(last); i++)
		if (!strcmp(last[i], kind) && !strncmp(api_version, "admissionregistration.k8s.io/", 29))
			return RANK_CUSTOM + 1 + (int)i;
	return RANK_CUSTOM;
}

int kube_rank_group(int rank)
{
	static const char *const first[] = {"CustomResourceDefinition", "PriorityClass", "Service",
		"HorizontalPodAutoscaler"};
	int group = 0;

	if (rank >= RANK_CUSTOM)
		return (int)ARRAY_SIZE(first) + (rank > RANK_CUSTOM ? 2 : 1);
	for (int i = 0; i <= rank; i++)
		for (size_t k = 0; k < ARRAY_SIZE(first); k++)
			group += !strcmp(kinds[i].kind, first[k]);
	return group;
}

struct ranked {
	struct kube_object object;
	int rank;
	size_t at;
};

static int compare(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return x->at < y->at ? -1 : 1; /* as written */
}

void kube_objects_sort(struct kube_objects *objects)
{
	struct ranked *ranked = xmalloc((objects->n + 1) * sizeof(*ranked));

	for (size_t i = 0; i < objects->n; i++)
		ranked[i] = (struct ranked){objects->items[i],
			kube_rank(objects->items[i].api_version, objects->items[i].kind), i};
	qsort(ranked, objects->n, sizeof(*ranked), compare);
	for (size_t i = 0; i < objects->n; i++)
		objects->items[i] = ranked[i].object;
	free(ranked);
}
