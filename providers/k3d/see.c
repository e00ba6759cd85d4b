/*
 * Looking: all containers with the label app=k3d in one call, grouped by their cluster. A cluster
 * without a server is debris of a k3d that was killed: it is reported as there only to somebody who
 * wants its name.
 */
#include "providers/k3d/k3d.h"

#include <stdlib.h>
#include <string.h>

static const char *label(const struct value *container, const char *name)
{
	return value_get_text(value_get(container, "Labels"), name, "");
}

static struct k3d_node read_node(const struct value *container)
{
	const struct value *names = value_get(container, "Names");
	const char *name = names && names->len ? value_text(&names->items[0], "") : "";

	return (struct k3d_node){
		.id = value_get_text(container, "Id", ""),
		.name = name + (*name == '/'),
		.role = label(container, K3D_LABEL_ROLE),
		.image = value_get_text(container, "Image", ""),
		.labels = value_get(container, "Labels"),
		.ports = value_get(container, "Ports"),
		.runs = !strcmp(value_get_text(container, "State", ""), "running"),
	};
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct k3d_node *)a)->name, ((const struct k3d_node *)b)->name);
}

static bool belongs(const struct value *container, const char *cluster)
{
	return !strcmp(label(container, K3D_LABEL_CLUSTER), cluster);
}

bool k3d_is_node(const struct k3d_node *node)
{
	return !strcmp(node->role, "server") || !strcmp(node->role, "agent");
}

struct value k3d_nodes(struct arena *arena, const struct k3d_cluster *cluster)
{
	struct value_builder nodes;

	builder_init(&nodes, arena);
	for (size_t i = 0; i < cluster->n; i++)
		if (k3d_is_node(&cluster->nodes[i]))
			builder_put_str(&nodes, cluster->nodes[i].name, cluster->nodes[i].id);
	return builder_map(&nodes);
}

static void fill(struct docker *docker, const struct value *list, struct k3d_cluster *cluster)
{
	struct k3d_node *nodes = arena_alloc(docker->arena, (list->len + 1) * sizeof(*nodes));

	for (uint32_t i = 0; i < list->len; i++)
		if (belongs(&list->items[i], cluster->name))
			nodes[cluster->n++] = read_node(&list->items[i]);
	qsort(nodes, cluster->n, sizeof(*nodes), by_name);
	cluster->nodes = nodes;
	for (size_t i = 0; i < cluster->n; i++) {
		bool part = k3d_is_node(&nodes[i]) || !strcmp(nodes[i].role, K3D_ROLE_BALANCER);

		cluster->servers += !strcmp(nodes[i].role, "server");
		cluster->agents += !strcmp(nodes[i].role, "agent");
		cluster->parts += part;
		cluster->running += part && nodes[i].runs;
	}
	if (k3d_server(cluster))
		cluster->labels = k3d_server(cluster)->labels;
}

int k3d_list(struct docker *docker, struct k3d_cluster **clusters, size_t *n, struct error *err)
{
	struct docker_reply reply;
	const struct value *list;

	*n = 0;
	if (docker_get(docker, docker_path(docker, "/containers/json?all=1&%s",
			docker_filters(docker, "label", "app=k3d", NULL)), &reply, err))
		return -1;
	list = reply.body->kind == VALUE_LIST ? reply.body : &value_empty_list;
	*clusters = arena_zalloc(docker->arena, (list->len + 1) * sizeof(**clusters));
	for (uint32_t i = 0; i < list->len; i++) {
		const char *name = label(&list->items[i], K3D_LABEL_CLUSTER);
		size_t known = 0;

		while (known < *n && strcmp((*clusters)[known].name, name))
			known++;
		if (!*name || known < *n)
			continue;
		(*clusters)[*n].name = name;
		fill(docker, list, &(*clusters)[(*n)++]);
	}
	return 0;
}

int k3d_find(struct docker *docker, const char *name, struct k3d_cluster *cluster, bool *found,
	struct error *err)
{
	struct k3d_cluster *all;
	size_t n;

	*cluster = (struct k3d_cluster){.name = name};
	*found = false;
	if (k3d_list(docker, &all, &n, err))
		return -1;
	for (size_t i = 0; i < n; i++)
		if (!strcmp(all[i].name, name)) {
			*cluster = all[i];
			*found = true;
		}
	return 0;
}

const struct k3d_node *k3d_server(const struct k3d_cluster *cluster)
{
	for (size_t i = 0; i < cluster->n; i++)
		if (!strcmp(cluster->nodes[i].role, "server"))
			return &cluster->nodes[i];
	return NULL;
}

bool k3d_has_balancer(const struct k3d_cluster *cluster)
{
	for (size_t i = 0; i < cluster->n; i++)
		if (!strcmp(cluster->nodes[i].role, K3D_ROLE_BALANCER))
			return true;
	return false;
}

static const struct value *attributes_of(struct docker *docker, const struct k3d_cluster *cluster)
{
	struct value *map = arena_alloc(docker->arena, sizeof(*map));
	struct value_builder attributes;

	builder_init(&attributes, docker->arena);
	builder_put_int(&attributes, "agents", (int64_t)cluster->agents);
	builder_put_bool(&attributes, "loadBalancer", k3d_has_balancer(cluster));
	builder_put_int(&attributes, "servers", (int64_t)cluster->servers);
	*map = builder_map(&attributes);
	return map;
}

