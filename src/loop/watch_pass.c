/*
 * One reconcile of the loop: read, look again whether what was read still stands, decide, act. A pass
 * that finds something changed under it does nothing; the next one sees it.
 */
#include "base/fs.h"
#include "engine/manage.h"
#include "loop/watch_internal.h"
#include "loop/worktree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what a pass leaves ----------------------------------------------------------------------- */

static void stamp_state(const struct watch *w, struct trail_stamp *out)
{
	static const char *const names[] = {"state.db", "state.db-wal"};
	struct arena arena = ARENA_INIT;
	struct stat st;

	*out = (struct trail_stamp){0};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (stat(fs_join(&arena, w->options->home, names[i]), &st) < 0)
			continue;
		out->size += st.st_size;
		out->inode += st.st_ino;
		out->modified.tv_sec += st.st_mtim.tv_sec;
		out->modified.tv_nsec += st.st_mtim.tv_nsec;
	}
	arena_release(&arena);
}

bool watch_state_moved(struct watch *w)
{
	struct trail_stamp now;
	bool moved;

	stamp_state(w, &now);
	moved = memcmp(&now, &w->state, sizeof(now)) != 0;
	w->state = now;
	return moved;
}

static void note_held(struct watch *w, const struct plan *plan)
{
	w->n_held = 0;
	for (size_t i = 0; i < plan->n; i++) {
		if (!plan->changes[i].hold || !*plan->changes[i].approval)
			continue;
		VEC_GROW(w->held, w->n_held, w->cap_held);
		memcpy(w->held[w->n_held++], plan->changes[i].approval, sizeof(*w->held));
	}
}

/* The same mistake is told once, until something is saved. Whether it was now. */
static bool tell_broken(struct watch *w, struct reconcile *r, const struct error *err)
{
	const char *text = r->diags.n ? r->diags.items[0].message : err->msg;
	bool tell = w->cause.len || strncmp(w->broken, text, sizeof(w->broken) - 1) != 0;

	snprintf(w->broken, sizeof(w->broken), "%s", text);
	if (tell)
		watch_tell(w, (struct watch_event){.kind = WATCH_BROKEN, .r = r, .err = err});
	w->told = (struct hash){0};
	return tell;
}

/* Warnings are told when they are others than before, not with each look. */
static void mute_warnings(struct watch *w, struct reconcile *r)
{
	struct hasher hasher;
	struct hash now;

	hasher_init(&hasher);
	for (size_t i = 0; i < r->diags.n; i++)
		hasher_add_str(&hasher, r->diags.items[i].message, strlen(r->diags.items[i].message));
	hasher_finish(&hasher, &now);
	if (hash_equal(&now, &w->warned))
		r->diags.n = 0;
	w->warned = now;
}

static bool is_new(struct watch *w, const struct plan *plan)
{
	if (hash_equal(&w->told, &plan->hash))
		return false;
	w->told = plan->hash;
	return true;
}

/* --- stages ------------------------------------------------------------------------------------ */

/* A manifest that vanished must not give way to another one further up. */
static int check_root(struct watch *w, struct reconcile *r, struct error *err)
{
	if (!w->root) {
		w->root = arena_strdup(&w->arena, r->manifest.root);
		w->git_lock = worktree_lock(w->root, &w->arena);
		w->follow.root = w->root;
	}
	if (strcmp(w->root, r->manifest.root) == 0)
		return 0;
	return error_set(err, ERROR_NOT_FOUND, "the manifest of %s is gone, and %s belongs to another "
		"environment; nothing is touched until it is back", w->root, r->manifest.path);
}

/* Releases what was shown as held and is still so, and makes the plan again. */
static int approve(struct watch *w, struct reconcile *r, struct error *err)
{
	bool any = false;

	for (size_t i = 0; i < w->n_held; i++) {
		for (size_t k = 0; k < r->plan.n; k++) {
			const struct change *change = &r->plan.changes[k];

			if (!change->hold || strcmp(change->approval, w->held[i]) != 0)
				continue;
			if (manage_approve(r, w->held[i], w->options->actor, err) < 0)
				return -1;
			any = true;
		}
	}
	w->approve = false;
	return any ? reconcile_plan(r, err) : 0;
}

static int stages(struct watch *w, struct reconcile *r, bool write, struct error *err)
{
	if (reconcile_load(r, err) < 0 || check_root(w, r, err) < 0 ||
		reconcile_open(r, write ? STATE_WRITE : STATE_READ, "watch", err) < 0)
		return -1;
	r->options.excludes = ran_excludes(w, &r->arena);
	if (w->live.replaces)
		r->options.replaces = w->live.replaces;
	if (reconcile_observe(r, err) < 0 || reconcile_plan(r, err) < 0)
		return -1;
	return write && w->approve ? approve(w, r, err) : 0;
}

