/*
 * When is it quiet enough? Pure: changes and the time in, the moment to start out.
 *
 * A save that stands alone has its quiet behind it: it starts at once. Where changes come in numbers,
 * creates and updates start after 50 ms of quiet; what destroys or runs something waits for 1 s, so that
 * a branch switch or an editor that deletes and writes anew does not tear down what comes back.
 */
#ifndef DEVENV_LOOP_QUIET_H
#define DEVENV_LOOP_QUIET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	QUIET_LONE = 5,    /* ms; for the second file of an editor's "save all" */
	QUIET_WEAK = 50,
	QUIET_STRONG = 1000,
};

struct quiet {
	int64_t before; /* the last change of the burst before this one */
	int64_t first, last;
	size_t n;       /* different things that changed in this burst; 0: nothing did */
	bool crowded;   /* not a lone save, whatever n says */
};

/* `n` things more have changed, or (0) what had changed already did so again. */
void quiet_change(struct quiet *quiet, int64_t now, size_t n);
/* A change that was noticed late (while something ran, by a rescan) says nothing about when it was. */
void quiet_crowd(struct quiet *quiet);
/* What changed was looked at: the next change begins a new burst. */
void quiet_end(struct quiet *quiet);
/* From when on it may start; `strong` when something is destroyed, replaced or run. */
int64_t quiet_until(const struct quiet *quiet, bool strong);

#endif
