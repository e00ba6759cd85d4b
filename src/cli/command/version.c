/* devenv version: loads nothing, so that it is also a measure of what a start costs. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/jsonl.h"

static int run_version(struct cli *cli)
{
	if (!cli->json) /* with --json the first line says it already */
		stream_add(&cli->out, "devenv %s\n", DEVENV_VERSION);
	return EXIT_OK;
}

const struct command command_version = {
	.name = "version",
	.group = "This program",
	.summary = "Print the version",
	.examples = (const struct example[]){
		{"For a program", "devenv version --json"},
		{NULL, NULL}},
	.run = run_version,
};
