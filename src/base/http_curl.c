/*
 * HTTP through libcurl: TCP, TLS, proxies, redirects. The loop is ours (the multi interface with a
 * single handle), so that cancelling, the deadline and the stall limit are looked at ten times a
 * second by our own clock, whatever libcurl waits for.
 *
 * Invariant: a POST goes out on a connection of its own. libcurl silently sends a request again when
 * a kept connection turns out to be dead, and a create must not be sent twice.
 */
#include "base/http_internal.h"
#include "base/http_library.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct http_curl {
	const struct curl_library *curl;
	CURL *easy;
	CURLM *multi; /* owns the connections */
	char *ca_file, *cert_file, *key_file, *proxy;
	struct curl_slist *connect_to;
	bool insecure;
	int64_t connect_timeout;
};

/* What the callbacks share. */
struct call {
	struct http_curl *client;
	struct exchange *x;
	char message[CURL_ERROR_SIZE];
};

static char *copy(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

struct http_curl *http_curl_new(const struct http_options *options, struct error *err)
{
	const struct curl_library *curl = curl_library(err);
	struct http_curl *client;

	if (!curl)
		return NULL;
	client = xcalloc(1, sizeof(*client));
	client->curl = curl;
	client->easy = curl->easy_init();
	client->multi = curl->multi_init();
	client->ca_file = copy(options->ca_file);
	client->cert_file = copy(options->cert_file);
	client->key_file = copy(options->key_file);
	client->proxy = copy(options->proxy);
	if (options->connect_to)
		client->connect_to = curl->slist_append(NULL, options->connect_to);
	client->insecure = options->insecure;
	client->connect_timeout = options->connect_timeout ? options->connect_timeout
							    : HTTP_CONNECT_TIMEOUT;
	if (!client->easy || !client->multi) {
		http_curl_free(client);
		error_set(err, ERROR_FAILED, "libcurl has no memory for a connection");
		return NULL;
	}
	return client;
}

void http_curl_free(struct http_curl *client)
{
	if (!client)
		return;
	if (client->easy)
		client->curl->easy_cleanup(client->easy);
	if (client->multi)
		client->curl->multi_cleanup(client->multi);
	free(client->ca_file);
	free(client->cert_file);
	free(client->key_file);
	free(client->proxy);
	client->curl->slist_free_all(client->connect_to);
	free(client);
}

/* --- callbacks of libcurl ----------------------------------------------------------------------- */

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct exchange *x = ((struct call *)arg)->x;
	size_t len = size * n;
	char *line, *value;

	x->last_byte = exchange_now(x);
	line = arena_strndup(x->arena, data, len);
	while (len && (line[len - 1] == '\r' || line[len - 1] == '\n'))
		line[--len] = '\0';
	value = strchr(line, ':');
	if (!strncmp(line, "HTTP/", 5)) { /* a new reply: after 100 Continue or a redirect */
		exchange_start(x);
	} else if (value) {
		*value++ = '\0';
		exchange_header(x, line, value + strspn(value, " \t"));
	}
	return size * n;
}

static size_t on_write(char *data, size_t size, size_t n, void *arg)
{
	struct call *call = arg;
	long status = 0;

	call->client->curl->easy_getinfo(call->client->easy, CURLINFO_RESPONSE_CODE, &status);
	return exchange_body(call->x, status, data, size * n) ? size * n : 0;
}

