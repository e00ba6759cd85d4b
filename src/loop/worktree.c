/* See worktree.h. `.git` is a folder, or a file that names it (linked worktrees, submodules). */
#include "loop/worktree.h"

#include "base/fs.h"

#include <string.h>

static const char *git_folder(const char *folder, const char *path, struct arena *arena)
{
	static const char prefix[] = "gitdir: ";
	const char *text;
	enum fs_kind kind;
	size_t len;

	if (fs_look(path, &kind, NULL, NULL) < 0 || kind == FS_ABSENT)
		return NULL;
	if (kind != FS_FILE)
		return path;
	if (fs_read(path, arena, &text, &len, NULL) < 0 || strncmp(text, prefix, strlen(prefix)) != 0)
		return NULL;
	text += strlen(prefix);
	return fs_join(arena, folder, arena_strndup(arena, text, strcspn(text, "\r\n")));
}

const char *worktree_lock(const char *folder, struct arena *arena)
{
	for (folder = fs_normalise(arena, folder);; folder = fs_parent(arena, folder)) {
		const char *git = git_folder(folder, fs_join(arena, folder, ".git"), arena);

		if (git)
			return fs_join(arena, git, "index.lock");
		if (strcmp(folder, "/") == 0 || strcmp(folder, ".") == 0)
			return NULL;
	}
}
