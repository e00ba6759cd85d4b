/* What http.c, the front, shares with the two ways to speak HTTP. Nobody else includes this. */
#ifndef DEVENV_BASE_HTTP_INTERNAL_H
#define DEVENV_BASE_HTTP_INTERNAL_H

#include "base/http.h"
#include "base/strbuf.h"

enum {
	HTTP_TICK = 100,                /* ms between two looks at cancel and the clock */
	HTTP_CONNECT_TIMEOUT = 10000,
	HTTP_MAX_BODY = 64 << 20,
};

/* One request and what has come of it. */
struct exchange {
	const struct http_request *request;
	struct http_response *response;
	struct arena *arena;
	const char *to;                 /* for messages: a socket or a URL without its secrets */
	struct strbuf body;
	struct http_header *headers;
	size_t n_headers, cap_headers;
	int64_t last_byte;              /* monotonic; for the stall limit */
	bool too_long, read_failed;
	struct error err;               /* of `read` */
};

/* http.c */
int64_t exchange_now(const struct exchange *x);
/* Why to stop now, as an error; 0: go on. */
int exchange_interrupted(struct exchange *x, struct error *err);
int exchange_until_next_look(const struct exchange *x); /* ms */
/* A new head begins: after 100 Continue or a redirect. */
void exchange_start(struct exchange *x);
void exchange_header(struct exchange *x, const char *name, const char *value);
/* A piece of the body; false: no more is wanted (stopped, or too long). */
bool exchange_body(struct exchange *x, long status, const char *data, size_t len);
/* The body is read from `read`: more of it. As there; sets read_failed. */
ssize_t exchange_read(struct exchange *x, char *buf, size_t room);
/* What the caller did: 0 when it ended the exchange early, -1 when `read` failed or too much came;
   1: neither. */
int exchange_ended_by_caller(struct exchange *x, struct error *err);

/* http_curl.c */
struct http_curl;
struct http_curl *http_curl_new(const struct http_options *options, struct error *err);
void http_curl_free(struct http_curl *curl);
int http_curl_perform(struct http_curl *curl, struct exchange *x, struct error *err);
int http_curl_take_over(struct http_curl *curl, struct exchange *x, struct http_stream **stream,
	struct error *err);

/* http_unix.c */
struct http_unix;
struct http_unix *http_unix_new(const struct http_options *options);
void http_unix_free(struct http_unix *wire);
/* All are sent at once; only a single one may have a body or be no GET. */
int http_unix_perform(struct http_unix *wire, struct exchange *all, size_t n, struct error *err);
/* As http_take_over. */
int http_unix_take_over(struct http_unix *wire, struct exchange *x, struct http_stream **stream,
	struct error *err);
void http_put_head(struct strbuf *out, const struct http_request *request); /* and a body in memory */

/* http_stream.c */
struct http_stream *http_stream_socket(int fd); /* takes the socket */
/* The request whose reply turns the connection into a stream. */
int http_stream_turn(struct http_stream *stream, struct exchange *x, struct error *err);

#endif
