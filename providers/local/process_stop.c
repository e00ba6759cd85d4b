/*
 * Stopping. A shim that lives does it itself: it is the parent, so it cannot hit the wrong process.
 * For one that was killed we do it from outside, and then a signal goes through a pidfd, to a
 * process whose start time was compared after the pidfd was opened: never to a number alone. What
 * left the group carries DEVENV_PROCESS in its environment and is found by that.
 */
#include "providers/local/process.h"

#include "base/fs.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	STEP = 20,       /* ms between two looks */
	MARGIN = 5000,   /* ms beyond its timeout that a shim has to come to an end */
	KILL_WAIT = 5000, /* ms until a SIGKILL must have worked */
};

/* False: it is gone already. */
static bool signal_identity(const struct identity *identity, int number)
{
	cleanup_fd int fd = identity->pid > 0 ? (int)syscall(SYS_pidfd_open, identity->pid, 0) : -1;

	if (fd < 0 || !identity_lives(identity))
		return false;
	return syscall(SYS_pidfd_send_signal, fd, number, NULL, 0) == 0;
}

/* SIGTERM for a shim, and with it, where a person says so, how long its command may take. */
static void tell_shim(const struct provider_env *env, const struct identity *shim)
{
	cleanup_fd int fd = shim->pid > 0 ? (int)syscall(SYS_pidfd_open, shim->pid, 0) : -1;
	siginfo_t info = {.si_signo = SIGTERM, .si_code = SI_QUEUE};

	if (fd < 0 || !identity_lives(shim))
		return;
	if (env->stop_timeout)
		info.si_value.sival_int = *env->stop_timeout < INT_MAX ? (int)*env->stop_timeout : INT_MAX;
	info.si_pid = getpid();
	info.si_uid = getuid();
	syscall(SYS_pidfd_send_signal, fd, SIGTERM, env->stop_timeout ? &info : NULL, 0);
}

static int64_t stop_timeout(const struct provider_env *env, const struct folder *folder)
{
	return env->stop_timeout ? *env->stop_timeout : folder->state.stop_timeout;
}

/* The group of a leader that lives cannot have become another one. */
static void signal_group(const struct identity *leader, int number)
{
	if (identity_lives(leader))
		kill(-leader->pid, number);
}

static int64_t now(void)
{
	return clock_monotonic(&clock_system);
}

/* True once `gone` says so; false after `timeout`, or, with the reason in `err`, before. */
static bool wait_for(const struct provider_env *env, bool (*gone)(const struct folder *folder),
	const struct folder *folder, int64_t timeout, struct error *err)
{
	int64_t until = now() + timeout;

	while (!gone(folder)) {
		if (now() >= until || local_check(env, err) < 0)
			return false;
		poll(NULL, 0, STEP);
	}
	return true;
}

static bool shim_is_gone(const struct folder *folder)
{
	return !folder_is_locked(folder->path);
}

static bool process_is_gone(const struct folder *folder)
{
	return !identity_lives(&folder->state.process);
}

/* --- what is left without a shim -------------------------------------------------------------- */

static bool carries_mark(const char *pid, const char *mark, struct arena *arena)
{
	const char *text;
	size_t len;

	if (fs_read(arena_printf(arena, "/proc/%s/environ", pid), arena, &text, &len, NULL) < 0)
		return false;
	for (const char *at = text; at < text + len; at += strlen(at) + 1) {
		if (!strcmp(at, mark))
			return true;
	}
	return false;
}

/* Returns how many there were. */
static size_t kill_marked(const struct folder *folder)
{
	struct arena arena = ARENA_INIT;
	const char *mark = arena_printf(&arena, "DEVENV_PROCESS=%s", folder->path);
	const char *const *names;
	size_t n, killed = 0;

	if (fs_list("/proc", &arena, &names, &n, NULL) < 0)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		struct identity identity;

		/* Identity first: if the number changes hands after it, the signal is not sent. */
		if (isdigit((unsigned char)names[i][0]) && identity_of(atoi(names[i]), &identity) &&
			identity.pid != getpid() && carries_mark(names[i], mark, &arena) &&
			signal_identity(&identity, SIGKILL))
			killed++;
	}
	arena_release(&arena);
	return killed;
}

