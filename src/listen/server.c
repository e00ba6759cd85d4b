/*
 * The server: one thread of libmicrohttpd, POST only, every connection for one request. Whoever sends
 * too much, too slowly or too many at once is cut off: the body at 25 MiB (GitHub's own limit), a
 * connection after 30 s whatever it does meanwhile, and there are at most 64 of them.
 */
#include "listen/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	BODY_MOST = 25 << 20,
	CONNECTIONS = 64,
	LIFE = 30,  /* seconds of a connection */
	IDLE = 10,  /* seconds without a byte */
	MEMORY = 32 << 10, /* of a connection: its headers */
};

struct life {
	int fd; /* -1: free */
	time_t since;
};

struct server {
	const struct config *config;
	pthread_mutex_t mutex;
	struct life lives[CONNECTIONS];
};

struct exchange {
	struct auth auth;
	size_t body;
};

/* --- how long ------------------------------------------------------------------------------------- */

static time_t now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec;
}

/* Called before its socket is closed: a number in the list is never somebody else's. */
static void see_connection(void *arg, struct MHD_Connection *connection, void **context,
	enum MHD_ConnectionNotificationCode code)
{
	struct server *server = arg;
	int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	int wanted = code == MHD_CONNECTION_NOTIFY_STARTED ? -1 : fd;

	(void)context;
	pthread_mutex_lock(&server->mutex);
	for (size_t i = 0; i < CONNECTIONS; i++) {
		if (server->lives[i].fd != wanted)
			continue;
		server->lives[i] = (struct life){wanted == -1 ? fd : -1, now()};
		break;
	}
	pthread_mutex_unlock(&server->mutex);
}

static void end_old(struct server *server)
{
	pthread_mutex_lock(&server->mutex);
	for (size_t i = 0; i < CONNECTIONS; i++) {
		if (server->lives[i].fd >= 0 && now() - server->lives[i].since > LIFE)
			shutdown(server->lives[i].fd, SHUT_RDWR);
	}
	pthread_mutex_unlock(&server->mutex);
}

/* --- one request ---------------------------------------------------------------------------------- */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *text)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(strlen(text), (void *)text,
		MHD_RESPMEM_PERSISTENT);
	enum MHD_Result result;

	MHD_add_response_header(response, "Content-Type", "text/plain");
	MHD_add_response_header(response, "Connection", "close");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, "Allow", "POST");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static bool is_known(const struct config *config, const char *path)
{
	for (size_t i = 0; i < config->n_names; i++) {
		if (strcmp(path + 1, config->names[i]) == 0)
			return true;
	}
	return strcmp(path, "/") == 0;
}

/* A pipe that is full holds looks enough. */
static void tell(const char *path)
{
	char line[512];
	int len = snprintf(line, sizeof(line), "push%s%s\n", path[1] ? " " : "", path + 1);
	ssize_t written = len < (int)sizeof(line) ? write(STDOUT_FILENO, line, (size_t)len) : 0;

	(void)written;
}

static enum MHD_Result finish(const struct server *server, struct MHD_Connection *connection,
	struct exchange *exchange, const char *path)
{
	if (!auth_end(&exchange->auth))
		return answer(connection, MHD_HTTP_UNAUTHORIZED, "neither signature nor token is right\n");
	if (!is_known(server->config, path))
		return answer(connection, MHD_HTTP_NOT_FOUND, "no sync is called so\n");
	if (!event_is_push(connection))
		return answer(connection, MHD_HTTP_OK, "nothing to do\n");
	tell(path);
	return answer(connection, MHD_HTTP_ACCEPTED, "looking\n");
}

static bool is_too_long(struct MHD_Connection *connection)
{
	const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");

	return length && strtoull(length, NULL, 10) > BODY_MOST;
}

