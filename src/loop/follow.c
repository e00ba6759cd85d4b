/* See follow.h: what changed. follow_folders.c says where to look for it. */
#include "loop/follow.h"

#include "base/fs.h"
#include "loop/follow_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SYNC = 10 * 1000, RESTARTS = 3 };

void follow_init(struct follow *f, const struct clock *clock, const char *helper, const char *root)
{
	*f = (struct follow){
		.clock = clock,
		.helper = helper,
		.root = root,
		.notify = NOTIFY_INIT,
		.polled_at = clock_monotonic(clock),
		.safety_at = clock_monotonic(clock),
	};
}

static void forget_keys(struct follow *f)
{
	map_release(&f->keys);
	map_release(&f->reals);
	arena_release(&f->arena);
	f->key_items = NULL;
	f->real_items = NULL;
	f->n_keys = f->cap_keys = f->n_reals = f->cap_reals = 0;
}

void follow_release(struct follow *f)
{
	notify_stop(&f->notify);
	forget_keys(f);
	folders_forget(f);
	trail_release(&f->trail);
	free(f->touched);
	free(f->changed);
	*f = (struct follow){.notify = NOTIFY_INIT};
}

void follow_poll_because(struct follow *f, const char *why)
{
	if (f->warning[0])
		return; /* the first reason is enough */
	snprintf(f->warning, sizeof(f->warning), "%s; files are looked at once a second instead", why);
}

const char *follow_warning(struct follow *f)
{
	if (!f->warning[0] || f->warned)
		return NULL;
	f->warned = true;
	return f->warning;
}

/* --- events ----------------------------------------------------------------------------------- */

static void touch(struct follow *f, uint32_t item)
{
	if (item == KEY_ALL) {
		f->all_touched = f->relink = true;
	} else {
		f->touched[item] = 1;
	}
	f->activity = true;
}

static void touch_key(struct follow *f, const char *key)
{
	for (uint32_t at = map_get(&f->keys, key); at != MAP_NONE; at = f->key_items[at].next)
		touch(f, f->key_items[at].item);
}

static void refuse(struct follow *f, const struct notify_event *event)
{
	char why[400];

	if (event->number == ENOENT || event->number == ENOTDIR) {
		f->all_touched = f->relink = true; /* it went while it was asked for */
		return;
	}
	if (event->number == ENOSPC)
		snprintf(why, sizeof(why), "no more folders can be watched: the limit "
			"fs.inotify.max_user_watches is reached (sysctl raises it)");
	else if (event->number == EMFILE || event->number == ENFILE)
		snprintf(why, sizeof(why), "folders cannot be watched: the limit "
			"fs.inotify.max_user_instances is reached (sysctl raises it)");
	else
		snprintf(why, sizeof(why), "%.300s cannot be watched: %s",
			*event->path ? event->path : "folders", strerror(event->number));
	folder_is_polled(f, event->path);
	follow_poll_because(f, why);
}

static void see(void *arg, const struct notify_event *event)
{
	struct follow *f = arg;
	const char *name = fs_name(event->path);
	char folder[4096 + 2];
	size_t len;

	if (event->kind == NOTIFY_LOST) {
		f->all_touched = f->relink = true;
		return;
	}
	if (event->kind == NOTIFY_REFUSED) {
		refuse(f, event);
		return;
	}
	touch_key(f, event->path);
	len = (size_t)(name - event->path); /* with its slash: the key of those who list it */
	if (len < sizeof(folder) && trail_name_counts(name)) {
		memcpy(folder, event->path, len);
		folder[len] = '\0';
		touch_key(f, folder);
	}
}

/* A helper that died is started again, with everything looked at; one that keeps dying is given up. */
static void start_helper(struct follow *f)
{
	struct error err = ERROR_INIT;

	if (!f->helper || notify_runs(&f->notify))
		return;
	if (f->restarts++ > RESTARTS) {
		f->helper = NULL;
		follow_poll_because(f, "devenv-watcher keeps ending");
		return;
	}
	if (notify_start(&f->notify, f->helper, &err) < 0) {
		f->helper = NULL;
		follow_poll_because(f, err.msg);
		return;
	}
	folders_ask_again(f);
	f->all_touched = true;
}

