/*
 * What a person or a program sees of `devenv watch`: a line for everything that happens, and on a
 * terminal below them one view of how things stand, with the keys.
 */
#ifndef DEVENV_CLI_WATCH_VIEW_H
#define DEVENV_CLI_WATCH_VIEW_H

#include "cli/cli.h"
#include "loop/watch.h"

#include <termios.h>

enum { WATCH_ROWS = 8 };

struct watch_view {
	struct cli *cli;
	bool screen;           /* the view below the lines */
	bool keys;             /* the terminal hands every key over at once */
	struct termios before; /* with `keys` */
	int widths[WATCH_ROWS]; /* of the lines of the view on the screen */
	int drawn;             /* how many */
	/* How things stand; texts on the heap, empty: nothing. `last` is the last change and why. */
	size_t nodes, changes, held, drifted;
	size_t made, failed;   /* by the run that is under way */
	bool paused;
	struct strbuf last, error, waiting;
	int64_t last_at;       /* wall clock */
	enum watch_key pending; /* typed while something ran */
	bool asking;            /* whose logs? `typed` so far */
	struct strbuf typed;
};

void watch_view_init(struct watch_view *view, struct cli *cli);
void watch_view_release(struct watch_view *view);
void watch_view_tell(struct watch_view *view, const struct watch_event *event);
/* What a run does, while it does it. */
void watch_view_run(struct watch_view *view, const struct event *event);
/* Around everything else that prints. */
void watch_view_hide(struct watch_view *view);
void watch_view_draw(struct watch_view *view);
/* WATCH_KEY_NONE also for a key that is none. `l` asks for a name, and what is typed belongs to it until
   it ends: then *logs is the name ("": everything), else NULL. */
enum watch_key watch_view_key(struct watch_view *view, const char **logs);

#endif
