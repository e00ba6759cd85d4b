/*
 * .dockerignore: which files of a build context stay at home.
 *
 * A pattern matches a path or any folder above it; the last one that matches decides, and one that
 * begins with '!' takes back. `*` and `?` stop at '/', `**` does not, [a-z] is one character.
 */
#ifndef DEVENV_DOCKER_IGNORE_H
#define DEVENV_DOCKER_IGNORE_H

#include "base/alloc.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct ignore_pattern;

struct ignore {
	struct ignore_pattern *patterns;
	size_t n, cap;
	bool exceptions; /* one of them begins with '!' */
};

/* Everything is kept in `arena`. ERROR_INVALID names the line. */
int ignore_parse(struct ignore *ignore, struct arena *arena, const char *text, size_t len,
	struct error *err);
/* One more line, as if it stood at the end. */
int ignore_add(struct ignore *ignore, struct arena *arena, const char *line, size_t len,
	struct error *err);

/*
 * Is `path` (relative, without "./") left out? `above` is what this function wrote into `matched` for
 * the folder that holds it (NULL at the top): a byte a pattern. `matched` has room for ignore->n.
 */
bool ignore_excludes(const struct ignore *ignore, const char *path, const uint8_t *above,
	uint8_t *matched);
/* May something below this excluded folder be taken back? False: it need not be read at all. */
bool ignore_may_take_back(const struct ignore *ignore, const char *directory);

#endif
