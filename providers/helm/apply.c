/*
 * Installing and upgrading: one run of helm, whose values that are not files go through
 * stdin, so that no secret is an argument or lies on a disk. It is the same when it is repeated; what an
 * earlier try left pending is ended first.
 *
 * A create that fails half-way says that nothing exists: its intent stays open, and the next run finds
 * the release by its mark and goes on from there.
 */
#include "providers/helm/helm.h"

#include <string.h>

enum { RETRY_FIRST = 500, RETRY_LONGEST = 5000 };

struct run {
	struct kube *kube;
	const struct request *request;
	struct helm helm;
	const char *namespace, *name;
	struct helm_revisions revisions;
	struct helm_chart chart;
	struct error *err;
};

static const char *recorded_intent(const struct request *request)
{
	return request->record
		? value_get_text(record_outputs(request->record, NULL), "intent", NULL) : NULL;
}

static const struct helm_revision *newest(const struct run *run)
{
	return helm_newest(&run->revisions, run->namespace, run->name);
}

static int list(struct run *run)
{
	run->revisions = (struct helm_revisions){0};
	return helm_list(run->kube, run->namespace, run->name, &run->revisions, run->err);
}

/* --- before ------------------------------------------------------------------------------------- */

static int check_owner(struct run *run, const struct helm_revision *found)
{
	const char *message = NULL;

	if (run->request->record || run->request->adopt ||
		value_get_bool(run->request->inputs, "adopt", false) ||
		helm_owner(run->kube, found, run->request->address, &message) == OWNER_US)
		return 0;
	return error_set(run->err, ERROR_CONFLICT, "a release %s/%s exists already and %s%s",
		run->namespace, run->name, message ? "belongs to "
		: "is not ours: import it, set `adopt: true`, or choose another releaseName",
		message ? message : "");
}

/* Nothing may be pending: what we left is ended, what somebody else is at is left alone. */
static int make_way(struct run *run)
{
	const struct request *request = run->request;
	const struct helm_revision *found = newest(run);

	if (!found)
		return 0;
	if (check_owner(run, found))
		return -1;
	if (!helm_is_pending(found))
		return 0;
	if (!helm_is_left_by_us(run->kube, &run->revisions, found,
			request->observed ? request->observed->intent : NULL, recorded_intent(request)))
		return error_set(run->err, ERROR_CONFLICT,
			"somebody else is at release %s/%s (%s): wait for it, or roll it back", run->namespace,
			run->name, helm_told(run->kube, found));
	if (helm_recover(&run->helm, &run->revisions, found,
			value_get_bool(request->inputs, "hooks", true), run->err))
		return -1;
	return list(run);
}

/* Did a run that died come to the end of exactly this, and only not to its record? */
static bool is_done(struct run *run)
{
	const struct observation *seen = run->request->observed;
	const struct helm_revision *found = newest(run);
	const char *mark = found ? helm_intent_of(found) : NULL;
	struct value inputs;

	if (!seen || !mark || strcmp(found->status, "deployed") != 0)
		return false;
	for (const struct intent *i = seen->intent; i; i = i->older)
		if (!strcmp(i->id, mark) && !kube_intent_inputs(run->kube->arena, i, &inputs))
			return helm_same_inputs(run->request->inputs, &inputs, i->key);
	return false;
}

/* --- the upgrade -------------------------------------------------------------------------------- */

static void add_waiting(struct run *run, struct helm_args *args)
{
	const struct value *inputs = run->request->inputs;

	helm_args(args, "--timeout", helm_timeout(&run->helm), NULL);
	if (value_get_bool(inputs, "atomic", false)) {
		helm_arg(args, run->helm.major > 3 ? "--rollback-on-failure" : "--atomic");
		/* Going back begins when the time is up, and takes as long at most. */
		run->helm.respite = run->kube->env->deadline - clock_monotonic(run->kube->env->clock);
	}
	if (value_get_bool(inputs, "wait", false))
		helm_arg(args, "--wait");
}

/* Did somebody else change what the release has made? Then its fields are taken back. */
static bool has_drifted(const struct request *request)
{
	const struct value *now = request->observed ? request->observed->attributes : NULL;
	const struct value *then = request->record ? record_observed(request->record, NULL) : NULL;

	return request->act == ACT_UPDATE && now && then && !value_equal(now, then);
}

static void add_ownership(struct run *run, struct helm_args *args)
{
	const struct value *inputs = run->request->inputs;

	bool take = value_get_bool(inputs, "takeOwnership", false);

	if (take)
		helm_arg(args, "--take-ownership");
	if (run->helm.major > 3 && (take || run->kube->env->force_conflicts ||
		value_get_bool(inputs, "forceConflicts", false) || has_drifted(run->request)))
		helm_arg(args, "--force-conflicts");
	helm_args(args, "--labels", helm_labels(run->kube, run->request->address), NULL);
}

