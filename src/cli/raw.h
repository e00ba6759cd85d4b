/*
 * Our terminal handed over to a program that runs elsewhere: raw, so that every key goes there, with
 * its size watched. No globals: the signal for a new size is read from a descriptor.
 */
#ifndef DEVENV_CLI_RAW_H
#define DEVENV_CLI_RAW_H

#include "provider/provider.h"

#include <signal.h>
#include <termios.h>

struct raw {
	struct exec_terminal terminal; /* first: what providers see */
	struct termios before;
	sigset_t mask;                 /* likewise */
	int fd;
	bool on;
};

void raw_init(struct raw *raw, int fd);

#endif
