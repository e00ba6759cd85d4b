/*
 * The plugin cache: one for all environments of the user. The programs do not guard it. While init
 * installs a package, nobody else finds it whole; and where the lock file does not vouch for a package
 * that is there, init installs it again, over the one that others are just running. So one init at a
 * time, and none may install again what is there:
 *
 * - Without a committed lock file, the program is told to take what is there. The lock file that it then
 *   writes knows this platform only; it lies in the mirror, where no other one will ever read it.
 * - With one, what is there is taken where the file vouches for it, which the program does by itself.
 *   Where not, that init goes without the cache, and its packages are in the data of the module.
 */
#include "providers/terraform/terraform.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

static const char *folder(struct arena *arena)
{
	const char *set = getenv("TF_PLUGIN_CACHE_DIR"), *cache = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");

	if (set && set[0])
		return set;
	if (cache && cache[0] == '/')
		return arena_printf(arena, "%s/devenv/terraform", cache);
	return home && home[0] ? arena_printf(arena, "%s/.cache/devenv/terraform", home) : NULL;
}

static bool is_vouched_for(struct terraform *tf, const char *cache)
{
	const char *text;
	size_t len;

	return !fs_read(fs_join(tf->arena, tf->module, TERRAFORM_LOCK), tf->arena, &text, &len, NULL) &&
	       lock_file_vouches(tf->arena, text, cache);
}

void cache_open(struct cache *cache, struct terraform *tf, enum lock_file lock_file)
{
	const char *path = folder(tf->arena);

	*cache = (struct cache){.fd = -1, .takes_all = lock_file == LOCK_FILE_NONE};
	if (!path || fs_make_dirs(path, 0700, tf->arena, NULL, NULL))
		return;
	cache->fd = open(fs_join(tf->arena, path, ".lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	while (cache->fd >= 0 && flock(cache->fd, LOCK_EX) && errno == EINTR)
		continue;
	if (cache->fd >= 0 && (lock_file != LOCK_FILE_NEW || is_vouched_for(tf, path)))
		cache->path = path;
}

void cache_variables(const struct cache *cache, struct value_builder *environment)
{
	builder_put_str(environment, "TF_PLUGIN_CACHE_DIR", cache->path ? cache->path : "");
	if (cache->path && cache->takes_all)
		builder_put_str(environment, "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE", "true");
}

void cache_close(struct cache *cache)
{
	if (cache->fd >= 0)
		close(cache->fd);
	cache->fd = -1;
}
