/*
 * HTTP. On a unix socket by code of our own (docs/adr/0006-own-http-on-unix-sockets.md), else through
 * libcurl, which is loaded on first use (docs/adr/0003-libcurl-on-first-use.md): who does not need it
 * does not pay for it.
 *
 * A client is one kept-alive connection chain: one thread at a time, but any number of clients at
 * once. Every exchange can be cancelled, has a deadline if it is given one, and never raises SIGPIPE.
 *
 * Errors of http_perform. A reply of any status is no error: look at `status`.
 *   ERROR_UNREACHABLE  no connection: no such host or socket, refused, TLS handshake failed, no
 *                      libcurl. Nothing was sent, so nothing happened.
 *   ERROR_TRANSIENT    the connection broke or stalled after it stood: the request may have had its
 *                      effect. Look at reality before it is repeated.
 *   ERROR_TIMEOUT      the deadline passed.    ERROR_CANCELLED  `cancel` was set.
 *   ERROR_INVALID      a bad URL.              ERROR_FAILED     everything else (reply too long ...).
 */
#ifndef DEVENV_BASE_HTTP_H
#define DEVENV_BASE_HTTP_H

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct http_client;

/* All optional; the strings are copied. */
struct http_options {
	const char *unix_socket; /* connects there, whatever host the URL names; no TLS, no redirects */
	const char *ca_file;     /* instead of the system's certificates */
	const char *cert_file, *key_file; /* who we are, for TLS */
	bool insecure;           /* takes any certificate: for probes of a service under development */
	const char *proxy;       /* "": none; NULL: that of the environment, but none to this machine */
	const char *connect_to;  /* "::HOST:PORT": there, whatever host the URL names (libcurl's form) */
	int64_t connect_timeout; /* milliseconds; 0: 10 s */
};

/* NULL only when libcurl is missing, which a unix socket does not need. `options` may be NULL. */
struct http_client *http_client_new(const struct http_options *options, struct error *err);
void http_client_free(struct http_client *client); /* NULL is fine */
#define cleanup_http __attribute__((cleanup(http_client_freep)))
void http_client_freep(struct http_client **client);

struct http_request {
	const char *method;         /* NULL: GET */
	const char *url;
	const char *const *headers; /* "Name: value", NULL-terminated; NULL: none */

	/* The body: either in memory ... */
	const void *body;           /* NULL with a POST, PUT or PATCH: an empty body */
	size_t body_len;
	/* ... or read in pieces: bytes put into `buf`, 0 at the end, -1 with `err` to give up. */
	ssize_t (*read)(void *arg, char *buf, size_t room, struct error *err);
	void *read_arg;
	int64_t read_size;          /* how much `read` will give; -1: unknown (sent in chunks) */

	/* Streaming: gets the body of a 2xx reply piece by piece, as it comes. Return false to end the
	   exchange early, which is no error (response.stopped). NULL: the body is collected. */
	bool (*write)(void *arg, const char *data, size_t len);
	void *write_arg;

	size_t max_body;            /* of a collected body; 0: 64 MiB */
	int redirects;              /* how many are followed; 0: none, a 3xx is a reply as any other */

	/* Without a deadline and a stall limit an exchange lasts as long as it lasts. */
	const struct clock *clock;  /* for both; NULL: the system's */
	int64_t deadline;           /* monotonic milliseconds; 0: none */
	int64_t stall;              /* milliseconds without one byte in either direction; 0: no limit */
	const atomic_bool *cancel;  /* NULL: cannot be cancelled */
};

struct http_header {
	const char *name, *value;
};

struct http_response {
	long status;
	const struct http_header *headers; /* of the last reply, as they came */
	size_t n_headers;
	const char *body;           /* NUL-terminated, never NULL; "" when it was streamed */
	size_t body_len;
	bool stopped;               /* `write` returned false */
};

/* `response` lives in `arena`; it is filled as far as it came, also on failure (status 0: no reply). */
int http_perform(struct http_client *client, const struct http_request *request,
	struct arena *arena, struct http_response *response, struct error *err);
/*
 * Several GETs whose replies are not streams: on a unix socket they are sent together, so that the
 * other side need not wait for us between two. `responses` are in the same order. -1: at least one
 * got no reply (those before it may have one).
 */
int http_perform_all(struct http_client *client, const struct http_request *requests, size_t n,
	struct arena *arena, struct http_response *responses, struct error *err);
/*
 * A request after which the connection is a plain stream in both directions ("Upgrade: tcp"). When
 * the other side agrees (101 or 2xx) `*stream` is that, and the caller's, and the body of the response
 * is what has come of it already; else `*stream` is NULL and it is a reply as any other.
 */
struct http_stream;
int http_take_over(struct http_client *client, const struct http_request *request,
	struct arena *arena, struct http_response *response, struct http_stream **stream,
	struct error *err);
/* Never block. As read(2) and send(2): 0 is the end, -1 with EAGAIN: nothing now. */
ssize_t http_stream_read(struct http_stream *stream, char *buf, size_t room);
ssize_t http_stream_write(struct http_stream *stream, const char *data, size_t len);
/* To poll. With TLS there may be more to read than it knows: read until EAGAIN before waiting. */
int http_stream_fd(const struct http_stream *stream);
void http_stream_end(struct http_stream *stream); /* we write no more, and the other side hears it */
void http_stream_close(struct http_stream *stream); /* NULL is fine */
/* By name, in any case of letters; NULL: not there. */
const char *http_header(const struct http_response *response, const char *name);
/* Percent-encodes everything but letters, digits and "-._~" (and those in `keep`, "" for none). */
char *http_escape(struct arena *arena, const char *text, const char *keep);

#endif
