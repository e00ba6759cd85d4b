/*
 * What follows from a result: the record, the end of the intent, another try, the next probe.
 */
#include "engine/plan/details.h"
#include "engine/observe.h"
#include "engine/apply/schedule.h"

#include <sodium.h>
#include <string.h>

enum {
	DEFAULT_ATTEMPTS = 3,
	DEFAULT_RETRY_DELAY = 500,
	DEFAULT_RETRY_MAX = 30 * 1000,
	DEFAULT_PROBE_PERIOD = 1000,
	DEFAULT_PROBE_FAILURES = 30,
	QUICK_LOOKS = 4,       /* at a thing that was just made */
	FIRST_QUICK_LOOK = 50, /* ms before the second look */
	OUTPUT_LINES = 20, /* of a failed node that are shown */
};

static enum record_status status_after_make(struct scheduler *s, uint32_t step,
	const struct outcome *outcome)
{
	const struct resource *resource = resource_of_change(s, change_of(s, step));

	if (outcome->rests)
		return RECORD_STOPPED;
	return resource->readiness.kind == PROBE_NONE ? RECORD_OK : RECORD_UNREADY;
}

static int64_t retry_delay(const struct resource *resource, int attempts)
{
	int64_t delay = resource && resource->retry.delay ? resource->retry.delay : DEFAULT_RETRY_DELAY;
	int64_t max = resource && resource->retry.max_delay ? resource->retry.max_delay
							    : DEFAULT_RETRY_MAX;

	for (int i = 1; i < attempts && delay < max; i++)
		delay *= 2;
	if (delay > max)
		delay = max;
	return delay / 2 + (int64_t)randombytes_uniform((uint32_t)(delay / 2 + 1)); /* jitter */
}

static bool try_again(struct scheduler *s, uint32_t step, const struct task *task)
{
	const struct resource *resource = resource_of_change(s, change_of(s, step));
	int max = resource && resource->retry.attempts ? resource->retry.attempts : DEFAULT_ATTEMPTS;
	struct running *running = &s->running[step];
	int64_t delay;
	char text[32];

	if (task->err.code != ERROR_TRANSIENT || ++running->attempts >= max || s->cancelling)
		return false;
	delay = retry_delay(resource, running->attempts);
	if (clock_monotonic(s->r->clock) + delay >= running->deadline)
		return false;
	running->why = redact(&s->r->redactor, task->err.msg, &s->r->arena);
	emit(s, EVENT_RETRY, step, arena_printf(&s->r->arena, "%s; again in %s", task->err.msg,
		duration_str(delay, text)), NULL);
	wait_until(s, step, STEP_PAUSED, delay);
	return true;
}

/* A create that failed may have had its effect all the same. Where reality can be looked at, the intent
   stays open and the next run looks, instead of believing that nothing is there. */
static bool is_doubtful(const struct change *change, const struct task *task)
{
	return task->request.act == ACT_CREATE && !task->outcome.exists &&
	       !(change->observed && change->observed->presence == PRESENCE_UNTRACKED);
}

/* The second SIGINT: the intent stays open, the next run looks at what came of it. */
static bool left_open(struct scheduler *s, uint32_t step, const struct task *task)
{
	if (task->status == 0 || task->err.code != ERROR_CANCELLED)
		return false;
	journal_leave_intent(s, step);
	step_failed(s, step, "interrupted; the next run settles it", task->outcome.output);
	return true;
}

/* The last lines only. */
static const char *last_lines(const char *text)
{
	const char *at;
	int lines = 0;

	if (!text)
		return NULL;
	for (at = text + strlen(text); at > text; at--) {
		if (at[-1] == '\n' && at[0] && ++lines == OUTPUT_LINES)
			break;
	}
	return at;
}

/* How much of an update came to be is not known. The inputs of the last success stay recorded, so that
   the next plan says again what changes; without their fingerprint, it updates in any case. */
static void forget_success(struct scheduler *s, uint32_t step, const char *error)
{
	struct record *record = arena_alloc(&s->r->arena, sizeof(*record));

	*record = *change_of(s, step)->record;
	if (s->running[step].action == ACTION_UPDATE)
		record->fingerprint = (struct hash){0};
	s->running[step].record = record;
	journal_status(s, step, record, record->status, error);
}

static void finish_make(struct scheduler *s, struct task *task)
{
	uint32_t step = task->step;
	struct change *change = change_of(s, step);
	struct running *running = &s->running[step];
	struct record *record;

	if (task->status == 0) {
		record = journal_record(s, step, &task->outcome, status_after_make(s, step, &task->outcome),
			NULL);
		journal_close_intent(s, step);
		after_make(s, step, record);
		return;
	}
	if (try_again(s, step, task) || left_open(s, step, task))
		return;
	if (running->action == ACTION_UPDATE || running->action == ACTION_START)
		forget_success(s, step, redact(&s->r->redactor, task->err.msg, &s->r->arena));
	else if (task->outcome.exists)
		journal_record(s, step, &task->outcome, RECORD_TAINTED,
			redact(&s->r->redactor, task->err.msg, &s->r->arena));
	if (is_doubtful(change, task))
		journal_leave_intent(s, step);
	else
		journal_close_intent(s, step);
	step_failed(s, step, task->err.msg, last_lines(task->outcome.output));
}

static void finish_destroy(struct scheduler *s, struct task *task)
{
	uint32_t step = task->step;
	struct change *change = change_of(s, step);

	if (task->status == 0) {
		if (change->action == ACTION_STOP)
			journal_status(s, step, change->record, RECORD_STOPPED, NULL);
		else
			journal_remove(s, step);
		journal_close_intent(s, step);
		succeed(s, step);
		return;
	}
	if (try_again(s, step, task) || left_open(s, step, task))
		return;
	if (change->record)
		journal_status(s, step, change->record, change->record->status,
			redact(&s->r->redactor, task->err.msg, &s->r->arena));
	journal_close_intent(s, step);
	step_failed(s, step, task->err.msg, last_lines(task->outcome.output));
}

