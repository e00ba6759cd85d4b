/*
 * One desired state against another: what a manifest wants stands for what is recorded, as if it had been
 * applied and had gone well. Nothing is observed and no state is read, so what outputs will hold is not
 * known; a reference to one stands for itself ("${docker_network.n.id}") on both sides.
 */
#ifndef DEVENV_ENGINE_SUPPOSE_H
#define DEVENV_ENGINE_SUPPOSE_H

#include "engine/reconcile.h"

/*
 * Both are loaded and nothing more; `from` lives as long as `r`. Then reconcile_observe and
 * reconcile_plan of `r` say what leads from one to the other. `from` NULL: from nothing. -1:
 * diagnostics of `from`.
 */
int reconcile_suppose(struct reconcile *r, struct reconcile *from, struct error *err);

/* Takes out of `plan` what `before` would do as well, and counts again. */
void plan_subtract(struct plan *plan, const struct plan *before);

#endif
