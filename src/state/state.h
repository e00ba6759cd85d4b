/*
 * State: the only room that knows SQL. One database for a home (~/.devenv/state.db or DEVENV_HOME),
 * isolated by environment; rows per resource, so a write costs the same at 10 and at 100,000.
 *
 * Owned by one thread. Every write happens inside state_begin ... state_commit; a commit is durable
 * when it returns (synchronous=FULL). Opened for reading, nothing is created, migrated or written:
 * an absent database is an empty one, an older schema is read through a copy in memory.
 */
#ifndef DEVENV_STATE_STATE_H
#define DEVENV_STATE_STATE_H

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/secret.h"
#include "model/record.h"

#include <stdbool.h>
#include <stdint.h>

struct state;

enum state_mode {
	STATE_READ,  /* no effect at all on disk */
	STATE_WRITE, /* creates home (0700), database (0600) and key (0600), migrates after a backup */
};

/* `home`: absolute. ERROR_CORRUPT: damaged, foreign or newer (says which, and what to do). */
struct state *state_open(const char *home, enum state_mode mode, const struct clock *clock,
	struct error *err);
void state_free(struct state *state); /* NULL is fine */

const char *state_id(const struct state *state); /* random, made with the database; "" when empty */
/* The home's key (key file apart from the database, or DEVENV_KEY); NULL when there is none yet. A
   database that names a key which is lost gives ERROR_CORRUPT naming its id on first use of a secret. */
const struct secret_key *state_key(const struct state *state);
/* ERROR_CORRUPT when stored secrets need a key that is not here. Call before secrets are compared or
   written: a lost key must never look like a change. */
int state_key_check(const struct state *state, struct error *err);

/* --- environments ------------------------------------------------------------------------------ */

struct environment {
	const char *id;       /* 32 hex digits; NULL: not known yet */
	const char *checkout; /* id from .devenv/local/id */
	const char *name;     /* of -e; "" for none */
	const char *project;  /* metadata.name, a label */
	const char *root;     /* real path of the project root when last applied */
	uint64_t device, inode; /* of the root */
	int64_t serial;       /* grows with every commit that changed a record */
	int64_t resources, created_at, last_run_at;
};

/* Finds by (checkout, name); out->id stays NULL when there is none. Texts live in `arena`. */
int state_environment_find(struct state *state, const char *checkout, const char *name,
	struct arena *arena, struct environment *out, struct error *err);
/* Those of one root, for a checkout whose id file is gone. */
int state_environments_at(struct state *state, const char *root, struct arena *arena,
	struct environment **out, size_t *n, struct error *err);
int state_environments(struct state *state, struct arena *arena, struct environment **out, size_t *n,
	struct error *err);
/* Inserts (out->id is made) or updates project, root, device and inode. Inside a transaction. */
int state_environment_put(struct state *state, struct arena *arena, struct environment *environment,
	struct error *err);
/* Its records must be gone; history stays. */
int state_environment_forget(struct state *state, const char *id, struct error *err);

/* --- transactions ------------------------------------------------------------------------------ */

int state_begin(struct state *state, struct error *err);
int state_commit(struct state *state, struct error *err);
void state_rollback(struct state *state);
/* Commits so far, i.e. syncs asked for; tests hold a budget against it. */
int64_t state_commits(const struct state *state);

/* --- records ----------------------------------------------------------------------------------- */

/* All records of an environment, by address and generation. Everything lives in `arena`, also the key
   that they point to; when that is lost, reading a stored secret gives an error that names it. */
int state_records(struct state *state, const char *environment, struct arena *arena,
	struct record **out, size_t *n, struct error *err);
/* Inserts or replaces (address, generation). */
int state_record_put(struct state *state, const char *environment, const struct record *record,
	struct error *err);
int state_record_delete(struct state *state, const char *environment, const char *address,
	int generation, struct error *err);
int state_record_rename(struct state *state, const char *environment, const char *from,
	const char *to, struct error *err);

/* --- journal ----------------------------------------------------------------------------------- */

/* Committed before the effect; closed in the transaction that writes what came of it. */
int state_intent_open(struct state *state, const char *environment, const struct intent *intent,
	struct error *err);
