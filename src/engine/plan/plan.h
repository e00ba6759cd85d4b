/*
 * The plan: what would change, in order, and why. The two central structs of the program are
 * `struct node` (graph.h) and `struct change` here.
 *
 * plan_make is pure: desired, recorded and observed in, the same bytes out. docs/lifecycle.md holds
 * the case table that diff.c follows row by row.
 */
#ifndef DEVENV_ENGINE_PLAN_PLAN_H
#define DEVENV_ENGINE_PLAN_PLAN_H

#include "base/diag.h"
#include "model/graph.h"
#include "manifest/manifest.h"
#include "model/record.h"
#include "provider/provider.h"

#include <stdbool.h>
#include <stdint.h>

/* What is done to one resource. The symbol and the word stand in action_symbol() and action_str(). */
enum action {
	ACTION_NOOP,
	ACTION_RECORD,  /* only what is recorded changes; no provider call */
	ACTION_FORGET,  /* the record is dropped, the thing stays */
	ACTION_DROP,    /* the record is dropped, the thing is gone already */
	ACTION_KEEP,    /* not desired, but cannot be seen: the delete is pending */
	ACTION_START,
	ACTION_STOP,
	ACTION_ADOPT,   /* exists, is ours (open intent, import): finished and recorded */
	ACTION_CREATE,
	ACTION_UPDATE,
	ACTION_REPLACE,
	ACTION_DELETE,
};

const char *action_str(enum action action);    /* "create" */
const char *action_symbol(enum action action); /* "+", "~", "-/+", "-", ">", " " */

enum reason_kind {
	REASON_NEW,          /* in the manifest, not recorded */
	REASON_CHANGED,      /* an attribute changed: `path`, `pos` */
	REASON_DRIFT,        /* reality changed */
	REASON_VANISHED,     /* recorded, but gone */
	REASON_TAINTED,
	REASON_REMOVED,      /* no longer in the manifest */
	REASON_DEPENDENCY,   /* `path` is the address that changed or is replaced */
	REASON_TRIGGERED,    /* replaceTriggeredBy, triggers; `path` is the address */
	REASON_INTERRUPTED,  /* a run died in the middle of it */
	REASON_FAILED,       /* the last try failed; fingerprint forgotten */
	REASON_STOPPED,      /* it should run and does not */
	REASON_UNREADY,      /* made, but it was not ready in time */
	REASON_REQUESTED,    /* --replace, --destroy, import */
	REASON_METADATA,     /* lifecycle flags, edges ... */
	REASON_MOVED,        /* `path` is the old address */
	REASON_DEPOSED,      /* an old generation still to be destroyed */
	REASON_UNKNOWN,      /* cannot be seen */
	REASON_DATA_LOSS,    /* what it holds would be lost */
	REASON_UNEVALUATED,  /* what would have had to run to see it was not run */
};

struct reason {
	enum reason_kind kind;
	const char *text; /* a whole sentence, for people */
	const char *path; /* attribute or address; NULL: none */
	struct pos pos;   /* the place in the manifest; POS_NONE: none */
	const char *by;   /* the commit that changed that place last, in words; NULL: not asked for */
};

struct attribute_change {
	const char *path;           /* "environment.PORT", "command[2]" */
	const struct value *before; /* NULL: not set */
	const struct value *after;  /* NULL: taken out; VALUE_UNKNOWN: known after apply */
	bool drift;                 /* reality moved away; the manifest did not change */
	bool forces_replace;
	bool only_reported;         /* drift on something that no one asked to be otherwise */
	struct pos pos;             /* of the desired value */
	const char *by;             /* as in a reason */
};

/* Why a change is not simply done. */
enum hold {
	HOLD_NONE,
	HOLD_DATA_LOSS,   /* loses data: --allow-data-loss ADDRESS */
	HOLD_MASS_DELETE, /* more than half of the environment: --allow-delete=N */
	HOLD_STRONGER,    /* resolved to something stronger than the plan showed */
};

/* "it loses data"; for HOLD_NONE nothing. */
const char *hold_why(enum hold hold);

