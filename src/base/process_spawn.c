/*
 * Starting a child: pipes, signals, descriptors, and an error that says which of the many things
 * that can be missing is missing. posix_spawn, because a fork of a program with threads and a large
 * heap is slow and may run nothing but system calls before exec.
 */
#include "base/process_spawn.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* In the child, with PROCESS_OUTLIVES: the ends that we read from. */
enum { OUT_FD = PROCESS_KEEP_FD + 1, ERR_FD, FIRST_FREE_FD };

/* Out of the way of the numbers that the child's descriptors get. */
static int move_up(int fd)
{
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);

	close(fd);
	return moved;
}

static int make_pipe(int ends[2], struct error *err)
{
	if (pipe2(ends, O_CLOEXEC) < 0) {
		ends[0] = ends[1] = -1;
		error_errno(err, "make a pipe");
		if (err)
			err->code = ERROR_TRANSIENT; /* too many files are open just now */
		return -1;
	}
	for (int i = 0; i < 2; i++) {
		if (ends[i] < FIRST_FREE_FD)
			ends[i] = move_up(ends[i]);
	}
	if (ends[0] < 0 || ends[1] < 0)
		return error_errno(err, "make a pipe");
	return 0;
}

void plumbing_close(struct plumbing *pipes)
{
	for (int i = 0; i < 2; i++) {
		close_end(&pipes->in[i]);
		close_end(&pipes->out[i]);
		close_end(&pipes->err[i]);
	}
}

int plumbing_open(struct plumbing *pipes, const struct process_request *request,
	struct error *err)
{
	*pipes = (struct plumbing){{-1, -1}, {-1, -1}, {-1, -1}};
	if (request->flags & PROCESS_FOREGROUND)
		return 0;
	if ((request->input && make_pipe(pipes->in, err) < 0) || make_pipe(pipes->out, err) < 0 ||
		(!(request->flags & PROCESS_MERGE) && make_pipe(pipes->err, err) < 0)) {
		plumbing_close(pipes);
		return -1;
	}
	if (pipes->in[1] >= 0)
		fcntl(pipes->in[1], F_SETFL, O_NONBLOCK);
	fcntl(pipes->out[0], F_SETFL, O_NONBLOCK);
	if (pipes->err[0] >= 0)
		fcntl(pipes->err[0], F_SETFL, O_NONBLOCK);
	if (request->flags & PROCESS_OUTLIVES) {
		fcntl(pipes->out[0], F_SETPIPE_SZ, PROCESS_PIPE);
		fcntl(pipes->err[0], F_SETPIPE_SZ, PROCESS_PIPE);
	}
	return 0;
}

static void describe_files(posix_spawn_file_actions_t *actions,
	const struct process_request *request, const struct plumbing *pipes)
{
	int first_free = request->keep_fd > 0 ? PROCESS_KEEP_FD + 1 : PROCESS_KEEP_FD;

	if (!(request->flags & PROCESS_FOREGROUND)) {
		if (pipes->in[0] >= 0)
			posix_spawn_file_actions_adddup2(actions, pipes->in[0], 0);
		else
			posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
		posix_spawn_file_actions_adddup2(actions, pipes->out[1], 1);
		posix_spawn_file_actions_adddup2(actions,
			pipes->err[1] >= 0 ? pipes->err[1] : pipes->out[1], 2);
	} else if (request->flags & PROCESS_NO_INPUT) {
		posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
	}
	if (request->keep_fd > 0)
		posix_spawn_file_actions_adddup2(actions, request->keep_fd, PROCESS_KEEP_FD);
	if (request->flags & PROCESS_OUTLIVES) {
		posix_spawn_file_actions_adddup2(actions, pipes->out[0], OUT_FD);
		posix_spawn_file_actions_adddup2(actions,
			pipes->err[0] >= 0 ? pipes->err[0] : pipes->out[0], ERR_FD);
		first_free = FIRST_FREE_FD;
		if (request->keep_fd <= 0)
			posix_spawn_file_actions_addclose(actions, PROCESS_KEEP_FD);
	}
	/* Also what we ourselves inherited without knowing. */
	posix_spawn_file_actions_addclosefrom_np(actions, first_free);
	if (request->directory)
		posix_spawn_file_actions_addchdir_np(actions, request->directory);
}

static void describe_signals(posix_spawnattr_t *attributes, const struct process_request *request)
{
	short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
	sigset_t set;

	/* An ignored SIGINT is inherited, and then nobody can stop the child politely. */
	sigfillset(&set);
	posix_spawnattr_setsigdefault(attributes, &set);
	sigemptyset(&set);
	posix_spawnattr_setsigmask(attributes, &set);
	if (!(request->flags & PROCESS_FOREGROUND)) {
		posix_spawnattr_setpgroup(attributes, 0);
		flags |= POSIX_SPAWN_SETPGROUP;
	}
	posix_spawnattr_setflags(attributes, flags);
}

static int explain_start(const struct process_request *request, const char *file, int number,
	struct arena *arena, struct error *err)
{
	const char *directory = request->directory;

	if (directory && access(directory, X_OK) < 0) {
		errno = number;
		return error_errno(err, "cannot start %s: working directory %s", request->argv[0],
			directory);
	}
	if (number == ENOENT || number == ENOTDIR) {
		if (!fs_exists(directory ? fs_join(arena, directory, file) : file))
			return error_set(err, ERROR_NOT_FOUND, "program %s not found%s%s", file,
				file[0] == '/' ? "" : " below ",
				file[0] == '/' ? "" : directory ? directory : "where devenv runs");
		return error_set(err, ERROR_FAILED,
			"cannot start %s: the interpreter that it names does not exist", file);
	}
	errno = number;
	error_errno(err, "cannot start %s", file);
	if (err && (number == EAGAIN || number == ENOMEM || number == EMFILE || number == ENFILE))
		err->code = ERROR_TRANSIENT;
	return -1;
}

static const char *vector_get(const char *const *items, const char *name)
{
	size_t len = strlen(name);

	for (; items && *items; items++) {
		if (strncmp(*items, name, len) == 0 && (*items)[len] == '=')
			return *items + len + 1;
	}
	return NULL;
}

int process_spawn(const struct process_request *request, const struct plumbing *pipes, pid_t *pid,
	struct error *err)
{
	struct arena arena = ARENA_INIT;
	const char *path = vector_get(request->env, "PATH"), *file = NULL;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int rc;

	if (process_find(request->argv[0], path, &arena, &file, err) < 0) {
		arena_release(&arena);
		return -1;
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	describe_files(&actions, request, pipes);
	describe_signals(&attributes, request);
	if (request->trace)
		request->trace(request->arg, request->argv);
	rc = posix_spawn(pid, file, &actions, &attributes, (char *const *)request->argv,
		request->env ? (char *const *)request->env : environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	if (rc)
		rc = explain_start(request, file, rc, &arena, err);
	arena_release(&arena);
	return rc;
}
