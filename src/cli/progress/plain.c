/*
 * Progress for a pipe or a log: one line when something starts, ends or is still at it after each
 * ten seconds. Lines of one engine tick leave in one write.
 */
#include "cli/progress/progress.h"

#include <string.h>

enum { STILL = 10000 };

static void add_still(struct progress *progress)
{
	int64_t now = clock_monotonic(progress->clock);
	char took[32];

	for (size_t i = 0; i < progress->n; i++) {
		struct activity *activity = &progress->running[i];

		if (now - activity->announced < STILL)
			continue;
		activity->announced = now;
		stream_add(progress->stream, "%s: still %s... %s elapsed",
			activity->change->address,
			activity->waiting ? "waiting until ready" : action_doing(activity->action),
			duration_str(now - activity->started, took));
		if (activity->text)
			stream_add(progress->stream, " (%s)", activity->text);
		strbuf_addch(&progress->stream->buf, '\n');
	}
}

static void add_text_line(struct progress *progress, const struct event *event, const char *prefix)
{
	stream_add(progress->stream, "%s: %s", event->change->address, prefix);
	if (event->text)
		add_clean(&progress->stream->buf, event->text, strlen(event->text));
	strbuf_addch(&progress->stream->buf, '\n');
}

void progress_plain(struct progress *progress, const struct event *event)
{
	struct stream *stream = progress->stream;
	char took[32];

	switch (event->kind) {
	case EVENT_STARTED:
		stream_add(stream, "%s: %s...\n", event->change->address,
			action_doing(event_action(event)));
		break;
	case EVENT_PROGRESS:
		if (progress->verbose)
			add_text_line(progress, event, "");
		break;
	case EVENT_NOTE:
		add_text_line(progress, event, "");
		break;
	case EVENT_RETRY:
		add_text_line(progress, event, "trying again: ");
		break;
	case EVENT_WAITING:
		if (progress->verbose)
			add_text_line(progress, event, "waiting until ready: ");
		break;
	case EVENT_DONE:
		stream_add(stream, "%s: %s in %s\n", event->change->address,
			action_done(event_action(event)), duration_str(event->elapsed, took));
		break;
	case EVENT_FAILED:
	case EVENT_BLOCKED:
	case EVENT_HELD:
		progress_add_outcome(&stream->buf, &stream->terminal, event);
		break;
	case EVENT_CANCELLING:
		stream_add(stream,
			"interrupted: nothing new starts; what runs is finished and recorded "
			"(again to stop it)\n");
		break;
	case EVENT_ROLLBACK:
		stream_add(stream, "rolling back: what this run did is undone\n");
		break;
	case EVENT_TICK:
		add_still(progress);
		break;
	}
	if (!event->change || stream->buf.len > 4096 ||
		progress->n < 64)
		stream_flush(stream);
}