struct change {
	const char *address;
	int generation;            /* of the record it acts on, or of the one it makes */
	const char *previous;      /* address it moved from; NULL */
	enum action action;        /* for a deferred change: the strongest it may turn into */
	bool deferred;             /* inputs are not known yet: "up to" */
	bool uncertain;            /* a replace that may turn out to be none when more is known */
	bool create_first;         /* a replace that creates before it destroys */
	bool unreadable;           /* its record says nothing to this version: an error for it alone */
	enum hold hold;
	char approval[17];         /* hash for `devenv approve`; empty: none needed */

	uint32_t node;             /* index into graph->nodes; NODE_NONE when not desired */
	struct record *record;     /* NULL: not recorded */
	const struct observation *observed; /* NULL: not looked at */
	const struct intent *intent; /* the open intent that is settled; NULL */
	const struct value *inputs; /* resolved; unknowns inside when deferred. NULL when not desired */
	const struct value *outputs; /* planned outputs: known ones, VALUE_UNKNOWN for the rest */
	struct hash fingerprint;    /* of the inputs; meaningless when deferred */

	const struct reason *reasons;
	size_t n_reasons;
	const struct attribute_change *attributes; /* by path */
	size_t n_attributes;
};

#define NODE_NONE UINT32_MAX

/* May it turn out weaker than it is shown? A create whose inputs are not known yet is one all the same,
   and so is a replace that stands fast. */
static inline bool change_is_perhaps(const struct change *change)
{
	if (change->action == ACTION_REPLACE)
		return change->uncertain;
	return change->deferred && change->action != ACTION_NOOP && change->action != ACTION_CREATE;
}

struct plan_counts {
	size_t add, change, destroy; /* a replace counts in add and destroy, as Terraform does */
	size_t start, adopt, forget, record, moved;
	size_t deferred;             /* how many of add/change/destroy are "up to" */
	size_t noop, drifted, unknown, held, unreadable;
	size_t stopped;              /* by `devenv stop`: they stay as they are */
};

struct output_change {
	const char *name;
	const struct value *before, *after; /* NULL: absent */
};

enum power {
	POWER_NONE,
	POWER_START, /* `devenv start`: what does not run is started, nothing else changes */
	POWER_STOP,
};

/* What the lock file does not say is looked up, and then ... */
enum pins_use {
	PINS_WRITE,   /* written into it by an apply */
	PINS_UPGRADE, /* the same, and what it says already is looked up again, of `upgrades` */
	PINS_MEMORY,  /* kept for this run: the folder is not ours to write to */
	PINS_OFFLINE, /* nothing is looked up */
	PINS_FROZEN,  /* it is a mistake */
};

struct plan_options {
	const char *const *targets;  /* NULL-terminated or NULL */
	const char *const *excludes;
	const char *const *replaces;
	bool no_deps;                /* of what targets need, nothing that runs by itself: that has to be there */
	bool destroy, refresh_only;
	bool no_refresh, full_refresh;
	bool distrust;               /* what the manifest brings is not run to see how things are */
	bool show_manifests;         /* what a release would do to its objects, too */
	bool force_conflicts;        /* fields of objects that others set are taken over */
	bool only_strays;            /* of what is there, destroy what has our mark and is not recorded */
	enum power power;
	enum pins_use pins;
	const char *const *upgrades; /* addresses; NULL: of all */
	bool again;                  /* POWER_START also starts anew what runs and can be without a stop */
	bool volumes;                /* destroy: persistent ones too */
	const char *const *allow_data_loss; /* addresses */
	long allow_delete;           /* how many deletions the user agreed to; -1: none said */
	const char *const *approvals; /* hashes given by `devenv approve` */
};

struct plan {
	struct graph *graph;
	const char *project_root;
	struct change *changes;      /* every address once (and once more per deposed generation), in an
	                                order in which they can be done; ties by address */
	size_t n;
	const uint32_t *change_of;   /* per node: index of its change; NULL: no node has one */
	struct plan_counts counts;
	const struct stray *strays;
	size_t n_strays;
	const struct output_change *outputs;
	size_t n_outputs;
	int64_t serial;              /* of the state it was made from */
	struct hash hash;            /* of everything a person was shown; `apply FILE` compares it */
	bool has_changes;            /* anything at all to do */
};

#endif
