/*
 * From the keys in their normal form to what an engine is sent: the body of a create and of an update.
 * Also what only two keys together make impossible. Engines ignore fields they do not know and find
 * most mistakes at start, when a container is already there: so all is checked before.
 */
#include "providers/docker/container/container.h"

#include "base/texts.h"
#include "providers/docker/container/parse.h"

#include <stdlib.h>
#include <string.h>

static const struct value *known(const struct value *inputs, const char *key)
{
	const struct value *value = value_get(inputs, key);

	if (!value || value->kind == VALUE_NULL || value->kind == VALUE_UNKNOWN ||
		value->flags & VALUE_TEMPLATE)
		return NULL;
	return value;
}

static void check_network(struct container_context *context, const struct value *inputs)
{
	static const char *const own[] = {"ports", "expose", "hostname", "dns", "dnsSearch",
		"dnsOptions", "extraHosts"};
	const struct value *mode = known(inputs, "networkMode");
	const char *text = value_text(mode, "");
	bool peer = !strncmp(text, "container:", 10);

	if (!mode)
		return;
	if (!container_empty(value_get(inputs, "networks"))) {
		diag_error(context->diags, value_pos(mode), "networkMode and networks exclude each other");
		diag_hint(context->diags, "leave networkMode out to be in the networks of the list");
	}
	if ((peer || !strcmp(text, "host")) && !container_empty(value_get(inputs, "ports"))) {
		diag_error(context->diags, value_pos(value_get(inputs, "ports")),
			"ports cannot be published with networkMode %s", text);
		diag_hint(context->diags, peer ? "publish them on the container whose network it shares"
					       : "its ports are the host's own already");
		return;
	}
	for (size_t i = 0; peer && i < ARRAY_SIZE(own); i++)
		if (!container_empty(value_get(inputs, own[i])))
			diag_error(context->diags, value_pos(value_get(inputs, own[i])),
				"%s belongs to the container whose network it shares", own[i]);
}

static void check_memory(struct container_context *context, const struct value *inputs)
{
	const struct value *memory = known(inputs, "memory");
	const struct value *swap = known(inputs, "memorySwap");
	const struct value *reservation = known(inputs, "memoryReservation");
	int64_t limit = memory ? size_parse(value_text(memory, "")) : -1;

	if (swap && !value_get(inputs, "memory")) {
		diag_error(context->diags, value_pos(swap), "memorySwap needs memory");
		diag_hint(context->diags, "memorySwap is memory and swap together");
	}
	if (swap && limit >= 0 && size_parse(value_text(swap, "")) >= 0 &&
		size_parse(value_text(swap, "")) < limit)
		diag_error(context->diags, value_pos(swap),
			"memorySwap is memory and swap together, so it cannot be less than memory");
	if (reservation && limit >= 0 && size_parse(value_text(reservation, "")) > limit)
		diag_error(context->diags, value_pos(reservation),
			"memoryReservation cannot be more than memory");
}

static void check_mounts(struct container_context *context, const struct value *normal,
	const struct value *inputs)
{
	const struct value *volumes = value_get(normal, "volumes"), *tmpfs = value_get(normal, "tmpfs");

	for (size_t i = 0; volumes && tmpfs && i < volumes->len; i++) {
		const char *target = value_get_text(&volumes->items[i], "target", "");

		if (value_get(tmpfs, target))
			diag_error(context->diags, value_pos(value_get(inputs, "tmpfs")),
				"%s is the target of a volume and a tmpfs", target);
	}
}

void container_check(struct container_context *context, const struct value *normal,
	const struct value *inputs)
{
	const struct value *health = known(inputs, "healthcheck"), *job = known(inputs, "job");
	const char *restart = value_text(known(inputs, "restart"), "no");

	check_network(context, inputs);
	check_memory(context, inputs);
	check_mounts(context, normal, inputs);
	if (health && value_get_bool(health, "disable", false) && value_get(health, "test"))
		diag_error(context->diags, value_pos(health),
			"a health check that is disabled has no test");
	if (job && job->kind == VALUE_BOOL && job->boolean &&
		(!strcmp(restart, "always") || !strcmp(restart, "unless-stopped"))) {
		diag_error(context->diags, value_pos(value_get(inputs, "restart")),
			"a job with restart: %s never ends", restart);
		diag_hint(context->diags, "write on-failure:3 to try it again when it fails");
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct member *)a)->key, ((const struct member *)b)->key);
}

