/*
 * The mirror: copies of the files of a module and of the local modules that it names, at the same paths
 * to each other. What the program, its providers and its modules write below their own folder lands
 * here; only what an earlier mirror copied is ever removed.
 */
#include "providers/terraform/terraform.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MIRROR_DEPTH = 40 };

struct list {
	struct arena *arena;
	const char *root;
	const char **files;
	size_t n, cap;
};

/* State, caches and what belongs to other programs stay at home. */
static bool is_left_out(const char *name)
{
	static const char *const names[] = {".terraform", ".git", ".devenv", "node_modules",
		"errored.tfstate", ".terraform.tfstate.lock.info", "terraform.tfstate.d", "crash.log"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return strstr(name, ".tfstate") && name[strcspn(name, "/")] == '\0';
}

static int walk(struct list *list, const char *path, int depth, struct error *err)
{
	const char *const *names;
	size_t n;

	if (depth > MIRROR_DEPTH)
		return error_set(err, ERROR_INVALID, "%s is too deep: do links go round in a circle?", path);
	if (fs_list(path, list->arena, &names, &n, err))
		return -1;
	for (size_t i = 0; i < n; i++) {
		const char *one = fs_join(list->arena, path, names[i]);
		struct stat st;

		if (is_left_out(names[i]) || stat(one, &st)) /* a link that leads nowhere */
			continue;
		if (S_ISDIR(st.st_mode)) {
			if (walk(list, one, depth + 1, err))
				return -1;
		} else if (S_ISREG(st.st_mode)) {
			ARENA_GROW(list->arena, list->files, list->n, list->cap);
			list->files[list->n++] = fs_relative(list->root, one);
		}
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int mirror_list(const struct scan *scan, const char *const **files, size_t *n, struct error *err)
{
	struct list list = {.arena = scan->arena, .root = scan->root};
	size_t kept = 0;

	for (size_t i = 0; i < scan->n; i++) {
		if (walk(&list, scan->directories[i], 0, err))
			return -1;
	}
	if (list.n)
		qsort(list.files, list.n, sizeof(*list.files), by_name);
	for (size_t i = 0; i < list.n; i++) { /* a module inside a module was walked twice */
		if (!kept || strcmp(list.files[kept - 1], list.files[i]) != 0)
			list.files[kept++] = list.files[i];
	}
	*files = list.files;
	*n = kept;
	return 0;
}

int mirror_digest(const struct scan *scan, struct hasher *hasher, struct error *err)
{
	const char *const *files;
	size_t n;

	if (mirror_list(scan, &files, &n, err))
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct hash hash;

		if (hash_file(fs_join(scan->arena, scan->root, files[i]), &hash, err))
			return -1;
		hasher_add_str(hasher, files[i], strlen(files[i]));
		hasher_add(hasher, hash.bytes, HASH_SIZE);
	}
	return 0;
}

/* --- copying ------------------------------------------------------------------------------------- */

int mirror_file(struct arena *arena, const char *from, const char *to, struct error *err)
{
	struct stat st;
	const char *text;
	size_t len;

	if (stat(from, &st))
		return error_errno(err, "cannot read %s", from);
	if (fs_read(from, arena, &text, &len, err))
		return -1;
	return fs_write(to, arena_printf(arena, "%s.devenv-new", to), text, len,
		st.st_mode & 0100 ? 0700 : 0600, FS_VOLATILE, err);
}

/* One arena for each file: a tree may be large. */
static int copy_one(const char *root, const char *file, const char *tree, struct error *err)
{
	struct arena arena = ARENA_INIT;
	const char *to = fs_join(&arena, tree, file);
	int rc = fs_make_dirs(fs_parent(&arena, to), 0700, &arena, NULL, err) ||
		 mirror_file(&arena, fs_join(&arena, root, file), to, err) ? -1 : 0;

	arena_release(&arena);
	return rc;
}

int mirror_files(struct arena *arena, const char *folder, const char *const **files, size_t *n,
	struct error *err)
{
	struct error missing = ERROR_INIT;
	const char *text, **list = NULL;
	size_t len, cap = 0;

	*n = 0;
	*files = NULL;
	if (fs_read(fs_join(arena, folder, "files"), arena, &text, &len, &missing)) {
		if (missing.code == ERROR_NOT_FOUND)
			return 0;
		return error_set(err, missing.code, "%s", missing.msg);
	}
	for (const char *at = text; at < text + len; at += strlen(at) + 1) {
		ARENA_GROW(arena, list, *n, cap);
		list[(*n)++] = at;
	}
	*files = list;
	return 0;
}

static bool is_among(const char *const *files, size_t n, const char *file)
{
	return n && bsearch(&file, files, n, sizeof(*files), by_name);
}

int mirror_sync(struct arena *arena, const char *root, const char *const *files, size_t n,
	const char *folder, struct error *err)
{
	const char *tree = fs_join(arena, folder, "tree"), *list = fs_join(arena, folder, "files");
	const char *const *before;
	struct strbuf cleanup_strbuf text = STRBUF_INIT;
	size_t n_before;

	if (mirror_files(arena, folder, &before, &n_before, err) ||
		fs_make_dirs(tree, 0700, arena, NULL, err))
		return -1;
	for (size_t i = 0; i < n_before; i++) {
		if (!is_among(files, n, before[i]) &&
			fs_remove(fs_join(arena, tree, before[i]), err))
			return -1;
	}
	for (size_t i = 0; i < n; i++) {
		if (copy_one(root, files[i], tree, err))
			return -1;
		strbuf_add(&text, files[i], strlen(files[i]) + 1);
	}
	return fs_write(list, arena_printf(arena, "%s.devenv-new", list), text.text, text.len, 0600,
		FS_VOLATILE, err);
}

static int copy_link(struct arena *arena, const char *from, const char *to, struct error *err)
{
	char target[4096];
	ssize_t len = readlink(from, target, sizeof(target) - 1);

	(void)arena;
	if (len < 0)
		return error_errno(err, "cannot read %s", from);
	target[len] = '\0';
	if (unlink(to) && errno != ENOENT)
		return error_errno(err, "cannot remove %s", to);
	return symlink(target, to) ? error_errno(err, "cannot make %s", to) : 0;
}

static int copy_bytes(const char *from, const char *to, struct error *err)
{
	cleanup_fd int in = open(from, O_RDONLY | O_CLOEXEC);
	cleanup_fd int out = -1;
	char piece[65536];
	struct stat st;
	ssize_t n;

	if (in < 0 || fstat(in, &st))
		return error_errno(err, "cannot read %s", from);
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		st.st_mode & 0100 ? 0700 : 0600);
	if (out < 0)
		return error_errno(err, "cannot make %s", to);
	while ((n = read(in, piece, sizeof(piece))) > 0) {
		if (fs_write_fd(out, to, piece, (size_t)n, err))
			return -1;
	}
	return n < 0 ? error_errno(err, "cannot read %s", from) : 0;
}

/* Of any size: a package of a provider that is in no cache is hundreds of megabytes. */
static int copy_data(struct arena *arena, const char *from, const char *to, struct error *err)
{
	const char *temporary = arena_printf(arena, "%s.devenv-new", to);

	if (copy_bytes(from, temporary, err)) {
		unlink(temporary);
		return -1;
	}
	return rename(temporary, to) ? error_errno(err, "cannot make %s", to) : 0;
}

int mirror_copy(struct arena *arena, const char *from, const char *to, struct error *err)
{
	const char *const *names;
	size_t n;

	if (!fs_exists(from))
		return 0;
	if (fs_make_dirs(to, 0700, arena, NULL, err) || fs_list(from, arena, &names, &n, err))
		return -1;
	for (size_t i = 0; i < n; i++) {
		const char *source = fs_join(arena, from, names[i]), *target = fs_join(arena, to, names[i]);
		enum fs_kind kind;

		if (fs_look(source, &kind, NULL, err))
			return -1;
		if (kind == FS_DIRECTORY ? mirror_copy(arena, source, target, err)
			: kind == FS_SYMLINK ? copy_link(arena, source, target, err)
			: kind == FS_FILE ? copy_data(arena, source, target, err) : 0)
			return -1;
	}
	return 0;
}