/* --- looking ---------------------------------------------------------------------------------- */

static void look_at(struct follow *f, size_t i, size_t *found)
{
	struct stat st;

	/* What was a file may be a link now, and lead to where nothing is watched yet. */
	if (f->touched[i] && lstat(f->trail.items[i].path, &st) == 0 && S_ISLNK(st.st_mode))
		f->relink = true;
	f->touched[i] = 0;
	if (f->changed[i] || !trail_item_changed(&f->trail.items[i]))
		return;
	f->changed[i] = 1;
	f->n_changed++;
	++*found;
}

static size_t look_at_touched(struct follow *f)
{
	size_t found = 0;

	for (size_t i = 0; i < f->trail.n; i++)
		if (f->all_touched || f->touched[i])
			look_at(f, i, &found);
	f->all_touched = false;
	return found;
}

static bool is_polling(const struct follow *f)
{
	return !f->helper || f->n_polled;
}

int64_t follow_wake(const struct follow *f)
{
	int64_t safety = f->safety_at + FOLLOW_SAFETY, poll = f->polled_at + FOLLOW_POLL;

	if (f->all_touched)
		return 0;
	return is_polling(f) && poll < safety ? poll : safety;
}

bool follow_activity(struct follow *f)
{
	bool activity = f->activity;

	f->activity = false;
	return activity;
}

void follow_doubt(struct follow *f)
{
	f->all_touched = true;
}

int follow_fd(const struct follow *f)
{
	return notify_runs(&f->notify) ? f->notify.child.out : -1;
}

const char *follow_written(const struct follow *f)
{
	for (size_t i = 0; i < f->trail.n && f->n_changed; i++)
		if (f->changed[i] && trail_item_is_written(&f->trail.items[i]))
			return f->trail.items[i].path;
	return NULL;
}

/* Until the helper has done what it was told. */
static void follow_settle(struct follow *f)
{
	if (!f->helper)
		return;
	if (notify_sync(&f->notify, SYNC, see, f) == 0) {
		f->restarts = 0;
		return;
	}
	start_helper(f);
	f->all_touched = true;
}

/* Where things lie; what changed before the watches stood shows by looking at everything after. */
static void find_anew(struct follow *f)
{
	f->relink = false;
	forget_keys(f);
	folders_find(f);
	follow_settle(f);
	f->all_touched = true;
}

size_t follow_look(struct follow *f)
{
	int64_t now = clock_monotonic(f->clock);

	if (f->helper && notify_read(&f->notify, see, f) < 0)
		start_helper(f);
	if (f->relink)
		find_anew(f);
	if (now >= follow_wake(f)) {
		f->all_touched = true;
		f->polled_at = now;
		if (now >= f->safety_at + FOLLOW_SAFETY)
			f->safety_at = now;
	}
	return look_at_touched(f);
}

/* --- another trail ---------------------------------------------------------------------------- */

/* Then everything lies where it lay. */
static bool is_alike(const struct follow *f, const struct trail *trail)
{
	if (f->relink || f->trail.n != trail->n)
		return false;
	for (size_t i = 0; i < trail->n; i++) {
		const struct trail_item *a = &f->trail.items[i], *b = &trail->items[i];

		if (strcmp(a->path, b->path) != 0 || a->stamp.type != b->stamp.type ||
			a->content != b->content)
			return false;
	}
	return true;
}

void follow_take(struct follow *f, struct trail *trail)
{
	bool alike = is_alike(f, trail);

	trail_release(&f->trail);
	f->trail = *trail;
	*trail = (struct trail){0};
	free(f->touched);
	free(f->changed);
	f->touched = xcalloc(f->trail.n + 1, 1);
	f->changed = xcalloc(f->trail.n + 1, 1);
	f->n_changed = 0;
	start_helper(f);
	if (alike)
		follow_settle(f);
	else
		find_anew(f);
}
