/*
 * Environments whose checkout is gone. What they made is still recorded and can be destroyed from
 * there, or forgotten; by id, because no folder leads to them any more. One whose folder is there is
 * never touched: it may only look forgotten.
 */
#include "engine/orphan.h"

#include "base/fs.h"
#include "engine/checkout.h"

#include <string.h>

enum { ID_MIN = 6 }; /* digits of an id that name it */

/* The only environment whose id begins so. */
static int find(struct reconcile *r, const char *id, struct error *err)
{
	struct environment *all, *found = NULL;
	size_t n, len = strlen(id);

	if (state_environments(r->state, &r->arena, &all, &n, err) < 0)
		return -1;
	if (len < ID_MIN || strspn(id, "0123456789abcdef") != len)
		return error_set(err, ERROR_INVALID, "\"%s\" is no id of an environment: at least %d of the "
			"digits that `devenv list` shows", id, ID_MIN);
	for (size_t i = 0; i < n; i++) {
		if (strncmp(all[i].id, id, len) != 0)
			continue;
		if (found)
			return error_set(err, ERROR_CONFLICT, "the ids of several environments begin with "
				"%s: give more digits", id);
		found = &all[i];
	}
	if (!found)
		return error_set(err, ERROR_NOT_FOUND, "there is no environment %s; `devenv list` shows all",
			id);
	r->environment = *found;
	return 0;
}

static int check(struct reconcile *r, struct error *err)
{
	const struct environment *e = &r->environment;

	if (checkout_is_gone(e, &r->arena))
		return 0;
	return error_set(err, ERROR_CONFLICT, "%s is no orphan, its folder is there: work in %s (`devenv "
		"destroy`, `devenv forget ADDRESS`)", e->id, e->root);
}

int orphan_open(struct reconcile *r, enum state_mode mode, const char *id, const char *what,
	struct error *err)
{
	diags_init(&r->diags, &r->arena);
	r->state = state_open(r->home, mode, r->clock, err);
	if (!r->state || find(r, id, err) < 0 || check(r, err) < 0)
		return -1;
	r->manifest.root = r->environment.root;
	r->manifest.name = r->environment.project;
	r->manifest.environment = r->environment.name;
	graph_build(&r->graph, &(struct graph_input){0}, &r->arena, &r->diags);
	return reconcile_enter(r, mode, what, err);
}

/* Everything of it in one transaction, the audit entry, too. */
static int forget(struct reconcile *r, const char *actor, struct error *err)
{
	const char *id = r->environment.id;

	for (size_t i = 0; i < r->n_records; i++) {
		if (state_record_delete(r->state, id, r->records[i].address, r->records[i].generation,
			    err) < 0)
			return -1;
	}
	for (size_t i = 0; i < r->n_intents; i++) {
		if (state_intent_close(r->state, id, r->intents[i].id, err) < 0)
			return -1;
	}
	if (state_environment_forget(r->state, id, err) < 0)
		return -1;
	return state_audit(r->state, id, actor, "forgotten",
		arena_printf(&r->arena, "the environment, last at %s", r->environment.root), err);
}

int orphan_forget(struct reconcile *r, const char *actor, struct error *err)
{
	if (state_begin(r->state, err) < 0)
		return -1;
	if (forget(r, actor, err) < 0) {
		state_rollback(r->state);
		return -1;
	}
	return state_commit(r->state, err);
}
