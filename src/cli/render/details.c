/*
 * What a resource's own tool would do inside it, below the change: one line a thing, its values below
 * that. The same symbols as for resources.
 */
#include "cli/jsonl.h"
#include "cli/render/render.h"

#include <string.h>

enum { MARGIN = 6, VALUES = 10 };

struct look_of {
	const char *word, *symbol;
	enum style style;
};

static const struct look_of looks[] = {
	[DETAIL_CREATE] = {"create", "+", STYLE_GREEN},
	[DETAIL_UPDATE] = {"update", "~", STYLE_YELLOW},
	[DETAIL_REPLACE] = {"replace", "-/+", STYLE_YELLOW},
	[DETAIL_DELETE] = {"delete", "-", STYLE_RED},
	[DETAIL_FORGET] = {"forget", ">", STYLE_DIM},
	[DETAIL_MOVE] = {"move", ">", STYLE_DIM},
	[DETAIL_IMPORT] = {"import", ">", STYLE_GREEN},
};

static void add_value(struct strbuf *buf, const struct plan_view *view,
	const struct detail_value *value)
{
	struct value_style style = {view->terminal, view->redactor, VALUES + 2};

	add_spaces(buf, VALUES);
	add_clean(buf, value->path, strlen(value->path));
	strbuf_addstr(buf, value_is_block(value->before ? value->before : value->after) ? " =" : " = ");
	if (value->before)
		render_value(buf, &style, value->before);
	if (value->before && value->after)
		strbuf_addf(buf, " %s%s", terminal_symbol(view->terminal, SYMBOL_ARROW),
			value_is_block(value->after) ? "" : " ");
	if (value->after)
		render_value(buf, &style, value->after);
	if (value->forces_replace)
		paint(buf, view->terminal, STYLE_YELLOW, "  # forces replacement");
	strbuf_addch(buf, '\n');
}

void render_details(struct strbuf *buf, const struct plan_view *view, const struct change *change)
{
	const struct observation *seen = change->observed;

	if (change->action == ACTION_NOOP || change->action == ACTION_RECORD)
		return;
	for (size_t i = 0; seen && i < seen->n_details; i++) {
		const struct detail *detail = &seen->details[i];
		const struct look_of *look = &looks[detail->kind];

		add_spaces(buf, MARGIN);
		paint(buf, view->terminal, look->style, "%s", look->symbol);
		strbuf_addch(buf, ' ');
		add_clean(buf, detail->address, strlen(detail->address));
		if (detail->previous)
			paint(buf, view->terminal, STYLE_DIM, "  # moved from %s", detail->previous);
		if (detail->drift)
			paint(buf, view->terminal, STYLE_DIM, "  # drift: changed outside devenv");
		strbuf_addch(buf, '\n');
		for (size_t k = 0; k < detail->n_values; k++)
			add_value(buf, view, &detail->values[k]);
	}
}

void render_details_json(struct strbuf *buf, const struct change *change)
{
	const struct observation *seen = change->observed;

	if (!seen || !seen->n_details || change->action == ACTION_NOOP ||
		change->action == ACTION_RECORD)
		return;
	jsonl_open(buf, "details", '[');
	for (size_t i = 0; i < seen->n_details; i++) {
		const struct detail *detail = &seen->details[i];

		jsonl_open(buf, NULL, '{');
		jsonl_text(buf, "action", looks[detail->kind].word);
		jsonl_text(buf, "address", detail->address);
		jsonl_text(buf, "previous_address", detail->previous);
		if (detail->removes)
			jsonl_bool(buf, "removes", true);
		if (detail->drift)
			jsonl_bool(buf, "drift", true);
		jsonl_open(buf, "attributes", '[');
		for (size_t k = 0; k < detail->n_values; k++) {
			jsonl_open(buf, NULL, '{');
			jsonl_text(buf, "path", detail->values[k].path);
			jsonl_value(buf, "before", detail->values[k].before);
			jsonl_value(buf, "after", detail->values[k].after);
			if (detail->values[k].forces_replace)
				jsonl_bool(buf, "forces_replacement", true);
			jsonl_close(buf, '}');
		}
		jsonl_close(buf, ']');
		jsonl_close(buf, '}');
	}
	jsonl_close(buf, ']');
}
