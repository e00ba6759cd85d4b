/*
 * kubeconfig files, and an API server that misbehaves: refuses for a while, breaks off, lies about
 * versions, is another cluster.
 */
#include "model/parsed.h"
#include "kube_room.h"

/* --- kubeconfig --------------------------------------------------------------------------------- */

static int load(struct room *room, const char *text, const char *context, struct kubeconfig *out,
	struct error *err)
{
	*err = (struct error)ERROR_INIT;
	put(room, "other", text, 0600);
	return kubeconfig_load(&room->env, "other", context, out, err);
}

#define ONE(user)                                                                                    \
	"clusters: [{name: c, cluster: {server: 'https://h:1'}}]\n"                                  \
	"users: [{name: u, user: {" user "}}]\n"                                                     \
	"contexts: [{name: x, context: {cluster: c, user: u}}]\n"

static void test_what_a_kubeconfig_says(void **state)
{
	struct room *room = *state;
	struct kubeconfig config;
	struct error err;

	put(room, "token.txt", "from-file\n", 0600);
	put(room, "ca.pem", "CA", 0600);
	assert_int_equal(load(room, "clusters:\n- name: c\n  cluster: {server: 'https://h:1///', "
		"certificate-authority: ca.pem, proxy-url: 'http://p:2', tls-server-name: real, "
		"insecure-skip-tls-verify: true}\n"
		"users: [{name: u, user: {token: inline, tokenFile: token.txt, as: root, as-groups: [g]}}]\n"
		"contexts:\n- {name: x, context: {cluster: c, user: u, namespace: n}}\n"
		"- {name: y, context: {cluster: c, user: u}}\n", "x", &config, &err), 0);
	assert_string_equal(config.server, "https://h:1");
	assert_string_equal(config.ca, "CA");
	assert_string_equal(config.proxy, "http://p:2");
	assert_string_equal(config.server_name, "real");
	assert_string_equal(config.namespace, "n");
	assert_string_equal(config.authorization, "Bearer from-file");
	assert_string_equal(config.as, "root");
	assert_true(config.insecure);
	assert_int_equal(load(room, ONE("client-certificate-data: Q0VSVA==, client-key-data: S0VZ"), NULL,
		&config, &err), 0);
	assert_string_equal(config.cert, "CERT");
	assert_string_equal(config.key, "KEY");
	assert_int_equal(load(room, ONE("username: a, password: b"), NULL, &config, &err), 0);
	assert_string_equal(config.authorization, "Basic YTpi");
}

static void test_a_loop_parses_a_kubeconfig_once(void **state)
{
	struct room *room = *state;
	struct parsed parsed = {.files = NULL};
	struct kubeconfig config;
	struct error err;

	room->env.parsed = &parsed;
	for (int i = 0; i < 3; i++) {
		parsed_begin(&parsed);
		assert_int_equal(load(room, ONE("token: a"), NULL, &config, &err), 0);
		assert_string_equal(config.authorization, "Bearer a");
	}
	assert_int_equal(parsed.n_parsed, 1);
	assert_int_equal(load(room, ONE("token: b"), NULL, &config, &err), 0);
	assert_string_equal(config.authorization, "Bearer b");
	assert_int_equal(parsed.n_parsed, 2);
	parsed_release(&parsed);
}

