/* From a plan to a finished run: show, ask, apply, report. Shared by every command that acts. */
#ifndef DEVENV_CLI_RUN_H
#define DEVENV_CLI_RUN_H

#include "cli/cli.h"
#include "cli/render/render.h"

struct run_request {
	const char *kind;     /* "apply", "destroy" ...: for the history */
	const char *verb;     /* "Apply": begins the last line */
	const char *question; /* for a person; NULL: nothing is asked */
	bool approved;        /* --yes, or a plan file */
	bool destroy;
	bool compared;        /* the plan is of two revisions */
	bool outputs;         /* print the outputs at the end */
	/* Both optional: what came of it, and who else wants to see every event. */
	struct apply_result *result;
	void (*event)(void *arg, const struct event *event);
	void *event_arg;
	struct run_origin origin; /* the commit it is made from */
};

/* May the command act, or can it only show what it would do? Decides how state is opened. */
bool run_may_act(const struct cli *cli, const struct run_request *request);
/* What was looked up and is not in the lock file as it was read, below `head`. False: nothing. */
bool run_tell_locked(struct cli *cli, struct reconcile *r, const char *head);
/* Prints the plan to stdout. */
void run_show_plan(struct cli *cli, struct reconcile *r, const struct run_request *request);
/* Shows the plan, asks if it has to, applies. Returns the exit status. */
int run_apply(struct cli *cli, struct reconcile *r, const struct run_request *request);
/* Asks a person: the question, then for each guard. The exit status when not `yes`. */
int run_ask(struct cli *cli, struct reconcile *r, const char *question, bool *yes);
/* What --rollback-on-failure could not undo. */
void run_tell_not_undone(struct cli *cli, const struct reconcile *r);
/* Applies r->plan without a word before it. */
int run_now(struct cli *cli, struct reconcile *r, const struct run_request *request);

/* Those of spec.hooks.plan, when they are asked for. Returns the exit status. */
int run_plan_hook(struct cli *cli, struct reconcile *r, const char *when, const struct value *words);

void plan_view_init(struct plan_view *view, const struct cli *cli, const struct reconcile *r);

#endif
