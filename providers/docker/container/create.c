/*
 * Making a container. An engine makes and starts in two steps, and finds many mistakes only at the
 * second; so what it would find late is checked before the first, and from the moment of the first the
 * outcome says that there is something. Whoever calls again, after a death at any point, is told that
 * the name is taken, finds the mark of the same intent there, and goes on from that.
 */
#include "providers/docker/container/type.h"

#include <string.h>

#define NAME_KEY "containerName"

/* Is the name free? *id: it is taken by what was made for the same, which is to be finished. */
static int check_name(struct docker *docker, const struct request *request, const char *name,
	const char **id, struct error *err)
{
	struct error own = ERROR_INIT;
	const char *owner = "nobody that it names";
	const struct value *inspect, *labels;
	struct docker_mark mark;

	*id = NULL;
	if (container_inspect(docker, name, &inspect, &own) < 0) {
		if (own.code == ERROR_NOT_FOUND)
			return 0;
		*err = own;
		return -1;
	}
	if (strcmp(value_get_text(inspect, "Name", "/") + 1, name) != 0)
		return 0; /* a prefix of an id */
	labels = value_get(value_get(inspect, "Config"), "Labels");
	mark = docker_mark(labels);
	if (docker_is_request(docker, request, &mark)) {
		*id = value_get_text(inspect, "Id", "");
		return 0;
	}
	if (docker_owner(docker, labels, NULL, &owner) == OWNER_US)
		owner = mark.address;
	return error_set(err, ERROR_CONFLICT,
		"a container '%s' exists already (%.12s, belongs to %s): import it, remove it, or choose "
		"another " NAME_KEY, name, value_get_text(inspect, "Id", ""), owner);
}

/* POST of what is wanted. *id: what came of it, or what was made for the same before under that name. */
static int make(struct docker *docker, const struct request *request, const struct value *wanted,
	const char **id, bool *made, struct error *err)
{
	const char *name = docker_request_name(docker, request, NAME_KEY);
	const char *platform = value_get_text(request->inputs, "platform", NULL);
	const char *image = value_get_text(wanted, "image", "");
	struct value labels = docker_labels(docker, request->address, request->generation,
		value_get(wanted, "labels"));
	struct value body = container_create_body(docker->arena, docker->env->project_root, wanted,
		&labels);
	struct error own = ERROR_INIT;
	struct docker_reply reply;
	const char *path = docker_path(docker, "/containers/create?name=%s%s%s",
		docker_escape(docker, name), platform ? "&platform=" : "",
		platform ? http_escape(docker->arena, platform, "") : "");

	*made = docker_call(docker, "POST", path, &body, &reply, &own) == 0;
	if (!*made && reply.status == 404) { /* no such image, most likely */
		if (container_needs_image(docker, request->inputs, image, err) < 0)
			return -1;
		own = (struct error)ERROR_INIT;
		*made = docker_call(docker, "POST", path, &body, &reply, &own) == 0;
	}
	if (*made) {
		*id = value_get_text(reply.body, "Id", "");
		return 0;
	}
	if (reply.status == 409 && check_name(docker, request, name, id, err) < 0)
		return -1;
	if (reply.status == 409 && *id)
		return 0;
	if (reply.status == 409) /* it has the name already, and is seen when it is made */
		own.code = ERROR_TRANSIENT;
	*err = own;
	return error_wrap(err, "cannot create container '%s'", name);
}

/* Starts it if it does not run yet, and for a job waits for its end. */
static int set_going(struct docker *docker, const char *id, bool made, const struct value *inputs,
	struct outcome *outcome, struct error *err)
{
	bool job = value_get_bool(inputs, "job", false);
	const struct value *inspect = NULL;

	if (!made && container_inspect(docker, id, &inspect, err) < 0)
		return -1;
	if ((made || !container_runs(inspect, inputs)) &&
		container_start(docker, id, inspect, inputs, err) < 0)
		return -1;
	return job ? container_wait(docker, id, outcome, err) : 0;
}

/* What is there already, from the same intent or taken over, brought to what is wanted. */
static int finish_half(struct docker *docker, const struct request *request, const char *id,
	const struct value *wanted, struct error *err)
{
	const struct value *inspect;

	if (container_inspect(docker, id, &inspect, err) < 0)
		return -1;
	return container_bring(docker, id, inspect, wanted, request->changed, err);
}

/* A job that failed or was interrupted (an engine that dies over it says 255) runs again. */
static bool has_failed(const struct value *inspect, const struct value *inputs)
{
	const struct value *state = value_get(inspect, "State");

	return value_get_bool(inputs, "job", false) &&
	       !strcmp(value_get_text(state, "Status", ""), "exited") &&
	       value_get_int(state, "ExitCode", 0) != 0;
}

