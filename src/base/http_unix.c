/*
 * HTTP/1.1 over a unix socket (docs/adr/0006-own-http-on-unix-sockets.md): one connection that is
 * kept, requests that go out together, replies in the same order. The socket never blocks: cancelling,
 * deadline and stall limit are looked at ten times a second by our own clock.
 *
 * Invariant: nothing but a request without effect is ever sent twice. A kept connection may be dead
 * by now; so a POST and what streams its body go out on a connection of their own, and the rest is
 * sent again only when the connection ended before one byte of a reply.
 */
#include "base/http_internal.h"
#include "base/http_reply.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PIECE = 64 << 10 };

struct http_unix {
	char *path;
	int64_t connect_timeout;
	int fd; /* -1: none is kept */
};

/* A conversation: `all` answered in order. */
struct talk {
	struct http_unix *wire;
	struct exchange *all;
	size_t n, at;            /* at: whose reply comes */
	struct http_reply reply; /* of all[at] */
	struct strbuf out;       /* what is to be sent */
	size_t sent;
	bool streams;            /* the body of all[0] is still being read */
	int deaf;                /* errno: no more can be sent; the other side may still have said why */
	bool ended;              /* the other side has closed, or said that it will */
	struct strbuf rest;      /* what came behind a reply that takes over */
};

struct http_unix *http_unix_new(const struct http_options *options)
{
	struct http_unix *wire = xcalloc(1, sizeof(*wire));

	wire->path = xstrdup(options->unix_socket);
	wire->connect_timeout = options->connect_timeout ? options->connect_timeout
							  : HTTP_CONNECT_TIMEOUT;
	wire->fd = -1;
	return wire;
}

static void hang_up(struct http_unix *wire)
{
	if (wire->fd >= 0)
		close(wire->fd);
	wire->fd = -1;
}

void http_unix_free(struct http_unix *wire)
{
	if (!wire)
		return;
	hang_up(wire);
	free(wire->path);
	free(wire);
}

/* --- connecting --------------------------------------------------------------------------------- */

static int unreachable(const struct http_unix *wire, int problem, struct error *err)
{
	return error_set(err, ERROR_UNREACHABLE, "cannot connect to %s: %s", wire->path,
		strerror(problem));
}

