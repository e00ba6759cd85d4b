/*
 * The pipeline, a call a stage. See reconcile.h for what each hands to the next.
 */
#include "engine/reconcile.h"

#include "base/fs.h"
#include "engine/checkout.h"
#include "engine/locked.h"
#include "engine/observe.h"
#include "engine/apply/schedule.h"
#include "model/json.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SETTLE_TIMEOUT = 5000 }; /* how long what an earlier run left running may still take */
enum { LATE_MS = 2000, LATE_STEP_MS = 50 }; /* how late a server may make what it was asked for */

void reconcile_init(struct reconcile *r)
{
	*r = (struct reconcile){.clock = &clock_system, .lock = LOCK_INIT};
	r->options.allow_delete = -1;
	hash_start();
}

void reconcile_release(struct reconcile *r)
{
	observe_release(r);
	state_free(r->state);
	lock_drop(&r->lock);
	graph_release(&r->graph);
	redactor_release(&r->redactor);
	arena_release(&r->arena);
	r->state = NULL;
}

/* --- load --------------------------------------------------------------------------------------- */

static void validate(struct reconcile *r)
{
	for (size_t i = 0; i < r->manifest.n_resources; i++) {
		const struct resource *resource = &r->manifest.resources[i];
		const struct provider *provider = provider_of(resource->type);

		if (provider && provider->validate)
			provider->validate(resource, &r->diags);
		if (resource->sync && (!provider || !provider->copy)) {
			diag_error(&r->diags, resource->pos, "nothing can be copied into a %s: sync is not "
				"possible", resource->type->name);
			diag_address(&r->diags, resource->address);
		}
	}
}

static int load(struct reconcile *r, struct error *err)
{
	size_t said;
	bool whole;

	diags_init(&r->diags, &r->arena);
	whole = manifest_load(&r->input, &r->arena, &r->manifest, &r->diags, err) == 0;
	if (r->manifest.merged) /* a message shows the line of a mistake, whatever else stands in it */
		redactor_learn(&r->redactor, r->manifest.merged);
	/* With mistakes in it, what could be read is looked at all the same: all are reported at once. */
	if (!whole && !r->manifest.n_resources)
		return r->diags.errors ? error_set(err, ERROR_INVALID, "the manifest has mistakes") : -1;
	for (size_t i = 0; i < r->manifest.n_variables; i++) {
		if (r->manifest.variables[i].value)
			redactor_learn(&r->redactor, r->manifest.variables[i].value);
	}
	said = r->diags.n;
	validate(r);
	manifest_graph(&r->manifest, &r->graph, &r->arena, &r->diags);
	diags_drop_repeated(&r->diags, said); /* by a provider or the graph, in other words */
	if (r->diags.errors)
		return error_set(err, ERROR_INVALID, "the manifest has mistakes");
	return 0;
}

int reconcile_load(struct reconcile *r, struct error *err)
{
	struct trail *before = trail_open(r->trail);
	int status = load(r, err);

	trail_open(before);
	return status;
}

int reconcile_locate(struct reconcile *r, struct error *err)
{
	diags_init(&r->diags, &r->arena);
	if (checkout_find_root(r->input.directory, &r->arena, &r->manifest.root, err) < 0 &&
		checkout_find_known(r->input.directory, r->home, r->clock, &r->arena,
			&r->manifest.root) < 0)
		return -1;
	r->manifest.environment = r->input.environment ? r->input.environment : "";
	r->manifest.settings = settings_read(&r->input, &r->arena);
	graph_release(&r->graph); /* of a manifest with mistakes that was tried before */
	return graph_build(&r->graph, &(struct graph_input){0}, &r->arena, &r->diags);
}

/* --- open --------------------------------------------------------------------------------------- */

static int find_environment(struct reconcile *r, const struct checkout *checkout, struct error *err)
{
	if (!checkout->id)
		return 0;
	return state_environment_find(r->state, checkout->id, r->manifest.environment, &r->arena,
		&r->environment, err);
}

static int take_lock(struct reconcile *r, const char *checkout, const char *what, struct error *err)
{
	const char *name = arena_printf(&r->arena, "%s%s%s", checkout,
		*r->manifest.environment ? "." : "", r->manifest.environment);

	return lock_take(&r->lock, r->home, name, what, r->lock_timeout, NULL, r->clock, err);
}

