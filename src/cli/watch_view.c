/*
 * See watch_view.h. The view is taken away before anything else is printed and drawn anew after it, so
 * that the lines above stay as in a log; the cursor is never hidden for longer than one write.
 */
#include "cli/watch_view.h"

#include "cli/jsonl.h"
#include "cli/progress/progress.h"
#include "cli/render/render.h"
#include "cli/run.h"
#include "cli/when.h"

#include <string.h>
#include <unistd.h>

void watch_view_init(struct watch_view *view, struct cli *cli)
{
	struct termios mode;

	*view = (struct watch_view){.cli = cli, .last = STRBUF_INIT, .error = STRBUF_INIT,
		.waiting = STRBUF_INIT, .typed = STRBUF_INIT};
	view->screen = !cli->json && !cli->quiet && cli->out.terminal.tty && cli->err.terminal.tty &&
		       cli->out.terminal.width >= 20;
	view->keys = cli_interactive(cli) && tcgetattr(STDIN_FILENO, &view->before) == 0;
	if (!view->keys)
		return;
	mode = view->before;
	mode.c_lflag &= ~(tcflag_t)(ICANON | ECHO); /* Ctrl-C stays a signal */
	mode.c_cc[VMIN] = 0;
	mode.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &mode);
}

void watch_view_release(struct watch_view *view)
{
	watch_view_hide(view);
	if (view->keys)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &view->before);
	strbuf_release(&view->last);
	strbuf_release(&view->error);
	strbuf_release(&view->waiting);
	strbuf_release(&view->typed);
}

/* --- the view ---------------------------------------------------------------------------------- */

/* Lines wrap when the window becomes narrower than they are. */
void watch_view_hide(struct watch_view *view)
{
	struct stream *out = &view->cli->out;
	int width, rows = 0;

	if (!view->drawn)
		return;
	terminal_measure(&out->terminal, out->fd);
	width = out->terminal.width;
	for (int i = 0; i < view->drawn; i++)
		rows += view->widths[i] > width ? (view->widths[i] + width - 1) / width : 1;
	stream_add(out, "\r\033[%dA\033[J", rows);
	view->drawn = 0;
	stream_flush(out);
}

static void add_row(struct watch_view *view, enum style style, const char *label, const char *text)
{
	struct stream *out = &view->cli->out;
	struct strbuf row = STRBUF_INIT;
	int width, room = out->terminal.width - 1;

	paint(&row, &out->terminal, STYLE_DIM, "%-8s", label);
	if (style == STYLE_PLAIN)
		strbuf_addstr(&row, text);
	else
		paint(&row, &out->terminal, style, "%s", text);
	add_truncated(&out->buf, &out->terminal, row.text, room);
	strbuf_addch(&out->buf, '\n');
	width = display_width(row.text);
	view->widths[view->drawn++] = width < room ? width : room;
	strbuf_release(&row);
}

static void add_nodes(struct watch_view *view)
{
	struct strbuf text = STRBUF_INIT;

	strbuf_addf(&text, "%zu", view->nodes);
	if (view->changes)
		strbuf_addf(&text, ", %zu to change", view->changes);
	if (view->drifted)
		strbuf_addf(&text, ", %zu drifted", view->drifted);
	if (view->held)
		strbuf_addf(&text, ", %zu need approval", view->held);
	if (view->paused)
		strbuf_addstr(&text, " (paused)");
	add_row(view, STYLE_PLAIN, "nodes", text.text);
	strbuf_release(&text);
}

void watch_view_draw(struct watch_view *view)
{
	struct stream *out = &view->cli->out;
	char at[32];

	if (!view->screen)
		return;
	watch_view_hide(view);
	terminal_measure(&out->terminal, out->fd);
	strbuf_addch(&out->buf, '\n');
	view->widths[view->drawn++] = 0;
	add_nodes(view);
	if (view->last.len) {
		struct strbuf text = STRBUF_INIT;

		strbuf_addf(&text, "%s %s", when_clock(view->last_at, at), view->last.text);
		add_row(view, STYLE_PLAIN, "change", text.text);
		strbuf_release(&text);
	}
	if (view->waiting.len)
		add_row(view, STYLE_YELLOW, "waiting", view->waiting.text);
	if (view->error.len)
		add_row(view, STYLE_RED, "error", view->error.text);
	if (view->asking)
		add_row(view, STYLE_PLAIN, "logs of", *view->typed.text ? view->typed.text
			: "(a name, then Enter; Enter alone is everything, Esc nothing)");
	else if (view->keys)
		add_row(view, STYLE_DIM, "keys", view->held
			? "y approve  a apply  p pause  l logs  q quit" : "a apply  p pause  l logs  q quit");
	stream_flush(out);
}

