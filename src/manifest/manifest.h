/*
 * From files to resources: layers -> merge -> variables -> lower -> when, forEach -> resources.
 * Everything here is pure but for reading files and the environment, which happens through
 * `struct manifest_input` so that tests (and another git revision) can stand in.
 * docs/manifest.md says what a manifest means.
 */
#ifndef DEVENV_MANIFEST_MANIFEST_H
#define DEVENV_MANIFEST_MANIFEST_H

#include "base/diag.h"
#include "base/error.h"
#include "base/source.h"
#include "model/graph.h"
#include "model/pins.h"
#include "model/resource.h"
#include "model/value.h"

#include <stdbool.h>

struct parsed;

/* One --var or --var-file. */
struct variable_input {
	const char *argument; /* name=value; NULL: a file */
	const char *file;
};

/* What the command line and the surroundings say. Arrays are NULL-terminated or NULL. */
struct manifest_input {
	const char *directory;           /* absolute: where discovery starts (-C, or the cwd) */
	const char *const *files;        /* -f, in order; they replace discovery */
	const char *environment;         /* -e NAME; NULL: none */
	const struct variable_input *variables; /* as given, the later wins; the last is empty */
	bool other_variables;            /* they are meant for another revision: what is not declared is
	                                    no mistake */
	const char *const *sets;         /* --set path=value */
	const char *user_config;         /* ~/.devenv/config.yml; NULL: none */
	const char *const *process_env;  /* environ */
	/* Reads a whole file into `arena` (NUL-terminated); ERROR_NOT_FOUND when there is none.
	   NULL: the file system. */
	int (*read)(void *arg, const char *path, struct arena *arena, const char **text,
		size_t *len, struct error *err);
	/* Names in a directory, NULL-terminated; only to say which environments there are. NULL:
	   the file system, or nothing when `read` is not. */
	int (*list)(void *arg, const char *path, struct arena *arena, const char *const **names,
		size_t *n, struct error *err);
	void *read_arg;
	struct parsed *parsed; /* of a loop that loads again and again; NULL: everything is parsed */
};

/* The file of a project in which `devenv scale` keeps replicas by service: {api: 3}. */
const char *scale_path(struct arena *arena, const char *root, const char *environment);

struct variable {
	const char *name;
	const struct value *value; /* NULL: unset */
	bool sensitive;
	struct pos pos;
};

struct output_spec {
	const char *name;
	const struct value *value; /* unresolved */
	bool sensitive;
	struct pos pos;
};

struct moved {
	const char *from, *to;
	struct pos pos;
};

/* What the manifest names but does not have now. References to it are diagnosed, or replaced by
   their default, and dependsOn on it dropped, before the manifest is handed out. */
struct switched_off {
	const char *address; /* type.name, or one instance of it */
	bool empty;          /* a forEach over nothing: ${type.name[*].x} is an empty list */
	struct pos pos;      /* of the when, or of the forEach */
};

struct manifest {
	struct arena *arena;
	struct sources sources;
	const char *root;         /* absolute: the folder that holds .devenv (or of the first -f) */
	const char *path;         /* of the first project file */
	const char *name;         /* metadata.name */
	const char *environment;  /* "" for none */
	/* The layers merged, before anything else; `config show`. The values of secrets and of
	   sensitive variables are marked. */
	const struct value *merged;
	const struct value *lowered; /* the same with resources only; `config show --lowered` */

	const struct value *settings; /* of the user's own configuration: a map; NULL: none */

	struct variable *variables;
	size_t n_variables;
	struct resource *resources; /* in the order of the manifest; addresses are unique */
	size_t n_resources;
	const struct output_spec *outputs;
	size_t n_outputs;
	const struct moved *moved;
	size_t n_moved;
	struct switched_off *switched_off;
	size_t n_switched_off;
	struct pins locked;       /* .devenv/lock.yml */
	struct {                  /* spec.hooks.plan, lists of words; NULL: none */
		const struct value *before, *after;
	} plan_hooks;
	/* Every file that was read or looked for, absolute; watch follows them. */
	const char *const *files;
	size_t n_files;
};

/*
 * -1 with `err` when there is no manifest at all; -1 with diagnostics when it has mistakes. In both
 * cases nothing may be planned. The manifest lives in `arena`.
 */
int manifest_load(const struct manifest_input *input, struct arena *arena,
	struct manifest *manifest, struct diags *diags, struct error *err);

/* The graph of its resources; references of outputs are checked with it. As graph_build. */
int manifest_graph(const struct manifest *manifest, struct graph *graph, struct arena *arena,
	struct diags *diags);

/* The same settings without a manifest: for what is done from state alone. NULL: there are none, or the
   file has mistakes. */
const struct value *settings_read(const struct manifest_input *input, struct arena *arena);

#endif
