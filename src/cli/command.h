/*
 * The command line as data. One table of commands and options is the source of parsing, --help,
 * "did you mean", DEVENV_* variables, shell completion, the man page and docs/cli.md, so that they
 * cannot disagree. A command is added by writing cmd_NAME.c and listing it in command.c.
 */
#ifndef DEVENV_CLI_COMMAND_H
#define DEVENV_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

struct cli;

enum option_kind {
	OPTION_FLAG,     /* --x, --x=false, --no-x */
	OPTION_TEXT,
	OPTION_NUMBER,   /* a whole number, `least` or more */
	OPTION_DURATION, /* "30s", "5m"; a bare number is in seconds */
	OPTION_MOMENT,   /* a date and time, or how long ago: moment_parse */
};

/* What a shell offers for a value. */
enum complete {
	COMPLETE_NONE,
	COMPLETE_FILE,
	COMPLETE_DIRECTORY,
	COMPLETE_ENVIRONMENT, /* names below .devenv/environments */
	COMPLETE_ADDRESS,     /* resources of the manifest and of state */
	COMPLETE_RECORDED,    /* resources of state only */
	COMPLETE_RUNNING,     /* of these what can run, also by the name behind the dot */
	COMPLETE_OUTPUT,      /* outputs of the manifest */
	COMPLETE_CHOICES,
	COMPLETE_COMMAND,     /* names of commands */
	COMPLETE_SECRET,      /* secrets that devenv generates */
	COMPLETE_SCHEMA,      /* names of schema files and resource types */
};

struct option {
	const char *name;       /* "auto-approve": --auto-approve, or -auto-approve */
	const char *alias;      /* another long name; NULL: none */
	char letter;            /* 0: none */
	const char *letter_as;  /* the letter means this only where the command is called so; NULL: always */
	char off;               /* a letter that switches a flag off; 0: none */
	enum option_kind kind;
	int least;              /* of a number */
	bool repeatable;        /* several values; its variable holds one a line */
	const char *argument;   /* what its value is called; NULL for flags */
	const char *help;       /* one sentence without a full stop */
	const char *also;       /* of a flag or a number: one more value that it can have; a flag is on then,
	                           a number is -1. NULL: none */
	const char *fallback;   /* the value when nothing is said; NULL: unset */
	const char *env;        /* its variable; NULL: DEVENV_ and the name in capitals */
	const char *const *choices; /* NULL-terminated; NULL: any */
	enum complete complete;
};

enum argument_flag {
	ARGUMENT_OPTIONAL = 1 << 0,
	ARGUMENT_REPEATED = 1 << 1, /* the last one only */
	ARGUMENT_REST = 1 << 2,     /* everything from here is passed on, options too */
};

struct argument {
	const char *name; /* "ADDRESS" */
	unsigned flags;
	enum complete complete;
	const char *const *choices;
};

/* What Compose has and we have not: what to do instead. */
struct refusal {
	const char *word;    /* "--no-start"; or of a group of letters "-V" */
	const char *instead; /* a sentence without a full stop */
};

struct example {
	const char *what;    /* "Destroy without asking" */
	const char *command; /* "devenv destroy --yes" */
};

struct command {
	const char *name;           /* "plan", "config show" */
	const char *const *aliases; /* NULL-terminated or NULL */
	const char *group;          /* heading in `devenv help`; NULL: hidden */
	const char *summary;        /* one line without a full stop */
	const char *description;    /* paragraphs with an empty line between, no other breaks */
	const struct option *options;     /* ends with a name of NULL; may be NULL */
	const struct argument *arguments; /* ends with a name of NULL; may be NULL */
	const struct example *examples;   /* ends with a command of NULL; may be NULL */
	const char *const *accepted;      /* flags of Compose that ask for what is done anyway; or NULL */
	const struct refusal *refused;    /* ends with a word of NULL; may be NULL */
	bool raw;                         /* its result is a file of its own kind, --json or not */
	int (*run)(struct cli *cli);      /* returns the exit status */
};

/* Exit statuses; docs/cli.md explains them. */
enum exit_status {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_CHANGES = 2,      /* plan --detailed-exitcode: there is something to do */
	EXIT_HELD = 3,         /* all done but for what needs approval */
	EXIT_USAGE = 64,
	EXIT_INTERRUPTED = 130,
	EXIT_PIPE = 141, /* nobody reads on; what was to be done is done */
};

/* Every command, in the order of the help. Ends with NULL. */
extern const struct command *const command_table[];
extern const struct option global_options[];

/* By name or alias; NULL: none. */
const struct command *command_find(const char *name);
/* Of the command, else global; `command` may be NULL. By long name or alias. */
const struct option *option_find(const struct command *command, const char *name);
/* `called`: the name or alias that the command was called by; NULL: whichever. */
const struct option *option_find_letter(const struct command *command, const char *called, char letter);
/* What to do instead of "--no-start"; NULL: nothing is known of it. */
const char *option_instead(const struct command *command, const char *word);
/* "-d", "--detach" ... */
bool option_accepted(const struct command *command, const char *word);
/* "DEVENV_LOCK_TIMEOUT"; `out` has room for 64 bytes. Returns the name. */
const char *option_env(const struct option *option, char *out);

#endif
