/*
 * Whose turn it is. A step becomes ready when all before it are through, and ends in one of four ways:
 * done, failed, skipped, held; each decides what becomes of those that wait for it.
 */
#include "engine/apply/schedule.h"

#include <stdlib.h>

void emit(struct scheduler *s, enum event_kind kind, uint32_t step, const char *text,
	const char *output)
{
	const struct change *change = step == STEP_NONE ? NULL : change_of(s, step);
	const struct running *running = step == STEP_NONE ? NULL : &s->running[step];
	struct event event = {
		.kind = kind,
		.change = change,
		.action = running ? running->action : ACTION_NOOP,
		.text = text ? redact(&s->r->redactor, text, &s->r->arena) : NULL,
		.output = output ? redact(&s->r->redactor, output, &s->r->arena) : NULL,
		.elapsed = running && running->started_at
			? clock_monotonic(s->r->clock) - running->started_at : 0,
		.expected = change && change->record ? change->record->duration : 0,
		.done = s->done,
		.total = s->total,
		.running = s->away,
		.waiting = s->unfinished - s->away,
	};

	if (step != STEP_NONE)
		event.step = step_at(s, step)->kind == STEP_DESTROY ? "destroying"
			: kind == EVENT_WAITING ? "waiting" : action_str(running->action);
	if (s->options->event)
		s->options->event(s->options->event_arg, &event);
}

static bool needs_worker(struct scheduler *s, uint32_t step)
{
	const struct change *change = change_of(s, step);
	const struct type *type = type_of(s, step);

	if (!type || type->flags & TYPE_EFFECTLESS)
		return false;
	if (step_at(s, step)->kind == STEP_DESTROY)
		return change->action == ACTION_DELETE || change->action == ACTION_REPLACE ||
		       change->action == ACTION_STOP ||
		       (change->action == ACTION_DROP && change->record && provider_of(type)->drop);
	return change->deferred || (change->action > ACTION_KEEP && change->action != ACTION_STOP) ||
	       (change->action == ACTION_RECORD && change->record &&
		       change->record->status == RECORD_UNREADY);
}

void step_becomes_ready(struct scheduler *s, uint32_t step)
{
	step_at(s, step)->state = STEP_READY;
	s->running[step].action = change_of(s, step)->action;
	s->running[step].intent_fd = -1;
	if (needs_worker(s, step))
		heap_push(s, step);
	else
		s->inline_ready[s->inline_tail++] = step;
}

/* The step is through: who waited for it may start. */
static void release_waiters(struct scheduler *s, uint32_t step)
{
	const struct step *done = step_at(s, step);

	for (uint32_t i = 0; i < done->n_waiters; i++) {
		struct step *waiter = step_at(s, done->waiters[i].step);

		if (waiter->state == STEP_BLOCKED && --waiter->blockers == 0)
			step_becomes_ready(s, done->waiters[i].step);
	}
}

static void close_step(struct scheduler *s, uint32_t step, enum step_state state)
{
	step_at(s, step)->state = state;
	s->unfinished--;
	if (does_something(s, step))
		s->done++;
}

void step_done(struct scheduler *s, uint32_t step)
{
	const struct change *change = change_of(s, step);

	close_step(s, step, STEP_DONE);
	if (step_at(s, step)->kind == STEP_MAKE)
		s->resolver.views[change->node].settled = true;
	release_waiters(s, step);
}

/* Of a replace that does not happen a person hears once. */
static bool is_told(const struct scheduler *s, uint32_t step)
{
	uint32_t change = step_at(s, step)->change;
	uint32_t destroy = s->steps.destroy_of[change], make = s->steps.make_of[change];
	uint32_t other = step == make ? destroy : make;

	return other != STEP_NONE && (step_at(s, other)->state == STEP_SKIPPED ||
				      step_at(s, other)->state == STEP_FAILED);
}

/* A step that will not happen takes with it all that need it; those that only follow may go on. */
static void block_waiters(struct scheduler *s, uint32_t first, enum event_kind kind)
{
	uint32_t *stack = xmalloc((s->steps.n + 1) * sizeof(*stack));
	uint32_t depth = 0;

	stack[depth++] = first;
	while (depth) {
		uint32_t step = stack[--depth];
		const struct step *gone = step_at(s, step);

		for (uint32_t i = 0; i < gone->n_waiters; i++) {
			uint32_t index = gone->waiters[i].step;
			struct step *waiter = step_at(s, index);

			if (waiter->state != STEP_BLOCKED)
				continue;
			if (gone->waiters[i].kind < EDGE_HARD) {
				if (--waiter->blockers == 0)
					step_becomes_ready(s, index);
				continue;
			}
			s->running[index].action = change_of(s, index)->action;
			s->running[index].why = arena_printf(&s->r->arena, "%s, which %s",
				change_of(s, step)->address,
				gone->change != step_at(s, first)->change ? "is blocked"
				: kind == EVENT_HELD ? "needs approval"
				: kind == EVENT_FAILED ? "failed" : "did not run");
			if (does_something(s, index) && !is_told(s, index)) {
				s->result->blocked++;
				emit(s, EVENT_BLOCKED, index, arena_printf(&s->r->arena, "waits for %s",
					s->running[index].why), NULL);
				journal_change(s, index, "blocked", s->running[index].why);
			}
			close_step(s, index, STEP_SKIPPED);
			stack[depth++] = index;
		}
	}
	free(stack);
}

