/* See quiet.h. */
#include "loop/quiet.h"

void quiet_change(struct quiet *quiet, int64_t now, size_t n)
{
	if (!quiet->n) {
		quiet->first = now;
		quiet->crowded |= quiet->before && now - quiet->before < QUIET_WEAK;
	} else if (now - quiet->first >= QUIET_LONE || n) {
		quiet->crowded = true;
	}
	quiet->n += n;
	quiet->last = now;
}

void quiet_crowd(struct quiet *quiet)
{
	quiet->crowded = true;
}

void quiet_end(struct quiet *quiet)
{
	if (quiet->n)
		quiet->before = quiet->last;
	quiet->n = 0;
	quiet->crowded = false;
}

int64_t quiet_until(const struct quiet *quiet, bool strong)
{
	bool lone = !quiet->crowded && quiet->n == 1;

	return quiet->last + (strong ? QUIET_STRONG : lone ? QUIET_LONE : QUIET_WEAK);
}
