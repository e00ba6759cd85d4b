/*
 * manifest_load: the stages in their order (see loading.h). Each reports what it finds; a later one
 * runs unless an earlier one left nothing to work on, so that a user sees all mistakes at once.
 */
#include "manifest/manifest.h"

#include "manifest/loading.h"
#include "manifest/lower/lower.h"
#include "model/parsed.h"
#include "model/schema.h"
#include "model/template.h"

#include <string.h>

/* --- what lower and config show see */

static struct value with_member(struct arena *arena, const struct value *map, const char *key,
	struct value value)
{
	struct member *members = arena_alloc(arena, (map->len + 1) * sizeof(*members));
	struct value copy;
	uint32_t n = map->len, at = 0;

	if (n)
		memcpy(members, map->members, n * sizeof(*members));
	while (at < n && strcmp(members[at].key, key) != 0)
		at++;
	if (at == n)
		members[n++] = (struct member){.key = key, .pos = value_pos(&value)};
	members[at].value = value;
	copy = value_map(members, n);
	copy.source = map->source;
	copy.line = map->line;
	copy.column = map->column;
	return copy;
}

static struct value map_or_empty(const struct value *value)
{
	return value && value->kind == VALUE_MAP ? *value : value_empty_map;
}

/* Marks what must not be shown: the data of secrets, the defaults of sensitive variables. */
static struct value protect_secret(struct arena *arena, const struct value *secret)
{
	const struct value *data = value_get(secret, "data");

	return data ? with_member(arena, secret, "data", value_sensitive(*data)) : *secret;
}

static struct value protect_variable(struct arena *arena, const struct value *variable)
{
	const struct value *fallback = value_get(variable, "default");

	if (!fallback || !value_get_bool(variable, "sensitive", false))
		return *variable;
	return with_member(arena, variable, "default", value_sensitive(*fallback));
}

static struct value protect_repository(struct arena *arena, const struct value *repository)
{
	const struct value *password = value_get(repository, "password");

	return password ? with_member(arena, repository, "password", value_sensitive(*password)) : *repository;
}

static struct value protect_each(struct arena *arena, const struct value *list,
	struct value (*protect_one)(struct arena *arena, const struct value *item))
{
	struct value_builder builder;

	builder_init(&builder, arena);
	for (uint32_t i = 0; i < list->len; i++)
		builder_push(&builder, protect_one(arena, &list->items[i]));
	return builder_list(&builder);
}

static void protect(struct loading *l, struct value *merged)
{
	const struct value *written = value_get(merged, "spec");
	struct value spec = map_or_empty(written);
	const struct value *secrets = value_get(&spec, "secrets");
	const struct value *variables = value_get(&spec, "variables");
	const struct value *helm = value_get(&spec, "helm");
	const struct value *repositories = value_get(helm, "repositories");

	if (!written || written->kind != VALUE_MAP)
		return; /* the schema says what it must be */
	if (secrets && secrets->kind == VALUE_LIST) {
		spec = with_member(l->arena, &spec, "secrets",
			protect_each(l->arena, secrets, protect_secret));
	}
	if (repositories && repositories->kind == VALUE_LIST) {
		struct value list = protect_each(l->arena, repositories, protect_repository);

		spec = with_member(l->arena, &spec, "helm", with_member(l->arena, helm, "repositories", list));
	}
	if (variables && variables->kind == VALUE_MAP) {
		struct value map = *variables;

		for (uint32_t i = 0; i < variables->len; i++) {
			const struct member *member = &variables->members[i];

			if (value_get_bool(&member->value, "sensitive", false))
				map = with_member(l->arena, &map, member->key,
					protect_variable(l->arena, &member->value));
		}
		if (map.members != variables->members)
			spec = with_member(l->arena, &spec, "variables", map);
	}
	if (spec.members != written->members)
		*merged = with_member(l->arena, merged, "spec", spec);
}

/* --- stages of this file */

