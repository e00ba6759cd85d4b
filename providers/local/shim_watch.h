/* Inside the shim only: watching over the command that was started. */
#ifndef DEVENV_PROVIDERS_LOCAL_SHIM_WATCH_H
#define DEVENV_PROVIDERS_LOCAL_SHIM_WATCH_H

#include "providers/local/folder.h"
#include "providers/local/shim.h"

struct watch {
	const struct shim_spec *spec;
	const char *dir;
	struct folder_state state; /* as it is on disk */
	pid_t pid;                 /* of the command, leader of its session and group */
	int out, err, in;          /* its pipes; -1: none */
	int signals;               /* signalfd with SIGTERM and SIGCHLD */
};

/* Until nothing is left that descends from us. Records the end in state.json. */
void shim_watch(struct watch *watch);

#endif
