/*
 * From data to text. Pure: the same inputs give the same bytes, so that tests hold goldens. Human
 * forms take the terminal for colour, symbols and width; the JSON forms write NDJSON lines.
 */
#ifndef DEVENV_CLI_RENDER_RENDER_H
#define DEVENV_CLI_RENDER_RENDER_H

#include "base/diag.h"
#include "cli/terminal.h"
#include "engine/apply/apply.h"
#include "engine/plan/plan.h"

#include <stdbool.h>

/* --- diagnostics (diag.c) -------------------------------------------------------------- */

/* Every one with its line and a caret, then how many. Sort them before. */
void render_diags(struct strbuf *buf, const struct terminal *terminal, const struct diags *diags,
	const struct sources *sources);
void render_diags_json(struct strbuf *buf, const struct diags *diags,
	const struct sources *sources);
/* "Error: message", the second and later lines indented. */
void render_error(struct strbuf *buf, const struct terminal *terminal, const char *message);
void render_error_json(struct strbuf *buf, const char *message, const char *code);

/* --- values (value.c) ------------------------------------------------------------------ */

struct value_style {
	const struct terminal *terminal;
	const struct redactor *redactor; /* NULL: none; applied before a text is cut into lines */
	int indent;                      /* of the line that the value starts on */
};

/* As a person reads it: strings quoted, containers over several lines when they are long,
   "(known after apply)", "(sensitive)". Ends without a newline. */
void render_value(struct strbuf *buf, const struct value_style *style, const struct value *value);
bool value_is_block(const struct value *value); /* a string of several lines */
/* The difference of two texts line by line with three lines around each change. */
void render_line_diff(struct strbuf *buf, const struct value_style *style, const char *before,
	const char *after);

/* YAML that reads back as the same value (yaml.c); `sources`: with each scalar's origin. */
void render_yaml(struct strbuf *buf, const struct terminal *terminal, const struct value *value,
	const struct sources *sources);

/* --- plans (plan.c, plan_json.c, plan_markdown.c) ------------------------------------------------ */

struct plan_view {
	const struct terminal *terminal;
	const struct sources *sources;
	const struct redactor *redactor;
	const char *explain; /* only this address, with all that is known; NULL: the plan */
	bool verbose;        /* what needs nothing is listed, too */
	bool brief;          /* the last line only */
	bool destroy;
	bool refresh_only;   /* the manifest was not asked */
	bool part;           /* the rest was left out: --target, --exclude */
	bool compared;       /* of two revisions: what one does beyond the other */
};

void render_plan(struct strbuf *buf, const struct plan_view *view, const struct plan *plan);
/* For a comment of a review (plan_markdown.c). `name` of the manifest and `title` of the revisions
   may be NULL. */
void render_plan_markdown(struct strbuf *buf, const struct plan_view *view, const struct plan *plan,
	const char *name, const char *title);
/* Is it part of what is printed? */
bool change_is_shown(const struct plan_view *view, const struct change *change);
/* "Plan: 1 to add, ..." or "No changes. ...", with a newline. */
void render_plan_summary(struct strbuf *buf, const struct plan_view *view, const struct plan *plan);
void render_plan_json(struct strbuf *buf, const struct plan_view *view, const struct plan *plan);
/* What its own tool would do inside it; nothing for what does not act (details.c). */
void render_details(struct strbuf *buf, const struct plan_view *view, const struct change *change);
void render_details_json(struct strbuf *buf, const struct change *change);
/* The members of one change, for render_plan_json and the plan file. */
void render_change_json(struct strbuf *buf, const struct plan_view *view, const struct plan *plan,
	const struct change *change);
/* words.c */
const char *action_phrase(const struct change *change); /* "will be created" */
enum style action_style(enum action action);
const char *hold_str(enum hold hold);                   /* "data-loss" */
const char *reason_kind_str(enum reason_kind kind);     /* "changed" */
/* What lets a held change happen, in the arena: "--allow-data-loss docker_volume.db". */
const char *hold_release(const struct change *change, const struct plan *plan, struct arena *arena);

/* "Apply complete: 2 added, ..." */
void render_result(struct strbuf *buf, const struct terminal *terminal, const char *verb,
	const struct apply_result *result);
void render_result_json(struct strbuf *buf, const char *operation,
	const struct apply_result *result);

/* --- tables ----------------------------------------------------------------------------------- */

/* Left-aligned columns by display width; nothing at all when there is only a header; the last one
   is cut at the terminal's width when it is one. */
struct table {
	size_t columns;
	bool header;  /* the first row is one */
	char **cells; /* columns to a row; owned */
	enum style *styles;
	size_t n, cap, cap_styles;
};
#define TABLE_INIT(n_columns) {.columns = (n_columns)}
/* Names of the columns, in capitals, NULL-terminated; before the first row. */
void table_header(struct table *table, const char *const *names);
void table_add(struct table *table, enum style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void table_render(struct strbuf *buf, const struct terminal *terminal, const struct table *table,
	int indent);
void table_release(struct table *table);

#endif
