/*
 * A build context as a tar stream, made while it is read: nothing but names is held in memory.
 *
 * The stream depends on names, contents, permissions and link targets alone: entries are sorted,
 * times and owners are zero. So its hash says whether a context changed, on every machine alike.
 * Sockets, pipes and devices are left out; extended attributes and hard links are not kept.
 */
#ifndef DEVENV_DOCKER_TAR_H
#define DEVENV_DOCKER_TAR_H

#include "base/hash.h"
#include "base/strbuf.h"
#include "providers/docker/ignore.h"

#include <stdint.h>
#include <sys/types.h>

struct tar_entry {
	const char *name;   /* in the stream, without a slash at the end */
	const char *path;   /* on disk */
	const char *target; /* of a symbolic link; NULL: none */
	unsigned mode;      /* type and permissions, as of lstat */
	int64_t size;
	struct tar_entry *above; /* the folder that holds it; NULL: the top */
	bool included;
};

struct tar {
	struct arena *arena;
	struct tar_entry **entries;
	size_t n;

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

/*
 * Reads the names below `directory`, as DOCKERFILE.dockerignore, else .dockerignore says; the
 * Dockerfile and .dockerignore are always included. `dockerfile` is relative to the directory or
 * absolute; one outside is included as TAR_DOCKERFILE, and *name is what it is called in the stream.
 * ERROR_NOT_FOUND names what is missing. Call tar_release in any case.
 */
#define TAR_DOCKERFILE ".dockerfile.outside"
int tar_open(struct tar *tar, struct arena *arena, const char *directory, const char *dockerfile,
	const char **name, struct error *err);
void tar_release(struct tar *tar);
#define cleanup_tar __attribute__((cleanup(tar_release)))

/* The next bytes; 0 at the end, -1 with `err`: `read` of http_request, `arg` is the tar.
   ERROR_TRANSIENT: a file became shorter while it was read. */
ssize_t tar_read(void *arg, char *buf, size_t room, struct error *err);
/* The hash of all that tar_read gave. Once, after the end. */
void tar_hash(struct tar *tar, struct hash *out);

/* Hash of the stream, without keeping it. */
int docker_context_digest(const char *directory, const char *dockerfile, struct hash *out,
	struct error *err);

#endif
