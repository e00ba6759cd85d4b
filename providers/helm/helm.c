/*
 * The provider. It opens one conversation a call and cluster, and hands over to the file of the stage.
 * Nothing is kept between calls.
 */
#include "providers/helm/helm.h"
#include "providers/kubernetes/talk/talk.h"

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

/* What runs belongs to the chart: how many of it, helm says. */
static bool helm_can(struct record *record, enum ability ability)
{
	return ability == CAN_TALK && kube_can(record, ability);
}

static int import(struct provider_env *env, const struct type *type, const char *id,
	struct observation *out, struct error *err)
{
	struct kube kube;
	int rc;

	(void)type;
	if (kube_open_to_import(&kube, env, out, err) < 0)
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
	.locks = helm_locks,
	.resolve = helm_resolve,
	.observe = observe,
	.apply = apply,
	.destroy = destroy,
	.ready = kube_probe,
	.await = kube_probe_await,
	.import = import,
	.places = kube_places,
	.copy = kube_copy,
	.can = helm_can,
	.logs = kube_talk_logs,
	.exec = kube_talk_exec,
	.forward = kube_talk_forward,
};
