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
	bool unknown;             /* it has an id, and state knows no environment of it */
	const char *copied;       /* the id here, which is that of another folder still there; or NULL */
};

/* Looks; changes nothing. */
int checkout_look(const char *root, struct state *state, struct arena *arena, struct checkout *out,
	struct error *err);
/* Nothing leads to it any more: the folder where it was last is not there, or is another checkout. */
bool checkout_is_gone(const struct environment *environment, struct arena *arena);
/* Gives it an id when it has none (or was copied), durably. Two at once agree on one. */
int checkout_claim(struct checkout *checkout, struct arena *arena, struct error *err);
/* Walks up from `directory` to a folder with .devenv/local/id. ERROR_NOT_FOUND: none. */
int checkout_find_root(const char *directory, struct arena *arena, const char **root,
	struct error *err);
/* The same by the paths that state knows: for a folder that lost its id, and its manifest, too. -1:
   there is none. */
int checkout_find_known(const char *directory, const char *home, const struct clock *clock,
	struct arena *arena, const char **root);

#endif
