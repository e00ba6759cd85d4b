/* What --help prints. Text is wrapped at the terminal's width, at most 100 columns. */
#include "cli/help.h"

#include <string.h>

enum { WIDEST = 100, OPTION_COLUMN = 30 };

static int text_width(const struct stream *stream)
{
	int width = stream->terminal.width;

	return width > WIDEST || !stream->terminal.tty ? WIDEST : width < 40 ? 40 : width;
}

/* Words from `column` on; following lines start at `indent`. Ends with a newline. */
static void add_wrapped(struct strbuf *buf, const char *text, int column, int indent, int width)
{
	while (*text) {
		size_t len = strcspn(text, " \n");

		if (column > indent && column + 1 + (int)len > width) {
			strbuf_addch(buf, '\n');
			add_spaces(buf, indent);
			column = indent;
		} else if (column > indent) {
			strbuf_addch(buf, ' ');
			column++;
		}
		strbuf_add(buf, text, len);
		column += (int)len;
		text += len;
		if (text[0] == '\n' && text[1] == '\n') {
			strbuf_addstr(buf, "\n\n");
			add_spaces(buf, indent);
			column = indent;
		}
		text += strspn(text, " \n");
	}
	strbuf_addch(buf, '\n');
}

void usage_line(struct strbuf *buf, const struct command *command)
{
	strbuf_addf(buf, "devenv %s [OPTIONS]", command->name);
	for (const struct argument *a = command->arguments; a && a->name; a++) {
		bool optional = a->flags & ARGUMENT_OPTIONAL;

		strbuf_addf(buf, " %s%s%s%s", optional ? "[" : "", a->name,
			a->flags & (ARGUMENT_REPEATED | ARGUMENT_REST) ? "..." : "",
			optional ? "]" : "");
	}
}

void option_usage(struct strbuf *buf, const struct option *option)
{
	if (option->letter && !option->letter_as)
		strbuf_addf(buf, "-%c, ", option->letter);
	else
		strbuf_addstr(buf, "    ");
	strbuf_addf(buf, "--%s", option->name);
	if (option->argument)
		strbuf_addf(buf, " %s", option->argument);
}

static void add_option(struct strbuf *buf, const struct stream *stream, const struct option *option)
{
	struct strbuf left = STRBUF_INIT, help = STRBUF_INIT;
	char env[64];
	int column;

	option_usage(&left, option);
	strbuf_addf(buf, "  %s", left.text);
	column = 2 + display_width(left.text);
	if (column + 2 > OPTION_COLUMN) {
		strbuf_addch(buf, '\n');
		column = 0;
	}
	add_spaces(buf, OPTION_COLUMN - column);
	strbuf_addstr(&help, option->help);
	if (option->alias)
		strbuf_addf(&help, " (also --%s)", option->alias);
	if (option->repeatable)
		strbuf_addstr(&help, "; may be given several times");
	if (option->fallback && option->kind != OPTION_FLAG)
		strbuf_addf(&help, " [%s]", option->fallback);
	strbuf_addf(&help, " (%s)", option_env(option, env));
	add_wrapped(buf, help.text, OPTION_COLUMN, OPTION_COLUMN, text_width(stream));
	strbuf_release(&left);
	strbuf_release(&help);
}

static void add_options(struct stream *stream, const char *title, const struct option *option)
{
	if (!option || !option->name)
		return;
	stream_add(stream, "\n");
	paint(&stream->buf, &stream->terminal, STYLE_BOLD, "%s", title);
	stream_add(stream, "\n");
	for (; option->name; option++)
		add_option(&stream->buf, stream, option);
}

static void add_examples(struct stream *stream, const struct example *example)
{
	if (!example || !example->command)
		return;
	stream_add(stream, "\n");
	paint(&stream->buf, &stream->terminal, STYLE_BOLD, "Examples");
	stream_add(stream, "\n");
	for (; example->command; example++) {
		paint(&stream->buf, &stream->terminal, STYLE_DIM, "  # %s", example->what);
		stream_add(stream, "\n  %s\n", example->command);
	}
}