static int read_layers(struct loading *l, struct error *err)
{
	struct value *merged;

	if (layers_read(l, err) < 0)
		return -1;
	overrides_read(l);
	settings_take(l);
	if (l->broken || !l->n_layers)
		return error_set(err, ERROR_INVALID, "the manifest has mistakes");
	merged = arena_alloc(l->arena, sizeof(*merged));
	*merged = merge_layers(l);
	protect(l, merged);
	l->manifest->merged = merged;
	schema_validate(&schema_manifest, merged, l->diags);
	return 0;
}

/* In the types that the schema wants; what was a reference can be judged only now. */
static struct value typed(struct loading *l, const struct member *written, const struct value *value)
{
	const struct schema *spec = schema_property(&schema_manifest, "spec");
	const struct schema *schema = spec ? schema_property(spec, written->key) : NULL;
	struct value result = *value;

	if (!schema || !(written->value.flags & VALUE_TEMPLATE))
		return result;
	result = schema_coerce(schema, value, l->arena);
	schema_validate(schema, &result, l->diags);
	return result;
}

/* Everything of spec but the resources, known as far as it can be: lower decides by it. */
static struct value known_spec(struct loading *l, const struct value *spec)
{
	struct scope scope = {.l = l, .stage = SCOPE_LATE, .what = "spec"};
	struct value_builder builder;

	builder_init(&builder, l->arena);
	for (uint32_t i = 0; i < spec->len; i++) {
		static const char *const others[] = {"resources", "variables", "outputs", "moved"};
		const struct member *member = &spec->members[i];
		struct value value = member->value;
		bool other = false;

		for (size_t j = 0; j < ARRAY_SIZE(others); j++)
			other |= strcmp(member->key, others[j]) == 0;
		if (other)
			continue;
		if (scope_expand(&scope, &member->value, &value) == 0)
			value = typed(l, member, &value);
		builder_put(&builder, member->key, value);
		builder.members[builder.n - 1].pos = member->pos;
	}
	return builder_map(&builder);
}

static void read_outputs(struct loading *l, const struct value *map)
{
	struct scope scope = {.l = l, .stage = SCOPE_LATE, .what = "an output"};
	struct output_spec *outputs;

	outputs = arena_zalloc(l->arena, map->len * sizeof(*outputs));
	for (uint32_t i = 0; i < map->len; i++) {
		const struct member *member = &map->members[i];
		const struct value *written = member->value.kind == VALUE_MAP
			? value_get(&member->value, "value") : &member->value;
		struct value *value = arena_alloc(l->arena, sizeof(*value));

		if (!written || scope_expand(&scope, written, value) < 0)
			*value = value_null;
		outputs[i] = (struct output_spec){
			.name = member->key,
			.value = value,
			.sensitive = value_get_bool(&member->value, "sensitive", false),
			.pos = member->pos,
		};
	}
	l->manifest->outputs = outputs;
	l->manifest->n_outputs = map->len;
}

/* Without the note of the service it came from, a lowered resource is one that could be written. */
static struct value plain_resource(struct arena *arena, const struct value *resource)
{
	const struct member *note = value_member(resource, "$service");
	struct value plain = *resource;
	struct member *members;
	size_t at;

	if (!note)
		return plain;
	at = (size_t)(note - resource->members);
	plain.len--;
	members = arena_alloc(arena, plain.len * sizeof(*members));
	memcpy(members, resource->members, at * sizeof(*members));
	memcpy(members + at, note + 1, (plain.len - at) * sizeof(*members));
	plain.members = members;
	return plain;
}

/* A manifest that says the same with resources only. */
static const struct value *lowered_manifest(struct loading *l, const struct value *spec,
	const struct value *resources, const struct value *outputs)
{
	static const char *const gone[] = {
		"cluster", "services", "terraform", "volumes", "networking", "hooks", "helm", "resources",
		"outputs"};
	struct value *lowered = arena_alloc(l->arena, sizeof(*lowered));
	struct value_builder builder, list;

	builder_init(&list, l->arena);
	for (uint32_t i = 0; i < resources->len; i++)
		builder_push(&list, plain_resource(l->arena, &resources->items[i]));
	*lowered = builder_list(&list);
	*lowered = template_quote(lowered, l->arena);
	builder_init(&builder, l->arena);
	for (uint32_t i = 0; i < spec->len; i++) {
		bool is_gone = false;

		for (size_t j = 0; j < ARRAY_SIZE(gone); j++)
			is_gone |= strcmp(spec->members[i].key, gone[j]) == 0;
		if (!is_gone)
			builder_put(&builder, spec->members[i].key, spec->members[i].value);
	}
	builder_put(&builder, "resources", *lowered);
	if (outputs->len)
		builder_put(&builder, "outputs", *outputs);
	*lowered = with_member(l->arena, l->manifest->merged, "spec", builder_map(&builder));
	return lowered;
}

