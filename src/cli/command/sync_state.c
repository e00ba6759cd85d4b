/* devenv sync list, status, now, suspend, resume: about syncs that run, or ran. */
#include "cli/commands.h"
#include "cli/jsonl.h"
#include "cli/render/render.h"
#include "cli/sync.h"
#include "cli/when.h"

#include "base/fs.h"
#include "model/json.h"

#include <string.h>

static int open_syncs(struct cli *cli, enum state_mode mode, const char **home, struct state **state,
	struct sync_record **all, size_t *n)
{
	struct error err = ERROR_INIT;

	*state = NULL;
	if (session_home(cli, home, &err) < 0)
		return cli_fail(cli, &err);
	*state = state_open(*home, mode, cli->clock, &err);
	if (!*state || state_syncs(*state, &cli->arena, all, n, &err) < 0)
		return cli_fail(cli, &err);
	return 0;
}

/* What the loop last wrote down; an empty map when there is none. */
static struct value status_of(struct cli *cli, const char *home, const char *name)
{
	const char *path = arena_printf(&cli->arena, "%s/status.json",
		sync_folder(&cli->arena, home, name));
	struct error err = ERROR_INIT;
	struct value value;
	const char *text;
	size_t len;

	if (fs_read(path, &cli->arena, &text, &len, &err) < 0 ||
		json_parse(text, len, &cli->arena, NULL, &value, &err) < 0)
		return value_empty_map;
	return value;
}

static enum style style_of(const char *result)
{
	if (strcmp(result, "ok") == 0 || strcmp(result, "seen") == 0)
		return STYLE_GREEN;
	return strcmp(result, "held") == 0 ? STYLE_YELLOW : STYLE_RED;
}

static void add_json(struct cli *cli, const struct sync_record *sync, const struct value *status)
{
	struct strbuf *buf = &cli->out.buf;

	jsonl_begin(buf, "sync", "info", "%s: %s", sync->name, sync->result);
	jsonl_text(buf, "sync", sync->name);
	jsonl_text(buf, "url", sync->url);
	jsonl_text(buf, "ref", sync->ref);
	jsonl_text(buf, "folder", sync->root);
	jsonl_text(buf, "environment", sync->environment);
	jsonl_text(buf, "commit", sync->seen);
	jsonl_text(buf, "applied", sync->applied);
	jsonl_text(buf, "author", sync->author);
	jsonl_text(buf, "signer", sync->signer);
	jsonl_text(buf, "summary", sync->summary);
	jsonl_text(buf, "result", sync->result);
	jsonl_text(buf, "reason", sync->message);
	if (sync->run)
		jsonl_number(buf, "run", sync->run);
	jsonl_text(buf, "suspended", sync->suspended);
	jsonl_text(buf, "now", value_get_text(status, "result", NULL));
	jsonl_time(buf, "changed_at", sync->changed_at);
	jsonl_end(buf);
}

static int run_list(struct cli *cli)
{
	struct table table = TABLE_INIT(6);
	struct sync_record *all;
	struct state *state;
	const char *home;
	char ago[32];
	size_t n;
	int status = open_syncs(cli, STATE_READ, &home, &state, &all, &n);

	for (size_t i = 0; !status && i < n; i++) {
		struct value last = status_of(cli, home, all[i].name);

		if (!i)
			table_header(&table, (const char *const[]){"SYNC", "RESULT", "COMMIT", "CHANGED", "REF",
						     "URL", NULL});
		if (cli->json) {
			add_json(cli, &all[i], &last);
			continue;
		}
		table_add(&table, STYLE_BOLD, "%s", all[i].name);
		table_add(&table, style_of(all[i].result), "%s",
			all[i].suspended ? "suspended" : all[i].result);
		table_add(&table, STYLE_PLAIN, "%.12s", all[i].seen ? all[i].seen : "");
		table_add(&table, STYLE_DIM, "%s",
			when_ago(all[i].changed_at, clock_wall(cli->clock), ago));
		table_add(&table, STYLE_PLAIN, "%s", all[i].ref);
		table_add(&table, STYLE_PLAIN, "%s", all[i].url);
	}
	table_render(&cli->out.buf, &cli->out.terminal, &table, 0);
	table_release(&table);
	if (!status && !n)
		cli_note(cli, "Nothing was followed yet.");
	state_free(state);
	return status;
}

