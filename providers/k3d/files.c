/*
 * Files of the project that become part of a cluster. In `files` and registries.config, what has a line
 * break is the content itself, anything else a path from the project root. k3d would start at other
 * places: at its configuration for one, at its current directory for another.
 */
#include "providers/k3d/k3d.h"

#include "base/fs.h"
#include "base/hash.h"

#include <string.h>

static bool is_path(const struct value *value)
{
	const char *text = value_text(value, "");

	return *text && !strchr(text, '\n');
}

/* k3d joins it to the folder of its configuration, also when it is absolute. */
static const char *from_folder(struct arena *arena, const char *folder, const char *path)
{
	const char *up = "";

	for (const char *at = folder; *at; at++)
		if (*at == '/')
			up = arena_printf(arena, "../%s", up);
	return arena_printf(arena, "%s%s", up, path + 1);
}

static struct value with_source(struct docker *docker, const struct value *file, const char *folder)
{
	const struct value *source = value_get(file, "source");
	struct value_builder map;

	builder_init(&map, docker->arena);
	for (uint32_t i = 0; i < file->len; i++)
		builder_put(&map, file->members[i].key, file->members[i].value);
	if (is_path(source))
		builder_put_str(&map, "source", from_folder(docker->arena, folder,
			provider_path(docker->env, value_text(source, ""))));
	return builder_map(&map);
}

struct value k3d_files(struct docker *docker, const struct value *files, const char *folder)
{
	struct value_builder list;

	builder_init(&list, docker->arena);
	for (uint32_t i = 0; files && files->kind == VALUE_LIST && i < files->len; i++)
		builder_push(&list, with_source(docker, &files->items[i], folder));
	return builder_list(&list);
}

const char *k3d_text_or_path(struct docker *docker, const struct value *value)
{
	return is_path(value) ? provider_path(docker->env, value_text(value, ""))
			      : value_text(value, "");
}

const char *k3d_mount(struct docker *docker, const char *mount)
{
	size_t source = strcspn(mount, ":");

	if (mount[0] != '.' || !mount[source])
		return mount;
	return arena_printf(docker->arena, "%s%s",
		provider_path(docker->env, arena_strndup(docker->arena, mount, source)), mount + source);
}

/* --- their content ------------------------------------------------------------------------------- */

static int add_file(struct hasher *hasher, struct arena *arena, const char *project_root,
	const struct value *source, struct error *err)
{
	struct error own = ERROR_INIT;
	struct hash hash;

	if (!source || !is_path(source))
		return 0;
	if (hash_file(fs_join(arena, project_root, value_text(source, "")), &hash, &own))
		return error_set(err, own.code, "the file '%s' cannot be read: %s", value_text(source, ""),
			own.msg);
	hasher_add(hasher, hash.bytes, HASH_SIZE);
	return 1;
}

int k3d_digest(const struct type *type, const struct value *inputs, const char *project_root,
	struct parsed *parsed, struct hash *out, struct error *err)
{
	const struct value *files = value_get(inputs, "files");
	struct arena arena = ARENA_INIT;
	struct hasher hasher;
	int added, n;

	(void)type, (void)parsed;
	hasher_init(&hasher);
	n = added = add_file(&hasher, &arena, project_root,
		value_get(value_get(inputs, "registries"), "config"), err);
	for (uint32_t i = 0; n >= 0 && files && files->kind == VALUE_LIST && i < files->len; i++) {
		n = add_file(&hasher, &arena, project_root, value_get(&files->items[i], "source"), err);
		added += n;
	}
	if (n >= 0 && added)
		hasher_finish(&hasher, out);
	arena_release(&arena);
	return n < 0 ? -1 : 0;
}

bool k3d_files_changed(const struct value *before, const struct value *after)
{
	const char *now = value_get_text(value_get(after, INPUT_DIGESTS), "content", "");

	return strcmp(value_get_text(value_get(before, INPUT_DIGESTS), "content", ""), now) != 0;
}
