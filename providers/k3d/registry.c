/*
 * k3d_registry: a container of the registry image that k3d knows as one of its own by its labels. It is
 * made through the engine like any docker_container, and not by `k3d registry create`, because k3d puts
 * no marks on it: after a death in between, nobody could tell whose it is.
 */
#include "providers/k3d/k3d.h"

#include <stdlib.h>
#include <string.h>

#define IMAGE "docker.io/library/registry:2"

static const char *const proxy_names[][2] = {
	{"remoteUrl", "REGISTRY_PROXY_REMOTEURL"},
	{"username", "REGISTRY_PROXY_USERNAME"},
	{"password", "REGISTRY_PROXY_PASSWORD"},
};

static const char *host_of(const struct value *inputs)
{
	return value_get_text(inputs, "host", "127.0.0.1");
}

static const char *port_of(const struct value *inputs)
{
	return value_get_text(inputs, "hostPort", "");
}

/* --- as a docker_container ----------------------------------------------------------------------- */

/* k3d recognises a registry, and a node's way to it, by these. */
static struct value labels(struct arena *arena, const struct value *inputs)
{
	struct value_builder map;

	builder_init(&map, arena);
	builder_put_str(&map, "app", "k3d");
	builder_put_str(&map, K3D_LABEL_CLUSTER, "");
	builder_put_str(&map, K3D_LABEL_ROLE, K3D_ROLE_REGISTRY);
	builder_put_str(&map, "k3d.registry.host", "");
	builder_put_str(&map, "k3d.registry.hostIP", host_of(inputs));
	builder_put_str(&map, "k3s.registry.port.external", port_of(inputs));
	builder_put_str(&map, "k3s.registry.port.internal", K3D_REGISTRY_PORT);
	return builder_map(&map);
}

static struct value environment(struct arena *arena, const struct value *inputs)
{
	const struct value *proxy = value_get(inputs, "proxy");
	struct value_builder map;

	builder_init(&map, arena);
	for (size_t i = 0; i < ARRAY_SIZE(proxy_names); i++) {
		const struct value *value = value_get(proxy, proxy_names[i][0]);

		if (value && value->kind != VALUE_NULL)
			builder_put(&map, proxy_names[i][1], *value);
	}
	if (value_get_bool(inputs, "deletes", false))
		builder_put_str(&map, "REGISTRY_STORAGE_DELETE_ENABLED", "true");
	return builder_map(&map);
}

const char *k3d_published(struct arena *arena, const char *host, const char *port, const char *inside)
{
	return arena_printf(arena, strchr(host, ':') ? "[%s]:%s:%s" : "%s:%s:%s", host, port, inside);
}

static struct value ports(struct arena *arena, const struct value *inputs)
{
	struct value_builder list;

	builder_init(&list, arena);
	builder_push(&list, value_str(arena, k3d_published(arena, host_of(inputs), port_of(inputs),
		K3D_REGISTRY_PORT)));
	return builder_list(&list);
}

static const struct value *container_of(struct arena *arena, const struct value *inputs)
{
	static const char *const same[][2] = {
		{"registryName", "containerName"}, {"volumes", "volumes"}, {"image", "image"}};
	const struct value *port = value_get(inputs, "hostPort"), *host = value_get(inputs, "host");
	struct value *out = arena_alloc(arena, sizeof(*out));
	struct value_builder map;

	if (!inputs)
		return NULL;
	builder_init(&map, arena);
	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		if (value_get(inputs, same[i][0]))
			builder_put(&map, same[i][1], *value_get(inputs, same[i][0]));
	if (!value_get(inputs, "image"))
		builder_put_str(&map, "image", IMAGE);
	builder_put_str(&map, "restart", "unless-stopped");
	builder_put(&map, "labels", labels(arena, inputs));
	builder_put(&map, "environment", environment(arena, inputs));
	if ((port && !value_is_known(port)) || (host && !value_is_known(host)))
		builder_put(&map, "ports", value_unknown);
	else
		builder_put(&map, "ports", ports(arena, inputs));
	*out = builder_map(&map);
	return out;
}

/* NULL stays NULL. */
static struct record *record_of(struct arena *arena, struct record *record)
{
	struct record *out;

	if (!record)
		return NULL;
	out = arena_alloc(arena, sizeof(*out));
	*out = *record;
	out->outputs = record_outputs(record, NULL); /* for its name */
	out->inputs = container_of(arena, record_inputs(record, NULL));
	return out;
}

static const struct type *container_type(void)
{
	return type_find(docker_type_container.name);
}

/* --- outputs ------------------------------------------------------------------------------------- */

struct value k3d_registry_value(struct arena *arena, const char *name, const char *host,
	const char *port)
{
	struct value_builder map;

	builder_init(&map, arena);
	/* A port that is open on every address is reached on this one. */
	if (!*host || !strcmp(host, "0.0.0.0"))
		host = "127.0.0.1";
	builder_put_str(&map, "address", arena_printf(arena, strchr(host, ':') ? "[%s]:%s" : "%s:%s",
		host, port));
	builder_put_str(&map, "name", name);
	builder_put_str(&map, "use", arena_printf(arena, "%s:" K3D_REGISTRY_PORT, name));
	return builder_map(&map);
}

