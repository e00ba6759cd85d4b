/* Results that go back to the forge and to people. Nothing of it decides anything. */
#include "loop/sync_internal.h"

#include <stdlib.h>

struct reports {
	size_t n;
};

struct reports *reports_new(void)
{
	return xcalloc(1, sizeof(struct reports));
}

void reports_free(struct reports *reports)
{
	free(reports);
}

void reports_add(struct reports *reports, const struct round *round)
{
	(void)round;
	reports->n += 0;
}

int64_t reports_send(struct reports *reports, struct loop *loop)
{
	(void)reports;
	(void)loop;
	return 0;
}
