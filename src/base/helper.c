/* See helper.h. Never from PATH: what is started with a secret is the one that came with us. */
#include "base/helper.h"

#include "base/fs.h"

#include <unistd.h>

int helper_find(const char *self, const char *name, struct arena *arena, const char **out,
	struct error *err)
{
	const char *folder = fs_parent(arena, self);
	const char *places[] = {
		fs_join(arena, folder, name),
		arena_printf(arena, "%s/libexec/devenv/%s", fs_parent(arena, folder), name),
	};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (access(places[i], X_OK) == 0) {
			*out = places[i];
			return 0;
		}
	}
	return error_set(err, ERROR_NOT_FOUND, "the program %s is missing: it belongs beside devenv or into %s",
		name, fs_parent(arena, places[1]));
}
