/*
 * The live tree: what is finished stays above, what runs is redrawn in place, at most ten times a
 * second and each frame in one write. The cursor is hidden only within a frame, so a process that
 * is killed cannot leave it hidden. The width is asked for with every frame: it changes while we
 * run.
 */
#include "cli/progress/progress.h"

#include <stdlib.h>
#include <string.h>

enum { FRAME = 100, BAR = 20, NAMES = 3, NAME_WIDTH = 40, WHY_LINES = 3, WHY_INDENT = 4 };

void progress_live_init(struct progress *progress)
{
	const struct plan *plan = progress->plan;

	if (!plan->graph)
		return;
	progress->finished = xcalloc(plan->graph->n + 1, 1);
	progress->change_of = xcalloc(plan->graph->n + 1, sizeof(*progress->change_of));
	for (uint32_t i = 0; i < plan->graph->n; i++)
		progress->change_of[i] = NODE_NONE;
	for (size_t i = 0; i < plan->n; i++)
		if (plan->changes[i].node != NODE_NONE)
			progress->change_of[plan->changes[i].node] = (uint32_t)i;
}

static const struct change *change_of(const struct progress *progress, uint32_t node)
{
	uint32_t i = progress->change_of ? progress->change_of[node] : NODE_NONE;

	return i == NODE_NONE ? NULL : &progress->plan->changes[i];
}

static bool is_pending(const struct progress *progress, uint32_t node)
{
	const struct change *change = change_of(progress, node);

	return change && change->action != ACTION_NOOP && !progress->finished[node];
}

static int64_t left_of(struct progress *progress, const struct change *change, int64_t now)
{
	struct activity *activity = progress_find(progress, change);
	int64_t left;

	if (!activity)
		return change->record ? change->record->duration : 0;
	left = activity->expected - (now - activity->started);
	return left > 0 ? left : 0;
}

/* The longest chain of what is still to do, and all of it shared out: by the durations of the last
   time, the greater of the two. */
static int64_t estimate(struct progress *progress, int64_t now)
{
	const struct graph *graph = progress->plan->graph;
	int64_t *until, longest = 0, work = 0;

	if (!progress->change_of || !graph->n)
		return 0;
	until = xcalloc(graph->n, sizeof(*until));
	for (uint32_t i = 0; i < graph->n; i++) {
		uint32_t index = graph->order[i];
		const struct node *node = &graph->nodes[index];
		int64_t left;

		if (!is_pending(progress, index))
			continue;
		for (uint32_t k = 0; k < node->n_needs; k++)
			if (until[node->needs[k].node] > until[index])
				until[index] = until[node->needs[k].node];
		left = left_of(progress, change_of(progress, index), now);
		work += left;
		until[index] += left;
		longest = until[index] > longest ? until[index] : longest;
	}
	free(until);
	if (progress->parallelism && work / progress->parallelism > longest)
		return work / progress->parallelism;
	return longest;
}

static bool is_running(struct progress *progress, uint32_t node)
{
	return progress_find(progress, change_of(progress, node)) != NULL;
}

/* One line of the tree, cut to the width, so that it takes one row. */
static void add_line(struct progress *progress, const char *text)
{
	struct strbuf *buf = &progress->stream->buf;
	const struct terminal *terminal = &progress->stream->terminal;
	int width = display_width(text), room = terminal->width - 1;

	if (progress->drawn >= LIVE_LINES)
		return;
	add_truncated(buf, terminal, text, room);
	strbuf_addch(buf, '\n');
	progress->widths[progress->drawn++] = width < room ? width : room;
}

/* Word by word; what is left at the last line is cut there. */
static void add_below(struct progress *progress, const char *text, int lines)
{
	const struct terminal *terminal = &progress->stream->terminal;
	struct strbuf line = STRBUF_INIT, longer = STRBUF_INIT;

	while (*text && lines-- > 0) {
		strbuf_reset(&line);
		add_spaces(&line, WHY_INDENT);
		while (*text) {
			size_t len = lines ? strcspn(text, " ") : strlen(text);

			strbuf_reset(&longer);
			strbuf_add(&longer, line.text, line.len);
			strbuf_add(&longer, text, len);
			if (line.len > WHY_INDENT && display_width(longer.text) >= terminal->width)
				break;
			strbuf_addch(&longer, ' ');
			strbuf_reset(&line);
			strbuf_add(&line, longer.text, longer.len);
			text += len + (text[len] == ' ');
		}
		line.text[--line.len] = '\0';
		strbuf_reset(&longer);
		paint(&longer, terminal, STYLE_DIM, "%s", line.text);
		add_line(progress, longer.text);
	}
	strbuf_release(&line);
	strbuf_release(&longer);
}

