/*
 * spec.cluster: a k3d_cluster of ours, or one that exists already, and the namespace that holds the
 * environment in it, with a quota and limits. Services say what they publish before it is lowered.
 */
#include "manifest/lower/internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_LENGTH = 63, FIRST_NODE_PORT = 30000 };

/* Lower-case letters, digits and "-"; what else stands in `text` becomes "-". */
static const char *label_of(struct lowering *l, const char *text)
{
	char *label = arena_strdup(l->arena, text), *at;

	for (at = label; *at && at - label < NAME_MAX_LENGTH; at++)
		*at = isalnum((unsigned char)*at) ? (char)tolower((unsigned char)*at) : '-';
	while (at > label && at[-1] == '-')
		at--;
	*at = '\0';
	return label;
}

static const char *namespace_of(struct lowering *l)
{
	const char *said = value_get_text(l->cluster.spec, "namespace", NULL);
	const char *environment = l->manifest->environment;

	if (said)
		return said;
	return label_of(l, environment && *environment
		? arena_printf(l->arena, "%s-%s", l->manifest->name, environment) : l->manifest->name);
}

static struct value where(struct lowering *l)
{
	const struct cluster *cluster = &l->cluster;
	const struct value *kubeconfig = value_get(cluster->spec, "kubeconfig");
	const struct value *context = value_get(cluster->spec, "context");
	struct value_builder b;

	builder_init(&b, l->arena);
	if (cluster->address) {
		builder_put(&b, "kubeconfig", lower_text(l,
			arena_printf(l->arena, "${%s.kubeconfig}", cluster->address), cluster->spec));
		return lower_map(&b, cluster->spec);
	}
	builder_put(&b, "kubeconfig", *kubeconfig);
	if (context)
		builder_put(&b, "context", *context);
	return lower_map(&b, cluster->spec);
}

void cluster_read(struct lowering *l)
{
	const struct value *spec = value_get(l->spec, "cluster");
	struct cluster *cluster = &l->cluster;

	if (!spec || spec->kind != VALUE_MAP || !spec->len)
		return;
	cluster->spec = spec;
	builder_init(&cluster->published, l->arena);
	if (!value_get(spec, "kubeconfig"))
		cluster->address = arena_printf(l->arena, "k3d_cluster.%s",
			value_get_text(spec, "name", "cluster"));
	else if (value_get(spec, "k3d"))
		diag_error(l->diags, value_member(spec, "k3d")->pos,
			"the cluster is one that exists (kubeconfig) or one of ours (k3d), not both");
	cluster->namespace = namespace_of(l);
	cluster->where = where(l);
}

const char *cluster_member(struct lowering *l, const char *path)
{
	static const char *const outputs[] = {
		"kubeconfig", "context", "server", "host", "port", "uid", "network"};
	const struct cluster *cluster = &l->cluster;

	if (!cluster->spec)
		return NULL;
	if (strcmp(path, "namespace") == 0)
		return cluster->namespace;
	if (!cluster->address)
		return value_get_text(cluster->spec, path, NULL);
	if (strcmp(path, "name") == 0)
		return arena_printf(l->arena, "${%s.name}", cluster->address);
	for (size_t i = 0; i < ARRAY_SIZE(outputs); i++) {
		if (strcmp(path, outputs[i]) == 0)
			return arena_printf(l->arena, "${%s.%s}", cluster->address, path);
	}
	return NULL;
}

/* By the port of this machine, so that a service that comes or goes does not move those of others. */
int cluster_publish(struct lowering *l, const struct service_port *port)
{
	struct cluster *cluster = &l->cluster;
	size_t n = sizeof(cluster->node_ports), at = strtoul(port->host, NULL, 10) % n;

	for (size_t tried = 0; cluster->node_ports[at] && tried < n; tried++)
		at = (at + 1) % n;
	cluster->node_ports[at] = 1;
	builder_push(&cluster->published, lower_text(l, arena_printf(l->arena,
		"%s%s%s:%zu%s%s@loadbalancer", port->address ? port->address : "",
		port->address ? ":" : "", port->host, FIRST_NODE_PORT + at,
		strcmp(port->protocol, "tcp") == 0 ? "" : "/",
		strcmp(port->protocol, "tcp") == 0 ? "" : port->protocol), port->at));
	return FIRST_NODE_PORT + (int)at;
}

