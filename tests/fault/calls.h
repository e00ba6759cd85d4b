/*
 * Which system calls have an effect outside of the process, and how to skip one or set its result.
 * The numbers differ by machine; everything that knows one is in calls.c.
 */
#ifndef DEVENV_TESTS_FAULT_CALLS_H
#define DEVENV_TESTS_FAULT_CALLS_H

#include <stdint.h>
#include <sys/types.h>

enum call_class { /* a set */
	CALL_OPEN = 1 << 0,   /* opens that create, truncate or may write */
	CALL_WRITE = 1 << 1,  /* to regular files */
	CALL_SYNC = 1 << 2,
	CALL_NAME = 1 << 3,   /* rename, unlink, link, symlink, mkdir, rmdir */
	CALL_META = 1 << 4,   /* chmod, chown, truncate, times */
	CALL_LOCK = 1 << 5,
	CALL_NET = 1 << 6,    /* connect, bind, and everything sent through a socket */
	CALL_SPAWN = 1 << 7,  /* fork and exec */
	CALL_SIGNAL = 1 << 8, /* to other processes */
	/* Not effects, but they can fail: */
	CALL_THREAD = 1 << 9,
	CALL_MEMORY = 1 << 10,
	CALL_READ = 1 << 11,  /* of regular files and sockets */
	CALL_FD = 1 << 12,    /* all that makes a descriptor, opens for reading, too */
	CALL_DEFAULT = (1 << 9) - 1,
};

enum { CALL_TEXT = 512 };

struct call {
	pid_t tid, tgid;
	long number;
	uint64_t args[6];
};

/* The classes of the call, 0 when it does not count. `text` becomes its description: class, name, object. */
unsigned call_classify(const struct call *call, char text[CALL_TEXT]);
/* "write,sync" -> set; 0: an unknown name. */
unsigned call_classes(const char *names);
int errno_by_name(const char *name); /* 0: unknown */

/* At the entry of a call: the kernel does nothing. At its exit: what the program sees. */
void call_skip(pid_t tid);
void call_set_result(pid_t tid, long result);

#endif
