/* docker_container on a real engine: its keys, its life, whose it is. */
#include "container_live.h"

/* --- keys --------------------------------------------------------------------------------------- */

/* Together in one container where they do not exclude each other; NET and VOLUME stand for names. */
static const char *const sets[] = {
	"\"environment\":{\"A\":\"x=y\",\"B\":\"\"},\"workingDirectory\":\"/tmp\",\"user\":\"0:0\","
	"\"groupAdd\":[5],\"init\":true,\"stopSignal\":\"int\",\"labels\":{\"team\":\"blue\"},"
	"\"hostname\":\"web\",\"domainname\":\"a.test\",\"tmpfs\":[\"/run:size=64k\"],\"readOnly\":true,"
	"\"healthcheck\":{\"test\":[\"CMD\",\"true\"],\"interval\":\"1h\",\"timeout\":\"2s\",\"retries\":2,"
	"\"startPeriod\":\"5s\"},\"logging\":{\"driver\":\"json-file\",\"options\":{\"max-size\":\"1m\"}}",
	"\"ports\":[\"80\",\"127.0.0.1::81\",{\"container\":82,\"protocol\":\"udp\"}],\"expose\":[90],"
	"\"extraHosts\":{\"db\":\"10.0.0.9\"},\"dns\":[\"10.0.0.8\"],\"dnsSearch\":[\"a.test\"],"
	"\"dnsOptions\":[\"ndots:2\"],\"networks\":[{\"name\":\"NET\",\"aliases\":[\"w\",\"a\"]}]",
	"\"volumes\":[\"VOLUME:/data\",\"./conf:/conf:ro\",\"/anonymous\",{\"type\":\"tmpfs\","
	"\"target\":\"/t\",\"size\":\"1m\",\"mode\":\"1777\"},{\"source\":\"./made\",\"target\":\"/made\","
	"\"createHostPath\":true,\"propagation\":\"rprivate\"}],\"devices\":[\"/dev/null:/dev/x:r\"]",
	"\"restart\":\"on-failure:3\",\"memory\":\"64m\",\"memoryReservation\":\"32m\",\"cpus\":\"500m\","
	"\"cpuShares\":512,\"cpuset\":\"0\",\"pidsLimit\":50,\"shmSize\":\"1m\",\"oomScoreAdj\":500",
	"\"ulimits\":{\"nofile\":{\"soft\":100,\"hard\":200}},\"capAdd\":[\"net_admin\"],"
	"\"capDrop\":[\"CAP_CHOWN\",\"mknod\"],\"securityOpt\":[\"no-new-privileges\"],"
	"\"ipc\":\"shareable\",\"uts\":\"host\",\"tty\":true,\"stdinOpen\":true",
	"\"networkMode\":\"none\",\"sysctls\":{\"net.ipv4.ip_forward\":1},\"pid\":\"host\"",
	"\"networkMode\":\"host\",\"ipc\":\"host\",\"usernsMode\":\"host\"",
	"\"memory\":\"64m\",\"memorySwap\":\"128m\",\"restart\":\"unless-stopped\",\"pidsLimit\":-1,"
	"\"healthcheck\":{\"disable\":true},\"entrypoint\":[\"sleep\"],\"command\":\"600\"",
	"\"networkMode\":\"container:PEER\",\"pid\":\"container:PEER\"",
};

static const char *replaced(struct live *live, const char *text, const char *word, const char *by)
{
	const char *at = strstr(text, word);

	if (!at || !by)
		return text;
	return arena_printf(&live->arena, "%.*s%s%s", (int)(at - text), text, by, at + strlen(word));
}

