/*
 * Ranges of versions and names of branches, resolved once: from the lock file, else looked up now by the
 * provider, in memory. Only reconcile_apply and `devenv lock` write what was looked up.
 */
#ifndef DEVENV_ENGINE_LOCKED_H
#define DEVENV_ENGINE_LOCKED_H

#include "engine/reconcile.h"

/* The seam `locked` of struct digester; `arg` is the struct reconcile. */
int locked_find(void *arg, const struct node *node, const struct value *inputs,
	struct value_builder *out, struct diags *diags);
/* Looks up what locked_find did not find. True: there is something new, inputs are to be completed again.
   What cannot be looked up is a diagnostic. */
bool locked_resolve(struct reconcile *r);

#endif
