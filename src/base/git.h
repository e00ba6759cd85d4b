/*
 * Git through the helper program devenv-git, one verb a process: what hangs is killed, what crashes is a
 * failed verb, and whoever needs no git does not load it. Errors:
 *   ERROR_UNREACHABLE  no answer, or it broke off: worth another try
 *   ERROR_NOT_FOUND    no such branch, tag or commit
 *   ERROR_CORRUPT      the clone is damaged: remove it, and the next fetch makes it again
 *   ERROR_INVALID      credentials, host key or certificate were refused, or the tree is not taken
 */
#ifndef DEVENV_BASE_GIT_H
#define DEVENV_BASE_GIT_H

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* Who we are towards the server. All may be NULL. They travel by environment, never by argv. */
struct git_access {
	const char *token, *token_file, *user; /* https */
	const char *ssh_key, *known_hosts;     /* ssh */
	const char *ca_file;
};

struct git {
	const char *helper;           /* path of devenv-git */
	const struct clock *clock;
	const atomic_bool *cancel;    /* NULL: cannot be cancelled */
	const struct git_access *access; /* NULL: none */
	int64_t limit;                /* ms for one verb; 0: an hour */
};

struct git_found {
	const char *ref;     /* "refs/tags/v1.2.0" */
	const char *object;  /* 40 hex digits: the commit, or the tag object */
	const char *commit;
	const char *author, *summary;
	const char *root;    /* git_find: of the working tree */
	const char *repository;
	int64_t time;        /* seconds */
	bool fetched;        /* something came */
	bool descends;       /* from the base that was asked about */
};

/* One signature, as files to be checked. */
struct git_signed {
	const char *object;
	const char *signature, *data; /* paths; NULL: it is not signed */
};

struct git_updated {
	const char *const *changed; /* paths that came, went or changed */
	size_t n_changed, files;
};

/* Beside the program, else in ../libexec/devenv. */
int git_helper(const char *self, struct arena *arena, const char **out, struct error *err);

/* Which commit a branch, else a tag (or the newest of a pattern) of the server is; `ref` NULL: the branch that
   it calls its own. Nothing is fetched; only `ref` and `commit` are filled. */
int git_ask(const struct git *git, const char *url, const char *ref, struct arena *arena,
	struct git_found *out, struct error *err);
/* `kind`: "head", "branch", "tag", "commit". `base`: NULL, or a commit to be descended from. */
int git_fetch(const struct git *git, const char *clone, const char *url, const char *kind,
	const char *value, const char *base, struct arena *arena, struct git_found *out,
	struct error *err);
/* The same from what was fetched before. */
int git_resolve(const struct git *git, const char *clone, const char *kind, const char *value,
	const char *base, struct arena *arena, struct git_found *out, struct error *err);
/* A revision of the repository that `directory` lies in; with `with`, what the two have in common. */
int git_find(const struct git *git, const char *directory, const char *revision, const char *with,
	struct arena *arena, struct git_found *out, struct error *err);
/* `folder` becomes what the commit says; see src/git/update.c. `path`: where submodules and
   pointers of LFS would be missed. */
int git_update(const struct git *git, const char *clone, const char *commit, const char *folder,
	const char *path, size_t max_files, int64_t max_bytes, struct arena *arena,
	struct git_updated *out, struct error *err);
/* `kind`: "head", "range" (since `base`), "tag". Files are written into `folder`. */
int git_signatures(const struct git *git, const char *clone, const char *kind, const char *object,
	const char *ref, const char *folder, const char *base, struct arena *arena,
	struct git_signed **out, size_t *n, struct error *err);
/* Who changed each of `n` lines last. `file`: what `path` holds now, with lines of no commit; NULL: what
   `commit` has there. `out` has room for n; a commit of NULL: nobody yet. */
int git_blame(const struct git *git, const char *clone, const char *commit, const char *path,
	const char *file, const uint32_t *lines, size_t n, struct arena *arena, struct git_found *out,
	struct error *err);

#endif
