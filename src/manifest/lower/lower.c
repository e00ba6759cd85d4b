/*
 * Services become resources in three steps: what each is (container, process, workload of a cluster),
 * its references to other services (${service.NAME.host} is a name that is known now, and a dependency),
 * and the resources themselves. Every value keeps its place in the manifest.
 */
#include "manifest/lower/internal.h"

#include <string.h>

static void nothing_to_run(struct lowering *l, const struct service *service)
{
	const struct value *spec = service->spec;
	const struct value *type = value_get(spec, "type");
	const char *text = value_text(type, "application");
	struct nearest nearest = {.word = text};

	if (value_get(spec, "chart")) {
		diag_error(l->diags, value_member(spec, "chart")->pos,
			"service %s has only a chart, and there is no cluster", service->name);
		diag_hint(l->diags, "declare spec.cluster, or give it an image");
	} else if (strcmp(text, "application") != 0 && !service->job) {
		diag_error(l->diags, value_pos(type), "service %s needs an image: \"%s\" names none",
			service->name, text);
		catalogue_nearest(&nearest);
		if (nearest.best)
			diag_hint(l->diags, "did you mean %s?", nearest.best);
		else
			diag_hint(l->diags, "set image: %s, or use type: application", text);
	} else {
		diag_error(l->diags, value_pos(spec), "service %s has nothing to run", service->name);
		diag_hint(l->diags, "give it an image, a build, a source, or a command");
	}
}

static enum service_kind kind_of(struct lowering *l, const struct service *service)
{
	const struct value *spec = service->spec;

	if (l->cluster.spec && value_get(spec, "chart"))
		return SERVICE_CHART;
	if (value_get(spec, "image") || value_get(spec, "build") || value_get(spec, "source"))
		return l->cluster.spec ? SERVICE_WORKLOAD : SERVICE_CONTAINER;
	if (value_get(spec, "command"))
		return service->job ? SERVICE_COMMAND : SERVICE_PROCESS;
	nothing_to_run(l, service);
	return SERVICE_BAD;
}

static const char *address_of(struct lowering *l, const struct service *service)
{
	static const char *const types[] = {
		[SERVICE_BAD] = "docker_container",
		[SERVICE_CONTAINER] = "docker_container",
		[SERVICE_PROCESS] = "local_process",
		[SERVICE_COMMAND] = "local_command",
		[SERVICE_WORKLOAD] = "kubernetes_manifest",
		[SERVICE_CHART] = "helm_release",
	};

	return arena_printf(l->arena, "%s.%s", types[service->kind], service->name);
}

static void read_service(struct lowering *l, const struct value *spec)
{
	struct service *service = &l->services[l->n];
	const char *name = value_get_text(spec, "name", NULL);

	if (!name)
		return; /* the schema has said it */
	*service = (struct service){.name = name, .spec = spec};
	service->entry = catalogue_find(value_get_text(spec, "type", NULL));
	if (service->entry)
		service->spec = catalogue_plain(l, service->entry, spec);
	service->job = strcmp(value_get_text(spec, "type", ""), "job") == 0;
	service->kind = kind_of(l, service);
	service->address = address_of(l, service);
	lower_vain_service(l, service, spec);
	lower_ports(l, service);
	map_add(&l->by_name, name, (uint32_t)l->n++);
}

static enum view view_of(const struct service *service)
{
	if (service->kind == SERVICE_CONTAINER)
		return VIEW_CONTAINER;
	return service->kind == SERVICE_WORKLOAD || service->kind == SERVICE_CHART ? VIEW_CLUSTER
										  : VIEW_MACHINE;
}

/* --- all of it ---------------------------------------------------------------------------------- */

static void lower_each(struct lowering *l, struct service *service)
{
	lower_hook_before(l, service);
	switch (service->kind) {
	case SERVICE_BAD:
		break;
	case SERVICE_CONTAINER:
		lower_container(l, service);
		break;
	case SERVICE_PROCESS:
		lower_process(l, service);
		break;
	case SERVICE_COMMAND:
		lower_command(l, service);
		break;
	case SERVICE_WORKLOAD:
		lower_workload(l, service);
		break;
	case SERVICE_CHART:
		lower_chart(l, service);
		break;
	}
	lower_hook_after(l, service);
}

