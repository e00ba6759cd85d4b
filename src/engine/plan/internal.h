/* Between the files of planning: views.c, match.c, plan.c (what is desired), recorded.c (what is not), select.c. */
#ifndef DEVENV_ENGINE_PLAN_INTERNAL_H
#define DEVENV_ENGINE_PLAN_INTERNAL_H

#include "base/map.h"
#include "engine/plan/planner.h"

struct planner {
	const struct planner_input *in;
	struct view *views;
	struct plan *plan;
	struct map records;      /* address -> current record */
	struct map identities;   /* identity -> record that nothing desires by its address */
	struct map observations; /* address -> observation of the current record or of the desired one */
	struct map intents;      /* address -> intent */
	uint8_t *used;           /* per record: matched with a desired address */
	uint8_t *changed_view;   /* per node: references see something else than the record says */
	uint8_t *selected;       /* per node: within --target and --exclude; NULL: all are */
	uint8_t *spared;         /* per record: not to be destroyed, for the same reasons; NULL: none */
	uint32_t *change_of;     /* per node: index of its change */
	size_t cap;
};

/* What deciding about a node, or about nothing that is desired (NODE_NONE), begins with. */
struct diff_input planner_diff(const struct planner *p, uint32_t node);
/* The next change of the plan, empty but for its address. */
struct change *planner_change(struct planner *p, const char *address);

/* views.c: the inputs of a node as its references are seen now, whole; reports what is wrong. */
int view_resolve(const struct planner_input *in, struct resolver *resolver, uint32_t node,
	struct value *out);
/* Inputs become those of the view, without the changes that are to be ignored beside `record` (or NULL). */
void view_put(struct view *view, const struct planner_input *in, const struct resource *resource,
	struct record *record, struct value inputs);

/* match.c: fills the maps of a planner that has nothing but `in`. */
void match_index(struct planner *p);
void match_release(struct planner *p);
/* By address, by `moved:`, by identity; NULL: it has none. */
struct record *match_record(const struct planner *p, const struct resource *resource,
	const struct value *inputs);
/* Which record, intent and observation a node is compared with. */
void match_node(struct planner *p, const struct resource *resource, struct diff_input *diff,
	struct change *change);
/* NULL: not looked at. `generation` 0: the one in charge. */
const struct observation *planner_observation(const struct planner *p, const char *address,
	int generation);

/* The open intents about one generation of an address; those of none that is recorded belong to what is
   in charge, unless what they made is another thing. */
const struct intent *planner_intents(const struct planner *p, const char *address,
	const struct record *record, bool in_charge);

bool planner_made_elsewhere(const struct planner *p, const struct intent *intent);

/* select.c: fills `selected` and `spared`; reports names that are none. */
void plan_select(struct planner *p);
/* What is left out, but goes when what it is attached to is replaced. */
void plan_left_out(struct planner *p, const struct resource *resource, const struct because *replaced);
/* What an earlier run was making is not to be destroyed by this one. */
bool plan_spares_intent(const struct planner *p, const struct intent *intent);
/* order.c: the changes from `from` on, which are about nothing that is desired, dependents first. */
void plan_order_removals(struct planner *p, size_t from);
/* precede.c: lifecycle.precedes and succeeds, once all that is desired is decided. */
void plan_precede(struct planner *p);
/* begun.c: lifecycle.begunWith, as soon. */
void plan_begun(const struct planner *p);
/* recorded.c: what is recorded and no longer desired. */
void plan_removed(struct planner *p);
/* An open create whose address nobody desires or recorded: what it made is destroyed. */
void plan_orphans(struct planner *p);
/* destroy --strays: nothing but what has our mark and is not recorded. */
void plan_strays(struct planner *p);
/* --refresh-only, start and stop: narrow a plan to that. */
void plan_refresh_only(struct planner *p);
void plan_power(struct planner *p);

#endif
