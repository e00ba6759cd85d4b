/*
 * What a module consists of: its folder and those of the local modules that it names, and theirs. The
 * program resolves everything else (registries, git) itself.
 */
#include "providers/terraform/terraform.h"

#include "base/fs.h"
#include "model/json.h"

#include <string.h>

struct visit {
	struct scan *scan;
	const char *directory; /* that is read */
	bool is_root;
};

static void add_directory(struct scan *scan, const char *path)
{
	for (size_t i = 0; i < scan->n; i++) {
		if (strcmp(scan->directories[i], path) == 0)
			return;
	}
	ARENA_GROW(scan->arena, scan->directories, scan->n, scan->cap);
	scan->directories[scan->n++] = path;
}

static void found_source(void *arg, const char *source)
{
	struct visit *visit = arg;
	struct arena *arena = visit->scan->arena;

	if (strncmp(source, "./", 2) == 0 || strncmp(source, "../", 3) == 0)
		add_directory(visit->scan,
			fs_normalise(arena, fs_join(arena, visit->directory, source)));
}

static void found_backend(void *arg, const char *type)
{
	struct visit *visit = arg;

	if (visit->is_root && strcmp(type, "local") != 0) /* a local state is kept by us */
		visit->scan->backend = arena_strdup(visit->scan->arena, type);
}

static void found_output(void *arg, const char *name)
{
	struct visit *visit = arg;

	if (visit->is_root)
		builder_put_bool(&visit->scan->outputs, arena_strdup(visit->scan->arena, name), true);
}

/* In JSON a block is a map, or a list of maps. */
static void scan_json(const struct value *root, struct visit *visit)
{
	const struct value *modules = value_get(root, "module"), *settings = value_get(root, "terraform");
	const struct value *backend, *outputs = value_get(root, "output");

	for (uint32_t i = 0; outputs && outputs->kind == VALUE_MAP && i < outputs->len; i++)
		found_output(visit, outputs->members[i].key);
	visit->scan->vague |= root->kind != VALUE_MAP || (outputs && outputs->kind != VALUE_MAP);
	if (modules && modules->kind == VALUE_LIST)
		modules = modules->len ? &modules->items[0] : NULL;
	for (uint32_t i = 0; modules && modules->kind == VALUE_MAP && i < modules->len; i++)
		found_source(visit, value_get_text(&modules->members[i].value, "source", ""));
	if (settings && settings->kind == VALUE_LIST)
		settings = settings->len ? &settings->items[0] : NULL;
	backend = value_get(settings, "backend");
	if (backend && backend->kind == VALUE_LIST)
		backend = backend->len ? &backend->items[0] : NULL;
	if (backend && backend->kind == VALUE_MAP && backend->len)
		found_backend(visit, backend->members[0].key);
	if (value_get(settings, "cloud"))
		found_backend(visit, "cloud");
}

static bool ends(const char *name, const char *end)
{
	size_t len = strlen(name), end_len = strlen(end);

	return len > end_len && strcmp(name + len - end_len, end) == 0;
}

static int scan_file(struct visit *visit, const char *path, struct error *err)
{
	struct arena *arena = visit->scan->arena;
	struct hcl_found found = {found_source, found_backend, found_output, visit};
	struct value value;
	const char *text;
	size_t len;

	if (fs_read(path, arena, &text, &len, err))
		return -1;
	if (!ends(path, ".json"))
		visit->scan->vague |= !hcl_scan(text, len, arena, &found);
	else if (!json_parse(text, len, arena, NULL, &value, NULL))
		scan_json(&value, visit);
	else
		visit->scan->vague = true;
	return 0; /* what cannot be parsed, the program itself reports better */
}

static int scan_directory(struct visit *visit, struct error *err)
{
	struct arena *arena = visit->scan->arena;
	const char *const *names;
	bool any = false;
	size_t n;

	if (fs_list(visit->directory, arena, &names, &n, err))
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!ends(names[i], ".tf") && !ends(names[i], ".tf.json") && !ends(names[i], ".tofu") &&
			!ends(names[i], ".tofu.json"))
			continue;
		if (scan_file(visit, fs_join(arena, visit->directory, names[i]), err))
			return -1;
		any = true;
	}
	if (!any && visit->is_root)
		return error_set(err, ERROR_NOT_FOUND, "there is no .tf file in it");
	return 0;
}

static bool is_below(const char *path, const char *above)
{
	return strcmp(fs_relative(above, path), path) != 0;
}

int scan_module(struct scan *scan, struct arena *arena, const char *project_root,
	const char *source, struct error *err)
{
	const char *root;

	if (fs_real(arena, fs_join(arena, project_root, source), &scan->module, err) ||
		fs_real(arena, project_root, &root, err))
		return err && err->code == ERROR_NOT_FOUND
			? error_set(err, ERROR_NOT_FOUND, "there is no folder %s (source)", source) : -1;
	scan->arena = arena;
	builder_init(&scan->outputs, arena);
	add_directory(scan, scan->module);
	for (size_t i = 0; i < scan->n; i++) {
		struct visit visit = {scan, scan->directories[i], i == 0};

		if (scan_directory(&visit, err))
			return error_wrap(err, "%s", i ? "a module that it names" : source);
		while (!is_below(scan->directories[i], root) && strcmp(root, "/") != 0)
			root = fs_parent(arena, root);
	}
	scan->root = root;
	return 0;
}
