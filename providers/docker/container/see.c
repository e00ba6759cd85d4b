/*
 * What an inspect says, in the terms of the manifest: attributes, outputs, whether it runs. Reading
 * needs two answers that an inspect does not hold: which image a tag names now (it may have moved on),
 * and whose id stands in container:ID. Where these cannot be had, what the inspect says stands.
 */
#include "providers/docker/container/type.h"

#include "model/env_file.h"
#include "providers/docker/container/parse.h"

#include <stdlib.h>
#include <string.h>

const char *container_path(struct docker *docker, const char *id)
{
	return docker_path(docker, "/containers/%s/json", docker_escape(docker, id));
}

int container_inspect(struct docker *docker, const char *id, const struct value **inspect,
	struct error *err)
{
	struct docker_reply reply;

	if (docker_get(docker, container_path(docker, id), &reply, err) < 0)
		return -1;
	*inspect = reply.body;
	return 0;
}

/* --- what is wanted ----------------------------------------------------------------------------- */

int container_normal(struct docker *docker, const struct value *inputs, struct value *out,
	struct error *err)
{
	struct diags diags;
	struct container_context context = {
		.arena = docker->arena,
		.project_root = docker->env->project_root,
		.diags = &diags,
	};

	diags_init(&diags, docker->arena);
	if (container_normalise(&context, inputs, out) == 0)
		container_check(&context, out, inputs);
	if (!diags.errors)
		return 0;
	return error_set(err, ERROR_INVALID, "%s%s%s", diags.items[0].message,
		diags.items[0].hint ? ": " : "", diags.items[0].hint ? diags.items[0].hint : "");
}

int container_wanted(struct docker *docker, const struct value *inputs, struct value *out,
	struct error *err)
{
	const struct value *own;
	struct value files;
	struct value_builder all, map;

	if (container_normal(docker, inputs, out, err) < 0)
		return -1;
	if (!value_get(inputs, "envFile"))
		return 0;
	if (env_files_read(docker->arena, provider_content(docker->env, "."), value_get(inputs, "envFile"),
		    &files, err) < 0)
		return -1;
	own = value_get(out, "environment");
	builder_init(&all, docker->arena);
	for (size_t i = 0; i < files.len; i++)
		if (!value_get(own, files.members[i].key))
			builder_put(&all, files.members[i].key, files.members[i].value);
	for (size_t i = 0; own && i < own->len; i++)
		builder_put(&all, own->members[i].key, own->members[i].value);
	builder_init(&map, docker->arena);
	for (size_t i = 0; i < out->len; i++)
		builder_put(&map, out->members[i].key, out->members[i].value);
	builder_put(&map, "environment", builder_map(&all));
	*out = builder_map(&map);
	return 0;
}

/* As far as it can be read: a record of an older version may hold what is a mistake today. */
static struct value normal_of(struct docker *docker, const struct value *inputs)
{
	struct diags quiet;
	struct container_context context = {
		.arena = docker->arena,
		.project_root = docker->env->project_root,
		.diags = &quiet,
		.partial = true,
	};
	struct value normal;

	diags_init(&quiet, docker->arena);
	container_normalise(&context, inputs, &normal);
	return normal;
}

/* --- what is there ------------------------------------------------------------------------------ */

/* The id that a tag names now; NULL when the engine has no such tag any more, or does not say. */
static const char *image_now(struct docker *docker, struct container_images *images,
	const char *reference)
{
	struct error ignored = ERROR_INIT;
	const struct value *image;
	const char *id = NULL;

	if (!*reference || image_is_fixed(reference))
		return NULL;
	for (size_t i = 0; i < images->n; i++)
		if (!strcmp(images->items[i].reference, reference))
			return images->items[i].id;
	if (docker_image_seen(docker, reference, &image, &ignored) == 0)
		id = value_get_text(image, "Id", NULL);
	ARENA_GROW(docker->arena, images->items, images->n, images->cap);
	images->items[images->n++] = (struct container_image){reference, id};
	return id;
}

