/*
 * Running a command in a container: create, start, ask for the status. What only prints is a plain
 * streamed reply; what reads, too, takes the connection over (attach.c).
 */
#include "providers/docker/container/type.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* What is to be run, and where it is connected to. */
struct execution {
	const char *id; /* of the container */
	const struct value *argv;
	const struct exec_request *request;
	struct container_demux demux;
};

static bool to_terminal(void *arg, int stream, const char *data, size_t len)
{
	(void)arg;
	while (len) {
		ssize_t n = write(stream, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

static bool feed(void *arg, const char *data, size_t len)
{
	return container_demux_feed(arg, data, len);
}

static struct value text_list(struct arena *arena, const char *const *texts)
{
	struct value_builder list;

	builder_init(&list, arena);
	for (; *texts; texts++)
		builder_push(&list, value_str(arena, *texts));
	return builder_list(&list);
}

static int create(struct docker *docker, const struct execution *execution, const char **exec,
	struct error *err)
{
	struct docker_reply reply;
	struct value_builder map;
	struct value body;

	builder_init(&map, docker->arena);
	builder_put(&map, "Cmd", *execution->argv);
	builder_put_bool(&map, "AttachStdin", execution->request->interactive);
	builder_put_bool(&map, "AttachStdout", true);
	builder_put_bool(&map, "AttachStderr", true);
	builder_put_bool(&map, "Tty", execution->request->tty);
	if (execution->request->user)
		builder_put_str(&map, "User", execution->request->user);
	if (execution->request->directory)
		builder_put_str(&map, "WorkingDir", execution->request->directory);
	if (execution->request->environment)
		builder_put(&map, "Env", text_list(docker->arena, execution->request->environment));
	body = builder_map(&map);
	if (docker_call(docker, "POST", docker_path(docker, "/containers/%s/exec", execution->id),
			&body, &reply, err) < 0)
		return reply.status == 409 ? error_set(err, ERROR_FAILED,
			"container %.12s does not run: start it first", execution->id) : -1;
	*exec = value_get_text(reply.body, "Id", "");
	return 0;
}

static int only_listen(struct docker *docker, struct execution *execution, const char *exec,
	struct error *err)
{
	static const char *const json[] = {"Content-Type: application/json", NULL};
	struct docker_stream stream = {
		.method = "POST",
		.path = docker_path(docker, "/exec/%s/start", exec),
		.headers = json,
		.body = execution->request->tty ? "{\"Detach\":false,\"Tty\":true}"
						: "{\"Detach\":false,\"Tty\":false}",
		.data = feed,
		.arg = &execution->demux,
		.read_size = -1,
	};

	return docker_stream(docker, &stream, NULL, err);
}

static int run(struct docker *docker, struct execution *execution, int *exit_status,
	struct error *err)
{
	const struct exec_request *request = execution->request;
	const struct value *argv = execution->argv;
	struct docker_reply reply;
	const char *exec = NULL;
	int rc;

	if (create(docker, execution, &exec, err) < 0)
		return -1;
	execution->demux.raw = request->tty;
	rc = request->interactive
		? container_attach(docker, exec, request, &execution->demux, err)
		: only_listen(docker, execution, exec, err);
	if (rc < 0 ||
		docker_get(docker, docker_path(docker, "/exec/%s/json", exec), &reply, err) < 0)
		return error_wrap(err, "cannot run '%s' in container %.12s",
			argv->len ? value_text(&argv->items[0], "") : "", execution->id);
	*exit_status = (int)value_get_int(reply.body, "ExitCode", -1);
	return 0;
}

int container_exec(struct docker *docker, struct record *record, struct exec_request *request,
	struct error *err)
{
	struct execution execution = {.id = record->id, .request = request, .demux = {
		.output = request->output ? request->output : to_terminal, .arg = request->arg}};
	struct value argv;

	if (!record->id)
		return error_set(err, ERROR_NOT_FOUND, "%s has no container", record->address);
	if (request->part)
		return error_set(err, ERROR_INVALID, "%s is one container: it has no %s", record->address,
			request->part);
	argv = text_list(docker->arena, request->argv);
	execution.argv = &argv;
	return run(docker, &execution, &request->exit_status, err);
}

static bool collect(void *arg, int stream, const char *data, size_t len)
{
	(void)stream;
	if (arg)
		strbuf_add(arg, data, len);
	return true;
}

int container_run(struct docker *docker, const char *id, const struct value *argv,
	int *exit_status, struct strbuf *output, struct error *err)
{
	static const struct exec_request quiet = {0};
	struct execution execution = {.id = id, .argv = argv, .request = &quiet,
		.demux = {.output = collect, .arg = output}};

	return run(docker, &execution, exit_status, err);
}