/* Why something is not ready is worth reading to its end: it gets lines of its own, if there are some. */
static void add_activity(struct progress *progress, const struct activity *activity, int64_t now,
	int name_width, int lines)
{
	const struct terminal *terminal = &progress->stream->terminal;
	const char *what =
		activity->waiting ? "waiting until ready" : action_doing(activity->action);
	struct strbuf line = STRBUF_INIT, name = STRBUF_INIT;
	bool below;
	char took[32], usual[32];

	add_squeezed(&name, terminal, activity->change->address, name_width);
	paint(&line, terminal, STYLE_CYAN, "%s ", terminal_spinner(terminal, progress->frame));
	strbuf_addstr(&line, name.text);
	add_spaces(&line, name_width - display_width(name.text) + 1);
	strbuf_addf(&line, "%s %s", what,
		duration_str(now - activity->started, took));
	if (activity->expected >= 1000)
		paint(&line, terminal, STYLE_DIM, " of about %s",
			duration_str(activity->expected, usual));
	below = activity->text && activity->waiting && lines > 0 &&
		display_width(line.text) + 2 + display_width(activity->text) >= terminal->width;
	if (activity->text && !below)
		paint(&line, terminal, STYLE_DIM, "  %s", activity->text);
	add_line(progress, line.text);
	if (below)
		add_below(progress, activity->text, lines);
	strbuf_release(&line);
	strbuf_release(&name);
}

/* Who waits for it: "└─ then docker_container.web, docker_container.api and 3 more". */
static void add_followers(struct progress *progress, const struct activity *activity)
{
	const struct terminal *terminal = &progress->stream->terminal;
	const struct graph *graph = progress->plan->graph;
	struct strbuf line = STRBUF_INIT;
	size_t named = 0, more = 0;

	if (!progress->change_of || activity->change->node == NODE_NONE ||
		activity->action == ACTION_DELETE)
		return;
	for (uint32_t i = 0; i < graph->nodes[activity->change->node].n_feeds; i++) {
		uint32_t node = graph->nodes[activity->change->node].feeds[i].node;

		if (!is_pending(progress, node) || is_running(progress, node))
			continue;
		if (named == NAMES) {
			more++;
			continue;
		}
		strbuf_addf(&line, "%s%s", named++ ? ", " : "", change_of(progress, node)->address);
	}
	if (more)
		strbuf_addf(&line, " and %zu more", more);
	if (named) {
		struct strbuf all = STRBUF_INIT;

		paint(&all, terminal, STYLE_DIM, "  %s then %s",
			terminal_symbol(terminal, SYMBOL_LAST), line.text);
		add_line(progress, all.text);
		strbuf_release(&all);
	}
	strbuf_release(&line);
}

static void add_bar(struct progress *progress, int64_t now)
{
	const struct terminal *terminal = &progress->stream->terminal;
	struct strbuf line = STRBUF_INIT;
	char took[32];
	size_t full = progress->total ? progress->done * BAR / progress->total : 0;
	size_t begun = progress->done + progress->n;

	if (terminal->width >= 80)
		for (size_t i = 0; i < BAR; i++)
			strbuf_addstr(&line,
				terminal_symbol(terminal, i < full ? SYMBOL_FULL : SYMBOL_EMPTY));
	strbuf_addf(
		&line, "%s%zu of %zu done", line.len ? " " : "", progress->done, progress->total);
	if (progress->n)
		strbuf_addf(&line, ", %zu running", progress->n);
	if (progress->total > begun)
		strbuf_addf(&line, ", %zu waiting", progress->total - begun);
	strbuf_addf(&line, ", %s", duration_str(now - progress->started, took));
	if (progress->left >= 1000)
		strbuf_addf(&line, ", about %s left", duration_str(progress->left, took));
	add_line(progress, line.text);
	strbuf_release(&line);
}

static void add_mode(struct progress *progress)
{
	struct strbuf line = STRBUF_INIT;

	if (progress->rolling_back)
		strbuf_addstr(&line, "rolling back what this run did");
	else if (progress->cancelling)
		strbuf_addstr(&line, "interrupted, finishing what runs (again to stop it)");
	if (line.len) {
		struct strbuf painted = STRBUF_INIT;

		paint(&painted, &progress->stream->terminal, STYLE_YELLOW, "%s", line.text);
		add_line(progress, painted.text);
		strbuf_release(&painted);
	}
	strbuf_release(&line);
}

