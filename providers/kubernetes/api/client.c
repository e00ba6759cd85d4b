/*
 * Certificates and keys of a kubeconfig are mostly inline, and not every flavour of libcurl takes them
 * from memory: they go into anonymous memory files, whose path libcurl is given. So nothing secret
 * comes onto a disk, and a plan writes nothing.
 */
#include "providers/kubernetes/lease.h"

#include "base/fs.h"
#include "model/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
	TRIES = 5,
	FIRST_PAUSE = 100,      /* ms; doubles */
	LONGEST_PAUSE = 10000,  /* of a Retry-After */
	STALL = 30000,          /* ms without a byte */
	MAX_BODY = 512 << 20,
	LONG_MESSAGE = 300,
};

const char *kube_printf(struct kube *kube, const char *fmt, ...)
{
	const char *text;
	va_list ap;

	va_start(ap, fmt);
	text = arena_vprintf(kube->arena, fmt, ap);
	va_end(ap);
	return text;
}

/* --- opening ------------------------------------------------------------------------------------ */

/* The path of a memory file with this text; NULL: there is no text, or no memory. */
static const char *blob(struct kube *kube, int slot, const char *text, struct error *err)
{
	int fd;

	if (!text)
		return NULL;
	fd = memfd_create("devenv", MFD_CLOEXEC);
	if (fd < 0) {
		error_errno(err, "memory for a certificate");
		return NULL;
	}
	kube->blobs[slot] = fd;
	if (fs_write_fd(fd, "memory for a certificate", text, strlen(text), err))
		return NULL;
	return kube_printf(kube, "/proc/self/fd/%d", fd);
}

static bool is_loopback(const char *host)
{
	return !strncmp(host, "127.", 4) || !strncasecmp(host, "localhost", 9) ||
	       !strncmp(host, "[::1]", 5);
}

/*
 * With tls-server-name the URL bears that name, so that it is sent and checked, and the connection goes
 * to the real host all the same.
 */
static void rename_host(struct kube *kube, struct http_options *options)
{
	const char *host = strstr(kube->config.server, "://") + 3;
	const char *rest = host + strcspn(host, "/"), *port = rest;
	int scheme = (int)(host - kube->config.server);

	while (port > host && *port != ':' && *port != ']')
		port--;
	if (*port != ':')
		port = rest;
	options->connect_to = kube_printf(kube, "::%.*s:%.*s", (int)(port - host), host,
		port < rest ? (int)(rest - port - 1) : 3, port < rest ? port + 1 : "443");
	kube->base = kube_printf(kube, "%.*s%s%s", scheme, kube->config.server,
		kube->config.server_name, port);
	if (!options->proxy && is_loopback(host))
		options->proxy = "";
}

/* Of "http://user:password@host:port" what follows the password. */
static const char *without_password(const char *url)
{
	const char *at = strrchr(url, '@');

	return at ? at + 1 : url;
}

int kube_open(struct kube *kube, struct provider_env *env, const struct value *cluster,
	struct error *err)
{
	const char *path = value_get_text(cluster, "kubeconfig", NULL);
	struct error own = ERROR_INIT;
	struct http_options options;

	*kube = (struct kube){.env = env, .arena = env->arena, .blobs = {-1, -1, -1}};
	if (!path)
		return error_set(err, ERROR_UNREACHABLE, "the kubeconfig of its cluster is not known");
	if (kubeconfig_load(env, path, value_get_text(cluster, "context", NULL), &kube->config, err))
		return -1;
	kube->base = kube->config.server;
	kube->where = kube_printf(kube, "context %s (%s%s%s)", kube->config.context,
		kube->config.server, kube->config.proxy ? " through proxy " : "",
		kube->config.proxy ? without_password(kube->config.proxy) : "");
	options = (struct http_options){
		.ca_file = blob(kube, 0, kube->config.ca, &own),
		.cert_file = blob(kube, 1, kube->config.cert, &own),
		.key_file = blob(kube, 2, kube->config.key, &own),
		.insecure = kube->config.insecure,
		.proxy = kube->config.proxy,
	};
	if (kube->config.server_name)
		rename_host(kube, &options);
	kube->options = options;
	if (!own.code)
		kube->http = http_client_new(&options, &own);
	if (kube->http)
		return 0;
	kube_close(kube);
	return error_set(err, own.code, "%s: %s", kube->where, own.msg);
}

int kube_open_beside(struct kube *kube, const struct kube *other, struct provider_env *env)
{
	*kube = *other;
	kube->env = env;
	kube->arena = env->arena;
	kube->http = http_client_new(&other->options, NULL);
	for (int i = 0; i < KUBE_BLOBS; i++)
		kube->blobs[i] = -1;
	return kube->http ? 0 : -1;
}

