/*
 * What a resource type is: data, generated at build time from schemas/types/NAME.json (the same file
 * that an editor uses), so that there is one source. docs/schema-format.md has the x- keys.
 */
#ifndef DEVENV_MODEL_TYPE_H
#define DEVENV_MODEL_TYPE_H

#include "model/schema.h"

#include <stdbool.h>
#include <stddef.h>

/* What happens to an output when its resource is updated in place (SEMANTICS: cut-off). */
enum output_stability {
	OUTPUT_STABLE,   /* keeps its value as long as the resource lives */
	OUTPUT_DERIVED,  /* always equals the attribute `from`, so it is known while planning */
	OUTPUT_CHANGES,  /* may change when one of the attributes `with` changes */
	OUTPUT_VOLATILE, /* may change with any update */
};

struct output {
	const char *name;
	enum output_stability stability;
	const char *from;         /* OUTPUT_DERIVED */
	const char *const *with;  /* OUTPUT_CHANGES; NULL-terminated */
	bool sensitive;           /* always; else it is when an input is */
	bool public;              /* never sensitive, even when an input is */
	const char *description;
};

enum type_flag {
	TYPE_EFFECTLESS = 1 << 0,  /* nothing outside state: no observe, applied on the scheduler thread */
	TYPE_PERSISTENT = 1 << 1,  /* holds data: deleting or replacing it loses data;
	                              deleted whole or not at all */
	TYPE_JOB = 1 << 2,         /* runs to completion */
	TYPE_NO_UPDATE = 1 << 3,   /* any change of an attribute replaces */
	TYPE_RUNS = 1 << 4,        /* can be started and stopped */
	TYPE_REMEMBER = 1 << 5,    /* sensitive inputs are kept (encrypted): destroy needs them */
	TYPE_OPEN_OUTPUTS = 1 << 6, /* has outputs that the schema does not name ("openOutputs") */
	TYPE_HOLDS = 1 << 7,       /* others live in it ("holds"): go with it, unknown while it sleeps */
	TYPE_DIGEST = 1 << 8,      /* its provider hashes what it names (a folder): provider.digest */
	TYPE_CONCEALS = 1 << 9,    /* its provider knows which inputs are secrets: provider.conceal */
	TYPE_HEALTH = 1 << 10,     /* has a health of its own, which is waited for unless `readiness` says
	                              otherwise */
	TYPE_SERVED = 1 << 11,     /* a server makes it, and goes on when who asked has died ("served") */
	TYPE_OPEN_KINDS = 1 << 12, /* what it may hold is known to where it goes, and others bring more of it */
	TYPE_MARKS_OUTPUTS = 1 << 13, /* its provider says which outputs are sensitive ("marksOutputs"), and a
	                                 sensitive input makes no other one so */
};

struct type {
	const char *name;             /* "local_file" */
	int version;                  /* of the record's shape; grows when it changes */
	unsigned flags;               /* enum type_flag */
	const struct schema *schema;  /* the attributes: schema->properties */
	const struct output *outputs; /* n_outputs of them, by name */
	size_t n_outputs;
	const char *const *identity;  /* attributes that name the real thing; NULL-terminated, maybe empty */
};

/* Every type this program knows, by name; generated. */
extern const struct type *const type_table[];
extern const size_t type_count;

const struct type *type_find(const char *name); /* NULL: unknown */
const struct output *type_output(const struct type *type, const char *name);
/* The schema of a top-level attribute; NULL when the type has none of that name. */
const struct schema *type_attribute(const struct type *type, const char *name);

#endif
