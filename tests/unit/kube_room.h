/*
 * An API server that says what a test wants: routes are "METHOD /path" (a prefix of the request's first
 * line), with a status and a body; the first that fits answers. It is the cluster CLUSTER.
 */
#ifndef DEVENV_TESTS_KUBE_ROOM_H
#define DEVENV_TESTS_KUBE_ROOM_H

#include "http_server.h"

#include "base/fs.h"
#include "model/json.h"
#include "providers/kubernetes/kubernetes.h"

#include <sys/stat.h>

extern const struct provider provider_kubernetes;

struct route {
	const char *request; /* a prefix of "GET /path"; NULL ends */
	int status;          /* 0: the connection is closed without an answer */
	const char *body;
	int times;           /* answers only so often; 0: always */
	const char *head;    /* more headers, each with its line end; may be NULL */
};

struct room {
	struct server server;
	struct arena arena, replies;
	struct provider_env env;
	struct route *routes;
	char root[40];
};

#define UID "{\"metadata\":{\"uid\":\"CLUSTER\"}}"

static inline const char *answer(struct server *server, const char *request)
{
	struct room *room = server->arg;

	for (struct route *route = room->routes; route && route->request; route++) {
		const char *text;

		if (strncmp(request, route->request, strlen(route->request)) != 0 || route->times < 0)
			continue;
		if (route->times && --route->times == 0)
			route->times = -1;
		if (!route->status)
			return NULL;
		pthread_mutex_lock(&server->lock);
		text = arena_printf(&room->replies, "HTTP/1.1 %d x\r\n%sContent-Length: %zu\r\n\r\n%s",
			route->status, route->head ? route->head : "", strlen(route->body), route->body);
		pthread_mutex_unlock(&server->lock);
		return text;
	}
	if (!strncmp(request, "GET /api/v1/namespaces/kube-system ", 35))
		return "HTTP/1.1 200 x\r\nContent-Length: 30\r\n\r\n" UID;
	return "HTTP/1.1 404 x\r\nContent-Length: 2\r\n\r\n{}";
}

static inline void put(struct room *room, const char *name, const char *text, mode_t mode)
{
	const char *path = arena_printf(&room->arena, "%s/%s", room->root, name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	chmod(path, mode);
}

static inline int setup(void **state)
{
	struct room *room = calloc(1, sizeof(*room));

	strcpy(room->root, "/tmp/test_kube.XXXXXX");
	assert_non_null(mkdtemp(room->root));
	start_tcp(&room->server, NULL);
	room->server.url[strlen(room->server.url) - 1] = '\0';
	room->server.arg = room;
	room->server.answer = answer;
	room->env = (struct provider_env){
		.arena = &room->arena,
		.clock = &clock_system,
		.project_root = room->root,
		.work_dir = room->root,
		.environment = "0123456789abcdef",
		.short_id = "012345",
		.state_id = "home",
		.project = "test",
		.self = "devenv",
		.intent = "cafecafecafecafe",
		.intent_fd = -1,
		.deadline = clock_monotonic(&clock_system) + 120000,
	};
	put(room, "config", arena_printf(&room->arena,
		"clusters: [{name: c, cluster: {server: '%s/'}}]\n"
		"users: [{name: u, user: {token: sesame}}]\n"
		"contexts: [{name: x, context: {cluster: c, user: u, namespace: inner}}]\n"
		"current-context: nothing\n", room->server.url), 0600);
	*state = room;
	return 0;
}

static inline int teardown(void **state)
{
	struct room *room = *state;
	struct error err = ERROR_INIT;

	stop_server(&room->server);
	assert_int_equal(fs_remove_tree(room->root, &err), 0);
	arena_release(&room->arena);
	arena_release(&room->replies);
	free(room);
	return 0;
}

static inline struct value json(struct room *room, const char *text)
{
	struct error err = ERROR_INIT;
	struct value value;

	if (json_parse(text, strlen(text), &room->arena, NULL, &value, &err))
		fail_msg("%s in %s", err.msg, text);
	return value;
}

static inline bool saw(struct room *room, const char *text)
{
	bool found;

	pthread_mutex_lock(&room->server.lock);
	found = strstr(room->server.seen.text, text) != NULL;
	pthread_mutex_unlock(&room->server.lock);
	return found;
}

static inline struct observation observe(struct room *room, struct route *routes, struct record *record,
	const char *desired)
{
	struct value *inputs = arena_alloc(&room->arena, sizeof(*inputs));
	struct observation item = {.address = "kubernetes_manifest.a",
		.type = type_find("kubernetes_manifest"), .record = record};
	struct observe_request request = {.items = &item, .n = 1};
	struct error err = ERROR_INIT;

	if (desired) {
		*inputs = json(room, desired);
		item.desired = inputs;
	}
	room->routes = routes;
	assert_int_equal(provider_kubernetes.observe(&room->env, &request, &err), 0);
	return item;
}

static inline struct record *recorded(struct room *room, const char *cluster)
{
	struct record *record = arena_zalloc(&room->arena, sizeof(*record));

	*record = (struct record){
		.address = "kubernetes_manifest.a",
		.generation = 1,
		.type = "kubernetes_manifest",
		.endpoint = cluster,
		.inputs_json = "{\"cluster\":{\"kubeconfig\":\"config\"}}",
		.outputs_json = "{\"objects\":[{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"namespace\":\"n\","
			"\"name\":\"a\",\"resource\":\"configmaps\",\"uid\":\"U\"}]}",
		.arena = &room->arena,
	};
	memset(record->fingerprint.bytes, 1, HASH_SIZE);
	return record;
}

#define KUBE_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

#endif