void kube_close(struct kube *kube)
{
	http_client_free(kube->http);
	kube->http = NULL;
	for (int i = 0; i < KUBE_BLOBS; i++)
		cleanup_fdp(&kube->blobs[i]);
}

int kube_identify(struct kube *kube, struct error *err)
{
	struct kube_reply reply;
	const char *uid;

	if (kube_get(kube, "/api/v1/namespaces/kube-system", &reply, err)) {
		if (reply.status == 401 || reply.status == 403 || reply.status == 404) {
			err->code = ERROR_UNREACHABLE;
			return error_wrap(err, "%s does not say which cluster it is (it needs `get` on the "
				"namespace kube-system)", kube->where);
		}
		return -1;
	}
	uid = value_text(value_path(reply.body, "metadata.uid"), NULL);
	if (!uid)
		return error_set(err, ERROR_UNREACHABLE, "what answers at %s is no Kubernetes API",
			kube->where);
	kube->id = uid;
	return 0;
}

/* --- calls -------------------------------------------------------------------------------------- */

static enum error_code code_of(long status)
{
	switch (status) {
	case 400:
	case 422:
		return ERROR_INVALID;
	case 404:
	case 410:
		return ERROR_NOT_FOUND;
	case 409:
		return ERROR_CONFLICT;
	case 429:
	case 500:
	case 502:
	case 503:
	case 504:
		return ERROR_TRANSIENT;
	default:
		return ERROR_FAILED;
	}
}

static const char *const *headers_of(struct kube *kube, const struct kube_request *request)
{
	const struct value *groups = kube->config.as_groups;
	uint32_t n_groups = groups && groups->kind == VALUE_LIST ? groups->len : 0, n = 0;
	const char **headers = arena_alloc(kube->arena, (n_groups + 5) * sizeof(*headers));

	headers[n++] = kube_printf(kube, "Accept: %s",
		request->accept ? request->accept : request->plain ? "*/*" : "application/json");
	if (request->body)
		headers[n++] = kube_printf(kube, "Content-Type: %s",
			request->type ? request->type : "application/json");
	if (kube->config.authorization)
		headers[n++] = kube_printf(kube, "Authorization: %s", kube->config.authorization);
	if (kube->config.as)
		headers[n++] = kube_printf(kube, "Impersonate-User: %s", kube->config.as);
	for (uint32_t i = 0; kube->config.as && i < n_groups; i++)
		headers[n++] = kube_printf(kube, "Impersonate-Group: %s",
			value_text(&groups->items[i], ""));
	headers[n] = NULL;
	return headers;
}

/*
 * "Job.batch "x" is invalid: spec.template: Invalid value: (all of it): field is immutable" is longer than
 * a message, and its end is what matters: field by field, without the values.
 */
static const char *shorten(struct kube *kube, const struct value *status, const char *message)
{
	const struct value *causes = value_path(status, "details.causes");
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if (strlen(message) <= LONG_MESSAGE || !causes || causes->kind != VALUE_LIST)
		return message;
	for (uint32_t i = 0; i < causes->len; i++) {
		const char *what = value_get_text(&causes->items[i], "message", "");

		for (const char *at = what; strlen(what) > LONG_MESSAGE && (at = strstr(at, ": ")); at += 2)
			what = at + 2;
		strbuf_addf(&text, "%s%s: %s", i ? "; " : "",
			value_get_text(&causes->items[i], "field", "?"), what);
	}
	return text.len ? kube_printf(kube, "%s \"%s\" is invalid: %s",
		value_text(value_path(status, "details.kind"), "object"),
		value_text(value_path(status, "details.name"), ""), text.text) : message;
}

/* An error is a Status object; what stands before the API server (a proxy) sends text. */
static int refuse(struct kube *kube, const struct kube_request *request,
	const struct http_response *response, const struct kube_reply *reply, struct error *err)
{
	const char *message = value_get_text(reply->body, "message", NULL);

	if (!message && response->status == 401)
		message = "the credentials are not accepted";
	if (!message)
		message = kube_printf(kube, "%s %s: the API server answers %ld: %.200s",
			request->method ? request->method : "GET", request->path, response->status,
			response->body);
	/* A field that its kind does not have is told as an internal error. */
	if (response->status == 500 && strstr(message, "failed to create typed patch object"))
		return error_set(err, ERROR_INVALID, "%s", message);
	return error_set(err, code_of(response->status), "%s", shorten(kube, reply->body, message));
}

