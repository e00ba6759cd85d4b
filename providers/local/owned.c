/*
 * Notes on directories that we made: work_dir/made/HASH holds "parent PATH" or "resource PATH". A
 * note without its directory means nothing; a directory without a note is not ours. The note comes
 * before the directory and goes after it.
 */
#include "providers/local/local.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { NOTE_HEX = 32 };

static const char *note_path(struct provider_env *env, const char *path)
{
	const char *name = fs_relative(env->project_root, path);
	char hex[HASH_HEX];
	struct hash hash;

	hash_bytes(name, strlen(name), &hash);
	return arena_printf(env->arena, "%s/made/%.*s", env->work_dir, NOTE_HEX,
		hash_hex(&hash, hex));
}

static const char *note_temporary(struct provider_env *env, const char *note)
{
	return arena_printf(env->arena, "%s.new", note);
}

/* Held while a parent and its note are made, or removed, by actions at the same time: else one forgets
   what the other has just noted. It also lets them share one temporary name, so that one which a death
   left is overwritten by the next note and removed with it. */
static int lock_notes(struct provider_env *env, struct error *err)
{
	const char *folder = arena_printf(env->arena, "%s/made", env->work_dir);
	int fd;

	if (fs_make_dirs(folder, 0700, env->arena, NULL, err) < 0)
		return -1;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX) < 0) {
		error_errno(err, "lock %s", folder);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

static int note_locked(struct provider_env *env, const char *path, enum owned_kind kind,
	struct error *err)
{
	const char *note = note_path(env, path);
	const char *text = arena_printf(env->arena, "%s %s\n",
		kind == OWNED_PARENT ? "parent" : "resource", fs_relative(env->project_root, path));

	return fs_write(note, note_temporary(env, note), text, strlen(text), 0600, 0, err);
}

enum owned_kind owned_kind(struct provider_env *env, const char *path)
{
	const char *text;
	size_t len;

	if (fs_read(note_path(env, path), env->arena, &text, &len, NULL) < 0)
		return OWNED_NONE;
	return strncmp(text, "parent ", 7) == 0 ? OWNED_PARENT
		: strncmp(text, "resource ", 9) == 0 ? OWNED_RESOURCE : OWNED_NONE;
}

int owned_forget(struct provider_env *env, const char *path, struct error *err)
{
	const char *note = note_path(env, path);

	if (fs_remove(note_temporary(env, note), err) < 0)
		return -1;
	return fs_remove(note, err);
}

static bool is_root(const char *path)
{
	return path[0] == '/' && !path[1];
}

/* Which are missing is asked under the lock: else one that goes meanwhile comes back without its note. */
static int make_parents_locked(struct provider_env *env, const char *path, struct error *err)
{
	const char *missing[64];
	const char *at = fs_parent(env->arena, path);
	size_t n = 0;

	while (!is_root(at) && !fs_exists(at)) {
		if (n == ARRAY_SIZE(missing))
			return error_set(err, ERROR_INVALID,
				"too many directories of %s are missing", path);
		missing[n++] = at;
		at = fs_parent(env->arena, at);
	}
	while (n-- > 0) {
		if (note_locked(env, missing[n], OWNED_PARENT, err) < 0 ||
			fs_make_dirs(missing[n], 0755, env->arena, NULL, err) < 0)
			return -1;
	}
	return 0;
}

int owned_make_parents(struct provider_env *env, const char *path, struct error *err)
{
	cleanup_fd int lock = -1;

	if (fs_exists(fs_parent(env->arena, path)))
		return 0;
	lock = lock_notes(env, err);
	return lock < 0 ? -1 : make_parents_locked(env, path, err);
}

int owned_make(struct provider_env *env, const char *path, mode_t mode, struct error *err)
{
	cleanup_fd int lock = lock_notes(env, err);

	if (lock < 0 || make_parents_locked(env, path, err) < 0)
		return -1;
	if (owned_kind(env, path) != OWNED_RESOURCE && note_locked(env, path, OWNED_RESOURCE, err) < 0)
		return -1;
	return fs_make_dirs(path, mode, env->arena, NULL, err);
}

/* What a death left half-way: the lower directories may be missing, with or without their notes. */
static bool is_only_missing(struct provider_env *env, const char *path)
{
	return owned_kind(env, path) == OWNED_NONE && !fs_exists(path);
}

int owned_remove_parents(struct provider_env *env, const char *path, struct error *err)
{
	const char *at = fs_parent(env->arena, path);

	for (; !is_root(at); at = fs_parent(env->arena, at)) {
		struct error ignored = ERROR_INIT;
		cleanup_fd int lock = -1;

		if (is_only_missing(env, at))
			continue;
		if (owned_kind(env, at) != OWNED_PARENT)
			return 0;
		lock = lock_notes(env, err);
		if (lock < 0)
			return -1;
		/* Another action may have had it meanwhile. */
		if (is_only_missing(env, at))
			continue;
		if (owned_kind(env, at) != OWNED_PARENT)
			return 0;
		/* Not empty: the last thing in it takes it along. A parent that may not be removed
		   is no reason to keep the record of a file that is gone. */
		if (fs_remove_dir(at, &ignored) < 0)
			return 0;
		if (owned_forget(env, at, err) < 0)
			return -1;
	}
	return 0;
}

bool owned_parent_is_empty(struct provider_env *env, const char *path)
{
	const char *parent = fs_parent(env->arena, path);
	const char *const *names;
	size_t n;

	while (!is_root(parent) && is_only_missing(env, parent))
		parent = fs_parent(env->arena, parent);
	if (owned_kind(env, parent) != OWNED_PARENT)
		return false;
	if (fs_list(parent, env->arena, &names, &n, NULL) < 0)
		return errno == ENOENT; /* only the note is there */
	return n == 0;
}
