/*
 * Reading for the manifest. Every path that was looked for is remembered, also those that were not
 * there: when one appears, the manifest is another.
 */
#include "base/fs.h"
#include "manifest/loading.h"

#include <string.h>

enum { MAX_SOURCES = 60000 }; /* a place has 16 bits for its source; the rest is for --set */

static void remember(struct loading *l, const char *path)
{
	if (!map_add(&l->file_index, path, 0))
		return;
	ARENA_GROW(l->arena, l->files, l->n_files, l->cap_files);
	l->files[l->n_files++] = path;
}

/* As a person wants to see it: from the project root, or from home. */
static const char *shown(const struct loading *l, const char *path)
{
	if (l->input->user_config && strcmp(path, l->input->user_config) == 0)
		return "~/.devenv/config.yml";
	return l->manifest->root ? fs_relative(l->manifest->root, path) : path;
}

bool files_room(struct loading *l)
{
	enum { FOR_ONE = 2 }; /* a --set has a path and a value, a file that is missing a name */

	if (l->manifest->sources.n + FOR_ONE <= UINT16_MAX)
		return true;
	diag_error(l->diags, POS_NONE, "the manifest reads more files and values from outside than "
		"can be told apart (%u)", UINT16_MAX);
	diag_hint(l->diags, "put the values of --var into a --var-file, and those of --set into an "
		"environment or a file named with -f");
	return false;
}

int files_read(struct loading *l, const char *path, const char *layer, uint16_t *source,
	struct error *err)
{
	const char *text;
	size_t len;
	int status;

	path = arena_strdup(l->arena, path);
	remember(l, path);
	if (l->manifest->sources.n >= MAX_SOURCES)
		return error_set(err, ERROR_INVALID, "%s: a manifest reads at most %d files", path,
			MAX_SOURCES);
	status = l->input->read
			 ? l->input->read(l->input->read_arg, path, l->arena, &text, &len, err)
			 : fs_read(path, l->arena, &text, &len, err);
	if (status < 0)
		return -1;
	*source = sources_add(&l->manifest->sources, l->arena, shown(l, path), layer, text, len);
	return 0;
}

const char *files_path(struct loading *l, const char *base, const char *path)
{
	return fs_normalise(l->arena, fs_join(l->arena, base, path));
}

const char *const *files_list(struct loading *l, const char *path, size_t *n)
{
	static const char *const nothing[] = {NULL};
	const char *const *names;
	struct error err = ERROR_INIT;
	int status = -1;

	if (l->input->list)
		status = l->input->list(l->input->read_arg, path, l->arena, &names, n, &err);
	else if (!l->input->read)
		status = fs_list(path, l->arena, &names, n, &err);
	if (status == 0)
		return names;
	*n = 0;
	return nothing;
}
