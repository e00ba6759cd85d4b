/*
 * A reply of HTTP/1.1, taken apart as it comes, in pieces of any size. Pure: no socket, no clock.
 *
 * Refused, because nobody can tell where such a reply ends: lengths that contradict each other or
 * are no numbers, codings other than chunked, heads and lines without end.
 */
#ifndef DEVENV_BASE_HTTP_REPLY_H
#define DEVENV_BASE_HTTP_REPLY_H

#include "base/error.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { HTTP_HEAD_MAX = 256 << 10 }; /* bytes of status, headers and trailers together */

enum http_reply_state {
	HTTP_REPLY_STATUS,
	HTTP_REPLY_HEADERS,
	HTTP_REPLY_LENGTH,     /* a body of known length */
	HTTP_REPLY_CHUNK_SIZE,
	HTTP_REPLY_CHUNK,
	HTTP_REPLY_CHUNK_END,
	HTTP_REPLY_TRAILERS,
	HTTP_REPLY_TO_THE_END, /* the body ends where the connection does */
	HTTP_REPLY_DONE,
	HTTP_REPLY_STOPPED,    /* `body` wanted no more */
};

struct http_reply {
	/* In; the rest zero. */
	bool without_body;     /* the request was a HEAD */
	bool takes_over;       /* with 101 or 2xx the connection becomes a stream: done after the head */
	/* Called as parts come. `header` may keep neither string; before those of a new head (after
	   "100 Continue") `start` is called. `body` returns false to stop. */
	void (*start)(void *arg);
	void (*header)(void *arg, const char *name, const char *value);
	bool (*body)(void *arg, const char *data, size_t len);
	void *arg;

	/* Out. */
	enum http_reply_state state;
	long status;
	bool close;            /* the connection cannot be used again */

	/* Within. */
	bool chunked, has_length;
	uint64_t left;         /* of the body or the chunk */
	size_t head_bytes;
	struct strbuf line;    /* what has come of one */
};

/* Takes what belongs to this reply: the number of bytes, or -1 with ERROR_FAILED. */
ssize_t http_reply_feed(struct http_reply *reply, const char *data, size_t len, struct error *err);
/* The connection has ended: true when that completes the reply. */
bool http_reply_ends(struct http_reply *reply);
void http_reply_release(struct http_reply *reply);

#endif
