/*
 * How others reach a cluster: its API answers, all nodes are Ready, and a kubeconfig of our own says
 * where. k3d is done before any of that is true.
 */
#include "providers/k3d/k3d.h"

#include "base/fs.h"
#include "model/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static int wait_a_little(struct docker *docker, struct error *err)
{
	const struct timespec pause = {.tv_nsec = K3D_POLL * 1000000L};

	if (provider_cancelled(docker->env))
		return error_wrap(err, "the cluster is not ready in time");
	nanosleep(&pause, NULL);
	return 0;
}

static int wait_for(struct docker *docker, const struct k3d_cluster *cluster,
	const char *const *argv, const char **out, bool (*enough)(const char *out, size_t wanted),
	struct error *err)
{
	for (;;) {
		if (!k3d_exec(docker, k3d_server(cluster)->id, argv, out, err) &&
			enough(*out, cluster->servers + cluster->agents))
			return 0;
		if (err->code == ERROR_NONE)
			error_set(err, ERROR_TIMEOUT, "not all nodes are Ready");
		if (wait_a_little(docker, err))
			return -1;
		*err = (struct error)ERROR_INIT;
	}
}

static bool answers(const char *out, size_t wanted)
{
	(void)wanted;
	return strncmp(out, "ok", 2) == 0;
}

/* One "True" a Ready node. */
static bool all_ready(const char *out, size_t wanted)
{
	size_t n = 0;

	for (const char *at = out; (at = strstr(at, "True")) != NULL; at += 4)
		n++;
	return n >= wanted;
}

static int wait_for_api(struct docker *docker, const struct k3d_cluster *cluster, const char **uid,
	struct error *err)
{
	static const char *const ready[] = {"kubectl", "get", "--raw=/readyz", NULL};
	static const char *const nodes[] = {"kubectl", "get", "nodes", "-o",
		"jsonpath={.items[*].status.conditions[?(@.type==\"Ready\")].status}", NULL};
	static const char *const name[] = {"kubectl", "get", "namespace", "kube-system", "-o",
		"jsonpath={.metadata.uid}", NULL};
	const char *out;

	provider_progress(docker->env, "waiting for the API");
	if (wait_for(docker, cluster, ready, &out, answers, err) ||
		wait_for(docker, cluster, nodes, &out, all_ready, err))
		return -1;
	if (k3d_exec(docker, k3d_server(cluster)->id, name, uid, err))
		return -1;
	return **uid ? 0 : error_set(err, ERROR_FAILED, "the cluster does not say its uid");
}

bool k3d_is_kubeconfig(struct arena *arena, const char *text)
{
	struct sources sources = {0};
	const struct value *clusters;
	struct diags diags;
	struct value config;
	uint16_t source;

	diags_init(&diags, arena);
	source = sources_add(&sources, arena, "kubeconfig", "kubeconfig", text, strlen(text));
	if (yaml_parse(&sources, source, arena, &config, &diags))
		return false;
	clusters = value_get(&config, "clusters");
	return clusters && clusters->kind == VALUE_LIST && clusters->len;
}

static int write_kubeconfig(struct docker *docker, const char *name, const char **path,
	struct error *err)
{
	const char *const args[] = {"kubeconfig", "get", name, NULL};
	const char *folder, *text, *temporary;

	if (k3d_folder(docker->env, name, &folder, err) || k3d_run(docker, args, &text, err))
		return error_wrap(err, "cannot get the kubeconfig of cluster %s", name);
	if (!k3d_is_kubeconfig(docker->arena, text))
		return error_set(err, ERROR_FAILED, "k3d gives something else than a kubeconfig of cluster %s: "
			"see `k3d kubeconfig get %s`", name, name);
	*path = fs_join(docker->arena, folder, "kubeconfig.yaml");
	temporary = fs_join(docker->arena, folder, ".kubeconfig.yaml.new");
	return fs_write(*path, temporary, text, strlen(text), 0600, 0, err);
}

/* As the manifest says, and no longer when it said so before. */
static int share(struct docker *docker, const struct value *inputs, struct record *record,
	const char *name, struct error *err)
{
	if (value_get_bool(inputs, "mergeKubeconfig", false))
		return k3d_merge(docker, name, err);
	if (record && value_get_bool(record_inputs(record, NULL), "mergeKubeconfig", false))
		return k3d_unmerge(docker, name, err);
	return 0;
}

