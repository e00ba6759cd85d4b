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
}

static void claim_port(const struct value *item, void (*claim)(void *arg, const char *what),
	void *arg)
{
	const char *text = item->kind == VALUE_MAP ? value_get_text(item, "port", "")
						   : value_text(item, "");
	char port[8], what[32];
	size_t len = strcspn(text, ":@/");

	if (text[len] != ':' || !len || len >= sizeof(port) || strspn(text, "0123456789") != len)
		return; /* no host port, or one with an address: left to the engine */
	snprintf(port, sizeof(port), "%.*s", (int)len, text);
	snprintf(what, sizeof(what), "tcp:%s", port);
	claim(arg, what);
}

static void claims(const struct type *type, const struct value *inputs, const char *project_root,
	void (*claim)(void *arg, const char *what), void *arg)
{
	const struct value *ports = value_get(inputs, "ports");
	const struct value *api = value_get(value_get(inputs, "kubeApi"), "hostPort");
	char what[32];

	(void)type;
	(void)project_root;
	for (uint32_t i = 0; ports && ports->kind == VALUE_LIST && i < ports->len; i++)
		claim_port(&ports->items[i], claim, arg);
	if (api && value_is_known(api)) {
		snprintf(what, sizeof(what), "tcp:%s", value_text(api, ""));
		claim(arg, what);
	}
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
