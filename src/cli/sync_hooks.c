/*
 * What a sync does with a commit: the same stages as plan and apply, at the same places. Memory of a
 * round goes with it: the command may run for months.
 *
 * A commit is tried on the stage first: manifest files come from there, under the names that they will
 * have in the live folder, so that nothing of a path depends on the commit.
 */
#include "cli/sync.h"

#include "base/fs.h"
#include "base/process.h"
#include "cli/blame.h"
#include "cli/jsonl.h"
#include "cli/render/render.h"
#include "cli/run.h"
#include "cli/staged.h"
#include "model/env_file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The command's arena is put aside while a round has one of its own. */
struct aside {
	struct cli *cli;
	struct arena arena;
};

static struct aside put_aside(struct cli *cli)
{
	struct aside aside = {cli, cli->arena};

	cli->arena = (struct arena)ARENA_INIT;
	return aside;
}

static void take_back(struct aside *aside)
{
	arena_release(&aside->cli->arena);
	aside->cli->arena = aside->arena;
}

/* --- a reconcile of a task ------------------------------------------------------------------------ */

/* The file is the machine's: its names stand above those of the process. */
static int add_env_file(struct cli *cli, struct reconcile *r, const char *path, struct error *err)
{
	struct value_builder builder;
	struct process_env env;
	struct value map;
	const char *text;
	size_t len;

	builder_init(&builder, &cli->arena);
	if (fs_read(path, &cli->arena, &text, &len, err) < 0 ||
		env_file_parse(path, text, len, &builder, err) < 0)
		return -1;
	map = builder_map(&builder);
	process_env_init(&env, &cli->arena, cli->env);
	for (uint32_t i = 0; i < map.len; i++)
		process_env_set(&env, map.members[i].key, value_text(&map.members[i].value, ""));
	r->input.process_env = process_env_vector(&env);
	return 0;
}

static int prepare(struct cli *cli, struct reconcile *r, const struct sync_task *task,
	struct error *err)
{
	const struct sync_spec *spec = task->spec;

	if (session_init(cli, r, err) < 0)
		return -1;
	r->input.directory = fs_normalise(&cli->arena, fs_join(&cli->arena, task->live, spec->path));
	r->input.files = NULL;
	r->input.environment = spec->environment;
	r->lock_timeout = 60000;
	r->options.pins = PINS_MEMORY; /* the folder is the remote's */
	return spec->env_file ? add_env_file(cli, r, spec->env_file, err) : 0;
}

/* The first mistake, and how many more there are. */
static void tell_mistakes(struct cli *cli, const struct reconcile *r, struct sync_task *task,
	const struct error *err)
{
	const struct diag *first = NULL;
	const char *text = err->msg;

	for (size_t i = 0; i < r->diags.n && !first; i++) {
		if (r->diags.items[i].severity == SEVERITY_ERROR)
			first = &r->diags.items[i];
	}
	if (first) {
		text = arena_printf(&cli->arena, "%s: %s", pos_str(&r->manifest.sources, first->pos,
			&cli->arena), first->message);
		if (r->diags.errors > 1)
			text = arena_printf(&cli->arena, "%s (and %zu more)", text, r->diags.errors - 1);
	}
	task->message = redact(&r->redactor, text, task->arena);
}

/* --- check ---------------------------------------------------------------------------------------- */

/* What state knows already, without a lock and without asking any provider. */
static int plan_staged(struct reconcile *r, struct error *err)
{
	r->options.no_refresh = true;
	r->options.pins = PINS_OFFLINE;
	if (fs_exists(r->manifest.root) && reconcile_open(r, STATE_READ, "sync", err) < 0)
		return 0; /* the run itself will say it, and of more than the commit */
	if (reconcile_observe(r, err) < 0 || reconcile_plan(r, err) < 0)
		return r->diags.errors ? -1 : 0;
	return 0;
}

static int check(void *arg, struct sync_task *task)
{
	struct cli *cli = arg;
	struct aside aside = put_aside(cli);
	struct error err = ERROR_INIT;
	struct staged staged = {.root = task->live, .tree = task->stage};
	struct reconcile r;
	int status = prepare(cli, &r, task, &err);

	staged_use(&staged, &r);
	if (status == 0)
		status = reconcile_load(&r, &err);
	if (status == 0) {
		staged_content(&staged, &r);
		status = plan_staged(&r, &err);
	}
	if (status < 0) {
		tell_mistakes(cli, &r, task, &err);
		session_fail(cli, &r, &err);
	}
	session_end(cli, &r);
	take_back(&aside);
	return status;
}

/* --- apply ---------------------------------------------------------------------------------------- */

static enum sync_result result_of(int status)
{
	switch (status) {
	case EXIT_OK: return SYNC_OK;
	case EXIT_HELD: return SYNC_HELD;
	case EXIT_INTERRUPTED: return SYNC_INTERRUPTED;
	default: return SYNC_FAILED;
	}
}

static void tell_result(struct sync_task *task, const struct reconcile *r,
	const struct apply_result *result)
{
	size_t held = result->held ? result->held : r->plan.counts.held;

	task->run = result->run;
	if (task->result == SYNC_HELD)
		task->message = arena_printf(task->arena, "%zu need%s approval", held,
			held == 1 ? "s" : "");
	else if (result->failed)
		task->message = arena_printf(task->arena, "%zu failed, %zu not started because of it",
			result->failed, result->blocked);
	else if (result->unready)
		task->message = arena_printf(task->arena, "%zu not ready in time", result->unready);
}