static void test_mistakes_of_a_kubeconfig(void **state)
{
	static const struct {
		const char *text, *context, *message;
	} rows[] = {
		{"- 1\n", NULL, "is no kubeconfig"},
		{"a: [\n", NULL, "is no kubeconfig"},
		{"contexts: []\n", NULL, "has no contexts"},
		{"contexts: [{name: a}, {name: b}]\ncurrent-context: a\n", NULL,
			"has several contexts (a, b): name one"},
		{ONE(""), "z", "has no context 'z' (it has: x)"},
		{"contexts: [{name: x, context: {cluster: c}}]\n", NULL, "names cluster 'c', which is not there"},
		{"clusters: [{name: c, cluster: {server: 'https://h'}}]\n"
		 "contexts: [{name: x, context: {cluster: c, user: u}}]\n", NULL, "names user 'u'"},
		{"clusters: [{name: c, cluster: {server: 'h:1'}}]\ncontexts: [{name: x, context: {cluster: c}}]\n",
			NULL, "begins with https://"},
		{ONE("client-key-data: S0VZ"), NULL, "a client key without its certificate"},
		{ONE("client-key-data: '%%'"), NULL, "client-key-data is no base64"},
		{ONE("auth-provider: {name: gcp}"), NULL, "auth-provider"},
		{ONE("exec: {command: /nowhere/plugin, installHint: 'get it'}"), NULL, "get it"},
		{ONE("exec: {command: 'false'}"), NULL, "exited with status 1"},
		{ONE("exec: {command: echo, args: [sesame]}"), NULL, "no ExecCredential"},
		{ONE("exec: {command: echo, args: ['{\"status\": {}}']}"), NULL, "neither a token"},
	};
	struct kubeconfig config;
	struct error err;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(load(*state, rows[i].text, rows[i].context, &config, &err), -1);
		if (!strstr(err.msg, rows[i].message))
			fail_msg("'%s' lacks '%s'", err.msg, rows[i].message);
		assert_null(strstr(err.msg, "sesame"));
	}
	assert_int_equal(kubeconfig_load(&((struct room *)*state)->env, "missing", NULL, &config, &err), -1);
	assert_int_equal(err.code, ERROR_UNREACHABLE);
}

static void test_a_plugin_gives_credentials(void **state)
{
	struct room *room = *state;
	struct kubeconfig config;
	struct error err;

	put(room, "plugin", "#!/bin/sh\necho \"{\\\"status\\\":{\\\"token\\\":\\\"$1-$EXTRA\\\"}}\"\n"
		"echo \"$KUBERNETES_EXEC_INFO\" >info\n", 0700);
	assert_int_equal(load(room, ONE("exec: {apiVersion: client.authentication.k8s.io/v1, "
		"command: ./plugin, args: [a], env: [{name: EXTRA, value: b}], provideClusterInfo: true}"),
		NULL, &config, &err), 0);
	assert_string_equal(config.authorization, "Bearer a-b");
	{
		const char *text;
		size_t len;

		assert_int_equal(fs_read(arena_printf(&room->arena, "%s/info", room->root), &room->arena,
			&text, &len, &err), 0);
		assert_non_null(strstr(text, "\"interactive\":false"));
		assert_non_null(strstr(text, "\"server\":\"https://h:1\""));
		assert_non_null(strstr(text, "client.authentication.k8s.io/v1"));
	}
}

/* --- the client --------------------------------------------------------------------------------- */

static int call(struct room *room, struct route *routes, const char *path, struct error *err)
{
	struct value cluster = json(room, "{\"kubeconfig\":\"config\"}");
	struct kube_reply reply;
	struct kube kube;
	int rc;

	*err = (struct error)ERROR_INIT;
	room->routes = routes;
	if (kube_open(&kube, &room->env, &cluster, err))
		return -1;
	rc = kube_get(&kube, path, &reply, err);
	kube_close(&kube);
	return rc;
}

static void test_what_passes_by_itself_is_asked_again(void **state)
{
	struct room *room = *state;
	struct route routes[] = {
		{"GET /a", 429, "{}", 1, "Retry-After: 0\r\n"}, {"GET /a", 500, "{}", 1, NULL},
		{"GET /a", 0, NULL, 1, NULL}, {"GET /a", 503, "{}", 1, NULL}, {"GET /a", 200, "{}", 0, NULL},
		{NULL}};
	struct error err;

	assert_int_equal(call(room, routes, "/a", &err), 0);
	assert_int_equal(atomic_load(&room->server.requests), 5);
	assert_true(saw(room, "Authorization: Bearer sesame\r\n"));
}

