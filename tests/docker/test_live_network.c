/* docker_network and docker_volume on a real engine. */
#include "live.h"

#define NETWORK "docker_network"
#define VOLUME "docker_volume"

static const char *path_to(struct live *live, const char *kind, const struct record *record)
{
	return docker_path(&live->docker, "/%s/%s", kind, record->id);
}

/* --- networks ----------------------------------------------------------------------------------- */

static void a_network_is_made_as_asked_and_seen_unchanged(void **state)
{
	static const char inputs[] =
		"{\"internal\":true,\"options\":{\"com.docker.network.bridge.enable_icc\":false},"
		"\"labels\":{\"team\":\"blue\"},"
		"\"ipam\":{\"config\":[{\"subnet\":\"10.231.7.0/24\",\"ipRange\":\"10.231.7.128/25\"}]}}";
	struct live *live = *state;
	struct record *record = live_create(live, NETWORK, "docker_network.a", inputs);
	const struct value *network = live_call(live, "GET", path_to(live, "networks", record), NULL);
	const struct value *labels = value_get(network, "Labels");
	struct observation item;

	assert_string_equal(value_get_text(record->outputs, "name", ""),
		arena_printf(&live->arena, "live-a-%s", live->short_id));
	assert_string_equal(value_get_text(record->outputs, "driver", ""), "bridge");
	assert_string_equal(value_get_text(record->outputs, "id", ""), record->id);
	assert_true(value_get_bool(network, "Internal", false));
	assert_string_equal(value_get_text(value_get(network, "Options"),
		"com.docker.network.bridge.enable_icc", ""), "false");
	assert_string_equal(value_get_text(labels, "team", ""), "blue");
	assert_string_equal(value_get_text(labels, DOCKER_LABEL_ADDRESS, ""), "docker_network.a");
	assert_string_equal(value_get_text(labels, DOCKER_LABEL_INTENT, ""), live->intent);
	assert_string_equal(value_get_text(labels, DOCKER_LABEL_GENERATION, ""), "1");
	assert_string_equal(value_text(value_path(network, "IPAM.Config[0].IPRange"), ""),
		"10.231.7.128/25");

	item = live_observe(live, NETWORK, "docker_network.a", inputs, record);
	assert_unchanged(live, item, record);
	assert_int_equal(item.ownership, OWNER_US);
	assert_string_equal(item.mark_intent, live->intent);
	assert_string_equal(item.endpoint, live->docker.id);
	assert_true(item.matches);

	/* Another wish: not as desired any more, though nothing drifted. */
	item = live_observe(live, NETWORK, "docker_network.a", "{\"internal\":false}", record);
	assert_false(item.matches);

	live_destroy(live, record);
	assert_int_equal(live_status(live, "GET", path_to(live, "networks", record)), 404);
	item = live_observe(live, NETWORK, "docker_network.a", inputs, record);
	assert_int_equal(item.presence, PRESENCE_ABSENT);
	live_destroy(live, record); /* gone already is success */
}

static void the_gateway_that_the_engine_chose_is_no_drift(void **state)
{
	static const char inputs[] = "{\"ipam\":{\"config\":[{\"subnet\":\"10.231.8.0/24\"}]}}";
	struct live *live = *state;
	struct record *record = live_create(live, NETWORK, "docker_network.a", inputs);
	struct observation item = live_observe(live, NETWORK, "docker_network.a", inputs, record);

	assert_unchanged(live, item, record);
	assert_true(item.matches);
	assert_string_equal(live_text(live, value_get(item.attributes, "ipam")),
		"{\"config\":[{\"subnet\":\"10.231.8.0/24\"}],\"driver\":\"default\"}");
}

