/*
 * k3d_image: what is imported is an image id, into the containers that are the nodes of a cluster. These
 * two are its identity: when either is another one, it is imported again. An import that died is
 * repeated; of one that was never recorded, nothing needs to be known.
 */
#include "providers/k3d/k3d.h"

#include <string.h>

static bool is_id(const char *image)
{
	return !strncmp(image, "sha256:", 7);
}

/* --- where --------------------------------------------------------------------------------------- */

static bool has_id(const struct k3d_cluster *cluster, const char *id)
{
	for (size_t i = 0; i < cluster->n; i++)
		if (!strcmp(cluster->nodes[i].id, id))
			return true;
	return false;
}

/* The cluster that has one of these nodes, or that is called so. */
static bool is_meant(const struct k3d_cluster *cluster, const struct value *inputs)
{
	const struct value *nodes = value_get(inputs, "nodes");

	for (uint32_t i = 0; nodes && nodes->kind == VALUE_MAP && i < nodes->len; i++)
		if (has_id(cluster, value_text(&nodes->members[i].value, "")))
			return true;
	return !strcmp(cluster->name, value_get_text(inputs, "cluster", ""));
}

static int find_cluster(struct docker *docker, const struct value *inputs,
	struct k3d_cluster *cluster, struct error *err)
{
	struct k3d_cluster *all;
	size_t n;

	if (k3d_list(docker, &all, &n, err))
		return -1;
	for (size_t i = 0; i < n; i++)
		if (all[i].labels && is_meant(&all[i], inputs)) {
			*cluster = all[i];
			return 0;
		}
	return error_set(err, ERROR_NOT_FOUND, "the cluster that the image is for is not on this engine");
}

/* Of the nodes that `nodes` names (NULL: none), are there all that the cluster has? */
static bool covers(const struct value *nodes, const struct value *now)
{
	for (uint32_t i = 0; i < now->len; i++) {
		const struct value *known = value_get(nodes, now->members[i].key);

		if (!known || !value_equal(known, &now->members[i].value))
			return false;
	}
	return true;
}

/* --- what ---------------------------------------------------------------------------------------- */

struct import {
	const char *id;            /* of the image */
	const char *const *names;  /* NULL-terminated; at least one */
};

static int find_image(struct docker *docker, const char *wanted, struct import *import,
	struct error *err)
{
	const struct value *image, *tags;
	const char **names;

	if (docker_image_inspect(docker, wanted, &image, err)) {
		if (err->code == ERROR_NOT_FOUND)
			error_set(err, ERROR_INVALID, "image '%s' is not on this engine: add a docker_image "
				"resource, and write image: ${docker_image.NAME.id}", wanted);
		return -1;
	}
	tags = value_get(image, "RepoTags");
	names = arena_zalloc(docker->arena, (2 + (tags ? tags->len : 0)) * sizeof(*names));
	import->id = value_get_text(image, "Id", "");
	import->names = names;
	if (!is_id(wanted)) {
		names[0] = wanted;
		return 0;
	}
	for (uint32_t i = 0; tags && tags->kind == VALUE_LIST && i < tags->len; i++)
		names[i] = value_text(&tags->items[i], "");
	if (!names[0])
		return error_set(err, ERROR_INVALID, "image %s has no name that pods could call it by: give "
			"its docker_image `tags`", wanted);
	return 0;
}

/* As containerd calls it: "a" is docker.io/library/a:latest. */
static const char *full_name(struct arena *arena, const char *name)
{
	const char *slash = strchr(name, '/'), *last = strrchr(name, '/');
	size_t host = slash ? (size_t)(slash - name) : 0;
	bool has_host = slash && (memchr(name, '.', host) || memchr(name, ':', host) ||
		!strncmp(name, "localhost/", 10));
	bool has_tag = strchr(last ? last : name, ':') || strchr(name, '@');

	return arena_printf(arena, "%s%s%s", has_host ? "" : slash ? "docker.io/" : "docker.io/library/",
		name, has_tag ? "" : ":latest");
}

/* --- observe ------------------------------------------------------------------------------------- */

static const struct value *attributes_of(struct docker *docker, const char *id,
	const struct value *nodes)
{
	struct value *out = arena_alloc(docker->arena, sizeof(*out));
	struct value_builder map;

	builder_init(&map, docker->arena);
	builder_put_str(&map, "image", id);
	builder_put(&map, "nodes", *nodes);
	*out = builder_map(&map);
	return out;
}

