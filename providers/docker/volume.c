/*
 * docker_volume. POST /volumes/create gives back the old volume when there is one of that name, and
 * silently ignores the new labels: so we look first, and afterwards the labels that came back are the
 * only proof that it is ours. A volume's id is its name.
 */
#include "providers/docker/docker.h"

#include <stdlib.h>
#include <string.h>

#define NAME_KEY "volumeName"

static const struct value *attributes_of(struct docker *docker, const struct value *volume,
	const struct observation *item)
{
	struct value_builder map;
	struct value *out = arena_alloc(docker->arena, sizeof(*out));

	builder_init(&map, docker->arena);
	builder_put_str(&map, NAME_KEY, value_get_text(volume, "Name", ""));
	builder_put_str(&map, "driver", value_get_text(volume, "Driver", ""));
	builder_put(&map, "driverOpts", docker_texts(docker, value_get(volume, "Options"),
		docker_wish(item, "driverOpts")));
	builder_put(&map, "labels", docker_own_labels(docker, value_get(volume, "Labels"), NULL));
	*out = builder_map(&map);
	return out;
}

static struct value wanted_of(struct docker *docker, const struct value *inputs, const char *name)
{
	struct value_builder map;

	builder_init(&map, docker->arena);
	builder_put_str(&map, NAME_KEY, name);
	builder_put_str(&map, "driver", value_get_text(inputs, "driver", "local"));
	builder_put(&map, "driverOpts", docker_texts(docker, value_get(inputs, "driverOpts"), NULL));
	builder_put(&map, "labels", docker_texts(docker, value_get(inputs, "labels"), NULL));
	return builder_map(&map);
}

static const struct value *outputs_of(struct docker *docker, const struct value *volume)
{
	struct value_builder map;
	struct value *out = arena_alloc(docker->arena, sizeof(*out));

	builder_init(&map, docker->arena);
	builder_put_str(&map, "name", value_get_text(volume, "Name", ""));
	builder_put_str(&map, "driver", value_get_text(volume, "Driver", ""));
	builder_put_str(&map, "mountpoint", value_get_text(volume, "Mountpoint", ""));
	*out = builder_map(&map);
	return out;
}

static void describe(struct docker *docker, struct observation *item, const struct value *volume)
{
	docker_describe(docker, item, value_get_text(volume, "Name", ""), value_get(volume, "Labels"));
	item->attributes = attributes_of(docker, volume, item);
	item->outputs = outputs_of(docker, volume);
	if (item->desired && value_is_known(item->desired)) {
		struct value wanted = wanted_of(docker, item->desired,
			docker_name(docker, item, NAME_KEY));

		item->matches = value_equal(&wanted, item->attributes);
	}
}

/* NULL in *volume: there is none. */
static int find_volume(struct docker *docker, const char *name, const struct value **volume,
	struct error *err)
{
	struct error own = ERROR_INIT;
	struct docker_reply reply;

	*volume = NULL;
	if (docker_get(docker, docker_path(docker, "/volumes/%s", docker_escape(docker, name)), &reply,
			&own)) {
		if (own.code == ERROR_NOT_FOUND)
			return 0;
		*err = own;
		return -1;
	}
	*volume = reply.body;
	return 0;
}

/* Not among the marked ones: imported, gone, or its name is taken. */
static int observe_other(struct docker *docker, struct observation *item, struct error *err)
{
	const struct value *volume = NULL;
	const char *name = NULL;

	item->presence = PRESENCE_ABSENT;
	if (item->record && item->record->id)
		name = item->record->id;
	else if (item->desired)
		name = docker_name(docker, item, NAME_KEY);
	if (name && find_volume(docker, name, &volume, err))
		return -1;
	if (volume)
		describe(docker, item, volume);
	return 0;
}

static void ahead(struct docker *docker, const struct docker_observe *observe,
	void (*ask)(void *arg, const char *path, bool slow), void *arg)
{
	(void)observe;
	ask(arg, docker_path_ours(docker, "/volumes"), false);
}

static int observe(struct docker *docker, struct docker_observe *observe, struct error *err)
{
	struct docker_reply reply;
	const struct value *list;

	if (docker_list_ours(docker, "/volumes", &reply, err))
		return -1;
	list = value_get(reply.body, "Volumes"); /* null when there is none */
	for (uint32_t i = 0; list && list->kind == VALUE_LIST && i < list->len; i++) {
		const struct value *volume = &list->items[i];
		const char *name = value_get_text(volume, "Name", "");
		struct docker_mark mark = docker_mark(value_get(volume, "Labels"));
		struct observation *item = docker_match(docker, observe, name, &mark);

		if (item)
			describe(docker, item, volume);
		else
			docker_stray(docker, observe, "docker_volume", &mark, name, name);
	}
	for (size_t i = 0; i < observe->n; i++)
		if (observe->items[i]->presence == PRESENCE_UNKNOWN &&
			observe_other(docker, observe->items[i], err))
			return -1;
	return 0;
}

/* --- apply -------------------------------------------------------------------------------------- */

static int taken(struct docker *docker, const char *name, const struct value *volume,
	struct error *err)
{
	const char *message = "nothing of ours";
	struct docker_mark mark = docker_mark(value_get(volume, "Labels"));

