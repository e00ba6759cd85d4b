/* devenv plan: what would change, and why. Changes nothing: state is opened for reading. */
#include "cli/blame.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/names.h"
#include "cli/planfile.h"
#include "cli/revision.h"
#include "cli/run.h"

#include <string.h>

static void blame(struct reconcile *r, const struct revisions *revisions, const char *address)
{
	const struct revision *to = &revisions->to;

	if (to->commit)
		blame_plan(r, &(struct blame_source){to->staged.root, to->repository, to->commit, false},
			address);
	else
		blame_plan_here(r, address);
}

static int explain(struct cli *cli, struct reconcile *r, const struct revisions *revisions,
	const char *address)
{
	struct nearest nearest = {.word = address};
	struct error err = ERROR_INIT;
	struct plan_view view;

	plan_view_init(&view, cli, r);
	view.explain = address;
	for (size_t i = 0; i < r->plan.n; i++) {
		if (strcmp(r->plan.changes[i].address, address) == 0) {
			blame(r, revisions, address);
			if (cli->json)
				render_plan_json(&cli->out.buf, &view, &r->plan);
			else
				render_plan(&cli->out.buf, &view, &r->plan);
			return EXIT_OK;
		}
		nearest_try(&nearest, r->plan.changes[i].address);
	}
	name_unknown(&nearest, &err);
	return cli_fail(cli, &err);
}

static void show_markdown(struct cli *cli, struct reconcile *r, const struct revisions *revisions)
{
	struct plan_view view;

	plan_view_init(&view, cli, r);
	view.compared = revisions->two;
	render_plan_markdown(&cli->out.buf, &view, &r->plan, r->manifest.name, revisions->title);
	stream_flush(&cli->out);
}

static int show(struct cli *cli, struct reconcile *r, const struct revisions *revisions)
{
	const char *address = args_text(&cli->args, "explain"),
		   *file = args_text(&cli->args, "out");
	struct run_request request = {.destroy = r->options.destroy, .compared = revisions->two};
	struct error err = ERROR_INIT;

	if (address) {
		const char *const *found = names_addresses(cli, r, address, false);
		int status = *found ? EXIT_OK : explain(cli, r, revisions, address);

		for (; *found && !status; found++)
			status = explain(cli, r, revisions, *found);
		return status;
	}
	if (args_flag(&cli->args, "markdown"))
		show_markdown(cli, r, revisions);
	else
		run_show_plan(cli, r, &request);
	if (file) {
		if (planfile_write(cli, r, file, &err) < 0)
			return cli_fail(cli, &err);
		cli_note(cli, "Saved to %s. Apply exactly this with: devenv apply %s", file, file);
	}
	if (r->plan.counts.unreadable)
		return EXIT_FAILED;
	if (args_flag(&cli->args, "detailed-exitcode") && r->plan.has_changes)
		return EXIT_CHANGES;
	return EXIT_OK;
}

/* The hook sees the plan that is shown: it runs afterwards, and only when something would change. */
static int show_and_tell(struct cli *cli, struct reconcile *r, const struct revisions *revisions)
{
	int status = show(cli, r, revisions), failed = EXIT_OK;

	if (status != EXIT_FAILED && r->plan.has_changes && !revisions->two)
		failed = run_plan_hook(cli, r, "after", r->manifest.plan_hooks.after);
	return failed ? failed : status;
}

/* What says nothing together is said before anything is done. */
static const char *mistake(const struct cli *cli)
{
	const struct args *args = &cli->args;

	if (args_flag(args, "markdown") && (cli->json || args_text(args, "explain")))
		return "--markdown is a form of its own: neither --json nor --explain goes with it";
	if (args_flag(args, "destroy") && (args_flag(args, "refresh-only") || args_given(args, "replace")))
		return "--destroy goes with neither --refresh-only nor --replace";
	if (args_typed(args, "volumes") && args_flag(args, "volumes") && !args_flag(args, "destroy"))
		return "--volumes is about what --destroy destroys: give it with --destroy, or leave it out";
	if (!revisions_wanted(cli))
		return NULL;
	if (args_flag(args, "run-plan-hooks"))
		return "hooks run in the working tree: --run-plan-hooks does not go with --rev and --offline";
	if (args_text(args, "out"))
		return "a plan of another revision cannot be applied: check it out, and save its plan then";
	if (args_flag(args, "destroy") || args_flag(args, "refresh-only"))
		return "--rev and --offline are about what a manifest wants: neither --destroy nor "
		       "--refresh-only goes with them";
	return NULL;
}

static int load(struct cli *cli, struct reconcile *r)
{
	struct error err = ERROR_INIT;

	if (!args_flag(&cli->args, "destroy"))
		return session_load(cli, r);
	return session_init(cli, r, &err) < 0 ? cli_fail(cli, &err) : session_load_any(cli, r);
}

