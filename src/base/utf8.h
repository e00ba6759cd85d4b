/* UTF-8, strictly: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
#ifndef DEVENV_BASE_UTF8_H
#define DEVENV_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes (1 to 4) of the character that `text` starts with, of `len` there; 0: invalid. */
size_t utf8_len(const char *text, size_t len);
/* Writes 1 to 4 bytes and returns how many. `code` is no surrogate and at most 0x10ffff. */
size_t utf8_put(char *out, uint32_t code);

/* The end of a text that was cut. The redactor looks before it for the beginning of a secret. */
#define CUT_MARK "…"

/* How many bytes to keep of a text that has more than `max`: whole characters. */
size_t utf8_cut(const char *text, size_t max);
/* After a printf into `size` bytes that has written or would have written `wanted`: marks what was cut. */
void utf8_mark_cut(char *text, size_t size, size_t wanted);

#endif