int state_intent_close(struct state *state, const char *environment, const char *id,
	struct error *err);
/* By address, those of one address in the order in which they were opened. */
int state_intents(struct state *state, const char *environment, struct arena *arena,
	struct intent **out, size_t *n, struct error *err);

/* --- history ----------------------------------------------------------------------------------- */

/* The commit that a run was made from; all NULL where no git remote is followed. */
struct run_origin {
	const char *revision; /* 40 hex digits */
	const char *author;   /* "Name <address>" */
	const char *signer;   /* who signed it, as the keys of the machine call them; NULL: not asked for */
};

struct run {
	int64_t id;
	const char *environment;
	const char *kind;    /* "apply", "destroy", "refresh" ... */
	const char *actor;   /* user@host */
	const char *status;  /* "running", "ok", "failed", "cancelled", "died" */
	const char *summary; /* "2 added, 1 changed" */
	int64_t started_at, finished_at; /* finished_at 0: not yet */
	struct run_origin origin;
};

struct run_change {
	int64_t run;
	const char *address;
	int generation;
	const char *action; /* "create" ... */
	const char *reason; /* one line */
	const char *status; /* "ok", "failed", "held", "blocked" */
	const char *error;  /* NULL: none; already redacted */
	int64_t started_at, duration;
};

/* Sets run->id. Earlier runs of the environment that never finished become "died". */
int state_run_start(struct state *state, struct run *run, struct error *err);
int state_run_finish(struct state *state, const struct run *run, struct error *err);
int state_run_change(struct state *state, const struct run_change *change, struct error *err);
/* Newest first; at most `limit` (0: all). */
int state_runs(struct state *state, const char *environment, size_t limit, struct arena *arena,
	struct run **out, size_t *n, struct error *err);
int state_run_changes(struct state *state, int64_t run, struct arena *arena,
	struct run_change **out, size_t *n, struct error *err);

/* --- small things kept per environment --------------------------------------------------------- */

/* Approvals, the last plan's hash, outputs: (kind, key) -> text. NULL value deletes. */
int state_note_put(struct state *state, const char *environment, const char *kind, const char *key,
	const char *value, struct error *err);
int state_notes(struct state *state, const char *environment, const char *kind, struct arena *arena,
	const char *const **keys, const char *const **values, size_t *n, struct error *err);

/* --- remotes that are followed (`devenv sync`) ------------------------------------------------- */

struct sync_record {
	const char *name;
	const char *environment; /* id; NULL: nothing was applied yet */
	const char *url, *ref;   /* "branch main", "tag v1.*" ... */
	const char *root;        /* the live folder */
	const char *seen;        /* the newest commit that was judged; NULL: none */
	const char *applied;     /* the newest commit that was taken; NULL: none */
	const char *author, *signer, *summary; /* of `seen`; NULL: not known */
	const char *result;      /* "ok", "held", "failed", "invalid", "refused" ... */
	const char *message;     /* why; NULL: nothing to say */
	int64_t run, changed_at; /* run 0: none */
	const char *suspended;   /* by whom and why; NULL: it is not */
};

/* By name; both live in `arena`. */
int state_syncs(struct state *state, struct arena *arena, struct sync_record **out, size_t *n,
	struct error *err);
/* Inserts or replaces, but for `suspended`, which stays. Inside a transaction. */
int state_sync_put(struct state *state, const struct sync_record *sync, struct error *err);
/* NULL resumes. ERROR_NOT_FOUND: there is no such sync. Inside a transaction. */
int state_sync_suspend(struct state *state, const char *name, const char *why, struct error *err);

/* --- audit ------------------------------------------------------------------------------------- */

/* Appends an entry that holds the hash of the one before; in the caller's transaction. */
int state_audit(struct state *state, const char *environment, const char *actor, const char *event,
	const char *detail, struct error *err);
struct audit_entry {
	int64_t id, at;
	const char *environment, *actor, *event, *detail, *hash;
};
int state_audit_entries(struct state *state, size_t limit, struct arena *arena,
	struct audit_entry **out, size_t *n, struct error *err);
/* Walks the whole chain. `broken` is the first entry that does not fit, or 0. */
int state_audit_verify(struct state *state, int64_t *checked, int64_t *broken, struct error *err);

#endif