static int put_environment(struct reconcile *r, const struct checkout *checkout, struct error *err)
{
	r->environment.checkout = checkout->id;
	r->environment.name = r->manifest.environment;
	if (r->manifest.name || !r->environment.project)
		r->environment.project = r->manifest.name ? r->manifest.name : "";
	r->environment.root = checkout->root;
	r->environment.device = checkout->device;
	r->environment.inode = checkout->inode;
	if (state_begin(r->state, err) < 0)
		return -1;
	if (state_environment_put(r->state, &r->arena, &r->environment, err) < 0) {
		state_rollback(r->state);
		return -1;
	}
	return state_commit(r->state, err);
}

static bool environment_moved(const struct reconcile *r, const struct checkout *checkout)
{
	const struct environment *known = &r->environment;

	return !known->id || strcmp(known->root, checkout->root) != 0 ||
	       known->inode != checkout->inode || known->device != checkout->device ||
	       (r->manifest.name && strcmp(known->project, r->manifest.name) != 0);
}

static int open_for_writing(struct reconcile *r, struct checkout *checkout, const char *what,
	struct error *err)
{
	if (checkout_claim(checkout, &r->arena, err) < 0 || take_lock(r, checkout->id, what, err) < 0 ||
		find_environment(r, checkout, err) < 0)
		return -1;
	return environment_moved(r, checkout) ? put_environment(r, checkout, err) : 0;
}

const char *reconcile_intent_file(struct reconcile *r, const char *intent)
{
	return arena_printf(&r->arena, "%s.%s", r->environment.id, intent);
}

static bool is_open(const struct reconcile *r, const char *intent)
{
	for (size_t i = 0; i < r->n_intents; i++) {
		if (strcmp(r->intents[i].id, intent) == 0)
			return true;
	}
	return false;
}

/* Files of intents that never came to be, or whose end was recorded just before a run died. */
static void sweep_intent_files(struct reconcile *r)
{
	const char *folder = arena_printf(&r->arena, "%s/intents", r->home);
	const char *prefix = reconcile_intent_file(r, "");
	const char *const *names;
	struct error err = ERROR_INIT;
	size_t n, len = strlen(prefix);

	if (fs_list(folder, &r->arena, &names, &n, &err) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		if (strncmp(names[i], prefix, len) == 0 && !is_open(r, names[i] + len))
			intent_file_remove(r->home, names[i]);
	}
}

/* Two runs of one action never overlap: what an earlier run left running is waited for, then ended. */
static int settle_children(struct reconcile *r, struct error *err)
{
	for (size_t i = 0; i < r->n_intents; i++) {
		if (intent_file_wait(r->home, reconcile_intent_file(r, r->intents[i].id),
			    SETTLE_TIMEOUT, r->clock, err) < 0)
			return error_wrap(err, "settle %s", r->intents[i].address);
	}
	return 0;
}

/* Several runs may have died over one address: the newest intent leads to the older ones. */
static void chain_intents(struct reconcile *r)
{
	struct map newest = MAP_INIT;

	for (size_t i = 0; i < r->n_intents; i++) {
		uint32_t older = map_get(&newest, r->intents[i].address);

		r->intents[i].older = older == MAP_NONE ? NULL : &r->intents[older];
		map_set(&newest, r->intents[i].address, (uint32_t)i);
	}
	map_release(&newest);
}

static int read_taken(struct reconcile *r, struct error *err)
{
	const char *const *ids, *const *owners;
	const char **all;
	size_t n;

	if (state_notes(r->state, r->environment.id, "taken", &r->arena, &ids, &owners, &n, err) < 0)
		return -1;
	if (!n)
		return 0;
	all = arena_alloc(&r->arena, (n + 1) * sizeof(*all));
	memcpy(all, ids, n * sizeof(*all));
	all[n] = NULL;
	r->taken = all;
	return 0;
}

