/*
 * devenv-git: everything that needs libgit2, in a program of its own. devenv starts it for one verb and
 * ends it when it takes too long: libgit2 1.5 has no timeouts, a crash in it is a failed verb, and
 * `devenv plan` does not pay for its libraries. Nothing here is interactive and nothing of a repository
 * is ever executed: no hooks, no filters, no submodules.
 *
 * Answers are lines "NAME VALUE" on stdout, an error is one line on stderr, the status says its kind.
 * Credentials come by environment (see credentials.c), never by argv.
 */
#ifndef DEVENV_HELPER_GIT_H
#define DEVENV_HELPER_GIT_H

#include "base/alloc.h"
#include "base/error.h"

#include <git2.h>
#include <stdbool.h>

/* Exit statuses; src/base/git.c knows them by number. */
enum git_status {
	GIT_DONE = 0,
	GIT_FAILED = 1,
	GIT_REFUSED = 65,     /* the tree holds what is not taken */
	GIT_MISSING = 66,     /* no such branch, tag, commit */
	GIT_DAMAGED = 74,     /* the clone: whoever asked may throw it away */
	GIT_UNREACHABLE = 75, /* worth another try */
	GIT_DENIED = 77,      /* credentials, host key or certificate */
};

struct call {
	struct arena arena;
	char **args; /* behind the verb, NULL-terminated */
	int n;
	git_repository *repo;
	enum git_status status; /* of a failure; GIT_FAILED unless said */
};

/* Each returns 0, or -1 with `err`; call->status says what kind of failure it is. */
int verb_ask(struct call *call, struct error *err);
int verb_fetch(struct call *call, struct error *err);
int verb_resolve(struct call *call, struct error *err);
int verb_update(struct call *call, struct error *err);
int verb_signatures(struct call *call, struct error *err);
int verb_blame(struct call *call, struct error *err);
int verb_find(struct call *call, struct error *err);

/* libgit2's last message behind `what`. */
int fail_git(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int fail_as(struct call *call, enum git_status status);

/* credentials.c */
enum { CREDENTIAL_TRIES = 3 };
struct credentials {
	int tries;
	bool denied;
};
int credentials_get(git_credential **out, const char *url, const char *user, unsigned allowed,
	void *payload);

/* fetch.c: leaves call->repo open on the clone. */
int clone_open(struct call *call, const char *path, struct error *err);
/* What the server has; from now on until alarm(0) it may not fall silent. */
int remote_ask(struct call *call, git_remote *remote, const char *url, struct credentials *credentials,
	const git_remote_head ***heads, size_t *n, struct error *err);
/* resolve.c */
/* Of tags the newest that fits; NULL: none does. */
const char *newest_tag(struct call *call, char *const *names, size_t n, const char *pattern);
void print_line(const char *name, const char *text); /* one line, whatever is in it */
int print_resolved(struct call *call, const char *kind, const char *value, const char *base,
	struct error *err);

/* ssh.c: ssh:// through OpenSSH. */
int ssh_register(void);

/* check.c: what a tree may hold. One entry by its whole path. */
struct limits {
	const char *path; /* submodules and LFS pointers below it are refused; "" for all */
	size_t files, max_files;
	uint64_t bytes, max_bytes;
};
int check_entry(git_repository *repo, const char *path, const git_tree_entry *entry,
	struct limits *limits, struct error *err);

#endif
