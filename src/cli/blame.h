/*
 * Who changed what a plan acts on: the places in its reasons and attributes get the commit that
 * changed that line last. Costs a look into git's history, so only where it is shown. What cannot be
 * told (no repository, too slow) is left out: it is never an error.
 */
#ifndef DEVENV_CLI_BLAME_H
#define DEVENV_CLI_BLAME_H

#include "engine/reconcile.h"

struct blame_source {
	const char *root;       /* of the tree that the manifest's files lie in */
	const char *repository; /* folder of git's objects */
	const char *commit;     /* that the tree has, 40 hex digits */
	bool working;           /* the files may hold more than the commit */
};

/* Of `address` only; NULL: of everything that changes. */
void blame_plan(struct reconcile *r, const struct blame_source *source, const char *address);
/* The same from the repository that r's manifest lies in, if it does. */
void blame_plan_here(struct reconcile *r, const char *address);

#endif
