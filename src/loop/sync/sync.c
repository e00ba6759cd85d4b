/*
 * When: each remote at its own interval with some jitter, so that many machines do not ask at once; a
 * failure waits longer each time; SIGHUP, `sync now` and push events look at once. One thing at a time:
 * two applies never overlap. What another depends on comes before it.
 */
#include "loop/sync/internal.h"

#include "base/fs.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	BACKOFF_FIRST = 5000,     /* ms */
	BACKOFF_MOST = 15 * 60000,
	WAIT_MOST = 3600 * 1000,
};

static void tell(struct loop *loop, const struct sync *sync, enum sync_event_kind kind,
	const char *text, int64_t ms)
{
	loop->hooks->tell(loop->hooks->arg, &(struct sync_event){
		.kind = kind, .spec = sync->spec, .text = text, .ms = ms});
}

/* --- order -------------------------------------------------------------------------------------- */

static struct sync *find(struct loop *loop, const char *name)
{
	for (size_t i = 0; i < loop->n; i++) {
		if (strcmp(loop->syncs[i].spec->name, name) == 0)
			return &loop->syncs[i];
	}
	return NULL;
}

static bool is_listed(const struct sync_options *options, const char *name)
{
	for (size_t i = 0; i < options->n_specs; i++) {
		if (strcmp(options->specs[i].name, name) == 0)
			return true;
	}
	return false;
}

/* Everything that `spec` depends on has its place already. */
static bool is_ready(struct loop *loop, const struct sync_spec *spec)
{
	for (const char *const *name = spec->depends_on; name && *name; name++) {
		if (!find(loop, *name))
			return false;
	}
	return true;
}

static int check_names(const struct sync_options *options, struct error *err)
{
	for (size_t i = 0; i < options->n_specs; i++) {
		const struct sync_spec *spec = &options->specs[i];

		for (size_t k = 0; k < i; k++) {
			if (strcmp(options->specs[k].name, spec->name) == 0)
				return error_set(err, ERROR_INVALID, "two syncs are called %s",
					spec->name);
		}
		for (const char *const *name = spec->depends_on; name && *name; name++) {
			if (!is_listed(options, *name))
				return error_set(err, ERROR_INVALID,
					"%s depends on %s, and no sync is called so", spec->name,
					*name);
		}
	}
	return 0;
}

static int put_in_order(struct loop *loop, struct error *err)
{
	const struct sync_options *options = loop->options;
	size_t before;

	loop->syncs = xcalloc(options->n_specs, sizeof(*loop->syncs));
	do {
		before = loop->n;
		for (size_t i = 0; i < options->n_specs; i++) {
			const struct sync_spec *spec = &options->specs[i];

			if (find(loop, spec->name) || !is_ready(loop, spec))
				continue;
			loop->syncs[loop->n++] = (struct sync){
				.spec = spec, .loop = loop, .lock = LOCK_INIT, .now = -1, .force = true};
		}
	} while (loop->n > before);
	if (loop->n < options->n_specs)
		return error_set(err, ERROR_INVALID, "syncs depend on each other in a circle");
	return 0;
}

/* --- one round ---------------------------------------------------------------------------------- */

static uint64_t next_random(struct loop *loop)
{
	loop->random ^= loop->random << 13; /* xorshift: only to scatter */
	loop->random ^= loop->random >> 7;
	loop->random ^= loop->random << 17;
	return loop->random;
}

static bool wants_retry(enum sync_result result)
{
	return result == SYNC_FAILED || result == SYNC_UNREACHABLE || result == SYNC_BROKEN;
}

/* Within 10 % of the interval; after failures twice as long each time. */
static void set_next(struct sync *sync)
{
	struct loop *loop = sync->loop;
	int64_t wait = sync->spec->interval;

	if (wants_retry(sync->result)) {
		int64_t least = BACKOFF_FIRST;

		for (int i = 1; i < sync->failures && least < BACKOFF_MOST; i++)
			least *= 2;
		if (least > BACKOFF_MOST)
			least = BACKOFF_MOST;
		wait = sync->failures > 1 && least > wait ? least : wait < least ? wait : least;
	}
	wait += (int64_t)(next_random(loop) % (uint64_t)(wait / 5 + 1)) - wait / 10;
	sync->next = clock_monotonic(loop->options->clock) + (wait > 0 ? wait : 1);
	if (wants_retry(sync->result) && !loop->options->once)
		tell(loop, sync, SYNC_EVENT_RETRY, NULL, wait);
}

