/*
 * Variables: declared in the manifest, set by DEVENV_VAR_x, then by --var and --var-file as they
 * follow each other (the later wins), else by their default. What is set on the command line is text and takes the declared type, or
 * that of the default. A variable without a value is a mistake only where it is used.
 */
#include "manifest/loading.h"
#include "model/parsed.h"
#include "model/yaml.h"

#include <string.h>

static const char by_argument[] = "command line", by_environment[] = "environment variable";

bool variable_is_outside(const struct source *source)
{
	return strcmp(source->layer, by_argument) == 0 || strcmp(source->layer, by_environment) == 0;
}

static struct variable *find(const struct loading *l, const char *name)
{
	uint32_t at = map_get(&l->variable_index, name);

	return at == MAP_NONE ? NULL : &l->manifest->variables[at];
}

const struct variable *variable_find(const struct loading *l, const char *name)
{
	return find(l, name);
}

static void declare(struct loading *l, const struct value *map)
{
	struct manifest *manifest = l->manifest;

	if (!map || map->kind != VALUE_MAP)
		return;
	manifest->variables = arena_zalloc(l->arena, map->len * sizeof(*manifest->variables));
	manifest->n_variables = map->len;
	for (uint32_t i = 0; i < map->len; i++) {
		manifest->variables[i] = (struct variable){
			.name = map->members[i].key,
			.sensitive = value_get_bool(&map->members[i].value, "sensitive", false),
			.pos = map->members[i].pos,
		};
		map_add(&l->variable_index, map->members[i].key, i);
	}
}

/* --- types */

enum fit {
	FIT_ANY,
	FIT_STRING,
	FIT_NUMBER,
	FIT_INTEGER,
	FIT_BOOLEAN,
	FIT_LIST,
	FIT_MAP,
};

static const struct {
	const char *name;
	enum fit fit;
} types[] = {
	{"any", FIT_ANY}, {"string", FIT_STRING}, {"number", FIT_NUMBER}, {"integer", FIT_INTEGER},
	{"boolean", FIT_BOOLEAN}, {"bool", FIT_BOOLEAN}, {"list", FIT_LIST}, {"map", FIT_MAP},
};

static enum fit declared_fit(const struct value *spec, const char **name)
{
	*name = value_get_text(spec, "type", "any");
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (strcmp(*name, types[i].name) == 0)
			return types[i].fit;
	}
	return FIT_ANY; /* the schema has said it */
}

/* Without a declared type, what the command line says is read like the default. */
static enum fit fit_of_default(const struct value *fallback)
{
	if (!fallback)
		return FIT_ANY;
	switch ((enum value_kind)fallback->kind) {
	case VALUE_STRING: return FIT_STRING;
	case VALUE_INT:
	case VALUE_REAL: return FIT_NUMBER;
	case VALUE_BOOL: return FIT_BOOLEAN;
	case VALUE_LIST: return FIT_LIST;
	case VALUE_MAP: return FIT_MAP;
	default: return FIT_ANY;
	}
}

static bool fits(const struct value *value, enum fit fit)
{
	switch (fit) {
	case FIT_ANY: return true;
	case FIT_STRING: return value->kind == VALUE_STRING;
	case FIT_NUMBER: return value->kind == VALUE_INT || value->kind == VALUE_REAL;
	case FIT_INTEGER: return value->kind == VALUE_INT;
	case FIT_BOOLEAN: return value->kind == VALUE_BOOL;
	case FIT_LIST: return value->kind == VALUE_LIST;
	case FIT_MAP: return value->kind == VALUE_MAP;
	}
	return false;
}

/* Scalars by their text: 1.10 is a fine string, and "8080" from the environment a fine number. */
static bool convert(struct value *value, enum fit fit)
{
	if (fits(value, fit) || value->kind == VALUE_NULL)
		return true;
	if (!value_is_scalar(value))
		return false;
	if (fit == FIT_STRING)
		value->kind = VALUE_STRING;
	else
		yaml_resolve(value);
	return fits(value, fit);
}

/* --- what is set from outside */

/* What comes from outside is meant as it stands, at every depth. */
static struct value literal(struct arena *arena, struct value value)
{
	if (!(value.flags & VALUE_TEMPLATE))
		return value;
	value.flags &= (uint8_t)~VALUE_TEMPLATE;
	if (value.kind == VALUE_LIST) {
		struct value *items = arena_alloc(arena, value.len * sizeof(*items));

		for (uint32_t i = 0; i < value.len; i++)
			items[i] = literal(arena, value.items[i]);
		value.items = items;
	} else if (value.kind == VALUE_MAP) {
		struct member *members = arena_alloc(arena, value.len * sizeof(*members));

		for (uint32_t i = 0; i < value.len; i++) {
			members[i] = value.members[i];
			members[i].value = literal(arena, value.members[i].value);
		}
		value.members = members;
	}
	return value;
}

static void assign(struct loading *l, struct variable *variable, struct value value)
{
	struct value *copy = arena_alloc(l->arena, sizeof(*copy));

	*copy = literal(l->arena, value);
	variable->value = copy;
}

