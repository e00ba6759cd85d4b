/*
 * Parses the command line by the table. Long options may have one dash or two, because people come
 * from Terraform as well as from getopt; a word with one dash that is no long option is read as
 * letters. Options of the command shadow global ones once the command is named.
 */
#include "cli/options.h"

#include "base/clock.h"
#include "base/diag.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct parse {
	struct args *args;
	const char *const *argv;
	int argc, at;
	struct error *err;
};

const char *option_env_get(const char *const *env, const char *name)
{
	size_t len = strlen(name);

	for (; env && *env; env++)
		if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
			return *env + len + 1;
	return NULL;
}

static void give(struct args *args, const struct option *option, const char *text, bool from_env)
{
	ARENA_GROW(args->arena, args->given, args->n_given, args->cap_given);
	args->given[args->n_given++] =
		(struct given){.option = option, .text = text, .from_env = from_env};
}

static const char *flag_word(const char *text)
{
	static const char *const yes[] = {"1", "true", "yes", "on"};
	static const char *const no[] = {"", "0", "false", "no", "off"};

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		if (strcasecmp(text, yes[i]) == 0)
			return "true";
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		if (strcasecmp(text, no[i]) == 0)
			return "false";
	return NULL;
}

static int check_choice(const struct option *option, const char *text, const char *where,
	struct error *err)
{
	struct nearest nearest = {.word = text};

	for (const char *const *choice = option->choices; *choice; choice++) {
		if (strcmp(*choice, text) == 0)
			return 0;
		nearest_try(&nearest, *choice);
	}
	if (nearest.best)
		return error_set(err, ERROR_INVALID,
			"%s: unknown value \"%s\"; did you mean \"%s\"?", where, text,
			nearest.best);
	return error_set(err, ERROR_INVALID, "%s: unknown value \"%s\"", where, text);
}

/* `where` is how the user wrote it: "--parallelism" or "DEVENV_PARALLELISM". */
static int give_checked(struct args *args, const struct option *option, const char *text,
	const char *where, bool from_env, struct error *err)
{
	if (option->kind == OPTION_FLAG) {
		const char *word = option->also && strcasecmp(text, option->also) == 0 ? option->also
			: flag_word(text);

		if (!word && option->also)
			return error_set(err, ERROR_INVALID, "%s: \"%s\" is neither true, false nor %s",
				where, text, option->also);
		if (!word)
			return error_set(err, ERROR_INVALID, "%s: \"%s\" is neither true nor false",
				where, text);
		text = word;
	} else if (option->kind == OPTION_NUMBER && !(option->also && !strcmp(text, option->also))) {
		const char *c = text;

		while (isdigit((unsigned char)*c))
			c++;
		if (*c || c == text || c - text > 9)
			return error_set(err, ERROR_INVALID, option->also
				? "%s: \"%s\" is neither a whole number nor %s"
				: "%s: \"%s\" is not a whole number", where, text, option->also);
		if (strtol(text, NULL, 10) < option->least)
			return error_set(err, ERROR_INVALID, "%s: at least %d", where, option->least);
	} else if (option->kind == OPTION_DURATION && duration_parse(text) == DURATION_INVALID) {
		return error_set(err, ERROR_INVALID,
			"%s: \"%s\" is not a duration such as 30s, 5m or 1h30m", where, text);
	} else if (option->kind == OPTION_MOMENT &&
		moment_parse(text, clock_wall(&clock_system)) == MOMENT_INVALID) {
		return error_set(err, ERROR_INVALID, "%s: \"%s\" is neither how long ago, such as 10m, nor a "
			"time such as 2026-11-21T03:16:38Z", where, text);
	} else if (option->choices && check_choice(option, text, where, err) < 0) {
		return -1;
	}
	give(args, option, text, from_env);
	return 0;
}

static void try_options(struct nearest *nearest, const struct option *option)
{
	for (; option && option->name; option++) {
		nearest_try(nearest, option->name);
		if (option->alias)
			nearest_try(nearest, option->alias);
	}
}

