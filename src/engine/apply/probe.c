/*
 * One readiness probe. HTTP and TCP are asked from here, so that they work alike for every type;
 * what only the provider can see (a log, a command inside, the thing's own health) is asked there.
 */
#include "base/http.h"
#include "engine/plan/resolve.h"
#include "engine/apply/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PROBE_TIMEOUT = 3000 };

struct target {
	char host[256];
	int port;
};

static int find_target(struct task *task, struct target *target)
{
	const struct value *spec = task->spec;

	snprintf(target->host, sizeof(target->host), "%s", value_get_text(spec, "host", "127.0.0.1"));
	target->port = (int)value_get_int(spec, "port", 0);
	if (value_get(spec, "host") || !task->provider->probe_target)
		return target->port ? 0 : error_set(&task->err, ERROR_INVALID, "the probe names no port");
	return task->provider->probe_target(&task->env, task->record, spec, target->host,
		sizeof(target->host), &target->port, &task->err);
}

static int64_t probe_timeout(const struct task *task)
{
	return task->probe.timeout ? task->probe.timeout : PROBE_TIMEOUT;
}

static int connect_within(const struct addrinfo *to, int64_t timeout)
{
	int fd = socket(to->ai_family, to->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
	socklen_t len = sizeof(errno);
	int failed = 0;

	if (fd < 0)
		return -1;
	if (connect(fd, to->ai_addr, to->ai_addrlen) < 0 && errno != EINPROGRESS)
		failed = errno;
	else if (poll(&poll_fd, 1, (int)timeout) <= 0)
		failed = ETIMEDOUT;
	else
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len);
	close(fd);
	errno = failed;
	return failed ? -1 : 0;
}

/* Where it lives cannot be said: later perhaps, or never because it has ended. */
static enum readiness no_target(struct task *task)
{
	task->why = task->err.msg;
	return task->err.code == ERROR_FAILED || task->err.code == ERROR_INVALID ? READY_FAILED
										 : READY_WAIT;
}

static enum readiness probe_tcp(struct task *task)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
	struct target target;
	char port[16];
	int result;

	if (find_target(task, &target) < 0)
		return no_target(task);
	snprintf(port, sizeof(port), "%d", target.port);
	result = getaddrinfo(target.host, port, &hints, &list);
	if (result == 0) {
		result = -1;
		for (struct addrinfo *at = list; at && result < 0; at = at->ai_next)
			result = connect_within(at, probe_timeout(task));
		if (result < 0)
			task->why = arena_printf(&task->arena, "connect to %s:%d: %s", target.host,
				target.port, strerror(errno));
		freeaddrinfo(list);
	} else {
		task->why = arena_printf(&task->arena, "no such host: %s", target.host);
	}
	return result == 0 ? READY_YES : READY_WAIT;
}

static const char *probe_url(struct task *task)
{
	const char *url = value_get_text(task->spec, "url", NULL);
	const char *path = value_get_text(task->spec, "path", "/");
	struct target target;

	if (url)
		return url;
	if (find_target(task, &target) < 0)
		return NULL;
	return arena_printf(&task->arena, "%s://%s:%d%s%s",
		value_get_text(task->spec, "scheme", "http"), target.host, target.port,
		*path == '/' ? "" : "/", path);
}

static enum readiness probe_http(struct task *task)
{
	struct http_options options = {.insecure = true, .connect_timeout = probe_timeout(task)};
	struct http_request request = {
		.url = probe_url(task),
		.clock = task->env.clock,
		.deadline = clock_monotonic(task->env.clock) + probe_timeout(task),
		.cancel = task->env.cancel,
		.max_body = 1 << 20,
	};
	struct http_response response = {0};
	cleanup_http struct http_client *client = NULL;

	if (!request.url)
		return no_target(task);
	if (!(client = http_client_new(&options, &task->err)) ||
		http_perform(client, &request, &task->arena, &response, &task->err) < 0) {
		task->why = task->err.msg;
		return READY_WAIT;
	}
	if (response.status >= 200 && response.status < 400)
		return READY_YES;
	task->why = arena_printf(&task->arena, "%s answered %ld", request.url, response.status);
	return READY_WAIT;
}

enum readiness probe_once(struct task *task)
{
	switch (task->probe.kind) {
	case PROBE_NONE:
		return READY_YES;
	case PROBE_TCP:
		return probe_tcp(task);
	case PROBE_HTTP:
		return probe_http(task);
	case PROBE_COMMAND: /* what the plan could not know yet */
		if (value_get(task->spec, "command") &&
			value_has_secret(value_get(task->spec, "command"))) {
			task->why = "its command holds a sensitive value, and others can read it";
			return READY_FAILED;
		}
		break;
	case PROBE_LOG:
	case PROBE_HEALTH:
	case PROBE_RUNNING:
		break;
	}
	if (!task->provider->ready) {
		task->why = "this type cannot be probed that way";
		return READY_FAILED;
	}
	if (task->kind == TASK_AWAIT)
		return task->provider->await(&task->env, task->record, &task->probe, task->spec,
			&task->why);
	return task->provider->ready(&task->env, task->record, &task->probe, task->spec, &task->why);
}
