/* Applying and destroying on an API server that refuses, breaks off, or has changed its versions. */
#include "kube_room.h"

#define API_V1                                                                                       \
	"{\"kind\":\"APIGroupDiscoveryList\",\"items\":[{\"metadata\":{\"name\":\"\"},\"versions\":[{"      \
	"\"version\":\"v1\",\"resources\":[{\"resource\":\"configmaps\",\"responseKind\":{\"kind\":"       \
	"\"ConfigMap\"},\"scope\":\"Namespaced\",\"verbs\":[\"list\",\"delete\"]}]}]}]}"
#define APIS_WISH                                                                                    \
	"{\"kind\":\"APIGroupDiscoveryList\",\"items\":[{\"metadata\":{\"name\":\"example.dev\"},"           \
	"\"versions\":[{\"version\":\"v2\",\"resources\":[{\"resource\":\"wishes\",\"responseKind\":{"       \
	"\"kind\":\"Wish\"},\"scope\":\"Namespaced\",\"verbs\":[\"list\",\"delete\"]}]}]}]}"
#define NO_APIS "{\"kind\":\"APIGroupDiscoveryList\",\"items\":[]}"
#define MAP "/api/v1/namespaces/inner/configmaps/a"
#define MADE                                                                                         \
	"{\"metadata\":{\"uid\":\"U\",\"managedFields\":[{\"manager\":\"devenv\",\"operation\":\"Apply\","    \
	"\"fieldsV1\":{\"f:data\":{\"f:a\":{}}}}]}}"
#define INPUTS                                                                                       \
	"{\"cluster\":{\"kubeconfig\":\"config\"},\"manifest\":{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\"," \
	"\"metadata\":{\"name\":\"a\"},\"data\":{\"a\":\"1\"}}}"

#define KINDS {"GET /api ", 200, API_V1, 0, NULL}, {"GET /apis ", 200, NO_APIS, 0, NULL}

static int create(struct room *room, struct route *routes, const char *inputs,
	struct outcome *outcome, struct error *err)
{
	struct value *value = arena_alloc(&room->arena, sizeof(*value));
	struct request request = {.act = ACT_CREATE, .address = "kubernetes_manifest.a",
		.generation = 1, .type = type_find("kubernetes_manifest"), .inputs = value};

	*value = json(room, inputs);
	*outcome = (struct outcome){0};
	*err = (struct error)ERROR_INIT;
	room->routes = routes;
	return provider_kubernetes.apply(&room->env, &request, outcome, err);
}

static void test_an_apply_that_broke_off_is_repeated(void **state)
{
	struct route routes[] = {KINDS, {"PATCH " MAP, 0, NULL, 1, NULL},
		{"PATCH " MAP, 503, "{}", 1, "Retry-After: 0\r\n"}, {"PATCH " MAP, 201, MADE, 0, NULL}, {NULL}};
	struct room *room = *state;
	struct outcome outcome;
	struct error err;

	if (create(room, routes, INPUTS, &outcome, &err))
		fail_msg("%s", err.msg);
	assert_true(outcome.exists);
	assert_string_equal(outcome.id, "ConfigMap/inner/a");
	assert_string_equal(outcome.endpoint, "CLUSTER");
	assert_non_null(strstr(value_get_text(outcome.observed, "ConfigMap/inner/a", ""), "applied "));
	assert_true(saw(room, "fieldManager=devenv&fieldValidation=Strict&force=false"));
	assert_true(saw(room, "\"dev.devenv/intent\":\"cafecafecafecafe\""));
	assert_true(saw(room, "\"dev.devenv/environment\":\"0123456789abcdef\""));
}

static void test_a_write_at_the_same_moment_is_tried_again_later(void **state)
{
	struct route routes[] = {KINDS, {"PATCH " MAP, 409,
		"{\"reason\":\"Conflict\",\"message\":\"the object has been modified\"}", 0, NULL}, {NULL}};
	struct outcome outcome;
	struct error err;

	assert_int_equal(create(*state, routes, INPUTS, &outcome, &err), -1);
	assert_int_equal(err.code, ERROR_TRANSIENT);
	assert_non_null(strstr(err.msg, "ConfigMap/inner/a: the object has been modified"));
	assert_false(outcome.exists); /* the intent stays open, and the next run looks */
}

static void test_what_came_since_the_plan_is_not_overwritten(void **state)
{
	struct route routes[] = {KINDS, {"GET " MAP, 200, "{\"metadata\":{\"uid\":\"T\"}}", 0, NULL},
		{"PATCH " MAP, 200, MADE, 0, NULL}, {NULL}};
	struct room *room = *state;
	struct outcome outcome;
	struct error err;

	assert_int_equal(create(room, routes, INPUTS, &outcome, &err), -1);
	assert_int_equal(err.code, ERROR_CONFLICT);
	assert_non_null(strstr(err.msg, "exists already and is not ours"));
	assert_false(saw(room, "PATCH "));
}

