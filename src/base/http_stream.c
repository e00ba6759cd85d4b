/*
 * A connection that has become a plain stream in both directions: a socket, or what libcurl has
 * connected (TCP, TLS, through a proxy) and hands over byte by byte. libcurl speaks no HTTP on it then,
 * so the request that turns the connection over is written and its reply read here.
 */
#include "base/http_internal.h"
#include "base/http_library.h"
#include "base/http_reply.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct http_stream {
	int fd;
	const struct curl_library *curl; /* NULL: a plain socket */
	CURL *easy;
	CURLM *multi; /* owns the connection */
};

struct http_stream *http_stream_socket(int fd)
{
	struct http_stream *stream = xcalloc(1, sizeof(*stream));

	stream->fd = fd;
	return stream;
}

struct http_stream *http_stream_curl(const struct curl_library *curl, CURL *easy, CURLM *multi)
{
	struct http_stream *stream = xcalloc(1, sizeof(*stream));
	curl_socket_t fd = CURL_SOCKET_BAD;

	curl->easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd);
	*stream = (struct http_stream){.fd = fd, .curl = curl, .easy = easy, .multi = multi};
	return stream;
}

void http_stream_close(struct http_stream *stream)
{
	if (!stream)
		return;
	if (stream->curl) {
		stream->curl->multi_remove_handle(stream->multi, stream->easy);
		stream->curl->easy_cleanup(stream->easy);
		stream->curl->multi_cleanup(stream->multi); /* and the connection */
	} else {
		close(stream->fd);
	}
	free(stream);
}

int http_stream_fd(const struct http_stream *stream)
{
	return stream->fd;
}

/* What libcurl says, as a system call would. */
static ssize_t as_errno(CURLcode code, size_t n)
{
	if (code == CURLE_OK)
		return (ssize_t)n;
	errno = code == CURLE_AGAIN ? EAGAIN : ECONNRESET;
	return -1;
}

ssize_t http_stream_read(struct http_stream *stream, char *buf, size_t room)
{
	size_t n = 0;
	CURLcode code;

	if (!stream->curl)
		return recv(stream->fd, buf, room, 0);
	code = stream->curl->easy_recv(stream->easy, buf, room, &n);
	return as_errno(code, n);
}

ssize_t http_stream_write(struct http_stream *stream, const char *data, size_t len)
{
	size_t n = 0;
	CURLcode code;

	if (!stream->curl)
		return send(stream->fd, data, len, MSG_NOSIGNAL);
	code = stream->curl->easy_send(stream->easy, data, len, &n);
	return as_errno(code, n);
}

/* libcurl has no word for the end of one direction; the library below it has. */
void http_stream_end(struct http_stream *stream)
{
	enum { ONLY_WRITING = 1 }; /* GNUTLS_SHUT_WR */
	struct curl_tlssessioninfo *tls = NULL;

	if (stream->curl)
		stream->curl->easy_getinfo(stream->easy, CURLINFO_TLS_SSL_PTR, &tls);
	if (!tls || !tls->internals)
		shutdown(stream->fd, SHUT_WR);
	else if (tls->backend == CURLSSLBACKEND_GNUTLS && stream->curl->gnutls_bye)
		stream->curl->gnutls_bye(tls->internals, ONLY_WRITING);
	else if (tls->backend == CURLSSLBACKEND_OPENSSL && stream->curl->ssl_shutdown)
		stream->curl->ssl_shutdown(tls->internals);
}

/* --- turning a connection over ------------------------------------------------------------------ */

static void on_start(void *arg)
{
	exchange_start(arg);
}

static void on_header(void *arg, const char *name, const char *value)
{
	exchange_header(arg, name, value);
}

static bool on_body(void *arg, const char *data, size_t len)
{
	struct exchange *x = arg;

	return exchange_body(x, x->response->status, data, len);
}

static int wait_for(struct http_stream *stream, struct exchange *x, short events, struct error *err)
{
	struct pollfd wanted = {.fd = stream->fd, .events = events};

	if (exchange_interrupted(x, err))
		return -1;
	if (poll(&wanted, 1, exchange_until_next_look(x)) < 0 && errno != EINTR)
		return error_errno(err, "cannot wait for %s", x->to);
	return 0;
}

static int ask(struct http_stream *stream, struct exchange *x, struct error *err)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	size_t sent = 0;

	http_put_head(&out, x->request);
	while (sent < out.len) {
		ssize_t n = http_stream_write(stream, out.text + sent, out.len - sent);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return error_set(err, ERROR_TRANSIENT, "talking to %s: cannot send", x->to);
		if (n > 0)
			sent += (size_t)n;
		else if (wait_for(stream, x, POLLOUT, err))
			return -1;
	}
	return 0;
}

/* What is behind the reply is the first of the stream. */
static int hear(struct http_reply *reply, struct exchange *x, const char *data, size_t len,
	struct error *err)
{
	ssize_t taken = http_reply_feed(reply, data, len, err);

	if (taken < 0)
		return error_wrap(err, "talking to %s", x->to);
	if (reply->state != HTTP_REPLY_STATUS)
		x->response->status = reply->status;
	if (reply->state == HTTP_REPLY_DONE)
		strbuf_add(&x->body, data + taken, len - (size_t)taken);
	return 0;
}

static int answer(struct http_stream *stream, struct exchange *x, struct http_reply *reply,
	struct error *err)
{
	char data[16 << 10];

	while (reply->state < HTTP_REPLY_DONE) {
		ssize_t n = http_stream_read(stream, data, sizeof(data));

		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			if (wait_for(stream, x, POLLIN, err))
				return -1;
			continue;
		}
		if (n <= 0 && http_reply_ends(reply))
			return 0;
		if (n <= 0)
			return error_set(err, ERROR_TRANSIENT, "talking to %s: the connection ended", x->to);
		if (hear(reply, x, data, (size_t)n, err))
			return -1;
	}
	return reply->state == HTTP_REPLY_STOPPED ? exchange_ended_by_caller(x, err) : 0;
}

int http_stream_turn(struct http_stream *stream, struct exchange *x, struct error *err)
{
	struct http_reply reply = {.start = on_start, .header = on_header, .body = on_body, .arg = x,
		.takes_over = true};
	int rc = ask(stream, x, err);

	if (!rc)
		rc = answer(stream, x, &reply, err);
	http_reply_release(&reply);
	return rc;
}