static int unknown_option(struct parse *p, const char *word, const char *name)
{
	const struct command *command = p->args->command;
	const char *instead = option_instead(command, word);
	struct nearest nearest = {.word = name};

	if (instead)
		return error_set(p->err, ERROR_INVALID, "%.*s: %s", (int)strcspn(word, "="), word, instead);
	if (command)
		try_options(&nearest, command->options);
	try_options(&nearest, global_options);
	nearest_try(&nearest, "help");
	nearest_try(&nearest, "version");
	if (nearest.best)
		return error_set(p->err, ERROR_INVALID, "unknown option %s; did you mean --%s?",
			word, nearest.best);
	return error_set(p->err, ERROR_INVALID, "unknown option %s; see `devenv %s%s--help`", word,
		command ? command->name : "", command ? " " : "");
}

/* The next word as a value; a missing one is a mistake. */
static int give_next(struct parse *p, const struct option *option, const char *where)
{
	if (p->at >= p->argc)
		return error_set(p->err, ERROR_INVALID, "%s needs a value: %s", where,
			option->argument ? option->argument : "VALUE");
	return give_checked(p->args, option, p->argv[p->at++], where, false, p->err);
}

/* 1: it was one; 0: no long option of that name; -1: a mistake. `name` is without its dashes. */
static int parse_long(struct parse *p, const char *name)
{
	struct args *args = p->args;
	const char *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const char *bare = arena_strndup(args->arena, name, len);
	const struct option *option = option_find(args->command, bare);
	const char *where = arena_printf(args->arena, "--%s", bare);

	if (!option && strncmp(bare, "no-", 3) == 0) {
		option = option_find(args->command, bare + 3);
		if (!option || option->kind != OPTION_FLAG || equals)
			return 0;
		give(args, option, "false", false);
		return 1;
	}
	if (!option && !equals && strcmp(bare, "help") == 0)
		return args->help = true, 1;
	if (!option && !equals && strcmp(bare, "version") == 0)
		return args->version = true, 1;
	if (!option)
		return 0;
	if (equals)
		return give_checked(args, option, equals + 1, where, false, p->err) < 0 ? -1 : 1;
	if (option->kind == OPTION_FLAG)
		return give(args, option, "true", false), 1;
	return give_next(p, option, where) < 0 ? -1 : 1;
}

/* "-qy", "-C dir", "-Cdir", "-C=dir". */
static int parse_letters(struct parse *p, const char *word)
{
	struct args *args = p->args;

	for (const char *c = word + 1; *c; c++) {
		const struct option *option = option_find_letter(args->command, args->called, *c);
		const char *where = arena_printf(args->arena, "-%c", *c);

		if (option_accepted(args->command, where))
			continue;
		if (!option && *c == 'h') {
			args->help = true;
			continue;
		}
		if (!option)
			return unknown_option(p, c == word + 1 ? word : where, word + 1);
		if (option->kind == OPTION_FLAG) {
			give(args, option, option->off == *c ? "false" : "true", false);
			continue;
		}
		if (!c[1])
			return give_next(p, option, where);
		return give_checked(
			args, option, c[1] == '=' ? c + 2 : c + 1, where, false, p->err);
	}
	return 0;
}

static int parse_option(struct parse *p, const char *word)
{
	const char *name = word + (word[1] == '-' ? 2 : 1);
	bool letters = word[1] != '-';
	int found;

	if (letters && !word[2])
		return parse_letters(p, word);
	if (option_accepted(p->args->command, word))
		return 0;
	found = parse_long(p, name);
	if (found)
		return found < 0 ? -1 : 0;
	if (letters && (option_find_letter(p->args->command, p->args->called, word[1]) ||
		option_accepted(p->args->command, arena_printf(p->args->arena, "-%c", word[1]))))
		return parse_letters(p, word);
	return unknown_option(p, word, arena_strndup(p->args->arena, name, strcspn(name, "=")));
}

