/* Errors are fixed-size and filled in place, so that reporting one can never fail itself. */
#include "base/error.h"

#include "base/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int error_set(struct error *err, enum error_code code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -1;
	err->code = code;
	va_start(ap, fmt);
	utf8_mark_cut(err->msg, sizeof(err->msg), (size_t)vsnprintf(err->msg, sizeof(err->msg), fmt, ap));
	va_end(ap);
	return -1;
}

static void append(struct error *err, const char *text)
{
	size_t len = strlen(err->msg);
	int wanted = snprintf(err->msg + len, sizeof(err->msg) - len, ": %s", text);

	utf8_mark_cut(err->msg, sizeof(err->msg), len + (size_t)wanted);
}

int error_errno(struct error *err, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	if (!err)
		return -1;
	err->code = saved == ENOENT ? ERROR_NOT_FOUND : ERROR_FAILED;
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	append(err, strerror(saved));
	errno = saved;
	return -1;
}

int error_wrap(struct error *err, const char *fmt, ...)
{
	char inner[sizeof(err->msg)];
	va_list ap;

	if (!err)
		return -1;
	memcpy(inner, err->msg, sizeof(inner));
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	append(err, inner);
	return -1;
}

const char *error_code_str(enum error_code code)
{
	switch (code) {
	case ERROR_NONE: return "none";
	case ERROR_FAILED: return "failed";
	case ERROR_INVALID: return "invalid";
	case ERROR_NOT_FOUND: return "not found";
	case ERROR_CONFLICT: return "conflict";
	case ERROR_TRANSIENT: return "transient";
	case ERROR_UNREACHABLE: return "unreachable";
	case ERROR_TIMEOUT: return "timeout";
	case ERROR_CANCELLED: return "cancelled";
	case ERROR_LOCKED: return "locked";
	case ERROR_CORRUPT: return "corrupt";
	}
	return "?";
}

void bug_at(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "devenv: bug at %s:%d: ", file, line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

void give_up(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "Error: %s; run the same command again, it goes on from what is recorded\n", text);
	_exit(1);
}