static void test_a_webhook_that_starts_is_waited_for(void **state)
{
	struct route routes[] = {KINDS, {"PATCH " MAP, 500,
		"{\"message\":\"failed calling webhook x: connection refused\"}", 6, "Retry-After: 0\r\n"},
		{"PATCH " MAP, 200, MADE, 0, NULL}, {NULL}};
	struct outcome outcome;
	struct error err;

	if (create(*state, routes, INPUTS, &outcome, &err))
		fail_msg("%s", err.msg);
	assert_true(outcome.exists);
}

static void test_waiting_ends_with_the_deadline(void **state)
{
	struct route routes[] = {KINDS, {"PATCH " MAP, 500, "{\"message\":\"no endpoints available\"}", 0,
		"Retry-After: 0\r\n"}, {NULL}};
	struct room *room = *state;
	struct outcome outcome;
	struct error err = ERROR_INIT;

	/* On a machine that stands still the deadline is there before the answer. */
	for (int64_t ms = 400; ms < 60000 && !strstr(err.msg, "no endpoints available"); ms *= 2) {
		room->env.deadline = clock_monotonic(&clock_system) + ms;
		assert_int_equal(create(room, routes, INPUTS, &outcome, &err), -1);
	}
	assert_non_null(strstr(err.msg, "no endpoints available"));
}

/* --- a plan ------------------------------------------------------------------------------------- */

#define OF_FILE(name) "{\"cluster\":{\"kubeconfig\":\"config\"},\"file\":\"" name "\"}"
#define A_MAP "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n"

/* What a plan says of a resource whose file holds `text`, beside one with A_MAP; NULL: nothing. */
static const char *blocked_beside(struct room *room, const char *text)
{
	struct route routes[] = {KINDS, {NULL}};
	struct value one = json(room, OF_FILE("one.yml")), two = json(room, OF_FILE("two.yml"));
	const struct type *type = type_find("kubernetes_manifest");
	struct observation items[] = {
		{.address = "kubernetes_manifest.a", .type = type, .desired = &one},
		{.address = "kubernetes_manifest.b", .type = type, .desired = &two},
	};
	struct observe_request request = {.items = items, .n = 2};
	struct error err = ERROR_INIT;

	room->routes = routes;
	put(room, "one.yml", A_MAP, 0600);
	put(room, "two.yml", text, 0600);
	assert_int_equal(provider_kubernetes.observe(&room->env, &request, &err), 0);
	assert_null(items[0].blocked);
	return items[1].blocked;
}

/* Whichever is applied last would have it, and no later plan would see that. */
static void test_an_object_that_stands_twice_is_a_mistake(void **state)
{
	static const char other[] = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: b }\n";
	struct room *room = *state;

	assert_null(blocked_beside(room, other));
	assert_string_equal(blocked_beside(room, arena_printf(&room->arena, "%s---\n" A_MAP, other)),
		"ConfigMap/inner/a stands twice: at one.yml:1 of kubernetes_manifest.a and at two.yml:5");
	assert_string_equal(blocked_beside(room, arena_printf(&room->arena, "%s---\n%s", other, other)),
		"ConfigMap/inner/b stands twice: at two.yml:1 and at two.yml:5");
}

/* --- drift -------------------------------------------------------------------------------------- */

static struct record *applied(struct room *room)
{
	struct record *record = recorded(room, "CLUSTER");

	record->inputs_json = INPUTS;
	record->outputs_json = "{\"objects\":[{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"namespace\":"
		"\"inner\",\"name\":\"a\",\"resource\":\"configmaps\",\"uid\":\"U\",\"digest\":\"D\"}]}";
	record->observed_json = "{\"ConfigMap/inner/a\":\"applied before\"}";
	return record;
}

static void test_where_no_dry_run_is_allowed_owned_fields_tell(void **state)
{
	struct route routes[] = {KINDS, {"GET " MAP, 200, MADE, 0, NULL},
		{"PATCH " MAP, 403, "{\"message\":\"forbidden\"}", 0, NULL}, {NULL}};
	struct room *room = *state;
	struct observation item = observe(room, routes, applied(room), INPUTS);

	assert_int_equal(item.presence, PRESENCE_PRESENT);
	assert_null(item.blocked);
	assert_string_equal(value_get_text(item.attributes, "ConfigMap/inner/a", ""),
		"somebody else changed it");
	assert_true(saw(room, "dryRun=All"));
}

