/* Programs of our own that are started beside devenv: devenv-git, devenv-watcher, devenv-listen. */
#ifndef DEVENV_BASE_HELPER_H
#define DEVENV_BASE_HELPER_H

#include "base/alloc.h"
#include "base/error.h"

/* The one that belongs to the program `self`: beside it, else in ../libexec/devenv. */
int helper_find(const char *self, const char *name, struct arena *arena, const char **out,
	struct error *err);

#endif
