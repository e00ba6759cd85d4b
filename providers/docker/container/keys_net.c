/*
 * Keys of a container's place in networks. Published ports are compared with HostConfig.PortBindings,
 * which says what was asked for; what was given (NetworkSettings.Ports) is there only while it runs,
 * and is an output. Networks are the one part that changes while the container lives.
 */
#include "providers/docker/container/container.h"

#include "providers/docker/container/parse.h"

#include <stdlib.h>
#include <string.h>

/* Where a published port goes, as text: "8080", "127.0.0.1:8080", "[::1]:8080", "auto". */
static const char *binding_text(struct arena *arena, const char *ip, const char *host)
{
	if (!*host)
		host = "auto";
	if (!*ip)
		return host;
	return arena_printf(arena, strchr(ip, ':') ? "[%s]:%s" : "%s:%s", ip, host);
}

/* A map of ports, each with a sorted list of texts, while it grows. */
struct port_map {
	struct arena *arena;
	struct port_entry {
		int port;
		const char *protocol;
		struct value_builder bindings;
	} *entries;
	size_t n, cap;
};

static struct port_entry *port_map_at(struct port_map *map, int port, const char *protocol)
{
	for (size_t i = 0; i < map->n; i++)
		if (map->entries[i].port == port && !strcmp(map->entries[i].protocol, protocol))
			return &map->entries[i];
	ARENA_GROW(map->arena, map->entries, map->n, map->cap);
	map->entries[map->n] = (struct port_entry){.port = port, .protocol = protocol};
	builder_init(&map->entries[map->n].bindings, map->arena);
	return &map->entries[map->n++];
}

static int by_port(const void *a, const void *b)
{
	const struct port_entry *x = a, *y = b;

	return x->port != y->port ? x->port - y->port : strcmp(x->protocol, y->protocol);
}

static struct value port_map_value(struct port_map *map)
{
	struct value_builder out;

	builder_init(&out, map->arena);
	if (map->n)
		qsort(map->entries, map->n, sizeof(*map->entries), by_port);
	for (size_t i = 0; i < map->n; i++) {
		struct port_entry *entry = &map->entries[i];

		builder_put(&out, arena_printf(map->arena, "%d/%s", entry->port, entry->protocol),
			container_sorted(map->arena, builder_list(&entry->bindings)));
	}
	return builder_map(&out);
}

/* Each port of a range on its own, so that a range and its parts written out are equal. */
static void port_map_add(struct port_map *map, const struct port *port)
{
	for (int number = port->first; number <= port->last; number++) {
		struct port_entry *entry = port_map_at(map, number, port->protocol);
		const char *host = "";

		if (port->host_first && port->host_last != port->host_first &&
			port->first == port->last)
			host = arena_printf(map->arena, "%d-%d", port->host_first,
				port->host_last);
		else if (port->host_first)
			host = arena_printf(map->arena, "%d",
				port->host_first + number - port->first);
		builder_push(&entry->bindings,
			value_str(map->arena, binding_text(map->arena, port->ip, host)));
	}
}

static const char *port_from_map(const struct value *in, struct port *out)
{
	const char *protocol = value_get_text(in, "protocol", "tcp");
	const char *host = value_get_text(in, "host", ""), *wrong;

	*out = (struct port){.ip = value_get_text(in, "hostIp", "")};
	out->protocol = port_protocol(protocol);
	if (!out->protocol)
		return "the protocol is tcp, udp or sctp";
	wrong = port_range_parse(value_get_text(in, "container", ""), &out->first, &out->last);
	if (!wrong && *host && strcmp(host, "auto") != 0)
		wrong = port_range_parse(host, &out->host_first, &out->host_last);
	return wrong ? wrong : port_check(out);
}

int container_port(const struct value *in, struct arena *arena, struct port *out,
	struct diags *diags)
{
	const char *wrong = in->kind == VALUE_MAP ? port_from_map(in, out)
						  : port_parse(value_text(in, ""), arena, out);

	if (!wrong)
		return 0;
	diag_error(diags, value_pos(in), "\"%s\" is no published port: %s",
		in->kind == VALUE_MAP ? value_get_text(in, "container", "?") : container_shown(in),
		wrong);
	diag_hint(diags, "write 8080:80, 127.0.0.1:8080:80/udp, or {container: 80, host: 8080}");
	return -1;
}

static int ports_to_normal(struct container_context *context, const struct value *in,
	struct value *out)
{
	struct port_map map = {.arena = context->arena};
	int result = 0;

