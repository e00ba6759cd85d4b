/* Keeps the list of what runs, from which all forms of progress are drawn. */
#include "cli/progress/progress.h"

#include <stdlib.h>
#include <string.h>

const char *action_doing(enum action action)
{
	switch (action) {
	case ACTION_CREATE: return "creating";
	case ACTION_UPDATE: return "updating";
	case ACTION_REPLACE: return "replacing";
	case ACTION_DELETE: return "destroying";
	case ACTION_START: return "starting";
	case ACTION_STOP: return "stopping";
	case ACTION_ADOPT: return "adopting";
	case ACTION_FORGET: return "forgetting";
	case ACTION_DROP: return "dropping";
	case ACTION_RECORD: return "recording";
	case ACTION_NOOP:
	case ACTION_KEEP: break;
	}
	return "checking";
}

const char *action_done(enum action action)
{
	switch (action) {
	case ACTION_CREATE: return "created";
	case ACTION_UPDATE: return "updated";
	case ACTION_REPLACE: return "replaced";
	case ACTION_DELETE: return "destroyed";
	case ACTION_START: return "started";
	case ACTION_STOP: return "stopped";
	case ACTION_ADOPT: return "adopted";
	case ACTION_FORGET: return "forgotten";
	case ACTION_DROP: return "dropped from state";
	case ACTION_RECORD: return "recorded";
	case ACTION_KEEP: return "kept";
	case ACTION_NOOP: break;
	}
	return "unchanged";
}

/* A replacement comes as two steps: destroying, then creating. */
enum action event_action(const struct event *event)
{
	bool destroying = event->step && strcmp(event->step, "destroying") == 0;

	return destroying && event->action == ACTION_REPLACE ? ACTION_DELETE : event->action;
}

void progress_init(struct progress *progress, enum progress_kind kind, struct stream *stream,
	const struct clock *clock, const struct plan *plan, bool verbose)
{
	*progress = (struct progress){
		.kind = kind,
		.stream = stream,
		.clock = clock,
		.plan = plan,
		.verbose = verbose,
		.started = clock_monotonic(clock),
		.above = STRBUF_INIT,
	};
	if (kind == PROGRESS_LIVE)
		progress_live_init(progress);
}

struct activity *progress_find(struct progress *progress, const struct change *change)
{
	for (size_t i = 0; i < progress->n; i++)
		if (progress->running[i].change == change)
			return &progress->running[i];
	return NULL;
}

static void set_text(struct activity *activity, const char *text)
{
	struct strbuf clean = STRBUF_INIT;

	free(activity->text);
	activity->text = NULL;
	if (!text || !*text)
		return;
	add_clean(&clean, text, strcspn(text, "\n"));
	activity->text = strbuf_detach(&clean);
}

static void begin(struct progress *progress, const struct event *event)
{
	struct activity *activity = progress_find(progress, event->change);

	if (!activity) {
		VEC_GROW(progress->running, progress->n, progress->cap);
		activity = &progress->running[progress->n++];
		*activity = (struct activity){.change = event->change};
	}
	activity->action = event_action(event);
	activity->expected = event->expected;
	activity->started = clock_monotonic(progress->clock) - event->elapsed;
	activity->announced = activity->started;
	activity->waiting = false;
	set_text(activity, NULL);
}

static void finish(struct progress *progress, const struct event *event)
{
	struct activity *activity = progress_find(progress, event->change);
	size_t at;

	if (progress->finished && event->kind == EVENT_DONE && event->change->node != NODE_NONE)
		progress->finished[event->change->node] = 1;
	if (!activity)
		return;
	at = (size_t)(activity - progress->running);
	free(activity->text);
	memmove(activity, activity + 1, (progress->n - at - 1) * sizeof(*activity));
	progress->n--;
}

/* What is undone is a plan of its own: its nodes are not those that the tree knows. */
static void forget_graph(struct progress *progress)
{
	free(progress->finished);
	free(progress->change_of);
	progress->finished = NULL;
	progress->change_of = NULL;
	progress->left = 0;
	progress->rolling_back = true;
}

/* Before the event is shown. */
static void update(struct progress *progress, const struct event *event)
{
	struct activity *activity = event->change ? progress_find(progress, event->change) : NULL;

	progress->done = event->done;
	progress->total = event->total;
	if (event->kind == EVENT_STARTED)
		begin(progress, event);
	else if (event->kind == EVENT_CANCELLING)
		progress->cancelling = true;
	else if (event->kind == EVENT_ROLLBACK)
		forget_graph(progress);
	if (!activity)
		return;
	if (event->kind == EVENT_PROGRESS || event->kind == EVENT_RETRY ||
		event->kind == EVENT_WAITING)
		set_text(activity, event->text);
	if (event->kind == EVENT_WAITING)
		activity->waiting = true;
}

static void add_lines(struct strbuf *buf, const struct terminal *terminal, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		struct strbuf clean = STRBUF_INIT;

		add_clean(&clean, text, len);
		paint(buf, terminal, STYLE_DIM, "    %s %s\n", terminal->unicode ? "│" : "|",
			clean.text);
		strbuf_release(&clean);
		text += len + (text[len] == '\n');
	}
}

void progress_add_outcome(struct strbuf *buf, const struct terminal *terminal,
	const struct event *event)
{
	const char *text = event->text ? event->text : "no reason was given";

	if (event->kind == EVENT_FAILED) {
		paint(buf, terminal, STYLE_ERROR, "%s ", terminal_symbol(terminal, SYMBOL_FAILED));
		strbuf_addf(buf, "%s: %s failed: ", event->change->address,
			action_doing(event_action(event)));
	} else if (event->kind == EVENT_BLOCKED) {
		paint(buf, terminal, STYLE_YELLOW, "%s ", terminal_symbol(terminal, SYMBOL_DOT));
		strbuf_addf(buf, "%s: blocked: ", event->change->address);
	} else {
		paint(buf, terminal, STYLE_YELLOW, "%s ", terminal_symbol(terminal, SYMBOL_HELD));
		strbuf_addf(buf, "%s: held: ", event->change->address);
	}
	add_clean(buf, text, strlen(text));
	strbuf_addch(buf, '\n');
	if (event->output)
		add_lines(buf, terminal, event->output);
}

static bool is_outcome(enum event_kind kind)
{
	return kind == EVENT_FAILED || kind == EVENT_BLOCKED || kind == EVENT_HELD;
}

void progress_event(void *arg, const struct event *event)
{
	struct progress *progress = arg;

	update(progress, event);
	if (event->kind == EVENT_DONE || is_outcome(event->kind))
		finish(progress, event);
	switch (progress->kind) {
	case PROGRESS_NONE:
		if (is_outcome(event->kind)) {
			progress_add_outcome(
				&progress->stream->buf, &progress->stream->terminal, event);
			stream_flush(progress->stream);
		}
		break;
	case PROGRESS_PLAIN:
		progress_plain(progress, event);
		break;
	case PROGRESS_LIVE:
		progress_live(progress, event);
		break;
	case PROGRESS_JSON:
		progress_json(progress, event);
		break;
	}
}

void progress_end(struct progress *progress)
{
	if (progress->kind == PROGRESS_LIVE)
		progress_live_end(progress);
	stream_flush(progress->stream);
}

void progress_release(struct progress *progress)
{
	for (size_t i = 0; i < progress->n; i++)
		free(progress->running[i].text);
	free(progress->running);
	free(progress->finished);
	free(progress->change_of);
	strbuf_release(&progress->above);
	*progress = (struct progress){0};
}
