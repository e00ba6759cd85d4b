/*
 * What was read: every file, folder and name that this thread looked at while a trail lay open, whether
 * it was there or not. Who follows the files of a manifest learns from it what they are, wherever they
 * lie, without any reader having to say so.
 *
 * The open trail is the one variable of a thread in this program (docs/adr/0008-trail.md): an argument
 * of every function that reads could be forgotten by one of them, and then a change would be missed.
 */
#ifndef DEVENV_BASE_TRAIL_H
#define DEVENV_BASE_TRAIL_H

#include "base/alloc.h"
#include "base/hash.h"
#include "base/map.h"

#include <sys/stat.h>

/* What tells one state of a file from another without reading it. All zero: it is not there. */
struct trail_stamp {
	mode_t type; /* S_IFMT */
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified, changed;
};

struct trail_item {
	const char *path; /* absolute */
	struct trail_stamp stamp;
	struct hash hash; /* of the content, or of the names in a folder */
	bool content;     /* not only whether it is there matters */
	bool hashed;
	bool fresh;       /* changed so shortly before it was read that its times may not tell the next change */
};

struct trail {
	struct arena arena;
	struct trail_item *items;
	size_t n, cap;
	struct map index; /* by path */
};

void trail_release(struct trail *trail); /* empty and ready for use afterwards */
/* From now on this thread leaves its marks here; NULL: nowhere. Returns where it did so before. */
struct trail *trail_open(struct trail *trail);

/* For those who read (base/fs, base/hash, a provider that opens files itself); cheap without a trail.
   A relative path is none of a manifest: it is not kept. */
void trail_name(const char *path);                                 /* is it there, and what is it? */
void trail_text(const char *path, int fd, const char *text, size_t len);
void trail_hash(const char *path, int fd, const struct hash *hash); /* NULL: by its times */
void trail_folder(const char *path, const char *const *names, size_t n);
void trail_link(const char *path, const char *target, size_t len); /* the link itself, not what it leads to */

bool trail_stamp_same(const struct trail_stamp *a, const struct trail_stamp *b);
const struct trail_item *trail_find(const struct trail *trail, const char *path);
/* Takes over what only `other` has. */
void trail_join(struct trail *trail, const struct trail *other);
/* Looks again. True: it is something else now. The same content written anew is no change. */
bool trail_item_changed(struct trail_item *item);
/* Does anyone still have it open for writing? False where the system cannot tell. */
bool trail_item_is_written(const struct trail_item *item);
/* False for what editors put beside a file while they save it. */
bool trail_name_counts(const char *name);

#endif
