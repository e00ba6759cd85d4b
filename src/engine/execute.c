/*
 * What a step does when its turn comes, and what follows from its result. Everything here runs on the
 * scheduler's thread; providers are called by workers, except for types without effects.
 */
#include "engine/schedule.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	DEFAULT_DEADLINE = 10 * 60 * 1000, /* of one action; `timeout` changes it */
	DEFAULT_ATTEMPTS = 3,
	DEFAULT_RETRY_DELAY = 500,
	DEFAULT_RETRY_MAX = 30 * 1000,
	DEFAULT_PROBE_PERIOD = 1000,
	DEFAULT_PROBE_FAILURES = 30,
	OUTPUT_LINES = 20, /* of a failed node that are shown */
};

static struct step *step_at(struct scheduler *s, uint32_t step)
{
	return &s->steps.items[step];
}

static const struct type *type_of(struct scheduler *s, uint32_t step)
{
	const struct change *change = change_of(s, step);
	const struct resource *resource = resource_of_change(s, change);

	if (resource)
		return resource->type;
	return type_find(change->record ? change->record->type : change->intent->type);
}

static bool does_something(const struct change *change)
{
	return change->action != ACTION_NOOP && change->action != ACTION_KEEP;
}

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

static bool before(const struct scheduler *s, uint32_t a, uint32_t b)
{
	const struct step *x = &s->steps.items[a], *y = &s->steps.items[b];

	return x->priority != y->priority ? x->priority > y->priority : a < b;
}

