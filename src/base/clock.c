/* See clock.h. */
#include "base/clock.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t now(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t system_monotonic(void *arg)
{
	(void)arg;
	return now(CLOCK_MONOTONIC);
}

static int64_t system_wall(void *arg)
{
	(void)arg;
	return now(CLOCK_REALTIME);
}

const struct clock clock_system = {.monotonic = system_monotonic, .wall = system_wall};

int64_t clock_monotonic(const struct clock *clock)
{
	return clock->monotonic(clock->arg);
}

int64_t clock_wall(const struct clock *clock)
{
	return clock->wall(clock->arg);
}

char *clock_rfc3339(int64_t wall_ms, char *out)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return out;
}

static int64_t unit_ms(const char **text)
{
	if (strncmp(*text, "ms", 2) == 0) {
		*text += 2;
		return 1;
	}
	switch (*(*text)++) {
	case 's': return 1000;
	case 'm': return 60 * 1000;
	case 'h': return 3600 * 1000;
	case 'd': return 24 * 3600 * 1000;
	default: return DURATION_INVALID;
	}
}

int64_t duration_parse(const char *text)
{
	double total = 0;

	if (!*text)
		return DURATION_INVALID;
	while (*text) {
		char *end;
		double number;
		int64_t unit;

		if (!isdigit((unsigned char)*text) && *text != '.')
			return DURATION_INVALID;
		number = strtod(text, &end);
		if (end == text || number > 1e9)
			return DURATION_INVALID;
		text = end;
		if (!*text) /* a bare number is in seconds */
			return (int64_t)(total + number * 1000);
		unit = unit_ms(&text);
		if (unit == DURATION_INVALID)
			return DURATION_INVALID;
		total += number * (double)unit;
	}
	return (int64_t)total;
}

char *duration_str(int64_t ms, char *out)
{
	if (ms < 60000)
		snprintf(out, 32, "%lld.%llds", (long long)(ms / 1000), (long long)(ms % 1000 / 100));
	else if (ms < 3600000)
		snprintf(out, 32, "%lldm%02llds", (long long)(ms / 60000),
			(long long)(ms % 60000 / 1000));
	else
		snprintf(out, 32, "%lldh%02lldm", (long long)(ms / 3600000),
			(long long)(ms % 3600000 / 60000));
	return out;
}
