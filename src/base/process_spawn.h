/* Between process.c and process_spawn.c only: how a child comes to life. */
#ifndef DEVENV_BASE_PROCESS_SPAWN_H
#define DEVENV_BASE_PROCESS_SPAWN_H

#include "base/process.h"

#include <sys/types.h>

/* Both ends of each pipe; -1: none. Ours do not block. */
struct plumbing {
	int in[2], out[2], err[2];
};

int plumbing_open(struct plumbing *pipes, const struct process_request *request, struct error *err);
void plumbing_close(struct plumbing *pipes);
int process_spawn(const struct process_request *request, const struct plumbing *pipes, pid_t *pid,
	struct error *err);

#endif
