/* Names on the command line: an address, or a service of the manifest. */
#ifndef DEVENV_CLI_NAMES_H
#define DEVENV_CLI_NAMES_H

#include "cli/cli.h"

/* Does `name` mean this address? The address, its service, or the part behind the dot: "api" means
   type.api and type.api["x"]. */
bool name_means(const struct reconcile *r, const char *name, const char *address);
/* Is it of a type that runs (start, stop, logs ...)? */
bool record_runs(const struct record *record);
/* No resource is called so; says which one may be meant. Returns -1. */
int name_unknown(const struct nearest *nearest, struct error *err);

/*
 * The addresses that the command's arguments from `first` on stand for, NULL-terminated, each once,
 * in the order of the records: recorded resources of types that run. Without arguments all of them;
 * NULL and a mistake for a name that is none.
 */
const char *const *names_running(struct cli *cli, struct reconcile *r, size_t first, size_t last,
	struct error *err);

#endif
