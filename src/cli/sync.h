/* Between the commands of `devenv sync`. */
#ifndef DEVENV_CLI_SYNC_H
#define DEVENV_CLI_SYNC_H

#include "cli/cli.h"
#include "loop/sync/sync.h"

/* What the loop asks for: plan, apply, tell (sync_hooks.c). */
struct sync_hooks sync_hooks_of(struct cli *cli);

/* The machine's own file: a list of syncs (sync_file.c). Mistakes are printed; the exit status or 0. */
int sync_file_read(struct cli *cli, const char *path, const char *home, struct sync_spec **out,
	size_t *n);

/* What a spec has before anything was said. */
struct sync_spec sync_spec_default(void);
/* Sizes such as "500M"; -1: it is none. */
int64_t sync_size_parse(const char *text);

#endif
