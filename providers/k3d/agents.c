/*
 * Agents that come later. `k3d node create` makes one like an agent that is there, or, where there is
 * none, like a server; it takes arguments, labels and limits, but neither mounts, environment nor files.
 * So that an added agent is never less than the manifest says, a plan replaces the cluster instead.
 */
#include "providers/k3d/k3d.h"

#include <string.h>

/* Which nodes the filters of an entry mean; a set. */
enum { SERVERS = 1, AGENTS = 2, BY_NUMBER = 4 };

static unsigned reach(struct docker *docker, const struct value *item)
{
	struct value entry = k3d_filtered(docker->arena, item, "what");
	const struct value *filters = value_get(&entry, "nodeFilters");
	unsigned nodes = 0;

	if (!filters || filters->kind != VALUE_LIST || !filters->len)
		return SERVERS | AGENTS;
	for (uint32_t i = 0; i < filters->len; i++) {
		const char *text = value_text(&filters->items[i], "");

		if (!strncmp(text, "all", 3))
			nodes |= SERVERS | AGENTS;
		else if (!strncmp(text, "server", 6))
			nodes |= SERVERS;
		else if (!strncmp(text, "agent", 5))
			nodes |= strchr(text, '*') ? AGENTS : BY_NUMBER;
	}
	return nodes & AGENTS ? nodes & (SERVERS | AGENTS) : nodes;
}

/* Does an entry of the list mean any of `with`, and none of `without`? */
static bool means(struct docker *docker, const struct value *list, unsigned with, unsigned without)
{
	for (uint32_t i = 0; list && list->kind == VALUE_LIST && i < list->len; i++) {
		unsigned nodes = reach(docker, &list->items[i]);

		if ((nodes & with) && !(nodes & without))
			return true;
	}
	return false;
}

const char *k3d_fixed_agents(struct docker *docker, const struct k3d_cluster *cluster,
	const struct value *inputs)
{
	static const char *const keys[] = {"volumes", "env", "k3sArgs", "nodeLabels", "labels"};
	const struct value *runtime = value_get(inputs, "runtime");

	if (means(docker, value_get(inputs, "files"), AGENTS | BY_NUMBER, 0))
		return "k3d puts no files into an agent that is added";
	if (value_get(runtime, "gpuRequest") || value_get_bool(runtime, "hostPidMode", false))
		return "k3d gives an agent that is added neither GPUs nor the processes of this machine";
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const struct value *list = value_get(inputs, keys[i]);

		if (means(docker, list ? list : value_get(runtime, keys[i]), BY_NUMBER, 0))
			return arena_printf(docker->arena, "an agent that is added is like the others, and `%s` "
				"names agents by number", keys[i]);
		if (i < 2 && !cluster->agents && means(docker, list, AGENTS, SERVERS))
			return arena_printf(docker->arena, "the first agent that is added gets the `%s` of a "
				"server", keys[i]);
	}
	return NULL;
}

/* --- the command --------------------------------------------------------------------------------- */

struct command {
	struct arena *arena;
	const char **args;
	size_t n, cap;
};

static void add(struct command *command, const char *arg)
{
	ARENA_GROW(command->arena, command->args, command->n, command->cap);
	command->args[command->n++] = arg;
}

static void add_option(struct command *command, const char *flag, const char *value)
{
	if (!value)
		return;
	add(command, flag);
	add(command, value);
}

/* The entries that mean every agent. */
static void add_entries(struct docker *docker, struct command *command, const char *flag,
	const struct value *list, const char *key)
{
	for (uint32_t i = 0; list && list->kind == VALUE_LIST && i < list->len; i++) {
		struct value entry = k3d_filtered(docker->arena, &list->items[i], key);

		if (reach(docker, &list->items[i]) & AGENTS)
			add_option(command, flag, value_get_text(&entry, key, NULL));
	}
}

static void add_limits(struct docker *docker, struct command *command, const struct value *runtime)
{
	const struct value *ulimits = value_get(runtime, "ulimits");

	add_option(command, "--memory", value_get_text(runtime, "agentsMemory", NULL));
	for (uint32_t i = 0; ulimits && ulimits->kind == VALUE_LIST && i < ulimits->len; i++) {
		const struct value *item = &ulimits->items[i];

		add_option(command, "--runtime-ulimit", arena_printf(docker->arena, "%s=%lld:%lld",
			value_get_text(item, "name", ""), (long long)value_get_int(item, "soft", 0),
			(long long)value_get_int(item, "hard", 0)));
	}
}

/* `node create NAME` makes the container k3d-NAME-0; so that all agents have names alike, the number
   goes into the name. */
int k3d_add_agent(struct docker *docker, const struct request *request,
	const struct k3d_cluster *cluster, size_t number, struct error *err)
{
	struct value labels = docker_labels(docker, request->address, request->generation, NULL);
	const struct value *runtime = value_get(request->inputs, "runtime");
	struct command command = {.arena = docker->arena};
	const char *fixed = k3d_fixed_agents(docker, cluster, request->inputs);

	if (fixed)
		return error_set(err, ERROR_CONFLICT, "cannot add an agent in place: %s; `devenv apply "
			"--replace %s` makes the cluster anew", fixed, request->address);
	add(&command, "node");
	add(&command, "create");
	add(&command, arena_printf(docker->arena, "%s-agent-%zu", cluster->name, number));
	add_option(&command, "--cluster", cluster->name);
	add_option(&command, "--role", "agent");
	add(&command, "--wait");
	add_option(&command, "--image", value_get_text(request->inputs, "image", NULL));
	for (uint32_t i = 0; i < labels.len; i++)
		add_option(&command, "--runtime-label", arena_printf(docker->arena, "%s=%s",
			labels.members[i].key, value_text(&labels.members[i].value, "")));
	add_entries(docker, &command, "--runtime-label", value_get(runtime, "labels"), "label");
	add_limits(docker, &command, runtime);
	if (!cluster->agents) { /* else they come with the one that it is like */
		add_entries(docker, &command, "--k3s-arg", value_get(request->inputs, "k3sArgs"), "arg");
		add_entries(docker, &command, "--k3s-node-label", value_get(request->inputs, "nodeLabels"),
			"label");
	}
	add(&command, NULL);
	return k3d_run(docker, command.args, NULL, err);
}