static void add_line(struct cli *cli, const char *what, const char *text)
{
	if (text && *text)
		stream_add(&cli->out, "  %-11s %s\n", what, text);
}

static void add_status(struct cli *cli, const struct sync_record *sync, const struct value *status)
{
	const char *now = value_get_text(status, "result", NULL);
	char ago[32];

	if (cli->json) {
		add_json(cli, sync, status);
		return;
	}
	paint(&cli->out.buf, &cli->out.terminal, STYLE_BOLD, "%s", sync->name);
	stream_add(&cli->out, ": ");
	paint(&cli->out.buf, &cli->out.terminal, style_of(sync->result), "%s", sync->result);
	stream_add(&cli->out, ", %s\n", when_ago(sync->changed_at, clock_wall(cli->clock), ago));
	add_line(cli, "why", sync->message);
	add_line(cli, "suspended", sync->suspended);
	add_line(cli, "commit", sync->seen);
	add_line(cli, "", sync->summary);
	add_line(cli, "author", sync->author);
	add_line(cli, "signer", sync->signer);
	if (sync->applied && sync->seen && strcmp(sync->applied, sync->seen) != 0)
		add_line(cli, "applied", sync->applied);
	add_line(cli, "follows", arena_printf(&cli->arena, "%s, %s", sync->url, sync->ref));
	add_line(cli, "folder", sync->root);
	if (sync->run)
		add_line(cli, "run", arena_printf(&cli->arena, "%lld", (long long)sync->run));
	if (now && strcmp(now, "unchanged") != 0 && strcmp(now, sync->result) != 0)
		add_line(cli, "last look", arena_printf(&cli->arena, "%s%s%s", now,
			value_get(status, "message") ? ": " : "", value_get_text(status, "message", "")));
	add_line(cli, "looked at", value_get_text(status, "checked_at", NULL));
}

static bool is_wanted(const struct cli *cli, const char *name)
{
	for (size_t i = 0; i < cli->args.n_positional; i++)
		if (strcmp(cli->args.positional[i], name) == 0)
			return true;
	return !cli->args.n_positional;
}

/* 0: all are well, 3: something needs approval, 1: one is not well. */
static int weight(const struct sync_record *sync)
{
	if (strcmp(sync->result, "held") == 0)
		return EXIT_HELD;
	return style_of(sync->result) == STYLE_GREEN ? EXIT_OK : EXIT_FAILED;
}

static int run_status(struct cli *cli)
{
	struct sync_record *all;
	struct error err = ERROR_INIT;
	struct state *state;
	const char *home;
	size_t n, found = 0;
	int status = open_syncs(cli, STATE_READ, &home, &state, &all, &n), worst = EXIT_OK;

	for (size_t i = 0; !status && i < n; i++) {
		struct value last;

		if (!is_wanted(cli, all[i].name))
			continue;
		last = status_of(cli, home, all[i].name);
		if (found++ && !cli->json)
			stream_add(&cli->out, "\n");
		add_status(cli, &all[i], &last);
		if (worst != EXIT_FAILED && weight(&all[i]))
			worst = weight(&all[i]);
	}
	state_free(state);
	if (status || found)
		return status ? status : worst;
	error_set(&err, ERROR_NOT_FOUND, "no such sync; `devenv sync list` tells them");
	return cli_fail(cli, &err);
}

static int put_suspended(struct cli *cli, struct state *state, const char *name, const char *why,
	struct error *err)
{
	if (state_begin(state, err) < 0)
		return -1;
	if (state_sync_suspend(state, name, why, err) == 0 &&
		state_audit(state, "", session_actor(cli), why ? "sync.suspended" : "sync.resumed", name,
			err) == 0)
		return state_commit(state, err);
	state_rollback(state);
	return -1;
}

static int suspend(struct cli *cli, const char *why, const char *done)
{
	struct error err = ERROR_INIT;
	struct sync_record *all;
	struct state *state;
	const char *home, *name = args_positional(&cli->args, 0);
	size_t n;
	int status = open_syncs(cli, STATE_WRITE, &home, &state, &all, &n);

	if (!status && put_suspended(cli, state, name, why, &err) < 0)
		status = cli_fail(cli, &err);
	state_free(state);
	if (!status)
		cli_note(cli, "%s: %s", name, done);
	return status;
}

