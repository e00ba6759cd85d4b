/* The schema files that this program was built with, for editors. */
#ifndef DEVENV_CLI_SCHEMAS_H
#define DEVENV_CLI_SCHEMAS_H

#include "base/alloc.h"
#include "base/error.h"

/* Writes every schema below `directory`, which is made; files there are overwritten. */
int schemas_write(struct arena *arena, const char *directory, struct error *err);

#endif
