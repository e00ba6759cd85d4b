/* Making networks and volumes against others: strangers, an answer that got lost, what dead runs had asked for. */
#include "docker_mock.h"

#define LATE(id, intent) "{\"Id\":\"" id "\",\"Name\":\"net\",\"Driver\":\"bridge\",\"Labels\":{" \
	"\"dev.devenv.environment\":\"0123456789abcdef\",\"dev.devenv.state\":\"home\"," \
	"\"dev.devenv.address\":\"docker_network.a\",\"dev.devenv.intent\":\"" intent "\"}}"
#define NETWORK(id) LATE(id, "cafecafecafecafe")

static int create(struct mock *mock, const char *type, const char *inputs, struct outcome *outcome,
	struct error *err)
{
	struct request request = {.act = ACT_CREATE, .address = "docker_thing.a", .generation = 1,
		.type = type_find(type), .inputs = mock_json(mock, inputs)};

	*outcome = (struct outcome){0};
	*err = (struct error)ERROR_INIT;
	return provider_docker.apply(&mock->env, &request, outcome, err);
}

/* The engine answers 201 to a create of what is there, with the labels of whoever was first. */
static void a_volume_made_by_another_in_between_is_a_conflict(void **state)
{
	static struct route routes[] = {
		{"GET /volumes/v", 404, "{\"message\":\"no such volume\"}", 0},
		{"POST /volumes/create", 201, "{\"Name\":\"v\",\"Labels\":{\"owner\":\"other\"}}", 0},
		{NULL, 0, NULL, 0},
	};
	struct mock mock;
	struct outcome outcome;
	struct error err;

	(void)state;
	mock_start(&mock, "1.41", routes);
	assert_int_equal(create(&mock, "docker_volume", "{\"volumeName\":\"v\"}", &outcome, &err), -1);
	assert_int_equal(err.code, ERROR_CONFLICT);
	assert_false(outcome.exists);
	mock_stop(&mock);
}

/* Below 1.44 even CheckDuplicate lets two through that come at one moment. */
static void of_two_networks_made_at_one_moment_ours_gives_way(void **state)
{
	static struct route routes[] = {
		{"GET /networks?", 200, "[]", 1},
		{"POST /networks/create", 201, "{\"Id\":\"n1\"}", 0},
		{"GET /networks?", 200, "[{\"Id\":\"n1\",\"Name\":\"net\"},{\"Id\":\"n2\",\"Name\":\"net\"}]",
			0},
		{"DELETE /networks/n1", 204, "", 0},
		{NULL, 0, NULL, 0},
	};
	struct mock mock;
	struct outcome outcome;
	struct error err;

	(void)state;
	mock_start(&mock, "1.41", routes);
	assert_int_equal(create(&mock, "docker_network", "{\"networkName\":\"net\"}", &outcome, &err),
		-1);
	assert_int_equal(err.code, ERROR_TRANSIENT);
	assert_int_equal(mock_asked(&mock, "DELETE /v1.41/networks/n1 "), 1);
	assert_int_equal(mock_asked(&mock, "DELETE /v1.41/networks/n2 "), 0);
	mock_stop(&mock);
}

/* Two runs have died since, so both of their intents are open. */
static int create_after_deaths(struct mock *mock, const char *type, const char *inputs, const char *adopt,
	struct outcome *outcome, struct error *err)
{
	struct intent first = {.id = "dead000000000001", .address = "docker_network.a"};
	struct intent second = {.id = "dead000000000002", .address = "docker_network.a", .older = &first};
	struct observation seen = {.address = "docker_network.a", .intent = &second, .id = adopt};
	struct request request = {.act = ACT_CREATE, .address = "docker_network.a", .generation = 1,
		.type = type_find(type), .inputs = mock_json(mock, inputs), .observed = &seen,
		.adopt = adopt != NULL};

	*outcome = (struct outcome){0};
	*err = (struct error)ERROR_INIT;
	return provider_docker.apply(&mock->env, &request, outcome, err);
}