void k3d_describe(struct docker *docker, struct observation *item,
	const struct k3d_cluster *cluster)
{
	docker_describe(docker, item, cluster->name, cluster->labels);
	item->attributes = attributes_of(docker, cluster);
	item->runs = cluster->servers && cluster->running == cluster->parts;
	if (!item->runs)
		item->health = cluster->running
			? arena_printf(docker->arena, "%zu of %zu containers run", cluster->running,
				cluster->parts)
			: "stopped";
}

static const char *name_of(const struct docker *docker, const struct observation *item)
{
	return item->record && item->record->id ? item->record->id
						: docker_name(docker, item, "clusterName");
}

/* Nothing but what a killed k3d left. Of our own run that is nothing yet: creating cleans it up. */
static void describe_debris(struct docker *docker, struct observation *item,
	const struct k3d_cluster *cluster)
{
	if (item->record || item->intent) {
		item->presence = PRESENCE_ABSENT;
		return;
	}
	item->presence = PRESENCE_PRESENT;
	item->ownership = OWNER_NONE;
	item->id = cluster->name;
	item->message = arena_printf(docker->arena,
		"remains of a k3d that was killed: `k3d cluster delete %s`", cluster->name);
}

/* Of a node that somebody made anew by hand, the id is another one than recorded. */
static const struct value *outputs_now(struct docker *docker, struct record *record,
	const struct k3d_cluster *cluster)
{
	const struct value *then = record_outputs(record, NULL);
	struct value *out = arena_alloc(docker->arena, sizeof(*out));
	struct value nodes = k3d_nodes(docker->arena, cluster);
	struct value_builder map;

	if (!value_get(then, "nodes") || value_equal(value_get(then, "nodes"), &nodes))
		return NULL;
	builder_init(&map, docker->arena);
	for (uint32_t i = 0; i < then->len; i++)
		builder_put(&map, then->members[i].key,
			strcmp(then->members[i].key, "nodes") ? then->members[i].value : nodes);
	*out = builder_map(&map);
	return out;
}

bool k3d_is_another(struct docker *docker, struct record *record, const struct k3d_cluster *cluster)
{
	const struct value *nodes = record ? value_get(record_outputs(record, NULL), "nodes") : NULL;
	const char *message;

	if (!nodes || nodes->kind != VALUE_MAP || !nodes->len ||
		docker_owner(docker, cluster->labels, NULL, &message) != OWNER_NONE)
		return false;
	for (size_t i = 0; i < cluster->n; i++)
		for (uint32_t k = 0; k < nodes->len; k++)
			if (!strcmp(cluster->nodes[i].id, value_text(&nodes->members[k].value, "")))
				return false;
	return true;
}

/* What only the cluster itself can say about a change that is wanted. */
static void judge(struct docker *docker, struct observation *item,
	const struct k3d_cluster *cluster)
{
	const struct value *agents, *before;
	size_t wanted;

	if (!item->record || !item->desired)
		return;
	agents = value_get(item->desired, "agents");
	before = record_inputs(item->record, NULL);
	item->outputs = outputs_now(docker, item->record, cluster);
	item->replace = k3d_files_changed(before, item->desired)
		? "files are put into the nodes when they are made"
		: k3d_fixed_ports(docker, cluster, value_get(before, "ports"),
			value_get(item->desired, "ports"));
	if (agents && !value_is_known(agents))
		return;
	wanted = (size_t)value_get_int(item->desired, "agents", 0);
	item->loses = k3d_loses(docker, cluster, wanted);
	if (!item->replace && wanted > cluster->agents)
		item->replace = k3d_fixed_agents(docker, cluster, item->desired);
}

static int look(struct docker *docker, struct observation *item, const struct k3d_cluster *clusters,
	size_t n, struct error *err)
{
	const char *name = name_of(docker, item);

	item->presence = PRESENCE_ABSENT;
	for (size_t i = 0; name && i < n; i++) {
		if (strcmp(clusters[i].name, name))
			continue;
		if (clusters[i].labels && k3d_is_another(docker, item->record, &clusters[i])) {
			item->blocked = arena_printf(docker->arena, "it was removed, and somebody made another "
				"cluster of the name %s: `k3d cluster delete %s`, or choose another clusterName",
				name, name);
		} else if (clusters[i].labels) {
			k3d_describe(docker, item, &clusters[i]);
			judge(docker, item, &clusters[i]);
		} else {
			describe_debris(docker, item, &clusters[i]);
		}
	}
	return item->desired && !item->blocked && item->ownership != OWNER_OTHER
		? k3d_blocked(docker, item, name ? name : "", clusters, n, err) : 0;
}

static void report_stray(struct docker *docker, struct docker_observe *observe,
	const struct k3d_cluster *cluster)
{
	struct docker_mark mark = docker_mark(cluster->labels);

	for (size_t i = 0; i < observe->n; i++)
		if (observe->items[i]->id && !strcmp(observe->items[i]->id, cluster->name))
			return;
	if (cluster->labels)
		docker_stray(docker, observe, "k3d_cluster", &mark, cluster->name, cluster->name);
}

int k3d_observe(struct docker *docker, struct docker_observe *observe, struct error *err)
{
	struct k3d_cluster *clusters;
	size_t n;

	if (k3d_list(docker, &clusters, &n, err))
		return -1;
	for (size_t i = 0; i < observe->n; i++)
		if (look(docker, observe->items[i], clusters, n, err))
			return -1;
	for (size_t i = 0; i < n; i++)
		report_stray(docker, observe, &clusters[i]);
	return 0;
}
