/* devenv history [RUN]: what was done, when, by whom, and what failed. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/jsonl.h"
#include "cli/render/render.h"

#include <stdlib.h>
#include <string.h>

static enum style status_style(const char *status)
{
	if (strcmp(status, "ok") == 0)
		return STYLE_GREEN;
	return strcmp(status, "running") == 0 || strcmp(status, "held") == 0 ? STYLE_YELLOW
									     : STYLE_RED;
}

static void add_run_json(struct cli *cli, const struct run *run)
{
	struct strbuf *buf = &cli->out.buf;

	jsonl_begin(
		buf, "run", "info", "run %lld: %s %s", (long long)run->id, run->kind, run->status);
	jsonl_number(buf, "run", run->id);
	jsonl_text(buf, "kind", run->kind);
	jsonl_text(buf, "status", run->status);
	jsonl_text(buf, "actor", run->actor);
	jsonl_text(buf, "summary", run->summary);
	jsonl_text(buf, "commit", run->origin.revision);
	jsonl_text(buf, "author", run->origin.author);
	jsonl_text(buf, "signer", run->origin.signer);
	jsonl_time(buf, "started_at", run->started_at);
	jsonl_time(buf, "finished_at", run->finished_at);
	if (run->finished_at)
		jsonl_number(buf, "elapsed_ms", run->finished_at - run->started_at);
	jsonl_end(buf);
}

static void add_run_row(struct table *table, const struct run *run)
{
	const char *summary = run->summary ? run->summary : ""; /* of a run that has not ended */
	char at[32], took[32] = "";

	if (run->finished_at)
		duration_str(run->finished_at - run->started_at, took);
	table_add(table, STYLE_BOLD, "%lld", (long long)run->id);
	table_add(table, STYLE_PLAIN, "%s", clock_rfc3339(run->started_at, at));
	table_add(table, STYLE_PLAIN, "%s", run->kind);
	table_add(table, status_style(run->status), "%s", run->status);
	table_add(table, STYLE_DIM, "%s", took);
	table_add(table, STYLE_DIM, "%s", run->actor);
	if (run->origin.revision) /* whose change it was says more than who carried it out */
		table_add(table, STYLE_PLAIN, "%s (%.12s by %s)", summary, run->origin.revision,
			run->origin.author ? run->origin.author : "nobody");
	else
		table_add(table, STYLE_PLAIN, "%s", summary);
}

static void add_run_header(struct table *table)
{
	table_header(table, (const char *const[]){"RUN", "STARTED", "KIND", "STATUS", "TOOK", "WHO",
				    "SUMMARY", NULL});
}

static int print_runs(struct cli *cli, struct reconcile *r)
{
	size_t limit = (size_t)args_number(&cli->args, "limit"), n = 0;
	struct table table = TABLE_INIT(7);
	struct error err = ERROR_INIT;
	struct run *runs;

	if (r->environment.id &&
		state_runs(r->state, r->environment.id, limit, &cli->arena, &runs, &n, &err) < 0)
		return cli_fail(cli, &err);
	add_run_header(&table);
	for (size_t i = 0; i < n; i++) {
		if (cli->json)
			add_run_json(cli, &runs[i]);
		else
			add_run_row(&table, &runs[i]);
	}
	table_render(&cli->out.buf, &cli->out.terminal, &table, 0);
	table_release(&table);
	if (!n)
		cli_note(cli, "Nothing was applied yet.");
	return EXIT_OK;
}

static void add_change_json(struct cli *cli, const struct run_change *change)
{
	struct strbuf *buf = &cli->out.buf;

	jsonl_begin(buf, "run_change", "info", "%s: %s %s", change->address, change->action,
		change->status);
	jsonl_number(buf, "run", change->run);
	jsonl_text(buf, "address", change->address);
	jsonl_number(buf, "generation", change->generation);
	jsonl_text(buf, "action", change->action);
	jsonl_text(buf, "status", change->status);
	jsonl_text(buf, "reason", change->reason);
	jsonl_text(buf, "error", change->error);
	jsonl_time(buf, "started_at", change->started_at);
	jsonl_number(buf, "elapsed_ms", change->duration);
	jsonl_end(buf);
}

