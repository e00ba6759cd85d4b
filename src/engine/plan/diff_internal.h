/* Between the files of a decision: what each of them asks and says in the same way. */
#ifndef DEVENV_ENGINE_PLAN_DIFF_INTERNAL_H
#define DEVENV_ENGINE_PLAN_DIFF_INTERNAL_H

#include "engine/plan/diff.h"

/* Of the node; there must be one. */
const struct resource *diff_resource(const struct diff_input *in);
/* A mistake: nothing of the plan is done. `hint` may be NULL. */
void diff_problem(const struct diff_input *in, const struct change *change, const char *hint,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Why it cannot be seen, for a message; never NULL. */
const char *diff_seen(const struct diff_input *in);
/* Does its home take it along? */
bool diff_home_goes(const struct diff_input *in);
/* As observed; absent where its home goes. */
enum presence diff_presence(const struct diff_input *in);
/* Damaged, written by a later version of this program, or for a type it does not have. */
bool diff_unreadable(const struct record *record);
/* An error for this address only: it is left alone, the others are done. */
void diff_keep(const struct diff_input *in, struct change *change, enum action action);
/* It is to be made: with all its attributes, so that the plan shows them. */
void diff_create(const struct diff_input *in, struct change *change);

/* diff_new.c: desired, not recorded. */
void diff_new(const struct diff_input *in, struct change *change);

#endif