/* libmicrohttpd calls it for the headers, then for pieces of the body, then at the end. */
static enum MHD_Result serve(void *arg, struct MHD_Connection *connection, const char *path,
	const char *method, const char *version, const char *data, size_t *len, void **context)
{
	struct server *server = arg;
	struct exchange *exchange = *context;

	(void)version;
	if (!exchange) {
		if (strcmp(method, "POST") != 0)
			return answer(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "POST a push event\n");
		if (is_too_long(connection))
			return answer(connection, MHD_HTTP_CONTENT_TOO_LARGE, "too long\n");
		*context = exchange = xcalloc(1, sizeof(*exchange));
		auth_begin(&exchange->auth, connection, server->config->secret);
		if (exchange->auth.kind == AUTH_NONE) /* nothing that the body could prove */
			return answer(connection, MHD_HTTP_UNAUTHORIZED, "not signed\n");
		return MHD_YES;
	}
	if (!*len)
		return finish(server, connection, exchange, path);
	exchange->body += *len;
	if (exchange->body > BODY_MOST)
		return MHD_NO; /* in pieces, without a length: the connection is closed */
	auth_add(&exchange->auth, data, *len);
	*len = 0;
	return MHD_YES;
}

static void end_exchange(void *arg, struct MHD_Connection *connection, void **context,
	enum MHD_RequestTerminationCode how)
{
	(void)arg;
	(void)connection;
	(void)how;
	free(*context);
	*context = NULL;
}

/* --- the socket ----------------------------------------------------------------------------------- */

/* "HOST:PORT", "[::1]:PORT"; nothing before the colon is every address, a number alone a port of this
   machine. */
static int resolve(struct config *config, struct addrinfo **out, struct error *err)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	const char *text = config->address, *colon = strrchr(text, ':'), *host = "127.0.0.1";
	int failed;

	if (colon) {
		size_t len = (size_t)(colon - text);

		host = len > 1 && *text == '[' && text[len - 1] == ']'
			? arena_strndup(&config->arena, text + 1, len - 2)
			: len ? arena_strndup(&config->arena, text, len) : NULL;
	}
	failed = getaddrinfo(host, colon ? colon + 1 : text, &hints, out);
	if (failed)
		return error_set(err, ERROR_INVALID, "\"%s\" is no address such as 127.0.0.1:9000: %s", text,
			gai_strerror(failed));
	return 0;
}

static int open_socket(struct config *config, int *out, struct error *err)
{
	struct addrinfo *list;
	int one = 1, fd;

	if (resolve(config, &list, err) < 0)
		return -1;
	fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, list->ai_addr, list->ai_addrlen) < 0 || listen(fd, CONNECTIONS) < 0) {
		error_errno(err, "listen on %s", config->address);
		freeaddrinfo(list);
		return -1;
	}
	freeaddrinfo(list);
	*out = fd;
	return 0;
}

static void tell_address(int fd)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	char host[NI_MAXHOST], port[NI_MAXSERV];

	if (getsockname(fd, (struct sockaddr *)&address, &len) == 0 &&
		getnameinfo((struct sockaddr *)&address, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		dprintf(STDOUT_FILENO, strchr(host, ':') ? "listening [%s]:%s\n" : "listening %s:%s\n", host,
			port);
}

static void wait_for_the_end(struct server *server)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	char ignored[256];

	for (;;) {
		int came = poll(&in, 1, 1000);
		ssize_t n = came > 0 ? read(STDIN_FILENO, ignored, sizeof(ignored)) : 1;

		end_old(server);
		if (!n || (n < 0 && errno != EINTR && errno != EAGAIN))
			return;
	}
}

int server_run(struct config *config, struct error *err)
{
	struct server server = {.config = config, .mutex = PTHREAD_MUTEX_INITIALIZER};
	struct MHD_Daemon *daemon;
	int fd;

	for (size_t i = 0; i < CONNECTIONS; i++)
		server.lives[i].fd = -1;
	if (open_socket(config, &fd, err) < 0)
		return -1;
	daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL, 0, NULL, NULL, serve,
		&server, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)MEMORY, MHD_OPTION_NOTIFY_COMPLETED, end_exchange, NULL,
		MHD_OPTION_NOTIFY_CONNECTION, see_connection, &server, MHD_OPTION_END);
	if (!daemon)
		return error_set(err, ERROR_FAILED, "libmicrohttpd cannot be started");
	tell_address(fd);
	wait_for_the_end(&server);
	MHD_stop_daemon(daemon);
	return 0;
}
