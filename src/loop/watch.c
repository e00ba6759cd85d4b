/*
 * When to reconcile. One thread, one place that waits; whatever it is woken by, it looks at the files
 * and the time and decides anew, so that no order of events can leave it waiting for nothing.
 */
#include "loop/watch.h"

#include "base/fs.h"
#include "loop/watch_internal.h"
#include "loop/worktree.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { CAUSES = 3 };

int64_t watch_now(const struct watch *w)
{
	return clock_monotonic(w->options->clock);
}

void watch_prepare(struct watch *w, struct reconcile *r)
{
	reconcile_init(r);
	w->hooks->prepare(w->hooks->arg, r);
	r->input.parsed = &w->parsed;
}

void watch_tell(struct watch *w, struct watch_event event)
{
	w->hooks->tell(w->hooks->arg, &event);
}

void watch_wait_for(struct watch *w, const char *text)
{
	if (strcmp(w->waiting.text, text ? text : "") != 0)
		watch_tell(w, (struct watch_event){.kind = WATCH_WAITING, .text = text});
	strbuf_reset(&w->waiting);
	if (text)
		strbuf_addstr(&w->waiting, text);
}

/* --- changes ----------------------------------------------------------------------------------- */

static void describe_cause(struct watch *w)
{
	size_t named = 0;

	strbuf_reset(&w->cause);
	for (size_t i = 0; i < w->follow.trail.n; i++) {
		const char *path = w->follow.trail.items[i].path;

		if (!w->follow.changed[i])
			continue;
		live_note(&w->live, path);
		if (named == CAUSES)
			continue;
		strbuf_addf(&w->cause, "%s%s", named++ ? ", " : "",
			w->root ? fs_relative(w->root, path) : path);
	}
	if (w->follow.n_changed > named)
		strbuf_addf(&w->cause, " and %zu more", w->follow.n_changed - named);
}

/* Soon, but a thing that comes and goes all the time must not keep us looking at it. */
static void take_hint(struct watch *w)
{
	int64_t now = watch_now(w), next;

	if (!w->hint_gap || now - w->hinted_at > WATCH_HINT_MOST)
		w->hint_gap = WATCH_HINT_GAP / 2;
	next = w->hinted_at + w->hint_gap;
	w->hint_at = now + WATCH_HINT > next || !w->hinted_at ? now + WATCH_HINT : next;
}

static void look(struct watch *w)
{
	size_t found = follow_look(&w->follow);
	bool activity = follow_activity(&w->follow);
	const char *warning = follow_warning(&w->follow);

	if (warning)
		watch_tell(w, (struct watch_event){.kind = WATCH_WARNING, .text = warning});
	if (found)
		w->dirty = true;
	if (found || (activity && w->dirty))
		quiet_change(&w->quiet, watch_now(w), found);
	if (w->n_held && watch_state_moved(w))
		w->asked = true;
	if (hints_read(&w->hints) && !w->hint_at)
		take_hint(w);
}

/* --- the time ---------------------------------------------------------------------------------- */

static bool in_storm(const struct watch *w)
{
	return w->quiet.crowded && watch_now(w) - w->quiet.first >= WATCH_PREVIEW;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return b && b < a ? b : a;
}

/* When something may start; INT64_MAX: only when something happens. */
static int64_t due(const struct watch *w)
{
	int64_t at = INT64_MAX;

	if (w->paused && !w->asked)
		return INT64_MAX;
	if (w->asked)
		at = 1;
	if (w->dirty) { /* whatever else is due comes with it */
		at = earlier(at, quiet_until(&w->quiet, w->strong));
	} else {
		at = earlier(at, w->retry_at);
		at = earlier(at, w->drift_at);
		at = earlier(at, w->hint_at);
	}
	return w->busy_until && at < w->busy_until ? w->busy_until : at;
}

/* In a storm the plan is shown as it grows. */
static int64_t preview_due(const struct watch *w)
{
	int64_t at = w->previewed_at + WATCH_PREVIEW;

	if (!w->dirty || w->own || w->paused || !in_storm(w) || w->busy_until > watch_now(w))
		return INT64_MAX;
	return at > 1 ? at : 1;
}

static int64_t wake(const struct watch *w)
{
	int64_t at = earlier(earlier(due(w), follow_wake(&w->follow)), preview_due(w));

	if (w->n_held)
		at = earlier(at, watch_now(w) + FOLLOW_POLL);
	return follow_wake(&w->follow) <= 0 ? 0 : at;
}

/* Nothing starts in a worktree that git is switching, or on a file that is still being written. */
static bool is_busy(struct watch *w)
{
	struct arena arena = ARENA_INIT;
	const char *written, *who = NULL;

	if (w->git_lock && access(w->git_lock, F_OK) == 0)
		who = arena_printf(&arena, "git holds %s", w->git_lock);
	else if ((written = follow_written(&w->follow)))
		who = arena_printf(&arena, "someone still writes %s", written);
	w->busy_until = who ? watch_now(w) + WATCH_BUSY : 0;
	if (who && watch_now(w) - w->quiet.last > QUIET_STRONG)
		watch_wait_for(w, who);
	arena_release(&arena);
	return who != NULL;
}

static enum watch_why why_now(const struct watch *w)
{
	int64_t now = watch_now(w);

