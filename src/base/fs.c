/*
 * Names, looking and reading. Nothing in this file changes a file system; that is fs_write.c, so
 * that what planning may call can be told from what it may not.
 */
#include "base/fs.h"

#include "base/texts.h"
#include "base/trail.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *fs_join(struct arena *arena, const char *directory, const char *path)
{
	size_t len = strlen(directory);

	if (path[0] == '/' || !len)
		return path;
	return arena_printf(arena, "%s%s%s", directory, directory[len - 1] == '/' ? "" : "/", path);
}

const char *fs_normalise(struct arena *arena, const char *path)
{
	bool absolute = path[0] == '/';
	char *out = arena_alloc(arena, strlen(path) + 2);
	size_t len = 0, floor; /* up to `floor` stand only "../" that nothing can cancel */

	if (absolute)
		out[len++] = '/';
	floor = len;
	for (const char *at = path; *at;) {
		size_t part = strcspn(at, "/");

		if (part == 2 && at[0] == '.' && at[1] == '.' && len > floor) {
			while (len > floor && out[len - 1] != '/')
				len--;
			if (len > floor)
				len--; /* the slash before it */
		} else if (part == 2 && at[0] == '.' && at[1] == '.' && absolute) {
			; /* "/.." is "/" */
		} else if (part && !(part == 1 && at[0] == '.')) {
			if (len && out[len - 1] != '/')
				out[len++] = '/';
			memcpy(out + len, at, part);
			len += part;
			if (part == 2 && at[0] == '.' && at[1] == '.')
				floor = len;
		}
		at += part;
		at += strspn(at, "/");
	}
	if (!len)
		out[len++] = '.';
	out[len] = '\0';
	return out;
}

const char *fs_parent(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return ".";
	while (slash > path && slash[-1] == '/')
		slash--;
	return slash == path ? "/" : arena_strndup(arena, path, (size_t)(slash - path));
}

const char *fs_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

const char *fs_relative(const char *directory, const char *path)
{
	size_t len = strlen(directory);

	if (len && directory[len - 1] == '/')
		len--; /* the root */
	if (strncmp(directory, path, len) != 0)
		return path;
	if (!path[len])
		return len ? "." : path;
	if (path[len] != '/')
		return path;
	return path[len + 1] ? path + len + 1 : ".";
}

const char *fs_kind_str(enum fs_kind kind)
{
	switch (kind) {
	case FS_ABSENT: return "nothing";
	case FS_FILE: return "file";
	case FS_DIRECTORY: return "directory";
	case FS_SYMLINK: return "symbolic link";
	case FS_OTHER: return "special file";
	}
	return "?";
}

int fs_look(const char *path, enum fs_kind *kind, struct stat *st, struct error *err)
{
	struct stat own;

	if (!st)
		st = &own;
	trail_name(path);
	if (lstat(path, st) < 0) {
		if (errno != ENOENT)
			return error_errno(err, "look at %s", path);
		*kind = FS_ABSENT;
		return 0;
	}
	*kind = S_ISREG(st->st_mode) ? FS_FILE
		: S_ISDIR(st->st_mode) ? FS_DIRECTORY
		: S_ISLNK(st->st_mode) ? FS_SYMLINK : FS_OTHER;
	return 0;
}

bool fs_exists(const char *path)
{
	struct stat st;

	trail_name(path);
	return stat(path, &st) == 0;
}

int fs_real(struct arena *arena, const char *path, const char **out, struct error *err)
{
	cleanup_free char *real = realpath(path, NULL);

	if (!real)
		return error_errno(err, "resolve %s", path);
	*out = arena_strdup(arena, real);
	return 0;
}

int fs_list(const char *path, struct arena *arena, const char *const **names, size_t *n,
	struct error *err)
{
	DIR *dir = opendir(path);
	const char **items = NULL;
	size_t count = 0, cap = 0;
	struct dirent *entry;

	if (!dir) {
		trail_name(path);
		return error_errno(err, "list %s", path);
	}
	while (errno = 0, (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		ARENA_GROW(arena, items, count, cap);
		items[count++] = arena_strdup(arena, entry->d_name);
	}
	if (errno) {
		error_errno(err, "list %s", path); /* keeps errno */
		closedir(dir);
		return -1;
	}
	closedir(dir);
	texts_sort(items, count);
	ARENA_GROW(arena, items, count, cap);
	items[count] = NULL;
	trail_folder(path, items, count);
	*names = items;
	*n = count;
	return 0;
}

static int open_retry(const char *path, int flags)
{
	int fd;

	do {
		fd = open(path, flags | O_CLOEXEC);
	} while (fd < 0 && errno == EINTR);
	return fd;
}

static ssize_t read_retry(int fd, void *into, size_t len)
{
	ssize_t n;

	do {
		n = read(fd, into, len);
	} while (n < 0 && errno == EINTR);
	return n;
}

int fs_read_fd(int fd, const char *what, struct arena *arena, const char **text, size_t *len,
	struct error *err)
{
	struct stat st;
	size_t cap = 4096, used = 0;
	char *buf;

	if (fstat(fd, &st) < 0)
		return error_errno(err, "look at %s", what);
	if (S_ISDIR(st.st_mode))
		return error_set(err, ERROR_INVALID, "%s is a directory, not a file", what);
	if (S_ISREG(st.st_mode) && st.st_size > FS_READ_LIMIT)
		return error_set(err, ERROR_INVALID, "%s is larger than %d MiB", what,
			FS_READ_LIMIT >> 20);
	if (S_ISREG(st.st_mode) && st.st_size > 0)
		cap = (size_t)st.st_size + 2; /* one for NUL, one so that the end is seen at once */
	buf = arena_alloc(arena, cap);
	for (;;) {
		ssize_t n = read_retry(fd, buf + used, cap - used - 1);

		if (n < 0)
			return error_errno(err, "read %s", what);
		if (n == 0)
			break;
		used += (size_t)n;
		if (used > FS_READ_LIMIT)
			return error_set(err, ERROR_INVALID, "%s is larger than %d MiB", what,
				FS_READ_LIMIT >> 20);
		if (used + 1 == cap) {
			buf = arena_regrow(arena, buf, used, cap * 2);
			cap *= 2;
		}
	}
	buf[used] = '\0';
	*text = buf;
	*len = used;
	return 0;
}

int fs_read(const char *path, struct arena *arena, const char **text, size_t *len,
	struct error *err)
{
	/* A fifo without a writer must not hold us for ever; for files it changes nothing. */
	cleanup_fd int fd = open_retry(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);

	if (fd < 0) {
		trail_name(path);
		error_errno(err, "open %s", path);
		if (errno == ENOTDIR && err) /* below a file there is nothing */
			err->code = ERROR_NOT_FOUND;
		return -1;
	}
	if (fs_read_fd(fd, path, arena, text, len, err) < 0)
		return -1;
	trail_text(path, fd, *text, *len);
	return 0;
}
