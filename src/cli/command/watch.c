/*
 * devenv watch: stays on while a person edits. When to reconcile is decided in src/loop; here are the
 * options, what is printed and the keys. Whatever a reconcile allocates goes with it.
 */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/run.h"
#include "cli/watch_view.h"

#include "base/process.h"

#include <string.h>
#include <unistd.h>

struct watching {
	struct cli *cli;
	struct watch_view view;
	struct reconcile base; /* what every reconcile starts from */
	struct arena kept;     /* cli->arena while one is under way */
	const char *actor;
};

static void prepare(void *arg, struct reconcile *r)
{
	struct watching *w = arg;

	r->clock = w->base.clock;
	r->input = w->base.input;
	r->home = w->base.home;
	r->self = w->base.self;
	r->options = w->base.options;
	r->lock_timeout = w->base.lock_timeout;
	w->cli->out.redactor = w->cli->err.redactor = &r->redactor;
	w->kept = w->cli->arena;
	w->cli->arena = (struct arena)ARENA_INIT;
}

static void leave(void *arg, struct reconcile *r)
{
	struct watching *w = arg;

	session_warnings(w->cli, r);
	stream_flush(&w->cli->out);
	stream_flush(&w->cli->err);
	w->cli->out.redactor = w->cli->err.redactor = NULL;
	arena_release(&w->cli->arena);
	w->cli->arena = w->kept;
}

/* A key that is typed while something runs is heard when it has ended; q is remembered first of all. */
static void listen(void *arg, const struct event *event)
{
	struct watching *w = arg;
	enum watch_key key;
	const char *logs;

	watch_view_run(&w->view, event);
	if (event->kind != EVENT_TICK || w->view.pending == WATCH_KEY_QUIT)
		return;
	key = watch_view_key(&w->view, &logs);
	if (key != WATCH_KEY_NONE)
		w->view.pending = key;
}

static int apply(void *arg, struct reconcile *r, struct apply_result *result)
{
	struct watching *w = arg;
	struct run_request request = {
		.kind = "apply",
		.verb = "Apply",
		.approved = true,
		.result = result,
		.event = listen,
		.event_arg = w,
	};

	watch_view_hide(&w->view);
	return run_now(w->cli, r, &request) == EXIT_OK ? 0 : -1;
}

static void tell(void *arg, const struct watch_event *event)
{
	struct watching *w = arg;

	watch_view_tell(&w->view, event);
}

/* The last lines of one ("": of everything that runs), by the command that prints them. */
static void show_logs(struct watching *w, const char *name)
{
	const struct manifest_input *input = &w->base.input;
	struct arena arena = ARENA_INIT;
	struct process_request request = {.flags = PROCESS_FOREGROUND | PROCESS_NO_INPUT};
	struct process_result result = PROCESS_RESULT_INIT;
	struct error err = ERROR_INIT;
	const char **argv;
	size_t n = 0, files = 0;

	while (input->files && input->files[files])
		files++;
	argv = arena_zalloc(&arena, (10 + 2 * files) * sizeof(*argv));
	argv[n++] = w->base.self;
	argv[n++] = "logs";
	argv[n++] = "--tail=10";
	if (input->environment)
		argv[n++] = arena_printf(&arena, "--environment=%s", input->environment);
	for (size_t i = 0; i < files; i++)
		argv[n++] = arena_printf(&arena, "--file=%s", input->files[i]);
	if (*name) {
		argv[n++] = "--";
		argv[n++] = name;
	}
	request.argv = argv;
	watch_view_hide(&w->view);
	if (process_run(&request, &result, &err) < 0)
		cli_fail(w->cli, &err);
	process_result_release(&result);
	arena_release(&arena);
	watch_view_draw(&w->view);
}

static enum watch_key key(void *arg)
{
	struct watching *w = arg;
	const char *logs;
	enum watch_key pressed = watch_view_key(&w->view, &logs);

	if (logs)
		show_logs(w, logs);
	return pressed;
}

