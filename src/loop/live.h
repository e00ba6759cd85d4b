/*
 * Live sync: files that change go into what runs, by the rules of `sync`, without a plan. What of the
 * files is there already is known from the last time; a container that is new gets them all.
 */
#ifndef DEVENV_LOOP_LIVE_H
#define DEVENV_LOOP_LIVE_H

#include "base/trail.h"
#include "engine/reconcile.h"

enum live_action {
	LIVE_COPY,
	LIVE_RESTART,
	LIVE_REBUILD,
};

struct live_rule {
	const char *address, *path; /* absolute */
	const char *target;         /* NULL: none */
	enum live_action action;
	bool planned;               /* to make it anew is the business of a plan */
	char **places;              /* that have all files; on the heap */
	size_t n_places;
};

struct live {
	struct arena arena;
	struct live_rule *rules;
	size_t n;
	struct trail seen;          /* the files as they were copied last */
	const char **replaces;      /* addresses to be made anew; NULL-terminated or NULL */
};

void live_release(struct live *live);
/* Marks every file that a rule is about, on the open trail. */
void live_mark(const struct reconcile *r);
/* The rules of a manifest that stands. */
void live_take(struct live *live, const struct reconcile *r);
/* A change of this path is answered by copying alone. */
bool live_covers(const struct live *live, const char *path);
/* A change of this path makes something anew: it is in `replaces` until live_made. */
void live_note(struct live *live, const char *path);
void live_made(struct live *live);

/*
 * Copies what has changed since the last time. `r` is loaded and opened, `now` was marked by live_mark
 * and is taken over. `tell` hears what was copied where, and what could not be.
 */
void live_push(struct live *live, struct reconcile *r, struct trail *now,
	void (*tell)(void *arg, bool failed, const char *text), void *arg);

#endif
