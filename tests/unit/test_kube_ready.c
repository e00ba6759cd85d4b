/* Readiness by kind, from objects as the API gives them. */
#include "model/json.h"
#include "providers/kubernetes/kubernetes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct arena arena;

static enum readiness ready(const char *kind, const char *rest, const char **why)
{
	const char *text = arena_printf(&arena, "{%s,%s}", kind, rest);
	struct error err = ERROR_INIT;
	struct value object;

	*why = NULL;
	if (json_parse(text, strlen(text), &arena, NULL, &object, &err))
		fail_msg("%s in %s", err.msg, text);
	return kube_object_ready(&arena, &object, why);
}

struct row {
	const char *rest;
	enum readiness readiness;
	const char *why; /* a part of it; NULL: nothing is said */
};

static void check(const char *kind, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *why;
		enum readiness got = ready(kind, rows[i].rest, &why);

		if (got != rows[i].readiness)
			fail_msg("%s: %d, not %d (%s)", rows[i].rest, got, rows[i].readiness, why ? why : "");
		if (rows[i].why && (!why || !strstr(why, rows[i].why)))
			fail_msg("%s: '%s' lacks '%s'", rows[i].rest, why ? why : "", rows[i].why);
		if (!rows[i].why)
			assert_null(why);
	}
}

#define CHECK(kind, ...)                                                                             \
	do {                                                                                         \
		static const struct row rows[] = {__VA_ARGS__};                                      \
		check(kind, rows, ARRAY_SIZE(rows));                                                 \
	} while (0)

#define APPS(kind) "\"apiVersion\":\"apps/v1\",\"kind\":\"" kind "\""
#define CORE(kind) "\"apiVersion\":\"v1\",\"kind\":\"" kind "\""
#define STATUS(status) "\"metadata\":{\"generation\":2},\"spec\":{\"replicas\":2},\"status\":{" status "}"
#define CONDITIONS(list) "\"status\":{\"conditions\":[" list "]}"

static void test_deployment(void **state)
{
	(void)state;
	CHECK(APPS("Deployment"),
		{STATUS("\"observedGeneration\":1,\"updatedReplicas\":2,\"availableReplicas\":2"),
			READY_WAIT, "has not seen it"},
		{STATUS("\"observedGeneration\":2,\"replicas\":1,\"updatedReplicas\":1"), READY_WAIT,
			"1 of 2 new pods"},
		{STATUS("\"observedGeneration\":2,\"replicas\":3,\"updatedReplicas\":2,"
			"\"availableReplicas\":2"), READY_WAIT, "1 old pods"},
		{STATUS("\"observedGeneration\":2,\"replicas\":2,\"updatedReplicas\":2,"
			"\"availableReplicas\":1"), READY_WAIT, "1 of 2 pods are available"},
		{STATUS("\"observedGeneration\":2,\"replicas\":2,\"updatedReplicas\":2,"
			"\"availableReplicas\":2"), READY_YES, NULL},
		{STATUS("\"observedGeneration\":2,\"conditions\":[{\"type\":\"Progressing\","
			"\"status\":\"False\",\"reason\":\"ProgressDeadlineExceeded\",\"message\":\"m\"}]"),
			READY_FAILED, "it makes no progress: ProgressDeadlineExceeded: m"},
		{STATUS("\"observedGeneration\":2,\"conditions\":[{\"type\":\"ReplicaFailure\","
			"\"status\":\"True\",\"reason\":\"FailedCreate\",\"message\":\"exceeded quota\"}]"),
			READY_WAIT, "exceeded quota"},
		{"\"metadata\":{\"generation\":1},\"spec\":{\"replicas\":0},"
		 "\"status\":{\"observedGeneration\":1}", READY_YES, NULL});
}

static void test_stateful_and_daemon_sets(void **state)
{
	(void)state;
	CHECK(APPS("StatefulSet"),
		{STATUS("\"observedGeneration\":2,\"readyReplicas\":1"), READY_WAIT, "1 of 2 pods are ready"},
		{STATUS("\"observedGeneration\":2,\"readyReplicas\":2,\"updatedReplicas\":1,"
			"\"currentRevision\":\"a\",\"updateRevision\":\"b\""), READY_WAIT, "1 of 2 pods are updated"},
		{STATUS("\"observedGeneration\":2,\"readyReplicas\":2,\"updatedReplicas\":2,"
			"\"currentRevision\":\"b\",\"updateRevision\":\"b\""), READY_YES, NULL},
		{"\"metadata\":{\"generation\":1},\"spec\":{\"replicas\":2,\"updateStrategy\":{"
		 "\"rollingUpdate\":{\"partition\":1}}},\"status\":{\"observedGeneration\":1,"
		 "\"readyReplicas\":2,\"updatedReplicas\":1,\"currentRevision\":\"a\",\"updateRevision\":\"b\"}",
			READY_YES, NULL});
	CHECK(APPS("DaemonSet"),
		{STATUS("\"observedGeneration\":2,\"desiredNumberScheduled\":3,\"updatedNumberScheduled\":3,"
			"\"numberAvailable\":2"), READY_WAIT, "2 of 3 pods are available"},
		{STATUS("\"observedGeneration\":2,\"desiredNumberScheduled\":3,\"updatedNumberScheduled\":1,"
			"\"numberAvailable\":3"), READY_WAIT, "1 of 3 pods are updated"},
		{STATUS("\"observedGeneration\":2,\"desiredNumberScheduled\":3,\"updatedNumberScheduled\":3,"
			"\"numberAvailable\":3"), READY_YES, NULL});
}

