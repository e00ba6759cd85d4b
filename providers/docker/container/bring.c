/*
 * What can change while a container lives, brought to what is wanted: limits and the restart policy by
 * /update, networks by connect and disconnect. What is to be done is found by comparing with reality,
 * not by what the plan saw: whoever died half-way does it again.
 */
#include "providers/docker/container/type.h"

#include "base/texts.h"

#include <string.h>

/* --- networks ----------------------------------------------------------------------------------- */

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

static int disconnect(struct docker *docker, const char *id, const char *network, struct error *err)
{
	struct docker_reply reply;
	struct value_builder map;
	struct value body;

	builder_init(&map, docker->arena);
	builder_put_str(&map, "Container", id);
	builder_put_bool(&map, "Force", true);
	body = builder_map(&map);
	if (docker_call(docker, "POST", docker_path(docker, "/networks/%s/disconnect",
			docker_escape(docker, network)), &body, &reply, err) == 0 ||
		reply.status == 404 || (err && strstr(err->msg, "is not connected")))
		return 0;
	return error_wrap(err, "cannot disconnect from network '%s'", network);
}

/* The one of `list` that the container is in under this name or id. */
static const struct value *wanted_network(const struct value *list, const struct member *there)
{
	for (size_t i = 0; i < list->len; i++) {
		const char *name = value_get_text(&list->items[i], "name", "");

		if (!strcmp(name, there->key) ||
			!strcmp(name, value_get_text(&there->value, "NetworkID", "")))
			return &list->items[i];
	}
	return NULL;
}

/* `seen` are the networks as container_see tells them, under the names that are wanted. */
static bool is_same(const struct value *seen, const struct value *network)
{
	for (size_t i = 0; seen && i < seen->len; i++)
		if (value_equal(&seen->items[i], network))
			return true;
	return false;
}

static int change_networks(struct docker *docker, const char *id, const struct value *inspect,
	const struct value *wanted, const struct value *seen, struct error *err)
{
	const struct value *there = value_get(value_get(inspect, "NetworkSettings"), "Networks");

	if (!there || there->kind != VALUE_MAP)
		there = &value_empty_map;
	/* First what is new, so that it is never without a network. */
	for (size_t i = 0; i < wanted->len; i++) {
		const struct value *network = &wanted->items[i];
		const struct member *member =
			container_network_find(there, value_get_text(network, "name", ""));

		if (is_same(seen, network))
			continue;
		if (member && disconnect(docker, id, member->key, err) < 0)
			return -1;
		if (container_connect(docker, id, network, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < there->len; i++)
		if (!wanted_network(wanted, &there->members[i]) &&
			disconnect(docker, id, there->members[i].key, err) < 0)
			return -1;
	return 0;
}

/* Without the key a container is in the engine's default network. */
static struct value default_networks(struct arena *arena)
{
	struct value_builder network, list;

	builder_init(&network, arena);
	builder_init(&list, arena);
	builder_put_str(&network, "name", "bridge");
	builder_push(&list, builder_map(&network));
	return builder_list(&list);
}

/* --- limits ------------------------------------------------------------------------------------- */

/* A limit that was taken out becomes all that the engine has. */
static int engine_size(struct docker *docker, const char *const *names, const struct value *wanted,
	int64_t *cpus, int64_t *memory, struct error *err)
{
	struct docker_reply reply;
	bool needed = false;

	*cpus = 1;
	*memory = 0;
	for (; *names; names++)
		needed = needed || !value_get(wanted, *names);
	if (!needed)
		return 0;
	if (docker_get(docker, "/info", &reply, err) < 0)
		return -1;
	*cpus = value_get_int(reply.body, "NCPU", 1);
	*memory = value_get_int(reply.body, "MemTotal", 0);
	return 0;
}

static int update_limits(struct docker *docker, const char *id, const char *const *names,
	const struct value *wanted, struct error *err)
{
	int64_t cpus, memory;
	struct value body;

	if (engine_size(docker, names, wanted, &cpus, &memory, err) < 0)
		return -1;
	body = container_update_body(docker->arena, wanted, names, cpus, memory);
	if (!body.len)
		return 0;
	if (docker_call(docker, "POST", docker_path(docker, "/containers/%s/update", id), &body, NULL,
			err) < 0)
		return error_wrap(err, "cannot change the limits of container %.12s", id);
	return 0;
}

/* --- all of it ---------------------------------------------------------------------------------- */

/* The keys that can change in place and are not as they should be, or were taken out. */
static const char *const *keys_to_change(struct arena *arena, const struct value *wanted,
	const struct value *seen, const char *const *changed)
{
	const char **names = NULL;
	size_t n = 0, cap = 0;
	const struct container_key *key;

	for (size_t i = 0; (key = container_key_at(i)); i++) {
		const struct value *want = value_get(wanted, key->name);
		const struct value *have = value_get(seen, key->name);

		if (key->way != CONTAINER_IN_PLACE ||
			(want ? have && value_equal(want, have) : !texts_have(changed, key->name)))
			continue;
		ARENA_GROW(arena, names, n, cap);
		names[n++] = key->name;
	}
	ARENA_GROW(arena, names, n, cap);
	names[n] = NULL;
	return names;
}

int container_bring(struct docker *docker, const char *id, const struct value *inspect,
	const struct value *wanted, const char *const *changed, struct error *err)
{
	struct container_images images = {0};
	struct value seen = container_see_normal(docker, &images, inspect, wanted);
	const char *const *names = keys_to_change(docker->arena, wanted, &seen, changed);
	const struct value *networks = value_get(wanted, "networks");
	struct value standard = default_networks(docker->arena);

	if (update_limits(docker, id, names, wanted, err) < 0)
		return -1;
	if (!texts_have(names, "networks") || value_get(wanted, "networkMode"))
		return 0;
	return change_networks(docker, id, inspect, networks ? networks : &standard,
		value_get(&seen, "networks"), err);
}
