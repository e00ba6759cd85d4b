/* Times for people. */
#ifndef DEVENV_CLI_WHEN_H
#define DEVENV_CLI_WHEN_H

#include "base/clock.h"

/* "12s ago", "3m ago", "5h ago", "9d ago"; "never" for 0. `out` has room for 32 bytes. */
char *when_ago(int64_t wall_ms, int64_t now_ms, char *out);
/* "16:40:12" where this machine is, for what stays on a screen; likewise 32 bytes. */
char *when_clock(int64_t wall_ms, char *out);

#endif
