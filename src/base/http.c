/*
 * One exchange at a time over a libcurl handle that keeps its connections. The loop is ours (the
 * multi interface with a single handle), so that cancelling, the deadline and the stall limit are
 * looked at ten times a second by our own clock, whatever libcurl waits for.
 *
 * Invariant: a POST goes out on a connection of its own. libcurl silently sends a request again when
 * a kept connection turns out to be dead, and a create must not be sent twice.
 */
#include "base/http.h"

#include "base/http_library.h"
#include "base/strbuf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	TICK = 100,                /* ms between two looks at cancel and the clock */
	CONNECT_TIMEOUT = 10000,
	MAX_BODY = 64 << 20,
};

struct http_client {
	const struct curl_library *curl;
	CURL *easy;
	CURLM *multi; /* owns the connections */
	char *unix_socket, *ca_file, *cert_file, *key_file;
	bool insecure;
	int64_t connect_timeout;
};

/* What the callbacks of one exchange share. */
struct exchange {
	struct http_client *client;
	const struct http_request *request;
	struct http_response *response;
	struct arena *arena;
	struct strbuf body;
	struct http_header *headers;
	size_t n_headers, cap_headers;
	int64_t last_byte; /* monotonic; for the stall limit */
	bool too_long;
	struct error err;  /* of `read` */
	bool read_failed;
	char message[CURL_ERROR_SIZE];
};

static char *copy(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

struct http_client *http_client_new(const struct http_options *options, struct error *err)
{
	static const struct http_options defaults = {0};
	const struct curl_library *curl = curl_library(err);
	struct http_client *client;

	if (!curl)
		return NULL;
	if (!options)
		options = &defaults;
	client = xcalloc(1, sizeof(*client));
	client->curl = curl;
	client->easy = curl->easy_init();
	client->multi = curl->multi_init();
	client->unix_socket = copy(options->unix_socket);
	client->ca_file = copy(options->ca_file);
	client->cert_file = copy(options->cert_file);
	client->key_file = copy(options->key_file);
	client->insecure = options->insecure;
	client->connect_timeout = options->connect_timeout ? options->connect_timeout
							    : CONNECT_TIMEOUT;
	if (!client->easy || !client->multi) {
		http_client_free(client);
		error_set(err, ERROR_FAILED, "libcurl has no memory for a connection");
		return NULL;
	}
	return client;
}

void http_client_free(struct http_client *client)
{
	if (!client)
		return;
	if (client->easy)
		client->curl->easy_cleanup(client->easy);
	if (client->multi)
		client->curl->multi_cleanup(client->multi);
	free(client->unix_socket);
	free(client->ca_file);
	free(client->cert_file);
	free(client->key_file);
	free(client);
}

void http_client_freep(struct http_client **client)
{
	http_client_free(*client);
	*client = NULL;
}

static int64_t now(const struct exchange *x)
{
	return clock_monotonic(x->request->clock ? x->request->clock : &clock_system);
}

/* --- callbacks of libcurl ----------------------------------------------------------------------- */

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	size_t len = size * n;
	char *line, *value;

	x->last_byte = now(x);
	line = arena_strndup(x->arena, data, len);
	while (len && (line[len - 1] == '\r' || line[len - 1] == '\n'))
		line[--len] = '\0';
	if (!strncmp(line, "HTTP/", 5)) { /* a new reply: after 100 Continue or a redirect */
		x->n_headers = 0;
		return size * n;
	}
	value = strchr(line, ':');
	if (!value)
		return size * n;
	*value++ = '\0';
	value += strspn(value, " \t");
	ARENA_GROW(x->arena, x->headers, x->n_headers, x->cap_headers);
	x->headers[x->n_headers++] = (struct http_header){.name = line, .value = value};
	return size * n;
}

