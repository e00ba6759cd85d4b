/*
 * Lists of texts that end with NULL, as argv does. A list that is itself NULL is empty.
 */
#ifndef DEVENV_BASE_TEXTS_H
#define DEVENV_BASE_TEXTS_H

#include <stdbool.h>
#include <stddef.h>

bool texts_have(const char *const *texts, const char *text);
/* Puts `n` of them in byte order; no NULL is needed behind them. */
void texts_sort(const char **texts, size_t n);

#endif
