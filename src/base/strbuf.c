/* See strbuf.h. An empty buffer points at one shared NUL, so that it needs no allocation. */
#include "base/strbuf.h"

#include "base/alloc.h"
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char strbuf_empty[1] = "";

void strbuf_release(struct strbuf *buf)
{
	if (buf->cap)
		free(buf->text);
	*buf = (struct strbuf)STRBUF_INIT;
}

void strbuf_reset(struct strbuf *buf)
{
	strbuf_setlen(buf, 0);
}

char *strbuf_grow(struct strbuf *buf, size_t len)
{
	size_t need = buf->len + len + 1;

	if (need > buf->cap) {
		size_t cap = buf->cap ? buf->cap * 2 : 64;

		if (cap < need)
			cap = need;
		buf->text = xrealloc(buf->cap ? buf->text : NULL, cap);
		buf->cap = cap;
		buf->text[buf->len] = '\0';
	}
	return buf->text + buf->len;
}

void strbuf_setlen(struct strbuf *buf, size_t len)
{
	if (!buf->cap)
		return;
	buf->len = len;
	buf->text[len] = '\0';
}

void strbuf_add(struct strbuf *buf, const void *data, size_t len)
{
	if (!len)
		return;
	memcpy(strbuf_grow(buf, len), data, len);
	strbuf_setlen(buf, buf->len + len);
}

void strbuf_addch(struct strbuf *buf, char c)
{
	strbuf_add(buf, &c, 1);
}

void strbuf_addstr(struct strbuf *buf, const char *text)
{
	strbuf_add(buf, text, strlen(text));
}

void strbuf_vaddf(struct strbuf *buf, const char *fmt, va_list ap)
{
	va_list again;
	int len;

	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (len < 0)
		BUG("bad format '%s'", fmt);
	vsnprintf(strbuf_grow(buf, (size_t)len), (size_t)len + 1, fmt, ap);
	strbuf_setlen(buf, buf->len + (size_t)len);
}

void strbuf_addf(struct strbuf *buf, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(buf, fmt, ap);
	va_end(ap);
}

char *strbuf_detach(struct strbuf *buf)
{
	char *text = buf->cap ? buf->text : xstrdup("");

	*buf = (struct strbuf)STRBUF_INIT;
	return text;
}