	if (!w->started)
		return WHY_START;
	if (w->asked)
		return WHY_ASKED;
	if (w->dirty && quiet_until(&w->quiet, w->strong) <= now)
		return WHY_CHANGE;
	if (w->retry_at && w->retry_at <= now)
		return WHY_RETRY;
	return WHY_DRIFT;
}

/* What changed since the last plan; a person's change lets run again what was held for its own. */
static void announce(struct watch *w)
{
	if (!w->dirty)
		strbuf_reset(&w->cause);
	if (!w->follow.n_changed)
		return;
	describe_cause(w);
	if (w->own)
		return;
	watch_tell(w, (struct watch_event){.kind = WATCH_CHANGED, .text = w->cause.text});
	ran_forget(w);
}

static void pass(struct watch *w)
{
	enum watch_why why = why_now(w);

	if (is_busy(w))
		return;
	announce(w);
	if (why == WHY_CHANGE && watch_is_live(w) && watch_copy(w) == 0) {
		w->dirty = false;
		quiet_end(&w->quiet);
		watch_wait_for(w, NULL);
		return;
	}
	if (why == WHY_RETRY)
		w->retry_at = 0;
	watch_pass(w, why);
	if (w->live.n && !w->dirty && !w->options->plan_only)
		watch_copy(w); /* into what is new */
	if (!w->started && w->root) {
		w->started = true;
		watch_tell(w, (struct watch_event){.kind = WATCH_FOLLOWING, .n = w->follow.trail.n,
			.folders = w->follow.n_folders});
	}
	if (w->options->drift_interval)
		w->drift_at = watch_now(w) + w->options->drift_interval;
	if (w->hint_at) { /* whatever the reason was, reality has been looked at */
		w->hinted_at = watch_now(w);
		w->hint_gap = w->hint_gap * 2 < WATCH_HINT_MOST ? w->hint_gap * 2 : WATCH_HINT_MOST;
		w->hint_at = 0;
	}
}

static void preview(struct watch *w)
{
	w->previewed_at = watch_now(w);
	if (is_busy(w) || w->options->plan_only)
		return;
	announce(w);
	watch_pass(w, WHY_PREVIEW);
	w->previewed_at = watch_now(w);
}

/* --- people ------------------------------------------------------------------------------------ */

static void obey(struct watch *w, enum watch_key key)
{
	switch (key) {
	case WATCH_KEY_APPLY:
		w->asked = true;
		break;
	case WATCH_KEY_PAUSE:
		w->paused = !w->paused;
		watch_tell(w, (struct watch_event){
			.kind = w->paused ? WATCH_PAUSED : WATCH_RESUMED});
		break;
	case WATCH_KEY_APPROVE:
		w->approve = w->asked = w->n_held > 0;
		break;
	case WATCH_KEY_QUIT:
		w->ended = true;
		break;
	case WATCH_KEY_NONE:
		break;
	}
}

static void wait_for_something(struct watch *w, int signals)
{
	struct pollfd fds[] = {
		{.fd = signals, .events = POLLIN},
		{.fd = follow_fd(&w->follow), .events = POLLIN},
		{.fd = w->hooks->input, .events = POLLIN},
		{.fd = hints_fd(&w->hints), .events = POLLIN},
	};
	int64_t left = wake(w) - watch_now(w);
	struct signalfd_siginfo info;

	if (left < 0)
		left = 0;
	if (poll(fds, ARRAY_SIZE(fds), left > FOLLOW_SAFETY ? FOLLOW_SAFETY : (int)left) < 0)
		return;
	while (read(signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			w->asked = true;
		else if (info.ssi_signo == SIGWINCH)
			w->hooks->resize(w->hooks->arg);
		else
			w->ended = true;
	}
	if (fds[2].revents)
		obey(w, w->hooks->key(w->hooks->arg));
}

static int open_signals(sigset_t *old)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGWINCH);
	pthread_sigmask(SIG_BLOCK, &set, old);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void run(struct watch *w, int signals)
{
	w->asked = true;
	pass(w);
	while (!w->ended) {
		wait_for_something(w, signals);
		look(w);
		if (w->ended)
			break;
		if (due(w) <= watch_now(w))
			pass(w);
		else if (preview_due(w) <= watch_now(w))
			preview(w);
	}
}

int watch_run(const struct watch_options *options, const struct watch_hooks *hooks, struct error *err)
{
	struct watch w = {.options = options, .hooks = hooks, .cause = STRBUF_INIT,
		.waiting = STRBUF_INIT};
	const char *helper = NULL;
	struct error missing = ERROR_INIT;
	sigset_t old;
	int signals = open_signals(&old);

	/* The kernel asks for a lease back with SIGIO (base/trail); nobody has to answer. */
	signal(SIGIO, SIG_IGN);
	if (signals < 0)
		return error_errno(err, "listen to signals");
	if (!options->poll && notify_find(options->self, &w.arena, &helper, &missing) < 0)
		watch_tell(&w, (struct watch_event){.kind = WATCH_WARNING, .text = arena_printf(&w.arena,
			"%s; files are looked at once a second instead", missing.msg)});
	w.git_lock = worktree_lock(options->directory, &w.arena);
	follow_init(&w.follow, options->clock, helper, "/");
	run(&w, signals);
	follow_release(&w.follow);
	ran_release(&w);
	live_release(&w.live);
	hints_release(&w.hints);
	parsed_release(&w.parsed);
	free(w.held);
	strbuf_release(&w.cause);
	strbuf_release(&w.waiting);
	arena_release(&w.arena);
	close(signals);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return 0;
}