int help_command(struct cli *cli, const struct command *command)
{
	struct stream *out = &cli->out;

	add_wrapped(&out->buf, command->summary, 0, 0, text_width(out));
	strbuf_setlen(&out->buf, out->buf.len - 1);
	stream_add(out, ".\n\n");
	paint(&out->buf, &out->terminal, STYLE_BOLD, "Usage");
	stream_add(out, "\n  ");
	usage_line(&out->buf, command);
	stream_add(out, "\n");
	for (const char *const *alias = command->aliases; alias && *alias; alias++)
		stream_add(out, "  devenv %s ... is the same\n", *alias);
	if (command->description) {
		stream_add(out, "\n");
		add_wrapped(&out->buf, command->description, 0, 0, text_width(out));
	}
	add_examples(out, command->examples);
	add_options(out, "Options", command->options);
	add_options(out, "Options of every command", global_options);
	return EXIT_OK;
}

static void add_commands(struct stream *stream, const char *group)
{
	int width = text_width(stream), longest = 0;

	for (const struct command *const *c = command_table; *c; c++)
		if ((*c)->group && (int)strlen((*c)->name) > longest)
			longest = (int)strlen((*c)->name);

	for (const struct command *const *c = command_table; *c; c++) {
		size_t len = group ? strlen(group) : 0;

		if (!(*c)->group)
			continue;
		if (group && (strncmp((*c)->name, group, len) != 0 || (*c)->name[len] != ' '))
			continue;
		if (!group && (c == command_table || strcmp((*c)->group, c[-1]->group) != 0)) {
			stream_add(stream, "\n");
			paint(&stream->buf, &stream->terminal, STYLE_BOLD, "%s", (*c)->group);
			stream_add(stream, "\n");
		}
		stream_add(stream, "  %-*s ", longest, (*c)->name);
		add_wrapped(&stream->buf, (*c)->summary, longest + 3, longest + 3, width);
	}
}

int help_group(struct cli *cli, const char *group, bool asked)
{
	struct stream *stream = asked ? &cli->out : &cli->err;

	if (!asked)
		stream_add(stream, "`devenv %s` needs a second word:\n", group);
	add_commands(stream, group);
	return asked ? EXIT_OK : EXIT_USAGE;
}

int help_overview(struct cli *cli, bool asked)
{
	struct stream *stream = asked ? &cli->out : &cli->err;

	stream_add(stream,
		"devenv turns the manifest of a repository into running infrastructure.\n\n"
		"  devenv [OPTIONS] COMMAND ...\n"
		"  devenv COMMAND --help   explains one command\n");
	add_commands(stream, NULL);
	add_options(stream, "Options of every command", global_options);
	return asked ? EXIT_OK : EXIT_USAGE;
}

static int run_help(struct cli *cli)
{
	const char *name = args_positional(&cli->args, 0), *second = args_positional(&cli->args, 1);
	const struct command *command;
	struct nearest nearest = {.word = name};

	if (!name)
		return help_overview(cli, true);
	if (second)
		name = arena_printf(&cli->arena, "%s %s", name, second);
	command = command_find(name);
	if (command)
		return help_command(cli, command);
	for (const struct command *const *c = command_table; *c; c++) {
		size_t len = strlen(name);

		if (strncmp((*c)->name, name, len) == 0 && (*c)->name[len] == ' ')
			return help_group(cli, name, true);
		if ((*c)->group)
			nearest_try(&nearest, (*c)->name);
	}
	if (nearest.best)
		return cli_usage(cli, "unknown command \"%s\"; did you mean `devenv help %s`?",
			name, nearest.best);
	return cli_usage(cli, "unknown command \"%s\"; see `devenv help`", name);
}

const struct command command_help = {
	.name = "help",
	.group = "This program",
	.summary = "Explain a command",
	.arguments = (const struct argument[]){
		{.name = "COMMAND", .flags = ARGUMENT_OPTIONAL | ARGUMENT_REPEATED,
			.complete = COMPLETE_COMMAND},
		{.name = NULL}},
	.examples = (const struct example[]){
		{"What can I do?", "devenv help"},
		{"Everything about apply", "devenv help apply"},
		{NULL, NULL}},
	.run = run_help,
};
