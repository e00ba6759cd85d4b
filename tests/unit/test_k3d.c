/*
 * Clusters of k3d as far as no k3d is needed: its configuration, what labels of containers say about a
 * cluster, and what is cleaned away. The engine is one that says what a test wants.
 */
#include "docker_mock.h"

#include "providers/k3d/k3d.h"

extern const struct provider provider_k3d;

#define ADDRESS "k3d_cluster.dev"
#define MARK(intent)                                                                                 \
	"\"dev.devenv.environment\":\"0123456789abcdef\",\"dev.devenv.address\":\"" ADDRESS "\","    \
	"\"dev.devenv.generation\":\"1\",\"dev.devenv.state\":\"home\",\"dev.devenv.intent\":\"" intent "\","
#define NODE(id, name, role, state, labels)                                                          \
	"{\"Id\":\"" id "\",\"Names\":[\"/k3d-dev-" name "\"],\"Image\":\"k3s:1\",\"State\":\"" state \
	"\",\"Labels\":{" labels "\"app\":\"k3d\",\"k3d.cluster\":\"dev\",\"k3d.role\":\"" role "\"}}"

static const char *config_of(const char *inputs)
{
	static struct mock mock;
	static const char *text;
	struct docker docker;
	struct request request = {.act = ACT_CREATE, .address = ADDRESS, .generation = 1};
	static char kept[8192];

	mock_start(&mock, "1.41", NULL);
	docker = mock_open(&mock);
	request.inputs = mock_json(&mock, inputs);
	text = k3d_config(&docker, &request, "dev", "/home/k3d/dev");
	snprintf(kept, sizeof(kept), "%s", text);
	docker_close(&docker);
	mock_stop(&mock);
	return kept;
}

