/*
 * Values as a person reads them. A sensitive part is masked by its flag, and every text passes the
 * redactor before it is escaped or cut into lines: a secret of several lines would not be found
 * after.
 */
#include "cli/render/render.h"

#include "model/json.h"

#include <string.h>

enum { INLINE_WIDTH = 60, BLOCK_LINES = 40 };

static bool is_masked(const struct value *value)
{
	return value->flags & VALUE_SENSITIVE;
}

bool value_is_block(const struct value *value)
{
	const char *newline;

	if (!value || value->kind != VALUE_STRING || is_masked(value) ||
		memchr(value->text, 0, value->len))
		return false;
	newline = memchr(value->text, '\n', value->len);
	return newline && newline + 1 < value->text + value->len;
}

static void add_quoted(
	struct strbuf *buf, const struct value_style *style, const char *text, size_t len)
{
	struct arena arena = ARENA_INIT;
	struct strbuf quoted = STRBUF_INIT;

	if (style->redactor && strlen(text) == len) {
		text = redact(style->redactor, text, &arena);
		len = strlen(text);
	}
	json_write_string(&quoted, text, len);
	add_clean(buf, quoted.text, quoted.len);
	strbuf_release(&quoted);
	arena_release(&arena);
}

static void add_block(
	struct strbuf *buf, const struct value_style *style, const struct value *value)
{
	struct arena arena = ARENA_INIT;
	const char *text =
		style->redactor ? redact(style->redactor, value->text, &arena) : value->text;
	size_t lines = 0, left = 0;

	while (*text) {
		size_t len = strcspn(text, "\n");

		if (lines++ < BLOCK_LINES) {
			strbuf_addch(buf, '\n');
			add_spaces(buf, style->indent + 2);
			add_clean(buf, text, len);
		} else {
			left++;
		}
		text += len + (text[len] == '\n');
	}
	if (left) {
		strbuf_addch(buf, '\n');
		add_spaces(buf, style->indent + 2);
		paint(buf, style->terminal, STYLE_DIM, "%s %zu more lines",
			terminal_symbol(style->terminal, SYMBOL_ELLIPSIS), left);
	}
	arena_release(&arena);
}

static void add_inline(
	struct strbuf *buf, const struct value_style *style, const struct value *value)
{
	if (is_masked(value)) {
		paint(buf, style->terminal, STYLE_DIM, "(sensitive)");
		return;
	}
	switch ((enum value_kind)value->kind) {
	case VALUE_UNKNOWN:
		paint(buf, style->terminal, STYLE_DIM, "(known after apply)");
		return;
	case VALUE_NULL:
		strbuf_addstr(buf, "null");
		return;
	case VALUE_STRING:
		add_quoted(buf, style, value->text, value->len);
		return;
	case VALUE_LIST:
		strbuf_addch(buf, '[');
		for (uint32_t i = 0; i < value->len; i++) {
			strbuf_addstr(buf, i ? ", " : "");
			add_inline(buf, style, &value->items[i]);
		}
		strbuf_addch(buf, ']');
		return;
	case VALUE_MAP:
		strbuf_addch(buf, '{');
		for (uint32_t i = 0; i < value->len; i++) {
			const struct member *member = &value->members[i];

			strbuf_addstr(buf, i ? ", " : "");
			add_clean(buf, member->key, strlen(member->key));
			strbuf_addstr(buf, ": ");
			add_inline(buf, style, &member->value);
		}
		strbuf_addch(buf, '}');
		return;
	case VALUE_BOOL:
	case VALUE_INT:
	case VALUE_REAL:
		add_clean(buf, value->text, strlen(value->text));
		return;
	}
}

static void start_line(struct strbuf *buf, int indent)
{
	strbuf_addch(buf, '\n');
	add_spaces(buf, indent);
}

static void add_expanded(
	struct strbuf *buf, const struct value_style *style, const struct value *value)
{
	bool map = value->kind == VALUE_MAP;
	struct value_style inner = *style;

	inner.indent += 2;
	strbuf_addch(buf, map ? '{' : '[');
	for (uint32_t i = 0; i < value->len; i++) {
		start_line(buf, inner.indent);
		if (map) {
			add_clean(buf, value->members[i].key, strlen(value->members[i].key));
			strbuf_addstr(buf, ": ");
		}
		render_value(buf, &inner, map ? &value->members[i].value : &value->items[i]);
	}
	start_line(buf, style->indent);
	strbuf_addch(buf, map ? '}' : ']');
}

void render_value(struct strbuf *buf, const struct value_style *style, const struct value *value)
{
	bool container = (value->kind == VALUE_MAP || value->kind == VALUE_LIST) && value->len;
	struct strbuf line = STRBUF_INIT;

	if (value_is_block(value)) {
		add_block(buf, style, value);
		return;
	}
	add_inline(&line, style, value);
	if (container && !is_masked(value) && display_width(line.text) > INLINE_WIDTH)
		add_expanded(buf, style, value);
	else
		strbuf_add(buf, line.text, line.len);
	strbuf_release(&line);
}
