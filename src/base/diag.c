/* See diag.h. */
#include "base/diag.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void diags_init(struct diags *diags, struct arena *arena)
{
	*diags = (struct diags){.arena = arena};
}

static void add(struct diags *diags, enum severity severity, struct pos pos, const char *fmt,
	va_list ap)
{
	ARENA_GROW(diags->arena, diags->items, diags->n, diags->cap);
	diags->items[diags->n++] = (struct diag){
		.severity = severity,
		.pos = pos,
		.message = arena_vprintf(diags->arena, fmt, ap),
	};
	diags->errors += severity == SEVERITY_ERROR;
}

int diag_error(struct diags *diags, struct pos pos, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(diags, SEVERITY_ERROR, pos, fmt, ap);
	va_end(ap);
	return -1;
}

void diag_warning(struct diags *diags, struct pos pos, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(diags, SEVERITY_WARNING, pos, fmt, ap);
	va_end(ap);
}

void diag_hint(struct diags *diags, const char *fmt, ...)
{
	va_list ap;

	if (!diags->n)
		return;
	va_start(ap, fmt);
	diags->items[diags->n - 1].hint = arena_vprintf(diags->arena, fmt, ap);
	va_end(ap);
}

void diag_address(struct diags *diags, const char *address)
{
	if (diags->n)
		diags->items[diags->n - 1].address = address;
}

void diag_cause(struct diags *diags, const char *cause)
{
	if (diags->n)
		diags->items[diags->n - 1].cause = cause;
}

static bool same_place(struct pos a, struct pos b)
{
	return a.line && a.source == b.source && a.line == b.line && a.column == b.column;
}

void diags_drop_repeated(struct diags *diags, size_t first)
{
	size_t kept = first;

	for (size_t i = first; i < diags->n; i++) {
		bool said = false;

		for (size_t j = 0; j < first && !said; j++)
			said = diags->items[j].severity == SEVERITY_ERROR &&
			       same_place(diags->items[j].pos, diags->items[i].pos);
		if (!said)
			diags->items[kept++] = diags->items[i];
		else
			diags->errors -= diags->items[i].severity == SEVERITY_ERROR;
	}
	diags->n = kept;
}

static int compare(const void *a, const void *b)
{
	const struct diag *x = a, *y = b;

	if (x->pos.source != y->pos.source)
		return x->pos.source < y->pos.source ? -1 : 1;
	if (x->pos.line != y->pos.line)
		return x->pos.line < y->pos.line ? -1 : 1;
	if (x->pos.column != y->pos.column)
		return x->pos.column < y->pos.column ? -1 : 1;
	return strcmp(x->message, y->message);
}

void diags_sort(struct diags *diags)
{
	size_t kept = 0;

	if (!diags->n)
		return;
	qsort(diags->items, diags->n, sizeof(*diags->items), compare);
	diags->errors = 0;
	for (size_t i = 0; i < diags->n; i++) {
		if (kept && compare(&diags->items[kept - 1], &diags->items[i]) == 0)
			continue;
		diags->items[kept++] = diags->items[i];
		diags->errors += diags->items[kept - 1].severity == SEVERITY_ERROR;
	}
	diags->n = kept;
}

enum { NEAREST_MAX = 64 }; /* longer names are never typos of each other worth a guess */

static size_t min2(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t distance(const char *a, size_t la, const char *b, size_t lb)
{
	size_t rows[3][NEAREST_MAX + 1];
	size_t *two = rows[0], *one = rows[1], *now = rows[2];

	for (size_t j = 0; j <= lb; j++)
		one[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *spare = two;

		now[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t cost = a[i - 1] != b[j - 1];

			now[j] = min2(min2(one[j] + 1, now[j - 1] + 1), one[j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = min2(now[j], two[j - 2] + 1);
		}
		two = one;
		one = now;
		now = spare;
	}
	return one[lb];
}

/* "api" of "docker_container.api": whoever writes it means the whole. */
static bool is_last_part(const char *word, size_t la, const char *candidate, size_t lb)
{
	return la && lb > la + 1 && candidate[lb - la - 1] == '.' &&
	       strcmp(candidate + lb - la, word) == 0;
}

/* "port" of "port-forward", "bool" of "boolean": a name that was not written to its end. */
static bool is_begin(const char *word, size_t la, const char *candidate)
{
	return la > 2 && strncmp(word, candidate, la) == 0 && (candidate[la] == '-' || la > 3);
}

/* How far two names agree up to a dot: that the type is the same makes no other name alike. */
static size_t same_parts(const char *a, const char *b)
{
	size_t parts = 0;

	for (size_t i = 0; a[i] && a[i] == b[i]; i++) {
		if (a[i] == '.')
			parts = i + 1;
	}
	return parts;
}

/* How far a word is from a name; SIZE_MAX: they are not alike. */
static size_t likeness(const char *word, const char *name)
{
	size_t la = strlen(word), lb = strlen(name), parts, d;

	if (la > NEAREST_MAX || lb > NEAREST_MAX)
		return SIZE_MAX;
	if (is_last_part(word, la, name, lb) || is_begin(word, la, name))
		return 1;
	parts = same_parts(word, name);
	d = distance(word, la, name, lb);
	la -= parts;
	lb -= parts;
	return d > (la > lb ? la : lb) / 3 + (parts || la == 2 || la == 3) ? SIZE_MAX : d;
}

void nearest_try(struct nearest *nearest, const char *candidate)
{
	const char *dot = strchr(nearest->word, '.') ? NULL : strchr(candidate, '.');
	size_t d = likeness(nearest->word, candidate);

	/* "wroker" for "local_process.worker": who names no type means none. */
	if (dot && d == SIZE_MAX)
		d = likeness(nearest->word, dot + 1);
	if (d == SIZE_MAX || (nearest->best && d >= nearest->distance))
		return;
	nearest->best = candidate;
	nearest->distance = d;
}
