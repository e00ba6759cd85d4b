/*
 * The provider of what needs nothing but this machine. One `struct local_type` a type; provider.c
 * finds it by name. What several types need stands below.
 */
#ifndef DEVENV_PROVIDERS_LOCAL_LOCAL_H
#define DEVENV_PROVIDERS_LOCAL_LOCAL_H

#include "base/process.h"
#include "provider/provider.h"

#include <sys/types.h>

/* The members mean what those of `struct provider` mean, for one item. NULL: nothing to do. */
struct local_type {
	const char *name;
	void (*validate)(const struct resource *resource, struct diags *diags);
	void (*claims)(const struct value *inputs, const char *project_root,
		void (*claim)(void *arg, const char *what), void *arg);
	/* One item of the batch; it comes as PRESENCE_ABSENT; -1: it cannot be seen. */
	int (*observe)(struct provider_env *env, const struct observe_request *batch,
		struct observation *item, struct error *err);
	int (*apply)(struct provider_env *env, const struct request *request,
		struct outcome *outcome, struct error *err);
	int (*destroy)(struct provider_env *env, struct record *record, struct error *err);
	int (*import)(struct provider_env *env, const char *id, struct observation *out,
		struct error *err);
};

extern const struct local_type local_value, local_file, local_directory, local_command,
	local_process;

/* --- inputs (inputs.c) ------------------------------------------------------------------------ */

/* -1 with ERROR_CANCELLED or ERROR_TIMEOUT when it is time to stop. */
int local_check(const struct provider_env *env, struct error *err);
/* The resolved inputs of an intent; NULL when they cannot be read. */
const struct value *local_intent_inputs(struct provider_env *env, const struct intent *intent);
/* Known text of an attribute, references resolved; NULL: absent or not known yet. */
const char *local_text(const struct value *inputs, const char *name);
/* A list of strings as an argument vector; NULL when absent, empty or not known yet. */
const char *const *local_argv(struct arena *arena, const struct value *inputs, const char *name);
/* The attribute `path` as it is written; of something imported: as a manifest would write it. */
const char *local_path_attribute(const struct provider_env *env, const char *path,
	const struct value *inputs);
/* "0644" -> 0644; `fallback` when the attribute is absent. */
mode_t local_mode(const struct value *inputs, mode_t fallback);
/* Our own environment, then the files of `envFile`, then the attribute `environment`. With `gone_ok`
   they are left out when one is not there any more. */
int local_environment(struct process_env *out, struct provider_env *env, const struct value *inputs,
	bool gone_ok, struct error *err);
/* The attribute `directory` made absolute; the project root when absent. */
const char *local_directory_of(const struct provider_env *env, const struct value *inputs);
struct value local_hash_value(struct arena *arena, const struct hash *hash);

/* Claims "path:/absolute" for the attribute `path`. */
void local_claim_path(const struct value *inputs, const char *project_root,
	void (*claim)(void *arg, const char *what), void *arg);

/* Checks that inputs of the manifest share; templates pass. */
void local_check_place(const struct resource *resource, struct diags *diags); /* `path` and `mode` */
void local_check_argv(const struct resource *resource, const char *name, struct diags *diags);

/* --- directories that we made (owned.c) ------------------------------------------------------- */

/*
 * A directory cannot carry a mark, so a note below work_dir says who made it. The note is on disk
 * before the directory is, so a death in between loses nothing. Paths below the project root are
 * noted relative to it, so a checkout may move.
 */
enum owned_kind {
	OWNED_NONE,
	OWNED_PARENT,   /* made on the way to a file: removed with the last thing in it */
	OWNED_RESOURCE, /* a local_directory */
};

/* Makes the missing directories above `path`. */
int owned_make_parents(struct provider_env *env, const char *path, struct error *err);
/* Removes the directories above `path` that we made, as long as they are empty. */
int owned_remove_parents(struct provider_env *env, const char *path, struct error *err);
/* True when the nearest directory above `path` is one of ours and empty: `path` was to be there. */
bool owned_parent_is_empty(struct provider_env *env, const char *path);
/* Makes the directory `path` that is a resource, and what is missing above it. */
int owned_make(struct provider_env *env, const char *path, mode_t mode, struct error *err);
enum owned_kind owned_kind(struct provider_env *env, const char *path);
int owned_forget(struct provider_env *env, const char *path, struct error *err);

#endif
