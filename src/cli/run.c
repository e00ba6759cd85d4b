/*
 * Approval and reporting around reconcile_apply. Where nobody can answer and nothing was approved,
 * the plan is shown, state is never opened for writing, and the exit status says that nothing was
 * done.
 */
#include "cli/run.h"

#include "cli/jsonl.h"
#include "cli/outputs.h"
#include "cli/progress/progress.h"

#include <stdlib.h>
#include <string.h>

void plan_view_init(struct plan_view *view, const struct cli *cli, const struct reconcile *r)
{
	*view = (struct plan_view){
		.terminal = &cli->out.terminal,
		.sources = &r->manifest.sources,
		.redactor = &r->redactor,
		.verbose = cli->verbose,
		.brief = cli->quiet,
		.destroy = r->options.destroy,
		.refresh_only = r->options.refresh_only,
		.part = r->options.targets || r->options.excludes,
	};
}

static void tell_locked(struct cli *cli, const struct reconcile *r, const struct pin *pin)
{
	const struct pin *before = pins_find(&r->manifest.locked, pin->key);
	const char *what = pins_told(pin->what, &cli->arena);

	if (!cli->json) {
		cli_note(cli, "  %s: %s%s%s", what, before ? before->resolved : "", before ? " -> " : "",
			pin->resolved);
		return;
	}
	jsonl_begin(&cli->out.buf, "locked", "info", "%s: %s", what, pin->resolved);
	jsonl_value(&cli->out.buf, "what", pin->what);
	jsonl_text(&cli->out.buf, "before", before ? before->resolved : NULL);
	jsonl_text(&cli->out.buf, "resolved", pin->resolved);
	jsonl_text(&cli->out.buf, "digest", pin->digest);
	jsonl_end(&cli->out.buf);
}

bool run_tell_locked(struct cli *cli, struct reconcile *r, const char *head)
{
	bool any = false;

	for (size_t i = 0; i < r->pins.n; i++) {
		const struct pin *old = pins_find(&r->manifest.locked, r->pins.items[i].key);
		const struct pin *pin = &r->pins.items[i];

		if (!pin->fresh || (old && !strcmp(old->resolved, pin->resolved) &&
			!strcmp(old->digest ? old->digest : "", pin->digest ? pin->digest : "")))
			continue;
		if (!any && !cli->json)
			cli_note(cli, "%s", head);
		any = true;
		tell_locked(cli, r, pin);
	}
	return any;
}

bool run_may_act(const struct cli *cli, const struct run_request *request)
{
	return request->approved || !request->question || cli_interactive(cli);
}

void run_show_plan(struct cli *cli, struct reconcile *r, const struct run_request *request)
{
	struct plan_view view;

	plan_view_init(&view, cli, r);
	view.destroy = request->destroy;
	view.compared = request->compared;
	if (cli->json)
		render_plan_json(&cli->out.buf, &view, &r->plan);
	else
		render_plan(&cli->out.buf, &view, &r->plan);
	run_tell_locked(cli, r, "Not in " PINS_PATH " yet; apply and `devenv lock` write it:");
	stream_flush(&cli->out);
}

/* What the run held, to be said again at the end with the way to release it. */
struct held {
	struct progress *progress;
	const struct run_request *request;
	const struct change **items;
	size_t n, cap;
};

static void see_event(void *arg, const struct event *event)
{
	struct held *held = arg;

	if (event->kind == EVENT_HELD) {
		VEC_GROW(held->items, held->n, held->cap);
		held->items[held->n++] = event->change;
	}
	progress_event(held->progress, event);
	if (held->request->event)
		held->request->event(held->request->event_arg, event);
}

static enum progress_kind progress_kind(const struct cli *cli)
{
	if (cli->json)
		return PROGRESS_JSON;
	if (cli->quiet)
		return PROGRESS_NONE;
	return cli->err.terminal.tty && cli->err.terminal.width >= 20 ? PROGRESS_LIVE
								      : PROGRESS_PLAIN;
}

static void add_held(struct cli *cli, const struct reconcile *r, const struct held *held)
{
	if (!held->n || cli->json)
		return;
	stream_add(&cli->out, "\nThese need your approval:\n");
	for (size_t i = 0; i < held->n; i++) {
		const char *release = hold_release(held->items[i], &r->plan, &cli->arena);
		const char *next = i + 1 < held->n
			? hold_release(held->items[i + 1], &r->plan, &cli->arena) : "";
		bool same = strcmp(release, next) == 0; /* one answer for all of them */

		stream_add(&cli->out, "  %s%s%s\n", held->items[i]->address, same ? "" : ": ",
			same ? "," : release);
	}
}

static void report(struct cli *cli, struct reconcile *r, const struct run_request *request,
	const struct apply_result *result, const struct held *held)
{
	struct strbuf *out = &cli->out.buf;

	add_held(cli, r, held);
	if (cli->json) {
		render_result_json(out, request->kind, result);
	} else {
		strbuf_addstr(out, cli->quiet ? "" : "\n");
		render_result(out, &cli->out.terminal, request->verb, result);
		if (result->failed || result->blocked)
			stream_add(&cli->out, "See `devenv history %lld` and `devenv status`.\n",
				(long long)result->run);
	}
	stream_flush(&cli->out);
}