static void a_network_of_the_same_name_is_never_made_twice(void **state)
{
	static const char *inputs;
	struct live *live = *state;
	struct record *first;
	struct error err = ERROR_INIT;
	struct observation item;
	const struct value *list;

	inputs = arena_printf(&live->arena, "{\"networkName\":\"twice-%s\"}", live->short_id);
	first = live_create(live, NETWORK, "docker_network.a", inputs);
	/* The same intent again: the answer got lost, the network is ours. */
	assert_string_equal(live_create(live, NETWORK, "docker_network.a", inputs)->id, first->id);
	/* Another one: taken. */
	live_intent(live);
	assert_int_equal(live_create_fails(live, NETWORK, "docker_network.b", inputs, &err),
		ERROR_CONFLICT);
	assert_non_null(strstr(err.msg, "docker_network.a"));
	list = live_call(live, "GET", docker_path(&live->docker, "/networks?%s",
		docker_filters(&live->docker, "name", arena_printf(&live->arena, "twice-%s",
			live->short_id), NULL)), NULL);
	assert_int_equal(list->len, 1);
	item = live_observe(live, NETWORK, "docker_network.b", inputs, NULL);
	assert_int_equal(item.presence, PRESENCE_PRESENT);
	assert_int_equal(item.ownership, OWNER_OTHER);
	assert_non_null(strstr(item.message, "docker_network.a"));
}

/* What keeps two runs at one moment from making two: older engines look at names of bridges under a lock. */
static void a_bridge_of_ours_is_made_once(void **state)
{
	struct live *live = *state;
	const char *name = arena_printf(&live->arena, "bridge-%s", live->short_id), *bridge;
	const char *inputs = arena_printf(&live->arena, "{\"networkName\":\"%s\"}", name);
	struct record *record = live_create(live, NETWORK, "docker_network.a", inputs);
	const struct value *network = live_call(live, "GET", path_to(live, "networks", record), NULL);
	struct observation item = live_observe(live, NETWORK, "docker_network.a", inputs, record);
	struct error err = ERROR_INIT;
	struct docker_reply reply;
	struct value body;

	assert_unchanged(live, item, record);
	assert_true(item.matches);
	assert_string_equal(live_text(live, value_get(item.attributes, "options")), "{}");
	bridge = value_get_text(value_get(network, "Options"), "com.docker.network.bridge.name", "");
	if (!docker_knows(&live->docker, DOCKER_CHECK_DUPLICATE)) {
		assert_string_equal(bridge, ""); /* names are unique there */
		return;
	}
	body = live_json(live, arena_printf(&live->arena,
		"{\"Name\":\"%s\",\"Options\":{\"com.docker.network.bridge.name\":\"%s\"}}", name, bridge));
	assert_int_equal(docker_call(&live->docker, "POST", "/networks/create", &body, &reply, &err), -1);
	assert_non_null(strstr(err.msg, "networks have same bridge name"));
}

/* The engine's filter and GET take parts of names and of ids. */
static void names_and_ids_are_compared_as_a_whole(void **state)
{
	struct live *live = *state;
	const char *name = arena_printf(&live->arena, "whole-%s", live->short_id);
	struct record *longer = live_create(live, NETWORK, "docker_network.longer",
		arena_printf(&live->arena, "{\"networkName\":\"%s-and-more\"}", name));
	const char *inputs = arena_printf(&live->arena, "{\"networkName\":\"%s\"}", name);
	struct record prefix;
	struct observation item;

	item = live_observe(live, NETWORK, "docker_network.a", inputs, NULL);
	assert_int_equal(item.presence, PRESENCE_ABSENT);
	live_intent(live);
	live_create(live, NETWORK, "docker_network.a", inputs);

	/* A record whose id is only the beginning of another's. */
	prefix = *longer;
	prefix.id = arena_strndup(&live->arena, longer->id, 12);
	item = live_observe(live, NETWORK, "docker_network.longer", NULL, &prefix);
	assert_int_equal(item.presence, PRESENCE_ABSENT);
	live_destroy(live, &prefix);
	assert_int_equal(live_status(live, "GET", path_to(live, "networks", longer)), 200);
}

