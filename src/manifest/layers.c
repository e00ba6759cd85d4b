/*
 * Which files a manifest consists of, and in which order: the user's own, then the project's (found
 * upwards, or named with -f), then the environment's; each with what it includes below it. A file
 * that cannot be read or parsed makes no layer: nothing may be planned from half a manifest.
 */
#include "base/fs.h"
#include "base/strbuf.h"
#include "base/trail.h"
#include "manifest/loading.h"
#include "model/parsed.h"

#include <ctype.h>
#include <string.h>

static const char api_version[] = "devenv/v1";
static const char kind[] = "Environment";

/* A cycle through symbolic links has ever new paths; two of them grow like a tree. */
enum { MAX_INCLUDE_DEPTH = 32, MAX_INCLUDES = 1000 };

/* A file on the way from the first to the one being read: a cycle comes back to one of them. */
struct including {
	const char *path;
	const struct including *by;
	unsigned depth;
};

static int read_layer(struct loading *l, const char *path, uint16_t source,
	const struct including *by);

static void check_constant(struct loading *l, const struct value *map, const char *key,
	const char *wanted)
{
	const struct value *value = value_get(map, key);

	if (!value || strcmp(value_text(value, ""), wanted) == 0)
		return;
	l->broken = true;
	diag_error(l->diags, value_pos(value), "%s is \"%s\", not \"%s\"", key,
		value_text(value, ""), wanted);
	if (strcmp(key, "apiVersion") == 0 && strncmp(value_text(value, ""), "devenv/", 7) == 0)
		diag_hint(l->diags, "a newer devenv may read this file");
	else
		diag_hint(
			l->diags, "write \"%s: %s\", if this is a manifest of devenv", key, wanted);
}

/* The file that a project begins with says what it is. */
static void check_header(struct loading *l, const struct value *map)
{
	if (value_get(map, "apiVersion") && value_get(map, "kind"))
		return;
	l->broken = true;
	diag_error(l->diags, value_pos(map), "%s is missing",
		value_get(map, "apiVersion") ? "kind" : "apiVersion");
	if (value_get(map, "services") && !value_get(map, "spec"))
		diag_hint(l->diags, "this looks like a Compose file; see docs/manifest.md for the "
			"services of devenv");
	else
		diag_hint(l->diags, "begin the file with \"apiVersion: %s\" and \"kind: %s\"",
			api_version, kind);
}

static int check_file(struct loading *l, const struct value *value, bool first)
{
	struct pos pos = value_pos(value);

	if (value->kind == VALUE_NULL) {
		diag_error(l->diags, (struct pos){.source = pos.source}, "the file is empty");
		diag_hint(l->diags, "an empty manifest never means an empty environment; "
			"`devenv init` writes a first one");
		return -1;
	}
	if (value->kind != VALUE_MAP) {
		diag_error(l->diags, pos, "a manifest is a map, not a %s",
			value_kind_str(value->kind));
		diag_hint(l->diags, "begin the file with \"apiVersion: %s\"", api_version);
		return -1;
	}
	check_constant(l, value, "apiVersion", api_version);
	check_constant(l, value, "kind", kind);
	if (first)
		check_header(l, value);
	return 0;
}

static int report_cycle(struct loading *l, const char *path, const struct including *by,
	struct pos pos)
{
	const struct including *at = by;

	while (at && strcmp(at->path, path) != 0)
		at = at->by;
	if (!at)
		return 0;
	diag_error(l->diags, pos, "%s includes itself%s%s", fs_relative(l->manifest->root, path),
		at == by ? "" : " by way of ",
		at == by ? "" : fs_relative(l->manifest->root, by->path));
	diag_hint(l->diags, "remove one of these includes");
	return -1;
}

