/*
 * The provider. It opens one conversation a call and cluster, and hands over to the file of the stage.
 * Nothing is kept between calls.
 */
#include "providers/helm/helm.h"

static const char *const type_names[] = {"helm_release", NULL};

static int observe(struct provider_env *env, struct observe_request *request, struct error *err)
{
	(void)err;
	kube_observe_clusters(env, request, helm_observe);
	return 0;
}

static int apply(struct provider_env *env, const struct request *request, struct outcome *outcome,
	struct error *err)
{
	struct kube kube;
	int rc;

	if (request->act != ACT_CREATE && request->act != ACT_UPDATE)
		return error_set(err, ERROR_INVALID, "a release cannot be started or stopped");
	if (kube_open_for(&kube, env, value_get(request->inputs, "cluster"),
			request->act == ACT_CREATE ? NULL : request->record, err))
		return -1;
	rc = helm_apply(&kube, request, outcome, err);
	kube_close(&kube);
	return rc;
}

static int destroy(struct provider_env *env, struct record *record, struct error *err)
{
	struct kube kube;
	int rc;

	if (kube_open_for(&kube, env, kube_cluster_of(record), record, err))
		return -1;
	rc = helm_destroy(&kube, record, err);
	kube_close(&kube);
	return rc;
}

static int import(struct provider_env *env, const struct type *type, const char *id,
	struct observation *out, struct error *err)
{
	struct kube kube;
	int rc;

	(void)type;
	if (!out->desired || !kube_cluster_is_known(value_get(out->desired, "cluster")))
		return error_set(err, ERROR_INVALID,
			"which cluster it is on is not known: `cluster` must not depend on other resources");
	if (kube_open_for(&kube, env, value_get(out->desired, "cluster"), NULL, err))
		return -1;
	rc = helm_import(&kube, id, out, err);
	kube_close(&kube);
	return rc;
}

const struct provider provider_helm = {
	.name = "helm",
	.types = type_names,
	.validate = helm_validate,
	.claims = helm_claims,
	.digest = helm_digest,
	.observe = observe,
	.apply = apply,
	.destroy = destroy,
	.ready = kube_probe,
	.await = kube_probe_await,
	.import = import,
};