/* Without CheckDuplicate old engines make a second one, and then GET by name is "ambiguous". */
static void two_foreign_networks_of_one_name_are_a_conflict_like_one(void **state)
{
	struct live *live = *state;
	const char *name = arena_printf(&live->arena, "double-%s", live->short_id), *ids[2];
	const char *inputs = arena_printf(&live->arena, "{\"networkName\":\"%s\"}", name);
	struct observation item, found = {.address = "docker_network.a"};
	struct error err = ERROR_INIT;
	struct docker_reply reply;
	struct value body;

	body = live_json(live, arena_printf(&live->arena, "{\"Name\":\"%s\"}", name));
	for (size_t i = 0; i < 2; i++) {
		int result = docker_call(&live->docker, "POST", "/networks/create", &body, &reply, &err);

		ids[i] = value_get_text(reply.body, "Id", "");
		/* A newer engine refuses the second. */
		assert_int_equal(result, i && !docker_knows(&live->docker, DOCKER_CHECK_DUPLICATE) ? -1 : 0);
	}
	if (!docker_knows(&live->docker, DOCKER_CHECK_DUPLICATE)) {
		assert_int_equal(reply.status, 409);
		live_call(live, "DELETE", docker_path(&live->docker, "/networks/%s", ids[0]), NULL);
		return;
	}
	if (!*ids[0] || !strcmp(ids[0], ids[1]))
		fail_msg("the engine made only one");
	item = live_observe(live, NETWORK, "docker_network.a", inputs, NULL);
	assert_int_equal(item.presence, PRESENCE_PRESENT);
	assert_int_equal(item.ownership, OWNER_NONE);
	assert_int_equal(live_create_fails(live, NETWORK, "docker_network.a", inputs, &err),
		ERROR_CONFLICT);
	assert_int_equal(provider_docker.import(&live->env, type_find(NETWORK), name, &found, &err),
		-1);
	assert_non_null(strstr(err.msg, "ambiguous"));
	assert_int_equal(provider_docker.import(&live->env, type_find(NETWORK), ids[1], &found, &err),
		0);
	assert_string_equal(found.id, ids[1]);
	for (size_t i = 0; i < 2; i++)
		live_call(live, "DELETE", docker_path(&live->docker, "/networks/%s", ids[i]), NULL);
}

static void a_foreign_network_is_seen_imported_and_removed_by_its_id(void **state)
{
	struct live *live = *state;
	const char *name = arena_printf(&live->arena, "foreign-%s", live->short_id);
	const char *inputs = arena_printf(&live->arena, "{\"networkName\":\"%s\"}", name);
	struct request request = live_request(live, ACT_CREATE, NETWORK, "docker_network.a", inputs,
		NULL);
	struct observation item, found = {.address = "docker_network.a"};
	struct outcome outcome = {0};
	struct error err = ERROR_INIT;
	struct record *record, other;
	const char *id;

	id = value_get_text(live_call(live, "POST", "/networks/create", arena_printf(&live->arena,
		"{\"Name\":\"%s\",\"CheckDuplicate\":true}", name)), "Id", "");
	item = live_observe(live, NETWORK, "docker_network.a", inputs, NULL);
	assert_int_equal(item.presence, PRESENCE_PRESENT);
	assert_int_equal(item.ownership, OWNER_NONE);
	assert_string_equal(item.id, id);
	assert_int_equal(live_create_fails(live, NETWORK, "docker_network.a", inputs, &err),
		ERROR_CONFLICT);

	assert_int_equal(provider_docker.import(&live->env, request.type, name, &found, &err), 0);
	assert_string_equal(found.id, id);
	request.adopt = true;
	request.observed = &found;
	assert_int_equal(provider_docker.apply(&live->env, &request, &outcome, &err), 0);
	assert_string_equal(outcome.id, id);
	record = live_record(live, &request, &outcome);
	item = live_observe(live, NETWORK, "docker_network.a", inputs, record);
	assert_unchanged(live, item, record);

	/* A record that means another one must not take it along. */
	other = *record;
	other.id = arena_strdup(&live->arena, id);
	record->id = "0000000000000000000000000000000000000000000000000000000000000000";
	live_destroy(live, record);
	assert_int_equal(live_status(live, "GET", path_to(live, "networks", &other)), 200);
	live_destroy(live, &other);
	assert_int_equal(live_status(live, "GET", path_to(live, "networks", &other)), 404);
}

static void what_bears_the_mark_of_another_home_is_left_alone(void **state)
{
	struct live *live = *state;
	struct record *record = live_create(live, NETWORK, "docker_network.a", "{}");
	struct observation item;
	struct error err = ERROR_INIT;

	live->env.state_id = "another-home";
	item = live_observe(live, NETWORK, "docker_network.a", "{}", NULL);
	assert_int_equal(item.ownership, OWNER_OTHER);
	assert_non_null(strstr(item.message, "feedfacefeedface"));
	assert_int_equal(provider_docker.destroy(&live->env, record, &err), -1);
	assert_int_equal(err.code, ERROR_CONFLICT);
	assert_int_equal(live_status(live, "GET", path_to(live, "networks", record)), 200);
}