static void each_key_is_taken_and_seen_unchanged(void **state)
{
	struct live *live = *state;
	struct record *net = network(live, "n");
	struct record *volume = live_create(live, "docker_volume", "docker_volume.v", "{}");
	const char *peer;

	live_write(live, "conf/x", "");
	peer = arena_printf(&live->arena, "peer-%s", live->short_id);
	live_call(live, "POST", docker_path(&live->docker, "/containers/%s/start",
		live_container(live, "peer", "")), NULL);
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		const char *more = sets[i], *inputs;
		struct record *record;
		struct observation item;

		more = replaced(live, more, "NET", output(net, "name"));
		more = replaced(live, more, "VOLUME", output(volume, "name"));
		more = replaced(live, replaced(live, more, "PEER", peer), "PEER", peer);
		inputs = strstr(more, "\"command\"")
			? arena_printf(&live->arena, "{\"image\":\"" LIVE_IMAGE "\",\"stopGracePeriod\":0,%s}", more)
			: waiting(live, arena_printf(&live->arena, ",%s", more));
		live_intent(live);
		record = live_create(live, CONTAINER, WEB, inputs);
		item = look(live, inputs, record);
		assert_unchanged(live, item, record);
		assert_int_equal(item.ownership, OWNER_US);
		assert_true(item.runs);
		if (!item.matches)
			fail_msg("as desired, and not seen so: %s", live_text(live, item.attributes));
		live_destroy(live, record);
	}
}

/* One variable out, one label out, one file no longer named: each is a difference. */
static void what_was_taken_out_does_not_match(void **state)
{
	static const char *const later[] = {
		",\"environment\":{\"A\":\"1\"},\"labels\":{\"l\":\"1\"},\"envFile\":\"e\",\"expose\":[1]",
		",\"environment\":{\"A\":\"1\",\"B\":\"2\"},\"envFile\":\"e\",\"expose\":[1]",
		",\"environment\":{\"A\":\"1\",\"B\":\"2\"},\"labels\":{\"l\":\"1\"},\"expose\":[1]",
		",\"environment\":{\"A\":\"1\",\"B\":\"2\"},\"labels\":{\"l\":\"1\"},\"envFile\":\"e\"",
		",\"environment\":{\"A\":\"1\",\"B\":\"2\"},\"labels\":{\"l\":\"1\"},\"envFile\":\"e\","
			"\"expose\":[1],\"platform\":\"linux/amd64\"",
	};
	struct live *live = *state;
	const char *inputs = waiting(live, ",\"environment\":{\"A\":\"1\",\"B\":\"2\"},"
		"\"labels\":{\"l\":\"1\"},\"envFile\":\"e\",\"expose\":[1]");
	struct record *record;
	struct observation item;

	live_write(live, "e", "FROM_FILE=1\n");
	record = live_create(live, CONTAINER, WEB, inputs);
	item = look(live, inputs, record);
	assert_true(item.matches);
	for (size_t i = 0; i < ARRAY_SIZE(later); i++) {
		item = look(live, waiting(live, later[i]), record);
		if (item.matches)
			fail_msg("%s matches", later[i]);
		assert_unchanged(live, item, record); /* and is no drift */
	}
	live_write(live, "e", "FROM_FILE=2\n");
	item = look(live, inputs, record);
	assert_false(item.matches);
}

/* The same said otherwise is the same. */
static void another_spelling_matches(void **state)
{
	struct live *live = *state;
	struct record *record = live_create(live, CONTAINER, WEB, waiting(live,
		",\"memory\":\"64m\",\"expose\":[\"80-81\"],\"restart\":\"no\",\"tmpfs\":\"/run\""));
	struct observation item = look(live, waiting(live,
		",\"memory\":67108864,\"expose\":[\"81/tcp\",80],\"tmpfs\":[\"/run\"],\"restart\":\"no\""), record);

	assert_true(item.matches);
}

static void the_environment_from_files_stands_below_that_of_the_manifest(void **state)
{
	struct live *live = *state;
	struct record *record;
	const struct value *env;

	live_write(live, "a.env", "ONE=a\nTWO=a\nTHREE=a\n");
	live_write(live, "b.env", "TWO=b\nTHREE=b\n");
	record = live_create(live, CONTAINER, WEB, waiting(live,
		",\"envFile\":[\"a.env\",\"b.env\"],\"environment\":{\"THREE\":\"c\"}"));
	env = value_path(inspected(live, record->id), "Config.Env");
	assert_string_equal(value_text(&env->items[0], ""), "ONE=a");
	assert_string_equal(value_text(&env->items[1], ""), "THREE=c");
	assert_string_equal(value_text(&env->items[2], ""), "TWO=b");
}

