/*
 * Reads the words before the cursor as the parser would, but without judging them, to know the
 * command and whether a value is wanted. See complete.h.
 */
#include "cli/complete.h"

#include <stdio.h>
#include <string.h>

struct completion {
	struct strbuf *out;
	const char *prefix;  /* what the candidates must begin with */
	const char *before;  /* put before each: "--format=" */
	const struct complete_source *source;

	const struct command *command;
	const char *group;   /* first word of a command of two */
	size_t arguments;    /* that stand before the cursor */
	bool only_arguments; /* after "--" */
};

static void offer(void *arg, const char *value, const char *description)
{
	struct completion *c = arg;

	if (strncmp(value, c->prefix, strlen(c->prefix)) != 0)
		return;
	strbuf_addf(c->out, "%s%s", c->before, value);
	if (description)
		strbuf_addf(c->out, "\t%s", description);
	strbuf_addch(c->out, '\n');
}

static void offer_kind(struct completion *c, enum complete kind, const char *const *choices)
{
	for (; choices && *choices; choices++)
		offer(c, *choices, NULL);
	if (kind == COMPLETE_FILE)
		strbuf_addstr(c->out, ":file\n");
	else if (kind == COMPLETE_DIRECTORY)
		strbuf_addstr(c->out, ":directory\n");
	else if (kind != COMPLETE_NONE && kind != COMPLETE_CHOICES && c->source->values)
		c->source->values(c->source->arg, kind, offer, c);
}

/* Is `first` the first word of the name, or all of it? */
static bool begins(const char *name, const char *first, size_t len)
{
	return strncmp(name, first, len) == 0 && (name[len] == ' ' || !name[len]);
}

static void offer_second_words(struct completion *c, const char *first)
{
	size_t len = strlen(first);

	for (const struct command *const *at = command_table; *at; at++) {
		const char *name = (*at)->name;

		if ((*at)->group && begins(name, first, len) && name[len])
			offer(c, name + len + 1, (*at)->summary);
	}
}

static void offer_commands(struct completion *c)
{
	for (const struct command *const *at = command_table; *at; at++) {
		const char *name = (*at)->name, *space = strchr(name, ' ');

		if (!(*at)->group)
			continue;
		if (!space) {
			offer(c, name, (*at)->summary);
		} else if (at == command_table || !begins(at[-1]->name, name, (size_t)(space - name))) {
			char first[32] = "";

			strncat(first, name, (size_t)(space - name));
			offer(c, first, NULL);
		}
		for (const char *const *alias = (*at)->aliases; alias && *alias; alias++)
			offer(c, *alias, (*at)->summary);
	}
}

static void offer_options(struct completion *c, const struct option *option)
{
	for (; option && option->name; option++) {
		char word[64] = "--";

		strncat(word, option->name, sizeof(word) - 3);
		offer(c, word, option->help);
	}
}

/* The option that a word is, when its value is the next word. */
static const struct option *wants_value(const struct completion *c, const char *word)
{
	const struct option *option = NULL;

	if (word[0] != '-' || !word[1] || strchr(word, '='))
		return NULL;
	option = option_find(c->command, word + (word[1] == '-' ? 2 : 1));
	if (!option && word[1] != '-' && !word[2])
		option = option_find_letter(c->command, NULL, word[1]);
	return option && option->kind != OPTION_FLAG ? option : NULL;
}

/* A first word may be a command of its own, too: `sync`, and `sync now`. */
static void see_word(struct completion *c, const char *word)
{
	const char *first = c->command ? c->command->name : c->group;
	const struct command *command = NULL;
	char name[64];

	if (!first)
		command = command_find(word);
	else if (!c->arguments && snprintf(name, sizeof(name), "%s %s", first, word) < (int)sizeof(name))
		command = command_find(name);
	if (command)
		c->command = command;
	else if (c->command)
		c->arguments++;
	else
		c->group = word;
}

static const struct argument *argument_at(const struct completion *c)
{
	const struct argument *argument = c->command->arguments;

	for (size_t i = 0; argument && argument->name; argument++, i++)
		if (i == c->arguments || argument->flags & (ARGUMENT_REPEATED | ARGUMENT_REST))
			return argument;
	return NULL;
}

static void offer_argument(struct completion *c)
{
	const struct argument *argument = argument_at(c);

	if (!c->arguments)
		offer_second_words(c, c->command->name);
	if (argument)
		offer_kind(c, argument->complete, argument->choices);
}

/* "--format=tr": the value of an option in the same word. */
static bool offer_attached(
	struct completion *c, const char *word, char *before, size_t size, bool bare)
{
	const char *equals = strchr(word, '=');
	char name[64] = "";
	const struct option *option;
	size_t dashes = strspn(word, "-");

	if (!equals || (size_t)(equals - word) >= sizeof(name) ||
		(size_t)(equals - word) + 2 > size)
		return false;
	strncat(name, word + dashes, (size_t)(equals - word) - dashes);
	option = option_find(c->command, name);
	if (!option)
		return false;
	before[0] = '\0';
	if (!bare)
		strncat(before, word, (size_t)(equals - word) + 1);
	c->before = before;
	c->prefix = equals + 1;
	offer_kind(c, option->complete, option->choices);
	return true;
}

void complete_words(struct strbuf *out, const char *const *words, size_t n, bool bare,
	const struct complete_source *source)
{
	struct completion c = {
		.out = out, .prefix = n ? words[n - 1] : "", .before = "", .source = source};
	const struct option *waiting = NULL;
	char before[128];

	for (size_t i = 0; i + 1 < n; i++) {
		if (waiting) {
			waiting = NULL;
		} else if (!c.only_arguments && strcmp(words[i], "--") == 0) {
			c.only_arguments = true;
		} else if (!c.only_arguments && words[i][0] == '-') {
			waiting = wants_value(&c, words[i]);
		} else {
			see_word(&c, words[i]);
		}
	}
	if (waiting) {
		offer_kind(&c, waiting->complete, waiting->choices);
	} else if (!c.only_arguments && c.prefix[0] == '-') {
		if (offer_attached(&c, c.prefix, before, sizeof(before), bare))
			return;
		if (c.command)
			offer_options(&c, c.command->options);
		offer_options(&c, global_options);
	} else if (!c.command && c.group) {
		offer_second_words(&c, c.group);
	} else if (!c.command) {
		offer_commands(&c);
	} else {
		offer_argument(&c);
	}
}
