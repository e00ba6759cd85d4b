/*
 * Changing files, written as if the process died after each system call: a target is either the old
 * thing or the new one, and the only thing that can be left behind is the temporary file that the
 * caller named. "Durable" is a sync of the data, then of the directory that holds the entry.
 */
#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int fs_write_fd(int fd, const char *what, const void *data, size_t len, struct error *err)
{
	const char *at = data;

	while (len) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, "write %s", what);
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int fs_sync_dir(const char *path, struct error *err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return error_errno(err, "open %s", path);
	/* EINVAL: a file system that cannot sync directories; there is nothing more to do then. */
	if (fsync(fd) < 0 && errno != EINVAL)
		return error_errno(err, "sync %s", path);
	return 0;
}

static int sync_parent(const char *path, struct error *err)
{
	struct arena arena = ARENA_INIT;
	const char *parent = fs_parent(&arena, path);
	/* A directory that may be written but not read cannot be opened, so not be synced. */
	int rc = access(parent, R_OK) < 0 && errno == EACCES ? 0 : fs_sync_dir(parent, err);

	arena_release(&arena);
	return rc;
}

/* The name is ours alone, so a file of that name was left by a process that died. */
static int open_temporary(const char *temporary, struct error *err)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = open(temporary, flags, 0600);

	if (fd < 0 && errno == EEXIST && unlink(temporary) == 0)
		fd = open(temporary, flags, 0600);
	if (fd < 0)
		error_errno(err, "create %s", temporary);
	return fd;
}

static int fill_temporary(const char *temporary, const void *data, size_t len, mode_t mode,
	unsigned flags, struct error *err)
{
	cleanup_fd int fd = open_temporary(temporary, err);

	if (fd < 0 || fs_write_fd(fd, temporary, data, len, err) < 0)
		return -1;
	if (fchmod(fd, mode) < 0)
		return error_errno(err, "set the mode of %s", temporary);
	if (!(flags & FS_VOLATILE) && fsync(fd) < 0)
		return error_errno(err, "sync %s", temporary);
	return 0;
}

/* Some file systems do not know RENAME_NOREPLACE; a link fails on an existing name everywhere. */
static int rename_exclusive(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (link(from, to) < 0)
		return -1;
	return unlink(from);
}

static int put_in_place(const char *path, const char *temporary, unsigned flags, struct error *err)
{
	int rc = flags & FS_EXCLUSIVE ? rename_exclusive(temporary, path) : rename(temporary, path);

	if (rc == 0)
		return 0;
	if (errno == EEXIST)
		return error_set(err, ERROR_CONFLICT, "%s exists already", path);
	if (errno == EISDIR)
		return error_set(err, ERROR_CONFLICT, "%s is a directory", path);
	return error_errno(err, "rename %s to %s", temporary, path);
}

int fs_write(const char *path, const char *temporary, const void *data, size_t len, mode_t mode,
	unsigned flags, struct error *err)
{
	if (fill_temporary(temporary, data, len, mode, flags, err) < 0 ||
		put_in_place(path, temporary, flags, err) < 0) {
		unlink(temporary);
		return -1;
	}
	return flags & FS_VOLATILE ? 0 : sync_parent(path, err);
}

/* One directory. `*was_made` tells whether this call made it. */
static int make_dir(const char *path, mode_t mode, bool *was_made, struct error *err)
{
	struct stat st;

	*was_made = false;
	if (mkdir(path, mode) < 0) {
		int saved = errno;

		/* Not only EEXIST: a read-only parent says EROFS or EACCES of what is there. */
		if (stat(path, &st) == 0) {
			if (S_ISDIR(st.st_mode))
				return 0;
			return error_set(err, ERROR_CONFLICT, "%s is in the way: not a directory",
				path);
		}
		errno = saved;
		return error_errno(err, "make directory %s", path);
	}
	*was_made = true;
	if (chmod(path, mode) < 0) /* whatever the umask took away */
		return error_errno(err, "set the mode of %s", path);
	return sync_parent(path, err);
}

int fs_make_dirs(const char *path, mode_t mode, struct arena *arena, const char *const **made,
	struct error *err)
{
	struct arena scratch = ARENA_INIT;
	char *whole = arena_strdup(&scratch, path);
	const char **items = NULL;
	size_t n = 0, cap = 0;
	struct stat st;
	int rc = 0;