/* --- life --------------------------------------------------------------------------------------- */

static void a_container_is_made_marked_and_removed(void **state)
{
	struct live *live = *state;
	const char *inputs = waiting(live, ",\"ports\":[\"127.0.0.1::80\"]");
	struct record *record = live_create(live, CONTAINER, WEB, inputs);
	const struct value *labels = value_path(inspected(live, record->id), "Config.Labels");
	struct observation item = look(live, inputs, record);
	const struct value *ports = value_get(record->outputs, "ports");

	assert_string_equal(output(record, "name"),
		arena_printf(&live->arena, "live-web-%s", live->short_id));
	assert_string_equal(output(record, "id"), record->id);
	assert_int_equal(strncmp(output(record, "imageId"), "sha256:", 7), 0);
	assert_true(*output(record, "ipAddress"));
	assert_true(value_get_int(ports, "80/tcp", 0) > 1023);
	assert_string_equal(value_get_text(labels, DOCKER_LABEL_ADDRESS, ""), WEB);
	assert_string_equal(value_get_text(labels, DOCKER_LABEL_INTENT, ""), live->intent);
	assert_string_equal(item.health, "running");
	assert_string_equal(item.mark_intent, live->intent);
	assert_true(value_equal(item.outputs, record->outputs));

	live_destroy(live, record);
	item = look(live, inputs, record);
	assert_int_equal(item.presence, PRESENCE_ABSENT);
	live_destroy(live, record); /* gone already is success */
}

static void it_stops_and_starts(void **state)
{
	struct live *live = *state;
	const char *inputs = waiting(live, "");
	struct record *record = live_create(live, CONTAINER, WEB, inputs);
	struct observation item;
	struct outcome outcome;
	struct error err = ERROR_INIT;

	assert_int_equal(act(live, ACT_STOP, NULL, record, NULL, &outcome, &err), 0);
	item = look(live, inputs, record);
	assert_false(item.runs);
	assert_string_equal(item.health, "exited (137)");
	assert_null(item.outputs); /* the recorded ones hold */
	assert_unchanged(live, item, record);
	assert_int_equal(act(live, ACT_STOP, NULL, record, NULL, &outcome, &err), 0);
	assert_int_equal(act(live, ACT_START, NULL, record, NULL, &outcome, &err), 0);
	assert_string_equal(outcome.id, record->id);
	item = look(live, inputs, record);
	assert_true(item.runs);
	live_call(live, "POST", docker_path(&live->docker, "/containers/%s/pause", record->id), NULL);
	item = look(live, inputs, record);
	assert_false(item.runs);
	assert_string_equal(item.health, "paused");
	assert_int_equal(act(live, ACT_START, NULL, record, NULL, &outcome, &err), 0);
	item = look(live, inputs, record);
	assert_true(item.runs);
}

static void the_grace_period_is_kept(void **state)
{
	struct live *live = *state;
	struct record *record = live_create(live, CONTAINER, WEB,
		running(live, "trap 'exit 7' TERM; echo armed; while :; do sleep 0.1; done",
			",\"stopGracePeriod\":\"60s\""));
	struct outcome outcome;
	struct error err = ERROR_INIT;
	struct observation item;

	wait_for_log(live, record, "armed");
	assert_int_equal(act(live, ACT_STOP, NULL, record, NULL, &outcome, &err), 0);
	item = look(live, NULL, record);
	assert_string_equal(item.health, "exited (7)");
}

static void what_ends_at_once_is_an_error_with_its_last_words(void **state)
{
	struct live *live = *state;
	struct request request = live_request(live, ACT_CREATE, CONTAINER, WEB,
		running(live, "echo no config >&2; exit 3", ""), NULL);
	struct outcome outcome = {0};
	struct error err = ERROR_INIT;
	struct record *record;

	/* Whether it is seen to have ended depends on who is faster. */
	for (int i = 0; i < 500 && outcome.output == NULL; i++) {
		live_intent(live);
		outcome = (struct outcome){0};
		if (provider_docker.apply(&live->env, &request, &outcome, &err) == 0) {
			record = live_record(live, &request, &outcome);
			live_destroy(live, record);
		}
	}
	assert_non_null(outcome.output);
	assert_true(outcome.exists);
	assert_string_equal(outcome.output, "no config");
	assert_non_null(strstr(err.msg, "is exited (3) right after its start"));
}