	if (in->kind != VALUE_LIST)
		return diag_error(context->diags, value_pos(in), "ports must be a list");
	for (size_t i = 0; i < in->len; i++) {
		struct port port;

		if (container_skips(context, &in->items[i]))
			continue;
		if (container_port(&in->items[i], context->arena, &port, context->diags) < 0)
			result = -1;
		else
			port_map_add(&map, &port);
	}
	*out = port_map_value(&map);
	return result;
}

/* "[::1]:8080" -> ip and host; the inverse of binding_text. */
static struct value binding_of(struct arena *arena, const char *text)
{
	const char *colon = strrchr(text, ':'), *host = colon ? colon + 1 : text;
	struct value_builder map;

	builder_init(&map, arena);
	if (colon && *text == '[')
		builder_put(&map, "HostIp", value_strn(arena, text + 1, (size_t)(colon - text - 2)));
	else if (colon)
		builder_put(&map, "HostIp", value_strn(arena, text, (size_t)(colon - text)));
	builder_put_str(&map, "HostPort", strcmp(host, "auto") ? host : "");
	return builder_map(&map);
}

static void ports_body(struct container_body *body, const struct value *normal)
{
	struct value_builder ports;

	builder_init(&ports, body->arena);
	for (size_t i = 0; i < normal->len; i++) {
		const struct member *port = &normal->members[i];
		struct value_builder bindings;

		builder_init(&bindings, body->arena);
		for (size_t j = 0; j < port->value.len; j++)
			builder_push(&bindings,
				binding_of(body->arena, value_text(&port->value.items[j], "")));
		builder_put(&ports, port->key, builder_list(&bindings));
		builder_put(&body->exposed, port->key, value_empty_map);
	}
	builder_put(&body->host, "PortBindings", builder_map(&ports));
}

static bool ports_observe(const struct container_view *view, const struct value *asked,
	struct value *out)
{
	const struct value *seen = value_get(view->host, "PortBindings");
	struct port_map map = {.arena = view->arena};

	for (size_t i = 0; seen && seen->kind == VALUE_MAP && i < seen->len; i++) {
		const struct member *port = &seen->members[i];
		const char *slash = strchr(port->key, '/');
		struct port_entry *entry =
			port_map_at(&map, atoi(port->key), slash ? slash + 1 : "tcp");

		for (size_t j = 0; port->value.kind == VALUE_LIST && j < port->value.len; j++) {
			const struct value *at = &port->value.items[j];

			builder_push(&entry->bindings,
				value_str(view->arena,
					binding_text(view->arena, value_get_text(at, "HostIp", ""),
						value_get_text(at, "HostPort", ""))));
		}
	}
	*out = port_map_value(&map);
	return asked || out->len;
}

static int expose_to_normal(struct container_context *context, const struct value *in,
	struct value *out)
{
	struct value_builder list;

	builder_init(&list, context->arena);
	if (in->kind != VALUE_LIST)
		return diag_error(context->diags, value_pos(in), "expose must be a list");
	for (size_t i = 0; i < in->len; i++) {
		const struct value *item = &in->items[i];
		const char *text = value_text(item, "");
		struct port port;
		const char *wrong;

		if (container_skips(context, item))
			continue;
		wrong = strchr(text, ':') ? "there is no host in it, as it is not published"
					  : port_parse(text, context->arena, &port);
		if (wrong) {
			diag_error(context->diags, value_pos(item), "\"%s\" is no exposed port: %s",
				container_shown(item), wrong);
			diag_hint(context->diags, "write 80, 80/udp or 3000-3005; publish with ports");
			return -1;
		}
		for (int number = port.first; number <= port.last; number++)
			builder_push(&list, value_str(context->arena,
				arena_printf(context->arena, "%d/%s", number, port.protocol)));
	}
	*out = container_sorted(context->arena, builder_list(&list));
	return 0;
}

static void expose_body(struct container_body *body, const struct value *normal)
{
	for (size_t i = 0; i < normal->len; i++)
		builder_put(&body->exposed, value_text(&normal->items[i], ""), value_empty_map);
}

/* An image exposes ports, too, and published ones are among them: only what was asked for is told. */
static bool expose_observe(const struct container_view *view, const struct value *asked,
	struct value *out)
{
	const struct value *seen = value_get(view->config, "ExposedPorts");
	const struct value *published = value_get(view->host, "PortBindings");
	struct value_builder list;

	builder_init(&list, view->arena);
	for (size_t i = 0; seen && seen->kind == VALUE_MAP && i < seen->len; i++) {
		const char *port = seen->members[i].key;

		if (asked ? container_list_has(asked, port) : !value_get(published, port))
			builder_push(&list, value_str(view->arena, port));
	}
	*out = container_sorted(view->arena, builder_list(&list));
	return asked || out->len;
}

