/*
 * A saved plan: who it is for, the options that it was made with, what it would do and the hash of
 * everything that was shown. It holds no value of a variable and no secret; `apply FILE` plans again
 * and goes on only when the hash is the same.
 */
#ifndef DEVENV_CLI_PLANFILE_H
#define DEVENV_CLI_PLANFILE_H

#include "cli/cli.h"

struct planfile {
	struct hash hash;
	const char *environment;     /* its id; "" when nothing was applied before */
	int64_t serial;
	const char *const *data_loss; /* addresses whose loss of data the plan lists; NULL: none */
	long deletes;                /* how many deletes it lists */
};

/* Durable, 0600. */
int planfile_write(struct cli *cli, const struct reconcile *r, const char *path, struct error *err);
/* Reads it and sets the options of `r` (after session_init, before reconcile_load) as they were. */
int planfile_read(struct cli *cli, struct reconcile *r, const char *path, struct planfile *out,
	struct error *err);

#endif
