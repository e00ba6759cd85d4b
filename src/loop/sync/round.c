/*
 * One look at one remote. Each step either ends the round with a result or hands on to the next; until
 * the live folder is updated nothing has happened that anyone would notice, and a round that dies is
 * simply done again: the row in state is written last.
 */
#include "loop/sync/internal.h"

#include "base/fs.h"

#include <string.h>

/* How long a step may take (ms) before the watchdog is told no more that the loop moves. */
#define FETCH_BUSY (INT64_C(3700) * 1000)
#define LOCAL_BUSY (INT64_C(600) * 1000)
#define APPLY_BUSY (INT64_MAX / 2)

/* Ends the round; -1, so that a step can `return end(...)`. */
static int end(struct round *round, enum sync_result result, const char *message)
{
	round->result = result;
	round->message = message ? arena_strdup(&round->arena, message) : NULL;
	return -1;
}

static int end_error(struct round *round, enum sync_result result, const struct error *err)
{
	if (err->code == ERROR_CANCELLED)
		result = SYNC_INTERRUPTED;
	else if (err->code == ERROR_UNREACHABLE || err->code == ERROR_TIMEOUT)
		result = SYNC_UNREACHABLE;
	return end(round, result, err->msg);
}

static struct loop *loop_of(const struct round *round)
{
	return round->sync->loop;
}

static void tell(const struct round *round, enum sync_event_kind kind)
{
	const struct sync_hooks *hooks = loop_of(round)->hooks;

	hooks->tell(hooks->arg, &(struct sync_event){
		.kind = kind,
		.spec = round->sync->spec,
		.commit = round->found.commit ? &round->found : NULL,
		.signer = round->signer,
		.result = round->result,
		.text = round->message,
	});
}

/* --- state -------------------------------------------------------------------------------------- */

static int read_record(struct round *round)
{
	const struct sync_options *options = loop_of(round)->options;
	struct error err = ERROR_INIT;
	struct sync_record *all = NULL;
	struct state *state = state_open(options->home, STATE_READ, options->clock, &err);
	size_t n = 0;
	int status = state ? state_syncs(state, &round->arena, &all, &n, &err) : -1;

	state_free(state);
	if (status < 0)
		return end_error(round, SYNC_BROKEN, &err);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(all[i].name, round->sync->spec->name) == 0) {
			round->record = all[i];
			round->known = true;
		}
	}
	if (round->known && round->record.suspended)
		return end(round, SYNC_SUSPENDED, options->once
			? arena_printf(&round->arena, "%s; `devenv sync resume %s` goes on",
				round->record.suspended, round->sync->spec->name)
			: round->record.suspended);
	return 0;
}

static void fill_record(struct round *round)
{
	const struct sync_spec *spec = round->sync->spec;
	struct sync_record *record = &round->record;

	record->name = spec->name;
	record->url = spec->url;
	record->ref = *spec->value ? arena_printf(&round->arena, "%s %s", spec->kind, spec->value)
				   : spec->kind;
	record->root = round->sync->live;
	record->seen = round->found.commit;
	record->author = round->found.author;
	record->signer = round->signer;
	record->summary = round->found.summary;
	record->result = sync_result_str(round->result);
	record->message = round->message;
	record->changed_at = clock_wall(loop_of(round)->options->clock);
	if (round->task.environment)
		record->environment = round->task.environment;
	if (round->task.run)
		record->run = round->task.run;
}

static int put_record(struct state *state, const struct sync_record *record, struct error *err)
{
	if (state_begin(state, err) < 0)
		return -1;
	if (state_sync_put(state, record, err) < 0) {
		state_rollback(state);
		return -1;
	}
	return state_commit(state, err);
}

static void write_record(struct round *round)
{
	const struct sync_options *options = loop_of(round)->options;
	struct error err = ERROR_INIT;
	struct state *state;

	fill_record(round);
	state = state_open(options->home, STATE_WRITE, options->clock, &err);
	if (!state || put_record(state, &round->record, &err) < 0)
		end_error(round, SYNC_BROKEN, &err);
	state_free(state);
}

/* --- what there is ------------------------------------------------------------------------------ */

