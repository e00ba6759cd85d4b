/* Reading resolved inputs, and the checks of manifest inputs that the schema cannot say. */
#include "providers/local/local.h"

#include "base/fs.h"
#include "model/env_file.h"
#include "model/json.h"

#include <stdlib.h>
#include <string.h>

int local_check(const struct provider_env *env, struct error *err)
{
	if (!provider_cancelled(env))
		return 0;
	if (env->cancel && atomic_load(env->cancel))
		return error_set(err, ERROR_CANCELLED, "the run is being cancelled");
	return error_set(err, ERROR_TIMEOUT, "it took too long");
}

const struct value *local_intent_inputs(struct provider_env *env, const struct intent *intent)
{
	struct value *value;

	if (!intent || !intent->inputs_json)
		return NULL;
	value = arena_alloc(env->arena, sizeof(*value));
	if (json_parse(intent->inputs_json, strlen(intent->inputs_json), env->arena, intent->key,
		value, NULL) < 0 || value->kind != VALUE_MAP)
		return NULL;
	return value;
}

const char *local_text(const struct value *inputs, const char *name)
{
	const struct value *value = value_get(inputs, name);

	if (!value || value->flags & (VALUE_TEMPLATE | VALUE_KEYED))
		return NULL;
	return value_text(value, NULL);
}

const char *const *local_argv(struct arena *arena, const struct value *inputs, const char *name)
{
	const struct value *list = value_get(inputs, name);
	const char **argv;

	if (!list || list->kind != VALUE_LIST || !list->len || !value_is_known(list) ||
		list->flags & VALUE_TEMPLATE)
		return NULL;
	argv = arena_alloc(arena, (list->len + 1) * sizeof(*argv));
	for (uint32_t i = 0; i < list->len; i++)
		argv[i] = value_text(&list->items[i], "");
	argv[list->len] = NULL;
	return argv;
}

const char *local_path_attribute(const struct provider_env *env, const char *path,
	const struct value *inputs)
{
	const char *text = local_text(inputs, "path");

	return text ? text : fs_relative(env->project_root, path);
}

static int parse_mode(const char *text, mode_t *mode)
{
	char *end;
	unsigned long bits = strtoul(text, &end, 8);

	if (!text[0] || strspn(text, "01234567") != strlen(text) || *end || bits > 07777)
		return -1;
	*mode = (mode_t)bits;
	return 0;
}

mode_t local_mode(const struct value *inputs, mode_t fallback)
{
	const char *text = local_text(inputs, "mode");
	mode_t mode;

	return text && parse_mode(text, &mode) == 0 ? mode : fallback;
}

static void set_all(struct process_env *out, const struct value *map)
{
	for (uint32_t i = 0; map && map->kind == VALUE_MAP && i < map->len; i++) {
		const struct member *member = &map->members[i];

		process_env_set(out, member->key, value_text(&member->value, NULL));
	}
}

int local_environment(struct process_env *out, struct provider_env *env, const struct value *inputs,
	bool gone_ok, struct error *err)
{
	struct value files = value_empty_map;
	struct error why = ERROR_INIT;

	process_env_init(out, env->arena, NULL);
	if (env_files_read(env->arena, env->project_root, value_get(inputs, "envFile"), &files, &why) < 0 &&
		!(gone_ok && why.code == ERROR_NOT_FOUND)) {
		*err = why;
		return -1;
	}
	set_all(out, &files);
	set_all(out, value_get(inputs, "environment"));
	return 0;
}

const char *local_directory_of(const struct provider_env *env, const struct value *inputs)
{
	const char *directory = local_text(inputs, "directory");

	return directory ? provider_path(env, directory) : env->project_root;
}

struct value local_hash_value(struct arena *arena, const struct hash *hash)
{
	char hex[HASH_HEX];

	return value_str(arena, hash_hex(hash, hex));
}

void local_claim_path(const struct value *inputs, const char *project_root,
	void (*claim)(void *arg, const char *what), void *arg)
{
	const char *path = local_text(inputs, "path");
	struct arena arena = ARENA_INIT;

	if (path)
		claim(arg, arena_printf(&arena, "path:%s", fs_normalise(&arena,
			fs_join(&arena, project_root, path))));
	arena_release(&arena);
}

/* A literal value of the manifest; NULL while it holds references. */
static const struct value *literal(const struct resource *resource, const char *name)
{
	const struct value *value = value_get(resource->attributes, name);

	return value && !(value->flags & VALUE_TEMPLATE) ? value : NULL;
}

static void report(const struct resource *resource, const struct value *value, struct diags *diags,
	const char *message, const char *hint)
{
	diag_error(diags, value_pos(value), "%s", message);
	diag_address(diags, resource->address);
	diag_hint(diags, "%s", hint);
}

static void check_path(const struct resource *resource, struct diags *diags)
{
	const struct value *value = literal(resource, "path");
	const char *text = value_text(value, NULL);

	if (!text)
		return;
	if (!text[0])
		report(resource, value, diags, "the path is empty",
			"write a path; relative ones start at the project root");
	else if (strlen(text) != value->len)
		report(resource, value, diags, "the path holds a NUL byte", "take it out");
	else if (!strcmp(fs_name(text), "..") || !strcmp(text, "/"))
		report(resource, value, diags, "the path names no file or directory of its own",
			"write the name of what is to be made");
}

static void check_mode(const struct resource *resource, struct diags *diags)
{
	const struct value *value = literal(resource, "mode");
	const char *text = value_text(value, NULL);
	mode_t mode;

	if (text && parse_mode(text, &mode) < 0)
		report(resource, value, diags, "the mode is not an octal number up to 7777",
			"write it like \"0644\"");
}

void local_check_place(const struct resource *resource, struct diags *diags)
{
	check_path(resource, diags);
	check_mode(resource, diags);
}

void local_check_argv(const struct resource *resource, const char *name, struct diags *diags)
{
	const struct value *list = value_get(resource->attributes, name);

	if (!list || list->kind != VALUE_LIST)
		return;
	if (!list->len) {
		report(resource, list, diags, "the command is empty",
			"write a list: the program, then its arguments");
		return;
	}
	if (list->items[0].kind == VALUE_STRING && !list->items[0].len)
		report(resource, &list->items[0], diags, "the name of the program is empty",
			"write the name or the path of a program");
	for (uint32_t i = 0; i < list->len; i++) {
		const struct value *item = &list->items[i];

		if (item->kind == VALUE_STRING && memchr(item->text, '\0', item->len))
			report(resource, item, diags, "an argument holds a NUL byte",
				"take it out");
	}
}
