/*
 * The list of commands and the options that all of them have. What a command takes and says of
 * itself stands in its own file.
 */
#include "cli/command.h"

#include "base/texts.h"
#include "cli/commands.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

const struct option global_options[] = {
	{.name = "chdir", .letter = 'C', .kind = OPTION_TEXT, .argument = "DIR",
		.complete = COMPLETE_DIRECTORY,
		.help = "Run as if started in DIR"},
	{.name = "file", .letter = 'f', .kind = OPTION_TEXT, .argument = "FILE", .repeatable = true,
		.complete = COMPLETE_FILE,
		.help = "Read this manifest instead of .devenv/config.yml; several are merged"},
	{.name = "environment", .alias = "env", .letter = 'e', .kind = OPTION_TEXT,
		.argument = "NAME",
		.complete = COMPLETE_ENVIRONMENT,
		.help = "Add .devenv/environments/NAME.yml; each is an environment of its own"},
	{.name = "var", .kind = OPTION_TEXT, .argument = "NAME=VALUE", .repeatable = true,
		.env = "DEVENV_VARS",
		.help = "Set a variable of the manifest (also DEVENV_VAR_NAME=VALUE)"},
	{.name = "var-file", .kind = OPTION_TEXT, .argument = "FILE", .repeatable = true,
		.complete = COMPLETE_FILE, .env = "DEVENV_VARS_FILE",
		.help = "Read variables from a YAML or JSON file"},
	{.name = "set", .kind = OPTION_TEXT, .argument = "PATH=VALUE", .repeatable = true,
		.help = "Set any value of the manifest, e.g. spec.services[api].replicas=2"},
	{.name = "json", .kind = OPTION_FLAG, .help = "Write one NDJSON stream to stdout"},
	{.name = "no-color", .kind = OPTION_FLAG, .env = "DEVENV_NO_COLOR",
		.help = "No colours; NO_COLOR does the same, CLICOLOR_FORCE the opposite"},
	{.name = "quiet", .letter = 'q', .kind = OPTION_FLAG,
		.help = "Only results and errors, no progress"},
	{.name = "verbose", .letter = 'v', .kind = OPTION_FLAG,
		.help = "Also what needs nothing, and what providers say while they work"},
	{.name = "debug", .kind = OPTION_FLAG, .help = "Times and sizes of each stage on stderr"},
	{.name = NULL},
};

const struct command *const command_table[] = {
	&command_init,
	&command_validate,
	&command_lock,
	&command_plan,
	&command_apply,
	&command_destroy,
	&command_refresh,
	&command_watch,

	&command_status,
	&command_list,
	&command_show,
	&command_outputs,
	&command_history,
	&command_graph,

	&command_start,
	&command_stop,
	&command_restart,
	&command_scale,
	&command_logs,
	&command_exec,
	&command_forward,
	&command_backup,
	&command_restore,
	&command_secret_list,
	&command_secret_rotate,

	&command_sync,
	&command_sync_now,
	&command_sync_list,
	&command_sync_status,
	&command_sync_suspend,
	&command_sync_resume,
	&command_sync_unit,

	&command_import,
	&command_taint,
	&command_untaint,
	&command_forget,
	&command_approve,
	&command_audit_verify,

	&command_config_show,
	&command_config_schema,
	&command_completion,
	&command_version,
	&command_help,

	&command_complete_words,
	&command_man,
	&command_markdown,
	NULL,
};

static bool named(const struct command *command, const char *name)
{
	return strcmp(command->name, name) == 0 || texts_have(command->aliases, name);
}

const struct command *command_find(const char *name)
{
	for (const struct command *const *c = command_table; *c; c++)
		if (named(*c, name))
			return *c;
	return NULL;
}

static bool is_letter(const struct option *option, const char *called, char letter)
{
	if (option->off == letter)
		return true;
	return option->letter == letter &&
	       (!option->letter_as || (called && strcmp(option->letter_as, called) == 0));
}

static const struct option *find(
	const struct option *option, const char *name, const char *called, char letter)
{
	for (; option && option->name; option++) {
		if (name && strcmp(option->name, name) == 0)
			return option;
		if (name && option->alias && strcmp(option->alias, name) == 0)
			return option;
		if (letter && is_letter(option, called, letter))
			return option;
	}
	return NULL;
}

const struct option *option_find(const struct command *command, const char *name)
{
	const struct option *option = command ? find(command->options, name, NULL, 0) : NULL;

	return option ? option : find(global_options, name, NULL, 0);
}

const struct option *option_find_letter(const struct command *command, const char *called, char letter)
{
	const struct option *option = command ? find(command->options, NULL, called, letter) : NULL;

	return option ? option : find(global_options, NULL, called, letter);
}

const char *option_instead(const struct command *command, const char *word)
{
	size_t len = strcspn(word, "=");

	for (const struct refusal *one = command ? command->refused : NULL; one && one->word; one++)
		if (strlen(one->word) == len && !strncmp(one->word, word, len))
			return one->instead;
	return NULL;
}

bool option_accepted(const struct command *command, const char *word)
{
	return command && texts_have(command->accepted, word);
}

const char *option_env(const struct option *option, char *out)
{
	if (option->env)
		return option->env;
	snprintf(out, 64, "DEVENV_%s", option->name);
	for (char *c = out; *c; c++)
		*c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
	return out;
}