/* The engine comes to the create of a dead run before ours, beside ours, or before it is taken over. */
static void a_network_that_a_dead_run_asked_for_comes_late(void **state)
{
	static struct route before[] = {
		{"GET /networks?", 200, "[" LATE("n1", "dead000000000001") "]", 1},
		{"DELETE /networks/n1", 204, "", 0},
		{"POST /networks/create", 201, "{\"Id\":\"n2\"}", 0},
		{"GET /networks?", 200, "[" NETWORK("n2") "]", 0},
		{"GET /networks/n2", 200, NETWORK("n2"), 0},
		{NULL, 0, NULL, 0},
	};
	static struct route beside[] = {
		{"GET /networks?", 200, "[]", 1},
		{"POST /networks/create", 201, "{\"Id\":\"n2\"}", 0},
		{"GET /networks?", 200, "[" LATE("n1", "dead000000000001") "," NETWORK("n2") "]", 0},
		{"DELETE /networks/n1", 204, "", 0},
		{"GET /networks/n2", 200, NETWORK("n2"), 0},
		{NULL, 0, NULL, 0},
	};
	static struct route taken[] = {
		{"GET /networks?", 200, "[" LATE("n1", "dead000000000001") ","
			LATE("n2", "dead000000000002") "]", 0},
		{"DELETE /networks/n1", 204, "", 0},
		{"GET /networks/n2", 200, LATE("n2", "dead000000000002"), 0},
		{NULL, 0, NULL, 0},
	};
	static struct route used[] = {
		{"GET /networks?", 200, "[" LATE("n1", "dead000000000001") "]", 0},
		{"DELETE /networks/n1", 403, "{\"message\":\"has active endpoints\"}", 0},
		{NULL, 0, NULL, 0},
	};
	static const struct {
		struct route *routes;
		const char *adopt;
		int result;
	} cases[] = {{before, NULL, 0}, {beside, NULL, 0}, {taken, "n2", 0}, {used, NULL, -1}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mock mock;
		struct outcome outcome;
		struct error err;

		mock_start(&mock, "1.41", cases[i].routes);
		assert_int_equal(create_after_deaths(&mock, "docker_network", "{\"networkName\":\"net\"}",
			cases[i].adopt, &outcome, &err), cases[i].result);
		if (cases[i].result)
			assert_int_equal(err.code, ERROR_CONFLICT);
		else
			assert_string_equal(outcome.id, "n2");
		assert_int_equal(mock_asked(&mock, "DELETE /v1.41/networks/n1 "), 1);
		assert_int_equal(mock_asked(&mock, "DELETE /v1.41/networks/n2 "), 0);
		mock_stop(&mock);
	}
}

