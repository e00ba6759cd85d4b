/*
 * The scheduler's loop. One tick: take in what came back, do what needs no worker, choose what starts,
 * commit results and intents together, hand out the tasks, wait. An intent is on disk before its task
 * leaves this thread; a result is on disk before anything that needs it starts.
 */
#include "engine/apply/schedule.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { TICK = 250 /* ms between progress events */ };

/* Tasks chosen in this tick; they leave after its commit. */
struct outbox {
	struct task *first, *last;
};

static void put(struct scheduler *s, struct outbox *outbox, struct task *task)
{
	if (!task)
		return;
	task->next = NULL;
	if (outbox->first)
		outbox->last->next = task;
	else
		outbox->first = task;
	outbox->last = task;
	s->away++;
}

static void receive(struct scheduler *s, struct workers *workers)
{
	struct message *message = workers ? workers_collect(workers) : NULL;

	while (message) {
		struct message *next = message->next;

		if (message->progress) {
			emit(s, message->note ? EVENT_NOTE : EVENT_PROGRESS, message->step, message->progress, NULL);
			free(message->progress);
		} else {
			step_finish(s, message->task);
			task_free(message->task);
		}
		free(message);
		message = next;
	}
}

static void run_inline(struct scheduler *s)
{
	while (s->inline_head < s->inline_tail)
		step_run_inline(s, s->inline_ready[s->inline_head++]);
}

static void resume_paused(struct scheduler *s, struct outbox *outbox)
{
	int64_t now = clock_monotonic(s->r->clock);

	if (!s->pausing)
		return;
	for (uint32_t i = 0; i < s->steps.n; i++) {
		enum step_state state = s->steps.items[i].state;

		if ((state == STEP_PAUSED || state == STEP_WAITING) &&
			(s->running[i].wake <= now || s->cancelling))
			put(s, outbox, step_resume(s, i));
	}
}

static int running_of(const struct scheduler *s, const struct provider *provider)
{
	int n = 0;

	for (uint32_t i = 0; i < s->steps.n; i++)
		n += s->running[i].task && s->running[i].task->provider == provider;
	return n;
}

static void start_ready(struct scheduler *s, struct outbox *outbox, uint32_t limit)
{
	uint32_t *later = xmalloc((s->n_ready + 1) * sizeof(*later)), n_later = 0;

	while (s->n_ready && (s->away - s->awaiting < limit || s->cancelling)) {
		uint32_t step = heap_pop(s);
		const struct change *change = change_of(s, step);
		const struct resource *resource = resource_of_change(s, change);
		const struct provider *provider = resource ? provider_of(resource->type)
			: provider_by_type(change->record ? change->record->type
							   : change->intent->type);

		if (provider && provider->max_parallel &&
			running_of(s, provider) >= provider->max_parallel) {
			later[n_later++] = step;
			continue;
		}
		put(s, outbox, step_prepare(s, step));
		run_inline(s);
	}
	while (n_later) /* for the next tick */
		heap_push(s, later[--n_later]);
	free(later);
}

static void send_tasks(struct scheduler *s, struct outbox *outbox)
{
	struct task *task = outbox->first;

	while (task) {
		struct task *next = task->next;

		if (s->error.code) { /* its intent is not on disk: it must not start */
			s->running[task->step].task = NULL;
			s->away--;
			s->awaiting -= task->kind == TASK_AWAIT;
			task_free(task);
		} else {
			workers_submit(task->kind == TASK_AWAIT ? s->awaiters : s->workers, task);
		}
		task = next;
	}
}

static void take_signals(struct scheduler *s, int signal_fd)
{
	struct signalfd_siginfo info;

	while (read(signal_fd, &info, sizeof(info)) == sizeof(info)) {
		s->interrupted = true;
		if (s->cancelling) {
			atomic_store(&s->cancel, true);
		} else {
			stop_starting(s);
			emit(s, EVENT_CANCELLING, STEP_NONE, "waiting for what runs; again to interrupt it",
				NULL);
		}
	}
}

