/* UTF-8, strictly: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
#ifndef DEVENV_BASE_UTF8_H
#define DEVENV_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes (1 to 4) of the character that `text` starts with, of `len` there; 0: invalid. */
size_t utf8_len(const char *text, size_t len);
/* Writes 1 to 4 bytes and returns how many. `code` is no surrogate and at most 0x10ffff. */
size_t utf8_put(char *out, uint32_t code);

#endif