/* Goes back to the first line of the tree. Lines may have wrapped if the window became narrower. */
static void erase(struct progress *progress)
{
	int width = progress->stream->terminal.width, rows = 0;

	for (int i = 0; i < progress->drawn; i++)
		rows += width > 0 && progress->widths[i] > width
				? (progress->widths[i] + width - 1) / width
				: 1;
	if (rows)
		stream_add(progress->stream, "\r\033[%dA\033[J", rows);
	progress->drawn = 0;
}

static void add_tree(struct progress *progress, int64_t now)
{
	const struct terminal *terminal = &progress->stream->terminal;
	size_t rows = terminal->height > 8 ? (size_t)terminal->height - 5 : 3, shown = 0;
	int name_width = 0, lines;

	rows = rows < LIVE_LINES - 4 ? rows : LIVE_LINES - 4;
	lines = progress->n ? (int)(rows / progress->n) - 1 : 0;
	lines = lines < WHY_LINES ? lines : WHY_LINES;
	for (size_t i = 0; i < progress->n; i++) {
		int width = display_width(progress->running[i].change->address);

		name_width = width > name_width ? width : name_width;
	}
	if (name_width > NAME_WIDTH)
		name_width = NAME_WIDTH;
	if (name_width > terminal->width / 2)
		name_width = terminal->width / 2;
	for (; shown < progress->n && (size_t)progress->drawn < rows; shown++) {
		int left = (int)rows - progress->drawn - 1;

		add_activity(progress, &progress->running[shown], now, name_width, left < lines ? left : lines);
		if ((size_t)progress->drawn < rows)
			add_followers(progress, &progress->running[shown]);
	}
	if (shown < progress->n) {
		struct strbuf line = STRBUF_INIT;

		strbuf_addf(&line, "%s and %zu more", terminal_symbol(terminal, SYMBOL_ELLIPSIS),
			progress->n - shown);
		add_line(progress, line.text);
		strbuf_release(&line);
	}
	add_mode(progress);
	add_bar(progress, now);
}

static void draw(struct progress *progress, bool tree)
{
	struct stream *stream = progress->stream;
	int64_t now = clock_monotonic(progress->clock);

	terminal_measure(&stream->terminal, stream->fd);
	strbuf_addstr(&stream->buf, "\033[?25l");
	erase(progress);
	strbuf_add(&stream->buf, progress->above.text, progress->above.len);
	strbuf_reset(&progress->above);
	if (tree) {
		if (now - progress->left_at >= 1000 || !progress->left_at) {
			progress->left = estimate(progress, now);
			progress->left_at = now;
		}
		add_tree(progress, now);
	}
	strbuf_addstr(&stream->buf, "\033[?25h");
	stream_flush(stream);
	progress->drawn_at = now;
}

static void add_done(struct progress *progress, const struct event *event)
{
	const struct terminal *terminal = &progress->stream->terminal;
	char took[32];

	paint(&progress->above, terminal, STYLE_GREEN, "%s ", terminal_symbol(terminal, SYMBOL_OK));
	strbuf_addf(&progress->above, "%s: %s", event->change->address,
		action_done(event_action(event)));
	paint(&progress->above, terminal, STYLE_DIM, " in %s\n",
		duration_str(event->elapsed, took));
}

static void add_note(struct progress *progress, const struct event *event, const char *prefix)
{
	strbuf_addf(&progress->above, "  %s: %s", event->change->address, prefix);
	if (event->text)
		add_clean(&progress->above, event->text, strlen(event->text));
	strbuf_addch(&progress->above, '\n');
}

void progress_live(struct progress *progress, const struct event *event)
{
	int64_t now = clock_monotonic(progress->clock);

	switch (event->kind) {
	case EVENT_DONE:
		add_done(progress, event);
		break;
	case EVENT_FAILED:
	case EVENT_BLOCKED:
	case EVENT_HELD:
		progress_add_outcome(&progress->above, &progress->stream->terminal, event);
		break;
	case EVENT_RETRY:
		add_note(progress, event, "trying again: ");
		break;
	case EVENT_NOTE:
		add_note(progress, event, "");
		break;
	case EVENT_PROGRESS:
		if (progress->verbose)
			add_note(progress, event, "");
		break;
	default:
		break;
	}
	if (event->kind == EVENT_TICK)
		progress->frame++;
	if (!event->change ||
		now - progress->drawn_at >= FRAME)
		draw(progress, true);
}

void progress_live_end(struct progress *progress)
{
	if (progress->drawn || progress->above.len)
		draw(progress, false);
}