	if (docker_owner(docker, value_get(volume, "Labels"), NULL, &message) == OWNER_US)
		message = mark.address;
	return error_set(err, ERROR_CONFLICT,
		"a volume '%s' exists already (belongs to %s): import it, or choose another " NAME_KEY, name,
		message);
}

static int create(struct docker *docker, const struct request *request, const char *name,
	const struct value **volume, struct error *err)
{
	const struct value *inputs = request->inputs;
	struct value_builder body;
	struct docker_reply reply;
	struct docker_mark mark;
	struct value whole;

	if (find_volume(docker, name, volume, err))
		return -1;
	if (*volume) {
		mark = docker_mark(value_get(*volume, "Labels"));
		return docker_is_request(docker, request, &mark) ? 0 : taken(docker, name, *volume, err);
	}
	builder_init(&body, docker->arena);
	builder_put_str(&body, "Name", name);
	builder_put_str(&body, "Driver", value_get_text(inputs, "driver", "local"));
	builder_put(&body, "DriverOpts", docker_texts(docker, value_get(inputs, "driverOpts"), NULL));
	builder_put(&body, "Labels", docker_labels(docker, request->address, request->generation,
		value_get(inputs, "labels")));
	whole = builder_map(&body);
	/* The engine looks for a plugin of an unknown driver for 15 s: env->deadline ends it sooner. */
	if (docker_call(docker, "POST", "/volumes/create", &whole, &reply, err))
		return error_wrap(err, "cannot create volume '%s'", name);
	*volume = reply.body;
	mark = docker_mark(value_get(reply.body, "Labels"));
	return docker_is_request(docker, request, &mark) ? 0 : taken(docker, name, reply.body, err);
}

static int apply(struct docker *docker, const struct request *request, struct outcome *outcome,
	struct error *err)
{
	struct observation item = {.address = request->address, .type = request->type,
		.desired = request->inputs, .record = request->record};
	const char *name = docker_request_id(request);
	const struct value *volume = NULL;

	if (request->act == ACT_START || request->act == ACT_STOP)
		return error_set(err, ERROR_INVALID, "a volume cannot be started or stopped");
	if (name) {
		if (find_volume(docker, name, &volume, err))
			return -1;
		if (!volume)
			return error_set(err, ERROR_FAILED, "volume '%s' is gone", name);
	} else if (create(docker, request, docker_request_name(docker, request, NAME_KEY), &volume,
			   err)) {
		return -1;
	}
	describe(docker, &item, volume);
	outcome->exists = true;
	outcome->id = item.id;
	outcome->outputs = item.outputs;
	outcome->observed = item.attributes;
	return 0;
}

/* --- destroy ------------------------------------------------------------------------------------ */

/* The containers that hold it, running or not. */
static const char *holders(struct docker *docker, const char *name)
{
	cleanup_strbuf struct strbuf names = STRBUF_INIT;
	struct docker_reply reply;

	if (docker_get(docker, docker_path(docker, "/containers/json?all=1&%s",
			docker_filters(docker, "volume", name, NULL)), &reply, NULL))
		return "containers";
	for (uint32_t i = 0; reply.body->kind == VALUE_LIST && i < reply.body->len; i++) {
		const char *text = value_text(value_path(&reply.body->items[i], "Names[0]"), "/?");

		strbuf_addf(&names, "%s%s", i ? ", " : "", text + (*text == '/'));
	}
	return arena_strdup(docker->arena, names.len ? names.text : "containers that it does not name");
}

static int destroy(struct docker *docker, struct record *record, struct error *err)
{
	const struct value *volume;
	struct docker_reply reply;

	if (!record->id)
		return 0;
	if (find_volume(docker, record->id, &volume, err))
		return -1;
	if (!volume)
		return 0;
	if (docker_guard(docker, value_get(volume, "Labels"), record->id, record,
			arena_printf(docker->arena, "volume '%s'", record->id), err))
		return -1;
	if (!docker_call(docker, "DELETE", docker_path(docker, "/volumes/%s",
			docker_escape(docker, record->id)), NULL, &reply, err) || reply.status == 404)
		return 0;
	if (reply.status == 409)
		return error_set(err, ERROR_FAILED,
			"volume '%s' is still used by %s: remove them first", record->id,
			holders(docker, record->id));
	return error_wrap(err, "cannot remove volume '%s'", record->id);
}

/* --- the rest ----------------------------------------------------------------------------------- */

static int import(struct docker *docker, const struct type *type, const char *id,
	struct observation *out, struct error *err)
{
	const struct value *volume;

	out->type = type;
	if (find_volume(docker, id, &volume, err))
		return -1;
	if (!volume)
		return error_set(err, ERROR_NOT_FOUND, "there is no volume '%s'", id);
	describe(docker, out, volume);
	return 0;
}

static void validate(const struct resource *resource, struct diags *diags)
{
	docker_validate_labels(resource->attributes, diags);
}

const struct docker_type docker_type_volume = {
	.name = "docker_volume",
	.validate = validate,
	.ahead = ahead,
	.observe = observe,
	.apply = apply,
	.destroy = destroy,
	.import = import,
};
