/*
 * A service with an image: a container, the image it is built from, its named volumes, and one network
 * that all services share, with their names as aliases.
 */
#include "manifest/lower/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char docker_network_of_all[] = "services";

/* A resource that several services share; made once, unless the manifest declares it itself. */
static bool make_shared(struct lowering *l, struct map *made, const struct service *service,
	struct value_builder *b, const char *type, const char *name)
{
	if (!map_add(made, arena_strdup(l->arena, name), 0) || lower_is_declared(l, type, name))
		return false;
	lower_begin(l, b, service, type, name);
	return true;
}

/* --- networks ----------------------------------------------------------------------------------- */

static struct value network_item(struct lowering *l, const struct service *service, const char *name)
{
	struct value_builder b, aliases;

	builder_init(&aliases, l->arena);
	builder_push(&aliases, lower_text(l, service->name, service->spec));
	builder_init(&b, l->arena);
	builder_put(&b, "name", lower_text(l, arena_printf(l->arena, "${docker_network.%s.name}", name),
		service->spec));
	builder_put(&b, "aliases", builder_list(&aliases));
	return builder_map(&b);
}

static void put_networks(struct lowering *l, struct value_builder *b, const struct service *service)
{
	const struct value *names = value_get(service->spec, "networks");
	struct value_builder list, network;

	builder_init(&list, l->arena);
	if (!names || names->kind != VALUE_LIST) {
		if (make_shared(l, &l->networks, service, &network, "docker_network", docker_network_of_all))
			lower_end(l, &network, service);
		builder_push(&list, network_item(l, service, docker_network_of_all));
	}
	for (uint32_t i = 0; names && names->kind == VALUE_LIST && i < names->len; i++) {
		const char *name = value_text(&names->items[i], "");

		if (make_shared(l, &l->networks, service, &network, "docker_network", name))
			lower_end(l, &network, service);
		builder_push(&list, network_item(l, service, name));
	}
	if (list.n)
		builder_put(b, "networks", builder_list(&list));
}

/* A process is on this machine: engines give it a name only when they are asked to. */
static void put_host(struct lowering *l, struct value_builder *b, const struct service *service)
{
	struct value_builder list;

	if (!service->uses_host)
		return;
	builder_init(&list, l->arena);
	builder_push(&list, lower_text(l, "host.docker.internal:host-gateway", service->spec));
	builder_put(b, "extraHosts", builder_list(&list));
}

/* --- volumes ------------------------------------------------------------------------------------ */

static void make_volume(struct lowering *l, const struct service *service, const char *name,
	const struct value *declared)
{
	struct value_builder b;

	if (!make_shared(l, &l->volumes, service, &b, "docker_volume", name))
		return;
	if (declared) {
		static const char *const keys[][2] = {{"driver", "driver"}, {"driverOptions", "driverOpts"}};

		for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
			const struct value *value = value_get(declared, keys[i][0]);

			if (value)
				builder_put(&b, keys[i][1], *value);
		}
		if (value_get(declared, "labels"))
			builder_put(&b, "labels", lower_key_values(l, value_get(declared, "labels")));
	}
	catalogue_contents(l, service, name, &b);
	lower_end(l, &b, service);
}

static void put_named(struct lowering *l, struct value_builder *mount, struct service *service,
	const char *name, const struct value *at)
{
	const struct value *declared = lower_named(value_get(l->spec, "volumes"), name);
	const char *type = value_get_text(declared, "type", "persistent");

	/* An ephemeral one is to be gone when it stops: of all that an engine has, only memory is. */
	if (strcmp(type, "tmpfs") == 0 || strcmp(type, "ephemeral") == 0) {
		builder_put(mount, "type", lower_text(l, "tmpfs", at));
		if (value_get(declared, "size"))
			builder_put(mount, "size", *value_get(declared, "size"));
	} else if (strcmp(type, "persistent") == 0) {
		make_volume(l, service, name, declared);
		builder_put(mount, "type", lower_text(l, "volume", at));
		builder_put(mount, "source", lower_text(l,
			arena_printf(l->arena, "${docker_volume.%s.name}", name), at));
	} else if (value_get(declared, "source")) { /* host, configmap, secret: a folder of this machine */
		builder_put(mount, "type", lower_text(l, "bind", at));
		builder_put(mount, "source", *value_get(declared, "source"));
		if (strcmp(type, "host") != 0) {
			builder_put_bool(mount, "readOnly", true);
			lower_mounted_files(l, service, name, value_get(declared, "source"),
				strcmp(type, "secret") == 0);
		}
	} else {
		diag_error(l->diags, value_pos(declared), "volume %s of type %s needs a source", name, type);
		diag_hint(l->diags, "name the folder: source: ./config");
	}
}

static bool is_path(const char *text)
{
	return strchr("./~", text[0]) != NULL && text[0];
}

/* "name:/path[:ro]" or "./folder:/path[:ro]"; anything else goes on to the container as it is. */
static struct value short_mount(struct lowering *l, struct service *service,
	const struct value *item)
{
	const char *text = value_text(item, "");
	const char *colon = strchr(text, ':'), *target, *mode;
	struct value_builder b;

	if (!colon || is_path(text) || item->flags & VALUE_TEMPLATE)
		return *item;
	builder_init(&b, l->arena);
	put_named(l, &b, service, arena_strndup(l->arena, text, (size_t)(colon - text)), item);
	target = colon + 1;
	mode = strchr(target, ':');
	builder_put(&b, "target", lower_part(l, mode
		? arena_strndup(l->arena, target, (size_t)(mode - target)) : target, item));
	if (mode && strcmp(mode + 1, "ro") == 0)
		builder_put_bool(&b, "readOnly", true);
	else if (mode && strcmp(mode + 1, "rw") != 0) {
		diag_error(l->diags, value_pos(item), "\"%s\" is no mode of a volume", mode + 1);
		diag_hint(l->diags, "there are ro and rw");
	}
	return builder_map(&b);
}

