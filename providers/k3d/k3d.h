/*
 * The provider `k3d`: clusters of k3s in Docker containers. What there is, is read from the labels of
 * the containers in one call to the Docker Engine, never from a k3d run; k3d itself is started only to
 * change something.
 *
 * Pitfalls of k3d that shape this code:
 *   - it has no signal handler: killed, it leaves containers, a volume and a network behind, some of
 *     which its own `delete` does not find (debris.c);
 *   - `create` of a name that has debris says "already exists", `list` does not show it;
 *   - its JSON lists hold the token in clear and leave out our labels: they are not used;
 *   - it edits ~/.kube/config unless it is given another home.
 */
#ifndef DEVENV_PROVIDER_K3D_H
#define DEVENV_PROVIDER_K3D_H

#include "providers/docker/docker.h"

enum {
	K3D_NAME_MAX = 32,          /* k3d refuses longer ones */
	K3D_POLL = 500,             /* ms between looks at the API while it starts */
};

#define K3D_LABEL_CLUSTER "k3d.cluster"
#define K3D_LABEL_ROLE "k3d.role"
#define K3D_ROLE_REGISTRY "registry"
#define K3D_ROLE_BALANCER "loadbalancer"
#define K3D_REGISTRY_PORT "5000" /* inside */

/* The members of provider.h for one type, in a conversation with the engine of the record. */
struct k3d_type {
	const char *name;

	void (*validate)(const struct resource *resource, struct diags *diags);
	void (*claims)(const struct type *type, const struct value *inputs, const char *project_root,
		void (*claim)(void *arg, const char *what), void *arg);
	int (*digest)(const struct type *type, const struct value *inputs, const char *project_root,
		struct parsed *parsed, struct hash *out, struct error *err);
	int (*observe)(struct docker *docker, struct docker_observe *observe, struct error *err);
	int (*apply)(struct docker *docker, const struct request *request, struct outcome *outcome,
		struct error *err);
	int (*destroy)(struct docker *docker, struct record *record, struct error *err);
	int (*import)(struct docker *docker, const struct type *type, const char *id,
		struct observation *out, struct error *err);
	int (*logs)(struct docker *docker, struct record *record, struct log_request *request,
		struct error *err);
};

extern const struct k3d_type k3d_type_cluster, k3d_type_image, k3d_type_registry;

/* One cluster as its containers show it. Everything in the arena. */
struct k3d_node {
	const char *id, *name, *role, *image;
	const struct value *labels, *ports; /* as the engine lists them */
	bool runs;
};

struct k3d_cluster {
	const char *name;
	const struct k3d_node *nodes; /* by name */
	size_t n;
	size_t servers, agents;       /* nodes of that role */
	size_t parts, running;        /* of these two and load balancers: all, and those that run */
	const struct value *labels;   /* of the first server; NULL: there is none (debris) */
};

/* see.c: every cluster of this engine; -1: it cannot be asked. */
int k3d_list(struct docker *docker, struct k3d_cluster **clusters, size_t *n, struct error *err);
/* One of them by name; `*found` is false when nothing of it is there. */
int k3d_find(struct docker *docker, const char *name, struct k3d_cluster *cluster, bool *found,
	struct error *err);
/* Of the first server; NULL: there is none. */
const struct k3d_node *k3d_server(const struct k3d_cluster *cluster);
bool k3d_is_node(const struct k3d_node *node); /* a server or an agent */
bool k3d_has_balancer(const struct k3d_cluster *cluster);
/* The ids of its nodes, by name. */
struct value k3d_nodes(struct arena *arena, const struct k3d_cluster *cluster);
/* Has somebody removed what was recorded and made another one of its name? Its nodes are not those, and it
   bears no mark. */
bool k3d_is_another(struct docker *docker, struct record *record, const struct k3d_cluster *cluster);
/* Fills id, presence, ownership, attributes and runs of an item. */
void k3d_describe(struct docker *docker, struct observation *item,
	const struct k3d_cluster *cluster);
int k3d_observe(struct docker *docker, struct docker_observe *observe, struct error *err);

/* config.c: the file for `k3d cluster create --config`, as JSON, to be put into `folder`. Holds the token
   in clear. */
const char *k3d_config(struct docker *docker, const struct request *request, const char *name,
	const char *folder);
