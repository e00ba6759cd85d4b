/*
 * A build context as a tar stream: its entries are sorted, times and owners are zero, so its hash says
 * whether a context changed, on every machine alike. Sockets, pipes and devices are left out.
 */
#ifndef DEVENV_DOCKER_TAR_H
#define DEVENV_DOCKER_TAR_H

#include "base/tar.h"
#include "providers/docker/ignore.h"

/*
 * Reads the names below `directory`, as DOCKERFILE.dockerignore, else .dockerignore says; the
 * Dockerfile and .dockerignore are always included. `dockerfile` is relative to the directory or
 * absolute; one outside is included as TAR_DOCKERFILE, and *name is what it is called in the stream.
 * ERROR_NOT_FOUND names what is missing. Call tar_release in any case.
 */
#define TAR_DOCKERFILE ".dockerfile.outside"
int tar_open(struct tar *tar, struct arena *arena, const char *directory, const char *dockerfile,
	const char **name, struct error *err);

/* Hash of the stream, without keeping it. */
int docker_context_digest(const char *directory, const char *dockerfile, struct hash *out,
	struct error *err);

#endif
