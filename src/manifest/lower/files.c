/*
 * Files that a container mounts as configuration (volumes of type configmap and secret): what mounts them
 * is made anew when their content changes, as on a cluster. A local_value that all of them share
 * holds a hash of each file; those of a secret are sensitive, because a short text is guessed by its hash.
 */
#include "manifest/lower/internal.h"

#include "base/fs.h"
#include "base/hash.h"

#include <string.h>

/* What cannot be read (yet) is the engine's to complain about. */
static void put_hash(struct lowering *l, struct value_builder *b, const char *key, const char *path)
{
	struct error err = ERROR_INIT;
	const struct source *source;
	char hex[HASH_HEX];
	struct hash hash;
	uint16_t id;

	if (files_read(l->loading, path, "volume", &id, &err) < 0)
		return;
	source = sources_get(&l->manifest->sources, id);
	hash_bytes(source->text, source->len, &hash);
	builder_put_str(b, key, hash_hex(&hash, hex));
}

static struct value hashes(struct lowering *l, const struct value *source)
{
	const char *path = files_path(l->loading, l->manifest->root, value_text(source, ""));
	const char *const *names;
	struct value_builder b;
	size_t n = 0;

	builder_init(&b, l->arena);
	names = files_list(l->loading, path, &n);
	for (size_t i = 0; i < n; i++) {
		if (names[i][0] != '.')
			put_hash(l, &b, names[i], fs_join(l->arena, path, names[i]));
	}
	if (!n)
		put_hash(l, &b, fs_name(path), path);
	return lower_map(&b, source);
}

void lower_mounted_files(struct lowering *l, struct service *service, const char *name,
	const struct value *source, bool secret)
{
	const char *resource = arena_printf(l->arena, "volume-%s", name);
	struct service nobody = {.spec = source};
	struct value_builder b;
	struct value content;

	if (source->flags & VALUE_TEMPLATE)
		return; /* a folder that is known later */
	ARENA_GROW(l->arena, service->triggers, service->n_triggers, service->cap_triggers);
	service->triggers[service->n_triggers++] = arena_printf(l->arena, "local_value.%s", resource);
	if (!map_add(&l->volumes, resource, 0) || lower_is_declared(l, "local_value", resource))
		return;
	content = hashes(l, source);
	lower_begin(l, &b, &nobody, "local_value", resource);
	builder_put(&b, "input", secret ? value_sensitive(content) : content);
	lower_end(l, &b, &nobody);
}
