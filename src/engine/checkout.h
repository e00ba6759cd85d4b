/*
 * Which environment is this? (checkout id, -e name). The id is random, lies in the git-ignored
 * .devenv/local/id and is made by the first apply; state knows the real path and inode it was seen at,
 * so a checkout that moved keeps its environment and a copy gets its own.
 */
#ifndef DEVENV_ENGINE_CHECKOUT_H
#define DEVENV_ENGINE_CHECKOUT_H

#include "state/state.h"

struct checkout {
	const char *root;         /* real path of the project root */
	uint64_t device, inode;   /* of it */
	const char *id;           /* NULL: none yet */
	bool copied;              /* the id belongs to another folder that is still there */
};

/* Looks; changes nothing. */
int checkout_look(const char *root, struct state *state, struct arena *arena, struct checkout *out,
	struct error *err);
/* Gives it an id when it has none (or was copied), durably. Two at once agree on one. */
int checkout_claim(struct checkout *checkout, struct arena *arena, struct error *err);
/* Walks up from `directory` to a folder with .devenv/local/id. ERROR_NOT_FOUND: none. */
int checkout_find_root(const char *directory, struct arena *arena, const char **root,
	struct error *err);

#endif
