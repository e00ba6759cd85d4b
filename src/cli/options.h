/*
 * What the user asked for: a command line and DEVENV_* variables, read by the table in command.h.
 * A value on the command line beats a variable, which beats the option's default.
 */
#ifndef DEVENV_CLI_OPTIONS_H
#define DEVENV_CLI_OPTIONS_H

#include "base/alloc.h"
#include "base/error.h"
#include "cli/command.h"

#include <stdbool.h>
#include <stdint.h>

struct given {
	const struct option *option;
	const char *text; /* of a flag "true" or "false" */
	bool from_env;
};

struct args {
	struct arena *arena;
	const struct command *command; /* NULL: none was named */
	const char *called;            /* the name or alias that stood there */
	const char *group;             /* "config": a first word that needs a second; else NULL */
	bool help;                     /* -h, --help */
	bool version;                  /* --version */
	struct given *given;           /* in the order given; variables after them */
	size_t n_given, cap_given;
	const char **positional;       /* NULL-terminated */
	size_t n_positional, cap_positional;
};

/*
 * `argv` without the program's name, `env` as environ; both are borrowed. -1 for a mistake, with a
 * message that names the nearest word; args->command is set as far as it is known.
 */
int args_parse(struct args *args, struct arena *arena, int argc, const char *const *argv,
	const char *const *env, struct error *err);

/* `name` must be an option of the command or a global one; anything else is a bug. */
bool args_flag(const struct args *args, const char *name);
/* The last value; the option's default; else NULL. */
const char *args_text(const struct args *args, const char *name);
long args_number(const struct args *args, const char *name);
int64_t args_duration(const struct args *args, const char *name); /* milliseconds */
int64_t args_moment(const struct args *args, const char *name, int64_t now); /* 0: not given */
/* All values, NULL-terminated, in the arena; NULL for none. */
const char *const *args_list(const struct args *args, const char *name);
bool args_given(const struct args *args, const char *name);
/* On the command line: a variable may be meant for another command. */
bool args_typed(const struct args *args, const char *name);
/* The n-th argument that is no option; NULL: not there. */
const char *args_positional(const struct args *args, size_t n);

/* The value of NAME in an environ-like array; NULL: unset. */
const char *option_env_get(const char *const *env, const char *name);

#endif