static void a_network_in_use_says_by_whom(void **state)
{
	struct live *live = *state;
	struct record *record = live_create(live, NETWORK, "docker_network.a", "{}");
	struct error err = ERROR_INIT;
	const char *id;

	id = live_container(live, "holder", arena_printf(&live->arena,
		",\"HostConfig\":{\"NetworkMode\":\"%s\"}", record->id));
	live_call(live, "POST", docker_path(&live->docker, "/containers/%s/start", id), NULL);
	assert_int_equal(provider_docker.destroy(&live->env, record, &err), -1);
	assert_int_equal(err.code, ERROR_FAILED);
	assert_non_null(strstr(err.msg, arena_printf(&live->arena, "holder-%s", live->short_id)));
	assert_int_equal(live_status(live, "GET", path_to(live, "networks", record)), 200);
}

static void overlapping_subnets_are_refused_with_the_words_of_the_engine(void **state)
{
	static const char inputs[] = "{\"ipam\":{\"config\":[{\"subnet\":\"10.231.9.0/24\"}]}}";
	struct live *live = *state;
	struct error err = ERROR_INIT;

	live_create(live, NETWORK, "docker_network.a", inputs);
	live_intent(live);
	assert_int_equal(live_create_fails(live, NETWORK, "docker_network.b", inputs, &err),
		ERROR_FAILED);
	assert_non_null(strstr(err.msg, "Pool overlaps"));
	assert_non_null(strstr(err.msg, "cannot create network 'live-b-"));
}

static void every_key_reaches_the_engine(void **state)
{
	static const char inputs[] = "{\"ipv6\":true,\"attachable\":true,\"ipam\":{\"config\":["
		"{\"subnet\":\"10.231.10.0/24\",\"gateway\":\"10.231.10.9\"},"
		"{\"subnet\":\"fd31:7::/64\",\"gateway\":\"fd31:7::9\"}]}}";
	struct live *live = *state;
	struct record *record = live_create(live, NETWORK, "docker_network.a", inputs);
	const struct value *network = live_call(live, "GET", path_to(live, "networks", record), NULL);
	struct observation item;

	assert_true(value_get_bool(network, "EnableIPv6", false));
	assert_true(value_get_bool(network, "Attachable", false));
	assert_string_equal(value_text(value_path(network, "IPAM.Config[0].Gateway"), ""),
		"10.231.10.9");
	item = live_observe(live, NETWORK, "docker_network.a", inputs, record);
	assert_unchanged(live, item, record);
	assert_true(item.matches);
}

/* --- volumes ------------------------------------------------------------------------------------ */

static void a_volume_is_made_as_asked_and_seen_unchanged(void **state)
{
	static const char inputs[] = "{\"labels\":{\"team\":\"blue\"},\"driverOpts\":"
		"{\"type\":\"tmpfs\",\"device\":\"tmpfs\",\"o\":\"size=1m\"}}";
	struct live *live = *state;
	struct record *record = live_create(live, VOLUME, "docker_volume.a", inputs);
	const struct value *volume = live_call(live, "GET", path_to(live, "volumes", record), NULL);
	struct observation item;

	assert_string_equal(record->id, arena_printf(&live->arena, "live-a-%s", live->short_id));
	assert_string_equal(value_get_text(record->outputs, "name", ""), record->id);
	assert_string_equal(value_get_text(record->outputs, "mountpoint", ""),
		value_get_text(volume, "Mountpoint", "?"));
	assert_string_equal(value_text(value_path(volume, "Options.o"), ""), "size=1m");
	assert_string_equal(value_text(value_path(volume, "Labels.team"), ""), "blue");
	item = live_observe(live, VOLUME, "docker_volume.a", inputs, record);
	assert_unchanged(live, item, record);
	assert_int_equal(item.ownership, OWNER_US);
	assert_true(item.matches);
	item = live_observe(live, VOLUME, "docker_volume.a", "{\"labels\":{\"team\":\"red\"}}", record);
	assert_false(item.matches);
	live_destroy(live, record);
	assert_int_equal(live_status(live, "GET", path_to(live, "volumes", record)), 404);
	item = live_observe(live, VOLUME, "docker_volume.a", inputs, record);
	assert_int_equal(item.presence, PRESENCE_ABSENT);
	live_destroy(live, record);
}

