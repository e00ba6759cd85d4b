/*
 * One function a group of rows; the order of the questions is the order of docs/lifecycle.md: what is
 * unfinished, what cannot be seen, what is gone, what is foreign, what differs.
 */
#include "engine/plan/claims.h"
#include "engine/plan/diff_internal.h"
#include "engine/plan/within.h"
#include "model/json.h"

#include <string.h>

bool resource_is_job(const struct resource *resource)
{
	return value_get_bool(resource->attributes, "job", false) ||
	       (resource->service && resource->type->flags & TYPE_JOB);
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
	const struct type *type = diff_resource(in)->type;
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
	const struct resource *resource = diff_resource(in);
	const char *identity = inputs_identity(resource->type, in->inputs, in->arena);
	const char *claim = shared_claim(in);

	change->create_first = true;
	if (identity && in->record->identity && strcmp(identity, in->record->identity) == 0)
		diff_problem(in, change, "take createBeforeDestroy out, or let devenv choose the name",
			"%s cannot be created before it is destroyed: both would be %s", change->address,
			identity);
	else if (claim)
		diff_problem(in, change, "take createBeforeDestroy out, or choose another port, name or path",
			"%s cannot be created before it is destroyed: both would claim %s", change->address,
			claim);
}

static void want_replace(const struct diff_input *in, struct change *change)
{
	change->action = ACTION_REPLACE;
	if (diff_resource(in)->lifecycle.create_before_destroy)
		create_first(in, change);
	if (diff_resource(in)->lifecycle.prevent_destroy)
		diff_problem(in, change, "remove preventDestroy, or undo the change that forces the replacement",
			"%s must be replaced, but lifecycle.preventDestroy forbids it", change->address);
}

/* The attribute as written: does its value come from somewhere else? */
static bool is_reference(const struct diff_input *in, const char *path)
{
	const struct value *attributes = diff_resource(in)->attributes;
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
		.arena = in->arena, .type = diff_resource(in)->type, .key = in->key};
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
	const struct type *type = diff_resource(in)->type;
	const struct observation *seen = in->observed;

	change->action = ACTION_NOOP;
	if (type->flags & TYPE_RUNS && !resource_is_job(diff_resource(in)) && seen && seen->presence == PRESENCE_PRESENT && !seen->runs &&
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
		change_reason(change, in->arena, REASON_METADATA, NULL, diff_resource(in)->pos,
			"only what is recorded about it changes (dependencies, lifecycle, readiness)");
	}
}

/* A run died while destroying it. What holds data is deleted whole or not at all: if it is still there, it
   is as good as it was. */
static bool half_destroyed(const struct diff_input *in)
{
	return in->intent && in->intent->action == INTENT_DELETE &&
	       !(diff_resource(in)->type->flags & TYPE_PERSISTENT);
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
	if (half_destroyed(in)) {
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
		if (in->observed && in->observed->remakes)
			change_reason(change, in->arena, REASON_CHANGED, NULL, POS_NONE, "%s",
				in->observed->remakes);
	} else if (!record_has_fingerprint(in->record) && !in->record->last_error && !in->intent) {
		change->action = ACTION_RECORD;
		change_reason(change, in->arena, REASON_METADATA, NULL, POS_NONE,
			"it was imported and is as the manifest says: only recorded");
	} else if (!record_has_fingerprint(in->record) ||
		   (in->intent && in->intent->action == INTENT_UPDATE)) {
		change->action = ACTION_UPDATE;
		change_reason(change, in->arena, in->intent ? REASON_INTERRUPTED : REASON_FAILED, NULL,
			POS_NONE, in->intent ? "a run died while updating it" : "its last update failed");
	} else if (in->observed && in->observed->differs) {
		change->action = ACTION_UPDATE;
		change_reason(change, in->arena, REASON_DRIFT, NULL, POS_NONE, "%s",
			in->observed->differs);
	} else if (in->intent && in->intent->action == INTENT_DELETE) {
		change->action = ACTION_RECORD;
		change_reason(change, in->arena, REASON_INTERRUPTED, NULL, POS_NONE,
			"a run died before it destroyed it: it stays, with what it holds");
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
		diff_seen(in));
	if (change->n_attributes || in->replaced.address || in->replace_requested ||
		in->record->status == RECORD_TAINTED) {
		attribute_reasons(in, change);
		if (in->home && within_wakes(in->home) && !any_forces(change) && change->n_attributes) {
			change->action = ACTION_UPDATE;
			change->deferred = true; /* looked at when its home runs */
			return;
		}
		diff_problem(in, change, "make it reachable, or leave it out with --exclude",
			"%s has to change, but it cannot be seen: %s", change->address, diff_seen(in));
		diag_cause(in->diags, diff_seen(in));
	}
}