/* The API server has many words for it, some of them of one kind alone. */
static void test_what_cannot_be_changed_is_replaced(void **state)
{
	static const char *const words[] = {
		"roleRef: Invalid value: {}: cannot change roleRef",
		"parameters: Forbidden: updates to parameters are forbidden.",
		"provisioner: Forbidden: updates to provisioner are forbidden.",
		"reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden.",
		"value: Forbidden: may not be changed in an update.",
		"spec.selector: Invalid value: {}: field is immutable",
	};
	struct room *room = *state;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		struct route routes[] = {KINDS, {"GET " MAP, 200, MADE, 0, NULL}, {"PATCH " MAP, 422,
			arena_printf(&room->arena, "{\"message\":\"X is invalid: %s\"}", words[i]), 0, NULL},
			{NULL}};
		struct observation item = observe(room, routes, applied(room), INPUTS);

		if (!item.replace || !strstr(item.replace, words[i]) || item.blocked)
			fail_msg("%s: it is not replaced", words[i]);
	}
}

static void test_a_plan_without_changes_reads_metadata_only(void **state)
{
	struct route routes[] = {{"GET " MAP, 200, MADE, 0, NULL}, {NULL}};
	struct room *room = *state;
	struct record *record = applied(room);
	struct value made = json(room, MADE);
	struct observation item;

	record->observed_json = arena_printf(&room->arena, "{\"ConfigMap/inner/a\":\"%s\"}",
		kube_state(&room->arena, &made));
	item = observe(room, routes, record, INPUTS);
	assert_int_equal(item.presence, PRESENCE_PRESENT);
	assert_true(value_equal(item.attributes, record_observed(record, NULL)));
	assert_true(saw(room, "Accept: application/json;as=PartialObjectMetadata"));
	/* Which cluster, and the object: nothing else was asked. */
	assert_int_equal(atomic_load(&room->server.requests), 2);
}

/* --- the pods behind ---------------------------------------------------------------------------- */