/* What is remembered of the environment, and what an earlier run left. */
static int read_records(struct reconcile *r, enum state_mode mode, struct error *err)
{
	if (state_key_check(r->state, err) < 0 || /* a lost key must never look like a change */
		state_records(r->state, r->environment.id, &r->arena, &r->records, &r->n_records, err) < 0 ||
		state_intents(r->state, r->environment.id, &r->arena, &r->intents, &r->n_intents,
			err) < 0 ||
		read_taken(r, err) < 0)
		return -1;
	chain_intents(r);
	if (mode == STATE_READ)
		return 0;
	sweep_intent_files(r);
	return settle_children(r, err);
}

/* To begin from nothing is right for a home that is new, and a bad surprise after a loss. */
static void report_unknown(struct reconcile *r, const struct checkout *checkout)
{
	if (!checkout->unknown)
		return;
	diag_warning(&r->diags, POS_NONE, "this checkout was applied before (.devenv/local/id), and the "
		"state in %s knows nothing of it", r->home);
	diag_hint(&r->diags, "if it was applied from another home, set DEVENV_HOME to that; if its state "
		"was lost, `devenv import --take-over` takes back what exists");
}

int reconcile_open(struct reconcile *r, enum state_mode mode, const char *what, struct error *err)
{
	struct checkout checkout;

	r->state = state_open(r->home, mode, r->clock, err);
	if (!r->state || checkout_look(r->manifest.root, r->state, &r->arena, &checkout, err) < 0)
		return -1;
	report_unknown(r, &checkout);
	if (mode == STATE_WRITE ? open_for_writing(r, &checkout, what, err) < 0
				: find_environment(r, &checkout, err) < 0)
		return -1;
	return r->environment.id ? read_records(r, mode, err) : 0;
}

int reconcile_enter(struct reconcile *r, enum state_mode mode, const char *what, struct error *err)
{
	if (mode == STATE_WRITE && take_lock(r, r->environment.checkout, what, err) < 0)
		return -1;
	return read_records(r, mode, err);
}

/* --- observe, plan ------------------------------------------------------------------------------ */

static const char *content_root(const struct reconcile *r)
{
	return r->content ? r->content : r->manifest.root;
}

static int digest_file(void *arg, const char *path, struct hash *out, struct error *err)
{
	struct reconcile *r = arg;

	return hash_file(fs_join(&r->arena, content_root(r), path), out, err);
}

static const struct value *recorded_outputs(struct reconcile *r)
{
	const char *const *keys, *const *values;
	struct value *outputs = arena_alloc(&r->arena, sizeof(*outputs));
	struct error err = ERROR_INIT;
	size_t n = 0;

	if (r->supposed_outputs)
		return r->supposed_outputs;
	if (!r->environment.id || state_notes(r->state, r->environment.id, "outputs", &r->arena, &keys,
					   &values, &n, &err) < 0 || !n)
		return NULL;
	if (json_parse(values[0], strlen(values[0]), &r->arena, state_key(r->state), outputs, &err) < 0)
		return NULL;
	return outputs;
}

/* Approvals given by `devenv approve` join those of the command line. */
static void read_approvals(struct reconcile *r)
{
	const char *const *keys, *const *values;
	struct error err = ERROR_INIT;
	size_t n = 0;

	if (r->environment.id && state_notes(r->state, r->environment.id, "approval", &r->arena, &keys,
					&values, &n, &err) == 0 && n) {
		const char **all = arena_alloc(&r->arena, (n + 1) * sizeof(*all));

		memcpy(all, keys, n * sizeof(*all));
		all[n] = NULL;
		r->options.approvals = all;
	}
}

static struct planner_input *planner_of(struct reconcile *r)
{
	struct planner_input *in = arena_zalloc(&r->arena, sizeof(*in));
	struct digester *digester = arena_alloc(&r->arena, sizeof(*digester));

	*digester = (struct digester){digest_file, locked_find, r, content_root(r), r->input.parsed, &r->graph};
	*in = (struct planner_input){
		.arena = &r->arena,
		.diags = &r->diags,
		.manifest = &r->manifest,
		.graph = &r->graph,
		.records = r->records,
		.n_records = r->n_records,
		.intents = r->intents,
		.n_intents = r->n_intents,
		.observations = r->observations,
		.n_observations = r->n_observations,
		.strays = r->strays,
		.n_strays = r->n_strays,
		.key = r->state ? state_key(r->state) : NULL,
		.digester = digester,
		.options = &r->options,
		.serial = r->environment.serial,
		.environment = r->environment.id ? r->environment.id : "",
		.outputs = recorded_outputs(r),
	};
	return in;
}

