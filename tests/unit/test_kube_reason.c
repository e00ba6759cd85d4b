/* Why something is not ready, as the cluster says it: for each state of a pod that does not run. */
#include "kube_room.h"

#define PODS "GET /api/v1/namespaces/inner/pods?labelSelector=app%3Dweb "
#define EVENTS(about) "GET /api/v1/namespaces/inner/events?fieldSelector=involvedObject.name%3D" about
#define WARNINGS "GET /api/v1/namespaces/inner/events?fieldSelector=type%3DWarning&"
#define CLAIM "GET /api/v1/namespaces/inner/persistentvolumeclaims/data "
#define DEPLOYMENT                                                                                   \
	"{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\",\"namespace\":"     \
	"\"inner\"},\"spec\":{\"selector\":{\"matchLabels\":{\"app\":\"web\"}}}}"
#define POD(spec, status)                                                                            \
	"{\"items\":[{\"metadata\":{\"name\":\"web-1\",\"namespace\":\"inner\",\"creationTimestamp\":"         \
	"\"2026-01-01T00:00:00Z\"},\"spec\":{" spec "},\"status\":{" status "}}]}"
#define ON_NODE "\"nodeName\":\"n\""
#define WITH_CLAIM "\"volumes\":[{\"name\":\"v\",\"persistentVolumeClaim\":{\"claimName\":\"data\"}}]"
#define FALSE(type, reason, message)                                                                 \
	"\"conditions\":[{\"type\":\"" type "\",\"status\":\"False\",\"reason\":\"" reason "\","              \
	"\"message\":\"" message "\"}]"
#define SAID(about, reason, message)                                                                 \
	"{\"items\":[{\"involvedObject\":{\"name\":\"" about "\"},\"lastTimestamp\":"                         \
	"\"2026-01-01T00:00:01Z\",\"type\":\"Normal\",\"reason\":\"early\"},{\"involvedObject\":{\"name\":\""  \
	about "\"},\"eventTime\":\"2026-01-01T00:00:00.000000Z\",\"series\":{\"lastObservedTime\":"         \
	"\"2026-01-01T00:00:02.000000Z\"},\"reason\":\"" reason "\",\"message\":\"" message "\"}]}"

static const char *reason_of(struct room *room, struct route *routes, const char *object)
{
	const struct value whole = json(room, object);
	struct error err = ERROR_INIT;
	bool hopeless = false;
	struct value cluster = json(room, "{\"kubeconfig\":\"config\"}");
	struct kube kube;
	const char *why;

	room->routes = routes;
	assert_int_equal(kube_open(&kube, &room->env, &cluster, &err), 0);
	why = kube_reason(&kube, &whole, &hopeless);
	why = why ? arena_strdup(&room->arena, why) : "";
	kube_close(&kube);
	assert_false(hopeless);
	return why;
}

static void test_a_pod_that_does_not_run_says_what_it_waits_for(void **state)
{
	static const struct {
		const char *pod, *events, *why;
	} rows[] = {
		{POD("", ""), NULL, "no scheduler has looked at pod web-1"},
		{POD("", FALSE("PodScheduled", "Unschedulable", "0/1 nodes are available")), NULL,
			"no node takes pod web-1: Unschedulable: 0/1 nodes are available"},
		{POD(ON_NODE, "\"phase\":\"Pending\""), NULL, "node n has not begun pod web-1"},
		{POD(ON_NODE, "\"phase\":\"Pending\""),
			SAID("web-1", "FailedCreatePodSandBox", "no network"),
			"pod web-1: FailedCreatePodSandBox: no network"},
		{POD(ON_NODE, "\"phase\":\"Pending\",\"containerStatuses\":[{\"name\":\"main\",\"state\":"
			"{\"waiting\":{\"reason\":\"ContainerCreating\"}}}]"),
			SAID("web-1", "Pulling", "Pulling image a:1"), "pod web-1: Pulling: Pulling image a:1"},
		{POD(ON_NODE ",\"initContainers\":[{\"name\":\"beside\",\"restartPolicy\":\"Always\"},"
			"{\"name\":\"first\"}]", "\"phase\":\"Pending\",\"initContainerStatuses\":[{\"name\":"
			"\"beside\",\"state\":{\"running\":{}}},{\"name\":\"first\",\"state\":{\"running\":{}}}]"),
			SAID("web-1", "Started", "m"), "init container first of pod web-1 runs"},
		{POD(ON_NODE, "\"phase\":\"Running\"," FALSE("Ready", "ContainersNotReady", "[main]")), NULL,
			"pod web-1: ContainersNotReady: [main]"},
		{POD(ON_NODE, "\"phase\":\"Running\"," FALSE("Ready", "ContainersNotReady", "[main]")),
			SAID("web-1", "Unhealthy", "no answer"), "pod web-1: Unhealthy: no answer"},
		/* Events of others, whose names begin alike, are not its own. */
		{POD(ON_NODE, "\"phase\":\"Pending\""), SAID("web-10", "Failed", "m"),
			"node n has not begun pod web-1"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct route routes[] = {{PODS, 200, rows[i].pod, 0, NULL},
			{EVENTS("web-1"), 200, rows[i].events ? rows[i].events : "{}", 0, NULL}, {NULL}};

		assert_string_equal(reason_of(*state, routes, DEPLOYMENT), rows[i].why);
	}
}

/* A class that binds with the first consumer: the scheduler waits, and the pod says nothing. */
static void test_a_claim_that_is_not_bound_is_named(void **state)
{
	struct route routes[] = {{PODS, 200, POD(WITH_CLAIM, "\"phase\":\"Pending\""), 0, NULL},
		{CLAIM, 200, "{\"status\":{\"phase\":\"Pending\"}}", 0, NULL},
		{EVENTS("data&"), 200, SAID("data", "ExternalProvisioning", "nobody came"), 0, NULL}, {NULL}};

	assert_string_equal(reason_of(*state, routes, DEPLOYMENT),
		"pod web-1 has no node: claim data is Pending: ExternalProvisioning: nobody came");
	assert_string_equal(reason_of(*state, routes, "{\"apiVersion\":\"v1\",\"kind\":\"PersistentVolumeClaim\","
		"\"metadata\":{\"name\":\"data\",\"namespace\":\"inner\"}}"), "ExternalProvisioning: nobody came");
	routes[1].body = "{\"status\":{\"phase\":\"Bound\"}}";
	assert_string_equal(reason_of(*state, routes, DEPLOYMENT), "no scheduler has looked at pod web-1");
}

static void test_pods_that_are_not_made_are_told_by_the_warning(void **state)
{
	struct route routes[] = {{PODS, 200, "{\"items\":[]}", 0, NULL},
		{WARNINGS, 200, SAID("web", "FailedCreate", "exceeded quota"), 0, NULL}, {NULL}};

	assert_string_equal(reason_of(*state, routes, DEPLOYMENT), "FailedCreate: exceeded quota");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KUBE_TEST(test_a_pod_that_does_not_run_says_what_it_waits_for),
		KUBE_TEST(test_a_claim_that_is_not_bound_is_named),
		KUBE_TEST(test_pods_that_are_not_made_are_told_by_the_warning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