/* What the engine has under the name now. One that it no longer has is in the cluster all the same. */
static const char *id_now(struct docker *docker, const char *image, const char *then)
{
	struct error own = ERROR_INIT;
	const struct value *found;

	if (is_id(image) || docker_image_inspect(docker, image, &found, &own))
		return then;
	return value_get_text(found, "Id", then);
}

static void look(struct docker *docker, struct observation *item, const struct k3d_cluster *cluster)
{
	const struct value *seen = record_observed(item->record, NULL);
	const struct value *then = value_get(seen, "nodes");
	const char *image = value_get_text(record_inputs(item->record, NULL), "image", "");
	struct value nodes = k3d_nodes(docker->arena, cluster);

	item->presence = PRESENCE_PRESENT;
	item->ownership = OWNER_US;
	item->id = item->record->id;
	/* A node that went took its copy along: the others have theirs. */
	if (then && covers(then, &nodes))
		nodes = *then;
	item->attributes = attributes_of(docker,
		id_now(docker, image, value_get_text(seen, "image", "")), &nodes);
}

static int observe(struct docker *docker, struct docker_observe *observe, struct error *err)
{
	struct k3d_cluster *clusters;
	size_t n;

	if (k3d_list(docker, &clusters, &n, err))
		return -1;
	for (size_t i = 0; i < observe->n; i++) {
		struct observation *item = observe->items[i];
		const char *name = item->record
			? value_get_text(record_outputs(item->record, NULL), "cluster", "") : NULL;

		item->presence = PRESENCE_ABSENT;
		for (size_t k = 0; name && k < n; k++)
			if (clusters[k].labels && !strcmp(clusters[k].name, name))
				look(docker, item, &clusters[k]);
	}
	return 0;
}

/* --- apply --------------------------------------------------------------------------------------- */

/* The archives of an import that was killed: in the volume that all nodes have. */
static int sweep(struct docker *docker, const struct k3d_cluster *cluster, struct error *err)
{
	const char *const argv[] = {"find", "/k3d/images", "-name",
		arena_printf(docker->arena, "k3d-%s-images-*.tar", cluster->name), "-delete", NULL};

	return k3d_exec(docker, k3d_server(cluster)->id, argv, NULL, err);
}

/*
 * k3d can take a command in a container for ended before it has begun, so it reads an archive that is not
 * there yet, or takes it away before it was read: the next try goes well. It says so with no exit status.
 */
static int import(struct docker *docker, const struct k3d_cluster *cluster,
	const struct import *import, struct error *err)
{
	static const char failure[] = "failed to import images in node";
	const char **args, *said, *line;
	size_t n = 0;
	bool early;

	while (import->names[n])
		n++;
	args = arena_zalloc(docker->arena, (n + 5) * sizeof(*args));
	args[0] = "image";
	args[1] = "import";
	args[2] = "--cluster";
	args[3] = cluster->name;
	memcpy(args + 4, import->names, n * sizeof(*args));
	if (k3d_run_noting(docker, args, &said, err))
		return error_wrap(err, "cannot import '%s' into cluster %s", import->names[0],
			cluster->name);
	line = strstr(said, failure);
	if (!line)
		return 0;
	early = strstr(line, ": no such file or directory") != NULL;
	return error_set(err, early ? ERROR_TRANSIENT : ERROR_FAILED,
		"cannot import '%s' into cluster %s: %.*s", import->names[0], cluster->name,
		(int)strcspn(line, "\n"), line);
}

/* As a whole line: app:1 is not app:12. */
static bool is_listed(const char *lines, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = lines; (at = strstr(at, name)); at += len)
		if ((at == lines || at[-1] == '\n') && (!at[len] || at[len] == '\n' || at[len] == '\r'))
			return true;
	return false;
}

/* Whether it went well is seen in the nodes alone. */
static int check_arrived(struct docker *docker, const struct k3d_cluster *cluster,
	const struct import *import, struct error *err)
{
	const char *const argv[] = {"ctr", "image", "ls", "-q", NULL};
	const char *name = full_name(docker->arena, import->names[0]);
	const char *there;

	for (size_t i = 0; i < cluster->n; i++) {
		if (!k3d_is_node(&cluster->nodes[i]))
			continue;
		if (k3d_exec(docker, cluster->nodes[i].id, argv, &there, err))
			return -1;
		if (!is_listed(there, name))
			return error_set(err, ERROR_TRANSIENT, "'%s' was imported into cluster %s and is "
				"not in node %s", import->names[0], cluster->name,
				cluster->nodes[i].name);
	}
	return 0;
}