static int run_plan(struct cli *cli)
{
	struct revisions revisions = {0};
	const char *wrong = mistake(cli);
	struct reconcile r;
	int status;

	if (wrong)
		return cli_usage(cli, "%s", wrong);
	if (revisions_wanted(cli)) {
		status = revisions_plan(cli, &r, &revisions);
	} else {
		status = load(cli, &r);
		if (!status)
			status = run_plan_hook(cli, &r, "before", r.manifest.plan_hooks.before);
		if (!status)
			status = session_plan(cli, &r, STATE_READ);
	}
	if (!status)
		status = show_and_tell(cli, &r, &revisions);
	session_end(cli, &r);
	if (revisions_wanted(cli))
		revisions_end(&revisions);
	return status;
}

const struct command command_plan = {
	.name = "plan",
	.group = "Reconcile",
	.summary = "Show what apply would change, and why",
	.description =
		"Compares the manifest with what is recorded and with reality. Nothing is changed, "
		"no lock is taken. Every change names its cause: the attribute with its place in "
		"the manifest, drift, a dependency that is replaced.\n\n"
		"--rev REV plans what a revision of the repository at hand wants, --rev A..B only what it "
		"does beyond A (A...B: beyond where it left A). Both are read from git's objects: the "
		"working tree stays as it is, and nothing that the revision brings is run unless "
		"--trust-revision says so. --offline asks nobody and reads no state: it compares what "
		"the two want, and needs nothing but the repository.\n\n"
		"Exit status: 0, or 1 for an error; with --detailed-exitcode 2 when there are "
		"changes.",
	.options = (const struct option[]){
		{.name = "out", .letter = 'o', .kind = OPTION_TEXT, .argument = "FILE",
			.complete = COMPLETE_FILE, .env = "DEVENV_PLAN_OUT",
			.help = "Save the plan; `devenv apply FILE` does exactly this or nothing"},
		{.name = "detailed-exitcode", .kind = OPTION_FLAG,
			.help = "Exit with 2 when there are changes"},
		{.name = "explain", .kind = OPTION_TEXT, .argument = "ADDRESS",
			.complete = COMPLETE_ADDRESS,
			.help = "Tell all that is known about one resource"},
		{.name = "rev", .kind = OPTION_TEXT, .argument = "REV", .env = "DEVENV_PLAN_REV",
			.help = "Plan this revision, or the change A..B, from git's objects"},
		{.name = "trust-revision", .kind = OPTION_FLAG, .env = "DEVENV_PLAN_TRUST_REVISION",
			.help = "With --rev: also run the commands and Terraform that it brings, to see how "
				"things are"},
		{.name = "offline", .kind = OPTION_FLAG, .env = "DEVENV_PLAN_OFFLINE",
			.help = "Compare what two revisions want; without A HEAD, without B the working tree"},
		{.name = "markdown", .kind = OPTION_FLAG, .env = "DEVENV_PLAN_MARKDOWN",
			.help = "Write it as a comment for a review"},
		{.name = "run-plan-hooks", .kind = OPTION_FLAG, .env = "DEVENV_RUN_PLAN_HOOKS",
			.help = "Run spec.hooks.plan: before, and after when there are changes"},
		OPTIONS_SELECT,
		{.name = "replace", .kind = OPTION_TEXT, .argument = "ADDRESS", .repeatable = true,
			.complete = COMPLETE_RECORDED, .help = "Replace this resource"},
		OPTION_REFRESH,
		OPTION_LOCKED,
		OPTION_MANIFESTS,
		OPTION_FORCE_CONFLICTS,
		{.name = "refresh-only", .kind = OPTION_FLAG,
			.help = "Only what is gone or drifted, not what the manifest wants otherwise"},
		{.name = "destroy", .kind = OPTION_FLAG, .env = "DEVENV_PLAN_DESTROY",
			.help = "Plan to destroy everything; as there, a broken manifest is no obstacle"},
		{.name = "volumes", .kind = OPTION_FLAG, .env = "DEVENV_VOLUMES",
			.help = "With --destroy: what holds data, too"},
		OPTIONS_ALLOW,
		{.name = NULL}},
	.examples = (const struct example[]){
		{"What would change?", "devenv plan"},
		{"In CI: fail on an error, tell changes by the exit status",
			"devenv plan --detailed-exitcode"},
		{"Save it, read it, do exactly this",
			"devenv plan -o change.plan && devenv apply change.plan"},
		{"Why is this one replaced?", "devenv plan --explain docker_container.api"},
		{"What would another branch do here?", "devenv plan --rev origin/main"},
		{"A comment for a pull request, in CI",
			"devenv plan --rev origin/main...HEAD --offline --markdown"},
		{"For a program", "devenv plan --json | jq 'select(.type == \"planned_change\")'"},
		{NULL, NULL}},
	.run = run_plan,
};
