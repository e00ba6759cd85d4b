/*
 * Ports: which of this machine a cluster takes and who has one of them, and how they change on one that
 * stands. k3d publishes them on its load balancer, which it makes anew for a change;
 * what it cannot do is known before anything is done, so that a plan says `replace`.
 */
#include "providers/k3d/k3d.h"

#include "model/json.h"

#include <stdlib.h>
#include <string.h>

static bool in_list(const struct value *list, const struct value *item)
{
	for (uint32_t i = 0; list && list->kind == VALUE_LIST && i < list->len; i++)
		if (value_equal(&list->items[i], item))
			return true;
	return false;
}

/* The first that only `list` has; NULL: none. */
static const struct value *extra(const struct value *list, const struct value *other)
{
	for (uint32_t i = 0; list && list->kind == VALUE_LIST && i < list->len; i++)
		if (!in_list(other, &list->items[i]))
			return &list->items[i];
	return NULL;
}

static const char *port_text(struct docker *docker, const struct value *item)
{
	struct value port = k3d_filtered(docker->arena, item, "port");
	const struct value *filters = value_get(&port, "nodeFilters");
	const char *text = value_get_text(&port, "port", "");

	for (uint32_t i = 0; filters && filters->kind == VALUE_LIST && i < filters->len; i++)
		text = arena_printf(docker->arena, "%s%c%s", text, i ? ';' : '@',
			value_text(&filters->items[i], ""));
	return text;
}

/* --- of this machine ------------------------------------------------------------------------------ */

static void publish(struct value_builder *ports, const struct value *where, const char *host_key,
	const char *inside)
{
	const struct value *port = value_get(where, "hostPort"), *host = value_get(where, host_key);

	if (port && value_is_known(port) && (!host || value_is_known(host)))
		builder_push(ports, value_str(ports->arena, k3d_published(ports->arena,
			value_text(host, "0.0.0.0"), value_text(port, ""), inside)));
}

struct value k3d_host_ports(struct arena *arena, const struct value *inputs)
{
	const struct value *list = value_get(inputs, "ports");
	struct value_builder ports, map;

	builder_init(&ports, arena);
	builder_init(&map, arena);
	for (uint32_t i = 0; list && list->kind == VALUE_LIST && i < list->len; i++) {
		struct value item = k3d_filtered(arena, &list->items[i], "port");

		if (value_get(&item, "port"))
			builder_push(&ports, *value_get(&item, "port"));
	}
	publish(&ports, value_get(inputs, "kubeApi"), "hostIp", "6443");
	publish(&ports, value_path(inputs, "registries.create"), "host", K3D_REGISTRY_PORT);
	builder_put(&map, "ports", builder_list(&ports));
	return builder_map(&map);
}

static bool is_ours(const struct docker *docker, const struct value *container, const char *name,
	const struct k3d_cluster *clusters, size_t n)
{
	const char *of = value_get_text(value_get(container, "Labels"), K3D_LABEL_CLUSTER, "");
	const char *ignored;

	for (size_t i = 0; i < n; i++)
		if (!strcmp(clusters[i].name, of))
			return !strcmp(of, name) || (clusters[i].labels &&
				docker_owner(docker, clusters[i].labels, NULL, &ignored) == OWNER_US);
	return false;
}

/* k3d marks neither the load balancer nor the registry of a cluster: they are ours with its servers. */
static struct value with_own(const struct docker *docker, const struct value *list, const char *name,
	const struct k3d_cluster *clusters, size_t n)
{
	struct value_builder all, own;

	builder_init(&all, docker->arena);
	for (uint32_t i = 0; list->kind == VALUE_LIST && i < list->len; i++) {
		const struct value *container = &list->items[i], *ports = value_get(container, "Ports");

		if (!ports || !is_ours(docker, container, name, clusters, n)) {
			builder_push(&all, *container);
			continue;
		}
		builder_init(&own, docker->arena);
		builder_put_str(&own, "Id", "own");
		builder_put(&own, "Ports", *ports);
		builder_push(&all, builder_map(&own));
	}
	return builder_list(&all);
}

int k3d_blocked(struct docker *docker, struct observation *item, const char *name,
	const struct k3d_cluster *clusters, size_t n, struct error *err)
{
	struct value wanted = k3d_host_ports(docker->arena, item->desired), before, list;
	struct docker_reply reply;

	before = k3d_host_ports(docker->arena, item->record ? record_inputs(item->record, NULL) : NULL);
	if (!value_get(&wanted, "ports")->len || (item->runs && value_equal(&wanted, &before)))
		return 0;
	if (docker_get(docker, "/containers/json", &reply, err))
		return -1;
	list = with_own(docker, reply.body, name, clusters, n);
	item->blocked = docker_blocked(docker, &list, "own", &wanted, &item->blocked_claim);
	return 0;
}

/* --- what k3d can -------------------------------------------------------------------------------- */

/* "agent:0:direct": published by the node itself. */
static bool any_direct(struct docker *docker, const struct value *list, const struct value *other)
{
	for (uint32_t i = 0; list && list->kind == VALUE_LIST && i < list->len; i++)
		if (!in_list(other, &list->items[i]) &&
			strstr(port_text(docker, &list->items[i]), ":direct"))
			return true;
	return false;
}

/* From 5.9 on k3d takes a port away, too. NULL: this one does. */
static const char *cannot_take_away(struct docker *docker)
{
	struct error ignored = ERROR_INIT;
	const char *text, *at;
	int major, minor;

	if (k3d_version(docker, &text, &ignored))
		return NULL; /* to be said when it is run */
	at = strstr(text, "\"k3d\":\"v");
	if (!at || sscanf(at, "\"k3d\":\"v%d.%d", &major, &minor) != 2 ||
		major > 5 || (major == 5 && minor >= 9))
		return NULL;
	return arena_printf(docker->arena, "k3d %d.%d takes no port away, 5.9 does", major, minor);
}

const char *k3d_fixed_ports(struct docker *docker, const struct k3d_cluster *cluster,
	const struct value *before, const struct value *after)
{
	const struct value *gone = extra(before, after);

	if ((before && !value_is_known(before)) || (after && !value_is_known(after)) ||
		(!gone && !extra(after, before)))
		return NULL;
	if (!k3d_has_balancer(cluster))
		return "only a load balancer takes ports later";
	if (any_direct(docker, before, after) || any_direct(docker, after, before))
		return "a port of a node is published when the node is made";
	return gone ? cannot_take_away(docker) : NULL;
}

/* --- changing ------------------------------------------------------------------------------------ */

static int edit(struct docker *docker, const struct value *list, const struct value *other,
	const char *flag, const char *cluster, struct error *err)
{
	for (uint32_t i = 0; list && list->kind == VALUE_LIST && i < list->len; i++) {
		const char *const args[] = {"cluster", "edit", cluster, flag,
			port_text(docker, &list->items[i]), NULL};

		if (!in_list(other, &list->items[i]) && k3d_run(docker, args, NULL, err))
			return error_wrap(err, "cannot change the ports of cluster %s in place; `devenv apply "
				"--replace` makes it anew", cluster);
	}
	return 0;
}

int k3d_change_ports(struct docker *docker, const struct value *before, const struct value *after,
	const char *name, struct error *err)
{
	return edit(docker, before, after, "--port-delete", name, err) ||
	       edit(docker, after, before, "--port-add", name, err) ? -1 : 0;
}
