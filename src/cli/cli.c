/*
 * From argv to a command and back: parse, set up the streams, run, flush. A result that could not
 * be written is a failure, so that `devenv plan >/full/disk` does not look like success.
 */
#include "cli/cli.h"

#include "cli/help.h"
#include "cli/jsonl.h"
#include "cli/render/render.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int cli_fail(struct cli *cli, const struct error *err)
{
	if (cli->json) {
		render_error_json(&cli->out.buf, err->msg, error_code_str(err->code));
		stream_flush(&cli->out);
	} else {
		stream_flush(&cli->out); /* what was said before comes first */
		render_error(&cli->err.buf, &cli->err.terminal, err->msg);
		stream_flush(&cli->err);
	}
	return err->code == ERROR_CANCELLED ? EXIT_INTERRUPTED : EXIT_FAILED;
}

int cli_usage(struct cli *cli, const char *fmt, ...)
{
	struct strbuf message = STRBUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&message, fmt, ap);
	va_end(ap);
	if (cli->json) {
		render_error_json(&cli->out.buf, message.text, "usage");
		stream_flush(&cli->out);
	} else {
		render_error(&cli->err.buf, &cli->err.terminal, message.text);
		stream_flush(&cli->err);
	}
	strbuf_release(&message);
	return EXIT_USAGE;
}

void cli_note(struct cli *cli, const char *fmt, ...)
{
	struct strbuf message = STRBUF_INIT;
	va_list ap;

	if (cli->quiet)
		return;
	va_start(ap, fmt);
	strbuf_vaddf(&message, fmt, ap);
	va_end(ap);
	if (cli->json) {
		jsonl_begin(&cli->out.buf, "message", "info", "%s", message.text);
		jsonl_end(&cli->out.buf);
		stream_flush(&cli->out);
	} else {
		stream_flush(&cli->out);
		add_clean(&cli->err.buf, message.text, message.len);
		strbuf_addch(&cli->err.buf, '\n');
		stream_flush(&cli->err);
	}
	strbuf_release(&message);
}

bool cli_interactive(const struct cli *cli)
{
	return !cli->json && isatty(STDIN_FILENO) && isatty(cli->err.fd);
}

bool cli_confirm(struct cli *cli, const char *question)
{
	char answer[16] = "";

	stream_flush(&cli->out);
	paint(&cli->err.buf, &cli->err.terminal, STYLE_BOLD, "%s", question);
	stream_add(&cli->err, "\n  Only 'yes' is accepted: ");
	stream_flush(&cli->err);
	if (!fgets(answer, sizeof(answer), stdin))
		return false;
	return strcmp(answer, "yes\n") == 0 || strcmp(answer, "yes") == 0;
}

static int dispatch(struct cli *cli)
{
	const struct args *args = &cli->args;

	if (args->version)
		return command_find("version")->run(cli);
	if (args->group && !args->command)
		return help_group(cli, args->group, args->help);
	if (!args->command && !args->help && args->n_given && !args->given[0].from_env)
		return cli_usage(cli, "there is no command on the command line; see `devenv help`");
	if (!args->command)
		return help_overview(cli, args->help);
	if (args->help)
		return help_command(cli, args->command);
	return args->command->run(cli);
}

/* The last flush decides whether the result arrived. */
static int finish(struct cli *cli, int status)
{
	stream_flush(&cli->out);
	stream_flush(&cli->err);
	if (!cli->out.error)
		return status;
	if (cli->out.error == EPIPE) /* `devenv plan | head` has what it wants: as others end then */
		return status ? status : EXIT_PIPE;
	stream_add(&cli->err, "Error: the result could not be written: %s\n",
		strerror(cli->out.error));
	stream_flush(&cli->err);
	return status ? status : EXIT_FAILED;
}

/* Read before parsing may fail, so that even the mistake comes out in the form asked for. */
static void look_ahead(struct cli *cli, int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--json") == 0 || strcmp(argv[i], "-json") == 0)
			cli->json = true;
}

/* `--format json` is what others call --json. */
static bool asks_for_json(const struct args *args)
{
	const struct option *format = option_find(args->command, "format");

	return args_flag(args, "json") || (format && !strcmp(args_text(args, "format"), "json"));
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct error err = ERROR_INIT;
	const char *directory;

	if (args_parse(&cli->args, &cli->arena, argc - 1, (const char *const *)argv + 1, cli->env,
			&err) < 0) {
		look_ahead(cli, argc, argv);
		if (cli->json)
			jsonl_version(&cli->out.buf);
		return cli_usage(cli, "%s", err.msg);
	}
	cli->json = asks_for_json(&cli->args);
	cli->quiet = args_flag(&cli->args, "quiet");
	cli->verbose = args_flag(&cli->args, "verbose");
	cli->debug = args_flag(&cli->args, "debug");
	if (args_flag(&cli->args, "no-color"))
		cli->out.terminal.colour = cli->err.terminal.colour = false;
	if (cli->args.command && cli->args.command->raw && !cli->args.version)
		cli->json = false;
	if (cli->json && !cli->args.help)
		jsonl_version(&cli->out.buf);
	directory = args_text(&cli->args, "chdir");
	if (directory && chdir(directory) < 0) {
		error_errno(&err, "cannot change to the directory %s", directory);
		return cli_fail(cli, &err);
	}
	return dispatch(cli);
}

int cli_main(int argc, char **argv, char **env)
{
	struct cli cli = {.clock = &clock_system, .env = (const char *const *)env};
	int status;

	/* A reader that goes away must not kill a run in the middle: writes fail instead. */
	signal(SIGPIPE, SIG_IGN);
	stream_init(&cli.out, STDOUT_FILENO, COLOUR_AUTO, cli.env);
	stream_init(&cli.err, STDERR_FILENO, COLOUR_AUTO, cli.env);
	status = finish(&cli, run(&cli, argc, argv));
	stream_release(&cli.out);
	stream_release(&cli.err);
	arena_release(&cli.arena);
	return status;
}
