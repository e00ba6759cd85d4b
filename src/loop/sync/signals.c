/*
 * Signals as data, and signs of life for systemd. One thread reads a signalfd, so that a fetch that
 * hangs can be cancelled; while an apply runs, SIGINT and SIGTERM belong to that. The thread gives the
 * watchdog its signs only as long as the main thread has said to be busy: a loop that hangs is restarted.
 */
#include "loop/sync/internal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void ring(int fd)
{
	uint64_t one = 1;
	ssize_t written = write(fd, &one, sizeof(one));

	(void)written; /* full means that it rings already */
}

void signals_notify(const struct signals *signals, const char *text)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = signals->socket ? strlen(signals->socket) : 0;
	int fd;

	if (!len || len >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, signals->socket, len);
	if (*signals->socket == '@') /* an abstract name */
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&address,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

void signals_busy(struct signals *signals, int64_t ms)
{
	atomic_store(&signals->alive, clock_monotonic(signals->clock) + ms);
}

static void take(struct signals *signals)
{
	struct signalfd_siginfo info;

	while (read(signals->fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			atomic_store(&signals->hurry, true);
		else
			atomic_store(&signals->stop, true);
		ring(signals->wake);
	}
}

static void *listen_for_signals(void *arg)
{
	struct signals *signals = arg;
	struct pollfd fds[] = {{.fd = signals->fd, .events = POLLIN},
		{.fd = signals->quit, .events = POLLIN}};

	while (!(fds[1].revents & POLLIN)) {
		int timeout = signals->watchdog ? (int)(signals->watchdog / 3) : -1;

		if (poll(fds, 2, timeout) < 0 && errno != EINTR)
			break;
		take(signals);
		if (signals->watchdog &&
			clock_monotonic(signals->clock) < atomic_load(&signals->alive))
			signals_notify(signals, "WATCHDOG=1");
	}
	return NULL;
}

static void make_set(sigset_t *set, bool lent)
{
	sigemptyset(set);
	sigaddset(set, SIGHUP);
	if (!lent) {
		sigaddset(set, SIGINT);
		sigaddset(set, SIGTERM);
	}
}

void signals_lend(struct signals *signals, bool lent)
{
	sigset_t set;

	make_set(&set, lent);
	signalfd(signals->fd, &set, 0);
}

int signals_start(struct signals *signals, const struct clock *clock, struct error *err)
{
	const char *watchdog = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	sigset_t set;

	signals->clock = clock;
	signals->socket = getenv("NOTIFY_SOCKET");
	if (watchdog && (!pid || strtol(pid, NULL, 10) == (long)getpid()))
		signals->watchdog = strtoll(watchdog, NULL, 10) / 1000;
	make_set(&set, false);
	pthread_sigmask(SIG_BLOCK, &set, &signals->before);
	signals->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	signals->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	signals->quit = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	signals_busy(signals, 60000);
	if (signals->fd < 0 || signals->wake < 0 || signals->quit < 0)
		return error_errno(err, "listen for signals");
	errno = pthread_create(&signals->thread, NULL, listen_for_signals, signals);
	if (errno)
		return error_errno(err, "start a thread");
	signals->running = true;
	return 0;
}

void signals_stop(struct signals *signals)
{
	if (signals->running) {
		ring(signals->quit);
		pthread_join(signals->thread, NULL);
		signals->running = false;
	}
	if (signals->fd > 0)
		close(signals->fd);
	if (signals->wake > 0)
		close(signals->wake);
	if (signals->quit > 0)
		close(signals->quit);
	pthread_sigmask(SIG_SETMASK, &signals->before, NULL);
}
