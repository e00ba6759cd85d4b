/*
 * A small HTTP server in the test's own process, on a unix socket or on 127.0.0.1: it records what
 * came, byte for byte, and answers as told, also badly.
 */
#ifndef DEVENV_TESTS_HTTP_SERVER_H
#define DEVENV_TESTS_HTTP_SERVER_H

#include "base/strbuf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

struct server {
	int listener;
	char directory[32], socket[64], url[64]; /* one of the last two */
	pthread_t thread;
	const char *reply;      /* whole, with its head; NULL: reads and never answers */
	/* Instead of `reply`: the reply to one request (from its first line on); called by one thread a
	   connection. NULL: closes the connection. */
	const char *(*answer)(struct server *server, const char *request);
	void *arg;              /* of the test */
	atomic_bool close_now;  /* set by `answer`: closes the connection after this reply */
	int close_after;        /* closes the connection after so many replies; 0: never */
	int delay_ms;           /* before each reply */
	bool hasty;             /* answers once the head is there, whatever of the body is to come */
	atomic_int connections, requests, closed;
	atomic_bool stop;
	pthread_mutex_t lock;
	struct strbuf seen;     /* all that came, in order */
};

static inline size_t body_length(const char *head)
{
	const char *at = strcasestr(head, "\r\nContent-Length:");

	return at ? strtoul(at + 17, NULL, 10) : 0;
}

/* The length of the first whole request (head and body) in `in`; 0: not all of it is there. */
static inline size_t whole_request(const struct strbuf *in)
{
	const char *end = strstr(in->text, "\r\n\r\n"), *last;
	size_t head = end ? (size_t)(end + 4 - in->text) : 0;
	char *text = strndup(in->text, head);
	size_t len = 0;

	if (end && strcasestr(text, "Transfer-Encoding: chunked")) {
		last = memmem(end, in->len - (size_t)(end - in->text), "\r\n0\r\n\r\n", 7);
		len = last ? (size_t)(last + 7 - in->text) : 0;
	} else if (end && in->len >= head + body_length(text)) {
		len = head + body_length(text);
	}
	free(text);
	return len;
}

/* As above, of what comes; 0 at the end of the connection. */
static inline size_t read_request(struct server *server, int fd, struct strbuf *in)
{
	char buf[4096];
	size_t len;

	while (!(len = whole_request(in))) {
		if (server->hasty && strstr(in->text, "\r\n\r\n"))
			return in->len;
		ssize_t got = atomic_load(&server->stop) ? 0 : recv(fd, buf, sizeof(buf), 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return 0;
		strbuf_add(in, buf, (size_t)got);
	}
	return len;
}

static inline void serve(struct server *server, int fd)
{
	cleanup_strbuf struct strbuf in = STRBUF_INIT; /* requests may come together */
	struct timeval patience = {.tv_sec = 60};
	int replies = 0;
	size_t len;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	while ((len = read_request(server, fd, &in))) {
		char *request = strndup(in.text, len);
		const char *reply;

		pthread_mutex_lock(&server->lock);
		strbuf_add(&server->seen, in.text, len);
		pthread_mutex_unlock(&server->lock);
		memmove(in.text, in.text + len, in.len - len);
		strbuf_setlen(&in, in.len - len);
		atomic_fetch_add(&server->requests, 1);
		if (server->delay_ms)
			usleep((useconds_t)server->delay_ms * 1000);
		reply = server->answer ? server->answer(server, request) : server->reply;
		free(request);
		if (!reply && server->answer)
			break;
		if (!reply)
			continue;
		if (send(fd, reply, strlen(reply), MSG_NOSIGNAL) < 0)
			break;
		if (++replies == server->close_after || atomic_exchange(&server->close_now, false))
			break;
	}
	close(fd);
	atomic_fetch_add(&server->closed, 1);
}

struct connection {
	struct server *server;
	int fd;
};

static inline void *serve_thread(void *arg)
{
	struct connection *connection = arg;

	serve(connection->server, connection->fd);
	free(connection);
	return NULL;
}

static inline void *accept_thread(void *arg)
{
	struct server *server = arg;
	pthread_t threads[64];
	size_t n = 0;
	int fd;

	while (n < 64 && (fd = accept(server->listener, NULL, NULL)) >= 0) {
		struct connection *connection = malloc(sizeof(*connection));

		atomic_fetch_add(&server->connections, 1);
		*connection = (struct connection){server, fd};
		pthread_create(&threads[n++], NULL, serve_thread, connection);
	}
	while (n)
		pthread_join(threads[--n], NULL);
	return NULL;
}

static inline void start_unix(struct server *server, const char *reply)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	memset(server, 0, sizeof(*server));
	server->seen = (struct strbuf)STRBUF_INIT;
	server->reply = reply;
	pthread_mutex_init(&server->lock, NULL);
	strcpy(server->directory, "/tmp/test_http.XXXXXX");
	assert_non_null(mkdtemp(server->directory));
	snprintf(server->socket, sizeof(server->socket), "%s/socket", server->directory);
	strcpy(to.sun_path, server->socket);
	server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(listen(server->listener, 16), 0);
	pthread_create(&server->thread, NULL, accept_thread, server);
}

static inline void start_tcp(struct server *server, const char *reply)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(to);

	memset(server, 0, sizeof(*server));
	server->seen = (struct strbuf)STRBUF_INIT;
	server->reply = reply;
	pthread_mutex_init(&server->lock, NULL);
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(listen(server->listener, 16), 0);
	getsockname(server->listener, (struct sockaddr *)&to, &len);
	snprintf(server->url, sizeof(server->url), "http://127.0.0.1:%d/", ntohs(to.sin_port));
	pthread_create(&server->thread, NULL, accept_thread, server);
}

static inline void stop_server(struct server *server)
{
	atomic_store(&server->stop, true);
	shutdown(server->listener, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->listener);
	if (server->directory[0]) {
		unlink(server->socket);
		rmdir(server->directory);
	}
	strbuf_release(&server->seen);
}

#endif
