/*
 * Containers on an engine that answers as real ones seldom do: things vanish between two questions, a
 * name is taken in the same moment, a connection breaks after the deed, another version shows it
 * otherwise.
 */
#include "docker_mock.h"

#include "providers/docker/container/type.h"

#define ID "1111111111111111111111111111111111111111111111111111111111111111"
#define OTHER "2222222222222222222222222222222222222222222222222222222222222222"
#define WEB "docker_container.web"
#define MARK(intent)                                                                                 \
	"\"dev.devenv.environment\":\"0123456789abcdef\",\"dev.devenv.address\":\"" WEB "\","        \
	"\"dev.devenv.generation\":\"1\",\"dev.devenv.state\":\"home\",\"dev.devenv.intent\":\"" intent "\""
#define OURS MARK("cafecafecafecafe")
#define RUNNING "\"State\":{\"Status\":\"running\",\"Running\":true}"
#define CREATED "\"State\":{\"Status\":\"created\",\"Running\":false}"
#define INSPECT(id, labels, state)                                                                   \
	"{\"Id\":\"" id "\",\"Name\":\"/mock-web-012345\",\"Image\":\"sha256:1\"," state             \
	",\"Config\":{\"Image\":\"x:1\",\"Labels\":{" labels "}},\"HostConfig\":{}}"
#define LISTED(id) "{\"Id\":\"" id "\",\"Names\":[\"/mock-web-012345\"],\"Labels\":{" OURS "}}"
#define IMAGE {"GET /images/x:1/json", 200, "{\"Id\":\"sha256:1\"}", 0}

static struct observation observed(struct mock *mock, struct record *record, const char *desired,
	size_t *strays)
{
	struct observation item = {
		.address = WEB, .type = type_find("docker_container"), .record = record};
	struct observe_request request = {.items = &item, .n = 1};
	struct error err = ERROR_INIT;

	if (desired)
		item.desired = mock_json(mock, desired);
	assert_int_equal(provider_docker.observe(&mock->env, &request, &err), 0);
	if (strays)
		*strays = request.n_strays;
	return item;
}

static struct record recorded(struct mock *mock, const char *id)
{
	return (struct record){
		.address = WEB,
		.generation = 1,
		.type = "docker_container",
		.id = id,
		.endpoint = "MOCK",
		.inputs = mock_json(mock, "{\"image\":\"x:1\"}"),
		.outputs = &value_empty_map,
		.arena = &mock->arena,
	};
}

/* `seen`: what the plan saw; NULL: nothing. */
static int create_after(struct mock *mock, const struct observation *seen, struct outcome *outcome,
	struct error *err)
{
	struct request request = {
		.observed = seen,
		.act = ACT_CREATE,
		.address = WEB,
		.generation = 1,
		.type = type_find("docker_container"),
		.inputs = mock_json(mock, "{\"image\":\"x:1\",\"networks\":[\"a\",\"b\"]}"),
	};

	*outcome = (struct outcome){0};
	*err = (struct error)ERROR_INIT;
	return provider_docker.apply(&mock->env, &request, outcome, err);
}

static int create(struct mock *mock, struct outcome *outcome, struct error *err)
{
	return create_after(mock, NULL, outcome, err);
}

/* --- observing ---------------------------------------------------------------------------------- */

static void what_vanishes_after_the_list_is_absent(void **state)
{
	struct route routes[] = {
		{"GET /containers/json", 200, "[" LISTED(ID) "]", 0},
		{"GET /containers/" ID "/json", 404, "{\"message\":\"No such container\"}", 0},
		{NULL, 0, NULL, 0},
	};
	struct mock mock;
	struct record record;

	(void)state;
	mock_start(&mock, "1.41", routes);
	record = recorded(&mock, ID);
	assert_int_equal(observed(&mock, &record, NULL, NULL).presence, PRESENCE_ABSENT);
	mock_stop(&mock);
}

static void an_inspect_that_fails_is_unknown_and_never_absent(void **state)
{
	struct route routes[] = {
		{"GET /containers/json", 200, "[" LISTED(ID) "]", 0},
		{"GET /containers/" ID "/json", 500, "{\"message\":\"the disk is sad\"}", 0},
		{NULL, 0, NULL, 0},
	};
	struct mock mock;
	struct record record;
	struct observation item;

	(void)state;
	mock_start(&mock, "1.41", routes);
	record = recorded(&mock, ID);
	item = observed(&mock, &record, NULL, NULL);
	assert_int_equal(item.presence, PRESENCE_UNKNOWN);
	assert_string_equal(item.message, "the disk is sad");
	mock_stop(&mock);
}

