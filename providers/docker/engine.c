/*
 * The version is agreed upon by /_ping and then fixed: every path that goes out carries it, and what
 * it does not know is listed in one table here. Replies are parsed into the arena of the call.
 */
#include "providers/docker/engine.h"

#include "model/json.h"
#include "providers/docker/endpoint.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The one table of what depends on the version: from (inclusive) and to (exclusive). */
static const struct {
	int from, to;
} features[] = {
	[DOCKER_CHECK_DUPLICATE] = {0, 44},
	[DOCKER_MANY_NETWORKS] = {44, 1000},
	[DOCKER_STOP_SIGNAL] = {42, 1000},
	[DOCKER_START_INTERVAL] = {44, 1000},
	[DOCKER_STREAM_TYPE] = {42, 1000},
	[DOCKER_BIND_CREATE] = {42, 1000},
	[DOCKER_MOUNT_SUBPATH] = {45, 1000},
	[DOCKER_ANNOTATIONS] = {43, 1000},
	[DOCKER_ENDPOINT_MAC] = {44, 1000},
};

bool docker_knows(const struct docker *docker, enum docker_feature feature)
{
	return docker->api >= features[feature].from && docker->api < features[feature].to;
}

/* --- opening ------------------------------------------------------------------------------------ */

/* "1.41" -> 41; 0: not of that form. */
static int parse_version(const char *text)
{
	char *end;
	long minor;

	if (!text || strncmp(text, "1.", 2) != 0)
		return 0;
	minor = strtol(text + 2, &end, 10);
	return end == text + 2 || *end || minor <= 0 || minor > 10000 ? 0 : (int)minor;
}

static int agree(struct docker *docker, const char *theirs, struct error *err)
{
	const char *pinned = getenv("DOCKER_API_VERSION"); /* as the docker command has it */
	int version = parse_version(theirs);

	if (!version)
		return error_set(err, ERROR_UNREACHABLE,
			"what answers at %s is no Docker engine (it names no API version)", docker->where);
	if (pinned && *pinned) {
		int asked = parse_version(pinned);

		if (asked < DOCKER_API_MIN || asked > DOCKER_API_MAX)
			return error_set(err, ERROR_INVALID,
				"DOCKER_API_VERSION is '%s': expected 1.%d to 1.%d", pinned, DOCKER_API_MIN,
				DOCKER_API_MAX);
		version = asked < version ? asked : version;
	}
	if (version < DOCKER_API_MIN)
		return error_set(err, ERROR_UNREACHABLE,
			"the Docker engine at %s speaks API 1.%d; 1.%d is needed (Docker Engine 20.10 or newer)",
			docker->where, version, DOCKER_API_MIN);
	docker->api = version < DOCKER_API_MAX ? version : DOCKER_API_MAX;
	return 0;
}

static struct http_request request_of(const struct docker *docker, const char *method,
	const char *url)
{
	return (struct http_request){
		.method = method,
		.url = url,
		.clock = docker->env->clock,
		.deadline = docker->env->deadline,
		.cancel = docker->env->cancel,
	};
}

static int ping(struct docker *docker, const char *base, struct error *err)
{
	struct http_request request =
		request_of(docker, "GET", arena_printf(docker->arena, "%s/_ping", base));
	struct http_response response;
	const char *builder;

	if (http_perform(docker->http, &request, docker->arena, &response, err))
		return -1;
	if (response.status != 200)
		return error_set(err, ERROR_UNREACHABLE, "the Docker engine at %s answers %ld: %.200s",
			docker->where, response.status, response.body);
	if (agree(docker, http_header(&response, "Api-Version"), err))
		return -1;
	builder = http_header(&response, "Builder-Version");
	docker->buildkit = builder && !strcmp(builder, "2");
	docker->base = arena_printf(docker->arena, "%s/v1.%d", base, docker->api);
	return 0;
}

