/*
 * The table of keys in docs/docker.md on a real engine, a test a row: the engine takes the value, it is
 * seen unchanged, another value is a difference of this key and of no other, and the engine is brought
 * there in the way that the table names.
 */
#include "container_live.h"

#include "providers/docker/container/container.h"

/* Values as JSON; NULL: the key is left out. NET, VOLUME, PEER and TAG stand for names. */
struct row {
	const char *key, *first, *then;
	const char *beside; /* other keys of both */
	bool refusable;     /* some machines have it not: made and seen, but not started */
};

#define ROW(key_, first_, then_, ...) {.key = key_, .first = first_, .then = then_, ##__VA_ARGS__}

static const struct row rows[] = {
	ROW("image", "\"" LIVE_IMAGE "\"", "\"TAG\""),
	ROW("pull", "\"never\"", "\"missing\""),
	ROW("platform", "\"linux/amd64\"", NULL),
	ROW("command", "[\"sleep\",\"600\"]", "\"sleep 601\""),
	ROW("entrypoint", "[\"/bin/busybox\"]", "[\"env\"]"),
	ROW("environment", "{\"A\":\"1\"}", "{\"A\":\"2\"}"),
	ROW("envFile", "\"a.env\"", "\"b.env\""),
	ROW("workingDirectory", "\"/tmp\"", "\"/etc\""),
	ROW("user", "\"0:0\"", "1000"),
	ROW("groupAdd", "[5]", "[5,6]"),
	ROW("tty", "true", "false"),
	ROW("stdinOpen", "true", "false"),
	ROW("init", "true", "false"),
	ROW("labels", "{\"team\":\"blue\"}", "{\"team\":\"red\"}"),
	ROW("healthcheck", "{\"test\":[\"CMD\",\"true\"],\"interval\":\"1h\"}",
		"{\"test\":[\"CMD\",\"true\"],\"interval\":\"2h\"}"),
	ROW("stopSignal", "\"int\"", "\"TERM\""),
	ROW("stopGracePeriod", "0", "\"500ms\""),
	ROW("job", "true", "false", .beside = ",\"command\":[\"true\"],\"mustRun\":false"),
	ROW("mustRun", "true", "false"),
	ROW("containerName", "\"row-a-ID\"", "\"row-b-ID\""),
	ROW("hostname", "\"one\"", "\"two\""),
	ROW("domainname", "\"a.test\"", "\"b.test\""),
	ROW("ports", "[\"127.0.0.1::80\"]",
		"[\"127.0.0.1::80\",{\"container\":80,\"protocol\":\"udp\"}]"),
	ROW("expose", "[80]", "[81]"),
	ROW("networks", "[{\"name\":\"NET\",\"aliases\":[\"a\"]}]",
		"[{\"name\":\"NET\",\"aliases\":[\"b\"]}]"),
	ROW("networkMode", "\"none\"", "\"host\""),
	ROW("extraHosts", "{\"db\":\"10.0.0.9\"}", "[\"db:10.0.0.8\"]"),
	ROW("dns", "[\"10.0.0.8\",\"10.0.0.9\"]", "[\"10.0.0.9\",\"10.0.0.8\"]"),
	ROW("dnsSearch", "\"a.test\"", "\"b.test\""),
	ROW("dnsOptions", "[\"ndots:2\"]", "[\"ndots:3\"]"),
	ROW("volumes", "[\"VOLUME:/data\"]", "[\"VOLUME:/data:ro\"]"),
	ROW("tmpfs", "\"/run:size=64k\"", "\"/run:size=128k\""),
	ROW("devices", "[\"/dev/null:/dev/x:r\"]", "[\"/dev/null:/dev/x\"]"),
	ROW("readOnly", "true", "false"),
	ROW("restart", "\"on-failure:3\"", "\"unless-stopped\""),
	ROW("memory", "\"64m\"", "\"128m\""),
	ROW("memorySwap", "\"64m\"", "-1", .beside = ",\"memory\":\"64m\""),
	ROW("memoryReservation", "\"32m\"", "\"16m\""),
	ROW("cpus", "\"500m\"", "1"),
	ROW("cpuShares", "512", "256"),
	ROW("cpuset", "\"0\"", "\"0-0\""),
	ROW("pidsLimit", "50", "0"),
	ROW("shmSize", "\"1m\"", "\"2m\""),
	ROW("oomScoreAdj", "500", "600"),
	ROW("ulimits", "{\"nofile\":{\"soft\":100,\"hard\":200}}", "{\"nofile\":200}"),
	ROW("gpus", "\"all\"", "1", .refusable = true),
	ROW("capAdd", "[\"net_admin\"]", "[\"net_admin\",\"CAP_NET_RAW\"]"),
	ROW("capDrop", "[\"mknod\"]", "[\"all\"]"),
	ROW("privileged", "true", "false", .refusable = true),
	ROW("securityOpt", "[\"no-new-privileges\"]", NULL),
	ROW("sysctls", "{\"net.ipv4.ip_forward\":1}", "{\"net.ipv4.ip_forward\":0}"),
	ROW("pid", "\"host\"", "\"container:PEER\""),
	ROW("ipc", "\"shareable\"", "\"private\""),
	ROW("uts", "\"host\"", NULL),
	ROW("usernsMode", "\"host\"", NULL),
	ROW("cgroupParent", "\"/devenv-a\"", "\"/devenv-b\""),
	ROW("runtime", "\"RUNTIME\"", NULL),
	ROW("logging", "{\"driver\":\"json-file\",\"options\":{\"max-size\":\"1m\"}}",
		"{\"driver\":\"json-file\",\"options\":{\"max-size\":\"2m\"}}"),
};