/* The server says when; our own guess (100 ms) would be too soon. */
static void test_a_retry_after_is_kept_to(void **state)
{
	struct room *room = *state;
	struct route routes[] = {{"GET /a", 429, "{}", 1, "Retry-After: 1\r\n"},
		{"GET /a", 200, "{}", 0, NULL}, {NULL}};
	int64_t begin = clock_monotonic(&clock_system);
	struct error err;

	assert_int_equal(call(room, routes, "/a", &err), 0);
	assert_in_range(clock_monotonic(&clock_system) - begin, 1000, 60000);
	/* No longer than the action may take. */
	routes[0] = (struct route){"GET /a", 429, "{\"message\":\"slow down\"}", 0, "Retry-After: 3600\r\n"};
	begin = clock_monotonic(&clock_system);
	room->env.deadline = begin + 300;
	assert_int_equal(call(room, routes, "/a", &err), -1);
	assert_string_equal(err.msg, "slow down");
	assert_in_range(clock_monotonic(&clock_system) - begin, 300, 60000);
}

static void test_a_slow_server_is_waited_for_to_the_deadline(void **state)
{
	struct room *room = *state;
	static struct route routes[] = {{"GET /a", 200, "{}", 0, NULL}, {NULL}}; /* answers when the test is over */
	struct error err;

	room->server.delay_ms = 700;
	assert_int_equal(call(room, routes, "/a", &err), 0);
	room->env.deadline = clock_monotonic(&clock_system) + 200;
	assert_int_equal(call(room, routes, "/a", &err), -1);
	assert_int_equal(err.code, ERROR_TIMEOUT);
	assert_non_null(strstr(err.msg, "context x"));
}