int docker_open(struct docker *docker, struct provider_env *env, struct error *err)
{
	struct docker_endpoint endpoint;
	struct http_options options;

	*docker = (struct docker){.env = env, .arena = env->arena};
	if (docker_endpoint_find(env->arena, &endpoint, err))
		return -1;
	docker->where = endpoint.where;
	options = (struct http_options){
		.unix_socket = endpoint.unix_socket,
		.ca_file = endpoint.ca_file,
		.cert_file = endpoint.cert_file,
		.key_file = endpoint.key_file,
		.insecure = endpoint.insecure,
	};
	docker->http = http_client_new(&options, err);
	if (!docker->http)
		return -1;
	if (ping(docker, endpoint.base, err)) {
		docker_close(docker);
		return error_wrap(err, "no Docker engine (%s)", endpoint.origin);
	}
	return 0;
}

void docker_close(struct docker *docker)
{
	http_client_free(docker->http);
	docker->http = NULL;
}

int docker_identify(struct docker *docker, struct error *err)
{
	struct docker_reply reply;

	if (docker_get(docker, "/info", &reply, err))
		return error_wrap(err, "the Docker engine at %s does not say who it is", docker->where);
	docker->os = value_get_text(reply.body, "OSType", "linux");
	docker->arch = value_get_text(reply.body, "Architecture", "");
	docker->id = value_get_text(reply.body, "ID", "");
	if (!*docker->id)
		return error_set(err, ERROR_UNREACHABLE,
			"the Docker engine at %s has no id: what is recorded on it could not be told from "
			"another's", docker->where);
	return 0;
}

/* --- calls -------------------------------------------------------------------------------------- */

static enum error_code code_of(long status)
{
	switch (status) {
	case 400:
		return ERROR_INVALID;
	case 404:
		return ERROR_NOT_FOUND;
	case 409:
		return ERROR_CONFLICT;
	case 429:
	case 502:
	case 503:
	case 504:
		return ERROR_TRANSIENT;
	default:
		return ERROR_FAILED;
	}
}

/* Errors are {"message":"..."}, but not all: a version that is too old gets plain text. */
static int refuse(struct docker *docker, const struct http_response *response, struct error *err)
{
	struct value body;
	const char *message = NULL;
	size_t len = response->body_len;

	if (!json_parse(response->body, len, docker->arena, NULL, &body, NULL))
		message = value_get_text(&body, "message", NULL);
	if (!message) {
		while (len && strchr(" \r\n", response->body[len - 1]))
			len--;
		message = arena_strndup(docker->arena, response->body, len);
	}
	if (!*message)
		message = arena_printf(docker->arena, "the Docker engine answers %ld", response->status);
	return error_set(err, code_of(response->status), "%s", message);
}

static int read_reply(struct docker *docker, const struct http_response *response,
	struct docker_reply *reply, struct error *err)
{
	struct value *body;

	if (reply) {
		reply->status = response->status;
		reply->body = &value_null;
	}
	if (response->status >= 300 && response->status != 304)
		return refuse(docker, response, err);
	if (!reply || !response->body_len)
		return 0;
	body = arena_alloc(docker->arena, sizeof(*body));
	if (json_parse(response->body, response->body_len, docker->arena, NULL, body, err)) {
		if (err)
			err->code = ERROR_FAILED;
		return error_wrap(err, "cannot read the reply of the Docker engine");
	}
	reply->body = body;
	return 0;
}

int docker_call(struct docker *docker, const char *method, const char *path,
	const struct value *body, struct docker_reply *reply, struct error *err)
{
	static const char *const json[] = {"Content-Type: application/json", NULL};
	struct http_request request =
		request_of(docker, method, arena_printf(docker->arena, "%s%s", docker->base, path));
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct http_response response;

	if (reply)
		*reply = (struct docker_reply){.body = &value_null};
	if (body) {
		json_write(&text, body, JSON_CLEAR, NULL);
		request.headers = json;
		request.body = text.text;
		request.body_len = text.len;
	}
	if (http_perform(docker->http, &request, docker->arena, &response, err))
		return -1;
	return read_reply(docker, &response, reply, err);
}

/* --- asking ahead ------------------------------------------------------------------------------- */

