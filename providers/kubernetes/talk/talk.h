/*
 * Talking to what runs behind objects, whoever put them into the cluster (objects, releases): logs,
 * commands and ports of the pods, and starting them anew. Pods are found by who owns them, from the
 * inventory in the record's outputs.
 */
#ifndef DEVENV_KUBERNETES_TALK_H
#define DEVENV_KUBERNETES_TALK_H

#include "providers/kubernetes/kubernetes.h"

/* --- members of a provider ---------------------------------------------------------------------- */

/* CAN_TALK: an object of it has pods. CAN_STOP: its pods can be scaled away. */
bool kube_can(struct record *record, enum ability ability);
int kube_talk_logs(struct provider_env *env, struct record *record, struct log_request *request,
	struct error *err);
int kube_talk_exec(struct provider_env *env, struct record *record, struct exec_request *request,
	struct error *err);
int kube_talk_forward(struct provider_env *env, struct record *record,
	const struct forward_request *request, struct error *err);

/* --- pods.c ------------------------------------------------------------------------------------- */

/* Does this object make pods, or is it one? */
bool kube_has_pods(const struct kube_object *object);
/* Is this pod one of these objects, or owned by one? */
bool kube_is_pod_of(const struct kube_objects *objects, const struct value *pod);
/* The namespaces that have pods of these objects, each once; NULL-terminated. */
const char *const *kube_pod_namespaces(struct kube *kube, const struct kube_objects *objects);
/* The items of a list of all pods of a namespace; `version` (or NULL): where a watch begins. */
const struct value *kube_pods(struct kube *kube, const char *namespace, const char **version,
	struct error *err);

/* A container that has run or runs. */
struct kube_container {
	const char *namespace, *pod, *name;
	const char *id;   /* another one after each start */
	const char *part; /* "web-5d8", or "web-5d8/main" where the pod has several */
	bool runs, ready;
};
/* Calls `see` for each that has begun, those of its beginning first. */
void kube_pod_containers(struct arena *arena, const struct value *pod,
	void (*see)(void *arg, const struct kube_container *container), void *arg);
/*
 * The container that `part` names ("POD", "CONTAINER", "POD/CONTAINER"; NULL: the first of the pod, or
 * that of its annotation), in a pod that runs, one that is ready before others.
 */
int kube_container_find(struct kube *kube, const struct kube_objects *objects, const char *part,
	struct kube_container *out, struct error *err);

/* --- logs.c, follow.c --------------------------------------------------------------------------- */

/* The log of one container, line by line. `first`: as the request says (since, tail); else all of it. */
int kube_read_log(struct kube *kube, const struct kube_container *container,
	struct log_request *request, bool first, struct error *err);
/* Of all containers, also of those that come. */
int kube_follow(struct kube *kube, const struct kube_objects *objects, struct log_request *request,
	struct error *err);

#endif
