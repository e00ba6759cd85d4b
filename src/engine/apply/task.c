/*
 * Building tasks: everything a worker needs, immutable or in the task's own arena, with the intent
 * opened in the transaction that is committed before the task leaves.
 */
#include "engine/apply/schedule.h"
#include "engine/plan/within.h"

#include <stdlib.h>
#include <string.h>

enum {
	DEFAULT_TIMEOUT = 10 * 60 * 1000, /* of an action with all its tries */
	AWAITERS = 32,                    /* as many wait at once; what comes later is probed by the period */
	LONGEST_WAIT = 10 * 1000,         /* of one look that lasts */
};

int64_t step_timeout(const struct scheduler *s, uint32_t step)
{
	const struct change *change = change_of(s, step);
	const struct resource *resource = resource_of_change(s, change);
	int64_t limit = resource ? resource->timeout
		: change->record ? value_get_int(record_meta(change->record, NULL), "timeout", 0) : 0;

	return limit ? limit : DEFAULT_TIMEOUT;
}

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
	struct running *running = &s->running[step];
	struct task *task = xcalloc(1, sizeof(*task));
	int64_t deadline = clock_monotonic(s->r->clock) + step_timeout(s, step);
	bool acts = kind == TASK_APPLY || kind == TASK_DESTROY || kind == TASK_DROP;

	if (acts && running->deadline)
		deadline = running->deadline;
	else if (acts)
		running->deadline = deadline;
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
		.taken = s->r->taken,
		.settings = s->r->manifest.settings,
		.parsed = s->r->input.parsed,
		.self = s->r->self,
		.intent = running->intent[0] ? arena_strdup(&task->arena, running->intent) : NULL,
		.intent_fd = running->intent_fd,
		.force_conflicts = s->r->options.force_conflicts,
		.deadline = deadline,
		.stop_timeout = s->r->stop_timeout,
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

static const char *const *ignored(const struct scheduler *s, const struct change *change)
{
	const struct resource *resource = resource_of_change(s, change);

	return resource ? resource->lifecycle.ignore_changes : NULL;
}

struct task *task_observe(struct scheduler *s, uint32_t step)
{
	struct change *change = change_of(s, step);
	struct task *task = new_task(s, step, TASK_OBSERVE);
	const struct change *home = within_change(s->plan, change->node);
	bool recorded = change->record && !(home && within_goes(home)); /* else it went with its home */

	step_at(s, step)->state = STEP_OBSERVING;
	task->observation = (struct observation){
		.address = change->address,
		.type = type_of(s, step),
		.desired = change->inputs,
		.record = recorded ? record_copy(task, change->record) : NULL,
		.stays = recorded && within_stays(s->plan->graph, change->node, change->record,
			&s->r->arena),
		.intent = change->intent,
		.ignore = ignored(s, change),
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

struct task *task_make(struct scheduler *s, uint32_t step)
{
	struct change *change = change_of(s, step);
	struct running *running = &s->running[step];
	struct task *task;
	bool update = running->action == ACTION_UPDATE;
	struct record *record = NULL;

	if (change->create_first && !running->intent[0])
		journal_status(s, step, change->record, RECORD_DEPOSED,
			change->record->status == RECORD_TAINTED ? "tainted" : NULL);
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
		.gone = running->action == ACTION_CREATE ? record : NULL,
		.observed = running->action == ACTION_REPLACE ? NULL
			: observation_copy(task, change->observed, record),
		.changed = changed_names(s, change),
		.beside = change->create_first,
		.adopt = running->action == ACTION_ADOPT,
		.ignore = ignored(s, change),
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

struct task *task_destroy(struct scheduler *s, uint32_t step)
{
	struct change *change = change_of(s, step);
	bool stop = change->action == ACTION_STOP;
	struct task *task;

	if (!s->running[step].intent[0])
		journal_intent(s, step, stop ? INTENT_STOP : INTENT_DELETE);
	task = new_task(s, step, stop ? TASK_APPLY : change->action == ACTION_DROP ? TASK_DROP
										   : TASK_DESTROY);
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

static bool may_await(struct scheduler *s, uint32_t step, const struct probe *probe)
{
	if (probe->kind != PROBE_HEALTH || !provider_of(type_of(s, step))->await ||
		s->awaiting >= AWAITERS)
		return false;
	if (!s->awaiters)
		s->awaiters = workers_new(AWAITERS, NULL);
	return s->awaiters != NULL;
}

/* Its patience is counted in periods: one look that lasts takes as many as it lasts, and none too many. */
static int64_t await_deadline(const struct scheduler *s, uint32_t step, const struct probe *probe)
{
	const struct running *running = &s->running[step];
	int64_t now = clock_monotonic(s->r->clock), wait = LONGEST_WAIT;
	int64_t patience = probe->failure_threshold
		? (probe->failure_threshold - running->failures) * probe_period(probe)
		: running->made_at + step_timeout(s, step) - now;

	if (patience < wait)
		wait = patience;
	return now + (wait < probe_period(probe) ? probe_period(probe) : wait);
}

struct task *task_probe(struct scheduler *s, uint32_t step)
{
	const struct resource *resource = resource_of_change(s, change_of(s, step));
	bool await = may_await(s, step, &resource->readiness);
	struct task *task = new_task(s, step, await ? TASK_AWAIT : TASK_PROBE);
	struct value *spec = arena_alloc(&s->r->arena, sizeof(*spec));

	step_at(s, step)->state = STEP_PROBING;
	task->record = record_copy(task, s->running[step].record);
	task->probe = resource->readiness;
	s->running[step].asked_at = clock_monotonic(s->r->clock);
	if (await) {
		s->awaiting++;
		task->env.deadline = await_deadline(s, step, &resource->readiness);
		task->env.cancel = &s->stop_waiting;
	}
	task->spec = resource->readiness.spec;
	if (task->spec && resolve_value(&s->resolver, task->spec, spec) == 0)
		task->spec = spec;
	return task;
}
