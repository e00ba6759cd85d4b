/*
 * devenv destroy: everything that is recorded goes, in reverse order. It works from state, so a
 * manifest that is broken or gone is no obstacle.
 */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/names.h"
#include "cli/run.h"
#include "engine/orphan.h"
#include "engine/plan/planner.h"

#include "base/fs.h"

static int find_orphan(struct cli *cli, struct reconcile *r, const char *id, enum state_mode mode)
{
	struct error err = ERROR_INIT;

	r->options.destroy = true;
	if (orphan_open(r, mode, id, "destroy", &err) < 0)
		return cli_fail(cli, &err);
	if (!fs_exists(r->manifest.root))
		return EXIT_OK;
	error_set(&err, ERROR_CONFLICT,
		"%s is another checkout now, whose files would be taken for those of %s: move it away "
		"for as long as this takes, or only forget: devenv forget --orphan %s",
		r->manifest.root, id, id);
	return cli_fail(cli, &err);
}

/* The environment of this folder, or the orphan that was asked for. */
static int find(struct cli *cli, struct reconcile *r, enum state_mode mode)
{
	const char *orphan = args_text(&cli->args, "orphan");
	struct error err = ERROR_INIT;

	if (session_init(cli, r, &err) < 0)
		return cli_fail(cli, &err);
	if (orphan)
		return find_orphan(cli, r, orphan, mode);
	/* A stray is what neither the manifest nor state names, so for those both are looked at. */
	r->options.only_strays = args_flag(&cli->args, "strays");
	r->options.destroy = !r->options.only_strays;
	return session_load_any(cli, r);
}

static int take_names(struct cli *cli, struct reconcile *r, enum state_mode mode)
{
	struct error err = ERROR_INIT;
	struct nearest nearest;
	int status;

	if (!cli->args.n_positional)
		return EXIT_OK;
	status = r->state ? 0 : session_open(cli, r, mode);
	if (status || names_take_targets(cli, r, &nearest) == 0)
		return status;
	name_unknown(&nearest, &err);
	return cli_fail(cli, &err);
}

/* What keeps nothing need not be remembered. */
static int forget_orphan(struct cli *cli, struct reconcile *r)
{
	struct error err = ERROR_INIT;

	r->n_records = r->n_intents = 0; /* those that are left hold it back */
	if (orphan_forget(r, session_actor(cli), &err) < 0 && err.code != ERROR_CONFLICT)
		return cli_fail(cli, &err);
	return EXIT_OK;
}

static int destroy(struct cli *cli, struct reconcile *r, const struct run_request *request)
{
	enum state_mode mode = run_may_act(cli, request) ? STATE_WRITE : STATE_READ;
	int status = find(cli, r, mode);

	if (!status)
		status = take_names(cli, r, mode);
	if (!status)
		status = session_plan(cli, r, mode);
	if (!status)
		status = run_apply(cli, r, request);
	if (!status && args_text(&cli->args, "orphan"))
		status = forget_orphan(cli, r);
	return status;
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
	.accepted = (const char *const[]){"--remove-orphans", NULL},
	.aliases = (const char *const[]){"down", NULL},
	.group = "Reconcile",
	.summary = "Destroy everything that is recorded",
	.description =
		"Destroys what the environment has, in reverse order, from what is recorded: the "
		"manifest may have changed or be broken. What holds data is kept (a later apply "
		"adopts it again) unless --volumes is given. lifecycle.preventDestroy is an error, "
		"lifecycle.retain forgets.\n\n"
		"With NAME it is as with --target: that, and what needs it.\n\n"
		"Without a terminal to ask on, --yes is needed; else the plan is shown and the "
		"exit status is 1.\n\n"
		"`down` takes -v for --volumes as Compose does, and --remove-orphans, which asks for "
		"what is done anyway.",
	.refused = (const struct refusal[]){
		{"--rmi", "images that devenv pulled or built go anyway, those that were there before stay"},
		{"--dry-run", "devenv plan --destroy"},
		{NULL, NULL}},
	.options = (const struct option[]){
		OPTION_YES,
		{.name = "volumes", .letter = 'v', .letter_as = "down", .kind = OPTION_FLAG,
			.help = "Also what holds data; `devenv down -v` means this, too"},
		{.name = "strays", .kind = OPTION_FLAG,
			.help = "Only what has the mark of this environment and is not recorded"},
		{.name = "orphan", .kind = OPTION_TEXT, .argument = "ID",
			.help = "The environment with this id, whose checkout is gone; then forget it"},
		OPTIONS_SELECT,
		OPTION_REFRESH,
		OPTIONS_ALLOW,
		OPTION_STOP_TIMEOUT,
		OPTIONS_RUN,
		{.name = NULL}},
	.arguments = (const struct argument[]){
		{.name = "NAME", .flags = ARGUMENT_OPTIONAL | ARGUMENT_REPEATED,
			.complete = COMPLETE_RECORDED},
		{.name = NULL}},
	.examples = (const struct example[]){
		{"Show, ask, destroy", "devenv destroy"},
		{"One service", "devenv down api"},
		{"In a script, data too", "devenv destroy --yes --volumes"},
		{"What a lost state left behind", "devenv destroy --strays"},
		{"What a checkout left behind that was removed", "devenv destroy --orphan 3f9a1c0e77b2"},
		{"Only look", "devenv plan --destroy"},
		{NULL, NULL}},
	.run = run_destroy,
};