/* --- resources ----------------------------------------------------------------------------------- */

static void lower_k3d(struct lowering *l, const struct service *at)
{
	const struct cluster *cluster = &l->cluster;
	const struct value *k3d = value_get(cluster->spec, "k3d"), *ports = value_get(k3d, "ports");
	const char *name = strchr(cluster->address, '.') + 1;
	struct value_builder b, list;

	if (lower_is_declared(l, "k3d_cluster", name))
		return;
	lower_begin(l, &b, at, "k3d_cluster", name);
	for (uint32_t i = 0; k3d && k3d->kind == VALUE_MAP && i < k3d->len; i++) {
		if (strcmp(k3d->members[i].key, "ports") == 0)
			continue;
		builder_put(&b, k3d->members[i].key, k3d->members[i].value);
		b.members[b.n - 1].pos = k3d->members[i].pos;
	}
	builder_init(&list, l->arena);
	for (uint32_t i = 0; ports && ports->kind == VALUE_LIST && i < ports->len; i++)
		builder_push(&list, ports->items[i]);
	for (size_t i = 0; i < cluster->published.n; i++)
		builder_push(&list, cluster->published.items[i]);
	if (list.n)
		builder_put(&b, "ports", lower_list(&list, ports ? ports : cluster->spec));
	lower_end(l, &b, at);
}

/* A quota keeps one environment from starving others on a shared cluster. */
static void put_quota(struct lowering *l, const struct service *at, struct value_builder *objects)
{
	const struct value *said = value_get(l->cluster.spec, "quota");
	struct value_builder b, spec;

	if (said && (said->kind != VALUE_MAP || !said->len))
		return;
	object_begin(l, &b, at, "v1", "ResourceQuota", "environment");
	builder_init(&spec, l->arena);
	builder_put(&spec, "hard", said ? *said : lower_texts(l, at->spec, "pods", "100",
		"persistentvolumeclaims", "50", "services.loadbalancers", "5", NULL));
	builder_put(&b, "spec", lower_map(&spec, at->spec));
	builder_push(objects, lower_map(&b, at->spec));
}

static void put_limits(struct lowering *l, const struct service *at, struct value_builder *objects)
{
	const struct value *said = value_get(l->cluster.spec, "limits");
	const struct value *most = value_get(said, "default");
	const struct value *least = value_get(said, "defaultRequest");
	struct value_builder b, spec, limit;

	if (said && (said->kind != VALUE_MAP || !said->len))
		return;
	builder_init(&limit, l->arena);
	builder_put(&limit, "type", lower_text(l, "Container", at->spec));
	builder_put(&limit, "default", most ? *most
		: lower_texts(l, at->spec, "cpu", "2", "memory", "2Gi", NULL));
	builder_put(&limit, "defaultRequest", least ? *least
		: lower_texts(l, at->spec, "cpu", "20m", "memory", "32Mi", NULL));
	object_begin(l, &b, at, "v1", "LimitRange", "environment");
	builder_init(&spec, l->arena);
	builder_put(&spec, "limits", lower_one(l, lower_map(&limit, at->spec)));
	builder_put(&b, "spec", lower_map(&spec, at->spec));
	builder_push(objects, lower_map(&b, at->spec));
}

void cluster_lower(struct lowering *l)
{
	struct cluster *cluster = &l->cluster;
	struct service at = {.spec = cluster->spec};
	struct value_builder b, objects;
	struct value namespace;

	if (!cluster->spec)
		return;
	if (cluster->address)
		lower_k3d(l, &at);
	if (lower_is_declared(l, "kubernetes_manifest", "namespace"))
		return;
	namespace = lower_texts(l, at.spec, "name", cluster->namespace, NULL);
	builder_init(&objects, l->arena);
	builder_init(&b, l->arena);
	builder_put(&b, "apiVersion", lower_text(l, "v1", at.spec));
	builder_put(&b, "kind", lower_text(l, "Namespace", at.spec));
	builder_put(&b, "metadata", namespace);
	builder_push(&objects, lower_map(&b, at.spec));
	put_quota(l, &at, &objects);
	put_limits(l, &at, &objects);
	object_resource_begin(l, &b, &at, "namespace", &objects);
	lower_end(l, &b, &at);
}