/* The engine would say 201 and give back the old one. */
static void a_volume_of_somebody_else_is_a_conflict_not_a_create(void **state)
{
	struct live *live = *state;
	const char *name = arena_printf(&live->arena, "foreign-%s", live->short_id);
	const char *inputs = arena_printf(&live->arena, "{\"volumeName\":\"%s\"}", name);
	struct observation item;
	struct error err = ERROR_INIT;

	live_call(live, "POST", "/volumes/create", arena_printf(&live->arena,
		"{\"Name\":\"%s\",\"Labels\":{\"owner\":\"somebody\"}}", name));
	item = live_observe(live, VOLUME, "docker_volume.a", inputs, NULL);
	assert_int_equal(item.presence, PRESENCE_PRESENT);
	assert_int_equal(item.ownership, OWNER_NONE);
	assert_int_equal(live_create_fails(live, VOLUME, "docker_volume.a", inputs, &err),
		ERROR_CONFLICT);
	assert_non_null(strstr(err.msg, name));
	{
		struct record record = {.address = "docker_volume.a", .type = VOLUME, .id = "another",
			.generation = 1};

		/* Nor is it removed, unless it is what was recorded. */
		live_call(live, "POST", "/volumes/create", arena_printf(&live->arena,
			"{\"Name\":\"theirs-%s\",\"Labels\":{\"" DOCKER_LABEL_ENVIRONMENT "\":\"x\"}}",
			live->short_id));
		record.id = arena_printf(&live->arena, "theirs-%s", live->short_id);
		assert_int_equal(provider_docker.destroy(&live->env, &record, &err), -1);
		assert_int_equal(err.code, ERROR_CONFLICT);
		assert_int_equal(live_status(live, "GET", path_to(live, "volumes", &record)), 200);
		live_status(live, "DELETE", path_to(live, "volumes", &record));
	}
	live_call(live, "DELETE", docker_path(&live->docker, "/volumes/%s", name), NULL);
}

static void a_create_whose_answer_was_lost_is_finished(void **state)
{
	struct live *live = *state;
	struct record *first = live_create(live, VOLUME, "docker_volume.a", "{}");
	struct error err = ERROR_INIT;

	assert_string_equal(live_create(live, VOLUME, "docker_volume.a", "{}")->id, first->id);
	live_intent(live);
	assert_int_equal(live_create_fails(live, VOLUME, "docker_volume.a", "{}", &err),
		ERROR_CONFLICT);
}

static void a_volume_in_use_says_by_whom(void **state)
{
	struct live *live = *state;
	struct record *record = live_create(live, VOLUME, "docker_volume.a", "{}");
	struct error err = ERROR_INIT;

	/* It does not even run. */
	live_container(live, "holder", arena_printf(&live->arena,
		",\"HostConfig\":{\"Mounts\":[{\"Type\":\"volume\",\"Source\":\"%s\",\"Target\":\"/d\"}]}",
		record->id));
	assert_int_equal(provider_docker.destroy(&live->env, record, &err), -1);
	assert_int_equal(err.code, ERROR_FAILED);
	assert_non_null(strstr(err.msg, arena_printf(&live->arena, "holder-%s", live->short_id)));
}

/* The engine looks for a plugin for 15 s: the deadline of the node ends it. */
static void a_driver_that_is_not_there_ends_with_the_deadline(void **state)
{
	struct live *live = *state;
	int64_t took = INT64_MAX;
	enum error_code code = ERROR_NONE;

	for (int i = 0; i < 5 && took >= 14000; i++) { /* again, when the machine stood still so long */
		int64_t start = clock_monotonic(&clock_system);
		struct error err = ERROR_INIT;

		live->env.deadline = start + 1000;
		code = live_create_fails(live, VOLUME, "docker_volume.a",
			"{\"driver\":\"no-such-driver\"}", &err);
		took = clock_monotonic(&clock_system) - start;
	}
	assert_int_equal(code, ERROR_TIMEOUT);
	assert_true(took < 14000);
}

