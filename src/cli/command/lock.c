/*
 * devenv lock: what ranges and branches stand for now, written into the lock file. Nothing else changes;
 * with --check not even that.
 */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/names.h"
#include "cli/run.h"

/* The addresses that the arguments stand for. */
static int take_names(struct cli *cli, struct reconcile *r, struct error *err)
{
	const struct args *args = &cli->args;

	for (size_t i = 0; i < args->n_positional; i++) {
		struct nearest nearest;

		if (names_find(cli, r, args->positional[i], &nearest) < 0)
			return name_unknown(&nearest, err);
	}
	if (args->n_positional)
		r->options.upgrades = names_all(cli, r, args->positional);
	return 0;
}

static int choose(struct cli *cli, struct reconcile *r, struct error *err)
{
	if (args_flag(&cli->args, "upgrade") || args_flag(&cli->args, "check"))
		r->options.pins = PINS_UPGRADE;
	else if (cli->args.n_positional)
		return error_set(err, ERROR_INVALID, "what is not locked yet is locked anyhow; to look up "
			"%s again, add --upgrade", cli->args.positional[0]);
	return take_names(cli, r, err);
}

static int lock(struct cli *cli, struct reconcile *r)
{
	bool check = args_flag(&cli->args, "check"), any;
	struct error err = ERROR_INIT;

	if (reconcile_open(r, STATE_READ, "lock", &err) < 0 || choose(cli, r, &err) < 0 ||
		reconcile_resolve(r, &err) < 0)
		return session_fail(cli, r, &err);
	session_warnings(cli, r);
	if (!check && reconcile_lock(r, args_flag(&cli->args, "prune"), &err) < 0)
		return cli_fail(cli, &err);
	any = run_tell_locked(cli, r, check ? "There is something newer than in " PINS_PATH
		", or it is not there yet:" : "Locked in " PINS_PATH ":");
	if (!any && !cli->json)
		cli_note(cli, check ? PINS_PATH " is up to date." : "Nothing new is to be locked.");
	return any && check ? EXIT_CHANGES : EXIT_OK;
}

static int run_lock(struct cli *cli)
{
	struct reconcile r;
	int status = session_load(cli, &r);

	if (!status)
		status = lock(cli, &r);
	session_end(cli, &r);
	return status;
}

const struct command command_lock = {
	.name = "lock",
	.group = "Reconcile",
	.summary = "Write down what ranges and branches stand for",
	.description =
		"Looks up what the manifest names and others may move, as the range of versions of a chart "
		"or the branch of a git source, and writes what it is now into .devenv/lock.yml. Commit "
		"that file: everybody then gets the same, until `devenv lock --upgrade`, which looks up "
		"everything again, or with names only those. An apply does the same for what is not "
		"locked yet. What was applied before is what is locked, as long as it is asked for in "
		"the same words. Nothing else is changed, and no cluster is asked.",
	.arguments = (const struct argument[]){
		{.name = "NAME", .flags = ARGUMENT_OPTIONAL | ARGUMENT_REPEATED,
			.complete = COMPLETE_ADDRESS},
		{.name = NULL}},
	.options = (const struct option[]){
		{.name = "upgrade", .kind = OPTION_FLAG,
			.help = "Look up again what is locked already, too"},
		{.name = "check", .kind = OPTION_FLAG,
			.help = "Write nothing: say what --upgrade would change; status 2 when there is something"},
		{.name = "prune", .kind = OPTION_FLAG,
			.help = "Take out what this environment does not name"},
		{.name = NULL}},
	.examples = (const struct example[]){
		{"After a change of charts", "devenv lock"},
		{"What is new?", "devenv lock --check"},
		{"Take what the branch of one source is now", "devenv lock --upgrade api && devenv plan"},
		{"In CI: fail when somebody forgot to lock", "devenv plan --locked"},
		{NULL, NULL}},
	.run = run_lock,
};