/* A judgement that stands until there is another commit, unless somebody asks. */
static bool is_final(const struct round *round)
{
	static const char *const settled[] = {"ok", "seen", "invalid", "refused"};
	const struct sync_record *record = &round->record;

	if (!round->known || round->sync->force || !record->seen)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(settled); i++) {
		if (strcmp(record->result, settled[i]) == 0)
			return true;
	}
	return false;
}

static bool is_settled(const struct round *round)
{
	return is_final(round) && strcmp(round->record.seen, round->found.commit) == 0;
}

static int look(struct round *round, bool fetched)
{
	const struct sync_spec *spec = round->sync->spec;
	const char *base = round->known ? round->record.applied : NULL;
	struct git git = loop_of(round)->git;
	struct error err = ERROR_INIT;
	int status;

	git.access = &spec->access;
	signals_busy(&loop_of(round)->signals, FETCH_BUSY);
	status = fetched ? git_resolve(&git, round->sync->clone, spec->kind, spec->value, base,
				   &round->arena, &round->found, &err)
			 : git_fetch(&git, round->sync->clone, spec->url, spec->kind, spec->value, base,
				   &round->arena, &round->found, &err);
	signals_busy(&loop_of(round)->signals, LOCAL_BUSY);
	if (status == 0 && !fetched)
		round->sync->fetched_at = loop_of(round)->pass;
	if (status == 0)
		return 0;
	round->found = (struct git_found){0};
	return end_error(round, SYNC_UNREACHABLE, &err);
}

/* --- may it be used? ---------------------------------------------------------------------------- */

/* Ancestry binds branches: tags follow their versions, and a commit is what was asked for. */
static int check_ancestry(struct round *round)
{
	const struct sync_spec *spec = round->sync->spec;
	bool branch = strcmp(spec->kind, "branch") == 0 || strcmp(spec->kind, "head") == 0;

	if (!branch || spec->allow_rewrite || !round->known || !round->record.applied ||
		round->found.descends)
		return 0;
	return end(round, SYNC_REFUSED, arena_printf(&round->arena,
		"%.12s does not descend from %.12s, which was applied last: the branch was rewritten "
		"or set back; --allow-rewrite takes it", round->found.commit, round->record.applied));
}

static int check_signature(struct round *round)
{
	const struct sync *sync = round->sync;
	const char *folder = arena_printf(&round->arena, "%s/signatures", sync->folder);
	const char *base = round->known ? round->record.applied : NULL;
	struct error err = ERROR_INIT;
	int status;

	if (sync->spec->verify == SYNC_VERIFY_NOT)
		return 0;
	if (fs_remove_tree(folder, &err) < 0 || fs_make_dirs(folder, 0700, &round->arena, NULL, &err) < 0)
		return end_error(round, SYNC_BROKEN, &err);
	status = sync_verify_commit(&loop_of(round)->git, sync->spec, sync->clone, &round->found, base,
		folder, &round->arena, &round->signer, &err);
	fs_remove_tree(folder, &(struct error)ERROR_INIT);
	return status < 0 ? end_error(round, SYNC_REFUSED, &err) : 0;
}

static int update(struct round *round, const char *folder, struct git_updated *updated)
{
	const struct sync_spec *spec = round->sync->spec;
	struct error err = ERROR_INIT;

	if (git_update(&loop_of(round)->git, round->sync->clone, round->found.commit, folder, spec->path,
		    spec->max_files, spec->max_bytes, &round->arena, updated, &err) == 0)
		return 0;
	if (err.code == ERROR_CORRUPT)
		fs_remove_tree(round->sync->clone, &(struct error)ERROR_INIT);
	return end_error(round, err.code == ERROR_INVALID ? SYNC_REFUSED : SYNC_BROKEN, &err);
}

/* --- use it ------------------------------------------------------------------------------------- */

static void set_task(struct round *round)
{
	const struct sync *sync = round->sync;

	round->task = (struct sync_task){
		.spec = sync->spec,
		.live = sync->live,
		.stage = sync->stage,
		.clone = sync->clone,
		.commit = &round->found,
		.origin = {round->found.commit, round->found.author, round->signer},
		.arena = &round->arena,
		.result = SYNC_OK,
	};
}

