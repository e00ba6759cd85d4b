/*
 * k3d_cluster: what can be said of it without an engine, and its members.
 */
#include "providers/k3d/k3d.h"

#include <string.h>

static bool is_name(const char *text)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return len && !text[len] && len <= K3D_NAME_MAX && text[0] != '-' && text[len - 1] != '-';
}

static void validate(const struct resource *resource, struct diags *diags)
{
	const struct value *name = value_get(resource->attributes, "clusterName");
	const struct value *ports = value_get(resource->attributes, "ports");
	const struct value *files = value_get(resource->attributes, "files");

	if (name && !(name->flags & VALUE_TEMPLATE) && !is_name(value_text(name, ""))) {
		diag_error(diags, value_pos(name), "\"%s\" cannot be the name of a cluster",
			value_text(name, ""));
		diag_hint(diags, "at most %d lower case letters, digits and '-', not at an end",
			K3D_NAME_MAX);
	}
	if (ports && ports->kind == VALUE_LIST && ports->len &&
		!value_get_bool(resource->attributes, "loadBalancer", true))
		diag_warning(diags, value_pos(ports),
			"without loadBalancer, ports cannot be changed in place");
	if (files && files->kind == VALUE_LIST && files->len && value_get_int(resource->attributes, "servers", 1) > 1)
		diag_warning(diags, value_pos(files), "k3d puts no files into the first of several servers");
}

/* In the words of a container, which knows all the forms of a port. */
static void claims(const struct type *type, const struct value *inputs, const char *project_root,
	void (*claim)(void *arg, const char *what), void *arg)
{
	struct arena arena = ARENA_INIT;
	struct value container = k3d_host_ports(&arena, inputs);

	(void)type;
	(void)project_root;
	docker_type_container.claims(type_find(docker_type_container.name), &container, claim, arg);
	arena_release(&arena);
}

static int import(struct docker *docker, const struct type *type, const char *id,
	struct observation *out, struct error *err)
{
	struct k3d_cluster cluster;
	bool found;

	out->type = type;
	if (k3d_find(docker, id, &cluster, &found, err))
		return -1;
	if (!cluster.labels)
		return error_set(err, ERROR_NOT_FOUND, "there is no cluster %s on this engine", id);
	k3d_describe(docker, out, &cluster);
	return 0;
}

/* Of its first server: that is where k3s says what it does. */
static int logs(struct docker *docker, struct record *record, struct log_request *request,
	struct error *err)
{
	struct k3d_cluster cluster;
	struct record node;
	bool found;

	if (k3d_find(docker, record->id ? record->id : "", &cluster, &found, err))
		return -1;
	if (!cluster.labels)
		return error_set(err, ERROR_NOT_FOUND, "cluster %s is gone", record->id);
	node = (struct record){.address = record->address, .id = k3d_server(&cluster)->id};
	return docker_type_container.logs(docker, &node, request, err);
}

const struct k3d_type k3d_type_cluster = {
	.name = "k3d_cluster",
	.validate = validate,
	.claims = claims,
	.digest = k3d_digest,
	.observe = k3d_observe,
	.apply = k3d_apply,
	.destroy = k3d_destroy,
	.import = import,
	.logs = logs,
};