static size_t on_read(char *buf, size_t size, size_t n, void *arg)
{
	ssize_t got = exchange_read(((struct call *)arg)->x, buf, size * n);

	return got < 0 ? CURL_READFUNC_ABORT : (size_t)got;
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

static void set_connection(struct http_curl *client, const struct http_request *request)
{
	const struct curl_library *curl = client->curl;
	CURL *easy = client->easy;

	SET(NOSIGNAL, 1L);
	SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CONNECTTIMEOUT_MS, (long)client->connect_timeout);
	SET(USERAGENT, "devenv/" DEVENV_VERSION);
	if (client->proxy)
		SET(PROXY, client->proxy);
	else if (is_loopback(request->url))
		SET(PROXY, ""); /* http_proxy of the environment is for the world, not for this machine */
	if (client->connect_to)
		SET(CONNECT_TO, client->connect_to);
	if (client->ca_file) {
		SET(CAINFO, client->ca_file);
		SET(CAPATH, NULL); /* or the system's certificates would be trusted, too */
	}
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

static void set_method(struct http_curl *client, const struct http_request *request)
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

static struct curl_slist *set_headers(struct http_curl *client,
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

static void set_callbacks(struct call *call)
{
	const struct curl_library *curl = call->client->curl;
	CURL *easy = call->client->easy;

	SET(ERRORBUFFER, call->message);
	SET(HEADERFUNCTION, on_header);
	SET(HEADERDATA, call);
	SET(WRITEFUNCTION, on_write);
	SET(WRITEDATA, call);
	if (call->x->request->read) {
		SET(READFUNCTION, on_read);
		SET(READDATA, call);
	}
}

/* A connection and no word on it; through a proxy it has to be a tunnel. */
static void set_connect_only(struct call *call)
{
	const struct curl_library *curl = call->client->curl;
	CURL *easy = call->client->easy;

	SET(ERRORBUFFER, call->message);
	SET(FRESH_CONNECT, 1L);
	SET(CONNECT_ONLY, 1L);
	SET(HTTPPROXYTUNNEL, 1L);
}

#undef SET

/* --- performing --------------------------------------------------------------------------------- */

/* Drives the exchange to its end. *code is set when libcurl ended it. */
static int drive(struct call *call, CURLcode *code, struct error *err)
{
	const struct curl_library *curl = call->client->curl;
	CURLM *multi = call->client->multi;
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
		if (exchange_interrupted(call->x, err))
			return -1;
		problem = curl->multi_poll(multi, NULL, 0, exchange_until_next_look(call->x), NULL);
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

static int explain(struct call *call, CURLcode code, struct error *err)
{
	const struct curl_library *curl = call->client->curl;
	enum error_code class = classify(code);
	const char *to = call->x->to;
	long os_error = 0;
	int rc = exchange_ended_by_caller(call->x, err);

	if (rc <= 0)
		return rc;
	curl->easy_getinfo(call->client->easy, CURLINFO_OS_ERRNO, &os_error);
	if (code == CURLE_COULDNT_CONNECT && os_error)
		return error_set(err, class, "cannot connect to %s: %s", to, strerror((int)os_error));
	return error_set(err, class, "%s %s: %s",
		class == ERROR_UNREACHABLE ? "cannot connect to" : "talking to", to,
		*call->message ? call->message : curl->easy_strerror(code));
}

int http_curl_perform(struct http_curl *client, struct exchange *x, struct error *err)
{
	struct call call = {.client = client, .x = x};
	const struct curl_library *curl = client->curl;
	struct curl_slist *headers;
	CURLcode code = CURLE_OK;
	int rc;

	curl->easy_reset(client->easy); /* options only: connections stay */
	if (curl->easy_setopt(client->easy, CURLOPT_URL, x->request->url) != CURLE_OK)
		return error_set(err, ERROR_INVALID, "bad URL '%s'", x->to);
	set_connection(client, x->request);
	set_method(client, x->request);
	set_callbacks(&call);
	headers = set_headers(client, x->request);
	curl->multi_add_handle(client->multi, client->easy);
	rc = drive(&call, &code, err);
	curl->easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &x->response->status);
	if (!rc && code != CURLE_OK)
		rc = explain(&call, code, err);
	curl->multi_remove_handle(client->multi, client->easy); /* closes what is not finished */
	curl->slist_free_all(headers);
	return rc;
}

int http_curl_take_over(struct http_curl *client, struct exchange *x, struct http_stream **stream,
	struct error *err)
{
	struct call call = {.client = client, .x = x};
	const struct curl_library *curl = client->curl;
	struct http_stream *turned;
	CURLcode code = CURLE_OK;

	curl->easy_reset(client->easy);
	if (curl->easy_setopt(client->easy, CURLOPT_URL, x->request->url) != CURLE_OK)
		return error_set(err, ERROR_INVALID, "bad URL '%s'", x->to);
	set_connection(client, x->request);
	set_connect_only(&call);
	curl->multi_add_handle(client->multi, client->easy);
	if (drive(&call, &code, err) || (code != CURLE_OK && explain(&call, code, err))) {
		curl->multi_remove_handle(client->multi, client->easy);
		return -1;
	}
	curl->easy_setopt(client->easy, CURLOPT_ERRORBUFFER, NULL);
	turned = http_stream_curl(curl, client->easy, client->multi);
	client->easy = curl->easy_init(); /* the old ones are the stream's, with the connection */
	client->multi = curl->multi_init();
	if (http_stream_turn(turned, x, err)) {
		http_stream_close(turned);
		return -1;
	}
	if (x->response->status != 101 && x->response->status / 100 != 2) {
		http_stream_close(turned);
		return 0;
	}
	*stream = turned;
	return 0;
}