/* Do the nodes have this very image already? After one was removed there is nothing to be done. */
static bool is_there(struct record *record, const struct import *import, const struct value *nodes,
	const struct request *request)
{
	const struct value *seen = record ? record_observed(record, NULL) : NULL;
	const char *image = record ? value_get_text(record_inputs(record, NULL), "image", "") : "";

	return seen && record_has_fingerprint(record) &&
	       !strcmp(value_get_text(seen, "image", ""), import->id) &&
	       !strcmp(image, value_get_text(request->inputs, "image", "")) &&
	       value_get(seen, "nodes") && covers(value_get(seen, "nodes"), nodes);
}

/* The tag of "host:5000/app:1" begins behind its last slash; without one it is "latest". */
static size_t name_len(const char *name)
{
	const char *slash = strrchr(name, '/'), *colon = strchr(slash ? slash : name, ':');

	return colon ? (size_t)(colon - name) : strlen(name);
}

static const struct value *outputs_of(struct docker *docker, const struct k3d_cluster *cluster,
	const struct import *import)
{
	struct value *out = arena_alloc(docker->arena, sizeof(*out));
	const char *name = import->names[0];
	size_t len = name_len(name);
	struct value_builder map;

	builder_init(&map, docker->arena);
	builder_put_str(&map, "cluster", cluster->name);
	builder_put_str(&map, "id", import->id);
	builder_put_str(&map, "name", name);
	builder_put_str(&map, "repository", arena_strndup(docker->arena, name, len));
	builder_put_str(&map, "tag", name[len] ? name + len + 1 : "latest");
	*out = builder_map(&map);
	return out;
}

static int apply(struct docker *docker, const struct request *request, struct outcome *outcome,
	struct error *err)
{
	bool died = request->observed && request->observed->intent;
	struct k3d_cluster cluster;
	struct import what;
	struct value nodes;

	outcome->exists = request->act == ACT_UPDATE;
	outcome->id = request->record ? request->record->id : NULL;
	if (find_cluster(docker, request->inputs, &cluster, err) ||
		find_image(docker, value_get_text(request->inputs, "image", ""), &what, err))
		return -1;
	nodes = k3d_nodes(docker->arena, &cluster);
	if ((died && sweep(docker, &cluster, err)) ||
		(!is_there(request->record, &what, &nodes, request) &&
			(import(docker, &cluster, &what, err) ||
				check_arrived(docker, &cluster, &what, err))))
		return -1;
	outcome->exists = true;
	outcome->id = arena_printf(docker->arena, "%s/%s", cluster.name, what.names[0]);
	outcome->outputs = outputs_of(docker, &cluster, &what);
	outcome->observed = attributes_of(docker, what.id, &nodes);
	return 0;
}

/* --- destroy ------------------------------------------------------------------------------------- */

/* ctr says of a name that it does not know that it is not found, and goes on. */
static int remove_from(struct docker *docker, const struct k3d_node *node, const char *name,
	const char *id, struct error *err)
{
	const char *const argv[] = {"ctr", "image", "rm", name, id, NULL};

	if (!k3d_exec(docker, node->id, argv, NULL, err))
		return 0;
	if (err && !strstr(err->msg, "not found"))
		return -1;
	*err = (struct error)ERROR_INIT;
	return 0;
}

static int destroy(struct docker *docker, struct record *record, struct error *err)
{
	const struct value *outputs = record_outputs(record, NULL);
	const char *name = full_name(docker->arena, value_get_text(outputs, "name", ""));
	struct k3d_cluster cluster;
	bool found;

	if (!record->id)
		return 0;
	if (k3d_find(docker, value_get_text(outputs, "cluster", ""), &cluster, &found, err))
		return -1;
	for (size_t i = 0; i < cluster.n; i++)
		if (k3d_is_node(&cluster.nodes[i]) && cluster.nodes[i].runs &&
			remove_from(docker, &cluster.nodes[i], name,
				value_get_text(outputs, "id", ""), err))
			return error_wrap(err, "cannot remove '%s' from %s", name, cluster.nodes[i].name);
	return 0;
}

const struct k3d_type k3d_type_image = {
	.name = "k3d_image",
	.observe = observe,
	.apply = apply,
	.destroy = destroy,
};
