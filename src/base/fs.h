/*
 * Files. Paths are byte strings; nothing here looks at the working directory unless a path is
 * relative. EINTR and short reads and writes are dealt with. Every descriptor is close-on-exec.
 *
 * Errors name the path. ERROR_NOT_FOUND: it is not there. ERROR_CONFLICT: something else is there.
 * ERROR_FAILED: all the rest (permission, no space, input/output).
 *
 * "Durable" below means: when the function returns 0, the change survives a power cut (the data and
 * the directory entry were synced).
 */
#ifndef DEVENV_BASE_FS_H
#define DEVENV_BASE_FS_H

#include "base/alloc.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

/* --- names: pure, no file is looked at, no symbolic link followed ----------------------------- */

/* "a" + "b" -> "a/b"; an absolute `path` is returned as it is. Not normalised. */
const char *fs_join(struct arena *arena, const char *directory, const char *path);
/* Without "//", "." and (lexically) ".."; no slash at the end; "" becomes ".". */
const char *fs_normalise(struct arena *arena, const char *path);
/* "/a/b" -> "/a"; "/a" -> "/"; "a" -> ".". */
const char *fs_parent(struct arena *arena, const char *path);
/* What follows the last slash; points into `path`. */
const char *fs_name(const char *path);
/* `path` seen from `directory` when it is below it or is it ("."), else `path`; points into `path`.
   Both normalised. */
const char *fs_relative(const char *directory, const char *path);

/* --- looking ---------------------------------------------------------------------------------- */

enum fs_kind {
	FS_ABSENT,
	FS_FILE,
	FS_DIRECTORY,
	FS_SYMLINK,
	FS_OTHER, /* a socket, a device ... */
};
const char *fs_kind_str(enum fs_kind kind); /* "directory" */

/* A final symbolic link is not followed. Absent is success; a parent that is no directory, that may
   not be searched, or an input/output error is -1. `st` may be NULL. */
int fs_look(const char *path, enum fs_kind *kind, struct stat *st, struct error *err);
/* True when something is there, links followed. No answer counts as no. */
bool fs_exists(const char *path);
/* Symbolic links resolved; the path must exist. */
int fs_real(struct arena *arena, const char *path, const char **out, struct error *err);
/* Names in byte order, without "." and ".."; *names is NULL-terminated. */
int fs_list(const char *path, struct arena *arena, const char *const **names, size_t *n,
	struct error *err);

/* --- reading ---------------------------------------------------------------------------------- */

enum { FS_READ_LIMIT = 1 << 28 }; /* 256 MiB: a larger file is ERROR_INVALID */

/* The whole file, NUL-terminated, in `arena`; links are followed; a directory is ERROR_INVALID.
   Files that say no size (/proc, pipes) work, too. ERROR_NOT_FOUND also below something that is no
   folder. */
int fs_read(const char *path, struct arena *arena, const char **text, size_t *len,
	struct error *err);
/* The same from a descriptor, from its position on; `what` names it in errors. */
int fs_read_fd(int fd, const char *what, struct arena *arena, const char **text, size_t *len,
	struct error *err);

/* --- changing --------------------------------------------------------------------------------- */

/* All bytes or an error; not durable. `what` names it in errors. */
int fs_write_fd(int fd, const char *what, const void *data, size_t len, struct error *err);

enum fs_flag {
	FS_EXCLUSIVE = 1 << 0, /* ERROR_CONFLICT when `path` exists already; without a race */
	FS_VOLATILE = 1 << 1,  /* not durable: the caller can make it again */
};

/*
 * Durable. Readers see the old content or the new, never a part. Writes `temporary`, which must lie
 * in the same directory and is ours alone (one left by a process that died is overwritten): derive
 * its name from the intent. It is removed upon every failure. The mode is exactly `mode`, whatever
 * the umask. A `path` that is a symbolic link is replaced, not followed; a directory is
 * ERROR_CONFLICT.
 */
int fs_write(const char *path, const char *temporary, const void *data, size_t len, mode_t mode,
	unsigned flags, struct error *err);

/* Durable. Makes `path` and its missing parents, each with exactly `mode`. There already is
   success, but a non-directory in the way is ERROR_CONFLICT. *made lists those that this call made,
   outermost first (NULL-terminated, in `arena`), also when it fails; `made` may be NULL. */
int fs_make_dirs(const char *path, mode_t mode, struct arena *arena, const char *const **made,
	struct error *err);

/* Durable. Removes a file, or the link itself; gone already is success; a directory is
   ERROR_CONFLICT. */
int fs_remove(const char *path, struct error *err);
/* Durable. Removes an empty directory; gone already is success; not empty is ERROR_CONFLICT. */
int fs_remove_dir(const char *path, struct error *err);
/* Removes a directory with everything in it, links themselves only; gone already is success. Not
   durable. For folders of our own. */
int fs_remove_tree(const char *path, struct error *err);
/* A folder of our own, 0700, in $TMPDIR: the caller removes it. `prefix` ("devenv-helm-") begins its name;
   those that killed processes left are removed. */
int fs_scratch(const char *prefix, struct arena *arena, const char **out, struct error *err);
/* Syncs a directory's entries. */
int fs_sync_dir(const char *path, struct error *err);

#endif
