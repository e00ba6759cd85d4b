/*
 * Files of NAME=value lines: what `envFile` names, for containers, processes and commands alike.
 */
#ifndef DEVENV_MODEL_ENV_FILE_H
#define DEVENV_MODEL_ENV_FILE_H

#include "model/value.h"

/* The lines of one, appended to `out`; a name that is there already gets the new value. `path` is for
   messages. */
int env_file_parse(const char *path, const char *text, size_t len, struct value_builder *out,
	struct error *err);
/* One path or a list of them, relative to `root`, in order; a map. NULL: none. ERROR_NOT_FOUND: one
   is not there. */
int env_files_read(struct arena *arena, const char *root, const struct value *files,
	struct value *out, struct error *err);

#endif
