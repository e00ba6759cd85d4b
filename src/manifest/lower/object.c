/*
 * Kubernetes objects under construction, and the kubernetes_manifest that holds them. All lie in the
 * namespace of the environment, and wait for it.
 */
#include "manifest/lower/internal.h"

#include <stdlib.h>
#include <string.h>

#define LABEL_SERVICE "app.kubernetes.io/instance" /* charts put it on their pods, too */

void object_begin(struct lowering *l, struct value_builder *b, const struct service *service,
	const char *api_version, const char *kind, const char *name)
{
	struct value_builder metadata;

	builder_init(&metadata, l->arena);
	builder_put(&metadata, "name", lower_text(l, name, service->spec));
	if (service->name)
		builder_put(&metadata, "labels", object_labels(l, service));
	builder_init(b, l->arena);
	builder_put(b, "apiVersion", lower_text(l, api_version, service->spec));
	builder_put(b, "kind", lower_text(l, kind, service->spec));
	builder_put(b, "metadata", lower_map(&metadata, service->spec));
}

struct value object_labels(struct lowering *l, const struct service *service)
{
	return lower_texts(l, service->spec, LABEL_SERVICE, service->name, NULL);
}

void object_resource_begin(struct lowering *l, struct value_builder *b,
	const struct service *service, const char *name, struct value_builder *objects)
{
	lower_begin(l, b, service, "kubernetes_manifest", name);
	builder_put(b, "cluster", l->cluster.where);
	builder_put(b, "namespace", lower_text(l, l->cluster.namespace, service->spec));
	builder_put(b, "manifest", lower_list(objects, service->spec));
}

void object_resource(struct lowering *l, struct service *service, const char *name,
	struct value_builder *objects)
{
	struct value_builder b;

	object_resource_begin(l, &b, service, name, objects);
	object_resource_end(l, &b, service, name);
}

void object_resource_end(struct lowering *l, struct value_builder *b, struct service *service,
	const char *name)
{
	builder_put(b, "dependsOn", lower_one(l,
		lower_text(l, "kubernetes_manifest.namespace", service->spec)));
	lower_end(l, b, service);
	lower_need(l, service, arena_printf(l->arena, "kubernetes_manifest.%s", name));
}

struct value object_quantity(struct lowering *l, const struct value *size)
{
	const char *text = value_text(size, "");
	size_t digits = strspn(text, "0123456789."), space = strspn(text + digits, " ");
	const char *unit = text + digits + space;
	char letter = *unit;

	if (size->flags & VALUE_TEMPLATE)
		return *size;
	if (!letter || letter == 'b' || letter == 'B')
		return lower_text(l, arena_printf(l->arena, "%.*s", (int)digits, text), size);
	letter = letter == 'k' ? 'K' : letter == 'm' ? 'M' : letter == 'g' ? 'G' : letter == 't' ? 'T' : letter;
	return lower_text(l, arena_printf(l->arena, "%.*s%ci", (int)digits, text, letter), size);
}

struct value object_number(struct lowering *l, const char *text, const struct value *at)
{
	char *end;
	long n = strtol(text, &end, 10);

	return *end ? lower_text(l, text, at) : value_int(l->arena, n);
}

const char *object_protocol(const char *protocol)
{
	return strcmp(protocol, "udp") == 0 ? "UDP" : strcmp(protocol, "sctp") == 0 ? "SCTP" : "TCP";
}

void lower_uses(struct lowering *l, struct service *service, const char *revision)
{
	if (service->revisions && strstr(service->revisions, revision))
		return; /* two mounts of one volume */
	service->revisions = service->revisions
		? arena_printf(l->arena, "%s %s", service->revisions, revision) : revision;
}
