/* devenv plan: what would change, and why. Changes nothing: state is opened for reading. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/names.h"
#include "cli/planfile.h"
#include "cli/run.h"

#include <string.h>

static int explain(struct cli *cli, struct reconcile *r, const char *address)
{
	struct nearest nearest = {.word = address};
	struct error err = ERROR_INIT;
	struct plan_view view;

	plan_view_init(&view, cli, r);
	view.explain = address;
	for (size_t i = 0; i < r->plan.n; i++) {
		if (strcmp(r->plan.changes[i].address, address) == 0) {
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

static int show(struct cli *cli, struct reconcile *r)
{
	const char *address = args_text(&cli->args, "explain"),
		   *file = args_text(&cli->args, "out");
	struct run_request request = {.destroy = r->options.destroy};
	struct error err = ERROR_INIT;

	if (address)
		return explain(cli, r, address);
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

static int run_plan(struct cli *cli)
{
	struct reconcile r;
	int status = session_load(cli, &r);

	if (!status)
		status = session_plan(cli, &r, STATE_READ);
	if (!status)
		status = show(cli, &r);
	session_end(cli, &r);
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
		OPTIONS_SELECT,
		{.name = "replace", .kind = OPTION_TEXT, .argument = "ADDRESS", .repeatable = true,
			.complete = COMPLETE_RECORDED, .help = "Replace this resource"},
		OPTION_REFRESH,
		{.name = "refresh-only", .kind = OPTION_FLAG,
			.help = "Only what is gone or drifted, not what the manifest wants otherwise"},
		{.name = "destroy", .kind = OPTION_FLAG, .env = "DEVENV_PLAN_DESTROY",
			.help = "Plan to destroy everything"},
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
		{"For a program", "devenv plan --json | jq 'select(.type == \"planned_change\")'"},
		{NULL, NULL}},
	.run = run_plan,
};
