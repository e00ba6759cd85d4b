/* Names on the command line: an address, or a service of the manifest. */
#ifndef DEVENV_CLI_NAMES_H
#define DEVENV_CLI_NAMES_H

#include "cli/cli.h"
#include "provider/provider.h"

/* Does `name` mean this address? The address, its service, or the part behind the dot: "api" means
   type.api and type.api["x"]. */
bool name_means(const struct reconcile *r, const char *name, const char *address);
/*
 * The addresses that a word stands for, NULL-terminated, those of the manifest first: itself, or all its
 * instances; a word without a type is every resource that is called so. Empty: none.
 */
const char *const *names_addresses(struct cli *cli, const struct reconcile *r, const char *word,
	bool recorded_only);
/* The same for each of a list of options. What stands for nothing stays as it is. */
const char *const *names_all(struct cli *cli, const struct reconcile *r, const char *const *words);
/* -1: the word stands for nothing; it is in `nearest`, with what may have been meant. */
int names_find(struct cli *cli, const struct reconcile *r, const char *word, struct nearest *nearest);
/*
 * Makes the command's arguments --targets, state being open: `devenv up api` is --target api. -1: the word
 * that stands for nothing is in `nearest`.
 */
int names_take_targets(struct cli *cli, struct reconcile *r, struct nearest *nearest);
/* No resource is called so; says which one may be meant. Returns -1. */
int name_unknown(const struct nearest *nearest, struct error *err);

/*
 * The addresses of recorded resources with that ability that the command's arguments from `first` on stand for, NULL-terminated, each once,
 * in the order of the records. Without arguments all of them;
 * NULL and a mistake for a name that is none.
 */
const char *const *names_running(struct cli *cli, struct reconcile *r, size_t first, size_t last,
	enum ability ability, struct error *err);

#endif