static void put_server(struct docker *docker, const struct value *labels,
	struct value_builder *outputs)
{
	const char *host = value_get_text(labels, "k3d.server.api.host", "0.0.0.0");
	const char *port = value_get_text(labels, "k3d.server.api.port", "6443");

	builder_put_str(outputs, "host", host);
	builder_put_int(outputs, "port", atoi(port));
	builder_put_str(outputs, "server", arena_printf(docker->arena, "https://%s:%s", host, port));
}

/* "80/tcp": "127.0.0.1:8080". One that is open on every address is listed once, as on this machine. */
static struct value ports_of(struct docker *docker, const struct k3d_cluster *cluster)
{
	struct value_builder ports;

	builder_init(&ports, docker->arena);
	for (size_t i = 0; i < cluster->n; i++) {
		bool registry = !strcmp(cluster->nodes[i].role, K3D_ROLE_REGISTRY);
		const struct value *list = registry ? NULL : cluster->nodes[i].ports;

		for (uint32_t k = 0; list && list->kind == VALUE_LIST && k < list->len; k++) {
			const struct value *port = &list->items[k];
			const char *ip = value_get_text(port, "IP", "");
			int64_t inside = value_get_int(port, "PrivatePort", 0);

			if (!value_get(port, "PublicPort") || strchr(ip, ':') || inside == 6443)
				continue;
			builder_put_str(&ports, arena_printf(docker->arena, "%lld/%s", (long long)inside,
					value_get_text(port, "Type", "tcp")),
				arena_printf(docker->arena, "%s:%lld",
					!*ip || !strcmp(ip, "0.0.0.0") ? "127.0.0.1" : ip,
					(long long)value_get_int(port, "PublicPort", 0)));
		}
	}
	return builder_map(&ports);
}

/* The one that was made with it; those that it uses are others' own. */
static struct value registry_of(struct docker *docker, const struct k3d_cluster *cluster)
{
	for (size_t i = 0; i < cluster->n; i++) {
		const struct k3d_node *node = &cluster->nodes[i];

		if (!strcmp(node->role, K3D_ROLE_REGISTRY))
			return k3d_registry_value(docker->arena, node->name,
				value_get_text(node->labels, "k3d.registry.hostIP", ""),
				value_get_text(node->labels, "k3s.registry.port.external", ""));
	}
	return value_empty_map;
}

int k3d_access(struct docker *docker, const struct request *request, const char *name,
	struct outcome *outcome, struct error *err)
{
	const struct value *inputs =
		request->inputs ? request->inputs : record_inputs(request->record, NULL);
	struct observation item = {.record = NULL};
	struct value *map = arena_alloc(docker->arena, sizeof(*map));
	struct k3d_cluster cluster;
	struct value_builder outputs;
	const char *kubeconfig = "", *uid = "";
	bool found;

	if (k3d_find(docker, name, &cluster, &found, err))
		return -1;
	outcome->exists = cluster.labels != NULL;
	outcome->id = name;
	if (!outcome->exists)
		return error_set(err, ERROR_FAILED, "cluster %s is gone again", name);
	if (wait_for_api(docker, &cluster, &uid, err) ||
		write_kubeconfig(docker, name, &kubeconfig, err) ||
		share(docker, inputs, request->record, name, err))
		return -1;
	builder_init(&outputs, docker->arena);
	put_server(docker, cluster.labels, &outputs);
	builder_put_str(&outputs, "context", arena_printf(docker->arena, "k3d-%s", name));
	builder_put_str(&outputs, "kubeconfig", kubeconfig);
	builder_put_str(&outputs, "name", name);
	builder_put_str(&outputs, "network",
		value_get_text(cluster.labels, "k3d.cluster.network", ""));
	builder_put(&outputs, "nodes", k3d_nodes(docker->arena, &cluster));
	builder_put(&outputs, "ports", ports_of(docker, &cluster));
	builder_put(&outputs, "registry", registry_of(docker, &cluster));
	builder_put_str(&outputs, "uid", uid);
	*map = builder_map(&outputs);
	outcome->outputs = map;
	k3d_describe(docker, &item, &cluster);
	outcome->observed = item.attributes;
	return 0;
}
