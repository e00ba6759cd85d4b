/*
 * devenv secret list | rotate: which secrets there are, never what they are; and one that devenv made,
 * made anew with everything that uses it.
 */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/jsonl.h"
#include "cli/run.h"
#include "cli/when.h"
#include "manifest/secrets.h"

#include <string.h>

static const struct record *record_of(const struct reconcile *r, const struct secret_info *secret)
{
	for (size_t i = 0; secret->address && i < r->n_records; i++) {
		if (strcmp(r->records[i].address, secret->address) == 0 &&
			r->records[i].status != RECORD_DEPOSED)
			return &r->records[i];
	}
	return NULL;
}

/* --- list ---------------------------------------------------------------------------------------- */

static void add_json(struct cli *cli, const struct secret_info *secret, const struct record *record)
{
	struct strbuf *buf = &cli->out.buf;

	jsonl_begin(buf, "secret", "info", "%s", secret->name);
	jsonl_text(buf, "name", secret->name);
	jsonl_text(buf, "secret_type", secret->type);
	jsonl_text(buf, "from", secret->from);
	jsonl_text(buf, "address", secret->address);
	jsonl_open(buf, "users", '[');
	for (size_t i = 0; i < secret->n_users; i++)
		jsonl_item(buf, secret->users[i]);
	jsonl_close(buf, ']');
	if (record) {
		jsonl_time(buf, "created_at", record->created_at);
		jsonl_time(buf, "updated_at", record->updated_at);
	}
	jsonl_end(buf);
}

static const char *users_of(struct cli *cli, const struct secret_info *secret)
{
	const char *text = secret->n_users ? secret->users[0] : "-";

	for (size_t i = 1; i < secret->n_users; i++)
		text = arena_printf(&cli->arena, "%s, %s", text, secret->users[i]);
	return text;
}

/* One that is made is as old as its making, one that is read as what was read last. */
static const char *age_of(struct cli *cli, const struct secret_info *secret,
	const struct record *record, char *out)
{
	if (!secret->address)
		return "-";
	if (!record)
		return "not yet";
	return when_ago(strcmp(secret->type, "generated") == 0 ? record->created_at : record->updated_at,
		clock_wall(cli->clock), out);
}

static int print(struct cli *cli, struct reconcile *r)
{
	struct table table = TABLE_INIT(5);
	struct secret_info *all;
	char ago[32];
	size_t n;

	all = secrets_list(&r->manifest, &r->graph, &cli->arena, &n);
	table_header(&table,
		(const char *const[]){"SECRET", "TYPE", "AGE", "FROM", "USED BY", NULL});
	for (size_t i = 0; i < n; i++) {
		const struct record *record = record_of(r, &all[i]);

		if (cli->json) {
			add_json(cli, &all[i], record);
			continue;
		}
		table_add(&table, STYLE_BOLD, "%s", all[i].name);
		table_add(&table, STYLE_PLAIN, "%s", all[i].type);
		table_add(&table, STYLE_DIM, "%s", age_of(cli, &all[i], record, ago));
		table_add(&table, STYLE_PLAIN, "%s", all[i].from);
		table_add(&table, STYLE_PLAIN, "%s", users_of(cli, &all[i]));
	}
	table_render(&cli->out.buf, &cli->out.terminal, &table, 0);
	table_release(&table);
	stream_flush(&cli->out);
	if (!n)
		cli_note(cli, "The manifest has no secrets: spec.secrets declares them.");
	return EXIT_OK;
}

static int run_list(struct cli *cli)
{
	return session_run(cli, STATE_READ, print);
}

const struct command command_secret_list = {
	.name = "secret list",
	.group = "Operate",
	.summary = "List the secrets of the manifest, never their values",
	.description =
		"Each with its type, the age of what is known of it, where its values come from, and who uses "
		"it: services, resources, outputs, and other secrets. Nothing is read from where it is kept.",
	.examples = (const struct example[]){
		{"Which there are", "devenv secret list"},
		{"Who uses one, for a script",
			"devenv secret list --json | jq -r 'select(.name == \"db\").users[]'"},
		{NULL, NULL}},
	.run = run_list,
};