static int stop_orphan(const struct provider_env *env, const struct folder *folder,
	struct error *err)
{
	const struct folder_state *state = &folder->state;

	signal_group(&state->process, state->stop_signal ? state->stop_signal : SIGTERM);
	if (!wait_for(env, process_is_gone, folder, stop_timeout(env, folder), err)) {
		if (err->code != ERROR_NONE)
			return -1;
		signal_group(&state->process, SIGKILL);
		if (!wait_for(env, process_is_gone, folder, KILL_WAIT, err))
			return err->code != ERROR_NONE ? -1 : error_set(err, ERROR_FAILED,
				"process %d does not end, not even killed", state->process.pid);
	}
	return 0;
}

/* --- through the shim ------------------------------------------------------------------------- */

/* 1: the shim had to be killed, so it may have left something. */
static int stop_by_shim(const struct provider_env *env, const struct folder *folder,
	struct error *err)
{
	const struct folder_state *state = &folder->state;

	tell_shim(env, &state->shim);
	if (wait_for(env, shim_is_gone, folder, stop_timeout(env, folder) + MARGIN, err))
		return 0;
	if (err->code != ERROR_NONE)
		return -1;
	/* It hangs: then its command is ours to kill, and it, too. */
	signal_group(&state->process, SIGKILL);
	signal_identity(&state->shim, SIGKILL);
	if (wait_for(env, shim_is_gone, folder, KILL_WAIT, err))
		return 1;
	return err->code != ERROR_NONE ? -1 : error_set(err, ERROR_FAILED,
		"the shim of process %d does not end, not even killed", state->process.pid);
}

/* One that is about to start has at most seconds to go: the lock of its intent is gone. */
static int wait_for_start(struct provider_env *env, struct folder *look, struct error *err)
{
	for (int i = 0; look->phase == FOLDER_STARTING && i < MARGIN / STEP; i++) {
		poll(NULL, 0, STEP);
		if (folder_look(look->path, env->arena, look, err) < 0)
			return -1;
	}
	if (look->phase == FOLDER_HIDDEN || look->phase == FOLDER_STARTING)
		return error_set(err, ERROR_UNREACHABLE,
			"it runs where this devenv cannot reach it (in another container?)");
	return 0;
}

static int stop_once(struct provider_env *env, struct folder *look, bool *attended,
	struct error *err)
{
	struct error why = ERROR_INIT;
	int rc = 0;

	if (wait_for_start(env, look, err) < 0)
		return -1;
	if (folder_is_locked(look->path))
		rc = stop_by_shim(env, look, &why);
	else
		*attended = false;
	if (rc == 0 && look->phase == FOLDER_ORPHAN)
		rc = stop_orphan(env, look, &why);
	if (rc < 0)
		*err = why;
	if (rc != 0)
		*attended = false;
	return rc < 0 ? -1 : folder_look(look->path, env->arena, look, err);
}

int process_stop(struct provider_env *env, const struct folder *folder, struct error *err)
{
	struct folder look = *folder;
	bool attended = true;

	/* Twice: a shim that dies while it is asked leaves an orphan. */
	for (int i = 0; i < 3 && (folder_runs(&look) || folder_is_locked(look.path) || !i); i++) {
		if (stop_once(env, &look, &attended, err) < 0)
			return -1;
	}
	if (folder_runs(&look))
		return error_set(err, ERROR_FAILED, "process %d does not end",
			look.state.process.pid);
	/* A shim leaves nothing; only one that was killed does. What is killed may have just
	   forked. */
	if (look.state.process.pid == 0 || look.phase == FOLDER_LOST)
		attended = true;
	for (int i = 0; !attended && i < 5 && kill_marked(&look); i++)
		poll(NULL, 0, STEP);
	return 0;
}