/* Old engines look at the command only now: the container is there, and must not lie about. */
static void a_start_that_is_refused_leaves_a_container_that_is_told(void **state)
{
	struct live *live = *state;
	struct request request = live_request(live, ACT_CREATE, CONTAINER, WEB,
		arena_printf(&live->arena, "{\"image\":\"" LIVE_IMAGE "\",\"command\":[\"/nowhere\"],"
			"\"stopGracePeriod\":0}"), NULL);
	struct outcome outcome = {0};
	struct error err = ERROR_INIT;
	struct record *record;
	const char *first;

	live_image(live);
	assert_int_equal(provider_docker.apply(&live->env, &request, &outcome, &err), -1);
	assert_true(outcome.exists);
	assert_non_null(strstr(err.msg, "cannot start container 'live-web-"));
	assert_non_null(strstr(err.msg, "/nowhere"));
	assert_string_equal(status_of(live, outcome.id), "created");

	/* Once more by the same intent: the same one, not a second. */
	first = outcome.id;
	assert_int_equal(provider_docker.apply(&live->env, &request, &outcome, &err), -1);
	assert_string_equal(outcome.id, first);
	record = live_record(live, &request, &outcome);
	live_destroy(live, record);
	assert_int_equal(live_status(live, "GET", docker_path(&live->docker, "/containers/%s/json",
		first)), 404);
}

static void what_may_end_counts_as_running(void **state)
{
	struct live *live = *state;
	const char *inputs = running(live, "exit 0", ",\"mustRun\":false");
	struct record *record = live_create(live, CONTAINER, WEB, inputs);
	struct observation item;

	wait_for_end(live, record->id);
	item = look(live, inputs, record);
	assert_string_equal(item.health, "exited (0)");
	assert_true(item.runs);
	item = look(live, running(live, "exit 0", ""), record);
	assert_false(item.runs);
}

/* --- volumes ------------------------------------------------------------------------------------ */

static void named_volumes_stay_and_anonymous_ones_go(void **state)
{
	struct live *live = *state;
	struct record *volume = live_create(live, "docker_volume", "docker_volume.v", "{}"), *record;
	const struct value *mounts;
	const char *anonymous = NULL;

	live_intent(live);
	record = live_create(live, CONTAINER, WEB, waiting(live, arena_printf(&live->arena,
		",\"volumes\":[\"%s:/data\",\"/anonymous\"]", output(volume, "name"))));
	mounts = value_get(inspected(live, record->id), "Mounts");
	for (size_t i = 0; i < mounts->len; i++)
		if (!strcmp(value_get_text(&mounts->items[i], "Destination", ""), "/anonymous"))
			anonymous = value_get_text(&mounts->items[i], "Name", "");
	assert_non_null(anonymous);
	live_destroy(live, record);
	assert_int_equal(live_status(live, "GET", docker_path(&live->docker, "/volumes/%s", anonymous)),
		404);
	assert_int_equal(live_status(live, "GET",
		docker_path(&live->docker, "/volumes/%s", output(volume, "name"))), 200);
}

static void what_is_mounted_must_be_there(void **state)
{
	struct live *live = *state;
	struct error err = ERROR_INIT;
	struct record *record;
	char path[128];

	assert_int_equal(live_create_fails(live, CONTAINER, WEB,
		waiting(live, ",\"volumes\":[\"./missing:/x\"]"), &err), ERROR_INVALID);
	assert_string_equal(err.msg, "volumes: './missing' does not exist, and would be mounted at /x: "
		"make it, or write createHostPath: true");
	assert_int_equal(live_create_fails(live, CONTAINER, WEB,
		waiting(live, ",\"volumes\":[\"no-such-volume:/x\"]"), &err), ERROR_INVALID);
	assert_non_null(strstr(err.msg, "there is no volume 'no-such-volume': add a docker_volume"));
	assert_int_equal(live_status(live, "GET", "/volumes/no-such-volume"), 404);
	assert_int_equal(live_create_fails(live, CONTAINER, WEB,
		waiting(live, ",\"networks\":[\"no-such-network\"]"), &err), ERROR_INVALID);
	assert_non_null(strstr(err.msg, "there is no network 'no-such-network': add a docker_network"));

	record = live_create(live, CONTAINER, WEB, waiting(live,
		",\"volumes\":[{\"source\":\"./a/b\",\"target\":\"/x\",\"createHostPath\":true}]"));
	snprintf(path, sizeof(path), "%s/a/b", live->root);
	assert_int_equal(access(path, F_OK), 0);
	live_destroy(live, record);
	assert_int_equal(access(path, F_OK), 0);
}

