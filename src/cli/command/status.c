/* devenv status: how everything is now. Looks at reality, changes nothing. */
#include "base/texts.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/condition.h"
#include "cli/jsonl.h"
#include "cli/names.h"
#include "cli/render/render.h"
#include "cli/when.h"

#include <string.h>

/* Each name must mean something: a typing mistake must not look like an empty environment. */
static int check_names(const struct cli *cli, const struct reconcile *r, struct error *err)
{
	for (size_t i = 0; i < cli->args.n_positional; i++) {
		struct nearest nearest = {.word = cli->args.positional[i]};
		bool found = false;

		for (size_t k = 0; k < r->plan.n; k++) {
			found = found || name_means(r, nearest.word, r->plan.changes[k].address);
			nearest_try(&nearest, r->plan.changes[k].address);
		}
		if (!found)
			return name_unknown(&nearest, err);
	}
	return 0;
}

static int look(struct cli *cli, struct reconcile *r)
{
	struct error err = ERROR_INIT;
	int status = session_records(cli, r, STATE_READ, true);

	if (status)
		return status;
	if (reconcile_observe(r, &err) < 0)
		return session_fail(cli, r, &err);
	if (reconcile_plan(r, &err) < 0)
		session_fail(cli, r, &err); /* the plan is complete all the same */
	return check_names(cli, r, &err) < 0 ? cli_fail(cli, &err) : 0;
}

static bool is_wanted(const struct cli *cli, const struct reconcile *r, const struct change *change)
{
	for (size_t i = 0; i < cli->args.n_positional; i++)
		if (name_means(r, cli->args.positional[i], change->address))
			return true;
	return !cli->args.n_positional;
}

static enum style style_of(enum condition_kind kind)
{
	if (condition_is_good(kind))
		return STYLE_GREEN;
	return kind == CONDITION_FAILED || kind == CONDITION_UNKNOWN || kind == CONDITION_GONE ||
			       kind == CONDITION_DOWN
		       ? STYLE_RED
		       : STYLE_YELLOW;
}

static void add_json(
	struct cli *cli, const struct change *change, const struct condition *condition)
{
	struct strbuf *buf = &cli->out.buf;
	const struct record *record = change->record;

	jsonl_begin(
		buf, "resource", "info", "%s: %s", change->address, condition_str(condition->kind));
	jsonl_text(buf, "address", change->address);
	jsonl_number(buf, "generation", change->generation);
	jsonl_text(buf, "status", condition_str(condition->kind));
	jsonl_bool(buf, "good", condition_is_good(condition->kind));
	if (*condition->detail)
		jsonl_text(buf, "detail", condition->detail);
	jsonl_text(buf, "action", action_str(change->action));
	if (record) {
		jsonl_text(buf, "id", record->id);
		jsonl_text(buf, "recorded", record_status_str(record->status));
		jsonl_text(buf, "last_error", record->last_error);
		jsonl_time(buf, "created_at", record->created_at);
		jsonl_time(buf, "updated_at", record->updated_at);
	}
	if (change->observed) {
		jsonl_text(buf, "health", change->observed->health);
		jsonl_bool(buf, "runs", change->observed->runs);
	}
	jsonl_end(buf);
}

static void add_row(struct cli *cli, struct table *table, const struct change *change,
	const struct condition *condition)
{
	char ago[32];

	table_add(table, STYLE_PLAIN, "%s", change->address);
	table_add(table, style_of(condition->kind), "%s", condition_str(condition->kind));
	table_add(table, STYLE_DIM, "%s",
		change->record ? when_ago(change->record->updated_at, clock_wall(cli->clock), ago)
			       : "");
	table_add(table, STYLE_PLAIN, "%.*s", (int)strcspn(condition->detail, "\n"),
		condition->detail);
}

static void add_counts(struct cli *cli, const size_t *counts, size_t rows)
{
	const char *separator = "";
	size_t all = 0;

	for (int i = 0; i < CONDITION_COUNT; i++)
		all += counts[i];
	if (cli->json)
		return;
	stream_add(&cli->out, "%s%zu resource%s: ", rows ? "\n" : "", all, all == 1 ? "" : "s");
	for (int i = 0; i < CONDITION_COUNT; i++) {
		if (!counts[i])
			continue;
		stream_add(&cli->out, "%s", separator);
		paint(&cli->out.buf, &cli->out.terminal, style_of(i), "%zu %s", counts[i],
			condition_str(i));
		separator = ", ";
	}
	stream_add(&cli->out, all ? ".\n" : "nothing here yet.\n");
}

/* NULL: there was none. */
static const struct run *last_run(struct cli *cli, struct reconcile *r)
{
	struct error err = ERROR_INIT;
	struct run *runs;
	size_t n;

	if (!r->environment.id ||
		state_runs(r->state, r->environment.id, 1, &cli->arena, &runs, &n, &err) < 0 || !n)
		return NULL;
	return runs;
}

static void add_last_run(struct cli *cli, const struct run *run)
{
	char ago[32];

	if (cli->json)
		return;
	if (!run)
		stream_add(&cli->out, "Nothing was applied yet: `devenv apply` does it.\n");
	else
		stream_add(&cli->out, "Last run: %s %s%s%.12s%s%s, %s (`devenv history %lld`).\n", run->kind,
			when_ago(run->started_at, clock_wall(cli->clock), ago),
			run->origin.revision ? " from " : "",
			run->origin.revision ? run->origin.revision : "",
			run->origin.author ? " by " : "", run->origin.author ? run->origin.author : "",
			run->status, (long long)run->id);
}

