/* devenv refresh: what reality says is recorded; nothing real is touched. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/run.h"

static int refresh(struct cli *cli, struct reconcile *r, const struct run_request *request)
{
	struct error err = ERROR_INIT;
	int status;

	if (session_init(cli, r, &err) < 0)
		return cli_fail(cli, &err);
	r->options.refresh_only = true;
	if (reconcile_load(r, &err) < 0)
		return session_fail(cli, r, &err);
	status = session_plan(cli, r, STATE_WRITE);
	return status ? status : run_apply(cli, r, request);
}

static int run_refresh(struct cli *cli)
{
	struct reconcile r;
	struct run_request request = {.kind = "refresh", .verb = "Refresh"};
	int status = refresh(cli, &r, &request);

	session_end(cli, &r);
	return status;
}

const struct command command_refresh = {
	.name = "refresh",
	.group = "Reconcile",
	.summary = "Record what reality says, without touching it",
	.description = "Looks at every resource. The record of what is gone is dropped, so that the next "
		       "apply makes it anew; what drifted is shown. Nothing real is touched.",
	.options = (const struct option[]){
		OPTIONS_SELECT,
		OPTION_LOCK_TIMEOUT,
		{.name = NULL}},
	.examples = (const struct example[]){
		{"Someone cleaned up by hand", "devenv refresh"},
		{NULL, NULL}},
	.run = run_refresh,
};
