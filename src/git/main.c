/*
 * The verbs. One process does one of them; what it holds goes with it, so nothing is released by hand
 * that the kernel takes back anyway. Its own watchdog is an alarm: see fetch.c.
 */
#include "git/git.h"

#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

static const struct verb {
	const char *name;
	int least, most;
	int (*run)(struct call *call, struct error *err);
	const char *usage;
} verbs[] = {
	{"ask", 1, 2, verb_ask, "URL [REF]"},
	{"fetch", 4, 5, verb_fetch, "CLONE URL KIND VALUE [BASE]"},
	{"resolve", 3, 4, verb_resolve, "CLONE KIND VALUE [BASE]"},
	{"update", 6, 6, verb_update, "CLONE COMMIT FOLDER PATH FILES BYTES"},
	{"signatures", 5, 6, verb_signatures, "CLONE KIND OBJECT REF FOLDER [BASE]"},
	{"blame", 5, INT_MAX, verb_blame, "CLONE COMMIT PATH FILE LINE..."},
	{"find", 2, 3, verb_find, "DIRECTORY REVISION [WITH]"},
};

int fail_git(struct error *err, const char *fmt, ...)
{
	const git_error *last = git_error_last();
	char what[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return error_set(err, ERROR_FAILED, "%s%s%s", what, last ? ": " : "", last ? last->message : "");
}

int fail_as(struct call *call, enum git_status status)
{
	call->status = status;
	return -1;
}

static int usage(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		fprintf(stderr, "devenv-git %s %s\n", verbs[i].name, verbs[i].usage);
	return 64;
}

static int run(const struct verb *verb, char **args, int n)
{
	struct call call = {.args = args, .n = n, .status = GIT_FAILED};
	struct error err = ERROR_INIT;

	if (git_libgit2_init() < 0 || ssh_register() < 0) {
		fprintf(stderr, "libgit2 cannot be started\n");
		return GIT_FAILED;
	}
	/* A repository of somebody else is only read, and nothing of it is executed. */
	git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
	git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
	if (verb->run(&call, &err) == 0 && fflush(stdout) == 0)
		return GIT_DONE;
	fprintf(stderr, "%s\n", err.msg);
	return call.status;
}

int main(int argc, char **argv)
{
	/* Nobody waits for the answer when devenv is gone. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(argv[1], verbs[i].name) == 0 && argc - 2 >= verbs[i].least &&
			argc - 2 <= verbs[i].most)
			return run(&verbs[i], argv + 2, argc - 2);
	}
	return usage();
}
