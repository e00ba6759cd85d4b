/*
 * See trail.h. A stamp that is the same means that nothing changed, but for a file that changed within
 * one tick of the kernel's clock before it was read: there only the content tells.
 */
#include "base/trail.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TICK_NS = 20 * 1000 * 1000 };

static _Thread_local struct trail *current;

struct trail *trail_open(struct trail *trail)
{
	struct trail *before = current;

	current = trail;
	return before;
}

void trail_release(struct trail *trail)
{
	map_release(&trail->index);
	arena_release(&trail->arena);
	*trail = (struct trail){0};
}

static struct trail_stamp stamp_of(const struct stat *st)
{
	return (struct trail_stamp){
		.type = st->st_mode & S_IFMT,
		.device = st->st_dev,
		.inode = st->st_ino,
		.size = st->st_size,
		.modified = st->st_mtim,
		.changed = st->st_ctim,
	};
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool trail_stamp_same(const struct trail_stamp *a, const struct trail_stamp *b)
{
	return a->type == b->type && a->device == b->device && a->inode == b->inode &&
	       a->size == b->size && same_time(a->modified, b->modified) &&
	       same_time(a->changed, b->changed);
}

static bool is_fresh(const struct trail_stamp *stamp)
{
	struct timespec now;
	int64_t age;

	clock_gettime(CLOCK_REALTIME, &now);
	age = (int64_t)(now.tv_sec - stamp->changed.tv_sec) * 1000000000 + now.tv_nsec -
	      stamp->changed.tv_nsec;
	return age < TICK_NS;
}

/* The item of a path; NULL: nobody wants it. What was there when it was first looked at stays: a change
   between two looks must show. */
static struct trail_item *mark(const char *path, bool *known)
{
	struct trail *trail = current;
	uint32_t at;

	if (!trail || *path != '/')
		return NULL;
	at = map_get(&trail->index, path);
	*known = at != MAP_NONE;
	if (*known)
		return &trail->items[at];
	ARENA_GROW(&trail->arena, trail->items, trail->n, trail->cap);
	trail->items[trail->n] = (struct trail_item){.path = arena_strdup(&trail->arena, path)};
	map_add(&trail->index, trail->items[trail->n].path, (uint32_t)trail->n);
	return &trail->items[trail->n++];
}

void trail_name(const char *path)
{
	struct trail_item *item;
	struct stat st;
	bool known;
	int saved = errno;

	item = mark(path, &known);
	if (item && !known && stat(path, &st) == 0)
		item->stamp = stamp_of(&st);
	errno = saved;
}

/* The item, with the stamp of what is open at `fd`. */
static struct trail_item *mark_content(const char *path, int fd)
{
	struct trail_item *item;
	struct stat st;
	bool known;

