/* spec.outputs as last recorded. */
#ifndef DEVENV_CLI_OUTPUTS_H
#define DEVENV_CLI_OUTPUTS_H

#include "cli/cli.h"

/* After a run: "Outputs:" and a line each; nothing when there are none. */
void outputs_print(struct cli *cli, struct reconcile *r);

#endif
