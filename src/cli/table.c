/* Tables of text: collected first, because a column is as wide as its widest cell. */
#include "cli/render/render.h"

#include <stdlib.h>

void table_add(struct table *table, enum style style, const char *fmt, ...)
{
	struct strbuf text = STRBUF_INIT, clean = STRBUF_INIT;
	size_t n = table->n;
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&text, fmt, ap);
	va_end(ap);
	add_clean(&clean, text.text, text.len);
	strbuf_release(&text);
	VEC_GROW(table->cells, n, table->cap);
	VEC_GROW(table->styles, n, table->cap_styles);
	table->styles[n] = style;
	table->cells[n] = strbuf_detach(&clean);
	table->n = n + 1;
}

void table_header(struct table *table, const char *const *names)
{
	table->header = true;
	for (; *names; names++)
		table_add(table, STYLE_DIM, "%s", *names);
}

static int column_width(const struct table *table, size_t column)
{
	int widest = 0;

	for (size_t i = column; i < table->n; i += table->columns) {
		int width = display_width(table->cells[i]);

		widest = width > widest ? width : widest;
	}
	return widest;
}

static void add_row(struct strbuf *buf, const struct terminal *terminal, const struct table *table,
	size_t row, const int *widths, int indent)
{
	const char *const *cells = (const char *const *)table->cells + row * table->columns;
	const enum style *styles = table->styles + row * table->columns;
	size_t last = table->columns;

	while (last > 1 && !*cells[last - 1])
		last--;
	add_spaces(buf, indent);
	for (size_t i = 0; i < last; i++) {
		paint(buf, terminal, styles[i], "%s", cells[i]);
		if (i + 1 < last)
			add_spaces(buf, widths[i] - display_width(cells[i]) + 2);
	}
	strbuf_addch(buf, '\n');
}

void table_render(struct strbuf *buf, const struct terminal *terminal, const struct table *table,
	int indent)
{
	size_t rows = table->n / table->columns;
	int *widths;

	if (rows == (table->header ? 1 : 0))
		return;
	widths = xcalloc(table->columns, sizeof(*widths));
	for (size_t i = 0; i < table->columns; i++)
		widths[i] = column_width(table, i);
	for (size_t row = 0; row < rows; row++)
		add_row(buf, terminal, table, row, widths, indent);
	free(widths);
}

void table_release(struct table *table)
{
	for (size_t i = 0; i < table->n; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table->styles);
	*table = (struct table){.columns = table->columns};
}
