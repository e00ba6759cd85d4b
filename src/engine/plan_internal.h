/* Between the files of planning: plan.c (what is desired), plan_recorded.c (what is not). */
#ifndef DEVENV_ENGINE_PLAN_INTERNAL_H
#define DEVENV_ENGINE_PLAN_INTERNAL_H

#include "base/map.h"
#include "engine/planner.h"

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
	uint32_t *change_of;     /* per node: index of its change */
	size_t cap;
};

/* What deciding about a node, or about nothing that is desired (NODE_NONE), begins with. */
struct diff_input planner_diff(const struct planner *p, uint32_t node);
/* The next change of the plan, empty but for its address. */
struct change *planner_change(struct planner *p, const char *address);
/* NULL: not looked at. `generation` 0: the one in charge. */
const struct observation *planner_observation(const struct planner *p, const char *address,
	int generation);

/* The open intents about one generation of an address; those of none that is recorded belong to what is
   in charge, unless what they made is another thing. */
const struct intent *planner_intents(const struct planner *p, const char *address,
	const struct record *record, bool in_charge);

bool planner_made_elsewhere(const struct planner *p, const struct intent *intent);

/* plan_order.c: the changes from `from` on, which are about nothing that is desired, dependents first. */
void plan_order_removals(struct planner *p, size_t from);
/* plan_recorded.c: what is recorded and no longer desired. */
void plan_removed(struct planner *p);
/* An open create whose address nobody desires or recorded: what it made is destroyed. */
void plan_orphans(struct planner *p);
/* --remove-strays. */
void plan_strays(struct planner *p);
/* --refresh-only, start and stop: narrow a plan to that. */
void plan_refresh_only(struct planner *p);
void plan_power(struct planner *p);

#endif