/* --- lines -------------------------------------------------------------------------------------- */

/* It is drawn again when the secrets of its run are not at hand any more. */
static void set(struct watch_view *view, struct strbuf *buf, const char *text)
{
	const struct redactor *redactor = view->cli->out.redactor;
	struct arena arena = ARENA_INIT;

	strbuf_reset(buf);
	if (text && redactor)
		text = redact(redactor, text, &arena);
	if (text)
		add_clean(buf, text, strcspn(text, "\n"));
	arena_release(&arena);
}

static void set_last(struct watch_view *view, const char *text)
{
	set(view, &view->last, text);
	view->last_at = clock_wall(view->cli->clock);
}

static const char *why(const struct change *change)
{
	return change->n_reasons && change->reasons[0].kind != REASON_NEW ? change->reasons[0].text
								       : NULL;
}

/* The first one stands for all: its name and why, or what went wrong. */
void watch_view_run(struct watch_view *view, const struct event *event)
{
	struct arena arena = ARENA_INIT;
	const char *reason;

	if (event->kind == EVENT_DONE && !view->made++) {
		reason = why(event->change);
		set_last(view, arena_printf(&arena, "%s %s%s%s", event->change->address,
			action_done(event_action(event)), reason ? ": " : "", reason ? reason : ""));
	} else if (event->kind == EVENT_FAILED && !view->failed++) {
		set(view, &view->error, arena_printf(&arena, "%s: %s", event->change->address,
			event->text ? event->text : "failed"));
	}
	arena_release(&arena);
}

static void say(struct watch_view *view, const struct watch_event *event, const char *type,
	const char *level, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

static void say(struct watch_view *view, const struct watch_event *event, const char *type,
	const char *level, const char *fmt, ...)
{
	struct cli *cli = view->cli;
	struct strbuf message = STRBUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&message, fmt, ap);
	va_end(ap);
	if (cli->json) {
		jsonl_begin(&cli->out.buf, type, level, "%s", message.text);
		jsonl_time(&cli->out.buf, "@timestamp", clock_wall(cli->clock));
		jsonl_text(&cli->out.buf, "text", event->text);
		jsonl_end(&cli->out.buf);
	} else if (!cli->quiet || strcmp(level, "info") != 0) {
		add_clean(&cli->out.buf, message.text, message.len);
		strbuf_addch(&cli->out.buf, '\n');
	}
	stream_flush(&cli->out);
	strbuf_release(&message);
}

static void show_plan(struct watch_view *view, const struct watch_event *event)
{
	static const struct run_request request = {.kind = "apply"};
	const struct plan_counts *counts = &event->r->plan.counts;

	view->nodes = event->r->manifest.n_resources;
	view->changes = counts->add + counts->change + counts->destroy + counts->start;
	view->held = counts->held;
	view->drifted = event->kind == WATCH_DRIFT ? counts->drifted : 0;
	set(view, &view->error, NULL);
	if (event->kind == WATCH_DRIFT)
		say(view, event, "watch_drift", "warn", "Reality moved away by itself; --repair-drift "
			"or the next apply puts it right:");
	run_show_plan(view->cli, event->r, &request);
	set(view, &view->waiting, NULL);
	if (event->wait == WAIT_QUIET)
		say(view, event, "watch_waiting", "info", "This destroys, replaces or runs something: it "
			"starts after a second without changes.");
	else if (event->wait == WAIT_APPROVAL)
		say(view, event, "watch_waiting", "warn", view->keys
			? "These need your approval: y gives it." :
			"These need your approval: `devenv approve HASH` gives it.");
	else if (event->wait == WAIT_PERSON)
		say(view, event, "watch_waiting", "info", "Nothing was done (--plan-only).");
}

static void show_broken(struct watch_view *view, const struct watch_event *event)
{
	struct diags *diags = &event->r->diags;

	set(view, &view->error, diags->n ? diags->items[0].message : event->err->msg);
	session_fail(view->cli, event->r, event->err);
	diags->n = diags->errors = 0; /* once is enough */
	say(view, event, "watch_broken", "warn", "Nothing was touched; the next good save goes on.");
}