static int result_status(const struct apply_result *result)
{
	if (result->cancelled)
		return EXIT_INTERRUPTED;
	if (result->failed || result->unready)
		return EXIT_FAILED;
	if (result->held) /* what is blocked then waits for that */
		return EXIT_HELD;
	return result->blocked ? EXIT_FAILED : EXIT_OK;
}

static void set_apply_options(struct cli *cli, const struct run_request *request,
	struct apply_options *options)
{
	const struct command *command = cli->args.command;

	options->kind = request->kind;
	options->origin = request->origin;
	options->actor = session_actor(cli);
	if (option_find(command, "parallelism"))
		options->parallelism = (int)args_number(&cli->args, "parallelism");
	if (option_find(command, "fail-fast"))
		options->fail_fast = args_flag(&cli->args, "fail-fast");
	if (option_find(command, "rollback-on-failure"))
		options->rollback_on_failure = args_flag(&cli->args, "rollback-on-failure");
}

static int suspend_one(struct reconcile *r, const char *name, const char *why, struct error *err)
{
	if (state_begin(r->state, err) < 0)
		return -1;
	if (state_sync_suspend(r->state, name, why, err) == 0)
		return state_commit(r->state, err);
	state_rollback(r->state);
	return -1;
}

/* Two hands on one thing: what a person does by hand is not undone by the next look at a remote. */
static void suspend_sync(struct cli *cli, struct reconcile *r, const struct run_request *request)
{
	const char *why = arena_printf(&cli->arena, "%s by hand, by %s", request->kind,
		session_actor(cli));
	struct error err = ERROR_INIT;
	struct sync_record *all;
	size_t n = 0;

	if (request->origin.revision || !r->environment.id ||
		state_syncs(r->state, &cli->arena, &all, &n, &err) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		const char *id = all[i].environment;

		if (!id || all[i].suspended || strcmp(id, r->environment.id) != 0)
			continue;
		if (suspend_one(r, all[i].name, why, &err) == 0)
			cli_note(cli, "This environment follows a git remote: that is suspended now; go "
				"on with `devenv sync resume %s`.", all[i].name);
	}
}

int run_now(struct cli *cli, struct reconcile *r, const struct run_request *request)
{
	struct error err = ERROR_INIT;
	struct apply_result result = {0};
	struct progress progress;
	struct held held = {.progress = &progress, .request = request};
	struct apply_options options = {.event = see_event, .event_arg = &held};
	int failed, status;

	set_apply_options(cli, request, &options);
	progress_init(&progress, progress_kind(cli), cli->json ? &cli->out : &cli->err, cli->clock,
		&r->plan, cli->verbose);
	progress.parallelism = options.parallelism ? options.parallelism : DEFAULT_PARALLELISM;
	suspend_sync(cli, r, request);
	failed = reconcile_apply(r, &options, &result, &err);
	progress_end(&progress);
	session_warnings(cli, r);
	status = result_status(&result);
	/* An error of the run itself (state, lock), not of a resource: those were told as they
	   came. */
	result.broken = failed && status == EXIT_OK;
	if (result.broken)
		status = session_fail(cli, r, &err);
	else if (status == EXIT_OK && r->plan.counts.unreadable)
		status = EXIT_FAILED;
	report(cli, r, request, &result, &held);
	if (request->result)
		*request->result = result;
	if (status == EXIT_OK && request->outputs)
		outputs_print(cli, r);
	free(held.items);
	progress_release(&progress);
	return status;
}

/* Nobody can be asked: say how it would go on. */
static int refuse(struct cli *cli, const struct run_request *request)
{
	struct error err = ERROR_INIT;

	error_set(&err, ERROR_INVALID,
		"nothing was done: there is no terminal to ask on; run `devenv %s --yes`, or "
		"`devenv plan%s -o FILE` and then `devenv apply FILE`",
		cli->args.command->name, request->destroy ? " --destroy" : "");
	return cli_fail(cli, &err);
}

int run_apply(struct cli *cli, struct reconcile *r, const struct run_request *request)
{
	bool yes;

	run_show_plan(cli, r, request);
	if (!r->plan.has_changes) {
		struct error err = ERROR_INIT;

		if (r->lock.fd >= 0 && reconcile_lock(r, false, &err) < 0)
			return cli_fail(cli, &err);
		if (request->outputs)
			outputs_print(cli, r);
		if (r->plan.counts.unreadable)
			return EXIT_FAILED;
		return r->plan.counts.held ? EXIT_HELD : EXIT_OK;
	}
	if (option_find(cli->args.command, "rollback-on-failure") &&
		args_flag(&cli->args, "rollback-on-failure"))
		run_tell_not_undone(cli, r);
	if (!run_may_act(cli, request))
		return refuse(cli, request);
	if (!request->approved && request->question) {
		int status = run_ask(cli, r, request->question, &yes);

		if (!yes)
			return status;
	}
	return run_now(cli, r, request);
}