static int64_t next_wake(const struct scheduler *s)
{
	int64_t now = clock_monotonic(s->r->clock), wait = TICK;

	for (uint32_t i = 0; s->pausing && i < s->steps.n; i++) {
		enum step_state state = s->steps.items[i].state;

		if ((state == STEP_PAUSED || state == STEP_WAITING) && s->running[i].wake - now < wait)
			wait = s->running[i].wake - now;
	}
	return wait < 0 ? 0 : wait;
}

static void wait_for_something(struct scheduler *s, int signal_fd)
{
	struct pollfd fds[] = {
		{.fd = workers_fd(s->workers), .events = POLLIN},
		{.fd = signal_fd, .events = POLLIN},
		{.fd = s->awaiters ? workers_fd(s->awaiters) : -1, .events = POLLIN},
	};

	if (poll(fds, ARRAY_SIZE(fds), (int)next_wake(s)) == 0)
		emit(s, EVENT_TICK, STEP_NONE, NULL, NULL);
	take_signals(s, signal_fd);
}

static void run_steps(struct scheduler *s, int signal_fd)
{
	uint32_t limit = (uint32_t)(s->options->parallelism ? s->options->parallelism
							     : DEFAULT_PARALLELISM);

	steps_hold(s);
	for (uint32_t i = 0; i < s->steps.n; i++) {
		if (s->steps.items[i].state == STEP_BLOCKED && s->steps.items[i].blockers == 0)
			step_becomes_ready(s, i);
	}
	while (s->unfinished || s->away) {
		struct outbox outbox = {NULL, NULL};

		receive(s, s->workers);
		receive(s, s->awaiters);
		run_inline(s);
		if (!s->error.code) {
			resume_paused(s, &outbox);
			start_ready(s, &outbox, limit);
		}
		journal_commit(s);
		send_tasks(s, &outbox);
		if (s->error.code && !s->away)
			break; /* state cannot be written any more: nothing new may start */
		if (s->away || s->pausing)
			wait_for_something(s, signal_fd);
		else if (s->unfinished && !s->n_ready && s->inline_head == s->inline_tail)
			BUG("%u steps wait for nothing", s->unfinished);
	}
}

static void count_total(struct scheduler *s)
{
	s->unfinished = s->steps.n;
	for (uint32_t i = 0; i < s->steps.n; i++) {
		s->running[i].planned = change_of(s, i)->action;
		s->total += does_something(s, i);
		s->running[i].intent_fd = -1;
	}
}

static void prepare_steps(struct scheduler *s)
{
	struct arena *arena = &s->r->arena;

	steps_build(&s->steps, s->plan, arena);
	s->running = arena_zalloc(arena, (s->steps.n + 1) * sizeof(*s->running));
	s->ready = arena_alloc(arena, (s->steps.n + 1) * sizeof(*s->ready));
	s->inline_ready = arena_alloc(arena, (s->steps.n + 1) * sizeof(*s->inline_ready));
	s->n_ready = s->inline_head = s->inline_tail = 0;
	s->total = s->done = 0;
	count_total(s);
}

/* Undoes what this run has done, in a plan of its own. */
static void roll_back(struct scheduler *s, int signal_fd)
{
	struct plan *undo = rollback_plan(s);
	struct apply_result counts = *s->result;

	if (!undo)
		return;
	s->plan = undo;
	s->rolling_back = true;
	s->cancelling = false;
	atomic_store(&s->stop_waiting, false);
	prepare_steps(s);
	run_steps(s, signal_fd);
	counts.rolled_back = s->result->destroyed - counts.destroyed + s->result->changed -
			     counts.changed;
	counts.failed = s->result->failed;
	*s->result = counts;
}

