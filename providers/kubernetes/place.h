/*
 * Things in a cluster, whoever puts them there (objects, releases): they have an attribute `cluster`
 * {kubeconfig, context}, and their records bear the identity of the cluster as endpoint.
 */
#ifndef DEVENV_KUBERNETES_PLACE_H
#define DEVENV_KUBERNETES_PLACE_H

#include "providers/kubernetes/api/client.h"

/* The attribute of what is recorded. */
const struct value *kube_cluster_of(struct record *record);
/* Can it be opened: a map without unknowns? */
bool kube_cluster_is_known(const struct value *cluster);
/* kube_open and kube_identify. Another cluster than that of `record` (or NULL) is ERROR_UNREACHABLE. */
int kube_open_for(struct kube *kube, struct provider_env *env, const struct value *cluster,
	const struct record *record, struct error *err);
/* For an import: the cluster that is desired, which must be known. */
int kube_open_to_import(struct kube *kube, struct provider_env *env, const struct observation *item,
	struct error *err);
/*
 * Calls `observe` once a cluster, with the items that are on it, all PRESENCE_UNKNOWN. Those whose
 * cluster does not answer, is another one or is not known yet are dealt with here.
 */
void kube_observe_clusters(struct provider_env *env, struct observe_request *request,
	void (*observe)(struct kube *kube, struct observation **items, size_t n));
/* talk/copy.c: the members `places` and `copy`, from the same inventory: the containers of its pods. */
int kube_places(struct provider_env *env, struct record *record, const char *const **out, size_t *n,
	struct error *err);
int kube_copy(struct provider_env *env, struct record *record, const struct copy_request *request,
	struct error *err);
/* The members `ready` and `await`, from the inventory in the record's outputs. */
enum readiness kube_probe(struct provider_env *env, struct record *record,
	const struct probe *probe, const struct value *spec, const char **why);
enum readiness kube_probe_await(struct provider_env *env, struct record *record,
	const struct probe *probe, const struct value *spec, const char **why);

#endif
