/*
 * failalloc: preloaded into a program, it makes the n-th allocation fail, and on request all that
 * follow. A counter over all threads; children are spared, because the preload is not handed on.
 *
 *	FAILALLOC_AT=N      the allocation to fail, from 1; 0 or none: only count
 *	FAILALLOC_ON=1      this one and all after it
 *	FAILALLOC_REPORT=F  at the end the number of allocations is written to F
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* glibc's own: dlsym would allocate. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t align, size_t size);

static atomic_long count;
static long fail_at;
static bool fail_on;
static char report[4096];

__attribute__((constructor)) static void begin(void)
{
	const char *at = getenv("FAILALLOC_AT"), *on = getenv("FAILALLOC_ON");
	const char *path = getenv("FAILALLOC_REPORT");

	if (path)
		snprintf(report, sizeof(report), "%s", path);
	fail_on = on && *on == '1';
	unsetenv("LD_PRELOAD");
	atomic_store(&count, 0);
	fail_at = at ? strtol(at, NULL, 10) : 0;
}

__attribute__((destructor)) static void end(void)
{
	char text[32];
	int fd, len;

	if (!*report)
		return;
	fd = open(report, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	len = snprintf(text, sizeof(text), "count=%ld\n", atomic_load(&count));
	if (fd < 0 || write(fd, text, (size_t)len) != len)
		_exit(125);
	close(fd);
}

static bool fails(void)
{
	long n = atomic_fetch_add(&count, 1) + 1;

	if (!fail_at || (n != fail_at && !(fail_on && n > fail_at)))
		return false;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t items, size_t size)
{
	return fails() ? NULL : __libc_calloc(items, size);
}

void *realloc(void *old, size_t size)
{
	return fails() ? NULL : __libc_realloc(old, size);
}

int posix_memalign(void **out, size_t align, size_t size)
{
	void *found = fails() ? NULL : __libc_memalign(align, size);

	if (!found)
		return ENOMEM;
	*out = found;
	return 0;
}

void *aligned_alloc(size_t align, size_t size)
{
	return fails() ? NULL : __libc_memalign(align, size);
}
