/*
 * The life of a container: made, started, stopped, removed. An engine makes and starts in two steps,
 * and finds many mistakes only at the second; so what can be checked is checked before the first, and
 * from the moment of the first the outcome says that there is something. Whoever calls again, after a
 * death at any point, finds it by its name and the mark of the same intent, and goes on from there.
 */
#include "providers/docker/container_type.h"

#include "base/fs.h"
#include "providers/docker/container_parse.h"

#include <string.h>
#include <time.h>

#define NAME_KEY "containerName"

/* --- what must be there before ------------------------------------------------------------------ */

static int ensure_image(struct docker *docker, const struct value *inputs, const char *reference,
	struct error *err)
{
	const char *pull = value_get_text(inputs, "pull", "missing");
	const char *platform = value_get_text(inputs, "platform", NULL);
	struct error own = ERROR_INIT;
	const struct value *image;

	if (strcmp(pull, "always") != 0 || !strncmp(reference, "sha256:", 7)) {
		if (docker_image_seen(docker, reference, &image, &own) == 0)
			return 0;
		if (own.code != ERROR_NOT_FOUND) {
			*err = own;
			return -1;
		}
		if (!strncmp(reference, "sha256:", 7))
			return error_set(err, ERROR_INVALID,
				"image %s is not on this engine, and an id cannot be pulled: "
				"refer to a docker_image resource", reference);
		if (!strcmp(pull, "never"))
			return error_set(err, ERROR_INVALID,
				"image '%s' is not on this engine, and pull is never: pull it, or add a "
				"docker_image resource that builds it", reference);
	}
	if (docker_pull(docker, reference, platform, err) < 0)
		return error_wrap(err,
			"image '%s' cannot be pulled (add a docker_image resource to build it)",
			reference);
	return 0;
}

/* Paths can be looked at only where the engine is on this machine; another one says so itself. */
static int ensure_folder(struct docker *docker, const struct container_mount *mount,
	struct error *err)
{
	const char *path = container_host_path(docker->arena, docker->env->project_root, mount->source);

	if (strncmp(docker->where, "unix://", 7) != 0 || fs_exists(path))
		return 0;
	if (mount->create)
		return fs_make_dirs(path, 0755, docker->arena, NULL, err);
	return error_set(err, ERROR_INVALID,
		"volumes: '%s' does not exist, and would be mounted at %s: make it, or write "
		"createHostPath: true", mount->source, mount->target);
}

static int ensure_volume(struct docker *docker, const char *name, struct error *err)
{
	struct error own = ERROR_INIT;

	if (docker_get(docker, docker_path(docker, "/volumes/%s", docker_escape(docker, name)), NULL,
			&own) == 0)
		return 0;
	*err = own;
	if (own.code != ERROR_NOT_FOUND)
		return -1;
	return error_set(err, ERROR_INVALID,
		"volumes: there is no volume '%s': add a docker_volume resource and write "
		"${docker_volume.NAME.name}", name);
}

static int ensure_mounts(struct docker *docker, const struct value *inputs, struct error *err)
{
	const struct value *volumes = value_get(inputs, "volumes");
	struct diags quiet;

	diags_init(&quiet, docker->arena);
	for (size_t i = 0; volumes && volumes->kind == VALUE_LIST && i < volumes->len; i++) {
		struct container_mount mount;

		if (container_mount(&volumes->items[i], docker->arena, &mount, &quiet) < 0)
			continue;
		if (mount.subpath && !docker_knows(docker, DOCKER_MOUNT_SUBPATH))
			return error_set(err, ERROR_INVALID,
				"volumes: subpath needs Docker Engine 26 or newer");
		if (!strcmp(mount.type, "bind") && ensure_folder(docker, &mount, err) < 0)
			return -1;
		if (!strcmp(mount.type, "volume") && *mount.source &&
			ensure_volume(docker, mount.source, err) < 0)
			return -1;
	}
	return 0;
}

static int ensure_networks(struct docker *docker, const struct value *networks, struct error *err)
{
	for (size_t i = 0; networks && i < networks->len; i++) {
		const char *name = value_get_text(&networks->items[i], "name", "");
		struct error own = ERROR_INIT;

		if (docker_get(docker, docker_path(docker, "/networks/%s",
				docker_escape(docker, name)), NULL, &own) == 0)
			continue;
		*err = own;
		if (own.code != ERROR_NOT_FOUND)
			return -1;
		return error_set(err, ERROR_INVALID,
			"networks: there is no network '%s': add a docker_network resource and write "
			"${docker_network.NAME.name}", name);
	}
	return 0;
}

/* --- create ------------------------------------------------------------------------------------- */

/* Is the name free? *id: it is taken by what the same intent made, which is to be finished. */
static int check_name(struct docker *docker, const char *name, const char **id, struct error *err)
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
	if (docker_is_intent(docker, &mark)) {
		*id = value_get_text(inspect, "Id", "");
		return 0;
	}
	if (docker_owner(docker, labels, NULL, &owner) == OWNER_US)
		owner = mark.address;
	return error_set(err, ERROR_CONFLICT,
		"a container '%s' exists already (%.12s, belongs to %s): import it, remove it, or choose "
		"another " NAME_KEY, name, value_get_text(inspect, "Id", ""), owner);
}

int container_connect(struct docker *docker, const char *id, const struct value *network,
	struct error *err)
{
	const char *name = value_get_text(network, "name", "");
	struct docker_reply reply;
	struct value_builder map;
	struct value body;

