/* Lists of texts that end with NULL. */
#include "base/texts.h"

#include <stdlib.h>
#include <string.h>

bool texts_have(const char *const *texts, const char *text)
{
	for (; texts && *texts; texts++)
		if (strcmp(*texts, text) == 0)
			return true;
	return false;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void texts_sort(const char **texts, size_t n)
{
	if (n)
		qsort(texts, n, sizeof(*texts), compare);
}
