/* devenv list: every environment that this home knows, also those whose folder is gone. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/jsonl.h"
#include "cli/render/render.h"
#include "cli/when.h"
#include "engine/checkout.h"

enum { ID_SHOWN = 12 };

static void add_json(struct cli *cli, const struct environment *e, bool orphaned)
{
	struct strbuf *buf = &cli->out.buf;

	jsonl_begin(buf, "environment", "info", "%s %s", e->project, e->root);
	jsonl_text(buf, "id", e->id);
	jsonl_text(buf, "project", e->project);
	jsonl_text(buf, "environment", e->name);
	jsonl_text(buf, "root", e->root);
	jsonl_number(buf, "resources", e->resources);
	jsonl_bool(buf, "orphaned", orphaned);
	jsonl_time(buf, "created_at", e->created_at);
	jsonl_time(buf, "last_run_at", e->last_run_at);
	jsonl_end(buf);
}

static int print(struct cli *cli, struct state *state)
{
	struct table table = TABLE_INIT(6);
	struct error err = ERROR_INIT;
	struct environment *all;
	size_t n;

	if (state_environments(state, &cli->arena, &all, &n, &err) < 0)
		return cli_fail(cli, &err);
	table_header(&table, (const char *const[]){"PROJECT", "ENVIRONMENT", "RESOURCES",
				     "LAST RUN", "ID", "FOLDER", NULL});
	for (size_t i = 0; i < n; i++) {
		bool orphaned = checkout_is_gone(&all[i], &cli->arena);
		char ago[32];

		if (cli->json) {
			add_json(cli, &all[i], orphaned);
			continue;
		}
		table_add(&table, STYLE_BOLD, "%s", all[i].project);
		table_add(&table, STYLE_PLAIN, "%s", *all[i].name ? all[i].name : "-");
		table_add(&table, STYLE_PLAIN, "%lld", (long long)all[i].resources);
		table_add(&table, STYLE_DIM, "%s",
			when_ago(all[i].last_run_at, clock_wall(cli->clock), ago));
		table_add(&table, STYLE_DIM, "%.*s", ID_SHOWN, all[i].id);
		table_add(&table, orphaned ? STYLE_YELLOW : STYLE_PLAIN, "%s%s", all[i].root,
			orphaned ? "  (orphaned: the checkout is gone)" : "");
	}
	table_render(&cli->out.buf, &cli->out.terminal, &table, 0);
	table_release(&table);
	if (!n)
		cli_note(cli, "No environment was applied yet.");
	return EXIT_OK;
}

static int run_list(struct cli *cli)
{
	return session_home_state(cli, print);
}

const struct command command_list = {
	.name = "list",
	.aliases = (const char *const[]){"ls", NULL},
	.group = "Look",
	.summary = "List all environments of this home",
	.description =
		"Every environment that was ever applied from this home (DEVENV_HOME, else "
		"~/.devenv) and not forgotten, with its folder; an orphaned one's folder is gone. "
		"`devenv destroy --orphan ID` destroys what it made, `devenv forget --orphan ID` "
		"only forgets it.",
	.examples = (const struct example[]){
		{"What runs on this machine?", "devenv list"},
		{"Folders, for a script",
			"devenv list --json | jq -r 'select(.type == \"environment\").root'"},
		{NULL, NULL}},
	.run = run_list,
};