/* What means nothing without a cluster must not be passed over in silence. */
static void report_unused(struct loading *l, const struct value *spec)
{
	const struct member *isolation = value_member(value_get(spec, "networking"), "isolation");
	const struct value *cluster = value_get(spec, "cluster");

	if (isolation && (!cluster || cluster->kind != VALUE_MAP || !cluster->len))
		diag_warning(l->diags, isolation->pos, "networking.isolation is about clusters: without one, "
			"the networks of a service say who reaches it");
}

static void lower(struct loading *l)
{
	struct value spec = map_or_empty(value_get(l->manifest->merged, "spec"));
	const struct value *written = value_get(&spec, "resources");
	struct value known = known_spec(l, &spec);
	struct value *resources = arena_alloc(l->arena, sizeof(*resources));
	struct value outputs = map_or_empty(value_get(&spec, "outputs"));
	bool changed;

	*resources = written && written->kind == VALUE_LIST ? *written : value_empty_list;
	l->manifest->lowered = l->manifest->merged;
	l->lowered = lower_spec(l, &known, resources, &outputs, l->diags) == 0;
	changed = resources->items != (written ? written->items : NULL);
	if (l->lowered && changed)
		l->manifest->lowered = lowered_manifest(l, &spec, resources, &outputs);
	report_unused(l, &spec);
	expand_resources(l, resources, changed);
	read_outputs(l, &outputs);
}

static void read_name(struct loading *l)
{
	const struct value *written = value_path(l->manifest->merged, "metadata.name");
	struct scope scope = {.l = l, .stage = SCOPE_EARLY, .what = "metadata.name"};
	struct value name;

	if (written && scope_expand(&scope, written, &name) == 0)
		l->manifest->name = value_text(&name, "");
}

static void release(struct loading *l)
{
	map_release(&l->file_index);
	map_release(&l->env_index);
	map_release(&l->variable_index);
	map_release(&l->text_index);
	l->manifest->files = l->files;
	l->manifest->n_files = l->n_files;
}

int manifest_load(const struct manifest_input *input, struct arena *arena,
	struct manifest *manifest, struct diags *diags, struct error *err)
{
	struct loading l = {.input = input, .arena = arena, .manifest = manifest, .diags = diags};

	*manifest = (struct manifest){.arena = arena, .name = "", .environment = ""};
	parsed_begin(input->parsed);
	if (read_layers(&l, err) < 0) {
		release(&l);
		return -1;
	}
	env_read(&l);
	variables_read(&l);
	read_name(&l);
	lower(&l);
	moved_read(&l);
	locked_read(&l);
	switched_off_settle(&l);
	sources_settle(&manifest->sources);
	release(&l);
	if (diags->errors)
		return error_set(err, ERROR_INVALID, "the manifest has mistakes");
	return 0;
}

int manifest_graph(const struct manifest *manifest, struct graph *graph, struct arena *arena,
	struct diags *diags)
{
	const struct value **outputs = arena_alloc(arena, (manifest->n_outputs + 1) * sizeof(*outputs));
	struct graph_input in = {
		.resources = manifest->resources,
		.n = manifest->n_resources,
		.sources = &manifest->sources,
		.written = value_path(manifest->merged, "spec.resources"),
		.readers = outputs,
		.n_readers = manifest->n_outputs,
	};

	for (size_t i = 0; i < manifest->n_outputs; i++)
		outputs[i] = manifest->outputs[i].value;
	return graph_build(graph, &in, arena, diags);
}