static void test_the_pods_of_a_workload_are_waited_for(void **state)
{
#define OWNED(name, owner) "{\"items\":[{\"metadata\":{\"name\":\"" name "\",\"uid\":\"" name "\","         \
	"\"ownerReferences\":[{\"uid\":\"" owner "\"}]}}]}"
	struct route routes[] = {
		{"GET /apis/apps/v1/namespaces/n/deployments/w", 200, "{\"metadata\":{\"uid\":\"U\"}}", 1, NULL},
		{"DELETE /apis/apps/v1/namespaces/n/deployments/w", 200, "{}", 0, NULL},
		{"GET /apis/apps/v1/namespaces/n/deployments/w", 404,
			"{\"details\":{\"name\":\"w\"}}", 0, NULL},
		{"GET /apis/apps/v1/namespaces/n/replicasets", 200, OWNED("R", "U"), 0, NULL},
		{"GET /api/v1/namespaces/n/pods", 200, OWNED("P", "R"), 2, NULL},
		{"GET /api/v1/namespaces/n/pods", 200, OWNED("other", "X"), 0, NULL}, {NULL}};
	struct room *room = *state;
	struct record *record = recorded(room, "CLUSTER");
	struct error err = ERROR_INIT;

	record->outputs_json = "{\"objects\":[{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\","
		"\"namespace\":\"n\",\"name\":\"w\",\"resource\":\"deployments\",\"uid\":\"U\"}]}";
	room->routes = routes;
	if (provider_kubernetes.destroy(&room->env, record, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(routes[4].times, -1); /* both answers with our pod were asked for */
}

#define DEPLOYMENT "/apis/apps/v1/namespaces/n/deployments/w"

#define POD(of, made, going, reason)                                                                 \
	"{\"metadata\":{\"name\":\"w-1\",\"labels\":{\"pod-template-hash\":\"" of "\"},\"creationTimestamp\":" \
	"\"2026-01-01T00:00:" made "Z\"" going "},\"status\":{\"containerStatuses\":[{\"name\":\"main\","      \
	"\"state\":{\"waiting\":{\"reason\":\"" reason "\"}}}]}}"
#define GOING ",\"deletionTimestamp\":\"2026-01-01T00:01:00Z\""
#define HOPELESS "InvalidImageName"

static enum readiness readiness_of(struct room *room, const char *status, const char *pods)
{
	struct route routes[] = {{"GET " DEPLOYMENT, 200, arena_printf(&room->arena, "{\"kind\":\"Deployment\","
			"\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"w\",\"namespace\":\"n\",\"generation\":2},"
			"\"spec\":{\"selector\":{\"matchLabels\":{\"app\":\"w\"}}},\"status\":{%s}}", status), 0, NULL},
		{"GET /api/v1/namespaces/n/pods", 200, arena_printf(&room->arena, "{\"items\":[%s]}", pods), 0,
			NULL}, {NULL}};
	struct record *record = recorded(room, "CLUSTER");
	struct probe probe = {.kind = PROBE_HEALTH};
	const char *why = NULL;

	record->outputs_json = "{\"objects\":[{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\","
		"\"namespace\":\"n\",\"name\":\"w\",\"resource\":\"deployments\",\"uid\":\"U\"}]}";
	room->routes = routes;
	return provider_kubernetes.ready(&room->env, record, &probe, NULL, &why);
}

/* Who repairs a Deployment must not hear that the pods before the repair are beyond it; who breaks it must
   not wait while those before are well. */
static void test_a_pod_of_before_does_not_end_the_waiting(void **state)
{
	static const char one[] = "\"observedGeneration\":2,\"replicas\":1,\"updatedReplicas\":1";
	static const char two[] = "\"observedGeneration\":2,\"replicas\":2,\"updatedReplicas\":1";

	assert_int_equal(readiness_of(*state, one, POD("new", "10", "", HOPELESS)), READY_FAILED);
	assert_int_equal(readiness_of(*state, one, POD("new", "10", GOING, HOPELESS)), READY_WAIT);
	assert_int_equal(readiness_of(*state, "\"observedGeneration\":1,\"replicas\":1,\"updatedReplicas\":1",
		POD("old", "10", "", HOPELESS)), READY_WAIT);
	assert_int_equal(readiness_of(*state, "\"observedGeneration\":2,\"replicas\":1",
		POD("old", "10", "", HOPELESS)), READY_WAIT);
	assert_int_equal(readiness_of(*state, two, POD("old", "10", "", HOPELESS) ","
		POD("new", "20", "", "ContainerCreating")), READY_WAIT);
	assert_int_equal(readiness_of(*state, two, POD("new", "20", "", HOPELESS) ","
		POD("old", "10", "", "ContainerCreating")), READY_FAILED);
}

/* --- versions that came and went ---------------------------------------------------------------- */

static struct record *of_old_version(struct room *room)
{
	struct record *record = recorded(room, "CLUSTER");

	record->outputs_json = "{\"objects\":[{\"apiVersion\":\"example.dev/v1\",\"kind\":\"Wish\","
		"\"namespace\":\"inner\",\"name\":\"a\",\"resource\":\"wishes\",\"uid\":\"U\"}]}";
	return record;
}

#define WISH "/apis/example.dev/v2/namespaces/inner/wishes/a"

static void test_an_object_whose_version_is_gone_is_found_in_another(void **state)
{
	struct route routes[] = {{"GET /api ", 200, API_V1, 0, NULL}, {"GET /apis ", 200, APIS_WISH, 0, NULL},
		{"GET /apis/example.dev/v1", 404, "404 page not found", 0, NULL},
		{"GET " WISH, 200, MADE, 1, NULL}, {"GET " WISH, 200, MADE, 1, NULL},
		{"DELETE " WISH, 200, "{}", 0, NULL}, {NULL}};
	struct room *room = *state;
	struct record *record = of_old_version(room);
	struct observation item = observe(room, routes, record, NULL);
	struct error err = ERROR_INIT;

	assert_int_equal(item.presence, PRESENCE_PRESENT);
	if (provider_kubernetes.destroy(&room->env, record, &err))
		fail_msg("%s", err.msg);
	assert_true(saw(room, "DELETE " WISH));
}

static void test_an_object_whose_kind_is_gone_is_gone(void **state)
{
	struct route routes[] = {KINDS, {"GET /apis/example.dev/v1", 404, "404 page not found", 0, NULL},
		{NULL}};
	struct room *room = *state;
	struct record *record = of_old_version(room);
	struct observation item = observe(room, routes, record, NULL);
	struct error err = ERROR_INIT;

	assert_int_equal(item.presence, PRESENCE_ABSENT);
	assert_int_equal(provider_kubernetes.destroy(&room->env, record, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KUBE_TEST(test_an_apply_that_broke_off_is_repeated),
		KUBE_TEST(test_a_write_at_the_same_moment_is_tried_again_later),
		KUBE_TEST(test_what_came_since_the_plan_is_not_overwritten),
		KUBE_TEST(test_a_webhook_that_starts_is_waited_for),
		KUBE_TEST(test_waiting_ends_with_the_deadline),
		KUBE_TEST(test_an_object_that_stands_twice_is_a_mistake),
		KUBE_TEST(test_where_no_dry_run_is_allowed_owned_fields_tell),
		KUBE_TEST(test_what_cannot_be_changed_is_replaced),
		KUBE_TEST(test_a_plan_without_changes_reads_metadata_only),
		KUBE_TEST(test_the_pods_of_a_workload_are_waited_for),
		KUBE_TEST(test_a_pod_of_before_does_not_end_the_waiting),
		KUBE_TEST(test_an_object_whose_version_is_gone_is_found_in_another),
		KUBE_TEST(test_an_object_whose_kind_is_gone_is_gone),
	};

	hash_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
