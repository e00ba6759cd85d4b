/* The man page (devenv __man) and the second half of docs/cli.md (devenv __markdown), from the
   table. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/help.h"

#include <string.h>

/* --- man -------------------------------------------------------------------------------------- */

/* Text of a paragraph: no control lines, real dashes. */
static void add_roff(struct strbuf *buf, const char *text)
{
	bool start = true;

	for (; *text; text++) {
		if (start && (*text == '.' || *text == '\''))
			strbuf_addstr(buf, "\\&");
		if (text[0] == '\n' && text[1] == '\n') {
			strbuf_addstr(buf, "\n.PP\n");
			text++;
			start = true;
			continue;
		}
		if (*text == '\\')
			strbuf_addstr(buf, "\\e");
		else if (*text == '-')
			strbuf_addstr(buf, "\\-");
		else
			strbuf_addch(buf, *text);
		start = *text == '\n';
	}
}

static void add_man_options(struct strbuf *buf, const struct option *option)
{
	for (; option && option->name; option++) {
		struct strbuf left = STRBUF_INIT;
		char env[64];

		option_usage(&left, option);
		strbuf_addstr(buf, ".TP\n.B ");
		add_roff(buf, left.text + strspn(left.text, " "));
		strbuf_addch(buf, '\n');
		add_roff(buf, option->help);
		if (option->fallback && option->kind != OPTION_FLAG) {
			strbuf_addstr(buf, " [");
			add_roff(buf, option->fallback);
			strbuf_addch(buf, ']');
		}
		if (option->repeatable)
			strbuf_addstr(buf, "; may be given several times");
		strbuf_addstr(buf, ". ");
		if (option->alias) {
			strbuf_addstr(buf, "Also \\-\\-");
			add_roff(buf, option->alias);
			strbuf_addstr(buf, ". ");
		}
		strbuf_addf(buf, "Variable: %s.\n", option_env(option, env));
		strbuf_release(&left);
	}
}

static void add_man_command(struct strbuf *buf, const struct command *command)
{
	struct strbuf usage = STRBUF_INIT;

	usage_line(&usage, command);
	strbuf_addstr(buf, ".SS ");
	add_roff(buf, usage.text);
	strbuf_addch(buf, '\n');
	add_roff(buf, command->summary);
	strbuf_addstr(buf, ".\n");
	for (const char *const *alias = command->aliases; alias && *alias; alias++)
		strbuf_addf(buf, "Also: devenv %s.\n", *alias);
	if (command->description) {
		strbuf_addstr(buf, ".PP\n");
		add_roff(buf, command->description);
		strbuf_addch(buf, '\n');
	}
	add_man_options(buf, command->options);
	for (const struct example *e = command->examples; e && e->command; e++) {
		strbuf_addstr(buf, ".PP\n");
		add_roff(buf, e->what);
		strbuf_addstr(buf, strchr(e->what, '?') ? "\n.RS\n.nf\n" : ":\n.RS\n.nf\n");
		add_roff(buf, e->command);
		strbuf_addstr(buf, "\n.fi\n.RE\n");
	}
	strbuf_release(&usage);
}

static int run_man(struct cli *cli)
{
	struct strbuf *buf = &cli->out.buf;

	strbuf_addstr(buf,
		".TH DEVENV 1 \"\" \"devenv " DEVENV_VERSION "\" \"User Commands\"\n"
		".SH NAME\n"
		"devenv \\- turn the manifest of a repository into running infrastructure\n"
		".SH SYNOPSIS\n.B devenv\n[OPTIONS] COMMAND ...\n"
		".SH DESCRIPTION\n"
		"devenv reads .devenv/config.yml, compares it with what it recorded and with "
		"reality, and makes reality as the manifest says. stdout carries the result, "
		"stderr progress and errors; with \\-\\-json everything is one NDJSON stream on stdout.\n"
		".SH COMMANDS\n");
	for (const struct command *const *c = command_table; *c; c++)
		if ((*c)->group)
			add_man_command(buf, *c);
	strbuf_addstr(buf, ".SH OPTIONS OF EVERY COMMAND\n");
	add_man_options(buf, global_options);
	strbuf_addstr(buf,
		".SH EXIT STATUS\n"
		".TP\n0\nDone, or nothing to do.\n"
		".TP\n1\nAn error, or something failed.\n"
		".TP\n2\nplan \\-\\-detailed\\-exitcode: there are changes.\n"
		".TP\n3\nDone, but for what needs approval.\n"
		".TP\n64\nThe command line is wrong.\n"
		".TP\n130\nInterrupted.\n"
		".SH FILES\n"
		".TP\n\\&.devenv/config.yml\nThe manifest.\n"
		".TP\n\\&.devenv/environments/NAME.yml\nWhat \\-e NAME adds.\n"
		".TP\n~/.devenv\n"
		"State, keys and the user's own config.yml; DEVENV_HOME moves it.\n");
	return EXIT_OK;
}

const struct command command_man = {
	.name = "__man",
	.summary = "The man page",
	.raw = true,
	.run = run_man,
};

/* --- markdown --------------------------------------------------------------------------------- */

static void add_md_options(struct strbuf *buf, const struct option *option)
{
	if (!option || !option->name)
		return;
	strbuf_addstr(buf, "\n| Option | Variable | |\n|---|---|---|\n");
	for (; option->name; option++) {
		struct strbuf left = STRBUF_INIT;
		char env[64];

		option_usage(&left, option);
		strbuf_addf(buf, "| `%s`", left.text + strspn(left.text, " "));
		if (option->alias)
			strbuf_addf(buf, ", `--%s`", option->alias);
		strbuf_addf(buf, " | `%s` | %s", option_env(option, env), option->help);
		if (option->repeatable)
			strbuf_addstr(buf, "; may be given several times");
		if (option->fallback && option->kind != OPTION_FLAG)
			strbuf_addf(buf, " [%s]", option->fallback);
		strbuf_addstr(buf, " |\n");
		strbuf_release(&left);
	}
}

static void add_md_command(struct strbuf *buf, const struct command *command)
{
	strbuf_addf(buf, "\n### devenv %s\n\n%s.\n\n```\n", command->name, command->summary);
	usage_line(buf, command);
	strbuf_addstr(buf, "\n```\n");
	for (const char *const *alias = command->aliases; alias && *alias; alias++)
		strbuf_addf(buf, "\nAlso `devenv %s`.\n", *alias);
	if (command->description)
		strbuf_addf(buf, "\n%s\n", command->description);
	add_md_options(buf, command->options);
	if (command->examples && command->examples->command) {
		strbuf_addstr(buf, "\n```sh\n");
		for (const struct example *e = command->examples; e->command; e++)
			strbuf_addf(buf, "%s# %s\n%s\n", e == command->examples ? "" : "\n",
				e->what, e->command);
		strbuf_addstr(buf, "```\n");
	}
}

static int run_markdown(struct cli *cli)
{
	struct strbuf *buf = &cli->out.buf;

	strbuf_addstr(buf, "## Options of every command\n");
	add_md_options(buf, global_options);
	strbuf_addstr(buf, "\n## Commands\n");
	for (const struct command *const *c = command_table; *c; c++)
		if ((*c)->group)
			add_md_command(buf, *c);
	return EXIT_OK;
}

const struct command command_markdown = {
	.name = "__markdown",
	.summary = "The reference in docs/cli.md",
	.raw = true,
	.run = run_markdown,
};