static void applied(struct watch_view *view, const struct watch_event *event)
{
	view->nodes = event->r->manifest.n_resources;
	view->changes = event->result->failed + event->result->blocked;
	view->held = event->result->held;
	view->drifted = 0;
	if (view->made > 1)
		strbuf_addf(&view->last, " (and %zu more)", view->made - 1);
	if (event->result->failed && !view->failed)
		set(view, &view->error, "the last run failed; see above");
	else if (!event->result->failed)
		set(view, &view->error, NULL);
	view->made = view->failed = 0;
}

void watch_view_tell(struct watch_view *view, const struct watch_event *event)
{
	char took[32];

	watch_view_hide(view);
	switch (event->kind) {
	case WATCH_FOLLOWING:
		say(view, event, "watch_following", "info",
			"Following %zu files and names in %zu folders.", event->n, event->folders);
		break;
	case WATCH_CHANGED:
		set_last(view, event->text);
		say(view, event, "watch_changed", "info", "Changed: %s", event->text);
		break;
	case WATCH_UNCHANGED:
		view->nodes = event->r->manifest.n_resources;
		view->changes = view->held = view->drifted = 0;
		set(view, &view->error, NULL);
		set(view, &view->waiting, NULL);
		say(view, event, "watch_unchanged", "info", "No changes.");
		break;
	case WATCH_PLANNED:
	case WATCH_DRIFT:
		show_plan(view, event);
		break;
	case WATCH_BROKEN:
		show_broken(view, event);
		break;
	case WATCH_WAITING:
		set(view, &view->waiting, event->text);
		if (event->text)
			say(view, event, "watch_waiting", "info", "Waiting: %s", event->text);
		break;
	case WATCH_APPLIED:
		applied(view, event);
		break;
	case WATCH_RETRY:
		say(view, event, "watch_retry", "warn", "Trying again in %s, or with the next change.",
			duration_str(event->ms, took));
		break;
	case WATCH_HELD:
		set(view, &view->error, event->text);
		say(view, event, "watch_held", "warn", "%s", event->text);
		break;
	case WATCH_WARNING:
		say(view, event, "watch_warning", "warn", "Warning: %s", event->text);
		break;
	case WATCH_COPIED:
		set_last(view, event->text);
		say(view, event, "watch_copied", "info", "%s", event->text);
		break;
	case WATCH_PAUSED:
	case WATCH_RESUMED:
		view->paused = event->kind == WATCH_PAUSED;
		say(view, event, view->paused ? "watch_paused" : "watch_resumed", "info", "%s",
			view->paused ? "Paused: changes wait." : "Going on.");
		break;
	}
	watch_view_draw(view);
}

/* One more key of a name. */
static void ask(struct watch_view *view, char key, const char **logs)
{
	enum { ESCAPE = 27, DELETE = 127 };

	if (key == '\n' || key == '\r' || key == ESCAPE) {
		view->asking = false;
		*logs = key == ESCAPE ? NULL : view->typed.text;
	} else if (key == DELETE || key == '\b') {
		strbuf_setlen(&view->typed, view->typed.len ? view->typed.len - 1 : 0);
	} else if ((unsigned char)key >= ' ') {
		strbuf_addch(&view->typed, key);
	}
	watch_view_draw(view);
}

enum watch_key watch_view_key(struct watch_view *view, const char **logs)
{
	enum watch_key pending = view->pending;
	char key;

	*logs = NULL;
	view->pending = WATCH_KEY_NONE;
	if (pending != WATCH_KEY_NONE || !view->keys)
		return pending;
	if (read(STDIN_FILENO, &key, 1) != 1)
		return WATCH_KEY_NONE;
	if (view->asking) {
		ask(view, key, logs);
		return WATCH_KEY_NONE;
	}
	switch (key) {
	case 'a': return WATCH_KEY_APPLY;
	case 'p': return WATCH_KEY_PAUSE;
	case 'y': return WATCH_KEY_APPROVE;
	case 'q': return WATCH_KEY_QUIT;
	case 'l':
		view->asking = true;
		strbuf_reset(&view->typed);
		watch_view_draw(view);
		return WATCH_KEY_NONE;
	default: return WATCH_KEY_NONE;
	}
}