static void unknown_variable(struct loading *l, const char *name, struct pos pos)
{
	struct nearest nearest = {.word = name};

	if (l->input->other_variables)
		return;
	diag_error(l->diags, pos, "there is no variable \"%s\"", name);
	for (size_t i = 0; i < l->manifest->n_variables; i++)
		nearest_try(&nearest, l->manifest->variables[i].name);
	if (nearest.best)
		diag_hint(l->diags, "did you mean \"%s\"?", nearest.best);
	else
		diag_hint(l->diags, "declare it under spec.variables");
}

static struct value typed(struct loading *l, const struct variable *variable, const char *shown,
	const char *layer, const char *text)
{
	const struct value *spec = value_path(l->manifest->merged,
		arena_printf(l->arena, "spec.variables[\"%s\"]", variable->name));
	const char *type;
	enum fit fit = declared_fit(spec, &type);

	if (fit == FIT_ANY && !value_get(spec, "type"))
		fit = fit_of_default(value_get(spec, "default"));
	if (fit == FIT_STRING) { /* as it is: no quotes to take off, no "[" to read */
		struct value value = value_borrow(text);

		value.source = sources_add(&l->manifest->sources, l->arena, shown, layer, NULL, 0);
		return value;
	}
	return override_value(l, shown, layer, text);
}

/* The names of environment variables have no "-" and ".": there "_" stands for them. */
static const char *env_name(struct loading *l, const char *name)
{
	char *text = arena_printf(l->arena, "DEVENV_VAR_%s", name);

	for (char *at = text; *at; at++) {
		if (*at == '-' || *at == '.')
			*at = '_';
	}
	return text;
}

static void read_env(struct loading *l)
{
	for (size_t i = 0; i < l->manifest->n_variables; i++) {
		struct variable *variable = &l->manifest->variables[i];
		const char *name = env_name(l, variable->name);
		const struct env_var *var = env_get(l, name);

		if (!var)
			continue;
		if (!files_room(l))
			break;
		assign(l, variable, typed(l, variable, name, by_environment, var->text));
	}
}

static void read_variable_file(struct loading *l, const char *name)
{
	const char *path = files_path(l, l->input->directory, name);
	struct error err = ERROR_INIT;
	struct value map;
	uint16_t source;

	if (files_read(l, path, "variable file", &source, &err) < 0) {
		struct pos pos = {
			.source = sources_add(&l->manifest->sources, l->arena,
				arena_printf(l->arena, "--var-file %s", name), by_argument, NULL,
				0),
		};

		diag_error(l->diags, pos, "%s", err.msg);
		return;
	}
	if (parsed_yaml(l->input->parsed, &l->manifest->sources, source, l->arena, &map, l->diags) < 0 ||
		map.kind == VALUE_NULL)
		return;
	if (map.kind != VALUE_MAP) {
		diag_error(l->diags, value_pos(&map), "a file of variables is a map, name: value");
		return;
	}
	for (uint32_t i = 0; i < map.len; i++) {
		struct variable *variable = find(l, map.members[i].key);

		if (variable)
			assign(l, variable, map.members[i].value);
		else
			unknown_variable(l, map.members[i].key, map.members[i].pos);
	}
}

static void read_argument(struct loading *l, const char *argument)
{
	size_t len = strcspn(argument, "=");
	const char *name = arena_strndup(l->arena, argument, len);
	const char *shown = arena_printf(l->arena, "--var %s", name);
	struct variable *variable = find(l, name);
	struct pos pos = {
		.source = sources_add(
			&l->manifest->sources, l->arena, shown, by_argument, NULL, 0),
	};

	if (!argument[len]) {
		diag_error(l->diags, pos, "--var takes NAME=VALUE");
		return;
	}
	if (variable)
		assign(l, variable, typed(l, variable, shown, by_argument, argument + len + 1));
	else
		unknown_variable(l, name, pos);
}

/* --- settling */

static void settle(struct loading *l, struct variable *variable, const struct value *spec)
{
	const struct value *given = variable->value ? variable->value : value_get(spec, "default");
	struct scope scope = {
		.l = l,
		.stage = SCOPE_DEFAULT,
		.what = "the default of a variable",
	};
	struct value *value = arena_alloc(l->arena, sizeof(*value));
	const char *type;
	enum fit fit = declared_fit(spec, &type);

	variable->value = NULL;
	if (!given)
		return;
	if (scope_expand(&scope, given, value) < 0) {
		*value = value_unknown; /* reported; what refers to it need not be reported, too */
	} else if (!convert(value, fit)) {
		diag_error(l->diags, value_pos(value),
			"the variable \"%s\" must be of type %s, not a %s", variable->name, type,
			value_kind_str(given->kind));
		diag_hint(l->diags, "it is declared at %s",
			pos_str(&l->manifest->sources, variable->pos, l->arena));
	}
	if (variable->sensitive)
		value->flags |= VALUE_SENSITIVE;
	variable->value = value;
}

void variables_read(struct loading *l)
{
	const struct value *map = value_path(l->manifest->merged, "spec.variables");

	declare(l, map);
	read_env(l);
	for (const struct variable_input *v = l->input->variables; v && (v->argument || v->file); v++) {
		if (!files_room(l))
			break;
		if (v->argument)
			read_argument(l, v->argument);
		else
			read_variable_file(l, v->file);
	}
	for (size_t i = 0; i < l->manifest->n_variables; i++)
		settle(l, &l->manifest->variables[i], &map->members[i].value);
}
