/*
 * A Docker Engine that says what a test wants: routes are "METHOD /path" (a prefix of the request's
 * first line, without the version), with a status and a body; the first that fits answers.
 */
#ifndef DEVENV_TESTS_DOCKER_MOCK_H
#define DEVENV_TESTS_DOCKER_MOCK_H

#include "http_server.h"
#include "model/json.h"
#include "providers/docker/docker.h"

#include <stdlib.h>
#include <string.h>

struct route {
	const char *request; /* "GET /networks?" ; NULL ends */
	int status;          /* 0: the connection is closed without an answer; -1: `body` is the whole
	                        reply, and it is closed after it */
	const char *body;
	int times;           /* answers only so often; 0: always */
};

/* The arena of the provider and that of the server differ: they run in different threads. */
struct mock {
	struct server server;
	const char *api, *id; /* of /_ping and /info; id "": says none */
	bool buildkit;
	struct route *routes; /* may be NULL */
	struct arena arena, replies;
	struct provider_env env;
	struct strbuf progress;
};

extern const struct provider provider_docker;

static inline const char *mock_reply(struct mock *mock, int status, const char *head,
	const char *body)
{
	const char *text;

	pthread_mutex_lock(&mock->server.lock);
	text = arena_printf(&mock->replies, "HTTP/1.1 %d x\r\n%sContent-Length: %zu\r\n\r\n%s", status,
		head, strlen(body), body);
	pthread_mutex_unlock(&mock->server.lock);
	return text;
}

static inline const char *mock_ping(struct mock *mock)
{
	char head[128] = "";

	if (mock->api)
		snprintf(head, sizeof(head), "Api-Version: %s\r\n%s", mock->api,
			mock->buildkit ? "Builder-Version: 2\r\n" : "");
	return mock_reply(mock, 200, head, "OK");
}

static inline const char *mock_answer(struct server *server, const char *request)
{
	struct mock *mock = server->arg;
	const char *space = strchr(request, ' '), *path = space + 1;
	char line[4096];
	size_t method = (size_t)(space - request);

	if (!strncmp(path, "/_ping", 6))
		return mock_ping(mock);
	path += strncmp(path, "/v1.", 4) ? 0 : strcspn(path + 1, "/") + 1;
	snprintf(line, sizeof(line), "%.*s %.*s", (int)method, request, (int)strcspn(path, " "), path);
	for (struct route *route = mock->routes; route && route->request; route++) {
		if (strncmp(line, route->request, strlen(route->request)) != 0 || route->times < 0)
			continue;
		if (route->times && --route->times == 0)
			route->times = -1;
		if (route->status < 0) {
			atomic_store(&server->close_now, true);
			return route->body;
		}
		return route->status ? mock_reply(mock, route->status, "", route->body) : NULL;
	}
	if (!strcmp(line, "GET /info")) {
		char info[256];

		snprintf(info, sizeof(info), "{\"ID\":\"%s\",\"OSType\":\"linux\"}", mock->id);
		return mock_reply(mock, 200, "", info);
	}
	return mock_reply(mock, 404, "", "{\"message\":\"the mock has no such route\"}");
}

static inline void mock_progress(void *arg, const char *line)
{
	strbuf_addf(&((struct mock *)arg)->progress, "%s\n", line);
}

/* Listens, and DOCKER_HOST leads to it. */
static inline void mock_start(struct mock *mock, const char *api, struct route *routes)
{
	memset(mock, 0, sizeof(*mock));
	start_unix(&mock->server, NULL);
	mock->server.arg = mock;
	mock->server.answer = mock_answer;
	mock->api = api;
	mock->id = "MOCK";
	mock->routes = routes;
	mock->progress = (struct strbuf)STRBUF_INIT;
	mock->env = (struct provider_env){
		.arena = &mock->arena,
		.clock = &clock_system,
		.project_root = "/nowhere",
		.work_dir = "/nowhere",
		.environment = "0123456789abcdef",
		.short_id = "012345",
		.state_id = "home",
		.project = "mock",
		.self = "devenv",
		.intent = "cafecafecafecafe",
		.intent_fd = -1,
		.deadline = clock_monotonic(&clock_system) + 120000,
		.progress = mock_progress,
		.progress_arg = mock,
	};
	setenv("DOCKER_HOST", arena_printf(&mock->arena, "unix://%s", mock->server.socket), 1);
	setenv("DOCKER_CONFIG", "/nowhere", 1);
	unsetenv("DOCKER_API_VERSION");
}

static inline void mock_stop(struct mock *mock)
{
	stop_server(&mock->server);
	strbuf_release(&mock->progress);
	arena_release(&mock->arena);
	arena_release(&mock->replies);
}

/* A conversation with it, or the test fails. */
static inline struct docker mock_open(struct mock *mock)
{
	struct docker docker;
	struct error err = ERROR_INIT;

	if (docker_open(&docker, &mock->env, &err) || docker_identify(&docker, &err))
		fail_msg("%s", err.msg);
	return docker;
}

static inline struct value *mock_json(struct mock *mock, const char *text)
{
	struct value *value;
	struct error err = ERROR_INIT;

	value = arena_alloc(&mock->arena, sizeof(*value));
	if (json_parse(text, strlen(text), &mock->arena, NULL, value, &err))
		fail_msg("%s in %s", err.msg, text);
	return value;
}

/* How often it was asked for exactly this beginning of a request line, version and all. */
static inline size_t mock_asked(struct mock *mock, const char *beginning)
{
	const char *at, *end;
	size_t n = 0;

	pthread_mutex_lock(&mock->server.lock);
	at = mock->server.seen.text;
	end = mock->server.seen.text + mock->server.seen.len;
	while ((at = memmem(at, (size_t)(end - at), beginning, strlen(beginning)))) {
		n++;
		at++;
	}
	pthread_mutex_unlock(&mock->server.lock);
	return n;
}

#endif
