/*
 * Which files are in a build context. Folders are read from a list, not by recursion, and one that is
 * left out is read only when an exception (!) may take back something below it.
 */
#include "providers/docker/tar.h"

#include "base/fs.h"
#include "base/trail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct folder {
	struct tar_entry *entry; /* NULL: the context itself */
	const uint8_t *matched;  /* by the patterns, for what is in it */
};

struct scan {
	struct tar *tar;
	const char *root;
	struct ignore ignore;
	struct folder *folders; /* still to be read */
	size_t n_folders, cap_folders;
	struct tar_entry **entries;
	size_t n, cap;
};

static int read_link(struct scan *scan, struct tar_entry *entry, struct error *err)
{
	char target[4096];
	ssize_t len = readlink(entry->path, target, sizeof(target));

	if (len < 0)
		return error_errno(err, "cannot read the link %s", entry->path);
	trail_link(entry->path, target, (size_t)len);
	entry->target = arena_strndup(scan->tar->arena, target, (size_t)len);
	return 0;
}

static void take(struct tar_entry *entry)
{
	/* A folder that is left out is there all the same when something in it is taken. */
	for (; entry && !entry->included; entry = entry->above)
		entry->included = true;
}

static int see(struct scan *scan, const struct folder *folder, const char *name,
	struct error *err)
{
	struct arena *arena = scan->tar->arena;
	struct tar_entry *above = folder->entry, *entry = arena_zalloc(arena, sizeof(*entry));
	uint8_t *matched = arena_alloc(arena, scan->ignore.n + 1);
	struct stat st;
	bool excluded;

	entry->name = above ? arena_printf(arena, "%s/%s", above->name, name) : name;
	entry->path = arena_printf(arena, "%s/%s", scan->root, entry->name);
	entry->above = above;
	if (lstat(entry->path, &st)) {
		if (errno == ENOENT) /* went between the list and here: then it is not in the context */
			return 0;
		return error_errno(err, "cannot look at %s", entry->path);
	}
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) && !S_ISLNK(st.st_mode))
		return 0;
	entry->mode = st.st_mode;
	excluded = ignore_excludes(&scan->ignore, entry->name, folder->matched, matched);
	if (excluded && (!S_ISDIR(st.st_mode) || !ignore_may_take_back(&scan->ignore, entry->name)))
		return 0;
	if (S_ISLNK(st.st_mode) && read_link(scan, entry, err))
		return -1;
	ARENA_GROW(arena, scan->entries, scan->n, scan->cap);
	scan->entries[scan->n++] = entry;
	if (!excluded)
		take(entry);
	if (S_ISDIR(st.st_mode)) {
		ARENA_GROW(arena, scan->folders, scan->n_folders, scan->cap_folders);
		scan->folders[scan->n_folders++] = (struct folder){entry, matched};
	}
	return 0;
}

static int read_folder(struct scan *scan, struct folder folder, struct error *err)
{
	const char *path = folder.entry ? folder.entry->path : scan->root;
	const char *const *names;
	size_t n;

	if (fs_list(path, scan->tar->arena, &names, &n, err))
		return -1;
	for (size_t i = 0; i < n; i++)
		if (see(scan, &folder, names[i], err))
			return -1;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct tar_entry *const *left = a, *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

static int read_all(struct scan *scan, struct error *err)
{
	struct tar *tar = scan->tar;
	struct folder top = {0};

	if (read_folder(scan, top, err))
		return -1;
	while (scan->n_folders)
		if (read_folder(scan, scan->folders[--scan->n_folders], err))
			return -1;
	tar->entries = scan->entries;
	for (size_t i = 0; i < scan->n; i++)
		if (scan->entries[i]->included)
			tar->entries[tar->n++] = scan->entries[i];
	if (tar->n)
		qsort(tar->entries, tar->n, sizeof(*tar->entries), by_name);
	return 0;
}

/* DOCKERFILE.dockerignore beats .dockerignore; neither is fine. */
static int read_ignore(struct scan *scan, const char *dockerfile, struct error *err)
{
	struct arena *arena = scan->tar->arena;
	const char *paths[] = {arena_printf(arena, "%s.dockerignore", dockerfile),
		fs_join(arena, scan->root, ".dockerignore")};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct error own = ERROR_INIT;
		const char *text;
		size_t len;

		if (fs_read(paths[i], arena, &text, &len, &own)) {
			if (own.code == ERROR_NOT_FOUND)
				continue;
			*err = own;
			return -1;
		}
		if (ignore_parse(&scan->ignore, arena, text, len, err))
			return error_wrap(err, "%s", paths[i]);
		break;
	}
	return 0;
}

