/*
 * Changing a container in place: its name, what bring.c can change, and that it runs. A job runs again.
 */
#include "providers/docker/container/type.h"

#include "base/texts.h"

#include <string.h>

static int rename_to(struct docker *docker, const struct request *request, const char *id,
	const struct value *inspect, struct error *err)
{
	const char *name = docker_request_name(docker, request, "containerName");
	const char *path = docker_path(docker, "/containers/%s/rename?name=%s", id,
		docker_escape(docker, name));

	if (!strcmp(value_get_text(inspect, "Name", "/") + 1, name))
		return 0;
	if (docker_call(docker, "POST", path, NULL, NULL, err) < 0)
		return error_wrap(err, "cannot rename the container to '%s'", name);
	return 0;
}

/* A job has no life to preserve: it is made anew, and runs. */
static int run_again(struct docker *docker, const struct request *request, const char *id,
	struct outcome *outcome, struct error *err)
{
	if (container_remove(docker, id, request->inputs, err) < 0)
		return -1;
	outcome->exists = false;
	outcome->id = NULL;
	return container_create(docker, request, outcome, err);
}

int container_update(struct docker *docker, const struct request *request,
	struct outcome *outcome, struct error *err)
{
	const char *id = docker_request_id(request), *what;
	const struct value *inspect;
	struct value wanted;

	if (!id)
		return error_set(err, ERROR_NOT_FOUND, "%s has no container", request->address);
	outcome->exists = true;
	outcome->id = id;
	if (container_wanted(docker, request->inputs, &wanted, err) < 0 ||
		container_inspect(docker, id, &inspect, err) < 0)
		return -1;
	what = docker_path(docker, "container '%s'", value_get_text(inspect, "Name", "/") + 1);
	if (docker_guard(docker, value_get(value_get(inspect, "Config"), "Labels"), id,
			request->record, what, err) < 0)
		return -1;
	if (value_get_bool(request->inputs, "job", false))
		return run_again(docker, request, id, outcome, err);
	if ((value_get(&wanted, "containerName") || texts_have(request->changed, "containerName")) &&
		rename_to(docker, request, id, inspect, err) < 0)
		return -1;
	if (container_bring(docker, id, inspect, &wanted, request->changed, err) < 0)
		return -1;
	outcome->rests = !container_runs(inspect, request->inputs) &&
		request->record->status == RECORD_STOPPED;
	if (!container_runs(inspect, request->inputs) && !outcome->rests &&
		container_start(docker, id, inspect, request->inputs, err) < 0)
		return -1;
	return container_finish(docker, id, request->inputs, outcome, err);
}