/* The first that is not well of those it depends on; NULL: it may go. */
static const char *waits_for(struct sync *sync)
{
	for (const char *const *name = sync->spec->depends_on; name && *name; name++) {
		if (!find(sync->loop, *name)->ok)
			return *name;
	}
	return NULL;
}

static void wait_for(struct sync *sync, const char *name)
{
	struct round round = {.sync = sync, .result = SYNC_WAITING};

	round.message = arena_printf(&round.arena, "for %s", name);
	if (sync->result != SYNC_WAITING)
		sync->loop->hooks->tell(sync->loop->hooks->arg, &(struct sync_event){
			.kind = SYNC_EVENT_RESULT, .spec = sync->spec, .result = SYNC_WAITING,
			.text = round.message});
	sync->result = SYNC_WAITING;
	set_next(sync);
	sync->finished = sync->started;
	files_write_status(sync, &round);
	round_release(&round);
}

/* Was its URL fetched in this pass already? */
static bool is_fetched(const struct sync *sync)
{
	const struct loop *loop = sync->loop;

	for (size_t i = 0; i < loop->n; i++) {
		const struct sync *other = &loop->syncs[i];

		if (other->fetched_at == loop->pass && strcmp(other->clone, sync->clone) == 0)
			return true;
	}
	return false;
}

static bool is_well(const struct sync *sync, const struct round *round)
{
	const char *last = round->known || round->judged ? round->record.result : NULL;

	(void)sync;
	return last && (strcmp(last, "ok") == 0 || strcmp(last, "seen") == 0);
}

/* Whether the next round plans, whatever the commit is. One that broke before it judged a commit has left
   everything as it was. */
static bool needs_plan(const struct sync *sync, const struct round *round)
{
	return round->result == SYNC_FAILED || round->result == SYNC_HELD ||
	       (round->result == SYNC_BROKEN && round->judged) ||
	       (sync->force && (round->result == SYNC_UNREACHABLE || round->result == SYNC_BROKEN));
}

static void run_round(struct sync *sync)
{
	struct loop *loop = sync->loop;
	const char *missing = waits_for(sync);
	struct round round;

	sync->started++;
	sync->looked = clock_monotonic(loop->options->clock);
	if (missing) {
		wait_for(sync, missing);
		return;
	}
	files_write_status(sync, NULL);
	round_run(&round, sync, is_fetched(sync));
	sync->checked_at = clock_wall(loop->options->clock);
	sync->result = round.result;
	sync->ok = is_well(sync, &round);
	sync->failures = wants_retry(round.result) ? sync->failures + 1 : 0;
	sync->force = needs_plan(sync, &round);
	set_next(sync);
	sync->finished = sync->started;
	files_write_status(sync, &round);
	if (round.news)
		reports_add(loop->reports, &round);
	round_release(&round);
}

/* --- waiting ------------------------------------------------------------------------------------ */

static void take_requests(struct loop *loop, bool hurry)
{
	for (size_t i = 0; i < loop->n; i++) {
		if (!files_asked(&loop->syncs[i]) && !hurry)
			continue;
		loop->syncs[i].next = 0;
		loop->syncs[i].force = true;
	}
}

static int64_t next_of(const struct loop *loop, int64_t report)
{
	int64_t next = report;

	for (size_t i = 0; i < loop->n; i++) {
		if (!next || loop->syncs[i].next < next)
			next = loop->syncs[i].next;
	}
	return next;
}

