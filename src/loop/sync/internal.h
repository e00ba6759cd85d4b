/*
 * The inside of sync, shared by its files:
 *   sync.c          when: intervals, backoff, order, waiting
 *   round.c    what one look at one remote does
 *   peek.c     is there certainly nothing new?
 *   verify.c   who signed it
 *   files.c    status file, what was read, the pipe that `sync now` writes to
 *   signals.c  signals, the watchdog of systemd
 *   report.c   results that go back
 *   listen.c   push events that come in
 *   spec.c     names, and what cannot work
 */
#ifndef DEVENV_LOOP_SYNC_INTERNAL_H
#define DEVENV_LOOP_SYNC_INTERNAL_H

#include "base/hash.h"
#include "base/process.h"
#include "loop/sync/sync.h"
#include "state/lock.h"
#include "state/state.h"

#include <pthread.h>

enum { OID_HEX = 41 };

struct signals {
	pthread_t thread;
	bool running;
	int fd, wake;          /* signalfd; eventfd that says that something came */
	int quit;              /* eventfd that ends the thread */
	sigset_t before;
	atomic_bool stop;      /* SIGINT, SIGTERM */
	atomic_bool hurry;     /* SIGHUP */
	atomic_llong alive;    /* monotonic ms until which the main thread has said to be busy */
	int64_t watchdog;      /* ms between two signs of life; 0: nobody waits for them */
	const char *socket;    /* NOTIFY_SOCKET; NULL: none */
	const struct clock *clock;
};

int signals_start(struct signals *signals, const struct clock *clock, struct error *err);
void signals_stop(struct signals *signals);
/* While an apply runs, SIGINT and SIGTERM are its own. */
void signals_lend(struct signals *signals, bool lent);
/* "READY=1", "STATUS=..." to systemd; nothing without it. */
void signals_notify(const struct signals *signals, const char *text);
/* The main thread will be back within `ms`. */
void signals_busy(struct signals *signals, int64_t ms);

struct loop;

struct sync {
	const struct sync_spec *spec;
	struct loop *loop;
	char *folder, *live, *stage, *clone;
	struct lock lock;
	int now;               /* the pipe */
	int64_t next;          /* monotonic: when it is looked at */
	int64_t looked;        /* monotonic: when it was last */
	int failures;          /* in a row */
	bool force;            /* plan, whatever the commit is */
	enum sync_result result; /* of the last round */
	bool ok;               /* may those that depend on it go on? */
	int64_t started, finished; /* rounds; those of one process */
	int64_t checked_at;    /* wall */
	bool tagged;           /* `tags` holds: what they were before the last fetch */
	struct hash tags;
	int64_t fetched_at;    /* the pass in which its remote was asked last, and answered */
};

struct push_listener {
	struct process_child child;
	struct strbuf in;
	int64_t again;         /* monotonic: when it is started anew */
};

struct loop {
	const struct sync_options *options;
	const struct sync_hooks *hooks;
	struct git git;
	struct signals signals;
	struct sync *syncs;    /* those that others depend on before them */
	size_t n;
	int64_t pass;          /* of the loop: one fetch of a URL a pass */
	struct reports *reports;
	struct push_listener listener;
	uint64_t random;
};

/* One look at one remote. */
struct round {
	struct sync *sync;
	struct arena arena;
	struct sync_record record; /* as it was, and then as it is */
	bool known;                /* there was one */
	struct git_found found;
	const char *signer;
	struct sync_task task;
	enum sync_result result;
	const char *message;
	bool judged;               /* the result is about a commit, and new */
	bool news;                 /* and another one than the last of that commit: to be told */
};

void round_run(struct round *round, struct sync *sync, bool fetched);
void round_release(struct round *round);

/* 0: whoever must have signed it did; `signer` says who, NULL when nobody had to. */
int sync_verify_commit(const struct git *git, const struct sync_spec *spec, const char *clone,
	const struct git_found *found, const char *base, const char *folder, struct arena *arena,
	const char **signer, struct error *err);

/* --- files.c */

int files_prepare(struct sync *sync, struct error *err);
void files_release(struct sync *sync);
/* Volatile: a status file is made again. Failing is no harm. */
void files_write_status(const struct sync *sync, const struct round *round);
void files_write_reads(const struct sync *sync, const char *const *reads, size_t n);
/* True when one of the changed paths is one that the last plan depended on, or that is not known. */
bool files_concerned(const struct sync *sync, const char *const *changed, size_t n,
	struct arena *arena);
/* Somebody asked for a look. */
bool files_asked(const struct sync *sync);

/* --- peek.c */

/* True: the remote certainly still has `commit`, which may be NULL. */
bool peek_is_same(const struct sync_spec *spec, const char *commit, struct arena *arena);
/* Of all tags of the remote; false: it is not as simple as that. */
bool peek_tags(const struct sync_spec *spec, struct arena *arena, struct hash *out);

/* --- listen.c */

/* Nothing where options do not ask for it. Must be called once before the others. */
int listener_start(struct loop *loop, struct error *err);
void listener_stop(struct loop *loop);
/* Takes the events that came. When it has to be called again (monotonic); 0: when something comes. */
int64_t listener_take(struct loop *loop);

/* --- report.c */

bool report_is_known(const char *kind);
struct reports *reports_new(void);
void reports_free(struct reports *reports);
void reports_add(struct reports *reports, const struct round *round);
/* Sends what is due; returns when the next is (monotonic), 0 for none. */
int64_t reports_send(struct reports *reports, struct loop *loop);

#endif
