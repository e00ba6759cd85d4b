/* Waiting over a watch: what it says counts at once; one that is cut, too old, refused or talks nonsense
   is answered by looking again, or left to the engine. */
#include "kube_room.h"

#define POD "/api/v1/namespaces/inner/pods/a "
#define WATCH "/api/v1/namespaces/inner/pods?watch=1&fieldSelector=metadata.name%3Da&resourceVersion="
#define OBJECT(version, ready)                                                                       \
	"{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\",\"namespace\":\"inner\","        \
	"\"uid\":\"U\",\"resourceVersion\":\"" version "\"},\"status\":{\"phase\":\"Running\",\"conditions\":" \
	"[{\"type\":\"Ready\",\"status\":\"" ready "\"}]}}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"
#define GONE EVENT("ERROR", "{\"kind\":\"Status\",\"code\":410,\"reason\":\"Expired\"}")

/* How long it takes, in ms; `limit` is the time given. */
static int64_t await(struct room *room, struct route *routes, int64_t limit,
	enum readiness *readiness, const char **why)
{
	struct record record = {.address = "kubernetes_manifest.a", .type = "kubernetes_manifest",
		.generation = 1, .endpoint = "CLUSTER", .arena = &room->arena,
		.inputs_json = "{\"cluster\":{\"kubeconfig\":\"config\"}}",
		.outputs_json = "{\"objects\":[{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"namespace\":\"inner\","
			"\"name\":\"a\",\"resource\":\"pods\",\"uid\":\"U\"}]}"};
	struct probe probe = {.kind = PROBE_HEALTH};
	int64_t begin = clock_monotonic(&clock_system);

	room->routes = routes;
	room->env.deadline = begin + limit;
	*why = NULL;
	*readiness = provider_kubernetes.await(&room->env, &record, &probe, NULL, why);
	return clock_monotonic(&clock_system) - begin;
}

static void test_a_watch_begins_where_the_look_was(void **state)
{
	struct route routes[] = {{"GET " POD, 200, OBJECT("5", "False"), 1, NULL},
		{"GET " WATCH "5 ", 200, EVENT("MODIFIED", OBJECT("6", "False"))
			EVENT("MODIFIED", OBJECT("7", "True")), 0, NULL},
		{"GET " POD, 200, OBJECT("7", "True"), 0, NULL}, {NULL}};
	enum readiness readiness;
	const char *why;

	assert_in_range(await(*state, routes, 120000, &readiness, &why), 0, 60000);
	assert_int_equal(readiness, READY_YES);
	assert_true(saw(*state, WATCH "5 "));
}

/* What ends before it said anything is not opened again at once: the engine waits. */
static void test_a_watch_that_is_refused_leaves_the_waiting_to_the_engine(void **state)
{
	static const struct {
		int status;
		const char *body;
	} bad[] = {{429, "{}"}, {500, "{}"}, {403, "{}"}, {410, "{}"}, {200, ""}, {200, GONE},
		{200, "no JSON\n"}, {0, NULL}};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct route routes[] = {{"GET " POD, 200, OBJECT("5", "False"), 0, NULL},
			{"GET " WATCH, bad[i].status, bad[i].body, 0, NULL}, {NULL}};
		enum readiness readiness;
		const char *why;

		assert_in_range(await(*state, routes, 120000, &readiness, &why), 0, 60000);
		assert_int_equal(readiness, READY_WAIT);
		assert_non_null(strstr(why, "Pod/inner/a: the pod is Running"));
	}
}

static void test_what_goes_while_it_is_watched_has_failed(void **state)
{
	struct route routes[] = {{"GET " POD, 200, OBJECT("5", "False"), 1, NULL},
		{"GET " WATCH, 200, EVENT("DELETED", OBJECT("6", "False")), 0, NULL},
		{"GET " POD, 404, "{\"details\":{\"name\":\"a\"}}", 0, NULL}, {NULL}};
	enum readiness readiness;
	const char *why;

	assert_in_range(await(*state, routes, 120000, &readiness, &why), 0, 60000);
	assert_int_equal(readiness, READY_FAILED);
	assert_string_equal(why, "Pod/inner/a is gone");
}

static void test_when_the_time_is_over_the_last_look_says_what_is_missing(void **state)
{
	struct room *room = *state;
	/* Its end never comes. */
	struct route routes[] = {{"GET " POD, 200, OBJECT("5", "False"), 0, NULL},
		{"GET " WATCH, 200, "", 0, "Transfer-Encoding: chunked\r\n"}, {NULL}};
	enum readiness readiness;
	const char *why;

	assert_in_range(await(room, routes, 300, &readiness, &why), 300, 60000);
	assert_int_equal(readiness, READY_WAIT);
	assert_non_null(strstr(why, "Pod/inner/a: the pod is Running"));
}

static void keep(void *lines, const char *line)
{
	strbuf_addf(lines, "%s\n", line);
}

/* The watch sees what is missing, not why: it does not take away the reason that a look has told. */
static void test_the_reason_stays_while_it_is_watched(void **state)
{
#define WAITS(version, phase)                                                                        \
	"{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\",\"namespace\":\"inner\","    \
	"\"resourceVersion\":\"" version "\"},\"status\":{\"phase\":\"" phase "\",\"containerStatuses\":"   \
	"[{\"name\":\"c\",\"state\":{\"waiting\":{\"reason\":\"Broken\"}}}]}}"
#define TOLD "Pod/inner/a: the pod is Pending (container c of pod a: Broken)\n"
	struct room *room = *state;
	struct strbuf lines = STRBUF_INIT;
	enum readiness readiness;
	const char *why;
	int64_t took;

	room->env.progress = keep;
	room->env.progress_arg = &lines;
	do { /* what lasts until the next look is due was not told in time */
		struct route routes[] = {{"GET " POD, 200, WAITS("5", "Pending"), 0, NULL},
			{"GET " WATCH, 200, EVENT("MODIFIED", WAITS("6", "Pending"))
				EVENT("MODIFIED", OBJECT("7", "True")), 1, NULL},
			{"GET " WATCH, 200, EVENT("MODIFIED", WAITS("8", "Running"))
				EVENT("MODIFIED", OBJECT("9", "True")), 1, NULL},
			{"GET " WATCH, 403, "{}", 0, NULL}, {NULL}};

		strbuf_reset(&lines);
		took = await(room, routes, 120000, &readiness, &why);
	} while (took >= 5000);
	assert_int_equal(readiness, READY_WAIT);
	assert_string_equal(lines.text, TOLD "Pod/inner/a: the pod is Running\n" TOLD);
	strbuf_release(&lines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KUBE_TEST(test_a_watch_begins_where_the_look_was),
		KUBE_TEST(test_a_watch_that_is_refused_leaves_the_waiting_to_the_engine),
		KUBE_TEST(test_what_goes_while_it_is_watched_has_failed),
		KUBE_TEST(test_the_reason_stays_while_it_is_watched),
		KUBE_TEST(test_when_the_time_is_over_the_last_look_says_what_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