/* What the plan depended on below the live folder; see sync/files.c for the form. Which of it is
   reality and not input does not matter: to plan once more is no harm. */
static void tell_reads(struct sync_task *task, const struct trail *trail)
{
	const char **reads = arena_alloc(task->arena, (trail->n + 1) * sizeof(*reads));

	for (size_t i = 0; i < trail->n; i++) {
		const struct trail_item *item = &trail->items[i];
		const char *inside = fs_relative(task->live, item->path);

		if (inside == item->path || strchr(inside, '\n'))
			continue;
		reads[task->n_reads++] = arena_printf(task->arena, "%c%s",
			item->content ? '=' : item->stamp.type ? '!' : '?',
			strcmp(inside, ".") == 0 ? "" : inside);
	}
	task->reads = reads;
}

static int reconcile_live(struct cli *cli, struct reconcile *r, struct sync_task *task,
	struct trail *trail)
{
	struct apply_result result = {0};
	struct run_request request = {.kind = "sync", .verb = "Sync", .approved = true,
		.origin = task->origin, .result = &result};
	struct error err = ERROR_INIT;
	int status = EXIT_FAILED;

	if (prepare(cli, r, task, &err) < 0 || (r->trail = trail, reconcile_load(r, &err)) < 0 ||
		reconcile_open(r, STATE_WRITE, "sync", &err) < 0 || reconcile_observe(r, &err) < 0 ||
		reconcile_plan(r, &err) < 0) {
		tell_mistakes(cli, r, task, &err);
		session_fail(cli, r, &err);
		task->result = SYNC_FAILED;
		return status;
	}
	session_warnings(cli, r);
	blame_plan(r, &(struct blame_source){task->live, task->clone, task->commit->commit, false}, NULL);
	status = run_apply(cli, r, &request);
	task->result = result_of(status);
	tell_result(task, r, &result);
	return status;
}

static void apply(void *arg, struct sync_task *task)
{
	struct cli *cli = arg;
	struct aside aside = put_aside(cli);
	struct trail trail = {0};
	struct reconcile r;

	reconcile_live(cli, &r, task, &trail);
	tell_reads(task, &trail);
	trail_release(&trail);
	if (r.environment.id)
		task->environment = arena_strdup(task->arena, r.environment.id);
	session_end(cli, &r);
	take_back(&aside);
}

/* --- tell ----------------------------------------------------------------------------------------- */

static void tell_json(struct cli *cli, const struct sync_event *event, const char *type,
	const char *message)
{
	struct strbuf *buf = &cli->out.buf;
	bool bad = event->result >= SYNC_HELD && event->kind == SYNC_EVENT_RESULT;

	jsonl_begin(buf, type, bad ? "warn" : "info", "%s", message);
	jsonl_text(buf, "sync", event->spec->name);
	if (event->commit) {
		jsonl_text(buf, "commit", event->commit->commit);
		jsonl_text(buf, "author", event->commit->author);
		jsonl_text(buf, "summary", event->commit->summary);
	}
	jsonl_text(buf, "signer", event->signer);
	if (event->kind == SYNC_EVENT_RESULT)
		jsonl_text(buf, "result", sync_result_str(event->result));
	jsonl_text(buf, "reason", event->text);
	jsonl_time(buf, "at", clock_wall(cli->clock));
	jsonl_end(buf);
	stream_flush(&cli->out);
}

static const char *words_of(const struct sync_event *event, struct arena *arena)
{
	const char *name = event->spec->name, *commit = event->commit ? event->commit->commit : "";
	const char *why = event->text ? event->text : "";
	char wait[32];

	switch (event->kind) {
	case SYNC_EVENT_FOLLOWING:
		return arena_printf(arena, "%s: following %s (%s%s%s)", name, event->spec->url,
			event->spec->kind, *event->spec->value ? " " : "", event->spec->value);
	case SYNC_EVENT_COMMIT:
		return arena_printf(arena, "%s: %.12s %s, by %s", name, commit, event->commit->summary,
			event->commit->author);
	case SYNC_EVENT_RETRY:
		return arena_printf(arena, "%s: again in %s", name, duration_str(event->ms, wait));
	case SYNC_EVENT_WARNING:
		return arena_printf(arena, "%s: %s", name, why);
	case SYNC_EVENT_LISTENING:
		return arena_printf(arena, "%s for push events", why);
	case SYNC_EVENT_RESULT:
		break;
	}
	return arena_printf(arena, "%s:%s%.12s %s%s%s%s%s", name, *commit ? " " : "", commit,
		sync_result_str(event->result), *why ? ": " : "", why,
		event->signer ? "; signed by " : "", event->signer ? event->signer : "");
}

static void tell(void *arg, const struct sync_event *event)
{
	static const char *const types[] = {"sync_commit", "sync_result", "sync_retry", "sync_warning",
		"sync_following", "sync_listening"};
	struct cli *cli = arg;
	struct arena arena = ARENA_INIT;
	const char *words = words_of(event, &arena);

	if (cli->json)
		tell_json(cli, event, types[event->kind], words);
	else
		cli_note(cli, "%s", words);
	arena_release(&arena);
}

struct sync_hooks sync_hooks_of(struct cli *cli)
{
	return (struct sync_hooks){check, apply, tell, cli};
}