static void look_at_inputs(const struct diff_input *in, struct change *change)
{
	change->deferred = !value_is_known(in->inputs) || (in->observed && in->observed->later);
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
		in->replace_requested || half_destroyed(in) ||
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

/* Recorded and desired, and its home is made anew: so is it. */
static void diff_homeless(const struct diff_input *in, struct change *change)
{
	diff_create(in, change);
	change_reason(change, in->arena, REASON_DEPENDENCY, in->home->address, POS_NONE,
		"it goes with %s and is made again", in->home->address);
	if (diff_resource(in)->lifecycle.prevent_destroy && in->home->action == ACTION_REPLACE)
		diff_problem(in, change, "take preventDestroy out, or undo what replaces its home",
			"%s would go with %s, but lifecycle.preventDestroy forbids it", change->address,
			in->home->address);
}

static void decide(const struct diff_input *in, struct change *change)
{
	if (!in->record) {
		diff_new(in, change);
		return;
	}
	if (diff_unreadable(in->record)) {
		diff_keep(in, change, ACTION_NOOP);
		return;
	}
	switch (diff_presence(in)) {
	case PRESENCE_UNKNOWN:
		diff_unseen(in, change);
		return;
	case PRESENCE_ABSENT:
		if (diff_home_goes(in)) {
			diff_homeless(in, change);
			return;
		}
		if (resource_is_job(diff_resource(in)) && in->record->status == RECORD_OK) {
			diff_present(in, change); /* it has run: what is left of it does not matter */
			if (change->action == ACTION_UPDATE) /* there is nothing left to update */
				want_replace(in, change);
			return;
		}
		diff_create(in, change);
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

/* Data that one program wrote is not handed to another: it would not start, or spoil it. */
static void check_contents(const struct diff_input *in, struct change *change)
{
	const char *wanted = diff_resource(in)->lifecycle.contents, *written;

	/* Few say it: the records of the others are not parsed for it. */
	if (!wanted || !in->record || diff_unreadable(in->record) || change->action == ACTION_CREATE ||
		change->action == ACTION_REPLACE)
		return;
	written = value_get_text(record_meta(in->record, NULL), "contents", NULL);
	if (!written || strcmp(wanted, written) == 0)
		return;
	diff_problem(in, change, arena_printf(in->arena,
		"stay with %s; or `devenv backup` it with that, begin anew with `devenv apply --replace %s "
		"--allow-data-loss %s`, and `devenv restore`", written, change->address, change->address),
		"the data in %s is that of %s, and %s cannot be expected to read it", change->address,
		written, wanted);
}

void diff_desired(const struct diff_input *in, struct change *change)
{
	look_at_inputs(in, change);
	decide(in, change);
	check_contents(in, change);
	if (in->observed && in->observed->unevaluated)
		change_reason(change, in->arena, REASON_UNEVALUATED, NULL, POS_NONE,
			"(not evaluated): %s is not run for a revision that is not trusted; --trust-revision "
			"runs it", in->observed->unevaluated);
	change->uncertain = is_uncertain(in, change);
}

