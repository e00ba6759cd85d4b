/*
 * Files that were parsed, for a loop that plans again and again: one is parsed anew only when its bytes
 * are others. What was parsed is immutable, so every load shares it, and providers and their workers do;
 * each file has an arena of its own, which goes with the file.
 */
#ifndef DEVENV_MODEL_PARSED_H
#define DEVENV_MODEL_PARSED_H

#include "base/diag.h"
#include "base/map.h"
#include "model/value.h"

#include <pthread.h>

struct parsed_file;

/* Zero-initialised is empty and ready for use. */
struct parsed {
	struct parsed_file **files;
	size_t n, cap;
	struct map index; /* by path */
	size_t n_parsed;  /* how often one was parsed */
	pthread_mutex_t lock; /* all zero is an open one here */
};

void parsed_release(struct parsed *parsed);
/* A load begins, and nothing of the one before is used any more. What no load asks for is forgotten
   after a few. NULL is fine, here and below. */
void parsed_begin(struct parsed *parsed);
/* As yaml_parse, of any thread; what has mistakes is not kept. It lives until the load after the next
   begins at least. */
int parsed_yaml(struct parsed *parsed, const struct sources *sources, uint16_t source,
	struct arena *arena, struct value *out, struct diags *diags);

#endif
