/*
 * The conversation with devenv-watcher (src/watcher.c), which says what changes in folders. An
 * event is a hint to look, nothing more. No call blocks but notify_sync, and that has a limit.
 */
#ifndef DEVENV_LOOP_NOTIFY_H
#define DEVENV_LOOP_NOTIFY_H

#include "base/process.h"

enum notify_kind {
	NOTIFY_WRITTEN, /* a whole save: closed after writing, or moved to here */
	NOTIFY_CHANGED, /* made, or its mode changed: more may follow */
	NOTIFY_GONE,
	NOTIFY_LOST,    /* events were lost; no path */
	NOTIFY_REFUSED, /* `path` cannot be watched; `number` is the errno */
};

struct notify_event {
	enum notify_kind kind;
	const char *path; /* FOLDER/NAME as the folder was named; valid during the call */
	int number;
};

struct notify {
	struct process_child child;
	struct strbuf in, out;
	unsigned asked, answered; /* tokens of notify_sync */
};

#define NOTIFY_INIT {.child = PROCESS_CHILD_INIT, .in = STRBUF_INIT, .out = STRBUF_INIT}

/* The helper that belongs to the program `self`: beside it, or where it is installed. */
int notify_find(const char *self, struct arena *arena, const char **out, struct error *err);
int notify_start(struct notify *notify, const char *program, struct error *err);
void notify_stop(struct notify *notify);
bool notify_runs(const struct notify *notify);

void notify_add(struct notify *notify, const char *folder);
void notify_remove(struct notify *notify, const char *folder);
/* Hands out what has come. -1: the helper is gone, and nothing will come any more. */
int notify_read(struct notify *notify, void (*see)(void *arg, const struct notify_event *event),
	void *arg);
/* Until all that was asked for is done: afterwards the watches stand. -1 as above, or after `timeout`. */
int notify_sync(struct notify *notify, int64_t timeout,
	void (*see)(void *arg, const struct notify_event *event), void *arg);

#endif