/* --- deciding ---------------------------------------------------------------------------------- */

static bool is_strong(const struct reconcile *r, const struct change *change)
{
	const struct type *type = change->node == NODE_NONE ? NULL
		: r->graph.nodes[change->node].resource->type;

	if (change->action == ACTION_DELETE || change->action == ACTION_REPLACE ||
		change->action == ACTION_STOP)
		return true;
	return type && type->flags & TYPE_JOB && change->action >= ACTION_ADOPT;
}

static bool is_drift(const struct change *change)
{
	for (size_t i = 0; i < change->n_reasons; i++) {
		enum reason_kind kind = change->reasons[i].kind;

		if (kind != REASON_DRIFT && kind != REASON_VANISHED && kind != REASON_STOPPED &&
			kind != REASON_UNREADY && kind != REASON_DEPENDENCY && kind != REASON_TRIGGERED)
			return false;
	}
	return change->n_reasons > 0;
}

struct due {
	size_t n, strong, drift;
};

static struct due count_due(const struct reconcile *r, const uint8_t *blocked)
{
	struct due due = {0};

	for (size_t i = 0; i < r->plan.n; i++) {
		const struct change *change = &r->plan.changes[i];

		if (!change_is_due(change, blocked))
			continue;
		due.n++;
		due.strong += is_strong(r, change);
		due.drift += is_drift(change);
	}
	return due;
}

static void schedule_retry(struct watch *w, bool tell)
{
	int64_t wait = WATCH_RETRY_LEAST;

	for (unsigned i = 0; i < w->failures && wait < WATCH_RETRY_MOST; i++)
		wait *= 2;
	if (wait > WATCH_RETRY_MOST)
		wait = WATCH_RETRY_MOST;
	w->failures++;
	w->retry_at = watch_now(w) + wait;
	if (tell)
		watch_tell(w, (struct watch_event){.kind = WATCH_RETRY, .ms = wait});
}

/* Applies the plan; afterwards looks at what the run itself may have changed. */
static void act(struct watch *w, struct reconcile *r, const uint8_t *blocked, bool own)
{
	struct apply_result result = {0};
	int status;

	ran_note(w, r, blocked, own);
	w->told = (struct hash){0};
	for (size_t i = 0; i < r->plan.n; i++)
		if (change_is_due(&r->plan.changes[i], blocked))
			hints_did(&w->hints, r->plan.changes[i].address);
	status = w->hooks->apply(w->hooks->arg, r, &result);
	hints_did_end(&w->hints, clock_wall(w->options->clock));
	w->acted = true;
	if (result.cancelled)
		w->ended = true;
	watch_tell(w, (struct watch_event){.kind = WATCH_APPLIED, .r = r, .result = &result});
	w->retry_at = 0;
	if (result.failed || result.unready || (status < 0 && !result.held))
		schedule_retry(w, true);
	else
		w->failures = 0;
	follow_doubt(&w->follow);
	/* What was unknown while planning (a file that this run made) was not read yet. */
	w->own = follow_look(&w->follow) > 0 || r->plan.counts.deferred;
	if (!w->own)
		return;
	w->dirty = true;
	quiet_end(&w->quiet);
	quiet_change(&w->quiet, watch_now(w), 1);
	quiet_crowd(&w->quiet);
}

/* The plan changes something. Is now the time? */
static void decide(struct watch *w, struct reconcile *r, enum watch_why why, bool own, bool unseen)
{
	uint8_t *blocked = watch_blocked(r);
	struct due due = count_due(r, blocked);
	struct watch_event event = {.kind = WATCH_PLANNED, .r = r};

	if (why == WHY_DRIFT && due.n > due.drift) {
		/* What was copied waits for a reason to be built in. Else a file changed so shortly before
		   that no event has told it yet. */
		if (!unseen)
			return;
		w->dirty = true;
		quiet_change(&w->quiet, watch_now(w), 1);
		quiet_crowd(&w->quiet);
		return;
	}
	w->strong = due.strong && why == WHY_CHANGE && watch_now(w) < quiet_until(&w->quiet, true);
	if (why == WHY_DRIFT && !w->options->repair_drift)
		event.kind = WATCH_DRIFT;
	else if (w->options->plan_only && why != WHY_ASKED)
		event.wait = WAIT_PERSON;
	else if (!due.n && r->plan.counts.held)
		event.wait = WAIT_APPROVAL;
	else if (why == WHY_PREVIEW || w->strong)
		event.wait = WAIT_QUIET;
	if (own && due.n == due.drift && !w->options->repair_drift && due.n)
		event.kind = WATCH_DRIFT; /* what our run changed asks for nothing; this moved by itself */
	if (is_new(w, &r->plan))
		watch_tell(w, event);
	if (event.kind == WATCH_PLANNED && event.wait == WAIT_NOT && due.n)
		act(w, r, blocked, own);
}

