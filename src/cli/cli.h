/*
 * What every command gets: the parsed options, the two streams, an arena for the whole call; and
 * the few steps that most commands share. stdout carries the result, stderr progress and errors;
 * with --json everything is one NDJSON stream on stdout.
 */
#ifndef DEVENV_CLI_CLI_H
#define DEVENV_CLI_CLI_H

#include "base/clock.h"
#include "base/diag.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "engine/reconcile.h"

struct cli {
	struct args args;
	struct arena arena;
	struct stream out, err;
	const struct clock *clock;
	const char *const *env; /* as environ */
	bool json, quiet, verbose, debug;
	int64_t stage_started;  /* --debug: when the stage that runs now began */
};

/* The whole program but for main's own business. Returns the exit status. */
int cli_main(int argc, char **argv, char **env);

/* Errors that are no diagnostics of a manifest. Returns the exit status that goes with it. */
int cli_fail(struct cli *cli, const struct error *err);
/* "command line: MESSAGE" and where to read more; EXIT_USAGE. */
int cli_usage(struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A sentence for the person on stderr; nothing with -q; a "message" line with --json. */
void cli_note(struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* --- reconciling (session.c) ------------------------------------------------------------------ */

/* Fills what comes before reconcile_load: files, variables, home, options of the plan that the
   command has. Release with session_end. */
int session_init(struct cli *cli, struct reconcile *r, struct error *err);
void session_end(struct cli *cli, struct reconcile *r);
/* load; then open, observe and plan. What they report is printed; 0, or the exit status. */
int session_load(struct cli *cli, struct reconcile *r);
/* To destroy or to stop, after session_init: a manifest with mistakes is no obstacle, not knowing the environment is. */
int session_load_any(struct cli *cli, struct reconcile *r);
int session_open(struct cli *cli, struct reconcile *r, enum state_mode mode);
int session_plan(struct cli *cli, struct reconcile *r, enum state_mode mode);
/* For commands of one step: load, open, `step`, end. The exit status is that of `step`. */
int session_run(struct cli *cli, enum state_mode mode,
	int (*step)(struct cli *cli, struct reconcile *r));
/* For commands about the whole home: its state, read; no manifest. */
int session_home_state(struct cli *cli, int (*step)(struct cli *cli, struct state *state));
/* For commands about what is recorded: state and records, and the manifest if it can be read, so
   that its secrets are known. Its mistakes are no obstacle; they are printed where `loud`. */
int session_records(struct cli *cli, struct reconcile *r, enum state_mode mode, bool loud);
/* Prints what `r->diags` holds, else `err`. Returns EXIT_FAILED. */
int session_fail(struct cli *cli, struct reconcile *r, const struct error *err);
void session_warnings(struct cli *cli, struct reconcile *r);
/* DEVENV_HOME, else ~/.devenv; absolute, in the arena. */
int session_home(struct cli *cli, const char **out, struct error *err);
/* "user@host", for the history. */
const char *session_actor(struct cli *cli);

/* Can a person be asked? A terminal on stdin and stderr, and no --json. */
bool cli_interactive(const struct cli *cli);
/* Asks on stderr; only the word "yes" is a yes. */
bool cli_confirm(struct cli *cli, const char *question);

#endif
