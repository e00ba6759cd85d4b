/* Lists of texts that end with NULL. */
#include "base/texts.h"

#include <string.h>

bool texts_have(const char *const *texts, const char *text)
{
	for (; texts && *texts; texts++)
		if (strcmp(*texts, text) == 0)
			return true;
	return false;
}