/* What an inspect does not tell; whether it runs is seen otherwise. */
static bool unseen(const char *key)
{
	static const char *const keys[] = {"pull", "platform", "envFile", "job", "mustRun"};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(keys[i], key))
			return true;
	return false;
}

/* --- values ------------------------------------------------------------------------------------- */

static const char *peer(struct live *live)
{
	const char *name = arena_printf(&live->arena, "peer-%s", live->short_id);

	if (live_status(live, "GET", docker_path(&live->docker, "/containers/%s/json", name)) == 404)
		live_container(live, "peer", "");
	live_call(live, "POST", docker_path(&live->docker, "/containers/%s/start", name), NULL);
	return name;
}

static const char *tag(struct live *live)
{
	const char *name = arena_printf(&live->arena, "devenv-row-%s", live->short_id);

	live_call(live, "POST", docker_path(&live->docker, "/images/" LIVE_IMAGE "/tag?repo=%s&tag=1",
		name), NULL);
	return arena_printf(&live->arena, "%s:1", name);
}

static const char *made(struct live *live, const char *type, const char *address)
{
	const char *name = output(live_create(live, type, address, "{}"), "name");

	live_intent(live);
	return name;
}

static const char *with(struct live *live, const char *text, const char *word, const char *by)
{
	const char *at = strstr(text, word);

	return arena_printf(&live->arena, "%.*s%s%s", (int)(at - text), text, by, at + strlen(word));
}

/* The names behind the words of a row; both of its values get the same. */
static void resolve(struct live *live, const char **first, const char **then)
{
	static const char *const words[] = {"NET\"", "VOLUME", "PEER", "TAG", "RUNTIME", "-ID"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const char *word = words[i], *by = NULL;
		bool a = *first && strstr(*first, word), b = *then && strstr(*then, word);

		if (!a && !b)
			continue;
		switch (i) {
		case 0: by = arena_printf(&live->arena, "%s\"", made(live, "docker_network",
			"docker_network.n")); break;
		case 1: by = made(live, "docker_volume", "docker_volume.v"); break;
		case 2: by = peer(live); break;
		case 3: live_image(live); by = tag(live); break;
		case 4: by = value_get_text(live_call(live, "GET", "/info", NULL), "DefaultRuntime", "");
			break;
		default: by = arena_printf(&live->arena, "-%s", live->short_id);
		}
		*first = a ? with(live, *first, word, by) : *first;
		*then = b ? with(live, *then, word, by) : *then;
	}
}

/* The whole of a container: what the row says, and what any container needs beside it. */
static const char *inputs_of(struct live *live, const struct row *row, const char *value)
{
	static const char *const usual[][2] = {{"image", "\"" LIVE_IMAGE "\""},
		{"command", "[\"sleep\",\"600\"]"}, {"stopGracePeriod", "0"}};
	struct strbuf text = STRBUF_INIT;
	const char *copy, *beside = row->beside ? row->beside : "";

	for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
		if (strcmp(usual[i][0], row->key) != 0 && !strstr(beside, usual[i][0]))
			strbuf_addf(&text, ",\"%s\":%s", usual[i][0], usual[i][1]);
	if (value)
		strbuf_addf(&text, ",\"%s\":%s", row->key, value);
	copy = arena_printf(&live->arena, "{%s%s}", text.text + 1, beside);
	strbuf_release(&text);
	return copy;
}