/* Of container:NAME in one of the modes. */
static void find_peer(struct docker *docker, struct container_view *view, const struct value *asked)
{
	static const char *const modes[] = {"networkMode", "pid", "ipc"};
	struct error ignored = ERROR_INIT;
	const struct value *peer;

	for (size_t i = 0; i < ARRAY_SIZE(modes) && !view->peer; i++) {
		const char *text = value_get_text(asked, modes[i], "");

		if (strncmp(text, "container:", 10) != 0)
			continue;
		view->peer = text + 10;
		if (container_inspect(docker, view->peer, &peer, &ignored) == 0)
			view->peer_id = value_get_text(peer, "Id", NULL);
	}
}

static const struct value *map_at(const struct value *map, const char *key)
{
	const struct value *value = value_get(map, key);

	return value && value->kind == VALUE_MAP ? value : &value_empty_map;
}

struct value container_see_normal(struct docker *docker, struct container_images *images,
	const struct value *inspect, const struct value *asked)
{
	struct container_view view = {
		.arena = docker->arena,
		.project_root = docker->env->project_root,
		.inspect = inspect,
		.config = map_at(inspect, "Config"),
		.host = map_at(inspect, "HostConfig"),
	};

	if (asked)
		find_peer(docker, &view, asked);
	view.image_id = image_now(docker, images, value_get_text(view.config, "Image", ""));
	return container_attributes(&view, asked);
}

struct value container_see(struct docker *docker, struct container_images *images,
	const struct value *inspect, const struct value *inputs)
{
	struct value asked;

	if (!inputs)
		return container_see_normal(docker, images, inspect, NULL);
	asked = normal_of(docker, inputs);
	return container_see_normal(docker, images, inspect, &asked);
}

/* Nothing of `before` is missing in `now`: a variable, a label, a whole key. */
static bool covers(const struct value *now, const struct value *before)
{
	for (size_t i = 0; i < before->len; i++) {
		const struct value *then = &before->members[i].value;
		const struct value *still = value_get(now, before->members[i].key);

		if (!still)
			return false;
		for (size_t j = 0; then->kind == VALUE_MAP && j < then->len; j++)
			if (!value_get(still, then->members[j].key))
				return false;
		for (size_t j = 0; then->kind == VALUE_LIST && j < then->len; j++)
			if (then->items[j].kind == VALUE_STRING &&
				!container_list_has(still, value_text(&then->items[j], "")))
				return false;
	}
	return true;
}

/* Keys that no inspect shows: only the record can tell whether they are as they should be. */
static bool same_unseen(const struct value *inputs, const struct value *recorded)
{
	static const char *const unseen[] = {"platform", "job"};

	for (size_t i = 0; i < ARRAY_SIZE(unseen); i++)
		if (strcmp(value_get_text(inputs, unseen[i], ""),
			value_get_text(recorded, unseen[i], "")) != 0)
			return false;
	/* A file that is no longer named has left its variables behind. */
	return !value_get(recorded, "envFile") || (value_get(inputs, "envFile") &&
		value_equal(value_get(recorded, "envFile"), value_get(inputs, "envFile")));
}

bool container_is_as(struct docker *docker, struct container_images *images,
	const struct value *inspect, const struct value *inputs, const struct value *recorded)
{
	struct error ignored = ERROR_INIT;
	struct value wanted, seen, before;

	if (!value_is_known(inputs) || container_wanted(docker, inputs, &wanted, &ignored) < 0)
		return false;
	seen = container_see_normal(docker, images, inspect, &wanted);
	if (!container_matches(&wanted, &seen))
		return false;
	if (!recorded)
		return true;
	before = normal_of(docker, recorded);
	return covers(&wanted, &before) && same_unseen(inputs, recorded);
}

bool container_needs_replacing(struct docker *docker, struct container_images *images,
	const struct value *inspect, const struct value *inputs)
{
	struct error ignored = ERROR_INIT;
	struct value wanted, seen;

	if (container_wanted(docker, inputs, &wanted, &ignored) < 0)
		return false;
	seen = container_see_normal(docker, images, inspect, &wanted);
	for (size_t i = 0; i < wanted.len; i++) {
		const struct member *member = &wanted.members[i];
		const struct value *have = value_get(&seen, member->key);

		if (container_key(member->key)->way == CONTAINER_REPLACE &&
			(!have || !value_equal(&member->value, have)))
			return true;
	}
	return false;
}

