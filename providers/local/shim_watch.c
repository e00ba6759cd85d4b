/*
 * The long life of a shim: one poll loop over the outputs, stdin, SIGCHLD and SIGTERM. The shim is
 * the reaper of all its descendants, so "nothing is left" is simply "no children"; a child of ours
 * cannot be mistaken for another process before we have reaped it.
 */
#include "providers/local/shim_watch.h"

#include "base/clock.h"
#include "base/fs.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	WIND_UP = 2000, /* ms that helpers have to end after the command has */
	AGAIN = 100,    /* ms between two rounds of SIGKILL */
	DRAIN_ROUNDS = 64,
};

struct life {
	struct watch *watch;
	struct shim_log log;
	size_t written;  /* of stdin */
	bool ended;      /* the command was reaped */
	bool alone;      /* nothing descends from us any more */
	int64_t kill_at; /* monotonic; 0: nobody is to be killed */
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int64_t now(void)
{
	return clock_monotonic(&clock_system);
}

static void drain(struct life *life, int *fd, int stream)
{
	char piece[16384];

	for (int i = 0; *fd >= 0 && i < DRAIN_ROUNDS; i++) {
		ssize_t n = read(*fd, piece, sizeof(piece));

		if (n > 0)
			shim_log_add(&life->log, stream, piece, (size_t)n);
		else if (n < 0 && errno == EAGAIN)
			return;
		else if (n == 0 || errno != EINTR)
			close_fd(fd);
	}
}

static void feed(struct life *life)
{
	const struct shim_spec *spec = life->watch->spec;

	while (life->written < spec->input_len) {
		ssize_t n = write(life->watch->in, spec->input + life->written,
			spec->input_len - life->written);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			break;
		life->written += (size_t)n;
	}
	close_fd(&life->watch->in);
}

/* Signals every child of ours. Their own children become ours as they die. */
static void signal_children(int number)
{
	struct arena arena = ARENA_INIT;
	const char *const *names;
	size_t n;

	if (fs_list("/proc", &arena, &names, &n, NULL) < 0)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		const char *text, *at;
		size_t len;
		int parent;

		if (!isdigit((unsigned char)names[i][0]) ||
			fs_read(arena_printf(&arena, "/proc/%s/stat", names[i]), &arena, &text,
				&len, NULL) < 0)
			continue;
		at = strrchr(text, ')');
		if (at && sscanf(at + 1, " %*c %d", &parent) == 1 && parent == getpid())
			kill(atoi(names[i]), number);
	}
	arena_release(&arena);
}

/* Who reads that it has ended finds its last words in the log. */
static void record_end(struct life *life, int status)
{
	struct folder_state *state = &life->watch->state;

	drain(life, &life->watch->out, 1);
	drain(life, &life->watch->err, 2);
	shim_log_end_lines(&life->log);
	life->ended = true;
	state->ended = true;
	state->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	state->status = WIFSIGNALED(status) ? 128 + state->signal : WEXITSTATUS(status);
	state->ended_at = clock_wall(&clock_system);
	/* Without space it stays "running" on disk; that it does not is seen from its identity. */
	folder_write_state(life->watch->dir, state, NULL);
}

static void reap(struct life *life)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, WNOHANG);

		if (pid < 0) {
			life->alone = errno == ECHILD;
			return;
		}
		if (pid == 0)
			break;
		if (pid == life->watch->pid)
			record_end(life, status);
	}
	/* A service is its command: what the command leaves behind goes with it. */
	if (life->ended && !life->kill_at) {
		signal_children(SIGTERM);
		life->kill_at = now() + WIND_UP;
	}
}

/* `timeout`: ms until it is killed. Who asks again may only shorten that. */
static void stop(struct life *life, int64_t timeout)
{
	int64_t kill_at = now() + timeout;

	if (life->ended)
		return;
	if (!life->kill_at) {
		kill(-life->watch->pid, life->watch->spec->stop_signal);
		kill(-life->watch->pid, SIGCONT); /* one that is stopped hears nothing else */
	}
	if (!life->kill_at || kill_at < life->kill_at)
		life->kill_at = kill_at;
}

static void kill_the_rest(struct life *life)
{
	if (!life->kill_at || now() < life->kill_at)
		return;
	if (!life->ended)
		kill(-life->watch->pid, SIGKILL);
	signal_children(SIGKILL);
	life->kill_at = now() + AGAIN;
}

static void take_signals(struct life *life)
{
	struct signalfd_siginfo info;

	while (read(life->watch->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGTERM)
			stop(life, info.ssi_code == SI_QUEUE ? info.ssi_int
							     : life->watch->spec->stop_timeout);
	}
}

static int wait_time(const struct life *life)
{
	int64_t left;

	if (!life->kill_at)
		return -1;
	left = life->kill_at - now();
	return left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

void shim_watch(struct watch *watch)
{
	struct arena arena = ARENA_INIT;
	struct life life = {.watch = watch};

	shim_log_open(&life.log, fs_join(&arena, watch->dir, "log"),
		fs_join(&arena, watch->dir, "log.1"), watch->spec->log_max,
		watch->spec->needles);
	while (!life.alone) {
		struct pollfd fds[4] = {
			{.fd = watch->signals, .events = POLLIN},
			{.fd = watch->out, .events = POLLIN}, /* -1 is skipped */
			{.fd = watch->err, .events = POLLIN},
			{.fd = watch->in, .events = POLLOUT},
		};

		poll(fds, ARRAY_SIZE(fds), wait_time(&life));
		take_signals(&life);
		drain(&life, &watch->out, 1);
		drain(&life, &watch->err, 2);
		if (watch->in >= 0)
			feed(&life);
		reap(&life);
		kill_the_rest(&life);
	}
	drain(&life, &watch->out, 1);
	drain(&life, &watch->err, 2);
	shim_log_close(&life.log);
	arena_release(&arena);
}
