/* See staged.h. Names are compared as they are written: the tree was checked to hold no link out of it. */
#include "cli/staged.h"

#include "base/fs.h"

#include <string.h>

static const char *staged_path(const struct staged *staged, const char *path, struct arena *arena)
{
	const char *inside = fs_relative(staged->root, path);

	if (inside == path)
		return NULL;
	return arena_printf(arena, "%s/%s", staged->tree, inside);
}

static bool is_own(const struct staged *staged, const char *path)
{
	for (const char *const *own = staged->own; own && *own; own++) {
		if (strcmp(path, *own) == 0)
			return true;
	}
	return false;
}

static int read_staged(void *arg, const char *path, struct arena *arena, const char **text,
	size_t *len, struct error *err)
{
	const struct staged *staged = arg;
	const char *there;

	if (staged->user_config && strcmp(staged->user_config, path) == 0)
		return fs_read(path, arena, text, len, err);
	there = staged_path(staged, path, arena);
	if (is_own(staged, path) && (!there || !fs_exists(there)))
		return fs_read(path, arena, text, len, err);
	if (there)
		return fs_read(there, arena, text, len, err);
	return error_set(err, ERROR_NOT_FOUND, "%s lies outside of the repository", path);
}

static int list_staged(void *arg, const char *path, struct arena *arena, const char *const **names,
	size_t *n, struct error *err)
{
	const char *there = staged_path(arg, path, arena);

	if (there)
		return fs_list(there, arena, names, n, err);
	return error_set(err, ERROR_NOT_FOUND, "%s lies outside of the repository", path);
}

void staged_use(struct staged *staged, struct reconcile *r)
{
	staged->user_config = r->input.user_config;
	r->input.read = read_staged;
	r->input.list = list_staged;
	r->input.read_arg = staged;
}

void staged_content(const struct staged *staged, struct reconcile *r)
{
	r->content = staged_path(staged, r->manifest.root, &r->arena);
}