static void start_run(struct scheduler *s)
{
	struct error err = ERROR_INIT;

	s->run = (struct run){
		.environment = s->r->environment.id,
		.kind = s->options->kind ? s->options->kind : "apply",
		.actor = s->options->actor ? s->options->actor : "",
		.status = "running",
		.summary = "",
		.started_at = clock_wall(s->r->clock),
		.origin = s->options->origin,
	};
	journal_begin(s);
	if (!s->error.code && (state_run_start(s->r->state, &s->run, &err) < 0 ||
		state_audit(s->r->state, s->r->environment.id, s->run.actor, "run.started",
			s->run.kind, &err) < 0))
		s->error = err;
}

/* For the history: what a start or stop did, else the three counts of a plan; then what is not 0. */
static const char *summary(struct scheduler *s)
{
	const struct apply_result *result = s->result;
	enum power power = s->r->options.power;
	struct arena *arena = &s->r->arena;
	const struct { size_t n; const char *what; } more[] = {
		{power ? 0 : result->started, "started"}, {result->adopted, "adopted"},
		{result->forgotten, "forgotten"}, {result->recorded, "recorded"},
		{result->failed, "failed"}, {result->blocked, "blocked"}, {result->held, "held"},
		{result->rolled_back, "rolled back"},
	};
	const char *text = power
		? arena_printf(arena, "%zu %s", result->started,
			power == POWER_STOP ? "stopped" : "started")
		: arena_printf(arena, "%zu added, %zu changed, %zu destroyed", result->added,
			result->changed, result->destroyed);

	for (size_t i = 0; i < ARRAY_SIZE(more); i++)
		if (more[i].n)
			text = arena_printf(arena, "%s, %zu %s", text, more[i].n, more[i].what);
	return text;
}

static void finish_run(struct scheduler *s)
{
	struct error err = ERROR_INIT;
	bool failed = s->result->failed || s->result->blocked || s->result->held;

	if (!s->r->options.destroy && !s->r->options.refresh_only &&
		s->r->options.power != POWER_STOP)
		journal_outputs(s);
	s->run.finished_at = clock_wall(s->r->clock);
	s->run.status = s->interrupted ? "cancelled" : failed ? "failed" : "ok";
	s->run.summary = summary(s);
	journal_begin(s);
	if (!s->error.code && (state_run_finish(s->r->state, &s->run, &err) < 0 ||
		state_audit(s->r->state, s->r->environment.id, s->run.actor, "run.finished",
			s->run.summary, &err) < 0))
		s->error = err;
	journal_commit(s);
}

static int open_signals(sigset_t *old)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, old);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int verdict(const struct scheduler *s, struct error *err)
{
	const struct apply_result *result = s->result;

	if (s->error.code) {
		*err = s->error;
		return error_wrap(err, "state cannot be written");
	}
	if (s->interrupted)
		return error_set(err, ERROR_CANCELLED, "cancelled");
	if (result->failed)
		return error_set(err, ERROR_FAILED, "%zu failed, %zu not started because of it",
			result->failed, result->blocked);
	if (result->held)
		return error_set(err, ERROR_FAILED, "%zu need approval, %zu wait for them",
			result->held, result->blocked);
	if (result->blocked)
		return error_set(err, ERROR_FAILED, "%zu not started", result->blocked);
	return 0;
}

int apply_run(struct scheduler *s, struct error *err)
{
	int64_t started = clock_monotonic(s->r->clock);
	int signal_fd;
	sigset_t old;

	prepare_steps(s);
	s->scratch = (struct strbuf)STRBUF_INIT;
	s->workers = workers_new(s->options->parallelism ? s->options->parallelism
							  : DEFAULT_PARALLELISM, err);
	if (!s->workers)
		return -1;
	signal_fd = open_signals(&old);
	start_run(s);
	run_steps(s, signal_fd);
	if (s->options->rollback_on_failure && s->result->failed && !s->interrupted && !s->error.code)
		roll_back(s, signal_fd);
	finish_run(s);
	workers_free(s->workers);
	workers_free(s->awaiters);
	s->awaiters = NULL;
	strbuf_release(&s->scratch);
	close(signal_fd);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	s->result->cancelled = s->interrupted;
	s->result->duration = clock_monotonic(s->r->clock) - started;
	s->result->run = s->run.id;
	return verdict(s, err);
}
