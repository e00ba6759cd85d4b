/*
 * A tar stream, made while it is read: nothing but names is held in memory.
 *
 * The stream depends on names, contents, permissions and link targets alone: owners are zero, and times
 * too unless they are asked for. Extended attributes and hard links are not kept.
 */
#ifndef DEVENV_BASE_TAR_H
#define DEVENV_BASE_TAR_H

#include "base/alloc.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct tar_entry {
	const char *name;   /* in the stream, without a slash at the end */
	const char *path;   /* on disk */
	const char *target; /* of a symbolic link; NULL: none */
	unsigned mode;      /* type and permissions, as of lstat */
	int64_t size, modified;
	struct tar_entry *above; /* the folder that holds it; NULL: the top */
	bool included;
};

/* {.arena = ..., .fd = -1, .pending = STRBUF_INIT}, and hasher_init. */
struct tar {
	struct arena *arena;
	struct tar_entry **entries;
	size_t n, cap;
	bool times;            /* files keep when they were modified */

	/* Of the stream. */
	size_t next;           /* the entry that comes next */
	struct strbuf pending; /* headers and padding not given yet */
	size_t given;          /* how much of them was */
	const struct tar_entry *open; /* whose content is being read */
	int fd;
	int64_t left;
	bool ended;
	struct hasher hasher;  /* over everything given */
};

void tar_release(struct tar *tar);
#define cleanup_tar __attribute__((cleanup(tar_release)))

/* One more file; what is none is left out. A slash at the begin of `name` is, too. Both are borrowed. */
int tar_add(struct tar *tar, const char *name, const char *path, struct error *err);
/* The next bytes; 0 at the end, -1 with `err`: `read` of http_request, `arg` is the tar.
   ERROR_TRANSIENT: a file became shorter while it was read. */
ssize_t tar_read(void *arg, char *buf, size_t room, struct error *err);
/* The hash of all that tar_read gave. Once, after the end. */
void tar_hash(struct tar *tar, struct hash *out);

#endif