/* Not in the list of ours (imported: no mark), but recorded: asked for by its id. A prefix is no id. */
static void what_is_recorded_is_looked_for_by_its_whole_id(void **state)
{
	struct route routes[] = {
		{"GET /containers/json", 200, "[]", 0},
		{"GET /containers/" ID "/json", 200, INSPECT(ID, "", RUNNING), 1},
		{"GET /containers/" ID "/json", 200, INSPECT(OTHER, "", RUNNING), 0},
		IMAGE,
		{NULL, 0, NULL, 0},
	};
	struct mock mock;
	struct record record;
	struct observation item;

	(void)state;
	mock_start(&mock, "1.41", routes);
	record = recorded(&mock, ID);
	item = observed(&mock, &record, NULL, NULL);
	assert_int_equal(item.presence, PRESENCE_PRESENT);
	assert_int_equal(item.ownership, OWNER_NONE);
	assert_int_equal(observed(&mock, &record, NULL, NULL).presence, PRESENCE_ABSENT);
	mock_stop(&mock);
}

static void a_second_one_with_the_mark_is_a_stray(void **state)
{
	struct route routes[] = {
		{"GET /containers/json", 200, "[" LISTED(ID) "," LISTED(OTHER) "]", 0},
		{"GET /containers/" ID "/json", 200, INSPECT(ID, OURS, RUNNING), 0},
		IMAGE,
		{NULL, 0, NULL, 0},
	};
	struct mock mock;
	struct observation item;
	size_t strays;

	(void)state;
	mock_start(&mock, "1.41", routes);
	item = observed(&mock, NULL, "{\"image\":\"x:1\"}", &strays);
	assert_string_equal(item.id, ID);
	assert_true(item.matches);
	assert_int_equal(strays, 1);
	mock_stop(&mock);
}

/* Each image is asked for once, however many containers are made of it. */
static void an_image_is_asked_for_once(void **state)
{
	struct route routes[] = {
		{"GET /containers/json", 200, "[]", 0},
		{"GET /containers/" ID "/json", 200, INSPECT(ID, OURS, RUNNING), 0},
		{"GET /containers/" OTHER "/json", 200, INSPECT(OTHER, OURS, RUNNING), 0},
		IMAGE,
		{NULL, 0, NULL, 0},
	};
	struct observation items[2] = {0};
	struct observe_request request = {.items = items, .n = 2};
	struct error err = ERROR_INIT;
	struct record a, b;
	struct mock mock;

	(void)state;
	mock_start(&mock, "1.41", routes);
	a = recorded(&mock, ID);
	b = recorded(&mock, OTHER);
	for (size_t i = 0; i < 2; i++) {
		items[i].address = WEB;
		items[i].type = type_find("docker_container");
		items[i].record = i ? &b : &a;
	}
	assert_int_equal(provider_docker.observe(&mock.env, &request, &err), 0);
	assert_int_equal(items[1].presence, PRESENCE_PRESENT);
	assert_int_equal(mock_asked(&mock, "GET /v1.41/images/x:1/json"), 1);
	mock_stop(&mock);
}

/* --- creating ----------------------------------------------------------------------------------- */

static void from_the_moment_it_is_made_the_outcome_says_so(void **state)
{
	struct route routes[] = {
		{"GET /networks/", 200, "{}", 0},
		{"POST /containers/create", 201, "{\"Id\":\"" ID "\"}", 0},
		{"POST /networks/b/connect", 500, "{\"message\":\"no addresses left\"}", 0},
		{NULL, 0, NULL, 0},
	};
	struct outcome outcome;
	struct error err;
	struct mock mock;

	(void)state;
	mock_start(&mock, "1.41", routes);
	assert_int_equal(create(&mock, &outcome, &err), -1);
	assert_true(outcome.exists);
	assert_string_equal(outcome.id, ID);
	assert_string_equal(outcome.endpoint, "MOCK");
	assert_string_equal(err.msg, "cannot connect to network 'b': no addresses left");
	mock_stop(&mock);
}

static void a_name_that_is_taken_names_its_owner(void **state)
{
	struct route routes[] = {
		{"GET /containers/mock-web-012345/json", 200, INSPECT(OTHER, "", RUNNING), 0},
		{"GET /networks/", 200, "{}", 0},
		{"POST /containers/create", 409, "{\"message\":\"Conflict.\"}", 0},
		{NULL, 0, NULL, 0},
	};
	struct outcome outcome;
	struct error err;
	struct mock mock;

	(void)state;
	mock_start(&mock, "1.41", routes);
	assert_int_equal(create(&mock, &outcome, &err), -1);
	assert_false(outcome.exists);
	assert_int_equal(err.code, ERROR_CONFLICT);
	assert_non_null(strstr(err.msg, "a container 'mock-web-012345' exists already (222222222222"));
	mock_stop(&mock);
}

