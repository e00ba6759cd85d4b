/* The heap of steps that may start: the longest path behind it first, then the order of the plan. */
#include "engine/apply/schedule.h"

static bool before(const struct scheduler *s, uint32_t a, uint32_t b)
{
	const struct step *x = &s->steps.items[a], *y = &s->steps.items[b];

	return x->priority != y->priority ? x->priority > y->priority : a < b;
}

void heap_push(struct scheduler *s, uint32_t step)
{
	uint32_t at = s->n_ready++;

	while (at && before(s, step, s->ready[(at - 1) / 2])) {
		s->ready[at] = s->ready[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	s->ready[at] = step;
}

uint32_t heap_pop(struct scheduler *s)
{
	uint32_t top = s->ready[0], last = s->ready[--s->n_ready], at = 0;

	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child >= s->n_ready)
			break;
		if (child + 1 < s->n_ready && before(s, s->ready[child + 1], s->ready[child]))
			child++;
		if (!before(s, s->ready[child], last))
			break;
		s->ready[at] = s->ready[child];
		at = child;
	}
	s->ready[at] = last;
	return top;
}