static bool was_read(const struct loading *l, const char *path)
{
	const struct sources *sources = &l->manifest->sources;
	const char *shown = fs_relative(l->manifest->root, path);

	for (uint32_t i = 1; i < sources->n; i++) {
		if (strcmp(sources->items[i].layer, "include") == 0 &&
			strcmp(sources->items[i].path, shown) == 0)
			return true;
	}
	return false;
}

static int include(struct loading *l, const struct value *item, const struct including *by)
{
	struct pos pos = value_pos(item);
	struct error err = ERROR_INIT;
	const char *path;
	uint16_t source;

	if (item->kind != VALUE_STRING || item->flags & VALUE_TEMPLATE || !item->len) {
		diag_error(l->diags, pos, "include: takes paths of files, without references");
		diag_hint(l->diags, "write include: [other.yml]; for a file by environment use -e");
		return -1;
	}
	path = files_path(l, fs_parent(l->arena, by->path), item->text);
	if (report_cycle(l, path, by, pos) < 0)
		return -1;
	if (was_read(l, path))
		return 0; /* twice by different ways: it is below both already */
	if (l->n_includes > MAX_INCLUDES)
		return -1; /* was said once */
	if (by->depth == MAX_INCLUDE_DEPTH) {
		l->n_includes = MAX_INCLUDES + 1;
		return diag_error(l->diags, pos, "includes are nested more than %d deep",
			MAX_INCLUDE_DEPTH);
	}
	if (++l->n_includes > MAX_INCLUDES)
		return diag_error(l->diags, pos, "more than %d files are included", MAX_INCLUDES);
	if (files_read(l, path, "include", &source, &err) < 0) {
		diag_error(l->diags, pos, "cannot include \"%s\": %s", item->text, err.msg);
		diag_hint(l->diags, "paths start at the folder of the file that names them");
		return -1;
	}
	return read_layer(l, path, source, by);
}

static int read_includes(struct loading *l, const struct value *value, const struct including *by)
{
	const struct value *list = value_get(value, "include");
	int status = 0;

	if (!list || list->kind == VALUE_NULL)
		return 0;
	if (list->kind == VALUE_STRING)
		return include(l, list, by);
	if (list->kind != VALUE_LIST)
		return diag_error(l->diags, value_pos(list),
			"include: takes a list of paths, not a %s", value_kind_str(list->kind));
	for (uint32_t i = 0; i < list->len; i++) {
		if (include(l, &list->items[i], by) < 0)
			status = -1;
	}
	return status;
}

static int read_layer(struct loading *l, const char *path, uint16_t source,
	const struct including *by)
{
	struct including self = {.path = path, .by = by, .depth = by ? by->depth + 1 : 0};
	bool first = path == l->manifest->path;
	struct value value;
	int status = parsed_yaml(l->input->parsed, &l->manifest->sources, source, l->arena, &value,
		l->diags);

	if ((status < 0 && value.kind != VALUE_MAP) || check_file(l, &value, first) < 0) {
		l->broken = true;
		return -1;
	}
	if (read_includes(l, &value, &self) < 0)
		l->broken = true;
	ARENA_GROW(l->arena, l->layers, l->n_layers, l->cap_layers);
	l->layers[l->n_layers++] = (struct layer){.value = value, .source = source};
	return 0;
}

/* --- the project */

/* What stands in a folder where a user may have meant a manifest to be; NULL: nothing like one. */
static const char *mistaken(struct loading *l, const char *folder)
{
	const char *own = files_path(l, folder, ".devenv"), *owner;
	size_t n;
	const char *const *names = files_list(l, own, &n);

	for (size_t i = 0; i < n; i++) {
		if (strcmp(names[i], "config.yaml") == 0)
			return arena_printf(l->arena, "the name of %s/config.yaml must end in .yml", own);
	}
	owner = foreign_owner(l, folder);
	return owner ? arena_printf(l->arena, "%s belongs to another tool of that name, %s",
			folder, owner) : NULL;
}