	builder_init(&map, docker->arena);
	builder_put_str(&map, "Container", id);
	builder_put(&map, "EndpointConfig", container_endpoint(docker->arena, network));
	body = builder_map(&map);
	if (docker_call(docker, "POST", docker_path(docker, "/networks/%s/connect",
			docker_escape(docker, name)), &body, &reply, err) == 0)
		return 0;
	if (reply.status == 403 && err && strstr(err->msg, "already exists in network"))
		return 0;
	return error_wrap(err, "cannot connect to network '%s'", name);
}

static int make(struct docker *docker, const struct request *request, const struct value *wanted,
	const char *name, const char **id, struct error *err)
{
	const char *platform = value_get_text(request->inputs, "platform", NULL);
	struct value labels = docker_labels(docker, request->address, request->generation,
		value_get(wanted, "labels"));
	struct value body = container_create_body(docker->arena, docker->env->project_root, wanted,
		&labels);
	struct docker_reply reply;
	const char *path = docker_path(docker, "/containers/create?name=%s%s%s",
		docker_escape(docker, name), platform ? "&platform=" : "",
		platform ? http_escape(docker->arena, platform, "") : "");

	if (value_get(value_get(wanted, "healthcheck"), "startInterval") &&
		!docker_knows(docker, DOCKER_START_INTERVAL))
		return error_set(err, ERROR_INVALID,
			"healthcheck: startInterval needs Docker Engine 25 or newer");
	if (docker_call(docker, "POST", path, &body, &reply, err) == 0) {
		*id = value_get_text(reply.body, "Id", "");
		return 0;
	}
	/* Taken since it was looked up: say by whom. */
	if (reply.status == 409 && check_name(docker, name, id, err) == 0 && *id)
		return 0;
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

/* Made by a run that died, for inputs that have changed since in a way that needs a new container. */
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
		*outdated = container_needs_replacing(docker, &images, inspect, request->inputs);
	return 0;
}

static int find_or_make(struct docker *docker, const struct request *request,
	const struct value *wanted, struct outcome *outcome, bool *made, struct error *err)
{
	const char *name = docker_request_name(docker, request, NAME_KEY);
	const char *id = request->adopt ? docker_request_id(request) : NULL;
	bool outdated = false;

	*made = false;
	if (!id && check_name(docker, name, &id, err) < 0)
		return -1;
	if (id) {
		outcome->exists = true;
		outcome->id = id;
		if (is_outdated(docker, request, id, &outdated, err) < 0)
			return -1;
		if (!outdated)
			return 0;
		if (container_remove(docker, id, request->inputs, err) < 0)
			return -1;
		outcome->exists = false;
		outcome->id = NULL;
	}
	if (ensure_image(docker, request->inputs, value_get_text(wanted, "image", ""), err) < 0 ||
		ensure_mounts(docker, request->inputs, err) < 0 ||
		ensure_networks(docker, value_get(wanted, "networks"), err) < 0 ||
		make(docker, request, wanted, name, &id, err) < 0)
		return -1;
	outcome->exists = true;
	outcome->id = id;
	*made = true;
	return 0;
}

/* The engine died while it started it: its runtime knows it, its books do not, and it never starts. */
static bool is_stuck(const struct error *err)
{
	return strstr(err->msg, ": task ") && strstr(err->msg, ": already exists");
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
	return container_finish(docker, outcome->id, request->inputs, outcome, err);
}

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
	holder = container_blocked(docker, reply.body, id, inputs, &claim);
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

int container_finish(struct docker *docker, const char *id, const struct value *inputs,
	struct outcome *outcome, struct error *err)
{
	struct container_images images = {0};
	struct value *outputs = arena_alloc(docker->arena, sizeof(*outputs));
	struct value *observed = arena_alloc(docker->arena, sizeof(*observed));
	const struct value *inspect;

	if (container_inspect(docker, id, &inspect, err) < 0)
		return -1;
	*outputs = container_outputs(docker->arena, inspect, inputs);
	*observed = container_see(docker, &images, inspect, inputs);
	outcome->exists = true;
	outcome->id = value_get_text(inspect, "Id", id);
	outcome->outputs = outputs;
	outcome->observed = observed;
	return 0;
}

/* It started and ended at once: no later probe would say it better. */
static int check_alive(struct docker *docker, const struct request *request,
	struct outcome *outcome, struct error *err)
{
	const struct value *inspect;

	if (container_inspect(docker, outcome->id, &inspect, err) < 0)
		return -1;
	if (container_runs(inspect, request->inputs))
		return 0;
	outcome->output = container_last_lines(docker, outcome->id, 20);
	return error_set(err, ERROR_FAILED,
		"container '%s' is %s right after its start (mustRun: false if it may end)",
		value_get_text(inspect, "Name", "/") + 1, container_health(docker->arena, inspect));
}

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

int container_apply(struct docker *docker, const struct request *request, struct outcome *outcome,
	struct error *err)
{
	if (request->act == ACT_START || request->act == ACT_STOP)
		return power(docker, request, outcome, err);
	if (request->act == ACT_UPDATE)
		return container_update(docker, request, outcome, err);
	if (container_create(docker, request, outcome, err) < 0)
		return -1;
	return check_alive(docker, request, outcome, err);
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
	.probe_target = container_probe_target,
	.import = container_import,
	.logs = container_logs,
	.exec = container_exec,
};