static int read_body(struct kube *kube, const struct http_response *response,
	struct kube_reply *reply)
{
	struct value *parsed = arena_alloc(kube->arena, sizeof(*parsed));

	if (json_parse(response->body, response->body_len, kube->arena, NULL, parsed, NULL))
		return -1;
	reply->body = parsed;
	return 0;
}

static int perform(struct kube *kube, const struct kube_request *request, const char *body,
	size_t len, struct http_response *response, struct kube_reply *reply, struct error *err)
{
	struct http_request exchange = {
		.method = request->method,
		.url = kube_printf(kube, "%s%s", kube->base, request->path),
		.headers = headers_of(kube, request),
		.body = body,
		.body_len = len,
		.max_body = MAX_BODY,
		.clock = kube->env->clock,
		.deadline = kube->env->deadline,
		.stall = STALL,
		.cancel = kube->env->cancel,
	};

	*reply = (struct kube_reply){.body = &value_null, .text = ""};
	if (http_perform(kube->http, &exchange, kube->arena, response, err))
		return error_wrap(err, "%s", kube->where);
	reply->status = response->status;
	reply->text = response->body;
	if (response->body_len && !request->plain && read_body(kube, response, reply) &&
		response->status < 300)
		return error_set(err, ERROR_TRANSIENT, "%s: the reply to GET %s is no JSON",
			kube->where, request->path);
	return response->status < 300 ? 0 : refuse(kube, request, response, reply, err);
}

int kube_stream(struct kube *kube, const char *path,
	bool (*write)(void *arg, const char *data, size_t len), void *arg, int64_t deadline,
	struct kube_reply *reply, struct error *err)
{
	struct kube_request request = {.path = path, .plain = true};
	struct http_response response = {0};
	struct http_request exchange = {
		.url = kube_printf(kube, "%s%s", kube->base, path),
		.headers = headers_of(kube, &request),
		.write = write,
		.write_arg = arg,
		.clock = kube->env->clock,
		.deadline = deadline,
		.cancel = kube->env->cancel,
	};

	*reply = (struct kube_reply){.body = &value_null, .text = ""};
	if (http_perform(kube->http, &exchange, kube->arena, &response, err))
		return error_wrap(err, "%s", kube->where);
	reply->status = response.status;
	if (response.status < 300)
		return 0;
	read_body(kube, &response, reply);
	return refuse(kube, &request, &response, reply, err);
}

int kube_pause(struct kube *kube, int64_t ms, struct error *err)
{
	enum { STEP = 50 };

	for (; ms > 0; ms -= STEP) {
		struct timespec step = {.tv_nsec = (ms < STEP ? ms : STEP) * 1000000};

		if (kube->env->cancel && atomic_load(kube->env->cancel))
			return error_set(err, ERROR_CANCELLED, "cancelled");
		if (provider_cancelled(kube->env))
			return error_set(err, ERROR_TIMEOUT, "the time of this action is over");
		nanosleep(&step, NULL);
	}
	return 0;
}

/* Before the next try: as the server says, else a little longer each time. */
static int64_t pause_of(const struct http_response *response, int tries)
{
	const char *after = response->status ? http_header(response, "Retry-After") : NULL;
	int64_t ms = after ? strtol(after, NULL, 10) * 1000 : (int64_t)FIRST_PAUSE << (tries - 1);

	return ms < 0 ? 0 : ms < LONGEST_PAUSE ? ms : LONGEST_PAUSE;
}

int kube_call(struct kube *kube, const struct kube_request *request, struct kube_reply *out,
	struct error *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct kube_reply reply = {.body = &value_null, .text = ""};
	struct error own = ERROR_INIT;
	int rc;

	if (kube->lease)
		kube_lease_renew(kube);
	if (request->body)
		json_write(&text, request->body, JSON_CLEAR, NULL);
	for (int tries = 1;; tries++) {
		struct http_response response = {0};
		struct error pause = ERROR_INIT;

		own = (struct error)ERROR_INIT;
		rc = perform(kube, request, request->body ? text.text : NULL, text.len, &response,
			&reply, &own);
		if (!rc || own.code != ERROR_TRANSIENT || request->once || tries >= TRIES)
			break;
		if (kube_pause(kube, pause_of(&response, tries), &pause)) {
			if (pause.code == ERROR_CANCELLED)
				own = pause;
			break;
		}
	}
	if (out)
		*out = reply;
	if (rc && err)
		*err = own;
	return rc;
}

int kube_get(struct kube *kube, const char *path, struct kube_reply *reply, struct error *err)
{
	return kube_call(kube, &(struct kube_request){.path = path}, reply, err);
}
