/*
 * Readiness by kind, from an object as the API gives it. What is not ready says what is missing; what
 * cannot become ready any more says so, and waiting ends.
 */
#include "providers/kubernetes/kubernetes.h"

#include <string.h>

static int64_t number(const struct value *object, const char *path, int64_t fallback)
{
	const struct value *value = value_path(object, path);

	return value && value->kind == VALUE_INT ? value->integer : fallback;
}

static const char *text(const struct value *object, const char *path, const char *fallback)
{
	return value_text(value_path(object, path), fallback);
}

/* The condition of this type; NULL: there is none. */
static const struct value *condition(const struct value *object, const char *type)
{
	const struct value *list = value_path(object, "status.conditions");

	for (uint32_t i = 0; list && list->kind == VALUE_LIST && i < list->len; i++)
		if (!strcmp(value_get_text(&list->items[i], "type", ""), type))
			return &list->items[i];
	return NULL;
}

static bool is(const struct value *condition, const char *status)
{
	return condition && !strcmp(value_get_text(condition, "status", ""), status);
}

static const char *because(struct arena *arena, const char *what, const struct value *condition)
{
	const char *reason = value_get_text(condition, "reason", "");
	const char *message = value_get_text(condition, "message", "");

	return arena_printf(arena, "%s%s%s%s%s", what, *reason ? ": " : "", reason,
		*message ? ": " : "", message);
}

static enum readiness wait_for(const char **why, const char *what)
{
	*why = what;
	return READY_WAIT;
}

/* --- workloads ---------------------------------------------------------------------------------- */

/* The controller has not seen the newest spec yet, so its status says nothing about it. */
static bool is_stale(const struct value *object)
{
	return number(object, "status.observedGeneration", 0) < number(object, "metadata.generation", 0);
}

bool kube_waits_for_pods(const struct value *object)
{
	if (strncmp(value_get_text(object, "apiVersion", ""), "apps/", 5) != 0)
		return false;
	return is_stale(object) || (strcmp(value_get_text(object, "kind", ""), "ReplicaSet") != 0 &&
		number(object, "status.updatedReplicas", 0) == 0 &&
		number(object, "status.updatedNumberScheduled", 0) == 0);
}

static enum readiness ready_deployment(struct arena *arena, const struct value *object,
	const char **why)
{
	int64_t want = number(object, "spec.replicas", 1);
	int64_t updated = number(object, "status.updatedReplicas", 0);
	int64_t available = number(object, "status.availableReplicas", 0);
	int64_t all = number(object, "status.replicas", 0);
	const struct value *progress = condition(object, "Progressing");
	const struct value *failure = condition(object, "ReplicaFailure");

	if (is_stale(object))
		return wait_for(why, "its controller has not seen it yet");
	if (is(progress, "False") &&
		!strcmp(value_get_text(progress, "reason", ""), "ProgressDeadlineExceeded")) {
		*why = because(arena, "it makes no progress", progress);
		return READY_FAILED;
	}
	if (is(failure, "True"))
		return wait_for(why, because(arena, "its pods cannot be made", failure));
	if (updated < want)
		return wait_for(why, arena_printf(arena, "%lld of %lld new pods are made",
			(long long)updated, (long long)want));
	if (all > updated)
		return wait_for(why, arena_printf(arena, "%lld old pods are still there",
			(long long)(all - updated)));
	if (available < want)
		return wait_for(why, arena_printf(arena, "%lld of %lld pods are available",
			(long long)available, (long long)want));
	return READY_YES;
}

static enum readiness ready_statefulset(struct arena *arena, const struct value *object,
	const char **why)
{
	int64_t want = number(object, "spec.replicas", 1);
	int64_t from = number(object, "spec.updateStrategy.rollingUpdate.partition", 0);
	int64_t ready = number(object, "status.readyReplicas", 0);
	int64_t updated = number(object, "status.updatedReplicas", 0);

	if (is_stale(object))
		return wait_for(why, "its controller has not seen it yet");
	if (ready < want)
		return wait_for(why, arena_printf(arena, "%lld of %lld pods are ready", (long long)ready,
			(long long)want));
	if (strcmp(text(object, "spec.updateStrategy.type", ""), "OnDelete") != 0 &&
		updated < want - from && strcmp(text(object, "status.currentRevision", ""),
			text(object, "status.updateRevision", "")) != 0)
		return wait_for(why, arena_printf(arena, "%lld of %lld pods are updated",
			(long long)updated, (long long)(want - from)));
	return READY_YES;
}

static enum readiness ready_daemonset(struct arena *arena, const struct value *object,
	const char **why)
{
	int64_t want = number(object, "status.desiredNumberScheduled", 0);
	int64_t updated = number(object, "status.updatedNumberScheduled", 0);
	int64_t available = number(object, "status.numberAvailable", 0);

	if (is_stale(object))
		return wait_for(why, "its controller has not seen it yet");
	if (strcmp(text(object, "spec.updateStrategy.type", ""), "OnDelete") != 0 && updated < want)
		return wait_for(why, arena_printf(arena, "%lld of %lld pods are updated",
			(long long)updated, (long long)want));
	if (available < want)
		return wait_for(why, arena_printf(arena, "%lld of %lld pods are available",
			(long long)available, (long long)want));
	return READY_YES;
}

static enum readiness ready_replicaset(struct arena *arena, const struct value *object,
	const char **why)
{
	int64_t want = number(object, "spec.replicas", 1);
	int64_t ready = number(object, "status.readyReplicas", 0);

	if (is_stale(object))
		return wait_for(why, "its controller has not seen it yet");
	if (ready < want)
		return wait_for(why, arena_printf(arena, "%lld of %lld pods are ready", (long long)ready,
			(long long)want));
	return READY_YES;
}

