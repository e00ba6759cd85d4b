/* See clock.h. */
#include "base/clock.h"

#include <ctype.h>
#include <stdbool.h>
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

/* "Z", "+01:00", "-0330" at the end: how far ahead of UTC, in ms. False: something else. */
static bool zone_parse(const char *text, int64_t *ahead)
{
	int hours, minutes, used = 0;

	*ahead = 0;
	if (!strcmp(text, "Z") || !strcmp(text, "z"))
		return true;
	if ((*text != '+' && *text != '-') || !isdigit((unsigned char)text[1]))
		return false;
	if (sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 &&
		sscanf(text + 1, "%2d%2d%n", &hours, &minutes, &used) != 2)
		return false;
	*ahead = (hours * 60 + minutes) * 60000ll * (*text == '-' ? -1 : 1);
	return !text[1 + used] && hours < 24 && minutes < 60;
}

/* What stands behind the minutes: seconds, a fraction of one. Returns what is left. */
static const char *seconds_parse(const char *text, struct tm *tm, int64_t *ms)
{
	int scale = 100;

	if (text[0] != ':' || !isdigit((unsigned char)text[1]) || !isdigit((unsigned char)text[2]))
		return text;
	tm->tm_sec = (text[1] - '0') * 10 + text[2] - '0';
	text += 3;
	if (*text == '.' && isdigit((unsigned char)text[1]))
		for (text++; isdigit((unsigned char)*text); text++, scale /= 10)
			*ms += (*text - '0') * scale;
	return text;
}

static int64_t date_parse(const char *text)
{
	struct tm tm = {.tm_isdst = -1}, given;
	int64_t ms = 0, ahead = 0;
	int used = 0;

	if (sscanf(text, "%4d-%2d-%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &used) != 3)
		return MOMENT_INVALID;
	text += used;
	if (*text == 'T' || *text == 't' || *text == ' ') {
		if (sscanf(text + 1, "%2d:%2d%n", &tm.tm_hour, &tm.tm_min, &used) != 2)
			return MOMENT_INVALID;
		text = seconds_parse(text + 1 + used, &tm, &ms);
	}
	tm.tm_year -= 1900;
	tm.tm_mon--;
	given = tm;
	if (*text && !zone_parse(text, &ahead))
		return MOMENT_INVALID;
	ms += (int64_t)(*text ? timegm(&tm) : mktime(&tm)) * 1000 - ahead;
	/* The 31st of June is the first of July to the C library, and a mistake to a person. */
	return tm.tm_mon == given.tm_mon && tm.tm_mday == given.tm_mday && ms >= 0 ? ms : MOMENT_INVALID;
}

int64_t moment_parse(const char *text, int64_t now)
{
	int64_t before = duration_parse(text);

	if (before == DURATION_INVALID)
		return date_parse(text);
	return before < now ? now - before : 0;
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
