/*
 * Live sync within the loop: a change of files that are all copied needs no plan. They are followed from
 * then on as they were copied, so that the next plan does not come because of them.
 */
#include "base/fs.h"
#include "loop/watch_internal.h"

#include <string.h>
#include <sys/stat.h>

bool watch_is_live(const struct watch *w)
{
	if (!w->follow.n_changed || w->own || w->strong)
		return false;
	for (size_t i = 0; i < w->follow.trail.n; i++)
		if (w->follow.changed[i] && !live_covers(&w->live, w->follow.trail.items[i].path))
			return false;
	return true;
}

bool watch_differs(const struct watch *w, const struct trail *trail)
{
	for (size_t i = 0; i < trail->n; i++) {
		const struct trail_item *now = &trail->items[i];
		const struct trail_item *before = trail_find(&w->follow.trail, now->path);

		if (live_covers(&w->live, now->path))
			continue;
		if (!before || before->stamp.type != now->stamp.type)
			return true;
		if (now->hashed && before->hashed ? !hash_equal(&now->hash, &before->hash)
			: now->content && !trail_stamp_same(&now->stamp, &before->stamp))
			return true;
	}
	return false;
}

bool watch_lacks(const struct watch *w, const struct trail *trail)
{
	for (size_t i = 0; i < trail->n; i++) {
		const struct trail_item *now = &trail->items[i];
		const struct trail_item *before = trail_find(&w->follow.trail, now->path);

		if (!now->stamp.type && before && before->stamp.type)
			return true;
	}
	return false;
}

static void tell(void *arg, bool failed, const char *text)
{
	watch_tell(arg, (struct watch_event){
		.kind = failed ? WATCH_WARNING : WATCH_COPIED, .text = text});
}

/* Leaves the mark of who reads it as it was read before. */
static void mark_again(const struct trail_item *item)
{
	struct arena arena = ARENA_INIT;
	const char *const *names;
	struct hash hash;
	size_t n;

	if (item->content && S_ISDIR(item->stamp.type))
		fs_list(item->path, &arena, &names, &n, NULL);
	else if (item->content && S_ISREG(item->stamp.type))
		hash_file(item->path, &hash, NULL);
	fs_exists(item->path);
	arena_release(&arena);
}

void watch_mark_changed(const struct watch *w, struct trail *trail)
{
	trail_open(trail);
	for (size_t i = 0; i < w->follow.trail.n; i++)
		if (w->follow.changed[i] && !trail_find(trail, w->follow.trail.items[i].path))
			mark_again(&w->follow.trail.items[i]);
	trail_open(NULL);
}

static void follow_anew(struct watch *w, const struct reconcile *r)
{
	struct trail next = {0};

	trail_open(&next);
	live_mark(r);
	for (size_t i = 0; i < w->follow.trail.n; i++) /* a build context counts as read now */
		if (live_covers(&w->live, w->follow.trail.items[i].path))
			mark_again(&w->follow.trail.items[i]);
	trail_open(NULL);
	trail_join(&next, &w->follow.trail);
	follow_take(&w->follow, &next);
	follow_doubt(&w->follow); /* what changed while it was copied shows */
}

int watch_copy(struct watch *w)
{
	struct trail now = {0};
	struct error err = ERROR_INIT;
	struct reconcile r;
	bool restarts = false;
	int status = -1;

	watch_prepare(w, &r);
	if (reconcile_load(&r, &err) == 0 &&
		reconcile_open(&r, STATE_READ, "watch", &err) == 0) {
		follow_anew(w, &r);
		trail_open(&now);
		live_mark(&r);
		trail_open(NULL);
		for (size_t i = 0; i < w->live.n; i++) {
			if (w->live.rules[i].action != LIVE_RESTART)
				continue;
			hints_did(&w->hints, w->live.rules[i].address); /* it did not stop by itself */
			restarts = true;
		}
		live_push(&w->live, &r, &now, tell, w);
		if (restarts)
			hints_did_end(&w->hints, clock_wall(w->options->clock));
		status = 0;
	}
	r.diags.n = 0; /* a plan tells it */
	w->hooks->leave(w->hooks->arg, &r);
	reconcile_release(&r);
	trail_release(&now);
	return status;
}