struct docker_ahead {
	const char *path; /* NULL: taken */
	struct http_response response;
};

/* Asks, and keeps what comes in docker->ahead. */
static void ask(struct docker *docker, const char *const *paths, size_t n)
{
	struct http_request *requests = arena_alloc(docker->arena, (n + 1) * sizeof(*requests));
	struct http_response *responses = arena_zalloc(docker->arena, (n + 1) * sizeof(*responses));

	for (size_t i = 0; i < n; i++)
		requests[i] = request_of(docker, "GET",
			arena_printf(docker->arena, "%s%s", docker->base, paths[i]));
	if (http_perform_all(docker->http, requests, n, docker->arena, responses, NULL))
		return;
	for (size_t i = 0; i < n; i++) {
		ARENA_GROW(docker->arena, docker->ahead, docker->n_ahead, docker->cap_ahead);
		docker->ahead[docker->n_ahead++] = (struct docker_ahead){paths[i], responses[i]};
	}
}

/* A conversation beside ours, in an arena of its own. */
struct beside {
	pthread_t thread;
	struct provider_env env;
	struct arena arena;
	struct docker docker;
	const char *const *paths;
	size_t n;
};

static void *ask_beside(void *arg)
{
	struct beside *beside = arg;

	if (docker_open(&beside->docker, &beside->env, NULL))
		return NULL;
	ask(&beside->docker, beside->paths, beside->n);
	docker_close(&beside->docker);
	return NULL;
}

static void take_over(struct docker *docker, const struct beside *beside)
{
	for (size_t i = 0; i < beside->docker.n_ahead; i++) {
		struct docker_ahead copy = beside->docker.ahead[i];

		copy.response = (struct http_response){.status = copy.response.status,
			.body_len = copy.response.body_len,
			.body = arena_strndup(docker->arena, copy.response.body, copy.response.body_len)};
		ARENA_GROW(docker->arena, docker->ahead, docker->n_ahead, docker->cap_ahead);
		docker->ahead[docker->n_ahead++] = copy;
	}
}

void docker_ask_ahead(struct docker *docker, const char *const *paths, size_t n,
	const char *const *slow, size_t n_slow)
{
	struct beside beside = {.env = *docker->env, .paths = slow, .n = n_slow};
	bool runs;

	beside.env.arena = &beside.arena;
	runs = n_slow && pthread_create(&beside.thread, NULL, ask_beside, &beside) == 0;
	ask(docker, paths, n);
	if (runs) {
		pthread_join(beside.thread, NULL);
		take_over(docker, &beside);
	}
	arena_release(&beside.arena); /* without a thread docker_get asks for them in its turn */
}

static const struct http_response *take_ahead(struct docker *docker, const char *path)
{
	for (size_t i = 0; i < docker->n_ahead; i++) {
		if (docker->ahead[i].path && !strcmp(docker->ahead[i].path, path)) {
			docker->ahead[i].path = NULL;
			return &docker->ahead[i].response;
		}
	}
	return NULL;
}

int docker_get(struct docker *docker, const char *path, struct docker_reply *reply,
	struct error *err)
{
	const struct http_response *response = take_ahead(docker, path);

	if (response)
		return read_reply(docker, response, reply, err);
	return docker_call(docker, "GET", path, NULL, reply, err);
}

const char *docker_path(struct docker *docker, const char *fmt, ...)
{
	const char *path;
	va_list ap;

	va_start(ap, fmt);
	path = arena_vprintf(docker->arena, fmt, ap);
	va_end(ap);
	return path;
}

const char *docker_escape(struct docker *docker, const char *text)
{
	return http_escape(docker->arena, text, "/:");
}

const char *docker_escape_json(struct docker *docker, const struct value *value)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	json_write(&text, value, JSON_CLEAR, NULL);
	return http_escape(docker->arena, text.text, "");
}

