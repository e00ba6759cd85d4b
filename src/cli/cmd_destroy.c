/*
 * devenv destroy: everything that is recorded goes, in reverse order. It works from state, so a
 * manifest that is broken or gone is no obstacle.
 */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/run.h"

static int destroy(struct cli *cli, struct reconcile *r, const struct run_request *request)
{
	struct error err = ERROR_INIT;
	int status;

	if (session_init(cli, r, &err) < 0)
		return cli_fail(cli, &err);
	r->options.destroy = true;
	if (reconcile_load(r, &err) < 0) {
		/* The mistakes are of no interest here, but not knowing the environment is. */
		struct error located = ERROR_INIT;

		r->diags.n = r->diags.errors = 0;
		if (reconcile_locate(r, &located) < 0)
			return cli_fail(cli, &err);
	}
	status = session_plan(cli, r, run_may_act(cli, request) ? STATE_WRITE : STATE_READ);
	return status ? status : run_apply(cli, r, request);
}

static int run_destroy(struct cli *cli)
{
	struct reconcile r;
	struct run_request request = {
		.kind = "destroy",
		.verb = "Destroy",
		.question = "Do you really want to destroy all of this? There is no undo.",
		.approved = args_flag(&cli->args, "yes"),
		.destroy = true,
	};
	int status = destroy(cli, &r, &request);

	session_end(cli, &r);
	return status;
}

const struct command command_destroy = {
	.name = "destroy",
	.aliases = (const char *const[]){"down", NULL},
	.group = "Reconcile",
	.summary = "Destroy everything that is recorded",
	.description =
		"Destroys what the environment has, in reverse order, from what is recorded: the manifest "
		"may have changed or be broken. What holds data is kept (a later apply adopts it again) "
		"unless --volumes is given. lifecycle.preventDestroy is an error, lifecycle.retain forgets.\n\n"
		"Without a terminal to ask on, --yes is needed; else the plan is shown and the exit status is 1.",
	.options = (const struct option[]){
		OPTION_YES,
		{.name = "volumes", .kind = OPTION_FLAG, .help = "Also what holds data"},
		OPTIONS_SELECT,
		OPTION_REFRESH,
		OPTIONS_ALLOW,
		OPTIONS_RUN,
		{.name = NULL}},
	.examples = (const struct example[]){
		{"Show, ask, destroy", "devenv destroy"},
		{"In a script, data too", "devenv destroy --yes --volumes"},
		{"Only look", "devenv plan --destroy"},
		{NULL, NULL}},
	.run = run_destroy,
};