	item = mark(path, &known);
	if (!item || item->content)
		return NULL;
	item->content = true;
	if (fstat(fd, &st) == 0)
		item->stamp = stamp_of(&st);
	item->fresh = is_fresh(&item->stamp);
	return item;
}

void trail_text(const char *path, int fd, const char *text, size_t len)
{
	struct trail_item *item = current ? mark_content(path, fd) : NULL;

	if (!item)
		return;
	hash_bytes(text, len, &item->hash);
	item->hashed = true;
}

bool trail_name_counts(const char *name)
{
	static const char *const parts[] = {"___jb_tmp___", "___jb_old___", ".goutputstream-"};
	size_t len = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (strstr(name, parts[i]))
			return false;
	if (!len || name[len - 1] == '~' || strncmp(name, ".#", 2) == 0 || strcmp(name, "4913") == 0)
		return false;
	if (name[0] == '#' && name[len - 1] == '#')
		return false;
	return len < 5 || name[0] != '.' || strncmp(name + len - 4, ".sw", 3) != 0;
}

static void hash_names(const char *const *names, size_t n, struct hash *out)
{
	struct hasher hasher;

	hasher_init(&hasher);
	for (size_t i = 0; i < n; i++)
		if (trail_name_counts(names[i]))
			hasher_add_str(&hasher, names[i], strlen(names[i]));
	hasher_finish(&hasher, out);
}

/* The hash of what is there now, by a reader that leaves no mark. */
static bool hash_again(const struct trail_item *item, struct hash *out)
{
	struct trail *before = trail_open(NULL);
	struct arena arena = ARENA_INIT;
	const char *const *names;
	char target[PATH_MAX];
	size_t n;
	bool done;

	if (S_ISLNK(item->stamp.type)) {
		ssize_t len = readlink(item->path, target, sizeof(target));

		done = len >= 0;
		if (done)
			hash_bytes(target, (size_t)len, out);
	} else if (S_ISDIR(item->stamp.type)) {
		done = fs_list(item->path, &arena, &names, &n, NULL) == 0;
		if (done)
			hash_names(names, n, out);
	} else {
		done = hash_file(item->path, out, NULL) == 0;
	}
	arena_release(&arena);
	trail_open(before);
	return done;
}

void trail_hash(const char *path, int fd, const struct hash *hash)
{
	struct trail_item *item = current ? mark_content(path, fd) : NULL;

	if (!item)
		return;
	if (hash)
		item->hash = *hash;
	/* Its times may not tell the next change: the content has to. */
	item->hashed = hash || (item->fresh && hash_again(item, &item->hash));
}

void trail_folder(const char *path, const char *const *names, size_t n)
{
	struct trail_item *item;
	struct stat st;
	bool known;

	item = current ? mark(path, &known) : NULL;
	if (!item || item->content)
		return;
	item->content = item->hashed = item->fresh = true;
	if (stat(path, &st) == 0)
		item->stamp = stamp_of(&st);
	hash_names(names, n, &item->hash);
}

void trail_link(const char *path, const char *target, size_t len)
{
	struct trail_item *item;
	struct stat st;
	bool known;

	item = current ? mark(path, &known) : NULL;
	if (!item || known)
		return;
	item->content = item->hashed = item->fresh = true;
	if (lstat(path, &st) == 0)
		item->stamp = stamp_of(&st);
	hash_bytes(target, len, &item->hash);
}

const struct trail_item *trail_find(const struct trail *trail, const char *path)
{
	uint32_t at = map_get(&trail->index, path);

	return at == MAP_NONE ? NULL : &trail->items[at];
}

void trail_join(struct trail *trail, const struct trail *other)
{
	for (size_t i = 0; i < other->n; i++) {
		struct trail_item *item = &other->items[i];

		if (trail_find(trail, item->path))
			continue;
		ARENA_GROW(&trail->arena, trail->items, trail->n, trail->cap);
		trail->items[trail->n] = *item;
		trail->items[trail->n].path = arena_strdup(&trail->arena, item->path);
		map_add(&trail->index, trail->items[trail->n].path, (uint32_t)trail->n);
		trail->n++;
	}
}

bool trail_item_changed(struct trail_item *item)
{
	struct trail_stamp now = {0};
	struct hash hash;
	struct stat st;

	if ((S_ISLNK(item->stamp.type) ? lstat(item->path, &st) : stat(item->path, &st)) == 0)
		now = stamp_of(&st);
	if (now.type != item->stamp.type)
		return true;
	if (!now.type || !item->content || (trail_stamp_same(&now, &item->stamp) && !item->fresh))
		return false;
	if (!item->hashed) /* a change that nobody can rule out is one */
		return true;
	if (!hash_again(item, &hash) || !hash_equal(&hash, &item->hash))
		return true;
	item->stamp = now;
	item->fresh = is_fresh(&now);
	return false;
}

bool trail_item_is_written(const struct trail_item *item)
{
	cleanup_fd int fd = -1;
	bool written;

	if (!S_ISREG(item->stamp.type) && item->stamp.type)
		return false;
	fd = open(item->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	/* The kernel gives a lease for reading only while nobody writes. Who wants to write meanwhile would
	   send us SIGIO, which whoever calls this must ignore. */
	written = fcntl(fd, F_SETLEASE, F_RDLCK) < 0 && errno == EAGAIN;
	fcntl(fd, F_SETLEASE, F_UNLCK);
	return written;
}
