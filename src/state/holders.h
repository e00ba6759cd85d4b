/* The processes that have a file open: what a run that died left at work. */
#ifndef DEVENV_STATE_HOLDERS_H
#define DEVENV_STATE_HOLDERS_H

#include <signal.h>

enum { HOLDERS_GRACE = 2000 }; /* ms between SIGTERM and SIGKILL */

/* Sends `signal` to every process that has the file of `fd` open, except this one and pid 1. Returns
   how many got it. */
int holders_signal(int fd, int signal);

#endif
