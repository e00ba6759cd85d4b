/*
 * Commands around a plan, which has no effects of its own: they run only when --run-plan-hooks asks for
 * them. What they print is for the person, never part of the plan.
 */
#include "cli/run.h"

#include "base/process.h"

#include <string.h>

static void say(void *arg, int stream, const char *text, size_t len)
{
	(void)stream;
	cli_note(arg, "%.*s", (int)len, text);
}

int run_plan_hook(struct cli *cli, struct reconcile *r, const char *when, const struct value *words)
{
	const char **argv;
	cleanup_process struct process_result result = PROCESS_RESULT_INIT;
	struct process_request request = {
		.env = cli->env,
		.directory = r->manifest.root,
		.flags = PROCESS_DROP_STDOUT | PROCESS_MERGE,
		.line = say,
		.arg = cli,
	};
	struct error err = ERROR_INIT;
	struct process_env variables;

	if (!words || !args_flag(&cli->args, "run-plan-hooks"))
		return EXIT_OK;
	argv = arena_zalloc(&cli->arena, (words->len + 1) * sizeof(*argv));
	for (uint32_t i = 0; i < words->len; i++)
		argv[i] = value_text(&words->items[i], "");
	process_env_init(&variables, &cli->arena, cli->env);
	request.argv = argv;
	request.env = process_env_vector(&variables);
	if (process_run(&request, &result, &err) == 0 && process_check(&request, &result, &err) == 0)
		return EXIT_OK;
	error_wrap(&err, "the hook %s plan", when);
	return cli_fail(cli, &err);
}