/* A job is ready when it has done its work. */
static enum readiness ready_job(struct arena *arena, const struct value *object, const char **why)
{
	const struct value *failed = condition(object, "Failed");

	if (is(condition(object, "Complete"), "True"))
		return READY_YES;
	if (is(failed, "True")) {
		*why = because(arena, "the job failed", failed);
		return READY_FAILED;
	}
	if (value_path(object, "spec.suspend") && value_get_bool(value_get(object, "spec"), "suspend",
			false))
		return wait_for(why, "the job is suspended");
	return wait_for(why, arena_printf(arena, "%lld of %lld runs have succeeded",
		(long long)number(object, "status.succeeded", 0),
		(long long)number(object, "spec.completions", 1)));
}

static enum readiness ready_pod(struct arena *arena, const struct value *object, const char **why)
{
	const char *phase = text(object, "status.phase", "Pending");
	const struct value *ready = condition(object, "Ready");
	const struct value *scheduled = condition(object, "PodScheduled");

	if (!strcmp(phase, "Succeeded"))
		return READY_YES;
	if (!strcmp(phase, "Failed")) {
		*why = arena_printf(arena, "the pod failed: %s", text(object, "status.message",
			text(object, "status.reason", "a container ended with an error")));
		return READY_FAILED;
	}
	if (is(ready, "True"))
		return READY_YES;
	if (is(scheduled, "False"))
		return wait_for(why, because(arena, "no node takes it", scheduled));
	return wait_for(why, because(arena, arena_printf(arena, "the pod is %s", phase), ready));
}

/* --- the rest ----------------------------------------------------------------------------------- */

/* A claim that waits for its first consumer is ready when it is there: see kube_ready. */
static enum readiness ready_claim(struct arena *arena, const struct value *object, const char **why)
{
	const char *phase = text(object, "status.phase", "Pending");

	if (!strcmp(phase, "Bound"))
		return READY_YES;
	if (!strcmp(phase, "Lost")) {
		*why = "its volume is lost";
		return READY_FAILED;
	}
	return wait_for(why, arena_printf(arena, "the claim is %s", phase));
}

static enum readiness ready_service(struct arena *arena, const struct value *object,
	const char **why)
{
	const struct value *ingress = value_path(object, "status.loadBalancer.ingress");

	(void)arena;
	if (strcmp(text(object, "spec.type", ""), "LoadBalancer") != 0 ||
		(ingress && ingress->kind == VALUE_LIST && ingress->len))
		return READY_YES;
	return wait_for(why, "no load balancer has given it an address (has the cluster a controller for "
		"services of type LoadBalancer?)");
}

static enum readiness ready_definition(struct arena *arena, const struct value *object,
	const char **why)
{
	const struct value *names = condition(object, "NamesAccepted");

	if (is(names, "False")) {
		*why = because(arena, "its names are not accepted", names);
		return READY_FAILED;
	}
	return is(condition(object, "Established"), "True")
		? READY_YES : wait_for(why, "it is not established");
}

static enum readiness ready_api(struct arena *arena, const struct value *object, const char **why)
{
	const struct value *available = condition(object, "Available");

	return is(available, "True") ? READY_YES
		: wait_for(why, because(arena, "the API is not available", available));
}

static enum readiness ready_namespace(struct arena *arena, const struct value *object,
	const char **why)
{
	const char *phase = text(object, "status.phase", "Active");

	(void)arena;
	return !strcmp(phase, "Active") ? READY_YES : wait_for(why, "the namespace is being removed");
}

/* Any kind: what its conditions say by the usual names; without them, being there is enough. */
static enum readiness ready_any(struct arena *arena, const struct value *object, const char **why)
{
	static const char *const good[] = {"Ready", "Available", "Established", "Healthy"};
	const struct value *stalled = condition(object, "Stalled");
	const struct value *reconciling = condition(object, "Reconciling");

	if (value_path(object, "status.observedGeneration") && is_stale(object))
		return wait_for(why, "its controller has not seen it yet");
	if (is(stalled, "True")) {
		*why = because(arena, "it is stalled", stalled);
		return READY_FAILED;
	}
	if (is(reconciling, "True"))
		return wait_for(why, because(arena, "it is being reconciled", reconciling));
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		const struct value *found = condition(object, good[i]);

		if (found && !is(found, "True"))
			return wait_for(why, because(arena,
				arena_printf(arena, "%s is %s", good[i], value_get_text(found, "status", "?")),
				found));
	}
	return READY_YES;
}

static const struct {
	const char *group, *kind;
	enum readiness (*ready)(struct arena *arena, const struct value *object, const char **why);
} kinds[] = {
	{"apps/", "Deployment", ready_deployment},
	{"apps/", "StatefulSet", ready_statefulset},
	{"apps/", "DaemonSet", ready_daemonset},
	{"apps/", "ReplicaSet", ready_replicaset},
	{"batch/", "Job", ready_job},
	{"v1", "Pod", ready_pod},
	{"v1", "PersistentVolumeClaim", ready_claim},
	{"v1", "Service", ready_service},
	{"v1", "Namespace", ready_namespace},
	{"apiextensions.k8s.io/", "CustomResourceDefinition", ready_definition},
	{"apiregistration.k8s.io/", "APIService", ready_api},
};

enum readiness kube_object_ready(struct arena *arena, const struct value *object, const char **why)
{
	const char *api_version = value_get_text(object, "apiVersion", "");
	const char *kind = value_get_text(object, "kind", "");

	if (value_path(object, "metadata.deletionTimestamp"))
		return wait_for(why, "it is being removed");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i].kind, kind) &&
			!strncmp(api_version, kinds[i].group, strlen(kinds[i].group)))
			return kinds[i].ready(arena, object, why);
	return ready_any(arena, object, why);
}
