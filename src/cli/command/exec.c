/* devenv exec: a command inside a running thing. Its exit status is ours. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/names.h"
#include "cli/raw.h"
#include "engine/manage.h"
#include "engine/observe.h"

#include <string.h>
#include <unistd.h>

/* -e NAME=VALUE as it is, -e NAME with the value that we have. */
static int environment_of(struct cli *cli, const char *const **out, struct error *err)
{
	const char *const *given = args_list(&cli->args, "env");
	const char **list;
	size_t n = 0;

	*out = NULL;
	while (given && given[n])
		n++;
	if (!n)
		return 0;
	list = arena_zalloc(&cli->arena, (n + 1) * sizeof(*list));
	for (size_t i = 0; i < n; i++) {
		const char *value = strchr(given[i], '=') ? NULL : option_env_get(cli->env, given[i]);

		if (*given[i] == '=' || (!value && !strchr(given[i], '=')))
			return error_set(err, ERROR_INVALID, "-e %s: NAME=VALUE for the command, or a NAME that is "
				"set here; an environment stands before: devenv -e %s exec", given[i],
				given[i]);
		list[i] = value ? arena_printf(&cli->arena, "%s=%s", given[i], value) : given[i];
	}
	*out = list;
	return 0;
}

static int exec(struct cli *cli, struct reconcile *r)
{
	struct error err = ERROR_INIT;
	const char *const *addresses = names_running(cli, r, 0, 1, CAN_TALK, &err);
	struct provider_env env = reconcile_env(r, &r->arena);
	struct exec_request request = {.argv = cli->args.positional + 1, .input = STDIN_FILENO,
		.part = args_text(&cli->args, "container"),
		.user = args_text(&cli->args, "user"),
		.directory = args_text(&cli->args, "workdir")};
	const struct provider *provider;
	struct record *record;
	struct raw raw;

	if (!addresses || environment_of(cli, &request.environment, &err) < 0)
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
		"command. -e stands for a variable of the command here; the environment of devenv is named "
		"before: `devenv -e staging exec api sh`.",
	.refused = (const struct refusal[]){
		{"-d", "the command belongs to exec; what shall go on is a service of the manifest"},
		{"--detach", "the command belongs to exec; what shall go on is a service of the manifest"},
		{"--index", "name the instance: devenv exec 'docker_container.api[\"2\"]' COMMAND"},
		{"--privileged", "write `privileged: true` to the service in the manifest"},
		{NULL, NULL}},
	.options = (const struct option[]){
		{.name = "tty", .letter = 't', .off = 'T', .kind = OPTION_FLAG, .fallback = "true",
			.env = "DEVENV_EXEC_TTY",
			.help = "Give it a terminal when there is one; -T, --no-tty never do"},
		{.name = "interactive", .letter = 'i', .kind = OPTION_FLAG, .fallback = "true",
			.env = "DEVENV_EXEC_INTERACTIVE",
			.help = "Let it read our standard input; --no-interactive leaves that alone"},
		{.name = "user", .letter = 'u', .kind = OPTION_TEXT, .argument = "USER",
			.env = "DEVENV_EXEC_USER", .help = "Of a container: as this user, NAME or UID[:GID]"},
		{.name = "workdir", .letter = 'w', .kind = OPTION_TEXT, .argument = "DIR",
			.env = "DEVENV_EXEC_WORKDIR",
			.help = "In this folder: of the container, or below that of the process"},
		{.name = "env", .letter = 'e', .kind = OPTION_TEXT, .argument = "NAME=VALUE",
			.repeatable = true, .env = "DEVENV_EXEC_ENV",
			.help = "With this variable; a NAME alone has the value that it has here"},
		{.name = "container", .letter = 'c', .kind = OPTION_TEXT, .argument = "NAME",
			.env = "DEVENV_EXEC_CONTAINER",
			.help = "Of a service on a cluster: POD, CONTAINER or POD/CONTAINER; else the first "
				"container of a pod that is ready"},
		{.name = NULL}},
	.arguments = (const struct argument[]){
		{.name = "NAME", .complete = COMPLETE_RUNNING},
		{.name = "COMMAND", .flags = ARGUMENT_REST},
		{.name = NULL}},
	.examples = (const struct example[]){
		{"A shell", "devenv exec api sh"},
		{"In a container beside the first one", "devenv exec api -c proxy sh"},
		{"As another user, elsewhere", "devenv exec -u root -w /srv -e DEBUG=1 api sh"},
		{"A query", "devenv exec database psql -U app -c 'select 1'"},
		{"A file into it", "devenv exec database psql -U app <dump.sql"},
		{NULL, NULL}},
	.run = run_exec,
};