static void learn_secrets(struct reconcile *r)
{
	for (uint32_t i = 0; i < r->graph.n; i++)
		redactor_learn(&r->redactor, r->views[i].inputs);
	for (size_t i = 0; i < r->n_records; i++) {
		struct record *record = &r->records[i];

		if (record->outputs_json && strstr(record->outputs_json, "\"$sealed\""))
			redactor_learn(&r->redactor, record_outputs(record, NULL));
		if (record->inputs_json && strstr(record->inputs_json, "\"$sealed\""))
			redactor_learn(&r->redactor, record_inputs(record, NULL));
	}
}

/* A create of a run that died whose thing is not there, and is not wanted any more. */
static bool is_awaited(const struct reconcile *r, const struct observation *item)
{
	const struct intent *intent = item->intent;

	return intent && intent->action == INTENT_CREATE && item->presence == PRESENCE_ABSENT &&
		(!item->desired || r->options.destroy) && item->type->flags & TYPE_SERVED &&
		clock_wall(r->clock) - intent->started_at < LATE_MS;
}

/* Who serves it may still be making it, deaf to the death of the one who asked. It would come to be after
   the intent was dropped, and nothing would lead to it: so for a moment it is waited for. */
static int observe_late(struct reconcile *r, struct error *err)
{
	for (int step = 0; step < LATE_MS / LATE_STEP_MS; step++) {
		bool awaited = false;

		for (size_t i = 0; i < r->n_observations && !awaited; i++)
			awaited = is_awaited(r, &r->observations[i]);
		if (!awaited)
			return 0;
		poll(NULL, 0, LATE_STEP_MS);
		if (observe_all(r, r->views, err) < 0)
			return -1;
	}
	return 0;
}

static int resolve(struct reconcile *r, const struct planner_input *in)
{
	struct trail *before = trail_open(r->trail);
	int status = plan_resolve(in, &r->views);

	trail_open(before); /* what providers look at is reality, and no input */
	return status;
}

int reconcile_resolve(struct reconcile *r, struct error *err)
{
	struct planner_input *in = planner_of(r);

	r->pins = pins_copy(&r->manifest.locked, &r->arena);
	if (resolve(r, in) < 0 || (locked_resolve(r) && resolve(r, in) < 0) || r->diags.errors)
		return error_set(err, ERROR_INVALID, "the manifest has mistakes");
	return 0;
}

int reconcile_observe(struct reconcile *r, struct error *err)
{
	if (reconcile_resolve(r, err) < 0)
		return -1;
	learn_secrets(r);
	if (observe_all(r, r->views, err) < 0)
		return -1;
	return r->lock.fd >= 0 ? observe_late(r, err) : 0;
}

int reconcile_plan(struct reconcile *r, struct error *err)
{
	struct trail *before;
	int status;

	read_approvals(r);
	r->planner = planner_of(r);
	before = trail_open(r->trail);
	status = plan_make(r->planner, r->views, &r->plan);
	trail_open(before);
	if (status < 0)
		return error_set(err, ERROR_INVALID, "the plan cannot be made");
	return 0;
}

/* --- apply -------------------------------------------------------------------------------------- */

int reconcile_apply(struct reconcile *r, const struct apply_options *options,
	struct apply_result *result, struct error *err)
{
	struct scheduler s = {
		.r = r,
		.options = options,
		.result = result,
		.plan = &r->plan,
		.planner = r->planner,
		.resolver = {&r->graph, r->views, &r->arena, &r->diags},
		.work_dir = arena_printf(&r->arena, "%s/environments/%s", r->home, r->environment.id),
	};
	struct error unlocked = ERROR_INIT;

	*result = (struct apply_result){0};
	if (reconcile_lock(r, false, &unlocked) < 0)
		diag_warning(&r->diags, POS_NONE, "%s", unlocked.msg);
	return apply_run(&s, err);
}
