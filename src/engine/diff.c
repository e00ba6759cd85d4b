/*
 * One function a group of rows; the order of the questions is the order of docs/lifecycle.md: what is
 * unfinished, what cannot be seen, what is gone, what is foreign, what differs.
 */
#include "engine/diff.h"

#include "engine/claims.h"
#include "engine/within.h"
#include "model/json.h"

#include <stdarg.h>
#include <string.h>

void change_reason(struct change *change, struct arena *arena, enum reason_kind kind,
	const char *path, struct pos pos, const char *fmt, ...)
{
	struct reason *reasons = arena_alloc(arena, (change->n_reasons + 1) * sizeof(*reasons));
	va_list ap;

	if (change->n_reasons)
		memcpy(reasons, change->reasons, change->n_reasons * sizeof(*reasons));
	va_start(ap, fmt);
	reasons[change->n_reasons] = (struct reason){
		.kind = kind,
		.text = arena_vprintf(arena, fmt, ap),
		.path = path,
		.pos = pos,
	};
	va_end(ap);
	change->reasons = reasons;
	change->n_reasons++;
}

static const struct resource *resource_of(const struct diff_input *in)
{
	return in->graph->nodes[in->node].resource;
}

static void problem(const struct diff_input *in, const struct change *change, const char *hint,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void problem(const struct diff_input *in, const struct change *change, const char *hint,
	const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	diag_error(in->diags, in->node == NODE_NONE ? POS_NONE : resource_of(in)->pos, "%s",
		arena_vprintf(in->arena, fmt, ap));
	va_end(ap);
	diag_address(in->diags, change->address);
	if (hint)
		diag_hint(in->diags, "%s", hint);
}

static const char *seen_message(const struct diff_input *in)
{
	return in->observed && in->observed->message ? in->observed->message : "no reason was given";
}

bool resource_is_job(const struct resource *resource)
{
	return value_get_bool(resource->attributes, "job", false) ||
	       (resource->service && resource->type->flags & TYPE_JOB);
}

/* Damaged, written by a later version of this program, or for a type it does not have. */
static bool is_unreadable(const struct record *record)
{
	const struct type *type = type_find(record->type);

	return !type || record->type_version == RECORD_DAMAGED || record->type_version > type->version;
}

/* An error for this address only: it is left alone, the others are done. */
static void keep_unreadable(const struct diff_input *in, struct change *change, enum action action)
{
	bool damaged = in->record->type_version == RECORD_DAMAGED;

	change->action = action;
	change->unreadable = true;
	if (damaged)
		change_reason(change, in->arena, REASON_UNKNOWN, NULL, POS_NONE, "its record is damaged");
	else
		change_reason(change, in->arena, REASON_UNKNOWN, NULL, POS_NONE,
			"this version of devenv does not know how it was recorded (%s, version %d)",
			in->record->type, in->record->type_version);
	diag_warning(in->diags, in->node == NODE_NONE ? POS_NONE : resource_of(in)->pos,
		damaged ? "the record of %s is damaged: it is left alone"
			: "%s was recorded by another version of devenv: it is left alone",
		in->record->address);
	diag_hint(in->diags, damaged ? "`devenv forget %s`, then import it, or put a copy of the database back"
		: "use that version, or `devenv forget %s`", in->record->address);
	diag_address(in->diags, change->address);
}

static bool home_goes(const struct diff_input *in)
{
	return in->home && within_goes(in->home);
}

static enum presence presence(const struct diff_input *in)
{
	if (home_goes(in))
		return PRESENCE_ABSENT;
	return in->observed ? in->observed->presence : PRESENCE_UNTRACKED;
}

/* All attributes of something that is to be made, so that the plan shows them. */
static void list_all(const struct diff_input *in, struct change *change)
{
	struct attribute_list list = {
		.arena = in->arena, .type = resource_of(in)->type, .key = in->key};

	inputs_compare(&list, NULL, in->inputs);
	for (size_t i = 0; i < list.n; i++)
		list.items[i].forces_replace = false;
	change->attributes = list.items;
	change->n_attributes = list.n;
}

static void set_create(const struct diff_input *in, struct change *change)
{
	change->action = ACTION_CREATE;
	list_all(in, change);
}

/* An interrupted command that nobody can look at: the user said what to do then. */
static void diff_interrupted_blind(const struct diff_input *in, struct change *change)
{
	const char *what = value_get_text(in->inputs, "onInterrupt", "rerun");

	set_create(in, change);
	if (strcmp(what, "fail") == 0) {
		problem(in, change,
			"find out what it did, then `devenv import` or `devenv forget` it, or set onInterrupt",
			"%s was interrupted and cannot be observed (onInterrupt: fail)", change->address);
	} else if (strcmp(what, "assumeDone") == 0) {
		change->action = ACTION_RECORD;
		change_reason(change, in->arena, REASON_INTERRUPTED, NULL, POS_NONE,
			"its last run was interrupted; onInterrupt: assumeDone takes it for done");
	} else {
		change_reason(change, in->arena, REASON_INTERRUPTED, NULL, POS_NONE,
			"its last run was interrupted and cannot be observed: it runs again");
	}
}

/* The command that takes what is there, ready to be pasted into a shell. */
static const char *import_command(const struct diff_input *in, const struct change *change,
	const char *option)
{
	const char *id = in->observed->id ? in->observed->id : "ID";
	const char *quote = strpbrk(change->address, "[\" ") ? "'" : "";
	const char *id_quote = strpbrk(id, " \"$&;()<>|*?") ? "'" : "";

	return arena_printf(in->arena, "devenv import %s%s%s%s %s%s%s", option, quote, change->address,
		quote, id_quote, id, id_quote);
}

static void diff_foreign(const struct diff_input *in, struct change *change)
{
	const struct observation *seen = in->observed;

	change->action = ACTION_CREATE;
	if (seen->ownership == OWNER_OTHER) {
		problem(in, change,
			arena_printf(in->arena, "choose another name, or take it over with `%s`",
				import_command(in, change, "--take-over ")),
			"%s exists already and belongs to %s", change->address,
			seen->message ? seen->message : "another environment");
	} else if (seen->ownership == OWNER_US) {
		problem(in, change,
			arena_printf(in->arena, "take it back with `%s`", import_command(in, change, "")),
			"%s exists with our mark but is not recorded (%s)", change->address,
			seen->id ? seen->id : "no id");
	} else {
		problem(in, change,
			arena_printf(in->arena, "import it (`%s`), set `adopt: true` where the type has it, "
				"or choose another name", import_command(in, change, "")),
			"%s exists already and is not ours (%s)", change->address,
			seen->id ? seen->id : seen_message(in));
	}
}

static bool is_from_open_intent(const struct diff_input *in)
{
	for (const struct intent *intent = in->intent; intent; intent = intent->older) {
		if (in->observed->mark_intent && strcmp(in->observed->mark_intent, intent->id) == 0)
			return true;
	}
	return false;
}

/* Desired, not recorded. */
static void diff_new(const struct diff_input *in, struct change *change)
{
	const struct observation *seen = in->observed;

	switch (presence(in)) {
	case PRESENCE_UNTRACKED:
		if (in->intent && in->intent->action == INTENT_CREATE) {
			diff_interrupted_blind(in, change);
			return;
		}
		break;
	case PRESENCE_ABSENT:
		break;
	case PRESENCE_UNKNOWN:
		if (in->home && within_wakes(in->home)) {
			set_create(in, change);
			change->deferred = true; /* looked at when its home runs */
			change_reason(change, in->arena, REASON_NEW, NULL, resource_of(in)->pos,
				"it is in the manifest and not recorded; it is looked for when %s runs",
				in->home->address);
			return;
		}
		change->action = ACTION_CREATE;
		problem(in, change, NULL, "%s cannot be planned: it cannot be seen whether it exists: %s",
			change->address, seen_message(in));
		return;
	case PRESENCE_PRESENT:
		if (seen->ownership == OWNER_US && is_from_open_intent(in)) {
			set_create(in, change);
			change->action = ACTION_ADOPT;
			change_reason(change, in->arena, REASON_INTERRUPTED, NULL, POS_NONE,
				"an earlier run made it and did not come to record it");
		} else if (seen->ownership != OWNER_OTHER && value_get_bool(in->inputs, "adopt", false)) {
			set_create(in, change);
			change->action = ACTION_ADOPT;
			change_reason(change, in->arena, REASON_NEW, NULL, resource_of(in)->pos,
				"it exists, and `adopt: true` takes it over");
		} else {
			diff_foreign(in, change);
		}
		return;
	}
	set_create(in, change);
	change_reason(change, in->arena, in->intent ? REASON_INTERRUPTED : REASON_NEW, NULL,
		resource_of(in)->pos,
		in->intent ? "an earlier run did not come to make it"
			   : "it is in the manifest and not recorded");
}

static void add_claim(void *arg, const char *what)
{
	claims_add(arg, what, 0);
}

struct search {
	const struct claims *claims;
	const char *found;
};

static void find_claim(void *arg, const char *what)
{
	struct search *search = arg;

	if (!search->found && claims_next(search->claims, what, NULL))
		search->found = arena_strdup(search->claims->arena, what);
}

/* What both the recorded and the desired one want for themselves alone; NULL: nothing. */
static const char *shared_claim(const struct diff_input *in)
{
	const struct type *type = resource_of(in)->type;
	const struct provider *provider = provider_of(type);
	struct claims claims = {.arena = in->arena};
	struct search search = {.claims = &claims};

	if (!provider || !provider->claims)
		return NULL;
	provider->claims(type, record_inputs(in->record, NULL), "", add_claim, &claims);
	provider->claims(type, in->inputs, "", find_claim, &search);
	claims_release(&claims);
	return search.found;
}

/* The new one stands beside the old one for a while: they must not be the same real thing. */
static void create_first(const struct diff_input *in, struct change *change)
{
	const struct resource *resource = resource_of(in);
	const char *identity = inputs_identity(resource->type, in->inputs, in->arena);
	const char *claim = shared_claim(in);

	change->create_first = true;
	if (identity && in->record->identity && strcmp(identity, in->record->identity) == 0)
		problem(in, change, "take createBeforeDestroy out, or let devenv choose the name",
			"%s cannot be created before it is destroyed: both would be %s", change->address,
			identity);
	else if (claim)
		problem(in, change, "take createBeforeDestroy out, or choose another port, name or path",
			"%s cannot be created before it is destroyed: both would claim %s", change->address,
			claim);
}

static void want_replace(const struct diff_input *in, struct change *change)
{
	change->action = ACTION_REPLACE;
	if (resource_of(in)->lifecycle.create_before_destroy)
		create_first(in, change);
	if (resource_of(in)->lifecycle.prevent_destroy)
		problem(in, change, "remove preventDestroy, or undo the change that forces the replacement",
			"%s must be replaced, but lifecycle.preventDestroy forbids it", change->address);
}

/* The attribute as written: does its value come from somewhere else? */
static bool is_reference(const struct diff_input *in, const char *path)
{
	const struct value *attributes = resource_of(in)->attributes;
	const struct value *written = value_path(attributes, path);

	return written && written->flags & VALUE_TEMPLATE;
}

static void reason_of_attribute(const struct diff_input *in, struct change *change,
	const struct attribute_change *a)
{
	const char *forces = a->forces_replace ? ", which cannot be done in place" : "";

	if (a->drift)
		change_reason(change, in->arena, REASON_DRIFT, a->path, a->pos,
			"%s changed outside devenv%s", a->path, forces);
	else if (in->changed_need && is_reference(in, a->path))
		change_reason(change, in->arena, REASON_DEPENDENCY, in->changed_need, a->pos,
			"%s changes with %s%s", a->path, in->changed_need, forces);
	else
		change_reason(change, in->arena, REASON_CHANGED, a->path, a->pos, "%s %s%s", a->path,
			!a->before ? "was added" : !a->after ? "was taken out" : "changed", forces);
}

static void attribute_reasons(const struct diff_input *in, struct change *change)
{
	for (size_t i = 0; i < change->n_attributes; i++)
		reason_of_attribute(in, change, &change->attributes[i]);
}

static bool any_forces(const struct change *change)
{
	for (size_t i = 0; i < change->n_attributes; i++) {
		if (change->attributes[i].forces_replace)
			return true;
	}
	return false;
}

/* What changed in the manifest and what drifted, attribute by attribute. */
static void find_changes(const struct diff_input *in, struct change *change)
{
	struct attribute_list list = {
		.arena = in->arena, .type = resource_of(in)->type, .key = in->key};
	bool same = record_has_fingerprint(in->record) && value_is_known(in->inputs) &&
		    hash_equal(&change->fingerprint, &in->record->fingerprint);

	if (!same)
		inputs_compare(&list, record_inputs(in->record, NULL), in->inputs);
	if (in->observed && in->observed->presence == PRESENCE_PRESENT && in->record->observed_json)
		inputs_drift(&list, record_observed(in->record, NULL), in->observed->attributes,
			in->inputs);
	change->attributes = list.items;
	change->n_attributes = list.n;
}

static bool metadata_differs(const struct diff_input *in)
{
	struct strbuf now = STRBUF_INIT;
	bool differs;

	meta_write(in->graph, in->node, &now);
	differs = !in->record->meta_json || strcmp(now.text, in->record->meta_json) != 0;
	strbuf_release(&now);
	return differs;
}

/* Nothing about its attributes is to be changed: is it as it should be otherwise? */
static void diff_quiet(const struct diff_input *in, struct change *change)
{
	const struct type *type = resource_of(in)->type;
	const struct observation *seen = in->observed;

	change->action = ACTION_NOOP;
	if (type->flags & TYPE_RUNS && !resource_is_job(resource_of(in)) && seen && seen->presence == PRESENCE_PRESENT && !seen->runs &&
		in->record->status != RECORD_STOPPED && value_get_bool(in->inputs, "mustRun", true)) {
		change->action = ACTION_START;
		change_reason(change, in->arena, REASON_STOPPED, NULL, POS_NONE,
			"it should run and does not%s%s", seen->health ? ": " : "",
			seen->health ? seen->health : "");
	} else if (in->record->status == RECORD_UNREADY) {
		change->action = ACTION_RECORD;
		change_reason(change, in->arena, REASON_UNREADY, NULL, POS_NONE,
			"it was not ready in time: probed again");
	} else if (metadata_differs(in)) {
		change->action = ACTION_RECORD;
		change_reason(change, in->arena, REASON_METADATA, NULL, resource_of(in)->pos,
			"only what is recorded about it changes (dependencies, lifecycle, readiness)");
	}
}

/* Desired, recorded and present (or untracked). */
static void diff_present(const struct diff_input *in, struct change *change)
{
	find_changes(in, change);
	if (in->record->status == RECORD_TAINTED) {
		change_reason(change, in->arena, REASON_TAINTED, NULL, POS_NONE,
			"it is tainted%s%s", in->record->last_error ? ": " : "",
			in->record->last_error ? in->record->last_error : "");
		want_replace(in, change);
		return;
	}
	if (in->replace_requested) {
		change_reason(change, in->arena, REASON_REQUESTED, NULL, POS_NONE, "asked for by --replace");
		want_replace(in, change);
		return;
	}
	if (in->replaced.address) {
		change_reason(change, in->arena, REASON_DEPENDENCY, in->replaced.address, POS_NONE,
			"replaced because %s is", in->replaced.address);
		want_replace(in, change);
		return;
	}
	if (in->triggered.address) {
		change_reason(change, in->arena, REASON_TRIGGERED, in->triggered.address, POS_NONE,
			"replaceTriggeredBy: %s changes", in->triggered.address);
		want_replace(in, change);
		return;
	}
	if (in->intent && in->intent->action == INTENT_DELETE) {
		change_reason(change, in->arena, REASON_INTERRUPTED, NULL, POS_NONE,
			"a run died while destroying it");
		want_replace(in, change);
		return;
	}
	if (change->n_attributes && !change->deferred && !in->rerun.address && in->observed &&
		in->observed->matches && in->observed->presence == PRESENCE_PRESENT) {
		change->action = ACTION_RECORD;
		change_reason(change, in->arena, REASON_METADATA, NULL, POS_NONE,
			"it is already as the manifest says: only recorded");
		return;
	}
	attribute_reasons(in, change);
	if (in->rerun.address) {
		change_reason(change, in->arena, REASON_DEPENDENCY, in->rerun.address, POS_NONE,
			"runs again because %s is new", in->rerun.address);
		want_replace(in, change);
	} else if (any_forces(change)) {
		want_replace(in, change);
	} else if (in->observed && in->observed->replace &&
		   (change->n_attributes || !record_has_fingerprint(in->record))) {
		change_reason(change, in->arena, REASON_CHANGED, NULL, POS_NONE,
			"it cannot be changed in place: %s", in->observed->replace);
		want_replace(in, change);
	} else if (change->n_attributes) {
		change->action = ACTION_UPDATE;
	} else if (!record_has_fingerprint(in->record) && !in->record->last_error && !in->intent) {
		change->action = ACTION_RECORD;
		change_reason(change, in->arena, REASON_METADATA, NULL, POS_NONE,
			"it was imported and is as the manifest says: only recorded");
	} else if (!record_has_fingerprint(in->record) ||
		   (in->intent && in->intent->action == INTENT_UPDATE)) {
		change->action = ACTION_UPDATE;
		change_reason(change, in->arena, in->intent ? REASON_INTERRUPTED : REASON_FAILED, NULL,
			POS_NONE, in->intent ? "a run died while updating it" : "its last update failed");
	} else {
		diff_quiet(in, change);
	}
}

/* Recorded and desired, but nobody can say how it is: keep it; an error only if it has to change. */
static void diff_unseen(const struct diff_input *in, struct change *change)
{
	find_changes(in, change);
	change->action = ACTION_NOOP;
	change_reason(change, in->arena, REASON_UNKNOWN, NULL, POS_NONE, "it cannot be seen: %s",
		seen_message(in));
	if (change->n_attributes || in->replaced.address || in->replace_requested ||
		in->record->status == RECORD_TAINTED) {
		attribute_reasons(in, change);
		if (in->home && within_wakes(in->home) && !any_forces(change) && change->n_attributes) {
			change->action = ACTION_UPDATE;
			change->deferred = true; /* looked at when its home runs */
			return;
		}
		problem(in, change, "make it reachable, or leave it out with --exclude",
			"%s has to change, but it cannot be seen: %s", change->address, seen_message(in));
	}
}

static void look_at_inputs(const struct diff_input *in, struct change *change)
{
	change->deferred = !value_is_known(in->inputs);
	if (!change->deferred)
		inputs_fingerprint(in->inputs, in->key, &change->fingerprint);
}

static bool stands_fast(const struct because *because)
{
	return because->address && !because->perhaps;
}

/* Is there no reason to replace it but what may come to nothing? */
static bool is_uncertain(const struct diff_input *in, const struct change *change)
{
	if (change->action != ACTION_REPLACE || in->record->status == RECORD_TAINTED ||
		in->replace_requested || (in->intent && in->intent->action == INTENT_DELETE) ||
		stands_fast(&in->replaced) || stands_fast(&in->triggered) || stands_fast(&in->rerun))
		return false;
	for (size_t i = 0; i < change->n_attributes; i++) {
		const struct attribute_change *a = &change->attributes[i];

		if (a->forces_replace && (!a->after || value_is_known(a->after)))
			return false;
	}
	return change->deferred || in->replaced.address || in->triggered.address ||
	       in->rerun.address;
}

void diff_replace(const struct diff_input *in, struct change *change)
{
	look_at_inputs(in, change);
	find_changes(in, change);
	want_replace(in, change);
}

/* What stands fast counts for more than what may come to nothing. */
static void set_because(struct because *because, const struct change *need, bool perhaps)
{
	if (!because->address || (because->perhaps && !perhaps))
		*because = (struct because){need->address, perhaps};
}

static bool is_newer(const struct record *need, const struct record *job)
{
	return need && job && need->created_at > job->created_at;
}

static bool is_trigger(const struct lifecycle *lifecycle, const char *address)
{
	for (size_t i = 0; i < lifecycle->n_replace_triggered_by; i++) {
		if (strcmp(lifecycle->replace_triggered_by[i].address, address) == 0)
			return true;
	}
	return false;
}

bool diff_follows(const struct graph *graph, const struct node *node, uint32_t edge)
{
	enum edge_kind kind = node->needs[edge].kind;

	return kind == EDGE_ATTACHED || kind == EDGE_WITHIN || (kind >= EDGE_HARD && resource_is_job(node->resource)) ||
	       is_trigger(&node->resource->lifecycle,
		       graph->nodes[node->needs[edge].node].resource->address);
}

void diff_needs(const struct plan *plan, struct diff_input *in)
{
	const struct node *node = &in->graph->nodes[in->node];

	for (uint32_t i = 0; i < node->n_needs; i++) {
		const struct change *need = &plan->changes[plan->change_of[node->needs[i].node]];
		enum edge_kind kind = node->needs[i].kind;
		bool replaced = need->action == ACTION_REPLACE;
		bool fresh = replaced || need->action == ACTION_CREATE;

		if (kind == EDGE_WITHIN)
			in->home = need;
		if ((kind == EDGE_ATTACHED || (kind == EDGE_WITHIN && need->uncertain)) && replaced)
			set_because(&in->replaced, need, need->uncertain);
		if (kind >= EDGE_HARD && (fresh || is_newer(need->record, in->record)) &&
			resource_is_job(node->resource))
			set_because(&in->rerun, need, fresh && need->uncertain);
		if ((fresh || need->action == ACTION_UPDATE) &&
			is_trigger(&node->resource->lifecycle, need->address))
			set_because(&in->triggered, need, need->uncertain ||
				(need->action == ACTION_UPDATE && need->deferred));
	}
}

/* Recorded and desired, and its home is made anew: so is it. */
static void diff_homeless(const struct diff_input *in, struct change *change)
{
	set_create(in, change);
	change_reason(change, in->arena, REASON_DEPENDENCY, in->home->address, POS_NONE,
		"it goes with %s and is made again", in->home->address);
	if (resource_of(in)->lifecycle.prevent_destroy && in->home->action == ACTION_REPLACE)
		problem(in, change, "take preventDestroy out, or undo what replaces its home",
			"%s would go with %s, but lifecycle.preventDestroy forbids it", change->address,
			in->home->address);
}

static void decide(const struct diff_input *in, struct change *change)
{
	if (!in->record) {
		diff_new(in, change);
		return;
	}
	if (is_unreadable(in->record)) {
		keep_unreadable(in, change, ACTION_NOOP);
		return;
	}
	switch (presence(in)) {
	case PRESENCE_UNKNOWN:
		diff_unseen(in, change);
		return;
	case PRESENCE_ABSENT:
		if (home_goes(in)) {
			diff_homeless(in, change);
			return;
		}
		if (resource_is_job(resource_of(in)) && in->record->status == RECORD_OK) {
			diff_present(in, change); /* it has run: what is left of it does not matter */
			if (change->action == ACTION_UPDATE) /* there is nothing left to update */
				want_replace(in, change);
			return;
		}
		set_create(in, change);
		change_reason(change, in->arena, REASON_VANISHED, NULL, POS_NONE,
			"it is recorded but gone%s%s", in->observed->message ? ": " : "",
			in->observed->message ? in->observed->message : "");
		return;
	case PRESENCE_PRESENT:
	case PRESENCE_UNTRACKED:
		diff_present(in, change);
		return;
	}
}

void diff_desired(const struct diff_input *in, struct change *change)
{
	look_at_inputs(in, change);
	decide(in, change);
	change->uncertain = is_uncertain(in, change);
}

static void removed_reason(const struct diff_input *in, struct change *change)
{
	if (in->record->status == RECORD_DEPOSED)
		change_reason(change, in->arena, REASON_DEPOSED, NULL, POS_NONE,
			"it is an old generation that was replaced");
	else if (in->options->destroy)
		change_reason(change, in->arena, REASON_REQUESTED, NULL, POS_NONE, "everything is destroyed");
	else
		change_reason(change, in->arena, REASON_REMOVED, NULL, POS_NONE,
			"it is no longer in the manifest");
}

static void diff_delete(const struct diff_input *in, struct change *change)
{
	const struct type *type = type_find(in->record->type);

	if (meta_flag(in->record, "retain") && in->record->status != RECORD_DEPOSED) {
		change->action = ACTION_FORGET;
		change_reason(change, in->arena, REASON_METADATA, NULL, POS_NONE,
			"lifecycle.retain: it stays and is forgotten");
		return;
	}
	if (in->options->destroy && type && type->flags & TYPE_PERSISTENT && !in->options->volumes) {
		change->action = ACTION_KEEP;
		change_reason(change, in->arena, REASON_REQUESTED, NULL, POS_NONE,
			"it holds data and is kept; --volumes destroys it too");
		return;
	}
	change->action = ACTION_DELETE;
	if (meta_flag(in->record, "preventDestroy"))
		problem(in, change,
			"take preventDestroy out and apply, then remove it; or `devenv forget` it",
			"%s would be destroyed, but lifecycle.preventDestroy forbids it", change->address);
}

void diff_removed(const struct diff_input *in, struct change *change)
{
	removed_reason(in, change);
	if (is_unreadable(in->record)) {
		keep_unreadable(in, change, ACTION_KEEP);
		return;
	}
	switch (presence(in)) {
	case PRESENCE_ABSENT:
		change->action = ACTION_DROP;
		if (!home_goes(in))
			change_reason(change, in->arena, REASON_VANISHED, NULL, POS_NONE, "it is gone already");
		else
			change_reason(change, in->arena, REASON_DEPENDENCY, in->home->address, POS_NONE,
				"it goes with %s", in->home->address);
		if (home_goes(in) && meta_flag(in->record, "preventDestroy") &&
			in->home->action != ACTION_CREATE && in->home->action != ACTION_DROP)
			problem(in, change, "take preventDestroy out and apply, then try again",
				"%s would go with %s, but lifecycle.preventDestroy forbids it", change->address,
				in->home->address);
		return;
	case PRESENCE_UNKNOWN:
		change->action = ACTION_KEEP;
		change_reason(change, in->arena, REASON_UNKNOWN, NULL, POS_NONE,
			"it cannot be seen: %s; the delete is pending", seen_message(in));
		return;
	case PRESENCE_PRESENT:
	case PRESENCE_UNTRACKED:
		diff_delete(in, change);
		return;
	}
}
