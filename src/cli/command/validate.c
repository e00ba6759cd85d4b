/* devenv validate: the manifest alone, without state and without a look at reality. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/jsonl.h"

static int run_validate(struct cli *cli)
{
	struct reconcile r;
	int status = session_load(cli, &r);

	if (!status) {
		session_warnings(cli, &r);
		if (cli->json) {
			jsonl_begin(&cli->out.buf, "validated", "info", "The manifest is valid.");
			jsonl_text(&cli->out.buf, "manifest", r.manifest.path);
			jsonl_number(&cli->out.buf, "resources", r.graph.n);
			jsonl_end(&cli->out.buf);
		} else if (!cli->quiet) {
			stream_add(&cli->out, "The manifest is valid: %u resource%s.\n", r.graph.n,
				r.graph.n == 1 ? "" : "s");
		}
	}
	session_end(cli, &r);
	return status;
}

const struct command command_validate = {
	.name = "validate",
	.group = "Reconcile",
	.summary = "Check the manifest",
	.description =
		"Reads all layers and reports every mistake at once, with its place and what to "
		"do. Neither state nor reality is looked at.",
	.examples = (const struct example[]){
		{"The manifest of this folder", "devenv validate"},
		{"One with its environment, for an editor or CI",
			"devenv validate -e staging --json"},
		{NULL, NULL}},
	.run = run_validate,
};
