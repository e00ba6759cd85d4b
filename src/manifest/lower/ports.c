/* The ports of a service, however they are written: "[[ip:]host:]port[/protocol]", a number, or a map. */
#include "manifest/lower/internal.h"

#include <string.h>

static bool is_on_cluster(const struct service *service)
{
	return service->kind == SERVICE_WORKLOAD || service->kind == SERVICE_CHART;
}

static struct service_port from_text(struct lowering *l, const struct service *service,
	const char *text)
{
	const char *slash = strchr(text, '/'), *colon, *outer;
	struct service_port port = {.protocol = slash ? slash + 1 : "tcp"};

	text = arena_strndup(l->arena, text, slash ? (size_t)(slash - text) : strlen(text));
	colon = strrchr(text, ':');
	port.target = port.service = colon ? colon + 1 : text;
	if (colon) {
		outer = arena_strndup(l->arena, text, (size_t)(colon - text));
		colon = strrchr(outer, ':');
		port.host = colon ? colon + 1 : outer;
		port.address = colon ? arena_strndup(l->arena, outer, (size_t)(colon - outer)) : NULL;
	} else if (service->kind == SERVICE_PROCESS || service->kind == SERVICE_COMMAND) {
		port.host = text; /* it listens there itself */
	}
	return port;
}

static struct service_port from_map(const struct service *service, const struct value *map)
{
	const char *outer = value_get_text(map, "port", NULL);

	return (struct service_port){
		.name = value_get_text(map, "name", NULL),
		.host = is_on_cluster(service) ? NULL : outer,
		.service = outer,
		.target = value_get_text(map, "targetPort", outer),
		.protocol = value_get_text(map, "protocol", "tcp"),
	};
}

void lower_ports(struct lowering *l, struct service *service)
{
	const struct value *ports = value_get(service->spec, "ports");

	service->n_ports = 0;
	if (!ports || ports->kind != VALUE_LIST)
		return;
	service->ports = arena_zalloc(l->arena, ports->len * sizeof(*service->ports));
	for (uint32_t i = 0; i < ports->len; i++) {
		const struct value *item = &ports->items[i];
		struct service_port port = value_is_scalar(item)
			? from_text(l, service, value_text(item, "")) : from_map(service, item);

		port.at = item;
		if (port.service)
			service->ports[service->n_ports++] = port;
	}
}

const struct service_port *lower_port(const struct service *service, const char *name)
{
	if (!name)
		return service->n_ports ? &service->ports[0] : NULL;
	for (size_t i = 0; i < service->n_ports; i++) {
		if (service->ports[i].name && strcmp(service->ports[i].name, name) == 0)
			return &service->ports[i];
	}
	return NULL;
}
