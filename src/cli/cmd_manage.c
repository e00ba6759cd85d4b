/*
 * Changes of state that a person asks for by name: taint, untaint, forget, approve, import. Nothing
 * real is touched.
 */
#include "cli/cli.h"
#include "cli/commands.h"
#include "engine/manage.h"

/* Environment without a manifest, opened for writing. */
static int open_state(struct cli *cli, struct reconcile *r)
{
	struct error err = ERROR_INIT;
	int status = session_records(cli, r, STATE_WRITE, false);

	if (status || r->environment.id)
		return status;
	error_set(&err, ERROR_NOT_FOUND, "nothing was applied here yet");
	return cli_fail(cli, &err);
}

/* Does `one` for every argument; the first failure ends it. */
static int for_each(struct cli *cli,
	int (*one)(struct reconcile *r, const char *name, const char *actor, struct error *err),
	const char *done)
{
	struct error err = ERROR_INIT;
	struct reconcile r;
	int status = open_state(cli, &r);

	for (size_t i = 0; !status && i < cli->args.n_positional; i++) {
		const char *name = cli->args.positional[i];

		if (one(&r, name, session_actor(cli), &err) < 0)
			status = cli_fail(cli, &err);
		else
			cli_note(cli, "%s: %s", name, done);
	}
	session_end(cli, &r);
	return status;
}

static int taint(struct reconcile *r, const char *name, const char *actor, struct error *err)
{
	return manage_taint(r, name, true, actor, err);
}

static int untaint(struct reconcile *r, const char *name, const char *actor, struct error *err)
{
	return manage_taint(r, name, false, actor, err);
}

static int run_taint(struct cli *cli)
{
	return for_each(cli, taint, "tainted; the next apply replaces it");
}

static int run_untaint(struct cli *cli)
{
	return for_each(cli, untaint, "no longer tainted");
}

static int run_forget(struct cli *cli)
{
	return for_each(cli, manage_forget, "forgotten; the thing itself was left as it is");
}

static int run_approve(struct cli *cli)
{
	return for_each(cli, manage_approve, "approved; the next apply may do exactly this");
}

static int import(struct cli *cli, struct reconcile *r)
{
	const char *address = args_positional(&cli->args, 0), *id = args_positional(&cli->args, 1);
	struct error err = ERROR_INIT;

	if (reconcile_open(r, STATE_WRITE, "import", &err) < 0 ||
		manage_import(r, address, id, args_flag(&cli->args, "take-over"),
			session_actor(cli), &err) < 0)
		return session_fail(cli, r, &err);
	cli_note(cli, "%s: imported; `devenv plan` shows what is different from the manifest",
		address);
	return EXIT_OK;
}

static int run_import(struct cli *cli)
{
	struct reconcile r;
	int status = session_load(cli, &r);

	if (!status)
		status = import(cli, &r);
	session_end(cli, &r);
	return status;
}

#define RECORDED_ARGUMENTS                                                                         \
	.arguments = (const struct argument[]){                                                    \
		{.name = "ADDRESS", .flags = ARGUMENT_REPEATED, .complete = COMPLETE_RECORDED},    \
		{.name = NULL}}

const struct command command_taint = {
	.name = "taint",
	.group = "State",
	.summary = "Have a resource replaced by the next apply",
	.options = (const struct option[]){OPTION_LOCK_TIMEOUT, {.name = NULL}},
	RECORDED_ARGUMENTS,
	.examples = (const struct example[]){
		{"It is broken in a way that no one sees", "devenv taint docker_container.api"},
		{NULL, NULL}},
	.run = run_taint,
};

const struct command command_untaint = {
	.name = "untaint",
	.group = "State",
	.summary = "Take a taint back",
	.options = (const struct option[]){OPTION_LOCK_TIMEOUT, {.name = NULL}},
	RECORDED_ARGUMENTS,
	.examples = (const struct example[]){
		{"It works after all", "devenv untaint docker_container.api"}, {NULL, NULL}},
	.run = run_untaint,
};

const struct command command_forget = {
	.name = "forget",
	.group = "State",
	.summary = "Drop the record of a resource and leave the thing as it is",
	.description =
		"The next apply knows nothing of it. To take it back: `devenv import ADDRESS ID`.",
	.options = (const struct option[]){OPTION_LOCK_TIMEOUT, {.name = NULL}},
	RECORDED_ARGUMENTS,
	.examples = (const struct example[]){
		{"From now on someone else looks after it", "devenv forget docker_volume.data"},
		{NULL, NULL}},
	.run = run_forget,
};

const struct command command_approve = {
	.name = "approve",
	.group = "State",
	.summary = "Let a change happen that a plan holds",
	.description =
		"A plan holds what would lose data or destroy more than half of the environment "
		"and shows a hash beside it. An approval releases exactly that change, once.",
	.options = (const struct option[]){OPTION_LOCK_TIMEOUT, {.name = NULL}},
	.arguments = (const struct argument[]){
		{.name = "HASH", .flags = ARGUMENT_REPEATED}, {.name = NULL}},
	.examples = (const struct example[]){
		{"As the plan said", "devenv approve 3f9a1c0e77b2d654 && devenv apply --yes"},
		{NULL, NULL}},
	.run = run_approve,
};

const struct command command_import = {
	.name = "import",
	.group = "State",
	.summary = "Take an existing thing under an address of the manifest",
	.description =
		"The resource must stand in the manifest and not be recorded yet. ID is what its "
		"provider calls the thing: a path, a container's name or id. What is different "
		"from the manifest shows in the next plan.",
	.options = (const struct option[]){
		{.name = "take-over", .kind = OPTION_FLAG,
			.help = "Also when it belongs to another environment or home"},
		OPTION_LOCK_TIMEOUT,
		{.name = NULL}},
	.arguments = (const struct argument[]){
		{.name = "ADDRESS", .complete = COMPLETE_ADDRESS},
		{.name = "ID", .complete = COMPLETE_FILE},
		{.name = NULL}},
	.examples = (const struct example[]){
		{"A volume with data that was there before",
			"devenv import docker_volume.data old_pgdata"},
		{"A file", "devenv import local_file.hosts ./hosts"},
		{NULL, NULL}},
	.run = run_import,
};