static int run_suspend(struct cli *cli)
{
	const char *reason = args_text(&cli->args, "reason");

	return suspend(cli, arena_printf(&cli->arena, "by %s%s%s", session_actor(cli),
		reason ? ": " : "", reason ? reason : ""),
		"suspended; nothing is fetched or applied until `devenv sync resume`");
}

static int run_resume(struct cli *cli)
{
	return suspend(cli, NULL, "resumed; the next look takes what is there then");
}

static int run_now(struct cli *cli)
{
	const char *home, *text, *result, *name = args_positional(&cli->args, 0);
	struct error err = ERROR_INIT;
	struct value value;

	if (session_home(cli, &home, &err) < 0 ||
		sync_now(home, name, args_duration(&cli->args, "timeout"), cli->clock, &cli->arena, &text,
			&err) < 0 ||
		json_parse(text, strlen(text), &cli->arena, NULL, &value, &err) < 0)
		return cli_fail(cli, &err);
	result = value_get_text(&value, "result", "");
	if (strcmp(result, "unchanged") == 0)
		result = value_get_text(&value, "last_result", "ok");
	cli_note(cli, "%s: %s%s%s", name, result, value_get(&value, "message") ? ": " : "",
		value_get_text(&value, "message", ""));
	return weight(&(struct sync_record){.result = result});
}

static const struct argument name_argument[] = {{.name = "NAME"}, {.name = NULL}};

const struct command command_sync_now = {
	.name = "sync now",
	.group = "Follow",
	.summary = "Have a running sync look at its remote at once",
	.description =
		"Waits for the outcome: 0 when all is well, 3 when something needs approval, 1 otherwise, "
		"also when nobody follows NAME. What drifted is repaired, too.",
	.options = (const struct option[]){
		{.name = "timeout", .kind = OPTION_DURATION, .argument = "DURATION", .fallback = "10m",
			.env = "DEVENV_SYNC_NOW_TIMEOUT", .help = "Wait at most so long"},
		{.name = NULL}},
	.arguments = name_argument,
	.examples = (const struct example[]){
		{"After a push, in a script", "devenv sync now shop"}, {NULL, NULL}},
	.run = run_now,
};

const struct command command_sync_suspend = {
	.name = "sync suspend",
	.group = "Follow",
	.summary = "Leave everything as it is until `sync resume`",
	.description =
		"The loop goes on and neither fetches nor applies, and no more does --once; an apply that runs is "
		"finished.",
	.options = (const struct option[]){
		{.name = "reason", .kind = OPTION_TEXT, .argument = "TEXT", .env = "DEVENV_SYNC_REASON",
			.help = "Shown by `devenv sync status`"},
		{.name = NULL}},
	.arguments = name_argument,
	.examples = (const struct example[]){
		{"During a repair by hand", "devenv sync suspend shop --reason repair"},
		{NULL, NULL}},
	.run = run_suspend,
};

const struct command command_sync_resume = {
	.name = "sync resume",
	.group = "Follow",
	.summary = "Follow the remote again",
	.description = "Undoes `sync suspend`. The next look takes what is there then.",
	.arguments = name_argument,
	.examples = (const struct example[]){
		{"And look at once", "devenv sync resume shop && devenv sync now shop"}, {NULL, NULL}},
	.run = run_resume,
};

const struct command command_sync_list = {
	.name = "sync list",
	.group = "Follow",
	.summary = "List the remotes that this home follows",
	.description = "A line for each that was ever followed, with the result of its newest commit.",
	.examples = (const struct example[]){
		{"Which are not well?",
			"devenv sync list --json | jq -r 'select(.type == \"sync\" and .result != \"ok\").sync'"},
		{NULL, NULL}},
	.run = run_list,
};

const struct command command_sync_status = {
	.name = "sync status",
	.group = "Follow",
	.summary = "Show what became of the last commit",
	.description =
		"Exit status: 0 when all are well, 3 when something needs approval, 1 when a commit was "
		"refused, skipped or failed.",
	.arguments = (const struct argument[]){
		{.name = "NAME", .flags = ARGUMENT_OPTIONAL | ARGUMENT_REPEATED}, {.name = NULL}},
	.examples = (const struct example[]){
		{"All of them", "devenv sync status"}, {"One", "devenv sync status shop"}, {NULL, NULL}},
	.run = run_status,
};
