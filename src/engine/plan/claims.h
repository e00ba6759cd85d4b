/*
 * What resources claim for themselves alone: a path, a name, a port of this machine. A port on every
 * address ("tcp:8080") collides with the same port on any one ("tcp:127.0.0.1:8080").
 */
#ifndef DEVENV_ENGINE_PLAN_CLAIMS_H
#define DEVENV_ENGINE_PLAN_CLAIMS_H

#include "base/alloc.h"
#include "base/map.h"

struct claim {
	const char *what;
	uint32_t owner; /* whatever the caller counts: a node, a change */
	uint32_t next;  /* with the same key; MAP_NONE: none */
};

struct claims {
	struct arena *arena; /* set by the caller: keeps the texts */
	struct map heads;    /* key -> newest claim */
	struct claim *items;
	size_t n, cap;
};

void claims_release(struct claims *claims);
void claims_add(struct claims *claims, const char *what, uint32_t owner);
/* The claims that collide with `what`, one after the other: begin with `at` NULL; NULL at the end. */
const struct claim *claims_next(const struct claims *claims, const char *what,
	const struct claim *at);
bool claims_collide(const char *a, const char *b);

#endif