/* --- rotate -------------------------------------------------------------------------------------- */

static const struct secret_info *named(struct cli *cli, struct reconcile *r, const char *name,
	struct error *err)
{
	struct nearest nearest = {.word = name};
	struct secret_info *all;
	size_t n;

	all = secrets_list(&r->manifest, &r->graph, &cli->arena, &n);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(all[i].name, name) == 0 ||
			(all[i].address && strcmp(all[i].address, name) == 0))
			return &all[i];
		nearest_try(&nearest, all[i].name);
	}
	error_set(err, ERROR_NOT_FOUND,
		nearest.best ? "there is no secret %s; did you mean %s?"
			     : "there is no secret %s; `devenv secret list` lists them",
		name, nearest.best);
	return NULL;
}

/* What devenv did not make, it cannot make anew. */
static int check(const struct secret_info *secret, struct error *err)
{
	if (secret->keeper)
		return error_set(err, ERROR_INVALID, "the data of %s was begun with %s and keeps it: give the "
			"user another password in the database, then write it as password: of that service "
			"(from a secret of yours)", secret->keeper, secret->name);
	if (strcmp(secret->type, "generated") == 0)
		return 0;
	if (secret->address)
		return error_set(err, ERROR_INVALID, "%s is kept elsewhere (%s): change it there, and the "
			"next apply takes the new value to all that use it", secret->name, secret->from);
	return error_set(err, ERROR_INVALID, "%s comes from %s: change it there, and the next apply takes "
		"the new value to all that use it", secret->name, secret->from);
}

/* The record of the old one is lost, and that is what was asked for: of this one and no other. */
static int choose(struct cli *cli, struct reconcile *r)
{
	struct error err = ERROR_INIT;
	const struct secret_info *secret = named(cli, r, args_positional(&cli->args, 0), &err);
	const char **only = arena_zalloc(&cli->arena, 2 * sizeof(*only));

	if (!secret || check(secret, &err) < 0)
		return cli_fail(cli, &err);
	only[0] = secret->address;
	r->options.replaces = r->options.allow_data_loss = only;
	return 0;
}

static int run_rotate(struct cli *cli)
{
	struct run_request request = {
		.kind = "secret rotate",
		.verb = "Rotation",
		.question = "Do you want to make it anew, and change everything that uses it?",
		.approved = args_flag(&cli->args, "yes"),
	};
	struct reconcile r;
	int status = session_load(cli, &r);

	if (!status)
		status = choose(cli, &r);
	if (!status)
		status = session_plan(cli, &r, run_may_act(cli, &request) ? STATE_WRITE : STATE_READ);
	if (!status)
		status = run_apply(cli, &r, &request);
	session_end(cli, &r);
	return status;
}

const struct command command_secret_rotate = {
	.name = "secret rotate",
	.group = "Operate",
	.summary = "Make a generated secret anew, and change everything that uses it",
	.description =
		"NAME is one of `devenv secret list` whose type is generated. The plan shows it with all that "
		"uses it, and whatever else an apply would do now; it is asked for as by `devenv apply`, and an "
		"apply that is killed is continued by the next one. A database of the catalogue takes the new "
		"password over before those who use it do.",
	.options = (const struct option[]){
		OPTION_YES,
		OPTIONS_RUN,
		{.name = NULL}},
	.arguments = (const struct argument[]){
		{.name = "NAME", .complete = COMPLETE_SECRET},
		{.name = NULL}},
	.examples = (const struct example[]){
		{"The password of a database of the catalogue", "devenv secret rotate database-password"},
		{NULL, NULL}},
	.run = run_rotate,
};
