/*
 * Lists of texts that end with NULL, as argv does. A list that is itself NULL is empty.
 */
#ifndef DEVENV_BASE_TEXTS_H
#define DEVENV_BASE_TEXTS_H

#include <stdbool.h>

bool texts_have(const char *const *texts, const char *text);

#endif
