/*
 * Git repositories as sources; and what the image of a service is built from, a folder of the project or a
 * commit of one; and how a cluster gets at it.
 */
#include "manifest/lower/internal.h"

#include <string.h>

/* --- git ----------------------------------------------------------------------------------------- */

bool lower_is_git(const struct value *source)
{
	const char *url = value_text(source, "");

	return source->kind == VALUE_MAP || strstr(url, "://") || strncmp(url, "git@", 4) == 0;
}

/* "URL#REF:PATH", as `docker build` takes it. */
static void put_location(struct lowering *l, struct value_builder *b, const struct value *location)
{
	const char *text = value_text(location, ""), *hash = strchr(text, '#');
	const char *ref = hash ? hash + 1 : "", *path = strchr(ref, ':');
	size_t len = path ? (size_t)(path - ref) : strlen(ref);

	builder_put(b, "url", lower_part(l, hash
		? arena_strndup(l->arena, text, (size_t)(hash - text)) : text, location));
	if (len)
		builder_put(b, "ref", lower_part(l, arena_strndup(l->arena, ref, len), location));
	if (path && path[1])
		builder_put(b, "path", lower_part(l, path + 1, location));
}

struct value lower_git(struct lowering *l, const struct service *user, const char *name,
	const struct value *source)
{
	struct value_builder b;

	if (!lower_is_declared(l, "git_source", name)) {
		lower_begin(l, &b, user, "git_source", name);
		if (value_is_scalar(source))
			put_location(l, &b, source);
		for (uint32_t i = 0; source->kind == VALUE_MAP && i < source->len; i++) {
			builder_put(&b, source->members[i].key, source->members[i].value);
			b.members[b.n - 1].pos = source->members[i].pos;
		}
		lower_end(l, &b, user);
	}
	return lower_text(l, arena_printf(l->arena, "${git_source.%s.path}", name), source);
}

/* --- the image ----------------------------------------------------------------------------------- */

static struct value context_of(struct lowering *l, const struct service *service,
	const struct value *context)
{
	if (!context)
		return lower_text(l, ".", service->spec);
	return lower_is_git(context) ? lower_git(l, service, service->name, context) : *context;
}

static struct value build_map(struct lowering *l, const struct service *service,
	const struct value *build, bool is_source)
{
	struct value_builder b;

	builder_init(&b, l->arena);
	if (value_is_scalar(build) || is_source) {
		builder_put(&b, "context", context_of(l, service, build));
		return builder_map(&b);
	}
	builder_put(&b, "context", context_of(l, service, value_get(build, "context")));
	for (uint32_t i = 0; i < build->len; i++) {
		const struct member *member = &build->members[i];

		if (strcmp(member->key, "args") == 0)
			builder_put(&b, "args", lower_key_values(l, &member->value));
		else if (strcmp(member->key, "context") != 0)
			builder_put(&b, member->key, member->value);
		if (strcmp(member->key, "context") != 0)
			b.members[b.n - 1].pos = member->pos;
	}
	return builder_map(&b);
}

/* The docker_image that is built for it, whose name only this environment has; NULL: it has an image already. */
static const struct value *make_image(struct lowering *l, const struct service *service)
{
	const struct value *image = value_get(service->spec, "image");
	const struct value *build = value_get(service->spec, "build");
	bool is_source = !build && !image;
	struct value_builder b;

	if (is_source)
		build = value_get(service->spec, "source");
	if (!build)
		return NULL;
	lower_begin(l, &b, service, "docker_image", service->name);
	builder_put(&b, "build", build_map(l, service, build, is_source));
	if (image)
		builder_put(&b, "tags", value_list(image, 1));
	lower_end(l, &b, service);
	return build;
}

struct value lower_image(struct lowering *l, const struct service *service)
{
	const struct value *build = make_image(l, service);

	return build ? lower_text(l, arena_printf(l->arena, "${docker_image.%s.id}", service->name), build)
		     : *value_get(service->spec, "image");
}

/* Pushed, and called by its digest: another content is another image. */
static struct value pushed(struct lowering *l, const struct service *service,
	const struct value *build, const struct value *registry)
{
	const struct value *push = value_is_scalar(registry) ? registry : value_get(registry, "push");
	const struct value *pull = value_get(registry, "pull");
	struct value_builder b;

	lower_begin(l, &b, service, "docker_registry_image", service->name);
	builder_put(&b, "image", lower_text(l,
		arena_printf(l->arena, "${docker_image.%s.id}", service->name), build));
	builder_put(&b, "repository", lower_part(l, arena_printf(l->arena, "%s/%s/%s",
		value_text(push, ""), l->cluster.namespace, service->name), push));
	if (pull)
		builder_put(&b, "pullRepository", lower_part(l, arena_printf(l->arena, "%s/%s/%s",
			value_text(pull, ""), l->cluster.namespace, service->name), pull));
	lower_end(l, &b, service);
	return lower_text(l, arena_printf(l->arena, "${docker_registry_image.%s.name}", service->name),
		build);
}

/* Into the nodes, where no registry is asked for it. */
static struct value imported(struct lowering *l, struct service *service, const struct value *build)
{
	struct value_builder b;

	lower_begin(l, &b, service, "k3d_image", service->name);
	builder_put(&b, "image", lower_text(l,
		arena_printf(l->arena, "${docker_image.%s.id}", service->name), build));
	builder_put(&b, "nodes", lower_text(l,
		arena_printf(l->arena, "${%s.nodes}", l->cluster.address), build));
	lower_end(l, &b, service);
	lower_uses(l, service, arena_printf(l->arena, "${k3d_image.%s.id}", service->name));
	return lower_text(l, arena_printf(l->arena, "${k3d_image.%s.name}", service->name), build);
}

struct value lower_built(struct lowering *l, struct service *service, const char **policy)
{
	const struct value *registry = value_get(l->cluster.spec, "registry");
	const struct value *build = make_image(l, service);

	*policy = registry ? "IfNotPresent" : "Never";
	if (registry && registry->kind != VALUE_NULL)
		return pushed(l, service, build, registry);
	if (l->cluster.address)
		return imported(l, service, build);
	diag_error(l->diags, value_pos(build), "service %s: an image that is built here is not in the "
		"registry of a cluster that is not ours", service->name);
	diag_hint(l->diags, "name a registry that both reach, as in cluster: {registry: registry.example.com/team}");
	return *build;
}