/* {name, aliases, ipv4Address, ipv6Address}: what is not said is not in it. */
static struct value network_normal(struct arena *arena, const struct value *name,
	const struct value *aliases, const char *ipv4, const char *ipv6)
{
	struct value_builder map;

	builder_init(&map, arena);
	builder_put(&map, "name", *name);
	if (aliases && aliases->len)
		builder_put(&map, "aliases", container_sorted(arena, *aliases));
	if (*ipv4)
		builder_put_str(&map, "ipv4Address", ipv4);
	if (*ipv6)
		builder_put_str(&map, "ipv6Address", ipv6);
	return builder_map(&map);
}

static int networks_to_normal(struct container_context *context, const struct value *in,
	struct value *out)
{
	struct value_builder list;

	if (in->kind != VALUE_LIST)
		return diag_error(context->diags, value_pos(in), "networks must be a list");
	builder_init(&list, context->arena);
	for (size_t i = 0; i < in->len; i++) {
		const struct value *item = &in->items[i];
		const struct value *name = item->kind == VALUE_MAP ? value_get(item, "name") : item;
		struct value text;

		if (container_skips(context, item))
			continue;
		if (!name || !*value_text(name, "")) {
			diag_error(context->diags, value_pos(item), "this network has no name");
			diag_hint(context->diags, "write ${docker_network.NAME.name}, or {name: ...}");
			return -1;
		}
		for (size_t j = 0; j < list.n; j++)
			if (!strcmp(value_get_text(&list.items[j], "name", ""), value_text(name, "")))
				return diag_error(context->diags, value_pos(item),
					"the network %s is named twice", value_text(name, ""));
		text = container_text(context->arena, name);
		builder_push(&list, network_normal(context->arena, &text, value_get(item, "aliases"),
			value_get_text(item, "ipv4Address", ""),
			value_get_text(item, "ipv6Address", "")));
	}
	*out = builder_list(&list);
	return 0;
}

struct value container_endpoint(struct arena *arena, const struct value *network)
{
	const struct value *aliases = value_get(network, "aliases");
	const char *ipv4 = value_get_text(network, "ipv4Address", "");
	const char *ipv6 = value_get_text(network, "ipv6Address", "");
	struct value_builder map, ipam;

	builder_init(&map, arena);
	builder_init(&ipam, arena);
	if (aliases)
		builder_put(&map, "Aliases", *aliases);
	if (*ipv4)
		builder_put_str(&ipam, "IPv4Address", ipv4);
	if (*ipv6)
		builder_put_str(&ipam, "IPv6Address", ipv6);
	if (ipam.n)
		builder_put(&map, "IPAMConfig", builder_map(&ipam));
	return builder_map(&map);
}

static void networks_body(struct container_body *body, const struct value *normal)
{
	if (normal->len) /* EndpointsConfig is written beside it */
		builder_put(&body->host, "NetworkMode", *value_get(&normal->items[0], "name"));
}

/* Up to 1.45 an engine adds the container's short id to the aliases that were asked for. */
static struct value aliases_seen(const struct container_view *view, const struct value *seen)
{
	const char *id = value_get_text(view->inspect, "Id", "");
	struct value_builder list;

	builder_init(&list, view->arena);
	for (size_t i = 0; seen && seen->kind == VALUE_LIST && i < seen->len; i++) {
		const char *alias = value_text(&seen->items[i], "");

		if (strlen(alias) != 12 || strncmp(alias, id, 12) != 0)
			builder_push(&list, seen->items[i]);
	}
	return builder_list(&list);
}

static struct value network_seen(const struct container_view *view, const char *name,
	const struct value *endpoint)
{
	const struct value *ipam = value_get(endpoint, "IPAMConfig");
	struct value text = value_str(view->arena, name);
	struct value aliases = aliases_seen(view, value_get(endpoint, "Aliases"));

	return network_normal(view->arena, &text, &aliases, value_get_text(ipam, "IPv4Address", ""),
		value_get_text(ipam, "IPv6Address", ""));
}

const struct member *container_network_find(const struct value *networks, const char *name)
{
	const struct member *member = value_member(networks, name);

	for (size_t i = 0; !member && networks && networks->kind == VALUE_MAP && i < networks->len; i++)
		if (!strcmp(value_get_text(&networks->members[i].value, "NetworkID", ""), name))
			member = &networks->members[i];
	return member;
}

/* In the order asked for, under the names asked for (an id may be one); then what else it is in. */
static bool networks_observe(const struct container_view *view, const struct value *asked,
	struct value *out)
{
	const struct value *seen =
		value_get(value_get(view->inspect, "NetworkSettings"), "Networks");
	struct value_builder list;