	/* The usual case first; it also spares us the parents that may not be looked at. */
	bool there = stat(path, &st) == 0 && S_ISDIR(st.st_mode);

	for (char *at = whole; !there && rc == 0 && *at;) {
		bool was_made;
		char kept;

		at += strspn(at, "/");
		at += strcspn(at, "/");
		kept = *at;
		*at = '\0';
		rc = make_dir(whole, mode, &was_made, err);
		if (was_made && made) {
			ARENA_GROW(arena, items, n, cap);
			items[n++] = arena_strdup(arena, whole);
		}
		*at = kept;
		at += strspn(at, "/"); /* a slash at the end names nothing more */
	}
	if (made) {
		ARENA_GROW(arena, items, n, cap);
		items[n] = NULL;
		*made = items;
	}
	arena_release(&scratch);
	return rc;
}

/* Who removed the directory meanwhile, because it was empty, has synced what this would. */
static int sync_parent_of_removed(const char *path, struct error *err)
{
	struct error own = ERROR_INIT;

	if (sync_parent(path, &own) == 0 || own.code == ERROR_NOT_FOUND)
		return 0;
	if (err)
		*err = own;
	return -1;
}

int fs_remove(const char *path, struct error *err)
{
	if (unlink(path) < 0) {
		int saved = errno;
		enum fs_kind kind;

		if (saved == ENOENT)
			return 0;
		/* unlink says EISDIR or, by POSIX, EPERM of a directory. */
		if (fs_look(path, &kind, NULL, NULL) == 0 && kind == FS_DIRECTORY)
			return error_set(err, ERROR_CONFLICT, "%s is a directory, not a file",
				path);
		errno = saved;
		return error_errno(err, "remove %s", path);
	}
	return sync_parent_of_removed(path, err);
}

int fs_remove_dir(const char *path, struct error *err)
{
	if (rmdir(path) < 0) {
		if (errno == ENOENT)
			return 0;
		if (errno == ENOTEMPTY || errno == EEXIST)
			return error_set(err, ERROR_CONFLICT, "directory %s is not empty", path);
		if (errno == ENOTDIR)
			return error_set(err, ERROR_CONFLICT, "%s is not a directory", path);
		return error_errno(err, "remove directory %s", path);
	}
	return sync_parent_of_removed(path, err);
}

/*
 * Depth first with an explicit stack of names: goes into the first directory that is left, removes
 * files on the way, and comes back up when it is empty.
 */
static int empty_dir(const char *path, const char **deeper, struct arena *arena, struct error *err)
{
	const char *const *names;
	size_t n;

	*deeper = NULL;
	if (fs_list(path, arena, &names, &n, err) < 0)
		return errno == ENOENT ? 0 : -1; /* someone else removes it, too */
	for (size_t i = 0; i < n; i++) {
		const char *inside = fs_join(arena, path, names[i]);
		enum fs_kind kind;

		if (fs_look(inside, &kind, NULL, err) < 0)
			return -1;
		if (kind == FS_DIRECTORY)
			*deeper = inside;
		else if (unlink(inside) < 0 && errno != ENOENT)
			return error_errno(err, "remove %s", inside);
	}
	return 0;
}

static int remove_tree(const char *path, struct arena *arena, struct error *err)
{
	const char *at = path;

	for (;;) {
		const char *deeper;

		if (empty_dir(at, &deeper, arena, err) < 0)
			return -1;
		if (deeper) {
			at = deeper;
			continue;
		}
		if (rmdir(at) < 0 && errno != ENOENT)
			return error_errno(err, "remove directory %s", at);
		if (!strcmp(at, path))
			return 0;
		at = fs_parent(arena, at);
	}
}

int fs_remove_tree(const char *path, struct error *err)
{
	struct arena arena = ARENA_INIT;
	enum fs_kind kind;
	int rc = -1;

	if (fs_look(path, &kind, NULL, err) == 0) {
		if (kind == FS_ABSENT)
			rc = 0;
		else if (kind != FS_DIRECTORY)
			rc = error_set(err, ERROR_CONFLICT, "%s is not a directory", path);
		else
			rc = remove_tree(path, &arena, err);
	}
	arena_release(&arena);
	return rc;
}
