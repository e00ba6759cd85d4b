/*
 * Other environments of this home. A mark cannot change, so what was taken over (import --take-over)
 * keeps that of its former environment; whose it is now is what the records say.
 */
#ifndef DEVENV_ENGINE_OTHERS_H
#define DEVENV_ENGINE_OTHERS_H

#include "engine/reconcile.h"

struct other {
	struct record *record;
	const char *environment; /* its id */
};

struct others {
	struct other *items; /* in r->arena */
	size_t n;
};

/* Every record of every other environment of this home. */
int others_read(struct reconcile *r, struct others *out, struct error *err);
/* The first from `from` on that holds the thing; NULL: none. */
const struct other *others_find(const struct others *others, const char *type, const char *id,
	size_t from);
/* Strays and observations that another environment holds are its, whatever their mark says. */
int others_keep(struct reconcile *r, struct error *err);
/* ADDRESS of environment ID, in the arena. */
const char *other_str(const struct other *other, struct arena *arena);

#endif