static size_t on_write(char *data, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	const struct http_request *request = x->request;
	size_t len = size * n;
	long status = 0;

	x->client->curl->easy_getinfo(x->client->easy, CURLINFO_RESPONSE_CODE, &status);
	if (request->write && status >= 200 && status < 300) {
		bool more = request->write(request->write_arg, data, len);

		x->last_byte = now(x); /* the time that the caller took is no stall */
		if (!more) {
			x->response->stopped = true;
			return 0;
		}
		return len;
	}
	x->last_byte = now(x);
	if (x->body.len + len > (request->max_body ? request->max_body : MAX_BODY)) {
		x->too_long = true;
		return 0;
	}
	strbuf_add(&x->body, data, len);
	return len;
}

static size_t on_read(char *buf, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	ssize_t got = x->request->read(x->request->read_arg, buf, size * n, &x->err);

	x->last_byte = now(x);
	if (got < 0) {
		x->read_failed = true;
		return CURL_READFUNC_ABORT;
	}
	return (size_t)got;
}

/* --- setting up --------------------------------------------------------------------------------- */

#define SET(option, value) curl->easy_setopt(easy, CURLOPT_##option, value)

static bool is_loopback(const char *url)
{
	static const char *const hosts[] = {"localhost", "127.0.0.1", "[::1]", "0.0.0.0"};
	const char *host = strstr(url, "://");

	for (size_t i = 0; host && i < ARRAY_SIZE(hosts); i++) {
		size_t len = strlen(hosts[i]);

		if (!strncasecmp(host + 3, hosts[i], len) && strchr(":/?#", host[3 + len]))
			return true; /* strchr finds the NUL at the end, too */
	}
	return false;
}

static void set_connection(struct http_client *client, const struct http_request *request)
{
	const struct curl_library *curl = client->curl;
	CURL *easy = client->easy;

	SET(NOSIGNAL, 1L);
	SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CONNECTTIMEOUT_MS, (long)client->connect_timeout);
	SET(USERAGENT, "devenv/" DEVENV_VERSION);
	if (client->unix_socket)
		SET(UNIX_SOCKET_PATH, client->unix_socket);
	if (client->unix_socket || is_loopback(request->url))
		SET(PROXY, ""); /* http_proxy of the environment is for the world, not for this machine */
	if (client->ca_file)
		SET(CAINFO, client->ca_file);
	if (client->cert_file)
		SET(SSLCERT, client->cert_file);
	if (client->key_file)
		SET(SSLKEY, client->key_file);
	if (client->insecure) {
		SET(SSL_VERIFYPEER, 0L);
		SET(SSL_VERIFYHOST, 0L);
	}
	if (request->redirects > 0) {
		SET(FOLLOWLOCATION, 1L);
		SET(MAXREDIRS, (long)request->redirects);
	}
}

static void set_method(struct http_client *client, const struct http_request *request)
{
	const struct curl_library *curl = client->curl;
	CURL *easy = client->easy;
	const char *method = request->method ? request->method : "GET";

	if (!strcmp(method, "POST") || request->read)
		SET(FRESH_CONNECT, 1L); /* see the invariant above */
	if (request->read) {
		SET(UPLOAD, 1L);
		SET(INFILESIZE_LARGE, (curl_off_t)request->read_size);
		SET(CUSTOMREQUEST, method);
	} else if (request->body || !strcmp(method, "POST") || !strcmp(method, "PUT") ||
		   !strcmp(method, "PATCH")) {
		/* An empty body is said to be empty, else libcurl would ask a read function for one. */
		SET(POST, 1L);
		SET(POSTFIELDSIZE_LARGE, (curl_off_t)(request->body ? request->body_len : 0));
		SET(POSTFIELDS, request->body ? request->body : "");
		SET(CUSTOMREQUEST, method);
	} else if (!strcmp(method, "HEAD")) {
		SET(NOBODY, 1L);
	} else if (strcmp(method, "GET") != 0) {
		SET(CUSTOMREQUEST, method);
	}
}

static bool says_content_type(const struct http_request *request)
{
	for (const char *const *h = request->headers; h && *h; h++)
		if (!strncasecmp(*h, "Content-Type:", 13))
			return true;
	return false;
}

