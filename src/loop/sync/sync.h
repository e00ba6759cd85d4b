/*
 * Follows git remotes and only decides when to reconcile, and from what: the pipeline is that of plan
 * and apply, behind the hooks.
 *
 *   fetch -> is it another commit? -> signature, ancestry -> what the tree may hold -> the stage (a copy
 *   that only planning reads) -> is it valid? -> the live folder -> plan, apply -> state, status file
 *
 * Everything before the live folder can be repeated or given up without anyone noticing. A commit that
 * is refused or invalid leaves the live folder, and what runs from it, as the last good one made it.
 *
 * A home holds:  clones/HASH (one a URL), sync/NAME/{stage,live,status.json,reads,now}
 */
#ifndef DEVENV_LOOP_SYNC_SYNC_H
#define DEVENV_LOOP_SYNC_SYNC_H

#include "engine/apply/apply.h"
#include "base/git.h"

enum sync_verify {
	SYNC_VERIFY_NOT,
	SYNC_VERIFY_COMMITS,
	SYNC_VERIFY_TAGS,
};

/* A place that hears what became of a commit. */
struct sync_report {
	const char *kind;   /* "github", "gitlab", "gitea", "azure", "webhook", "slack" */
	const char *url;    /* of the API, or of the hook */
	const char *token;  /* NULL: none */
};

/* What the machine says: command line, or its own file. Never the tree. */
struct sync_spec {
	const char *name;
	const char *url;
	const char *kind, *value;     /* "branch" "main"; "head" "": what the server calls its own */
	const char *path;             /* of the project in the tree; "" for its root */
	const char *environment;      /* -e; NULL: none */
	const char *env_file;         /* NULL: none */
	int64_t interval;             /* ms */
	enum sync_verify verify;
	bool range;                   /* every commit since the last one, not the newest alone */
	const char *const *keys;      /* files: allowed_signers, or PGP keys; NULL-terminated */
	bool allow_rewrite;
	const char *const *depends_on; /* names; NULL-terminated or NULL */
	size_t max_files;
	int64_t max_bytes;
	struct git_access access;
	const struct sync_report *reports;
	size_t n_reports;
	const char *report_url;       /* what a commit status links to; NULL: nothing */
};

enum sync_result {
	SYNC_UNCHANGED,   /* nothing new */
	SYNC_OK,
	SYNC_SEEN,        /* new, and nothing in it that the last run read */
	SYNC_HELD,        /* done but for what needs approval */
	SYNC_FAILED,      /* the apply */
	SYNC_INVALID,     /* mistakes in the manifest: skipped */
	SYNC_REFUSED,     /* signature, ancestry, the tree: skipped */
	SYNC_UNREACHABLE,
	SYNC_WAITING,     /* for another sync */
	SYNC_SUSPENDED,
	SYNC_INTERRUPTED,
	SYNC_BROKEN,      /* this machine: disk, state */
};

const char *sync_result_str(enum sync_result result); /* "ok" */

/* What the hooks work on. */
struct sync_task {
	const struct sync_spec *spec;
	const char *live, *stage;  /* folders of the whole tree */
	const char *clone;         /* of git's objects */
	const struct git_found *commit;
	struct run_origin origin;
	struct arena *arena;       /* of this round */
	/* Out. */
	enum sync_result result;
	const char *message;       /* NULL: nothing to say */
	const char *environment;   /* id; NULL: none yet */
	int64_t run;               /* 0: nothing was done */
	const char *const *reads;  /* what the plan depends on below `live`, as files.c writes it down;
	                              NULL: not known */
	size_t n_reads;
};

enum sync_event_kind {
	SYNC_EVENT_COMMIT,  /* a new commit is looked at */
	SYNC_EVENT_RESULT,  /* `result`, `text` */
	SYNC_EVENT_RETRY,   /* in `ms` */
	SYNC_EVENT_WARNING, /* `text` */
	SYNC_EVENT_FOLLOWING, /* the loop begins */
	SYNC_EVENT_LISTENING, /* for push events, of all syncs: `text` says where */
};

struct sync_event {
	enum sync_event_kind kind;
	const struct sync_spec *spec;
	const struct git_found *commit; /* NULL: none */
	const char *signer;             /* NULL: not asked for */
	enum sync_result result;
	const char *text;
	int64_t ms;
};

struct sync_hooks {
	/* Plans from the stage and does nothing. 0: valid. -1: `task->message` says what is wrong. */
	int (*check)(void *arg, struct sync_task *task);
	/* Plans from the live folder and applies; fills what is out. */
	void (*apply)(void *arg, struct sync_task *task);
	void (*tell)(void *arg, const struct sync_event *event);
	void *arg;
};

struct sync_options {
	const struct clock *clock;
	const char *self, *home, *actor;
	const struct sync_spec *specs;
	size_t n_specs;
	bool once;
	const char *listen;        /* where push events are taken: "127.0.0.1:9000"; NULL: nowhere */
	const char *listen_secret; /* that they must know */
};

/* Until a signal ends it, or once. The worst result; -1 when it could not begin. */
int sync_run(const struct sync_options *options, const struct sync_hooks *hooks,
	enum sync_result *worst, struct error *err);

/* Asks a running loop to look at `name` now, and waits up to `timeout` ms for the outcome; `status` is
   the text of its status file then. ERROR_NOT_FOUND: nobody follows it. */
int sync_now(const char *home, const char *name, int64_t timeout, const struct clock *clock,
	struct arena *arena, const char **status, struct error *err);

/* The name of a sync that was given none: of the URL, and different for another ref or path. */
const char *sync_name(struct arena *arena, const struct sync_spec *spec);
/* Refuses what can never work, and URLs with a password in them. */
int sync_spec_check(const struct sync_spec *spec, const char *home, struct error *err);
/* Folders of a sync. */
const char *sync_folder(struct arena *arena, const char *home, const char *name);

#endif
