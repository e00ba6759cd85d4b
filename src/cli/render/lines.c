/*
 * The difference of two texts, line by line: what they share at both ends is set aside, the middle
 * is compared by its longest common subsequence. A middle too large for the table is shown as
 * replaced.
 */
#include "cli/render/render.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CONTEXT = 3, TABLE_CELLS = 4 << 20 };

struct line {
	const char *text;
	size_t len; /* with its newline, so that a missing last one is a difference */
};

struct lines {
	struct line *items;
	size_t n, cap;
};

/* One line of the outcome: ' ' both, '-' before only, '+' after only. */
struct step {
	char sign;
	const struct line *line;
};

struct steps {
	struct step *items;
	size_t n, cap;
};

static void split(struct lines *lines, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		len += text[len] == '\n';
		VEC_GROW(lines->items, lines->n, lines->cap);
		lines->items[lines->n++] = (struct line){text, len};
		text += len;
	}
}

static bool same(const struct line *a, const struct line *b)
{
	return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static void step(struct steps *steps, char sign, const struct line *line)
{
	VEC_GROW(steps->items, steps->n, steps->cap);
	steps->items[steps->n++] = (struct step){sign, line};
}

/* a[0..n) against b[0..m): table[i][j] is the length of what a[i..] and b[j..] share. */
static void compare(
	struct steps *steps, const struct line *a, size_t n, const struct line *b, size_t m)
{
	size_t width = m + 1, i = 0, j = 0;
	uint16_t *table = NULL;

	if ((n + 1) * width <= TABLE_CELLS && n < UINT16_MAX && m < UINT16_MAX) {
		table = xcalloc((n + 1) * width, sizeof(*table));
		for (size_t y = n; y-- > 0;)
			for (size_t x = m; x-- > 0;) {
				uint16_t down = table[(y + 1) * width + x];
				uint16_t right = table[y * width + x + 1];
				uint16_t both = (uint16_t)(table[(y + 1) * width + x + 1] + 1);

				table[y * width + x] = same(&a[y], &b[x]) ? both
						       : down > right     ? down
									  : right;
			}
	}
	while (table && i < n && j < m) {
		if (same(&a[i], &b[j])) {
			step(steps, ' ', &a[i]);
			i++, j++;
		} else if (table[(i + 1) * width + j] >= table[i * width + j + 1]) {
			step(steps, '-', &a[i++]);
		} else {
			step(steps, '+', &b[j++]);
		}
	}
	while (i < n)
		step(steps, '-', &a[i++]);
	while (j < m)
		step(steps, '+', &b[j++]);
	free(table);
}

/* Is a change within CONTEXT lines of `at`? */
static bool near_change(const struct steps *steps, size_t at)
{
	size_t from = at > CONTEXT ? at - CONTEXT : 0;

	for (size_t i = from; i < steps->n && i <= at + CONTEXT; i++)
		if (steps->items[i].sign != ' ')
			return true;
	return false;
}

static void add_step(struct strbuf *buf, const struct value_style *style, const struct step *one)
{
	enum style colour = one->sign == '+'   ? STYLE_GREEN
			    : one->sign == '-' ? STYLE_RED
					       : STYLE_PLAIN;
	bool newline = one->line->text[one->line->len - 1] == '\n';
	struct strbuf clean = STRBUF_INIT;

	add_clean(&clean, one->line->text, one->line->len - newline);
	strbuf_addch(buf, '\n');
	add_spaces(buf, style->indent + 2);
	paint(buf, style->terminal, colour, "%c %s", one->sign, clean.text);
	if (!newline && one->sign != ' ')
		paint(buf, style->terminal, STYLE_DIM, "  (no newline at the end)");
	strbuf_release(&clean);
}

static void add_steps(
	struct strbuf *buf, const struct value_style *style, const struct steps *steps)
{
	size_t i = 0;

	while (i < steps->n) {
		size_t skipped = 0;

		while (i < steps->n && !near_change(steps, i))
			i++, skipped++;
		if (skipped) {
			strbuf_addch(buf, '\n');
			add_spaces(buf, style->indent + 2);
			paint(buf, style->terminal, STYLE_DIM, "%s %zu unchanged line%s",
				terminal_symbol(style->terminal, SYMBOL_ELLIPSIS), skipped,
				skipped == 1 ? "" : "s");
		}
		if (i < steps->n)
			add_step(buf, style, &steps->items[i++]);
	}
}

void render_line_diff(struct strbuf *buf, const struct value_style *style, const char *before,
	const char *after)
{
	struct arena arena = ARENA_INIT;
	struct lines a = {0}, b = {0};
	struct steps steps = {0};
	size_t head = 0, tail = 0;

	split(&a, style->redactor ? redact(style->redactor, before, &arena) : before);
	split(&b, style->redactor ? redact(style->redactor, after, &arena) : after);
	while (head < a.n && head < b.n && same(&a.items[head], &b.items[head]))
		step(&steps, ' ', &a.items[head++]);
	while (tail < a.n - head && tail < b.n - head &&
		same(&a.items[a.n - 1 - tail], &b.items[b.n - 1 - tail]))
		tail++;
	compare(&steps, a.items + head, a.n - head - tail, b.items + head, b.n - head - tail);
	for (size_t i = a.n - tail; i < a.n; i++)
		step(&steps, ' ', &a.items[i]);
	add_steps(buf, style, &steps);
	free(steps.items);
	free(a.items);
	free(b.items);
	arena_release(&arena);
}
