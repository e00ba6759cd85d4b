/*
 * The front of HTTP: which way a client speaks (a unix socket by our own code, everything else by
 * libcurl), and what both ways share: limits, interruption, the body and the headers of a reply.
 */
#include "base/http_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct http_client {
	struct http_unix *wire; /* one of the two */
	struct http_curl *curl;
	char *socket;           /* NULL: by libcurl */
};

struct http_client *http_client_new(const struct http_options *options, struct error *err)
{
	static const struct http_options defaults = {0};
	struct http_client *client = xcalloc(1, sizeof(*client));

	if (!options)
		options = &defaults;
	if (options->unix_socket) {
		client->socket = xstrdup(options->unix_socket);
		client->wire = http_unix_new(options);
		return client;
	}
	client->curl = http_curl_new(options, err);
	if (!client->curl) {
		http_client_free(client);
		return NULL;
	}
	return client;
}

void http_client_free(struct http_client *client)
{
	if (!client)
		return;
	http_unix_free(client->wire);
	http_curl_free(client->curl);
	free(client->socket);
	free(client);
}

void http_client_freep(struct http_client **client)
{
	http_client_free(*client);
	*client = NULL;
}

/* --- what both ways share ----------------------------------------------------------------------- */

int64_t exchange_now(const struct exchange *x)
{
	return clock_monotonic(x->request->clock ? x->request->clock : &clock_system);
}

int exchange_interrupted(struct exchange *x, struct error *err)
{
	const struct http_request *request = x->request;
	int64_t time;

	if (request->cancel && atomic_load(request->cancel))
		return error_set(err, ERROR_CANCELLED, "cancelled");
	if (!request->deadline && !request->stall)
		return 0;
	time = exchange_now(x);
	if (request->deadline && time >= request->deadline)
		return error_set(err, ERROR_TIMEOUT, "no answer in time from %s", x->to);
	if (request->stall && time - x->last_byte >= request->stall)
		return error_set(err, ERROR_TRANSIENT, "%s has been silent for %lld s", x->to,
			(long long)(request->stall / 1000));
	return 0;
}

int exchange_until_next_look(const struct exchange *x)
{
	int64_t left = HTTP_TICK;

	if (x->request->deadline) {
		int64_t time = x->request->deadline - exchange_now(x);

		if (time < left)
			left = time < 0 ? 0 : time;
	}
	return (int)left;
}

void exchange_start(struct exchange *x)
{
	x->n_headers = 0;
}

void exchange_header(struct exchange *x, const char *name, const char *value)
{
	ARENA_GROW(x->arena, x->headers, x->n_headers, x->cap_headers);
	x->headers[x->n_headers++] = (struct http_header){.name = arena_strdup(x->arena, name),
		.value = arena_strdup(x->arena, value)};
}

static size_t max_body(const struct exchange *x)
{
	return x->request->max_body ? x->request->max_body : (size_t)HTTP_MAX_BODY;
}

bool exchange_body(struct exchange *x, long status, const char *data, size_t len)
{
	const struct http_request *request = x->request;

	if (request->write && status >= 200 && status < 300) {
		x->response->stopped = !request->write(request->write_arg, data, len);
		x->last_byte = exchange_now(x); /* the time that the caller took is no stall */
		return !x->response->stopped;
	}
	x->last_byte = exchange_now(x);
	x->too_long = len > max_body(x) - x->body.len;
	if (!x->too_long)
		strbuf_add(&x->body, data, len);
	return !x->too_long;
}

ssize_t exchange_read(struct exchange *x, char *buf, size_t room)
{
	ssize_t got = x->request->read(x->request->read_arg, buf, room, &x->err);

	x->last_byte = exchange_now(x);
	x->read_failed = got < 0;
	return got;
}

int exchange_ended_by_caller(struct exchange *x, struct error *err)
{
	if (x->response->stopped)
		return 0;
	if (x->read_failed) {
		*err = x->err;
		return -1;
	}
	if (x->too_long)
		return error_set(err, ERROR_FAILED, "the reply of %s is longer than %zu bytes", x->to,
			max_body(x));
	return 1;
}

/* The URL for messages: without query and user, where secrets may be. */
static const char *shown(struct arena *arena, const char *url)
{
	size_t len = strcspn(url, "?#");
	const char *scheme = strstr(url, "://"), *rest, *at;

	if (!scheme || scheme >= url + len)
		return arena_strndup(arena, url, len);
	rest = scheme + 3;
	at = memchr(rest, '@', strcspn(rest, "/?#"));
	if (at)
		rest = at + 1;
	return arena_printf(arena, "%.*s%.*s", (int)(scheme + 3 - url), url,
		(int)(url + len - rest), rest);
}

/* --- performing --------------------------------------------------------------------------------- */

static int begin(struct http_client *client, struct exchange *x, const struct http_request *request,
	struct http_response *response, struct arena *arena, struct error *err)
{
	const char *url = request->url;

	*x = (struct exchange){.request = request, .response = response, .arena = arena,
		.body = STRBUF_INIT};
	*response = (struct http_response){.body = ""};
	x->to = client->socket ? arena_strdup(arena, client->socket) : shown(arena, url);
	x->last_byte = exchange_now(x);
	if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0)
		return error_set(err, ERROR_INVALID, "'%s' is no http or https URL",
			shown(arena, url));
	return exchange_interrupted(x, err);
}

static void end(struct exchange *x)
{
	struct http_response *response = x->response;

	response->headers = x->headers;
	response->n_headers = x->n_headers;
	response->body_len = x->body.len;
	if (x->body.len)
		response->body = arena_strndup(x->arena, x->body.text, x->body.len);
	strbuf_release(&x->body);
}

int http_perform(struct http_client *client, const struct http_request *request,
	struct arena *arena, struct http_response *response, struct error *err)
{
	struct error own; /* the caller may not want to know, but errors are copied and wrapped */
	struct exchange x;
	int rc;

	if (!err)
		err = &own;
	rc = begin(client, &x, request, response, arena, err);
	if (!rc)
		rc = client->wire ? http_unix_perform(client->wire, &x, 1, err)
				  : http_curl_perform(client->curl, &x, err);
	end(&x);
	return rc;
}

int http_perform_all(struct http_client *client, const struct http_request *requests, size_t n,
	struct arena *arena, struct http_response *responses, struct error *err)
{
	struct exchange *all;
	int rc = 0;

	if (!client->wire) {
		for (size_t i = 0; i < n && !rc; i++)
			rc = http_perform(client, &requests[i], arena, &responses[i], err);
		return rc;
	}
	all = xcalloc(n + 1, sizeof(*all));
	for (size_t i = 0; i < n; i++) {
		int bad = begin(client, &all[i], &requests[i], &responses[i], arena,
			rc ? NULL : err);

		rc = rc ? rc : bad;
	}
	if (!rc && n)
		rc = http_unix_perform(client->wire, all, n, err);
	for (size_t i = 0; i < n; i++)
		end(&all[i]);
	free(all);
	return rc;
}

int http_take_over(struct http_client *client, const struct http_request *request,
	struct arena *arena, struct http_response *response, struct http_stream **stream,
	struct error *err)
{
	struct exchange x;
	int rc = begin(client, &x, request, response, arena, err);

	*stream = NULL;
	if (!rc)
		rc = client->wire ? http_unix_take_over(client->wire, &x, stream, err)
				  : http_curl_take_over(client->curl, &x, stream, err);
	end(&x);
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