const char *docker_filters(struct docker *docker, const char *key, ...)
{
	struct value_builder filters, values;
	const char *current = key, *next = key;
	struct value all;
	va_list ap;

	builder_init(&filters, docker->arena);
	builder_init(&values, docker->arena);
	va_start(ap, key);
	while (next) {
		if (strcmp(next, current) != 0) { /* values of one key stand together */
			builder_put(&filters, current, builder_list(&values));
			builder_init(&values, docker->arena);
			current = next;
		}
		builder_push(&values, value_str(docker->arena, va_arg(ap, const char *)));
		next = va_arg(ap, const char *);
	}
	va_end(ap);
	builder_put(&filters, current, builder_list(&values));
	all = builder_map(&filters);
	return docker_path(docker, "filters=%s", docker_escape_json(docker, &all));
}

/* --- streams ------------------------------------------------------------------------------------ */

struct line_reader {
	const struct docker_stream *stream;
	struct strbuf rest; /* of a line that has not ended yet */
	struct arena arena; /* of one line */
};

static bool give_line(struct line_reader *reader, const char *text, size_t len)
{
	struct value line;
	bool more = true;

	while (len && strchr(" \r\n", text[len - 1]))
		len--;
	if (len && !json_parse(text, len, &reader->arena, NULL, &line, NULL))
		more = reader->stream->line(reader->stream->arg, &line);
	arena_release(&reader->arena);
	return more;
}

static bool read_lines(void *arg, const char *data, size_t len)
{
	struct line_reader *reader = arg;
	size_t start = 0;
	bool more = true;
	char *end;

	strbuf_add(&reader->rest, data, len);
	while (more && (end = memchr(reader->rest.text + start, '\n', reader->rest.len - start))) {
		size_t next = (size_t)(end - reader->rest.text) + 1;

		more = give_line(reader, reader->rest.text + start, next - start);
		start = next;
	}
	if (start) {
		memmove(reader->rest.text, reader->rest.text + start, reader->rest.len - start);
		strbuf_setlen(&reader->rest, reader->rest.len - start);
	}
	return more;
}

int docker_stream(struct docker *docker, const struct docker_stream *stream,
	struct docker_reply *reply, struct error *err)
{
	struct http_request request = request_of(docker, stream->method,
		arena_printf(docker->arena, "%s%s", docker->base, stream->path));
	struct line_reader reader = {.stream = stream, .rest = STRBUF_INIT, .arena = ARENA_INIT};
	struct http_response response;
	int rc;

	if (reply)
		*reply = (struct docker_reply){.body = &value_null};
	request.headers = stream->headers;
	request.body = stream->body;
	request.body_len = stream->body ? strlen(stream->body) : 0;
	request.read = stream->read;
	request.read_arg = stream->read_arg;
	request.read_size = stream->read_size;
	request.stall = stream->stall;
	request.write = stream->line ? read_lines : stream->data;
	request.write_arg = stream->line ? &reader : stream->arg;
	rc = http_perform(docker->http, &request, docker->arena, &response, err);
	if (!rc && stream->line && !response.stopped && reader.rest.len)
		give_line(&reader, reader.rest.text, reader.rest.len);
	strbuf_release(&reader.rest);
	return rc ? rc : read_reply(docker, &response, reply, err);
}

int docker_attach(struct docker *docker, const char *path, const struct value *body,
	struct http_stream **http, const char **early, size_t *early_len, struct error *err)
{
	static const char *const headers[] = {"Content-Type: application/json",
		"Connection: Upgrade", "Upgrade: tcp", NULL};
	struct http_request request =
		request_of(docker, "POST", arena_printf(docker->arena, "%s%s", docker->base, path));
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct http_response response;

	json_write(&text, body, JSON_CLEAR, NULL);
	request.headers = headers;
	request.body = text.text;
	request.body_len = text.len;
	if (http_take_over(docker->http, &request, docker->arena, &response, http, err))
		return -1;
	*early = response.body;
	*early_len = response.body_len;
	return !*http ? refuse(docker, &response, err) : 0;
}

const char *docker_stream_error(const struct value *line)
{
	const char *message = value_text(value_path(line, "errorDetail.message"), NULL);

	return message ? message : value_get_text(line, "error", NULL);
}