static int not_found(struct loading *l, struct error *err)
{
	const char *directory = l->input->directory, *found = NULL;
	const char *folder = fs_normalise(l->arena, directory), *below = "";
	struct trail *trail = trail_open(NULL); /* what else lies there is only looked at to help */

	for (; !found && strcmp(folder, below) != 0; folder = fs_parent(l->arena, folder)) {
		found = mistaken(l, folder);
		below = folder;
	}
	trail_open(trail);
	return error_set(err, ERROR_NOT_FOUND,
		"no manifest: neither .devenv/config.yml nor devenv.yml in %s or a folder above "
		"it; %s%s"
		"`devenv init` writes one, -f names another",
		directory, found ? found : "", found ? "; " : "");
}

/* 1: read, 0: not there, -1: cannot be read. */
static int try_project(struct loading *l, const char *root, const char *name, uint16_t *source,
	struct error *err)
{
	const char *path = files_path(l, root, name);

	if (l->input->user_config && strcmp(path, l->input->user_config) == 0)
		return 0; /* the user's own is no project */
	l->manifest->root = root;
	l->manifest->path = path;
	if (files_read(l, path, "project", source, err) == 0)
		return 1;
	if (err->code != ERROR_NOT_FOUND)
		return -1;
	*err = (struct error)ERROR_INIT;
	return 0;
}

/* Upwards from the directory. */
static int find_project(struct loading *l, uint16_t *source, struct error *err)
{
	const char *root = fs_normalise(l->arena, l->input->directory);

	for (;;) {
		int found = try_project(l, root, ".devenv/config.yml", source, err);

		if (found == 0)
			found = try_project(l, root, "devenv.yml", source, err);
		if (found)
			return found < 0 ? -1 : 0;
		if (strcmp(root, "/") == 0 || strcmp(root, ".") == 0)
			break;
		root = fs_parent(l->arena, root);
	}
	l->manifest->root = l->manifest->path = NULL;
	return not_found(l, err);
}

/* The folder that relative paths start at: that of the file, or the one that holds its .devenv. */
static const char *root_of(struct loading *l, const char *path)
{
	const char *folder = fs_parent(l->arena, path);

	return strcmp(fs_name(folder), ".devenv") == 0 ? fs_parent(l->arena, folder) : folder;
}

static int read_named(struct loading *l, struct error *err)
{
	for (const char *const *file = l->input->files; *file; file++) {
		const char *path = files_path(l, l->input->directory, *file);
		uint16_t source;

		if (!l->manifest->root) {
			l->manifest->root = root_of(l, path);
			l->manifest->path = path;
		}
		if (files_read(l, path, "project", &source, err) < 0)
			return error_wrap(err, "the manifest named with -f");
		read_layer(l, path, source, NULL);
	}
	return 0;
}

/* --- the environment */

/* "staging" of "staging.yml" or of "devenv.staging.yml"; NULL: another file. */
static const char *environment_of(struct loading *l, const char *file, const char *prefix)
{
	size_t len = strlen(file), skip = strlen(prefix);

	if (len <= skip + 4 || strncmp(file, prefix, skip) != 0 ||
		strcmp(file + len - 4, ".yml") != 0)
		return NULL;
	return arena_strndup(l->arena, file + skip, len - skip - 4);
}

static int no_environment(struct loading *l, const char *folder, const char *prefix,
	const char *path, struct error *err)
{
	const char *root = l->manifest->root, *wanted = l->input->environment;
	struct nearest nearest = {.word = wanted};
	cleanup_strbuf struct strbuf known = STRBUF_INIT;
	size_t n;
	const char *const *names = files_list(l, folder, &n);

	for (size_t i = 0; i < n; i++) {
		const char *name = environment_of(l, names[i], prefix);

		if (!name)
			continue;
		strbuf_addf(&known, "%s%s", known.len ? ", " : "", name);
		nearest_try(&nearest, name);
	}
	return error_set(err, ERROR_NOT_FOUND,
		"there is no environment \"%s\": %s is missing; %s%s%s%s%s", wanted,
		fs_relative(root, path), nearest.best ? "did you mean " : "",
		nearest.best ? nearest.best : "", nearest.best ? "? " : "",
		known.len ? "there are: " : "no other is there either", known.text);
}

