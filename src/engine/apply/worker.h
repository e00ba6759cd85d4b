/*
 * Worker threads. They run blocking provider calls and answer by message; a task belongs to the
 * scheduler before it is submitted and after it came back, to the worker in between. That queue is
 * the only state that threads share.
 */
#ifndef DEVENV_ENGINE_APPLY_WORKER_H
#define DEVENV_ENGINE_APPLY_WORKER_H

#include "provider/provider.h"

#include <stdatomic.h>

enum task_kind {
	TASK_OBSERVE,
	TASK_APPLY,
	TASK_DESTROY,
	TASK_DROP,    /* of what is gone: what is kept for it elsewhere */
	TASK_PROBE,
	TASK_AWAIT, /* a probe that lasts until something happens */
};

struct task {
	enum task_kind kind;
	const struct provider *provider;
	struct arena arena;          /* of this task: everything the provider returns is in it */
	struct provider_env env;
	uint32_t step;               /* whose task it is */

	/* In, by kind. Immutable while the task is away. */
	struct request request;      /* APPLY */
	struct record *record;       /* DESTROY, PROBE, AWAIT: the task's own copy */
	struct probe probe;          /* PROBE */
	const struct value *spec;    /* PROBE: resolved */
	struct observation observation; /* OBSERVE: in and out */

	/* Out. */
	int status;                  /* what the call returned */
	struct error err;
	struct outcome outcome;
	enum readiness readiness;
	const char *why;

	struct task *next;           /* in a queue */
};

/* What a worker sends: a finished task, or a line of progress (owned by the message). */
struct message {
	struct task *task;
	uint32_t step;
	char *progress;              /* NULL: the task is finished */
	bool note;                   /* `progress` is to be read in any case */
	struct message *next;
};

struct workers;

/* At most `limit` threads: the first now, the others as they are needed and can be had. */
struct workers *workers_new(int limit, struct error *err);
/* Waits for what runs. */
void workers_free(struct workers *workers);
/* Readable (poll) when there are messages. */
int workers_fd(const struct workers *workers);
void workers_submit(struct workers *workers, struct task *task);
/* All messages that have arrived, oldest first; the caller frees them. NULL: none. */
struct message *workers_collect(struct workers *workers);

/* engine/apply/probe.c: one readiness probe, whatever its kind. */
enum readiness probe_once(struct task *task);

#endif