static void the_configuration_is_in_the_words_of_k3d(void **state)
{
	const char *config = config_of("{\"servers\":1,\"agents\":2,\"image\":\"k3s:1\",\"token\":\"t\","
		"\"ports\":[\"8080:80@loadbalancer\",{\"port\":\"9:9\",\"nodeFilters\":[\"agent:0\"]},\"7:7\"],"
		"\"kubeApi\":{\"hostIp\":\"127.0.0.1\",\"hostPort\":6550},"
		"\"k3sArgs\":[\"--disable=traefik@server:*\"],\"loadBalancer\":false,"
		"\"registries\":{\"create\":{\"name\":\"r\",\"hostPort\":5001,"
		"\"proxy\":{\"remoteUrl\":\"https://r.test\",\"password\":\"p\"}}}}");
	static const char *const wanted[] = {
		"\"agents\":2,", "\"apiVersion\":\"k3d.io/v1alpha5\"", "\"kind\":\"Simple\"",
		"\"metadata\":{\"name\":\"dev\"}", "\"token\":\"t\"",
		"\"kubeAPI\":{\"hostIP\":\"127.0.0.1\",\"hostPort\":\"6550\"}",
		"\"ports\":[{\"nodeFilters\":[\"loadbalancer\"],\"port\":\"8080:80\"},"
		"{\"nodeFilters\":[\"agent:0\"],\"port\":\"9:9\"},{\"port\":\"7:7\"}]",
		"\"extraArgs\":[{\"arg\":\"--disable=traefik\",\"nodeFilters\":[\"server:*\"]}]",
		"\"disableLoadbalancer\":true",
		"\"registries\":{\"create\":{\"hostPort\":\"5001\",\"name\":\"r\","
		"\"proxy\":{\"password\":\"p\",\"remoteURL\":\"https://r.test\"}}}",
		"\"kubeconfig\":{\"switchCurrentContext\":false,\"updateDefaultKubeconfig\":false}",
		"{\"label\":\"dev.devenv.intent=cafecafecafecafe\",\"nodeFilters\":[\"server:*\",\"agent:*\"]}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (!strstr(config, wanted[i]))
			fail_msg("no %s in %s", wanted[i], config);
}

static int patience_of(int64_t ms)
{
	struct request request = {.act = ACT_CREATE, .address = ADDRESS, .generation = 1};
	struct docker docker;
	struct mock mock;
	const char *at;
	int seconds;

	mock_start(&mock, "1.41", NULL);
	docker = mock_open(&mock);
	mock.env.deadline = clock_monotonic(&clock_system) + ms;
	request.inputs = mock_json(&mock, "{}");
	at = strstr(k3d_config(&docker, &request, "dev", "/home/k3d/dev"), "\"timeout\":\"");
	seconds = at ? atoi(at + 11) : -1;
	docker_close(&docker);
	mock_stop(&mock);
	return seconds;
}

/* `timeout` says how long; what k3d has made by then it takes back itself. */
static void k3d_waits_as_long_as_the_action_may_last(void **state)
{
	(void)state;
	assert_in_range(patience_of(7200 * 1000), 3600, 6480);
	assert_in_range(patience_of(120 * 1000), 1, 108);
	assert_in_range(patience_of(-1), 1, 9);
}

/* k3d refuses a filter that fits no node. */
static void without_agents_no_filter_names_them(void **state)
{
	(void)state;
	assert_null(strstr(config_of("{\"servers\":1}"), "agent:*"));
}

/* k3d expands variables in the text, and looks for files where its configuration lies. */
static void what_k3d_would_take_otherwise_is_written_otherwise(void **state)
{
	const char *config = config_of("{\"token\":\"a$HOME\",\"files\":[{\"source\":\"n.txt\","
		"\"destination\":\"/n\"},{\"source\":\"one\\ntwo\",\"destination\":\"/t\"}],"
		"\"volumes\":[\"./a:/b@server:0\",\"data:/c\",\"/d:/e\"],"
		"\"registries\":{\"config\":\"reg.yaml\"}}");
	static const char *const wanted[] = {
		"\"token\":\"a\\u0024HOME\"", "\"source\":\"one\\ntwo\"", "../../../", "n.txt\"",
		"\"nodeFilters\":[\"server:0\"],\"volume\":\"/", "/a:/b\"",
		"{\"volume\":\"data:/c\"},{\"volume\":\"/d:/e\"}", "reg.yaml\"",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (!strstr(config, wanted[i]))
			fail_msg("no %s in %s", wanted[i], config);
	assert_null(strchr(config, '$'));
	assert_null(strstr(config, "\"reg.yaml\""));
}

/* Whatever else is in the kubeconfig of the user, and how it is written, stays. */
static void a_cluster_is_taken_out_of_a_kubeconfig_line_by_line(void **state)
{
	static const char with[] =
		"apiVersion: v1\n# mine\nclusters:\n- cluster:\n    server: https://a\n  name: k3d-dev\n"
		"- cluster:\n    server: https://b\n  name: k3d-dev2\ncontexts:\n"
		"- context: {cluster: k3d-dev, user: admin@k3d-dev}\n  name: k3d-dev\n"
		"current-context: k3d-dev\nusers:\n  - name: \"admin@k3d-dev\"\n    user:\n      token: t\n"
		"      list:\n        - x\n  - name: other\n    user: {}\n";
	static const char without[] =
		"apiVersion: v1\n# mine\nclusters:\n- cluster:\n    server: https://b\n  name: k3d-dev2\n"
		"contexts:\ncurrent-context: \"\"\nusers:\n  - name: other\n    user: {}\n";
	struct arena arena = ARENA_INIT;

	(void)state;
	assert_string_equal(k3d_without(&arena, with, "dev"), without);
	assert_string_equal(k3d_without(&arena, without, "dev"), without);
	assert_string_equal(k3d_without(&arena, with, "de"), with);
	assert_string_equal(k3d_without(&arena, "", "dev"), "");
	arena_release(&arena);
}

static void only_what_names_a_cluster_is_a_kubeconfig(void **state)
{
	struct arena arena = ARENA_INIT;

	(void)state;
	assert_true(k3d_is_kubeconfig(&arena, "kind: Config\nclusters: [{ name: k3d-dev, cluster: {} }]\n"));
	assert_false(k3d_is_kubeconfig(&arena, ""));
	assert_false(k3d_is_kubeconfig(&arena, "clusters: []\n"));
	assert_false(k3d_is_kubeconfig(&arena, "kind: Config\nclusters:\n- name: \"k3d"));
	assert_false(k3d_is_kubeconfig(&arena, "WARN[0000] no such cluster\n"));
	arena_release(&arena);
}

static const char *fixed(struct mock *mock, const char *roles, const char *before, const char *after)
{
	struct k3d_node node = {.role = roles};
	struct k3d_cluster cluster = {.name = "dev", .nodes = &node, .n = 1};
	struct docker docker = mock_open(mock);
	const char *why = k3d_fixed_ports(&docker, &cluster, mock_json(mock, before),
		mock_json(mock, after));

	docker_close(&docker);
	return why ? why : "";
}

static void ports_that_k3d_cannot_change_are_known_before(void **state)
{
	struct mock mock;

	(void)state;
	mock_start(&mock, "1.41", NULL);
	assert_string_equal(fixed(&mock, "server", "[\"1:1\"]", "[\"1:1\"]"), "");
	assert_string_equal(fixed(&mock, "loadbalancer", "[\"1:1\"]", "[\"1:1\",\"2:2@loadbalancer\"]"),
		"");
	assert_non_null(strstr(fixed(&mock, "server", "[]", "[\"1:1\"]"), "only a load balancer"));
	assert_non_null(strstr(fixed(&mock, "loadbalancer", "[]", "[\"1:1@agent:0:direct\"]"),
		"a port of a node"));
	mock_stop(&mock);
}

static const char *fixed_agents(struct mock *mock, size_t agents, const char *inputs)
{
	struct k3d_cluster cluster = {.name = "dev", .agents = agents};
	struct docker docker = mock_open(mock);
	const char *why = k3d_fixed_agents(&docker, &cluster, mock_json(mock, inputs));
	static char kept[200];

	snprintf(kept, sizeof(kept), "%s", why ? why : "");
	docker_close(&docker);
	return kept;
}

/* What k3d makes of `node create` was seen by running it: kubernetes/k3d_fields. */
static void agents_that_k3d_cannot_add_are_known_before(void **state)
{
	static const struct {
		size_t agents;
		const char *inputs, *why;
	} rows[] = {
		{0, "{}", ""},
		{1, "{\"env\":[\"A=b@agent:*\"],\"volumes\":[\"a:/a@agent:*\"]}", ""},
		{0, "{\"env\":[\"A=b@server:*\"],\"volumes\":[\"a:/a@server:*;agent:*\",\"b:/b\"]}", ""},
		{0, "{\"env\":[\"A=b@agent:*\"]}", "the first agent that is added gets the `env` of a server"},
		{0, "{\"volumes\":[{\"volume\":\"a:/a\",\"nodeFilters\":[\"agent:0\"]}]}", "by number"},
		{1, "{\"nodeLabels\":[\"a=b@agent:0,1\"]}", "`nodeLabels` names agents by number"},
		{0, "{\"nodeLabels\":[\"a=b@agent:*\"],\"k3sArgs\":[\"--x@all\"]}", ""},
		{1, "{\"runtime\":{\"labels\":[\"a=b@agent:1\"]}}", "`labels` names agents by number"},
		{1, "{\"files\":[{\"source\":\"a\\n\",\"destination\":\"/a\"}]}", "no files"},
		{1, "{\"files\":[{\"source\":\"a\\n\",\"destination\":\"/a\",\"nodeFilters\":[\"server:*\"]}]}",
			""},
		{1, "{\"runtime\":{\"hostPidMode\":true}}", "the processes of this machine"},
	};
	struct mock mock;

	(void)state;
	mock_start(&mock, "1.41", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *why = fixed_agents(&mock, rows[i].agents, rows[i].inputs);

		if (!*rows[i].why ? *why : !strstr(why, rows[i].why))
			fail_msg("%s: '%s'", rows[i].inputs, why);
	}
	mock_stop(&mock);
}

/* --- observing ----------------------------------------------------------------------------------- */

static struct observation observed(struct mock *mock, struct record *record,
	const struct intent *intent)
{
	struct observation item = {.address = ADDRESS, .type = type_find("k3d_cluster"),
		.record = record, .intent = intent};
	struct observe_request request = {.items = &item, .n = 1};
	struct error err = ERROR_INIT;

	item.desired = mock_json(mock, "{\"clusterName\":\"dev\"}");
	assert_int_equal(provider_k3d.observe(&mock->env, &request, &err), 0);
	return item;
}

static struct observation look(const char *list, struct record *record, const struct intent *intent)
{
	static struct mock mock;
	struct route routes[] = {{"GET /containers/json", 200, list, 0}, {NULL, 0, NULL, 0}};
	struct observation item;

	mock_start(&mock, "1.41", routes);
	item = observed(&mock, record, intent);
	item.mark_intent = item.mark_intent && !strcmp(item.mark_intent, "cafe") ? "cafe" : NULL;
	item.health = item.health && !strcmp(item.health, "1 of 2 containers run") ? "1 of 2 containers run" : NULL;
	item.message = item.message && strstr(item.message, "remains") ? "remains" : NULL;
	assert_true(!item.attributes || value_get_int(item.attributes, "agents", -1) == 1);
	item.attributes = NULL;
	mock_stop(&mock);
	return item;
}

static void a_cluster_is_what_its_nodes_say(void **state)
{
	struct observation item = look("["
		NODE("S", "server-0", "server", "running", MARK("cafe")) ","
		NODE("A", "agent-0", "agent", "running", MARK("cafe")) ","
		NODE("L", "serverlb", "loadbalancer", "running", "") "]", NULL, NULL);

	(void)state;
	assert_int_equal(item.presence, PRESENCE_PRESENT);
	assert_int_equal(item.ownership, OWNER_US);
	assert_true(item.runs);
	assert_string_equal(item.mark_intent, "cafe");
	item = look("[" NODE("S", "server-0", "server", "exited", MARK("cafe")) ","
		NODE("A", "agent-0", "agent", "running", MARK("cafe")) "]", NULL, NULL);
	assert_false(item.runs);
	assert_string_equal(item.health, "1 of 2 containers run");
	/* Nobody reaches the API of a cluster whose load balancer has ended. */
	item = look("[" NODE("S", "server-0", "server", "running", MARK("cafe")) ","
		NODE("A", "agent-0", "agent", "running", MARK("cafe")) ","
		NODE("L", "serverlb", "loadbalancer", "exited", "") "]", NULL, NULL);
	assert_false(item.runs);
	item = look("[" NODE("S", "server-0", "server", "running", "") ","
		NODE("A", "agent-0", "agent", "running", "") "]", NULL, NULL);
	assert_int_equal(item.ownership, OWNER_NONE);
	assert_int_equal(look("[]", NULL, NULL).presence, PRESENCE_ABSENT);
}

static struct observation with_balancer(const char *balancer)
{
	static struct mock mock;
	struct route routes[] = {{"GET /containers/json", 200, NULL, 0}, {NULL, 0, NULL, 0}};
	struct record record = {.address = ADDRESS, .type = "k3d_cluster", .id = "dev",
		.inputs_json = "{\"clusterName\":\"dev\"}", .outputs_json = "{}"};
	struct observation item;
	static char list[2000];

	snprintf(list, sizeof(list), "[" NODE("S", "server-0", "server", "running",
		MARK("cafe")) "%s]", balancer);
	routes[0].body = list;
	mock_start(&mock, "1.41", routes);
	record.arena = &mock.arena;
	item = observed(&mock, &record, NULL);
	item.health = value_get_bool(item.attributes, "loadBalancer", true) ? NULL : "changed";
	mock_stop(&mock);
	return item;
}

/* Nobody reaches the API any more, and k3d cannot make one anew. */
static void a_load_balancer_that_is_gone_is_drift(void **state)
{
	(void)state;
	assert_null(with_balancer("," NODE("L", "serverlb", "loadbalancer", "running", "")).health);
	assert_string_equal(with_balancer("").health, "changed");
}

static const char *holder_of(const char *ports, const char *nodes, const char *running)
{
	static struct mock mock;
	struct route routes[] = {{"GET /containers/json?all=1", 200, nodes, 0},
		{"GET /containers/json", 200, running, 0}, {NULL, 0, NULL, 0}};
	struct observation item = {.address = ADDRESS, .type = type_find("k3d_cluster")};
	struct observe_request request = {.items = &item, .n = 1};
	struct error err = ERROR_INIT;
	static char said[300];

	mock_start(&mock, "1.41", routes);
	item.desired = mock_json(&mock, ports);
	assert_int_equal(provider_k3d.observe(&mock.env, &request, &err), 0);
	snprintf(said, sizeof(said), "%s %s", item.blocked ? item.blocked : "", item.blocked_claim ? item.blocked_claim : "");
	mock_stop(&mock);
	return said;
}

#define PUBLISHES(name, labels)                                                                      \
	"[{\"Id\":\"L\",\"Names\":[\"/" name "\"],\"Labels\":{" labels "},\"Ports\":[{\"IP\":\"127.0.0.1\","   \
	"\"PublicPort\":6,\"Type\":\"tcp\"}]}]"

/* What holds a port stands in the plan, not in what k3d says when the nodes are made already. */
static void a_port_that_is_taken_is_told_before_a_cluster_is_made(void **state)
{
	static const char *const wanting[] = {
		"{\"clusterName\":\"dev\",\"ports\":[\"127.0.0.1:6:80@loadbalancer\"]}",
		"{\"clusterName\":\"dev\",\"kubeApi\":{\"hostIp\":\"127.0.0.1\",\"hostPort\":6}}",
		"{\"clusterName\":\"dev\",\"registries\":{\"create\":{\"host\":\"127.0.0.1\",\"hostPort\":\"6\"}}}",
	};
	static const char ours[] = "[" NODE("S", "server-0", "server", "exited", MARK("cafe")) "]";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wanting); i++)
		assert_string_equal(holder_of(wanting[i], "[]", PUBLISHES("web", "")),
			"tcp port 127.0.0.1:6 is taken by container web tcp:127.0.0.1:6");
	/* Its own load balancer bears no mark; another cluster's is in the way. */
	assert_string_equal(holder_of(wanting[0], ours, PUBLISHES("k3d-dev-serverlb",
		"\"k3d.cluster\":\"dev\"")), " ");
	assert_string_equal(holder_of(wanting[0], ours, PUBLISHES("k3d-far-serverlb",
		"\"k3d.cluster\":\"far\"")), "tcp port 127.0.0.1:6 is taken by container k3d-far-serverlb tcp:127.0.0.1:6");
}