static bool is_environment_name(const char *name)
{
	for (const char *at = name; *at; at++) {
		if (!isalnum((unsigned char)*at) && !strchr("-_.", *at))
			return false;
	}
	return *name && *name != '.' && *name != '-';
}

static int read_environment(struct loading *l, struct error *err)
{
	bool beside = strcmp(fs_name(l->manifest->path), "devenv.yml") == 0;
	const char *folder =
		files_path(l, l->manifest->root, beside ? "." : ".devenv/environments");
	const char *prefix = beside ? "devenv." : "", *name = l->manifest->environment, *path;
	uint16_t source;

	path = files_path(l, folder, arena_printf(l->arena, "%s%s.yml", prefix, name));
	if (files_read(l, path, "environment", &source, err) < 0)
		return err->code == ERROR_NOT_FOUND ? no_environment(l, folder, prefix, path, err)
						    : -1;
	read_layer(l, path, source, NULL);
	return 0;
}

/* --- the user's own */

static void check_user(struct loading *l, const struct value *value)
{
	static const char *const allowed[] = {"apiVersion", "kind", "spec", "settings", "include"};
	const struct value *spec = value_get(value, "spec");

	for (uint32_t i = 0; i < value->len; i++) {
		const struct member *member = &value->members[i];
		bool known = false;

		for (size_t j = 0; j < ARRAY_SIZE(allowed); j++)
			known |= strcmp(member->key, allowed[j]) == 0;
		if (!known)
			diag_error(l->diags, member->pos,
				"\"%s\" does not belong into the user's own "
				"configuration",
				member->key);
	}
	for (uint32_t i = 0; spec && spec->kind == VALUE_MAP && i < spec->len; i++) {
		const struct member *member = &spec->members[i];

		if (strcmp(member->key, "variables") == 0 || strcmp(member->key, "defaults") == 0)
			continue;
		diag_error(l->diags, member->pos, "spec.%s does not belong into the user's own "
			"configuration", member->key);
		diag_hint(l->diags, "it holds variables, defaults and settings; move this into the "
			"manifest of a project");
	}
}

static int read_user(struct loading *l, struct error *err)
{
	const char *path = l->input->user_config;
	size_t before = l->n_layers;
	uint16_t source;

	if (!path)
		return 0;
	if (files_read(l, path, "user", &source, err) < 0) {
		if (err->code != ERROR_NOT_FOUND)
			return -1;
		*err = (struct error)ERROR_INIT;
		return 0;
	}
	if (read_layer(l, path, source, NULL) == 0) {
		for (size_t i = before; i < l->n_layers; i++)
			check_user(l, &l->layers[i].value);
	}
	return 0;
}

int layers_read(struct loading *l, struct error *err)
{
	bool named = l->input->files && l->input->files[0];
	uint16_t project;

	l->manifest->environment = l->input->environment ? l->input->environment : "";
	if (*l->manifest->environment && !is_environment_name(l->manifest->environment))
		return error_set(err, ERROR_INVALID,
			"\"%s\" is no name of an environment: letters, "
			"digits, \"-\", \"_\" and \".\" only",
			l->manifest->environment);
	if (!named && find_project(l, &project, err) < 0)
		return -1;
	if (read_user(l, err) < 0)
		return -1;
	l->n_user_layers = l->n_layers;
	if (named && read_named(l, err) < 0)
		return -1;
	if (!named)
		read_layer(l, l->manifest->path, project, NULL);
	if (!named && *l->manifest->environment && read_environment(l, err) < 0)
		return -1;
	return scale_read(l, err);
}