/* Is `word` the first word of commands with two ("config show")? */
static bool is_group(const char *word)
{
	size_t len = strlen(word);

	for (const struct command *const *c = command_table; *c; c++)
		if (strncmp((*c)->name, word, len) == 0 && (*c)->name[len] == ' ')
			return true;
	return false;
}

static void try_commands(struct nearest *nearest, const char *group)
{
	size_t len = group ? strlen(group) : 0;

	for (const struct command *const *c = command_table; *c; c++) {
		const char *name = (*c)->name;

		if (!(*c)->group)
			continue;
		if (group && strncmp(name, group, len) == 0 && name[len] == ' ')
			nearest_try(nearest, name + len + 1);
		else if (!group)
			nearest_try(nearest, name);
		for (const char *const *a = (*c)->aliases; a && *a && !group; a++)
			nearest_try(nearest, *a);
	}
}

static int parse_command(struct parse *p, const char *word)
{
	struct args *args = p->args;
	struct nearest nearest = {.word = word};
	const char *name = word;

	if (args->group)
		name = arena_printf(args->arena, "%s %s", args->group, word);
	args->command = command_find(name);
	args->called = name;
	if (args->command)
		return 0;
	if (!args->group && is_group(word)) {
		args->group = word;
		return 0;
	}
	try_commands(&nearest, args->group);
	if (nearest.best)
		return error_set(p->err, ERROR_INVALID,
			"unknown command \"%s\"; did you mean `devenv %s%s%s`?", name,
			args->group ? args->group : "", args->group ? " " : "", nearest.best);
	return error_set(p->err, ERROR_INVALID, "unknown command \"%s\"; see `devenv help`", name);
}

static const struct argument *argument_at(const struct command *command, size_t n)
{
	const struct argument *argument = command->arguments;

	for (size_t i = 0; argument && argument->name; argument++, i++)
		if (i == n || (argument->flags & (ARGUMENT_REPEATED | ARGUMENT_REST)))
			return argument;
	return NULL;
}

static int add_positional(struct parse *p, const char *word)
{
	struct args *args = p->args;

	/* "sync" is a command, and the first word of others. */
	if (!args->n_positional && !args->n_given && is_group(args->command->name)) {
		const struct command *longer = command_find(
			arena_printf(args->arena, "%s %s", args->command->name, word));

		if (longer) {
			args->command = longer;
			return 0;
		}
	}
	if (!argument_at(args->command, args->n_positional))
		return error_set(p->err, ERROR_INVALID, "`devenv %s` takes no argument \"%s\"",
			args->command->name, word);
	ARENA_GROW(args->arena, args->positional, args->n_positional, args->cap_positional);
	args->positional[args->n_positional++] = word;
	return 0;
}

static bool rest_follows(const struct args *args)
{
	const struct argument *argument;

	if (!args->command)
		return false;
	argument = argument_at(args->command, args->n_positional);
	return argument && (argument->flags & ARGUMENT_REST);
}

static int parse_words(struct parse *p)
{
	bool options = true;

	while (p->at < p->argc) {
		const char *word = p->argv[p->at++];
		int failed;

		if (options && strcmp(word, "--") == 0) {
			options = false;
			continue;
		}
		if (options && word[0] == '-' && word[1])
			failed = parse_option(p, word);
		else if (!p->args->command)
			failed = parse_command(p, word);
		else
			failed = add_positional(p, word);
		if (failed)
			return -1;
		if (rest_follows(p->args) && p->at < p->argc && p->argv[p->at][0] != '-')
			options = false;
	}
	return 0;
}

static int parse_env_value(struct args *args, const struct option *option, const char *text,
	const char *where, struct error *err)
{
	if (!option->repeatable)
		return give_checked(args, option, text, where, true, err);
	while (*text) {
		size_t len = strcspn(text, "\n");

		if (len && give_checked(args, option, arena_strndup(args->arena, text, len), where,
				true, err) < 0)
			return -1;
		text += len + (text[len] == '\n');
	}
	return 0;
}

