/*
 * An environment whose checkout is gone, found by its id. Instead of reconcile_load and
 * reconcile_open; afterwards it can be planned for destruction like any other, or forgotten.
 */
#ifndef DEVENV_ENGINE_ORPHAN_H
#define DEVENV_ENGINE_ORPHAN_H

#include "engine/reconcile.h"

/* `id`: all of it or how it begins. ERROR_CONFLICT: its folder is there, so that it is no orphan. */
int orphan_open(struct reconcile *r, enum state_mode mode, const char *id, const char *what,
	struct error *err);
/* Drops its records and intents; what exists stays. Needs STATE_WRITE. */
int orphan_forget(struct reconcile *r, const char *actor, struct error *err);

#endif