static struct value long_mount(struct lowering *l, struct service *service,
	const struct value *item)
{
	const char *name = value_get_text(item, "name", NULL);
	struct value_builder b;

	builder_init(&b, l->arena);
	if (name)
		put_named(l, &b, service, name, value_get(item, "name"));
	else if (!value_get(item, "type"))
		builder_put(&b, "type", lower_text(l, value_get(item, "source") ? "bind" : "tmpfs", item));
	for (uint32_t i = 0; i < item->len; i++) {
		if (strcmp(item->members[i].key, "name") != 0)
			builder_put(&b, item->members[i].key, item->members[i].value);
	}
	return builder_map(&b);
}

static void put_volumes(struct lowering *l, struct value_builder *b, struct service *service)
{
	const struct value *volumes = value_get(service->spec, "volumes");
	struct value_builder list;

	if (!volumes || volumes->kind != VALUE_LIST) {
		lower_copy(b, service, "volumes", "volumes");
		return;
	}
	builder_init(&list, l->arena);
	for (uint32_t i = 0; i < volumes->len; i++) {
		const struct value *item = &volumes->items[i];

		builder_push(&list, value_is_scalar(item) ? short_mount(l, service, item)
							  : long_mount(l, service, item));
	}
	if (list.n)
		builder_put(b, "volumes", builder_list(&list));
}

/* --- the rest ----------------------------------------------------------------------------------- */

static struct value port_item(struct lowering *l, const struct value *port)
{
	struct value_builder b;

	if (value_is_scalar(port))
		return *port;
	builder_init(&b, l->arena);
	builder_put(&b, "host", *value_get(port, "port"));
	builder_put(&b, "container", value_get(port, "targetPort") ? *value_get(port, "targetPort")
								   : *value_get(port, "port"));
	if (value_get(port, "protocol"))
		builder_put(&b, "protocol", *value_get(port, "protocol"));
	if (value_get(port, "hostIp"))
		builder_put(&b, "hostIp", *value_get(port, "hostIp"));
	return builder_map(&b);
}

static void put_ports(struct lowering *l, struct value_builder *b, const struct service *service)
{
	const struct value *ports = value_get(service->spec, "ports");
	struct value_builder list;

	if (!ports || ports->kind != VALUE_LIST) {
		lower_copy(b, service, "ports", "ports");
		return;
	}
	builder_init(&list, l->arena);
	for (uint32_t i = 0; i < ports->len; i++) {
		if (value_is_scalar(&ports->items[i]) || value_get(&ports->items[i], "port"))
			builder_push(&list, port_item(l, &ports->items[i]));
	}
	if (list.n)
		builder_put(b, "ports", builder_list(&list));
}

/* "500m" is half a processor. */
static struct value cpus_of(struct lowering *l, const struct value *cpu)
{
	const char *text = value_text(cpu, "");
	size_t len = strlen(text);

	if (len > 1 && text[len - 1] == 'm' && !(cpu->flags & VALUE_TEMPLATE))
		return value_real(l->arena, strtod(text, NULL) / 1000);
	return *cpu;
}

static void put_limits(struct lowering *l, struct value_builder *b, const struct service *service)
{
	const struct value *limits = value_get(service->spec, "resources");

	if (value_get(limits, "cpu"))
		builder_put(b, "cpus", cpus_of(l, value_get(limits, "cpu")));
	if (value_get(limits, "memory"))
		builder_put(b, "memory", *value_get(limits, "memory"));
}

static bool checks_health(const struct value *check)
{
	const struct value *test = value_get(check, "test");
	const struct value *first = test && test->kind == VALUE_LIST && test->len ? test->items : test;

	return check && !value_get_bool(check, "disable", false) &&
		strcmp(value_text(first, ""), "NONE") != 0;
}

/* A health check without a readiness of its own is what readiness means. */
static void put_readiness(struct value_builder *b, const struct service *service)
{
	const struct value *check = value_get(service->spec, "healthcheck");
	struct value_builder health;

	if (value_get(service->spec, "readiness") || !checks_health(check) || service->job) {
		lower_copy(b, service, "readiness", "readiness");
		return;
	}
	builder_init(&health, b->arena);
	builder_put_bool(&health, "health", true);
	builder_put(b, "readiness", builder_map(&health));
}

void lower_container(struct lowering *l, struct service *service)
{
	static const char *const same[] = {"command", "entrypoint", "workingDirectory", "user", "hostname",
		"restart", "stopSignal", "stopGracePeriod", "healthcheck", "sync"};
	const struct value *env = value_get(service->spec, "env");
	const struct value *labels = value_get(service->spec, "labels");
	struct value image = lower_image(l, service);
	struct value_builder b;

	lower_begin(l, &b, service, "docker_container", service->name);
	lower_replicas(l, &b, service);
	builder_put(&b, "image", image);
	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		lower_copy(&b, service, same[i], same[i]);
	if (env)
		builder_put(&b, "environment", lower_key_values(l, env));
	lower_copy(&b, service, "env_file", "envFile");
	if (labels)
		builder_put(&b, "labels", lower_key_values(l, labels));
	put_ports(l, &b, service);
	put_volumes(l, &b, service);
	put_networks(l, &b, service);
	put_host(l, &b, service);
	put_limits(l, &b, service);
	put_readiness(&b, service);
	if (service->job)
		builder_put_bool(&b, "job", true);
	lower_order(l, &b, service);
	lower_end(l, &b, service);
}
