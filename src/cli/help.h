/* --help, the man page and the reference in docs/cli.md, all from the table in command.h. */
#ifndef DEVENV_CLI_HELP_H
#define DEVENV_CLI_HELP_H

#include "cli/cli.h"

/* `asked`: with --help it is a result (stdout, 0), without it is a mistake (stderr, EXIT_USAGE). */
int help_overview(struct cli *cli, bool asked);
int help_group(struct cli *cli, const char *group, bool asked);
int help_command(struct cli *cli, const struct command *command);

/* "devenv apply [OPTIONS] [FILE]" */
void usage_line(struct strbuf *buf, const struct command *command);
/* "-e, --environment NAME" */
void option_usage(struct strbuf *buf, const struct option *option);

#endif
