/*
 * The number of agents, which changes in place. A surplus agent is drained first. One whose node holds
 * the data of a local volume is the last to go, and only when losing it was allowed.
 */
#include "providers/k3d/k3d.h"

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

/* --- fewer --------------------------------------------------------------------------------------- */

/* A volume of the class local-path lies on one node and goes with it. "VOLUME\tNODE NODE\n" ... */
static int list_volumes(struct docker *docker, const struct k3d_cluster *cluster, const char **out,
	struct error *err)
{
	static const char *const argv[] = {"kubectl", "get", "persistentvolumes", "-o",
		"jsonpath={range .items[*]}{.metadata.name}{\"\\t\"}{.spec.nodeAffinity.required.nodeSelectorTerms[*].matchExpressions[*].values[*]}{\"\\n\"}{end}",
		NULL};

	return k3d_exec(docker, k3d_server(cluster)->id, argv, out, err);
}

/* The name of a volume that lies on that node; NULL: none does. */
static const char *volume_on(struct docker *docker, const char *volumes, const char *node)
{
	size_t len = strlen(node);

	for (const char *line = volumes; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t name = strcspn(line, "\t\n");
		const char *at = line + name;

		while (*at && *at != '\n') {
			at++;
			if (!strncmp(at, node, len) && strchr(" \n", at[len]))
				return arena_strndup(docker->arena, line, name);
			at += strcspn(at, " \n");
		}
	}
	return NULL;
}

/* The next to go: the last by name, agents that k3d made with the cluster and later ones alike, of those
   without a volume; else the last of all. `*volume` is what it holds; NULL: nothing. */
static const char *next_to_go(struct docker *docker, const struct k3d_cluster *cluster,
	const char *volumes, size_t skip, const char **volume)
{
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = cluster->n; i-- > 0;) {
			const char *name = cluster->nodes[i].name, *held;

			if (strcmp(cluster->nodes[i].role, "agent"))
				continue;
			held = volume_on(docker, volumes, name);
			if ((held != NULL) != pass || skip-- > 0)
				continue;
			*volume = held;
			return name;
		}
	*volume = NULL;
	return NULL;
}

const char *k3d_loses(struct docker *docker, const struct k3d_cluster *cluster, size_t wanted)
{
	struct error ignored = ERROR_INIT;
	const char *volumes, *volume, *node;

	if (wanted >= cluster->agents || !k3d_server(cluster)->runs ||
		list_volumes(docker, cluster, &volumes, &ignored))
		return NULL;
	/* The worst of those that go is the last of them. */
	node = next_to_go(docker, cluster, volumes, cluster->agents - wanted - 1, &volume);
	return volume ? arena_printf(docker->arena, "volume %s on agent %s", volume, node) : NULL;
}

static int drain_and_remove(struct docker *docker, const struct k3d_cluster *cluster,
	const char *node, struct error *err)
{
	const char *const drain[] = {"kubectl", "drain", node, "--ignore-daemonsets",
		"--delete-emptydir-data", "--force", "--timeout=120s", NULL};
	const char *const forget[] = {"kubectl", "delete", "node", node, "--ignore-not-found", NULL};
	const char *const args[] = {"node", "delete", node, NULL};
	const char *server = k3d_server(cluster)->id;

	provider_progress(docker->env, "draining %s", node);
	if (k3d_exec(docker, server, drain, NULL, err))
		return error_wrap(err, "cannot drain %s", node);
	if (k3d_run(docker, args, NULL, err))
		return -1;
	return k3d_exec(docker, server, forget, NULL, err);
}

/* Whether losing data is allowed was asked when the plan saw it; what came since was not asked. */
static int remove_agent(struct docker *docker, const struct request *request,
	const struct k3d_cluster *cluster, struct error *err)
{
	bool allowed = request->observed && request->observed->loses;
	const char *volumes, *volume, *node;

	if (list_volumes(docker, cluster, &volumes, err))
		return -1;
	node = next_to_go(docker, cluster, volumes, 0, &volume);
	if (volume && !allowed)
		return error_set(err, ERROR_CONFLICT,
			"agent %s holds the volume %s, whose data would be lost: delete its claim first, or "
			"keep the number of agents", node, volume);
	return drain_and_remove(docker, cluster, node, err);
}

/* --- as many as wanted --------------------------------------------------------------------------- */

int k3d_scale(struct docker *docker, const struct request *request,
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
		if (wanted > before ? k3d_add_agent(docker, request, &now, number, err)
				    : remove_agent(docker, request, &now, err))
			return -1;
		if (k3d_find(docker, now.name, &now, &found, err))
			return -1;
		if (now.agents == before)
			return error_set(err, ERROR_FAILED, "k3d did not change the number of agents");
	}
	return 0;
}