/* --- images ------------------------------------------------------------------------------------- */

static void a_missing_image_says_what_to_do(void **state)
{
	struct live *live = *state;
	struct error err = ERROR_INIT;

	assert_int_equal(live_create_fails(live, CONTAINER, WEB,
		"{\"image\":\"no-such-image:1\",\"pull\":\"never\"}", &err), ERROR_INVALID);
	assert_string_equal(err.msg, "image 'no-such-image:1' is not on this engine, and pull is never: "
		"pull it, or add a docker_image resource that builds it");
	assert_int_equal(live_create_fails(live, CONTAINER, WEB,
		"{\"image\":\"sha256:0123456789012345678901234567890123456789012345678901234567890123\"}",
		&err), ERROR_INVALID);
	assert_non_null(strstr(err.msg, "an id cannot be pulled: refer to a docker_image resource"));
	live_create_fails(live, CONTAINER, WEB, "{\"image\":\"127.0.0.1:9/no-such-image:1\"}", &err);
	assert_non_null(strstr(err.msg, "image '127.0.0.1:9/no-such-image:1' cannot be pulled "
		"(add a docker_image resource to build it)"));
}

static void a_tag_that_moved_is_drift(void **state)
{
	struct live *live = *state;
	const char *tag = arena_printf(&live->arena, "devenv-moved-%s", live->short_id), *inputs;
	struct record *record;
	struct observation item;

	live_image(live);
	live_call(live, "POST", docker_path(&live->docker,
		"/images/" LIVE_IMAGE "/tag?repo=%s&tag=1", tag), NULL);
	inputs = arena_printf(&live->arena,
		"{\"image\":\"%s:1\",\"command\":[\"sleep\",\"600\"],\"stopGracePeriod\":0}", tag);
	record = live_create(live, CONTAINER, WEB, inputs);
	item = look(live, inputs, record);
	assert_unchanged(live, item, record);
	/* Another image of that name. */
	live_call(live, "POST", docker_path(&live->docker,
		"/commit?container=%s&repo=%s&tag=1&pause=false", record->id, tag), "{}");
	item = look(live, inputs, record);
	assert_string_equal(value_get_text(item.attributes, "image", ""), output(record, "imageId"));
	assert_false(item.matches);
	/* No image of that name: nothing can be said. */
	live_call(live, "DELETE", docker_path(&live->docker, "/images/%s:1", tag), NULL);
	item = look(live, inputs, record);
	assert_unchanged(live, item, record);
}

static void an_empty_entrypoint_drops_that_of_the_image(void **state)
{
	struct live *live = *state;
	const char *tag = arena_printf(&live->arena, "devenv-entry-%s", live->short_id), *inputs;
	const char *from = live_container(live, "from", "");
	struct record *record;
	struct observation item;

	live_call(live, "POST", docker_path(&live->docker,
		"/commit?container=%s&repo=%s&tag=1&changes=%s", from, tag,
		http_escape(&live->arena, "ENTRYPOINT [\"false\"]", "")), "{}");
	inputs = arena_printf(&live->arena, "{\"image\":\"%s:1\",\"entrypoint\":[],"
		"\"command\":[\"sleep\",\"600\"],\"stopGracePeriod\":0}", tag);
	record = live_create(live, CONTAINER, WEB, inputs);
	assert_string_equal(value_text(value_get(inspected(live, record->id), "Path"), ""), "sleep");
	item = look(live, inputs, record);
	assert_unchanged(live, item, record);
	assert_true(item.matches);
	live_destroy(live, record);
	live_call(live, "DELETE", docker_path(&live->docker, "/images/%s:1?force=1", tag), NULL);
}

