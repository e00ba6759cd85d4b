/*
 * The plan as a comment of a review: what becomes of each resource in a table, and the plan as the
 * terminal shows it below, folded. What stands in it may come from whoever wrote the change under
 * review: nothing of it can leave its code span or its fence.
 */
#include "cli/render/render.h"

#include <string.h>

enum {
	ROWS = 100,
	DETAILS = 50000, /* bytes; a comment on GitHub has at most 65,536 characters */
};

static size_t longest_run(const char *text, char what)
{
	size_t longest = 0, run = 0;

	for (; *text; text++) {
		run = *text == what ? run + 1 : 0;
		if (run > longest)
			longest = run;
	}
	return longest;
}

/* A code span in a cell of a table, whatever the text has in it. */
static void add_code(struct strbuf *buf, const char *text)
{
	size_t ticks = longest_run(text, '`') + 1;

	for (size_t i = 0; i < ticks; i++)
		strbuf_addch(buf, '`');
	if (ticks > 1)
		strbuf_addch(buf, ' ');
	for (char before = ' '; *text; before = *text++) {
		if (*text == '|') /* behind a backslash the other one would be what is escaped */
			strbuf_addstr(buf, before == '\\' ? " \\" : "\\");
		strbuf_addch(buf, (unsigned char)*text < ' ' || *text == 127 ? ' ' : *text);
	}
	if (ticks > 1)
		strbuf_addch(buf, ' ');
	for (size_t i = 0; i < ticks; i++)
		strbuf_addch(buf, '`');
}

static const char *verb_of(const struct change *change)
{
	switch (change->action) {
	case ACTION_CREATE: return "create";
	case ACTION_UPDATE: return change->deferred ? "perhaps update" : "update";
	case ACTION_REPLACE: return change_is_perhaps(change) ? "perhaps **replace**" : "**replace**";
	case ACTION_DELETE: return "**destroy**";
	case ACTION_NOOP: return "nothing";
	default: return action_str(change->action);
	}
}

static void add_row(struct strbuf *buf, const struct change *change, const struct redactor *redactor)
{
	struct arena arena = ARENA_INIT;

	strbuf_addf(buf, "| %s | ", verb_of(change));
	add_code(buf, redact(redactor, change->address, &arena));
	strbuf_addstr(buf, " | ");
	if (change->n_reasons && change->reasons[0].kind != REASON_NEW)
		add_code(buf, redact(redactor, change->reasons[0].text, &arena));
	else
		strbuf_addstr(buf, change->n_reasons ? "new" : "");
	if (change->n_reasons > 1)
		strbuf_addf(buf, " and %zu more", change->n_reasons - 1);
	if (change->hold)
		strbuf_addf(buf, " **held**: %s", hold_why(change->hold));
	strbuf_addstr(buf, " |\n");
	arena_release(&arena);
}

static void add_table(struct strbuf *buf, const struct plan_view *view, const struct plan *plan)
{
	size_t rows = 0;

	for (size_t i = 0; i < plan->n; i++) {
		const struct change *change = &plan->changes[i];

		if (!change_is_shown(view, change))
			continue;
		if (!rows++)
			strbuf_addstr(buf, "\n| | resource | why |\n|---|---|---|\n");
		if (rows <= ROWS)
			add_row(buf, change, view->redactor);
	}
	if (rows > ROWS)
		strbuf_addf(buf, "\n%zu more are not listed.\n", rows - ROWS);
}

/* Colours of a "diff" block go by the first character of a line. */
static void add_line(struct strbuf *buf, const char *line, size_t len)
{
	size_t blanks = strspn(line, " ");
	static const char marks[] = "+-~";
	const char *mark;

	if (blanks < len && blanks && (mark = strchr(marks, line[blanks])) && *mark) {
		strbuf_addch(buf, *mark == '~' ? '!' : line[blanks] == '-' ? '-' : '+');
		strbuf_add(buf, line, blanks);
		strbuf_add(buf, line + blanks, len - blanks);
	} else if (len) {
		strbuf_addch(buf, ' ');
		strbuf_add(buf, line, len);
	}
	strbuf_addch(buf, '\n');
}

static void add_details(struct strbuf *buf, const char *text)
{
	size_t ticks = longest_run(text, '`') + 1, from = buf->len, left = 0;

	strbuf_addstr(buf, "\n<details><summary>The plan</summary>\n\n");
	for (size_t i = 0; i < (ticks < 3 ? 3 : ticks); i++)
		strbuf_addch(buf, '`');
	strbuf_addstr(buf, "diff\n");
	while (*text) {
		size_t len = strcspn(text, "\n");

		if (buf->len - from < DETAILS)
			add_line(buf, text, len);
		else
			left++;
		text += len + (text[len] == '\n');
	}
	for (size_t i = 0; i < (ticks < 3 ? 3 : ticks); i++)
		strbuf_addch(buf, '`');
	strbuf_addch(buf, '\n');
	if (left)
		strbuf_addf(buf, "\n%zu more lines: `devenv plan` shows all of it.\n", left);
	strbuf_addstr(buf, "\n</details>\n");
}

void render_plan_markdown(struct strbuf *buf, const struct plan_view *view, const struct plan *plan,
	const char *name, const char *title)
{
	struct terminal plain = {.width = 100};
	struct plan_view bare = *view;
	struct strbuf text = STRBUF_INIT, summary = STRBUF_INIT;
	struct arena arena = ARENA_INIT;

	bare.terminal = &plain;
	bare.brief = false;
	render_plan(&text, &bare, plan);
	render_plan_summary(&summary, &bare, plan);
	strbuf_addstr(buf, "### devenv plan");
	if (name && *name) {
		strbuf_addstr(buf, ": ");
		add_code(buf, name);
	}
	if (title) {
		strbuf_addstr(buf, " at ");
		add_code(buf, title);
	}
	strbuf_addf(buf, "\n\n%s", summary.text);
	if (!view->brief)
		add_table(buf, &bare, plan);
	if (!view->brief && text.len > summary.len)
		add_details(buf, redact(view->redactor, text.text, &arena));
	arena_release(&arena);
	strbuf_release(&text);
	strbuf_release(&summary);
}