/* Nothing that was read may have changed since. */
static bool still_stands(struct watch *w, enum watch_why why)
{
	size_t found = follow_look(&w->follow);

	if (!found)
		return true;
	quiet_change(&w->quiet, watch_now(w), found);
	quiet_crowd(&w->quiet);
	w->dirty = true;
	if (why == WHY_START || why == WHY_ASKED)
		w->asked = true;
	return false;
}

static void settle(struct watch *w, struct reconcile *r, enum watch_why why, bool unseen)
{
	bool own = w->own;

	note_held(w, &r->plan);
	w->broken[0] = '\0';
	if (own && ran_hold(w, r, watch_blocked(r))) {
		struct error err = ERROR_INIT;

		r->options.excludes = ran_excludes(w, &r->arena);
		if (reconcile_plan(r, &err) < 0) {
			tell_broken(w, r, &err);
			return;
		}
	}
	w->dirty = w->own = false;
	if (r->plan.has_changes) {
		decide(w, r, why, own, unseen);
	} else {
		w->strong = false;
		w->retry_at = 0;
		w->failures = 0;
		if (!own && why != WHY_DRIFT && why != WHY_PREVIEW)
			watch_tell(w, (struct watch_event){.kind = WATCH_UNCHANGED, .r = r});
		w->told = r->plan.hash;
	}
	if (w->strong || why == WHY_PREVIEW) {
		w->dirty = true; /* it is not done yet */
		w->own |= own;
	}
	if (!w->dirty)
		quiet_end(&w->quiet);
}

/*
 * What no edit mends (a full disk, an engine that is down, a port that somebody has) may be better next
 * time: also what is a mistake to the plan. Of those that a look at reality finds, the next one knows.
 */
static void try_again(struct watch *w, const struct reconcile *r, const struct error *err,
	enum watch_why why, bool told)
{
	bool mistake = err->code == ERROR_INVALID || err->code == ERROR_NOT_FOUND;

	if (why == WHY_DRIFT || (mistake && !r->state))
		return;
	if (why == WHY_CHANGE)
		w->failures = 0;
	schedule_retry(w, told);
}

/* -1: it cannot be read, opened or planned. */
static void fail(struct watch *w, struct reconcile *r, const struct error *err, enum watch_why why)
{
	if (err->code == ERROR_LOCKED) {
		watch_wait_for(w, err->msg);
		w->busy_until = watch_now(w) + WATCH_LOCKED;
		w->dirty = true;
		if (why == WHY_START || why == WHY_ASKED)
			w->asked = true;
		return;
	}
	/* An editor that removes a file and writes it anew is not told that it is missing. */
	if ((err->code == ERROR_NOT_FOUND || w->vanished) && why == WHY_CHANGE &&
		watch_now(w) < quiet_until(&w->quiet, true)) {
		w->strong = w->dirty = true;
		return;
	}
	w->dirty = w->strong = w->own = false;
	quiet_end(&w->quiet);
	try_again(w, r, err, why, tell_broken(w, r, err));
}

void watch_pass(struct watch *w, enum watch_why why)
{
	bool look = why == WHY_PREVIEW || (why == WHY_DRIFT && !w->options->repair_drift) ||
		    (w->options->plan_only && why != WHY_ASKED);
	struct trail trail = {0};
	struct error err = ERROR_INIT;
	struct reconcile r;
	int64_t since = clock_wall(w->options->clock);
	bool unseen;
	int status;

	w->acted = false;
	watch_prepare(w, &r);
	r.trail = &trail;
	status = stages(w, &r, !look, &err);
	trail_open(&trail);
	live_mark(&r);
	trail_open(NULL);
	unseen = watch_differs(w, &trail);
	w->vanished = watch_lacks(w, &trail);
	if (status < 0) { /* what was not reached this time is followed all the same */
		watch_mark_changed(w, &trail);
		trail_join(&trail, &w->follow.trail);
	}
	follow_take(&w->follow, &trail);
	w->asked = false;
	if (status == 0 || err.code != ERROR_LOCKED)
		watch_wait_for(w, NULL);
	if (!still_stands(w, why)) {
		r.diags.n = 0; /* the next one tells it */
	} else if (status < 0) {
		fail(w, &r, &err, why);
		r.diags.n = 0; /* what is not told now is forgiven, or known */
	} else {
		mute_warnings(w, &r);
		settle(w, &r, why, unseen);
	}
	if (status == 0) {
		live_take(&w->live, &r);
		if (!w->dirty)
			live_made(&w->live);
		if (w->options->drift_interval && !w->ended)
			hints_take(&w->hints, &r, w->acted, since);
	}
	w->hooks->leave(w->hooks->arg, &r);
	reconcile_release(&r);
	trail_release(&trail);
	stamp_state(w, &w->state);
}
