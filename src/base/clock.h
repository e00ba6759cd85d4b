/* Time, behind one seam so that tests can simulate it. Milliseconds everywhere. */
#ifndef DEVENV_BASE_CLOCK_H
#define DEVENV_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Either member may be replaced by a test; `arg` is passed back. */
struct clock {
	int64_t (*monotonic)(void *arg); /* never jumps; for durations and deadlines */
	int64_t (*wall)(void *arg);      /* since 1970, UTC; for what a person reads */
	void *arg;
};

extern const struct clock clock_system;

int64_t clock_monotonic(const struct clock *clock);
int64_t clock_wall(const struct clock *clock);
/* "2026-11-21T03:16:38Z"; `out` has room for 32 bytes. */
char *clock_rfc3339(int64_t wall_ms, char *out);

enum { DURATION_INVALID = -1 };
/* "1500ms", "90s", "5m", "1h30m", "2d", "250" (seconds) -> milliseconds; DURATION_INVALID otherwise. */
int64_t duration_parse(const char *text);
enum { MOMENT_INVALID = -1 };
/* "2026-11-21T03:16:38.5Z", "2026-11-21T03:16+01:00", in local time without a zone, also "2026-11-21"; or
   a duration before `now` -> milliseconds since 1970; MOMENT_INVALID otherwise. */
int64_t moment_parse(const char *text, int64_t now);
/* 850 -> "0.8s", 4200 -> "4.2s", 75000 -> "1m15s"; `out` has room for 32 bytes. */
char *duration_str(int64_t ms, char *out);

#endif