static int show(struct cli *cli, struct reconcile *r)
{
	struct condition *conditions =
		arena_alloc(&cli->arena, (r->plan.n + 1) * sizeof(*conditions));
	struct table table = TABLE_INIT(4);
	size_t counts[CONDITION_COUNT] = {0}, n_changes = 0, rows = r->plan.n_strays;
	const struct run *run = last_run(cli, r);
	struct run_change *changes = NULL;
	struct error err = ERROR_INIT;

	if (run &&
		state_run_changes(r->state, run->id, &cli->arena, &changes, &n_changes, &err) < 0)
		return cli_fail(cli, &err);
	table_header(
		&table, (const char *const[]){"RESOURCE", "STATUS", "CHANGED", "DETAIL", NULL});
	conditions_find(&r->plan, changes, n_changes, !r->manifest.merged, &cli->arena,
		conditions);
	for (size_t i = 0; i < r->plan.n; i++) {
		const struct change *change = &r->plan.changes[i];

		if (!is_wanted(cli, r, change))
			continue;
		counts[conditions[i].kind]++;
		if (cli->json) {
			add_json(cli, change, &conditions[i]);
		} else if (!cli->quiet || !condition_is_good(conditions[i].kind)) {
			add_row(cli, &table, change, &conditions[i]);
			rows++;
		}
	}
	table_render(&cli->out.buf, &cli->out.terminal, &table, 0);
	table_release(&table);
	for (size_t i = 0; i < r->plan.n_strays && !cli->json; i++)
		stream_add(&cli->out, "%s  stray: it has our mark and is not recorded (%s)\n",
			r->plan.strays[i].address, r->plan.strays[i].id);
	add_counts(cli, counts, rows);
	add_last_run(cli, run);
	return EXIT_OK;
}

/* "api" of docker_container.api["2"], or the service of the manifest that it is of. */
static const char *service_of(struct cli *cli, const struct reconcile *r, const struct change *change)
{
	const char *service = change->node == NODE_NONE ? NULL
		: r->graph.nodes[change->node].resource->service;
	const char *name = strchr(change->address, '.') + 1;

	return service ? service : arena_strndup(&cli->arena, name, strcspn(name, "["));
}

/* --services and --ids: a name or an id a line of what runs now, for a script. */
static int list_running(struct cli *cli, struct reconcile *r, bool services)
{
	const char **seen = arena_zalloc(&cli->arena, (r->plan.n + 1) * sizeof(*seen));
	size_t n = 0;

	for (size_t i = 0; i < r->plan.n; i++) {
		const struct change *change = &r->plan.changes[i];
		const char *line;

		if (!change->record || !change->observed || !change->observed->runs ||
			!is_wanted(cli, r, change) || !provider_can(change->record, CAN_TALK))
			continue;
		line = services ? service_of(cli, r, change) : change->record->id;
		if (!line || texts_have(seen, line))
			continue;
		seen[n++] = line;
		stream_add(&cli->out, "%s\n", line);
	}
	return EXIT_OK;
}

static int run_status(struct cli *cli)
{
	bool services = args_flag(&cli->args, "services"), ids = args_flag(&cli->args, "ids");
	struct reconcile r;
	int status = look(cli, &r);

	if (!status)
		status = !cli->json && (services || ids) ? list_running(cli, &r, services) : show(cli, &r);
	session_end(cli, &r);
	return status;
}

static const char *const formats[] = {"table", "json", NULL};

const struct command command_status = {
	.name = "status",
	.aliases = (const char *const[]){"ps", NULL},
	.accepted = (const char *const[]){"-a", "--all", "--no-trunc", NULL},
	.refused = (const struct refusal[]){
		{"--filter", "devenv ps --json | jq 'select(.status == \"running\")'"},
		{"--status", "devenv ps --json | jq 'select(.status == \"running\")'"},
		{NULL, NULL}},
	.group = "Look",
	.summary = "Show how everything is now",
	.description =
		"Looks at reality and says of each resource whether it is ready, running, "
		"completed, changed, drifted, missing, blocked (and by what), unready, stopped, "
		"down, gone, failed, unknown or removed. With -q only what is not well; `ps -q` prints "
		"ids, as Compose does. -a, --all and --no-trunc of Compose ask for what is done anyway.\n\n"
		"A manifest with mistakes is told, and what is recorded is shown without it.",
	.options = (const struct option[]){
		OPTION_REFRESH,
		{.name = "format", .kind = OPTION_TEXT, .argument = "FORMAT", .fallback = "table",
			.env = "DEVENV_STATUS_FORMAT", .complete = COMPLETE_CHOICES, .choices = formats,
			.help = "table, or json, which is --json"},
		{.name = "services", .kind = OPTION_FLAG, .env = "DEVENV_STATUS_SERVICES",
			.help = "Only the names of the services that run"},
		{.name = "ids", .letter = 'q', .letter_as = "ps", .kind = OPTION_FLAG,
			.env = "DEVENV_STATUS_IDS",
			.help = "Only the ids of what runs: of containers what docker calls them; `devenv ps -q` "
				"means this, too"},
		{.name = NULL}},
	.arguments = (const struct argument[]){
		{.name = "ADDRESS", .flags = ARGUMENT_OPTIONAL | ARGUMENT_REPEATED,
			.complete = COMPLETE_ADDRESS},
		{.name = NULL}},
	.examples = (const struct example[]){
		{"Everything", "devenv status"},
		{"What is not well?", "devenv status -q"},
		{"One service", "devenv status api"},
		{"For a script", "docker top $(devenv ps -q api)"},
		{NULL, NULL}},
	.run = run_status,
};