/* Only one network can have a bridge of that name, however many creates come at one moment. */
static void a_bridge_has_a_name_that_one_network_only_can_have(void **state)
{
	static const struct {
		const char *version, *inputs;
		bool named;
	} cases[] = {
		{"1.41", "{\"networkName\":\"net\"}", true},
		{"1.43", "{\"networkName\":\"net\",\"options\":{\"mtu\":1400}}", true},
		{"1.44", "{\"networkName\":\"net\"}", false},
		{"1.41", "{\"networkName\":\"net\",\"driver\":\"macvlan\"}", false},
		{"1.41", "{\"networkName\":\"net\",\"options\":{\"com.docker.network.bridge.name\":\"mine\"}}", false},
	};
	static struct route refuses[] = {
		{"GET /networks?", 200, "[]", 0},
		{"POST /networks/create", 403, "{\"message\":\"cannot create network 1 (br-1): conflicts with "
			"network 2 (br-1): networks have same bridge name\"}", 0},
		{NULL, 0, NULL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mock mock;
		struct outcome outcome;
		struct error err;

		mock_start(&mock, cases[i].version, refuses);
		assert_int_equal(create(&mock, "docker_network", cases[i].inputs, &outcome, &err), -1);
		assert_int_equal(err.code, ERROR_TRANSIENT);
		assert_int_equal(mock_asked(&mock, "\"com.docker.network.bridge.name\":\"br-"), cases[i].named);
		mock_stop(&mock);
	}
}

/* From 1.44 on names are unique: the one that is being made has it already, and is not seen yet. */
static void a_network_that_is_being_made_is_looked_at_again(void **state)
{
	static struct route routes[] = {
		{"GET /networks?", 200, "[]", 0},
		{"POST /networks/create", 409, "{\"message\":\"network with name net already exists\"}", 0},
		{NULL, 0, NULL, 0},
	};
	struct mock mock;
	struct outcome outcome;
	struct error err;

	(void)state;
	mock_start(&mock, "1.44", routes);
	assert_int_equal(create(&mock, "docker_network", "{\"networkName\":\"net\"}", &outcome, &err), -1);
	assert_int_equal(err.code, ERROR_TRANSIENT);
	mock_stop(&mock);
}

static void a_volume_that_a_dead_run_asked_for_comes_late(void **state)
{
	static struct route routes[] = {
		{"GET /volumes/v", 404, "{\"message\":\"no such volume\"}", 0},
		{"POST /volumes/create", 201, LATE("v", "dead000000000001"), 0},
		{NULL, 0, NULL, 0},
	};
	struct mock mock;
	struct outcome outcome;
	struct error err;

	(void)state;
	mock_start(&mock, "1.41", routes);
	assert_int_equal(create_after_deaths(&mock, "docker_volume", "{\"volumeName\":\"v\"}", NULL,
		&outcome, &err), 0);
	assert_true(outcome.exists);
	mock_stop(&mock);
}

/* Neither is recorded: it is that of the last intent, wherever it stands in the list. */
static void of_two_that_dead_runs_made_the_last_is_seen(void **state)
{
	static struct route orders[][2] = {
		{{"GET /networks?", 200, "[" LATE("n1", "dead000000000001") ","
			LATE("n2", "dead000000000002") "]", 0}, {NULL, 0, NULL, 0}},
		{{"GET /networks?", 200, "[" LATE("n2", "dead000000000002") ","
			LATE("n1", "dead000000000001") "]", 0}, {NULL, 0, NULL, 0}},
	};
	struct intent intent = {.id = "dead000000000002", .address = "docker_network.a",
		.action = INTENT_CREATE, .type = "docker_network"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		struct observation item = {.address = "docker_network.a",
			.type = type_find("docker_network"), .intent = &intent};
		struct observe_request request = {.items = &item, .n = 1};
		struct error err = ERROR_INIT;
		struct mock mock;

		mock_start(&mock, "1.41", orders[i]);
		assert_int_equal(provider_docker.observe(&mock.env, &request, &err), 0);
		assert_int_equal(item.presence, PRESENCE_PRESENT);
		assert_string_equal(item.id, "n2");
		assert_int_equal(request.n_strays, 0);
		mock_stop(&mock);
	}
}

static void only_old_engines_are_sent_what_only_they_know(void **state)
{
	static struct route routes[] = {
		{"GET /networks?", 200, "[]", 0},
		{"POST /networks/create", 201, "{\"Id\":\"n1\"}", 0},
		{"GET /networks/n1", 200, NETWORK("n1"), 0},
		{NULL, 0, NULL, 0},
	};
	struct mock mock;
	struct outcome outcome;
	struct error err;

	(void)state;
	mock_start(&mock, "1.43", routes);
	assert_int_equal(create(&mock, "docker_network", "{}", &outcome, &err), 0);
	assert_string_equal(outcome.id, "n1");
	assert_string_equal(outcome.endpoint, "MOCK");
	assert_int_equal(mock_asked(&mock, "\"CheckDuplicate\":true"), 1);
	mock_stop(&mock);
	mock_start(&mock, "1.44", routes);
	assert_int_equal(create(&mock, "docker_network", "{}", &outcome, &err), 0);
	assert_int_equal(mock_asked(&mock, "CheckDuplicate"), 0);
	mock_stop(&mock);
}

/* The answer to the create is lost: the next try finds what it made, by its intent. */
static void a_create_without_an_answer_is_not_done_twice(void **state)
{
	static struct route routes[] = {
		{"GET /networks?", 200, "[]", 1},
		{"POST /networks/create", 0, NULL, 0},
		{"GET /networks?", 200, "[" NETWORK("n1") "]", 0},
		{"GET /networks/n1", 200, NETWORK("n1"), 0},
		{NULL, 0, NULL, 0},
	};
	struct mock mock;
	struct outcome outcome;
	struct error err;

	(void)state;
	mock_start(&mock, "1.44", routes);
	assert_int_equal(create(&mock, "docker_network", "{\"networkName\":\"net\"}", &outcome, &err),
		-1);
	assert_int_equal(err.code, ERROR_TRANSIENT);
	assert_int_equal(create(&mock, "docker_network", "{\"networkName\":\"net\"}", &outcome, &err), 0);
	assert_string_equal(outcome.id, "n1");
	assert_int_equal(mock_asked(&mock, "POST /v1.44/networks/create"), 1);
	mock_stop(&mock);
}

/* Newer engines add options, gateways and more: what nobody asked for is no drift. */
static void what_the_engine_adds_is_not_looked_at(void **state)
{
	static struct route routes[] = {
		{"GET /networks?", 200, "[{\"Id\":\"n1\",\"Name\":\"net\",\"Driver\":\"bridge\","
			"\"EnableIPv4\":true,\"Options\":{\"mtu\":\"1400\",\"new.default\":\"yes\"},"
			"\"IPAM\":{\"Driver\":\"default\",\"Config\":[{\"Subnet\":\"10.1.0.0/24\","
			"\"IPRange\":\"\",\"Gateway\":\"10.1.0.1\"}]},\"Labels\":{"
			"\"dev.devenv.environment\":\"0123456789abcdef\",\"dev.devenv.state\":\"home\","
			"\"dev.devenv.address\":\"docker_network.a\"}}]", 0},
		{NULL, 0, NULL, 0},
	};
	struct observation item = {.address = "docker_network.a", .type = type_find("docker_network")};
	struct observe_request request = {.items = &item, .n = 1};
	struct strbuf text = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct mock mock;

	(void)state;
	mock_start(&mock, "1.52", routes);
	item.desired = mock_json(&mock, "{\"networkName\":\"net\",\"options\":{\"mtu\":1400},"
		"\"ipam\":{\"config\":[{\"subnet\":\"10.1.0.0/24\"}]}}");
	assert_int_equal(provider_docker.observe(&mock.env, &request, &err), 0);
	json_write(&text, item.attributes, JSON_CLEAR, NULL);
	assert_string_equal(text.text, "{\"attachable\":false,\"driver\":\"bridge\",\"internal\":false,"
		"\"ipam\":{\"config\":[{\"subnet\":\"10.1.0.0/24\"}],\"driver\":\"default\"},"
		"\"ipv6\":false,\"labels\":{},\"networkName\":\"net\",\"options\":{\"mtu\":\"1400\"}}");
	assert_true(item.matches);
	/* Nobody can say so while a part of what is wanted is not known. */
	{
		struct member members[] = {{.key = "networkName", .value = value_borrow("net")},
			{.key = "driver", .value = value_unknown}};
		struct value desired = value_map(members, 2);

		item = (struct observation){.address = "docker_network.a",
			.type = type_find("docker_network"), .desired = &desired};
		assert_int_equal(provider_docker.observe(&mock.env, &request, &err), 0);
		assert_int_equal(item.presence, PRESENCE_PRESENT);
		assert_false(item.matches);
	}
	strbuf_release(&text);
	mock_stop(&mock);
}

/* Somebody else was quicker between the look and the removal. */
static void gone_in_the_last_moment_is_success(void **state)
{
	static struct route routes[] = {
		{"GET /networks/n1", 200, NETWORK("n1"), 0},
		{"GET /volumes/v1", 200, "{\"Name\":\"v1\"}", 0},
		{"DELETE ", 404, "{\"message\":\"no such thing\"}", 0},
		{NULL, 0, NULL, 0},
	};
	struct record network = {.address = "docker_network.a", .type = "docker_network", .id = "n1"};
	struct record volume = {.address = "docker_volume.a", .type = "docker_volume", .id = "v1"};
	struct error err = ERROR_INIT;
	struct mock mock;

	(void)state;
	mock_start(&mock, "1.52", routes);
	assert_int_equal(provider_docker.destroy(&mock.env, &network, &err), 0);
	assert_int_equal(provider_docker.destroy(&mock.env, &volume, &err), 0);
	assert_int_equal(mock_asked(&mock, "DELETE "), 2);
	mock_stop(&mock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_volume_made_by_another_in_between_is_a_conflict),
		cmocka_unit_test(of_two_networks_made_at_one_moment_ours_gives_way),
		cmocka_unit_test(a_network_that_a_dead_run_asked_for_comes_late),
		cmocka_unit_test(a_bridge_has_a_name_that_one_network_only_can_have),
		cmocka_unit_test(a_network_that_is_being_made_is_looked_at_again),
		cmocka_unit_test(a_volume_that_a_dead_run_asked_for_comes_late),
		cmocka_unit_test(of_two_that_dead_runs_made_the_last_is_seen),
		cmocka_unit_test(only_old_engines_are_sent_what_only_they_know),
		cmocka_unit_test(a_create_without_an_answer_is_not_done_twice),
		cmocka_unit_test(what_the_engine_adds_is_not_looked_at),
		cmocka_unit_test(gone_in_the_last_moment_is_success),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
