/* See when.h. */
#include "cli/when.h"

#include <stdio.h>
#include <time.h>

char *when_ago(int64_t wall_ms, int64_t now_ms, char *out)
{
	int64_t seconds = (now_ms - wall_ms) / 1000;

	if (!wall_ms)
		snprintf(out, 32, "never");
	else if (seconds < 0)
		snprintf(out, 32, "just now");
	else if (seconds < 120)
		snprintf(out, 32, "%llds ago", (long long)seconds);
	else if (seconds < 2 * 3600)
		snprintf(out, 32, "%lldm ago", (long long)(seconds / 60));
	else if (seconds < 2 * 86400)
		snprintf(out, 32, "%lldh ago", (long long)(seconds / 3600));
	else
		snprintf(out, 32, "%lldd ago", (long long)(seconds / 86400));
	return out;
}

char *when_clock(int64_t wall_ms, char *out)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;

	localtime_r(&seconds, &tm);
	strftime(out, 32, "%H:%M:%S", &tm);
	return out;
}
