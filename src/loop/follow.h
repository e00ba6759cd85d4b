/*
 * Follows what a reconcile read: its trail in, what of it has changed since out. Folders are watched,
 * never files, and every folder in which a name decides: those of symbolic links on the way, and the
 * nearest one there is where a name is missing. What the helper says is only a hint to look again, so
 * nothing can be missed by an event that is not understood: a lost one makes everything be looked at.
 *
 * Where the helper is missing, watches are exhausted or a file system tells nothing of its changes,
 * files are looked at once a second instead; and all of them every half minute in any case.
 */
#ifndef DEVENV_LOOP_FOLLOW_H
#define DEVENV_LOOP_FOLLOW_H

#include "base/clock.h"
#include "base/trail.h"
#include "loop/notify.h"

enum {
	FOLLOW_POLL = 1000,       /* ms */
	FOLLOW_SAFETY = 30 * 1000,
};

struct folder;
struct follow_key;

struct follow {
	const struct clock *clock;
	const char *helper;    /* its path; NULL: none, files are polled */
	const char *root;      /* folders above what is followed are watched up to here */
	struct notify notify;
	struct trail trail;    /* what is followed */
	uint8_t *touched;      /* by item: it is to be looked at */
	uint8_t *changed;      /* by item: it is something else now */
	size_t n_changed;
	bool all_touched;
	bool relink;           /* a link or a folder on the way changed: where things lie is to be found anew */

	struct arena arena;    /* keys, and what each folder really is */
	struct map keys;
	struct follow_key *key_items;
	size_t n_keys, cap_keys;
	struct map reals;
	const char **real_items;
	size_t n_reals, cap_reals;

	struct folder *folders; /* watched, by the helper or by polling */
	size_t n_folders, cap_folders;
	struct map folder_index;
	unsigned round;
	size_t n_polled;

	int64_t polled_at, safety_at;
	unsigned restarts;
	bool activity;         /* something that is followed moved since follow_look was called last */
	char warning[512];     /* why files are polled; empty: they are not */
	bool warned;           /* it was told */
};

/* `helper` NULL: files are polled. `root` is borrowed. */
void follow_init(struct follow *follow, const struct clock *clock, const char *helper,
	const char *root);
void follow_release(struct follow *follow);
/*
 * From now on this trail is followed, which is taken over and left empty. When it returns, all watches
 * stand and what was not watched before has been looked at again: what changed since it was read shows.
 */
void follow_take(struct follow *follow, struct trail *trail);
/* Readable when there is something to look at; -1: nothing will be. */
int follow_fd(const struct follow *follow);
/* Looks at what events named, or the time asks for. Returns how many items more have changed. */
size_t follow_look(struct follow *follow);
/* When follow_look has something to do without an event; monotonic. */
int64_t follow_wake(const struct follow *follow);
/* Did what is followed move, though it may be as it was? Once. */
bool follow_activity(struct follow *follow);
/* Everything is looked at with the next call. */
void follow_doubt(struct follow *follow);
/* A changed file that someone still has open for writing; NULL: none. */
const char *follow_written(const struct follow *follow);
/* Why files are polled; NULL: they are not, or it was told. */
const char *follow_warning(struct follow *follow);

#endif
