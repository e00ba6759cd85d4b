/*
 * docker_container: what the provider knows of the type, and which file does what it is asked for.
 */
#include "providers/docker/container/type.h"

static int power(struct docker *docker, const struct request *request, struct outcome *outcome,
	struct error *err)
{
	const struct value *inputs = request->inputs, *inspect;
	const char *id = request->record ? request->record->id : NULL;

	if (!inputs)
		inputs = request->record ? record_inputs(request->record, NULL) : &value_empty_map;
	if (!id)
		return error_set(err, ERROR_NOT_FOUND, "%s has no container", request->address);
	outcome->exists = true;
	outcome->id = id;
	if (request->act == ACT_STOP) {
		if (container_stop(docker, id, inputs, err) < 0)
			return -1;
	} else if (container_inspect(docker, id, &inspect, err) < 0 ||
		   container_start(docker, id, inspect, inputs, err) < 0) {
		return -1;
	}
	return container_finish(docker, id, inputs, outcome, err);
}

static int container_apply(struct docker *docker, const struct request *request,
	struct outcome *outcome, struct error *err)
{
	if (request->act == ACT_START || request->act == ACT_STOP)
		return power(docker, request, outcome, err);
	if (request->act == ACT_UPDATE)
		return container_update(docker, request, outcome, err);
	return container_create(docker, request, outcome, err);
}

const struct docker_type docker_type_container = {
	.name = "docker_container",
	.validate = container_validate,
	.claims = container_claims,
	.unique_ids = true,
	.ahead = container_ahead,
	.observe = container_observe,
	.apply = container_apply,
	.destroy = container_destroy,
	.ready = container_ready,
	.await = container_await,
	.probe_target = container_probe_target,
	.import = container_import,
	.logs = container_logs,
	.exec = container_exec,
	.copy = container_copy,
};
