/* devenv exec: a command inside a running thing. Its exit status is ours. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/names.h"
#include "cli/raw.h"
#include "engine/manage.h"
#include "engine/observe.h"

#include <unistd.h>

static int exec(struct cli *cli, struct reconcile *r)
{
	struct error err = ERROR_INIT;
	const char *const *addresses = names_running(cli, r, 0, 1, &err);
	struct provider_env env = reconcile_env(r, &r->arena);
	struct exec_request request = {.argv = cli->args.positional + 1, .input = STDIN_FILENO};
	const struct provider *provider;
	struct record *record;
	struct raw raw;

	if (!addresses)
		return cli_fail(cli, &err);
	if (addresses[1]) {
		error_set(&err, ERROR_INVALID, "%s is several; name one: devenv exec '%s' ...",
			cli->args.positional[0], addresses[0]);
		return cli_fail(cli, &err);
	}
	record = manage_record(r, addresses[0], &err);
	if (!record)
		return cli_fail(cli, &err);
	provider = provider_by_type(record->type);
	if (!provider || !provider->exec) {
		error_set(&err, ERROR_INVALID, "nothing can be executed inside a %s", record->type);
		return cli_fail(cli, &err);
	}
	request.tty = args_flag(&cli->args, "tty") && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	request.interactive = args_flag(&cli->args, "interactive");
	raw_init(&raw, STDIN_FILENO);
	request.terminal = &raw.terminal;
	env.deadline = INT64_MAX;
	if (provider->exec(&env, record, &request, &err) < 0)
		return cli_fail(cli, &err);
	return request.exit_status;
}

static int run_exec(struct cli *cli)
{
	struct reconcile r;
	int status = session_records(cli, &r, STATE_READ, false);

	if (!status)
		status = exec(cli, &r);
	session_end(cli, &r);
	return status;
}

const struct command command_exec = {
	.name = "exec",
	.group = "Operate",
	.summary = "Run a command inside a running thing",
	.description =
		"Everything after NAME is passed on as it is. The exit status is that of the "
		"command.",
	.options = (const struct option[]){
		{.name = "tty", .letter = 't', .kind = OPTION_FLAG, .fallback = "true",
			.env = "DEVENV_EXEC_TTY",
			.help = "Give it a terminal when there is one; --no-tty never does"},
		{.name = "interactive", .letter = 'i', .kind = OPTION_FLAG, .fallback = "true",
			.env = "DEVENV_EXEC_INTERACTIVE",
			.help = "Let it read our standard input; --no-interactive leaves that alone"},
		{.name = NULL}},
	.arguments = (const struct argument[]){
		{.name = "NAME", .complete = COMPLETE_RUNNING},
		{.name = "COMMAND", .flags = ARGUMENT_REST},
		{.name = NULL}},
	.examples = (const struct example[]){
		{"A shell", "devenv exec api sh"},
		{"A query", "devenv exec database psql -U app -c 'select 1'"},
		{"A file into it", "devenv exec database psql -U app <dump.sql"},
		{NULL, NULL}},
	.run = run_exec,
};
