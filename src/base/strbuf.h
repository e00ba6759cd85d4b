/*
 * A growable byte string, always NUL-terminated. `text` is never NULL, also when empty; it moves when
 * the buffer grows. strbuf_detach hands the heap copy to the caller and leaves an empty buffer.
 */
#ifndef DEVENV_BASE_STRBUF_H
#define DEVENV_BASE_STRBUF_H

#include <stdarg.h>
#include <stddef.h>

struct strbuf {
	char *text;
	size_t len, cap;
};

extern char strbuf_empty[];
#define STRBUF_INIT {.text = strbuf_empty, .len = 0, .cap = 0}
#define cleanup_strbuf __attribute__((cleanup(strbuf_release)))

void strbuf_release(struct strbuf *buf); /* ready for use again afterwards */
void strbuf_reset(struct strbuf *buf);   /* empty, keeps its room */
void strbuf_add(struct strbuf *buf, const void *data, size_t len);
void strbuf_addch(struct strbuf *buf, char c);
void strbuf_addstr(struct strbuf *buf, const char *text);
void strbuf_addf(struct strbuf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strbuf_vaddf(struct strbuf *buf, const char *fmt, va_list ap);
/* Room for `len` more bytes at text + len; the caller then calls strbuf_setlen. */
char *strbuf_grow(struct strbuf *buf, size_t len);
void strbuf_setlen(struct strbuf *buf, size_t len);
char *strbuf_detach(struct strbuf *buf);

#endif
