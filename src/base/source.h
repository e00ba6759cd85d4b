/*
 * Where text came from. Every file read is a `struct source`; a `struct pos` names a place in one, is
 * 8 bytes, and is kept by every value, so that errors, plan reasons and `config show --origin` can
 * point at file:line:column.
 */
#ifndef DEVENV_BASE_SOURCE_H
#define DEVENV_BASE_SOURCE_H

#include "base/alloc.h"

#include <stdint.h>

/* Lines and columns count from 1; a column counts bytes. line 0: the whole file. source 0: nowhere. */
struct pos {
	uint32_t line;
	uint16_t column; /* saturates at 65535 */
	uint16_t source;
};

#define POS_NONE ((struct pos){0})

struct source {
	const char *path;  /* as shown to the user: relative to the project root where it is below it */
	const char *layer; /* "project", "environment", "include", "command line" ... */
	const char *text;  /* NUL-terminated; NULL when there is none */
	size_t len;
};

/* What stands at `at` got (part of) its value from `from`: a variable that is set elsewhere. */
struct source_link {
	struct pos at, from;
};

/* Arena-owned. Slot 0 stands for "nowhere" (built-in defaults). */
struct sources {
	struct source *items;
	uint32_t n, cap;
	struct source_link *links; /* sorted by `at` once sources_settle was called */
	size_t n_links, cap_links;
};

/* `text` is borrowed and must live as long as `sources`. At most 65535 sources. */
uint16_t sources_add(struct sources *sources, struct arena *arena, const char *path,
	const char *layer, const char *text, size_t len);
const struct source *sources_get(const struct sources *sources, uint16_t id);
void sources_link(struct sources *sources, struct arena *arena, struct pos at, struct pos from);
void sources_settle(struct sources *sources);
/* The k-th place that what stands at `at` got its value from; POS_NONE: no more. */
struct pos sources_origin(const struct sources *sources, struct pos at, size_t k);
/* The text of one line without its newline; NULL when there is none. */
const char *source_line(const struct source *source, uint32_t line, size_t *len);
/* "path:line:col" (less where a part is unknown), in `arena`; "built-in" for POS_NONE. */
const char *pos_str(const struct sources *sources, struct pos pos, struct arena *arena);

#endif