static void what_k3d_would_pass_over_is_told(void **state)
{
	static const char *const rows[] = {"{\"servers\":2,\"files\":[{\"source\":\"a\",\"destination\":\"/a\"}]}",
		"{\"servers\":1,\"files\":[{\"source\":\"a\",\"destination\":\"/a\"}]}", "{\"servers\":2}"};
	struct mock mock;

	(void)state;
	mock_start(&mock, "1.41", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct resource resource = {.address = ADDRESS, .type = type_find("k3d_cluster"),
			.attributes = mock_json(&mock, rows[i])};
		struct diags diags;

		diags_init(&diags, &mock.arena);
		provider_k3d.validate(&resource, &diags);
		assert_int_equal(diags.n, i == 0);
	}
	mock_stop(&mock);
}

static struct record recorded(struct mock *mock, const char *outputs)
{
	return (struct record){.address = ADDRESS, .type = "k3d_cluster", .id = "dev", .arena = &mock->arena,
		.inputs_json = "{\"clusterName\":\"dev\"}", .outputs_json = outputs};
}

/* A name is not an identity: whoever removed ours and made another one of its name keeps it. */
static void another_cluster_of_that_name_is_not_the_one_recorded(void **state)
{
	static const char with[] = "[" NODE("S", "server-0", "server", "running", MARK("cafe")) "]";
	static const char without[] = "[" NODE("S", "server-0", "server", "running", "") "]";
	static const struct {
		const char *list, *outputs;
		bool another;
	} rows[] = {
		{without, "{\"nodes\":{\"k3d-dev-server-0\":\"OLD\"}}", true},
		{without, "{\"nodes\":{\"k3d-dev-server-0\":\"S\"}}", false},
		{without, "{}", false}, /* imported, and not applied yet */
		{with, "{\"nodes\":{\"k3d-dev-server-0\":\"OLD\"}}", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct route routes[] = {{"GET /containers/json", 200, rows[i].list, 0}, {NULL, 0, NULL, 0}};
		struct error err = ERROR_INIT;
		struct observation item;
		struct record record;
		struct mock mock;

		mock_start(&mock, "1.41", routes);
		record = recorded(&mock, rows[i].outputs);
		item = observed(&mock, &record, NULL);
		assert_int_equal(item.presence, rows[i].another ? PRESENCE_ABSENT : PRESENCE_PRESENT);
		assert_int_equal(item.blocked != NULL, rows[i].another);
		if (rows[i].another) {
			assert_int_equal(provider_k3d.destroy(&mock.env, &record, &err), -1);
			assert_non_null(strstr(err.msg, "left alone"));
			assert_int_equal(mock_asked(&mock, "DELETE"), 0);
		}
		mock_stop(&mock);
	}
}

/* Tools without a server: nobody's cluster. To whose run died over it, it is not there yet. */
static void debris_is_in_the_way_of_everybody_but_its_maker(void **state)
{
	static const char tools[] = "[" NODE("T", "tools", "noRole", "running", "") "]";
	struct intent intent = {.id = "cafe", .address = ADDRESS, .type = "k3d_cluster"};
	struct observation item = look(tools, NULL, NULL);

	(void)state;
	assert_int_equal(item.presence, PRESENCE_PRESENT);
	assert_int_equal(item.ownership, OWNER_NONE);
	assert_string_equal(item.message, "remains");
	assert_int_equal(look(tools, NULL, &intent).presence, PRESENCE_ABSENT);
}

static void an_engine_that_is_silent_makes_no_cluster_absent(void **state)
{
	struct route routes[] = {{"GET /containers/json", 500, "{\"message\":\"sad\"}", 0},
		{NULL, 0, NULL, 0}};
	struct observation item = {.address = ADDRESS, .type = type_find("k3d_cluster")};
	struct observe_request request = {.items = &item, .n = 1};
	struct error err = ERROR_INIT;
	struct mock mock;

	(void)state;
	mock_start(&mock, "1.41", routes);
	item.desired = mock_json(&mock, "{\"clusterName\":\"dev\"}");
	assert_int_equal(provider_k3d.observe(&mock.env, &request, &err), -1);
	mock_stop(&mock);
}

/* --- cleaning ------------------------------------------------------------------------------------ */

static void what_k3d_leaves_is_found_by_label_and_whole_name(void **state)
{
	struct route routes[] = {
		{"GET /containers/json", 200, "[{\"Id\":\"T\"}]", 0},
		{"DELETE /containers/T?force=1", 204, "", 0},
		{"DELETE /volumes/k3d-dev-images", 404, "{\"message\":\"no such volume\"}", 0},
		{"GET /networks", 200,
			"[{\"Id\":\"N1\",\"Name\":\"k3d-dev\"},{\"Id\":\"N2\",\"Name\":\"k3d-dev2\"}]", 0},
		{"DELETE /networks/N1", 204, "", 0},
		{NULL, 0, NULL, 0},
	};
	struct error err = ERROR_INIT;
	struct docker docker;
	struct mock mock;

	(void)state;
	mock_start(&mock, "1.41", routes);
	docker = mock_open(&mock);
	assert_int_equal(k3d_clean(&docker, "dev", &err), 0);
	docker_close(&docker);
	assert_int_equal(mock_asked(&mock, "DELETE /v1.41/containers/T"), 1);
	assert_int_equal(mock_asked(&mock, "DELETE /v1.41/networks/N1"), 1);
	assert_int_equal(mock_asked(&mock, "DELETE /v1.41/networks/N2"), 0);
	mock_stop(&mock);
}

static void a_cluster_of_somebody_else_is_not_overwritten(void **state)
{
	struct route routes[] = {
		{"GET /containers/json", 200, "[" NODE("S", "server-0", "server", "running", "") "]", 0},
		{NULL, 0, NULL, 0},
	};
	struct request request = {.act = ACT_CREATE, .address = ADDRESS, .generation = 1};
	struct outcome outcome = {0};
	struct error err = ERROR_INIT;
	struct mock mock;

	(void)state;
	mock_start(&mock, "1.41", routes);
	request.type = type_find("k3d_cluster");
	request.inputs = mock_json(&mock, "{\"clusterName\":\"dev\"}");
	assert_int_equal(provider_k3d.apply(&mock.env, &request, &outcome, &err), -1);
	assert_int_equal(err.code, ERROR_CONFLICT);
	assert_false(outcome.exists);
	assert_int_equal(mock_asked(&mock, "DELETE"), 0);
	mock_stop(&mock);
}

/* --- registries ---------------------------------------------------------------------------------- */

static struct observation imported(struct mock *mock, const char *labels, struct error *err)
{
	struct observation out = {.address = "k3d_registry.store"};
	struct route routes[] = {{"GET /containers/", 200, NULL, 0}, {NULL, 0, NULL, 0}};

	mock_start(mock, "1.41", routes);
	routes[0].body = arena_printf(&mock->arena, "{\"Id\":\"R\",\"Name\":\"/k3d-store\",\"Image\":\"sha256:r\","
		"\"State\":{\"Status\":\"running\",\"Running\":true},\"Config\":{\"Labels\":{%s}},"
		"\"HostConfig\":{},\"NetworkSettings\":{\"Networks\":{}},\"Mounts\":[]}", labels);
	if (provider_k3d.import(&mock->env, type_find("k3d_registry"), "k3d-store", &out, err))
		out.presence = PRESENCE_UNKNOWN;
	return out;
}

/* One that k3d made says itself where it listens; any other container is none. */
static void a_registry_that_k3d_made_is_imported(void **state)
{
	struct error err = ERROR_INIT;
	struct observation item;
	struct mock mock;

	(void)state;
	item = imported(&mock, "\"app\":\"k3d\",\"k3d.role\":\"registry\",\"k3d.registry.hostIP\":\"0.0.0.0\","
		"\"k3s.registry.port.external\":\"5001\"", &err);
	assert_int_equal(item.presence, PRESENCE_PRESENT);
	assert_int_equal(item.ownership, OWNER_NONE);
	assert_string_equal(item.id, "R");
	assert_string_equal(value_get_text(item.outputs, "address", ""), "127.0.0.1:5001");
	assert_string_equal(value_get_text(item.outputs, "use", ""), "k3d-store:5000");
	mock_stop(&mock);
	imported(&mock, "\"app\":\"k3d\",\"k3d.role\":\"server\"", &err);
	assert_non_null(strstr(err.msg, "container 'k3d-store' is no registry of k3d"));
	mock_stop(&mock);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_configuration_is_in_the_words_of_k3d),
		cmocka_unit_test(k3d_waits_as_long_as_the_action_may_last),
		cmocka_unit_test(without_agents_no_filter_names_them),
		cmocka_unit_test(what_k3d_would_take_otherwise_is_written_otherwise),
		cmocka_unit_test(a_cluster_is_taken_out_of_a_kubeconfig_line_by_line),
		cmocka_unit_test(only_what_names_a_cluster_is_a_kubeconfig),
		cmocka_unit_test(ports_that_k3d_cannot_change_are_known_before),
		cmocka_unit_test(agents_that_k3d_cannot_add_are_known_before),
		cmocka_unit_test(a_cluster_is_what_its_nodes_say),
		cmocka_unit_test(a_load_balancer_that_is_gone_is_drift),
		cmocka_unit_test(a_port_that_is_taken_is_told_before_a_cluster_is_made),
		cmocka_unit_test(what_k3d_would_pass_over_is_told),
		cmocka_unit_test(another_cluster_of_that_name_is_not_the_one_recorded),
		cmocka_unit_test(debris_is_in_the_way_of_everybody_but_its_maker),
		cmocka_unit_test(an_engine_that_is_silent_makes_no_cluster_absent),
		cmocka_unit_test(what_k3d_leaves_is_found_by_label_and_whole_name),
		cmocka_unit_test(a_cluster_of_somebody_else_is_not_overwritten),
		cmocka_unit_test(a_registry_that_k3d_made_is_imported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