static void resize(void *arg)
{
	struct watching *w = arg;

	watch_view_draw(&w->view);
}

static int watch(struct watching *w, struct error *err)
{
	const struct args *args = &w->cli->args;
	struct watch_options options = {
		.clock = w->cli->clock,
		.self = w->base.self,
		.directory = w->base.input.directory,
		.home = w->base.home,
		.actor = session_actor(w->cli),
		.plan_only = args_flag(args, "plan-only"),
		.repair_drift = args_flag(args, "repair-drift"),
		.poll = args_flag(args, "poll"),
		.drift_interval = args_duration(args, "drift-interval"),
	};
	struct watch_hooks hooks = {
		.prepare = prepare,
		.leave = leave,
		.apply = apply,
		.tell = tell,
		.key = key,
		.resize = resize,
		.input = w->view.keys ? STDIN_FILENO : -1,
		.arg = w,
	};

	return watch_run(&options, &hooks, err);
}

static int run_watch(struct cli *cli)
{
	struct watching w = {.cli = cli};
	struct error err = ERROR_INIT;
	int status = EXIT_OK;

	if (session_init(cli, &w.base, &err) < 0)
		return cli_fail(cli, &err);
	if (w.base.options.pins == PINS_WRITE)
		w.base.options.pins = PINS_MEMORY; /* a person is at work on the folder */
	watch_view_init(&w.view, cli);
	if (watch(&w, &err) < 0)
		status = cli_fail(cli, &err);
	watch_view_release(&w.view);
	session_end(cli, &w.base);
	return status;
}

const struct command command_watch = {
	.name = "watch",
	.group = "Reconcile",
	.summary = "Stay on and apply what changes as files are saved",
	.description =
		"Applies the manifest, then follows every file that it is made of, wherever it lies: "
		"layers, includes, .env, files that references name, build contexts; and names that "
		"would matter if they appeared. A save that changes something is planned and applied at "
		"once; what destroys, replaces or runs something waits for a second without changes, and "
		"nothing starts while git switches the worktree. A manifest with mistakes is shown, and "
		"nothing is touched until it is right again.\n\n"
		"What loses data or hits a guard is held: y on the screen, or `devenv approve` elsewhere, "
		"releases it. What failed is tried again after a pause that grows, and at once when "
		"something changes. What moved away by itself is looked for in intervals and reported; "
		"--repair-drift puts it right.\n\n"
		"Keys: a applies now, p pauses, l asks for a name and prints the last lines of its logs, q ends. What runs when "
		"it is ended is finished. SIGHUP plans and applies at once.",
	.options = (const struct option[]){
		{.name = "plan-only", .kind = OPTION_FLAG, .env = "DEVENV_WATCH_PLAN_ONLY",
			.help = "Show what each change would do, and do nothing until a is typed"},
		{.name = "drift-interval", .kind = OPTION_DURATION, .argument = "DURATION",
			.fallback = "1m", .env = "DEVENV_WATCH_DRIFT_INTERVAL",
			.help = "How often reality is looked at without a change of files; 0 is never"},
		{.name = "repair-drift", .kind = OPTION_FLAG, .env = "DEVENV_WATCH_REPAIR_DRIFT",
			.help = "Also apply when only reality has changed"},
		{.name = "poll", .kind = OPTION_FLAG, .env = "DEVENV_WATCH_POLL",
			.help = "Look at the files once a second instead of being told of changes"},
		OPTIONS_ALLOW,
		OPTIONS_RUN,
		{.name = NULL}},
	.examples = (const struct example[]){
		{"Keep everything as the files say", "devenv watch"},
		{"Only say what each save would change", "devenv watch --plan-only"},
		{"Also bring back what is stopped or removed by hand",
			"devenv watch --repair-drift --drift-interval 10s"},
		{"In a folder that a virtual machine shares", "devenv watch --poll"},
		{"For a program", "devenv watch --json | jq 'select(.type == \"watch_changed\")'"},
		{NULL, NULL}},
	.run = run_watch,
};
