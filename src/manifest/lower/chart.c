/*
 * A service with a chart: a helm_release. A chart of the catalogue gets the neutral words under the names
 * that it has for them. One that is a folder is the project's own: it gets what the service says as the
 * values that `helm create` gives every chart, so the service is written once, for any place it runs.
 */
#include "manifest/lower/internal.h"

#include <string.h>

bool lower_is_folder(const struct value *chart)
{
	const char *text = value_text(chart, "");

	return *text == '/' || strncmp(text, "./", 2) == 0 || strncmp(text, "../", 3) == 0;
}

/* The first volume of the service that spec.volumes declares as persistent; NULL: none. */
static const char *declared_claim(struct lowering *l, const struct service *service)
{
	const struct value *mounts = value_get(service->spec, "volumes");
	const struct value *volumes = value_get(l->spec, "volumes");

	for (uint32_t i = 0; mounts && mounts->kind == VALUE_LIST && i < mounts->len; i++) {
		const char *text = value_text(&mounts->items[i], value_get_text(&mounts->items[i], "name", ""));
		const char *name = arena_strndup(l->arena, text, strcspn(text, ":"));
		const struct value *volume = lower_named(volumes, name);

		if (volume && strcmp(value_get_text(volume, "type", "persistent"), "persistent") == 0)
			return name;
	}
	return NULL;
}

/* --- values of a chart of the project ------------------------------------------------------------ */

/* The resource that brings what was built into the cluster, of "${RESOURCE.name}"; NULL: it is no such thing. */
static const char *bringer(struct lowering *l, const struct service *service, const char *text)
{
	const char *end = arena_printf(l->arena, ".%s.name}", service->name);
	size_t len = strlen(text), tail = strlen(end);

	if (strncmp(text, "${", 2) != 0 || len < tail || strcmp(text + len - tail, end) != 0)
		return NULL;
	return arena_strndup(l->arena, text + 2, len - 2 - strlen(".name}"));
}

/* {repository, tag, pullPolicy}, as charts want it. */
static void put_image(struct lowering *l, const struct service *service,
	const struct value *container, struct value_builder *values)
{
	const struct value *image = value_get(container, "image");
	const char *text = value_text(image, ""), *slash, *colon;
	const char *built = bringer(l, service, text);
	struct value_builder b;

	if (!image || value_path(service->spec, "values.image"))
		return;
	builder_init(&b, l->arena);
	if (built) {
		builder_put(&b, "repository",
			lower_text(l, arena_printf(l->arena, "${%s.repository}", built), image));
		builder_put(&b, "tag", lower_text(l, arena_printf(l->arena, "${%s.tag}", built), image));
		builder_put(&b, "pullPolicy", *value_get(container, "imagePullPolicy"));
	} else if (image->flags & VALUE_TEMPLATE) {
		diag_error(l->diags, value_pos(image), "the image of service %s is not known before it is "
			"applied, and its chart wants name and tag of it", service->name);
		diag_hint(l->diags, "write values.image as the chart wants it");
		return;
	} else {
		slash = strrchr(text, '/');
		colon = strchr(slash ? slash : text, ':');
		builder_put(&b, "repository", lower_part(l, colon
			? arena_strndup(l->arena, text, (size_t)(colon - text)) : text, image));
		builder_put(&b, "tag", lower_part(l, colon ? colon + 1 : "latest", image));
	}
	builder_put(values, "image", lower_map(&b, image));
}

/* Charts have one port. One of this machine comes in through the load balancer of k3d. */
static void put_service(struct lowering *l, const struct service *service,
	struct value_builder *values)
{
	const struct service_port *port = lower_port(service, "http");
	struct value_builder b;

	if (!port)
		port = lower_port(service, NULL);
	if (!port)
		return;
	builder_init(&b, l->arena);
	builder_put(&b, "port", object_number(l, port->service, port->at));
	builder_put(&b, "targetPort", object_number(l, port->target, port->at));
	if (port->host && l->cluster.address) {
		builder_put(&b, "type", lower_text(l, "NodePort", port->at));
		builder_put_int(&b, "nodePort", cluster_publish(l, port));
	}
	builder_put(values, "service", lower_map(&b, port->at));
}

static void put_if(struct value_builder *values, const char *key, const struct value *value)
{
	if (value)
		builder_put(values, key, *value);
}

static struct value folder_values(struct lowering *l, struct service *service)
{
	static const char *const same[] = {"env", "resources", "readinessProbe", "volumeMounts"};
	const struct value *said = value_get(service->spec, "values"), *container, *spec;
	bool persistent = false;
	struct value pod = lower_pod(l, service, &persistent), values;
	struct value_builder b;

	spec = value_get(&pod, "spec");
	container = &value_get(spec, "containers")->items[0];
	builder_init(&b, l->arena);
	builder_put(&b, "fullnameOverride", lower_text(l, service->name, service->spec));
	put_image(l, service, container, &b);
	lower_copy(&b, service, "replicas", "replicaCount");
	put_service(l, service, &b);
	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		put_if(&b, same[i], value_get(container, same[i]));
	put_if(&b, "volumes", value_get(spec, "volumes"));
	put_if(&b, "podAnnotations", value_path(&pod, "metadata.annotations"));
	if (value_get(service->spec, "user") || value_get(service->spec, "securityContext")) {
		put_if(&b, "securityContext", value_get(container, "securityContext"));
		put_if(&b, "podSecurityContext", value_get(spec, "securityContext"));
	}
	values = lower_map(&b, service->spec);
	return said ? catalogue_joined(l, &values, said) : values;
}

/* What the chart itself makes keeps its name. A chart of strangers is left alone: nobody knows who has to
   reach what is in it, webhooks and controllers among them. */
static void isolate(struct lowering *l, struct service *service)
{
	const char *name = arena_printf(l->arena, "%s-isolation", service->name);
	struct value_builder objects;

	builder_init(&objects, l->arena);
	lower_policy(l, service, name, &objects);
	if (objects.n)
		object_resource(l, service, name, &objects);
}

/* --- the release --------------------------------------------------------------------------------- */

static struct value values_of(struct lowering *l, struct service *service)
{
	const char *claim;

	if (!service->entry)
		return folder_values(l, service);
	claim = declared_claim(l, service);
	if (claim)
		lower_claim(l, service, claim);
	return catalogue_values(l, service, claim);
}

void lower_chart(struct lowering *l, struct service *service)
{
	static const char *const same[] = {"chart", "version", "valuesFiles"};
	struct value_builder b, objects;
	bool is_ours = lower_is_folder(value_get(service->spec, "chart")) && !service->entry;

	builder_init(&objects, l->arena);
	if (is_ours)
		lower_ingress(l, service, &objects);
	if (objects.n)
		object_resource(l, service, arena_printf(l->arena, "%s-ingress", service->name), &objects);
	if (is_ours || service->entry)
		isolate(l, service);
	lower_begin(l, &b, service, "helm_release", service->name);
	builder_put(&b, "cluster", l->cluster.where);
	builder_put(&b, "namespace", lower_text(l, l->cluster.namespace, service->spec));
	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		lower_copy(&b, service, same[i], same[i]);
	if (is_ours || service->entry)
		builder_put(&b, "values", values_of(l, service));
	else
		lower_copy(&b, service, "values", "values");
	lower_copy(&b, service, "sync", "sync");
	lower_need(l, service, "kubernetes_manifest.namespace");
	lower_order(l, &b, service);
	lower_end(l, &b, service);
}
