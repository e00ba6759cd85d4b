/*
 * devenv start, stop, restart: plans that do only that, applied like any other, so they are
 * journaled and in the order of the graph. A restart is a stop and a start of exactly what was
 * stopped; what can be started anew part by part is not stopped for it.
 */
#include "base/texts.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/names.h"
#include "cli/run.h"
#include "engine/plan/planner.h"
#include "engine/plan/within.h"
#include "provider/provider.h"

#include <string.h>

/* Only what was named: stopping a service does not stop its database. And nothing is asked to stop in a
   cluster that is stopped itself. */
static void keep_only(struct plan *plan, const char *const *addresses)
{
	for (size_t i = 0; i < plan->n; i++)
		if (!texts_have(addresses, plan->changes[i].address))
			plan->changes[i].action = ACTION_NOOP;
	for (size_t i = 0; i < plan->n; i++) {
		struct change *change = &plan->changes[i];
		const struct change *home =
			change->node != NODE_NONE ? within_change(plan, change->node) : NULL;

		if (change->action == ACTION_STOP && home && home->action == ACTION_STOP)
			change->action = ACTION_NOOP;
	}
	plan_count(plan);
}

static void keep_running(struct plan *plan)
{
	for (size_t i = 0; i < plan->n; i++) {
		struct change *change = &plan->changes[i];

		if (change->action == ACTION_STOP && change->observed->runs &&
			provider_by_type(change->record->type)->parts)
			change->action = ACTION_NOOP;
	}
	plan_count(plan);
}

/* What the plan is going to stop, for the start that follows. */
static const char *const *stopping(struct cli *cli, const struct plan *plan)
{
	const char **out = arena_zalloc(&cli->arena, (plan->n + 1) * sizeof(*out));
	size_t n = 0;

	for (size_t i = 0; i < plan->n; i++)
		if (plan->changes[i].action == ACTION_STOP)
			out[n++] = arena_strdup(&cli->arena, plan->changes[i].address);
	return out;
}

static int plan_power(
	struct cli *cli, struct reconcile *r, enum power power, bool again,
	const char *const **only)
{
	struct error err = ERROR_INIT;

	if (session_init(cli, r, &err) < 0)
		return cli_fail(cli, &err);
	r->options.power = power;
	r->options.again = again;
	if (power == POWER_STOP && !again) { /* needs only what is recorded; what is started, is as it says */
		if (session_load_any(cli, r))
			return EXIT_FAILED;
	} else if (reconcile_load(r, &err) < 0) {
		return session_fail(cli, r, &err);
	}
	if (reconcile_open(r, STATE_WRITE, cli->args.command->name, &err) < 0)
		return session_fail(cli, r, &err);
	if (!*only) {
		*only = names_running(cli, r, 0, cli->args.n_positional, CAN_STOP, &err);
		if (!*only)
			return cli_fail(cli, &err);
	}
	if (reconcile_observe(r, &err) < 0 || reconcile_plan(r, &err) < 0)
		return session_fail(cli, r, &err);
	session_warnings(cli, r);
	keep_only(&r->plan, *only);
	return 0;
}

/* One stop or start, or half of a restart (`again`). `only`: in, addresses or NULL for those named; out,
   what was stopped or is to be started anew. */
static int do_power(struct cli *cli, enum power power, bool again, const char *const **only)
{
	struct run_request request = {
		.kind = power == POWER_STOP ? "stop" : "start",
		.verb = power == POWER_STOP ? "Stop" : "Start",
	};
	struct reconcile r;
	int status = plan_power(cli, &r, power, again, only);

	if (!status) {
		*only = stopping(cli, &r.plan);
		if (again && power == POWER_STOP)
			keep_running(&r.plan);
		if (r.plan.has_changes)
			status = run_now(cli, &r, &request);
		else if (!again || power == POWER_START || !**only)
			cli_note(cli,
				power == POWER_STOP ? "Nothing to stop." : "Nothing to start.");
	}
	session_end(cli, &r);
	return status;
}

static int run_start(struct cli *cli)
{
	const char *const *only = NULL;

	return do_power(cli, POWER_START, false, &only);
}

static int run_stop(struct cli *cli)
{
	const char *const *only = NULL;

	return do_power(cli, POWER_STOP, false, &only);
}

static int run_restart(struct cli *cli)
{
	const char *const *only = NULL;
	int status = do_power(cli, POWER_STOP, true, &only);

	if (status)
		return status;
	/* What was named and did not run is started, too. */
	if (cli->args.n_positional)
		only = NULL;
	return do_power(cli, POWER_START, true, &only);
}

#define RUN_ARGUMENTS                                                                              \
	.arguments = (const struct argument[]){                                                    \
		{.name = "NAME", .flags = ARGUMENT_OPTIONAL | ARGUMENT_REPEATED,                   \
			.complete = COMPLETE_RUNNING},                                            \
		{.name = NULL}}

const struct command command_start = {
	.name = "start",
	.group = "Operate",
	.summary = "Start what was stopped",
	.description =
		"Starts the named services or resources, or all that exist and do not run. Nothing "
		"is created or changed: `devenv apply` does that.",
	.accepted = (const char *const[]){"--wait", NULL},
	.refused = (const struct refusal[]){
		{"-t", "start stops nothing; `devenv restart -t` does both"},
		{"--timeout", "start stops nothing; `devenv restart -t` does both"},
		{NULL, NULL}},
	.options = (const struct option[]){OPTIONS_RUN, {.name = NULL}},
	RUN_ARGUMENTS,
	.examples = (const struct example[]){
		{"Everything", "devenv start"}, {"One service", "devenv start api"}, {NULL, NULL}},
	.run = run_start,
};

const struct command command_stop = {
	.name = "stop",
	.group = "Operate",
	.summary = "Stop what runs, and keep it stopped",
	.description =
		"Stops the named services or resources, or everything that runs, in reverse order. "
		"An apply does not start it again; `devenv start` does. On a cluster that means no "
		"pods: replicas 0, and CronJobs suspended; in a cluster that is stopped itself "
		"nothing is asked. A broken manifest is no obstacle; to `start` and `restart` it is.",
	.options = (const struct option[]){OPTION_STOP_TIMEOUT, OPTIONS_RUN, {.name = NULL}},
	RUN_ARGUMENTS,
	.examples = (const struct example[]){
		{"For the night", "devenv stop"}, {"One service", "devenv stop api"}, {NULL, NULL}},
	.run = run_stop,
};

const struct command command_restart = {
	.name = "restart",
	.group = "Operate",
	.summary = "Stop and start again",
	.description =
		"Without a name, what runs now. What `devenv stop` had stopped stays stopped. A "
		"service on a cluster is not stopped for it: its pods are replaced one after the "
		"other, as `kubectl rollout restart` does.",
	.refused = (const struct refusal[]){
		{"--no-deps", "only what is named is restarted anyhow"}, {NULL, NULL}},
	.options = (const struct option[]){OPTION_STOP_TIMEOUT, OPTIONS_RUN, {.name = NULL}},
	RUN_ARGUMENTS,
	.examples = (const struct example[]){
		{"One service", "devenv restart api"}, {NULL, NULL}},
	.run = run_restart,
};