/* --- whose is it -------------------------------------------------------------------------------- */

static void a_taken_name_names_its_owner(void **state)
{
	struct live *live = *state;
	const char *name = arena_printf(&live->arena, "taken-%s", live->short_id), *inputs;
	struct error err = ERROR_INIT;
	struct observation item;
	struct record *record;

	live_container(live, "taken", "");
	inputs = waiting(live, arena_printf(&live->arena, ",\"containerName\":\"%s\"", name));
	item = look(live, inputs, NULL);
	assert_int_equal(item.presence, PRESENCE_PRESENT);
	assert_int_not_equal(item.ownership, OWNER_US);
	assert_int_equal(live_create_fails(live, CONTAINER, WEB, inputs, &err), ERROR_CONFLICT);
	assert_non_null(strstr(err.msg, "a container 'taken-"));
	assert_non_null(strstr(err.msg, "exists already"));

	record = live_create(live, CONTAINER, "docker_container.other", waiting(live,
		",\"containerName\":\"mine\""));
	live_intent(live);
	inputs = waiting(live, ",\"containerName\":\"mine\"");
	assert_int_equal(live_create_fails(live, CONTAINER, WEB, inputs, &err), ERROR_CONFLICT);
	assert_non_null(strstr(err.msg, "belongs to docker_container.other"));
	item = look(live, inputs, NULL);
	assert_int_equal(item.ownership, OWNER_OTHER);
	live_destroy(live, record);
}

/* The engine also takes the beginning of an id for a name. */
static void a_name_that_begins_an_id_is_free(void **state)
{
	struct live *live = *state;
	const char *foreign = live_container(live, "foreign", "");
	const char *inputs = waiting(live, arena_printf(&live->arena, ",\"containerName\":\"%.12s\"",
		foreign));
	struct observation item = look(live, inputs, NULL);
	struct record *record;

	assert_int_equal(item.presence, PRESENCE_ABSENT);
	record = live_create(live, CONTAINER, WEB, inputs);
	assert_string_not_equal(record->id, foreign);
	live_destroy(live, record);
	assert_int_equal(live_status(live, "GET", docker_path(&live->docker, "/containers/%s/json",
		foreign)), 200);
}

static void another_homes_container_is_left_alone(void **state)
{
	struct live *live = *state;
	struct record *record = live_create(live, CONTAINER, WEB, waiting(live, ""));
	struct error err = ERROR_INIT;

	live->env.state_id = "another-home";
	assert_int_equal(provider_docker.destroy(&live->env, record, &err), -1);
	assert_int_equal(err.code, ERROR_CONFLICT);
	assert_string_equal(status_of(live, record->id), "running");
	live->env.state_id = "feedfacefeedface";
	live_destroy(live, record);
}

