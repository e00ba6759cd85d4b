/* Looking at reality: one batch a provider, over everything desired, recorded or left open. */
#ifndef DEVENV_ENGINE_OBSERVE_H
#define DEVENV_ENGINE_OBSERVE_H

#include "engine/reconcile.h"
#include "engine/plan/resolve.h"

/* Fills r->observations and r->strays. A provider that cannot be asked leaves "unknown", no error. */
int observe_all(struct reconcile *r, const struct view *views, struct error *err);

/* Keeps what `seen` has prepared for apply until the end of the reconcile. */
void observe_keep(struct reconcile *r, const struct observation *seen);
void observe_release(struct reconcile *r);

/* The environment of a provider call made outside a run (observing, logs, import). */
struct provider_env reconcile_env(struct reconcile *r, struct arena *arena);

#endif