static int parse_env(struct args *args, const struct option *options, const char *const *env,
	struct error *err)
{
	for (const struct option *option = options; option && option->name; option++) {
		char name[64];
		const char *text = option_env_get(env, option_env(option, name));

		/* An empty variable is none; an option of a command shadows a global one. */
		if (!text || !*text || args_given(args, option->name))
			continue;
		if (parse_env_value(args, option, text, option_env(option, name), err) < 0)
			return -1;
	}
	return 0;
}

static int check_positional(const struct args *args, struct error *err)
{
	const struct argument *argument = args->command->arguments;

	for (size_t i = 0; argument && argument->name; argument++, i++)
		if (i >= args->n_positional && !(argument->flags & ARGUMENT_OPTIONAL))
			return error_set(err, ERROR_INVALID,
				"`devenv %s` needs %s; see `devenv %s --help`", args->command->name,
				argument->name, args->command->name);
	return 0;
}

int args_parse(struct args *args, struct arena *arena, int argc, const char *const *argv,
	const char *const *env, struct error *err)
{
	struct parse p = {.args = args, .argv = argv, .argc = argc, .err = err};

	*args = (struct args){.arena = arena};
	if (parse_words(&p) < 0)
		return -1;
	ARENA_GROW(arena, args->positional, args->n_positional, args->cap_positional);
	args->positional[args->n_positional] = NULL;
	if (args->command && parse_env(args, args->command->options, env, err) < 0)
		return -1;
	if (parse_env(args, global_options, env, err) < 0)
		return -1;
	if (args->help || args->version || !args->command)
		return 0;
	return check_positional(args, err);
}

static const struct option *declared(const struct args *args, const char *name)
{
	const struct option *option = option_find(args->command, name);

	if (!option)
		BUG("option --%s is not in the table", name);
	return option;
}

static const struct given *last_given(const struct args *args, const struct option *option)
{
	for (size_t i = args->n_given; i > 0; i--)
		if (args->given[i - 1].option == option)
			return &args->given[i - 1];
	return NULL;
}

const char *args_text(const struct args *args, const char *name)
{
	const struct option *option = declared(args, name);
	const struct given *given = last_given(args, option);

	return given ? given->text : option->fallback;
}

bool args_flag(const struct args *args, const char *name)
{
	const char *text = args_text(args, name);

	return text && strcmp(text, "false") != 0;
}

long args_number(const struct args *args, const char *name)
{
	const char *text = args_text(args, name);

	if (text && declared(args, name)->also && !strcmp(text, declared(args, name)->also))
		return -1;
	return text ? strtol(text, NULL, 10) : 0;
}

int64_t args_moment(const struct args *args, const char *name, int64_t now)
{
	const char *text = args_text(args, name);

	return text ? moment_parse(text, now) : 0;
}

int64_t args_duration(const struct args *args, const char *name)
{
	const char *text = args_text(args, name);

	return text ? duration_parse(text) : 0;
}

bool args_given(const struct args *args, const char *name)
{
	return last_given(args, declared(args, name)) != NULL;
}

bool args_typed(const struct args *args, const char *name)
{
	const struct option *option = declared(args, name);

	for (size_t i = 0; i < args->n_given; i++) {
		if (args->given[i].option == option && !args->given[i].from_env)
			return true;
	}
	return false;
}

const char *const *args_list(const struct args *args, const char *name)
{
	const struct option *option = declared(args, name);
	const char **list;
	size_t n = 0;

	for (size_t i = 0; i < args->n_given; i++)
		n += args->given[i].option == option;
	if (!n)
		return NULL;
	list = arena_zalloc(args->arena, (n + 1) * sizeof(*list));
	n = 0;
	for (size_t i = 0; i < args->n_given; i++)
		if (args->given[i].option == option)
			list[n++] = args->given[i].text;
	return list;
}

const char *args_positional(const struct args *args, size_t n)
{
	return n < args->n_positional ? args->positional[n] : NULL;
}