/*
 * Made by a run that died, for inputs that have changed since in a way that needs a new container; or a
 * job that came to a bad end since.
 */
static int is_outdated(struct docker *docker, const struct request *request, const char *id,
	bool *outdated, struct error *err)
{
	struct container_images images = {0};
	const struct value *inspect;
	const char *ignored;

	*outdated = false;
	if (container_inspect(docker, id, &inspect, err) < 0)
		return -1;
	if (docker_owner(docker, value_get(value_get(inspect, "Config"), "Labels"), request->address,
			&ignored) == OWNER_US)
		*outdated = has_failed(inspect, request->inputs) ||
			container_needs_replacing(docker, &images, inspect, request->inputs);
	return 0;
}

static int make_or_find(struct docker *docker, const struct request *request,
	const struct value *wanted, struct outcome *outcome, bool *made, struct error *err)
{
	const char *id = NULL;

	if (container_needs(docker, request, wanted, err) < 0 ||
		make(docker, request, wanted, &id, made, err) < 0)
		return -1;
	outcome->exists = true;
	outcome->id = id;
	return 0;
}

static int find_or_make(struct docker *docker, const struct request *request,
	const struct value *wanted, struct outcome *outcome, bool *made, struct error *err)
{
	bool outdated = false;

	*made = false;
	outcome->id = request->adopt ? docker_request_id(request) : NULL;
	outcome->exists = outcome->id != NULL;
	if (!outcome->id && make_or_find(docker, request, wanted, outcome, made, err) < 0)
		return -1;
	if (*made)
		return 0;
	if (is_outdated(docker, request, outcome->id, &outdated, err) < 0)
		return -1;
	if (!outdated)
		return 0;
	if (container_remove(docker, outcome->id, request->inputs, err) < 0)
		return -1;
	*outcome = (struct outcome){0};
	return make_or_find(docker, request, wanted, outcome, made, err);
}

/*
 * The engine died while it started it: its runtime knows it, or has begun a folder for it; its books do
 * not, and it never starts.
 */
static bool is_stuck(const struct error *err)
{
	return (strstr(err->msg, ": task ") && strstr(err->msg, ": already exists")) ||
		(strstr(err->msg, "failed to start shim: mkdir ") && strstr(err->msg, ": file exists"));
}

static int make_anew(struct docker *docker, const struct request *request, struct outcome *outcome,
	struct error *err)
{
	struct request again = *request;

	if (container_remove(docker, outcome->id, request->inputs, err) < 0)
		return -1;
	*outcome = (struct outcome){0};
	*err = (struct error)ERROR_INIT;
	again.adopt = false;
	return container_create(docker, &again, outcome, err);
}

/* Just started. When it ended at once, no later probe would say it better. */
static int finish_alive(struct docker *docker, bool made, const struct value *inputs,
	struct outcome *outcome, struct error *err)
{
	struct container_image its = {0};
	struct container_images images = {.items = &its};
	const struct value *inspect;

	if (container_inspect(docker, outcome->id, &inspect, err) < 0)
		return -1;
	if (made) { /* from what its reference meant just now */
		its.reference = value_get_text(value_get(inspect, "Config"), "Image", "");
		its.id = value_get_text(inspect, "Image", NULL);
		images.n = images.cap = 1;
	}
	container_fill(docker, &images, inspect, inputs, outcome);
	if (container_runs(inspect, inputs))
		return 0;
	outcome->output = container_last_lines(docker, outcome->id, 20);
	return error_set(err, ERROR_FAILED,
		"container '%s' is %s right after its start (mustRun: false if it may end)",
		value_get_text(inspect, "Name", "/") + 1, container_health(docker->arena, inspect));
}

int container_create(struct docker *docker, const struct request *request,
	struct outcome *outcome, struct error *err)
{
	const struct value *networks;
	struct value wanted;
	bool made;

	if (container_wanted(docker, request->inputs, &wanted, err) < 0 ||
		find_or_make(docker, request, &wanted, outcome, &made, err) < 0)
		return -1;
	networks = value_get(&wanted, "networks");
	for (size_t i = 1; made && networks && i < networks->len; i++)
		if (container_connect(docker, outcome->id, &networks->items[i], err) < 0)
			return -1;
	if (!made && finish_half(docker, request, outcome->id, &wanted, err) < 0)
		return -1;
	if (set_going(docker, outcome->id, made, request->inputs, outcome, err) < 0)
		return made || !is_stuck(err) ? -1 : make_anew(docker, request, outcome, err);
	return finish_alive(docker, made, request->inputs, outcome, err);
}
