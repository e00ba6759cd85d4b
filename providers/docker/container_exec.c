/*
 * Running a command in a container: create, start, ask for the status. Output only: the reply to
 * `start` is a plain stream then, and needs no switch of protocols.
 */
#include "providers/docker/container_type.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

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

static int create(struct docker *docker, const char *id, const struct value *argv, bool tty,
	const char **exec, struct error *err)
{
	struct docker_reply reply;
	struct value_builder map;
	struct value body;

	builder_init(&map, docker->arena);
	builder_put(&map, "Cmd", *argv);
	builder_put_bool(&map, "AttachStdout", true);
	builder_put_bool(&map, "AttachStderr", true);
	builder_put_bool(&map, "Tty", tty);
	body = builder_map(&map);
	if (docker_call(docker, "POST", docker_path(docker, "/containers/%s/exec", id), &body, &reply,
			err) < 0)
		return reply.status == 409 ? error_set(err, ERROR_FAILED,
			"container %.12s does not run: start it first", id) : -1;
	*exec = value_get_text(reply.body, "Id", "");
	return 0;
}

static int run(struct docker *docker, const char *id, const struct value *argv, bool tty,
	struct container_demux *demux, int *exit_status, struct error *err)
{
	static const char *const json[] = {"Content-Type: application/json", NULL};
	struct docker_stream stream = {
		.method = "POST",
		.headers = json,
		.body = tty ? "{\"Detach\":false,\"Tty\":true}" : "{\"Detach\":false,\"Tty\":false}",
		.data = feed,
		.arg = demux,
		.read_size = -1,
	};
	struct docker_reply reply;
	const char *exec = NULL;

	if (create(docker, id, argv, tty, &exec, err) < 0)
		return -1;
	demux->raw = tty;
	stream.path = docker_path(docker, "/exec/%s/start", exec);
	if (docker_stream(docker, &stream, NULL, err) < 0 ||
		docker_get(docker, docker_path(docker, "/exec/%s/json", exec), &reply, err) < 0)
		return error_wrap(err, "cannot run '%s' in container %.12s",
			argv->len ? value_text(&argv->items[0], "") : "", id);
	*exit_status = (int)value_get_int(reply.body, "ExitCode", -1);
	return 0;
}

int container_exec(struct docker *docker, struct record *record, struct exec_request *request,
	struct error *err)
{
	struct container_demux demux = {
		.output = request->output ? request->output : to_terminal, .arg = request->arg};
	struct value_builder list;
	struct value argv;

	if (!record->id)
		return error_set(err, ERROR_NOT_FOUND, "%s has no container", record->address);
	builder_init(&list, docker->arena);
	for (const char *const *word = request->argv; *word; word++)
		builder_push(&list, value_str(docker->arena, *word));
	argv = builder_list(&list);
	return run(docker, record->id, &argv, request->tty, &demux, &request->exit_status, err);
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
	struct container_demux demux = {.output = collect, .arg = output};

	return run(docker, id, argv, false, &demux, exit_status, err);
}