/* `seen` are those of the container. */
static const struct value *outputs_of(struct arena *arena, const struct value *seen,
	const struct value *inputs)
{
	struct value *out = arena_alloc(arena, sizeof(*out));

	*out = k3d_registry_value(arena, value_get_text(seen, "name", ""), host_of(inputs),
		port_of(inputs));
	return out;
}

/* --- the members --------------------------------------------------------------------------------- */

/* Nothing that it was made with can change without making it anew: no attribute can drift. */
static void describe(struct docker *docker, struct observation *item,
	const struct observation *seen)
{
	const struct value *inputs = docker_inputs(item);

	item->presence = seen->presence;
	item->ownership = seen->ownership;
	item->mark_intent = seen->mark_intent;
	item->id = seen->id;
	item->message = seen->message;
	item->runs = seen->runs;
	item->health = seen->health;
	item->matches = seen->matches;
	item->blocked = seen->blocked;
	item->blocked_claim = seen->blocked_claim;
	item->attributes = &value_empty_map;
	item->outputs = NULL;
	if (!item->record && seen->outputs && value_is_known(inputs))
		item->outputs = outputs_of(docker->arena, seen->outputs, inputs);
}

static int observe(struct docker *docker, struct docker_observe *observe, struct error *err)
{
	struct observation *seen = arena_zalloc(docker->arena, (observe->n + 1) * sizeof(*seen));
	struct docker_observe all = {.n = observe->n};

	all.items = arena_alloc(docker->arena, (all.n + 1) * sizeof(*all.items));
	for (size_t i = 0; i < all.n; i++) {
		seen[i] = *observe->items[i];
		seen[i].type = container_type();
		seen[i].desired = container_of(docker->arena, seen[i].desired);
		seen[i].record = record_of(docker->arena, seen[i].record);
		seen[i].presence = PRESENCE_UNKNOWN;
		all.items[i] = &seen[i];
	}
	if (docker_type_container.observe(docker, &all, err))
		return -1;
	for (size_t i = 0; i < all.n; i++)
		describe(docker, observe->items[i], &seen[i]);
	return 0;
}

static int apply(struct docker *docker, const struct request *request, struct outcome *outcome,
	struct error *err)
{
	const struct value *inputs =
		request->inputs ? request->inputs : record_inputs(request->record, NULL);
	struct request container = *request;
	int rc;

	container.type = container_type();
	container.inputs = container_of(docker->arena, inputs);
	container.record = record_of(docker->arena, request->record);
	rc = docker_type_container.apply(docker, &container, outcome, err);
	if (outcome->outputs)
		outcome->outputs = outputs_of(docker->arena, outcome->outputs, inputs);
	outcome->observed = &value_empty_map;
	return rc;
}

static int destroy(struct docker *docker, struct record *record, struct error *err)
{
	return docker_type_container.destroy(docker, record_of(docker->arena, record), err);
}

/* `out->desired` may refer to what is not known here: the name and the port come from its labels. */
static int import(struct docker *docker, const struct type *type, const char *id,
	struct observation *out, struct error *err)
{
	struct observation seen = {.address = out->address};
	struct docker_reply reply;
	const struct value *marks;
	struct value *outputs = arena_alloc(docker->arena, sizeof(*outputs));

	if (docker_type_container.import(docker, container_type(), id, &seen, err) ||
		docker_get(docker, docker_path(docker, "/containers/%s/json", seen.id), &reply, err))
		return -1;
	marks = value_path(reply.body, "Config.Labels");
	if (strcmp(value_get_text(marks, K3D_LABEL_ROLE, ""), K3D_ROLE_REGISTRY) != 0)
		return error_set(err, ERROR_INVALID, "container '%s' is no registry of k3d", id);
	out->type = type;
	describe(docker, out, &seen);
	*outputs = k3d_registry_value(docker->arena, value_get_text(seen.outputs, "name", ""),
		value_get_text(marks, "k3d.registry.hostIP", ""),
		value_get_text(marks, "k3s.registry.port.external", ""));
	out->outputs = outputs;
	return 0;
}

static int logs(struct docker *docker, struct record *record, struct log_request *request,
	struct error *err)
{
	return docker_type_container.logs(docker, record_of(docker->arena, record), request, err);
}

static void claims(const struct type *type, const struct value *inputs, const char *project_root,
	void (*claim)(void *arg, const char *what), void *arg)
{
	struct arena arena = ARENA_INIT;

	(void)type;
	(void)project_root;
	docker_type_container.claims(container_type(), container_of(&arena, inputs), claim, arg);
	arena_release(&arena);
}

const struct k3d_type k3d_type_registry = {
	.name = "k3d_registry",
	.claims = claims,
	.observe = observe,
	.apply = apply,
	.destroy = destroy,
	.import = import,
	.logs = logs,
};