static struct curl_slist *set_headers(struct http_client *client,
	const struct http_request *request)
{
	const struct curl_library *curl = client->curl;
	CURL *easy = client->easy;
	/* Without this, libcurl waits for "100 Continue" before it sends a larger body. */
	struct curl_slist *list = curl->slist_append(NULL, "Expect:");

	if (!says_content_type(request)) /* else it would say that a body is a web form */
		list = curl->slist_append(list, "Content-Type:");
	for (const char *const *h = request->headers; h && *h; h++)
		list = curl->slist_append(list, *h);
	SET(HTTPHEADER, list);
	return list;
}

static void set_callbacks(struct exchange *x)
{
	const struct curl_library *curl = x->client->curl;
	CURL *easy = x->client->easy;

	SET(ERRORBUFFER, x->message);
	SET(HEADERFUNCTION, on_header);
	SET(HEADERDATA, x);
	SET(WRITEFUNCTION, on_write);
	SET(WRITEDATA, x);
	if (x->request->read) {
		SET(READFUNCTION, on_read);
		SET(READDATA, x);
	}
}

#undef SET

/* --- performing --------------------------------------------------------------------------------- */

/* The URL for messages: without query and user, where secrets may be. */
static const char *shown(const struct exchange *x)
{
	const char *url = x->request->url, *rest, *at;
	size_t len = strcspn(url, "?#");
	const char *scheme = strstr(url, "://");

	if (!scheme || scheme >= url + len)
		return arena_strndup(x->arena, url, len);
	rest = scheme + 3;
	at = memchr(rest, '@', strcspn(rest, "/?#"));
	if (at)
		rest = at + 1;
	return arena_printf(x->arena, "%.*s%.*s", (int)(scheme + 3 - url), url,
		(int)(url + len - rest), rest);
}

/* Why to stop now, as an error; 0: go on. */
static int interrupted(struct exchange *x, struct error *err)
{
	const struct http_request *request = x->request;
	int64_t time;

	if (request->cancel && atomic_load(request->cancel))
		return error_set(err, ERROR_CANCELLED, "cancelled");
	if (!request->deadline && !request->stall)
		return 0;
	time = now(x);
	if (request->deadline && time >= request->deadline)
		return error_set(err, ERROR_TIMEOUT, "no answer in time from %s", shown(x));
	if (request->stall && time - x->last_byte >= request->stall)
		return error_set(err, ERROR_TRANSIENT, "%s has been silent for %lld s", shown(x),
			(long long)(request->stall / 1000));
	return 0;
}

static int until_next_look(struct exchange *x)
{
	int64_t left = TICK;

	if (x->request->deadline) {
		int64_t time = x->request->deadline - now(x);

		if (time < left)
			left = time < 0 ? 0 : time;
	}
	return (int)left;
}

/* Drives the exchange to its end. *code is set when libcurl ended it. */
static int drive(struct exchange *x, CURLcode *code, struct error *err)
{
	const struct curl_library *curl = x->client->curl;
	CURLM *multi = x->client->multi;
	int running = 1, left;
	CURLMcode problem;

	for (;;) {
		CURLMsg *msg;

		problem = curl->multi_perform(multi, &running);
		if (problem != CURLM_OK)
			return error_set(err, ERROR_FAILED, "libcurl failed (code %d)", (int)problem);
		while ((msg = curl->multi_info_read(multi, &left))) {
			if (msg->msg == CURLMSG_DONE) {
				*code = msg->data.result;
				return 0;
			}
		}
		if (interrupted(x, err))
			return -1;
		problem = curl->multi_poll(multi, NULL, 0, until_next_look(x), NULL);
		if (problem != CURLM_OK)
			return error_set(err, ERROR_FAILED, "libcurl failed (code %d)", (int)problem);
	}
}

