/*
 * A child that stays for as long as we do. It has its own process group and learns from the end of its
 * stdin that we are gone, so that a kill of ours leaves nothing behind.
 */
#include "base/process_spawn.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { END_WAIT = 1000 };

int child_start(const struct process_request *request, struct process_child *child,
	struct error *err)
{
	struct process_request own = *request;
	struct plumbing pipes;

	*child = (struct process_child)PROCESS_CHILD_INIT;
	own.input = ""; /* it has one: ours */
	if (plumbing_open(&pipes, &own, err) < 0)
		return -1;
	if (process_spawn(&own, &pipes, &child->pid, err) < 0) {
		child->pid = 0;
		plumbing_close(&pipes);
		return -1;
	}
	child->in = pipes.in[1];
	child->out = pipes.out[0];
	pipes.in[1] = pipes.out[0] = -1;
	plumbing_close(&pipes);
	return 0;
}

/* Until it has ended, or the time is up. */
static void wait_for_end(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd poller = {.fd = fd, .events = POLLIN};

	if (fd < 0)
		return;
	while (poll(&poller, 1, END_WAIT) < 0 && errno == EINTR)
		;
	close(fd);
}

void child_end(struct process_child *child)
{
	if (child->in >= 0)
		close(child->in);
	if (child->out >= 0)
		close(child->out);
	if (child->pid) {
		wait_for_end(child->pid);
		kill(child->pid, SIGKILL); /* it is not waited for yet: the number is still its own */
		while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	*child = (struct process_child)PROCESS_CHILD_INIT;
}
