/*
 * What the stages of manifest_load hand to each other; internal to them. The stages, in order:
 *
 *   files.c      reads, and remembers every path it looked at; model/parsed what a loop parsed before
 *   layers.c     which files there are: discovery, include, environment; checks their headers
 *   foreign.c    whose folder it is when there is none
 *   override.c   --set as layers
 *   settings.c   what the user's own configuration says about the program
 *   merge.c      the layers into one value
 *   dotenv.c     .env and the process environment
 *   variables.c  declarations, and what the command line and the environment assign
 *   scope.c      what a reference means before any resource exists
 *   lower/       services and the like into resources
 *   expand.c     when, forEach and attributes; meta.c the meta keys
 *   moved.c      new addresses of old resources
 *   switched_off.c  references to what is not there now
 *   locked.c     what ranges and branches stood for
 *
 * A stage reports mistakes as diagnostics and goes on as far as it makes sense.
 */
#ifndef DEVENV_MANIFEST_LOADING_H
#define DEVENV_MANIFEST_LOADING_H

#include "base/map.h"
#include "manifest/manifest.h"

struct layer {
	struct value value;
	uint16_t source;
	bool override; /* from --set: maps that only lead to the value have no line */
};

/* One variable of the environment. Positions of .env only. */
struct env_var {
	const char *name, *text;
	struct pos pos;
};

struct loading {
	const struct manifest_input *input;
	struct arena *arena;
	struct manifest *manifest;
	struct diags *diags;

	bool broken;          /* a file could not be used: what follows from it would mislead */
	unsigned n_includes;
	struct layer *layers; /* the lowest first */
	size_t n_layers, cap_layers;
	size_t n_user_layers; /* of the user's own configuration: the first ones */
	const char **files;
	size_t n_files, cap_files;
	struct map file_index;

	struct env_var *env;
	size_t n_env, cap_env;
	struct map env_index;

	struct map variable_index; /* into manifest->variables */

	struct value *texts; /* contents of files that references and templates name */
	const char **text_errors; /* why one cannot be used; NULL: it can */
	size_t n_texts, cap_texts, cap_text_errors;
	struct map text_index;
	const struct value *open_secrets[16]; /* that are being expanded, each for the one before */
	unsigned n_open_secrets;
	unsigned n_inner_secrets; /* expanded so far for the first of them */
	bool lowered;          /* short references that are left name nothing */
};

/* --- files.c */

/* Reads a file, remembers that it was looked for, and gives it a number as a source of `layer`. */
int files_read(struct loading *l, const char *path, const char *layer, uint16_t *source,
	struct error *err);
/* Is there room for the sources of one more --set, --var or variable of the environment? No: said. */
bool files_room(struct loading *l);
/* `path` against the folder `base`, normalised. */
const char *files_path(struct loading *l, const char *base, const char *path);
/* Names in a folder; none when it cannot be read. */
const char *const *files_list(struct loading *l, const char *path, size_t *n);

/* --- layers.c */

/* Fills layers, manifest->root, path and environment. -1: `err`, or diagnostics (err untouched). */
int layers_read(struct loading *l, struct error *err);

/* --- scale.c */

/* The layer that `devenv scale` has written, if there is one. */
int scale_read(struct loading *l, struct error *err);

/* --- settings.c */

/* manifest->settings, from the user's own layers; in any other they are a mistake. */
void settings_take(struct loading *l);

/* --- foreign.c */

/* The other tool named devenv that a folder is set up for; NULL: none that is known. */
const char *foreign_owner(struct loading *l, const char *folder);

/* --- override.c */

/* Appends a layer for each --set. */
void overrides_read(struct loading *l);
/* A value given as text: typed like an unquoted YAML scalar; lists, maps and quotes as in YAML. It
   stands in a source named `shown` that tells no text, because it may be a secret. */
struct value override_value(struct loading *l, const char *shown, const char *layer,
	const char *text);

/* --- merge.c */

struct value merge_layers(struct loading *l);

/* --- dotenv.c */

void env_read(struct loading *l);
const struct env_var *env_get(const struct loading *l, const char *name); /* NULL: unset */

/* --- variables.c */

void variables_read(struct loading *l);
/* Set by an argument or by the environment, not in a file. */
bool variable_is_outside(const struct source *source);
const struct variable *variable_find(const struct loading *l, const char *name);

/* --- scope.c */

enum scope_stage {
	SCOPE_DEFAULT, /* the default of a variable: the environment and files only */
	SCOPE_EARLY,   /* when, forEach: no resources */
	SCOPE_LATE,    /* everything else: references to resources stay in the text */
};

struct scope {
	struct loading *l;
	enum scope_stage stage;
	const char *what;               /* "when", "the default of a variable": for messages */
	const struct value *key, *value; /* of forEach; NULL outside */
};

/* Replaces what can be known without resources. -1: diagnostics. */
int scope_expand(struct scope *scope, const struct value *value, struct value *out);
/* The text of a file below the project root, read once; a string with the file as its source. NULL:
   *why says what is wrong. */
const struct value *scope_file(struct loading *l, const char *path, const char *layer,
	const char **why);

/* --- expand.c */

/* Fills manifest->resources and switched_off from a list of resources; `lowered` when it is not that of the
   manifest as written. */
void expand_resources(struct loading *l, const struct value *list, bool lowered);

/* --- meta.c */

/* type, name, when, forEach, dependsOn, lifecycle, timeout, retry, readiness, sync. */
bool meta_is_key(const char *key);
/* Fills the rest of the resource from these members of its map. */
void meta_read(struct scope *scope, const struct value *map, struct resource *resource);
/* spec.defaults: timeout and retry of all resources that say none. */
void meta_read_defaults(struct loading *l, struct resource *defaults);
/* type.name or type.name["key"] as it is compared everywhere; NULL with a diagnostic. */
const char *meta_address(struct loading *l, const struct value *value);

/* --- moved.c */

/* Fills manifest->moved: pairs of whole addresses, chains and instances spelled out. */
void moved_read(struct loading *l);

/* --- locked.c */

/* manifest->locked, from .devenv/lock.yml. */
void locked_read(struct loading *l);

/* --- switched_off.c */

/* Settles what refers to resources that are switched off: see manifest.h. */
void switched_off_settle(struct loading *l);

#endif