static enum error_code classify(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_OPERATION_TIMEDOUT: /* of the connection: nothing else has a limit in libcurl */
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
		return ERROR_UNREACHABLE;
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_SEND_FAIL_REWIND:
		return ERROR_TRANSIENT;
	case CURLE_URL_MALFORMAT:
		return ERROR_INVALID;
	default:
		return ERROR_FAILED;
	}
}

static int explain(struct exchange *x, CURLcode code, struct error *err)
{
	const struct curl_library *curl = x->client->curl;
	enum error_code class = classify(code);
	const char *to = x->client->unix_socket ? x->client->unix_socket : shown(x);
	long os_error = 0;

	if (x->response->stopped)
		return 0;
	if (x->read_failed) {
		*err = x->err;
		return -1;
	}
	if (x->too_long)
		return error_set(err, ERROR_FAILED, "the reply of %s is longer than %zu bytes", to,
			x->request->max_body ? x->request->max_body : (size_t)MAX_BODY);
	curl->easy_getinfo(x->client->easy, CURLINFO_OS_ERRNO, &os_error);
	if (code == CURLE_COULDNT_CONNECT && os_error)
		return error_set(err, class, "cannot connect to %s: %s", to, strerror((int)os_error));
	return error_set(err, class, "%s %s: %s",
		class == ERROR_UNREACHABLE ? "cannot connect to" : "talking to", to,
		*x->message ? x->message : curl->easy_strerror(code));
}

static int run(struct exchange *x, struct error *err)
{
	struct http_client *client = x->client;
	const struct curl_library *curl = client->curl;
	struct curl_slist *headers;
	CURLcode code = CURLE_OK;
	int rc;

	curl->easy_reset(client->easy); /* options only: connections stay */
	if (curl->easy_setopt(client->easy, CURLOPT_URL, x->request->url) != CURLE_OK)
		return error_set(err, ERROR_INVALID, "bad URL '%s'", shown(x));
	set_connection(client, x->request);
	set_method(client, x->request);
	set_callbacks(x);
	headers = set_headers(client, x->request);
	curl->multi_add_handle(client->multi, client->easy);
	rc = drive(x, &code, err);
	curl->easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &x->response->status);
	if (!rc && code != CURLE_OK)
		rc = explain(x, code, err);
	curl->multi_remove_handle(client->multi, client->easy); /* closes what is not finished */
	curl->slist_free_all(headers);
	return rc;
}

int http_perform(struct http_client *client, const struct http_request *request,
	struct arena *arena, struct http_response *response, struct error *err)
{
	struct exchange x = {.client = client, .request = request, .response = response,
		.arena = arena, .body = STRBUF_INIT};
	struct error own; /* the caller may not want to know, but explain() copies into it */
	int rc;

	*response = (struct http_response){.body = ""};
	if (strncasecmp(request->url, "http://", 7) && strncasecmp(request->url, "https://", 8))
		return error_set(err, ERROR_INVALID, "'%s' is no http or https URL", shown(&x));
	x.last_byte = now(&x);
	if (interrupted(&x, err))
		return -1;
	rc = run(&x, err ? err : &own);
	response->headers = x.headers;
	response->n_headers = x.n_headers;
	response->body_len = x.body.len;
	if (x.body.len)
		response->body = arena_strndup(arena, x.body.text, x.body.len);
	strbuf_release(&x.body);
	return rc;
}

const char *http_header(const struct http_response *response, const char *name)
{
	for (size_t i = 0; i < response->n_headers; i++)
		if (!strcasecmp(response->headers[i].name, name))
			return response->headers[i].value;
	return NULL;
}

char *http_escape(struct arena *arena, const char *text, const char *keep)
{
	static const char hex[] = "0123456789ABCDEF";
	char *out = arena_alloc(arena, 3 * strlen(text) + 1), *to = out;

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			strchr("-._~", c) || strchr(keep, c)) {
			*to++ = (char)c;
		} else {
			*to++ = '%';
			*to++ = hex[c >> 4];
			*to++ = hex[c & 15];
		}
	}
	*to = '\0';
	return out;
}
