/*
 * local_process: a command that runs on. Its id is the name of its folder (see folder.h), which is
 * the intent that made it; so what a dead run started is found by the intent alone. An update and a
 * start use the same folder again: one folder, one lock, never two processes.
 */
#include "providers/local/process.h"

#include "base/fs.h"
#include "model/json.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

enum {
	EARLY = 150,       /* ms: who ends so soon never ran */
	EARLY_STEP = 10,
	TAIL_LINES = 20,
};

const char *process_folder(struct provider_env *env, const char *id)
{
	if (!id || !id[0] || id[0] == '.' || strchr(id, '/'))
		return NULL;
	return arena_printf(env->arena, "%s/processes/%s", env->work_dir, id);
}

const char *process_health(struct arena *arena, const struct folder *folder)
{
	const struct folder_state *state = &folder->state;

	switch (folder->phase) {
	case FOLDER_ABSENT: return "gone";
	case FOLDER_EMPTY: return "never started";
	case FOLDER_STARTING: return "starting";
	case FOLDER_RUNS: return "running";
	case FOLDER_ORPHAN: return "running, but its shim is dead: its output is lost";
	case FOLDER_LOST: return "gone: the machine was started anew";
	case FOLDER_HIDDEN: return "runs out of sight";
	case FOLDER_ENDED: break;
	}
	if (!state->ended)
		return "ended, and nobody saw how";
	if (state->signal)
		return arena_printf(arena, "ended by signal %d (%s)", state->signal,
			strsignal(state->signal));
	return arena_printf(arena, "exited (%d)", state->status);
}

static const struct value *outputs_of(struct provider_env *env, const struct folder *folder)
{
	struct value *map = arena_alloc(env->arena, sizeof(*map));
	struct value_builder outputs;
	char time[32];

	builder_init(&outputs, env->arena);
	builder_put_int(&outputs, "pid", folder->state.process.pid);
	builder_put_str(&outputs, "log", fs_join(env->arena, folder->path, "log"));
	builder_put_str(&outputs, "startedAt", clock_rfc3339(folder->state.started_at, time));
	*map = builder_map(&outputs);
	return map;
}

/* --- observing -------------------------------------------------------------------------------- */

static bool is_recorded(const struct observe_request *batch, const char *id)
{
	for (size_t i = 0; i < batch->n; i++) {
		const struct record *record = batch->items[i].record;

		if (record && record->id && strcmp(record->id, id) == 0)
			return true;
	}
	return false;
}

/* A folder with the mark of this address that no record names. */
static const char *find_by_mark(struct provider_env *env, const struct observe_request *batch,
	const char *address)
{
	const char *const *names;
	struct owner owner;
	size_t n;

	if (fs_list(arena_printf(env->arena, "%s/processes", env->work_dir), env->arena, &names, &n,
		NULL) < 0)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		const char *path = process_folder(env, names[i]);

		if (path && folder_read_owner(path, env->arena, &owner, NULL) == 0 &&
			!strcmp(owner.address, address) && !is_recorded(batch, names[i]))
			return names[i];
	}
	return NULL;
}

static const char *find_id(struct provider_env *env, const struct observe_request *batch,
	const struct observation *item)
{
	if (item->record)
		return item->record->id;
	for (const struct intent *intent = item->intent; intent; intent = intent->older) {
		const char *path = process_folder(env, intent->id);

		if (path && fs_exists(path))
			return intent->id;
	}
	return find_by_mark(env, batch, item->address);
}

/* It was started by a run that died, with exactly what is desired. */
static bool runs_as_desired(struct provider_env *env, const struct observation *item,
	const struct folder *folder)
{
	if (!item->desired || !value_is_known(item->desired) || !item->runs)
		return false;
	for (const struct intent *intent = item->intent; intent; intent = intent->older) {
		const struct value *inputs;

		if (strcmp(intent->id, folder->state.intent) != 0)
			continue;
		inputs = local_intent_inputs(env, intent);
		return inputs && (intent->key ? value_matches(item->desired, inputs, intent->key)
					      : value_equal(item->desired, inputs));
	}
	return false;
}

/* What its log was to tell is lost with its shim: only a new start helps. One that was ready goes on. */
static bool never_gets_ready(const struct observation *item, const struct folder *folder)
{
	return folder->phase == FOLDER_ORPHAN && item->record &&
	       item->record->status == RECORD_UNREADY;
}

static int observe(struct provider_env *env, const struct observe_request *batch,
	struct observation *item, struct error *err)
{
	const char *id = find_id(env, batch, item);
	const char *path = process_folder(env, id);
	struct folder folder;