/* --- state and outputs -------------------------------------------------------------------------- */

bool container_is_running(const struct value *inspect)
{
	const struct value *state = value_get(inspect, "State");

	/* "running" is also said of one that is paused, or dead and about to be started again. */
	return value_get_bool(state, "Running", false) && !value_get_bool(state, "Paused", false) &&
	       !value_get_bool(state, "Restarting", false);
}

bool container_runs(const struct value *inspect, const struct value *inputs)
{
	const struct value *state = value_get(inspect, "State");
	const char *status = value_get_text(state, "Status", "");

	if (container_is_running(inspect) || !strcmp(status, "restarting"))
		return true;
	return !strcmp(status, "exited") &&
	       (value_get_bool(inputs, "job", false) || !value_get_bool(inputs, "mustRun", true));
}

const char *container_health(struct arena *arena, const struct value *inspect)
{
	const struct value *state = value_get(inspect, "State");
	const char *status = value_get_text(state, "Status", "unknown");
	long long code = value_get_int(state, "ExitCode", 0);

	if (!strcmp(status, "running"))
		return value_get_text(value_get(state, "Health"), "Status", status);
	if (strcmp(status, "exited") != 0)
		return status;
	return arena_printf(arena, value_get_bool(state, "OOMKilled", false)
			? "exited (%lld, out of memory)" : "exited (%lld)", code);
}

static struct value ports_given(struct arena *arena, const struct value *network)
{
	const struct value *ports = value_get(network, "Ports");
	struct value_builder map;

	builder_init(&map, arena);
	for (size_t i = 0; ports && ports->kind == VALUE_MAP && i < ports->len; i++) {
		const struct value *at = &ports->members[i].value;

		if (at->kind == VALUE_LIST && at->len)
			builder_put_int(&map, ports->members[i].key,
				strtoll(value_get_text(&at->items[0], "HostPort", "0"), NULL, 10));
	}
	return builder_map(&map);
}

static struct value addresses(struct arena *arena, const struct value *inspect, const char **first)
{
	const struct value *networks =
		value_get(value_get(inspect, "NetworkSettings"), "Networks");
	const char *mode = value_get_text(value_get(inspect, "HostConfig"), "NetworkMode", "");
	struct value_builder map;

	builder_init(&map, arena);
	*first = "";
	for (size_t i = 0; networks && networks->kind == VALUE_MAP && i < networks->len; i++) {
		const struct member *member = &networks->members[i];
		const char *address = value_get_text(&member->value, "IPAddress", "");
		bool main = !strcmp(member->key, mode) ||
			    !strcmp(value_get_text(&member->value, "NetworkID", ""), mode);

		builder_put_str(&map, member->key, address);
		if (main || !**first)
			*first = address;
	}
	return builder_map(&map);
}

struct value container_outputs(struct arena *arena, const struct value *inspect,
	const struct value *inputs)
{
	const struct value *state = value_get(inspect, "State");
	const char *name = value_get_text(inspect, "Name", ""), *address;
	struct value networks = addresses(arena, inspect, &address);
	struct value_builder map;

	builder_init(&map, arena);
	builder_put_str(&map, "id", value_get_text(inspect, "Id", ""));
	builder_put_str(&map, "name", *name == '/' ? name + 1 : name);
	builder_put_str(&map, "imageId", value_get_text(inspect, "Image", ""));
	builder_put_str(&map, "ipAddress", address);
	builder_put(&map, "networks", networks);
	builder_put(&map, "ports", ports_given(arena, value_get(inspect, "NetworkSettings")));
	if (value_get_bool(inputs, "job", false) &&
		!strcmp(value_get_text(state, "Status", ""), "exited"))
		builder_put_int(&map, "exitCode", value_get_int(state, "ExitCode", 0));
	return builder_map(&map);
}
