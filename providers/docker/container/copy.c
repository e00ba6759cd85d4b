/*
 * Changed files into a running container: one archive that the engine itself unpacks, so that the image
 * needs no tar. What is gone here is removed there, which needs an rm.
 */
#include "providers/docker/container/type.h"

#include "base/tar.h"

static int fill(struct tar *tar, const struct copy_request *request, struct error *err)
{
	for (size_t i = 0; i < request->n; i++)
		if (request->items[i].from &&
			tar_add(tar, request->items[i].to, request->items[i].from, err) < 0)
			return -1;
	return 0;
}

static int put(struct docker *docker, const char *id, const struct copy_request *request,
	struct error *err)
{
	static const char *const headers[] = {"Content-Type: application/x-tar", NULL};
	cleanup_tar struct tar tar = {.arena = docker->arena, .times = true, .fd = -1,
		.pending = STRBUF_INIT};
	struct docker_stream stream = {
		.method = "PUT",
		.path = docker_path(docker, "/containers/%s/archive?path=/", docker_escape(docker, id)),
		.headers = headers,
		.read = tar_read,
		.read_arg = &tar,
		.read_size = -1,
	};

	hasher_init(&tar.hasher);
	if (fill(&tar, request, err) < 0)
		return -1;
	return tar.n ? docker_stream(docker, &stream, NULL, err) : 0;
}

static int take_out(struct docker *docker, const char *id, const struct copy_request *request,
	struct error *err)
{
	cleanup_strbuf struct strbuf output = STRBUF_INIT;
	struct value_builder list;
	struct value argv;
	size_t n = 0;
	int status;

	builder_init(&list, docker->arena);
	builder_push(&list, value_str(docker->arena, "rm"));
	builder_push(&list, value_str(docker->arena, "-rf"));
	builder_push(&list, value_str(docker->arena, "--"));
	for (size_t i = 0; i < request->n; i++) {
		if (request->items[i].from)
			continue;
		builder_push(&list, value_str(docker->arena, request->items[i].to));
		n++;
	}
	argv = builder_list(&list);
	if (!n)
		return 0;
	if (container_run(docker, id, &argv, &status, &output, err) < 0)
		return -1;
	if (status == 126 || status == 127)
		return error_set(err, ERROR_FAILED, "its image has no rm: what was removed here stays in "
			"the container until it is made anew");
	return status ? error_set(err, ERROR_FAILED, "rm in the container exited with status %d: %s",
			status, output.text) : 0;
}

int container_copy(struct docker *docker, struct record *record, const struct copy_request *request,
	struct error *err)
{
	if (!record->id)
		return error_set(err, ERROR_NOT_FOUND, "%s has no container", record->address);
	if (put(docker, record->id, request, err) < 0 || take_out(docker, record->id, request, err) < 0)
		return -1;
	if (!request->restart)
		return 0;
	return docker_call(docker, "POST", docker_path(docker, "/containers/%s/restart",
		docker_escape(docker, record->id)), NULL, NULL, err);
}