	if (!path)
		return 0;
	if (folder_look(path, env->arena, &folder, err) < 0)
		return -1;
	if (folder.phase == FOLDER_HIDDEN)
		return error_set(err, ERROR_UNREACHABLE,
			"it runs where this devenv cannot see it (in another container?)");
	item->id = id;
	item->health = process_health(env->arena, &folder);
	if (folder.phase == FOLDER_ABSENT)
		return 0;
	/* A new boot ends every process; its folder is still there to be used again or removed. */
	if (folder.phase == FOLDER_LOST && item->record && item->desired &&
		item->record->status != RECORD_STOPPED) {
		item->message = "the machine was started anew";
		return 0;
	}
	item->presence = PRESENCE_PRESENT;
	item->ownership = OWNER_US;
	item->mark_intent = item->intent ? item->intent->id : NULL;
	item->runs = folder_runs(&folder) && !never_gets_ready(item, &folder);
	item->endpoint = folder.state.boot;
	item->attributes = &value_empty_map;
	if (folder.phase == FOLDER_RUNS || folder.phase == FOLDER_ORPHAN)
		item->outputs = outputs_of(env, &folder);
	item->matches = runs_as_desired(env, item, &folder);
	return 0;
}

static bool is_accounted_for(const struct observe_request *request, const char *id)
{
	for (size_t i = 0; i < request->n; i++) {
		const struct observation *item = &request->items[i];

		if (!strcmp(item->type->name, local_process.name) && item->id &&
			!strcmp(item->id, id))
			return true;
	}
	return false;
}

void process_strays(struct provider_env *env, struct observe_request *request)
{
	const char *const *names;
	const struct type *type = NULL;
	size_t n, cap = 0;

	for (size_t i = 0; i < request->n && !type; i++) {
		if (!strcmp(request->items[i].type->name, local_process.name))
			type = request->items[i].type;
	}
	if (fs_list(arena_printf(env->arena, "%s/processes", env->work_dir), env->arena, &names, &n,
		NULL) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		const char *path = process_folder(env, names[i]);
		struct owner owner;

		if (!path || is_accounted_for(request, names[i]) ||
			is_recorded(request, names[i]) ||
			folder_read_owner(path, env->arena, &owner, NULL) < 0)
			continue;
		if (!type)
			type = type_find(local_process.name);
		ARENA_GROW(env->arena, request->strays, request->n_strays, cap);
		request->strays[request->n_strays++] = (struct stray){
			.type = type,
			.address = owner.address,
			.id = names[i],
			.name = names[i],
		};
	}
}

/* --- acting ----------------------------------------------------------------------------------- */

/* The folder that this action works in. */
static const char *choose_id(const struct provider_env *env, const struct request *request)
{
	const struct observation *seen = request->observed;

	if (request->record && request->record->id)
		return request->record->id;
	if (seen && seen->record && seen->record->id)
		return seen->record->id; /* it vanished; its folder goes on */
	if (seen && seen->id && request->adopt)
		return seen->id;
	return env->intent;
}

static int prepare_folder(struct provider_env *env, const char *path, const struct request *request,
	struct error *err)
{
	const struct owner owner = {request->address, request->generation, env->environment};

	if (fs_make_dirs(path, 0700, env->arena, NULL, err) < 0)
		return -1;
	return folder_write_owner(path, &owner, err);
}

/* Who ends right after the start would only be noticed by the next plan. */
static int watch_first_steps(struct provider_env *env, struct folder *folder,
	struct outcome *outcome, struct error *err)
{
	for (int waited = 0;; waited += EARLY_STEP) {
		if (folder_look(folder->path, env->arena, folder, err) < 0)
			return -1;
		if (!folder_runs(folder))
			break;
		if (folder->phase == FOLDER_ORPHAN) /* is_right() says no: the next try begins anew */
			return error_set(err, ERROR_TRANSIENT, "its shim died right after the start");
		if (waited >= EARLY)
			return 0;
		poll(NULL, 0, EARLY_STEP);
	}
	outcome->output = process_log_tail(env->arena, folder, TAIL_LINES);
	return error_set(err, ERROR_FAILED, "it %s right after its start",
		process_health(env->arena, folder));
}

static void describe(struct provider_env *env, const char *id, const struct folder *folder,
	struct outcome *outcome)
{
	outcome->exists = true;
	outcome->id = id;
	outcome->endpoint = folder->state.boot;
	outcome->observed = &value_empty_map;
	if (folder_runs(folder))
		outcome->outputs = outputs_of(env, folder);
}

