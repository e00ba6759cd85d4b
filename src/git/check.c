/*
 * What a tree may hold. A commit is refused whole before a byte of it is written: a name that leads out
 * of the folder or into what is ours, a link that points out of it, a submodule and a pointer to a
 * large file where they would be missed, more than the limits allow.
 */
#include "git/git.h"

#include <string.h>
#include <strings.h>

enum { POINTER_SIZE = 1024 };

static const char pointer[] = "version https://git-lfs.github.com/spec/";

static int check_name(const char *path, const char *name, struct error *err)
{
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strchr(name, '/') ||
		strcasecmp(name, ".git") == 0 || strcasecmp(name, "git~1") == 0)
		return error_set(err, ERROR_INVALID, "%s: a name that leads out of the tree", path);
	if (strpbrk(name, "\n\r"))
		return error_set(err, ERROR_INVALID, "a name with a line break");
	return 0;
}

/* The folder in which the environment of the live folder is remembered. */
static bool is_ours(const char *path)
{
	static const char local[] = ".devenv/local";
	const char *at = path;

	for (; at; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL) {
		size_t len = sizeof(local) - 1;

		if (strncmp(at, local, len) == 0 && (!at[len] || at[len] == '/'))
			return true;
	}
	return false;
}

/* Names only: what the link leads through is of the same tree, where every link was looked at. */
static bool leaves(const char *path, const char *target)
{
	int depth = 0;

	if (*target == '/')
		return true;
	for (const char *c = path; *c; c++)
		depth += *c == '/';
	while (*target) {
		size_t len = strcspn(target, "/");

		if (len == 2 && target[0] == '.' && target[1] == '.')
			depth--;
		else if (len && !(len == 1 && *target == '.'))
			depth++;
		if (depth < 0)
			return true;
		target += len;
		target += strspn(target, "/");
	}
	return false;
}

/* "a/link/../.." leads elsewhere when `link` is one: such a target is not needed by anybody. */
static bool turns_back(const char *target)
{
	bool forward = false;

	while (*target) {
		size_t len = strcspn(target, "/");
		bool up = len == 2 && target[0] == '.' && target[1] == '.';

		if (up && forward)
			return true;
		forward |= !up && len && !(len == 1 && *target == '.');
		target += len;
		target += strspn(target, "/");
	}
	return false;
}

static int check_link(const char *path, const git_blob *blob, struct error *err)
{
	char target[4096];
	size_t len = git_blob_rawsize(blob);

	if (!len || len >= sizeof(target) || memchr(git_blob_rawcontent(blob), 0, len))
		return error_set(err, ERROR_INVALID, "%s: a symbolic link to nowhere", path);
	memcpy(target, git_blob_rawcontent(blob), len);
	target[len] = '\0';
	if (leaves(path, target) || turns_back(target))
		return error_set(err, ERROR_INVALID, "%s: a symbolic link that leaves the tree (%s)", path,
			target);
	return 0;
}

static bool below(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return !len || (strncmp(path, folder, len) == 0 && (!path[len] || path[len] == '/'));
}

static int check_blob(git_repository *repo, const char *path, const git_tree_entry *entry,
	struct limits *limits, struct error *err)
{
	bool link = git_tree_entry_filemode(entry) == GIT_FILEMODE_LINK;
	git_blob *blob;
	size_t size;
	int result = 0;

	if (git_blob_lookup(&blob, repo, git_tree_entry_id(entry)) < 0)
		return fail_git(err, "%s", path);
	size = git_blob_rawsize(blob);
	limits->bytes += size;
	if (link)
		result = check_link(path, blob, err);
	else if (size < POINTER_SIZE && size >= sizeof(pointer) && below(path, limits->path) &&
		 memcmp(git_blob_rawcontent(blob), pointer, sizeof(pointer) - 1) == 0)
		result = error_set(err, ERROR_INVALID,
			"%s: a pointer of Git LFS, whose content is not fetched", path);
	git_blob_free(blob);
	return result;
}

int check_entry(git_repository *repo, const char *path, const git_tree_entry *entry,
	struct limits *limits, struct error *err)
{
	git_object_t type = git_tree_entry_type(entry);

	if (check_name(path, git_tree_entry_name(entry), err) < 0)
		return -1;
	if (is_ours(path))
		return error_set(err, ERROR_INVALID,
			"%s: that folder is devenv's own; take it out of the repository", path);
	if (type == GIT_OBJECT_TREE)
		return 0;
	if (type == GIT_OBJECT_COMMIT && below(path, limits->path))
		return error_set(err, ERROR_INVALID, "%s: a submodule, which is not fetched", path);
	if (type == GIT_OBJECT_COMMIT)
		return 0;
	if (++limits->files > limits->max_files)
		return error_set(err, ERROR_INVALID, "more than %zu files (--max-files)",
			limits->max_files);
	if (check_blob(repo, path, entry, limits, err) < 0)
		return -1;
	if (limits->bytes > limits->max_bytes)
		return error_set(err, ERROR_INVALID, "more than %llu bytes (--max-size)",
			(unsigned long long)limits->max_bytes);
	return 0;
}
