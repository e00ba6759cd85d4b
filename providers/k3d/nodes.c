/*
 * What changes in place: the number of agents, and ports of the load balancer. A surplus agent is
 * drained first; one whose node holds the data of a local volume is not removed.
 */
#include "providers/k3d/k3d.h"

#include <stdlib.h>
#include <string.h>

static const char *agent_name(struct docker *docker, const char *cluster, size_t number)
{
	return arena_printf(docker->arena, "k3d-%s-agent-%zu", cluster, number);
}

static bool has_node(const struct k3d_cluster *cluster, const char *name)
{
	for (size_t i = 0; i < cluster->n; i++)
		if (!strcmp(cluster->nodes[i].name, name))
			return true;
	return false;
}

/* --- more agents --------------------------------------------------------------------------------- */

/* `node create NAME` makes the container k3d-NAME-0; so that all agents have names alike, the number
   goes into the name. */
static int add_agent(struct docker *docker, const struct request *request,
	const struct k3d_cluster *cluster, size_t number, struct error *err)
{
	struct value labels = docker_labels(docker, request->address, request->generation, NULL);
	const char *image = value_get_text(request->inputs, "image", NULL), **args;
	size_t n = 0;

	args = arena_alloc(docker->arena, (16 + 2 * labels.len) * sizeof(*args));
	args[n++] = "node";
	args[n++] = "create";
	args[n++] = arena_printf(docker->arena, "%s-agent-%zu", cluster->name, number);
	args[n++] = "--cluster";
	args[n++] = cluster->name;
	args[n++] = "--role";
	args[n++] = "agent";
	args[n++] = "--wait";
	if (image) {
		args[n++] = "--image";
		args[n++] = image;
	}
	for (uint32_t i = 0; i < labels.len; i++) {
		args[n++] = "--runtime-label";
		args[n++] = arena_printf(docker->arena, "%s=%s", labels.members[i].key,
			value_text(&labels.members[i].value, ""));
	}
	args[n] = NULL;
	return k3d_run(docker, args, NULL, err);
}

/* --- fewer --------------------------------------------------------------------------------------- */

/* A volume of the class local-path lies on one node: it goes with the node. */
static int check_volumes(struct docker *docker, const struct k3d_cluster *cluster, const char *node,
	struct error *err)
{
	static const char *const argv[] = {"kubectl", "get", "persistentvolumes", "-o",
		"jsonpath={range .items[*]}{.metadata.name}{\"\\t\"}{.spec.nodeAffinity.required.nodeSelectorTerms[*].matchExpressions[*].values[*]}{\"\\n\"}{end}",
		NULL};
	const char *out;

	if (k3d_exec(docker, k3d_server(cluster)->id, argv, &out, err))
		return -1;
	for (const char *line = out; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t len = strcspn(line, "\n"), name = strcspn(line, "\t");
		const char *at = memmem(line, len, node, strlen(node));

		if (at && name < len && strchr(" \n", at[strlen(node)]))
			return error_set(err, ERROR_CONFLICT,
				"agent %s holds the volume %.*s, whose data would be lost: delete its claim first, "
				"or keep the number of agents", node, (int)name, line);
	}
	return 0;
}

static int remove_agent(struct docker *docker, const struct k3d_cluster *cluster, const char *node,
	struct error *err)
{
	const char *const drain[] = {"kubectl", "drain", node, "--ignore-daemonsets",
		"--delete-emptydir-data", "--force", "--timeout=120s", NULL};
	const char *const forget[] = {"kubectl", "delete", "node", node, "--ignore-not-found", NULL};
	const char *const args[] = {"node", "delete", node, NULL};
	const char *server = k3d_server(cluster)->id;

	if (check_volumes(docker, cluster, node, err))
		return -1;
	provider_progress(docker->env, "draining %s", node);
	if (k3d_exec(docker, server, drain, NULL, err))
		return error_wrap(err, "cannot drain %s", node);
	if (k3d_run(docker, args, NULL, err))
		return -1;
	return k3d_exec(docker, server, forget, NULL, err);
}

/* The last by name; agents that k3d made with the cluster and those added later alike. */
static const char *last_agent(const struct k3d_cluster *cluster)
{
	for (size_t i = cluster->n; i-- > 0;)
		if (!strcmp(cluster->nodes[i].role, "agent"))
			return cluster->nodes[i].name;
	return NULL;
}

static int scale(struct docker *docker, const struct request *request,
	const struct k3d_cluster *cluster, struct error *err)
{
	size_t wanted = (size_t)value_get_int(request->inputs, "agents", 0);
	struct k3d_cluster now = *cluster;
	bool found;

	while (now.agents != wanted) {
		size_t before = now.agents, number = 0;

		while (has_node(&now, agent_name(docker, now.name, number)) ||
			has_node(&now, arena_printf(docker->arena, "%s-0", agent_name(docker, now.name, number))))
			number++;
		if (wanted > before ? add_agent(docker, request, &now, number, err)
				    : remove_agent(docker, &now, last_agent(&now), err))
			return -1;
		if (k3d_find(docker, now.name, &now, &found, err))
			return -1;
		if (now.agents == before)
			return error_set(err, ERROR_FAILED, "k3d did not change the number of agents");
	}
	return 0;
}

/* --- ports --------------------------------------------------------------------------------------- */

static bool in_list(const struct value *list, const struct value *item)
{
	for (uint32_t i = 0; list && list->kind == VALUE_LIST && i < list->len; i++)
		if (value_equal(&list->items[i], item))
			return true;
	return false;
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

/* Removing a port is known to k3d from 5.9 on; an older one says that it does not know the flag. */
static int edit_ports(struct docker *docker, const struct value *list, const struct value *other,
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

int k3d_update(struct docker *docker, const struct request *request,
	const struct k3d_cluster *cluster, struct error *err)
{
	const struct value *before =
		request->record ? value_get(record_inputs(request->record, NULL), "ports") : NULL;
	const struct value *after = value_get(request->inputs, "ports");

	if (edit_ports(docker, before, after, "--port-delete", cluster->name, err) ||
		edit_ports(docker, after, before, "--port-add", cluster->name, err))
		return -1;
	return scale(docker, request, cluster, err);
}
