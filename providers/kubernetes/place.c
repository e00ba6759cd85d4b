/*
 * One conversation a call and cluster, whoever puts things into it: finds out which cluster an item is
 * in, and makes sure that the one which answers is the one that was recorded.
 */
#include "providers/kubernetes/place.h"

#include "providers/kubernetes/inputs.h"
#include "providers/kubernetes/kubernetes.h"

#include <string.h>

enum { LAST_LOOK = 10 * 1000 }; /* ms for what is asked when the time of waiting is over */

/* --- one cluster -------------------------------------------------------------------------------- */

/* Another cluster that answers is not the one where things were made: nothing is known about them. */
static bool is_elsewhere(const struct kube *kube, const struct record *record,
	const char **message)
{
	if (!record || !record->endpoint || !strcmp(record->endpoint, kube->id))
		return false;
	*message = arena_printf(kube->arena, "recorded on the cluster %s, now the cluster %s answers at %s",
		record->endpoint, kube->id, kube->where);
	return true;
}

int kube_open_for(struct kube *kube, struct provider_env *env, const struct value *cluster,
	const struct record *record, struct error *err)
{
	const char *message;

	if (kube_open(kube, env, cluster, err))
		return -1;
	if (kube_identify(kube, err)) {
		kube_close(kube);
		return -1;
	}
	if (is_elsewhere(kube, record, &message)) {
		kube_close(kube);
		return error_set(err, ERROR_UNREACHABLE, "%s", message);
	}
	return 0;
}

int kube_open_to_import(struct kube *kube, struct provider_env *env, const struct observation *item,
	struct error *err)
{
	const struct value *cluster = item->desired ? value_get(item->desired, "cluster") : NULL;

	if (!kube_cluster_is_known(cluster))
		return error_set(err, ERROR_INVALID,
			"which cluster it is on is not known: `cluster` must not depend on other resources");
	return kube_open_for(kube, env, cluster, NULL, err);
}

const struct value *kube_cluster_of(struct record *record)
{
	return value_get(record_inputs(record, NULL), "cluster");
}

/* --- observe ------------------------------------------------------------------------------------ */

bool kube_cluster_is_known(const struct value *cluster)
{
	return cluster && cluster->kind == VALUE_MAP && value_is_known(cluster) &&
	       !(cluster->flags & VALUE_TEMPLATE);
}

/* Where it is: as desired, or as recorded when that is not known (yet). */
static const struct value *where_is(const struct observation *o, struct provider_env *env)
{
	const struct value *cluster = o->desired ? value_get(o->desired, "cluster") : NULL;
	struct value inputs;

	if (kube_cluster_is_known(cluster))
		return cluster;
	if (o->record && kube_cluster_is_known(kube_cluster_of(o->record)))
		return kube_cluster_of(o->record);
	if (!o->desired && o->intent && !kube_intent_inputs(env->arena, o->intent, &inputs))
		cluster = value_get(&inputs, "cluster");
	return kube_cluster_is_known(cluster) ? cluster : NULL;
}

static void unknown(struct observation **items, size_t n, const char *message)
{
	for (size_t i = 0; i < n; i++) {
		items[i]->presence = PRESENCE_UNKNOWN;
		items[i]->message = message;
	}
}

/* Items of one cluster. */
static void observe_cluster(struct provider_env *env, const struct value *cluster,
	struct observation **items, size_t n,
	void (*observe)(struct kube *kube, struct observation **items, size_t n))
{
	struct error err = ERROR_INIT;
	struct kube kube;
	size_t here = 0;

	unknown(items, n, NULL);
	if (kube_open_for(&kube, env, cluster, NULL, &err)) {
		unknown(items, n, arena_strdup(env->arena, err.msg));
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (!is_elsewhere(&kube, items[i]->record, &items[i]->message))
			items[here++] = items[i];
		else if (items[i]->stays) /* a run died after it had made our cluster anew */
			items[i]->presence = PRESENCE_ABSENT;
	}
	observe(&kube, items, here);
	kube_close(&kube);
}

/* The cluster does not exist yet: so neither does what is to be in it. */
static void observe_nowhere(struct observation *o)
{
	o->presence = o->record ? PRESENCE_UNKNOWN : PRESENCE_ABSENT;
	o->message = "which cluster it is on is not known yet";
}

void kube_observe_clusters(struct provider_env *env, struct observe_request *request,
	void (*observe)(struct kube *kube, struct observation **items, size_t n))
{
	const struct value **clusters =
		arena_alloc(env->arena, (request->n + 1) * sizeof(*clusters));
	struct observation **items = arena_alloc(env->arena, (request->n + 1) * sizeof(*items));

	for (size_t i = 0; i < request->n; i++) {
		clusters[i] = where_is(&request->items[i], env);
		if (!clusters[i])
			observe_nowhere(&request->items[i]);
	}
	for (size_t i = 0; i < request->n; i++) {
		const struct value *cluster = clusters[i];
		size_t n = 0;

		for (size_t k = i; cluster && k < request->n; k++) {
			if (!clusters[k] || !value_equal(clusters[k], cluster))
				continue;
			items[n++] = &request->items[k];
			clusters[k] = NULL;
		}
		if (n)
			observe_cluster(env, cluster, items, n, observe);
	}
}

/* --- ready -------------------------------------------------------------------------------------- */

static enum readiness look_at(struct provider_env *env, struct record *record,
	const struct probe *probe, int64_t until, const char **why)
{
	struct error err = ERROR_INIT;
	enum readiness readiness;
	struct kube kube;

	if (probe->kind == PROBE_RUNNING)
		return READY_YES; /* applied is enough */
	if (probe->kind != PROBE_HEALTH) {
		*why = "objects are probed by health, http or tcp";
		return READY_FAILED;
	}
	if (kube_open_for(&kube, env, kube_cluster_of(record), record, &err)) {
		*why = arena_strdup(env->arena, err.msg);
		return READY_UNSEEN;
	}
	readiness = until ? kube_await(&kube, record, until, why) : kube_ready(&kube, record, NULL, why);
	kube_close(&kube);
	return readiness;
}

enum readiness kube_probe(struct provider_env *env, struct record *record,
	const struct probe *probe, const struct value *spec, const char **why)
{
	(void)spec;
	return look_at(env, record, probe, 0, why);
}

enum readiness kube_probe_await(struct provider_env *env, struct record *record,
	const struct probe *probe, const struct value *spec, const char **why)
{
	struct provider_env own = *env;

	(void)spec;
	own.deadline += LAST_LOOK;
	return look_at(&own, record, probe, env->deadline, why);
}