	if (!seen || seen->kind != VALUE_MAP)
		seen = &value_empty_map;
	builder_init(&list, view->arena);
	for (size_t i = 0; asked && i < asked->len; i++) {
		const char *name = value_get_text(&asked->items[i], "name", "");
		const struct member *member = container_network_find(seen, name);

		if (!member)
			continue;
		builder_push(&list, network_seen(view, name, &member->value));
	}
	for (size_t i = 0; i < seen->len; i++) {
		const struct member *member = &seen->members[i];
		bool told = false;

		for (size_t j = 0; asked && j < asked->len && !told; j++)
			told = container_network_find(seen,
				value_get_text(&asked->items[j], "name", "")) == member;
		if (!told)
			builder_push(&list, network_seen(view, member->key, &member->value));
	}
	*out = builder_list(&list);
	return asked || out->len;
}

/* container:NAME is shown by the engine as container:ID; told as it was asked for. */
const char *container_mode(const struct container_view *view, const char *seen, const char *asked)
{
	const char *name = view->peer;

	if (strncmp(seen, "container:", 10) != 0 || !asked || strncmp(asked, "container:", 10) != 0)
		return seen;
	if (name && view->peer_id && !strcmp(asked + 10, name) && !strcmp(seen + 10, view->peer_id))
		return asked;
	return seen;
}

static int mode_to_normal(struct container_context *context, const struct value *in,
	struct value *out)
{
	const char *text = value_text(in, "");

	if (!strncmp(text, "service:", 8)) {
		diag_error(context->diags, value_pos(in), "networkMode \"%s\" is not known here", text);
		diag_hint(context->diags, "write container:${docker_container.%s.id}", text + 8);
		return -1;
	}
	*out = container_text(context->arena, in);
	return 0;
}

static bool mode_observe(const struct container_view *view, const struct value *asked,
	struct value *out)
{
	const char *seen = value_get_text(view->host, "NetworkMode", "");

	if (!asked && strcmp(seen, "host") != 0 && strcmp(seen, "none") != 0 &&
		strncmp(seen, "container:", 10) != 0)
		return false;
	if (!strcmp(seen, "default"))
		seen = "bridge";
	*out = value_str(view->arena, container_mode(view, seen, value_text(asked, NULL)));
	return true;
}

/* "name=address" is the newer way to write "name:address"; a map is another. */
static int hosts_to_normal(struct container_context *context, const struct value *in,
	struct value *out)
{
	struct value_builder list;

	builder_init(&list, context->arena);
	for (size_t i = 0; in->kind == VALUE_MAP && i < in->len; i++)
		builder_push(&list, value_str(context->arena, arena_printf(context->arena, "%s:%s",
			in->members[i].key, value_text(&in->members[i].value, ""))));
	for (size_t i = 0; in->kind == VALUE_LIST && i < in->len; i++) {
		const struct value *item = &in->items[i];
		char *text = arena_strdup(context->arena, value_text(item, ""));
		char *split = strpbrk(text, "=:");

		if (container_skips(context, item))
			continue;
		if (!split || split == text || !split[1]) {
			diag_error(context->diags, value_pos(item), "\"%s\" is no host and address",
				container_shown(item));
			diag_hint(context->diags, "write \"name:address\", or a map of them");
			return -1;
		}
		*split = ':';
		builder_push(&list, value_str(context->arena, text));
	}
	*out = container_sorted(context->arena, builder_list(&list));
	return 0;
}

const struct container_key container_keys_net[] = {
	{.name = "hostname", .field = "Hostname"},
	{.name = "domainname", .field = "Domainname"},
	{.name = "ports", .normal = ports_to_normal, .body = ports_body, .observe = ports_observe},
	{.name = "expose", .normal = expose_to_normal, .body = expose_body,
		.observe = expose_observe},
	{.name = "networks", .way = CONTAINER_IN_PLACE, .normal = networks_to_normal,
		.body = networks_body, .observe = networks_observe},
	{.name = "networkMode", .field = "HostConfig.NetworkMode", .normal = mode_to_normal,
		.observe = mode_observe},
	{.name = "extraHosts", .field = "HostConfig.ExtraHosts", .form = FORM_SET,
		.normal = hosts_to_normal},
	{.name = "dns", .field = "HostConfig.Dns", .form = FORM_LIST},
	{.name = "dnsSearch", .field = "HostConfig.DnsSearch", .form = FORM_LIST},
	{.name = "dnsOptions", .field = "HostConfig.DnsOptions", .form = FORM_LIST},
	{.name = NULL},
};