static void heap_push(struct scheduler *s, uint32_t step)
{
	uint32_t at = s->n_ready++;

	while (at && before(s, step, s->ready[(at - 1) / 2])) {
		s->ready[at] = s->ready[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	s->ready[at] = step;
}

static bool needs_worker(struct scheduler *s, uint32_t step)
{
	const struct change *change = change_of(s, step);
	const struct type *type = type_of(s, step);

	if (change->hold || !type || type->flags & TYPE_EFFECTLESS)
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
	if (does_something(change_of(s, step)))
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
			s->running[index].why = arena_printf(&s->r->arena, "%s %s",
				change_of(s, step)->address,
				step != first ? "is blocked"
				: kind == EVENT_HELD ? "needs approval"
				: kind == EVENT_FAILED ? "failed" : "did not run");
			if (does_something(change_of(s, index))) {
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

void step_skip(struct scheduler *s, uint32_t step, enum event_kind kind, const char *why)
{
	s->running[step].why = why;
	if (does_something(change_of(s, step)) || kind == EVENT_HELD) {
		if (kind == EVENT_HELD)
			s->result->held++;
		else
			s->result->blocked++;
		emit(s, kind, step, why, NULL);
		journal_change(s, step, kind == EVENT_HELD ? "held" : "blocked", why);
	}
	close_step(s, step, STEP_SKIPPED);
	block_waiters(s, step, kind);
}

static void step_failed(struct scheduler *s, uint32_t step, const char *why, const char *output)
{
	const char *clean = redact(&s->r->redactor, why, &s->r->arena);

	s->running[step].why = clean;
	s->result->failed++;
	emit(s, EVENT_FAILED, step, clean, output);
	journal_change(s, step, "failed", clean);
	close_step(s, step, STEP_FAILED);
	block_waiters(s, step, EVENT_FAILED);
	if (s->options->fail_fast)
		s->cancelling = true;
}

/* --- deciding ----------------------------------------------------------------------------------- */

static bool is_stronger(enum action now, enum action planned)
{
	bool destroys = now == ACTION_REPLACE || now == ACTION_DELETE || now == ACTION_ADOPT;

	return destroys && now != planned;
}

/*
 * The inputs of a deferred step have just become known: decide again, with what is. Something
 * stronger than the plan showed is held.
 */
static int decide_again(struct scheduler *s, uint32_t step, const struct observation *observed)
{
	struct change *change = change_of(s, step);
	const struct resource *resource = resource_of_change(s, change);
	enum action planned = change->action;
	struct diags diags;
	struct diff_input diff = {
		.arena = &s->r->arena,
		.diags = &diags,
		.key = state_key(s->r->state),
		.options = &s->r->options,
		.graph = s->plan->graph,
		.node = change->node,
		.record = change->record,
		.observed = observed ? observed : change->observed,
		.intent = change->intent,
		.inputs = change->inputs,
	};

	diags_init(&diags, &s->r->arena);
	change->n_reasons = change->n_attributes = 0;
	diff_desired(&diff, change);
	s->running[step].action = change->action;
	if (diags.errors) {
		step_failed(s, step, diags.items[0].message, NULL);
		return -1;
	}
	if (is_stronger(change->action, planned)) {
		change->hold = HOLD_STRONGER;
		step_skip(s, step, EVENT_HELD, arena_printf(&s->r->arena,
			"it would have to %s, which is more than the plan showed (%s): plan and apply again",
			action_str(change->action), action_str(planned)));
		return -1;
	}
	if (planned == ACTION_REPLACE) /* its old generation is gone: what is left is to create it */
		change->action = s->running[step].action = ACTION_REPLACE;
	redactor_learn(&s->r->redactor, change->inputs);
	(void)resource;
	return 0;
}

/* Resolves the inputs of a step with what its needs really are now. */
static int resolve_again(struct scheduler *s, uint32_t step)
{
	struct change *change = change_of(s, step);
	const struct node *node = &s->plan->graph->nodes[change->node];
	struct value *inputs = arena_alloc(&s->r->arena, sizeof(*inputs));
	struct diags diags;
	struct diags *saved = s->resolver.diags;

	diags_init(&diags, &s->r->arena);
	s->resolver.diags = &diags;
	if (resolve_inputs(&s->resolver, change->node, inputs) == 0 &&
		inputs_complete(s->planner->digester, node, inputs, &s->r->arena, &diags) == 0) {
		if (change->record && node->resource->lifecycle.ignore_changes)
			*inputs = inputs_ignore(inputs, record_inputs(change->record, NULL),
				node->resource->lifecycle.ignore_changes, &s->r->arena);
		change->inputs = inputs;
		s->resolver.views[change->node].inputs = inputs;
		s->resolver.views[change->node].sensitive = value_has_secret(inputs);
	}
	s->resolver.diags = saved;
	if (!diags.errors && !value_is_known(change->inputs))
		diag_error(&diags, node->resource->pos, "a value it uses is still unknown");
	if (diags.errors) {
		step_failed(s, step, diags.items[0].message, NULL);
		return -1;
	}
	return 0;
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

static void succeed(struct scheduler *s, uint32_t step)
{
	if (does_something(change_of(s, step)) && s->running[step].action == ACTION_NOOP)
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
	if (change->hold) {
		step_skip(s, step, EVENT_HELD, change->n_reasons ? change->reasons[0].text : "guarded");
		return;
	}
	if (s->cancelling && does_something(change)) {
		step_skip(s, step, EVENT_BLOCKED, "the run was cancelled");
		return;
	}
	if (step_at(s, step)->kind == STEP_DESTROY) {
		destroy_inline(s, step);
		return;
	}
	if (change->deferred && (resolve_again(s, step) < 0 || decide_again(s, step, NULL) < 0))
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

static struct record *record_copy(struct task *task, const struct record *record)
{
	struct record *copy = arena_alloc(&task->arena, sizeof(*copy));

	*copy = *record;
	copy->arena = &task->arena; /* parsed lazily, by the worker, into its own memory */
	copy->inputs = copy->outputs = copy->observed = copy->meta = NULL;
	return copy;
}

static struct task *new_task(struct scheduler *s, uint32_t step, enum task_kind kind)
{
	const struct resource *resource = resource_of_change(s, change_of(s, step));
	struct running *running = &s->running[step];
	struct task *task = xcalloc(1, sizeof(*task));
	int64_t limit = resource && resource->timeout ? resource->timeout : DEFAULT_DEADLINE;

	task->kind = kind;
	task->step = step;
	task->provider = provider_of(type_of(s, step));
	task->env = (struct provider_env){
		.clock = s->r->clock,
		.project_root = s->r->manifest.root ? s->r->manifest.root : s->r->environment.root,
		.work_dir = s->work_dir,
		.environment = s->r->environment.id,
		.short_id = arena_strndup(&task->arena, s->r->environment.id, 6),
		.state_id = state_id(s->r->state),
		.project = s->r->environment.project,
		.self = s->r->self,
		.intent = running->intent[0] ? arena_strdup(&task->arena, running->intent) : NULL,
		.intent_fd = running->intent_fd,
		.deadline = clock_monotonic(s->r->clock) + limit,
		.cancel = &s->cancel,
	};
	running->task = task;
	return task;
}

void task_free(struct task *task)
{
	arena_release(&task->arena);
	free(task);
}

static struct task *observe_task(struct scheduler *s, uint32_t step)
{
	struct change *change = change_of(s, step);
	struct task *task = new_task(s, step, TASK_OBSERVE);

	step_at(s, step)->state = STEP_OBSERVING;
	task->observation = (struct observation){
		.address = change->address,
		.type = type_of(s, step),
		.desired = change->inputs,
		.record = change->record ? record_copy(task, change->record) : NULL,
		.intent = change->intent,
	};
	return task;
}

static const char *const *changed_names(struct scheduler *s, const struct change *change)
{
	const char **names = arena_alloc(&s->r->arena, (change->n_attributes + 1) * sizeof(*names));
	size_t n = 0;

	for (size_t i = 0; i < change->n_attributes; i++) {
		const char *path = change->attributes[i].path;
		const char *name = arena_strndup(&s->r->arena, path, strcspn(path, ".["));

		if (!n || strcmp(names[n - 1], name) != 0)
			names[n++] = name;
	}
	names[n] = NULL;
	return names;
}

static const struct observation *observation_copy(struct task *task, const struct observation *seen,
	struct record *record)
{
	struct observation *copy;

	if (!seen)
		return NULL;
	copy = arena_alloc(&task->arena, sizeof(*copy));
	*copy = *seen;
	copy->record = record;
	return copy;
}

static struct task *make_task(struct scheduler *s, uint32_t step)
{
	struct change *change = change_of(s, step);
	struct running *running = &s->running[step];
	struct task *task;
	bool update = running->action == ACTION_UPDATE;
	struct record *record = NULL;

	if (change->create_first && !running->intent[0])
		journal_status(s, step, change->record, RECORD_DEPOSED, NULL);
	if (!running->intent[0])
		journal_intent(s, step, update ? INTENT_UPDATE
			: running->action == ACTION_START ? INTENT_START : INTENT_CREATE);
	task = new_task(s, step, TASK_APPLY);
	if (change->record && running->action != ACTION_REPLACE)
		record = record_copy(task, change->record);
	task->request = (struct request){
		.act = update ? ACT_UPDATE : running->action == ACTION_START ? ACT_START : ACT_CREATE,
		.address = change->address,
		.generation = change->generation,
		.type = type_of(s, step),
		.inputs = change->inputs,
		.record = running->action == ACTION_CREATE ? NULL : record,
		.observed = running->action == ACTION_REPLACE ? NULL
			: observation_copy(task, change->observed, record),
		.changed = changed_names(s, change),
		.beside = change->create_first,
		.adopt = running->action == ACTION_ADOPT,
	};
	return task;
}

static struct record *record_of_orphan(struct scheduler *s, struct task *task,
	const struct change *change)
{
	struct record *record = arena_zalloc(&task->arena, sizeof(*record));

	*record = (struct record){
		.address = change->address,
		.generation = change->intent->generation,
		.type = change->intent->type,
		.type_version = change->intent->type_version,
		.id = change->observed ? change->observed->id : NULL,
		.identity = change->intent->identity,
		.endpoint = change->observed ? change->observed->endpoint : NULL,
		.inputs_json = change->intent->inputs_json,
		.meta_json = change->intent->meta_json,
		.arena = &task->arena,
		.key = state_key(s->r->state),
	};
	return record;
}

static struct task *destroy_task(struct scheduler *s, uint32_t step)
{
	struct change *change = change_of(s, step);
	bool stop = change->action == ACTION_STOP;
	struct task *task;

	if (!s->running[step].intent[0])
		journal_intent(s, step, stop ? INTENT_STOP : INTENT_DELETE);
	task = new_task(s, step, stop ? TASK_APPLY : TASK_DESTROY);
	task->record = change->record ? record_copy(task, change->record)
				      : record_of_orphan(s, task, change);
	if (stop)
		task->request = (struct request){
			.act = ACT_STOP,
			.address = change->address,
			.generation = change->generation,
			.type = type_of(s, step),
			.record = task->record,
			.observed = observation_copy(task, change->observed, task->record),
		};
	return task;
}

static struct task *probe_task(struct scheduler *s, uint32_t step)
{
	const struct resource *resource = resource_of_change(s, change_of(s, step));
	struct task *task = new_task(s, step, TASK_PROBE);
	struct value *spec = arena_alloc(&s->r->arena, sizeof(*spec));

	step_at(s, step)->state = STEP_PROBING;
	task->record = record_copy(task, s->running[step].record);
	task->probe = resource->readiness;
	task->spec = resource->readiness.spec;
	if (task->spec && resolve_value(&s->resolver, task->spec, spec) == 0)
		task->spec = spec;
	return task;
}

static void wait_until(struct scheduler *s, uint32_t step, enum step_state state, int64_t delay)
{
	step_at(s, step)->state = state;
	s->running[step].wake = clock_monotonic(s->r->clock) + delay;
	s->pausing++;
}

/* Made. Is it to be waited for? */
static void after_make(struct scheduler *s, uint32_t step, struct record *record)
{
	const struct resource *resource = resource_of_change(s, change_of(s, step));

	s->running[step].record = record;
	if (resource->readiness.kind == PROBE_NONE || record->status == RECORD_OK) {
		succeed(s, step);
		return;
	}
	emit(s, EVENT_WAITING, step, "not ready yet", NULL);
	wait_until(s, step, STEP_WAITING, resource->readiness.initial_delay);
}

static enum record_status status_after_make(struct scheduler *s, uint32_t step)
{
	const struct resource *resource = resource_of_change(s, change_of(s, step));

	return resource->readiness.kind == PROBE_NONE ? RECORD_OK : RECORD_UNREADY;
}

struct task *step_prepare(struct scheduler *s, uint32_t step)
{
	struct change *change = change_of(s, step);
	struct running *running = &s->running[step];
	const struct type *type = type_of(s, step);

	if (!running->started_at)
		running->started_at = clock_monotonic(s->r->clock);
	if (s->cancelling) {
		step_skip(s, step, EVENT_BLOCKED, "the run was cancelled");
		return NULL;
	}
	if (step_at(s, step)->kind == STEP_DESTROY) {
		emit(s, EVENT_STARTED, step, NULL, NULL);
		step_at(s, step)->state = STEP_RUNNING;
		return destroy_task(s, step);
	}
	if (change->deferred && !running->observed) {
		if (resolve_again(s, step) < 0)
			return NULL;
		if (provider_of(type)->observe && change->action != ACTION_REPLACE)
			return observe_task(s, step);
		if (decide_again(s, step, NULL) < 0)
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
	return make_task(s, step);
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
		return probe_task(s, step);
	}
	step_at(s, step)->state = STEP_RUNNING;
	return step_at(s, step)->kind == STEP_DESTROY ? destroy_task(s, step) : make_task(s, step);
}

/* --- results ------------------------------------------------------------------------------------ */

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
	emit(s, EVENT_RETRY, step, arena_printf(&s->r->arena, "%s; again in %s", task->err.msg,
		duration_str(delay, text)), NULL);
	wait_until(s, step, STEP_PAUSED, delay);
	return true;
}

/* The second SIGINT: the intent stays open, the next run looks at what came of it. */
static bool left_open(struct scheduler *s, uint32_t step, const struct task *task)
{
	if (task->status == 0 || task->err.code != ERROR_CANCELLED)
		return false;
	if (s->running[step].intent_fd >= 0)
		close(s->running[step].intent_fd);
	s->running[step].intent_fd = -1;
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

static void finish_make(struct scheduler *s, struct task *task)
{
	uint32_t step = task->step;
	struct change *change = change_of(s, step);
	struct running *running = &s->running[step];
	struct record *record;

	if (task->status == 0) {
		record = journal_record(s, step, &task->outcome, status_after_make(s, step), NULL);
		journal_close_intent(s, step);
		after_make(s, step, record);
		return;
	}
	if (try_again(s, step, task) || left_open(s, step, task))
		return;
	if (running->action == ACTION_UPDATE || running->action == ACTION_START)
		journal_record(s, step, NULL, change->record->status,
			redact(&s->r->redactor, task->err.msg, &s->r->arena));
	else if (task->outcome.exists)
		journal_record(s, step, &task->outcome, RECORD_TAINTED,
			redact(&s->r->redactor, task->err.msg, &s->r->arena));
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

static void finish_probe(struct scheduler *s, struct task *task)
{
	uint32_t step = task->step;
	struct running *running = &s->running[step];
	const struct probe *probe = &task->probe;
	int need = probe->success_threshold ? probe->success_threshold : 1;
	int patience = probe->failure_threshold ? probe->failure_threshold : DEFAULT_PROBE_FAILURES;
	const char *why = task->why ? arena_strdup(&s->r->arena, task->why) : "not ready";

	if (task->readiness == READY_YES) {
		if (++running->successes >= need) {
			journal_status(s, step, running->record, RECORD_OK, NULL);
			succeed(s, step);
			return;
		}
	} else {
		running->successes = 0;
		running->failures++;
	}
	if (task->readiness == READY_FAILED || running->failures >= patience) {
		s->result->unready++;
		journal_status(s, step, running->record, RECORD_UNREADY,
			redact(&s->r->redactor, why, &s->r->arena));
		step_failed(s, step, arena_printf(&s->r->arena, "not ready: %s", why), NULL);
		return;
	}
	emit(s, EVENT_WAITING, step, why, NULL);
	wait_until(s, step, STEP_WAITING, probe->period ? probe->period : DEFAULT_PROBE_PERIOD);
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
	seen->health = seen->health ? arena_strdup(&s->r->arena, seen->health) : NULL;
	change->observed = seen;
	s->running[step].observed = true;
	if (decide_again(s, step, seen) < 0)
		return;
	step_at(s, step)->state = STEP_READY;
	heap_push(s, step); /* it goes on in the next tick, with its intent in that tick's commit */
}

void step_finish(struct scheduler *s, struct task *task)
{
	s->running[task->step].task = NULL;
	s->away--;
	switch (task->kind) {
	case TASK_OBSERVE:
		finish_observe(s, task);
		break;
	case TASK_PROBE:
		finish_probe(s, task);
		break;
	case TASK_DESTROY:
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