static int upgrade_once(struct run *run)
{
	const struct value *inputs = run->request->inputs;
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct helm_args args = {.n = 0};
	int rc;

	if (run->revisions.n)
		helm_args(&args, "upgrade", "--install", "--reset-values", "--history-max",
			kube_printf(run->kube, "%lld", (long long)value_get_int(inputs, "historyMax", 10)),
			NULL);
	else /* helm 4.0 forgets --force-conflicts where an upgrade installs */
		helm_arg(&args, "install");
	helm_args(&args, run->name, "--namespace", run->namespace, run->chart.path, NULL);
	helm_values(run->kube, inputs, &args, &text);
	add_waiting(run, &args);
	add_ownership(run, &args);
	if (!value_get_bool(inputs, "hooks", true))
		helm_arg(&args, "--no-hooks");
	if (strcmp(value_get_text(inputs, "crds", "install"), "install") != 0)
		helm_arg(&args, "--skip-crds");
	/* What it prints at the end are the chart's notes, which may hold secrets. */
	rc = helm_run(&run->helm, &args, text.len ? text.text : NULL, HELM_ACTS, NULL, run->err);
	run->helm.respite = 0;
	if (text.len)
		sodium_memzero(text.text, text.len);
	return rc;
}

/* A webhook that has no endpoints yet, a kind whose definition another node brings: waited for. */
static int upgrade(struct run *run)
{
	int64_t wait = RETRY_FIRST;

	for (;;) {
		struct error pause = ERROR_INIT;

		*run->err = (struct error)ERROR_INIT;
		if (!upgrade_once(run))
			return 0;
		if (run->err->code != ERROR_TRANSIENT)
			return -1;
		provider_progress(run->kube->env, "waiting: %s", run->err->msg);
		if (kube_pause(run->kube, wait, &pause)) {
			if (pause.code == ERROR_CANCELLED)
				*run->err = pause;
			return -1;
		}
		wait = wait * 2 < RETRY_LONGEST ? wait * 2 : RETRY_LONGEST;
		if (list(run) || make_way(run))
			return -1;
	}
}

/* Helm leaves a definition as it is once it is there. */
static int upgrade_definitions(struct run *run)
{
	struct kube_objects found = {0};
	struct helm_args args = {.n = 0};
	const char *text;

	if (strcmp(value_get_text(run->request->inputs, "crds", "install"), "upgrade") != 0)
		return 0;
	helm_args(&args, "show", "crds", run->chart.path, NULL);
	if (helm_run(&run->helm, &args, NULL, HELM_ACTS, &text, run->err) ||
		kube_objects_read(run->kube->arena, NULL, "crds of the chart", text, strlen(text), &found,
			run->err))
		return -1;
	for (size_t i = 0; i < found.n; i++) {
		struct kube_object *object = &found.items[i];
		struct kube_reply reply;

		if (kube_object_place(run->kube, object, run->namespace, run->err) ||
			kube_patch(run->kube, object, object->value, KUBE_FORCE | KUBE_LENIENT, &reply,
				run->err))
			return -1;
		provider_progress(run->kube->env, "applied %s", object->ref);
	}
	kube_discover_again(run->kube);
	return 0;
}

/* It was cut short: pending it would be in everybody's way. What it said first is what counts. */
static void clean_up(struct run *run)
{
	struct error *told = run->err, own = ERROR_INIT;
	const struct helm_revision *found;

	run->err = &own;
	if (!provider_cancelled(run->kube->env) && !list(run)) {
		found = newest(run);
		if (found && helm_is_pending(found))
			make_way(run);
	}
	run->err = told;
}

/* Helm says that it has waited in vain, not what for. */
static void add_why(struct run *run)
{
	static const char *const waited[] = {"timed out", "deadline exceeded", "not ready", "failed pre-",
		"failed post-", "hook"};
	const char *message = arena_strdup(run->kube->arena, run->err->msg), *why;
	bool has_waited = false;

	for (size_t i = 0; i < ARRAY_SIZE(waited); i++)
		has_waited = has_waited || strstr(message, waited[i]);
	if (has_waited && !provider_cancelled(run->kube->env) &&
		(why = helm_why(&run->helm, run->namespace, run->name)))
		error_set(run->err, run->err->code, "%s; %s", message, why);
}

/* --- after -------------------------------------------------------------------------------------- */

static int finish(struct run *run, struct outcome *outcome)
{
	const struct helm_revision *found;
	struct helm_release release;

	kube_discover_again(run->kube);
	if (list(run) || helm_read(&run->helm, run->namespace, run->name, &release, run->err))
		return -1;
	found = newest(run);
	if (!found)
		return error_set(run->err, ERROR_TRANSIENT, "release %s/%s is gone already",
			run->namespace, run->name);
	return helm_describe(run->kube, &release, found, run->request->address, outcome,
		run->err);
}

static int act(struct run *run, struct outcome *outcome)
{
	if (helm_open(&run->helm, run->kube, run->err) || list(run) || make_way(run))
		return -1;
	if (is_done(run))
		return finish(run, outcome);
	if (helm_chart(&run->helm, run->request->inputs,
			kube_printf(run->kube, "%s.%s", run->namespace, run->name), &run->chart, run->err) ||
		upgrade_definitions(run))
		return -1;
	if (upgrade(run)) {
		clean_up(run);
		add_why(run);
		return -1;
	}
	return finish(run, outcome);
}

int helm_apply(struct kube *kube, const struct request *request, struct outcome *outcome,
	struct error *err)
{
	struct error own = ERROR_INIT;
	struct run run = {.kube = kube, .request = request, .err = &own};
	const char *id = request->record && request->record->id && request->act == ACT_UPDATE
		? request->record->id
		: helm_id(kube, request->inputs, request->address,
			  request->beside ? request->generation : 0);

	helm_id_split(kube->arena, id, &run.namespace, &run.name);
	outcome->endpoint = kube->id;
	outcome->id = id;
	outcome->exists = request->act == ACT_UPDATE;
	if (!act(&run, outcome))
		return 0;
	if (err)
		*err = own;
	return -1;
}