static void test_job_and_pod(void **state)
{
	(void)state;
	CHECK("\"apiVersion\":\"batch/v1\",\"kind\":\"Job\"",
		{"\"spec\":{\"completions\":3},\"status\":{\"succeeded\":1}", READY_WAIT, "1 of 3 runs"},
		{"\"spec\":{\"suspend\":true}", READY_WAIT, "suspended"},
		{CONDITIONS("{\"type\":\"Complete\",\"status\":\"True\"}"), READY_YES, NULL},
		{CONDITIONS("{\"type\":\"Failed\",\"status\":\"True\",\"reason\":\"BackoffLimitExceeded\"}"),
			READY_FAILED, "BackoffLimitExceeded"});
	CHECK(CORE("Pod"),
		{"\"status\":{\"phase\":\"Pending\",\"conditions\":[{\"type\":\"PodScheduled\","
		 "\"status\":\"False\",\"reason\":\"Unschedulable\",\"message\":\"0/1 nodes\"}]}", READY_WAIT,
			"no node takes it: Unschedulable: 0/1 nodes"},
		{"\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\"}]}",
			READY_WAIT, "the pod is Running"},
		{"\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}",
			READY_YES, NULL},
		{"\"status\":{\"phase\":\"Succeeded\"}", READY_YES, NULL},
		{"\"status\":{\"phase\":\"Failed\",\"reason\":\"Evicted\"}", READY_FAILED, "Evicted"});
}

static void test_claim_and_service(void **state)
{
	(void)state;
	CHECK(CORE("PersistentVolumeClaim"),
		{"\"status\":{\"phase\":\"Pending\"}", READY_WAIT, "Pending"},
		{"\"status\":{\"phase\":\"Bound\"}", READY_YES, NULL},
		{"\"status\":{\"phase\":\"Lost\"}", READY_FAILED, "lost"});
	CHECK(CORE("Service"),
		{"\"spec\":{\"type\":\"ClusterIP\"}", READY_YES, NULL},
		{"\"spec\":{\"type\":\"LoadBalancer\"},\"status\":{\"loadBalancer\":{}}", READY_WAIT,
			"no load balancer"},
		{"\"spec\":{\"type\":\"LoadBalancer\"},\"status\":{\"loadBalancer\":{\"ingress\":["
		 "{\"ip\":\"10.0.0.1\"}]}}", READY_YES, NULL});
}

static void test_definition_and_api(void **state)
{
	(void)state;
	CHECK("\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceDefinition\"",
		{"\"status\":{}", READY_WAIT, "not established"},
		{CONDITIONS("{\"type\":\"NamesAccepted\",\"status\":\"False\",\"reason\":\"PluralConflict\"}"),
			READY_FAILED, "PluralConflict"},
		{CONDITIONS("{\"type\":\"Established\",\"status\":\"True\"}"), READY_YES, NULL});
	CHECK("\"apiVersion\":\"apiregistration.k8s.io/v1\",\"kind\":\"APIService\"",
		{CONDITIONS("{\"type\":\"Available\",\"status\":\"False\",\"reason\":\"MissingEndpoints\"}"),
			READY_WAIT, "MissingEndpoints"},
		{CONDITIONS("{\"type\":\"Available\",\"status\":\"True\"}"), READY_YES, NULL});
}

static void test_any_other_kind_goes_by_its_conditions(void **state)
{
	(void)state;
	CHECK("\"apiVersion\":\"example.dev/v1\",\"kind\":\"Wish\"",
		{"\"spec\":{}", READY_YES, NULL},
		{CONDITIONS("{\"type\":\"Ready\",\"status\":\"Unknown\",\"reason\":\"Busy\"}"), READY_WAIT,
			"Ready is Unknown: Busy"},
		{CONDITIONS("{\"type\":\"Ready\",\"status\":\"True\"}"), READY_YES, NULL},
		{CONDITIONS("{\"type\":\"Stalled\",\"status\":\"True\",\"message\":\"no\"}"), READY_FAILED, "no"},
		{CONDITIONS("{\"type\":\"Reconciling\",\"status\":\"True\"}"), READY_WAIT, "reconciled"},
		{"\"metadata\":{\"generation\":3},\"status\":{\"observedGeneration\":2}", READY_WAIT,
			"has not seen it"});
	/* A kind of that name in another group is another kind. */
	CHECK("\"apiVersion\":\"example.dev/v1\",\"kind\":\"Service\"",
		{"\"spec\":{\"type\":\"LoadBalancer\"}", READY_YES, NULL});
	CHECK(CORE("ConfigMap"),
		{"\"metadata\":{\"deletionTimestamp\":\"x\"}", READY_WAIT, "being removed"});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deployment),
		cmocka_unit_test(test_stateful_and_daemon_sets),
		cmocka_unit_test(test_job_and_pod),
		cmocka_unit_test(test_claim_and_service),
		cmocka_unit_test(test_definition_and_api),
		cmocka_unit_test(test_any_other_kind_goes_by_its_conditions),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	arena_release(&arena);
	return failed;
}
