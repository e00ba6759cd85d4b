/*
 * Diagnostics for people and for programs. The caret stands under the column by display width, so
 * that tabs and wide characters before it do not shift it; a long line is shown around the column.
 */
#include "cli/render/render.h"

#include "cli/jsonl.h"

#include <stdio.h>
#include <string.h>

enum { TAB = 4, MARGIN = 20, OTHERS = 8 };

/* One line with tabs as spaces and control characters visible; *caret: where `column` then stands.
   */
static void expand(struct strbuf *out, const char *line, size_t len, uint32_t column, int *caret)
{
	*caret = 0;
	for (size_t i = 0; i <= len; i++) {
		if (i + 1 == column)
			*caret = display_width(out->text);
		if (i == len)
			break;
		if (line[i] == '\t')
			add_spaces(out, TAB);
		else if (line[i] != '\r')
			strbuf_addch(out, line[i]);
	}
	if (column > len + 1)
		*caret = display_width(out->text);
}

/* The password of a URL that somebody wrote down as stars, as many as it has bytes: columns stay. */
static void mask_urls(char *line)
{
	for (char *at = strstr(line, "://"); at; at = strstr(at, "://")) {
		size_t len = strcspn(at += 3, "/@ \t\"'"), user = strcspn(at, ":");

		if (at[len] == '@' && user < len && strncmp(at + user + 1, "${", 2) != 0)
			memset(at + user + 1, '*', len - user - 1);
		at += len;
	}
}

/* Where the first character at or after `width` columns starts. */
static const char *skip_columns(const char *text, int width)
{
	while (*text && width > 0) {
		do
			text++;
		while (((unsigned char)*text & 0xc0) == 0x80);
		width--;
	}
	return text;
}

static void add_snippet(struct strbuf *buf, const struct terminal *terminal,
	const struct source *source, struct pos pos)
{
	struct strbuf raw = STRBUF_INIT, line = STRBUF_INIT, masked = STRBUF_INIT;
	char number[16];
	size_t len;
	const char *text = source_line(source, pos.line, &len);
	int caret, gutter, room;
	const char *shown;

	if (!text)
		return;
	strbuf_add(&masked, text, len);
	mask_urls(masked.text);
	expand(&raw, masked.text, len, pos.column, &caret);
	add_clean(&line, raw.text, raw.len);
	gutter = snprintf(number, sizeof(number), "%u", pos.line);
	room = terminal->width - gutter - 4;
	shown = line.text;
	if (room > 2 * MARGIN && caret > room - MARGIN) {
		shown = skip_columns(line.text, caret - MARGIN);
		caret = MARGIN;
	}
	add_spaces(buf, gutter + 1);
	paint(buf, terminal, STYLE_BLUE, "%s\n", terminal->unicode ? "│" : "|");
	paint(buf, terminal, STYLE_BLUE, "%s %s ", number, terminal->unicode ? "│" : "|");
	add_truncated(buf, terminal, shown, room > MARGIN ? room : MARGIN);
	strbuf_addch(buf, '\n');
	if (pos.column) {
		add_spaces(buf, gutter + 1);
		paint(buf, terminal, STYLE_BLUE, "%s ", terminal->unicode ? "│" : "|");
		add_spaces(buf, caret);
		paint(buf, terminal, STYLE_RED, "^");
		strbuf_addch(buf, '\n');
	}
	strbuf_release(&masked);
	strbuf_release(&raw);
	strbuf_release(&line);
}

static void add_indented(struct strbuf *buf, const char *text, int indent)
{
	for (;;) {
		size_t len = strcspn(text, "\n");

		add_clean(buf, text, len);
		strbuf_addch(buf, '\n');
		text += len;
		if (!*text || !text[1])
			return;
		text++;
		add_spaces(buf, indent);
	}
}

static void add_title(struct strbuf *buf, const struct terminal *terminal, enum severity severity,
	const char *message)
{
	if (severity == SEVERITY_ERROR)
		paint(buf, terminal, STYLE_ERROR, "Error:");
	else
		paint(buf, terminal, STYLE_YELLOW, "Warning:");
	strbuf_addch(buf, ' ');
	add_indented(buf, message, 2);
}

static bool same_cause(const struct diag *a, const struct diag *b)
{
	return a->cause && b->cause && a->address && b->address && !strcmp(a->cause, b->cause);
}

