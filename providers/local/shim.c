/*
 * From `devenv __shim DIR` to a command that runs. The order is the point: lock, state.json with
 * the shim, fork, state.json with the command, and only then may the command start (it waits at a
 * gate). A death anywhere leaves either nothing that runs, or something that state.json names.
 */
#include "providers/local/shim.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/process.h"
#include "providers/local/shim_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

struct pipes {
	int in[2], out[2], err[2];
	int gate[2]; /* the command starts when a byte comes, and gives up at the end */
	int fail[2]; /* errno of a failed exec; closed by a successful one */
};

static int make_pipes(struct pipes *pipes, bool with_input, struct error *err)
{
	*pipes = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
	if ((with_input && pipe2(pipes->in, O_CLOEXEC) < 0) || pipe2(pipes->out, O_CLOEXEC) < 0 ||
		pipe2(pipes->err, O_CLOEXEC) < 0 || pipe2(pipes->gate, O_CLOEXEC) < 0 ||
		pipe2(pipes->fail, O_CLOEXEC) < 0)
		return error_errno(err, "make a pipe");
	if (with_input)
		fcntl(pipes->in[1], F_SETFL, O_NONBLOCK);
	fcntl(pipes->out[0], F_SETFL, O_NONBLOCK);
	fcntl(pipes->err[0], F_SETFL, O_NONBLOCK);
	return 0;
}

/* In the child, between fork and exec: system calls only. */
static void become_command(const struct shim_spec *spec, const char *file,
	const struct pipes *pipes)
{
	sigset_t none;
	char go;
	int number, null;

	setsid();
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	dup2(pipes->in[0] >= 0 ? pipes->in[0] : null, 0);
	dup2(pipes->out[1], 1);
	dup2(pipes->err[1], 2);
	close(pipes->gate[1]);
	if (read(pipes->gate[0], &go, 1) != 1)
		_exit(125); /* the shim died before it could write down who we are */
	if (chdir(spec->directory) == 0)
		execve(file, (char *const *)spec->argv, (char *const *)spec->env);
	number = errno;
	if (write(pipes->fail[1], &number, sizeof(number)) < 0)
		_exit(126);
	_exit(127);
}

static const char *path_of(const struct shim_spec *spec)
{
	for (const char *const *item = spec->env; *item; item++) {
		if (strncmp(*item, "PATH=", 5) == 0)
			return *item + 5;
	}
	return NULL;
}

static int explain(const struct shim_spec *spec, const char *file, int number, struct error *err)
{
	if (access(spec->directory, X_OK) < 0)
		return error_errno(err, "cannot start %s: working directory %s", spec->argv[0],
			spec->directory);
	errno = number;
	return error_errno(err, "cannot start %s", file);
}

/* 0: it runs. Ends with the command written down before it may start. */
static int start_command(struct watch *watch, struct arena *arena, struct error *err)
{
	const struct shim_spec *spec = watch->spec;
	const char *file;
	struct pipes pipes;
	int number = 0;

	if (process_find(spec->argv[0], path_of(spec), arena, &file, err) < 0 ||
		make_pipes(&pipes, spec->input, err) < 0)
		return -1;
	watch->pid = fork();
	if (watch->pid < 0)
		return error_errno(err, "fork");
	if (watch->pid == 0)
		become_command(spec, file, &pipes);
	close(pipes.gate[0]);
	close(pipes.fail[1]);
	close(pipes.out[1]);
	close(pipes.err[1]);
	if (pipes.in[0] >= 0)
		close(pipes.in[0]);
	watch->in = pipes.in[1];
	watch->out = pipes.out[0];
	watch->err = pipes.err[0];
	identity_of(watch->pid, &watch->state.process);
	watch->state.started_at = clock_wall(&clock_system);
	if (folder_write_state(watch->dir, &watch->state, err) < 0)
		return -1; /* the gate closes with us, and the command gives up */
	if (write(pipes.gate[1], "", 1) != 1)
		return error_errno(err, "open the gate");
	close(pipes.gate[1]);
	if (read(pipes.fail[0], &number, sizeof(number)) > 0) {
		watch->state.process = (struct identity){0};
		folder_write_state(watch->dir, &watch->state, NULL);
		return explain(spec, file, number, err);
	}
	close(pipes.fail[0]);
	return 0;
}

static int catch_signals(void)
{
	sigset_t set;

	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_SETMASK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void leave_the_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	for (int i = 0; i <= 2; i++)
		dup2(null, i);
	close(null);
	if (chdir("/") < 0) /* where devenv was called must stay free to be unmounted or removed */
		_exit(1);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* "" when it runs, else why not. That nobody listens any more changes nothing. */
static void report(int fd, const char *text)
{
	ssize_t n = write(fd, *text ? text : "+", *text ? strlen(text) : 1);

	(void)n;
	close(fd);
}

static void watch_over(const char *dir, const struct shim_spec *spec, int report_fd, int kept,
	struct arena *arena)
{
	struct watch watch = {.spec = spec, .dir = dir, .in = -1, .out = -1, .err = -1};
	struct error err = ERROR_INIT;

	watch.signals = catch_signals();
	if (folder_lock(dir, &err) < 0) { /* held until we end: the descriptor is never closed */
		report(report_fd, err.msg);
		return;
	}
	identity_of(getpid(), &watch.state.shim);
	watch.state.boot = boot_id(arena);
	watch.state.intent = spec->intent;
	watch.state.stop_signal = spec->stop_signal;
	watch.state.stop_timeout = spec->stop_timeout;
	if (folder_write_state(dir, &watch.state, &err) < 0 ||
		start_command(&watch, arena, &err) < 0) {
		report(report_fd, err.msg);
		return;
	}
	report(report_fd, "");
	if (kept >= 0)
		close(kept); /* the action is over; the service goes on */
	shim_watch(&watch);
}

/* Waits for the word of the one that stays; one that failed is gone, lock and all, when we end. */
static int hear_report(int fd, pid_t pid)
{
	char text[1200];
	size_t len = 0;

	for (;;) {
		ssize_t n = read(fd, text + len, sizeof(text) - 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || (len += (size_t)n) == sizeof(text) - 1)
			break;
	}
	text[len] = '\0';
	if (!strcmp(text, "+"))
		return 0;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	fprintf(stderr, "%s\n", len ? text : "the shim died before it could start the command");
	return 1;
}

int local_shim_main(int argc, char **argv)
{
	int kept = fcntl(PROCESS_KEEP_FD, F_SETFD, FD_CLOEXEC) < 0 ? -1 : PROCESS_KEEP_FD;
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct shim_spec spec;
	const char *text;
	size_t len;
	int ends[2];
	pid_t pid;

	if (argc != 3 || argv[2][0] != '/') {
		fprintf(stderr, "devenv %s is for devenv itself\n", SHIM_VERB);
		return 2;
	}
	if (fs_read_fd(0, "stdin", &arena, &text, &len, &err) < 0 ||
		shim_spec_read(text, len, &arena, &spec, &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		return 1;
	}
	if (pipe2(ends, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		perror("cannot start a shim");
		return 1;
	}
	if (pid == 0) {
		close(ends[0]);
		leave_the_terminal();
		watch_over(argv[2], &spec, ends[1], kept, &arena);
		_exit(0);
	}
	close(ends[1]);
	arena_release(&arena);
	return hear_report(ends[0], pid);
}
