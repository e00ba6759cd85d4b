/*
 * Changes of state that a person asks for by name. All need reconcile_open(STATE_WRITE), write one
 * transaction with an audit entry, and touch nothing real but for import, which looks.
 */
#ifndef DEVENV_ENGINE_MANAGE_H
#define DEVENV_ENGINE_MANAGE_H

#include "engine/reconcile.h"

/* The newest record of an address; ERROR_NOT_FOUND names the nearest one. */
struct record *manage_record(struct reconcile *r, const char *address, struct error *err);
/* taint: replaced by the next apply. */
int manage_taint(struct reconcile *r, const char *address, bool tainted, const char *actor,
	struct error *err);
/* The record goes, the thing stays. */
int manage_forget(struct reconcile *r, const char *address, const char *actor, struct error *err);
/* Lets exactly one held change happen (reconcile_plan first); the hash is one that the plan shows. */
int manage_approve(struct reconcile *r, const char *hash, const char *actor, struct error *err);
/*
 * Takes an existing thing under an address of the manifest (reconcile_load first). Its record has no
 * fingerprint, so the next plan compares everything. ERROR_CONFLICT: it carries the mark of another
 * home or environment and `take_over` is false.
 */
int manage_import(struct reconcile *r, const char *address, const char *id, bool take_over,
	const char *actor, struct error *err);

#endif
