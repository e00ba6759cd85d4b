/* Folders for the time of a call. One names the process it belongs to, so that what a killed one left can be
   told from what is in use; the next one sweeps it away. */
#include "base/fs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *temporary(void)
{
	const char *path = getenv("TMPDIR");

	return path && path[0] == '/' ? path : "/tmp";
}

static void sweep(const char *prefix, struct arena *arena)
{
	const char *const *names;
	size_t n;

	if (fs_list(temporary(), arena, &names, &n, NULL))
		return;
	for (size_t i = 0; i < n; i++) {
		const char *path = fs_join(arena, temporary(), names[i]);
		struct stat st;
		long pid;

		if (strncmp(names[i], prefix, strlen(prefix)) != 0)
			continue;
		pid = strtol(names[i] + strlen(prefix), NULL, 10);
		if (pid > 0 && !fs_exists(arena_printf(arena, "/proc/%ld", pid)) && !lstat(path, &st) &&
			st.st_uid == geteuid())
			fs_remove_tree(path, NULL);
	}
}

int fs_scratch(const char *prefix, struct arena *arena, const char **out, struct error *err)
{
	char *path;

	sweep(prefix, arena);
	path = arena_printf(arena, "%s/%s%ld-XXXXXX", temporary(), prefix, (long)getpid());
	if (!mkdtemp(path))
		return error_errno(err, "cannot make a folder in %s", temporary());
	*out = path;
	return 0;
}