/* A health check has patience of its own (start period, interval, retries) and ends by itself: where no
   number is given, only the node's own time limits it. That is for a slow start, not for an engine that
   does not answer. */
static bool is_patience_over(const struct scheduler *s, uint32_t step, const struct probe *probe)
{
	const struct running *running = &s->running[step];

	if (probe->failure_threshold)
		return running->failures >= probe->failure_threshold;
	if (probe->kind != PROBE_HEALTH || running->unseen >= DEFAULT_PROBE_FAILURES)
		return running->failures >= DEFAULT_PROBE_FAILURES;
	return running->failures &&
	       clock_monotonic(s->r->clock) - running->made_at >= step_timeout(s, step);
}

int64_t probe_period(const struct probe *probe)
{
	return probe->period ? probe->period : DEFAULT_PROBE_PERIOD;
}

/* What starts quickly is not kept waiting for a whole period: where the manifest gives none, the first
   looks come sooner, each after twice the time, and do not count. 0: the period it is. */
static int64_t quick_look(struct running *running, const struct probe *probe)
{
	if (probe->period || running->quick_looks >= QUICK_LOOKS)
		return 0;
	return FIRST_QUICK_LOOK << running->quick_looks++;
}

static void finish_probe(struct scheduler *s, struct task *task)
{
	uint32_t step = task->step;
	struct running *running = &s->running[step];
	const struct probe *probe = &task->probe;
	int need = probe->success_threshold ? probe->success_threshold : 1;
	const char *why = task->why ? arena_strdup(&s->r->arena, task->why) : "not ready";
	int64_t period = probe_period(probe);
	int64_t asked = task->kind == TASK_AWAIT
		? clock_monotonic(s->r->clock) - running->asked_at : 0;
	int64_t quick = 0;

	if (task->readiness == READY_YES) {
		running->failures = 0;
		if (++running->successes >= need) {
			journal_status(s, step, running->record, RECORD_OK, NULL);
			succeed(s, step);
			return;
		}
	} else {
		running->successes = 0;
		quick = task->readiness == READY_WAIT && !asked ? quick_look(running, probe) : 0;
		if (quick)
			period = quick;
		else
			running->failures += asked > period ? (int)(asked / period) : 1;
		running->unseen = task->readiness == READY_UNSEEN ? running->unseen + 1 : 0;
	}
	if (task->readiness == READY_FAILED || is_patience_over(s, step, probe)) {
		s->result->unready++;
		journal_status(s, step, running->record, RECORD_UNREADY,
			redact(&s->r->redactor, why, &s->r->arena));
		step_failed(s, step, arena_printf(&s->r->arena, "not ready: %s", why), NULL);
		return;
	}
	emit(s, EVENT_WAITING, step, why, NULL);
	wait_until(s, step, STEP_WAITING, asked < period ? period - asked : 0);
}

static void finish_observe(struct scheduler *s, struct task *task)
{
	uint32_t step = task->step;
	struct change *change = change_of(s, step);
	struct observation *seen = arena_alloc(&s->r->arena, sizeof(*seen));

	*seen = task->observation;
	seen->record = change->record;
	if (seen->attributes) {
		struct value *attributes = arena_alloc(&s->r->arena, sizeof(*attributes));

		*attributes = value_copy(&s->r->arena, seen->attributes);
		seen->attributes = attributes;
	}
	seen->outputs = NULL;
	seen->id = seen->id ? arena_strdup(&s->r->arena, seen->id) : NULL;
	seen->mark_intent = seen->mark_intent ? arena_strdup(&s->r->arena, seen->mark_intent) : NULL;
	seen->message = seen->message ? arena_strdup(&s->r->arena, seen->message) : NULL;
	seen->endpoint = seen->endpoint ? arena_strdup(&s->r->arena, seen->endpoint) : NULL;
	seen->replace = seen->replace ? arena_strdup(&s->r->arena, seen->replace) : NULL;
	seen->remakes = seen->remakes ? arena_strdup(&s->r->arena, seen->remakes) : NULL;
	seen->holds = seen->holds ? arena_strdup(&s->r->arena, seen->holds) : NULL;
	seen->loses = seen->loses ? arena_strdup(&s->r->arena, seen->loses) : NULL;
	seen->health = seen->health ? arena_strdup(&s->r->arena, seen->health) : NULL;
	seen->differs = seen->differs ? arena_strdup(&s->r->arena, seen->differs) : NULL;
	seen->details = details_copy(&s->r->arena, seen->details, seen->n_details);
	observe_keep(s->r, seen);
	change->observed = seen;
	s->running[step].observed = true;
	if (step_decide(s, step, seen) < 0)
		return;
	step_at(s, step)->state = STEP_READY;
	heap_push(s, step); /* it goes on in the next tick, with its intent in that tick's commit */
}

void step_finish(struct scheduler *s, struct task *task)
{
	s->running[task->step].task = NULL;
	s->away--;
	s->awaiting -= task->kind == TASK_AWAIT;
	switch (task->kind) {
	case TASK_OBSERVE:
		finish_observe(s, task);
		break;
	case TASK_PROBE:
	case TASK_AWAIT:
		finish_probe(s, task);
		break;
	case TASK_DESTROY:
	case TASK_DROP:
		finish_destroy(s, task);
		break;
	case TASK_APPLY:
		if (step_at(s, task->step)->kind == STEP_DESTROY)
			finish_destroy(s, task);
		else
			finish_make(s, task);
		break;
	}
}
