/*
 * The provider. It opens one conversation a call and cluster (place.c) and hands over to the file of
 * the stage. Nothing is kept between calls.
 */
#include "providers/kubernetes/kubernetes.h"

#include "providers/kubernetes/inputs.h"
#include "providers/kubernetes/lease.h"
#include "providers/kubernetes/place.h"
#include "providers/kubernetes/power.h"
#include "providers/kubernetes/secret.h"
#include "providers/kubernetes/talk/talk.h"

#include <string.h>

static const char *const type_names[] = {"kubernetes_manifest", KUBE_SECRET_TYPE, NULL};

static bool is_secret(const char *type)
{
	return strcmp(type, KUBE_SECRET_TYPE) == 0;
}

static void observe_both(struct kube *kube, struct observation **items, size_t n)
{
	size_t rest = 0;

	for (size_t i = 0; i < n; i++) {
		if (is_secret(items[i]->type->name))
			kube_secret_observe(kube, items[i]);
		else
			items[rest++] = items[i];
	}
	if (rest)
		kube_observe(kube, items, rest);
}

static int observe(struct provider_env *env, struct observe_request *request, struct error *err)
{
	(void)err;
	kube_observe_clusters(env, request, observe_both);
	return 0;
}

/* --- act ---------------------------------------------------------------------------------------- */

static int act(struct kube *kube, const struct request *request, struct outcome *outcome,
	struct error *err)
{
	bool power = request->act == ACT_START || request->act == ACT_STOP;
	struct kube_lease lease;
	int rc;

	if (kube_lease_take(kube, kube_namespace(kube, power ? record_inputs(request->record, NULL)
			: request->inputs), &lease, err))
		return -1;
	rc = power ? kube_power(kube, request, outcome, err) : kube_apply(kube, request, outcome, err);
	kube_lease_release(kube, &lease);
	return rc;
}

static int apply(struct provider_env *env, const struct request *request, struct outcome *outcome,
	struct error *err)
{
	bool power = request->act == ACT_START || request->act == ACT_STOP;
	struct kube kube;
	int rc;

	if (kube_open_for(&kube, env, power ? kube_cluster_of(request->record)
			: value_get(request->inputs, "cluster"),
			request->act == ACT_CREATE ? NULL : request->record, err))
		return -1;
	rc = is_secret(request->type->name) ? kube_secret_apply(&kube, request, outcome, err)
					    : act(&kube, request, outcome, err);
	kube_close(&kube);
	return rc;
}

static int destroy(struct provider_env *env, struct record *record, struct error *err)
{
	struct kube_lease lease;
	struct kube kube;
	int rc;

	if (is_secret(record->type))
		return 0; /* it was only read */
	if (kube_open_for(&kube, env, kube_cluster_of(record), record, err))
		return -1;
	rc = kube_lease_take(&kube, kube_namespace(&kube, record_inputs(record, NULL)), &lease, err);
	if (!rc) {
		rc = kube_destroy(&kube, record, err);
		kube_lease_release(&kube, &lease);
	}
	kube_close(&kube);
	return rc;
}

static int import(struct provider_env *env, const struct type *type, const char *id,
	struct observation *out, struct error *err)
{
	struct kube kube;
	int rc;

	if (is_secret(type->name))
		return error_set(err, ERROR_INVALID, "a Secret that is only read needs no import");
	if (kube_open_to_import(&kube, env, out, err) < 0)
		return -1;
	rc = kube_import(&kube, id, out, err);
	kube_close(&kube);
	return rc;
}

const struct provider provider_kubernetes = {
	.name = "kubernetes",
	.types = type_names,
	.validate = kube_validate,
	.claims = kube_claims,
	.conceal = kube_conceal_inputs,
	.digest = kube_digest,
	.observe = observe,
	.apply = apply,
	.destroy = destroy,
	.ready = kube_probe,
	.await = kube_probe_await,
	.import = import,
	.places = kube_places,
	.copy = kube_copy,
	.listen = kube_listen,
	.can = kube_can,
	.parts = true,
	.logs = kube_talk_logs,
	.exec = kube_talk_exec,
	.forward = kube_talk_forward,
};