static void test_what_does_not_pass_is_an_error_at_last(void **state)
{
	struct room *room = *state;
	struct route routes[] = {{"GET /a", 500, "{\"message\":\"etcd is away\"}", 0, NULL},
		{"GET /b", 403, "{\"message\":\"forbidden\"}", 0, NULL}, {"GET /c", 401, "", 0, NULL},
		{"GET /d", 422, "{\"message\":\"bad\"}", 0, NULL},
		{"GET /e", 500, "{\"message\":\"failed to create typed patch object: .x\"}", 0, NULL},
		{"GET /f", 200, "<html>", 0, NULL}, {NULL}};
	struct error err;

	assert_int_equal(call(room, routes, "/a", &err), -1);
	assert_int_equal(err.code, ERROR_TRANSIENT);
	assert_string_equal(err.msg, "etcd is away");
	assert_int_equal(atomic_load(&room->server.requests), 5);
	assert_int_equal(call(room, routes, "/b", &err), -1);
	assert_int_equal(err.code, ERROR_FAILED);
	assert_int_equal(call(room, routes, "/c", &err), -1);
	assert_non_null(strstr(err.msg, "credentials"));
	assert_null(strstr(err.msg, "sesame"));
	assert_int_equal(call(room, routes, "/d", &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	assert_int_equal(call(room, routes, "/e", &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	assert_int_equal(call(room, routes, "/nothing", &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_int_equal(atomic_load(&room->server.requests), 10);
	assert_int_equal(call(room, routes, "/f", &err), -1);
	assert_non_null(strstr(err.msg, "no JSON"));
}

static void test_a_long_refusal_keeps_what_matters(void **state)
{
	struct room *room = *state;
	char value[2000];
	struct route routes[] = {{"GET /a", 422, NULL, 0, NULL}, {NULL}};
	struct error err;

	memset(value, 'v', sizeof(value));
	value[sizeof(value) - 1] = '\0';
	routes[0].body = arena_printf(&room->arena, "{\"message\":\"Job.batch x is invalid: spec.template: "
		"Invalid value: %s: field is immutable\",\"details\":{\"kind\":\"Job\",\"name\":\"x\","
		"\"causes\":[{\"field\":\"spec.template\",\"message\":\"Invalid value: %s: field is "
		"immutable\"},{\"field\":\"spec.y\",\"message\":\"Required value\"}]}}", value, value);
	assert_int_equal(call(room, routes, "/a", &err), -1);
	assert_string_equal(err.msg, "Job \"x\" is invalid: spec.template: field is immutable; "
		"spec.y: Required value");
}

/* --- discovery ---------------------------------------------------------------------------------- */

static void test_servers_without_aggregated_discovery(void **state)
{
	struct room *room = *state;
	struct route routes[] = {
		{"GET /api ", 200, "{\"kind\":\"APIVersions\",\"versions\":[\"v1\"]}", 0, NULL},
		{"GET /apis ", 200, "{\"kind\":\"APIGroupList\",\"groups\":[{\"name\":\"apps\",\"versions\":[{"
			"\"version\":\"v1\"}],\"preferredVersion\":{\"version\":\"v1\"}},{\"name\":\"down.dev\","
			"\"versions\":[{\"version\":\"v1\"}]}]}", 0, NULL},
		{"GET /api/v1 ", 200, "{\"resources\":[{\"name\":\"pods\",\"kind\":\"Pod\",\"namespaced\":true,"
			"\"verbs\":[\"list\",\"delete\"]},{\"name\":\"pods/log\",\"kind\":\"Pod\"}]}", 0, NULL},
		{"GET /apis/apps/v1 ", 200, "{\"resources\":[{\"name\":\"deployments\",\"kind\":\"Deployment\","
			"\"namespaced\":true,\"verbs\":[]}]}", 0, NULL},
		{"GET /apis/down.dev/v1 ", 503, "{}", 0, "Retry-After: 0\r\n"}, {NULL}};
	struct value cluster = json(room, "{\"kubeconfig\":\"config\"}");
	struct error err = ERROR_INIT;
	const struct kube_kind *kind;
	struct kube kube;

	room->routes = routes;
	assert_int_equal(kube_open(&kube, &room->env, &cluster, &err), 0);
	assert_int_equal(kube_kind_find(&kube, "v1", "Pod", &kind, &err), 0);
	assert_string_equal(kind->plural, "pods");
	assert_true(kind->namespaced && kind->listable);
	assert_int_equal(kube_kind_find(&kube, "apps/v1", "Deployment", &kind, &err), 0);
	assert_false(kind->listable);
	assert_int_equal(kube_kind_find(&kube, "apps/v1", "Nothing", &kind, &err), 0);
	assert_null(kind);
	/* A group that cannot be read is unknown, not gone. */
	assert_int_equal(kube_kind_find(&kube, "down.dev/v1", "Thing", &kind, &err), -1);
	assert_int_equal(err.code, ERROR_TRANSIENT);
	kube_close(&kube);
}

/* --- observing ---------------------------------------------------------------------------------- */

static void test_another_cluster_is_unknown_never_gone(void **state)
{
	struct room *room = *state;
	struct observation item = observe(room, NULL, recorded(room, "ANOTHER"), NULL);

	assert_int_equal(item.presence, PRESENCE_UNKNOWN);
	assert_non_null(strstr(item.message, "recorded on the cluster ANOTHER, now the cluster CLUSTER"));
}

static void test_what_cannot_be_asked_is_unknown_never_gone(void **state)
{
	static const struct {
		int status;
		const char *message;
	} rows[] = {{403, "forbidden"}, {500, "away"}, {0, "context x"}};
	struct room *room = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct route routes[] = {{"GET /api/v1/namespaces/n/configmaps", rows[i].status,
			"{\"message\":\"forbidden, away\"}", 0, NULL}, {NULL}};
		struct observation item = observe(room, routes, recorded(room, "CLUSTER"), NULL);

		assert_int_equal(item.presence, PRESENCE_UNKNOWN);
		if (!strstr(item.message, rows[i].message))
			fail_msg("'%s' lacks '%s'", item.message, rows[i].message);
	}
	{
		struct observation item = observe(room, NULL, recorded(room, "CLUSTER"), NULL);

		assert_int_equal(item.presence, PRESENCE_ABSENT); /* 404 is an answer */
	}
}

static void test_who_may_not_see_the_cluster_is_told_what_it_takes(void **state)
{
	struct room *room = *state;
	struct route routes[] = {{"GET /api/v1/namespaces/kube-system", 403, "{\"message\":\"no\"}", 0,
		NULL}, {NULL}};
	struct observation item = observe(room, routes, recorded(room, "CLUSTER"), NULL);

	assert_int_equal(item.presence, PRESENCE_UNKNOWN);
	assert_non_null(strstr(item.message, "needs `get` on the namespace kube-system"));
}

static void test_a_cluster_that_is_not_known_yet_holds_nothing(void **state)
{
	struct room *room = *state;
	struct value unknown = value_unknown;
	struct member cluster = {.key = "kubeconfig", .value = unknown};
	struct value inner = value_map(&cluster, 1);
	struct member member = {.key = "cluster", .value = inner};
	struct value inputs = value_map(&member, 1);
	struct observation item = {.address = "kubernetes_manifest.a",
		.type = type_find("kubernetes_manifest"), .desired = &inputs};
	struct observe_request request = {.items = &item, .n = 1};
	struct error err = ERROR_INIT;

	assert_int_equal(provider_kubernetes.observe(&room->env, &request, &err), 0);
	assert_int_equal(item.presence, PRESENCE_ABSENT);
	assert_int_equal(atomic_load(&room->server.requests), 0);
}

static void test_nothing_is_done_on_another_cluster(void **state)
{
	struct room *room = *state;
	struct error err = ERROR_INIT;

	assert_int_equal(provider_kubernetes.destroy(&room->env, recorded(room, "ANOTHER"), &err), -1);
	assert_int_equal(err.code, ERROR_UNREACHABLE);
	assert_non_null(strstr(err.msg, "recorded on the cluster ANOTHER"));
	assert_int_equal(atomic_load(&room->server.requests), 1);
}

/* A delete that another writer overtook: the object of that name is not ours any more. */
static void test_a_delete_by_uid_that_comes_too_late(void **state)
{
	struct room *room = *state;
	struct route routes[] = {
		{"GET /api/v1/namespaces/n/configmaps/a", 200, "{\"metadata\":{\"uid\":\"U\"}}", 1, NULL},
		{"GET /api/v1/namespaces/n/configmaps/a", 200, "{\"metadata\":{\"uid\":\"NEW\"}}", 0, NULL},
		{"DELETE /api/v1/namespaces/n/configmaps/a", 409, "{\"reason\":\"Conflict\"}", 0, NULL}, {NULL}};
	struct error err = ERROR_INIT;

	room->routes = routes;
	if (provider_kubernetes.destroy(&room->env, recorded(room, "CLUSTER"), &err))
		fail_msg("%s", err.msg);
	assert_true(saw(room, "\"preconditions\":{\"uid\":\"U\"}"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KUBE_TEST(test_what_a_kubeconfig_says),
		KUBE_TEST(test_a_loop_parses_a_kubeconfig_once),
		KUBE_TEST(test_mistakes_of_a_kubeconfig),
		KUBE_TEST(test_a_plugin_gives_credentials),
		KUBE_TEST(test_what_passes_by_itself_is_asked_again),
		KUBE_TEST(test_a_retry_after_is_kept_to),
		KUBE_TEST(test_a_slow_server_is_waited_for_to_the_deadline),
		KUBE_TEST(test_what_does_not_pass_is_an_error_at_last),
		KUBE_TEST(test_a_long_refusal_keeps_what_matters),
		KUBE_TEST(test_servers_without_aggregated_discovery),
		KUBE_TEST(test_another_cluster_is_unknown_never_gone),
		KUBE_TEST(test_what_cannot_be_asked_is_unknown_never_gone),
		KUBE_TEST(test_who_may_not_see_the_cluster_is_told_what_it_takes),
		KUBE_TEST(test_a_cluster_that_is_not_known_yet_holds_nothing),
		KUBE_TEST(test_nothing_is_done_on_another_cluster),
		KUBE_TEST(test_a_delete_by_uid_that_comes_too_late),
	};

	hash_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
