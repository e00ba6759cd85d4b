/*
 * What kinds a cluster has: aggregated discovery (two requests), or group by group on servers before
 * 1.27. It changes when a CRD or an aggregated API comes: fetched once a call, and again when told.
 */
#ifndef DEVENV_KUBERNETES_DISCOVERY_H
#define DEVENV_KUBERNETES_DISCOVERY_H

#include "providers/kubernetes/api/client.h"

struct kube_kind {
	const char *group, *version; /* group "": core */
	const char *kind, *plural;
	bool namespaced;
	bool listable;               /* can be listed and deleted */
	bool preferred;              /* its version is the group's first one */
};

struct kube_discovery {
	struct kube_kind *kinds;
	size_t n, cap;
	const char **broken; /* "group/version" of groups that cannot be read now */
	size_t n_broken, cap_broken;
};

/* Asks unless it was asked already. */
int kube_discover(struct kube *kube, struct error *err);
/* What was found is forgotten: a CRD was made. */
void kube_discover_again(struct kube *kube);
/*
 * The kind in `api_version` ("apps/v1"). NULL in *out: the cluster has none such, also not when asked
 * again. ERROR_TRANSIENT: its group cannot be read now.
 */
int kube_kind_find(struct kube *kube, const char *api_version, const char *kind,
	const struct kube_kind **out, struct error *err);
/* For a person's "Deployment.apps" or "ConfigMap": in the group's preferred version. */
int kube_kind_named(struct kube *kube, const char *name, const struct kube_kind **out,
	struct error *err);

#endif
