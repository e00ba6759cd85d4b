/*
 * What `devenv scale` has set: a layer of its own above the files of the project, below --set. It holds a
 * number of replicas for services by name and nothing else; one that the manifest does not have any more is
 * told and left out, because a layer that names it would make it.
 */
#include "manifest/loading.h"
#include "model/yaml.h"

#include <string.h>

static bool has_service(const struct loading *l, const char *name)
{
	for (size_t i = 0; i < l->n_layers; i++) {
		const struct value *list = value_path(&l->layers[i].value, "spec.services");

		for (uint32_t k = 0; list && list->kind == VALUE_LIST && k < list->len; k++)
			if (!strcmp(value_get_text(&list->items[k], "name", ""), name))
				return true;
	}
	return false;
}

/* {api: 3} -> {spec: {services: [{name: api, replicas: 3}]}}, every part with its place. */
static struct value layer_of(struct loading *l, const struct value *map)
{
	struct value_builder services, spec, layer;

	builder_init(&services, l->arena);
	for (uint32_t i = 0; i < map->len; i++) {
		const struct member *member = &map->members[i];
		struct value_builder service;
		struct value name = value_str(l->arena, member->key);

		if (!has_service(l, member->key)) {
			diag_warning(l->diags, member->pos, "there is no service %s any more", member->key);
			diag_hint(l->diags, "`devenv scale %s=-` takes it out", member->key);
			continue;
		}
		name.line = member->pos.line;
		name.column = member->pos.column;
		name.source = member->pos.source;
		builder_init(&service, l->arena);
		builder_put(&service, "name", name);
		builder_put(&service, "replicas", member->value);
		service.members[0].pos = service.members[1].pos = member->pos;
		builder_push(&services, builder_map(&service));
	}
	builder_init(&spec, l->arena);
	builder_put(&spec, "services", builder_list(&services));
	builder_init(&layer, l->arena);
	builder_put(&layer, "spec", builder_map(&spec));
	return builder_map(&layer);
}

const char *scale_path(struct arena *arena, const char *root, const char *environment)
{
	return arena_printf(arena, "%s/.devenv/local/scale%s%s.yml", root, *environment ? "." : "",
		environment);
}

int scale_read(struct loading *l, struct error *err)
{
	const char *path = scale_path(l->arena, l->manifest->root, l->manifest->environment);
	struct value map;
	uint16_t source;

	if (files_read(l, path, "scale", &source, err) < 0) {
		if (err->code != ERROR_NOT_FOUND)
			return -1;
		*err = (struct error)ERROR_INIT;
		return 0;
	}
	if (yaml_parse(&l->manifest->sources, source, l->arena, &map, l->diags) < 0 ||
		map.kind != VALUE_MAP) {
		if (map.kind != VALUE_NULL)
			l->broken = true;
		return 0;
	}
	ARENA_GROW(l->arena, l->layers, l->n_layers, l->cap_layers);
	l->layers[l->n_layers] = (struct layer){.value = layer_of(l, &map), .source = source};
	l->n_layers++;
	return 0;
}
