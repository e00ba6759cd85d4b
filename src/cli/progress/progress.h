/*
 * What a person or a program sees while a plan is applied. One of three: a live tree on a terminal,
 * plain lines in a pipe, NDJSON with --json; each takes the engine's events. None of them is asked
 * for with -q; failures are then printed at the end.
 */
#ifndef DEVENV_CLI_PROGRESS_PROGRESS_H
#define DEVENV_CLI_PROGRESS_PROGRESS_H

#include "base/clock.h"
#include "cli/terminal.h"
#include "engine/apply/apply.h"

enum progress_kind {
	PROGRESS_NONE, /* only failures */
	PROGRESS_PLAIN,
	PROGRESS_LIVE,
	PROGRESS_JSON,
};

enum { LIVE_LINES = 40 };

/* One action that runs now. */
struct activity {
	const struct change *change;
	enum action action;
	char *text;            /* the provider's last line, or what it waits for; NULL: none */
	int64_t started;       /* monotonic */
	int64_t expected;
	int64_t announced;     /* plain: when the last line about it was printed */
	bool waiting;          /* done, not ready yet */
};

struct progress {
	enum progress_kind kind;
	struct stream *stream;
	const struct clock *clock;
	const struct plan *plan;
	bool verbose;          /* the provider's lines are printed, too */
	int parallelism;       /* how many actions at once; 0: as many as there are */
	int64_t started;

	struct activity *running; /* in the order of their start */
	size_t n, cap;
	size_t done, total;    /* of the whole run, from the last event */
	bool cancelling, rolling_back;

	/* Live only. */
	struct strbuf above;   /* lines that stay, above the tree with the next frame */
	int widths[LIVE_LINES]; /* of the lines of the tree on the screen */
	int drawn;             /* how many */
	int64_t drawn_at;
	unsigned frame;
	uint8_t *finished;     /* by node of the graph: to say who still waits for what runs */
	uint32_t *change_of;   /* by node: index into plan->changes; NODE_NONE: none */
	int64_t left;          /* ms until the end, by recorded durations; 0: not known */
	int64_t left_at;       /* when that was computed */
};

void progress_init(struct progress *progress, enum progress_kind kind, struct stream *stream,
	const struct clock *clock, const struct plan *plan, bool verbose);
/* For apply_options.event; `arg` is the progress. */
void progress_event(void *arg, const struct event *event);
/* Takes the tree off the screen. Call it before anything else is printed. */
void progress_end(struct progress *progress);
void progress_release(struct progress *progress);

/* --- shared by the three ---------------------------------------------------------------------- */

const char *action_doing(enum action action); /* "creating" */
const char *action_done(enum action action);  /* "created" */
enum action event_action(const struct event *event);
struct activity *progress_find(struct progress *progress, const struct change *change);
/* "✗ local_file.a: creating failed: ...", with the last lines of output; also blocked and held. */
void progress_add_outcome(struct strbuf *buf, const struct terminal *terminal,
	const struct event *event);

void progress_plain(struct progress *progress, const struct event *event);
void progress_json(struct progress *progress, const struct event *event);
void progress_live(struct progress *progress, const struct event *event);
void progress_live_init(struct progress *progress);
void progress_live_end(struct progress *progress);

#endif