/* "8080:80@loadbalancer" or {port, nodeFilters} -> {KEY: ..., nodeFilters: [...]} */
struct value k3d_filtered(struct arena *arena, const struct value *item, const char *key);

/* files.c: `files` as k3d finds them from `folder`; a path made absolute, or the text itself; a mount whose
   source starts in the project root, made absolute. */
struct value k3d_files(struct docker *docker, const struct value *files, const char *folder);
const char *k3d_text_or_path(struct docker *docker, const struct value *value);
const char *k3d_mount(struct docker *docker, const char *mount);
int k3d_digest(const struct type *type, const struct value *inputs, const char *project_root,
	struct parsed *parsed, struct hash *out, struct error *err);
bool k3d_files_changed(const struct value *before, const struct value *after);

/* command.c: runs `k3d ARGS...` with a home of its own; stdout in the arena (`out` may be NULL). */
int k3d_run(struct docker *docker, const char *const *args, const char **out, struct error *err);
/* The same with its stderr: its exit status does not tell everything that went wrong. */
int k3d_run_noting(struct docker *docker, const char *const *args, const char **said,
	struct error *err);
/* What `k3d version` says, as JSON; writes nothing anywhere, so a plan may ask. */
int k3d_version(struct docker *docker, const char **out, struct error *err);
/* Runs a command in a container; ERROR_FAILED with its last line when it does not end with 0. */
int k3d_exec(struct docker *docker, const char *container, const char *const *argv,
	const char **out, struct error *err);
/* The folder for files of this cluster, made when it is missing; in env->work_dir. */
int k3d_folder(struct provider_env *env, const char *name, const char **path, struct error *err);

/* cluster.c */
int k3d_apply(struct docker *docker, const struct request *request, struct outcome *outcome,
	struct error *err);
int k3d_destroy(struct docker *docker, struct record *record, struct error *err);
/* agents.c: why more agents cannot be had in place; NULL: they can. One more. */
const char *k3d_fixed_agents(struct docker *docker, const struct k3d_cluster *cluster,
	const struct value *inputs);
int k3d_add_agent(struct docker *docker, const struct request *request,
	const struct k3d_cluster *cluster, size_t number, struct error *err);
/* nodes.c: agents of a cluster that stands, one after the other. */
int k3d_scale(struct docker *docker, const struct request *request,
	const struct k3d_cluster *cluster, struct error *err);
/* A volume that fewer agents would lose, when too few of them are without one. NULL: none, or nobody can
   say now. */
const char *k3d_loses(struct docker *docker, const struct k3d_cluster *cluster, size_t wanted);
/* ports.c: all of this machine that it takes, as the inputs of a container. */
struct value k3d_host_ports(struct arena *arena, const struct value *inputs);
/* Says of an item that was looked at who else holds one of them. */
int k3d_blocked(struct docker *docker, struct observation *item, const char *name,
	const struct k3d_cluster *clusters, size_t n, struct error *err);
/* Those of the load balancer. */
int k3d_change_ports(struct docker *docker, const struct value *before, const struct value *after,
	const char *name, struct error *err);
/* Why these ports cannot be had in place; NULL: they can. */
const char *k3d_fixed_ports(struct docker *docker, const struct k3d_cluster *cluster,
	const struct value *before, const struct value *after);
/* registry.c: {name, use, address}. */
struct value k3d_registry_value(struct arena *arena, const char *name, const char *host,
	const char *port);
/* A port of this machine and the one inside, as a container has it: "127.0.0.1:8080:80". */
const char *k3d_published(struct arena *arena, const char *host, const char *port, const char *inside);
/* debris.c: what k3d leaves behind when it is killed, and what its `delete` forgets. */
int k3d_clean(struct docker *docker, const char *name, struct error *err);
/* access.c: waits for the API, writes the kubeconfig, fills the outputs. */
int k3d_access(struct docker *docker, const struct request *request, const char *name,
	struct outcome *outcome, struct error *err);
bool k3d_is_kubeconfig(struct arena *arena, const char *text);
/* user_config.c: the cluster in ~/.kube/config; taking it out again is safe when it is not in it. */
int k3d_merge(struct docker *docker, const char *name, struct error *err);
int k3d_unmerge(struct docker *docker, const char *name, struct error *err);
/* The text of a kubeconfig without that cluster. */
const char *k3d_without(struct arena *arena, const char *text, const char *cluster);

#endif