/* One file that is taken whatever the patterns say. */
static int always(struct scan *scan, const char *name, struct error *err)
{
	struct arena *arena = scan->tar->arena;
	cleanup_strbuf struct strbuf line = STRBUF_INIT;

	strbuf_addch(&line, '!');
	for (; *name; name++) {
		if (strchr("*?[\\", *name))
			strbuf_addch(&line, '\\');
		strbuf_addch(&line, *name);
	}
	return ignore_add(&scan->ignore, arena, line.text, line.len, err);
}

/* A Dockerfile outside of the context travels under a name of ours. */
static int add_outside(struct scan *scan, const char *path, struct error *err)
{
	struct tar_entry *entry = arena_zalloc(scan->tar->arena, sizeof(*entry));
	struct stat st;

	if (fs_real(scan->tar->arena, path, &entry->path, err))
		return -1;
	if (stat(entry->path, &st))
		return error_errno(err, "cannot read the Dockerfile %s", path);
	entry->name = TAR_DOCKERFILE;
	entry->mode = st.st_mode;
	entry->included = true;
	ARENA_GROW(scan->tar->arena, scan->entries, scan->n, scan->cap);
	scan->entries[scan->n++] = entry;
	return 0;
}

/* What the patterns cannot change: the engine needs the Dockerfile, and what a run of ours writes
   must not make the context another one. */
static int add_fixed(struct scan *scan, const char *dockerfile, struct error *err)
{
	static const char own[] = "**/.devenv/local";

	if (ignore_add(&scan->ignore, scan->tar->arena, own, strlen(own), err) ||
		always(scan, ".dockerignore", err))
		return -1;
	return dockerfile ? always(scan, dockerfile, err) : 0;
}

static int check(const char *directory, const char *dockerfile, struct error *err)
{
	struct stat st;

	if (stat(directory, &st))
		return error_errno(err, "the build context %s", directory);
	if (!S_ISDIR(st.st_mode))
		return error_set(err, ERROR_INVALID, "the build context %s is no folder", directory);
	if (stat(dockerfile, &st))
		return error_errno(err, "the Dockerfile %s", dockerfile);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERROR_INVALID, "the Dockerfile %s is no file", dockerfile);
	return 0;
}

int tar_open(struct tar *tar, struct arena *arena, const char *directory, const char *dockerfile,
	const char **name, struct error *err)
{
	struct scan scan = {.tar = tar};
	const char *path;

	*tar = (struct tar){.arena = arena, .fd = -1, .pending = STRBUF_INIT};
	hasher_init(&tar->hasher);
	scan.root = fs_normalise(arena, directory);
	path = fs_normalise(arena, fs_join(arena, scan.root, dockerfile));
	if (check(scan.root, path, err) || read_ignore(&scan, path, err))
		return -1;
	*name = fs_relative(scan.root, path);
	if (*name == path) {
		*name = TAR_DOCKERFILE;
		if (add_outside(&scan, path, err) || add_fixed(&scan, NULL, err))
			return -1;
	} else if (add_fixed(&scan, *name, err)) {
		return -1;
	}
	return read_all(&scan, err);
}

int docker_context_digest(const char *directory, const char *dockerfile, struct hash *out,
	struct error *err)
{
	enum { PIECE = 1 << 16 };
	struct arena arena = ARENA_INIT;
	cleanup_tar struct tar tar = {.fd = -1, .pending = STRBUF_INIT};
	cleanup_free char *buf = xmalloc(PIECE);
	const char *name;
	ssize_t got = -1;

	if (!tar_open(&tar, &arena, directory, dockerfile, &name, err)) {
		do {
			got = tar_read(&tar, buf, PIECE, err);
		} while (got > 0);
	}
	if (!got)
		tar_hash(&tar, out);
	arena_release(&arena);
	return got ? -1 : 0;
}