/* --- both --------------------------------------------------------------------------------------- */

static void strays_are_what_nobody_asks_for(void **state)
{
	struct live *live = *state;
	struct record *network = live_create(live, NETWORK, "docker_network.kept", "{}");
	struct record *lost, *volume;
	struct observation item;
	struct observe_request request = {.items = &item, .n = 1};
	struct error err = ERROR_INIT;

	lost = live_create(live, NETWORK, "docker_network.lost", "{}");
	volume = live_create(live, VOLUME, "docker_volume.lost", "{}");
	item = (struct observation){.address = "docker_network.kept", .type = type_find(NETWORK),
		.record = network};
	assert_int_equal(provider_docker.observe(&live->env, &request, &err), 0);
	assert_int_equal(item.presence, PRESENCE_PRESENT);
	assert_int_equal(request.n_strays, 2);
	assert_string_equal(request.strays[0].address, "docker_network.lost");
	assert_string_equal(request.strays[0].id, lost->id);
	assert_string_equal(request.strays[0].type->name, NETWORK);
	assert_string_equal(request.strays[1].id, volume->id);

	/* Those of another home are its own business. */
	live->env.state_id = "another-home";
	assert_int_equal(provider_docker.observe(&live->env, &request, &err), 0);
	assert_int_equal(request.n_strays, 0);
}

static void an_open_intent_finds_what_it_made(void **state)
{
	struct live *live = *state;
	struct record *made = live_create(live, NETWORK, "docker_network.a", "{}");
	struct intent intent = {.id = live->intent, .address = "docker_network.a",
		.action = INTENT_CREATE, .type = NETWORK};
	struct observation item = {.address = "docker_network.a", .type = type_find(NETWORK),
		.intent = &intent};
	struct observe_request request = {.items = &item, .n = 1};
	struct error err = ERROR_INIT;

	assert_int_equal(provider_docker.observe(&live->env, &request, &err), 0);
	assert_int_equal(item.presence, PRESENCE_PRESENT);
	assert_int_equal(item.ownership, OWNER_US);
	assert_string_equal(item.id, made->id);
	assert_string_equal(item.mark_intent, live->intent);
	assert_int_equal(request.n_strays, 0);
}

static void another_engine_that_answers_is_unknown_not_absent(void **state)
{
	struct live *live = *state;
	struct record *record = live_create(live, NETWORK, "docker_network.a", "{}");
	const char *id = record->id;
	struct observation item;
	struct error err = ERROR_INIT;

	/* Its id is not here; were it, this would be the engine that it was made on. */
	record->id = "0000000000000000000000000000000000000000000000000000000000000000";
	record->endpoint = "ELSE:WHERE";
	item = live_observe(live, NETWORK, "docker_network.a", "{}", record);
	assert_int_equal(item.presence, PRESENCE_UNKNOWN);
	assert_non_null(strstr(item.message, "recorded on Docker engine ELSE:WHERE, now "));
	assert_non_null(strstr(item.message, live->docker.id));
	assert_null(item.attributes);
	record->id = id;
	assert_int_equal(provider_docker.destroy(&live->env, record, &err), -1);
	assert_int_equal(err.code, ERROR_UNREACHABLE);
	assert_int_equal(live_status(live, "GET", path_to(live, "networks", record)), 200);
}

static const char *create_second(struct live *live, const char *type, const char *inputs)
{
	struct request request = live_request(live, ACT_CREATE, type, "docker_thing.a", inputs, NULL);
	struct outcome outcome = {0};
	struct error err = ERROR_INIT;

	request.generation = 2;
	if (provider_docker.apply(&live->env, &request, &outcome, &err))
		fail_msg("%s", err.msg);
	return value_get_text(outcome.outputs, "name", "");
}

