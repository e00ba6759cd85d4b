/*
 * Changes of state that a person asks for by name: taint, untaint, forget, approve, import. Nothing
 * real is touched.
 */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/names.h"
#include "engine/manage.h"
#include "engine/orphan.h"

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
static int for_each(struct cli *cli, struct reconcile *r,
	int (*one)(struct reconcile *r, const char *name, const char *actor, struct error *err),
	const char *done)
{
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < cli->args.n_positional; i++) {
		const char *name = cli->args.positional[i];

		if (one(r, name, session_actor(cli), &err) < 0)
			return cli_fail(cli, &err);
		cli_note(cli, "%s: %s", name, done);
	}
	return EXIT_OK;
}

/* A name that is none is left to `one`, which knows the nearest. */
static void take_addresses(struct cli *cli, const struct reconcile *r)
{
	struct args *args = &cli->args;
	const char **out = NULL;
	size_t n = 0, cap = 0;

	for (size_t i = 0; i < args->n_positional; i++) {
		const char *const *found = names_addresses(cli, r, args->positional[i], true);
		const char *const itself[] = {args->positional[i], NULL};

		for (found = *found ? found : itself; *found; found++) {
			ARENA_GROW(&cli->arena, out, n, cap);
			out[n++] = *found;
		}
	}
	args->positional = out;
	args->n_positional = n;
}

static int for_each_record(struct cli *cli,
	int (*one)(struct reconcile *r, const char *name, const char *actor, struct error *err),
	const char *done)
{
	struct reconcile r;
	int status = open_state(cli, &r);

	if (!status) {
		take_addresses(cli, &r);
		status = for_each(cli, &r, one, done);
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
	return for_each_record(cli, taint, "tainted; the next apply replaces it");
}

static int run_untaint(struct cli *cli)
{
	return for_each_record(cli, untaint, "no longer tainted");
}

/* What it is about, and that it was meant. */
static int confirm_orphan(struct cli *cli, const struct reconcile *r)
{
	struct strbuf *buf = &cli->err.buf;

	strbuf_addf(buf, "%s, last applied in %s:\n", r->environment.project, r->environment.root);
	for (size_t i = 0; i < r->n_records; i++)
		strbuf_addf(buf, "  %s%s%s\n", r->records[i].address, r->records[i].id ? "  " : "",
			r->records[i].id ? r->records[i].id : "");
	strbuf_addf(buf, "%zu recorded resource%s. What exists of them stays, and nothing leads to it "
		"any more; `devenv destroy --orphan %s` would destroy it.\n", r->n_records,
		r->n_records == 1 ? "" : "s", r->environment.id);
	stream_flush(&cli->err);
	if (args_flag(&cli->args, "yes"))
		return EXIT_OK;
	if (cli_interactive(cli) && cli_confirm(cli, "Forget this environment?"))
		return EXIT_OK;
	cli_note(cli, "Nothing was forgotten%s.", cli_interactive(cli) ? "" : ": --yes confirms it");
	return EXIT_FAILED;
}

static int forget_orphan(struct cli *cli, struct reconcile *r, const char *id)
{
	struct error err = ERROR_INIT;
	int status;

	if (session_init(cli, r, &err) < 0 || orphan_open(r, STATE_WRITE, id, "forget", &err) < 0)
		return cli_fail(cli, &err);
	status = confirm_orphan(cli, r);
	if (status)
		return status;
	if (orphan_forget(r, session_actor(cli), &err) < 0)
		return cli_fail(cli, &err);
	cli_note(cli, "%s: forgotten", r->environment.id);
	return EXIT_OK;
}

static int run_forget(struct cli *cli)
{
	const char *orphan = args_text(&cli->args, "orphan");
	struct reconcile r;
	int status;

	if (!orphan && !cli->args.n_positional)
		return cli_usage(cli, "forget needs ADDRESS, or --orphan ID");
	if (orphan && cli->args.n_positional)
		return cli_usage(cli, "--orphan forgets a whole environment: it takes no ADDRESS");
	if (orphan) {
		status = forget_orphan(cli, &r, orphan);
		session_end(cli, &r);
		return status;
	}
	return for_each_record(cli, manage_forget, "forgotten; the thing itself was left as it is");
}

/* It plans: a hash that is misspelt, or of a change that is no longer what it was, is told here. */
static int run_approve(struct cli *cli)
{
	struct reconcile r;
	int status = session_load(cli, &r);

	if (!status)
		status = session_plan(cli, &r, STATE_WRITE);
	if (!status)
		status = for_each(cli, &r, manage_approve,
			"approved; an apply whose plan shows this hash may do exactly that");
	session_end(cli, &r);
	return status;
}

static int import(struct cli *cli, struct reconcile *r)
{
	const char *address = args_positional(&cli->args, 0), *id = args_positional(&cli->args, 1);
	const char *const *found = names_addresses(cli, r, address, false);
	struct error err = ERROR_INIT;

	if (*found && !found[1])
		address = *found;

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
		"The next apply knows nothing of it. To take it back: `devenv import ADDRESS ID`.\n\n"
		"With --orphan, a whole environment whose checkout is gone is forgotten, with all its "
		"records; `devenv list` shows the ids. It is listed first, and asked for: without a "
		"terminal --yes is needed. A checkout that only moved takes its environment along "
		"with its next apply: then do not forget it. History and audit trail stay.",
	.options = (const struct option[]){
		{.name = "orphan", .kind = OPTION_TEXT, .argument = "ID",
			.help = "The environment with this id, whose checkout is gone"},
		{.name = "yes", .alias = "auto-approve", .letter = 'y', .kind = OPTION_FLAG,
			.help = "Do not ask before an environment is forgotten"},
		OPTION_LOCK_TIMEOUT,
		{.name = NULL}},
	.arguments = (const struct argument[]){
		{.name = "ADDRESS", .flags = ARGUMENT_REPEATED | ARGUMENT_OPTIONAL,
			.complete = COMPLETE_RECORDED},
		{.name = NULL}},
	.examples = (const struct example[]){
		{"From now on someone else looks after it", "devenv forget docker_volume.data"},
		{"A folder that was removed with all it had", "devenv forget --orphan 3f9a1c0e77b2"},
		{NULL, NULL}},
	.run = run_forget,
};

const struct command command_approve = {
	.name = "approve",
	.group = "State",
	.summary = "Let a change happen that a plan holds",
	.description =
		"A plan holds what would lose data or destroy more than half of the environment "
		"and shows a hash beside it. An approval releases exactly that change, once. A hash "
		"that a plan made now does not show is refused; give the same -e, -f, --var and "
		"--replace as to that plan.",
	.options = (const struct option[]){
		{.name = "replace", .kind = OPTION_TEXT, .argument = "ADDRESS", .repeatable = true,
			.complete = COMPLETE_RECORDED,
			.help = "The plan that showed the hash was made with this"},
		OPTION_LOCK_TIMEOUT,
		{.name = NULL}},
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