/* A socket that has no room for another connection says so at once (EAGAIN): asked again. */
static int connect_to(struct http_unix *wire, struct exchange *x, struct error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int64_t start = clock_monotonic(&clock_system);

	if (strlen(wire->path) >= sizeof(address.sun_path))
		return unreachable(wire, ENAMETOOLONG, err);
	memcpy(address.sun_path, wire->path, strlen(wire->path));
	wire->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (wire->fd < 0)
		return unreachable(wire, errno, err);
	while (connect(wire->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int problem = errno;

		if (problem == EINTR)
			continue;
		if (problem == EAGAIN &&
			clock_monotonic(&clock_system) - start < wire->connect_timeout) {
			if (exchange_interrupted(x, err))
				return -1;
			poll(NULL, 0, 10);
			continue;
		}
		return unreachable(wire, problem, err);
	}
	return 0;
}

/* --- requests ----------------------------------------------------------------------------------- */

static const char *method_of(const struct http_request *request)
{
	return request->method ? request->method : "GET";
}

static bool may_be_repeated(const struct http_request *request)
{
	return strcmp(method_of(request), "POST") != 0 && !request->read;
}

void http_put_head(struct strbuf *out, const struct http_request *request)
{
	const char *method = method_of(request);
	const char *host = strstr(request->url, "://") + 3;
	size_t host_len = strcspn(host, "/?#");
	const char *path = host + host_len;

	strbuf_addf(out, "%s %s%.*s HTTP/1.1\r\nHost: %.*s\r\n"
		"User-Agent: devenv/" DEVENV_VERSION "\r\nAccept: */*\r\n", method,
		*path == '/' ? "" : "/", (int)strcspn(path, "#"), path, (int)host_len, host);
	if (request->read && request->read_size < 0)
		strbuf_addstr(out, "Transfer-Encoding: chunked\r\n");
	else if (request->read)
		strbuf_addf(out, "Content-Length: %lld\r\n", (long long)request->read_size);
	else if (request->body || !strcmp(method, "POST") || !strcmp(method, "PUT") ||
		 !strcmp(method, "PATCH"))
		strbuf_addf(out, "Content-Length: %zu\r\n", request->body ? request->body_len : 0);
	for (const char *const *h = request->headers; h && *h; h++)
		strbuf_addf(out, "%s\r\n", *h);
	strbuf_addstr(out, "\r\n");
	if (request->body)
		strbuf_add(out, request->body, request->body_len);
}

/* The next piece of a body that is read, as a chunk or as it is. */
static int put_piece(struct talk *talk, struct error *err)
{
	struct exchange *x = &talk->all[0];
	bool chunked = x->request->read_size < 0;
	char *piece = xmalloc(PIECE);
	ssize_t got = exchange_read(x, piece, PIECE);

	if (got > 0) {
		if (chunked)
			strbuf_addf(&talk->out, "%zx\r\n", (size_t)got);
		strbuf_add(&talk->out, piece, (size_t)got);
	}
	if (got >= 0 && chunked)
		strbuf_addstr(&talk->out, got ? "\r\n" : "0\r\n\r\n");
	talk->streams = got > 0;
	free(piece);
	return got < 0 ? exchange_ended_by_caller(x, err) : 0;
}

/* 1: something was sent. */
static int send_some(struct talk *talk, struct error *err)
{
	ssize_t n;

	if (talk->sent == talk->out.len && talk->streams && !talk->deaf) {
		strbuf_reset(&talk->out);
		talk->sent = 0;
		if (put_piece(talk, err))
			return -1;
	}
	if (talk->deaf || talk->sent == talk->out.len)
		return 0;
	n = send(talk->wire->fd, talk->out.text + talk->sent, talk->out.len - talk->sent,
		MSG_NOSIGNAL);
	if (n < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return 0;
		/* Whoever refuses a body may answer and close without having read all of it. Where the
		   fault is on this side (no memory), they must hear that nothing more comes, or both wait. */
		talk->deaf = errno;
		shutdown(talk->wire->fd, SHUT_WR);
		return 0;
	}
	talk->sent += (size_t)n;
	talk->all[talk->at].last_byte = exchange_now(&talk->all[talk->at]);
	return 1;
}

/* --- replies ------------------------------------------------------------------------------------ */

static void on_start(void *arg)
{
	struct talk *talk = arg;

	exchange_start(&talk->all[talk->at]);
}

static void on_header(void *arg, const char *name, const char *value)
{
	struct talk *talk = arg;

	exchange_header(&talk->all[talk->at], name, value);
}

static bool on_body(void *arg, const char *data, size_t len)
{
	struct talk *talk = arg;

	return exchange_body(&talk->all[talk->at], talk->reply.status, data, len);
}

static void expect_reply(struct talk *talk, bool takes_over)
{
	http_reply_release(&talk->reply);
	talk->reply = (struct http_reply){.start = on_start, .header = on_header, .body = on_body,
		.arg = talk, .takes_over = takes_over};
	if (talk->at < talk->n)
		talk->reply.without_body = !strcmp(method_of(talk->all[talk->at].request), "HEAD");
}

static int hear(struct talk *talk, const char *data, size_t len, struct error *err)
{
	while (len && talk->at < talk->n) {
		struct exchange *x = &talk->all[talk->at];
		ssize_t taken = http_reply_feed(&talk->reply, data, len, err);

		x->response->status = talk->reply.state == HTTP_REPLY_STATUS ? 0
									      : talk->reply.status;
		if (taken < 0)
			return error_wrap(err, "talking to %s", x->to);
		data += taken;
		len -= (size_t)taken;
		if (talk->reply.state == HTTP_REPLY_STOPPED)
			return exchange_ended_by_caller(x, err);
		if (talk->reply.state != HTTP_REPLY_DONE)
			continue;
		if (talk->reply.close) /* and so those behind it get no reply */
			talk->ended = talk->ended || talk->at + 1 < talk->n;
		if (++talk->at < talk->n) {
			expect_reply(talk, false);
			talk->all[talk->at].last_byte = exchange_now(&talk->all[talk->at]);
		}
	}
	strbuf_add(&talk->rest, data, len);
	return 0;
}

/* 1: something came, or the end. */
static int receive_some(struct talk *talk, struct error *err)
{
	char data[PIECE];
	ssize_t n = recv(talk->wire->fd, data, sizeof(data), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		talk->ended = true;
		return 1;
	}
	talk->all[talk->at].last_byte = exchange_now(&talk->all[talk->at]);
	return hear(talk, data, (size_t)n, err) ? -1 : 1;
}

static int wait_for(struct talk *talk, struct error *err)
{
	struct exchange *x = &talk->all[talk->at];
	bool more = !talk->deaf && (talk->sent < talk->out.len || talk->streams);
	struct pollfd wanted = {.fd = talk->wire->fd, .events = (short)(POLLIN | (more ? POLLOUT : 0))};

	if (exchange_interrupted(x, err))
		return -1;
	if (poll(&wanted, 1, exchange_until_next_look(x)) < 0 && errno != EINTR)
		return error_errno(err, "cannot wait for %s", x->to);
	return 0;
}

static int broken(struct talk *talk, struct error *err)
{
	struct exchange *x = &talk->all[talk->at];

	if (http_reply_ends(&talk->reply) && talk->at + 1 == talk->n) {
		talk->at++;
		return 0;
	}
	if (talk->deaf && talk->reply.state == HTTP_REPLY_STATUS)
		return error_set(err, ERROR_TRANSIENT, "talking to %s: cannot send: %s", x->to,
			strerror(talk->deaf));
	return error_set(err, ERROR_TRANSIENT, "talking to %s: the connection ended %s", x->to,
		talk->reply.state == HTTP_REPLY_STATUS ? "without a reply"
							: "in the middle of a reply");
}

/* Until all replies are there, or the caller wanted no more. */
static int converse(struct talk *talk, struct error *err)
{
	while (talk->at < talk->n && talk->reply.state != HTTP_REPLY_STOPPED) {
		int out = send_some(talk, err);
		int in = out < 0 ? -1 : receive_some(talk, err);

		if (in < 0)
			return -1;
		if (talk->at == talk->n || talk->reply.state == HTTP_REPLY_STOPPED)
			break;
		if (talk->ended)
			return broken(talk, err);
		if ((!out && !in ? wait_for(talk, err)
				 : exchange_interrupted(&talk->all[talk->at], err)) < 0)
			return -1;
	}
	return 0;
}

/* --- performing --------------------------------------------------------------------------------- */

static int attempt(struct talk *talk, bool takes_over, struct error *err)
{
	int rc;

	talk->at = 0;
	talk->sent = 0;
	talk->deaf = 0;
	talk->ended = false;
	strbuf_reset(&talk->out);
	for (size_t i = 0; i < talk->n; i++)
		http_put_head(&talk->out, talk->all[i].request);
	talk->streams = talk->all[0].request->read != NULL;
	expect_reply(talk, takes_over);
	rc = converse(talk, err);
	/* Kept only when both sides have said all: else nobody knows what comes next. */
	if (!takes_over && (rc || talk->reply.state != HTTP_REPLY_DONE || talk->reply.close ||
				   talk->ended || talk->streams || talk->sent < talk->out.len ||
				   talk->rest.len))
		hang_up(talk->wire);
	return rc;
}

/* The connection ended before one byte of the reply that is next. */
static bool ended_between(const struct talk *talk)
{
	return talk->ended && talk->reply.state == HTTP_REPLY_STATUS && !talk->reply.line.len;
}

static int perform(struct talk *talk, bool takes_over, struct error *err)
{
	struct http_unix *wire = talk->wire;
	bool repeatable = true, kept;

	for (size_t i = 0; i < talk->n; i++)
		repeatable = repeatable && may_be_repeated(talk->all[i].request);
	if (!repeatable || takes_over)
		hang_up(wire);
	for (;;) {
		kept = wire->fd >= 0;
		if (!kept && connect_to(wire, &talk->all[0], err))
			break;
		if (!attempt(talk, takes_over, err))
			return 0;
		/* Each turn has answers behind it or a new connection before it: there is an end. */
		if (!ended_between(talk) || (!kept && !talk->at))
			break;
		talk->all += talk->at;
		talk->n -= talk->at;
	}
	hang_up(wire);
	return -1;
}

static void talk_release(struct talk *talk)
{
	http_reply_release(&talk->reply);
	strbuf_release(&talk->out);
	strbuf_release(&talk->rest);
}

int http_unix_perform(struct http_unix *wire, struct exchange *all, size_t n, struct error *err)
{
	struct talk talk = {.wire = wire, .all = all, .n = n, .out = STRBUF_INIT,
		.rest = STRBUF_INIT};
	int rc = perform(&talk, false, err);

	talk_release(&talk);
	return rc;
}

int http_unix_take_over(struct http_unix *wire, struct exchange *x, struct http_stream **stream,
	struct error *err)
{
	struct talk talk = {.wire = wire, .all = x, .n = 1, .out = STRBUF_INIT,
		.rest = STRBUF_INIT};
	int rc = perform(&talk, true, err);

	if (!rc && (x->response->status == 101 || x->response->status / 100 == 2)) {
		strbuf_add(&x->body, talk.rest.text, talk.rest.len);
		*stream = http_stream_socket(wire->fd);
		wire->fd = -1; /* the stream's from now on */
	}
	hang_up(wire);
	talk_release(&talk);
	return rc;
}
