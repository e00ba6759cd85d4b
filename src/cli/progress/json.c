/* Progress for programs: every event is a line, with a timestamp, and leaves at once. */
#include "cli/jsonl.h"
#include "cli/progress/progress.h"

#include <stddef.h>

static const char *const types[] = {
	[EVENT_STARTED] = "apply_start",
	[EVENT_PROGRESS] = "apply_progress",
	[EVENT_NOTE] = "apply_note",
	[EVENT_RETRY] = "apply_retry",
	[EVENT_WAITING] = "apply_waiting",
	[EVENT_DONE] = "apply_complete",
	[EVENT_FAILED] = "apply_errored",
	[EVENT_BLOCKED] = "apply_blocked",
	[EVENT_HELD] = "apply_held",
	[EVENT_CANCELLING] = "apply_cancelling",
	[EVENT_ROLLBACK] = "apply_rollback",
	[EVENT_TICK] = "apply_tick",
};

static const char *level(enum event_kind kind)
{
	switch (kind) {
	case EVENT_FAILED:
		return "error";
	case EVENT_BLOCKED:
	case EVENT_HELD:
	case EVENT_RETRY:
	case EVENT_CANCELLING:
	case EVENT_ROLLBACK:
		return "warn";
	default:
		return "info";
	}
}

static void begin(struct strbuf *buf, const struct event *event)
{
	const char *type = types[event->kind], *how = level(event->kind);
	const char *address = event->change ? event->change->address : NULL;
	char took[32];

	switch (event->kind) {
	case EVENT_STARTED:
		jsonl_begin(
			buf, type, how, "%s: %s...", address, action_doing(event_action(event)));
		break;
	case EVENT_DONE:
		jsonl_begin(buf, type, how, "%s: %s in %s", address,
			action_done(event_action(event)), duration_str(event->elapsed, took));
		break;
	case EVENT_FAILED:
		jsonl_begin(buf, type, how, "%s: %s failed: %s", address,
			action_doing(event_action(event)), event->text ? event->text : "");
		break;
	case EVENT_CANCELLING:
		jsonl_begin(buf, type, how, "interrupted: nothing new starts");
		break;
	case EVENT_ROLLBACK:
		jsonl_begin(buf, type, how, "rolling back: what this run did is undone");
		break;
	default:
		jsonl_begin(buf, type, how, "%s: %s", address, event->text ? event->text : "");
		break;
	}
}

void progress_json(struct progress *progress, const struct event *event)
{
	struct strbuf *buf = &progress->stream->buf;

	if (event->kind == EVENT_TICK)
		return;
	begin(buf, event);
	jsonl_time(buf, "@timestamp", clock_wall(progress->clock));
	if (event->change) {
		jsonl_text(buf, "address", event->change->address);
		jsonl_text(buf, "action", action_str(event->action));
		jsonl_text(buf, "step", event->step);
		jsonl_text(buf, "text", event->text);
		jsonl_text(buf, "output", event->output);
		jsonl_number(buf, "elapsed_ms", event->elapsed);
	}
	jsonl_number(buf, "done", (int64_t)event->done);
	jsonl_number(buf, "total", (int64_t)event->total);
	jsonl_end(buf);
	stream_flush(progress->stream);
}