/* It was started by this very action (before a retry) or by a dead one that wanted the same. */
static bool is_right(const struct provider_env *env, const struct request *request,
	const struct folder *folder)
{
	if (folder->phase != FOLDER_RUNS)
		return false;
	if (env->intent && !strcmp(folder->state.intent, env->intent))
		return true;
	if (request->act == ACT_START)
		return true;
	return request->observed && request->observed->matches;
}

static int run(struct provider_env *env, const struct request *request, const char *id,
	const char *path, struct outcome *outcome, struct error *err)
{
	const struct value *inputs = request->inputs;
	struct folder folder;

	if (!inputs) {
		struct error unreadable = ERROR_INIT;

		inputs = record_inputs(request->record, &unreadable);
		if (unreadable.code != ERROR_NONE) {
			*err = unreadable;
			return -1;
		}
	}
	if (folder_look(path, env->arena, &folder, err) < 0)
		return -1;
	outcome->id = id;
	if (!is_right(env, request, &folder)) {
		if (process_stop(env, &folder, err) < 0 ||
			prepare_folder(env, path, request, err) < 0)
			return -1;
		if (process_start(env, path, request->address, inputs, err) < 0) {
			/* Nothing runs. A folder of an earlier generation of it keeps its log. */
			if (request->act == ACT_CREATE && err->code != ERROR_CANCELLED &&
				err->code != ERROR_TIMEOUT && !folder_is_locked(path))
				fs_remove_tree(path, NULL);
			else
				outcome->exists = true;
			return -1;
		}
	}
	outcome->exists = true;
	if (watch_first_steps(env, &folder, outcome, err) < 0)
		return -1;
	describe(env, id, &folder, outcome);
	return 0;
}

static int apply(struct provider_env *env, const struct request *request, struct outcome *outcome,
	struct error *err)
{
	const char *id = choose_id(env, request);
	const char *path = process_folder(env, id);
	struct folder folder;

	if (!path)
		return error_set(err, ERROR_INVALID, "no folder is known for it");
	if (local_check(env, err) < 0)
		return -1;
	if (request->act != ACT_STOP)
		return run(env, request, id, path, outcome, err);
	outcome->exists = true;
	outcome->id = id;
	if (folder_look(path, env->arena, &folder, err) < 0 || process_stop(env, &folder, err) < 0)
		return -1;
	describe(env, id, &folder, outcome);
	outcome->outputs = NULL;
	return 0;
}

static int destroy(struct provider_env *env, struct record *record, struct error *err)
{
	const char *path = process_folder(env, record->id);
	struct folder folder;

	if (!path)
		return 0;
	if (folder_look(path, env->arena, &folder, err) < 0 || process_stop(env, &folder, err) < 0)
		return -1;
	return fs_remove_tree(path, err);
}

/* Takes back what is marked as ours but was lost from the state. */
static int import(struct provider_env *env, const char *id, struct observation *out,
	struct error *err)
{
	const char *path = process_folder(env, id);
	struct folder folder;

	if (!path)
		return error_set(err, ERROR_INVALID,
			"%s is no id of a process of devenv; only those can be imported", id);
	if (folder_look(path, env->arena, &folder, err) < 0)
		return -1;
	if (folder.phase == FOLDER_ABSENT)
		return 0;
	out->presence = PRESENCE_PRESENT;
	out->ownership = OWNER_US;
	out->id = arena_strdup(env->arena, id);
	out->endpoint = folder.state.boot;
	out->attributes = &value_empty_map;
	out->outputs = outputs_of(env, &folder);
	out->runs = folder_runs(&folder);
	return 0;
}

static void claims(const struct value *inputs, const char *project_root,
	void (*claim)(void *arg, const char *what), void *arg)
{
	const struct value *ports = value_get(inputs, "ports");
	char text[32];

	(void)project_root;
	for (uint32_t i = 0; ports && ports->kind == VALUE_LIST && i < ports->len; i++) {
		const char *port = value_text(&ports->items[i], NULL);

		if (port && !(ports->items[i].flags & VALUE_TEMPLATE)) {
			snprintf(text, sizeof(text), "tcp:%s", port);
			claim(arg, text);
		}
	}
}

static void validate(const struct resource *resource, struct diags *diags)
{
	local_check_argv(resource, "command", diags);
}

const struct local_type local_process = {
	.name = "local_process",
	.validate = validate,
	.claims = claims,
	.observe = observe,
	.apply = apply,
	.destroy = destroy,
	.import = import,
};