static void add_change_row(struct table *table, const struct run_change *change)
{
	const char *why = change->error ? change->error : change->reason ? change->reason : "";
	char took[32];

	table_add(table, STYLE_PLAIN, "%s", change->address);
	table_add(table, STYLE_PLAIN, "%s", change->action);
	table_add(table, status_style(change->status), "%s", change->status);
	table_add(table, STYLE_DIM, "%s", duration_str(change->duration, took));
	table_add(table, STYLE_PLAIN, "%.*s", (int)strcspn(why, "\n"), why);
}

static int print_changes(struct cli *cli, struct reconcile *r, int64_t id)
{
	struct table table = TABLE_INIT(5);
	struct error err = ERROR_INIT;
	struct run_change *changes;
	size_t n;

	if (state_run_changes(r->state, id, &cli->arena, &changes, &n, &err) < 0)
		return cli_fail(cli, &err);
	table_header(
		&table, (const char *const[]){"RESOURCE", "ACTION", "STATUS", "TOOK", "WHY", NULL});
	for (size_t i = 0; i < n; i++) {
		if (cli->json)
			add_change_json(cli, &changes[i]);
		else
			add_change_row(&table, &changes[i]);
	}
	if (!cli->json && n)
		stream_add(&cli->out, "\n");
	table_render(&cli->out.buf, &cli->out.terminal, &table, 0);
	table_release(&table);
	return EXIT_OK;
}

static int print_run(struct cli *cli, struct reconcile *r, const char *text)
{
	struct error err = ERROR_INIT;
	struct run *runs;
	char *end;
	int64_t id = strtoll(text, &end, 10);
	size_t n = 0;

	if (*end || id <= 0)
		return cli_usage(
			cli, "\"%s\" is no number of a run; `devenv history` lists them", text);
	if (r->environment.id &&
		state_runs(r->state, r->environment.id, 0, &cli->arena, &runs, &n, &err) < 0)
		return cli_fail(cli, &err);
	for (size_t i = 0; i < n; i++) {
		struct table table = TABLE_INIT(7);

		if (runs[i].id != id)
			continue;
		add_run_header(&table);
		if (cli->json)
			add_run_json(cli, &runs[i]);
		else
			add_run_row(&table, &runs[i]);
		table_render(&cli->out.buf, &cli->out.terminal, &table, 0);
		table_release(&table);
		return print_changes(cli, r, id);
	}
	error_set(&err, ERROR_NOT_FOUND, "there is no run %s of this environment", text);
	return cli_fail(cli, &err);
}

static int run_history(struct cli *cli)
{
	const char *id = args_positional(&cli->args, 0);
	struct reconcile r;
	int status = session_records(cli, &r, STATE_READ, false);

	if (!status)
		status = id ? print_run(cli, &r, id) : print_runs(cli, &r);
	session_end(cli, &r);
	return status;
}

const struct command command_history = {
	.name = "history",
	.group = "Look",
	.summary = "List the runs of the environment, or the changes of one run",
	.description =
		"Newest first. A run that says `running` while nothing runs was killed; the next "
		"apply settles it and calls it `died`.",
	.options = (const struct option[]){
		{.name = "limit", .letter = 'n', .kind = OPTION_NUMBER, .argument = "N",
			.fallback = "20",
			.env = "DEVENV_HISTORY_LIMIT", .help = "At most N runs; 0 for all"},
		{.name = NULL}},
	.arguments = (const struct argument[]){
		{.name = "RUN", .flags = ARGUMENT_OPTIONAL}, {.name = NULL}},
	.examples = (const struct example[]){
		{"The last runs", "devenv history"},
		{"What did run 12 do, and what failed?", "devenv history 12"},
		{NULL, NULL}},
	.run = run_history,
};