/* Only when the engine does not find the image is it looked at, and a container is made with two requests
   beside the look at its networks. */
static void an_image_is_asked_for_only_when_the_engine_has_none(void **state)
{
	struct route routes[] = {
		{"GET /networks/", 200, "{}", 0},
		{"POST /containers/create", 404, "{\"message\":\"No such image: x:1\"}", 1},
		IMAGE,
		{"POST /containers/create", 201, "{\"Id\":\"" ID "\"}", 0},
		{"POST /networks/b/connect", 200, "{}", 0},
		{"POST /containers/" ID "/start", 204, "", 0},
		{"GET /containers/" ID "/json", 200, INSPECT(ID, OURS, RUNNING), 0},
		{NULL, 0, NULL, 0},
	};
	struct outcome outcome;
	struct error err;
	struct mock mock;

	(void)state;
	mock_start(&mock, "1.41", routes);
	if (create(&mock, &outcome, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(mock_asked(&mock, "GET /v1.41/images/x:1/json"), 1);
	assert_int_equal(mock_asked(&mock, "POST /v1.41/containers/create"), 2);
	if (create(&mock, &outcome, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(mock_asked(&mock, "GET /v1.41/images/x:1/json"), 1);
	assert_int_equal(mock_asked(&mock, "GET /v1.41/containers/mock-web-012345/json"), 0);
	mock_stop(&mock);
}

/* The engine made it, and the answer was lost: the next try of this intent goes on from there. */
static void a_lost_answer_does_not_make_two(void **state)
{
	struct route routes[] = {
		{"GET /containers/mock-web-012345/json", 200, INSPECT(ID, OURS, RUNNING), 0},
		{"GET /containers/" ID "/json", 200, INSPECT(ID, OURS, RUNNING), 0},
		{"GET /networks/", 200, "{}", 0},
		{"POST /containers/create", 0, NULL, 1},
		{"POST /containers/create", 409, "{\"message\":\"Conflict.\"}", 0},
		{"POST /networks/", 200, "{}", 0},
		{NULL, 0, NULL, 0},
	};
	struct outcome outcome;
	struct error err;
	struct mock mock;

	(void)state;
	mock_start(&mock, "1.41", routes);
	assert_int_equal(create(&mock, &outcome, &err), -1);
	assert_int_equal(err.code, ERROR_TRANSIENT);
	if (create(&mock, &outcome, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(outcome.id, ID);
	/* both networks were missing */
	assert_int_equal(mock_asked(&mock, "POST /v1.41/networks/a/connect"), 1);
	assert_int_equal(mock_asked(&mock, "POST /v1.41/networks/b/connect"), 1);
	mock_stop(&mock);
}

/* The engine comes to the create of a run that died when the next one has looked. */
static void a_container_that_a_dead_run_asked_for_comes_late(void **state)
{
	struct route routes[] = {
		{"GET /containers/mock-web-012345/json", 200, INSPECT(ID, MARK("dead000000000001"), RUNNING), 0},
		{"GET /containers/" ID "/json", 200, INSPECT(ID, MARK("dead000000000001"), RUNNING), 0},
		{"GET /networks/", 200, "{}", 0},
		{"POST /containers/create", 409, "{\"message\":\"Conflict.\"}", 0},
		{"POST /networks/", 200, "{}", 0},
		{NULL, 0, NULL, 0},
	};
	struct intent first = {.id = "dead000000000001", .address = WEB};
	struct intent second = {.id = "dead000000000002", .address = WEB, .older = &first};
	struct observation seen = {.address = WEB, .intent = &second};
	struct outcome outcome;
	struct error err;
	struct mock mock;

	(void)state;
	mock_start(&mock, "1.41", routes);
	if (create_after(&mock, &seen, &outcome, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(outcome.id, ID);
	/* Of an intent that is not open nothing is known. */
	second.older = NULL;
	assert_int_equal(create_after(&mock, &seen, &outcome, &err), -1);
	assert_int_equal(err.code, ERROR_CONFLICT);
	mock_stop(&mock);
}

/* The engine gives the name away first, and shows the container when it is made. */
static void a_name_that_nobody_has_yet_is_looked_at_again(void **state)
{
	struct route routes[] = {
		{"GET /containers/mock-web-012345/json", 404, "{\"message\":\"No such container\"}", 0},
		{"GET /networks/", 200, "{}", 0},
		{"POST /containers/create", 409, "{\"message\":\"Conflict.\"}", 0},
		{NULL, 0, NULL, 0},
	};
	struct outcome outcome;
	struct error err;
	struct mock mock;

	(void)state;
	mock_start(&mock, "1.41", routes);
	assert_int_equal(create(&mock, &outcome, &err), -1);
	assert_int_equal(err.code, ERROR_TRANSIENT);
	assert_false(outcome.exists);
	mock_stop(&mock);
}

/* The engine died while it started what a dead run had made: that one never starts. */
static void check_made_anew(const char *refusal)
{
	struct route routes[] = {
		{"GET /containers/mock-web-012345/json", 200, INSPECT(ID, OURS, CREATED), 0},
		{"GET /containers/" ID "/json", 200, INSPECT(ID, OURS, CREATED), 0},
		{"GET /containers/" OTHER "/json", 200, INSPECT(OTHER, OURS, RUNNING), 0},
		{"GET /networks/", 200, "{}", 0},
		{"POST /networks/", 200, "{}", 0},
		{"POST /containers/" ID "/start", 500, refusal, 0},
		{"POST /containers/" OTHER "/start", 204, "", 0},
		{"DELETE /containers/" ID, 204, "", 0},
		{"POST /containers/create", 409, "{\"message\":\"Conflict.\"}", 1},
		{"POST /containers/create", 201, "{\"Id\":\"" OTHER "\"}", 0},
		{NULL, 0, NULL, 0},
	};
	struct outcome outcome;
	struct error err;
	struct mock mock;

	mock_start(&mock, "1.41", routes);
	if (create(&mock, &outcome, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(outcome.exists);
	assert_string_equal(outcome.id, OTHER);
	assert_int_equal(mock_asked(&mock, "POST /v1.41/containers/" ID "/start"), 1);
	assert_int_equal(mock_asked(&mock, "DELETE /v1.41/containers/" ID), 1);
	assert_int_equal(mock_asked(&mock, "POST /v1.41/containers/create"), 2);
	mock_stop(&mock);
}

static void what_the_runtime_has_and_the_books_have_not_is_made_anew(void **state)
{
	(void)state;
	check_made_anew("{\"message\":\"task " ID ": already exists\"}");
	check_made_anew("{\"message\":\"failed to start shim: mkdir /run/moby/" ID ": file exists: unknown\"}");
}

/* A container that is in the network already is no error. */
static void connecting_twice_is_success(void **state)
{
	struct route routes[] = {
		{"POST /networks/a/connect", 403,
			"{\"message\":\"endpoint with name x already exists in network a\"}", 1},
		{"POST /networks/a/connect", 403, "{\"message\":\"forbidden\"}", 0},
		{NULL, 0, NULL, 0},
	};
	struct docker docker;
	struct error err = ERROR_INIT;
	struct mock mock;
	struct value *network;

	(void)state;
	mock_start(&mock, "1.41", routes);
	docker = mock_open(&mock);
	network = mock_json(&mock, "{\"name\":\"a\"}");
	assert_int_equal(container_connect(&docker, ID, network, &err), 0);
	assert_int_equal(container_connect(&docker, ID, network, &err), -1);
	docker_close(&docker);
	mock_stop(&mock);
}

/* --- destroying --------------------------------------------------------------------------------- */

static void a_removal_under_way_is_waited_for(void **state)
{
	struct route routes[] = {
		{"GET /containers/" ID "/json", 200, INSPECT(ID, OURS, RUNNING), 3},
		{"GET /containers/" ID "/json", 404, "{\"message\":\"No such container\"}", 0},
		{"POST /containers/" ID "/stop", 304, "", 0},
		{"DELETE /containers/" ID, 409, "{\"message\":\"removal is already in progress\"}", 0},
		{NULL, 0, NULL, 0},
	};
	struct error err = ERROR_INIT;
	struct record record;
	struct mock mock;

	(void)state;
	mock_start(&mock, "1.41", routes);
	record = recorded(&mock, ID);
	if (provider_docker.destroy(&mock.env, &record, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(mock_asked(&mock, "GET /v1.41/containers/" ID "/json"), 4);
	mock_stop(&mock);
}

static void what_cannot_be_stopped_is_not_removed(void **state)
{
	struct route routes[] = {
		{"GET /containers/" ID "/json", 200, INSPECT(ID, OURS, RUNNING), 0},
		{"POST /containers/" ID "/stop", 500, "{\"message\":\"it holds on\"}", 0},
		{NULL, 0, NULL, 0},
	};
	struct error err = ERROR_INIT;
	struct record record;
	struct mock mock;

	(void)state;
	mock_start(&mock, "1.41", routes);
	record = recorded(&mock, ID);
	assert_int_equal(provider_docker.destroy(&mock.env, &record, &err), -1);
	assert_string_equal(err.msg, "cannot stop container 111111111111: it holds on");
	assert_int_equal(mock_asked(&mock, "DELETE /v1.41/containers"), 0);
	mock_stop(&mock);
}

/* The grace period is in the record, also when the manifest is gone. */
static void the_grace_period_comes_from_the_record(void **state)
{
	struct route routes[] = {
		{"GET /containers/" ID "/json", 200, INSPECT(ID, OURS, RUNNING), 0},
		{"POST /containers/" ID "/stop?t=3", 204, "", 0},
		{"DELETE /containers/" ID "?v=1&force=1", 204, "", 0},
		{NULL, 0, NULL, 0},
	};
	struct error err = ERROR_INIT;
	struct record record;
	struct mock mock;

	(void)state;
	mock_start(&mock, "1.41", routes);
	record = recorded(&mock, ID);
	record.inputs = mock_json(&mock, "{\"image\":\"x:1\",\"stopGracePeriod\":\"2500ms\"}");
	if (provider_docker.destroy(&mock.env, &record, &err) < 0)
		fail_msg("%s", err.msg);
	mock_stop(&mock);
}

/* --- versions ----------------------------------------------------------------------------------- */

static void what_a_version_does_not_know_is_said(void **state)
{
	static const struct {
		const char *inputs, *message;
	} cases[] = {
		{"{\"image\":\"x:1\",\"healthcheck\":{\"test\":\"true\",\"startInterval\":1}}",
			"healthcheck: startInterval needs Docker Engine 25 or newer"},
		{"{\"image\":\"x:1\",\"volumes\":[{\"source\":\"v\",\"target\":\"/v\",\"subpath\":\"s\"}]}",
			"volumes: subpath needs Docker Engine 26 or newer"},
	};
	struct route routes[] = {
		{"GET /containers/mock-web-012345/json", 404, "{}", 0},
		IMAGE,
		{NULL, 0, NULL, 0},
	};
	struct mock mock;

	(void)state;
	mock_start(&mock, "1.41", routes);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct request request = {
			.act = ACT_CREATE,
			.address = WEB,
			.generation = 1,
			.type = type_find("docker_container"),
			.inputs = mock_json(&mock, cases[i].inputs),
		};
		struct outcome outcome = {0};
		struct error err = ERROR_INIT;

		assert_int_equal(provider_docker.apply(&mock.env, &request, &outcome, &err), -1);
		assert_string_equal(err.msg, cases[i].message);
		assert_false(outcome.exists);
	}
	assert_int_equal(mock_asked(&mock, "POST /v1.41/containers/create"), 0);
	mock_stop(&mock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_vanishes_after_the_list_is_absent),
		cmocka_unit_test(an_inspect_that_fails_is_unknown_and_never_absent),
		cmocka_unit_test(what_is_recorded_is_looked_for_by_its_whole_id),
		cmocka_unit_test(a_second_one_with_the_mark_is_a_stray),
		cmocka_unit_test(an_image_is_asked_for_once),
		cmocka_unit_test(from_the_moment_it_is_made_the_outcome_says_so),
		cmocka_unit_test(a_name_that_is_taken_names_its_owner),
		cmocka_unit_test(an_image_is_asked_for_only_when_the_engine_has_none),
		cmocka_unit_test(a_lost_answer_does_not_make_two),
		cmocka_unit_test(a_container_that_a_dead_run_asked_for_comes_late),
		cmocka_unit_test(a_name_that_nobody_has_yet_is_looked_at_again),
		cmocka_unit_test(what_the_runtime_has_and_the_books_have_not_is_made_anew),
		cmocka_unit_test(connecting_twice_is_success),
		cmocka_unit_test(a_removal_under_way_is_waited_for),
		cmocka_unit_test(what_cannot_be_stopped_is_not_removed),
		cmocka_unit_test(the_grace_period_comes_from_the_record),
		cmocka_unit_test(what_a_version_does_not_know_is_said),
	};

	hash_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
