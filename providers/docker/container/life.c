/*
 * The life of a container once it is made: started, stopped, removed, and what is remembered of it. What
 * happens already, or has happened, is a success: whoever died in the middle does it again.
 */
#include "providers/docker/container/type.h"

#include <string.h>
#include <time.h>

/* --- start, stop, remove ------------------------------------------------------------------------ */

/* An engine names the port that is taken, not who has it. */
static int explain_port(struct docker *docker, const char *id, const struct value *inputs,
	struct error *err)
{
	struct error ignored = ERROR_INIT;
	const char *holder, *claim;
	struct docker_reply reply;

	if (!strstr(err->msg, "port") ||
		docker_get(docker, "/containers/json", &reply, &ignored) < 0)
		return -1;
	holder = docker_blocked(docker, reply.body, id, inputs, &claim);
	return holder ? error_set(err, ERROR_FAILED, "%s", holder) : -1;
}

int container_start(struct docker *docker, const char *id, const struct value *inspect,
	const struct value *inputs, struct error *err)
{
	bool paused = value_get_bool(value_get(inspect, "State"), "Paused", false);
	const char *verb = paused ? "unpause" : "start";
	struct error ignored = ERROR_INIT;

	if (docker_call(docker, "POST", docker_path(docker, "/containers/%s/%s", id, verb), NULL, NULL,
			err) == 0)
		return 0;
	explain_port(docker, id, inputs, err);
	if (!inspect)
		container_inspect(docker, id, &inspect, &ignored); /* for its name */
	return error_wrap(err, "cannot start container '%s'",
		value_get_text(inspect, "Name", "/?") + 1);
}

int container_stop(struct docker *docker, const char *id, const struct value *inputs,
	struct error *err)
{
	const char *grace = value_get_text(inputs, "stopGracePeriod", NULL);
	int64_t ms = grace ? duration_parse(grace) : DURATION_INVALID;
	struct docker_reply reply;
	const char *path = docker_path(docker, "/containers/%s/stop", id);

	if (docker->env->stop_timeout)
		ms = *docker->env->stop_timeout;
	/* Without a number the engine takes what the container was made with. */
	if (ms != DURATION_INVALID)
		path = docker_path(docker, "%s?t=%lld", path, (long long)(ms + 999) / 1000);
	if (docker_call(docker, "POST", path, NULL, &reply, err) == 0 || reply.status == 404)
		return 0;
	return error_wrap(err, "cannot stop container %.12s", id);
}

/* The engine is removing it already: waits until it is gone. */
static int wait_gone(struct docker *docker, const char *id, struct error *err)
{
	while (!provider_cancelled(docker->env)) {
		const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};
		struct error own = ERROR_INIT;
		const struct value *inspect;

		if (container_inspect(docker, id, &inspect, &own) < 0) {
			if (own.code == ERROR_NOT_FOUND)
				return 0;
			*err = own;
			return -1;
		}
		nanosleep(&pause, NULL);
	}
	return error_set(err, ERROR_TIMEOUT, "container %.12s is still being removed", id);
}

int container_remove(struct docker *docker, const char *id, const struct value *inputs,
	struct error *err)
{
	struct docker_reply reply;

	if (container_stop(docker, id, inputs, err) < 0)
		return -1;
	/* v=1 takes the anonymous volumes along, which nothing else could ever name; named ones stay. */
	if (docker_call(docker, "DELETE", docker_path(docker, "/containers/%s?v=1&force=1", id), NULL,
			&reply, err) == 0 || reply.status == 404)
		return 0;
	if (reply.status == 409)
		return wait_gone(docker, id, err);
	return error_wrap(err, "cannot remove container %.12s", id);
}

/* Made, but its id was never recorded: found by its mark. */
static int destroy_marked(struct docker *docker, struct record *record, struct error *err)
{
	struct docker_reply reply;

	if (docker_list_ours(docker, "/containers/json?all=1", &reply, err) < 0)
		return -1;
	for (size_t i = 0; reply.body->kind == VALUE_LIST && i < reply.body->len; i++) {
		const struct value *container = &reply.body->items[i];
		struct docker_mark mark = docker_mark(value_get(container, "Labels"));

		if (docker_is_ours(docker, &mark) && !strcmp(mark.address, record->address) &&
			mark.generation == record->generation &&
			container_remove(docker, value_get_text(container, "Id", ""),
				record_inputs(record, NULL), err) < 0)
			return -1;
	}
	return 0;
}

int container_destroy(struct docker *docker, struct record *record, struct error *err)
{
	struct error own = ERROR_INIT;
	const struct value *inspect;
	const char *name;

	if (!record->id)
		return destroy_marked(docker, record, err);
	if (container_inspect(docker, record->id, &inspect, &own) < 0) {
		if (own.code == ERROR_NOT_FOUND)
			return 0;
		*err = own;
		return -1;
	}
	if (strcmp(value_get_text(inspect, "Id", ""), record->id) != 0)
		return 0;
	name = docker_path(docker, "container '%s'", value_get_text(inspect, "Name", "/") + 1);
	if (docker_guard(docker, value_get(value_get(inspect, "Config"), "Labels"), record->id, record,
			name, err) < 0)
		return -1;
	return container_remove(docker, record->id, record_inputs(record, NULL), err);
}

/* --- outcome ------------------------------------------------------------------------------------ */

void container_fill(struct docker *docker, struct container_images *images,
	const struct value *inspect, const struct value *inputs, struct outcome *outcome)
{
	struct value *outputs = arena_alloc(docker->arena, sizeof(*outputs));
	struct value *observed = arena_alloc(docker->arena, sizeof(*observed));

	*outputs = container_outputs(docker->arena, inspect, inputs);
	*observed = container_see(docker, images, inspect, inputs);
	outcome->exists = true;
	outcome->id = value_get_text(inspect, "Id", outcome->id);
	outcome->outputs = outputs;
	outcome->observed = observed;
}

int container_finish(struct docker *docker, const char *id, const struct value *inputs,
	struct outcome *outcome, struct error *err)
{
	struct container_images images = {0};
	const struct value *inspect;

	if (container_inspect(docker, id, &inspect, err) < 0)
		return -1;
	container_fill(docker, &images, inspect, inputs, outcome);
	return 0;
}
