/*
 * The provider. It opens a conversation with the Docker Engine for each call, makes sure that it is
 * the engine of the record, and hands over.
 */
#include "providers/k3d/k3d.h"

#include <ctype.h>
#include <string.h>

static const char *const type_names[] = {"k3d_cluster", NULL};

/* --- pure ---------------------------------------------------------------------------------------- */

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

/* --- one engine ---------------------------------------------------------------------------------- */

static int observe(struct provider_env *env, struct observe_request *request, struct error *err)
{
	struct docker docker;
	int rc;

	if (docker_open_for(&docker, env, NULL, err))
		return -1;
	rc = k3d_observe(&docker, request, err);
	for (size_t i = 0; !rc && i < request->n; i++) {
		struct observation *item = &request->items[i];
		const char *message;

		if (docker_is_elsewhere(&docker, item->record, &message))
			docker_make_unknown(item, message);
		else if (item->presence == PRESENCE_PRESENT)
			item->endpoint = docker.id;
	}
	docker_close(&docker);
	return rc;
}

static int apply(struct provider_env *env, const struct request *request, struct outcome *outcome,
	struct error *err)
{
	struct docker docker;
	int rc;

	if (docker_open_for(&docker, env, request->record, err))
		return -1;
	rc = k3d_apply(&docker, request, outcome, err);
	outcome->endpoint = docker.id;
	docker_close(&docker);
	return rc;
}

static int destroy(struct provider_env *env, struct record *record, struct error *err)
{
	struct docker docker;
	int rc;

	if (docker_open_for(&docker, env, record, err))
		return -1;
	rc = k3d_destroy(&docker, record, err);
	docker_close(&docker);
	return rc;
}

static int import(struct provider_env *env, const struct type *type, const char *id,
	struct observation *out, struct error *err)
{
	struct docker docker;
	struct k3d_cluster cluster;
	bool found;
	int rc;

	if (docker_open_for(&docker, env, NULL, err))
		return -1;
	out->type = type;
	rc = k3d_find(&docker, id, &cluster, &found, err);
	if (!rc && cluster.labels)
		k3d_describe(&docker, out, &cluster);
	else if (!rc)
		rc = error_set(err, ERROR_NOT_FOUND, "there is no cluster %s on this engine", id);
	out->endpoint = docker.id;
	docker_close(&docker);
	return rc;
}

const struct provider provider_k3d = {
	.name = "k3d",
	.types = type_names,
	.max_parallel = 1, /* two k3d at once share files in their home */
	.validate = validate,
	.claims = claims,
	.observe = observe,
	.apply = apply,
	.destroy = destroy,
	.import = import,
};