/* --- one row ------------------------------------------------------------------------------------ */

/* The record; `started` tells whether it runs. */
static struct record *create(struct live *live, const struct row *row, const char *inputs, bool *started)
{
	struct request request = live_request(live, ACT_CREATE, CONTAINER, WEB, inputs, NULL);
	struct outcome outcome = {0};
	struct error err = ERROR_INIT;

	live_image(live);
	live_intent(live);
	*started = provider_docker.apply(&live->env, &request, &outcome, &err) == 0;
	if (!*started && !(row->refusable && strstr(err.msg, "cannot start container")))
		fail_msg("create: %s", err.msg);
	assert_true(outcome.exists);
	return live_record(live, &request, &outcome);
}

/* It is there as desired; nothing is recorded as observed of what was not started. */
static struct observation as_desired(struct live *live, const char *inputs, struct record *record,
	bool started)
{
	struct observation item = look(live, inputs, record);

	assert_int_equal(item.presence, PRESENCE_PRESENT);
	if (started)
		assert_unchanged(live, item, record);
	if (!item.matches)
		fail_msg("as desired, and not seen so: %s", live_text(live, item.attributes));
	assert_int_equal(item.runs, started);
	return item;
}

/* Of two containers that differ in one key alone, this key is seen to differ, and no other. */
static void assert_differs_in(struct live *live, const char *key, const struct value *a,
	const struct value *b)
{
	const struct value *sides[] = {a, b};
	bool found = false;

	for (size_t side = 0; side < 2; side++)
		for (size_t i = 0; i < sides[side]->len; i++) {
			const char *name = sides[side]->members[i].key;
			const struct value *x = value_get(a, name), *y = value_get(b, name);

			if (x && y && value_equal(x, y))
				continue;
			if (strcmp(name, key) != 0)
				fail_msg("%s differs too: %s, %s", name, live_text(live, a), live_text(live, b));
			found = true;
		}
	assert_int_equal(found, !unseen(key));
}

static void a_row(void **state)
{
	const struct row *row = *state;
	struct live *live = live_new();
	const struct container_key *key = container_key(row->key);
	const char *first = row->first, *then = row->then, *before, *after, *id;
	struct observation one, other, item;
	struct record *record;
	bool started;

	assert_non_null(key);
	live_write(live, "a.env", "A=1\n");
	live_write(live, "b.env", "A=2\n");
	resolve(live, &first, &then);
	before = inputs_of(live, row, first);
	after = inputs_of(live, row, then);

	record = create(live, row, before, &started);
	id = record->id;
	one = as_desired(live, before, record, started);
	item = look(live, after, record);
	/* How an image is come by, and whether it may end, is nothing of the container. */
	if (strcmp(row->key, "pull") != 0 && strcmp(row->key, "mustRun") != 0 && item.matches)
		fail_msg("what is desired otherwise matches: %s", live_text(live, item.attributes));

	if (key->way == CONTAINER_REPLACE) {
		live_destroy(live, record);
		record = create(live, row, after, &started);
		assert_string_not_equal(record->id, id);
	} else {
		update(live, after, record, row->key);
		assert_string_equal(record->id, id);
	}
	other = as_desired(live, after, record, started);
	assert_differs_in(live, row->key, one.attributes, other.attributes);
	live_destroy(live, record);
	live_free(live);
}

static void every_key_has_a_row(void **state)
{
	const struct container_key *key;

	(void)state;
	for (size_t i = 0; (key = container_key_at(i)); i++) {
		bool found = false;

		for (size_t j = 0; j < ARRAY_SIZE(rows); j++)
			found = found || !strcmp(rows[j].key, key->name);
		if (!found)
			fail_msg("%s has no row", key->name);
	}
}

/* With the name of a key: that row alone. */
int main(int argc, char **argv)
{
	struct CMUnitTest row_tests[ARRAY_SIZE(rows) + 1] = {cmocka_unit_test(every_key_has_a_row)};
	int missing = live_missing();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		row_tests[i + 1] = (struct CMUnitTest){.name = rows[i].key, .test_func = a_row,
			.initial_state = (void *)(uintptr_t)&rows[i]};
	cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
	return missing ? missing : cmocka_run_group_tests_name("the table of keys", row_tests, NULL, NULL);
}
