/*
 * plan --rev and --offline: what another revision of the repository at hand would do. Its tree is
 * written into a private folder below the home and read from there; the working tree and git's index
 * are not touched.
 */
#ifndef DEVENV_CLI_REVISION_H
#define DEVENV_CLI_REVISION_H

#include "cli/cli.h"
#include "cli/staged.h"

struct revision {
	struct staged staged;
	const char *repository; /* folder of git's objects */
	const char *commit; /* 40 hex digits; NULL: the working tree as it is */
	const char *folder; /* private, goes with the process; NULL: none */
	int fd;             /* of it, locked: nobody takes it for left behind */
};

struct revisions {
	struct revision from, to;
	bool two;           /* `from` counts: A..B, or --offline */
	struct reconcile before; /* of `from`; lives as long as the plan */
	bool begun;
	const char *title;  /* "3f2a9c1d0b4e..6e0d7a" for a reader */
};

/* Is one of the options given? */
bool revisions_wanted(const struct cli *cli);
/* Load and plan of `r`, from what the options name. What they report is printed; 0, or the exit status. */
int revisions_plan(struct cli *cli, struct reconcile *r, struct revisions *revisions);
void revisions_end(struct revisions *revisions);

#endif