static void skip_alone(struct scheduler *s, uint32_t step, enum event_kind kind, const char *why)
{
	s->running[step].why = why;
	if ((does_something(s, step) && !is_told(s, step)) || kind == EVENT_HELD) {
		if (kind == EVENT_HELD)
			s->result->held++;
		else
			s->result->blocked++;
		emit(s, kind, step, why, NULL);
		journal_change(s, step, kind == EVENT_HELD ? "held" : "blocked", why);
	}
	close_step(s, step, STEP_SKIPPED);
}

void step_skip(struct scheduler *s, uint32_t step, enum event_kind kind, const char *why)
{
	skip_alone(s, step, kind, why);
	block_waiters(s, step, kind);
}

bool steps_needed_gone(struct scheduler *s, uint32_t destroy)
{
	uint32_t *stack = xmalloc((s->steps.n + 1) * sizeof(*stack));
	uint8_t *seen = xcalloc(s->steps.n + 1, 1);
	uint32_t depth = 0;
	bool needed = false;

	stack[depth++] = destroy;
	while (depth && !needed) {
		const struct step *step = step_at(s, stack[--depth]);

		for (uint32_t i = 0; i < step->n_waiters && !needed; i++) {
			uint32_t index = step->waiters[i].step;
			const struct step *waiter = step_at(s, index);
			uint32_t make = s->steps.make_of[waiter->change];
			bool lost = waiter->kind == STEP_DESTROY && make != STEP_NONE &&
				    step_at(s, make)->state == STEP_SKIPPED;

			if (waiter->state != STEP_BLOCKED || seen[index])
				continue;
			seen[index] = 1;
			if (lost) /* it goes only if something needs it gone in turn */
				stack[depth++] = index;
			else
				needed = true;
		}
	}
	free(stack);
	free(seen);
	return needed;
}

/* The first step of a change that is held; STEP_NONE: it is not. */
static uint32_t held_step(const struct scheduler *s, uint32_t i)
{
	const struct change *change = &s->plan->changes[i];

	if (!change->hold)
		return STEP_NONE;
	return s->steps.destroy_of[i] == STEP_NONE || change->create_first ? s->steps.make_of[i]
									    : s->steps.destroy_of[i];
}

/* What is held waits first of all, so that nothing is destroyed for its sake. */
void steps_hold(struct scheduler *s)
{
	for (uint32_t i = 0; i < s->plan->n; i++) {
		const struct change *change = &s->plan->changes[i];
		uint32_t step = held_step(s, i);

		if (step == STEP_NONE)
			continue;
		s->running[step].action = change->action;
		skip_alone(s, step, EVENT_HELD, hold_why(change->hold));
	}
	for (uint32_t i = 0; i < s->plan->n; i++) {
		if (held_step(s, i) != STEP_NONE)
			block_waiters(s, held_step(s, i), EVENT_HELD);
	}
}

void stop_starting(struct scheduler *s)
{
	s->cancelling = true;
	atomic_store(&s->stop_waiting, true);
}

void step_failed(struct scheduler *s, uint32_t step, const char *why, const char *output)
{
	const char *clean = redact(&s->r->redactor, why, &s->r->arena);

	s->running[step].why = clean;
	s->result->failed++;
	emit(s, EVENT_FAILED, step, clean, output);
	journal_change(s, step, "failed", clean);
	close_step(s, step, STEP_FAILED);
	block_waiters(s, step, EVENT_FAILED);
	if (s->options->fail_fast)
		stop_starting(s);
}

void wait_until(struct scheduler *s, uint32_t step, enum step_state state, int64_t delay)
{
	step_at(s, step)->state = state;
	s->running[step].wake = clock_monotonic(s->r->clock) + delay;
	s->pausing++;
}

static void count_result(struct scheduler *s, uint32_t step)
{
	struct apply_result *result = s->result;

	if (step_at(s, step)->kind == STEP_DESTROY) {
		switch (s->running[step].action) {
		case ACTION_FORGET:
		case ACTION_DROP: result->forgotten++; break;
		case ACTION_STOP: result->started++; break;
		default: result->destroyed++; break;
		}
		return;
	}
	switch (s->running[step].action) {
	case ACTION_CREATE:
	case ACTION_REPLACE: result->added++; break;
	case ACTION_UPDATE: result->changed++; break;
	case ACTION_START: result->started++; break;
	case ACTION_ADOPT: result->adopted++; break;
	case ACTION_RECORD: result->recorded++; break;
	default: break;
	}
}

void succeed(struct scheduler *s, uint32_t step)
{
	if (does_something(s, step) && s->running[step].action == ACTION_NOOP)
		s->result->noop++;
	count_result(s, step);
	if (s->running[step].action != ACTION_NOOP && s->running[step].action != ACTION_KEEP) {
		emit(s, EVENT_DONE, step, NULL, NULL);
		journal_change(s, step, "ok", NULL);
	}
	step_done(s, step);
}
