/* Names on the command line: an address, or a service of the manifest. */
#ifndef DEVENV_CLI_NAMES_H
#define DEVENV_CLI_NAMES_H

#include "cli/cli.h"

/*
 * The addresses that the command's arguments from `first` on stand for, NULL-terminated, each once,
 * in the order of the records: recorded resources of types that run. Without arguments all of them;
 * NULL and a mistake for a name that is none.
 */
const char *const *names_running(struct cli *cli, struct reconcile *r, size_t first, size_t last,
	struct error *err);

#endif