/* Sorted by name, so that the same manifest always gives the same body. */
static struct value environment_lines(struct arena *arena, const struct value *environment)
{
	struct member *members = arena_alloc(arena, (environment->len + 1) * sizeof(*members));
	struct value_builder list;

	builder_init(&list, arena);
	if (environment->len) {
		memcpy(members, environment->members, environment->len * sizeof(*members));
		qsort(members, environment->len, sizeof(*members), by_name);
	}
	for (size_t i = 0; i < environment->len; i++) {
		struct value line = value_str(arena, arena_printf(arena, "%s=%s", members[i].key,
			value_text(&members[i].value, "")));

		line.flags |= members[i].value.flags & VALUE_SENSITIVE;
		builder_push(&list, line);
	}
	return builder_list(&list);
}

static void body_init(struct container_body *body, struct arena *arena, const char *project_root)
{
	*body = (struct container_body){.arena = arena, .project_root = project_root};
	builder_init(&body->config, arena);
	builder_init(&body->host, arena);
	builder_init(&body->exposed, arena);
}

struct value container_create_body(struct arena *arena, const char *project_root,
	const struct value *normal, const struct value *labels)
{
	const struct value *networks = value_get(normal, "networks");
	const struct value *environment = value_get(normal, "environment");
	struct container_body body;

	body_init(&body, arena, project_root);
	for (size_t i = 0; i < normal->len; i++)
		container_put(&body, container_key(normal->members[i].key), &normal->members[i].value);
	if (environment)
		builder_put(&body.config, "Env", environment_lines(arena, environment));
	builder_put(&body.config, "Labels", *labels);
	if (body.exposed.n)
		builder_put(&body.config, "ExposedPorts", builder_map(&body.exposed));
	if (body.host.n)
		builder_put(&body.config, "HostConfig", builder_map(&body.host));
	if (networks && networks->len) {
		struct value_builder endpoints, config;

		builder_init(&endpoints, arena);
		builder_init(&config, arena);
		builder_put(&endpoints, value_get_text(&networks->items[0], "name", ""),
			container_endpoint(arena, &networks->items[0]));
		builder_put(&config, "EndpointsConfig", builder_map(&endpoints));
		builder_put(&body.config, "NetworkingConfig", builder_map(&config));
	}
	return builder_map(&body.config);
}

/* An engine takes 0 for "as it is", so no limit is said as the most that there is. */
static void put_unlimited(struct container_body *body, const char *name, int64_t cpus,
	int64_t memory)
{
	if (!strcmp(name, "memory"))
		builder_put_int(&body->host, "Memory", memory);
	else if (!strcmp(name, "cpus"))
		builder_put_int(&body->host, "NanoCpus", cpus * 1000000000);
	else if (!strcmp(name, "cpuShares"))
		builder_put_int(&body->host, "CpuShares", 1024);
	else if (!strcmp(name, "cpuset"))
		builder_put_str(&body->host, "CpusetCpus",
			arena_printf(body->arena, "0-%lld", (long long)cpus - 1));
	else if (!strcmp(name, "pidsLimit"))
		builder_put_int(&body->host, "PidsLimit", -1);
}

struct value container_update_body(struct arena *arena, const struct value *normal,
	const char *const *names, int64_t cpus, int64_t memory)
{
	static const char *const updated[] = {"memory", "memorySwap", "cpus", "cpuShares", "cpuset",
		"pidsLimit", "restart"};
	const struct value *limit = value_get(normal, "memory");
	const struct value *swap = value_get(normal, "memorySwap"), no = value_borrow("no");
	struct container_body body;
	bool any_memory = false;

	body_init(&body, arena, "");
	for (size_t i = 0; i < ARRAY_SIZE(updated); i++) {
		const struct value *value = value_get(normal, updated[i]);

		if (!texts_have(names, updated[i]))
			continue;
		any_memory = any_memory || !strncmp(updated[i], "memory", 6);
		if (value)
			container_put(&body, container_key(updated[i]), value);
		else if (!strcmp(updated[i], "restart"))
			container_put(&body, container_key(updated[i]), &no);
		else
			put_unlimited(&body, updated[i], cpus, memory);
	}
	/* The two are one limit in the kernel and cannot be set one after the other. */
	if (any_memory) {
		int64_t bytes = limit ? limit->integer : memory;

		builder_put_int(&body.host, "Memory", bytes);
		builder_put_int(&body.host, "MemorySwap", swap ? swap->integer : 2 * bytes);
	}
	return builder_map(&body.host);
}