static int check(struct round *round)
{
	const struct sync_hooks *hooks = loop_of(round)->hooks;

	return hooks->check(hooks->arg, &round->task) < 0 ? end(round, SYNC_INVALID, round->task.message)
							   : 0;
}

static int apply(struct round *round)
{
	struct loop *loop = loop_of(round);
	struct sync_task *task = &round->task;

	/* It takes as long as what it starts may take; each of these has a limit of its own. */
	signals_busy(&loop->signals, APPLY_BUSY);
	signals_lend(&loop->signals, true);
	loop->hooks->apply(loop->hooks->arg, task);
	signals_lend(&loop->signals, false);
	signals_busy(&loop->signals, LOCAL_BUSY);
	files_write_reads(round->sync, task->reads, task->n_reads);
	round->record.applied = round->found.commit;
	if (task->result == SYNC_INTERRUPTED)
		atomic_store(&loop->signals.stop, true);
	return end(round, task->result, task->message);
}

/* What the last run read is as it was: nothing can have changed, and no provider is asked. */
static bool is_other_peoples(const struct round *round, const struct git_updated *updated)
{
	const struct sync_record *record = &round->record;

	if (round->sync->force || !round->known || !record->applied)
		return false;
	if (strcmp(record->result, "ok") != 0 && strcmp(record->result, "seen") != 0)
		return false;
	return !files_concerned(round->sync, updated->changed, updated->n_changed,
		(struct arena *)&round->arena);
}

static int use(struct round *round)
{
	struct git_updated staged, live;
	bool seen;

	if (update(round, round->sync->stage, &staged) < 0)
		return -1;
	seen = is_other_peoples(round, &staged);
	set_task(round);
	if (!seen && check(round) < 0)
		return -1;
	if (update(round, round->sync->live, &live) < 0)
		return -1;
	if (!seen)
		return apply(round);
	round->record.applied = round->found.commit;
	return end(round, SYNC_SEEN, NULL);
}

/* As `look`, without the helper where there is certainly nothing new. */
static int peek(struct round *round, bool fetched, bool *peeked)
{
	struct sync *sync = round->sync;
	struct hash tags, after;
	bool tagged = peek_tags(sync->spec, &round->arena, &tags);

	*peeked = is_final(round) && (peek_is_same(sync->spec, round->record.seen, &round->arena) ||
		(tagged && sync->tagged && hash_equal(&tags, &sync->tags)));
	if (*peeked) {
		round->found.commit = round->record.seen;
		return 0;
	}
	sync->tagged = false;
	if (look(round, fetched) < 0)
		return -1;
	/* Only when they were the same before and after: then it is these that were fetched. */
	sync->tagged = tagged && !fetched && peek_tags(sync->spec, &round->arena, &after) &&
		hash_equal(&tags, &after);
	sync->tags = tags;
	return 0;
}

static int go(struct round *round, bool fetched)
{
	bool peeked;

	if (read_record(round) < 0 || peek(round, fetched, &peeked) < 0)
		return -1;
	if (peeked || is_settled(round)) {
		round->judged = false;
		round->signer = round->record.signer;
		return end(round, SYNC_UNCHANGED, NULL);
	}
	round->judged = true;
	if (!round->known || !round->record.seen || strcmp(round->record.seen, round->found.commit) != 0)
		tell(round, SYNC_EVENT_COMMIT);
	if (check_ancestry(round) < 0 || check_signature(round) < 0)
		return -1;
	return use(round);
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* What is held is looked at each interval: nobody is told of it each time. */
static bool is_news(const struct round *round)
{
	const struct sync_record *record = &round->record;

	return round->judged && round->result != SYNC_INTERRUPTED &&
	       !(round->known && same(record->seen, round->found.commit) &&
		       same(record->result, sync_result_str(round->result)) &&
		       same(record->message, round->message));
}

void round_run(struct round *round, struct sync *sync, bool fetched)
{
	*round = (struct round){.sync = sync};
	go(round, fetched);
	round->news = is_news(round);
	if (round->judged && round->result != SYNC_INTERRUPTED)
		write_record(round);
	if (round->result != SYNC_UNCHANGED &&
		(round->result != SYNC_SUSPENDED || loop_of(round)->options->once))
		tell(round, SYNC_EVENT_RESULT);
}

void round_release(struct round *round)
{
	arena_release(&round->arena);
}