static bool is_told(const struct diags *diags, size_t i)
{
	for (size_t k = 0; diags->items[i].cause && k < i; k++)
		if (same_cause(&diags->items[k], &diags->items[i]))
			return true;
	return false;
}

/* One engine that is away is one thing to mend, however many live there. */
static void add_others(struct strbuf *buf, const struct diags *diags, size_t first)
{
	size_t n = 0;

	for (size_t i = first + 1; i < diags->n; i++) {
		if (!same_cause(&diags->items[first], &diags->items[i]))
			continue;
		if (n++ < OTHERS)
			strbuf_addf(buf, "%s%s", n == 1 ? "  likewise: " : ", ", diags->items[i].address);
	}
	if (n > OTHERS)
		strbuf_addf(buf, " and %zu more", n - OTHERS);
	if (n)
		strbuf_addch(buf, '\n');
}

static void add_diag(struct strbuf *buf, const struct terminal *terminal, const struct diags *diags,
	size_t i, const struct sources *sources)
{
	const struct diag *diag = &diags->items[i];
	struct arena arena = ARENA_INIT;

	add_title(buf, terminal, diag->severity, diag->message);
	if (diag->pos.source && diag->pos.source < sources->n) {
		paint(buf, terminal, STYLE_BLUE, "  -->");
		strbuf_addf(buf, " %s\n", pos_str(sources, diag->pos, &arena));
		add_snippet(buf, terminal, sources_get(sources, diag->pos.source), diag->pos);
	}
	if (diag->address && !strstr(diag->message, diag->address))
		strbuf_addf(buf, "  in: %s\n", diag->address);
	add_others(buf, diags, i);
	if (diag->hint) {
		paint(buf, terminal, STYLE_CYAN, "  help:");
		strbuf_addch(buf, ' ');
		add_indented(buf, diag->hint, 8);
	}
	strbuf_addch(buf, '\n');
	arena_release(&arena);
}

static void add_count(struct strbuf *buf, size_t n, const char *what)
{
	strbuf_addf(buf, "%zu %s%s", n, what, n == 1 ? "" : "s");
}

void render_diags(struct strbuf *buf, const struct terminal *terminal, const struct diags *diags,
	const struct sources *sources)
{
	size_t warnings = diags->n - diags->errors;

	for (size_t i = 0; i < diags->n; i++)
		if (!is_told(diags, i))
			add_diag(buf, terminal, diags, i, sources);
	if (!diags->n)
		return;
	if (diags->errors)
		add_count(buf, diags->errors, "error");
	if (diags->errors && warnings)
		strbuf_addstr(buf, ", ");
	if (warnings)
		add_count(buf, warnings, "warning");
	strbuf_addstr(buf, ".\n");
}

void render_diags_json(struct strbuf *buf, const struct diags *diags, const struct sources *sources)
{
	for (size_t i = 0; i < diags->n; i++) {
		const struct diag *diag = &diags->items[i];
		const char *severity = diag->severity == SEVERITY_ERROR ? "error" : "warning";
		const struct source *source = NULL;

		if (diag->pos.source && diag->pos.source < sources->n)
			source = sources_get(sources, diag->pos.source);
		jsonl_begin(buf, "diagnostic", severity[0] == 'e' ? "error" : "warn", "%s",
			diag->message);
		jsonl_text(buf, "severity", severity);
		jsonl_text(buf, "summary", diag->message);
		jsonl_text(buf, "help", diag->hint);
		jsonl_text(buf, "address", diag->address);
		if (source) {
			jsonl_text(buf, "file", source->path);
			jsonl_text(buf, "layer", source->layer);
			if (diag->pos.line)
				jsonl_number(buf, "line", diag->pos.line);
			if (diag->pos.column)
				jsonl_number(buf, "column", diag->pos.column);
		}
		jsonl_end(buf);
	}
}

void render_error(struct strbuf *buf, const struct terminal *terminal, const char *message)
{
	add_title(buf, terminal, SEVERITY_ERROR, message);
}

void render_error_json(struct strbuf *buf, const char *message, const char *code)
{
	jsonl_begin(buf, "diagnostic", "error", "%s", message);
	jsonl_text(buf, "severity", "error");
	jsonl_text(buf, "summary", message);
	jsonl_text(buf, "code", code);
	jsonl_end(buf);
}
