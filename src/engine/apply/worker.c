/* One queue in, one queue out, one mutex; an eventfd wakes the scheduler's poll(). */
#include "engine/apply/worker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct workers {
	pthread_mutex_t mutex;
	pthread_cond_t work;
	pthread_t *threads;
	int n_threads, limit, idle;
	int queued;                        /* tasks that nobody has taken yet */
	bool stopping;
	struct task *first, *last;         /* to do */
	struct message *inbox, *inbox_end; /* done */
	int fd;
};

static void send_message(struct workers *workers, struct message *message)
{
	uint64_t one = 1;
	ssize_t written;

	pthread_mutex_lock(&workers->mutex);
	if (workers->inbox)
		workers->inbox_end->next = message;
	else
		workers->inbox = message;
	workers->inbox_end = message;
	pthread_mutex_unlock(&workers->mutex);
	do {
		written = write(workers->fd, &one, sizeof(one));
	} while (written < 0 && errno == EINTR);
}

struct progress_to {
	struct workers *workers;
	uint32_t step;
};

static void send_line(struct progress_to *to, const char *line, bool note)
{
	struct message *message = xcalloc(1, sizeof(*message));

	message->step = to->step;
	message->progress = xstrdup(line);
	message->note = note;
	send_message(to->workers, message);
}

static void send_progress(void *arg, const char *line)
{
	send_line(arg, line, false);
}

static void send_note(void *arg, const char *line)
{
	send_line(arg, line, true);
}

static void run_observe(struct task *task)
{
	struct observe_request request = {.items = &task->observation, .n = 1};

	task->status = task->provider->observe(&task->env, &request, &task->err);
	if (task->status < 0) {
		task->observation.presence = PRESENCE_UNKNOWN;
		task->observation.message = task->err.msg;
	}
}

static void run_task(struct workers *workers, struct task *task)
{
	struct progress_to to = {workers, task->step};

	task->env.arena = &task->arena;
	task->env.progress = send_progress;
	task->env.note = send_note;
	task->env.progress_arg = &to;
	switch (task->kind) {
	case TASK_OBSERVE:
		run_observe(task);
		break;
	case TASK_APPLY:
		task->status = task->provider->apply(&task->env, &task->request, &task->outcome,
			&task->err);
		break;
	case TASK_DESTROY:
		task->status = task->provider->destroy(&task->env, task->record, &task->err);
		break;
	case TASK_DROP:
		task->status = task->provider->drop(&task->env, task->record, &task->err);
		break;
	case TASK_PROBE:
	case TASK_AWAIT:
		task->readiness = probe_once(task);
		break;
	}
	task->env.progress = NULL;
	task->env.note = NULL;
	task->env.progress_arg = NULL;
}

static void *work(void *arg)
{
	struct workers *workers = arg;

	pthread_mutex_lock(&workers->mutex);
	for (;;) {
		struct message *message;
		struct task *task;

		while (!workers->first && !workers->stopping) {
			workers->idle++;
			pthread_cond_wait(&workers->work, &workers->mutex);
			workers->idle--;
		}
		task = workers->first;
		if (!task)
			break;
		workers->first = task->next;
		workers->queued--;
		pthread_mutex_unlock(&workers->mutex);
		run_task(workers, task);
		message = xcalloc(1, sizeof(*message));
		message->task = task;
		message->step = task->step;
		send_message(workers, message);
		pthread_mutex_lock(&workers->mutex);
	}
	pthread_mutex_unlock(&workers->mutex);
	return NULL;
}

/*
 * Signals belong to the scheduler: threads start with all of them blocked. One that cannot be started
 * is missed by nobody but the first: those that run do its work.
 */
static int start_thread(struct workers *workers)
{
	sigset_t all, old;
	int failed;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	failed = pthread_create(&workers->threads[workers->n_threads], NULL, work, workers);
	if (!failed)
		workers->n_threads++;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return failed;
}

struct workers *workers_new(int limit, struct error *err)
{
	int failed;

	struct workers *workers = xcalloc(1, sizeof(*workers));

	workers->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (workers->fd < 0) {
		error_errno(err, "make an event descriptor");
		free(workers);
		return NULL;
	}
	pthread_mutex_init(&workers->mutex, NULL);
	pthread_cond_init(&workers->work, NULL);
	workers->limit = limit;
	workers->threads = xcalloc((size_t)limit, sizeof(*workers->threads));
	failed = start_thread(workers); /* now, while nothing has been begun */
	if (failed) {
		error_set(err, ERROR_FAILED,
			"no thread can be started: %s; nothing was done. Raise the limit of processes "
			"(ulimit -u, pids.max of the control group)", strerror(failed));
		workers_free(workers);
		return NULL;
	}
	return workers;
}

void workers_free(struct workers *workers)
{
	if (!workers)
		return;
	pthread_mutex_lock(&workers->mutex);
	workers->stopping = true;
	pthread_cond_broadcast(&workers->work);
	pthread_mutex_unlock(&workers->mutex);
	for (int i = 0; i < workers->n_threads; i++)
		pthread_join(workers->threads[i], NULL);
	pthread_cond_destroy(&workers->work);
	pthread_mutex_destroy(&workers->mutex);
	close(workers->fd);
	free(workers->threads);
	free(workers);
}

int workers_fd(const struct workers *workers)
{
	return workers->fd;
}

void workers_submit(struct workers *workers, struct task *task)
{
	task->next = NULL;
	pthread_mutex_lock(&workers->mutex);
	if (workers->first)
		workers->last->next = task;
	else
		workers->first = task;
	workers->last = task;
	workers->queued++;
	/* A thread that was woken counts as idle until it runs: many tasks may come before that. */
	if (workers->queued > workers->idle && workers->n_threads < workers->limit)
		start_thread(workers);
	pthread_cond_signal(&workers->work);
	pthread_mutex_unlock(&workers->mutex);
}

struct message *workers_collect(struct workers *workers)
{
	struct message *messages;
	uint64_t count;
	ssize_t n = read(workers->fd, &count, sizeof(count));

	(void)n; /* only resets the counter; nothing there is fine */
	pthread_mutex_lock(&workers->mutex);
	messages = workers->inbox;
	workers->inbox = workers->inbox_end = NULL;
	pthread_mutex_unlock(&workers->mutex);
	return messages;
}
