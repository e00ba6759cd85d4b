/*
 * Files of another tree under the names that they would have here: a commit is read from a stage, and
 * nothing of a path depends on the commit. Such a manifest reads its own tree and what the machine
 * says, nothing else.
 */
#ifndef DEVENV_CLI_STAGED_H
#define DEVENV_CLI_STAGED_H

#include "engine/reconcile.h"

struct staged {
	const char *root;         /* where the tree would lie */
	const char *tree;         /* where it lies */
	const char *user_config;  /* filled by staged_use */
	const char *const *own;   /* files of the machine, for what the tree does not have; NULL-terminated
	                             or NULL */
};

/* From now on r->input reads through `staged`, which lives as long as `r`. */
void staged_use(struct staged *staged, struct reconcile *r);
/* After reconcile_load: content that resources name is read from the tree, too. */
void staged_content(const struct staged *staged, struct reconcile *r);

#endif