static void what_is_imported_is_destroyed_by_its_id(void **state)
{
	struct live *live = *state;
	struct observation seen = {.address = WEB};
	struct error err = ERROR_INIT;
	struct outcome outcome = {0};
	struct request request;
	struct record *record;
	const char *id;

	live_image(live);
	id = value_get_text(live_call(live, "POST", docker_path(&live->docker,
		"/containers/create?name=foreign-%s", live->short_id),
		"{\"Image\":\"" LIVE_IMAGE "\",\"Cmd\":[\"sleep\",\"600\"],\"StopTimeout\":0}"), "Id", "");
	assert_int_equal(provider_docker.import(&live->env, type_find(CONTAINER),
		arena_printf(&live->arena, "foreign-%s", live->short_id), &seen, &err), 0);
	assert_string_equal(seen.id, id);
	assert_int_equal(seen.ownership, OWNER_NONE);
	assert_string_equal(live_text(live, value_get(seen.attributes, "command")), "[\"sleep\",\"600\"]");
	assert_string_equal(value_get_text(seen.attributes, "image", ""), LIVE_IMAGE);
	request = live_request(live, ACT_CREATE, CONTAINER, WEB,
		waiting(live, ",\"memory\":\"64m\""), NULL);
	request.adopt = true;
	request.observed = &seen;
	if (provider_docker.apply(&live->env, &request, &outcome, &err))
		fail_msg("%s", err.msg);
	assert_string_equal(outcome.id, id);
	assert_string_equal(status_of(live, id), "running");
	assert_int_equal(value_path(inspected(live, id), "HostConfig.Memory")->integer, 64 << 20);
	record = live_record(live, &request, &outcome);
	live_destroy(live, record);
	assert_int_equal(live_status(live, "GET", docker_path(&live->docker, "/containers/%s/json", id)),
		404);
	assert_int_equal(provider_docker.import(&live->env, type_find(CONTAINER), "no-such", &seen, &err),
		-1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
}

static void what_no_item_is_about_is_a_stray(void **state)
{
	struct live *live = *state;
	struct record *record = live_create(live, CONTAINER, WEB, waiting(live, ""));
	struct observe_request request = {0};
	struct error err = ERROR_INIT;

	assert_int_equal(provider_docker.observe(&live->env, &request, &err), 0);
	assert_int_equal(request.n_strays, 1);
	assert_string_equal(request.strays[0].id, record->id);
	assert_string_equal(request.strays[0].address, WEB);
	assert_string_equal(request.strays[0].name, output(record, "name"));
}

/* The record was never written: the mark leads there. */
static void without_an_id_the_mark_is_destroyed(void **state)
{
	struct live *live = *state;
	struct record *record = live_create(live, CONTAINER, WEB, waiting(live, ""));
	const char *id = record->id;

	record->id = NULL;
	record->generation = 2;
	live_destroy(live, record);
	assert_string_equal(status_of(live, id), "running");
	record->generation = 1;
	live_destroy(live, record);
	assert_int_equal(live_status(live, "GET", docker_path(&live->docker, "/containers/%s/json", id)),
		404);
}

/* Two generations side by side have two names. */
static void a_new_generation_has_a_name_of_its_own(void **state)
{
	struct live *live = *state;
	struct record *record = live_create(live, CONTAINER, WEB, waiting(live, ""));
	struct request request = live_request(live, ACT_CREATE, CONTAINER, WEB, waiting(live, ""), NULL);
	struct outcome outcome = {0};
	struct error err = ERROR_INIT;

	live_intent(live);
	request.generation = 2;
	if (provider_docker.apply(&live->env, &request, &outcome, &err))
		fail_msg("%s", err.msg);
	assert_string_not_equal(outcome.id, record->id);
	assert_string_equal(value_get_text(outcome.outputs, "name", ""),
		arena_printf(&live->arena, "live-web-%s-2", live->short_id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(each_key_is_taken_and_seen_unchanged),
		live_test(what_was_taken_out_does_not_match),
		live_test(another_spelling_matches),
		live_test(the_environment_from_files_stands_below_that_of_the_manifest),
		live_test(a_container_is_made_marked_and_removed),
		live_test(it_stops_and_starts),
		live_test(the_grace_period_is_kept),
		live_test(what_ends_at_once_is_an_error_with_its_last_words),
		live_test(a_start_that_is_refused_leaves_a_container_that_is_told),
		live_test(what_may_end_counts_as_running),
		live_test(named_volumes_stay_and_anonymous_ones_go),
		live_test(what_is_mounted_must_be_there),
		live_test(a_missing_image_says_what_to_do),
		live_test(a_tag_that_moved_is_drift),
		live_test(an_empty_entrypoint_drops_that_of_the_image),
		live_test(a_taken_name_names_its_owner),
		live_test(a_name_that_begins_an_id_is_free),
		live_test(another_homes_container_is_left_alone),
		live_test(what_is_imported_is_destroyed_by_its_id),
		live_test(what_no_item_is_about_is_a_stray),
		live_test(without_an_id_the_mark_is_destroyed),
		live_test(a_new_generation_has_a_name_of_its_own),
	};
	int missing = live_missing();

	return missing ? missing : cmocka_run_group_tests(tests, NULL, NULL);
}