static void lower_services(struct lowering *l)
{
	const struct value *services = value_get(l->spec, "services");
	uint32_t n = services && services->kind == VALUE_LIST ? services->len : 0;

	l->services = arena_zalloc(l->arena, (n + 1) * sizeof(*l->services));
	for (uint32_t i = 0; i < n; i++)
		read_service(l, &services->items[i]);
	for (size_t i = 0; i < l->n; i++) {
		struct service *service = &l->services[i];

		service->spec = lower_references(l, service, view_of(service), service->spec);
		lower_ports(l, service);
	}
	for (size_t i = 0; i < l->n; i++)
		lower_each(l, &l->services[i]);
	lower_ingresses(l);
}

/* Resources of a cluster see what is in it by its names there. */
static enum view resource_view(const struct value *resource)
{
	const char *type = value_get_text(resource, "type", "");

	return strcmp(type, "kubernetes_manifest") == 0 || strcmp(type, "helm_release") == 0
		? VIEW_CLUSTER : VIEW_MACHINE;
}

/* A resource as written, with its references to services replaced, and waiting for them. */
static struct value lower_resource(struct lowering *l, const struct value *written)
{
	struct service user = {.kind = SERVICE_PROCESS};
	const struct value *resource = lower_references(l, &user, resource_view(written), written);
	const struct value *needs = value_get(resource, "dependsOn");
	struct value_builder map, list;

	/* What is not as the schema wants it stays as it is: that has been said. */
	if (!user.n_uses || resource->kind != VALUE_MAP || (needs && needs->kind != VALUE_LIST))
		return *resource;
	builder_init(&list, l->arena);
	for (uint32_t i = 0; needs && i < needs->len; i++)
		builder_push(&list, needs->items[i]);
	for (size_t i = 0; i < user.n_uses; i++)
		lower_depend(l, &list, lower_service(l, user.uses[i])->address, NULL, written);
	builder_init(&map, l->arena);
	for (uint32_t i = 0; i < resource->len; i++) {
		builder_put(&map, resource->members[i].key, resource->members[i].value);
		map.members[map.n - 1].pos = resource->members[i].pos;
	}
	builder_put(&map, "dependsOn", builder_list(&list));
	return lower_map(&map, resource);
}

/* What was written first, then what was made. */
static struct value join(struct lowering *l)
{
	const struct value *written = l->resources;
	struct value_builder all;

	builder_init(&all, l->arena);
	for (uint32_t i = 0; i < written->len; i++)
		builder_push(&all, lower_resource(l, &written->items[i]));
	for (size_t i = 0; i < l->made.n; i++)
		builder_push(&all, l->made.items[i]);
	for (size_t i = 0; i < all.n; i++)
		if (!strcmp(value_get_text(&all.items[i], "type", ""), "helm_release"))
			all.items[i] = lower_repository(l, &all.items[i]);
	return lower_list(&all, written);
}

/* Is there a word to lower? A manifest of resources only stays as it is. */
static bool has_words(const struct value *spec)
{
	static const char *const words[] = {"services", "cluster", "terraform", "secrets", "hooks", "helm"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const struct value *value = value_get(spec, words[i]);

		if (value && !value_is_scalar(value) && value->len)
			return true;
	}
	return false;
}

int lower_spec(struct loading *loading, const struct value *spec, struct value *resources,
	struct value *outputs, struct diags *diags)
{
	size_t errors = diags->errors;
	struct lowering l = {
		.loading = loading,
		.manifest = loading->manifest,
		.arena = loading->manifest->arena,
		.diags = diags,
		.spec = spec,
		.resources = resources,
	};

	if (!has_words(spec))
		return 0;
	builder_init(&l.made, l.arena);
	cluster_read(&l);
	lower_services(&l);
	lower_vain_volumes(&l);
	lower_secrets(&l);
	lower_terraform(&l);
	cluster_lower(&l);
	*resources = lower_hooks(&l, join(&l));
	*outputs = *lower_references(&l, NULL, VIEW_MACHINE, outputs);
	map_release(&l.by_name);
	map_release(&l.volumes);
	map_release(&l.networks);
	return diags->errors > errors ? -1 : 0;
}
