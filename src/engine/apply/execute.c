/*
 * What a step does when its turn comes. Everything here runs on the scheduler's thread; providers are
 * called by workers, except for types without effects.
 */
#include "engine/apply/schedule.h"

#include <string.h>

/* Its inputs, or what may replace it, become known only now. */
static bool is_undecided(const struct change *change)
{
	return change->deferred || change->uncertain;
}

/* Nothing has to go after all, unless deciding that has ended the step already. */
static void finish_unneeded(struct scheduler *s, uint32_t step)
{
	if (step_at(s, step)->state == STEP_READY)
		step_done(s, step);
}

/* --- doing it without a worker ------------------------------------------------------------------ */

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

static const char *why_nothing_starts(const struct scheduler *s)
{
	return s->interrupted || s->error.code ? "the run was cancelled"
					       : "something failed before it (--fail-fast)";
}

void step_run_inline(struct scheduler *s, uint32_t step)
{
	struct change *change = change_of(s, step);
	struct running *running = &s->running[step];
	const struct type *type = type_of(s, step);

	running->started_at = clock_monotonic(s->r->clock);
	if (s->cancelling && does_something(s, step)) {
		step_skip(s, step, EVENT_BLOCKED, why_nothing_starts(s));
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

/* Made. Is it to be waited for? */
void after_make(struct scheduler *s, uint32_t step, struct record *record)
{
	const struct resource *resource = resource_of_change(s, change_of(s, step));

	s->running[step].record = record;
	if (resource->readiness.kind == PROBE_NONE || record->status == RECORD_OK ||
		record->status == RECORD_STOPPED) {
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
		step_skip(s, step, EVENT_BLOCKED, why_nothing_starts(s));
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

