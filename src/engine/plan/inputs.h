/*
 * What is compared: resolved inputs with the digests of the files they name, their fingerprint, the
 * metadata of a record, and the attribute-by-attribute difference of two sets of inputs.
 */
#ifndef DEVENV_ENGINE_PLAN_INPUTS_H
#define DEVENV_ENGINE_PLAN_INPUTS_H

#include "engine/plan/plan.h"

/* Reads content for digests; tests stand in for it. */
struct digester {
	/* Digest of everything that the files behind `inputs` hold: adds members to `out` (attribute ->
	   hex). ERROR_NOT_FOUND names the path. */
	int (*file)(void *arg, const char *path, struct hash *out, struct error *err);
	/* What the lock file says that the inputs mean: added to `out` as INPUT_LOCKED. NULL: there is none. */
	int (*locked)(void *arg, const struct node *node, const struct value *inputs,
		struct value_builder *out, struct diags *diags);
	void *arg;
	const char *project_root;
	struct parsed *parsed;     /* of a loop; NULL: none */
	const struct graph *graph; /* of the nodes: one may make a file for another */
};

/*
 * Adds INPUT_DIGESTS to resolved inputs. A file that is not there is a diagnostic, unless the node
 * waits for others that may make it: then its digest is unknown.
 */
int inputs_complete(const struct digester *digester, const struct node *node, struct value *inputs,
	struct arena *arena, struct diags *diags);
void inputs_fingerprint(const struct value *inputs, const struct secret_key *key, struct hash *out);
/* `inputs` with the paths of lifecycle.ignoreChanges as they were recorded. */
struct value inputs_ignore(const struct value *inputs, const struct value *recorded,
	const char *const *paths, struct arena *arena);

/* "local_file:a/b": what the real thing is called by its type; NULL when it has no identity or it is not
   known yet. */
const char *inputs_identity(const struct type *type, const struct value *inputs,
	struct arena *arena);

/* Lifecycle, edges, timeout and readiness as canonical JSON; appended to `out`. */
void meta_write(const struct graph *graph, uint32_t node, struct strbuf *out);
struct record_edge *meta_edges(struct record *record, struct arena *arena, size_t *n);
bool meta_flag(struct record *record, const char *flag); /* "preventDestroy" ... */

/* A list of attribute changes under construction. */
struct attribute_list {
	struct arena *arena;
	const struct type *type;
	const struct secret_key *key;
	struct attribute_change *items;
	size_t n, cap;
};

/* Every difference between two maps of attributes, by path. NULL stands for nothing at all. */
void inputs_compare(struct attribute_list *list, const struct value *before,
	const struct value *after);
/* Attributes that moved away from what was observed after the last success. */
void inputs_drift(struct attribute_list *list, const struct value *recorded_observed,
	const struct value *observed, const struct value *desired);

#endif
