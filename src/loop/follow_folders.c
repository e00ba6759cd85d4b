/*
 * Where the things of a trail lie. Every name on the way to one is looked up in some real folder: an
 * event about it there concerns the thing, and where the name is a link or missing, everything.
 */
#include "base/fs.h"
#include "loop/follow_internal.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { MAX_LINKS = 40 };

static const char *real_folder(struct follow *f, const char *path, unsigned links);

/* File systems that do not tell what another machine, or the host of a guest, changes in them. */
static bool tells_nothing(const char *path)
{
	static const unsigned long silent[] = {
		0x6969,     /* NFS */
		0x517b,     /* SMB */
		0xff534d42, /* CIFS */
		0xfe534d42, /* SMB2 */
		0x01021997, /* 9p */
		0x65735546, /* FUSE */
		0x00c36400, /* Ceph */
		0x786f4256, /* VirtualBox's shared folders */
	};
	struct statfs fs;

	if (statfs(path, &fs) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
		if (((unsigned long)fs.f_type & 0xffffffff) == silent[i])
			return true;
	return false;
}

static void add_key(struct follow *f, const char *key, uint32_t item)
{
	uint32_t next = map_get(&f->keys, key);

	for (uint32_t at = next; at != MAP_NONE; at = f->key_items[at].next)
		if (f->key_items[at].item == item)
			return;
	ARENA_GROW(&f->arena, f->key_items, f->n_keys, f->cap_keys);
	f->key_items[f->n_keys] = (struct follow_key){item, next};
	map_set(&f->keys, key, (uint32_t)f->n_keys++);
}

/* `path` lives in f->arena. */
static void need_folder(struct follow *f, const char *path)
{
	uint32_t at = map_get(&f->folder_index, path);
	struct folder *folder;
	char why[400];

	if (at != MAP_NONE) {
		f->folders[at].round = f->round;
		return;
	}
	VEC_GROW(f->folders, f->n_folders, f->cap_folders);
	folder = &f->folders[f->n_folders];
	*folder = (struct folder){.path = xstrdup(path), .round = f->round,
		.polled = tells_nothing(path)};
	map_set(&f->folder_index, folder->path, (uint32_t)f->n_folders++);
	if (folder->polled) {
		f->n_polled++;
		snprintf(why, sizeof(why), "the file system of %.300s tells nothing of its changes", path);
		follow_poll_because(f, why);
	}
	notify_add(&f->notify, folder->path);
}

static const char *keep_real(struct follow *f, const char *path, const char *real)
{
	ARENA_GROW(&f->arena, f->real_items, f->n_reals, f->cap_reals);
	f->real_items[f->n_reals] = real;
	map_set(&f->reals, path, (uint32_t)f->n_reals++);
	return real;
}

static const char *target_of(struct follow *f, const char *folder, const char *path)
{
	char target[PATH_MAX];
	ssize_t len = readlink(path, target, sizeof(target) - 1);

	if (len <= 0)
		return NULL;
	target[len] = '\0';
	return fs_join(&f->arena, folder, arena_strdup(&f->arena, target));
}

/* A name in a real folder on the way to something. NULL: the way ends here. */
static const char *step(struct follow *f, const char *folder, const char *name, unsigned links)
{
	const char *path = fs_join(&f->arena, folder, name), *target;
	struct stat st;

	if (strcmp(name, "..") == 0)
		return fs_parent(&f->arena, folder);
	if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		if (fs_relative(f->root, folder) != folder || strcmp(f->root, folder) == 0) {
			need_folder(f, folder); /* so that its renaming shows, too */
			add_key(f, path, KEY_ALL);
		}
		return path;
	}
	need_folder(f, folder);
	add_key(f, path, KEY_ALL);
	target = target_of(f, folder, path);
	return target && links < MAX_LINKS ? real_folder(f, target, links + 1) : NULL;
}

/* The folder that `path` leads to; NULL: none. */
static const char *real_folder(struct follow *f, const char *path, unsigned links)
{
	uint32_t known;
	const char *parent, *slash;

	if (strcmp(path, "/") == 0)
		return path;
	known = map_get(&f->reals, path);
	if (known != MAP_NONE)
		return f->real_items[known];
	slash = strrchr(path, '/');
	parent = real_folder(f, fs_parent(&f->arena, path), links);
	if (!parent)
		return keep_real(f, path, NULL);
	if (!slash[1] || strcmp(slash + 1, ".") == 0)
		return keep_real(f, path, parent);
	return keep_real(f, path, step(f, parent, slash + 1, links));
}

/* The way to a thing itself, through its links. */
static void find_item(struct follow *f, uint32_t item, const char *path, unsigned links)
{
	const char *folder = real_folder(f, fs_parent(&f->arena, path), 0), *own, *target;

	if (!folder || strcmp(path, "/") == 0)
		return;
	need_folder(f, folder);
	own = fs_join(&f->arena, folder, fs_name(path));
	add_key(f, own, item);
	target = target_of(f, folder, own);
	if (!target)
		return;
	add_key(f, own, KEY_ALL);
	if (links < MAX_LINKS)
		find_item(f, item, target, links + 1);
}

static void find_listed(struct follow *f, uint32_t item, const char *path)
{
	const char *folder = real_folder(f, path, 0);

	if (!folder)
		return;
	need_folder(f, folder);
	add_key(f, arena_printf(&f->arena, "%s/", strcmp(folder, "/") ? folder : ""), item);
}

static void drop_unneeded(struct follow *f)
{
	size_t kept = 0;

	map_release(&f->folder_index);
	for (size_t i = 0; i < f->n_folders; i++) {
		struct folder *folder = &f->folders[i];

		if (folder->round == f->round) {
			f->folders[kept] = *folder;
			map_set(&f->folder_index, f->folders[kept].path, (uint32_t)kept);
			kept++;
			continue;
		}
		notify_remove(&f->notify, folder->path);
		f->n_polled -= folder->polled;
		free(folder->path);
	}
	f->n_folders = kept;
}

void folders_find(struct follow *f)
{
	f->round++;
	for (size_t i = 0; i < f->trail.n; i++) {
		const struct trail_item *item = &f->trail.items[i];

		find_item(f, (uint32_t)i, item->path, 0);
		if (item->content && S_ISDIR(item->stamp.type))
			find_listed(f, (uint32_t)i, item->path);
	}
	drop_unneeded(f);
}

void folders_forget(struct follow *f)
{
	for (size_t i = 0; i < f->n_folders; i++)
		free(f->folders[i].path);
	free(f->folders);
	map_release(&f->folder_index);
	f->folders = NULL;
	f->n_folders = f->cap_folders = 0;
}

void folders_ask_again(struct follow *f)
{
	for (size_t i = 0; i < f->n_folders; i++)
		notify_add(&f->notify, f->folders[i].path);
}

void folder_is_polled(struct follow *f, const char *path)
{
	uint32_t at = map_get(&f->folder_index, path);

	if (at == MAP_NONE || f->folders[at].polled)
		return;
	f->folders[at].polled = true;
	f->n_polled++;
}