static void wait_for_something(struct loop *loop, int64_t until)
{
	struct pollfd *fds = xcalloc(loop->n + 2, sizeof(*fds));
	int64_t wait = until - clock_monotonic(loop->options->clock);
	uint64_t ignored;

	if (wait > WAIT_MOST)
		wait = WAIT_MOST;
	fds[0] = (struct pollfd){.fd = loop->signals.wake, .events = POLLIN};
	for (size_t i = 0; i < loop->n; i++)
		fds[i + 1] = (struct pollfd){.fd = loop->syncs[i].now, .events = POLLIN};
	fds[loop->n + 1] = (struct pollfd){.fd = loop->listener.child.pid ? loop->listener.child.out : -1,
		.events = POLLIN};
	signals_busy(&loop->signals, wait + 30000);
	poll(fds, loop->n + 2, wait > 0 ? (int)wait : 0);
	while (read(loop->signals.wake, &ignored, sizeof(ignored)) > 0)
		;
	free(fds);
}

static bool stops(const struct loop *loop)
{
	return atomic_load(&loop->signals.stop);
}

static void run_due(struct loop *loop)
{
	loop->pass++;
	for (size_t i = 0; i < loop->n && !stops(loop); i++) {
		if (loop->syncs[i].next <= clock_monotonic(loop->options->clock))
			run_round(&loop->syncs[i]);
	}
}

static void notify(struct loop *loop, bool first)
{
	struct arena arena = ARENA_INIT;
	size_t well = 0;

	for (size_t i = 0; i < loop->n; i++)
		well += loop->syncs[i].ok;
	signals_notify(&loop->signals, arena_printf(&arena, "%sSTATUS=%zu of %zu syncs are well",
		first ? "READY=1\n" : "", well, loop->n));
	arena_release(&arena);
}

static void follow(struct loop *loop)
{
	for (bool first = true; !stops(loop); first = false) {
		int64_t report, again;

		run_due(loop);
		notify(loop, first);
		report = reports_send(loop->reports, loop);
		while (report && loop->options->once && !stops(loop)) {
			wait_for_something(loop, report);
			report = reports_send(loop->reports, loop);
		}
		if (loop->options->once || stops(loop))
			break;
		again = listener_take(loop);
		wait_for_something(loop, next_of(loop, again && (!report || again < report) ? again : report));
		take_requests(loop, atomic_exchange(&loop->signals.hurry, false));
		listener_take(loop);
	}
	signals_notify(&loop->signals, "STOPPING=1");
}

static enum sync_result worst_of(const struct loop *loop)
{
	enum sync_result worst = SYNC_UNCHANGED;

	for (size_t i = 0; i < loop->n; i++) {
		if (loop->syncs[i].result > worst)
			worst = loop->syncs[i].result;
	}
	return worst;
}

static int begin(struct loop *loop, struct arena *arena, struct error *err)
{
	const struct sync_options *options = loop->options;
	char seed[17];

	random_hex(seed, 16);
	loop->random = strtoull(seed, NULL, 16) | 1;
	loop->git = (struct git){.clock = options->clock, .cancel = &loop->signals.stop};
	if (git_helper(options->self, arena, &loop->git.helper, err) < 0 ||
		check_names(options, err) < 0 || put_in_order(loop, err) < 0)
		return -1;
	for (size_t i = 0; i < loop->n; i++) {
		if (files_prepare(&loop->syncs[i], err) < 0)
			return -1;
	}
	loop->reports = reports_new();
	if (listener_start(loop, err) < 0)
		return -1;
	return signals_start(&loop->signals, options->clock, err);
}

int sync_run(const struct sync_options *options, const struct sync_hooks *hooks,
	enum sync_result *worst, struct error *err)
{
	struct loop loop = {.options = options, .hooks = hooks, .signals = {.fd = -1, .wake = -1,
		.quit = -1}, .listener = {.child = PROCESS_CHILD_INIT, .in = STRBUF_INIT}};
	struct arena arena = ARENA_INIT;
	int status;

	pthread_sigmask(SIG_BLOCK, NULL, &loop.signals.before);
	status = begin(&loop, &arena, err);
	if (status == 0) {
		for (size_t i = 0; i < loop.n && !options->once; i++)
			tell(&loop, &loop.syncs[i], SYNC_EVENT_FOLLOWING, NULL, 0);
		follow(&loop);
		*worst = worst_of(&loop);
	}
	listener_stop(&loop);
	signals_stop(&loop.signals);
	for (size_t i = 0; i < loop.n; i++)
		files_release(&loop.syncs[i]);
	reports_free(loop.reports);
	free(loop.syncs);
	arena_release(&arena);
	return status;
}