/* A replacement gets the plain name back, unless the one before still has it. */
static void a_second_generation_has_the_plain_name_when_it_is_free(void **state)
{
	static const char *const types[] = {NETWORK, VOLUME, "docker_container"};
	struct live *live = *state;

	live_image(live);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		const char *inputs = i == 2 ? "{\"image\":\"" LIVE_IMAGE "\",\"command\":[\"sleep\",\"600\"],"
			"\"stopGracePeriod\":\"0s\"}" : "{}";
		const char *plain = arena_printf(&live->arena, "live-a-%s", live->short_id);
		struct record *first = live_create(live, types[i], "docker_thing.a", inputs);

		assert_string_equal(value_get_text(first->outputs, "name", ""), plain);
		live_intent(live);
		assert_string_equal(create_second(live, types[i], inputs),
			arena_printf(&live->arena, "%s-2", plain));
		live_destroy(live, first);
		live_intent(live);
		assert_string_equal(create_second(live, types[i], inputs), plain);
		/* The answer was lost: the same intent has the same name. */
		assert_string_equal(create_second(live, types[i], inputs), plain);
		live_intent(live);
	}
}

static void what_is_not_known_yet_cannot_be_as_desired(void **state)
{
	static const char inputs[] = "{\"image\":\"" LIVE_IMAGE "\",\"command\":[\"sleep\",\"600\"],"
		"\"stopGracePeriod\":\"0s\"}";
	struct live *live = *state;
	struct record *record;
	struct observation item;
	struct observe_request request = {.items = &item, .n = 1};
	struct error err = ERROR_INIT;
	struct value known, unknown;
	struct member members[4];

	live_image(live);
	record = live_create(live, "docker_container", "docker_container.a", inputs);
	known = live_json(live, inputs);
	memcpy(members, known.members, 3 * sizeof(*members));
	members[3] = (struct member){.key = "hostname", .value = value_unknown};
	unknown = value_map(members, 4);
	item = live_observe(live, "docker_container", "docker_container.a", inputs, record);
	assert_true(item.matches);
	item = (struct observation){.address = "docker_container.a",
		.type = type_find("docker_container"), .desired = &unknown, .record = record};
	assert_int_equal(provider_docker.observe(&live->env, &request, &err), 0);
	assert_int_equal(item.presence, PRESENCE_PRESENT);
	assert_false(item.matches);
	live_destroy(live, record);
}

static void an_environment_without_an_id_looks_at_names_only(void **state)
{
	struct live *live = *state;
	struct observation item;

	live->env.environment = live->env.short_id = "";
	item = live_observe(live, NETWORK, "docker_network.a", "{}", NULL);
	assert_int_equal(item.presence, PRESENCE_ABSENT);
	item = live_observe(live, VOLUME, "docker_volume.a", "{}", NULL);
	assert_int_equal(item.presence, PRESENCE_ABSENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(a_network_is_made_as_asked_and_seen_unchanged),
		live_test(the_gateway_that_the_engine_chose_is_no_drift),
		live_test(a_network_of_the_same_name_is_never_made_twice),
		live_test(a_bridge_of_ours_is_made_once),
		live_test(names_and_ids_are_compared_as_a_whole),
		live_test(two_foreign_networks_of_one_name_are_a_conflict_like_one),
		live_test(a_foreign_network_is_seen_imported_and_removed_by_its_id),
		live_test(what_bears_the_mark_of_another_home_is_left_alone),
		live_test(a_network_in_use_says_by_whom),
		live_test(every_key_reaches_the_engine),
		live_test(overlapping_subnets_are_refused_with_the_words_of_the_engine),
		live_test(a_volume_is_made_as_asked_and_seen_unchanged),
		live_test(a_volume_of_somebody_else_is_a_conflict_not_a_create),
		live_test(a_create_whose_answer_was_lost_is_finished),
		live_test(a_volume_in_use_says_by_whom),
		live_test(a_driver_that_is_not_there_ends_with_the_deadline),
		live_test(strays_are_what_nobody_asks_for),
		live_test(an_open_intent_finds_what_it_made),
		live_test(another_engine_that_answers_is_unknown_not_absent),
		live_test(a_second_generation_has_the_plain_name_when_it_is_free),
		live_test(what_is_not_known_yet_cannot_be_as_desired),
		live_test(an_environment_without_an_id_looks_at_names_only),
	};
	int missing = live_missing();

	return missing ? missing : cmocka_run_group_tests(tests, NULL, NULL);
}
