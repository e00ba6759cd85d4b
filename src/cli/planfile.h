/*
 * A saved plan: who it is for, the options that it was made with, what it would do and the hash of
 * everything that was shown. It holds no value of a variable and no secret; `apply FILE` plans
 * again and goes on only when the hash is the same.
 */
#ifndef DEVENV_CLI_PLANFILE_H
#define DEVENV_CLI_PLANFILE_H

#include "cli/cli.h"

struct planfile {
	struct hash hash;
	const char *environment;     /* its id; "" when nothing was applied before */
	const char *const *data_loss; /* addresses whose loss of data the plan lists; NULL: none */
	long deletes;                /* how many deletions it lists */
	const struct value *content; /* all of it */
};

/* Durable, 0600. */
int planfile_write(struct cli *cli, const struct reconcile *r, const char *path, struct error *err);
/* Refuses what is no plan, and a command line without the --var and --set that it was made with. */
int planfile_read(struct cli *cli, const char *path, struct planfile *out, struct error *err);
/* Sets the options of `r` as they were; between session_init and reconcile_load. */
void planfile_use(struct cli *cli, struct reconcile *r, const struct planfile *file);

#endif
