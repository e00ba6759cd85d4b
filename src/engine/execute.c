/*
 * What a step does when its turn comes. Everything here runs on the scheduler's thread; providers are
 * called by workers, except for types without effects.
 */
#include "engine/schedule.h"

#include <stdlib.h>
#include <string.h>

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

/* --- readiness of steps ------------------------------------------------------------------------- */

static bool needs_worker(struct scheduler *s, uint32_t step)
{
	const struct change *change = change_of(s, step);
	const struct type *type = type_of(s, step);

	if (!type || type->flags & TYPE_EFFECTLESS)
		return false;
	if (step_at(s, step)->kind == STEP_DESTROY)
		return change->action == ACTION_DELETE || change->action == ACTION_REPLACE ||
		       change->action == ACTION_STOP;
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

static void step_done(struct scheduler *s, uint32_t step)
{
	const struct change *change = change_of(s, step);

	close_step(s, step, STEP_DONE);
	if (step_at(s, step)->kind == STEP_MAKE)
		s->resolver.views[change->node].settled = true;
	release_waiters(s, step);
}

/* Nothing has to go after all, unless deciding that has ended the step already. */
static void finish_unneeded(struct scheduler *s, uint32_t step)
{
	if (step_at(s, step)->state == STEP_READY)
		step_done(s, step);
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

/* Its inputs, or what may replace it, become known only now. */
static bool is_undecided(const struct change *change)
{
	return change->deferred || change->uncertain;
}

/* --- doing it without a worker ------------------------------------------------------------------ */

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

static void make_effectless(struct scheduler *s, uint32_t step)
{
	struct change *change = change_of(s, step);
	const struct resource *resource = resource_of_change(s, change);
	const struct provider *provider = provider_of(resource->type);
	struct provider_env env = {
		.arena = &s->r->arena,
		.clock = s->r->clock,
		.project_root = s->r->manifest.root,
		.intent_fd = -1,
		.cancel = &s->cancel,
	};
	struct request request = {
		.act = change->record ? ACT_UPDATE : ACT_CREATE,
		.address = change->address,
		.generation = change->generation,
		.type = resource->type,
		.inputs = change->inputs,
		.record = change->record,
	};
	struct outcome outcome = {0};
	struct error err = ERROR_INIT;

	if (provider->apply(&env, &request, &outcome, &err) < 0) {
		step_failed(s, step, err.msg, outcome.output);
		return;
	}
	journal_record(s, step, &outcome, RECORD_OK, NULL);
	succeed(s, step);
}

static void destroy_inline(struct scheduler *s, uint32_t step)
{
	journal_remove(s, step);
	journal_close_intent(s, step);
	succeed(s, step);
}

/* No provider call: reality, where it was seen, is as the manifest says. */
static struct record *record_only(struct scheduler *s, uint32_t step)
{
	const struct change *change = change_of(s, step);
	const struct observation *seen = change->observed;
	bool present = seen && seen->presence == PRESENCE_PRESENT;
	struct outcome outcome = {
		.id = present ? seen->id : NULL,
		.endpoint = present ? seen->endpoint : NULL,
		.outputs = present ? seen->outputs : NULL,
		.observed = present ? seen->attributes : NULL,
	};

	return journal_record(s, step, &outcome, change->record ? change->record->status : RECORD_OK,
		NULL);
}

void step_run_inline(struct scheduler *s, uint32_t step)
{
	struct change *change = change_of(s, step);
	struct running *running = &s->running[step];
	const struct type *type = type_of(s, step);

	running->started_at = clock_monotonic(s->r->clock);
	if (s->cancelling && does_something(s, step)) {
		step_skip(s, step, EVENT_BLOCKED, "the run was cancelled");
		return;
	}
	if (step_at(s, step)->kind == STEP_DESTROY) {
		if (running->action == ACTION_NOOP || running->action == ACTION_UPDATE ||
			running->action == ACTION_RECORD) /* it turned out not to be replaced */
			step_done(s, step);
		else if (running->action == ACTION_REPLACE && !step_still_replaces(s, step))
			finish_unneeded(s, step);
		else
			destroy_inline(s, step);
		return;
	}
	if (is_undecided(change) && (step_resolve(s, step) < 0 || step_decide(s, step, NULL) < 0))
		return;
	switch (running->action) {
	case ACTION_NOOP:
	case ACTION_KEEP:
		if (change->intent) /* settled: there was nothing left to do */
			journal_close_intent(s, step);
		succeed(s, step);
		return;
	case ACTION_RECORD:
		record_only(s, step);
		journal_close_intent(s, step);
		succeed(s, step);
		return;
	default:
		break;
	}
	if (!type)
		step_failed(s, step, "this version of devenv does not know its type", NULL);
	else
		make_effectless(s, step);
}

/* --- doing it with a worker --------------------------------------------------------------------- */

void wait_until(struct scheduler *s, uint32_t step, enum step_state state, int64_t delay)
{
	step_at(s, step)->state = state;
	s->running[step].wake = clock_monotonic(s->r->clock) + delay;
	s->pausing++;
}

/* Made. Is it to be waited for? */
void after_make(struct scheduler *s, uint32_t step, struct record *record)
{
	const struct resource *resource = resource_of_change(s, change_of(s, step));

	s->running[step].record = record;
	if (resource->readiness.kind == PROBE_NONE || record->status == RECORD_OK) {
		succeed(s, step);
		return;
	}
	s->running[step].made_at = clock_monotonic(s->r->clock);
	emit(s, EVENT_WAITING, step, "not ready yet", NULL);
	wait_until(s, step, STEP_WAITING, resource->readiness.initial_delay);
}

static void keep_claim(void *arg, const char *what)
{
	strbuf_addstr(arg, what);
	strbuf_addch(arg, '\n');
}

/* Would it take the same things for itself alone? */
static bool claims_alike(const struct scheduler *s, const struct type *type, const struct value *a,
	const struct value *b)
{
	const struct provider *provider = provider_of(type);
	struct strbuf of_a = STRBUF_INIT, of_b = STRBUF_INIT;
	bool alike;

	if (!provider->claims)
		return true;
	provider->claims(type, a, s->r->manifest.root, keep_claim, &of_a);
	provider->claims(type, b, s->r->manifest.root, keep_claim, &of_b);
	alike = strcmp(of_a.text, of_b.text) == 0;
	strbuf_release(&of_a);
	strbuf_release(&of_b);
	return alike;
}

/* It was looked for while planning, by a name that was known then, and is not there; what it has
   learned since says nothing about where to look. */
static bool is_surely_absent(const struct scheduler *s, const struct change *change,
	const struct type *type, const struct value *planned)
{
	const struct observation *seen = change->observed;

	if (!seen || seen->presence != PRESENCE_ABSENT || seen->blocked || change->record ||
		change->intent || !type->identity || !type->identity[0])
		return false;
	for (const char *const *name = type->identity; *name; name++) {
		const struct value *value = value_get(planned, *name);

		if (value && !value_is_known(value))
			return false;
	}
	return claims_alike(s, type, planned, change->inputs);
}

struct task *step_prepare(struct scheduler *s, uint32_t step)
{
	struct change *change = change_of(s, step);
	struct running *running = &s->running[step];
	const struct type *type = type_of(s, step);
	bool planned_replace = running->action == ACTION_REPLACE;

	if (!running->started_at)
		running->started_at = clock_monotonic(s->r->clock);
	if (s->cancelling) {
		step_skip(s, step, EVENT_BLOCKED, "the run was cancelled");
		return NULL;
	}
	if (step_at(s, step)->kind == STEP_DESTROY) {
		if (planned_replace && !step_still_replaces(s, step)) {
			finish_unneeded(s, step);
			return NULL;
		}
		emit(s, EVENT_STARTED, step, NULL, NULL);
		step_at(s, step)->state = STEP_RUNNING;
		return task_destroy(s, step);
	}
	if (is_undecided(change) && !running->observed) {
		const struct value *planned = change->inputs;

		if (step_resolve(s, step) < 0)
			return NULL;
		if (provider_of(type)->observe && change->action != ACTION_REPLACE &&
			!is_surely_absent(s, change, type, planned))
			return task_observe(s, step);
		if (step_decide(s, step, NULL) < 0)
			return NULL;
	}
	if (running->action == ACTION_NOOP) {
		succeed(s, step);
		return NULL;
	}
	if (running->action == ACTION_RECORD) {
		after_make(s, step, record_only(s, step));
		journal_close_intent(s, step);
		return NULL;
	}
	emit(s, EVENT_STARTED, step, NULL, NULL);
	step_at(s, step)->state = STEP_RUNNING;
	return task_make(s, step);
}

struct task *step_resume(struct scheduler *s, uint32_t step)
{
	s->pausing--;
	if (step_at(s, step)->state == STEP_WAITING) {
		if (s->cancelling) {
			s->result->unready++;
			step_failed(s, step, "cancelled while waiting until it is ready", NULL);
			return NULL;
		}
		return task_probe(s, step);
	}
	if (s->cancelling) { /* the next run looks at what came of the tries so far */
		journal_leave_intent(s, step);
		step_failed(s, step, arena_printf(&s->r->arena, "cancelled before it was tried again: %s",
			s->running[step].why), NULL);
		return NULL;
	}
	step_at(s, step)->state = STEP_RUNNING;
	return step_at(s, step)->kind == STEP_DESTROY ? task_destroy(s, step) : task_make(s, step);
}

